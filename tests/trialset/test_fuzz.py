"""Trial sets damaged in every way: each ends as our own one-line error or as a correct load.

Never a traceback, never a hang, and never a score that is silently another one: a file that was changed is told by its
checksum; one that was changed together with its checksum loads only as what stands in it, and where the validator finds
no problem, every score is the one that the predictions give. SEEDBENCH_SLOW=1 runs all inputs.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import tempfile
from collections import UserDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataset_card.build import build_card
from seedbench import TrialSetError, load_trials
from seedbench.replay import prepare
from seedbench.trialset import TrialSet, validate_folder
from seedbench.trialset.publish import problems
from tests.synthetic import split_like_training, write

INPUTS = 500 if os.environ.get("SEEDBENCH_SLOW") == "1" else 40  # for each kind of damage
SECONDS, KILOBYTES = 10, 2**21  # no input takes a tenth of a second

fuzzed = settings(
    max_examples=INPUTS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


class Files(UserDict[str, bytes]):
    """Path -> content; a failing example is printed without them."""

    def __repr__(self) -> str:
        return f"<{len(self)} files>"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A small trial set with its card: two tables of a task, one of another."""
    folder = write(
        tmp_path_factory.mktemp("whole") / "set",
        split_like_training(3, 3, examples=12, checkpoints=3),
        split_like_training(2, 2, examples=12, checkpoints=2, recipe="other"),
        split_like_training(2, 2, examples=12, checkpoints=3, task="mrpc"),
        name="owner/name",
    )
    (folder / "README.md").write_text(build_card(folder))
    paths = (path for path in folder.rglob("*") if path.is_file())
    return Files({path.relative_to(folder).as_posix(): path.read_bytes() for path in paths})


@contextmanager
def written(files: Files, parent: Path) -> Iterator[Path]:
    """The files in a folder, as long as the block lasts."""
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        for path, content in files.items():
            (Path(folder) / path).parent.mkdir(exist_ok=True)
            (Path(folder) / path).write_bytes(content)
        yield Path(folder)


def signed(files: Files) -> Files:
    """The same with a manifest over what now stands in it: damage that no checksum tells."""
    manifest = json.loads(files["manifest.json"])
    for path in manifest["files"]:
        manifest["files"][path] = {"sha256": hashlib.sha256(files[path]).hexdigest()}
    return files | {"manifest.json": json.dumps(manifest).encode()}


def outcome(files: Files, parent: Path) -> tuple[TrialSet | None, list[str]]:
    """What loading and validating say; the trial set that was loaded, or None, and the problems that were found."""

    def hangs(*_: object) -> None:
        raise AssertionError("hangs")

    before = signal.signal(signal.SIGPROF, hangs)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of processor time: other work on the machine must fail no test
    try:
        with written(files, parent) as folder:
            found = validate_folder(folder)
            try:
                loaded = load_trials(folder, predictions=True)
            except TrialSetError as error:
                assert found, "loading refuses what the validator lets pass"
                loaded, found = None, [*found, str(error)]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    assert all("\n" not in line and len(line) < 1000 for line in found), found
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < KILOBYTES
    return loaded, found


def score_by_counting(task: str, predicted: np.ndarray, label: np.ndarray) -> float:
    """Accuracy, or its mean with F1 for MRPC: one checkpoint's predictions, one by one."""
    pairs = list(zip(predicted.tolist(), label.tolist(), strict=True))
    accuracy = sum(p == t for p, t in pairs) / len(pairs)
    if task == "sst2":
        return accuracy
    hits = sum(p == t == 1 for p, t in pairs)
    misses = sum(p != t for p, t in pairs)
    return (accuracy + (2 * hits / (2 * hits + misses) if 2 * hits + misses else 0)) / 2


def require_right(loaded: TrialSet, found: list[str]) -> None:
    """What loaded can be replayed; where the validator is content, its scores follow from its predictions."""
    for table in loaded.tables:
        assert np.isfinite(table.score).all() and (np.abs(table.score) <= 1).all()
        if table.predicted_label is not None and table.label is not None and min(np.bincount(table.label)) > 1:
            assert np.isfinite(prepare(table, seed=0, replicates=range(2)).test_score).all()
        if found or table.predicted_label is None or table.label is None:
            continue
        for trial, checkpoint in np.ndindex(table.score.shape):
            right = score_by_counting(table.task, table.predicted_label[trial, checkpoint], table.label)
            assert table.score[trial, checkpoint] == pytest.approx(right, abs=1e-6)


def same(loaded: TrialSet, original: TrialSet) -> bool:
    return [table.name for table in loaded.tables] == [table.name for table in original.tables] and all(
        np.array_equal(getattr(mine, name), getattr(other, name))
        for mine, other in zip(loaded.tables, original.tables, strict=True)
        for name in ("score", "predicted_label", "cell", "step", "label")
    )


