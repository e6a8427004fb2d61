"""Export of a store's edges, accounts or content to a file: CSV, JSON Lines or Parquet.

An export is one stream of the store, so it reads one snapshot. Rows are written as JSON Lines or
CSV while they arrive. Parquet, .zst and a filter need DuckDB: the rows are first written to a
temporary JSON Lines file, which DuckDB filters and converts. Sessions and tokens are not exported.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import astuple, replace

from guanxi.accounts.account import Ban, Card, Privacy
from guanxi.files import conversion
from guanxi.files.content import NOT_IN_FILES
from guanxi.files.conversion import groups_cell
from guanxi.files.output import Form, form_of, whole_file, write_all, written
from guanxi.stores.port import AccountRow, EdgeRow, Store
from guanxi.world.kind import Entry

#: How many rows are encoded at a time.
CHUNK = 10_000

#: Called with the number of rows read so far.
Progress = Callable[[int], None]


#: Called with the cursor of the feed of changes after the snapshot; None if the feed is off.
At = Callable[[str | None], object]


class Export(NamedTuple):
    """What one export contains."""

    #: Return the rows of a store, in a fixed order, from one snapshot; call the function with the
    #: cursor of the feed of changes after it, if these rows are in the feed.
    rows: Callable[[Store, At], AsyncIterator[Any]]
    #: Return a row as a value that is encoded as one JSON object.
    record: Callable[[Any], object]
    #: Return a row as the cells of a line of CSV.
    cells: Callable[[Any], Iterable[object]]
    #: The columns in order, with their types in DuckDB.
    columns: dict[str, str]


class Exported(Struct, frozen=True):
    """The number of rows and bytes that an export wrote, and the cursor of its snapshot.

    The cursor is that of the feed of changes; None if it is off, and for content.
    """

    rows: int
    bytes: int
    cursor: str | None = None


def _switch(*, value: bool) -> str:
    return "true" if value else "false"


def _edge_record(row: EdgeRow) -> EdgeRow:
    # Sorted, because an import creates groups anew: their order in the store is not that of before.
    return replace(row, groups=sorted(row.groups)) if len(row.groups) > 1 else row


def _edge_cells(row: EdgeRow) -> Iterable[object]:
    follower, followed, time, kind, special, groups, contract, finer, visits = astuple(row)
    return (
        follower,
        followed,
        time,
        kind,
        _switch(value=special),
        groups_cell(sorted(groups)) if groups else "",
        "" if contract is None else msgspec.json.encode(contract).decode(),
        finer,
        visits,
    )


def _account_record(row: AccountRow) -> dict[str, object]:
    account, card, key, created = row
    fields = msgspec.structs.asdict(card) | msgspec.structs.asdict(account.privacy)
    ban = account.ban or Ban()
    return {
        "mid": account.mid,
        **fields,
        "state": account.state.name.lower(),
        "ban_reason": ban.reason,
        "ban_until": ban.until,
        "created": created,
        "key": key,
    }


def _account_cells(row: AccountRow) -> Iterable[object]:
    for value in _account_record(row).values():
        yield _switch(value=value) if isinstance(value, bool) else value


def _entry_record(row: Entry) -> dict[str, object]:
    return {"owner": row.owner, "kind": row.kind, "document": msgspec.Raw(row.body)}


def _entry_cells(row: Entry) -> Iterable[object]:
    return row.owner, row.kind, row.body.decode()


async def _content(store: Store) -> AsyncIterator[Entry]:
    """Yield the documents that an import of content accepts: an account's key is in its export."""
    async for entry in store.entries():
        if entry.kind not in NOT_IN_FILES:
            yield entry


def _types(kind: type[Struct]) -> dict[str, str]:
    """Return the DuckDB type of each field of a struct of texts, numbers and switches."""
    types = {str: "VARCHAR", int: "BIGINT", bool: "BOOLEAN"}
    return {name: types[type(value)] for name, value in msgspec.structs.asdict(kind()).items()}


#: By the name that the command has for it.
EXPORTS = {
    "edges": Export(
        lambda store, at: store.edges(0, at, requests=True),
        _edge_record,
        _edge_cells,
        {
            "follower": "BIGINT",
            "followed": "BIGINT",
            "time": "BIGINT",
            "kind": "VARCHAR",
            "special": "BOOLEAN",
            "groups": "VARCHAR[]",
            "contract": "STRUCT(ts BIGINT, user_attr BIGINT)",
            "finer": "BIGINT",
            "visits": "BIGINT",
        },
    ),
    "accounts": Export(
        lambda store, at: store.accounts(0, at),
        _account_record,
        _account_cells,
        {
            "mid": "BIGINT",
            **_types(Card),
            **_types(Privacy),
            "state": "VARCHAR",
            "ban_reason": "VARCHAR",
            "ban_until": "BIGINT",
            "created": "BIGINT",
            "key": "VARCHAR",
        },
    ),
    "content": Export(
        lambda store, _: _content(store),
        _entry_record,
        _entry_cells,
        {"owner": "BIGINT", "kind": "VARCHAR", "document": "JSON"},
    ),
}


