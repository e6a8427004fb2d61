"""Reads and writes of accounts, cards, sessions, grants and notes, on a given connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import starmap
from typing import Any

import apsw
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
    state_at,
    stored_ban,
)
from guanxi.accounts.secrets import USED_SECONDS, Session, SessionRefusal, TokenKind
from guanxi.contract.limits import ALL
from guanxi.graph.pair import mtime_of
from guanxi.stores.documents import document
from guanxi.stores.port import AccountRow
from guanxi.stores.sqlite import content
from guanxi.stores.sqlite.erased import is_erased
from guanxi.stores.sqlite.feed import end_cursor
from guanxi.stores.sqlite.reads import packed
from guanxi.stores.sqlite.requests import end_requests, end_some
from guanxi.stores.tails import PLAIN_NAME, TAIL_VERSION, Derived, stored_tail, whole_tails
from guanxi.world.keys import KEY, Key, key_id
from guanxi.world.kind import DocumentEdit

_CARD = tuple(field.name for field in fields(Card))
_CARD_COLUMNS = ", ".join(_CARD)
_NAMELESS = ", ".join(_CARD[1:])
_PRIVACY = tuple(field.name for field in fields(Privacy))
_PRIVACY_COLUMNS = ", ".join(_PRIVACY)
_NO_SWITCH = Privacy()
_COLUMNS = f"mid, state, {_PRIVACY_COLUMNS}, folded, name, {_NAMELESS}"
_PUT_COLUMNS = f"{_COLUMNS}, ban_reason, ban_until"
_MARKS = ", ".join("?" * len(_PUT_COLUMNS.split(",")))
_REPLACED = ", ".join(f"{name} = excluded.{name}" for name in _PUT_COLUMNS.split(", ")[1:])
_PUT_ACCOUNT = f"""
INSERT INTO account ({_PUT_COLUMNS}, created) VALUES ({_MARKS}, ?)
ON CONFLICT (mid) DO UPDATE SET {_REPLACED}
"""
_NO_BAN = Ban()
_PUT_TAIL = "INSERT OR REPLACE INTO tail (mid, version, tail) VALUES (?, ?, ?)"
_PUT_TALLY = "INSERT INTO tally (mid) VALUES (?) ON CONFLICT DO NOTHING"


def put(db: apsw.Connection, accounts: Iterable[tuple[Account, Card]], created: int = 0) -> None:
    """Create or replace accounts with their cards and list-item tails; new ones get zero counts.

    A deregistered account gets the erased card. ``created`` is the time of creation of new ones, in
    seconds since the Unix epoch, 0 if it is unknown; the others keep theirs. The caller commits.
    """
    for account, card in accounts:
        if account.state is State.DEREGISTERED:
            card = DEREGISTERED_CARD
        mid, folded = account.mid, card.name.casefold()
        values = (mid, account.state, *astuple(account.privacy), folded, *astuple(card))
        db.execute(_PUT_ACCOUNT, (*values, *astuple(account.ban or _NO_BAN), created))
        db.execute(_PUT_TAIL, (mid, TAIL_VERSION, stored_tail(card)))
        db.execute(_PUT_TALLY, (mid,))


_LIKE_FIRST = f"""
INSERT INTO account ({_COLUMNS})
SELECT new.mid, state, {_PRIVACY_COLUMNS}, :plain || new.mid, :plain || new.mid, {_NAMELESS}
FROM unknown AS new JOIN account AS first ON first.mid = :first WHERE new.mid <> :first;
INSERT INTO tail (mid, version, tail)
SELECT new.mid, version,
    CAST(replace(CAST(tail AS TEXT), :plain || :first, :plain || new.mid) AS BLOB)
