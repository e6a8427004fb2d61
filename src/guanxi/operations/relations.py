"""Pages of the lists of one account, as those who administer see them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from guanxi.graph.lists import Listing, Position, Sort, Window, decode_cursor, encode_cursor
from guanxi.graph.pair import mtime_of
from guanxi.stores.port import Row, Slice, Store

_Read = Callable[[int, Window, Position | None], Awaitable[Slice]]


def _listing(listing: Listing) -> Callable[[Store], _Read]:
    def read(store: Store, mid: int, window: Window, after: Position | None) -> Awaitable[Slice]:
        return store.page(listing, mid, Sort.NEWEST, window, after)

    return lambda store: partial(read, store)


#: How each list is read, by its name.
LISTS: Mapping[str, Callable[[Store], _Read]] = {
    "followings": _listing(Listing.FOLLOWINGS),
    "followers": _listing(Listing.FOLLOWERS),
    "friends": _listing(Listing.FRIENDS),
    "whispers": _listing(Listing.WHISPERS),
    "blocks": _listing(Listing.BLACKS),
    "requests": lambda store: store.requests,
    "sent_requests": lambda store: store.sent_requests,
}


async def page(
    store: Store, mid: int, name: str, limit: int, after: str
) -> tuple[list[dict[str, object]], str]:
    """Return a page of a list of ``LISTS``, newest first, and the cursor that continues it.

    The cursor is "" at the end. Raise KeyError for an unknown list, ValueError for a text that is
    no cursor.
    """
    found = await LISTS[name](store)(mid, Window(0, limit), decode_cursor(after))
    if not found.more:
        return [*map(_item, found.rows)], ""
    last = found.rows[-1]
    end = found.end or Position(last.sort_key, last.mid)
    return [*map(_item, found.rows)], encode_cursor(end)


def _item(row: Row) -> dict[str, object]:
    """Return an item of a list: who, since when, whether mutual, in which of the owner's groups."""
    return {
        "mid": row.mid,
        "time": mtime_of(row.sort_key),
        "mutual": row.mutual,
        "groups": row.groups,
    }
