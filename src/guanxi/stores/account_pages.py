"""Pages of accounts: which rows a page examines, and what it returns of them, for every engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from guanxi.accounts.account import State, state_at, stored_ban
from guanxi.stores.port import AccountPage, AccountPlace, AccountQuery, ListedAccount
from guanxi.stores.port.rows import EXAMINED

_LAST_MID = 2**63 - 1
#: No time is later.
_NEVER = 2**63 - 1


class Examined(NamedTuple):
    """The rows that a page of accounts examines, in the order of a column and of the mid."""

    #: The column that orders them: ``folded`` or ``created``.
    column: str
    #: The stored states; each has its rows in this order in an index.
    states: tuple[State, ...]
    #: The rows are after this place, and their column's value is below the end; None for no end.
    #: Names are UTF-8, as which they are compared.
    after: tuple[bytes | int, int]
    end: bytes | int
    #: How many rows.
    most: int


class Found(NamedTuple):
    """A row that is examined."""

    #: The value of the column.
    place: str | int
    mid: int
    name: str
    state: int
    reason: str
    until: int
    created: int


def examined(query: AccountQuery) -> Examined:
    """Return the rows that a page examines."""
    states = tuple(State)
    if query.state is not None:
        # A ban that has ended is stored until somebody changes the account.
        states = (State.NORMAL, State.BANNED) if query.state is State.NORMAL else (query.state,)
    is_filtered = query.state in (State.NORMAL, State.BANNED)
    after: tuple[bytes | int, int]
    end: bytes | int
    if query.name:
        prefix = query.name.casefold().encode()
        column, after, end = "folded", (prefix, 0), prefix + b"\xff"  # above all UTF-8
        is_filtered |= query.created_after is not None or query.created_before is not None
    else:
        first = -1 if query.created_after is None else query.created_after
        column, after = "created", (first, _LAST_MID)
        end = _NEVER if query.created_before is None else query.created_before
    if query.after is not None:
        value, mid = query.after
        after = max(after, (value.encode() if isinstance(value, str) else value, mid))
    most = query.limit + 1
    return Examined(column, states, after, end, max(most, EXAMINED) if is_filtered else most)


def page(query: AccountQuery, now: int, found: Sequence[Found]) -> AccountPage:
    """Return the page of a query at ``now``, from the rows that it examines."""
    selected = [(row, listed) for row in found if _selects(query, listed := _listed(row, now))]
    rows = [listed for _, listed in selected[: query.limit]]
    last: Found | None = None
    if len(selected) > query.limit:
        last = selected[query.limit - 1][0]
    elif len(found) == examined(query).most:
        last = found[-1]
    end: AccountPlace | None = None if last is None else (last.place, last.mid)
    return AccountPage(rows, end)


def _listed(row: Found, now: int) -> ListedAccount:
    state = state_at(row.state, row.until, now)
    return ListedAccount(
        mid=row.mid,
        name=row.name,
        state=state,
        ban=stored_ban(state, row.reason, row.until),
        created=row.created,
    )


def _selects(query: AccountQuery, listed: ListedAccount) -> bool:
    later, earlier = query.created_after, query.created_before
    return (
        query.state in (None, listed.state)
        and (later is None or listed.created > later)
        and (earlier is None or listed.created < earlier)
    )
