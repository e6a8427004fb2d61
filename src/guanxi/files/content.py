"""Import of documents from files: each with its owner and kind (docs/content.md).

JSON Lines, plain or compressed by gzip, need no DuckDB; the other forms that an export writes do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

from guanxi.files import table
from guanxi.files.coding import GZIP, STDIN, copied, failures, opened
from guanxi.files.folders import temporary_folder
from guanxi.files.outcome import reason
from guanxi.files.table import Request, Shape
from guanxi.stores.port import BadLine, Store
from guanxi.text import Text
from guanxi.world.keys import KEY
from guanxi.world.kind import Entry
from guanxi.world.kinds import entry_of

COLUMNS = ("owner", "kind", "document")
SHAPE = Shape(names=COLUMNS, required=COLUMNS)
_HEAD, _CHUNK = 4, 1_000
#: Kinds that a file of content may not have, and what to use instead: only the verbs on accounts
#: keep a key unique, and one for each account.
NOT_IN_FILES = {
    KEY.name: Text(
        "kind：'key' 不能作为内容导入；请用 `guanxi store import accounts` 的 key 列",
        "kind: 'key' cannot be imported as content; use the column key of"
        " `guanxi store import accounts`",
    )
}


def read_content(path: Path) -> Iterator[tuple[int, Entry]]:
    """Yield the documents of a file, each with its line number from 1; skip blank lines.

    The file is JSON Lines, CSV or Parquet, plain or compressed by gzip or zstd. ``BadLine`` for the
    first line that is not a document, or is of a kind in ``NOT_IN_FILES``; ``StoreError`` if the
    file cannot be read, or needs DuckDB and that is not installed.
    """
    with failures(path), temporary_folder("guanxi-content-") as folder:
        if path == STDIN:
            path = copied(sys.stdin.buffer, Path(folder, "<stdin>"))
        elif path.exists() and not path.is_file():  # a pipe can be read only once
            with path.open("rb") as pipe:
                path = copied(pipe, Path(folder, path.name))
        for number, line in _json_lines(path) if _is_json_lines(path) else _table_lines(path):
            try:
                entry = entry_of(line)
            except ValueError as error:
                raise BadLine(number, str(error)) from None
            if entry.kind in NOT_IN_FILES:
                raise BadLine(number, NOT_IN_FILES[entry.kind])
            yield number, entry


def _opened(path: Path) -> IO[bytes]:
    """Open a file, decompressed if it is gzip."""
    with path.open("rb") as file:
        is_gzip = file.read(len(GZIP)) == GZIP
    return opened(path, "gzip" if is_gzip else "none")


def _is_json_lines(path: Path) -> bool:
    """Return whether the first line that is not blank begins an object, or none is there."""
    with _opened(path) as file:
        first = next((line for line in file if not line.isspace()), b"{")
        return first.lstrip().startswith(b"{")


def _json_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with _opened(path) as file:
        for number, line in enumerate(file, 1):
            if not line.isspace():
                yield number, line


def _table_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the rows of another form as JSON. Raise BadLine for a line that is none."""
    with table.opened(Request(files=(path,), exact=True), SHAPE) as (db, [part]):
        with table.failures(db, path):
            found = db.execute(f"SELECT line, fault, {', '.join(COLUMNS)} FROM ({part.select})")
            rows = found.fetchmany(_CHUNK)
        while rows:
            for line, fault, owner, kind, document in rows:
                if fault is not None:
                    raise BadLine(line, reason(fault, None))
                fields = {
                    "owner": int(owner)
                    if owner and len(owner) < 20 and owner.isdecimal()
                    else owner,
                    "kind": kind,
                    "document": msgspec.Raw((document or "null").encode()),
                }
                yield line, msgspec.json.encode(fields)
            with table.failures(db, path):
                rows = found.fetchmany(_CHUNK)
        if rejected := table.rejected(db, part.rejects):
            line, fault = next(iter(rejected.items()))
            raise BadLine(line, reason(fault, None))


async def import_content(store: Store, path: Path) -> int:
    """Store the documents of a file, all or none; return their number.

    A document replaces the stored one with its owner, kind and id (of a unique kind, that of any
    owner). ``BadLine`` for the first line that ``read_content`` refuses, or whose owner has no
    account; ``StoreError`` if the file cannot be read or the store fails.
    """
    lines = list(read_content(path))
    known = await store.cards(list({entry.owner for _, entry in lines}))
    for number, entry in lines:
        if entry.owner not in known:
            raise BadLine(
                number, Text(f"没有账号 {entry.owner}", f"there is no account {entry.owner}")
            )
    await store.put([entry for _, entry in lines])
    return len(lines)
