"""What reading a parquet file would need, found before anything of it is read, against stated limits.

A few hundred bytes can unpack to any size: runs of one value, dictionaries, shared prefixes. A file's metadata says how
many values it has, and may lie; the header of every page says it, too, and is what Arrow follows. Both are read here.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seedbench.errors import TrialSetError
from seedbench.text import first_hidden

if TYPE_CHECKING:
    import pyarrow.parquet as pq

FACTOR = "SEEDBENCH_LIMITS"  # environment variable: how many times as much is read
_WIDTH = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8, "BYTE_ARRAY": 4}
_LEVELS = 4  # bytes of definition and repetition level of a value
#: Encodings of text whose size a page's header bounds, by number in parquet.thrift; in a DELTA_BYTE_ARRAY each value
#: may repeat the one before.
_ENCODINGS = {0: "PLAIN", 2: "PLAIN_DICTIONARY", 6: "DELTA_LENGTH_BYTE_ARRAY", 8: "RLE_DICTIONARY"}


@dataclass(frozen=True)
class Limits:
    """What is read of a trial set.

    Attributes:
        bytes: what one split of a config needs in memory.
        trials: of a split.
        tables: of a split.
        document: bytes of the manifest.
    """

    bytes: int = 2**30
    trials: int = 200_000
    tables: int = 1_000
    document: int = 2**25


def limits() -> Limits:
    """The limits, times what the environment variable `FACTOR` says.

    Raises:
        TrialSetError: that is no positive number.
    """
    text = os.environ.get(FACTOR, "1")
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not 0 < factor < 1e6:
        raise TrialSetError(f"{FACTOR}: must be a positive number below 1,000,000, found {text[:40]!r}")
    stated = Limits()
    return Limits(**{name: math.ceil(value * factor) for name, value in vars(stated).items()})


def require(what: str, found: int, limit: int, where: object) -> None:
    """That a size is within its limit.

    Raises:
        TrialSetError: it is not.
    """
    if found > limit:
        more = found / limit
        raise TrialSetError(
            f"{where}: {what} {found:,}, and at most {limit:,} are read; if you trust the file and have the memory, "
            f"set {FACTOR}={math.ceil(more * float(os.environ.get(FACTOR, '1')))}"
        )


def needed(content: bytes, metadata: pq.FileMetaData, where: object) -> int:
    """Bytes of memory that reading a parquet file takes, an upper bound but for text in a dictionary.

    Args:
        content: of the file.
        metadata: its footer, read.
        where: for errors.

    Raises:
        TrialSetError: its pages hold other numbers of values than its metadata say, or text in an encoding that is
            not read.
    """
    total = 0
    for group in range(metadata.num_row_groups):
        for column in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(column)
            of = f"{where}: column {chunk.path_in_schema!r}"
            values = 0
            for page in _pages(content, chunk, of):
                total += max(0, page.unpacked)
                if page.dictionary:
                    continue
                values += page.values
                if chunk.physical_type == "BYTE_ARRAY" and page.encoding not in _ENCODINGS:
                    known = ", ".join(_ENCODINGS.values())
                    raise TrialSetError(f"{of}: text must be in one of the encodings {known}")
            if values != chunk.num_values:
                raise TrialSetError(
                    f"{of}: its metadata say {chunk.num_values:,} values, its pages hold {values:,}: "
                    "the file is damaged"
                )
            schema = metadata.schema.column(column)
            nested = schema.max_repetition_level > 0
            width = _WIDTH.get(chunk.physical_type) or max(1, schema.length)
            total += values * (width + (_LEVELS if nested else 1))
    return total


@dataclass(frozen=True)
class _Page:
    """What the header of a page says: its values, their encoding, and its bytes when unpacked."""

    values: int
    encoding: int
    unpacked: int
    dictionary: bool


def _pages(content: bytes, chunk: pq.ColumnChunkMetaData, where: str) -> Iterator[_Page]:
    """The pages of a column chunk, the dictionary's included, by their headers (parquet.thrift, `PageHeader`)."""
    first = chunk.data_page_offset
    if chunk.has_dictionary_page and chunk.dictionary_page_offset is not None:
        first = min(first, chunk.dictionary_page_offset)
    end = first + chunk.total_compressed_size
    if not 0 <= first <= end <= len(content):
        raise TrialSetError(f"{where}: its pages are outside the file; the file is damaged")
    at, seen = first, 0
    while at < end and seen < chunk.num_values:
        reader = _Compact(content, at, end)
        try:
            header = reader.struct()
            unpacked, packed = header[2], header[3]
            body = header.get(5) or header.get(8) or {}
            page = _Page(
                values=body.get(1, 0),
                encoding=body.get(2 if 5 in header else 4, 0),
                unpacked=unpacked,
                dictionary=header[1] == 2,
            )
        except (IndexError, KeyError, ValueError, TypeError):
            raise TrialSetError(f"{where}: the header of a page at byte {at} cannot be read") from None
        if min(page.values, unpacked, packed) < 0:
            raise TrialSetError(f"{where}: the header of a page at byte {at} has a negative size")
        yield page
        seen += page.values
        at = reader.at + packed


