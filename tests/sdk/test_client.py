"""Clients: their settings, the connections that they own, concurrency, and proxies."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest

from guanxi import (
    ArgsException,
    ASGITransport,
    Client,
    Credential,
    NetworkException,
    Request,
    SyncClient,
)
from guanxi.sdk.aio.network import Network
from guanxi.sdk.sync.network import Network as SyncNetwork
from tests.sdk.recorder import (
    SIGNED_IN,
    SIGNED_OUT,
    Answer,
    Kind,
    Received,
    Recorder,
    envelope,
    recording,
)


def groups(client: Any) -> Any:
    return client.call("relation.groups")


# Settings


def test_server_and_credential_come_from_the_environment(
    kind: Kind, server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUANXI_BASE_URL", server.url)
    monkeypatch.setenv("GUANXI_SESSDATA", "from-env")
    monkeypatch.setenv("GUANXI_BILI_JCT", "jct-from-env")
    kind.do(lambda c: c.relation.follow(7), credential=None)
    assert server.only_request().cookies == {"SESSDATA": "from-env", "bili_jct": "jct-from-env"}


def test_arguments_win_over_the_environment(
    kind: Kind, server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUANXI_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("GUANXI_SESSDATA", "from-env")
    kind.do(groups, base_url=server.url)
    kind.do(lambda c: c.call("relation.stat"), base_url=server.url, credential=SIGNED_OUT)
    signed_in, signed_out = server.received
    assert signed_in.cookies["SESSDATA"] == SIGNED_IN.sessdata
    assert signed_out.cookies == {}


def test_an_empty_base_url_stands_for_the_documents_hosts(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUANXI_BASE_URL", "http://127.0.0.1:1")
    transport = kind.script(kind.clock())
    kind.do(groups, base_url="", transport=transport, clock=transport.clock)
    assert transport.sent[0].url == "https://api.bilibili.com/x/relation/tags"


@pytest.mark.parametrize(
    "base_url",
    [
        "127.0.0.1:80",
        "ftp://x",
        "http://",
        "http://u@x",
        "http://u:p@x",
        "http://x?y",
        "http://x#y",
        "http://x?",
        "http://x/#",
        "http://@x",
    ],
)
@pytest.mark.parametrize("make", [Client, SyncClient])
def test_an_invalid_base_url_raises(make: Any, base_url: str) -> None:
    with pytest.raises(ArgsException, match=r"^base_url: "):
        make(base_url=base_url)


def test_an_invalid_base_url_of_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUANXI_BASE_URL", "127.0.0.1:8000")
    with pytest.raises(ArgsException, match=r"^GUANXI_BASE_URL: must be like http"):
        Client()


@pytest.mark.parametrize("make", [Client, SyncClient])
@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
def test_an_invalid_timeout_raises(make: Any, timeout: float) -> None:
    with pytest.raises(ArgsException, match=r"^timeout: "):
        make(timeout=timeout)


@pytest.mark.parametrize("make", [Client, SyncClient])
@pytest.mark.parametrize(
    "proxy", ["u:secret@x", "ftp://u:secret@x", "http://u:secret@x:y", "http://u:secret@"]
)
def test_an_invalid_proxy_raises_without_its_password(make: Any, proxy: str) -> None:
    with pytest.raises(ArgsException, match=r"^proxy: ") as caught:
        make(proxy=proxy)
    assert "secret" not in str(caught.value)


def test_the_credential_can_be_read() -> None:
    with SyncClient(credential=SIGNED_IN) as client:
        assert client.credential is SIGNED_IN


# Ownership


def test_a_closed_client_raises(kind: Kind, server: Recorder) -> None:
    async def use() -> None:
        client = Client(base_url=server.url, credential=SIGNED_IN)
        await client.call("relation.groups")
        await client.close()
        await client.close()
        with pytest.raises(RuntimeError, match="closed"):
            await client.call("relation.groups")

    if kind.name == "async":
        asyncio.run(use())
    else:
        client = SyncClient(base_url=server.url, credential=SIGNED_IN)
        client.call("relation.groups")
        client.close()
        client.close()
        with pytest.raises(RuntimeError, match="closed"):
            client.call("relation.groups")
    assert len(server.received) == 1
    assert server.closes_all_connections()


def test_closing_a_transport_again_does_nothing() -> None:
    request = Request("GET", "http://127.0.0.1:1/", {})

    async def use() -> None:
        transport = Network(proxy=None, timeout=1.0)
        await transport.close()
        await transport.close()
        with pytest.raises(RuntimeError, match="closed"):
            await transport.send(request)

    asyncio.run(use())
    transport = SyncNetwork(proxy=None, timeout=1.0)
    transport.close()
    transport.close()
    with pytest.raises(RuntimeError, match="closed"):
        transport.send(request)


def test_a_transport_is_closed_once_even_after_an_error(kind: Kind) -> None:
    clock = kind.clock()
    transport = kind.script(clock, Answer(b"x"))
    with pytest.raises(Exception, match="JSON"):
        kind.do(groups, transport=transport, clock=clock)
    assert transport.closed == 1


def test_a_cancelled_call_leaves_no_connection() -> None:
    finished = threading.Event()

    def handle(request: Received) -> Answer:
        if "hold" in request.target:
            finished.wait(30)
        return Answer(envelope("data"))

    async def use(url: str) -> None:
        async with Client(base_url=url, credential=SIGNED_IN) as client:
            task = asyncio.create_task(client.call("relation.groups", {"hold": 1}))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await client.call("relation.groups") == "data"

    with recording(handle) as server:
        asyncio.run(use(server.url))
        finished.set()
        assert server.closes_all_connections()


# Concurrency


def test_concurrent_calls_each_get_their_own_response(kind: Kind) -> None:
    def handle(request: Received) -> Answer:
        return Answer(envelope({"mid": int(dict(request.query)["vmid"])}))

    async def use(url: str) -> list[int]:
        async with Client(base_url=url, credential=SIGNED_IN) as client:
            stats = await asyncio.gather(*(client.relation.stat(mid) for mid in range(1, 51)))
            return [stat.mid for stat in stats]

    with recording(handle) as server:
        if kind.name == "async":
            mids = asyncio.run(use(server.url))
        else:
            with SyncClient(base_url=server.url) as client, ThreadPoolExecutor(8) as threads:
                mids = [stat.mid for stat in threads.map(client.relation.stat, range(1, 51))]
        assert server.closes_all_connections()
    assert mids == list(range(1, 51))


def test_concurrent_calls_keep_their_credentials_apart() -> None:
    def handle(request: Received) -> Answer:
        return Answer(envelope(request.cookies["SESSDATA"]))

    async def use(url: str) -> list[Any]:
        async with Client(base_url=url, credential=SIGNED_OUT) as client:
            accounts = (Credential(f"account-{number}") for number in range(50))
            calls = (client.call("relation.groups", credential=account) for account in accounts)
            return await asyncio.gather(*calls)

    with recording(handle) as server:
        assert asyncio.run(use(server.url)) == [f"account-{number}" for number in range(50)]


# Proxies


class Proxy:
    """The handler of a proxy; its response has the proxy's name and the requested host."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, request: Received) -> Answer:
        return Answer(envelope(f"{self.name} for {urlsplit(request.target).hostname}"))


