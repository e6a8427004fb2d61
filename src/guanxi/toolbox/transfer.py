"""Bring an account to what another account, or a file, has: plans for migrate and import.

Nothing is removed: what the account has in addition stays, and what is there already costs
nothing. Groups are matched by name, since ids belong to one account.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from guanxi.contract.relations import DEREGISTERED_NAME
from guanxi.text import Text
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.exchange import Line
from guanxi.toolbox.grouping import checked_name
from guanxi.toolbox.plan import CAP, Act, LeftOut, Plan, Relation, new_header
from guanxi.toolbox.planning import names_in, newest
from guanxi.toolbox.selection import Words, require_complete

_TABLES = """
DROP TABLE IF EXISTS temp.wanted;
CREATE TEMP TABLE wanted (
    position INTEGER PRIMARY KEY, list TEXT NOT NULL, mid INTEGER NOT NULL, name TEXT NOT NULL,
    since INTEGER NOT NULL, special INTEGER NOT NULL,
    groups TEXT NOT NULL,  -- names, as a JSON array in ascending order
    UNIQUE (list, mid)
);
DROP TABLE IF EXISTS temp.had;
CREATE TEMP TABLE had AS
SELECT i.list, i.mid, i.attribute, i.special, i.since, i.tie,
    (SELECT json_group_array(name) FROM (SELECT g.name FROM json_each(i.groups) AS e
        JOIN grp AS g ON g.id = e.value AND g.until IS NULL ORDER BY g.name)) AS groups
FROM item AS i WHERE i.until IS NULL AND i.list IN ('followings', 'blocks');
CREATE UNIQUE INDEX temp.had_mid ON had (list, mid);
"""
#: Whom the plan leaves alone, by the reason: of one list's rows ``w``.
_OUT = """
SELECT CASE
    WHEN w.mid = :me THEN 'self'
    WHEN w.name = :deregistered THEN 'deregistered'
    WHEN w.list = 'followings' AND EXISTS (SELECT 1 FROM had AS h
        WHERE h.list = 'blocks' AND h.mid = w.mid) THEN 'blocked'
    WHEN w.list = 'blocks' AND EXISTS (SELECT 1 FROM had AS h
        WHERE h.list = 'followings' AND h.mid = w.mid) THEN 'followed'
    WHEN w.list = 'blocks' AND EXISTS (SELECT 1 FROM mark AS m WHERE m.mid = w.mid) THEN 'kept'
    END AS reason, w.*
FROM wanted AS w WHERE w.list = :list
"""
_REASONS = {
    "self": Text("这是账号自己", "it is the account itself"),
    "deregistered": Text("已注销", "it is deregistered"),
    "blocked": Text("已被此账号拉黑", "the account blocks it"),
    "followed": Text("此账号关注着它", "the account follows it"),
    "kept": Text("标记为保留", "it is marked to be kept"),
}
#: Why an act is in a plan, by the plan's command.
_WHY = {
    "migrate": Text("来源账号中有", "the source has it"),
    "import": Text("文件中有", "in the file"),
}
_CAPPED = Text("上限 {2}：{1} 个中只有 {0} 个放得下", "only {0} of {1} fit under {2}")
#: What the members' groups are afterwards: those that they have, and those that are wanted.
_REGROUP = f"""
SELECT w.mid, w.name, w.special OR coalesce(h.special, 0) AS special,
    (SELECT json_group_array(value) FROM (SELECT value FROM json_each(w.groups)
        UNION SELECT value FROM json_each(h.groups) ORDER BY value)) AS groups,
    h.attribute, h.special AS had_special, h.groups AS had_groups, h.since AS had_since
FROM ({_OUT}) AS w LEFT JOIN had AS h ON h.list = 'followings' AND h.mid = w.mid
WHERE w.reason IS NULL AND ((w.special AND NOT coalesce(h.special, 0)) OR EXISTS (
    SELECT value FROM json_each(w.groups) EXCEPT SELECT value FROM json_each(h.groups)))