class _Compact:
    """Thrift's compact protocol, as far as the header of a page needs it."""

    def __init__(self, content: bytes, at: int, end: int) -> None:
        self.content, self.at, self.end = content, at, end

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Number of a field -> its value; text and lists are passed over."""
        if depth > 4:
            raise ValueError("nested too deeply")
        fields: dict[int, Any] = {}
        number = 0
        while kind := self._byte():
            delta, kind = kind >> 4, kind & 15
            number = number + delta if delta else self._integer()
            fields[number] = self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2):  # true, false
            return kind == 1
        if kind == 3:
            return self._byte()
        if kind in (4, 5, 6):
            return self._integer()
        if kind == 7:
            return self._skip(8)
        if kind == 8:
            return self._skip(self._varint())
        if kind == 12:
            return self.struct(depth + 1)
        raise ValueError(f"a field of type {kind}")

    def _byte(self) -> int:
        if self.at >= self.end:
            raise IndexError
        self.at += 1
        return self.content[self.at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
            if shift > 63:
                raise ValueError("a number of more than 64 bits")

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _skip(self, length: int) -> None:
        if self.at + length > self.end:
            raise IndexError
        self.at += length


def text_bytes(content: bytes, metadata: pq.FileMetaData, where: object) -> int:
    """Bytes of all text of a parquet file out of its dictionaries, in which it is read here.

    Raises:
        TrialSetError: a column's name or a text has a character that nobody would see.
        pyarrow.ArrowException: it cannot be read.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    columns = [metadata.schema.column(number) for number in range(metadata.num_columns)]
    for column in columns:
        _require_visible(column.path, f"{where}: a column's name")
    text = [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
    if not text:
        return 0
    file = pq.ParquetFile(pa.BufferReader(content), metadata=metadata, read_dictionary=text)
    total, arrays = 0, [chunk for column in file.read(text, use_threads=False).columns for chunk in column.chunks]
    while arrays:
        array = arrays.pop()
        if pa.types.is_dictionary(array.type):
            length = pc.binary_length(array.dictionary).cast("int64")
            total += pc.sum(length.take(array.indices)).as_py() or 0
            if pa.types.is_string(array.type.value_type):
                for value in array.dictionary.to_pylist():
                    _require_visible(value or "", f"{where}: a text")
        elif pa.types.is_struct(array.type):
            arrays += array.flatten()
        elif pa.types.is_nested(array.type):
            arrays.append(array.values)
    return total


def _require_visible(text: str, what: str) -> None:
    """What is in a trial set reaches terminals, cards and pages."""
    if hidden := first_hidden(text):
        raise TrialSetError(f"{what} has {hidden[2]}, which nobody would see, found {ascii(text)[:80]}")
