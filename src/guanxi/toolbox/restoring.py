"""Plan to bring back what an older snapshot had: followings in their order, groups, blocks.

Only what was lost or changed is brought back. Who came since then stays.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from guanxi.text import Text
from guanxi.toolbox import snapshots
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.effects import JUST_FOLLOWED
from guanxi.toolbox.plan import Act, Plan, Relation, new_header
from guanxi.toolbox.planning import left_out, names_in, newest, relation_of
from guanxi.toolbox.selection import (
    BETWEEN,
    KEPT,
    THEN,
    Words,
    keep_marked,
    require_complete,
)

#: The followings of a snapshot, with the names of their groups as sorted JSON.
_STATE = """
CREATE TEMP TABLE {0} AS
SELECT i.mid, i.since, i.tie, i.special, i.attribute, (
    SELECT json_group_array(name) FROM (
        SELECT g.name FROM json_each(i.groups) AS e JOIN grp AS g ON g.id = e.value AND {g}
        ORDER BY g.name)) AS groups
FROM item AS i WHERE i.list = 'followings' AND {i}"""
_CHOSEN = f"""
CREATE TEMP TABLE chosen AS
SELECT o.mid, coalesce(a.name, '') AS name, n.mid IS NULL AS lost, 0 AS block,
    n.mid IS NULL AND b.mid IS NOT NULL AS blocked, o.groups, o.special, o.since, o.tie,
    n.attribute, n.special AS special_now, n.groups AS groups_now, n.since AS since_now,
    CASE WHEN n.mid IS NULL AND a.state = 'deregistered' THEN :deregistered END AS out
FROM old AS o
LEFT JOIN current AS n ON n.mid = o.mid
LEFT JOIN accounts AS a ON a.mid = o.mid
LEFT JOIN item AS b ON b.list = 'blocks' AND b.mid = o.mid AND b.until IS NULL
WHERE n.mid IS NULL OR n.special <> o.special OR n.groups <> o.groups
UNION ALL
SELECT d.mid, coalesce(a.name, ''), 0, 1, 0, '[]', 0, coalesce(n.since, 0), coalesce(n.tie, 0),
    n.attribute, n.special, n.groups, n.since,
    CASE WHEN a.state = 'deregistered' THEN :deregistered ELSE k.reason END
