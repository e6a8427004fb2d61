"""Requests as real clients send them, over real sockets: upgrades, cookies, HEAD, what is no HTTP.

The ids are those of the reports that the cases come from.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint, Envelope
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.contract.limits import DOCUMENTED
from guanxi.contract.paths import placeholders
from guanxi.service.config import Settings
from guanxi.testing import RunningService, SignedIn, running
from tests.counts import count
from tests.service.client import call, contents, fresh, raw, send
from tests.service.logged import logged
from tests.service.some_pages import PAGES

_OFFERS = {
    "h2c": "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n",
    "websocket": "Connection: keep-alive, upgrade\r\nUpgrade: websocket\r\n",
    "two lines": "Upgrade: h2c\r\nUpgrade: TLS/1.0\r\nConnection: Upgrade\r\n",
    "no offer": "",
}
_NAV = b"GET /x/web-interface/nav HTTP/1.1\r\nHost: [::]\r\n\r\n"
_LAST = b"GET /nope HTTP/1.1\r\nHost: [::]\r\nConnection: close\r\n\r\n"


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> int:
        code: int = json.loads(self.body)["code"]
        return code


def replies(received: bytes, *, to_head: bool = False) -> list[Reply]:
    """Split what a connection received into its responses, by their content-length."""
    found = []
    while received:
        head, end, received = received.partition(b"\r\n\r\n")
        assert end, head
        first, *lines = head.decode("ascii").split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
        }
        length = 0 if to_head else int(headers["content-length"])
        body, received = received[:length], received[length:]
        found.append(Reply(int(first.split(" ")[1]), headers, body))
    return found


@contextmanager
def connected(base_url: str) -> Iterator[socket.socket]:
    address = urlsplit(base_url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def exchanged(base_url: str, parts: Sequence[bytes]) -> list[Reply]:
    """Send each part in a packet of its own and read until the server closes."""
    with connected(base_url) as connection:
        for index, part in enumerate(parts):
            if index:
                time.sleep(0.0 if len(parts) > 10 else 0.05)  # another packet
            connection.sendall(part)
        return replies(b"".join(iter(lambda: connection.recv(65_536), b"")))


def a_follow(
    caller: SignedIn,
    other: SignedIn,
    offer: str = "",
    version: str = "1.1",
    framing: str = "length",
) -> tuple[bytes, bytes]:
    """The head and the body of a follow that offers an upgrade."""
    form = f"fid={other.mid}&act=1&re_src=11&csrf={caller.bili_jct}".encode()
    if framing == "chunked":
        body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (form[:7], form[7:]))
        body, framed = body + b"0\r\n\r\n", "Transfer-Encoding: chunked"
    else:
        body, framed = form, f"Content-Length: {len(form)}"
    head = (
        f"POST {e.MODIFY.path} HTTP/{version}\r\nHost: [::]\r\nUser-Agent: test\r\n{offer}"
        f"Content-Type: application/x-www-form-urlencoded\r\nCookie: {caller.cookie}\r\n"
        f"{framed}\r\n\r\n"
    )
    return head.encode(), body


def follows(service: RunningService, caller: SignedIn, other: SignedIn) -> bool:
    answer = call(service, e.RELATION, caller, {"fid": other.mid})
    attribute: int = answer.data["attribute"]
    return attribute == 2


@pytest.mark.parametrize("offer", _OFFERS.values(), ids=_OFFERS)
@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("packets", ["one", "two", "bytes"])
def test_an_offer_to_upgrade_is_ignored(
    offer: str, framing: str, packets: str, documented: RunningService
) -> None:
    """r13: the body arrives, and pipelined requests before and behind it are answered."""
    caller, other = fresh(documented, 2)
    head, body = a_follow(caller, other, offer, framing=framing)
    sent = {
        "one": [_NAV + head + body + _NAV + _LAST],
        "two": [_NAV + head, body + _NAV + _LAST],
        "bytes": [bytes([byte]) for byte in _NAV + head + body + _NAV + _LAST],
    }
    found = exchanged(documented.base_url, sent[packets])
    assert [(one.status, one.code) for one in found] == [
        (200, -101),
        (200, 0),
        (200, -101),
        (404, -404),
    ]
    assert follows(documented, caller, other)


def test_many_pipelined_requests(documented: RunningService) -> None:
    """Far more than a head may have, of which a packet has whole requests and part of one."""
    request, times = b"GET /nope HTTP/1.1\r\nHost: [::]\r\n\r\n", count(3_000, 10_000)
    with connected(documented.base_url) as connection, ThreadPoolExecutor(1) as other:
        sending = other.submit(connection.sendall, request * times + _LAST)
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
        sending.result()
    assert [one.status for one in replies(received)] == [404] * (times + 1)


_CHUNKED = b"POST %b HTTP/1.1\r\nHost: [::]\r\n%bTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("path", [e.MODIFY.path, "/nope"])
@pytest.mark.parametrize(
    "flood",
    [b"0\r\n" + b"A: b\r\n" * 20_000, b"0\r\nA: " + b"b" * 100_000, b"1;" + b"b" * 100_000],
    ids=["trailers", "a trailer", "an extension"],
)
def test_a_body_without_content_is_bounded(
    flood: bytes, path: str, documented: RunningService
) -> None:
    """Trailers would be kept, and nothing else bounds them."""
    head = _CHUNKED % (path.encode(), b"") + b"1\r\na\r\n"
    pieces = [flood[start : start + 10_000] for start in range(0, len(flood), 10_000)]
    with connected(documented.base_url) as connection:
        connection.settimeout(3)
        connection.sendall(head)
        received = b""
        with suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(0.01)  # another packet
            while part := connection.recv(65_536):
                received += part
    assert len(replies(received)) <= 1, "TimeoutError: the connection is still read"


def test_trailers_are_no_headers(documented: RunningService) -> None:
    caller, other = fresh(documented, 2)
    form = f"fid={other.mid}&act=1&re_src=11&csrf={caller.bili_jct}".encode()
    body = b"%x\r\n%b\r\n0\r\nCookie: %b\r\n\r\n" % (len(form), form, caller.cookie.encode())
    kind = b"Content-Type: application/x-www-form-urlencoded\r\n"
    sent = _CHUNKED % (e.MODIFY.path.encode(), kind) + body
    found = exchanged(documented.base_url, [sent + _LAST])
    assert [(one.status, one.code) for one in found] == [(200, -101), (404, -404)]


def test_many_offers_in_one_packet(documented: RunningService) -> None:
    offer = _NAV.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
    found = exchanged(documented.base_url, [offer * 500 + _LAST])
    assert [one.status for one in found] == [200] * 500 + [404]


@pytest.mark.parametrize("offer", _OFFERS.values(), ids=_OFFERS)
def test_a_body_that_looks_like_a_request_is_not_one(
    offer: str, documented: RunningService
) -> None:
    """r14: of the requests in a body none is answered, and none is carried out."""
    caller, other = fresh(documented, 2)
    before = contents(documented)
    smuggled = b"".join(a_follow(caller, other))
    for path in (e.MODIFY.path, "/nope"):
        head = (
            f"POST {path} HTTP/1.1\r\nHost: [::]\r\n{offer}Content-Length: {len(smuggled)}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        ).encode()
        for sent in ([head + smuggled + _LAST], [head, smuggled + _LAST], [head, smuggled, _LAST]):
            first, last = exchanged(documented.base_url, sent)
            assert first.code == (-101 if path == e.MODIFY.path else -404)
            assert last.status == 404
    assert contents(documented) == before


def test_an_offer_to_administration_is_ignored(documented: RunningService) -> None:
    """Without its optional body the request would mean something else."""
    [caller] = fresh(documented)
    body = b'{"kind":"app"}'
    head = (
        f"POST /accounts/{caller.mid}/sessions HTTP/1.1\r\nHost: [::]\r\n{_OFFERS['h2c']}"
        f"Authorization: Bearer {documented.admin_token}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    sent = head + body + _LAST
    signed_in, _ = replies(raw(documented.admin_url, sent))
    assert json.loads(signed_in.body).keys() == {"access_key", "expires"}


@pytest.mark.parametrize(
    ("quoted", "code"),
    [
        ('SESSDATA="{sessdata}";$Path="/"; bili_jct="{bili_jct}";$Path="/"', 0),
        ('$Version="1"; SESSDATA="{sessdata}"; $Path="/"; bili_jct={bili_jct}', 0),
        ('SESSDATA={sessdata}; bili_jct="{bili_jct}"', 0),
        ('SESSDATA="{sessdata}"', 0),
        ('SESSDATA="{sessdata}"; SESSDATA=x; bili_jct="{bili_jct}"', 0),
        ('SESSDATA="{sessdata}; bili_jct={bili_jct}', -101),
        ('SESSDATA={sessdata}"; bili_jct={bili_jct}', -101),
        ('SESSDATA=""; bili_jct={bili_jct}', -101),
        ('SESSDATA="; bili_jct={bili_jct}', -101),
        ('SESSDATA={sessdata}; bili_jct="x"', -111),
        ('SESSDATA={sessdata}; bili_jct=""', -111),
    ],
)
def test_cookies_in_double_quotes(quoted: str, code: int, documented: RunningService) -> None:
    """r15: RFC 6265, 4.1.1; Java's HttpCookie writes them, with attributes that begin with $."""
    caller, other = fresh(documented, 2)
    cookie = quoted.format(sessdata=caller.sessdata, bili_jct=caller.bili_jct)
    form = {"fid": other.mid, "act": 1, "re_src": 11, "csrf": caller.bili_jct}
    headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    answer = call(documented, e.MODIFY, None, form, headers=headers)
    assert answer.code == code
    assert follows(documented, caller, other) is (code == 0)


