"""Write the requests to follow of an import into a store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import chain

from guanxi.accounts.account import AccountEdit, Card
from guanxi.stores.port import Imported, SentRequest, Store
from guanxi.stores.tails import PLAIN_NAME

#: How many requests are written in one transaction.
MANY = 500


async def put_requests(
    store: Store, parts: Iterable[Sequence[SentRequest]], *, strict: bool
) -> AsyncIterator[Imported]:
    """Write requests, each part in one transaction; yield what became of those of each part.

    Accounts that do not exist are created with a plain card, unless ``strict``: then their requests
    are left out. Raise StoreUnavailable (parts before were written) or StoreTimeout (this one
    perhaps too).
    """
    for rows in parts:
        if not strict:
            mids = dict.fromkeys(chain.from_iterable((row.owner, row.target) for row in rows))
            known = await store.cards([*mids])
            await asyncio.gather(
                *(store.edit_account(mid, _plain(mid)) for mid in mids if mid not in known)
            )
        yield await store.put_requests(rows)


def _plain(mid: int) -> AccountEdit:
    return AccountEdit(new=Card(name=f"{PLAIN_NAME}{mid}"))