@pytest.fixture(scope="module")
def original(whole: Files, tmp_path_factory: pytest.TempPathFactory) -> TrialSet:
    loaded, found = outcome(whole, tmp_path_factory.mktemp("original"))
    assert loaded is not None and found == []
    return loaded


# --- bytes ------------------------------------------------------------------------------------------------------------


@st.composite
def damaged_bytes(draw: Callable[..., Any], content: bytes) -> bytes:
    """Bytes flipped, cut off, cut out, repeated, put in."""
    at = draw(st.integers(0, len(content) - 1))
    length = draw(st.integers(1, 64))
    how = draw(st.sampled_from(["flip", "cut off", "cut out", "repeat", "put in", "blank", "flip many"]))
    if how == "flip":
        return content[:at] + bytes([content[at] ^ draw(st.integers(1, 255))]) + content[at + 1 :]
    if how == "flip many":
        flipped = bytearray(content)
        for place in draw(st.lists(st.integers(0, len(content) - 1), min_size=2, max_size=20)):
            flipped[place] ^= draw(st.integers(1, 255))
        return bytes(flipped)
    middle = {
        "cut off": b"",
        "cut out": content[at + length :],
        "repeat": content[at : at + length] * 2 + content[at + length :],
        "put in": draw(st.binary(min_size=1, max_size=64)) + content[at:],
        "blank": bytes(length) + content[at + length :],
    }
    return content[:at] + middle[how]


@fuzzed
@given(data=st.data())
def test_a_file_that_is_not_the_one_in_the_manifest_is_told(
    data: st.DataObject, whole: Files, original: TrialSet, tmp_path: Path
) -> None:
    path = data.draw(st.sampled_from(sorted(whole.keys() - {"README.md"})))
    content = data.draw(damaged_bytes(whole[path]))
    loaded, found = outcome(whole | {path: content}, tmp_path)
    if loaded is not None:  # nothing changed, or the manifest's name, version or sizes
        assert (content == whole[path] or path == "manifest.json") and same(loaded, original)
        assert found == [] or "must carry the manifest's SHA-256" in found[0]


@fuzzed
@given(data=st.data())
def test_a_parquet_file_damaged_with_its_checksum(data: st.DataObject, whole: Files, tmp_path: Path) -> None:
    path = data.draw(st.sampled_from(sorted(path for path in whole if path.endswith(".parquet"))))
    loaded, found = outcome(signed(whole | {path: data.draw(damaged_bytes(whole[path]))}), tmp_path)
    if loaded is not None:
        require_right(loaded, [line for line in found if "README.md" not in line])


# --- values -----------------------------------------------------------------------------------------------------------

ODD_NUMBERS = st.sampled_from(
    [0, -1, 1, 2, -2, 127, -128, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63), 0.5, -0.0, 1e-320, 1e308, -1e308, 65504.0]
    + [float("nan"), float("inf"), float("-inf"), 1.0000001, 3.4e38]
)
ODD_TEXTS = st.sampled_from(["", " ", "mini", "../x", "a\nb", "\x00", "é" * 50, "x" * 5000, "few", "sst2", "finished"])
ODD = st.one_of(ODD_NUMBERS, ODD_TEXTS, st.none(), st.booleans())
TYPES = [
    pa.int8(),
    pa.int64(),
    pa.float16(),
    pa.float64(),
    pa.string(),
    pa.bool_(),
    pa.list_(pa.float64()),
    pa.binary(),
]


def replaced(value: Any, odd: Any, places: list[int]) -> Any:
    """A value with something else inside: as deep as `places` goes, at those places."""
    if not places or not isinstance(value, list) or not value:
        return odd
    at = places[0] % len(value)
    return [*value[:at], replaced(value[at], odd, places[1:]), *value[at + 1 :]]


@st.composite
def damaged_table(draw: Callable[..., Any], table: pa.Table) -> pa.Table:
    """Rows and columns dropped, repeated, renamed, retyped; values replaced."""
    how = draw(st.sampled_from(["value"] * 4 + ["drop", "add", "rename", "retype", "rows", "twice", "all values"]))
    at = draw(st.integers(0, table.num_columns - 1))
    row = draw(st.integers(0, table.num_rows - 1))
    name = table.column_names[at]
    if how == "drop":
        return table.drop_columns([name])
    if how == "add":
        return table.append_column(draw(st.sampled_from([name, "novel"])), table.column(at))
    if how == "rename":
        other = draw(st.sampled_from([*table.column_names, "novel", ""]))
        return table.rename_columns([other if number == at else old for number, old in enumerate(table.column_names)])
    if how == "retype":
        try:
            return table.set_column(at, name, table.column(at).cast(draw(st.sampled_from(TYPES)), safe=False))
        except pa.ArrowException:
            return table.set_column(at, name, pa.nulls(table.num_rows, draw(st.sampled_from(TYPES))))
    if how == "rows":
        rows = draw(st.lists(st.integers(0, table.num_rows - 1), max_size=table.num_rows + 3))
        return table.take(pa.array(rows, pa.int64()))
    if how == "twice":  # a duplicate cell: another row's seeds
        if "data_order_seed" not in table.column_names:
            return pa.concat_tables([table, table.slice(row, 1)])
        at, name = table.column_names.index("data_order_seed"), "data_order_seed"
    values = table.column(at).to_pylist()
    odd, places = draw(ODD), draw(st.lists(st.integers(0, 20), max_size=3))
    if how == "twice":
        odd, places = values[draw(st.integers(0, table.num_rows - 1))], []
    everywhere = how == "all values"
    changed = [replaced(old, odd, places) if everywhere or number == row else old for number, old in enumerate(values)]
    try:
        return table.set_column(at, name, pa.array(changed, table.column(at).type))
    except (pa.ArrowException, TypeError, ValueError, OverflowError):  # no value of the type: a column of another one
        return table.set_column(at, name, pa.array([str(odd)] * table.num_rows))