@pytest.mark.parametrize(("version", "interim"), [("1.0", 0), ("1.1", 1)])
def test_no_interim_response_to_http_1_0(
    version: str, interim: int, documented: RunningService
) -> None:
    """r16: RFC 9110, 15.2."""
    caller, other = fresh(documented, 2)
    offer = "Expect: 100-continue\r\nConnection: close\r\n"
    head, body = a_follow(caller, other, offer, version)
    with connected(documented.base_url) as connection:
        connection.sendall(head)
        if interim:
            assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    [reply] = replies(received)
    assert reply.code == 0


_NO_HOST = b"GET /x/web-interface/nav HTTP/1.1\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        pytest.param(_NO_HOST, "Host: missing", id="r7"),
        (
            b"GET / HTTP/1.1\r\nHost: [::]\r\nHost: [::]\r\n\r\n",
            "Host: given more than once",
        ),
        (b"GET / HTTP/1.0\r\nHost: [::]\r\nHost: y\r\n\r\n", "Host: given more than once"),
        pytest.param(
            "GET /x/relation/followings/search?vmid=2&name=山新 HTTP/1.1\r\n\r\n".encode(),
            "target: ",
            id="r18",
        ),
        ("GET /山新 HTTP/1.1\r\nHost: [::]\r\n\r\n".encode(), "target: "),
        ("GET /山新 HTTP/1.1\r\nHost: [::]\r\n\r\n".encode("gbk"), "target: "),
        (b"GET http://x HTTP/1.1\r\nHost: [::]\r\n\r\n", "target: "),
        (b"GET http://x?a=b HTTP/1.1\r\nHost: [::]\r\n\r\n", "target: "),
        (b"GET http://x:99999/ HTTP/1.1\r\nHost: [::]\r\n\r\n", "target: must be a path"),
        (b"GET /a b HTTP/1.1\r\nHost: [::]\r\n\r\n", "request: not HTTP"),
        (b"GET /x HTTP/2.0\r\nHost: [::]\r\n\r\n", "version: "),
        (b"GET /x HTTP/9.9\r\nHost: [::]\r\n\r\n", "request: not HTTP"),
        (b"GET /x\r\n\r\n", "version: "),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "request: not HTTP"),
        (b"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n" + _NAV, "method: "),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "request: not HTTP"),
        (b"HELO example.com\r\n", "request: not HTTP"),
        (b"GET /x HTTP/1.1\r\nHost: [::]\r\nA: b\x01\r\n\r\n", "request: not HTTP"),
        (b"POST /x HTTP/1.1\r\nHost: [::]\r\nContent-Length: x\r\n\r\n", "request: not HTTP"),
        (
            b"POST /x HTTP/1.1\r\nHost: [::]\r\nContent-Length: 1\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n",
            "request: not HTTP",
        ),
        (
            b"GET /x HTTP/1.1\r\nHost: [::]\r\nA: %b\r\n\r\n" % (b"z" * 70_000),
            "head: at most 65536 bytes",
        ),
        (b"GET /x HTTP/1.1\r\nHost: [::]\r\nA: " + b"z" * 70_000, "head: at most 65536 bytes"),
        (
            b"GET /x HTTP/1.1\r\nHost: [::]\r\nConnection: upgrade\r\nUpgrade: x\r\nA: %b\r\n\r\n"
            % (b"z" * 70_000),
            "head: at most 65536 bytes",
        ),
    ],
)
@pytest.mark.parametrize("before", [b"", _NAV, _NAV * 3], ids=["alone", "after one", "after three"])
def test_what_is_not_http_is_answered_with_the_envelope(
    sent: bytes, named: str, before: bytes, documented: RunningService
) -> None:
    """The reason is in the body, after the responses to earlier requests; then it is closed."""
    with logged() as lines:
        *earlier, reply = replies(raw(documented.base_url, before + sent))
    assert [one.code for one in earlier] == [-101] * before.count(b"GET")
    assert (reply.status, reply.headers["connection"]) == (400, "close")
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert "date" in reply.headers
    body = json.loads(reply.body)
    assert (body.keys(), body["code"]) == ({"code", "message", "reason", "ttl"}, -400)
    assert body["message"] == "请求错误"
    assert body["reason"].startswith(named)
    assert lines.getvalue() == "", "nobody writes into the log from outside"


