"""The accounts and edges that tests put into a store."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import islice

from guanxi.accounts.account import Card
from guanxi.operations import accounts
from guanxi.stores.port import EdgeRow, Store

#: How many accounts are created concurrently: the store writes them in one transaction.
_CONCURRENT = 100


async def add_accounts(store: Store, cards: Mapping[int, Card]) -> None:
    """Create accounts with these cards by mid; an existing account gets the card.

    Raise AccountError for a deregistered account, StoreUnavailable if the store is busy.
    """
    wanted = iter(cards.items())
    while some := [*islice(wanted, _CONCURRENT)]:
        puts = [accounts.put(store, mid, card) for mid, card in some]
        for failed in await asyncio.gather(*puts, return_exceptions=True):
            if failed is not None:
                raise failed


async def import_edges(store: Store, rows: Sequence[EdgeRow]) -> int:
    """Import edges; return how many are new or changed. Missing accounts are created.

    Raise BadLine for an invalid edge, StoreUnavailable if the store is busy.
    """
    imported = await store.import_edges(lambda: rows)
    return imported.new + imported.changed


def card_of(mid: int) -> Card:
    """Return the card of an account that was given none."""
    return Card(name=f"u{mid}")