@fuzzed
@given(data=st.data())
def test_a_table_with_other_values_types_rows_and_columns(data: st.DataObject, whole: Files, tmp_path: Path) -> None:
    files = whole | {}
    for path in data.draw(
        st.lists(st.sampled_from(sorted(p for p in whole if ".parquet" in p)), min_size=1, max_size=2, unique=True)
    ):
        table = data.draw(damaged_table(pq.read_table(pa.BufferReader(files[path]))))
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        files[path] = sink.getvalue().to_pybytes()
    loaded, found = outcome(signed(files), tmp_path)
    if loaded is not None:
        require_right(loaded, [line for line in found if "README.md" not in line])


# --- the manifest and the card ----------------------------------------------------------------------------------------

PATHS = st.sampled_from(
    ["../../etc/passwd", "/etc/passwd", "trials/../../x", "trials/..", "", ".", "~/x", "C:\\x", "trials//x", "a\x00b"]
    + ["trials/sst2-00001-of-00001.parquet", "trials/mnli-00000-of-00001.parquet", "novel/sst2-00000-of-00001.parquet"]
    + ["trials/sst2.parquet", "manifest.json", "README.md", "steps/sst2-00000-of-00001.parquet", "x" * 300, "notes.txt"]
    + ["trials/sst2-٠٠٠٠٠-of-٠٠٠٠١.parquet", "trials/sst2-00000-of-99999.parquet"]
)
JSON = st.recursive(
    st.one_of(ODD_TEXTS, PATHS, st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.just(1e400), st.just(1)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(ODD_TEXTS, inner, max_size=3)),
    max_leaves=5,
)


@st.composite
def damaged_manifest(draw: Callable[..., Any], manifest: dict[str, Any]) -> dict[str, Any]:
    manifest = json.loads(json.dumps(manifest))
    files = manifest["files"]
    path = draw(st.sampled_from(sorted(files)))
    how = draw(st.sampled_from(["field", "no field", "path", "rename", "no file", "entry", "digest", "novel"]))
    field = draw(st.sampled_from(["schema_version", "name", "version", "files"]))
    if how == "field":
        manifest[field] = draw(JSON)
    elif how == "no field":
        del manifest[field]
    elif how == "path":
        files[draw(PATHS)] = files[path]
    elif how == "rename":
        files[draw(PATHS)] = files.pop(path)
    elif how == "no file":
        del files[path]
    elif how == "entry":
        files[path] = draw(JSON)
    elif how == "digest":
        files[path] = {"sha256": draw(st.one_of(JSON, st.text("0123456789abcdef", min_size=64, max_size=64)))}
    else:
        manifest[draw(st.text(max_size=5))] = draw(JSON)
    return manifest


@fuzzed
@given(data=st.data())
def test_a_manifest_with_other_paths_versions_and_checksums(
    data: st.DataObject, whole: Files, original: TrialSet, tmp_path: Path
) -> None:
    manifest = data.draw(damaged_manifest(json.loads(whole["manifest.json"])))
    loaded, found = outcome(whole | {"manifest.json": json.dumps(manifest).encode()}, tmp_path)
    if loaded is not None:
        assert all(table.name in {known.name for known in original.tables} for table in loaded.tables)
        for table in loaded.tables:
            (known,) = (known for known in original.tables if known.name == table.name)
            np.testing.assert_array_equal(table.score, known.score)


@fuzzed
@given(data=st.data())
def test_a_card_can_be_anything_and_changes_no_score(
    data: st.DataObject, whole: Files, original: TrialSet, tmp_path: Path
) -> None:
    card = data.draw(st.one_of(damaged_bytes(whole["README.md"]), st.binary(max_size=200)))
    loaded, found = outcome(whole | {"README.md": card}, tmp_path)
    assert loaded is not None and same(loaded, original)
    sha256 = hashlib.sha256(whole["manifest.json"]).hexdigest().encode()
    assert (found == []) is (sha256 in card)
    with written(whole | {"README.md": card}, tmp_path) as folder:
        assert len(problems(folder, "owner/name", "1.0.0")) == len(found)
