"""Targets: what a server sends to the SDK, one parser each, without a connection."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from guanxi import ApiException, Credential
from guanxi.contract import pages, sign
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.contract.errors import ResponseCodeException
from guanxi.sdk import answers
from guanxi.sdk.transport import Response
from tests.fuzz.pieces import JSON, ODD_TEXTS, damaged, fitting, json_bytes, mixed
from tests.fuzz.target import Target, parser

#: Parts of a credential, which a server may echo in whatever it sends.
SECRETS = ("SECRETsess", "SECRETjct", "SECRETkey", "SECRETtime")
CREDENTIAL = Credential(
    sessdata=SECRETS[0], bili_jct=SECRETS[1], access_key=SECRETS[2], ac_time_value=SECRETS[3]
)
_KINDS: list[tuple[Any, Any]] = [
    (endpoint, kind)
    for endpoint in ENDPOINTS
    for kind in {endpoint.data, endpoint.cursor_data, Any} - {None}
]
_STATUSES = (200, 200, 200, 200, 301, 412, 429, 500, 502)


def assert_silent(error: BaseException) -> None:
    """Raise AssertionError if an exception of the SDK shows a part of the credential."""
    shown = f"{error} {error!r} {getattr(error, 'args', '')} {vars(error)}"
    assert not [secret for secret in SECRETS if secret in shown], "a secret is in an exception"


def _answer(raw: bytes) -> object:
    """Read a body as an endpoint's, which the first bytes choose with the HTTP status."""
    if len(raw) < 3:
        raise ApiException
    endpoint, kind = _KINDS[int.from_bytes(raw[:2], "big") % len(_KINDS)]
    status = _STATUSES[raw[2] % len(_STATUSES)]
    response = Response(status, {"content-type": "application/json"}, raw[3:])
    jsonp = endpoint.body.name == "JSONP" and raw[2] % 2 == 1
    try:
        return answers.read(endpoint, response, CREDENTIAL, kind, jsonp=jsonp)
    except ApiException as error:
        assert_silent(error)
        if isinstance(error, ResponseCodeException):
            str(error.raw)
        raise


@st.composite
def _answers(draw: st.DrawFn) -> bytes:
    number = draw(st.integers(0, len(_KINDS) - 1))
    endpoint, kind = _KINDS[number]
    data = draw(fitting(endpoint.data if kind is Any and endpoint.data else kind))
    code = draw(st.sampled_from(["0"] * 8 + ["-101", "0.0", '"0"', "9" * 400, "null", "true"]))
    text = draw(st.sampled_from(ODD_TEXTS + SECRETS))
    message = json.dumps(text)
    name = draw(st.sampled_from(["data"] * 6 + ["result", "Data"]))
    body = f'{{"code":{code},"message":{message},"{name}":{data}}}'
    if draw(st.integers(0, 4)) == 0:
        body = draw(JSON)
    elif draw(st.integers(0, 9)) == 0:
        body = f"callback({body})"
    return (
        number.to_bytes(2, "big")
        + bytes([draw(st.integers(0, 8))])
        + draw(damaged(json_bytes(st.just(body))))
    )


def _page(raw: bytes) -> None:
    """Read a page of a space and of a refresh: linear in its length, whatever it has."""
    text = raw.decode("utf-8", "replace")
    refreshed = pages.refresh_csrf_of(text)
    assert refreshed is None or refreshed
    access_id = pages.access_id_of(text)
    if access_id is not None:
        pages.access_id_ends(access_id)


_HTML = mixed(
    *(b"<script", b'<script id="__RENDER_DATA__">', b"<script id='__render_data__' x>", b">"),
    *(b"</script>", b"%7B%22access_id%22%3A%22a.b.c%22%7D", b'{"access_id":"a.b.c"}', b"<div"),
    *(b'<div id="1-name">', b"</div", b"&#x1b;", b"&#" + b"9" * 5_000 + b";", b"&amp;", b"<" * 500),
    *(b'{"access_id":' + b"[" * 2_000, b"SECRETjct", b"%", b"\xff"),
)


def _cookies(raw: bytes) -> None:
    lines = raw.decode("latin-1").splitlines()
    found = answers.cookies_of(lines)
    assert all(";" not in value for value in found.values())


def _image(raw: bytes) -> None:
    """Derive a wbi key from the addresses of two images, as nav returns them."""
    first, _, second = raw.decode("utf-8", "replace").partition("\n")
    keys = sign.key_of_url(first), sign.key_of_url(second)
    if all(len(key) == 32 for key in keys):
        assert len(sign.mixin_key(*keys)) == 32


TARGETS = (
    Target("answer", parser(_answer), _answers(), (ApiException,), (40, 2_500), steps=100),
    Target("page", parser(_page), _HTML, (ValueError,), (40, 1_500), shown=str),
    Target(
        "set-cookie",
        parser(_cookies),
        mixed(b"SESSDATA=", b"x", b";", b"=", b"Domain=example.com", b"\n", b",", b'"', b"\0"),
        counts=(30, 200),
    ),
    Target(
        "wbi keys",
        parser(_image),
        mixed(b"https://a/", b"b" * 32, b"\n", b".png", b"/", b".", "é".encode()),
        counts=(30, 200),
    ),
)
