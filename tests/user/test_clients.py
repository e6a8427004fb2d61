"""The clients of the module: which one is used, how many there are, and when they are closed."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from guanxi import ArgsException, Client, Credential
from guanxi.sdk import current
from guanxi.user import User, sync, using
from tests.counts import count
from tests.sdk.recorder import (
    SIGNED_IN,
    SIGNED_OUT,
    Answer,
    Received,
    Recorder,
    envelope,
    recording,
)


def who(request: Received) -> Answer:
    """Respond with the caller's SESSDATA as ``who``."""
    return Answer(envelope({"who": request.cookies.get("SESSDATA")}))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    with recording(who) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        yield server


async def call(credential: Credential | None = SIGNED_IN) -> Any:
    info: Any = await User(7, credential).get_relation_info()
    return info["who"]


def test_a_loop_has_one_client_which_is_closed_with_it(server: Recorder) -> None:
    async def thrice() -> None:
        for account in (SIGNED_IN, SIGNED_OUT, Credential("other")):
            await call(account)
        assert [len(clients) for clients in current._loop_clients.values()] == [1]

    asyncio.run(thrice())
    assert current._loop_clients == {}
    assert server.opened == 1
    assert server.closes_all_connections()


def test_a_hundred_loops_leave_no_client(server: Recorder) -> None:
    for _ in range(count(100, 400)):
        asyncio.run(call())
    gc.collect()
    assert current._loop_clients == {}
    assert server.closes_all_connections()


def test_the_client_of_a_closed_loop_is_dropped_with_the_next_call(server: Recorder) -> None:
    for _ in range(5):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(call())
        loop.close()
    assert len(current._loop_clients) == 1
    asyncio.run(call())
    assert current._loop_clients == {}
    gc.collect()
    assert server.closes_all_connections()


def test_two_concurrent_loops_have_a_client_each(server: Recorder) -> None:
    both = threading.Barrier(2, timeout=30)
    seen: list[int] = []

    async def meet() -> None:
        await call()
        both.wait()
        seen.append(len(current._loop_clients))
        both.wait()

    threads = [threading.Thread(target=asyncio.run, args=(meet(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [2, 2]
    assert current._loop_clients == {}


def test_concurrent_calls_in_one_loop_keep_their_credentials_apart(server: Recorder) -> None:
    async def many() -> list[Any]:
        names = [f"account-{number}" for number in range(40)]
        names_seen = await asyncio.gather(*(call(Credential(name)) for name in names))
        assert names_seen == names
        assert await call(SIGNED_OUT) is None
        return names_seen

    asyncio.run(many())


def test_none_stands_for_the_credential_of_the_environment(
    server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sync(call(None)) is None
    monkeypatch.setenv("GUANXI_SESSDATA", "from-env")
    assert sync(call(None)) == "from-env"
    assert sync(call(SIGNED_OUT)) is None


def test_another_server_gets_another_client(
    server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def move(url: str) -> None:
        await call()
        monkeypatch.setenv("GUANXI_BASE_URL", url)
        await call()
        assert [len(clients) for clients in current._loop_clients.values()] == [2]

    with recording(who) as other:
        asyncio.run(move(other.url))
        assert (len(server.received), len(other.received)) == (1, 1)
        assert other.closes_all_connections()
    assert server.closes_all_connections()


def test_another_proxy_gets_another_client(monkeypatch: pytest.MonkeyPatch) -> None:
    def proxy(name: str) -> Any:
        def handle(request: Received) -> Answer:
            return Answer(envelope({"who": f"{name} to {urlsplit(request.target).port}"}))

        return handle

    async def through(*accounts: Credential) -> list[Any]:
        return await asyncio.gather(*(call(account) for account in accounts))

    # Nothing listens there: only the proxies respond.
    monkeypatch.setenv("GUANXI_BASE_URL", "http://127.0.0.1:9")
    with recording(proxy("one")) as first, recording(proxy("other")) as second:
        accounts = [Credential("a", proxy=server.url) for server in (first, second)] * 5
        assert asyncio.run(through(*accounts)) == ["one to 9", "other to 9"] * 5
        assert first.closes_all_connections()
        assert second.closes_all_connections()


# The client of ``using``


def test_using_replaces_the_client_in_its_block(server: Recorder) -> None:
    async def within() -> None:
        with recording(who) as server:
            async with Client(base_url=server.url, credential=Credential("mine")) as client:
                with using(client) as same:
                    assert same is client
                    assert await call(None) == "mine"
                    assert await call(SIGNED_OUT) is None
                    assert await asyncio.create_task(call(SIGNED_IN)) == SIGNED_IN.sessdata
                    assert User(7).credential == Credential("mine")
                assert len(server.received) == 3
            await call()
            assert len(server.received) == 3

    asyncio.run(within())
    assert len(server.received) == 1


def test_the_client_of_using_keeps_its_proxy(server: Recorder) -> None:
    async def within() -> None:
        async with Client(base_url=server.url) as client:
            with using(client), pytest.raises(ArgsException, match="proxy"):
                await call(Credential("a", proxy="http://127.0.0.1:9"))

    asyncio.run(within())
    assert server.received == []


# From code without a loop


def test_sync_outside_and_inside_a_loop(server: Recorder) -> None:
    async def inside() -> Any:
        here = threading.get_ident()

        async def elsewhere() -> Any:
            assert threading.get_ident() != here
            return await call()

        return sync(elsewhere())

    assert sync(call()) == SIGNED_IN.sessdata
    assert asyncio.run(inside()) == SIGNED_IN.sessdata
    assert current._loop_clients == {}


def test_sync_raises_the_exception_of_the_coroutine() -> None:
    async def fail() -> None:
        raise KeyError("x")

    async def inside() -> None:
        sync(fail())

    with pytest.raises(KeyError):
        sync(fail())
    with pytest.raises(KeyError):
        asyncio.run(inside())
