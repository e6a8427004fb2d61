"""Make plans from an archive: who is followed, unfollowed, blocked or sorted, and why.

Nothing is sent to a server. Each act has the relation that the snapshot shows, so that ``apply``
leaves accounts alone that have changed since.
"""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import msgspec
from msgspec import Struct

from guanxi.text import Text
from guanxi.toolbox import snapshots
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.errors import SelectionError
from guanxi.toolbox.grouping import Rules, checked_name, read_rules, sort_into_groups
from guanxi.toolbox.plan import Act, LeftOut, Plan, Relation, new_header
from guanxi.toolbox.selection import Selection, Words, require_complete, select

#: How many names a remark has.
_NAMED = 10


class Command(Struct, frozen=True):
    """How the plans of a command are made."""

    #: The kind of its acts.
    act: str
    #: The view that its selections are about.
    view: str
    #: The lists that must be complete, in addition to those of the rules.
    needs: tuple[str, ...] = ()
    #: Conditions over ``chosen`` for accounts that are left out, with the reason.
    outs: tuple[tuple[str, Text], ...] = ()
    #: How many more accounts one follows after an act on one that is followed, or is not.
    change: tuple[int, int] = (0, 0)
    #: Conditions over ``chosen`` for remarks; ``{0}`` is how many match, ``{1}`` the first names.
    remarks: tuple[tuple[str, Text], ...] = ()
    #: Whether it leaves alone whom ``guanxi keep`` marked.
    marks: bool = True
    #: What comes first in the order of the acts.
    order: str = "NULL"


_FOLLOWED = "attribute IN (2, 6)"
_MUTUAL = (
    "attribute = 6",
    Text("其中互相关注的（{0}）：{1}", "mutual among them ({0}): {1}"),
)
_DEREGISTERED = ("state = 'deregistered'", Text("已注销", "deregistered"))
_MEMBERS = ("followings", "groups")

COMMANDS = {
    "unfollow": Command(
        "unfollow",
        "followings",
        change=(-1, 0),
        remarks=(
            ("special", Text("其中特别关注的（{0}）：{1}", "special among them ({0}): {1}")),
            _MUTUAL,
        ),
    ),
    "follow": Command(
        "follow",
        "accounts",
        needs=("followings",),
        outs=(
            (_FOLLOWED, Text("已关注", "already followed")),
            ("attribute = 1", Text("已悄悄关注", "already followed silently")),
            ("attribute = 128", Text("在黑名单中，请先取消拉黑", "blocked: unblock it first")),
            _DEREGISTERED,
        ),
        change=(0, 1),
        marks=False,  # it takes nobody away
    ),
    "remove-follower": Command(
        "remove_follower",
        "followers",
        remarks=(
            (
                "1",
                Text(
                    "移除的粉丝（{0}）无法撤销，只能由对方重新关注：{1}",
                    "undo cannot bring removed followers ({0}) back: {1}",
                ),
            ),
            _MUTUAL,
        ),
    ),
    "block": Command(
        "block",
        "accounts",
        needs=("followings",),
        outs=(("attribute = 128", Text("已拉黑", "already blocked")),),
        change=(-1, 0),
        remarks=(
            (
                "attribute IN (1, 2, 6)",
                Text(
                    "其中你关注的（{0}），拉黑会取消关注：{1}",
                    "followed among them ({0}), which a block ends: {1}",
                ),
            ),
            _MUTUAL,
        ),
        order="attribute NOT IN (1, 2, 6), attribute <> 6",
    ),
    "unblock": Command("unblock", "blocks"),
    "group": Command("set_groups", "followings", needs=_MEMBERS, order="target"),
    "special": Command("set_groups", "followings", needs=_MEMBERS, order="groups"),
}
_IN_LIST = Text("快照的 {0} 中没有", "not among the {0} of the snapshot")
_IN_REASON = {
    1: Text("；悄悄关注", "; followed silently"),
    2: Text("；你关注了此账号", "; you follow it"),
    6: Text("；互相关注", "; mutual"),
}
_CAPPED = Text(
    "快照只有 {0} 的 {1} 个，共 {2} 个：其余的不在此计划中",
    "the snapshot has {1} of {2} {0}: the others are not in this plan",
)


