"""Tables, in Markdown, of what `tests.simulations.coverage` has put into folders: `python -m tests.simulations.report`.

cover: how often a 95% interval holds the truth, in the mean over kinds of world and budgets ± its Monte-Carlo error,
and the lowest of them ± its own. The truth of a rule is its mean over all worlds, 0 for differences of equals. width:
mean half-width over 1.96 standard deviations of the estimate, what an oracle would give. found: the smallest true
difference that is marked four times in five. Scores are in points.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import numpy as np
from scipy.special import stdtr, stdtrit

from seedbench.influences import adjust
from tests.simulations.coverage import PAIRS
from tests.simulations.max_t import max_t
from tests.simulations.rules import NULL, RULES
from tests.simulations.worlds import KINDS

SLACK = 1e-9  # 0 ± 0 holds 0, whatever its last bits
DRAWS = 4000


def load(folder: Path) -> dict[str, np.ndarray]:
    """All blocks -> arrays [families, ...]."""
    blocks = []
    for path in sorted(folder.glob("[0-9]*[0-9].npz")):
        with np.load(path) as block:
            blocks.append(dict(block))
    found = {key: np.concatenate([one[key] for one in blocks]) for key in blocks[0] if key != "settings"}
    return found | {"settings": blocks[0]["settings"]}


def half_widths(numbers: np.ndarray) -> np.ndarray:
    """[..., 3] -> t(.975) · se [...]."""
    return stdtrit(numbers[..., 2], 0.975) * numbers[..., 1]


def line(name: str, numbers: np.ndarray, truth: np.ndarray, budgets: list[int]) -> str:
    """`numbers` [families, kinds, budgets, 3] of one quantity, truth [kinds, budgets] -> a row of a table."""
    error, half = numbers[..., 0] - truth, half_widths(numbers)
    inside = np.where(np.isfinite(half), np.abs(error) <= half + SLACK, np.nan)
    by_family = np.nanmean(inside, axis=(1, 2))
    each, count = np.nanmean(inside, axis=0), np.isfinite(inside).sum(axis=0)
    kind, budget = np.unravel_index(np.nanargmin(np.where(count >= 30, each, np.nan)), each.shape)
    low = each[kind, budget]
    oracle = 1.96 * np.sqrt(np.nanmean(error**2, axis=0)).mean()
    found = np.nanmean(np.nanquantile(half - error, 0.8, axis=0))
    where = KINDS[kind] + (f", {budgets[budget]}" if budgets else "")
    width = f"{np.nanmean(half) / oracle:.2f}" if oracle > 1e-6 else "–"
    return (
        f"| {name} | {np.nanmean(each):.3f} ± {np.nanstd(by_family) / np.sqrt(len(by_family)):.3f} "
        f"| {low:.3f} ± {np.sqrt(low * (1 - low) / count[kind, budget]):.3f} ({where}) "
        f"| {width} | {np.nanmean(half):.2f} | {found:.2f} |"
    )


def summary_line(name: str, numbers: np.ndarray, truth: float) -> str:
    """`numbers` [families, 3] of one quantity of several tables -> a row of a table."""
    error, half = numbers[:, 0] - truth, half_widths(numbers)
    inside, oracle = np.abs(error) <= half + SLACK, 1.96 * np.sqrt((error**2).mean())
    width = f"{half.mean() / oracle:.2f}" if oracle > 1e-6 else "–"
    cover = inside.mean()
    return (
        f"| {name} | {cover:.3f} ± {np.sqrt(cover * (1 - cover) / inside.size):.3f} | {width} | {half.mean():.3f} "
        f"| {np.quantile(half - error, 0.8):.3f} | {numbers[:, 2].mean():.0f} |"
    )


def marks(numbers: np.ndarray, covariance: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Boards [n, rules, 3], [n, rules, rules] -> bool [n, rules], what max-t and Holm mark, and each pair alone."""
    error = np.maximum(numbers[..., 1], 1e-300)
    p = 2 * stdtr(numbers[..., 2], -np.abs(numbers[..., 0]) / error)
    p[np.abs(numbers[..., 0]) < SLACK] = 1.0
    pairs = list(zip(p, covariance, strict=True))
    return {
        "max-t": np.array([max_t(one, joint, rng=rng, draws=DRAWS) <= 0.05 for one, joint in pairs]),
        "Holm": np.array([adjust(one) <= 0.05 for one in p]),
        "single": p <= 0.05,
    }


def rate(hits: np.ndarray) -> str:
    """bool [n] -> share ± its binomial error."""
    share = hits.mean()
    return f"{share:.3f} ± {np.sqrt(share * (1 - share) / hits.size):.3f}"