def test_administration_refuses_in_its_own_form(documented: RunningService) -> None:
    [reply] = replies(raw(documented.admin_url, _NO_HOST))
    assert (reply.status, json.loads(reply.body)) == (
        400,
        {"error": "Host: missing; HTTP/1.1 requires it"},
    )


def test_http_1_0_needs_no_host(documented: RunningService) -> None:
    [reply] = replies(raw(documented.base_url, b"GET /x/web-interface/nav HTTP/1.0\r\n\r\n"))
    assert (reply.status, reply.code) == (200, -101)


@pytest.mark.parametrize("before", [b"", _NAV, _NAV * 3], ids=["alone", "after one", "after three"])
@pytest.mark.parametrize("path", [e.MODIFY.path, "/nope"])
def test_a_body_whose_framing_breaks(before: bytes, path: str, documented: RunningService) -> None:
    """The request is not carried out, and nothing behind it is answered."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: [::]\r\nTransfer-Encoding: chunked\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    ).encode()
    *earlier, reply = replies(raw(documented.base_url, before + head + b"zz\r\n" + _NAV))
    assert [one.code for one in earlier] == [-101] * before.count(b"GET")
    assert (reply.status, reply.headers["connection"]) == (400, "close")
    if path == "/nope":  # answered before its body came
        answered, *after = exchanged(documented.base_url, [head, b"zz\r\n" + _NAV])
        assert (answered.status, after) == (404, [])


def test_a_body_that_does_not_arrive_closes_the_connection() -> None:
    """r9: whatever came later would be the rest of the body, or be taken for a request."""
    with running(settings=Settings(profile=DOCUMENTED, request_seconds=0.3)) as service:
        caller, other = fresh(service, 2)
        for offer in _OFFERS.values():
            head, body = a_follow(caller, other, offer)
            [reply] = replies(raw(service.base_url, head + body[:-1]))
            assert (reply.status, reply.code) == (408, -400)
            assert reply.headers["connection"] == "close"
        assert not follows(service, caller, other)


#: Headers that differ from one response to the next.
_VARYING = {"date"}


def response_to(base_url: str, method: str, target: str, cookie: str = "") -> bytes:
    """Send one request and return all that the connection received."""
    head = (
        f"{method} {target} HTTP/1.1\r\nHost: [::]\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
    )
    return raw(base_url, head.encode())


def same_headers(one: dict[str, str], other: dict[str, str]) -> bool:
    return all(one.get(name) == other.get(name) for name in {*one, *other} - _VARYING)


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize(
    "endpoint", [one for one in ENDPOINTS if one.method == "GET"], ids=lambda one: one.name
)
def test_head_of_an_endpoint(
    endpoint: Endpoint, signed_in: bool, documented: RunningService
) -> None:
    """r6: RFC 9110, 9.3.2; the length is that of the GET, and nothing follows the head."""
    [caller] = fresh(documented)
    target = endpoint.path
    for name in placeholders(target):
        target = target.replace(f"{{{name}}}", str(caller.mid))
    target += f"?vmid={caller.mid}&mid={caller.mid}&fid={caller.mid}&callback=f"
    cookie = caller.cookie if signed_in else ""
    [of_get] = replies(response_to(documented.base_url, "GET", target, cookie))
    [of_head] = replies(response_to(documented.base_url, "HEAD", target, cookie), to_head=True)
    assert of_head.status == of_get.status
    assert of_get.body
    assert of_head.body == b""
    if endpoint.envelope is Envelope.GAME or "set-cookie" in of_get.headers:
        assert of_head.headers.keys() == of_get.headers.keys()  # a time, a new token
    else:
        assert same_headers(of_head.headers, of_get.headers), (of_head.headers, of_get.headers)


@pytest.mark.parametrize("path", PAGES)
def test_head_of_a_page(path: str, documented: RunningService) -> None:
    [of_get] = replies(response_to(documented.base_url, "GET", path))
    [of_head] = replies(response_to(documented.base_url, "HEAD", path), to_head=True)
    assert (of_head.status, of_head.body) == (of_get.status, b"")
    assert same_headers(of_head.headers, of_get.headers)


@pytest.mark.parametrize("path", ["/metrics", "/accounts/{mid}"])
def test_head_of_administration(path: str, documented: RunningService) -> None:
    [caller] = fresh(documented)
    path = path.format(mid=caller.mid)
    headers = {"Authorization": f"Bearer {documented.admin_token}"}
    of_get = send(documented.admin_url, "GET", path, headers=headers)
    of_head = send(documented.admin_url, "HEAD", path, headers=headers)
    assert (of_head.status, of_head.raw) == (of_get.status, b"") == (200, b"")
    assert of_head.headers["content-type"] == of_get.headers["content-type"]
    assert int(of_head.headers["content-length"]) > 0
    assert send(documented.admin_url, "HEAD", path).status == 401


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/metrics", {"GET", "HEAD"}),
        ("/accounts/1", {"GET", "HEAD", "PUT", "DELETE"}),
        ("/accounts/1/sessions", {"GET", "HEAD", "POST", "DELETE"}),
        ("/apps", {"POST"}),
    ],
)
def test_administration_names_the_methods_of_a_path(
    path: str, allowed: set[str], documented: RunningService
) -> None:
    for method in {"GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"} - allowed:
        answer = send(documented.admin_url, method, path)
        assert (answer.status, {*answer.headers["allow"].split(", ")}) == (405, allowed)


def test_head_of_what_exists_for_no_get(documented: RunningService) -> None:
    for path, status in ((e.MODIFY.path, 405), ("/nope", 404)):
        answer = send(documented.base_url, "HEAD", path)
        assert (answer.status, answer.raw) == (status, b"")
        assert answer.headers.get("allow") == ("POST" if status == 405 else None)


def test_requests_behind_a_head_are_answered(documented: RunningService) -> None:
    with connected(documented.base_url) as connection:
        connection.sendall(_NAV.replace(b"GET", b"HEAD") + _LAST)
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, rest = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert [one.status for one in replies(rest)] == [404]


def test_a_head_counts_a_visit_as_a_get_does(documented: RunningService) -> None:
    """Lists ordered by the most frequent visits show whom the caller looked at."""
    caller, first, second = fresh(documented, 3)
    for one in (first, second):
        form = {"fid": one.mid, "act": 1, "re_src": 11}
        assert call(documented, e.MODIFY, caller, form).code == 0

    def most_visited() -> list[int]:
        fields = {"vmid": caller.mid, "order_type": "attention"}
        return [item["mid"] for item in call(documented, e.FOLLOWINGS, caller, fields).data["list"]]

    assert most_visited() == [second.mid, first.mid]
    for _ in range(3):
        response_to(
            documented.base_url, "HEAD", f"{e.LEGACY_MUTUAL.path}?mid={first.mid}", caller.cookie
        )
    documented.do(lambda store: store.flush_visits())
    assert most_visited() == [first.mid, second.mid]


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
@pytest.mark.parametrize("path", ["/x/web-interface/card", "/x/relation/fans"])
def test_endpoints_that_the_documents_lack(
    path: str, method: str, documented: RunningService
) -> None:
    """r12: they are not found, in the envelope."""
    [reply] = replies(response_to(documented.base_url, method, path), to_head=method == "HEAD")
    assert (reply.status, reply.headers["content-type"]) == (404, "application/json; charset=utf-8")
    if method != "HEAD":
        assert reply.code == -404