def plan(
    archive: Archive,
    path: Path | str,
    command: str,
    selection: Selection,
    now: int,
    *,
    words: Words = str,
    to: tuple[str, ...] = (),
    rules: Path | str | None = None,
    add: bool = False,
    off: bool = False,
) -> Plan:
    """Write the plan of ``command``, one of ``COMMANDS``, from the newest snapshot; return it.

    ``archive`` has the snapshot, ``path`` gets the plan, and ``selection`` says of whom.

    ``to`` (names of groups) or ``rules`` (a file, see ``grouping``) are for ``group``: an account
    is afterwards in these groups and no others, or with ``add`` also in those that it is in.
    ``off`` is for ``special``: it is no longer special. ``words`` chooses the language of the
    reasons. ``now``: seconds since the Unix epoch.

    Raise SelectionError for a selection without rules (of ``group`` with ``rules`` that is
    everyone), a list that is not complete where that matters, and as ``select``; OSError for a file
    that cannot be read or written. Then no plan is written, and an old file stays.
    """
    shape = COMMANDS[command]
    names = tuple(dict.fromkeys(map(checked_name, to)))
    _check_options(command, selection, names, rules)
    sorting = read_rules(rules) if rules is not None else Rules()
    with archive.consistent() as db:
        number = newest(archive)
        require_complete(archive, number, *shape.needs)
        readings = snapshots.readings(archive, number)
        complete = {name for name, reading in readings.items() if reading.complete}
        select(archive, shape.view, selection, now, words, marks=shape.marks)
        _leave_out(db, shape, complete=shape.view in complete, words=words)
        created: tuple[str, ...] = ()
        if command == "special":
            _set_special(db, special=not off, words=words)
        elif command == "group":
            created = sort_into_groups(archive, sorting, names, add=add, words=words)
        reason = words(Text("计划需要此分组", "the plan needs it"))
        needed = (Act(0, "create_group", reason, group=name) for name in created)
        known = "followings" in complete or shape.view == "followings"
        options = [str(selection), *(shlex.join(("--to", name)) for name in names)]
        options += [shlex.join(("--rules", str(rules)))] if rules is not None else []
        options += ["--add"] * add + ["--off"] * off
        header = new_header(
            command,
            archive.identity,
            now,
            snapshot=number,
            selection=" ".join(filter(None, options)),
            followings=readings["followings"].total if "followings" in readings else None,
            change=_change(db, shape),
            remarks=tuple(_remarks(db, shape, readings, words)),
        )
        acts = chain(needed, _acts(db, shape, words, known=known))
        return Plan.write(path, header, acts, left_out(db))


def _check_options(
    command: str, selection: Selection, to: tuple[str, ...], rules: Path | str | None
) -> None:
    if (bool(to) + (rules is not None)) != (command == "group"):
        raise SelectionError(
            "plan group 需要 --to 或 --rules 之一，其他计划都不需要",
            "plan group needs either --to or --rules, and no other plan does",
        )
    if selection.left and selection.diff is None:
        raise SelectionError("--left 需要 --diff", "--left needs --diff")
    if not selection.rules and rules is None:
        raise SelectionError(
            "请选择账号，例如 --ids、--group 或 --where；全部为 --where 1",
            "select accounts, by --ids, --group or --where for example; --where 1 is all",
        )


def left_out(db: sqlite3.Connection) -> Iterator[LeftOut]:
    """Yield the accounts of the table ``chosen`` that are left alone, each with its reason."""
    rows = db.execute("SELECT mid, name, out FROM chosen WHERE out IS NOT NULL ORDER BY mid")
    yield from (LeftOut(row["mid"], row["name"], row["out"]) for row in rows)


