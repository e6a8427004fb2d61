"""The plan that takes back what another plan did, from the journal."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import msgspec
from msgspec import structs

from guanxi.contract.relations import DEREGISTERED_NAME
from guanxi.text import Text
from guanxi.toolbox import journal
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.effects import BLOCKED, FOLLOWED, JUST_FOLLOWED, WHISPER, after, is_same
from guanxi.toolbox.plan import KINDS, Act, LeftOut, Plan, Relation, new_header

#: What cannot come back, by its name in the code below: a sentence with a number.
_REMARKS = {
    "times": Text(
        "{0} 个关注会恢复，但关注时间是新的",
        "{0} followings come back with a new time of following",
    ),
    "whispers": Text("{0} 个悄悄关注不能恢复", "{0} silent followings cannot come back"),
    "followers": Text(
        "{0} 个被拉黑的账号若曾关注你，需自行重新关注",
        "{0} blocked accounts, if they followed you, have to follow again themselves",
    ),
    "removed": Text(
        "{0} 个粉丝被移除，不能恢复", "{0} followers were removed and cannot come back"
    ),
    "deregistered": Text("已注销而不再关注：{0} 个", "deregistered, so not followed again: {0}"),
    "deleted": Text(
        "{0} 个分组会重建，但不含原来的成员",
        "{0} groups are created again, without the members that they had",
    ),
    "not_in_effect": Text(
        "{0} 项操作已被接受但未生效，不再撤销",
        "{0} acts were accepted and are not in effect: there is nothing to undo",
    ),
    "unapplied": Text(
        "该档案中没有此计划的操作记录", "the archive has no acts of this plan: nothing is undone"
    ),
    "unknown": Text(
        "{0} 项操作结果未知，未撤销：请先再运行 apply",
        "{0} acts have an unknown outcome and are not taken back: run apply first",
    ),
}

#: The acts of an undo in their order: groups exist before accounts are sorted into them, blocks are
#: lifted before followings come back, and groups are deleted when they are empty.
_PHASES = ("create_group", "unfollow", "unblock", "follow", "set_groups", "block", "delete_group")


def undo(
    archive: Archive, plan: Plan, out: Path | str, now: int, *, words: Callable[[Text], str] = str
) -> Plan:
    """Write the plan ``out`` that takes back the acts of ``plan`` that were done; return it.

    Followings come back oldest first, so that they keep their order; groups, special marks and
    blocks come back too, and groups that the plan created are deleted if they are empty. The
    header's remarks say what cannot come back. Accounts with acts that were accepted and are not in
    effect, or whose outcome is unknown, are listed as left out. ``archive`` has their journal.
    ``words`` chooses the language. ``now`` is in seconds since the Unix epoch.

    Raise PlanMismatch if the plan is for another account than the archive, OSError if the file
    cannot be written.
    """
    plan.check_identity(archive.identity)
    lost = Counter(unapplied=0 if journal.is_known(archive, plan) else 1)
    db = sqlite3.connect("")  # in a file that SQLite deletes: memory does not grow with the plan
    try:
        db.execute("CREATE TABLE found (phase, since, position, target, body)")
        rows = (
            (_PHASES.index(act.act), since, position, _target(act), msgspec.json.encode(act))
            for act, since, position in _found(archive, plan, words, lost)
        )
        db.executemany("INSERT INTO found VALUES (?, ?, ?, ?, ?)", rows)
        [counts] = db.execute("SELECT total(phase = 3), total(phase = 1) FROM found").fetchall()
        header = new_header(
            "undo",
            archive.identity,
            now,
            selection=f"{plan.header.command} {plan.header.id}",
            change=int(counts[0] - counts[1]),
            remarks=tuple(words(_REMARKS[name]).format(count) for name, count in lost.items()),
        )
        ordered = db.execute("SELECT body FROM found ORDER BY phase, target, since, position DESC")
        acts = (msgspec.json.decode(row[0], type=Act) for row in ordered)
        return Plan.write(out, header, acts, _left_out(archive, plan, words))
    finally:
        db.close()


def _target(act: Act) -> str:
    """Return what brings acts with the same groups together, which apply sends as one request."""
    return json.dumps([act.groups, act.special]) if act.act == "set_groups" else ""


def _found(
    archive: Archive, plan: Plan, words: Callable[[Text], str], lost: Counter[str]
) -> Iterator[tuple[Act, int, int]]:
    """Yield the acts of an undo, each with when it was followed or blocked, and a position."""

    def reason(kind: str, number: int) -> str:
        undone = KINDS[kind].text.zh
        return words(Text(f"撤销{undone} [第 {number} 项]", f"undo {kind} [act {number}]"))

    for number, kind, group in archive.rows(_GROUP_ACTS, (plan.header.id,)):
        opposite = "delete_group" if kind == "create_group" else "create_group"
        lost["deleted"] += kind == "delete_group"
        yield Act(0, opposite, reason(kind, number), group=group), 0, number
    rows = archive.db.execute(_ACCOUNT_ACTS, (plan.header.id,))
    for mid, acts in groupby(rows, lambda row: row["mid"]):
        first, *others = acts
        done = [msgspec.json.decode(row["body"], type=Act) for row in (first, *others)]
        before = msgspec.json.decode(first["before"], type=Relation)
        now = before
        for act in done:
            now = after(act, now)
        is_lost = before.attribute in FOLLOWED and now.attribute not in FOLLOWED
        if is_lost and first["name"] == DEREGISTERED_NAME:
            lost["deregistered"] += 1
            before = Relation()
        _count_lost(done, before, now, lost)
        why = reason(first["kind"], first["number"])
        for act in _back(before, now):
            changed = structs.replace(act, mid=mid, name=first["name"] or "", reason=why)
            since = before.since or first["since"] or 0
            yield changed, since, (first["number"] if first["tie"] is None else -first["tie"])
    for _, _, outcome, _ in archive.db.execute(_NOT_TAKEN_BACK, (plan.header.id,)):
        lost[outcome] += 1
    for name in [name for name, count in lost.items() if not count]:
        del lost[name]


def _left_out(archive: Archive, plan: Plan, words: Callable[[Text], str]) -> Iterator[LeftOut]:
    """Yield the accounts with acts that nothing is known to have come of."""
    reasons = {
        "unknown": Text("结果未知 [第 {0} 项]", "its outcome is unknown [act {0}]"),
        "not_in_effect": Text(
            "已接受但未生效 [第 {0} 项]", "accepted, but not in effect [act {0}]"
        ),
    }
    for mid, name, outcome, number in archive.db.execute(_NOT_TAKEN_BACK, (plan.header.id,)):
        if mid is not None:
            yield LeftOut(mid, name or "", words(reasons[outcome]).format(number))


def _back(before: Relation, now: Relation) -> Iterator[Act]:
    """Yield the acts, without an account, that lead from the relation ``now`` to ``before``."""
    was_followed, is_followed = before.attribute in FOLLOWED, now.attribute in FOLLOWED
    expect = structs.replace(now, since=0)
    if is_followed and not was_followed:
        yield Act(0, "unfollow", "", mid=1, expect=expect)
    if now.attribute == BLOCKED != before.attribute:
        yield Act(0, "unblock", "", mid=1, expect=expect)
    if was_followed and not is_followed:
        yield Act(0, "follow", "", mid=1, expect=None if now.attribute else Relation())
    if was_followed:
        kept = now if is_followed else Relation(before.attribute)
        if not is_same(structs.replace(kept, attribute=before.attribute), before):
            groups, special = before.groups, before.special
            known = expect if is_followed else JUST_FOLLOWED
            yield Act(0, "set_groups", "", mid=1, groups=groups, special=special, expect=known)
    if before.attribute == BLOCKED != now.attribute:
        yield Act(0, "block", "", mid=1, expect=None if now.attribute else Relation())


def _count_lost(done: Sequence[Act], before: Relation, now: Relation, lost: Counter[str]) -> None:
    """Count what of an account cannot come back."""
    kinds = {act.act for act in done}
    lost["times"] += before.attribute in FOLLOWED and now.attribute not in FOLLOWED
    lost["whispers"] += before.attribute == WHISPER != now.attribute
    lost["followers"] += "block" in kinds
    lost["removed"] += "remove_follower" in kinds


_GROUP_ACTS = """
SELECT number, kind, name FROM act WHERE plan = ? AND outcome = 'done' AND mid IS NULL
ORDER BY number"""
#: Among equal times, the order is that of the list in the archive.
_ACCOUNT_ACTS = """
SELECT a.mid, a.number, a.kind, a.name, a.body, a.before, i.since, i.tie
FROM act AS a LEFT JOIN item AS i ON i.mid = a.mid
    AND i.list = CASE a.kind WHEN 'unblock' THEN 'blocks' ELSE 'followings' END
    AND i.first = (SELECT max(n.first) FROM item AS n WHERE n.list = i.list AND n.mid = i.mid)
WHERE a.plan = ? AND a.outcome = 'done' AND a.mid IS NOT NULL AND a.before IS NOT NULL
ORDER BY a.mid, a.number"""
_NOT_TAKEN_BACK = """
SELECT mid, name, coalesce(outcome, 'unknown'), number FROM act
WHERE plan = ? AND (outcome = 'not_in_effect' OR (outcome IS NULL AND ended IS NULL))
ORDER BY number"""