FROM unknown AS new JOIN tail AS first ON first.mid = :first WHERE new.mid <> :first;
INSERT INTO tally (mid) SELECT mid FROM unknown WHERE mid <> :first;
"""


def put_plain(db: apsw.Connection) -> None:
    """Create the accounts in the temporary table ``unknown``, with cards that have only a name.

    They must not exist yet. Does nothing if the table is empty. The caller commits.
    """
    first = db.execute("SELECT min(mid) FROM unknown").get
    if first is not None:
        put(db, [(Account(mid=first), Card(name=f"{PLAIN_NAME}{first}"))])
        db.execute(_LIKE_FIRST, {"plain": PLAIN_NAME, "first": first})


_ACCOUNT = f"SELECT state, ban_reason, ban_until, {_PRIVACY_COLUMNS} FROM account WHERE mid = ?"


def account(db: apsw.Connection, mid: int) -> Account | None:
    """Return an account's state, privacy and ban as stored, or None for an unknown account.

    A ban that has ended is still there; see ``account_at``.
    """
    row = db.execute(_ACCOUNT, (mid,)).get
    return None if row is None else _account(mid, *row)


_BAN_UNTIL = "SELECT ban_until FROM account WHERE mid = ?"


def is_banned(db: apsw.Connection, mid: int, state: int | None, now: int) -> bool:
    """Return whether an account in this stored state is banned at the time of the sort key ``now``.

    Only of a banned one is the end of the ban read.
    """
    if state != State.BANNED:
        return False
    until = db.execute(_BAN_UNTIL, (mid,)).get
    return state_at(state, until, mtime_of(now)) is State.BANNED


def _account(mid: int, state: int, reason: str, until: int, *switches: int) -> Account:
    return Account(
        mid=mid,
        state=State(state),
        privacy=_privacy(switches),
        ban=stored_ban(state, reason, until),
    )


def accounts_of(db: apsw.Connection, mids: Sequence[int]) -> dict[int, Account]:
    """Return the state and privacy of accounts by mid; unknown mids are omitted."""
    found = ((mid, account(db, mid)) for mid in mids)
    return {mid: known for mid, known in found if known is not None}


def _privacy(switches: Sequence[int]) -> Privacy:
    if not any(switches):
        return _NO_SWITCH
    return Privacy(**dict(zip(_PRIVACY, map(bool, switches), strict=True)))


_CARDS = f"SELECT mid, {_CARD_COLUMNS} FROM carray(?) CROSS JOIN account ON mid = value"


def cards(db: apsw.Connection, mids: Sequence[int]) -> dict[int, Card]:
    """Return the cards of accounts, by mid; unknown accounts are omitted."""
    if not mids:
        return {}
    return {
        mid: Card(**dict(zip(_CARD, values, strict=True)))
        for mid, *values in db.execute(_CARDS, (packed(mids),))
    }


_BRIEFS = "SELECT mid, name, face, sign FROM carray(?) CROSS JOIN account ON mid = value"


def briefs(db: apsw.Connection, mids: Sequence[int]) -> dict[int, Brief]:
    """Return the mid, name, face and sign of accounts, by mid; unknown accounts are omitted."""
    if not mids:
        return {}
    return {row[0]: row for row in db.execute(_BRIEFS, (packed(mids),))}


_TAILS = "SELECT mid, tail FROM carray(?) CROSS JOIN tail ON mid = value"


def tails(db: apsw.Connection, mids: Sequence[int]) -> dict[int, bytes]:
    """Return the list-item tails (JSON with "," in place of "{") by mid; omit unknown accounts."""
    if not mids:
        return {}
    return whole_tails(dict(db.execute(_TAILS, (packed(mids),))))


_MID = f"SELECT min(mid) FROM account WHERE name = ? AND state <> {State.DEREGISTERED:d}"


def mids(db: apsw.Connection, names: Sequence[str]) -> dict[str, int]:
    """Return the lowest mid with each exact name, by name; names that no account has are omitted.

    Deregistered accounts are not found.
    """
    # One statement per name: an array of strings cannot hold one that contains a NUL.
    lowest = {name: db.execute(_MID, (name,)).get for name in names}
    return {name: mid for name, mid in lowest.items() if mid is not None}


_DERIVED = f"""
SELECT mid, state, folded, version, tail, {_CARD_COLUMNS} FROM account LEFT JOIN tail USING (mid)
"""


def derived(db: apsw.Connection) -> Iterator[Derived]:
    """Yield every account's state and card with the stored values that derive from the card.

    These are the case-folded name, the list-item tail and the tail's version (the last two None
    without a stored tail).
    """
    for mid, state, folded, version, tail, *values in db.execute(_DERIVED):
        card = Card(**dict(zip(_CARD, values, strict=True)))
        yield Derived(mid, State(state), card, folded, version, tail)


# Imported content may have several keys of an account: the one with the highest id counts.
_ACCOUNTS = f"""
SELECT mid, state, ban_reason, ban_until, {_PRIVACY_COLUMNS}, {_CARD_COLUMNS}, created, (
    SELECT body FROM content WHERE owner = mid AND kind = '{KEY.name}' ORDER BY id DESC LIMIT 1
) FROM account WHERE mid {{is_}} ? ORDER BY mid
"""
_EVERYBODY, _ONE = _ACCOUNTS.format(is_=">"), _ACCOUNTS.format(is_="=")
_CARD_AT = slice(4 + len(_PRIVACY), 4 + len(_PRIVACY) + len(_CARD))


def accounts(
    db: apsw.Connection,
    after: int = 0,
    at: Callable[[str | None], object] | None = None,
    *,
    now: int,
) -> Iterator[AccountRow]:
    """Yield the accounts with a mid above ``after``, with cards and keys, in ascending order.

    A ban that has ended by ``now``, in seconds since the Unix epoch, is left out.
    ``at`` is called first, with the feed's cursor of this snapshot, None if the feed is off.
    ``StoreError`` if a key cannot be decoded.
    """
    if at is not None:
        at(end_cursor(db))
    yield from _account_rows(db, _EVERYBODY, after, now)


def account_row(db: apsw.Connection, mid: int, now: int) -> AccountRow | None:
    """Return one account as ``accounts`` does, None if it is unknown."""
    return next(_account_rows(db, _ONE, mid, now), None)


def _account_rows(db: apsw.Connection, statement: str, mid: int, now: int) -> Iterator[AccountRow]:
    for row in db.execute(statement, (mid,)):
        *_, created, key = row
        account = account_at(_account(*row[: _CARD_AT.start]), now)
        yield AccountRow(
            account,
            Card(**dict(zip(_CARD, row[_CARD_AT], strict=True))),
            "" if key is None else document(KEY, account.mid, 0, key).key,
            created,
        )


_NAME_IN_USE = f"""
SELECT EXISTS (
    SELECT 1 FROM account WHERE name = ? AND mid <> ? AND state <> {State.DEREGISTERED:d}
)
"""


def edit_account(
    db: apsw.Connection,
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
    if is_erased(db, mid):
        return EditRefusal.ERASED
    current = account(db, mid)
    stored = None if current is None else (account_at(current, now), cards(db, [mid])[mid])
    name = edit.card.get("name", edit.new.name if edit.new else None)
    in_use = edit.unique_name and bool(db.execute(_NAME_IN_USE, (name, mid)).get)
    key_in_use = bool(edit.key) and _key_in_use(db, mid, edit.key or "")
    decided = decide_account(mid, edit, stored, name_in_use=in_use, key_in_use=key_in_use)
    if isinstance(decided, EditRefusal):
        return decided
    put(db, [decided], now)
    if edit.created is not None:
        db.execute("UPDATE account SET created = ? WHERE mid = ?", (edit.created, mid))
    if edit.state is State.DEREGISTERED:
        close_sessions(db, mid)
        end_requests(db, mid)
        db.execute("DELETE FROM sign_in_grant WHERE mid = ?", (mid,))
        _put_key(db, mid, "")
    elif edit.key is not None:
        _put_key(db, mid, edit.key)
    for change in documents:  # one by one: two may change the same document
        document = content.get(db, change.kind, mid, change.id)
        content.put(db, [change.entry(mid, document)])
    return stored, decided


def end_requests_ahead(db: apsw.Connection, mid: int, edit: AccountEdit, now: int) -> bool:
    """End some of the requests of an account that an edit deregisters; return whether more may be.

    So that no transaction ends them all if they are many: the last ones are left for
    ``edit_account``. Nothing is done if the edit is refused. The caller commits.
    """
    current = account(db, mid)
    stored = None if current is None else (current, cards(db, [mid])[mid])
    if isinstance(decide_account(mid, edit, stored, name_in_use=False), EditRefusal):
        return False
    return end_some(db, mid, now)


def _key_in_use(db: apsw.Connection, mid: int, key: str) -> bool:
    """Return whether another account has a key."""
    found = content.find(db, KEY, [key_id(key)]).values()
    return any(one != (mid, Key(key)) for one in found)


def _put_key(db: apsw.Connection, mid: int, key: str) -> None:
    """Give an account a key, "" for none, in place of the one that it has."""
    content.delete(db, KEY, mid, None, {}, start=0, most=ALL)
    if key:
        content.put(db, [KEY.entry(mid, Key(key))])


_MAY_SIGN_IN = f"SELECT 1 FROM account WHERE mid = ? AND state <> {State.DEREGISTERED:d}"
_OPEN_SESSION = """
INSERT INTO session (digest, mid, kind, created, expires, used) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""
_CLOSE_OLDEST = """
DELETE FROM session WHERE digest IN (
    SELECT digest FROM session WHERE mid = ?1 AND digest <> ?2
    ORDER BY created DESC, digest LIMIT -1 OFFSET ?3
)
"""


