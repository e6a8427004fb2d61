"""Connections that are lost, refused, cut short or too slow."""

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
    """Closes the connection so many times before it answers."""
    numbers = count()

    def handle(request: Received) -> Answer | None:
        return Answer(envelope("data")) if next(numbers) >= times else None

    return handle


@pytest.mark.parametrize("times", range(len(BACKOFF) + 1))
def test_a_read_is_sent_again_after_a_growing_wait(kind: Kind, times: int) -> None:
    clock = kind.clock()
    with recording(losing(times)) as server:
        got = kind.do(lambda c: c.call("relation.groups"), base_url=server.url, clock=clock)
    assert got == "data"
    assert len(server.received) == times + 1
    assert len(clock.slept) == times
    for slept, meant in zip(clock.slept, BACKOFF, strict=False):
        assert meant / 2 <= slept <= meant * 1.5


def test_a_read_gives_up_in_the_end(kind: Kind) -> None:
    clock = kind.clock()
    with recording(losing(99)) as server, pytest.raises(NetworkException) as caught:
        kind.do(lambda c: c.call("relation.groups"), base_url=server.url, clock=clock)
    assert len(server.received) == len(BACKOFF) + 1
    assert (caught.value.status, caught.value.sent) == (0, True)
    assert server.url.removeprefix("http://") in str(caught.value)


def test_a_write_is_never_sent_again(kind: Kind) -> None:
    clock = kind.clock()
    with recording(losing(1)) as server, pytest.raises(NetworkException) as caught:
        kind.do(lambda c: c.relation.follow(7), base_url=server.url, clock=clock)
    assert len(server.received) == 1
    assert clock.slept == []
    assert caught.value.sent


def test_a_write_that_never_left_says_so(kind: Kind) -> None:
    clock = kind.clock()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(NetworkException) as caught:
            kind.do(lambda c: c.relation.follow(7), base_url=url, clock=clock)
    assert not caught.value.sent
    assert clock.slept == []


def test_a_body_cut_short_is_no_answer(kind: Kind) -> None:
    clock = kind.clock()
    answer = Answer(envelope("data"), cut_short=9)
    with recording(lambda request: answer) as server, pytest.raises(NetworkException) as caught:
        kind.do(lambda c: c.call("relation.groups"), base_url=server.url, clock=clock)
    assert (caught.value.status, caught.value.sent) == (0, True)


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes requests and never answers."""
    over = threading.Event()

    def handle(request: Received) -> None:
        over.wait(30)

    with recording(handle) as server:
        yield server.url
        over.set()


def test_an_answer_that_does_not_come_is_not_waited_for_for_ever(kind: Kind, silent: str) -> None:
    with pytest.raises(NetworkException) as caught:
        kind.do(lambda c: c.relation.follow(7), base_url=silent, timeout=0.05, clock=kind.clock())
    assert (caught.value.status, caught.value.sent) == (0, True)


def test_a_connection_is_used_again_and_none_is_left(kind: Kind) -> None:
    def handle(request: Received) -> Answer:
        number = int(dict(request.query)["pn"])
        return Answer(envelope([{"mid": number}] if number < 5 else []))

    def walk(client: Any) -> Any:
        return client.walk("relation.group_members", {"tagid": 0})

    with recording(handle) as server:
        assert len(kind.do(walk, base_url=server.url)) == 4
        assert len(server.received) == 5
        assert server.opened == 1
        assert server.is_left_alone()
