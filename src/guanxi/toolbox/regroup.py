"""Plans about a group itself: create, rename or delete it.

A group that is renamed is created under its new name, its members are moved, and the old one is
deleted, so that undo knows each step. Members of a deleted group leave it first.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from guanxi.text import Text
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.errors import SelectionError
from guanxi.toolbox.grouping import checked_name
from guanxi.toolbox.plan import Act, Plan, new_header
from guanxi.toolbox.planning import names_in, newest, relation_of
from guanxi.toolbox.selection import GROUP_NAMES, Words, require_complete

_MEMBERS = f"""
SELECT i.mid, p.name, i.attribute, i.special, i.since, {GROUP_NAMES.format("i")} AS groups
FROM item AS i LEFT JOIN profile AS p ON p.mid = i.mid AND p.until IS NULL
WHERE i.list = 'followings' AND i.until IS NULL
    AND i.mid IN (SELECT mid FROM members WHERE group_name = ?)
ORDER BY groups, i.special, i.since, i.tie"""
_CREATED = Text("由你新建", "created by you")
_RENAMED = Text("由“{0}”改名为“{1}”", "{0} is renamed to {1}")
_DELETED = Text("分组“{0}”将被删除", "the group {0} is deleted")
_NEW_ID = Text(
    "改名会新建分组并移动成员：它有新的 id，并排在最后",
    "renaming creates the group anew and moves its members: it has a new id, and comes last",
)


def plan_group(
    archive: Archive,
    path: Path | str,
    now: int,
    *,
    old: str = "",
    new: str = "",
    words: Words = str,
) -> Plan:
    """Write the plan that creates the group ``new``, renames ``old`` to it, or deletes ``old``.

    Raise SelectionError for a name that is invalid, exists already or does not exist, and for a
    snapshot whose followings or groups are not complete; OSError if the file cannot be written.
    """
    number = newest(archive)
    require_complete(archive, number, "followings", "groups")
    known = {row["name"] for row in archive.rows("SELECT name FROM groups")}
    new = checked_name(new) if new else ""
    if old and old not in known:
        raise SelectionError(f"没有分组 {old}", f"there is no group {old}")
    if new in known:
        raise SelectionError(f"已有分组 {new}", f"there is a group {new} already")
    why = words(_RENAMED if old and new else _DELETED if old else _CREATED).format(old, new)
    header = new_header(
        "group",
        archive.identity,
        now,
        snapshot=number,
        remarks=(words(_NEW_ID),) if old and new else (),
    )
    return Plan.write(path, header, _acts(archive, old, new, why))


def _acts(archive: Archive, old: str, new: str, why: str) -> Iterator[Act]:
    if new:
        yield Act(0, "create_group", why, group=new)
    for row in archive.rows(_MEMBERS, (old,)) if old else ():
        groups = names_in(row["groups"])
        kept = (new if name == old else name for name in groups)
        yield Act(
            0,
            "set_groups",
            why,
            mid=row["mid"],
            name=row["name"] or "",
            groups=tuple(name for name in kept if name),
            special=bool(row["special"]),
            expect=relation_of(row["attribute"], row["special"], row["groups"], row["since"]),
        )
    if old:
        yield Act(0, "delete_group", why, group=old)