async def export_file(
    store: Store,
    export: Export,
    path: Path,
    *,
    where: str | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Write an export to a file, which appears whole or not at all.

    The name's ending chooses the form: .csv, .jsonl, .ndjson or .parquet; the first three also
    with .gz or .zst. ``where`` is an SQL expression over the export's columns. ``force`` replaces
    an existing file. ``progress`` is called with the number of rows read so far. Raise StoreError
    if the ending is unknown, the file exists or cannot be written, ``where`` is invalid, DuckDB is
    needed and not installed, or the store fails.
    """
    form = form_of(path)
    _check(export, form, where)
    with whole_file(path, force=force) as temporary:
        done = await _write(store, export, form, temporary, where=where, progress=progress)
        return replace(done, bytes=temporary.stat().st_size)


async def export_stream(
    store: Store,
    export: Export,
    form: Form,
    out: IO[bytes],
    *,
    where: str | None = None,
    progress: Progress | None = None,
) -> Exported:
    """Write an export to an open binary file, in a form without compression.

    Arguments and errors are those of ``export_file``; an OSError of ``out`` passes on.
    """
    _check(export, form, where)
    if where is None:
        return await _stream(store, export, form, out, progress)
    with written() as folder:
        temporary = folder / f"export.{form.name}"
        done = await _write(store, export, form, temporary, where=where, progress=progress)
        size = temporary.stat().st_size
        with temporary.open("rb") as file:
            while block := file.read(1 << 20):
                write_all(out, block)
    return replace(done, bytes=size)


def _check(export: Export, form: Form, where: str | None) -> None:
    if where is not None or conversion.needs_duckdb(form):
        conversion.check_filter(export.columns, where)


async def _write(
    store: Store,
    export: Export,
    form: Form,
    target: Path,
    *,
    where: str | None,
    progress: Progress | None,
) -> Exported:
    """Write the rows to the file ``target``, by DuckDB if that is needed; ``bytes`` may be 0."""
    if where is None and not conversion.needs_duckdb(form):
        with form.open(target) as out:
            return await _stream(store, export, form, out, progress)
    staged = target.with_name("staged.jsonl")
    longest = 0
    cursors: list[str | None] = []
    with staged.open("wb") as out:
        async for chunk in _chunks(export.rows(store, cursors.append), progress):
            lines = msgspec.json.Encoder().encode_lines([export.record(row) for row in chunk])
            longest = max(longest, len(lines))
            out.write(lines)
    rows = conversion.convert(staged, target, export.columns, form, where=where, longest=longest)
    return Exported(rows, 0, *cursors)


async def _stream(
    store: Store, export: Export, form: Form, out: IO[bytes], progress: Progress | None
) -> Exported:
    encode = _LINES[form.name]
    rows = size = 0
    cursors: list[str | None] = []
    for block in encode(export, None):
        size += write_all(out, block)
    async for chunk in _chunks(export.rows(store, cursors.append), progress):
        rows += len(chunk)
        for block in encode(export, chunk):
            size += write_all(out, block)
    return Exported(rows, size, *cursors)


def _json_lines(export: Export, chunk: list[Any] | None) -> Iterator[bytes]:
    if chunk is not None:
        yield msgspec.json.Encoder().encode_lines([export.record(row) for row in chunk])


def _csv_lines(export: Export, chunk: list[Any] | None) -> Iterator[bytes]:
    """Yield the lines of a chunk; those of None are the header."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([export.columns] if chunk is None else map(export.cells, chunk))
    yield text.getvalue().encode()


_LINES: dict[str, Callable[[Export, list[Any] | None], Iterator[bytes]]] = {
    "csv": _csv_lines,
    "json": _json_lines,
}


async def _chunks(rows: AsyncIterator[Any], progress: Progress | None) -> AsyncIterator[list[Any]]:
    """Yield the rows in lists of ``CHUNK``; the last may be shorter."""
    count = 0
    chunk: list[Any] = []
    async for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            yield chunk
            count += len(chunk)
            chunk = []
            if progress is not None:
                progress(count)
    if chunk:
        yield chunk
        if progress is not None:
            progress(count + len(chunk))
