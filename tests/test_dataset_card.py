"""The card and the other documents of a trial set, and the trial set as the `datasets` library sees it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from huggingface_hub import DatasetCard
from jinja2 import UndefinedError

from dataset_card.build import TEMPLATES, build, build_card
from dataset_card.metadata import feature
from dataset_card.tasks import TASKS as OF_TASKS
from seedbench import evaluate
from seedbench.documents import to_json
from seedbench.errors import TrialSetError
from seedbench.tasks import TASKS
from seedbench.trialset import (
    BUNDLED,
    Reproduction,
    TableDrawnFrom,
    TrainedAgain,
    load_trials,
    read_manifest,
    validate_folder,
    write_trials,
)
from seedbench.trialset.files import is_document, picture_of, read_split
from seedbench.trialset.importing import ImportOptions, import_curves
from seedbench.trialset.publish import problems
from seedbench.trialset.schema import CONFIGS
from tests.hub.client import Client
from tests.synthetic import configs_of, split_like_training, split_of, write


def write_card(folder: Path) -> str:
    card = build_card(folder)
    (folder / "README.md").write_text(card)
    return card


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A process with `datasets`, its own caches and no network."""
    with Client("http://127.0.0.1:9", tmp_path_factory.mktemp("home"), offline=True) as client:
        yield client


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trial set with every config and all documents."""
    folder = tmp_path_factory.mktemp("documented") / "set"
    splits = [split_like_training(3, 3, seed=1), split_like_training(2, 3, task="mrpc", seed=2)]
    configs = configs_of(*splits)
    for split in splits:
        names = [row["trial_id"] for row in split.trials]
        steps = [{"trial_id": name, "step_train_loss": np.ones(15), "gradient_norm": np.ones(15)} for name in names]
        logits = [{"trial_id": name, "logits": np.zeros((5, 60, 2), np.float16)} for name in names]
        configs.setdefault("steps", {})[split.task] = steps
        configs.setdefault("logits", {})[split.task] = logits
    write_trials(folder, configs, name="seedbench/documented", version="1.2.3")
    for name, content in build(folder).items():
        (folder / name).write_bytes(content)
    return folder


# --- the card ---------------------------------------------------------------------------------------------------------


def test_the_card_is_a_card_and_names_every_config_split_and_feature(documented: Path) -> None:
    card = DatasetCard.load(documented / "README.md")
    found = yaml.safe_load(card.data.to_yaml())
    manifest = read_manifest(documented)
    configs = {entry["config_name"]: entry for entry in found["configs"]}
    assert list(configs) == list(CONFIGS)
    assert [name for name, entry in configs.items() if entry.get("default")] == ["trials"]
    for name, entry in configs.items():
        assert {split["split"]: split["path"] for split in entry["data_files"]} == manifest.shards(name)
        assert manifest.sha256 in entry["description"]
    for info in found["dataset_info"]:
        shards = manifest.shards(info["config_name"])
        columns = CONFIGS[info["config_name"]].columns
        assert [field["name"] for field in info["features"]] == [column.name for column in columns]
        sizes = [(documented / path).stat().st_size for paths in shards.values() for path in paths]
        assert info["download_size"] == sum(sizes)
        rows = {"mrpc": 6, "sst2": 9} if info["config_name"] != "examples" else {"mrpc": 110, "sst2": 110}
        assert {split["name"]: split["num_examples"] for split in info["splits"]} == rows
    assert (found["license"], found["language"], found["source_datasets"]) == ("cc-by-4.0", "en", ["nyu-mll/glue"])
    assert "tabular" in found["tags"] and found["size_categories"] == ["n<1K"] and found["pretty_name"]
    assert found["task_categories"] == ["text-classification"]
    assert found["task_ids"] == ["semantic-similarity-classification", "sentiment-classification"]


def test_features_by_hand() -> None:
    assert feature("int32") == {"dtype": "int32"}
    assert feature("list<int32>") == {"list": "int32"}
    assert feature("list<list<int8>>") == {"list": {"list": "int8"}}


def test_the_card_states_what_the_set_holds(trials_folder: Path) -> None:
    card = build_card(trials_folder)
    assert "{{ " not in card
    for table in load_trials(trials_folder).tables:
        row = next(line for line in card.splitlines() if f"| {table.task} | {table.recipe} |" in line)
        rows, columns = table.grid
        assert f"| {rows} × {columns} | {table.num_trials} |" in row
        assert f"{table.score.max(axis=1).mean():.3f}" in row
    for column in CONFIGS["trials"].columns:
        assert f"| `{column.name}` | `{column.type}` |" in card


def test_the_card_says_what_the_seeds_are_worth_and_where_trials_begin_to_differ(tmp_path: Path) -> None:
    """Ten examples, six of them positive. Both trials answer 1 at the first checkpoint; then 7 and 9 of 10 are right.

    Their mean best score, 0.8, lies 20 points above the majority's 0.6; they spread by sqrt(2) × 10 = 14.1 points.
    """
    label = np.array([1, 1, 1, 1, 1, 1, 0, 0, 0, 0], dtype=np.int8)
    constant = np.ones(10, dtype=np.int8)
    seven, nine = label.copy(), label.copy()
    seven[:3], nine[:1] = 0, 0
    predicted = [[[constant, seven], [constant, nine]], [[constant, nine]] * 2]
    split = split_of(predicted, label=label, missing=[(1, 0), (1, 1)])
    card = build_card(write(tmp_path / "set", split))
    assert "the mean best score lies 20.0 points above the majority class" in card
    assert "a standard deviation of 14.1 points over the seeds and a range of 20.0" in card
    assert (
        "the first checkpoint, of 2, is the same for all trials, in predictions: nothing can be decided there" in card
    )
    assert "the smallest has 10 examples, and one of them moves an accuracy by 10.00 points" in card
    assert "- mini, sst2, few: how they were run is not recorded." in card
    assert "`train_examples` | all |" in card and "`dropout` | not recorded |" in card
    assert "run for every pair of seeds on a grid" in card  # a row without any trial is no row of the grid
    missing = build_card(write(tmp_path / "missing", split_of(predicted, label=label, missing=[(1, 0)])))
    assert "run for the pairs of seeds on a grid, of which 1 is missing" in missing


def test_trials_that_never_differ_are_said_to(tmp_path: Path) -> None:
    label = np.array([1, 1, 1, 0], dtype=np.int8)
    card = build_card(write(tmp_path / "set", split_of([[[label, label], [label, label]]], label=label)))
    assert "the predictions of all trials are the same at every checkpoint" in card
    card = build_card(write(tmp_path / "curves", split_of([[[label, label]]], label=label), predictions=False))
    assert "the majority class" not in card and "the sizes of the dev sets are not recorded here" in card
    assert "standard deviation" not in card and "there is one trial, and nothing to choose" in card


def test_every_task_has_a_source_and_a_picture() -> None:
    assert OF_TASKS.keys() == TASKS.keys()
    assert all(is_document(picture_of(task)) for task in (*TASKS, "anything"))


# --- curves from elsewhere --------------------------------------------------------------------------------------------


@pytest.fixture
def curves(tmp_path: Path) -> Path:
    """What `seedbench trials import` makes of curves of two tasks that nobody knows: scores, and nothing else."""
    lines = ["model,task,recipe,weight_init_seed,data_order_seed,step,score"]
    for task in ("theirs", "ours1"):
        for seed in range(16):
            lines += [
                f"our-model,{task},mine,{seed % 4},{seed // 4},{10 * at},{0.5 + seed / 100 + at / 50}" for at in (1, 2)
            ]
    (tmp_path / "curves.csv").write_text("\n".join(lines))
    import_curves(tmp_path / "curves.csv", tmp_path / "set", ImportOptions(name="somebody/curves"))
    return tmp_path / "set"


def test_the_card_of_imported_curves_that_are_better_low_and_have_a_test_set(tmp_path: Path) -> None:
    """Perplexities of one seed a run: 2 and 4 at best."""
    lines = ["seed,step,ppl,held", "1,10,9,9", "1,20,2,3", "2,10,8,8", "2,20,4,5"]
    (tmp_path / "curves.csv").write_text("\n".join(lines))
    options = ImportOptions(model="m", task="lm", recipe="r", score="ppl", test_score="held", minimize=True)
    import_curves(tmp_path / "curves.csv", tmp_path / "set", options)
    card = build_card(tmp_path / "set")
    assert "Scores are what those who recorded them call `ppl` for lm, lower is better." in card
    assert "| m | lm | r | 2 | 2 | not known | 2 | 3.000 | 2.000–4.000 | not known |" in card
    assert "| 2.000–4.000 | not known | 4.000 |" in card  # the test scores 3 and 5 of those two
    assert "|  | best |\n|---|---|\n| **1** | 2.000 |\n| **2** | 4.000 |" in card
    assert "Which examples the test scores of lm are of is not recorded here." in card
    assert "best scores have a standard deviation of 1.41 over the seeds and a range of 2.00" in card
    assert "What there is to win:\n" in card and "hundredths" not in card


def test_a_set_of_imported_curves_of_unknown_tasks_has_all_its_documents(curves: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "dataset_card.build", curves], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    documents = ["CITATION.cff", "README.md", "croissant.json", "curves-theirs.png", "curves-ours1.png"]
    assert sorted(path.name for path in curves.iterdir() if path.is_file()) == sorted([*documents, "manifest.json"])
    assert problems(curves, "somebody/curves", "1.0.0") == []
    assert validate_folder(curves) == []
    assert build(curves) == {name: (curves / name).read_bytes() for name in documents}


def test_the_card_of_imported_curves_says_what_is_not_known_and_claims_nothing(curves: Path) -> None:
    card = build_card(curves)
    assert "{%" not in card and "{{" not in card
    for said in (
        "32 fine-tuning trials on ours1 and theirs: curves from elsewhere",
        "Scores are what those who recorded them call `score` for ours1, higher is better; `score` for theirs, higher",
        "| `learning_rate` | not recorded | not recorded |",
        "| `train_examples` | not recorded | not recorded |",
        "our-model, theirs, mine: how they were run is not recorded.",
        "No trial diverged, as far as is recorded",
        "Under which licence these curves may be used is not known here",
        "| `theirs` | not known here |",
        "our-model (licence not known here)",
        'protocol="dodge2020"',
    ):
        assert said in card, said
    for claimed in ("GLUE", "CC BY", "classifier's weights", "paper's code", "predictions", "The dev sets are small"):
        assert claimed not in card.partition("## Fields")[0] + card.partition("## Limits")[2], claimed
    front = yaml.safe_load(DatasetCard(card).data.to_yaml())
    assert front["license"] == "unknown"
    assert not front.keys() & {"language", "task_categories", "task_ids", "source_datasets"}


def test_the_documents_of_imported_curves_claim_no_licence(curves: Path) -> None:
    documents = {name: content.decode() for name, content in build(curves).items() if not name.endswith(".png")}
    citation = yaml.safe_load(documents["CITATION.cff"])
    assert "license" not in citation and citation["authors"] == [{"name": "somebody"}]
    assert not json.loads(documents["croissant.json"]).keys() & {"license", "inLanguage"}


def test_the_code_in_the_card_of_imported_curves_runs(curves: Path) -> None:
    card = build_card(curves).split("import seedbench\n", 1)[1].split("```")[0]
    exec(f"import seedbench\n{card}".replace("somebody/curves", str(curves)).replace(', revision="v1.0.0"', ""), {})


def test_the_documents_of_a_folder_name_no_place_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A set that has no name there, as `trials import` makes it; the code of its card runs in its folder."""
    lines = [
        f"m,mine,r,{seed % 4},{seed // 4},{at},{0.5 + seed / 100 + at / 50}" for seed in range(16) for at in (1, 2)
    ]
    (tmp_path / "c.csv").write_text(
        "\n".join(["model,task,recipe,weight_init_seed,data_order_seed,step,score", *lines])
    )
    import_curves(tmp_path / "c.csv", tmp_path / "set", ImportOptions())
    documents = {name: content.decode() for name, content in build(tmp_path / "set").items() if name[-4:] != ".png"}
    for name, text in documents.items():
        assert not re.search(r"huggingface\.co/datasets|hf://|CHANGELOG|revision=", text), name
    assert yaml.safe_load(documents["CITATION.cff"])["authors"] == [{"name": "those who recorded them"}]
    monkeypatch.chdir(tmp_path / "set")
    with_pandas, with_seedbench = re.findall(r"```python\n(.*?)```", documents["README.md"], re.DOTALL)[1:3]
    exec(with_pandas, {})
    exec(with_seedbench, {})


