"""The journal of an archive: every act of every plan, written before it is sent and afterwards.

A row of the table ``act`` is in one of these states, so that a program that was killed anywhere
finds out what is left:

| begun | ended | outcome  | the act                                                       |
|-------|-------|----------|---------------------------------------------------------------|
| set   | NULL  | NULL     | was sent, or was about to be: look it up before it is repeated |
| set   | set   | NULL     | was answered with a code that says nothing of it: is left      |
| set   | set   | set      | needs nothing more                                            |
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from guanxi.text import Text
from guanxi.toolbox import labels
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.errors import PlanError
from guanxi.toolbox.plan import KINDS, Act, Plan, Relation

#: How an act can end, and the words for it.
OUTCOMES = {
    "done": Text("完成", "done"),
    "nothing_to_do": Text("无需操作", "nothing to do"),
    "refused": Text("被拒绝", "refused"),
    "changed": Text("已变化，未操作", "changed since the plan, left alone"),
    "excluded": Text("已排除", "excluded"),
    "given_up": Text("放弃", "given up"),
    "not_in_effect": Text("已接受但未生效", "accepted, but not in effect"),
}
#: The acts that ``per_day`` counts: those on accounts, not on groups.
_COUNTED = tuple(name for name, kind in KINDS.items() if kind.code is not None)
DAY = 86_400


class Entry(Struct, frozen=True):
    """The state of an act in the journal; ``is_unknown``: it may have been done."""

    outcome: str | None
    tries: int
    is_unknown: bool


class Refusals(Struct, frozen=True):
    """How many acts ended with an outcome for the same reason."""

    outcome: str
    code: int | None
    message: str
    count: int


class Report(Struct, frozen=True):
    """What became of a plan, as the journal has it.

    ``outcomes`` has the number of acts by outcome (see ``OUTCOMES``); ``left`` is how many are
    left, ``unknown`` how many of these were sent without a response. ``ended`` is when nothing was
    left and everything was read back, in seconds since the Unix epoch; None before.
    """

    plan: str
    command: str
    total: int
    outcomes: dict[str, int]
    reasons: list[Refusals]
    left: int
    unknown: int
    ended: int | None


def register(archive: Archive, plan: Plan, now: int) -> None:
    """Write a plan into the journal, if it is not there."""
    header = msgspec.json.encode(plan.header).decode()
    with archive.transaction() as db:
        db.execute(
            "INSERT OR IGNORE INTO plan VALUES (?, ?, ?, ?, NULL)",
            (plan.header.id, plan.header.command, header, now),
        )


def begun(archive: Archive, path: Path) -> Plan | None:
    """Return the plan in a file if acts of it were begun and some are left; None for others."""
    try:
        plan = Plan.open(path)
    except (FileNotFoundError, PlanError):
        return None
    return plan if is_known(archive, plan) and report(archive, plan).ended is None else None


def is_known(archive: Archive, plan: Plan) -> bool:
    """Return whether the journal has acts of a plan."""
    return bool(archive.rows("SELECT 1 FROM act WHERE plan = ? LIMIT 1", (plan.header.id,)))


def check_not_begun(archive: Archive, path: Path) -> None:
    """Raise PlanError rather than let a plan be replaced of which acts are left."""
    if begun(archive, path) is not None:
        raise PlanError(
            f"{path} 尚未执行完：请先用 guanxi apply 完成，或换一个文件名",
            f"{path} was begun and has acts left: go on with guanxi apply, or name another file",
        )


def entry(archive: Archive, plan: str, number: int) -> Entry | None:
    """Return the state of an act of a plan; None if nothing was done about it."""
    sql = "SELECT outcome, tries, ended FROM act WHERE plan = ? AND number = ?"
    found = archive.rows(sql, (plan, number))
    return Entry(found[0][0], found[0][1], found[0][2] is None) if found else None


def begin(
    archive: Archive, plan: str, acts: Iterable[tuple[Act, Relation | None]], now: int
) -> None:
    """Write that acts are about to be sent, each with the relation before it.

    That of an act that may have been done already stays.
    """
    with archive.transaction() as db:
        for act, before in acts:
            _insert(db, plan, act, now)
            db.execute(
                "UPDATE act SET before = iif(tries AND ended IS NULL, before, ?),"
                " tries = tries + 1, begun = ?, ended = NULL, code = NULL, message = NULL"
                " WHERE plan = ? AND number = ?",
                (_json(before), now, plan, act.number),
            )


def end(
    archive: Archive,
    plan: str,
    acts: Iterable[Act],
    outcome: str | None,
    now: int,
    *,
    code: int | None = None,
    message: str | None = None,
    before: Relation | None = None,
) -> None:
    """Write how acts ended, sent or not; the outcome None leaves them to be sent again.

    ``message`` is the server's, or why the act was left alone (see ``why``); ``before`` is then the
    relation that was found.
    """
    with archive.transaction() as db:
        for act in acts:
            _insert(db, plan, act, now)
            db.execute(
                "UPDATE act SET ended = ?, outcome = ?, code = ?, message = ?,"
                " before = coalesce(?, before) WHERE plan = ? AND number = ?",
                (now, outcome, code, message, _json(before), plan, act.number),
            )


def withdraw(archive: Archive, plan: str, acts: Iterable[Act], now: int) -> None:
    """Take back the try of acts whose common request was refused: each is sent alone next."""
    with archive.transaction() as db:
        db.executemany(
            "UPDATE act SET ended = ?, tries = tries - 1 WHERE plan = ? AND number = ?",
            ((now, plan, act.number) for act in acts),
        )


def finish(archive: Archive, plan: str, now: int) -> None:
    """Write that nothing of a plan is left."""
    with archive.transaction() as db:
        db.execute("UPDATE plan SET ended = ? WHERE id = ?", (now, plan))


def last_done(archive: Archive, plan: str) -> Iterator[list[Act]]:
    """Yield, for each account, the last acts on it that were done: those that must be in effect.

    Groups that were set before a later follow, unfollow or block of the account are left out. The
    caller may write to the journal meanwhile.
    """
    with archive.transaction() as db:
        db.execute("DROP TABLE IF EXISTS temp.last_done")
        db.execute(
            "CREATE TEMP TABLE last_done AS SELECT mid, max(number) AS number, body FROM act"
            " WHERE plan = ? AND outcome = 'done' AND mid IS NOT NULL"
            " GROUP BY mid, kind = 'set_groups', kind = 'remove_follower'",
            (plan,),
        )
        db.execute("CREATE INDEX temp.last_done_mid ON last_done (mid, number DESC)")
    mid = -1
    while True:
        rows = archive.rows(
            "SELECT mid, body FROM last_done WHERE mid = (SELECT min(mid) FROM last_done"
            " WHERE mid > ?) ORDER BY number DESC",
            (mid,),
        )
        if not rows:
            return
        mid = rows[0]["mid"]
        acts = [msgspec.json.decode(row["body"], type=Act) for row in rows]
        superseded = [act.act not in ("set_groups", "remove_follower") for act in acts]
        yield [
            act
            for position, act in enumerate(acts)
            if act.act != "set_groups" or not any(superseded[:position])
        ]


def group_acts_done(archive: Archive, plan: str) -> dict[str, Act]:
    """Return the last act on each group that was done, by the group's name."""
    rows = archive.rows(
        "SELECT body FROM act WHERE plan = ? AND outcome = 'done' AND mid IS NULL ORDER BY number",
        (plan,),
    )
    acts = [msgspec.json.decode(row["body"], type=Act) for row in rows]
    return {act.group: act for act in acts}


