"""Which nodes of a Citus cluster are down: nothing waits for them, and they are probed.

An error that may be a node's starts a probe of all nodes, through the server that the store is
connected to. Who waits for a node that does not answer is refused from then on, until it answers:
the nodes that are down are tried every ``PROBE_SECONDS``. What needs other nodes goes on.

A node that was down may have left transactions prepared. Citus finishes them once in
``citus.recover_2pc_interval``, a minute by default; so they are finished here when the node
answers again, if the store's role may do that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import asyncpg

from guanxi.accounts.secrets import mid_of
from guanxi.stores.port import StoreUnavailable
from guanxi.stores.postgresql.connections import ERRORS, Connection
from guanxi.stores.postgresql.shards import Shards, read_shards
from guanxi.text import Text

#: The seconds between two probes, and those that a node has to accept a connection.
PROBE_SECONDS, NODE_SECONDS = 0.5, 1.5
#: The beginnings of SQLSTATEs that may mean that a node is lost.
_LOST = ("08", "57P")


_TEXT = Text(
    "账号所在的节点没有响应，请稍后重试", "the node of an account does not answer; retry later"
)


class NodeDown(StoreUnavailable):
    """A node that has rows of the accounts is down; nothing was written."""


#: Where the arguments of a read have the accounts whose nodes it needs.
_ACCOUNTS_AT: Mapping[str, tuple[int, ...]] = {
    "page": (1,),
    "members": (0,),
    "search": (0,),
    "common": (0, 1),
    "known_followers": (0, 1),
    "suggestions": (0,),
    "pair": (0, 1),
    "relations": (0,),
    "attributes": (0,),
    "tally": (0,),
    "groups": (0,),
    "requests": (0,),
    "sent_requests": (0,),
    "account": (0,),
    "created": (0,),
    "sessions_of": (0,),
}


def accounts_of(read: str, args: Sequence[Any]) -> list[int]:
    """Return the accounts without whose nodes a read fails, as far as its arguments show."""
    if read == "session":
        mid = mid_of(args[0])
        return [] if mid is None else [mid]
    return [args[at] for at in _ACCOUNTS_AT.get(read, ()) if at < len(args)]


class Circuit:
    """The nodes of one store that are down, named host:port. Without Citus there are none."""

    def __init__(self, connector: Callable[[], Awaitable[Connection]]) -> None:
        self._connector = connector
        #: What has each account, as of the last probe; None before one, and without Citus.
        self.shards: Shards | None = None
        self._down: frozenset[str] = frozenset()
        self._probe: asyncio.Task[None] | None = None
        self._probing: asyncio.Task[None] | None = None
        self._is_plain = self._closed = False
        #: What the probes use while a node is down, one at a time.
        self._db: Connection | None = None
        self._turn = asyncio.Lock()

    def is_down(self, mids: Iterable[int]) -> bool:
        """Return whether a node that has one of the accounts is down."""
        if not self._down or self.shards is None:  # all nodes answer: the accounts do not matter
            return False
        return any(self.shards.node_of(mid) in self._down for mid in mids)

    def is_closed(self, node: str) -> bool:
        """Return whether a node may be used: it is not known to be down."""
        return node not in self._down

    def check(self, mids: Iterable[int]) -> None:
        """Raise NodeDown if a node that has one of the accounts is down."""
        if self.is_down(mids):
            raise NodeDown(_TEXT)

    def failed(self) -> None:
        """Start a probe, unless one runs: a node may be down."""
        if not self._is_plain and not self._closed:
            self._probe = self._start()

    async def after(self, error: BaseException) -> None:
        """Raise NodeDown after an error of the server that a node which is down may have caused.

        Nodes are probed before, unless one is known to be down. After a statement that took too
        long they are probed meanwhile. Returns at once for other errors and on plain PostgreSQL.
        """
        if self._is_plain or self._closed:
            return
        if isinstance(error, TimeoutError | asyncpg.QueryCanceledError):
            self.failed()
        elif isinstance(error, asyncpg.PostgresError) and is_lost(error):
            if self._down:  # perhaps another one is, too
                self.failed()
            else:
                await asyncio.shield(self._start())
            if self._down:
                raise NodeDown(_TEXT) from error

    async def close(self) -> None:
        """End the probes. Safe to call again."""
        self._closed = True
        for task in (self._probe, self._probing):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        self._disconnect()

    def _start(self) -> asyncio.Task[None]:
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._look())
        return self._probe

    async def _look(self) -> None:
        """Find out which nodes are down; if any are, look again until none is."""
        async with self._turn:
            try:
                down = await self._found()
                recovered, self._down = self._down - down, down
                if recovered:
                    await self._recover()
            except (*ERRORS, StoreUnavailable):  # it stays as it is known
                self._disconnect()
        if not self._down:
            self._disconnect()
        elif self._probing is None or self._probing.done():
            self._probing = asyncio.create_task(self._keep_looking())

    async def _keep_looking(self) -> None:
        while self._down:
            await asyncio.sleep(PROBE_SECONDS)
            if await self._one_answers():
                await self._start()

    async def _one_answers(self) -> bool:
        """Return whether one of the nodes that are down answers, or the server that says so fails.

        Costs less than a look at all nodes.
        """
        async with self._turn:
            if self._db is None:
                return True
            try:
                return bool(await self._db.fetchval(_ONE_ANSWERS, [*self._down]))
            except ERRORS:
                self._disconnect()
                return True

    async def _found(self) -> frozenset[str]:
        """Return the nodes that are down, and read the map of shards."""
        if self._db is None:
            self._db = await self._connector()
            # On plain PostgreSQL it is a setting of nothing.
            await self._db.execute(f"SET citus.node_connection_timeout = '{NODE_SECONDS}s'")
        self.shards = await read_shards(self._db)
        self._is_plain = self.shards is None
        return frozenset() if self._is_plain else await _down(self._db)

    async def _recover(self) -> None:
        """Finish the transactions that this server left prepared on other nodes."""
        if self._db is not None:
            with suppress(asyncpg.InsufficientPrivilegeError):
                await self._db.fetchval("SELECT recover_prepared_transactions()")

    def _disconnect(self) -> None:
        if self._db is not None:
            self._db.terminate()
            self._db = None


_NODES = """
SELECT nodename || ':' || nodeport
FROM run_command_on_all_nodes('SELECT 1') AS answer JOIN pg_dist_node USING (nodeid)
WHERE NOT success
"""


_ONE_ANSWERS = """
SELECT bool_or(citus_check_connection_to_node(nodename, nodeport)) FROM pg_dist_node
WHERE nodename || ':' || nodeport = ANY($1)
"""


async def _down(db: Connection) -> frozenset[str]:
    return frozenset(node for (node,) in await db.fetch(_NODES))


def is_lost(error: asyncpg.PostgresError) -> bool:
    """Return whether an error may mean that a node is lost."""
    return (error.sqlstate or "").startswith(_LOST)