def test_the_card_calls_seeds_as_their_user_does(tmp_path: Path) -> None:
    lines = ["wi,step,acc", "init-a,1,0.5", "init-b,1,0.6"]
    (tmp_path / "c.csv").write_text("\n".join(lines))
    seeds = {"weight_init_seed": "wi", "data_order_seed": "wi"}
    import_curves(
        tmp_path / "c.csv", tmp_path / "set", ImportOptions(model="m", task="t", recipe="r", score="acc", **seeds)
    )
    assert "| **init-a** | 0.500 |\n| **init-b** | 0.600 |" in build_card(tmp_path / "set")


@pytest.mark.parametrize("template", ["template.md", "citation.bib", "citation.cff"])
def test_a_name_without_a_value_is_an_error(template: str) -> None:
    with pytest.raises(UndefinedError, match="is undefined"):
        TEMPLATES.get_template(template).render(version="1.0.0")


# --- what was trained again, and strategies ---------------------------------------------------------------------------


def trained_again(folder: Path, changed: list[int], score: list[float]) -> None:
    """Writes what runners.reproduce would of a folder's first trial; its own file is tested in tests/runners."""
    (table, *_) = load_trials(folder).tables
    by = {"engine": "reference", "device": "a core"}
    trial = TrainedAgain(
        model=table.model,
        task=table.task,
        recipe=table.recipe,
        trial_id=table.trial_id[0],
        weight_init_seed=0,
        data_order_seed=0,
        equal=not any(changed),
        recorded_status="finished",
        status="finished",
        recorded_score=table.score[0].tolist(),
        score=score,
        predictions_changed=changed,
        validation_loss=None,
        train_loss=None,
        step_train_loss=None,
        recorded_by=by | {"engine": "stacked"},
        by=by,
    )
    drawn_from = TableDrawnFrom(table.model, table.task, table.recipe, trials=9, best_score_sd=0.025)
    draw = Reproduction("set", "1.0.0", [drawn_from], seed=7, engine="reference", trials=[trial])
    (folder / "reproduced.json").write_text(to_json([draw]))


