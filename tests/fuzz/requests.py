"""Targets: what a caller of the service sends, one parser each, without a connection."""

from __future__ import annotations

from urllib.parse import quote_from_bytes, urlencode

from hypothesis import strategies as st

from guanxi.accounts import secrets, tokens
from guanxi.contract import sign
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.contract.limits import DOCUMENTED
from guanxi.contract.pages import access_id_ends
from guanxi.contract.params import InvalidParameter, decoder, wire_types
from guanxi.graph.lists import Position, decode_cursor, encode_cursor
from guanxi.service.forms import form_fields
from guanxi.service.handling import Refused
from guanxi.service.request import broken_header_rule, cookies, fields
from guanxi.stores.feed import cursor_of
from guanxi.stores.port import CursorInvalid
from tests.fuzz.pieces import ODD_TEXTS, damaged, mixed
from tests.fuzz.target import Target, assert_plain, parser
from tests.service.bodies import BOUNDARY, multipart, part

_SECRET = b"s" * 32
_NOW = 1_700_000_000
_LIMITS = DOCUMENTED.limits
_KNOWN = frozenset({"fid", "fids", "act", "re_src", "csrf"})

# --- fields: urlencoded, multipart, JSON and what else a body may claim to be ---

_ESCAPES = st.binary(max_size=6).map(lambda raw: quote_from_bytes(raw).encode())
_FIELDS = mixed(
    *(b"fid=", b"fids=1%2C2", b"act", b"=", b"&", b"&&", b"%", b"%zz", b"%e4%b8", b"%ff", b"+"),
    *(b"\xff", b"%00", b"=3D", b"=\r\n", b"%0d%0a", b"csrf", b"\x1b[31m", b"%1b"),
) | st.lists(_ESCAPES, max_size=20).map(b"&".join)
_PARTS = mixed(
    *(f"--{BOUNDARY}".encode(), b"--", b"\r\n", b"\r", b"\n", b"\r\n\r\n", b";", b'"', b"\\"),
    *(b"Content-Disposition: form-data", b'; name="fid"', b"; name=act", b"; filename=x"),
    *(b"; name*=utf-8''x", b"Content-Type: text/plain", b"; charset=", b"gbk", b"utf-8", b"\xe9"),
    *(b"Content-Length: ", b"9" * 5_000, b"2", b"\0", b"Content-Transfer-Encoding: base64"),
    *(b'; name="\x1b]0;x\x07"', b"; a=1" * 9, b"=", b":", b" "),
) | damaged(
    st.lists(
        st.tuples(
            st.sampled_from(["fid", "x", "act", "\x1b[31m", '"']),
            st.text(max_size=6),
            st.sampled_from(["", "Content-Type: text/plain; charset=x", "Content-Type: a/\x9bb"]),
            st.sampled_from(["", "; filename=x", '; name="y"']),
        ),
        max_size=4,
    ).map(
        lambda some: multipart(
            *(
                part(name, value, *filter(None, [line]), after=after)
                for name, value, line, after in some
            )
        )
    )
)
_KINDS = st.sampled_from(
    [
        b"application/x-www-form-urlencoded",
        b"application/x-www-form-urlencoded; charset=GBK",
        f"multipart/form-data; boundary={BOUNDARY}".encode(),
        b"multipart/form-data",
        b"multipart/form-data; boundary=-",
        b"multipart/form-data; boundary=" + b"x" * 990,
        b"application/json",
        b"text/plain\x9b31m",
        b"",
    ]
) | st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b" "))


def _form(raw: bytes) -> None:
    """Read a body; its Content-Type is the first line."""
    kind, _, body = raw.partition(b"\n")
    _check_fields(*form_fields(body, {b"content-type": kind}, _KNOWN, _LIMITS))


def _reason(refused: Refused) -> str:
    assert (refused.code, refused.status) in [(-400, 400), (-400, 413), (-400, 415)]
    return refused.reason


def _check_fields(pairs: list[tuple[str, str]], invalid: InvalidParameter | None) -> None:
    assert len(pairs) <= _LIMITS.fields
    for name, value in pairs:
        (name + value).encode()
    if invalid is not None:
        assert invalid.field in _KNOWN
        assert_plain(str(invalid))


def _query(raw: bytes) -> None:
    """Read a query; what was read means the same when it is written and read again."""
    pairs, invalid = fields(raw, _KNOWN, _LIMITS.fields)
    _check_fields(pairs, invalid)
    again, none = fields(urlencode(pairs).encode(), _KNOWN)
    assert (again, none) == ([pair for pair in pairs if pair != ("", "")] if raw else [], None) or (
        ("", "") in pairs
    )


def _cookie(raw: bytes) -> None:
    jar = cookies(raw, _LIMITS.cookies)
    assert jar.keys() <= {"SESSDATA", "bili_jct", "DedeUserID"}
    for value in jar.values():
        assert len(secrets.session_digest(value)) in (32, 40)
        secrets.bili_jct(_SECRET, value)


def _headers(raw: bytes) -> None:
    agent, _, referer = raw.partition(b"\n")
    reason = broken_header_rule({b"user-agent": agent, b"referer": referer})
    assert_plain(reason)
    if b"python" in agent.lower():
        assert reason.startswith("User-Agent: ")


