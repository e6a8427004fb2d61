"""What a new connection does before it serves: the reads of a page, so that the first is as quick.

They fill the connection's caches of the tables and its prepared statements. On Citus the node has
to connect to others, too: one account of each is read.
"""

from __future__ import annotations

from guanxi.graph.lists import Listing, Sort, Window
from guanxi.stores.postgresql import cards, reads, sessions
from guanxi.stores.postgresql.connections import Connection
from guanxi.stores.postgresql.shards import read_shards

#: Enough accounts that each node has one or more.
_TRIED = 1_024


async def warm(db: Connection) -> None:
    """Read as the first requests will: no account has the mids, and nothing is changed."""
    shards = await read_shards(db)
    # Accounts of mids below 0 cannot exist.
    mids = (
        [0]
        if shards is None
        else [*{shards.node_of(mid): mid for mid in range(-_TRIED, 0)}.values()]
    )
    for mid in mids:
        await reads.tally(db, mid)
        for listing in (Listing.FOLLOWINGS, Listing.FOLLOWERS):
            await reads.page(db, listing, mid, Sort.NEWEST, Window(0, 1))
        await reads.attributes(db, mid, [0])
        await reads.relations(db, mid, [0])
        await cards.account(db, mid)
    await cards.cards(db, mids)
    await cards.tails(db, mids)
    await sessions.session(db, b"")