FROM ({BETWEEN.format(list="blocks")}) AS d
LEFT JOIN current AS n ON n.mid = d.mid
LEFT JOIN accounts AS a ON a.mid = d.mid
LEFT JOIN kept AS k ON k.mid = d.mid
WHERE :blocks"""
#: The kinds of acts in their order, with the condition over ``chosen`` and what orders them.
_ACTS = (
    ("unblock", "blocked", "since, tie"),
    ("follow", "lost", "since, tie"),
    ("set_groups", "NOT block AND (NOT lost OR special OR groups <> '[]')", "groups, special"),
    ("block", "block", "mid"),
)
_REASONS = {
    "unblock": Text("快照 {0} 中已关注，现被拉黑", "followed in snapshot {0}, blocked now"),
    "follow": Text("快照 {0} 中已关注", "followed in snapshot {0}"),
    "set_groups": Text("快照 {0} 中的分组", "its groups in snapshot {0}"),
    "block": Text("快照 {0} 中已拉黑", "blocked in snapshot {0}"),
    "create_group": Text("快照 {0} 中有此分组", "a group of snapshot {0}"),
}
_TIMES = Text(
    "关注时间（{0}）无法恢复，原有顺序可以",
    "times of following ({0}) cannot come back; the old order can",
)
_STAY = Text(
    "此后新关注的 {0} 个账号不变；取消关注：plan unfollow --diff {1} {2}",
    "followings since then ({0}) stay: plan unfollow --diff {1} {2} selects them",
)
_GONE = (
    ("whispers", Text("{0} 个悄悄关注无法恢复", "silent followings ({0}) cannot come back")),
    ("followers", Text("离开的 {0} 个粉丝无法恢复", "followers who left ({0}) cannot come back")),
)
_NO_BLOCKS = Text(
    "未比较黑名单：它在两个快照之一中不完整",
    "blocks are not compared: in one of the snapshots their list is not complete",
)


def restore(
    archive: Archive,
    path: Path | str,
    at: int,
    now: int,
    *,
    ignore_keep: bool = False,
    words: Words = str,
) -> Plan:
    """Write the plan that brings back what the snapshot ``at`` had and the newest one has not.

    ``archive`` has both snapshots; the plan is written to ``path`` and returned.

    Its remarks list what cannot come back. Whoever is marked by ``guanxi keep`` is not blocked,
    unless ``ignore_keep``. ``words`` chooses the language of the reasons. ``now``: seconds since
    the Unix epoch.

    Raise NoSuchSnapshot, SelectionError if followings or groups of one of both snapshots are not
    complete, and OSError if the file cannot be written.
    """
    with archive.consistent() as db:
        number = newest(archive)
        for one in (at, number):
            require_complete(archive, one, "followings", "groups")
        known = [snapshots.readings(archive, one) for one in (at, number)]

        def compared(name: str) -> bool:
            return all(name in one and one[name].complete for one in known)

        db.execute(KEPT)
        if not ignore_keep:
            keep_marked(db, words)
        for table, snapshot in (("old", at), ("current", number)):
            db.execute(
                _STATE.format(table, g=THEN.format("g", snapshot), i=THEN.format("i", snapshot))
            )
            db.execute(f"CREATE UNIQUE INDEX temp.{table}_mid ON {table} (mid)")
        values = {
            "there": at,
            "absent": number,
            "blocks": compared("blocks"),
            "deregistered": words(Text("已注销", "deregistered")),
        }
        db.execute(_CHOSEN, values)
        remarks = _remarks(db, at, number, words)
        for name, text in _GONE:
            count = _count(db, name, at, number) if compared(name) else 0
            remarks += [words(text).format(count)] if count else []
        remarks += [] if compared("blocks") else [words(_NO_BLOCKS)]
        [follows] = db.execute("SELECT total(lost) FROM chosen WHERE out IS NULL").fetchone()
        ended = "SELECT count(*) FROM chosen WHERE out IS NULL AND block AND attribute"
        header = new_header(
            "restore",
            archive.identity,
            now,
            snapshot=number,
            selection=f"--at {at}" + " --ignore-keep" * ignore_keep,
            followings=known[1]["followings"].total,
            change=int(follows) - db.execute(ended).fetchone()[0],
            remarks=tuple(remarks),
        )
        return Plan.write(path, header, _acts(db, at, words), left_out(db))


def _remarks(db: sqlite3.Connection, at: int, number: int, words: Words) -> list[str]:
    remarks = []
    [follows] = db.execute("SELECT count(*) FROM chosen WHERE lost AND out IS NULL").fetchone()
    if follows:
        remarks.append(words(_TIMES).format(follows))
    stay = _count(db, "followings", number, at)
    if stay:
        remarks.append(words(_STAY).format(stay, at, number))
    return remarks


def _count(db: sqlite3.Connection, name: str, there: int, absent: int) -> int:
    """Return how many are in a list at the snapshot ``there``, and not at ``absent``."""
    sql = f"SELECT count(*) FROM ({BETWEEN.format(list=name)})"
    count: int = db.execute(sql, {"there": there, "absent": absent}).fetchone()[0]
    return count


def _acts(db: sqlite3.Connection, at: int, words: Words) -> Iterator[Act]:
    reasons = {kind: words(text).format(at) for kind, text in _REASONS.items()}
    for kind, condition, order in _ACTS:
        if kind == "follow":  # after them, the groups that the others need
            yield from _new_groups(db, reasons["create_group"])
        rows = db.execute(
            f"""SELECT * FROM chosen WHERE out IS NULL AND ({condition})
            ORDER BY {order}, mid"""
        )
        for row in rows:
            sets = kind == "set_groups"
            yield Act(
                0,
                kind,
                reasons[kind],
                mid=row["mid"],
                name=row["name"],
                groups=names_in(row["groups"]) if sets else (),
                special=bool(sets and row["special"]),
                expect=_expected(kind, row),
            )


def _new_groups(db: sqlite3.Connection, reason: str) -> Iterator[Act]:
    rows = db.execute(
        """SELECT DISTINCT e.value AS name FROM chosen, json_each(chosen.groups) AS e
        WHERE out IS NULL AND e.value NOT IN (SELECT name FROM groups) ORDER BY name"""
    )
    for row in rows:
        yield Act(0, "create_group", reason, group=row["name"])


def _expected(kind: str, row: sqlite3.Row) -> Relation | None:
    """Return the relation before an act; None if an earlier act of the plan changes it."""
    if kind == "unblock":
        return Relation(128)
    if row["lost"]:
        if kind == "set_groups":
            return JUST_FOLLOWED
        return None if row["blocked"] else Relation()
    return relation_of(
        *(row[name] for name in ("attribute", "special_now", "groups_now", "since_now"))
    )
