"""The feed of changes, as far as it is the same in every engine: cursors, the switch, records.

The switch is a note of the store, ``NOTE``, which each transaction that changes something reads: a
process needs no other way to learn that another one switched it. Its ``id`` is drawn when the feed
is switched on, and is a part of every cursor.
"""

from __future__ import annotations

import asyncio
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from secrets import token_bytes
from typing import Any, ClassVar, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from guanxi.accounts.account import Account, Card, State
from guanxi.graph.feed import ACCOUNT, PRIVACY, STATE, Record
from guanxi.graph.pair import sort_key_of_mtime
from guanxi.stores.port import Changes, ChangesOff, FeedItem
from guanxi.stores.port.errors import CursorInvalid, CursorOfAnotherStore, CursorTooOld
from guanxi.stores.port.feed import KEEP_DAYS, LONGEST_WAIT, MOST_CHANGES
from guanxi.text import Text
from guanxi.world.kind import Entry
from guanxi.world.marks import MUTE, Mark

#: The note that exists while the feed is on.
NOTE = "changes"
#: How many changes one transaction deletes.
TRIMMED = 1_000
DAY_MS = 86_400_000
#: Seconds between two looks for a change, while a read waits for one.
POLL_SECONDS = 0.05
_ID_BYTES = _NUMBER_BYTES = 8

_START_AGAIN = Text(
    "请重新开始：先用 `guanxi store export edges` 导出，再从其摘要中的游标继续",
    "start again: export the store with `guanxi store export edges`, and continue from the cursor"
    " in its summary",
)


class Switch(Struct, frozen=True):
    """The value of ``NOTE``."""

    id: bytes
    #: Changes up to this number were deleted, or were made before the feed was on.
    floor: int
    keep_days: int | None = None
    keep_rows: int | None = None
    #: Whether Citus distributes the changes.
    distributed: bool = False
    #: The ids of the feed before the store was restored from copies, each with the last number
    #: that the copy had: later cursors of that id are of changes that were lost.
    earlier: tuple[tuple[bytes, int], ...] = ()


def new_switch(
    floor: int, keep_days: int | None, keep_rows: int | None, *, distributed: bool = False
) -> Switch:
    """Return the switch of a feed that starts after the change number ``floor``."""
    return Switch(token_bytes(_ID_BYTES), floor, keep_days, keep_rows, distributed)


def restored_switch(switch: Switch, newest: int) -> Switch:
    """Return the switch of a feed that goes on from a copy, under an id of its own.

    Cursors up to ``newest``, the copy's last number, hold. Later ones are of changes that were
    lost: they must not hold either once the feed has reached their number again.
    """
    earlier = [one for one in (*switch.earlier, (switch.id, newest)) if one[1] >= switch.floor]
    return msgspec.structs.replace(switch, id=token_bytes(_ID_BYTES), earlier=tuple(earlier))


def encoded(switch: Switch) -> bytes:
    """Return a switch as the note's value."""
    return msgspec.json.encode(switch)


def decoded(note: bytes | None) -> Switch | None:
    """Return the switch of a note's value; None without one."""
    return None if note is None else msgspec.json.decode(note, type=Switch)


def switched_on(note: bytes | None) -> Switch:
    """Return the switch; raise ChangesOff if the feed is off."""
    switch = decoded(note)
    if switch is None:
        raise ChangesOff(
            Text(
                "此库没有记录变更：可用 `guanxi store changes on` 打开",
                "this store does not record changes: switch that on with `guanxi store changes on`",
            )
        )
    return switch


def cursor_at(switch: Switch, number: int) -> str:
    """Return the cursor after the change with a number."""
    raw = switch.id + number.to_bytes(_NUMBER_BYTES, "big")
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


class Cursor(NamedTuple):
    """A decoded cursor: the ``id`` of its feed, and the number of the last change before it."""

    id: bytes
    number: int