@pytest.fixture
def proxies() -> Iterator[tuple[Recorder, Recorder]]:
    with recording(Proxy("one")) as first, recording(Proxy("other")) as second:
        yield first, second


def test_a_proxy_belongs_to_its_client(kind: Kind, proxies: tuple[Recorder, Recorder]) -> None:
    first, second = proxies
    far: dict[str, Any] = {"base_url": "http://far.test", "own_hosts": ["far.test"]}
    assert kind.do(groups, proxy=first.url, **far) == "one for far.test"
    account = Credential("sess", proxy=second.url)
    assert kind.do(groups, credential=account, **far) == "other for far.test"
    assert kind.do(groups, credential=account, proxy=first.url, **far) == "one for far.test"


def test_proxies_of_two_clients_at_once(proxies: tuple[Recorder, Recorder]) -> None:
    async def use() -> list[Any]:
        far: dict[str, Any] = {"base_url": "http://far.test", "own_hosts": ["far.test"]}
        first, second = (Client(credential=SIGNED_IN, proxy=proxy.url, **far) for proxy in proxies)
        async with first, second:
            return await asyncio.gather(
                *(client.call("relation.groups") for client in (first, second) * 10)
            )

    assert asyncio.run(use()) == ["one for far.test", "other for far.test"] * 10


def test_the_proxies_of_the_environment_are_ignored(
    kind: Kind, server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    kind.do(groups, base_url=server.url)
    assert len(server.received) == 1


def test_a_proxy_that_is_not_there_is_named_without_its_password(
    kind: Kind, server: Recorder
) -> None:
    address = server.url.removeprefix("http://")
    with pytest.raises(NetworkException) as caught:
        kind.do(
            groups, base_url=server.url, proxy="http://u:secret@127.0.0.1:1", clock=kind.clock()
        )
    assert str(caught.value).startswith(f"{address} through the proxy 127.0.0.1:1: ")
    assert "secret" not in str(caught.value)
    assert server.received == []


def test_a_credential_with_another_proxy_raises(kind: Kind, server: Recorder) -> None:
    account = Credential("sess", proxy="http://127.0.0.1:1")
    for use in (
        lambda c: c.call("relation.groups", credential=account),
        lambda c: c.walk("relation.blacks", {}, credential=account),
    ):
        with pytest.raises(ArgsException, match=r"^proxy: "):
            kind.do(use, base_url=server.url)
    assert server.received == []


# In this process


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Respond with the request's parts as data."""
    message = await receive()
    assert not message["more_body"]
    assert (await receive())["type"] == "http.disconnect"
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    data = {
        "method": scope["method"],
        "path": scope["path"],
        "query": scope["query_string"].decode(),
        "host": headers["host"],
        "agent": headers["user-agent"],
        "body": message["body"].decode(),
    }
    body = str(envelope(data)).replace("'", '"').encode()
    headers_out = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers_out})
    await send({"type": "http.response.body", "body": body[:10], "more_body": True})
    await send({"type": "http.response.body", "body": body[10:]})


def test_an_asgi_application_can_replace_the_network() -> None:
    async def use() -> tuple[Any, Any]:
        transport = ASGITransport(application)
        settings: dict[str, Any] = {"base_url": "http://127.0.0.1:80", "transport": transport}
        async with Client(credential=SIGNED_IN, **settings) as client:
            read = await client.call("relation.stat", {"vmid": 7, "name": "a b"})
            return read, await client.call("relation.create_group", {"tag": "x"})

    read, write = asyncio.run(use())
    assert (read["method"], read["path"]) == ("GET", "/x/relation/stat")
    assert (read["query"], read["body"]) == ("vmid=7&name=a%20b", "")
    assert (read["host"], read["agent"][:7]) == ("127.0.0.1:80", "guanxi/")
    assert (write["method"], write["body"]) == ("POST", "tag=x&csrf=jct-secret")
