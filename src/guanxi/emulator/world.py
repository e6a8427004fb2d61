"""The accounts and edges that tests put into a store."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import islice

from guanxi.accounts.account import Card
from guanxi.accounts.chance import Chance, system
from guanxi.contract.params import LARGEST
from guanxi.operations import accounts
from guanxi.stores.group_ids import new_group_id
from guanxi.stores.lines import group_names
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


async def import_edges(store: Store, rows: Sequence[EdgeRow], chance: Chance = system) -> int:
    """Import edges; return how many are new or changed. Missing accounts are created.

    ``chance`` draws the ids of new groups. Raise BadLine for an invalid edge, StoreUnavailable if
    the store is busy.
    """
    groups: dict[tuple[int, str], int] = {}
    for owner, names in _named_groups(rows).items():
        if not 1 <= owner <= LARGEST:
            continue  # the import refuses it
        existing = {row.name: row.id for row in await store.groups(owner)}
        used = {*existing.values()}
        for name in names:
            if name not in existing:
                groups[owner, name] = new_group_id(used, chance)
                used.add(groups[owner, name])
    imported = await store.import_edges(lambda: rows, groups=groups)
    return imported.new + imported.changed


def _named_groups(rows: Sequence[EdgeRow]) -> dict[int, list[str]]:
    """Return the groups that edges name, each once, by owner."""
    named: dict[int, dict[str, None]] = {}
    for line, row in enumerate(rows, 1):
        if row.groups:
            named.setdefault(row.follower, {}).update(dict.fromkeys(group_names(line, row)))
    return {owner: [*names] for owner, names in named.items()}


def card_of(mid: int) -> Card:
    """Return the card of an account that was given none."""
    return Card(name=f"u{mid}")
