"""Files of edges: CSV, JSON Lines and Parquet, told apart by their suffix.

The columns are those of ``EdgeRow``: follower, followed and time (seconds since 1970); kind
(follow, whisper or block), special (0 or 1) and groups (their names) may be missing or empty. In
CSV, which has a header line and is UTF-8, groups are separated by ``|``; a contract, visits and the
finer place can be told in JSON Lines and Parquet alone.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Generator, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import msgspec

from guanxi.stores.port import BadLine, EdgeRow, StoreError, Upkeep

_NEEDED = ("follower", "followed", "time")
_CSV_COLUMNS = (*_NEEDED, "kind", "special", "groups")
_GROUPS_APART = "|"
#: How many plain lines are taken at once.
_CHUNK = 1_000

#: What a field must be.
_WANTED = {
    "follower": "an account's id",
    "followed": "an account's id",
    "time": "seconds since 1970",
    "kind": "follow, whisper or block",
    "special": "true or false (in CSV: 1 or 0)",
    "groups": "a list of names",
    "contract": "a contract",
    "finer": "a place within its second",
    "visits": "a count",
}
_FIELD = re.compile(r" - at `\$\.(\w+)")
_ECHOED = 60


class UnreadableLine(BadLine):
    """A line of a file that is no edge; ``line`` is the file's own."""


_Numbered = Iterator[tuple[int, EdgeRow]]


def _csv(path: Path) -> _Numbered:
    with path.open("rb") as file:
        # Line by line, so that what is not UTF-8 is found in its own line.
        reader = csv.reader((line.decode("utf-8-sig") for line in file), strict=True)
        try:
            header = next(reader, [])
            _check_header(header)
            for fields in reader:
                if fields:
                    yield reader.line_num, _of_fields(reader.line_num, header, fields)
        except csv.Error as error:
            raise UnreadableLine(reader.line_num, f"not CSV: {error}") from None
        except UnicodeDecodeError:
            raise UnreadableLine(reader.line_num + 1, "not UTF-8") from None


def _csv_rows(path: Path) -> Iterator[EdgeRow]:
    """The rows of a CSV file: those of the usual kind quickly, from the first other one by one."""
    plain: int | None = 0
    if path.is_file():  # a pipe can be read but once
        plain = yield from _plain_rows(path)
    if plain is not None:
        for _, row in islice(_csv(path), plain, None):
            yield row


def _plain_rows(path: Path) -> Generator[EdgeRow, None, int | None]:
    """The rows of a CSV file that has the needed columns alone, many at a time.

    Returns how many there were before one that is otherwise or wrong; None where all were plain.
    """
    read = 0
    with path.open(encoding="utf-8-sig", newline="\n") as file:  # lines as ``_csv`` has them
        lines = csv.reader(file, strict=True)
        try:
            header = next(lines, [])
            if sorted(header) != sorted(_NEEDED):
                return 0
            order = [header.index(name) for name in _NEEDED]
            while chunk := list(islice(filter(None, lines), _CHUNK)):
                if set(map(len, chunk)) != {len(header)}:
                    return read
                fields = list(chain.from_iterable(chunk))
                numbers = msgspec.convert(fields, list[int], strict=False)
                columns = [numbers[at :: len(header)] for at in order]
                yield from [
                    EdgeRow(follower=follower, followed=followed, time=time)
                    for follower, followed, time in zip(*columns, strict=True)
                ]
                read += len(chunk)
        except (csv.Error, UnicodeDecodeError, msgspec.ValidationError):
            return read
    return None


def _check_header(header: list[str]) -> None:
    missing = [name for name in _NEEDED if name not in header]
    strange = [name for name in header if name not in _CSV_COLUMNS]
    if missing:
        raise UnreadableLine(1, f"the header lacks {', '.join(missing)}")
    if strange or len(set(header)) < len(header):
        raise UnreadableLine(1, f"the header's columns are each one of {', '.join(_CSV_COLUMNS)}")


def _of_fields(line: int, header: list[str], fields: list[str]) -> EdgeRow:
    if len(fields) != len(header):
        raise UnreadableLine(line, f"{len(fields)} fields, and the header has {len(header)}")
    record: dict[str, Any] = {
        name: value for name, value in zip(header, fields, strict=True) if value
    }
    if "groups" in record:
        record["groups"] = record["groups"].split(_GROUPS_APART)
    return _converted(line, record, strict=False)


def _converted(line: int, record: object, *, strict: bool) -> EdgeRow:
    try:
        return msgspec.convert(record, EdgeRow, strict=strict)
    except msgspec.ValidationError as error:
        raise UnreadableLine(line, _reason(record, error)) from None


def _reason(record: Any, error: Exception) -> str:
    """What is wrong with a record, in the words of the file."""
    found = _FIELD.search(str(error))
    if found is None:
        return str(error)
    name = found[1]
    return f"{name}: {record[name]!r:.{_ECHOED}} is not {_WANTED[name]}"


def _json_lines(path: Path) -> _Numbered:
    decode = msgspec.json.Decoder(EdgeRow).decode
    with path.open("rb") as file:
        for line, text in enumerate(file, 1):
            if text.isspace():
                continue
            try:
                yield line, decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise UnreadableLine(line, _json_reason(text, error)) from None


def _json_reason(text: bytes, error: Exception) -> str:
    try:
        return _reason(msgspec.json.decode(text), error)
    except (msgspec.DecodeError, UnicodeDecodeError):  # it is no JSON behind the field either
        return str(error)


def _parquet(path: Path) -> _Numbered:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise StoreError("Parquet needs pyarrow: pip install 'guanxi[parquet]'") from None
    try:
        with parquet.ParquetFile(path) as file:
            line = 0
            for batch in file.iter_batches():
                for record in batch.to_pylist():
                    line += 1
                    known = {name: value for name, value in record.items() if value is not None}
                    yield line, _converted(line, known, strict=True)
    except pyarrow.ArrowException as error:
        raise StoreError(f"{path} is not a Parquet file that can be read: {error}") from None


_READERS: dict[str, Callable[[Path], _Numbered]] = {
    ".csv": _csv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
}


def _reader(path: Path) -> Callable[[Path], _Numbered]:
    try:
        return _READERS[path.suffix.lower()]
    except KeyError:
        raise StoreError(f"{path} ends in none of {', '.join(_READERS)}") from None


def read_edges(path: Path) -> Iterator[EdgeRow]:
    """The edges of a file, in order.

    ``UnreadableLine`` for the first line that is none (in Parquet: the row, from 1); ``StoreError``
    for a file that cannot be read at all.
    """
    reader = _reader(path)
    try:
        if reader is _csv:
            yield from _csv_rows(path)
        else:
            yield from (row for _, row in reader(path))
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from None


async def import_file(
    store: Upkeep,
    path: Path,
    *,
    strict: bool = False,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Import a file whole or not at all; how many edges were new or changed.

    ``progress`` is told how many were read. ``BadLine`` names the file's own line.
    """
    try:
        return await store.import_edges(lambda: read_edges(path), strict=strict, progress=progress)
    except UnreadableLine:
        raise
    except BadLine as error:
        raise BadLine(_line_of(path, error.line), error.reason) from None


def _line_of(path: Path, position: int) -> int:
    """The line of a file in which its edge at a position, from 1, stands."""
    lines = (line for line, _ in _reader(path)(path))
    return next(line for at, line in enumerate(lines, 1) if at == position)
