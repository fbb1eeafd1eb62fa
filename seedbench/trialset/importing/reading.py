"""A file of curves, CSV or parquet, as columns whose every value knows where it stands."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedbench.errors import TrialSetError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class CurveFile:
    """The columns of a file.

    Attributes:
        path: of the file.
        columns: name -> value of each row; None where it is empty.
        place: of each row, as errors name it: "line 7" of a CSV file, "row 7" of a parquet file, from 1.
    """

    path: Path
    columns: dict[str, list[Any]]
    place: Sequence[str]

    def error(self, column: str, row: int, rule: str) -> TrialSetError:
        """One line: file, column, line, the rule and the value found."""
        value = self.columns[column][row]
        shown = "nothing" if value is None else repr(str(value)[:80])
        return TrialSetError(f"{self.path}: column {column!r}, {self.place[row]}: {rule}, found {shown}")

    def number(self, column: str, row: int) -> float | None:
        """The value as a number, which may be NaN or infinite; None where it is empty.

        Raises:
            TrialSetError: it is none.
        """
        value = self.columns[column][row]
        if value is None:
            return None
        try:
            if "_" in str(value):  # Python reads 1_0 as 10, and nobody who writes a file means it
                raise ValueError
            return float(value)
        except (TypeError, ValueError):
            raise self.error(column, row, "must be a number") from None

    def integer(self, column: str, row: int, lowest: int | None = None, bits: int = 64) -> int:
        """The value as a whole number of so many bits, also where a tool wrote 3.0.

        Raises:
            TrialSetError: it is none, too low, too large, or nothing.
        """
        rule = "must be a whole number" + ("" if lowest is None else f" from {lowest} on")
        number = self.number(column, row)
        if number is None or not math.isfinite(number) or number != int(number):
            raise self.error(column, row, rule)
        value = self.columns[column][row]
        try:
            whole = int(value)  # exact for large seeds, where a float is not
        except ValueError:  # "3.0"
            whole = int(number)
        if lowest is not None and whole < lowest:
            raise self.error(column, row, rule)
        if not -(2 ** (bits - 1)) <= whole < 2 ** (bits - 1):
            raise self.error(column, row, f"{rule} that {bits} bits hold")
        return whole


def read_curves(path: Path) -> CurveFile:
    """Reads a file of curves.

    Raises:
        TrialSetError: it cannot be read, is neither .csv nor .parquet, or has no rows.
    """
    readers = {".csv": _read_csv, ".parquet": _read_parquet}
    if path.suffix.lower() not in readers:
        raise TrialSetError(f"{path}: must be a .csv or a .parquet file")
    try:
        file = readers[path.suffix.lower()](path)
    except OSError as error:
        raise TrialSetError(f"{path}: {error.strerror or error}") from None
    if not file.place:
        raise TrialSetError(f"{path}: has no rows")
    return file


def _read_csv(path: Path) -> CurveFile:
    rows: list[list[str]] = []
    place: list[str] = []
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            for row in reader:
                if not row:  # an empty line
                    continue
                if not any(header):
                    raise TrialSetError(f"{path}: line 1: must name the columns, found nothing")
                if len(row) != len(header):
                    raise TrialSetError(
                        f"{path}: line {reader.line_num}: must have the {len(header)} fields of the header, "
                        f"found {len(row)}"
                    )
                rows.append(row)
                place.append(f"line {reader.line_num}")
        except UnicodeDecodeError:
            raise TrialSetError(f"{path}: line {reader.line_num + 1} or after: is not UTF-8 text") from None
        except csv.Error as error:
            raise TrialSetError(f"{path}: line {reader.line_num}: not CSV ({error})") from None
    for name in header:
        if header.count(name) > 1:
            raise TrialSetError(f"{path}: line 1: column {name!r} is there twice")
    columns = zip(*rows, strict=True) if rows else ((),) * len(header)
    stripped = ([value.strip() or None for value in column] for column in columns)
    return CurveFile(path, dict(zip(header, stripped, strict=True)), place)


def _read_parquet(path: Path) -> CurveFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read()
    except pa.ArrowException as error:
        raise TrialSetError(f"{path}: not a readable parquet file ({' '.join(str(error).split())[:200]})") from None
    if len(set(table.column_names)) < table.num_columns:
        raise TrialSetError(f"{path}: a column is there twice")
    columns = {name: _values(table.column(name)) for name in table.column_names}
    return CurveFile(path, columns, [f"row {number}" for number in range(1, table.num_rows + 1)])


def _values(column: pa.ChunkedArray) -> list[Any]:
    """The values as Python has them; where it has none, as for a date after the year 9999, what they are instead."""
    import pyarrow as pa

    try:
        return column.to_pylist()
    except (pa.ArrowException, ValueError, OverflowError):
        return [str(column.type)] * len(column)