def cursor_of(text: str) -> Cursor:
    """Decode a cursor; raise CursorInvalid for a text that is none."""
    try:
        raw = urlsafe_b64decode(text.encode("ascii") + b"==")
    except (ValueError, NotBase64):
        raw = b""
    if len(raw) != _ID_BYTES + _NUMBER_BYTES or len(text) != 22:
        raise CursorInvalid(Text("不是变更的游标", "that is not a cursor of changes"))
    return Cursor(raw[:_ID_BYTES], int.from_bytes(raw[_ID_BYTES:], "big"))


def number_after(switch: Switch, cursor: Cursor | None, newest: int) -> int:
    """Return the number after which to read.

    ``newest`` is the highest number that the store has drawn. Raise CursorOfAnotherStore and
    CursorTooOld.
    """
    if cursor is None:
        return switch.floor
    ends = dict(switch.earlier) | {switch.id: newest}
    if cursor.number > ends.get(cursor.id, -1):
        zh = "此游标属于另一个库，或早于变更记录的关闭，或晚于此库（如已从备份恢复）"
        en = (
            "the cursor is of another store, of before changes were switched off, or of a later"
            " state than this one, as after a restored backup"
        )
        raise CursorOfAnotherStore(Text(f"{zh}。{_START_AGAIN.zh}", f"{en}; {_START_AGAIN.en}"))
    if cursor.number < switch.floor:
        zh, en = "此游标之后的变更已被删除", "changes after this cursor were deleted"
        raise CursorTooOld(Text(f"{zh}。{_START_AGAIN.zh}", f"{en}; {_START_AGAIN.en}"))
    return cursor.number


def _check_bounds(limit: int, wait: float) -> None:
    """Raise ValueError for a limit or a wait that ``changes`` does not have."""
    if not 1 <= limit <= MOST_CHANGES:
        raise ValueError(f"limit must be 1 to {MOST_CHANGES}")
    if not 0 <= wait <= LONGEST_WAIT:
        raise ValueError(f"wait must be 0 to {LONGEST_WAIT:.0f} seconds")


def _check_kept(keep_days: int | None, keep_rows: int | None) -> None:
    """Raise ValueError for a bound of what is kept that is below 1."""
    for bound in (keep_days, keep_rows):
        if bound is not None and bound < 1:
            raise ValueError("keep_days and keep_rows must be at least 1, or None")


class Recording:
    """The verbs of the port on the feed, over an engine's own steps."""

    _clock: Callable[[], int]
    #: Each in a transaction, or a read, of its own; the first argument is the store.
    _set_changes: ClassVar[Callable[[Any, bool, int | None, int | None], Awaitable[bool]]]
    _trim: ClassVar[Callable[[Any, int, int | None, int | None], Awaitable[tuple[int, bool]]]]
    _changes_after: ClassVar[Callable[[Any, Cursor | None, int], Awaitable[Changes]]]

    async def set_changes(
        self, on: bool, *, keep_days: int | None = KEEP_DAYS, keep_rows: int | None = None
    ) -> bool:
        _check_kept(keep_days, keep_rows)
        changed = await self._set_changes(on, keep_days, keep_rows)
        if not on:
            await self.trim_changes()
        return changed

    async def changes(
        self, after: str | None = None, limit: int = 100, wait: float = 0.0
    ) -> Changes:
        _check_bounds(limit, wait)
        cursor = None if after is None else cursor_of(after)
        until = time.monotonic() + wait
        while True:
            found = await self._changes_after(cursor, limit)
            left = until - time.monotonic()
            if found.items or left <= 0:
                return found
            await asyncio.sleep(min(POLL_SECONDS, left))

    async def trim_changes(self, keep_days: int | None = None, keep_rows: int | None = None) -> int:
        _check_kept(keep_days, keep_rows)
        now_ms, deleted, more = self._clock() // 10**6, 0, True
        while more:  # other writes get their turn after so many
            some, more = await self._trim(now_ms, keep_days, keep_rows)
            deleted += some
        return deleted