def board_table(title: str, boards: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]) -> list[str]:
    """Name -> (board around its truth, board as it is, covariance): errors and power."""
    rng = np.random.default_rng(0)
    lines = [
        f"\n**{title}**",
        "",
        "| board | method | around the truth: any mark | kind with most | any false mark | true differences marked |",
    ]
    lines.append("|---|---|---|---|---|---|")
    for name, (centred, raw, covariance) in boards.items():
        false, found = marks(centred, covariance, rng), marks(raw, covariance, rng)
        truth = np.round(raw[..., 0] - centred[..., 0], 12)
        for method in ("max-t", "Holm", "single"):
            any_false = false[method].any(axis=1)
            by_kind = any_false.reshape(-1, len(KINDS)).mean(axis=0) if name.startswith("table") else None
            worst = f"{by_kind.max():.3f} ({KINDS[int(by_kind.argmax())]})" if by_kind is not None else "–"
            wrong = found[method] & ((np.sign(raw[..., 0]) * np.sign(truth)) <= 0)
            real = [rule for rule in range(len(RULES)) if rule not in NULL]
            share = f"{found[method][:, real].mean():.3f}"
            columns = [name, method, rate(any_false), worst, rate(wrong.any(axis=1)), share]
            lines.append("| " + " | ".join(columns) + " |")
    return lines


def report(folder: Path) -> list[str]:
    data = load(folder)
    settings = ast.literal_eval(str(data["settings"]))
    budgets = settings["budgets"]
    families = len(data["T"])
    lines = [
        f"\n### {settings['rows']} × {settings['columns']}, P = {settings['replicates']}, {families} worlds a kind",
        f"\n{ {key: value for key, value in settings.items() if key not in ('rows', 'columns', 'replicates')} }",
        "\nTables with signal: "
        + ", ".join(f"{kind} {share:.2f}" for kind, share in zip(KINDS, data["signal"].mean(axis=0), strict=True)),
        "\n| quantity | cover | lowest (kind, budget) | width | half | found |",
        "|---|---|---|---|---|---|",
    ]
    signal = data["signal"].astype(bool)
    won = data["gap"] * np.where(signal, data["to win"][..., 0], np.nan)[..., None, None, None]
    points = np.nansum(np.where(signal, data["to win"][..., 0], 0), axis=0)
    for group, label, names in (
        ("T", "T", RULES),
        ("over", "T − R", RULES),
        ("pairs", "T − T", [f"{RULES[a]} − {RULES[b]}" for a, b in PAIRS]),
        ("gap", "gap", RULES),
    ):
        for rule, name in enumerate(names):
            numbers = data[group][..., rule, :]
            truth = numbers[..., 0].mean(axis=0)
            if group == "over" and rule in NULL:
                truth = np.zeros_like(truth)
            if group == "gap":
                numbers = np.where(signal[..., None, None], numbers, np.nan)
                truth = np.nansum(won[..., rule, 0], axis=0) / np.maximum(points, 1e-12)[:, None]
            lines.append(line(f"{label} {name}", numbers[:, :, :-1], truth[:, :-1], budgets))
            if group in ("over", "gap") and rule in (1, 4, 9, 12):
                lines.append(line(f"{label} {name}, mean over budgets", numbers[:, :, -1:], truth[:, -1:], []))
    over, truth = data["over"], data["over"][..., 0].mean(axis=0)
    truth[..., list(NULL)] = 0
    centred = over.copy()
    centred[..., 0] -= truth
    size = len(RULES)

    def flat(array: np.ndarray, at: int) -> np.ndarray:
        return array[:, :, at].reshape(-1, size, array.shape[-1])

    boards = {}
    places = [*((f"table, budget {b}", place) for place, b in enumerate(budgets)), ("table, mean", -1)]
    for title, at in places:
        boards[title] = (flat(centred, at), flat(over, at), flat(data["over covariance"], at))
    lines += board_table("The board of fifteen rules against best-of-n, around the truth", boards)
    if "equal" in data:
        for title, at in places:
            boards[title] = (flat(data["equal"], at), flat(data["equal"], at), flat(data["equal covariance"], at))
        lines += board_table("A board of fifteen rules that are all best-of-n", boards)
    summaries = {}
    for label, words in (("shared", "one table of each kind on the same seeds"), ("apart", "each on its own seeds")):
        lines += [f"\n**Together: {words}, mean over budgets**", "", "| quantity | cover | width | half | found | df |"]
        lines.append("|---|---|---|---|---|---|")
        over = data[f"{label} over"]
        truth = over[..., 0].mean(axis=0)
        truth[list(NULL)] = 0
        for group, words in (("T", "T"), ("over", "T − R"), ("gap", "gap")):
            for rule in range(size):
                numbers = data[f"{label} {group}"][:, rule]
                target = truth[rule] if group == "over" else numbers[:, 0].mean()
                lines.append(summary_line(f"{words} {RULES[rule]}", numbers, float(target)))
        if label == "shared":
            for rule in (0, 4, 9, 12):
                one_by_one = data["T"][:, :, -1, rule]
                alone = np.stack(
                    [
                        one_by_one[..., 0].mean(axis=1),
                        np.sqrt((one_by_one[..., 1] ** 2).sum(axis=1)) / len(KINDS),
                        data["apart T"][:, rule, 2],
                    ],
                    axis=-1,
                )
                lines.append(
                    summary_line(f"T {RULES[rule]}, as if on their own seeds", alone, float(alone[:, 0].mean()))
                )
        centred = over.copy()
        centred[..., 0] -= truth
        summaries[f"summary, {label}"] = (centred, over, data[f"{label} over covariance"])
    lines += board_table("Boards of summaries", summaries)
    return lines


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print("\n".join(report(Path(argument))))