def names_of(db: sqlite3.Connection, condition: str) -> tuple[int, str]:
    """Return how many acts of ``chosen`` match a condition, and the first of their names."""
    matching = f"FROM chosen WHERE out IS NULL AND ({condition})"
    [count] = db.execute(f"SELECT count(*) {matching}").fetchone()
    rows = db.execute(f"SELECT name, mid {matching} ORDER BY mid LIMIT {_NAMED}")
    names = ", ".join(row["name"] or str(row["mid"]) for row in rows)
    return count, names + (", …" if count > _NAMED else "")


def newest(archive: Archive) -> int:
    """Return the number of the newest snapshot. Raise SelectionError without one."""
    number = archive.newest()
    if number is None:
        raise SelectionError(
            "档案中还没有快照：请先运行 guanxi backup",
            "the archive has no snapshot: run guanxi backup first",
        )
    return number


def _leave_out(db: sqlite3.Connection, shape: Command, *, complete: bool, words: Words) -> None:
    if shape.view in snapshots.LISTS and complete:  # otherwise nobody knows, and apply looks
        absent = words(_IN_LIST).format(shape.view)
        db.execute("UPDATE chosen SET out = ? WHERE NOT listed", (absent,))
    for condition, text in shape.outs:
        sql = f"UPDATE chosen SET out = ? WHERE out IS NULL AND ({condition})"
        db.execute(sql, (words(text),))


def _set_special(db: sqlite3.Connection, *, special: bool, words: Words) -> None:
    out = Text("不是特别关注", "not special")
    if special:
        out = Text("已是特别关注", "already special")
    already = "UPDATE chosen SET out = ? WHERE out IS NULL AND special = ?"
    db.execute(already, (words(out), special))
    db.execute("UPDATE chosen SET target = coalesce(groups, '[]'), made_special = ?", (special,))


def _change(db: sqlite3.Connection, shape: Command) -> int:
    """Return how many more accounts one follows after the plan."""
    followed, others = (names_of(db, which)[0] for which in (_FOLLOWED, f"NOT {_FOLLOWED}"))
    return followed * shape.change[0] + others * shape.change[1]


def _remarks(
    db: sqlite3.Connection, shape: Command, readings: dict[str, snapshots.Reading], words: Words
) -> Iterator[str]:
    for condition, text in shape.remarks:
        count, names = names_of(db, condition)
        if count:
            yield words(text).format(count, names)
    reading = readings.get(shape.view)
    if reading is not None and not reading.complete:
        yield words(_CAPPED).format(shape.view, reading.shown, reading.total or "?")


def _acts(db: sqlite3.Connection, shape: Command, words: Words, *, known: bool) -> Iterator[Act]:
    """Yield the acts of ``chosen``: the order of a file of ids, else the oldest followed first.

    So the order of a list on the server is kept. Acts of ``set_groups`` with the same groups follow
    each other, which takes one call for fifty. ``known``: whether the relation to everyone in the
    list is known.
    """
    rows = db.execute(
        f"""SELECT * FROM chosen WHERE out IS NULL
        ORDER BY {shape.order}, position IS NULL, position, since, tie, mid"""
    )
    for row in rows:
        note = _IN_REASON.get(row["attribute"]) if shape.act == "block" else None
        relation = relation_of(row["attribute"], row["special"], row["groups"], row["since"])
        listed = row["listed"] or shape.view not in snapshots.LISTS
        yield Act(
            0,
            shape.act,
            row["reason"] + (words(note) if note else ""),
            mid=row["mid"],
            name=row["name"],
            groups=names_in(row["target"]),
            special=bool(row["made_special"]),
            expect=relation if known and listed else None,
        )


def relation_of(
    attribute: int | None, special: int | None, groups: str | None, since: int | None
) -> Relation:
    """Return the relation that columns of the archive have; all None: none."""
    return Relation(attribute or 0, bool(special), names_in(groups), since or 0)


def names_in(groups: str | None) -> tuple[str, ...]:
    """Return names of groups from a JSON array of them; none from None."""
    return msgspec.json.decode(groups, type=tuple[str, ...]) if groups else ()