def sent_today(archive: Archive, now: int) -> tuple[int, int]:
    """Return how many requests on accounts, of all plans, were sent in the 24 hours before ``now``.

    Also return when the first of them no longer counts.
    """
    since = now - DAY
    [[count, first]] = archive.rows(
        "SELECT coalesce(sum(tries), 0), min(begun) FROM act"
        " WHERE (ended > ? OR ended IS NULL) AND begun > ? AND tries"
        f" AND kind IN ({_marks(_COUNTED)})",
        (since, since, *_COUNTED),
    )
    return count, (first or now) + DAY


def is_counted(act: Act) -> bool:
    """Return whether ``per_day`` counts an act."""
    return act.act in _COUNTED


def report(archive: Archive, plan: Plan) -> Report:
    """Return what became of a plan; also while another process applies it."""
    number = (plan.header.id,)
    found = archive.rows("SELECT ended FROM plan WHERE id = ?", number)
    counts = archive.rows(
        "SELECT outcome, count(*), sum(ended IS NULL) FROM act WHERE plan = ? GROUP BY outcome",
        number,
    )
    reasons = archive.rows(
        "SELECT outcome, code, coalesce(message, ''), count(*) FROM act"
        " WHERE plan = ? AND outcome IS NOT NULL AND outcome <> 'done'"
        " GROUP BY 1, 2, 3 ORDER BY 1, 4 DESC",
        number,
    )
    outcomes = {name: count for name, count, _ in counts if name is not None}
    return Report(
        plan=plan.header.id,
        command=plan.header.command,
        total=plan.header.total,
        outcomes=outcomes,
        reasons=[Refusals(*row) for row in reasons],
        left=plan.header.total - sum(outcomes.values()),
        unknown=sum(unknown for name, _, unknown in counts if name is None),
        ended=found[0]["ended"] if found else None,
    )


