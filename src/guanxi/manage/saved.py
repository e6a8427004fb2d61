"""Saved views of a list: filters, order and columns under a name, kept in the archive."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from guanxi.toolbox.archive import Archive
from guanxi.toolbox.errors import SelectionError

_MOST, _LONGEST = 50, 40
#: How the rows of the archive's table of names begin.
_PREFIX = "view:"


def views(archive: Archive, name: str) -> dict[str, dict[str, str]]:
    """Return the saved views of a list by their names, each with the values of its address."""
    begin = f"{_PREFIX}{name}:"
    rows = archive.rows(
        "SELECT substr(name, ?), value FROM meta WHERE substr(name, 1, ?) = ? ORDER BY name",
        (len(begin) + 1, len(begin), begin),
    )
    return {view: msgspec.json.decode(value, type=dict[str, str]) for view, value in rows}


def save(archive: Archive, name: str, view: str, values: Mapping[str, str]) -> None:
    """Save a view of the list ``name`` in place of one that is called the same.

    Raise SelectionError for a name that is empty or has over 40 characters, and for the 51st view.
    """
    view = " ".join(view.split())
    if not 0 < len(view) <= _LONGEST or not view.isprintable():
        raise SelectionError(
            f"视图名称须为 1 到 {_LONGEST} 个字符",
            f"the name of a view has 1 to {_LONGEST} characters",
        )
    saved = views(archive, name)
    if view not in saved and len(saved) >= _MOST:
        raise SelectionError(
            f"最多保存 {_MOST} 个视图，请先删除一个",
            f"there are {_MOST} saved views, and no more fit: delete one first",
        )
    body = msgspec.json.encode(dict(values)).decode()
    with archive.transaction() as db:
        db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"{_PREFIX}{name}:{view}", body))


def forget(archive: Archive, name: str, view: str) -> None:
    """Delete a saved view; do nothing if there is none of this name."""
    with archive.transaction() as db:
        db.execute("DELETE FROM meta WHERE name = ?", (f"{_PREFIX}{name}:{view}",))
