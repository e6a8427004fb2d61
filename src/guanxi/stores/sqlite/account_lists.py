"""Lists of accounts, and all that is stored of one, on a given connection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import starmap

import apsw

from guanxi.graph.pair import mtime_of
from guanxi.stores.account_pages import Examined, Found, examined, page
from guanxi.stores.port import (
    About,
    AccountPage,
    AccountQuery,
    AccountRow,
    Follower,
    Grant,
    ReceivedRequest,
    SentRequest,
)
from guanxi.stores.sqlite import cards, export, reads

# Names are compared as UTF-8: the bound after a prefix is a text that is no valid UTF-8.
_VALUES = {
    "folded": ("CAST(:value AS TEXT)", "CAST(:end AS TEXT)"),
    "created": (":value", ":end"),
}


def statement(wanted: Examined) -> str:
    """Return the SQL that selects the rows; each state is read from an index, in its order.

    Rows with the place's own value are a part of their own: SQLite searches an index by a value and
    a rowid, but not by what is greater than a pair of them, and thousands may be equal.
    """
    column = wanted.column
    value, end = _VALUES[column]
    rows = f"SELECT {column}, mid, name, state, ban_reason, ban_until, created FROM account"
    parts = (
        f"{column} = {value} AND {column} < {end} AND mid > :mid ORDER BY mid",
        f"{column} > {value} AND {column} < {end} ORDER BY {column}, mid",
    )
    of_states = " UNION ALL ".join(
        f"SELECT * FROM ({rows} WHERE state = {state:d} AND {part} LIMIT :most)"
        for state in wanted.states
        for part in parts
    )
    return f"{of_states} ORDER BY 1, 2 LIMIT :most"


def list_accounts(db: apsw.Connection, query: AccountQuery, now: int) -> AccountPage:
    """Return the page of accounts that a query selects; ``now`` is in seconds since the epoch."""
    wanted = examined(query)
    value, mid = wanted.after
    values = {"value": value, "mid": mid, "end": wanted.end, "most": wanted.most}
    return page(query, now, [Found(*row) for row in db.execute(statement(wanted), values)])


def created(db: apsw.Connection, mid: int) -> int:
    """Return when an account was created; 0 if that or the account is unknown."""
    return int(db.execute("SELECT created FROM account WHERE mid = ?", (mid,)).get or 0)


def put_accounts(db: apsw.Connection, rows: Sequence[AccountRow]) -> None:
    """Create or replace the accounts of a copy. The caller commits."""
    for row in rows:
        cards.put(db, [(row.account, row.card)], row.created)


_FOLLOWERS = "SELECT source, place FROM follower WHERE owner = ? ORDER BY place, source"
_SENT = "SELECT owner, target, place FROM request WHERE owner = ? ORDER BY place"
_RECEIVED = "SELECT owner, place FROM request WHERE target = ? ORDER BY place, owner"
_GRANTS = "SELECT expires FROM sign_in_grant WHERE mid = ? ORDER BY expires"


def about(db: apsw.Connection, mid: int, now: int) -> Iterator[About]:
    """Yield all that is stored of an account; nothing if it is unknown."""
    found = cards.account_row(db, mid, now)
    if found is None:
        return
    yield found
    yield reads.tally(db, mid)
    yield from export.groups_of(db, mid)
    yield from export.edges_of(db, mid)
    for source, place in db.execute(_FOLLOWERS, (mid,)):
        yield Follower(source, mtime_of(place))
    yield from starmap(SentRequest, db.execute(_SENT, (mid,)))
    for owner, place in db.execute(_RECEIVED, (mid,)):
        yield ReceivedRequest(owner, mtime_of(place))
    yield from export.entries_of(db, mid)
    yield from cards.sessions_of(db, mid)
    for (expires,) in db.execute(_GRANTS, (mid,)):
        yield Grant(expires)