def not_done(archive: Archive, plan: str) -> Iterator[sqlite3.Row]:
    """Yield a row for each act that the journal has and that was not done, in their order.

    Its columns: number, kind, mid, name, outcome (None: left), code, message, tries, body, before.
    """
    number = 0
    while rows := archive.rows(
        "SELECT number, kind, mid, name, outcome, code, message, tries, body, before FROM act"
        " WHERE plan = ? AND outcome IS NOT 'done' AND number > ? ORDER BY number LIMIT 500",
        (plan, number),
    ):
        yield from rows
        number = rows[-1]["number"]


def why(row: sqlite3.Row) -> Text:
    """Return why an act was not done, of a row of ``not_done``; empty if nothing is known."""
    code, _, name = (row["message"] or "").partition(" ")
    words = labels.LEFT_ALONE.get(code)
    if words is None or row["code"] is not None:  # the server's own message
        return Text.of(row["message"] or "")
    if code != "relation":
        return Text(words.zh.format(name), words.en.format(name))
    found = [msgspec.json.decode(row["body"], type=Act).expect, _relation(row["before"])]
    values = [_described(one or Relation()) for one in found]
    return Text(
        words.zh.format(*(one.zh for one in values)), words.en.format(*(one.en for one in values))
    )


def _described(relation: Relation) -> Text:
    parts = [labels.RELATIONS.get(relation.attribute, Text.of(str(relation.attribute)))]
    parts += [labels.SPECIAL] * relation.special + [Text.of(name) for name in relation.groups]
    return Text("、".join(one.zh for one in parts), ", ".join(one.en for one in parts))


def _json(relation: Relation | None) -> str | None:
    return None if relation is None else msgspec.json.encode(relation).decode()


def _relation(column: str | None) -> Relation | None:
    return None if column is None else msgspec.json.decode(column, type=Relation)


def _insert(db: sqlite3.Connection, plan: str, act: Act, now: int) -> None:
    """Insert an act that was not sent yet, unless it is there."""
    body = msgspec.json.encode(act).decode()
    db.execute(
        "INSERT OR IGNORE INTO act (plan, number, kind, mid, name, body, tries, begun)"
        " VALUES (?, ?, ?, ?, ?, ?, 0, ?)",
        (plan, act.number, act.act, act.mid, act.name or act.group, body, now),
    )


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))
