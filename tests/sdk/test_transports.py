"""The transport over httpcore2: chosen by name, or where pyreqwest cannot start."""

from __future__ import annotations

import asyncio
import gzip
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from guanxi import ArgsException, Client, Credential, NetworkException, Request, SyncClient
from tests.sdk import test_hostile as hostile
from tests.sdk import test_losses as losses
from tests.sdk.recorder import SIGNED_IN, Answer, Kind, envelope, recording

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUANXI_TRANSPORT", "httpx2")


def groups(client: Any) -> Any:
    return client.call("relation.groups")


def transport_of(kind: Kind) -> str:
    """Return the module of the transport that a new client has."""
    return str(kind.do(lambda client: type(client._transport).__module__))


def test_a_transport_is_chosen_by_name(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    assert transport_of(kind) == "guanxi.sdk.httpcore"
    monkeypatch.setenv("GUANXI_TRANSPORT", "pyreqwest")
    package = "aio" if kind.name == "async" else "sync"
    assert transport_of(kind) == f"guanxi.sdk.{package}.network"
    monkeypatch.delenv("GUANXI_TRANSPORT")
    assert transport_of(kind) == f"guanxi.sdk.{package}.network"
    monkeypatch.setenv("GUANXI_TRANSPORT", "requests")
    with pytest.raises(ArgsException, match=r"^GUANXI_TRANSPORT: must be pyreqwest or httpx2$"):
        transport_of(kind)


@pytest.mark.parametrize("name", ["", "pyreqwest"])
def test_without_pyreqwest_the_other_is_used_unless_it_was_chosen(
    kind: Kind, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUANXI_TRANSPORT", name)
    for package in ("aio", "sync"):
        monkeypatch.delitem(sys.modules, f"guanxi.sdk.{package}.network", raising=False)
    monkeypatch.setitem(sys.modules, "pyreqwest.client", None)
    if name:
        with pytest.raises(ImportError):
            transport_of(kind)
    else:
        assert transport_of(kind) == "guanxi.sdk.httpcore"


def test_a_client_of_a_grandchild_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its parent and grandparent have clients of pyreqwest, which starts in no more processes."""
    monkeypatch.delenv("GUANXI_TRANSPORT")
    program = """
    def child(use):
        pid = os.fork()
        if pid == 0:
            try:
                use()
            finally:
                os._exit(0)
        os.waitpid(pid, 0)

    def sent(name):
        for kind in KINDS:
            got = kind.do(lambda c: c.call("relation.groups"), base_url={url!r})
            print(name, kind, got, flush=True)

    def again():
        sent("child")
        child(lambda: sent("grandchild"))

    sent("parent")
    child(again)
    """
    with recording(lambda request: Answer(envelope("data"))) as server:
        printed = hostile.in_a_process(program.format(url=server.url))
    names = ("parent", "child", "grandchild")
    assert printed.splitlines() == [f"{name} {kind} data" for name in names for kind in
                                    ("async", "sync")]  # fmt: skip


def test_a_write_and_its_headers_arrive(kind: Kind) -> None:
    answer = Answer(envelope(), headers={"X-One": "1", "X-Other": "é"}, cookies=("a=1", "b=2"))
    with recording(lambda request: answer) as server:
        kind.do(lambda client: client.relation.follow(7), base_url=server.url)
        received = server.only_request()
    assert (received.method, received.path) == ("POST", "/x/relation/modify")
    assert received.headers["host"] == server.url.removeprefix("http://")
    assert received.headers["content-length"] == str(len(received.body))
    assert received.cookies == {"SESSDATA": "sess-secret", "bili_jct": "jct-secret"}


def test_what_every_transport_keeps(kind: Kind) -> None:
    """A sample: the whole suite runs in the long form."""
    losses.test_a_lost_read_is_retried_after_a_growing_wait(kind, 1)
    losses.test_a_write_is_never_retried(kind)
    losses.test_a_write_without_a_connection_is_marked_as_not_sent(kind)
    losses.test_a_truncated_body_raises_network_exception(kind)
    losses.test_a_connection_is_reused_and_closed(kind)
    hostile.test_the_bound_is_of_decompressed_bytes_and_can_be_set(kind)
    hostile.test_a_slow_drip_ends_with_the_time_of_the_call(kind)


def test_a_compressed_body_that_is_cut_off_or_broken_is_no_response(kind: Kind) -> None:
    whole = gzip.compress(b'{"code":0,"data":1}')
    for body in (whole[:-9], b"not gzip"):
        answer = Answer(body, headers={"Content-Encoding": "gzip"})
        with (
            recording(lambda request, answer=answer: answer) as server,  # type: ignore[misc]
            pytest.raises(NetworkException) as caught,
        ):
            kind.do(groups, base_url=server.url, clock=kind.clock())
        assert caught.value.status == 0


def test_a_cancelled_call_ends_its_request() -> None:
    """The thread that sends it waits no longer: the server sees the connection end."""
    ended: list[float] = []

    def wait(connection: Any) -> None:
        begin = time.monotonic()
        connection.settimeout(20)
        assert connection.recv(1) == b""
        ended.append(time.monotonic() - begin)

    async def main(url: str) -> None:
        async with Client(base_url=url, credential=SIGNED_IN) as client:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.call("relation.groups"), 0.3)

    with hostile.serving(wait) as url:
        asyncio.run(main(url))
    assert len(ended) == 1


def test_a_proxy_is_used_with_its_user_and_password(kind: Kind) -> None:
    with recording() as proxy:
        address = proxy.url.replace("://", "://us%40er:pass@")
        base = "http://far.example:81/x"
        kind.do(groups, base_url=base, proxy=address, own_hosts=["far.example"])
        received = proxy.only_request()
    assert received.target == "http://far.example:81/x/x/relation/tags"
    assert received.headers["host"] == "far.example:81"
    assert received.headers["proxy-authorization"] == "Basic dXNAZXI6cGFzcw=="


def test_no_log_has_a_cookie(kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    answer = Answer(envelope(), cookies=("SESSDATA=new-secret",))
    with recording(lambda request: answer) as server, caplog.at_level(logging.DEBUG):
        kind.do(groups, base_url=server.url, credential=SIGNED_IN)
    assert "secret" not in caplog.text


def test_a_closed_transport_sends_nothing() -> None:
    client = SyncClient(base_url="http://127.0.0.1:1", credential=Credential())
    transport = client._transport
    client.close()
    transport.close()
    with pytest.raises(RuntimeError, match="closed"):
        transport.send(Request("GET", "http://127.0.0.1:1/", {}))


@pytest.mark.long
def test_the_whole_suite_passes_over_it() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "not long", "-p", "no:cacheprovider",
         "tests/sdk", "tests/user"],
        cwd=ROOT,
        env=os.environ | {"GUANXI_TRANSPORT": "httpx2", "GUANXI_TEST": "short"},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
