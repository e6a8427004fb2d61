"""Parse a request's fields, headers and cookies, strictly."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import unquote, urlsplit

from guanxi.contract.params import InvalidParameter

Pairs = list[tuple[str, str]]
Headers = Mapping[bytes, bytes]

_HEADER_RULE = "(the header rule of the profile documented; the profile open has no such rule)"
_DEMANDED = "the host must be bilibili.com or under it"
#: The problem of a field that cannot be decoded, by the error.
_BADLY_ENCODED: dict[type[Exception], str] = {
    KeyError: "a % without two hexadecimal digits after it; write % as %25",
    UnicodeDecodeError: "not UTF-8 after percent-decoding",
}
#: The most characters of a Referer's host that a reason repeats.
_ECHOED = 40
_DIGITS = b"0123456789abcdefABCDEF"
#: The byte of each percent escape, by its two hexadecimal digits.
_ESCAPED = {
    bytes((high, low)): bytes((int(chr(high) + chr(low), 16),))
    for high in _DIGITS
    for low in _DIGITS
}


def fields(raw: bytes, known: frozenset[str]) -> tuple[Pairs, InvalidParameter | None]:
    """Return the decoded fields of a query or form, and an error, or None.

    The error names the first field of ``known`` that is badly encoded. Badly encoded fields are
    omitted, repeated ones are kept.
    """
    if not raw:
        return [], None
    raw = raw.replace(b"%2C", b",")  # the most frequent escape: commas in lists of ids
    if b"%" not in raw and b"+" not in raw and raw.isascii():
        return _plain(raw.decode("ascii")), None
    pairs: Pairs = []
    invalid = None
    for item in raw.split(b"&"):
        if not item:
            continue
        name, _, value = item.partition(b"=")
        field = ""
        try:
            field = _unescaped(name)
            pairs.append((field, _unescaped(value)))
        except (KeyError, UnicodeDecodeError) as error:
            if field in known:
                invalid = invalid or InvalidParameter(field, _BADLY_ENCODED[type(error)])
    return pairs, invalid


def _plain(text: str) -> Pairs:
    pairs = []
    for item in text.split("&"):
        if item:
            name, _, value = item.partition("=")
            pairs.append((name, value))
    return pairs


def _unescaped(raw: bytes) -> str:
    head, *rest = raw.replace(b"+", b" ").split(b"%")
    if not rest:
        return head.decode()
    return (head + b"".join(_ESCAPED[item[:2]] + item[2:] for item in rest)).decode()


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


def cookies(header: bytes) -> dict[str, str]:
    """Return a Cookie header's cookies by name, percent-decoded; the first of a name counts.

    A value may be in double quotes, as some Java clients send it (RFC 6265, 4.1.1).
    """
    text = header.decode("latin-1")
    pairs = [part.strip().partition("=") for part in reversed(text.split(";"))]
    if "%" in text or '"' in text:
        return {name: unquote(_unquoted(value)) for name, _, value in pairs}
    return {name: value for name, _, value in pairs}


def _unquoted(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] == '"'
    return value[1:-1] if is_quoted else value


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
    if host == "bilibili.com" or host.endswith(".bilibili.com"):
        return ""
    shown = repr(host)[:_ECHOED]
    return f"Referer: {_DEMANDED}, not {shown} {_HEADER_RULE}"