def _signed(raw: bytes) -> None:
    """A signature that was not made with the key is refused; the one that was is accepted."""
    pairs, _ = fields(raw, frozenset())
    mixin = "m" * 32
    if any(name == "w_rid" for name, _ in pairs):
        assert not sign.wbi_verify(pairs, mixin)
        assert not sign.app_verify([*pairs, ("sign", "0" * 32)], "secret")
        pairs = [pair for pair in pairs if pair[0] != "w_rid"]
    pairs.append(("wts", "1700000000"))
    pairs.append(("w_rid", sign.wbi_sign(pairs, mixin)))
    assert sign.wbi_verify(pairs, mixin)
    assert not sign.wbi_verify([*pairs, ("more", "1")], mixin)


_DECODERS = [
    (decoder(one.params, one.aliases, _LIMITS), wire_types(one.params)) for one in ENDPOINTS
]


def _params(raw: bytes) -> None:
    """Decode fields into the parameters of an endpoint, which the first byte chooses."""
    pairs, _ = fields(raw[1:], frozenset())
    decode, _ = _DECODERS[(raw[0] if raw else 0) % len(_DECODERS)]
    decode(dict(pairs))


@st.composite
def _of_parameters(draw: st.DrawFn) -> bytes:
    number = draw(st.integers(0, len(_DECODERS) - 1))
    values = (
        st.sampled_from(["1", "2,3", "-1", "9" * 40, "1.0", "1e3", "true", ",", "desc", "a" * 201])
        | st.sampled_from(ODD_TEXTS)
        | st.text(max_size=8)
    )
    names = sorted(_DECODERS[number][1])
    pairs = [(name, draw(values)) for name in names if draw(st.integers(0, 9))]
    return bytes([number]) + urlencode(pairs).encode()


# --- opaque texts that the service made, and gets back ---

_CURSORS = st.builds(
    lambda key, mid, visits: encode_cursor(Position(key, mid, visits)).encode(),
    *[st.integers(0, 2**64 - 1)] * 3,
)


def _page_cursor(raw: bytes) -> None:
    position = decode_cursor(raw.decode("latin-1"))
    if position is not None:
        assert encode_cursor(position).encode() == raw
        assert max(position.sort_key, position.mid, position.visits) < 2**63


def _feed_cursor(raw: bytes) -> None:
    cursor = cursor_of(raw.decode("latin-1"))
    assert len(raw) == 22
    assert 0 <= cursor.number < 2**64


_TOKENS = st.sampled_from(
    [
        tokens.access_id(_SECRET, _NOW).encode(),
        tokens.qr_key(_SECRET, _NOW).encode(),
        tokens.refresh_token(_SECRET, "x").encode(),
        b"a.eyJpYXQiOjFlOTk5LCJ0dGwiOjF9.b",
        b"+0000000" * 4,
    ]
)


def _token(raw: bytes) -> None:
    """None is valid but the two that were made with the secret."""
    text = raw.decode("utf-8", "replace")
    access_id_ends(text)
    if tokens.access_id_is_valid(_SECRET, text, _NOW):
        assert text == tokens.access_id(_SECRET, _NOW)
    created = tokens.qr_key_created(_SECRET, text)
    assert created in (None, _NOW)
    session = tokens.session_digest_of(text)
    assert session is None or len(session) <= 40
    tokens.successor(_SECRET, text, 1)


TARGETS = (
    Target(
        "form",
        parser(_form),
        st.tuples(_KINDS, _PARTS | _FIELDS | st.binary(max_size=60)).map(b"\n".join),
        (Refused,),
        counts=(60, 800),
        steps=60,
        shown=_reason,
    ),
    Target("query", parser(_query), _FIELDS, (Refused,), (50, 3_000), steps=60, shown=_reason),
    Target(
        "cookie",
        parser(_cookie),
        mixed(b"SESSDATA=", b"bili_jct", b"=", b";", b"; ", b'"', b"%", b"%2C", b"%ff", b";" * 201),
        (Refused,),
        counts=(40, 400),
    ),
    Target(
        "headers",
        parser(_headers),
        st.tuples(
            mixed(b"python", b"PYTHON", b"Mozilla/5.0", most=4),
            mixed(b"http://", b"bilibili.com", b".", b"/", b"[", b"]", b"@", b":", b"\xe2\x84\xaa"),
        ).map(b"\n".join),
        counts=(40, 400),
        steps=60,
    ),
    Target(
        "wbi",
        parser(_signed),
        mixed(
            b"w_rid=", b"wts=1", b"&", b"=", b"a" * 32, b"%21", b"+", b"%27%28%29%2A", b"%", b"/"
        ),
        (Refused,),
        counts=(40, 400),
        steps=60,
    ),
    Target(
        "parameters",
        parser(_params),
        _of_parameters(),
        (InvalidParameter,),
        counts=(60, 800),
        steps=60,
        shown=str,
    ),
    Target(
        "page cursor",
        parser(_page_cursor),
        damaged(_CURSORS) | st.binary(max_size=40),
        (ValueError,),
        counts=(40, 400),
        shown=str,
    ),
    Target(
        "feed cursor",
        parser(_feed_cursor),
        damaged(st.binary(min_size=16, max_size=16).map(lambda raw: raw.hex()[:22].encode()))
        | st.binary(max_size=30),
        (CursorInvalid,),
        counts=(40, 400),
        shown=str,
    ),
    Target("token", parser(_token), damaged(_TOKENS), counts=(40, 400)),
)
