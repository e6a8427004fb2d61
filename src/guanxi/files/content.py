"""Import of documents from JSON Lines: one with its owner and kind a line (docs/content.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from guanxi.stores.port import BadLine, Store, StoreError
from guanxi.text import Text
from guanxi.world.kind import Entry
from guanxi.world.kinds import entry_of


def read_content(path: Path) -> Iterator[tuple[int, Entry]]:
    """Yield the documents of a file, each with its line number from 1; skip blank lines.

    ``BadLine`` for the first line that is not a document; ``StoreError`` if the file cannot be
    read.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.isspace():
                    continue
                try:
                    yield number, entry_of(line)
                except ValueError as error:
                    raise BadLine(number, str(error)) from None
    except OSError as error:
        raise StoreError(
            Text(f"{path} 无法读取：{error.strerror}", f"{path} cannot be read: {error.strerror}")
        ) from None


async def import_content(store: Store, path: Path) -> int:
    """Store the documents of a file, all or none; return their number.

    A document replaces the stored one with its owner, kind and id (of a unique kind, that of any
    owner). ``BadLine`` for the first line that is not a document, or whose owner has no account;
    ``StoreError`` if the file cannot be read or the store fails.
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
