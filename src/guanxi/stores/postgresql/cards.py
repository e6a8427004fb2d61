"""Read and write accounts with their cards, names and keys, given a connection.

Functions that write expect the caller's transaction.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from itertools import islice
from typing import Any

import asyncpg
from msgspec.structs import astuple, fields

from guanxi.accounts.account import (
    DEREGISTERED_CARD,
    Account,
    AccountEdit,
    Ban,
    Brief,
    Card,
    EditRefusal,
    Privacy,
    State,
    account_at,
    decide_account,
    stored_ban,
)
from guanxi.stores.documents import document
from guanxi.stores.port import AccountRow
from guanxi.stores.postgresql import content, sessions
from guanxi.stores.postgresql.connections import Connection
from guanxi.stores.postgresql.erased import is_erased
from guanxi.stores.postgresql.feed import end_cursor
from guanxi.stores.postgresql.pairs import Locked, end_requests
from guanxi.stores.postgresql.requests import end_some, lock_account
from guanxi.stores.postgresql.rows import write
from guanxi.stores.tails import PLAIN_NAME, TAIL_VERSION, Derived, stored_tail, whole_tails
from guanxi.world.keys import KEY, Key, key_id
from guanxi.world.kind import DocumentEdit

_CARD = tuple(field.name for field in fields(Card))
_PRIVACY = tuple(field.name for field in fields(Privacy))
_NO_SWITCH = Privacy()
#: The columns in the order of ``_row``.
_BAN = ("ban_reason", "ban_until")
_COLUMNS = ("mid", "state", *_BAN, *_PRIVACY, *_CARD, "folded", "tail_version", "tail")
_CARD_AT = slice(4 + len(_PRIVACY), 4 + len(_PRIVACY) + len(_CARD))
_NO_BAN = Ban()
_PUT_BATCH = 10_000
#: From how many new accounts on they are written by COPY, which costs more at its beginning.
_COPIED = 50
_KNOWN = "SELECT mid FROM account WHERE mid = ANY($1)"


def _numbered(columns: Sequence[str]) -> str:
    return ", ".join(f"${at}" for at in range(1, len(columns) + 1))


# An existing row is returned unchanged, and locked until the transaction ends.
_CLAIM = f"""
INSERT INTO account ({", ".join((*_COLUMNS, "created"))})
VALUES ({_numbered((*_COLUMNS, "created"))})
ON CONFLICT (mid) DO UPDATE SET state = account.state
RETURNING {", ".join(_COLUMNS)}
"""
_REPLACE = f"""
UPDATE account SET ({", ".join(_COLUMNS[1:])}) = ROW ({_numbered(_COLUMNS)[4:]}) WHERE mid = $1
"""
_PUT_TALLY = "INSERT INTO tally (mid) VALUES ($1) ON CONFLICT DO NOTHING"
_PUT_NAME = "INSERT INTO account_name (name, mid) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_DROP_NAME = "DELETE FROM account_name WHERE name = $1 AND mid = $2"

_Row = tuple[Any, ...]


def _row(account: Account, card: Card) -> _Row:
    """Return the stored row of an account, in the order of ``_COLUMNS``; texts are UTF-8 bytes.

    A deregistered account gets the erased card.
    """
    if account.state is State.DEREGISTERED:
        card = DEREGISTERED_CARD
    values = [each.encode() if isinstance(each, str) else each for each in astuple(card)]
    ban, switches = account.ban or _NO_BAN, astuple(account.privacy)
    head = account.mid, account.state.value, ban.reason.encode(), ban.until, *switches
    return *head, *values, card.name.casefold().encode(), TAIL_VERSION, stored_tail(card)


def _card(values: Iterable[Any]) -> Card:
    read: list[Any] = [each.decode() if isinstance(each, bytes) else each for each in values]
    return Card(**dict(zip(_CARD, read, strict=True)))


async def put(db: Connection, accounts: Iterable[tuple[Account, Card]], created: int = 0) -> None:
    """Create or replace accounts with cards and names; new ones get counts of zero.

    A deregistered account gets the erased card and is not found by name. ``created`` is the time of
    creation of new ones, in seconds since the Unix epoch, 0 if it is unknown; the others keep
    theirs. Expects the caller's transaction.
    """
    await put_created(db, ((account, card, created) for account, card in accounts))


async def put_created(db: Connection, accounts: Iterable[tuple[Account, Card, int]]) -> None:
    """Create or replace accounts as ``put``, each with its own time of creation."""
    remaining = iter(accounts)
    while some := list(islice(remaining, _PUT_BATCH)):
        batch = {account.mid: (_row(account, card), created) for account, card, created in some}
        known = {mid for (mid,) in await db.fetch(_KNOWN, [*batch])}
        new = [batch[mid] for mid in batch if mid not in known]
        if len(new) >= _COPIED and await _copied(db, new):
            batch = {mid: batch[mid] for mid in batch if mid in known}
        # Sorted, so that two writers of the same accounts do not deadlock.
        claimed = await _claimed(db, [batch[mid] for mid in sorted(batch)])
        await _replace(db, claimed, [batch[mid][0] for mid in sorted(batch)])


async def _copied(db: Connection, rows: Sequence[tuple[_Row, int]]) -> bool:
    """Insert new accounts by COPY; return False, with nothing done, if there is one meanwhile."""
    names = sorted(_names(row for row, _ in rows))
    await db.execute("SAVEPOINT copied")
    try:
        for table, columns, records in (
            ("account", (*_COLUMNS, "created"), [(*row, created) for row, created in rows]),
            ("tally", ("mid",), [(row[0],) for row, _ in rows]),
            ("account_name", ("name", "mid"), names),
        ):
            await db.copy_records_to_table(table, records=records, columns=columns)
    except asyncpg.UniqueViolationError:
        await db.execute("ROLLBACK TO SAVEPOINT copied")
        return False
    await db.execute("RELEASE SAVEPOINT copied")
    return True


async def _claimed(db: Connection, rows: Iterable[tuple[_Row, int]]) -> list[_Row]:
    """Lock the account of each row and return the stored rows, in the same order.

    A missing account is first inserted as its row says, as created at the time next to it.
    """
    values = [(*row, created) for row, created in rows]
    return [tuple(row) for row in await db.fetchmany(_CLAIM, values)] if values else []


async def _replace(db: Connection, previous: Sequence[_Row], rows: Sequence[_Row]) -> None:
    """Replace the locked rows ``previous`` by ``rows``, of the same accounts in the same order.

    Also update the table of names, and insert missing counts as zeros.
    """
    before, after = _names(previous), _names(rows)
    changed = [row for old, row in zip(previous, rows, strict=True) if old != row]
    for statement, values in (
        (_REPLACE, changed),
        (_DROP_NAME, sorted(before - after)),
        (_PUT_NAME, sorted(after)),
        (_PUT_TALLY, [(row[0],) for row in rows]),
    ):
        if values:
            await db.executemany(statement, values)


def _names(rows: Iterable[_Row]) -> set[tuple[bytes, int]]:
    """Return (name, mid) of each account that is not deregistered: those found by name."""
    at = _COLUMNS.index("name")
    return {(row[at], row[0]) for row in rows if row[1] != State.DEREGISTERED}


_PLAIN_COLUMNS = ("mid", "name", "folded", "tail")
_LIKE_PLAIN = f"""
INSERT INTO account ({{others}}, {", ".join(_PLAIN_COLUMNS)})
SELECT {{values}}, mid, name, name, {{before}}::bytea || name || {{after}}::bytea
FROM (SELECT mid, convert_to('{PLAIN_NAME}' || mid, 'UTF8') AS name FROM unknown) AS new
"""
_NAME_PLAIN = f"""
INSERT INTO account_name (name, mid)
SELECT convert_to('{PLAIN_NAME}' || mid, 'UTF8'), mid FROM unknown
"""


async def put_plain(db: Connection) -> None:
    """Create the accounts of the temporary table ``unknown``, with cards that have only a name.

    They must not exist yet. Expects the caller's transaction.
    """
    plain = dict(zip(_COLUMNS, _row(Account(mid=0), Card(name=PLAIN_NAME)), strict=True))
    before, after = plain["tail"].split(PLAIN_NAME.encode())
    others = {name: value for name, value in plain.items() if name not in _PLAIN_COLUMNS}
    bound = [f"${at}" for at in range(1, len(others) + 3)]
    statement = _LIKE_PLAIN.format(
        others=", ".join(others), values=", ".join(bound[:-2]), before=bound[-2], after=bound[-1]
    )
    await db.execute(statement, *others.values(), before, after)
    await db.execute(_NAME_PLAIN)
    await db.execute("INSERT INTO tally (mid) SELECT mid FROM unknown ON CONFLICT DO NOTHING")


_ACCOUNT = f"SELECT state, {', '.join((*_BAN, *_PRIVACY))} FROM account WHERE mid = $1"


async def account(db: Connection, mid: int) -> Account | None:
    """Return an account's state, privacy and ban as stored, or None if it is unknown.

    A ban that has ended is still there; see ``account_at``.
    """
    row = await db.fetchrow(_ACCOUNT, mid)
    return None if row is None else _account(mid, *row)


def _account(mid: int, state: int, reason: bytes, until: int, *switches: bool) -> Account:
    privacy = Privacy(**dict(zip(_PRIVACY, switches, strict=True))) if any(switches) else _NO_SWITCH
    ban = stored_ban(state, reason.decode(), until)
    return Account(mid=mid, state=State(state), privacy=privacy, ban=ban)


_ACCOUNTS = f"SELECT mid, state, {', '.join((*_BAN, *_PRIVACY))} FROM account WHERE mid = ANY($1)"


async def accounts_of(db: Connection, mids: Sequence[int]) -> dict[int, Account]:
    """Return the state and privacy of accounts by mid; unknown mids are omitted."""
    found = await db.fetch(_ACCOUNTS, mids) if mids else []
    return {row["mid"]: _account(*row) for row in found}


#: The columns of a card, of a brief and of a tail.
CARD, BRIEF, TAIL = ", ".join(_CARD), "name, face, sign", "tail"


async def _of_accounts(db: Connection, columns: str, mids: Sequence[int]) -> list[asyncpg.Record]:
    statement = f"SELECT mid, {columns} FROM account WHERE mid = ANY($1)"
    return await db.fetch(statement, mids) if mids else []


async def cards(db: Connection, mids: Sequence[int]) -> dict[int, Card]:
    """Return the cards by mid; unknown mids are omitted."""
    return cards_in(await _of_accounts(db, CARD, mids))


def cards_in(rows: Iterable[asyncpg.Record]) -> dict[int, Card]:
    """Return the cards by mid, from rows of mid and ``CARD``."""
    return {mid: _card(values) for mid, *values in rows}


async def briefs(db: Connection, mids: Sequence[int]) -> dict[int, Brief]:
    """Return the mid, name, face and sign of accounts, by mid; unknown mids are omitted."""
    return briefs_in(await _of_accounts(db, BRIEF, mids))


def briefs_in(rows: Iterable[asyncpg.Record]) -> dict[int, Brief]:
    """Return the briefs by mid, from rows of mid and ``BRIEF``."""
    return {
        mid: (mid, name.decode(), face.decode(), sign.decode()) for mid, name, face, sign in rows
    }


async def tails(db: Connection, mids: Sequence[int]) -> dict[int, bytes]:
    """Return the list-item tails (part of an item's JSON) by mid; unknown mids are omitted."""
    return tails_in(await _of_accounts(db, TAIL, mids))


def tails_in(rows: Iterable[asyncpg.Record]) -> dict[int, bytes]:
    """Return the tails by mid, from rows of mid and ``TAIL``."""
    return whole_tails({row["mid"]: row["tail"] for row in rows})


async def mids(db: Connection, names: Sequence[str]) -> dict[str, int]:
    """Return the lowest mid of each exact name, by name; unknown names are omitted.

    Deregistered accounts are never found.
    """
    if not names:
        return {}
    found = await db.fetch(
        "SELECT name, min(mid) FROM account_name WHERE name = ANY($1) GROUP BY name",
        [name.encode() for name in names],
    )
    return {name.decode(): mid for name, mid in found}


_EVERYBODY = f"SELECT {', '.join(_COLUMNS)} FROM account WHERE mid > $1 ORDER BY mid"


# Imported content may have several keys of an account: the one with the highest id counts.
_WITH_KEYS = f"""
SELECT {", ".join(_COLUMNS)}, created, (
    SELECT (array_agg(body ORDER BY id DESC))[1] FROM content
    WHERE content.owner = account.mid AND kind = '{KEY.name}'
) FROM account WHERE mid {{is_}} $1 ORDER BY mid
"""
_ALL_WITH_KEYS, _ONE_WITH_KEY = _WITH_KEYS.format(is_=">"), _WITH_KEYS.format(is_="=")


async def accounts(
    db: Connection,
    after: int = 0,
    at: Callable[[str | None], object] | None = None,
    *,
    now: int,
) -> AsyncIterator[AccountRow]:
    """Yield every account with a mid above ``after``, its card and its key, by mid.

    A ban that has ended by ``now``, in seconds since the Unix epoch, is left out.
    ``at`` is called first, with the feed's cursor of this snapshot, None if the feed is off.
    Expects a REPEATABLE READ transaction that has not read yet. Raise ``StoreError`` for an
    unreadable key.
    """
    if at is not None:
        at(await end_cursor(db))
    async for row in db.cursor(_ALL_WITH_KEYS, after, prefetch=_PUT_BATCH):
        yield _account_row(row, now)


async def account_row(db: Connection, mid: int, now: int) -> AccountRow | None:
    """Return one account as ``accounts`` does, None if it is unknown."""
    row = await db.fetchrow(_ONE_WITH_KEY, mid)
    return None if row is None else _account_row(row, now)


def _account_row(row: asyncpg.Record, now: int) -> AccountRow:
    account, (created, body) = account_at(_account(*row[: _CARD_AT.start]), now), row[-2:]
    key = "" if body is None else document(KEY, account.mid, 0, body).key
    return AccountRow(account, _card(row[_CARD_AT]), key, created)


async def derived(db: Connection) -> AsyncIterator[Derived]:
    """Yield each account's stored state and card, with the values derived from the card.

    These are the case-folded name, the list-item tail and its version. Expects a transaction.
    """
    async for row in db.cursor(_EVERYBODY, 0, prefetch=_PUT_BATCH):
        mid, state = row[:2]
        folded, version, tail = row[_CARD_AT.stop :]
        yield Derived(mid, State(state), _card(row[_CARD_AT]), folded.decode(), version, tail)


# An update, not FOR UPDATE: it waits for an import before it locks the row that the import needs.
_LOCKED = f"UPDATE account SET state = state WHERE mid = $1 RETURNING {', '.join(_COLUMNS)}"
# The row of mid 0 exists only within a transaction: a second one that claims the name waits for it.
_CLAIM_NAME = """
INSERT INTO account_name (name, mid) VALUES ($1, 0)
ON CONFLICT (name, mid) DO UPDATE SET mid = 0
"""
_NAME_IN_USE = "SELECT EXISTS (SELECT 1 FROM account_name WHERE name = $1 AND mid NOT IN (0, $2))"


async def locked(db: Connection, mid: int) -> tuple[Account, Card] | None:
    """Lock an account until the caller's transaction ends, and return it; None if it is unknown."""
    row = await db.fetchrow(_LOCKED, mid)
    if row is None:
        return None
    values = tuple(row)
    return _account(*values[: _CARD_AT.start]), _card(values[_CARD_AT])


async def edit_account(
    db: Connection,
    mid: int,
    edit: AccountEdit,
    documents: Sequence[DocumentEdit[Any]] = (),
    *,
    now: int,
) -> EditRefusal | tuple[tuple[Account, Card] | None, tuple[Account, Card]]:
    """Change an account and documents of it; return it before and after, or why it was refused.

    An edit that deregisters also deletes the account's sessions, grants and key, and the requests
    to follow that it sent or received. A ban that has ended by ``now`` (in seconds since the Unix
    epoch) counts as none. ``StoreError`` for a stored document that cannot be decoded. Runs in the
    caller's transaction.
    """
    given = edit.card.get("name", edit.new.name if edit.new else None)
    name, is_claimed = str(given).encode(), edit.unique_name and given is not None
    in_use = False
    if is_claimed:
        await db.execute(_CLAIM_NAME, name)
        in_use = await db.fetchval(_NAME_IN_USE, name, mid)
    key_in_use = bool(edit.key) and await _key_in_use(db, mid, edit.key or "")
    requests: Locked | None = None
    if edit.state is State.DEREGISTERED:
        found, requests, others = await lock_account(db, mid, _LOCKED)
    else:
        found, others = await db.fetchrow(_LOCKED, mid), []
    row, is_new = None if found is None else tuple(found), False
    erased = await is_erased(db, mid)
    if row is None and not erased and edit.new is not None and not (in_use or key_in_use):
        made = _row(Account(mid=mid), edit.new)
        [row] = await _claimed(db, [(made, now)])
        is_new = row == made
    stored = None
    if row is not None:
        stored = account_at(_account(*row[: _CARD_AT.start]), now), _card(row[_CARD_AT])
    decided = (
        EditRefusal.ERASED
        if erased
        else decide_account(mid, edit, stored, name_in_use=in_use, key_in_use=key_in_use)
    )
    if row is not None and not isinstance(decided, EditRefusal):
        await _replace(db, [row], [_row(*decided)])
        if edit.created is not None:
            await db.execute("UPDATE account SET created = $2 WHERE mid = $1", mid, edit.created)
        if edit.state is State.DEREGISTERED:
            await sessions.close_sessions(db, mid)
            if requests is not None:
                for other in others:
                    end_requests(requests, mid, other, recorded=False)
            await sessions.delete_grants(db, mid)
            await _put_key(db, mid, "")
        elif edit.key is not None:
            await _put_key(db, mid, edit.key)
        for change in documents:  # one by one: two may change the same document
            document = await content.lock(db, change.kind, change.entry(mid, None))
            await content.put(db, [change.entry(mid, document)])
    if requests is not None:
        await write(db, requests, 0)
    if is_claimed:
        await db.execute(_DROP_NAME, name, 0)
    if edit.key and isinstance(decided, EditRefusal) and not key_in_use:
        await content.release(db, KEY, mid, key_id(edit.key))
    if isinstance(decided, EditRefusal):
        return decided
    return None if is_new else stored, decided


async def end_requests_ahead(db: Connection, mid: int, edit: AccountEdit, now: int) -> bool:
    """End some of the requests of an account that an edit deregisters; return whether more may be.

    So that no transaction ends them all if they are many: the last ones are left for
    ``edit_account``. Nothing is done if the edit is refused. Expects the caller's transaction.
    """
    row = await db.fetchrow(f"SELECT {', '.join(_COLUMNS)} FROM account WHERE mid = $1", mid)
    stored = None if row is None else (_account(*row[: _CARD_AT.start]), _card(row[_CARD_AT]))
    if isinstance(decide_account(mid, edit, stored, name_in_use=False), EditRefusal):
        return False
    return await end_some(db, mid, now)


async def _key_in_use(db: Connection, mid: int, key: str) -> bool:
    """Return whether another account has a key. Others that want it wait for this transaction."""
    holder = await content.claim(db, KEY, mid, key_id(key))
    held = await content.get(db, KEY, holder, key_id(key))
    return held is not None and (holder, held) != (mid, Key(key))


async def _put_key(db: Connection, mid: int, key: str) -> None:
    """Give an account a key, "" for none, in place of the one that it has."""
    await content.delete(db, KEY, mid)
    if key:
        await content.put(db, [KEY.entry(mid, Key(key))])
