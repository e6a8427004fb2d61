"""Which node of a Citus cluster has an account: the map of shards, by the hash of a mid.

Tables by account are colocated, so that one map is right for all of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from guanxi.stores.postgresql.connections import Connection

_BITS = 0xFFFFFFFF


def hash_of(mid: int) -> int:
    """Return PostgreSQL's ``hashint8`` of a number of 64 bits, by which Citus finds its shard."""
    low, high = mid & _BITS, mid >> 32 & _BITS
    key = low ^ (high if mid >= 0 else high ^ _BITS)
    # The end of Bob Jenkins's lookup3, as PostgreSQL has it for one word of 32 bits.
    a = b = c = 0x9E3779B9 + 4 + 3_923_095 & _BITS
    a = a + key & _BITS
    c = (c ^ b) - _rotated(b, 14) & _BITS
    a = (a ^ c) - _rotated(c, 11) & _BITS
    b = (b ^ a) - _rotated(a, 25) & _BITS
    c = (c ^ b) - _rotated(b, 16) & _BITS
    a = (a ^ c) - _rotated(c, 4) & _BITS
    b = (b ^ a) - _rotated(a, 14) & _BITS
    c = (c ^ b) - _rotated(b, 24) & _BITS
    return c - (1 << 32) if c >> 31 else c


def _rotated(word: int, bits: int) -> int:
    return (word << bits | word >> 32 - bits) & _BITS


class Shard(NamedTuple):
    """A shard of the tables by account: its lowest hash, and the node that has it."""

    lowest: int
    #: As host:port.
    node: str
    #: The shard's number in the name of its table of accounts.
    account: int = 0


class Shards:
    """The nodes of shards."""

    def __init__(self, shards: Iterable[tuple[int, str] | tuple[int, str, int]]) -> None:
        """``shards`` has the fields of each ``Shard``. They cover all hashes."""
        self.all = sorted(Shard(*each) for each in shards)
        self._lowest = [shard.lowest for shard in self.all]

    def of(self, mid: int) -> Shard:
        """Return the shard of an account."""
        return self.all[bisect_right(self._lowest, hash_of(mid)) - 1]

    def node_of(self, mid: int) -> str:
        """Return the node that has the rows of an account."""
        return self.of(mid).node


_IS_CITUS = "SELECT to_regclass('pg_dist_shard') IS NOT NULL"
_SHARDS = """
SELECT shardminvalue::integer, nodename || ':' || nodeport, shardid
FROM pg_dist_shard JOIN pg_dist_placement USING (shardid) JOIN pg_dist_node USING (groupid)
WHERE logicalrelid = to_regclass('account') AND noderole = 'primary'
"""


async def read_shards(db: Connection) -> Shards | None:
    """Return the current map of shards, None if Citus does not distribute the store."""
    if not await db.fetchval(_IS_CITUS):
        return None
    shards = await db.fetch(_SHARDS)  # pragma: no cover - needs a Citus cluster
    return Shards([tuple(row) for row in shards]) if shards else None  # pragma: no cover
