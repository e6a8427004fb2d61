"""What is wrong with the HTTP of a request: 404, 405, 408, 413, 415, and what is no HTTP at all."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import struct
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint, Envelope
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.contract.limits import DOCUMENTED
from guanxi.service import http, listening, responding
from guanxi.service.config import Settings
from guanxi.testing import RunningService, running
from tests.service.client import call, contents, follow, fresh, raw, send
from tests.service.faults import faulty_service
from tests.service.logged import logged
from tests.service.some_pages import LANGUAGE, PAGES

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("path", ["/x", "/x/relation/", "/X/RELATION", "//x/relation", "/x/%"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_path(path: str, method: str, documented: RunningService) -> None:
    answer = send(documented.base_url, method, path)
    reason, _, _ = answer.reason.partition("; near: ")  # which the emulator adds
    assert (answer.status, answer.body | {"reason": reason}) == (
        404,
        {
            "code": -404,
            "message": "啥都木有",
            "reason": "path: no endpoint has it; /docs lists them",
            "ttl": 1,
        },
    )
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


#: The fields of a failure in addition to code, message and reason. A page, or a body that is the
#: data, fails in the standard envelope.
_BESIDES = {
    Envelope.STANDARD: {"ttl"},
    Envelope.NONE: {"ttl"},
    Envelope.MSG: {"msg"},
    Envelope.STATUS: {"status"},
    Envelope.BARE: set(),
    Envelope.GAME: {"ts", "request_id"},
}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: one.name)
def test_a_wrong_method(endpoint: Endpoint, documented: RunningService) -> None:
    for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"} - {endpoint.method}:
        if method == "BREW":  # no method of HTTP
            answer = raw(documented.base_url, f"BREW {endpoint.path} HTTP/1.1\r\n\r\n".encode())
            assert answer.startswith(b"HTTP/1.1 400 ")
            continue
        wrong = send(documented.base_url, method, endpoint.path)
        assert (wrong.status, wrong.code) == (405, -400)
        allowed = "POST" if endpoint.method == "POST" else "GET, HEAD"
        reason = f"method: must be {allowed.replace(', ', ' or ')}"
        assert (wrong.message, wrong.reason) == ("请求错误", reason)
        assert wrong.headers["allow"] == allowed
        assert wrong.body.keys() == {"code", "message", "reason"} | _BESIDES[endpoint.envelope]
        assert "access-control-allow-origin" not in wrong.headers


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_read_alone(path: str, documented: RunningService) -> None:
    read = send(documented.base_url, "GET", path)
    if path == "/":
        assert (read.status, read.headers["location"]) == (307, "/docs")
    elif path == LANGUAGE:
        assert (read.status, read.headers["location"]) == (303, "/")
    else:
        assert read.status == 200
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"):
        wrong = send(documented.base_url, method, path, body=b"x")
        assert (wrong.status, wrong.code, wrong.headers["allow"]) == (405, -400, "GET, HEAD")
        assert wrong.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "multipart/mixed; boundary=x", "", "x"]
)
def test_a_body_that_is_not_form_encoded(kind: str, documented: RunningService) -> None:
    caller, other = fresh(documented, 2)
    before = contents(documented)
    body = f"fid={other.mid}&act=1&re_src=11&csrf={caller.bili_jct}".encode()
    headers = {"Cookie": caller.cookie, **({"Content-Type": kind} if kind else {})}
    for endpoint in [one for one in ENDPOINTS if one.writes]:
        answer = send(documented.base_url, "POST", endpoint.path, body=body, headers=headers)
        assert (answer.status, answer.code) == (415, -400)
        assert answer.reason.startswith("Content-Type: ")
    assert contents(documented) == before


@pytest.mark.parametrize(
    "kind",
    ["application/x-www-form-urlencoded; charset=UTF-8", "Application/X-WWW-Form-Urlencoded"],
)
def test_accepted_form_content_types(kind: str, documented: RunningService) -> None:
    caller, other = fresh(documented, 2)
    headers = {"Content-Type": kind}
    fields = {"fid": other.mid, "act": 1, "re_src": 11}
    assert call(documented, e.MODIFY, caller, fields, headers=headers).code == 0


def test_a_body_too_large(documented: RunningService) -> None:
    caller, other = fresh(documented, 2)
    before = contents(documented)
    form = f"fid={other.mid}&act=1&re_src=11&csrf={caller.bili_jct}&x=".encode()
    limit = DOCUMENTED.limits.body_bytes
    headers = {"Cookie": caller.cookie, **_FORM}
    for size in (limit + 1, 10_000_000):
        body = form.ljust(size, b"x")
        answer = send(documented.base_url, "POST", e.MODIFY.path, body=body, headers=headers)
        assert (answer.status, answer.code) == (413, -400)
        assert answer.reason == f"body: at most {limit} bytes"
    chunked = (
        f"POST {e.MODIFY.path} HTTP/1.1\r\nHost: [::]\r\nTransfer-Encoding: chunked\r\n"
        f"Connection: close\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nCookie: {caller.cookie}\r\n\r\n"
    ).encode()
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    answer_bytes = raw(documented.base_url, chunked + chunk * 5 + b"0\r\n\r\n")
    assert answer_bytes.startswith(b"HTTP/1.1 413 ")
    assert contents(documented) == before
    body = form.ljust(limit, b"x")
    answer = send(documented.base_url, "POST", e.MODIFY.path, body=body, headers=headers)
    assert answer.code == 0, "as large as is allowed"


def test_half_a_request_changes_nothing(documented: RunningService) -> None:
    caller, other = fresh(documented, 2)
    before = contents(documented)
    form = f"fid={other.mid}&act=1&re_src=11&csrf={caller.bili_jct}"
    whole = (
        f"POST {e.MODIFY.path} HTTP/1.1\r\nHost: [::]\r\nCookie: {caller.cookie}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(form) + 5}\r\n\r\n{form}"
    ).encode()
    for length in (1, 20, 60, len(whole) - len(form), len(whole) - 7, len(whole)):
        assert b"200" not in raw(documented.base_url, whole[:length], half=True)
    assert contents(documented) == before
    # The service goes on.
    follow(documented, caller, other)


def test_a_body_that_does_not_arrive(documented: RunningService) -> None:
    settings = Settings(profile=DOCUMENTED, request_seconds=0.3)
    with running(settings=settings) as service:
        head = f"POST {e.MODIFY.path} HTTP/1.1\r\nHost: [::]\r\nContent-Length: 100\r\n"
        head += "Connection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\nfid=1"
        answer = raw(service.base_url, head.encode())
        assert answer.startswith(b"HTTP/1.1 408 ")
        response = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert response == {
            "code": -400,
            "message": "请求错误",
            "reason": "body: did not arrive whole in time",
            "ttl": 1,
        }


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"HELO example.com\r\n",
        b"GET\r\n\r\n",
        b"GET /x/relation HTTP/9.9\r\n\r\n",
        b"GET /x/relation HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_what_is_not_http(sent: bytes, documented: RunningService) -> None:
    assert raw(documented.base_url, sent, half=True).startswith(b"HTTP/1.1 400 ")


def test_an_endless_head(documented: RunningService) -> None:
    """Headers are bounded, and the service goes on."""
    address = urlsplit(documented.base_url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(b"GET /x/relation HTTP/1.1\r\n")
        answer = b""
        for _ in range(1000):
            try:
                connection.sendall(b"X-Y: " + b"z" * 8000 + b"\r\n")
            except OSError:
                break
        else:
            raise AssertionError("eight megabytes of headers were taken")
        try:
            answer = connection.recv(65_536)
        except ConnectionError:
            answer = b""
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    assert call(documented, e.NAV).code == -101


def head_of(size: int) -> bytes:
    """A whole head whose target and headers, names and values, have ``size`` bytes."""
    target, last = "/x/web-interface/nav", ("Connection", "close")
    padding = "z" * (size - len(target) - len("Host" + "[::]" + "".join(last) + "X-Y"))
    head = f"GET {target} HTTP/1.1\r\nHost: [::]\r\n{last[0]}: {last[1]}\r\nX-Y: {padding}\r\n\r\n"
    return head.encode()


def test_a_head_in_one_piece_has_the_same_limit(documented: RunningService) -> None:
    for size, status in ((65_000, 200), (65_536, 200), (65_537, 400), (90_000, 400)):
        assert raw(documented.base_url, head_of(size)).startswith(b"HTTP/1.1 %d " % status), size


_HEAD = b"GET /x/web-interface/nav HTTP/1.1\r\nHost: [::]\r\n"
_POST_NOWHERE = b"POST /nope HTTP/1.1\r\nHost: [::]\r\nContent-Length: 9\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "answers"),
    [
        ([b""], 0),
        ([b"\r\n", b"\r\n"], 0),
        ([b"G"], 0),
        ([_HEAD], 0),
        ([_HEAD[:9], _HEAD[9:]], 0),
        ([_HEAD + b"\r\n", _HEAD], 1),
        ([_HEAD + b"\r\n" + _HEAD], 1),
        ([_HEAD + b"\r\n", b"\r\n", b"G"], 1),
        ([_POST_NOWHERE, b"x"], 1),
    ],
)
def test_a_stalled_connection_is_closed(
    sent: list[bytes], answers: int, documented: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_HEAD_SECONDS", 0.5)
    address = urlsplit(documented.base_url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        answered = b""
        for part in sent:
            connection.sendall(part)
            if answers and part is sent[0]:
                answered = connection.recv(65_536)
        answered += b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answered.count(b"HTTP/1.1 ") == answers


def test_the_task_of_a_request_is_freed_without_the_garbage_collector() -> None:
    """A cycle of task, context and exchange cost a sixth of the CPU of short requests."""
    with running() as service:
        gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                assert call(service, e.NAV).code == -101
            service.emulator.requests.clear()
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            assert not [each for each in gc.garbage if isinstance(each, asyncio.Task)]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()


def test_a_connection_is_closed_when_it_is_idle_after_its_last_response(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listening, "_IDLE_SECONDS", 1.5)
    with running() as service:
        address = urlsplit(service.base_url)
        with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
            for _ in range(3):  # which together take longer than a connection may be idle
                connection.sendall(_HEAD + b"\r\n")
                assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
                time.sleep(1)
            assert connection.recv(1) == b""


def test_a_connection_that_waits_for_a_response_is_not_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_HEAD_SECONDS", 0.2)
    with faulty_service(tmp_path) as (service, store):
        [caller] = fresh(service)
        address = urlsplit(service.base_url)
        request = f"GET {e.FRIENDS.path} HTTP/1.1\r\nHost: [::]\r\nCookie: {caller.cookie}\r\n\r\n"
        with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
            store.held = True
            connection.sendall(request.encode() + _HEAD)
            assert store.called.wait(30)
            connection.settimeout(0.6)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            connection.settimeout(30)
            store.held = False
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
            assert connection.recv(1) == b"", "the other half has not come since"


def test_pipelined_requests_are_answered_in_order(documented: RunningService) -> None:
    one = b"GET /x/web-interface/nav HTTP/1.1\r\nHost: [::]\r\n\r\n"
    last = b"GET /nope HTTP/1.1\r\nHost: [::]\r\nConnection: close\r\n\r\n"
    answers = raw(documented.base_url, one * 3 + last).split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"200", b"200", b"200", b"404"]


@pytest.mark.parametrize("path", [e.NAV.path, e.FRIENDS.path, "/nope", "/openapi.json"])
@pytest.mark.parametrize("times", [1, 3])
def test_a_half_closed_connection_still_receives_responses(
    path: str, times: int, documented: RunningService
) -> None:
    """Some clients close their sending side after the request; one response here uses a thread."""
    [caller] = fresh(documented)
    request = f"GET {path} HTTP/1.1\r\nHost: [::]\r\nCookie: {caller.cookie}\r\n\r\n".encode()
    for _ in range(5):
        answers = raw(documented.base_url, request * times, half=True)
        assert answers.count(b"HTTP/1.1 ") == times
        _, _, body = answers.rpartition(b"\r\n\r\n")
        assert json.loads(body)


#: Where Linux's ``tcp_info`` has the number of segments with data that came.
_DATA_SEGMENTS_IN = 152


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="this system counts no segments")
def test_a_response_is_sent_in_one_segment(documented: RunningService) -> None:
    """Its head alone would wake the client for nothing."""
    address = urlsplit(documented.base_url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        for answers in range(1, 20):
            connection.sendall(b"GET /x/web-interface/nav HTTP/1.1\r\nHost: [::]\r\n\r\n")
            assert b'{"code":-101' in connection.recv(65_536)
            tcp_info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160)
            assert struct.unpack_from("I", tcp_info, _DATA_SEGMENTS_IN) == (answers,)


def test_a_large_response_is_complete_on_a_closing_connection(documented: RunningService) -> None:
    request = b"GET /openapi.json HTTP/1.1\r\nHost: [::]\r\nConnection: close\r\n\r\n"
    head, _, body = raw(documented.base_url, request).partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head
    assert len(body) > responding._BUFFER_BYTES


def test_response_headers(documented: RunningService) -> None:
    answer = call(documented, e.NAV)
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers
    assert "set-cookie" not in answer.headers
    assert "date" in answer.headers


def test_a_hostile_host_changes_nothing(documented: RunningService) -> None:
    for host, code in (
        ("evil.example", -400),
        ("", -101),
        ("127.0.0.1:1", -101),
        ("a" * 300, -400),
    ):
        answer = call(documented, e.NAV, headers={"Host": host, "Origin": "https://evil.example"})
        assert answer.code == code
        assert "evil" not in answer.raw.decode()
        assert "access-control-allow-origin" not in answer.headers


def test_a_websocket_is_not_opened(documented: RunningService) -> None:
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "x"}
    with logged() as lines:
        assert call(documented, e.NAV, headers=headers).code == -101
        assert raw(documented.base_url, b"no http\r\n\r\n", half=True).startswith(b"HTTP/1.1 400 ")
    assert lines.getvalue() == "", "nobody writes into the log from outside"
