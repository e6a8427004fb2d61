"""Review a plan before anything happens: counts by reason, the cap, the time, and why."""

from __future__ import annotations

import math
from collections import Counter
from itertools import islice

import msgspec
from msgspec import Struct, structs

from guanxi.sdk import hosts
from guanxi.sdk.pace import Pace
from guanxi.text import Text
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.errors import NoSuchSnapshot
from guanxi.toolbox.plan import CAP, Act, Header, Plan
from guanxi.toolbox.planning import COMMANDS
from guanxi.toolbox.selection import Selection, Words, select, without_value

#: How many accounts one can follow in a day: of user reports, after more 22015 is answered.
FOLLOWS_PER_DAY = 300
#: Accounts in one call that reads relations or sets groups.
_PER_CALL = 50
#: So many different reasons are counted; further ones count as "…".
_REASONS = 1_000
_ABSENT = Text("不在快照 {1} 的 {0} 中", "not among the {0} of snapshot {1}")
#: Columns of the views that explain nothing.
_UNSHOWN = frozenset({"face", "sign", "since", "tie", "first_snapshot", "keep_reason"})


class Review(Struct, frozen=True):
    """What a person reads of a plan.

    ``reasons`` and ``left_out`` are counts by reason, without the accounts' own values, the most
    frequent first. ``beyond`` is how many follows do not fit under the cap of 3,000; None if the
    server's cap is another one. ``seconds`` are the pauses that ``apply`` makes at the SDK's pace,
    0 on the user's own hosts; ``days`` is how many days the follows need, None if there are no
    follows or no such limit.
    """

    header: Header
    reasons: tuple[tuple[str, str, int], ...]
    left_out: tuple[tuple[str, int], ...]
    acts: tuple[Act, ...]
    beyond: int | None
    calls: int
    seconds: float
    days: int | None


def review(plan: Plan, limit: int = 20) -> Review:
    """Return the review of ``plan`` with its first ``limit`` acts. Raise PlanDamaged, OSError."""
    header = plan.header
    reasons: Counter[tuple[str, str]] = Counter()
    writes, size, previous = 0, 0, None
    for act in plan.acts():
        _count(reasons, (act.act, without_value(act.reason)), (act.act, "…"))
        # Accounts with the same groups afterwards need one call for fifty.
        target = (act.groups, act.special) if act.act == "set_groups" else None
        size = size + 1 if target is not None and target == previous and size < _PER_CALL else 1
        writes += size == 1
        previous = target
    left_out: Counter[str] = Counter()
    for one in plan.left_out():
        _count(left_out, without_value(one.reason), "…")
    accounts = (
        header.total - header.acts.get("create_group", 0) - header.acts.get("delete_group", 0)
    )
    reads = 2 * math.ceil(accounts / _PER_CALL) + ("set_groups" in header.acts)
    is_own = hosts.is_own(None if header.server == "documents" else header.server, frozenset())
    follows = header.acts.get("follow", 0)
    return Review(
        header,
        tuple((act, reason, count) for (act, reason), count in reasons.most_common()),
        tuple(left_out.most_common()),
        tuple(islice(plan.acts(), limit)),
        _beyond(header),
        reads + writes,
        0.0 if is_own else Pace().expected(reads, writes),
        math.ceil(follows / FOLLOWS_PER_DAY) if follows and not is_own else None,
    )


def explain(plan: Plan, mid: int, archive: Archive | None = None, words: Words = str) -> list[str]:
    """Return why an account is in a plan, is left out, or was not selected; a sentence each.

    ``plan`` is the plan, ``mid`` the account, ``words`` chooses the language: a function from a
    ``Text`` to a text. With the ``archive`` that the plan was made from, it names each rule that
    the account does not match, and the account's values. Raise PlanDamaged, ArchiveError, OSError.
    """
    found = [
        words(Text("操作 {0}：{1}，{2}", "act {0}: {1}, {2}")).format(
            act.number, act.act, act.reason or "-"
        )
        for act in plan.acts()
        if act.mid == mid
    ]
    found += [
        words(Text("未列入：{0}", "left out: {0}")).format(one.reason)
        for one in plan.left_out()
        if one.left_out == mid
    ]
    if found:
        return found
    selection = plan.header.selection or "-"
    found = [words(Text("未被选中：{0}", "not selected by {0}")).format(selection)]
    if archive is not None and plan.header.command in COMMANDS:
        archive.check_identity(plan.header.identity)
        found += _unmatched(archive, plan.header, mid, words)
    return found


def _count(counter: Counter[tuple[str, str]] | Counter[str], key: object, other: object) -> None:
    counter[key if key in counter or len(counter) < _REASONS else other] += 1  # type: ignore[index]


def _beyond(header: Header) -> int | None:
    if header.followings is None or header.followings > CAP:
        return None
    return max(0, header.followings + header.change - CAP)


def _unmatched(archive: Archive, header: Header, mid: int, words: Words) -> list[str]:
    """Return the rules of a plan's selection that an account does not match, and its values."""
    view = COMMANDS[header.command].view
    try:
        selection = Selection.parse(header.selection)
    except (msgspec.ValidationError, ValueError):
        return []
    with archive.consistent() as db:
        try:
            archive.show(header.snapshot)
        except NoSuchSnapshot:
            return []
        rows = archive.rows(f"SELECT * FROM {view} WHERE mid = ?", (mid,))
        found = [] if rows else [words(_ABSENT).format(view, header.snapshot)]
        if selection.ids is None:  # otherwise it is in no line of the file, or it were left out
            select(archive, view, structs.replace(selection, keep=()), header.made, words)
            hits = {row["rule"] for row in db.execute("SELECT rule FROM hit WHERE mid = ?", (mid,))}
        else:
            hits = {number for number, name in enumerate(selection.rules) if name != "ids"}
        found += [
            words(Text("不符合 --{0}", "--{0} does not match")).format(name.replace("_", "-"))
            for number, name in enumerate(selection.rules)
            if number not in hits
        ]
        for row in rows:
            values = {key: row[key] for key in row.keys() if key not in _UNSHOWN}  # noqa: SIM118
            shown = (f"{key} {value}" for key, value in values.items() if value is not None)
            found.append(", ".join(shown))
    return found
