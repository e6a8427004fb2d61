"""Parse a request's fields, headers and cookies, strictly.

Anybody may send 64 KiB of them, so all of this is bounded and takes a time linear in their size.
"""

from __future__ import annotations

import re
from binascii import a2b_qp
from collections.abc import Collection, Mapping
from urllib.parse import unquote, urlsplit

from guanxi.contract import errors
from guanxi.contract.endpoint import DOMAIN
from guanxi.contract.limits import ALL
from guanxi.contract.params import InvalidParameter
from guanxi.service.handling import Refused
from guanxi.service.hosts import is_documented

Pairs = list[tuple[str, str]]
Headers = Mapping[bytes, bytes]

_HEADER_RULE = "(the header rule of the profile documented; the profile open has no such rule)"
_DEMANDED = f"the host must be {DOMAIN} or under it"
_BADLY_ESCAPED = "a % without two hexadecimal digits after it; write % as %25"
_NOT_UTF8 = "not UTF-8 after percent-decoding"
#: The most characters of a Referer's host that a reason repeats.
_ECHOED = 40
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
#: The cookies that an endpoint reads.
_READ = (b"SESSDATA", b"bili_jct", b"DedeUserID")
#: The most bytes of a cookie's value that is decoded; longer ones are none of the service's own.
_COOKIE_BYTES = 1_024
_QUOTE = ord('"')


def _too_many(part: str, most: int, things: str) -> Refused:
    return Refused(errors.BadRequest.number, f"{part}: at most {most} {things}", status=400)


def fields(
    raw: bytes, known: frozenset[str], most: int = ALL, part: str = "query"
) -> tuple[Pairs, InvalidParameter | None]:
    """Return the decoded fields of a query or form, and an error, or None.

    The error names the first field of ``known`` that is badly encoded. Badly encoded fields are
    omitted, repeated ones are kept. Raise Refused (-400 with HTTP 400), which names ``part``, for
    more than ``most`` fields; empty ones, as between ``&&``, count too.
    """
    pairs: Pairs = []
    if not raw:
        return pairs, None
    if len(raw) >= most and raw.count(b"&") >= most:  # the first look is quicker
        raise _too_many(part, most, "fields")
    if b"%2C" in raw:
        raw = raw.replace(b"%2C", b",")  # the most frequent escape: commas in lists of ids
    if b"%" not in raw and b"+" not in raw and raw.isascii():
        for plain in raw.decode("ascii").split("&"):
            if plain:
                field, _, text = plain.partition("=")
                pairs.append((field, text))
        return pairs, None
    invalid = None
    for item in raw.split(b"&"):
        if not item:
            continue
        name, _, value = item.partition(b"=")
        field = ""
        try:
            field = _unescaped(name)
            pairs.append((field, _unescaped(value)))
        except UnicodeDecodeError:
            if field in known:
                invalid = invalid or InvalidParameter(field, _NOT_UTF8)
        except ValueError as error:
            if field in known:
                invalid = invalid or InvalidParameter(field, str(error))
    return pairs, invalid


def _unescaped(raw: bytes) -> str:
    """Return the text of a field's name or value.

    Raise UnicodeDecodeError if it is not UTF-8, and another ValueError for a malformed escape.
    """
    raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        if _BAD_ESCAPE.search(raw):
            raise ValueError(_BADLY_ESCAPED)
        # Quoted-printable is the same with "=", and its decoder is 15 times as fast as urllib's.
        raw = a2b_qp(raw.replace(b"=", b"=3D").replace(b"%", b"="))
    return raw.decode()


def headers_of(sent: Collection[tuple[bytes, bytes]]) -> Headers:
    """Return the headers by name; of several with one name, keep the last, but join Cookie headers.

    Names must be in lower case.
    """
    headers = dict(sent)
    if len(headers) != len(sent) and b"cookie" in headers:
        headers[b"cookie"] = b"; ".join(value for name, value in sent if name == b"cookie")
    return headers


def repeated(pairs: Pairs, known: frozenset[str]) -> InvalidParameter | None:
    """Return an error for the first known field that occurs more than once, or None."""
    seen = set()
    for name, _ in pairs:
        if name in seen:
            return InvalidParameter(name, "given more than once")
        if name in known:
            seen.add(name)
    return None


def merged(query: Pairs, form: Pairs) -> Pairs:
    """Return the fields of both, each source in its order; a name in ``form`` hides the query's."""
    sent = {name for name, _ in form}
    return [pair for pair in query if pair[0] not in sent] + form


def cookies(header: bytes, most: int) -> dict[str, str]:
    """Return those of a Cookie header's cookies that endpoints read, by name, percent-decoded.

    The first of a name counts. A value may be in double quotes, as some Java clients send it
    (RFC 6265, 4.1.1). Raise Refused (-400 with HTTP 400) for more than ``most`` cookies.
    """
    parts = header.split(b";", most)
    if len(parts) > most:
        raise _too_many("Cookie", most, "cookies")
    jar: dict[str, str] = {}
    for part in parts:
        name, _, value = part.strip().partition(b"=")
        if name in _READ:
            jar.setdefault(name.decode(), _value(value))
    return jar


def _value(raw: bytes) -> str:
    if len(raw) > 1 and raw[0] == raw[-1] == _QUOTE:
        raw = raw[1:-1]
    text = raw.decode("latin-1")
    return unquote(text) if "%" in text and len(text) <= _COOKIE_BYTES else text


def broken_header_rule(headers: Headers, *, strict: bool = False) -> str:
    """Return the reason for which 004's header rule refuses a request, "" if it does not.

    It refuses a Referer that is invalid or outside bilibili.com and its subdomains, and a
    User-Agent that contains "python" in any case. A missing or empty Referer passes unless
    ``strict``.
    """
    if b"python" in headers.get(b"user-agent", b"").lower():
        return f'User-Agent: must not contain "python" {_HEADER_RULE}'
    referer = headers.get(b"referer")
    if not referer:
        return f"Referer: missing; {_DEMANDED} (strict_referer is on)" if strict else ""
    try:
        host = urlsplit(referer.decode("latin-1")).hostname or ""
    except ValueError:
        return f"Referer: not a URL {_HEADER_RULE}"
    if is_documented(host):
        return ""
    shown = repr(host)[:_ECHOED]
    return f"Referer: {_DEMANDED}, not {shown} {_HEADER_RULE}"
