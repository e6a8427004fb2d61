"""The clients behind the module: whose they are, how many, and when they end."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from guanxi import ArgsException, Client, Credential
from guanxi.user import User, _clients, sync, using
from tests.counts import count
from tests.sdk.recorder import (
    NOBODY,
    SIGNED_IN,
    Answer,
    Received,
    Recorder,
    envelope,
    recording,
)


def who(request: Received) -> Answer:
    """Answers with who asks."""
    return Answer(envelope({"who": request.cookies.get("SESSDATA")}))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    with recording(who) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        yield server


async def ask(credential: Credential | None = SIGNED_IN) -> Any:
    info: Any = await User(7, credential).get_relation_info()
    return info["who"]


def test_a_loop_has_one_client_which_ends_with_it(asked: Recorder) -> None:
    async def thrice() -> None:
        for account in (SIGNED_IN, NOBODY, Credential("other")):
            await ask(account)
        assert [len(clients) for clients in _clients._held.values()] == [1]

    asyncio.run(thrice())
    assert _clients._held == {}
    assert asked.opened == 1
    assert asked.is_left_alone()


def test_a_hundred_loops_leave_nothing(asked: Recorder) -> None:
    for _ in range(count(100, 1000)):
        asyncio.run(ask())
    gc.collect()
    assert _clients._held == {}
    assert asked.is_left_alone()


def test_a_loop_that_is_only_closed_leaves_nothing_for_long(asked: Recorder) -> None:
    for _ in range(5):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(ask())
        loop.close()
    assert len(_clients._held) == 1
    asyncio.run(ask())
    assert _clients._held == {}
    gc.collect()
    assert asked.is_left_alone()


def test_two_loops_at_once_have_a_client_each(asked: Recorder) -> None:
    both = threading.Barrier(2, timeout=30)
    seen: list[int] = []

    async def meet() -> None:
        await ask()
        both.wait()
        seen.append(len(_clients._held))
        both.wait()

    threads = [threading.Thread(target=asyncio.run, args=(meet(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [2, 2]
    assert _clients._held == {}


def test_accounts_at_once_in_one_loop_do_not_see_each_other(asked: Recorder) -> None:
    async def many() -> list[Any]:
        names = [f"account-{number}" for number in range(40)]
        told = await asyncio.gather(*(ask(Credential(name)) for name in names))
        assert told == names
        assert await ask(NOBODY) is None
        return told

    asyncio.run(many())


def test_none_is_the_environments_account(asked: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sync(ask(None)) is None
    monkeypatch.setenv("GUANXI_SESSDATA", "from-env")
    assert sync(ask(None)) == "from-env"
    assert sync(ask(NOBODY)) is None


def test_another_server_is_another_client(asked: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    async def move(url: str) -> None:
        await ask()
        monkeypatch.setenv("GUANXI_BASE_URL", url)
        await ask()
        assert [len(clients) for clients in _clients._held.values()] == [2]

    with recording(who) as other:
        asyncio.run(move(other.url))
        assert (len(asked.received), len(other.received)) == (1, 1)
        assert other.is_left_alone()
    assert asked.is_left_alone()


def test_another_proxy_is_another_client(monkeypatch: pytest.MonkeyPatch) -> None:
    def proxy(name: str) -> Any:
        def handle(request: Received) -> Answer:
            return Answer(envelope({"who": f"{name} to {urlsplit(request.target).port}"}))

        return handle

    async def through(*accounts: Credential) -> list[Any]:
        return await asyncio.gather(*(ask(account) for account in accounts))

    monkeypatch.setenv("GUANXI_BASE_URL", "http://127.0.0.1:9")  # which only proxies know
    with recording(proxy("one")) as one, recording(proxy("other")) as other:
        accounts = [Credential("a", proxy=server.url) for server in (one, other)] * 5
        assert asyncio.run(through(*accounts)) == ["one to 9", "other to 9"] * 5
        assert one.is_left_alone()
        assert other.is_left_alone()


# One's own client


def test_ones_own_client_is_used_within(asked: Recorder) -> None:
    async def within() -> None:
        with recording(who) as server:
            async with Client(base_url=server.url, credential=Credential("mine")) as client:
                with using(client) as same:
                    assert same is client
                    assert await ask(None) == "mine"
                    assert await ask(NOBODY) is None
                    assert await asyncio.create_task(ask(SIGNED_IN)) == SIGNED_IN.sessdata
                    assert User(7).credential == Credential("mine")
                assert len(server.received) == 3
            await ask()
            assert len(server.received) == 3

    asyncio.run(within())
    assert len(asked.received) == 1


def test_ones_own_client_keeps_its_proxy(asked: Recorder) -> None:
    async def within() -> None:
        async with Client(base_url=asked.url) as client:
            with using(client), pytest.raises(ArgsException, match="proxy"):
                await ask(Credential("a", proxy="http://127.0.0.1:9"))

    asyncio.run(within())
    assert asked.received == []


# From code without a loop


def test_sync_outside_and_inside_a_loop(asked: Recorder) -> None:
    async def inside() -> Any:
        here = threading.get_ident()

        async def elsewhere() -> Any:
            assert threading.get_ident() != here
            return await ask()

        return sync(elsewhere())

    assert sync(ask()) == SIGNED_IN.sessdata
    assert asyncio.run(inside()) == SIGNED_IN.sessdata
    assert _clients._held == {}


def test_sync_raises_what_the_coroutine_does() -> None:
    async def fail() -> None:
        raise KeyError("x")

    async def inside() -> None:
        sync(fail())

    with pytest.raises(KeyError):
        sync(fail())
    with pytest.raises(KeyError):
        asyncio.run(inside())
