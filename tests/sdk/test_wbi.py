"""The wbi signature: keys are fetched once, again at -403, and the third refusal raises."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from guanxi import AnswerException, Client, Credential, SyncClient, WbiRetryTimesExceedException
from guanxi.contract.sign import app_sign, mixin_key, wbi_verify
from tests.sdk.recorder import SIGNED_IN, Answer, Kind, Received, Recorder, envelope, recording

KEYS = [(letter * 32, (letter + "0") * 16) for letter in "abcd"]
BOTH = {"relation": {"mid": 7, "attribute": 2}, "be_relation": {"mid": 42}}


class Signed:
    """The handler of a server with wbi keys; it refuses ``refusals`` calls and changes the keys."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.current = 0

    def __call__(self, request: Received) -> Answer:
        img, sub = KEYS[self.current]
        if request.path == "/x/web-interface/nav":
            images = {"img_url": f"https://a/{img}.png", "sub_url": f"https://a/{sub}.png"}
            return Answer(envelope({"isLogin": False, "wbi_img": images}, -101, "账号未登录"))
        signed = wbi_verify(request.query, mixin_key(img, sub))
        if self.refusals:
            self.refusals -= 1
            self.current += 1
            signed = False
        return Answer(envelope(BOTH) if signed else envelope(None, -403, "访问权限不足"))


@pytest.fixture
def signed() -> Iterator[Recorder]:
    with recording(Signed()) as server:
        yield server


def paths(server: Recorder) -> list[str]:
    return [request.path.rpartition("/")[2] for request in server.received]


def test_keys_are_fetched_once_without_a_credential(kind: Kind, signed: Recorder) -> None:
    clock = kind.clock()
    if kind.name == "async":

        async def twice() -> None:
            async with Client(base_url=signed.url, credential=SIGNED_IN, clock=clock) as client:
                await client.relation.mutual(7)
                await client.relation.mutual(8)

        asyncio.run(twice())
    else:
        with SyncClient(base_url=signed.url, credential=SIGNED_IN, clock=clock) as client:
            client.relation.mutual(7)
            client.relation.mutual(8)
    assert paths(signed) == ["nav", "relation", "relation"]
    nav, first, _ = signed.received
    assert "cookie" not in nav.headers
    assert nav.query == []
    assert [name for name, _ in first.query] == ["mid", "wts", "w_rid"]
    assert dict(first.query)["wts"] == "1700000000"
    assert first.cookies["SESSDATA"] == "sess-secret"


def test_the_typed_result(kind: Kind, signed: Recorder) -> None:
    both = kind.do(lambda c: c.relation.mutual(7), base_url=signed.url)
    assert (both.relation.mid, both.relation.attribute, both.be_relation.mid) == (7, 2, 42)


@pytest.mark.parametrize("refusals", [1, 2])
def test_stale_keys_are_fetched_again(kind: Kind, refusals: int) -> None:
    with recording(Signed(refusals)) as server:
        kind.do(lambda c: c.relation.mutual(7), base_url=server.url)
        assert paths(server) == ["nav", "relation"] * (refusals + 1)


def test_the_third_refusal_raises(kind: Kind) -> None:
    with recording(Signed(3)) as server:
        with pytest.raises(WbiRetryTimesExceedException):
            kind.do(lambda c: c.relation.mutual(7), base_url=server.url)
        assert paths(server) == ["nav", "relation"] * 3


def test_an_access_key_is_signed_by_wbi_without_an_app_signature(
    kind: Kind, signed: Recorder
) -> None:
    account = Credential(access_key="app-secret", appkey="k", appsec="s")
    kind.do(lambda c: c.relation.mutual(7), base_url=signed.url, credential=account)
    assert [name for name, _ in signed.received[1].query] == ["mid", "access_key", "wts", "w_rid"]
    assert app_sign([("a", "b")], "s") not in str(signed.received)


def test_concurrent_calls_fetch_the_keys_once() -> None:
    with recording(Signed()) as server:

        async def many() -> None:
            async with Client(base_url=server.url, credential=SIGNED_IN) as client:
                await asyncio.gather(*(client.relation.mutual(mid) for mid in range(1, 21)))

        asyncio.run(many())
        assert paths(server).count("nav") == 1

    with (
        recording(Signed()) as server,
        SyncClient(base_url=server.url, credential=SIGNED_IN) as client,
        ThreadPoolExecutor(8) as threads,
    ):
        list(threads.map(client.relation.mutual, range(1, 21)))
        assert paths(server).count("nav") == 1


@pytest.mark.parametrize(
    "images", [None, {}, {"img_url": "https://a/short.png", "sub_url": "https://a/short.png"}]
)
def test_missing_keys_raise_answer_exception(kind: Kind, images: Any) -> None:
    def handle(request: Received) -> Answer:
        data = {"isLogin": False} if images is None else {"isLogin": False, "wbi_img": images}
        return Answer(envelope(data, -101, "账号未登录"))

    with recording(handle) as server, pytest.raises(AnswerException) as caught:
        kind.do(lambda c: c.relation.mutual(7), base_url=server.url)
    assert caught.value.path == "$.data.wbi_img"


def test_nav_returns_the_keys_when_signed_out(kind: Kind, signed: Recorder) -> None:
    nav_data = kind.do(lambda c: c.web.nav(), base_url=signed.url)
    assert not nav_data.is_login
    assert nav_data.wbi_img.img_url == f"https://a/{KEYS[0][0]}.png"
    assert signed.only_request().cookies["SESSDATA"] == "sess-secret"


def test_nav_returns_who_is_signed_in(kind: Kind) -> None:
    with recording(lambda request: Answer(envelope({"isLogin": True, "mid": 42}))) as server:
        nav_data = kind.do(lambda c: c.web.nav(), base_url=server.url)
    assert (nav_data.is_login, nav_data.mid) == (True, 42)