def open_session(
    db: apsw.Connection, session: Session, at_most: int = ALL
) -> SessionRefusal | None:
    """Store a session; return None, or why nothing was changed.

    It is refused if its account is unknown or deregistered, or if a session has its digest. Then
    delete the account's sessions that expired before ``session.created``, and the oldest others
    beyond ``at_most``. The caller commits.
    """
    mid, created = session.mid, session.created
    if db.execute(_MAY_SIGN_IN, (mid,)).get is None:
        return SessionRefusal.NO_ACCOUNT
    values = (session.digest, mid, session.kind, created, session.expires, session.used)
    db.execute(_OPEN_SESSION, values)
    if not db.changes():
        return SessionRefusal.DIGEST_IN_USE
    db.execute("DELETE FROM session WHERE mid = ? AND expires < ?", (mid, created))
    db.execute(_CLOSE_OLDEST, (mid, session.digest, at_most - 1))
    return None


_SESSIONS = "SELECT digest, mid, kind, created, expires, used FROM session"
_SESSION = f"{_SESSIONS} WHERE digest = ?"


def session(db: apsw.Connection, digest: bytes) -> Session | None:
    """Return the session with a token digest, expired or not; None if there is none."""
    row = db.execute(_SESSION, (digest,)).get
    return None if row is None else _session(*row)