def last_to_delete(
    switch: Switch,
    oldest: Sequence[tuple[int, int]],
    newest: int,
    now_ms: int,
    *,
    keep_days: int | None,
    keep_rows: int | None,
) -> int:
    """Return the number up to which changes are beyond the bounds; 0 if none is.

    ``oldest`` has number and time of the oldest changes, in order; ``newest`` is the highest number
    drawn. Without a bound, those of the switch hold.
    """
    if keep_days is None and keep_rows is None:
        keep_days, keep_rows = switch.keep_days, switch.keep_rows
    last = 0
    for number, time_ms in oldest:
        is_old = keep_days is not None and time_ms < now_ms - keep_days * DAY_MS
        is_many = keep_rows is not None and number <= newest - keep_rows
        if not (is_old or is_many or number <= switch.floor):
            break
        last = number
    return last


#: A stored change: number, time in milliseconds, kind, actor, target and body.
Row = Sequence[Any]
_ENCODE = msgspec.json.Encoder(order="deterministic").encode
_DECODE = msgspec.json.Decoder(tuple[dict[str, Any], dict[str, Any]]).decode


def body_of(record: Record) -> bytes:
    """Return what is stored of a record's ``before`` and ``after``."""
    return _ENCODE((record.before, record.after))


def record_of(kind: str, actor: int, target: int, body: bytes) -> Record:
    """Return the record of a stored change; raise ``msgspec.DecodeError`` if it is damaged."""
    before, after = _DECODE(body)
    return Record(kind, actor, target, before, after)


def page(switch: Switch, after: int, rows: Sequence[Row]) -> Changes:
    """Return stored rows as the changes after a number."""
    items = []
    for number, time_ms, kind, actor, target, body in rows:
        before, after_ = _DECODE(body)
        items.append(
            FeedItem(
                number=number,
                time_ms=time_ms,
                kind=kind,
                actor=actor,
                target=target,
                before=before,
                after=after_,
                cursor=cursor_at(switch, number),
            )
        )
    return Changes(items, items[-1].cursor if items else cursor_at(switch, after))


def ms_of(sort_key: int) -> int:
    """Return the time of a sort key in milliseconds since the Unix epoch."""
    return sort_key * 1_000 // sort_key_of_mtime(1)


_STATES = {state: state.name.lower() for state in State}


def account_records(
    before: tuple[Account, Card] | None, after: tuple[Account, Card]
) -> list[Record]:
    """Return the records of a change of an account: of its card, its switches and its state.

    The card of a deregistered account is the same for all: its record is that of the state alone,
    so that the feed does not repeat what was erased.
    """
    account, card = after
    old, old_card = before or (Account(mid=account.mid), Card())
    records = []
    is_erased = account.state is State.DEREGISTERED
    changed = {} if is_erased else _changed(asdict(old_card), asdict(card))
    if before is None or changed:
        was = {} if before is None else {name: asdict(old_card)[name] for name in changed}
        records.append(Record(ACCOUNT, account.mid, before=was, after=changed))
    switches = asdict(old.privacy), asdict(account.privacy)
    if changed := _changed(*switches):
        was = {name: switches[0][name] for name in changed}
        records.append(Record(PRIVACY, account.mid, before=was, after=changed))
    if (old.state, old.ban) != (account.state, account.ban):
        records.append(Record(STATE, account.mid, before=_state(old), after=_state(account)))
    return records


def _state(account: Account) -> dict[str, Any]:
    """Return an account's state; of a ban with an end or a reason, these too."""
    state: dict[str, Any] = {"state": _STATES[account.state]}
    if account.ban is not None and account.ban.until:
        state["until"] = account.ban.until
    if account.ban is not None and account.ban.reason:
        state["reason"] = account.ban.reason
    return state


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in after.items() if before[name] != value}


def mute_records(entries: Iterable[Entry]) -> list[Record]:
    """Return the records of the mutes among documents that are stored."""
    return [
        Record("mute", entry.owner, entry.id, after={"until": entry.keys["until"]})
        for entry in entries
        if entry.kind == MUTE.name
    ]


def unmute_record(owner: int, mute: Mark) -> Record:
    """Return the record of a mute that is deleted."""
    return Record("unmute", owner, mute.target, before={"until": mute.until})
