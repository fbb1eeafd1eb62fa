"""A file of curves - CSV of any dialect, JSON, parquet - as columns whose every value knows where it stands."""

from __future__ import annotations

import codecs
import csv
import difflib
import gzip
import io
import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedbench.documents import foreign_json, json_lines, read_regular
from seedbench.errors import TrialSetError
from seedbench.text import is_one_line

if TYPE_CHECKING:
    import pyarrow as pa

_ABSENT = {"", "NA", "N/A", "n/a", "#N/A", "<NA>", "None", "null", "NULL"}
_COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?")
_POINT_NUMBER = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+")
_EXCEL_SEPARATOR = re.compile(r"sep=([,;\t])\r?\n")
_NEAREST = 5
_GZIP = b"\x1f\x8b"
csv.field_size_limit(2**24)


@dataclass(frozen=True)
class CurveFile:
    """The rows of a file, or of a folder of files.

    Attributes:
        path: of the file or folder.
        columns: name -> value of each row; None where it is empty.
        place: of each row, as errors name it: "line 7" of a CSV file, "row 7" of a parquet file, from 1.
        run: the name of the run of each row; None where neither files nor columns tell.
        layout: one of `seedbench.trialset.importing.options.LAYOUTS`.
        step: the column that counts training steps, where the layout tells.
        metrics: the columns that measure something, where the layout tells.
        from_zero: whether the layout counts its steps from 0.
        minimize: whether it says that scores are better the lower they are.
        decimal_comma: whether numbers are written 0,5.
        notes: what was left out in reading, and what a reader should know.
    """

    path: Path
    columns: dict[str, list[Any]]
    place: Sequence[str]
    run: Sequence[str] | None = None
    layout: str = "long"
    step: str | None = None
    metrics: tuple[str, ...] = ()
    from_zero: bool = False
    minimize: bool = False
    decimal_comma: bool = False
    notes: tuple[str, ...] = ()

    def error(self, column: str, row: int, rule: str, remedy: str = "") -> TrialSetError:
        """One line: file, column, line, the rule, the value found, and what to do."""
        value = self.columns[column][row]
        shown = "nothing" if value is None else repr(str(value)[:80])
        advice = f": {remedy}" if remedy else ""
        return TrialSetError(f"{self.path}: column {column!r}, {self.place[row]}: {rule}, found {shown}{advice}")

    def number(self, column: str, row: int) -> float | None:
        """The value as a number, which may be NaN or infinite; None where it is empty.

        Raises:
            TrialSetError: it is none.
        """
        value = self.columns[column][row]
        if value is None:
            return None
        text = str(value)
        if self.decimal_comma and isinstance(value, str):
            if "." in text:
                rule = "must be a number with a decimal comma and no points, as the others are"
                raise self.error(column, row, rule, "write all numbers of the file in one way")
            text = text.replace(",", ".")
        try:
            if "_" in text or isinstance(value, bool | list | dict):  # Python reads 1_0 as 10, and True as 1
                raise ValueError
            return float(text)
        except ValueError:
            raise self.error(column, row, "must be a number", self._instead_of(column, value)) from None

    def _instead_of(self, column: str, value: Any) -> str:
        """What to do about a value that is no number."""
        if isinstance(value, str) and _COMMA_NUMBER.fullmatch(value):
            return "write a decimal point, or all numbers of the file with commas and ; between them"
        if isinstance(value, str) and len(value) <= 20 and is_one_line(value):
            return f"empty it, or leave such rows out with --where '{column}!={value}'"
        return "name the right column"

    def integer(self, column: str, row: int, lowest: int | None = None, bits: int = 64, remedy: str = "") -> int:
        """The value as a whole number of so many bits, also where a tool wrote 3.0; `remedy` is what to do if not.

        Raises:
            TrialSetError: it is none, too low, too large, or nothing.
        """
        rule = "must be a whole number" + ("" if lowest is None else f" from {lowest} on")
        number = self.number(column, row)
        if number is None or not math.isfinite(number) or number != int(number):
            raise self.error(column, row, rule, remedy)
        try:
            whole = int(self.columns[column][row])  # exact for large seeds, where a float is not
        except ValueError:  # "3.0"
            whole = int(number)
        if lowest is not None and whole < lowest:
            raise self.error(column, row, rule, remedy)
        if not -(2 ** (bits - 1)) <= whole < 2 ** (bits - 1):
            raise self.error(column, row, f"{rule} that {bits} bits hold", remedy)
        return whole

    def decimals(self, column: str) -> int:
        """The most decimals that a number of the column is written with."""
        texts = (str(value).replace(",", ".") for value in self.columns[column] if value is not None)
        return max((len(text.rpartition(".")[2]) for text in texts if _POINT_NUMBER.fullmatch(text)), default=0)

    def absent(self, column: str, option: str) -> TrialSetError:
        """That a column is not there, with those that are called most alike."""
        names = [name for name in self.columns if name]
        near = difflib.get_close_matches(column.lower(), [name.lower() for name in names], _NEAREST, 0.0)
        shown = [next(name for name in names if name.lower() == one) for one in near]
        these = "its columns are" if len(names) <= _NEAREST else f"of its {len(names)} columns the nearest are"
        return TrialSetError(
            f"{self.path}: has no column {column!r}: name the right one with {option}; {these} {', '.join(shown)}"
        )

    def rows(self, kept: Sequence[int]) -> CurveFile:
        """The same with some of its rows."""
        return replace(
            self,
            columns={name: [values[row] for row in kept] for name, values in self.columns.items()},
            place=[self.place[row] for row in kept],
            run=None if self.run is None else [self.run[row] for row in kept],
        )


