"""List accounts page by page: the query of a request, and the cursor that continues it."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec
from msgspec.structs import asdict

from guanxi.accounts.account import State
from guanxi.contract.undecodable import UNDECODABLE
from guanxi.stores.port import AccountPage, AccountPlace, AccountQuery, ListedAccount, Store
from guanxi.text import Text

_NOT_A_CURSOR = Text("不是此列表的游标", "not a cursor of this list")


async def page(store: Store, query: AccountQuery, now: int) -> tuple[list[ListedAccount], str]:
    """Return a page of accounts and the cursor that continues it, "" at the end.

    Empty pages before the end are passed over. ``now`` is in seconds since the Unix epoch.
    """
    while True:
        found: AccountPage = await store.list_accounts(query, now)
        if found.rows or found.next is None:
            return found.rows, "" if found.next is None else encode(found.next)
        query = msgspec.structs.replace(query, after=found.next)


def query(
    *,
    name: str = "",
    state: State | None = None,
    created_after: int | None = None,
    created_before: int | None = None,
    limit: int,
    after: str = "",
) -> AccountQuery:
    """Return the query of these conditions, after a cursor that ``page`` returned.

    Raise ValueError for a cursor of another order, or a text that is none.
    """
    place = decode(after) if after else None
    if place is not None and isinstance(place[0], str) is not bool(name):
        raise ValueError(_NOT_A_CURSOR)
    return AccountQuery(
        name=name,
        state=state,
        created_after=created_after,
        created_before=created_before,
        limit=limit,
        after=place,
    )


def described(account: ListedAccount) -> dict[str, object]:
    """Return a listed account as it is printed and sent: its fields, the state by its name."""
    return {**asdict(account), "state": account.state.name.lower()}


def encode(place: AccountPlace) -> str:
    """Return a place as a cursor: opaque, URL-safe text."""
    return urlsafe_b64encode(msgspec.json.encode(place)).rstrip(b"=").decode()


def decode(cursor: str) -> AccountPlace:
    """Return the place of a cursor; raise ValueError for a text that is none."""
    try:
        packed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        place = msgspec.json.decode(packed, type=tuple[str | int, int])
    except (ValueError, *UNDECODABLE):
        raise ValueError(_NOT_A_CURSOR) from None
    value, mid = place
    if not (0 <= mid < 2**63 and (isinstance(value, str) or -1 <= value < 2**63)):
        raise ValueError(_NOT_A_CURSOR)
    return place
