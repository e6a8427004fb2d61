"""Connections that are lost, refused, truncated or too slow."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from guanxi import NetworkException
from guanxi.sdk.conversation import BACKOFF
from tests.sdk.recorder import Answer, Handle, Kind, Received, envelope, recording


def losing(times: int) -> Handle:
    """Return a handler that closes the connection ``times`` times before it responds."""
    numbers = count()

    def handle(request: Received) -> Answer | None:
        return Answer(envelope("data")) if next(numbers) >= times else None

    return handle


@pytest.mark.parametrize("times", range(len(BACKOFF) + 1))
def test_a_lost_read_is_retried_after_a_growing_wait(kind: Kind, times: int) -> None:
    clock = kind.clock()
    with recording(losing(times)) as server:
        got = kind.do(lambda c: c.call("relation.groups"), base_url=server.url, clock=clock)
    assert got == "data"
    assert len(server.received) == times + 1
    assert len(clock.slept) == times
    for slept, expected in zip(clock.slept, BACKOFF, strict=False):
        assert expected / 2 <= slept <= expected * 1.5


def test_a_read_fails_after_the_last_retry(kind: Kind) -> None:
    clock = kind.clock()
    with recording(losing(99)) as server, pytest.raises(NetworkException) as caught:
        kind.do(lambda c: c.call("relation.groups"), base_url=server.url, clock=clock)
    assert len(server.received) == len(BACKOFF) + 1
    assert (caught.value.status, caught.value.sent) == (0, True)
    assert server.url.removeprefix("http://") in str(caught.value)


def test_a_write_is_never_retried(kind: Kind) -> None:
    clock = kind.clock()
    with recording(losing(1)) as server, pytest.raises(NetworkException) as caught:
        kind.do(lambda c: c.relation.follow(7), base_url=server.url, clock=clock)
    assert len(server.received) == 1
    assert clock.slept == []
    assert caught.value.sent


def test_a_write_without_a_connection_is_marked_as_not_sent(kind: Kind) -> None:
    clock = kind.clock()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # but do not listen
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(NetworkException) as caught:
            kind.do(lambda c: c.relation.follow(7), base_url=url, clock=clock)
    assert not caught.value.sent
    assert clock.slept == []


def test_a_truncated_body_raises_network_exception(kind: Kind) -> None:
    clock = kind.clock()
    answer = Answer(envelope("data"), cut_short=9)
    with recording(lambda request: answer) as server, pytest.raises(NetworkException) as caught:
        kind.do(lambda c: c.call("relation.groups"), base_url=server.url, clock=clock)
    assert (caught.value.status, caught.value.sent) == (0, True)


@pytest.fixture
def silent() -> Iterator[str]:
    """Yield the address of a server that never responds."""
    finished = threading.Event()

    def handle(request: Received) -> None:
        finished.wait(30)

    with recording(handle) as server:
        yield server.url
        finished.set()


def test_a_missing_response_times_out(kind: Kind, silent: str) -> None:
    with pytest.raises(NetworkException) as caught:
        kind.do(lambda c: c.relation.follow(7), base_url=silent, timeout=0.05, clock=kind.clock())
    assert (caught.value.status, caught.value.sent) == (0, True)


def test_a_connection_is_reused_and_closed(kind: Kind) -> None:
    def handle(request: Received) -> Answer:
        number = int(dict(request.query)["pn"])
        return Answer(envelope([{"mid": number}] if number < 5 else []))

    def walk(client: Any) -> Any:
        return client.walk("relation.group_members", {"tagid": 0})

    with recording(handle) as server:
        assert len(kind.do(walk, base_url=server.url)) == 4
        assert len(server.received) == 5
        assert server.opened == 1
        assert server.closes_all_connections()