def read_table(path: Path) -> CurveFile:
    """Reads one file of rows: parquet, JSON, JSON lines or separated text, the last three gzipped or not.

    Raises:
        TrialSetError: it cannot be read.
    """
    try:
        content = read_regular(path)
        if content.startswith(b"PAR1"):
            return _parquet(path)
        if content.startswith(_GZIP):
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise TrialSetError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if path.suffix == ".parquet":
        raise TrialSetError(f"{path}: not a readable parquet file (it does not begin as one)")
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # Excel's "Unicode text"
    try:
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise TrialSetError(f"{path}: line {line}: is not UTF-{16 if utf16 else 8} text") from None
    if "\x00" in text:
        raise TrialSetError(f"{path}: line {text[: text.index(chr(0))].count(chr(10)) + 1}: is not text, but binary")
    return _json(path, text) if text.lstrip()[:1] in ("{", "[") else _separated(path, text)


def _separated(path: Path, text: str) -> CurveFile:
    """CSV with commas, semicolons or tabs, whichever parts the first line most; decimal commas where those abound.

    Excel's own first line, `sep=;`, says which.
    """
    told = _EXCEL_SEPARATOR.match(text)
    before = 0 if told is None else 1  # lines before the header
    text = text[told.end() :] if told else text
    first = re.split("[\r\n]", text, maxsplit=1)[0][: csv.field_size_limit()]
    delimiter = told[1] if told else max(",;\t", key=lambda one: len(next(csv.reader([first], delimiter=one), [])))
    rows: list[list[str]] = []
    place: list[str] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        for row in reader:
            if not row:  # an empty line
                continue
            if not any(header):
                raise TrialSetError(f"{path}: line {before + 1}: must name the columns, found nothing")
            if len(row) != len(header):
                raise TrialSetError(
                    f"{path}: line {before + reader.line_num}: must have the {len(header)} fields of the header, "
                    f"found {len(row)}"
                )
            rows.append([value.strip() for value in row])
            place.append(f"line {before + reader.line_num}")
    except csv.Error as error:
        raise TrialSetError(f"{path}: line {before + reader.line_num}: not CSV ({error})") from None
    for name in header:
        if header.count(name) > 1:
            raise TrialSetError(f"{path}: line {before + 1}: column {name!r} is there twice")
    lists = [[None if value in _ABSENT else value for value in column] for column in zip(*rows, strict=True)]
    columns: dict[str, list[Any]] = dict(zip(header, lists or [[] for _ in header], strict=True))
    if not any(value is not None for value in columns.get("", [])):  # every line ends in a comma
        columns.pop("", None)
    values = [value for column in columns.values() for value in column if value is not None]
    commas = sum(bool(_COMMA_NUMBER.fullmatch(value)) for value in values) if delimiter != "," else 0
    points = sum(bool(_POINT_NUMBER.fullmatch(value)) and not _THOUSANDS.fullmatch(value) for value in values)
    return CurveFile(path, columns, place, decimal_comma=commas > points)


def _json(path: Path, text: str) -> CurveFile:
    """An object with `log_history` (trainer_state.json), a list of objects, or an object a line."""
    try:
        document = foreign_json(text)
    except ValueError:
        document = None
    if isinstance(document, dict) and isinstance(document.get("log_history"), list):
        return _records(path, document["log_history"], "entry", layout="trainer")
    if isinstance(document, list):
        return _records(path, document, "entry")
    if document is not None and not isinstance(document, dict):
        raise TrialSetError(f"{path}: must hold a list of objects, or an object a line, found {text.strip()[:40]!r}")
    records, lines = [], []
    for number, line in enumerate(json_lines(text), 1):
        if line.strip():
            try:
                records.append(foreign_json(line))
            except ValueError as error:
                raise TrialSetError(f"{path}: line {number}: not JSON ({str(error)[:120]})") from None
            lines.append(number)
    return _records(path, records, "line", lines)


def _records(
    path: Path, records: Sequence[Any], unit: str, numbers: Sequence[int] | None = None, layout: str | None = None
) -> CurveFile:
    place = [f"{unit} {number}" for number in numbers or range(1, len(records) + 1)]
    for where, record in zip(place, records, strict=True):
        if not isinstance(record, dict):
            raise TrialSetError(f"{path}: {where}: must be an object of names and values, found {str(record)[:40]!r}")
    names = list(dict.fromkeys(name for record in records for name in record))
    columns = {name: [record.get(name) for record in records] for name in names}
    logged = {"epoch", "step"} <= set(names) and any(name.startswith("eval_") for name in names)
    return CurveFile(path, columns, place, layout=layout or ("trainer" if logged else "long"))


def _parquet(path: Path) -> CurveFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise TrialSetError(f"{path}: not a readable parquet file ({' '.join(str(error).split())[:200]})") from None
    if len(set(table.column_names)) < table.num_columns:
        raise TrialSetError(f"{path}: a column is there twice")
    columns = {name: _values(table.column(name)) for name in table.column_names}
    return CurveFile(path, columns, [f"row {number}" for number in range(1, table.num_rows + 1)])


def _values(column: pa.ChunkedArray) -> list[Any]:
    """The values as Python has them; where it has none, as for a date after the year 9999, what they are instead."""
    import pyarrow as pa

    try:
        values: list[Any] = column.to_pylist()
        return values
    except (pa.ArrowException, ValueError, OverflowError):
        return [str(column.type)] * len(column)
