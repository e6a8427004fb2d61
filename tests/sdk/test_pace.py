"""The pace: for which servers, how long the pauses are, and when a call fails."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from guanxi import (
    ArgsException,
    Client,
    Clock,
    Pace,
    RequestBanned,
    SyncClient,
    SyncClock,
    TooManyRequests,
)
from tests.sdk.recorder import SIGNED_IN, Answer, AsyncScript, FakeClock, Kind, envelope, recording

BUSY = Answer(envelope(None, -799, "请求过于频繁"))
OWN = ["http://127.0.0.1", "http://127.9.9.9:80", "http://[::1]:8000", "https://localhost"]
OWN += ["http://guanxi.localhost.", "https://10.1.2.3", "http://192.168.0.9/x", "http://[fd00::1]"]
FOREIGN = ["", "https://api.bilibili.com", "https://example.org", "https://8.8.8.8"]
FOREIGN += ["http://[::ffff:8.8.8.8]", "http://2130706433", "https://localhost.example.org"]


def times(kind: Kind, names: Sequence[str], **settings: Any) -> list[float]:
    """Return the times at which several calls in a row were sent, the first at 0."""
    clock = kind.clock()
    transport = kind.script(clock)
    transport.duration = 0.25
    settings = {"credential": SIGNED_IN, "transport": transport, "clock": clock, **settings}

    async def in_turn() -> None:
        async with Client(**settings) as client:
            for name in names:
                await client.call(name)

    if kind.name == "async":
        asyncio.run(in_turn())
    else:
        with SyncClient(**settings) as client:
            for name in names:
                client.call(name)
    return [time - transport.times[0] for time in transport.times]


def pauses(kind: Kind, name: str, **settings: Any) -> list[float]:
    """Return the pauses between the end of each call and the start of the next."""
    return [b - a - 0.25 for a, b in pairwise(times(kind, [name] * 40, **settings))]


@pytest.mark.parametrize("base_url", OWN)
def test_own_servers_get_no_pauses(kind: Kind, base_url: str) -> None:
    assert set(pauses(kind, "relation.groups", base_url=base_url)) == {0.0}


@pytest.mark.parametrize("base_url", FOREIGN)
def test_other_servers_get_pauses(kind: Kind, base_url: str) -> None:
    assert min(pauses(kind, "relation.groups", base_url=base_url)) >= 1


def test_own_hosts_get_no_pauses(kind: Kind) -> None:
    settings = {"base_url": "https://Graph.example.org:8443", "own_hosts": ["graph.Example.org."]}
    assert set(pauses(kind, "relation.groups", **settings)) == {0.0}
    settings["own_hosts"] = ["other.example.org"]
    assert min(pauses(kind, "relation.groups", **settings)) >= 1


@pytest.mark.parametrize(
    "host",
    ["api.bilibili.com", "API.bilibili.com.", "bilibili.com", "x.biliapi.net", "biligame.com"],
)
def test_the_documents_hosts_cannot_be_own_hosts(host: str) -> None:
    with pytest.raises(ArgsException, match="own_hosts"):
        Client(own_hosts=[host])
    with pytest.raises(ArgsException, match="own_hosts"):
        SyncClient(own_hosts=["fine.example.org", host])


def test_reads_and_writes_have_separate_random_pauses(kind: Kind) -> None:
    reads = pauses(kind, "relation.groups")
    writes = pauses(kind, "relation.modify")
    assert all(1 - 1e-6 <= pause <= 3 + 1e-6 for pause in reads)
    assert all(2 - 1e-6 <= pause <= 10 + 1e-6 for pause in writes)
    assert len(set(reads)) == len(reads)
    assert len(set(writes)) == len(writes)
    assert max(writes) > 3


def test_the_expected_pauses_are_those_of_a_paced_client(kind: Kind) -> None:
    steady = Pace(reads=(4.0, 4.0), writes=(11.0, 11.0))
    names = ["relation.groups", *["relation.groups"] * 5, *["relation.modify"] * 3]
    seconds = times(kind, names, pace=steady)[-1] - 0.25 * 8  # without the first call, and requests
    assert seconds == pytest.approx(steady.expected(reads=5, writes=3))
    slow = Pace(reads=(1.0, 30.0))
    drawn = pauses(kind, "relation.groups", pace=slow)
    assert slow.expected(reads=39, writes=0) == 39 * 15.5
    assert sum(drawn) == pytest.approx(39 * 15.5, abs=6 * 29 / 12**0.5 * 39**0.5)  # 6 sigma


def test_the_real_clocks_run() -> None:
    sync_clock, clock = SyncClock(), Clock()
    before = sync_clock.monotonic(), clock.time()
    sync_clock.sleep(0.001)
    asyncio.run(clock.sleep(0.001))
    after = clock.monotonic(), sync_clock.time()
    assert after[0] > before[0]
    assert abs(after[1] - before[1]) < 3600


def test_time_that_has_passed_shortens_the_pause() -> None:
    clock = FakeClock()
    transport = AsyncScript(clock)

    async def use() -> None:
        async with Client(transport=transport, clock=clock, credential=SIGNED_IN) as client:
            await client.call("relation.groups")
            clock.now += 60
            await client.call("relation.groups")

    asyncio.run(use())
    assert sum(clock.slept) == 0


def test_a_slower_pace_applies_to_every_server(kind: Kind) -> None:
    pace = Pace(reads=(20.0, 30.0))
    for base_url in ("", "http://127.0.0.1"):
        slow = pauses(kind, "relation.groups", pace=pace, base_url=base_url)
        assert all(20 - 1e-6 <= pause <= 30 + 1e-6 for pause in slow)


@pytest.mark.parametrize(
    "settings",
    [
        {"reads": (0.5, 3.0)},
        {"reads": (1.0, 2.0)},
        {"reads": (5.0, 4.0)},
        {"writes": (0.0, 0.0)},
        {"writes": (float("nan"), 10.0)},
        {"busy": (1.0,)},
        {"busy": (10.0, 10.0, 10.0)},
    ],
)
def test_a_faster_pace_raises(settings: Any) -> None:
    with pytest.raises(ArgsException, match="pace"):
        Pace(**settings)


def test_paced_calls_are_sent_one_at_a_time() -> None:
    clock = FakeClock()
    transport = AsyncScript(clock)  # which fails on two requests at the same time

    async def use() -> None:
        async with Client(transport=transport, clock=clock, credential=SIGNED_IN) as client:
            await asyncio.gather(*(client.call("relation.groups") for _ in range(10)))

    asyncio.run(use())
    assert len(transport.sent) == 10
    assert all(b - a >= 1 - 1e-6 for a, b in pairwise(transport.times))


@pytest.mark.parametrize("name", ["relation.groups", "relation.modify"])
def test_a_busy_server_gets_two_retries(kind: Kind, name: str) -> None:
    clock = kind.clock()
    transport = kind.script(clock, BUSY, BUSY, Answer(envelope("data")))
    assert kind.do(lambda c: c.call(name), transport=transport, clock=clock) == "data"
    first, second, third = transport.times
    assert 5 <= second - first <= 15 + 10
    assert 15 <= third - second <= 45 + 10


def test_all_calls_wait_for_a_busy_server() -> None:
    clock = FakeClock()
    transport = AsyncScript(clock, BUSY, Answer(envelope("data")))

    async def use() -> None:
        async with Client(transport=transport, clock=clock, credential=SIGNED_IN) as client:
            await asyncio.gather(*(client.call("relation.groups") for _ in range(3)))

    asyncio.run(use())
    assert max(clock.slept) >= 5
    assert len(transport.sent) == 4


def test_a_call_fails_if_the_server_stays_busy(kind: Kind) -> None:
    clock = kind.clock()
    transport = kind.script(clock, BUSY)
    with pytest.raises(TooManyRequests):
        kind.do(lambda c: c.call("relation.groups"), transport=transport, clock=clock)
    assert len(transport.sent) == 3


@pytest.mark.parametrize(("sent", "least"), [("90", 90), ("1", 5), ("", 5), ("x", 5), ("²", 5)])
def test_a_busy_server_says_how_long_to_wait(kind: Kind, sent: str, least: float) -> None:
    """The seconds of its Retry-After, if that is longer than the pace; a date says nothing."""
    clock = kind.clock()
    busy = Answer(BUSY.body, headers={"retry-after": sent})
    transport = kind.script(clock, busy, Answer(envelope([])))
    pace = Pace(busy=(10.0,))
    kind.do(
        lambda c: c.call("relation.groups"),
        transport=transport,
        clock=clock,
        pace=pace,
        timeout=200,
    )
    assert least <= max(clock.slept) <= max(least, 15)


def test_an_own_busy_server_gets_no_retry(kind: Kind) -> None:
    with recording(lambda request: BUSY) as server, pytest.raises(TooManyRequests):
        kind.do(lambda c: c.call("relation.groups"), base_url=server.url)
    assert len(server.received) == 1


@pytest.mark.parametrize("status", [200, 412])
def test_a_ban_is_raised_without_a_retry(kind: Kind, status: int) -> None:
    clock = kind.clock()
    transport = kind.script(clock, Answer(envelope(None, -412, "banned"), status))
    with pytest.raises(RequestBanned):
        kind.do(lambda c: c.call("relation.groups"), transport=transport, clock=clock)
    assert len(transport.sent) == 1