ORDER BY 4, 3, w.position DESC
"""


class Difference(Struct, frozen=True):
    """An account that an archive does not have as wanted: the first difference.

    ``what`` is ``missing`` (not followed, or not blocked), ``groups`` (it lacks one, or is not
    special), or ``order``: it is older than one that it was newer than.
    """

    list: str
    mid: int
    name: str
    what: str


def plan_transfer(
    archive: Archive,
    path: Path | str,
    wanted: Iterable[Line],
    now: int,
    *,
    command: str,
    selection: str = "",
    blocks: bool = False,
    words: Words = str,
) -> Plan:
    """Write the plan that gives the archive's account what is wanted, and return it.

    It creates the groups that are missing, follows the oldest followings first, so that the order
    is kept, then sets the groups and special marks of each account, and blocks, if ``blocks``.

    Args:
        archive: of the account that the plan is for; its newest snapshot is what the account has.
        wanted: the lines of an archive (``exchange.lines``) or a file, newest first.
        command: ``migrate`` or ``import``.
        selection: where the lines are from, for the header.
        words: returns a text in the language of the plan's reasons.

    Raise SelectionError for a group whose name the documents do not allow, and for a list that the
    newest snapshot has not read completely; NoSuchSnapshot without a snapshot, and OSError if the
    file cannot be written.
    """
    lists = ("followings", "blocks") if blocks else ("followings",)
    require_complete(archive, newest(archive), *lists, "groups")
    load(archive, wanted)
    me = {"me": archive.identity.mid, "deregistered": DEREGISTERED_NAME}
    new = archive.rows(
        f"SELECT count(*) FROM ({_OUT}) WHERE reason IS NULL AND mid NOT IN"
        " (SELECT mid FROM had WHERE list = 'followings')",
        me | {"list": "followings"},
    )[0][0]
    [had] = archive.rows("SELECT count(*) FROM had WHERE list = 'followings'")[0]
    header = new_header(
        command,
        archive.identity,
        now,
        snapshot=newest(archive),
        selection=selection,
        followings=had,
        change=new,
        remarks=(words(_CAPPED).format(max(0, CAP - had), new, CAP),) if had + new > CAP else (),
    )
    acts = _acts(archive, me, lists, words(_WHY[command]))
    left_out = _left_out(archive, me, lists, words)
    return Plan.write(path, header, acts, left_out)


def differences(archive: Archive, wanted: Iterable[Line], *, blocks: bool) -> Iterator[Difference]:
    """Yield in what the newest snapshot of an archive lacks what is wanted.

    What it has in addition is no difference.
    """
    load(archive, wanted)
    lists = ("followings", "blocks") if blocks else ("followings",)
    for name in lists:
        for row in archive.db.execute(_DIFFERENCES, {"list": name}):
            yield Difference(name, row["mid"], row["name"], row["what"])


#: The order is that of the accounts that both have: each is compared with the next older one.
_DIFFERENCES = """
WITH common AS (
    SELECT w.position, w.mid, row_number() OVER (ORDER BY h.since, h.tie) AS rank
    FROM wanted AS w JOIN had AS h ON h.list = w.list AND h.mid = w.mid WHERE w.list = :list
), moved AS (
    SELECT mid, rank < lag(rank) OVER (ORDER BY position DESC) AS is_older FROM common
)
SELECT * FROM (
    SELECT w.position, w.mid, w.name, CASE
        WHEN h.mid IS NULL THEN 'missing'
        WHEN w.special AND NOT h.special OR EXISTS (SELECT value FROM json_each(w.groups)
            EXCEPT SELECT value FROM json_each(h.groups)) THEN 'groups'
        WHEN m.is_older THEN 'order' END AS what
    FROM wanted AS w LEFT JOIN had AS h ON h.list = w.list AND h.mid = w.mid
    LEFT JOIN moved AS m ON m.mid = w.mid
    WHERE w.list = :list
) WHERE what IS NOT NULL ORDER BY position
"""


def load(archive: Archive, wanted: Iterable[Line]) -> None:
    """Keep the wanted lines, each account once, and what the account has, in temporary tables."""
    archive.db.executescript(_TABLES)
    archive.db.executemany(
        "INSERT OR IGNORE INTO wanted (list, mid, name, since, special, groups)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            (
                *(line.list, line.mid, line.name, line.since, line.special),
                json.dumps(sorted(set(line.groups)), ensure_ascii=False),
            )
            for line in wanted
            if line.list in ("followings", "blocks")
        ),
    )


def _acts(archive: Archive, me: dict[str, object], lists: Iterable[str], why: str) -> Iterator[Act]:
    query = archive.db.execute
    for (name,) in query(
        "SELECT DISTINCT e.value FROM wanted AS w JOIN json_each(w.groups) AS e"
        " WHERE w.list = 'followings' AND e.value NOT IN"
        " (SELECT name FROM grp WHERE until IS NULL) ORDER BY w.position"
    ).fetchall():
        checked_name(name)
        yield Act(0, "create_group", why, group=name)
    follows = (
        f"SELECT * FROM ({_OUT}) AS w WHERE reason IS NULL AND NOT EXISTS"
        " (SELECT 1 FROM had AS h WHERE h.list = w.list AND h.mid = w.mid)"
        " ORDER BY since, position DESC"
    )
    for row in query(follows, me | {"list": "followings"}):
        yield Act(0, "follow", why, mid=row["mid"], name=row["name"], expect=Relation())
    for row in query(_REGROUP, me | {"list": "followings"}):
        yield Act(
            0,
            "set_groups",
            why,
            mid=row["mid"],
            name=row["name"],
            groups=names_in(row["groups"]),
            special=bool(row["special"]),
            expect=None
            if row["attribute"] is None  # it is followed by this plan
            else Relation(
                row["attribute"],
                bool(row["had_special"]),
                names_in(row["had_groups"]),
                row["had_since"],
            ),
        )
    if "blocks" in lists:
        for row in query(follows, me | {"list": "blocks"}):
            yield Act(0, "block", why, mid=row["mid"], name=row["name"], expect=Relation())


def _left_out(
    archive: Archive, me: dict[str, object], lists: Iterable[str], words: Words
) -> Iterator[LeftOut]:
    for name in lists:
        rows = archive.db.execute(
            f"SELECT * FROM ({_OUT}) WHERE reason IS NOT NULL ORDER BY position",
            me | {"list": name},
        )
        for row in rows:
            yield LeftOut(row["mid"], row["name"], words(_REASONS[row["reason"]]))
