"""Few bytes that unpack to many are refused before they are: by what a file says of itself, and by its pages."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seedbench.errors import TrialSetError
from seedbench.trialset import load_trials
from seedbench.trialset.files import read_folder, read_manifest
from seedbench.trialset.limits import Limits, limits, needed, text_bytes
from tests.synthetic import split_like_training, write

TRIALS = "trials/sst2-00000-of-00001.parquet"
PREDICTIONS = "predictions/sst2-00000-of-00001.parquet"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "set", split_like_training(3, 3))


def put(folder: Path, path: str, content: bytes) -> int:
    """Puts a file in the place of one of a trial set, with a manifest that fits; returns its size."""
    (folder / path).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][path] = {"bytes": len(content), "sha256": sha256(content).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return len(content)


def parquet(table: pa.Table, **options) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", store_schema=False, **options)
    return sink.getvalue().to_pybytes()


def with_column(folder: Path, path: str, name: str, values: pa.Array, **options) -> int:
    table = pq.read_table(folder / path)
    return put(folder, path, parquet(table.append_column(name, values), **options))


def zeros(number: int) -> pa.Table:
    """A row for each of nine trials, and in the first a list of so many zeros."""
    values = pa.array(np.zeros(number, np.int8))
    inner = pa.ListArray.from_arrays(pa.array([0, number], pa.int32()), values)
    lists = pa.ListArray.from_arrays(pa.array([0, 1, *[1] * 8], pa.int32()), inner)
    return pa.table(
        {"trial_id": [f"few-{row}-{column}" for row in range(3) for column in range(3)], "predicted_label": lists}
    )


def varint(number: int) -> bytes:
    """As Thrift's compact protocol writes a positive number."""
    number <<= 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def claiming(content: bytes, number: int, claimed: int) -> bytes:
    """A parquet file whose footer says another number of values than there are."""
    length = int.from_bytes(content[-8:-4], "little")
    footer = content[-8 - length : -8]
    assert varint(number) in footer
    footer = footer.replace(varint(number), varint(claimed))
    return content[: -8 - length] + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def test_a_few_bytes_of_zeros(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEDBENCH_LIMITS", "0.01")
    size = put(folder, PREDICTIONS, parquet(zeros(2_000_000)))
    assert size < 1_000
    rule = (
        r"bytes in memory 1[67],\d{3},\d{3}, and at most 10,737,419 are read; if you trust .* set SEEDBENCH_LIMITS=1$"
    )
    with pytest.raises(TrialSetError, match=rule):
        load_trials(folder, predictions=True)
    load_trials(folder)  # which does not read them


def test_a_footer_that_lies(folder: Path) -> None:
    """Arrow believes the pages: 800 bytes that claim ten values become 20 million."""
    number = 20_000_000
    put(folder, PREDICTIONS, claiming(parquet(zeros(number)), number + 8, 10))  # eight rows have an empty list
    program = "import sys, seedbench\nfrom tests.benchmarks.memory import peak_mebibytes\n"
    program += "try:\n    seedbench.load_trials(sys.argv[1], predictions=True)\n"
    program += "except seedbench.TrialSetError as error:\n    print(error, peak_mebibytes())"
    command = [sys.executable, "-c", program, str(folder)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]).stdout
    assert "its metadata say 10 values, its pages hold 20,000,000: the file is damaged" in said
    assert int(said.split()[-1]) < 250


NESTS = {
    "flat": lambda text: text,
    "list": lambda text: pa.ListArray.from_arrays(pa.array(range(10), pa.int32()), text),
    "struct": lambda text: pa.StructArray.from_arrays([text], ["inner"]),
}


@pytest.mark.parametrize("nest", NESTS.values(), ids=NESTS)
def test_text_in_a_dictionary(folder: Path, nest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine times the same 2 MB: once in the file, and there of one letter."""
    monkeypatch.setenv("SEEDBENCH_LIMITS", "0.01")
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 9, pa.int32()), pa.array(["x" * 2_000_000]))
    assert with_column(folder, TRIALS, "note", nest(text)) < 20_000
    with pytest.raises(TrialSetError, match=r"bytes in memory 2\d,[\d,]+, and at most 10,737,419 are read"):
        load_trials(folder)


def test_text_that_repeats_the_one_before(folder: Path) -> None:
    values = pa.array(["x" * 100_000 + str(number) for number in range(9)])
    with_column(folder, TRIALS, "note", values, use_dictionary=False, column_encoding={"note": "DELTA_BYTE_ARRAY"})
    with pytest.raises(TrialSetError, match="column 'note': text must be in one of the encodings PLAIN, PLAIN_DICT"):
        load_trials(folder)


def test_many_trials_and_tables(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two = write(tmp_path / "two", split_like_training(3, 3), split_like_training(2, 2, task="mrpc"))
    monkeypatch.setattr("seedbench.trialset.limits.Limits", partial(Limits, tables=1))
    with pytest.raises(TrialSetError, match="two: tables 2, and at most 1 are read"):
        load_trials(two)
    monkeypatch.setattr("seedbench.trialset.limits.Limits", partial(Limits, trials=8))
    with pytest.raises(TrialSetError, match="trials 9, and at most 8 are read"):
        load_trials(folder)


def test_what_may_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEDBENCH_LIMITS", "2.5")
    assert (limits().trials, limits().tables) == (500_000, 2_500)
    for wrong in ("0", "-1", "many", "nan", "1e7"):
        monkeypatch.setenv("SEEDBENCH_LIMITS", wrong)
        with pytest.raises(TrialSetError, match=f"SEEDBENCH_LIMITS: must be a positive number .* found '{wrong}'"):
            limits()


def test_a_manifest_that_is_too_long(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEDBENCH_LIMITS", "0.00001")
    with pytest.raises(TrialSetError, match=r"manifest.json: bytes [\d,]+, and at most 336 are read"):
        load_trials(folder)


def test_what_is_needed_is_counted_from_pages_of_both_kinds() -> None:
    """100 numbers of 8 bytes, and a text of 3 letters 100 times, however they are written."""
    table = pa.table({"number": np.arange(100.0), "text": ["abc"] * 100})
    for version in ("1.0", "2.0"):
        for dictionary in (True, False):
            content = parquet(table, data_page_version=version, use_dictionary=dictionary)
            metadata = pq.read_metadata(pa.BufferReader(content))
            assert 900 + 500 <= needed(content, metadata, "x") <= 3_500
            assert text_bytes(content, metadata, "x") == 300


def test_every_config_of_the_bundled_trials_is_far_below(folder: Path) -> None:
    from seedbench.trialset import BUNDLED

    for path in BUNDLED.rglob("*.parquet"):
        content = path.read_bytes()
        assert needed(content, pq.read_metadata(pa.BufferReader(content)), path) < Limits().bytes / 5
    assert read_folder(folder, read_manifest(folder))["trials"]["sst2"].num_rows == 9


def test_what_nobody_would_see_stays_out_of_terminals_and_cards(folder: Path) -> None:
    text = pa.array(["a core \x1b[31m"] * 9)
    table = pq.read_table(folder / TRIALS)
    at = table.schema.get_field_index("device")
    put(folder, TRIALS, parquet(table.set_column(at, "device", text)))
    with pytest.raises(TrialSetError, match=r"parquet: a text has U\+001B, which nobody would see, found 'a core .x1b"):
        load_trials(folder)
    put(folder, TRIALS, parquet(table.append_column("n\u202eame", pa.array([1] * 9))))
    with pytest.raises(TrialSetError, match=r"a column's name has U\+202E, which nobody would see, found 'n.u202eame'"):
        load_trials(folder)
