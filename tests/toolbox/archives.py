"""Archives for tests: snapshots of lists that a test writes down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from guanxi.contract.structs import RelationItem
from guanxi.toolbox import snapshots
from guanxi.toolbox.archive import Archive, Identity
from guanxi.toolbox.snapshots import Reading

ME = Identity("http://127.0.0.1:8000", 1, "me")
DAY = 86_400


def item(
    mid: int,
    *,
    name: str = "",
    since: int = 0,
    mutual: bool = False,
    special: bool = False,
    groups: Iterable[int] = (),
    sign: str = "",
    attribute: int | None = None,
) -> RelationItem:
    """Return an item of a list as the server shows it; since: seconds since the Unix epoch."""
    return RelationItem(
        mid=mid,
        attribute=(6 if mutual else 2) if attribute is None else attribute,
        mtime=since or 1_000 + mid,
        tag=[*groups] or None,
        special=int(special),
        uname=name or f"u{mid}",
        sign=sign,
    )


def add_snapshot(
    archive: Archive,
    now: int,
    groups: Sequence[tuple[int, str]] | None = None,
    *,
    incomplete: Sequence[str] = (),
    **lists: Sequence[RelationItem],
) -> int:
    """Add a snapshot of these lists, newest first; those named in ``incomplete`` hit a cap."""
    number = snapshots.begin(archive, now)
    readings = {}
    with archive.transaction() as db:
        for name, items in lists.items():
            snapshots.stage(db, name, items, start=0)
            whole = name not in incomplete
            total = len(items) if whole else len(items) + 100
            readings[name] = Reading(total, len(items), whole, None if whole else "cap")
        if groups is not None:
            snapshots.stage_groups(db, groups)
            readings["groups"] = Reading(len(groups), len(groups), complete=True)
    snapshots.finish(archive, number, readings, now, calls=1)
    return number


def new_archive(folder: Path) -> Archive:
    """Create an empty archive of account 1."""
    return Archive.create(folder / "archive.db", ME)