def test_the_card_says_what_became_of_trials_that_were_trained_again(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", split_like_training(3, 3, seed=1))
    assert "None has been trained again to be compared yet." in build_card(folder)
    recorded = load_trials(folder).tables[0].score[0]
    trained_again(folder, [0] * len(recorded), recorded.tolist())
    how = "One trial of sst2 few, drawn from 9 (seed 7), by the reference engine on a core, recorded by the stacked"
    card = build_card(folder)
    assert f"- {how} engine on a core: 1 of 1 equal in every prediction, score and loss recorded.\n" in card
    other = (recorded - 0.01).tolist()
    trained_again(folder, [0, 3, *[1] * (len(recorded) - 2)], other)
    card = build_card(folder)
    assert (
        f"the same at 1 of {len(recorded)} checkpoints, at the others all but 3 at most; best scores are off by" in card
    )
    assert "off by 1.0 points at most, where seeds differ by 2.5 (sd)." in card
    twice = json.loads((folder / "reproduced.json").read_text())
    ((trial,),) = (draw["trials"] for draw in twice)
    twice[0]["trials"].append({**trial, "equal": True, "recorded_by": trial["by"] | {"torch_version": "1"}})
    (folder / "reproduced.json").write_text(json.dumps(twice))
    said = "1 of 2 equal in every prediction, score and loss recorded (of those recorded by the same engine on"
    assert f"{said} the same device: 1 of 1); every dev example" in build_card(folder)
    write(folder, split_like_training(3, 3, seed=1), replace=True)  # stays, as does what it is about
    assert "off by 1.0 points at most" in build_card(folder)
    write(folder, split_like_training(3, 3, seed=2), replace=True)
    with pytest.raises(TrialSetError, match="is not recorded so here; make reproduced.json anew"):
        build_card(folder)
    (folder / "reproduced.json").write_text("[1]")
    with pytest.raises(TrialSetError, match="not what runners.reproduce writes"):
        build_card(folder)


def test_the_card_shows_the_figure_of_its_own_trials_only(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", split_like_training(3, 3, seed=1))
    assert "gap-closed.svg" not in build_card(folder)
    (folder / "gap-closed.svg").write_text(f"<svg><text>set 1.0.0, {load_trials(folder).sha256[:12]}</text></svg>")
    assert "](gap-closed.svg)" in build_card(folder) and validate_folder(folder) == []
    (folder / "gap-closed.svg").write_text("<svg><text>set 1.0.0, 0123456789ab</text></svg>")
    with pytest.raises(TrialSetError, match="gap-closed.svg: made from another version of the trials; make it again"):
        build_card(folder)


def test_the_card_has_the_strategies_of_an_evaluation_of_its_own_trials(tmp_path: Path) -> None:
    """The numbers are those of the evaluation; the difference is turned round: how much more than the first one."""
    folder = write(tmp_path / "set", split_like_training(5, 5, seed=2, checkpoints=3, examples=20, test_examples=200))
    found = evaluate("full_trials", folder, against=["last_checkpoint"], replicates=20)
    (folder / "evaluation.json").write_text(found.to_json())
    card = build_card(folder)
    (header,) = (line for line in card.splitlines() if line.startswith("| gap closed"))
    assert header == "| gap closed | 2 | 4 | all budgets | compute | more than full_trials |"
    (line,) = (line for line in card.splitlines() if line.startswith("| `last_checkpoint`"))
    (other,) = found.against
    shares = [f"{100 * at.gap_closed:.0f}%" for at in other.summary.budgets]
    assert [cell.strip() for cell in line.strip("|").split("|")][1:3] == shares
    less = other.differences and other.summary_difference.gap_closed
    assert line.split("|")[-2].split()[0] == f"{-round(100 * less) + 0:+d}"
    assert validate_folder(folder) == []
    (folder / "evaluation.json").write_text(found.to_json().replace(load_trials(folder).sha256, "0" * 64))
    with pytest.raises(TrialSetError, match="evaluation.json: made from another version of the trials; .* --json"):
        build_card(folder)
    (folder / "evaluation.json").write_text("[]")
    with pytest.raises(TrialSetError, match="evaluation.json: Expected .*; not what seedbench evaluate writes"):
        build_card(folder)


def test_the_best_scores_stand_in_the_card_by_row_and_column(tmp_path: Path) -> None:
    """Four examples; the trials of row 1 have 4 and 3 right at best, of row 0 one has 2 and the other is missing."""
    label = np.array([1, 1, 1, 0], dtype=np.int8)
    four, three, two = label, np.array([1, 1, 0, 0], np.int8), np.array([1, 0, 0, 0], np.int8)
    card = build_card(
        write(tmp_path / "set", split_of([[[two], [two]], [[four], [three]]], label=label, missing=[(0, 1)]))
    )
    assert "|  | 0 | 1 |\n|---|---|---|\n| **0** | 0.500 |  |\n| **1** | 1.000 | 0.750 |\n\n</details>" in card


# --- the other documents ----------------------------------------------------------------------------------------------


def test_the_documents_belong_to_a_valid_folder_and_come_out_the_same_again(documented: Path) -> None:
    names = {"README.md", "CITATION.cff", "croissant.json", "curves-mrpc.png", "curves-sst2.png"}
    assert {path.name for path in documented.iterdir() if path.is_file()} == {*names, "manifest.json"}
    assert validate_folder(documented) == []
    again = build(documented)
    assert {name: (documented / name).read_bytes() for name in names} == again


def test_the_pictures_are_pictures_that_the_card_shows(documented: Path) -> None:
    card = (documented / "README.md").read_text()
    for task in ("mrpc", "sst2"):
        content = (documented / f"curves-{task}.png").read_bytes()
        assert content.startswith(b"\x89PNG\r\n") and len(content) > 10_000
        assert f"](curves-{task}.png)" in card


def test_the_citation_names_version_checksum_and_paper(documented: Path) -> None:
    found = yaml.safe_load((documented / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= found.keys()  # what the format asks for
    assert (found["type"], found["version"], found["license"]) == ("dataset", "1.2.3", "CC-BY-4.0")
    assert found["identifiers"][0]["value"] == f"sha256:{read_manifest(documented).sha256}"
    assert found["references"][0]["authors"][0] == {"family-names": "Dodge", "given-names": "Jesse"}


def test_the_croissant_file_is_valid_and_reads_every_record(documented: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    manifest = read_manifest(documented)
    here = {path: str(documented / path) for path in manifest.files}
    dataset = mlcroissant.Dataset(jsonld=str(documented / "croissant.json"), mapping=here)  # raises where not valid
    assert not dataset.metadata.ctx.issues.errors
    assert {file.id: file.sha256 for file in dataset.metadata.distribution} == {
        **manifest.files,
        "manifest.json": manifest.sha256,
    }
    prefix = "https://huggingface.co/datasets/seedbench/documented/resolve/v1.2.3/"
    assert all(file.content_url == prefix + file.id for file in dataset.metadata.distribution)
    splits = {f"{config}/{task}": (config, task) for config in CONFIGS for task in manifest.shards(config)}
    assert {records.id for records in dataset.metadata.record_sets} == splits.keys()
    for name, (config, task) in splits.items():
        found = list(dataset.records(name))
        table = read_split(documented, manifest, config, manifest.shards(config)[task])
        assert len(found) == table.num_rows
        first, row = found[0], table.slice(0, 1).to_pylist()[0]
        assert [key.removeprefix(f"{name}/") for key in first] == table.column_names
        if config == "trials":
            assert first[f"{name}/score"] == row["score"] and first[f"{name}/trial_id"].decode() == row["trial_id"]
        if config == "predictions":
            assert first[f"{name}/predicted_label"] == row["predicted_label"]


# --- `datasets` -------------------------------------------------------------------------------------------------------


def test_datasets_infers_exactly_the_documented_features_and_finds_every_value(
    documented: Path, client: Client
) -> None:
    manifest = read_manifest(documented)
    found = client.run(
        """
        from datasets import Features, load_dataset
        import yaml

        result = {}
        infos = yaml.safe_load(open(f"{folder}/README.md").read().split("---")[1])["dataset_info"]
        for info in infos:
            config = info["config_name"]
            by_card = load_dataset(folder, config)
            inferred = load_dataset("parquet", data_files={"sst2": f"{folder}/{config}/sst2-*.parquet"})
            result[config] = {
                "splits": {split: rows.num_rows for split, rows in by_card.items()},
                "documented": by_card["sst2"].features == Features._from_yaml_list(info["features"]),
                "inferred": inferred["sst2"].features == by_card["sst2"].features,
                "rows": by_card["sst2"].select(range(2)).to_list(),
            }
        """,
        folder=str(documented),
    )
    for config, of_config in found.items():
        assert of_config["documented"] and of_config["inferred"], config
        table = read_split(documented, manifest, config, manifest.shards(config)["sst2"])
        assert of_config["splits"]["sst2"] == table.num_rows
        assert of_config["rows"] == json.loads(json.dumps(table.slice(0, 2).to_pylist()))
    assert found.keys() == CONFIGS.keys()


def test_a_changed_folder_of_the_same_name_is_not_answered_from_the_cache(tmp_path: Path, client: Client) -> None:
    folder = tmp_path / "set"

    def scores(seed: int) -> list[list[float]]:
        shutil.rmtree(folder, ignore_errors=True)
        write(folder, split_like_training(4, 4, seed=seed))
        write_card(folder)
        code = "from datasets import load_dataset\nresult = load_dataset(folder, split='sst2')['score'][:]"
        return client.run(code, folder=str(folder))

    first, second = scores(1), scores(2)
    assert first != second
    assert second == load_trials(folder).tables[0].score.tolist()


def test_the_bundled_trial_set_has_its_documents_and_could_be_published() -> None:
    """Where this fails, the trials have changed: python -m dataset_card.build seedbench/bundled."""
    manifest = read_manifest(BUNDLED)
    assert problems(BUNDLED, manifest.name, manifest.version) == []
    assert (BUNDLED / "README.md").read_text(encoding="utf-8") == build_card(BUNDLED)
    for name in ("CITATION.cff", "croissant.json"):
        assert manifest.sha256 in (BUNDLED / name).read_text(encoding="utf-8")


def test_a_folder_that_is_no_trial_set_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dataset_card.build", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "manifest.json" in done.stderr
    assert not (tmp_path / "README.md").exists()


def test_the_card_says_where_the_test_set_is_from_and_who_has_none(tmp_path: Path) -> None:
    tested = split_like_training(3, 3, seed=1, recipe="tested", test_examples=40)
    folder = write(tmp_path / "set", tested, split_like_training(3, 3, seed=2, recipe="old", test_examples=0))
    card = build_card(folder)
    assert "| `sst2` | 40 | 0.0 % | 0.0 % |" in card and "SST-2's training file has the phrases" in card
    assert "cannot" not in card and "These tables have no test set, since their trials could train on all" in card
    assert "sst2 old. They serve `seedbench findings`" in " ".join(card.split())
    assert "### The test set" not in build_card(write(tmp_path / "none", split_like_training(3, 3, test_examples=0)))
