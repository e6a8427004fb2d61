"""The forms in which a POST may send its fields, and those that are refused; from the contract."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.contract.limits import DOCUMENTED
from guanxi.contract.params import may_be_empty, wire_types
from guanxi.service.exchange import Exchange
from guanxi.service.forms import form_fields
from guanxi.service.handling import Refused
from guanxi.stores import open_store
from guanxi.testing import RunningService
from tests.counts import count
from tests.service.bodies import (
    ACCEPTED,
    BOUNDARY,
    MULTIPART,
    URLENCODED,
    Pairs,
    Sent,
    as_multipart,
    multipart,
    part,
    urlencoded,
)
from tests.service.client import Answer, call, contents, fresh, send
from tests.service.scene import Scene
from tests.service.test_mounted import scope_of, with_everybody

WRITES = [endpoint for endpoint in ENDPOINTS if endpoint.writes]
_LIMITS = DOCUMENTED.limits


def post(service: RunningService, endpoint: Endpoint, cookie: str, sent: Sent) -> Answer:
    headers = {"Cookie": cookie, **sent.headers}
    base, path = service.base_url, endpoint.path
    return send(base, "POST", path, query=sent.query, body=sent.body, headers=headers)


def pairs_of(scene: Scene, endpoint: Endpoint) -> Pairs:
    fields = {**scene.fields(endpoint), "csrf": scene.caller.bili_jct}
    return [(name, str(value)) for name, value in fields.items()]


# --- from the contract ---


@pytest.mark.parametrize("form", ACCEPTED, ids=lambda one: one.__name__)
def test_every_write_in_each_accepted_form(
    form: Callable[[Pairs], Sent], documented: RunningService
) -> None:
    assert len(WRITES) > 10
    for endpoint in WRITES:
        scene = Scene(documented)
        sent = form(pairs_of(scene, endpoint))
        answer = post(documented, endpoint, scene.caller.cookie, sent)
        assert (answer.status, answer.code) == (200, 0), (endpoint.name, answer.raw.decode())
        # Without csrf nothing is done, in whichever form.
        sent = form([pair for pair in pairs_of(scene, endpoint) if pair[0] != "csrf"])
        assert post(documented, endpoint, scene.caller.cookie, sent).code == -111


def test_each_accepted_form_has_the_same_parameters(tmp_path: Path) -> None:
    """The handler gets the same from each, with text that has to be escaped and empty values."""
    seen: list[Exchange] = []
    values = {
        "tag": "a&b=c+d%e é",
        "name": '"\\; é',
        "uname": "名 =",
        "notice": "行\r\n--x",
        "usersign": "",
    }
    right = {"fid": "2", "fids": "2,3", "act": "1", "re_src": "11", "tagid": "5", "tagids": "5,6"}
    right |= {"beforeTagids": "5", "afterTagids": "6,7", "viewed": "true", "sex": "女"}
    right |= {"birthday": "2000-02-29", "refresh_csrf": "x", "refresh_token": "y", **values}

    async def params(application: Any, endpoint: Endpoint, sent: Sent) -> object:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": sent.body}

        async def send(_message: object) -> None:
            pass

        headers = [(name.lower().encode(), v.encode()) for name, v in sent.headers.items()]
        scope = scope_of(endpoint.path, sent.query, method="POST", headers=headers, user=1)
        await application(scope, receive, send)
        assert seen[-1].params is not None, (endpoint.name, sent, seen[-1].body)
        return seen[-1].params

    async def compared() -> None:
        store = await open_store(str(tmp_path / "s.db"), create=True)
        application = with_everybody(store, [seen.append])
        try:
            for endpoint in WRITES:
                pairs = [
                    (name, right[name]) for name in wire_types(endpoint.params) if name in right
                ]
                first = await params(application, endpoint, urlencoded(pairs))
                for form in ACCEPTED:
                    assert await params(application, endpoint, form(pairs)) == first, form.__name__
        finally:
            await store.close()

    asyncio.run(compared())


def _json(pairs: Pairs) -> Sent:
    return Sent("", json.dumps(dict(pairs)).encode(), {"Content-Type": "application/json"})


def _text(pairs: Pairs) -> Sent:
    return urlencoded(pairs)._replace(headers={"Content-Type": "text/plain;charset=UTF-8"})


def _untyped(pairs: Pairs) -> Sent:
    return urlencoded(pairs)._replace(headers={})


def _file(pairs: Pairs) -> Sent:
    name, value = pairs[0]
    parts = [part(*pair) for pair in pairs[1:]]
    return Sent("", multipart(part(name, value, after='; filename="x.txt"'), *parts), MULTIPART)


def _zipped(pairs: Pairs) -> Sent:
    sent = urlencoded(pairs)
    headers = {**sent.headers, "Content-Encoding": "gzip"}
    return Sent("", gzip.compress(sent.body), headers)


def _transferred(pairs: Pairs) -> Sent:
    """Chunks are the only transfer coding that the server removes; http.client sends the rest."""
    sent = urlencoded(pairs)
    headers = {**sent.headers, "Transfer-Encoding": "gzip, chunked"}
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(sent.body), sent.body)
    return Sent("", chunks, headers)


#: The refused forms, each with what the reason names: what was sent, and what is accepted.
REFUSED: dict[Callable[[Pairs], Sent], tuple[str, str]] = {
    _json: ("Content-Type: application/json", "urlencoded or multipart/form-data"),
    _text: ("Content-Type: text/plain", "urlencoded or multipart/form-data"),
    _untyped: ("Content-Type: missing", "urlencoded or multipart/form-data"),
    _file: (": a file", "send text"),
    _zipped: ("Content-Encoding: gzip", "send identity"),
    _transferred: ("Transfer-Encoding: gzip, chunked", "send chunked"),
}


@pytest.mark.parametrize("form", REFUSED, ids=lambda one: one.__name__)
def test_every_write_in_each_refused_form(
    form: Callable[[Pairs], Sent], documented: RunningService
) -> None:
    scene = Scene(documented)
    before = contents(documented)
    for endpoint in WRITES:
        answer = post(documented, endpoint, scene.caller.cookie, form(pairs_of(scene, endpoint)))
        assert (answer.status, answer.code) == (415, -400), endpoint.name
        for named in REFUSED[form]:
            assert named in answer.raw.decode(), endpoint.name
    assert contents(documented) == before


# --- sources and empty values ---


def test_a_name_twice_within_one_source(documented: RunningService) -> None:
    caller, other = fresh(documented, 2)
    pairs = [("fid", str(other.mid)), ("act", "1"), ("re_src", "11"), ("csrf", caller.bili_jct)]
    once = urlencoded(pairs)
    for sent in (
        once._replace(query="act=1&act=1"),
        as_multipart(pairs)._replace(query="act=1&act=1"),
        urlencoded([*pairs, ("act", "1")]),
        as_multipart([*pairs, ("act", "1")]),
        Sent(f"{once.body.decode()}&act=1", b"", {}),
    ):
        answer = post(documented, e.MODIFY, caller.cookie, sent)
        assert (answer.status, answer.code) == (200, -400)
        assert "act: given more than once" in answer.raw.decode()
    for query, reason in [
        ("act=%zz", "act: a % without two hexadecimal digits after it; write % as %25"),
        ("act=%", "act: a % without two hexadecimal digits after it; write % as %25"),
        ("act=%BC%D7", "act: not UTF-8 after percent-decoding"),
    ]:
        badly = post(documented, e.MODIFY, caller.cookie, once._replace(query=query))
        assert (badly.code, badly.reason) == (-400, reason)
    assert post(documented, e.MODIFY, caller.cookie, once._replace(query="x=1&x=2")).code == 0


def test_an_empty_text_that_means_something(documented: RunningService) -> None:
    """What the contract lets be empty stays a value: it clears a text, or has its own code."""
    scene = Scene(documented)
    assert {"usersign", "uname"} == may_be_empty(e.EDIT.params)
    assert may_be_empty(e.MODIFY.params) == frozenset()
    assert scene.call(e.EDIT, usersign="签名").code == 0
    assert scene.call(e.EDIT, usersign="").code == 0
    assert call(documented, e.MY_INFO, scene.caller).data["sign"] == ""
    assert scene.call(e.SET_NOTICE, notice="").code == 0
    assert scene.call(e.SET_NOTICE, notice="").code == -304, "there is none any more"
    assert scene.call(e.CREATE_GROUP, tag="").code == 22103


def test_every_optional_parameter_may_be_empty(documented: RunningService) -> None:
    """As if it had not been sent, or as its own empty value."""
    for endpoint in [one for one in ENDPOINTS if one.method == "GET" and not one.wbi]:
        scene = Scene(documented)
        required = scene.fields(endpoint)
        optional = wire_types(endpoint.params).keys() - required.keys()
        without = scene.call(endpoint)
        empty = scene.call(endpoint, **dict.fromkeys(optional, ""))
        assert (empty.status, empty.code) == (without.status, without.code), endpoint.name


# --- multipart ---


def test_parts_as_clients_write_them(documented: RunningService) -> None:
    caller, other = fresh(documented, 2)
    rest = [("act", "1"), ("re_src", "11"), ("csrf", caller.bili_jct)]
    fid = str(other.mid)
    for lines in (
        ("Content-Type: text/plain; charset=UTF-8", "Content-Transfer-Encoding: 8bit"),
        ("Content-Type: text/plain; charset=ISO-8859-1", "Content-Transfer-Encoding: binary"),
        ('Content-Type: TEXT/PLAIN; charset="us-ascii"', f"Content-Length: {len(fid)}"),
        ("content-type: text/plain",),
    ):
        body = multipart(
            *(part(name, value, *lines[:1]) for name, value in rest), part("fid", fid, *lines)
        )
        assert post(documented, e.MODIFY, caller.cookie, Sent("", body, MULTIPART)).code in (
            0,
            22014,
        )
    quoted = {"Content-Type": f'Multipart/Form-Data; charset=utf-8; boundary="{BOUNDARY}"'}
    body = b"preamble\r\n" + as_multipart([("fid", fid), *rest]).body + b"epilogue"
    assert post(documented, e.MODIFY, caller.cookie, Sent("", body, quoted)).code == 22014
    # A part that no endpoint reads may be anything that is text.
    body = multipart(
        part("x", b"\xff"), part('a"b', "1"), *(part(*pair) for pair in [("fid", fid), *rest])
    )
    assert post(documented, e.MODIFY, caller.cookie, Sent("", body, MULTIPART)).code == 22014


_FID = part("fid", "2")
_HOSTILE: dict[str, tuple[str, bytes, int, str]] = {
    "no boundary": ("multipart/form-data", multipart(_FID), 400, "boundary"),
    "empty boundary": ('multipart/form-data; boundary=""', multipart(_FID), 400, "boundary"),
    "another boundary": ("multipart/form-data; boundary=x", multipart(_FID), 400, "multipart"),
    "long boundary": (f"multipart/form-data; boundary={'x' * 980}", b"--x", 400, "boundary"),
    "long type": (f"multipart/form-data; boundary={'x' * 1025}", b"--x", 400, "at most 1024 bytes"),
    "many options": (
        "",
        multipart(_FID.replace(b'name="fid"', b'name="fid"' + b"; a=1" * 8)),
        400,
        "at most 8 options",
    ),
    "boundary of no ASCII": ("multipart/form-data; boundary=\xe9", b"--\xe9", 400, "boundary"),
    "truncated": ("", _FID, 400, "body: the closing boundary is missing"),
    "truncated head": ("", _FID[:30], 400, "body: the closing boundary is missing"),
    "line feeds alone": ("", multipart(_FID).replace(b"\r\n", b"\n"), 400, "multipart"),
    "no disposition": ("", multipart(_FID.replace(b"Content-Disposition", b"X")), 400, "multipart"),
    "an attachment": ("", multipart(_FID.replace(b"form-data", b"attachment")), 400, "multipart"),
    "no name": ("", multipart(_FID.replace(b'; name="fid"', b"")), 400, "multipart"),
    "name*": ("", multipart(_FID.replace(b'name="fid"', b"name*=utf-8''fid")), 400, "multipart"),
    "two names": ("", multipart(part("fid", "2", after='; name="act"')), 400, "one name"),
    "two dispositions": (
        "",
        multipart(part("x", "2", 'Content-Disposition: form-data; name="fid"')),
        400,
        "twice",
    ),
    "open quotes": ("", multipart(_FID.replace(b'"fid"', b'"fid')), 400, "multipart"),
    "a file after open quotes": (
        "",
        multipart(part("fid", "2", after='; x="; filename=y')),
        415,
        "a file",
    ),
    "folded header": ("", multipart(part("fid", "2", "X: y", " z")), 400, "multipart"),
    "header of no UTF-8": (
        "",
        multipart(_FID.replace(b"fid", b"\xff")),
        400,
        '"body: not valid multipart: Segment header failed to decode"',
    ),
    "wrong length": ("", multipart(part("fid", "2", "Content-Length: 9")), 400, "multipart"),
    "filename*": ("", multipart(part("fid", "2", after="; filename*=utf-8''x")), 415, "a file"),
    "empty filename": ("", multipart(part("fid", "2", after='; filename=""')), 415, "a file"),
    "JSON part": ("", multipart(part("fid", "2", "Content-Type: application/json")), 415, "json"),
    "charset": (
        "",
        multipart(part("fid", "2", "Content-Type: text/plain; charset=x")),
        415,
        "utf-8",
    ),
    "base64": (
        "",
        multipart(part("fid", "Mg==", "Content-Transfer-Encoding: base64")),
        415,
        "base64",
    ),
    "many parts": ("", multipart(*[part("x", "")] * (_LIMITS.parts + 1)), 413, "at most 100 parts"),
    "many lines": ("", multipart(part("fid", "2", *["X: y"] * 8)), 413, "8 header lines"),
    "a long line": ("", multipart(part("fid", "2", f"X: {'y' * 1022}")), 413, "1024 bytes"),
    "a line without end": ("", _FID[:60] + b"x" * 2000, 413, "1024 bytes"),
    "too large": ("", multipart(part("x", "x" * _LIMITS.body_bytes)), 413, "at most 65536 bytes"),
}


@pytest.mark.parametrize("name", _HOSTILE)
def test_hostile_multipart(name: str, documented: RunningService) -> None:
    kind, body, status, reason = _HOSTILE[name]
    before = contents(documented)
    sent = Sent("", body, {"Content-Type": kind} if kind else MULTIPART)
    answer = post(documented, e.MODIFY, "", sent)
    assert (answer.status, answer.code) == (status, -400)
    assert reason in answer.raw.decode()
    assert contents(documented) == before


def test_multipart_at_the_limits(documented: RunningService) -> None:
    caller, other = fresh(documented, 2)
    pairs = [("fid", str(other.mid)), ("act", "1"), ("re_src", "11"), ("csrf", caller.bili_jct)]
    long = f"X: {'y' * (_LIMITS.part_header_bytes - 3)}"
    lines = [long, *(f"X-{number}: y" for number in range(_LIMITS.part_headers - 2))]
    parts = [part(*pair) for pair in pairs] + [part("x", "", *lines)]
    parts += [part("x", "")] * (_LIMITS.parts - len(parts))
    body = multipart(*parts)
    body = body.ljust(_LIMITS.body_bytes, b"x")
    assert post(documented, e.MODIFY, caller.cookie, Sent("", body, MULTIPART)).code == 0


def test_text_of_parts_is_decoded_by_its_charset(documented: RunningService) -> None:
    scene = Scene(documented)
    csrf = part("csrf", scene.caller.bili_jct)
    for text, charset in (("甲 é", "utf-8"), ("é", "ISO-8859-1")):
        typed = f"Content-Type: text/plain; charset={charset}"
        body = multipart(part("notice", text.encode(charset), typed), csrf)
        sent = Sent("", body, MULTIPART)
        assert post(documented, e.SET_NOTICE, scene.caller.cookie, sent).code == 0
        notice = call(documented, e.SPACE_NOTICE, scene.caller, {"mid": scene.caller.mid})
        assert notice.data == text
    for charset, name in (("utf-8", "UTF-8"), ("us-ascii", "US-ASCII")):
        typed = f"Content-Type: text/plain; charset={charset}"
        body = multipart(part("notice", "é".encode("gbk"), typed), csrf)
        answer = post(documented, e.SET_NOTICE, scene.caller.cookie, Sent("", body, MULTIPART))
        assert (answer.code, answer.reason) == (-400, f"notice: not {name}")


_PIECES = [
    *(f"--{BOUNDARY}", "--", "\r\n", "\r", "\n", "\r\n\r\n", ";", '"', "\\", "=", ":", " "),
    *("Content-Disposition: form-data", '; name="fid"', "; name=act", "; filename=x"),
    *("; name*=utf-8''x", "Content-Type: text/plain", "; charset=", "gbk", "utf-8", "é"),
    *("Content-Length: ", "9" * 5000, "2", "\x00", "Content-Transfer-Encoding: base64"),
]
_KINDS = [MULTIPART["Content-Type"], URLENCODED["Content-Type"], "multipart/form-data; boundary=-"]


@contextmanager
def naming(seed: int) -> Iterator[None]:
    """Add the seed to what a check raises."""
    try:
        yield
    except Exception as error:
        error.add_note(f"of seed {seed}")
        raise


def check_reader(body: bytes, kind: bytes) -> None:
    """Check that fields and an error of a known one are returned, or 400, 413 or 415 raised."""
    known = frozenset({"fid", "act"})
    try:
        _, invalid = form_fields(body, {b"content-type": kind}, known, _LIMITS)
    except Refused as refused:
        status, field = refused.status, None
    else:
        status, field = 200, invalid and invalid.field
    assert status in (200, 400, 413, 415)
    assert field is None or field in known


@given(
    st.lists(st.sampled_from(_PIECES).map(str.encode) | st.binary(max_size=8), max_size=40),
    st.sampled_from(_KINDS).map(str.encode) | st.binary(max_size=60),
)
@example([multipart(_FID)], MULTIPART["Content-Type"].encode())
def test_no_bytes_break_the_reader(pieces: list[bytes], kind: bytes) -> None:
    check_reader(b"".join(pieces), kind)


def test_no_random_bytes_break_the_reader() -> None:
    """Hypothesis would need minutes for as many, and reduces what it finds; these have a seed."""
    for seed in range(count(1_000, 20_000)):
        draw = Random(seed)
        pieces = [
            draw.choice(_PIECES).encode()
            if draw.random() < 0.5
            else draw.randbytes(draw.randrange(9))
            for _ in range(draw.randrange(41))
        ]
        known = draw.random() < 0.9
        kind = draw.choice(_KINDS).encode() if known else draw.randbytes(draw.randrange(61))
        with naming(seed):
            check_reader(b"".join(pieces), kind)


def check_written(pairs: Pairs) -> None:
    """Check that text in parts is read as it was; names are written as browsers write them."""
    written = []
    for name, value in pairs:
        for letter, escape in (("\r", "%0D"), ("\n", "%0A"), ('"', "%22")):
            name = name.replace(letter, escape)
        written.append(part(name, value))
    body = multipart(*written)
    kind = {b"content-type": MULTIPART["Content-Type"].encode()}
    assert form_fields(body, kind, frozenset(), _LIMITS) == (pairs, None)


@given(st.lists(st.tuples(st.text(max_size=9), st.text(max_size=40)), max_size=20))
def test_what_is_written_is_read(pairs: Pairs) -> None:
    check_written(pairs)


def test_what_is_written_of_random_texts_is_read() -> None:
    special = "\r\n\"\\;=%&+-' \x00é用\u2028\U0001f600"
    for seed in range(count(500, 10_000)):
        draw = Random(seed)

        def text(most: int, draw: Random = draw) -> str:
            points = [*draw.choices(range(0xD800), k=9), *map(ord, special)]
            return "".join(map(chr, draw.choices(points, k=draw.randrange(most + 1))))

        with naming(seed):
            check_written([(text(9), text(40)) for _ in range(draw.randrange(21))])