def sessions(db: apsw.Connection) -> Iterator[Session]:
    """Return an iterator over every session, expired ones included, in no given order."""
    return starmap(_session, db.execute(_SESSIONS))


def sessions_of(db: apsw.Connection, mid: int) -> list[Session]:
    """Return an account's sessions, expired ones included, the newest first."""
    found = db.execute(f"{_SESSIONS} WHERE mid = ? ORDER BY created DESC, digest", (mid,))
    return [*starmap(_session, found)]


_USE = f"UPDATE session SET used = ?2 WHERE digest = ?1 AND used <= ?2 - {USED_SECONDS}"


def use_sessions(db: apsw.Connection, used: Mapping[bytes, int]) -> None:
    """Note when sessions were used, by digest; skip those noted within ``USED_SECONDS``."""
    db.executemany(_USE, used.items())


def _session(digest: bytes, mid: int, kind: str, *times: int) -> Session:
    created, expires, used = times
    return Session(
        digest=digest,
        mid=mid,
        kind=TokenKind(kind),
        created=created,
        expires=expires,
        used=used,
    )


def close_session(db: apsw.Connection, digest: bytes) -> bool:
    """Delete the session with a token digest; return whether it existed."""
    db.execute("DELETE FROM session WHERE digest = ?", (digest,))
    return bool(db.changes())


def close_sessions(db: apsw.Connection, mid: int) -> int:
    """Delete all sessions of an account; return their number."""
    db.execute("DELETE FROM session WHERE mid = ?", (mid,))
    return db.changes()


def note(db: apsw.Connection, name: str) -> bytes | None:
    """Return a note (a named value in the meta table), or None if there is none."""
    value: bytes | None = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).get
    return value


def put_note(db: apsw.Connection, name: str, value: bytes | None) -> None:
    """Write a note, or delete it if ``value`` is None."""
    if value is None:
        db.execute("DELETE FROM meta WHERE name = ?", (name,))
    else:
        db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))


_PUT_GRANT = """
INSERT INTO sign_in_grant (digest, mid, expires) VALUES (?, ?, ?)
ON CONFLICT (digest) DO UPDATE SET mid = excluded.mid, expires = excluded.expires
WHERE mid = excluded.mid OR (mid = 0 AND ?)
"""


def put_grant(
    db: apsw.Connection, digest: bytes, mid: int, expires: int, now: int, *, again: bool
) -> bool:
    """Store a QR sign-in grant; return False if another account has it, or it was used.

    ``again`` stores one that was used. Expired grants are deleted. An account that was erased gets
    none. Times are in seconds since the Unix epoch. The caller commits.
    """
    db.execute("DELETE FROM sign_in_grant WHERE expires <= ?", (now,))
    if is_erased(db, mid):
        return False
    db.execute(_PUT_GRANT, (digest, mid, expires, again))
    return db.changes() > 0


def grant(db: apsw.Connection, digest: bytes, now: int) -> int | None:
    """Return the account of a QR sign-in grant, 0 if it was used; None if there is none.

    None also if it has expired at ``now``, in seconds since the Unix epoch.
    """
    statement = "SELECT mid FROM sign_in_grant WHERE digest = ? AND expires > ?"
    mid: int | None = db.execute(statement, (digest, now)).get
    return mid


def take_grant(db: apsw.Connection, digest: bytes, now: int) -> int | None:
    """Return what ``grant`` does, and mark the grant as used. The caller commits."""
    mid = grant(db, digest, now)
    if mid:
        db.execute("UPDATE sign_in_grant SET mid = 0 WHERE digest = ?", (digest,))
    return mid
