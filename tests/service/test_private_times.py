"""No time that an answer takes says who blocks its reader, or what is in a hidden list."""

from __future__ import annotations

import asyncio
import random
import time
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from guanxi.accounts.account import Card, Privacy
from guanxi.accounts.secrets import TokenKind
from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.limits import OPEN
from guanxi.graph.pair import Act, Modify, Pair
from guanxi.operations import accounts
from guanxi.operations.sessions import issue
from guanxi.service.app import Application
from guanxi.service.auth import SessionGate
from guanxi.service.config import Settings
from guanxi.service.handling import Service
from guanxi.service.server import with_caches
from guanxi.stores import open_store
from guanxi.stores.layer import Layer
from guanxi.stores.port import Store
from tests.counts import count

#: How many requests of each kind are timed.
CALLS = count(800, 2_000)
#: Runs a request; returns the CPU time in nanoseconds, and the body of the response.
Timer = Callable[[Endpoint, Mapping[str, object]], Awaitable[tuple[int, bytes]]]


#: The reader; two sets of accounts that differ, for each of them, in what it must not learn: those
#: with odd mids block it, or hide a list that it is in. All others look the same.
READER, IN_COMMON = 1, 2
SEEN, HIDING = range(101, 201), range(301, 401)
#: Reads of accounts, the field that names them, and which accounts.
TIMED = [
    *((e.RELATION, "fid", SEEN), (e.LEGACY_MUTUAL, "mid", SEEN), (e.RELATIONS, "fids", SEEN)),
    *((e.STAT, "vmid", SEEN), (e.FOLLOWERS, "vmid", SEEN), (e.FOLLOWINGS, "vmid", SEEN)),
    *((e.SPACE_NOTICE, "mid", SEEN), (e.SAME, "vmid", SEEN)),
    *((e.FOLLOWERS, "vmid", HIDING), (e.FOLLOWINGS, "vmid", HIDING), (e.SAME, "vmid", HIDING)),
    *((e.SEARCH, "vmid", HIDING), (e.ATTENTIONS, "mid", HIDING)),
    (e.APP_FOLLOWINGS, "vmid", HIDING),
]
#: How a response may begin.
OK = (b'{"code":0', b'{"code":22115', b'{"code":22118')
#: How far the chance that one of a kind takes longer than one of the other may be from a half. Two
#: samples of 400 from one distribution differ by 0.02 in one case of three: this is seven times
#: that, and one more read of a row is beyond it.
BOUND = 0.15


class Telling(Layer):
    """A store that reads a row more of whoever blocks the reader: a planted fault."""

    async def pair(self, owner: int, target: int) -> Pair:
        found = await self.store.pair(owner, target)
        if found.theirs.blocks is not None:
            await self.store.account(target)
        return found


@asynccontextmanager
async def timed(path: Path, layer: Callable[[Store], Store]) -> AsyncIterator[Timer]:
    """Yield a function that returns the CPU time of a handled request, in nanoseconds."""
    opened = await open_store(str(path), create=True)
    try:
        for mid in (READER, IN_COMMON, *SEEN, *HIDING):
            await accounts.put(opened, mid, Card(name=f"u{mid}"))
        for mid in HIDING:
            hidden = Privacy(hide_followings=True, hide_followers=True)
            await accounts.set_privacy(opened, mid, hidden)
        acts = [Modify(READER, IN_COMMON, Act.FOLLOW)]
        acts += [Modify(mid, READER, Act.BLOCK) for mid in SEEN if mid % 2]
        acts += [Modify(mid, IN_COMMON, Act.FOLLOW) for mid in HIDING if mid % 2]
        assert set(await opened.change(acts, OPEN.caps)) == {0}
        now = int(time.time())
        token = (await issue(opened, READER, TokenKind.COOKIE, OPEN.limits, now)).token
        service = Service(layer(with_caches(opened, Settings())), Settings())
        application = Application(service, SessionGate(service))
        headers = [(b"host", b"localhost"), (b"cookie", f"SESSDATA={token}".encode())]

        async def nothing() -> Mapping[str, str]:
            return {"type": "http.disconnect"}

        async def time_of(endpoint: Endpoint, fields: Mapping[str, object]) -> tuple[int, bytes]:
            sent: list[Any] = []

            async def send(message: Any) -> None:
                sent.append(message)

            scope: dict[str, Any] = {
                "type": "http",
                "http_version": "1.1",
                "method": "GET",
                "headers": headers,
            }
            scope |= {"path": endpoint.path, "query_string": urlencode(fields).encode()}
            before = time.thread_time_ns()
            await application(scope, nothing, send)
            return time.thread_time_ns() - before, sent[1]["body"]

        yield time_of
    finally:
        await opened.close()


async def lean(
    time_of: Timer, endpoint: Endpoint, field: str, mids: Sequence[int], calls: int
) -> float:
    """Return the chance that a request about an odd mid takes longer than one about an even one.

    That is the statistic of the rank test of Mann and Whitney. The requests are in random order.
    """
    order = random.Random(endpoint.name)
    times: tuple[list[int], list[int]] = ([], [])
    bodies = set()
    for _ in range(calls):
        mid = order.choice(mids)
        nanoseconds, body = await time_of(endpoint, {field: mid})
        times[mid % 2].append(nanoseconds)
        bodies.add(body.replace(str(mid).encode(), b"MID"))
    assert len(bodies) == 1, endpoint.name
    assert bodies.pop().partition(b",")[0] in OK, endpoint.name
    even = sorted(times[0])
    below = sum(bisect_left(even, one) + bisect_right(even, one) for one in times[1])
    return below / 2 / len(even) / len(times[1])


def test_no_time_says_who_blocks_or_what_is_hidden(tmp_path: Path) -> None:
    """The CPU time of a handler, not that of a clock: what else runs here moves both alike."""

    async def check() -> dict[tuple[str, int], float]:
        async with timed(tmp_path / "s.db", lambda store: store) as time_of:
            return {
                (endpoint.name, mids[0]): await lean(time_of, endpoint, field, mids, CALLS)
                for endpoint, field, mids in TIMED
            }

    found = asyncio.run(check())
    assert {key: one for key, one in found.items() if abs(one - 0.5) > BOUND} == {}


def test_one_more_read_of_whoever_blocks_would_be_found(tmp_path: Path) -> None:
    async def check() -> float:
        async with timed(tmp_path / "s.db", Telling) as time_of:
            return await lean(time_of, e.LEGACY_MUTUAL, "mid", SEEN, CALLS)

    assert asyncio.run(check()) > 0.5 + BOUND
