"""On Citus, read the rows of many accounts from the nodes that have them: one statement for each.

Through one node, a read of the cards of a page is a task for nearly every shard, and every task a
round trip. Each node is read directly instead, from the tables of its own shards, over a few
connections, with the role, the password and the options of the store's address. A node that cannot
be reached so, or has moved a shard away, is read through the store's address.

A statement is no part of a transaction, and may show an account as it was some seconds ago if its
shard has moved since. The rows of a node that is down are left out, if the caller accepts that.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from functools import cache, partial
from math import inf

import asyncpg

from guanxi.stores.port import StoreUnavailable
from guanxi.stores.postgresql.circuit import Circuit
from guanxi.stores.postgresql.connections import (
    ERRORS,
    SERVING,
    Connection,
    Connections,
    connect,
    is_transient,
)
from guanxi.stores.postgresql.shards import Shards, read_shards

#: More accounts than these wait for their turn in the lanes of reads.
MOST = 2_000
#: How old the map of shards may be, and how long a node that was not reached directly is not tried
#: so again, in seconds.
MAP_SECONDS, INDIRECT_SECONDS = 30.0, 30.0

_HERE = """
SELECT nodename || ':' || nodeport FROM pg_dist_node JOIN pg_dist_local_group USING (groupid)
WHERE noderole = 'primary'
"""
_Rows = list[asyncpg.Record]


class Nodes:
    """Direct connections to the nodes of a cluster, at most ``limit`` to each."""

    def __init__(self, address: str, limit: int, through: Connections, circuit: Circuit) -> None:
        """``through`` are connections to the store's address."""
        self._address, self._limit, self._through = address, limit, through
        self._circuit = circuit
        self._pools: dict[str, Connections] = {}
        #: None on plain PostgreSQL. When they were read, and by which task they are now.
        self._shards: Shards | None = None
        self._read_at = -inf
        #: The node of the store's address, which needs no further connections.
        self._here: str | None = None
        self._reading: asyncio.Task[None] | None = None
        #: The nodes that are not connected to directly, and until when.
        self._indirect: dict[str, float] = {}

    async def rows(
        self, columns: str, mids: Sequence[int], *, partly: bool = False
    ) -> _Rows | None:
        """Return the mid and the columns of the accounts that exist, in any order.

        None if one statement through the store's address does as well: on plain PostgreSQL, and
        for one account or very many. With ``partly``, leave out accounts of nodes that are down.
        Raise ``StoreUnavailable`` and asyncpg's errors.
        """
        if not 1 < len(mids) <= MOST:
            return None
        shards = await self._current()
        if shards is None:
            return None
        by_node: defaultdict[str, defaultdict[int, list[int]]]
        by_node = defaultdict(lambda: defaultdict(list))
        for mid in mids:
            shard = shards.of(mid)
            by_node[shard.node][shard.account].append(mid)
        parts = await asyncio.gather(
            *(self._of(node, columns, by_shard, partly) for node, by_shard in by_node.items())
        )
        return [row for part in parts for row in part]

    async def fill(self, columns: str) -> None:
        """Connect to each node directly, unless that fails, and read no row with the columns."""
        shards = await self._current()
        for node in {shard.node for shard in shards.all} - {self._here} if shards else ():
            try:
                await self._pool(node).fill(partial(self._no_rows, node, columns))
            except (*ERRORS, StoreUnavailable):
                self._indirect[node] = time.monotonic() + INDIRECT_SECONDS

    async def close(self) -> None:
        """Cut the reads that run, and close the connections."""
        if self._reading is not None:
            self._reading.cancel()
        pools = [*self._pools.values()]
        for pool in pools:
            pool.cut()
        await asyncio.gather(*(pool.close() for pool in pools))

    async def _current(self) -> Shards | None:
        """Return the map of shards, which is read again in the background when it is old."""
        if time.monotonic() - self._read_at > MAP_SECONDS:
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read_map())
            if self._read_at == -inf:
                await asyncio.shield(self._reading)
            else:
                self._reading.add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._shards

    async def _read_map(self) -> None:
        async with self._through.acquire() as db:
            self._shards = await read_shards(db)
            self._here = await db.fetchval(_HERE) if self._shards else None
        self._read_at = time.monotonic() if self._shards else inf

    async def _of(
        self, node: str, columns: str, by_shard: dict[int, list[int]], partly: bool
    ) -> _Rows:
        if partly and not self._circuit.is_closed(node):
            return []
        if self._indirect.get(node, 0.0) < time.monotonic():
            try:
                return await self._direct(node, columns, by_shard)
            except asyncpg.UndefinedTableError:  # the shard was moved
                self._read_at = min(self._read_at, time.monotonic() - MAP_SECONDS)
            except (*ERRORS, StoreUnavailable):
                self._indirect[node] = time.monotonic() + INDIRECT_SECONDS
        mids = [mid for several in by_shard.values() for mid in several]
        async with self._through.acquire() as db:
            try:
                return await db.fetch(
                    f"SELECT mid, {columns} FROM account WHERE mid = ANY($1)", mids
                )
            except asyncpg.PostgresError as error:
                # This server is there, and says that it has lost the other one.
                if partly and is_transient(error) and not db.is_closed():
                    self._circuit.failed()
                    return []
                raise

    async def _direct(self, node: str, columns: str, by_shard: dict[int, list[int]]) -> _Rows:
        tables = self._tables(node)
        async with self._pool(node).acquire() as db:
            mids = (by_shard.get(table, ()) for table in tables)
            return await db.fetch(_statement(columns, tables), *mids)

    async def _no_rows(self, node: str, columns: str, db: Connection) -> None:
        tables = self._tables(node)
        await db.fetch(_statement(columns, tables), *(() for _ in tables))

    def _tables(self, node: str) -> tuple[int, ...]:
        shards = self._shards.all if self._shards else ()
        return tuple(shard.account for shard in shards if shard.node == node)

    def _pool(self, node: str) -> Connections:
        if node == self._here:
            return self._through
        if node not in self._pools:
            self._pools[node] = Connections(partial(_connect, self._address, node), self._limit)
        return self._pools[node]


@cache
def _statement(columns: str, tables: tuple[int, ...]) -> str:
    """Return the statement for a node with these shards, and an argument for each: the mids."""
    return " UNION ALL ".join(
        f"SELECT mid, {columns} FROM account_{table} WHERE mid = ANY(${at}::bigint[])"
        for at, table in enumerate(tables, 1)
    )


async def _connect(address: str, node: str) -> Connection:
    host, _, port = node.rpartition(":")
    connection = await connect(address, SERVING, {"host": host, "port": int(port)})
    # With the arrays at hand, the server would plan each time anew.
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    return connection
