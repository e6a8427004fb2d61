"""Import of edges from files: CSV, JSON Lines or Parquet, chosen by the file's suffix.

The columns are the fields of ``EdgeRow``. Follower, followed and time (seconds since the Unix
epoch) are required; kind (follow, whisper or block), special (0 or 1) and groups (their names) are
optional. CSV is UTF-8 with a header line, and separates groups by ``|``; it has no columns for
contract, visits and finer, which need JSON Lines or Parquet.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Generator, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import msgspec

from guanxi.stores.port import BadLine, EdgeRow, Imported, StoreError, Upkeep
from guanxi.text import Text

_REQUIRED = ("follower", "followed", "time")
_CSV_COLUMNS = (*_REQUIRED, "kind", "special", "groups")
_GROUP_SEPARATOR = "|"
#: How many plain lines are converted at once.
_CHUNK = 1_000

#: What each field must be, for error messages.
_EXPECTED = {
    "follower": Text("账号", "an account's id"),
    "followed": Text("账号", "an account's id"),
    "time": Text("1970 年以来的秒数", "seconds since 1970"),
    "kind": Text("follow、whisper 或 block", "follow, whisper or block"),
    "special": Text("true 或 false（CSV 中为 1 或 0）", "true or false (in CSV: 1 or 0)"),
    "groups": Text("名称的列表", "a list of names"),
    "contract": Text("契约", "a contract"),
    "finer": Text("0 至 65535 的整数", "a whole number from 0 to 65535"),
    "visits": Text("次数", "a count"),
}
_FIELD = re.compile(r" - at `\$\.(\w+)")
_MAX_ECHO = 60


class UnreadableLine(BadLine):
    """A line of a file that is not an edge. ``line`` counts from 1; in Parquet it is the row."""


_Numbered = Iterator[tuple[int, EdgeRow]]


def _csv(path: Path) -> _Numbered:
    with path.open("rb") as file:
        # Line by line, so that an error names the line that is not UTF-8.
        reader = csv.reader((line.decode("utf-8-sig") for line in file), strict=True)
        try:
            header = next(reader, [])
            _check_header(header)
            for fields in reader:
                if fields:
                    yield reader.line_num, _of_fields(reader.line_num, header, fields)
        except csv.Error as error:
            raise UnreadableLine(
                reader.line_num, Text(f"不是 CSV：{error}", f"not CSV: {error}")
            ) from None
        except UnicodeDecodeError:
            raise UnreadableLine(reader.line_num + 1, Text("不是 UTF-8", "not UTF-8")) from None


def _csv_rows(path: Path) -> Iterator[EdgeRow]:
    """Yield the edges of a CSV file, one by one, in order.

    A file with only the required columns is converted in chunks, which is faster; from the first
    chunk that is invalid, or in any other file, each line is read alone. Raise UnreadableLine for
    the first invalid line, OSError if the file cannot be read.
    """
    plain: int | None = 0
    if path.is_file():  # a pipe can be read only once
        plain = yield from _plain_rows(path)
    if plain is not None:
        for _, row in islice(_csv(path), plain, None):
            yield row


def _plain_rows(path: Path) -> Generator[EdgeRow, None, int | None]:
    """Yield the edges of a CSV file that has only the required columns, converted in chunks.

    Stop before the first chunk of lines that cannot be converted, and return the number of edges
    before it (0 for a file with other columns); None if all were read. Raise OSError if the file
    cannot be read.
    """
    count = 0
    with path.open(encoding="utf-8-sig", newline="\n") as file:  # splits lines like ``_csv``
        lines = csv.reader(file, strict=True)
        try:
            header = next(lines, [])
            if sorted(header) != sorted(_REQUIRED):
                return 0
            order = [header.index(name) for name in _REQUIRED]
            while chunk := list(islice(filter(None, lines), _CHUNK)):
                if set(map(len, chunk)) != {len(header)}:
                    return count
                fields = list(chain.from_iterable(chunk))
                numbers = msgspec.convert(fields, list[int], strict=False)
                columns = [numbers[index :: len(header)] for index in order]
                yield from [
                    EdgeRow(follower=follower, followed=followed, time=time)
                    for follower, followed, time in zip(*columns, strict=True)
                ]
                count += len(chunk)
        except (csv.Error, UnicodeDecodeError, msgspec.ValidationError):
            return count
    return None


def _check_header(header: list[str]) -> None:
    missing = [name for name in _REQUIRED if name not in header]
    unknown = [name for name in header if name not in _CSV_COLUMNS]
    if missing:
        raise UnreadableLine(
            1,
            Text(
                f"标题行缺少 {', '.join(missing)}：请补上这些列",
                f"the header lacks {', '.join(missing)}: add the columns",
            ),
        )
    if unknown or len(set(header)) < len(header):
        raise UnreadableLine(
            1,
            Text(
                f"列不可重复，且须为 {', '.join(_CSV_COLUMNS)} 之一",
                f"columns must be unique, each one of {', '.join(_CSV_COLUMNS)}",
            ),
        )


def _of_fields(line: int, header: list[str], fields: list[str]) -> EdgeRow:
    if len(fields) != len(header):
        raise UnreadableLine(
            line,
            Text(
                f"有 {len(fields)} 个字段，标题行有 {len(header)} 个",
                f"{len(fields)} fields, but the header has {len(header)}",
            ),
        )
    record: dict[str, Any] = {
        name: value for name, value in zip(header, fields, strict=True) if value
    }
    if "groups" in record:
        record["groups"] = record["groups"].split(_GROUP_SEPARATOR)
    return _converted(line, record, strict=False)


def _converted(line: int, record: object, *, strict: bool) -> EdgeRow:
    try:
        return msgspec.convert(record, EdgeRow, strict=strict)
    except msgspec.ValidationError as error:
        raise UnreadableLine(line, _reason(record, error)) from None


def _reason(record: Any, error: Exception) -> str | Text:
    """Return why a record is not an edge: its field, the value and what the field must be.

    If ``error`` names no field, return its own text.
    """
    match = _FIELD.search(str(error))
    if match is None:
        return str(error)
    name = match[1]
    value, expected = f"{record[name]!r:.{_MAX_ECHO}}", _EXPECTED[name]
    return Text(f"{name}：{value} 不是{expected.zh}", f"{name}: {value} is not {expected.en}")


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


def _json_reason(text: bytes, error: Exception) -> str | Text:
    try:
        return _reason(msgspec.json.decode(text), error)
    except (msgspec.DecodeError, UnicodeDecodeError):  # the rest of the line is not JSON either
        return str(error)


def _parquet(path: Path) -> _Numbered:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise StoreError(
            Text(
                "Parquet 需要 pyarrow：pip install 'guanxi[parquet]'",
                "Parquet needs pyarrow: pip install 'guanxi[parquet]'",
            )
        ) from None
    try:
        with parquet.ParquetFile(path) as file:
            line = 0
            for batch in file.iter_batches():
                for record in batch.to_pylist():
                    line += 1
                    fields = {name: value for name, value in record.items() if value is not None}
                    yield line, _converted(line, fields, strict=True)
    except pyarrow.ArrowException as error:
        raise StoreError(
            Text(
                f"{path} 不是可读的 Parquet 文件：{error}",
                f"{path} is not a readable Parquet file: {error}",
            )
        ) from None


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
        raise StoreError(
            Text(
                f"{path} 须以 {', '.join(_READERS)} 之一结尾",
                f"{path} must end in one of {', '.join(_READERS)}",
            )
        ) from None


def read_edges(path: Path) -> Iterator[EdgeRow]:
    """Yield the edges of a file, in order.

    Raises, while iterated: ``UnreadableLine`` for the first line that is not an edge;
    ``StoreError`` if the suffix is unknown, the file cannot be read, or Parquet support is not
    installed.
    """
    reader = _reader(path)
    try:
        if reader is _csv:
            yield from _csv_rows(path)
        else:
            yield from (row for _, row in reader(path))
    except OSError as error:
        raise StoreError(
            Text(f"{path} 无法读取：{error.strerror}", f"{path} cannot be read: {error.strerror}")
        ) from None


async def import_file(
    store: Upkeep,
    path: Path,
    *,
    strict: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Imported:
    """Import the edges of a file; return how many are new, changed and unchanged.

    ``strict`` and ``progress`` are those of ``Upkeep.import_edges``. ``BadLine`` for an invalid
    edge, with the line of the file; other errors as ``read_edges`` and ``Upkeep.import_edges``
    raise them.
    """
    try:
        return await store.import_edges(lambda: read_edges(path), strict=strict, progress=progress)
    except UnreadableLine:
        raise
    except BadLine as error:
        raise BadLine(_line_of(path, error.line), error.reason) from None


def _line_of(path: Path, row: int) -> int:
    """Return the line of the file's edge number ``row``, from 1, by reading the file again.

    Raise OSError if that fails.
    """
    lines = (line for line, _ in _reader(path)(path))
    return next(line for number, line in enumerate(lines, 1) if number == row)
