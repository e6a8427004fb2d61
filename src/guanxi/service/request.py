"""A request's parts: its fields, cookies and body, read quickly and strictly."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from guanxi.contract import errors
from guanxi.contract.params import InvalidParameter
from guanxi.service.handling import Refused

Pairs = list[tuple[str, str]]
Headers = Mapping[bytes, bytes]
Receive = Callable[[], Awaitable[Any]]

_FORM = b"application/x-www-form-urlencoded"
_DIGITS = b"0123456789abcdefABCDEF"
#: The byte behind each escape, by its two hexadecimal digits.
_ESCAPED = {
    bytes((high, low)): bytes((int(chr(high) + chr(low), 16),))
    for high in _DIGITS
    for low in _DIGITS
}


class Gone(Exception):
    """The client went away before its request was whole; nobody waits for an answer."""


def fields(raw: bytes, known: frozenset[str]) -> tuple[Pairs, InvalidParameter | None]:
    """The decoded fields of a query or a form, and which known one is badly encoded.

    A badly encoded field is left out.
    """
    if not raw:
        return [], None
    raw = raw.replace(b"%2C", b",")  # a comma between ids is what is escaped most
    if b"%" not in raw and b"+" not in raw and raw.isascii():
        return _plain(raw.decode("ascii")), None
    pairs: Pairs = []
    complaint = None
    for one in raw.split(b"&"):
        if not one:
            continue
        name, _, value = one.partition(b"=")
        field = ""
        try:
            field = _unescaped(name)
            pairs.append((field, _unescaped(value)))
        except (KeyError, UnicodeDecodeError):
            if field in known:
                complaint = complaint or InvalidParameter(field, "编码无效", "badly encoded")
    return pairs, complaint


def _plain(text: str) -> Pairs:
    pairs = []
    for one in text.split("&"):
        if one:
            name, _, value = one.partition("=")
            pairs.append((name, value))
    return pairs


def _unescaped(raw: bytes) -> str:
    head, *rest = raw.replace(b"+", b" ").split(b"%")
    if not rest:
        return head.decode()
    return (head + b"".join(_ESCAPED[one[:2]] + one[2:] for one in rest)).decode()


def headers_of(sent: Collection[tuple[bytes, bytes]]) -> Headers:
    """Headers by name; cookies that came in several lines are in one."""
    headers = dict(sent)
    if len(headers) != len(sent) and b"cookie" in headers:
        headers[b"cookie"] = b"; ".join(value for name, value in sent if name == b"cookie")
    return headers


def repeated(pairs: Pairs, known: frozenset[str]) -> InvalidParameter | None:
    """The first known field that is there more than once."""
    seen = set()
    for name, _ in pairs:
        if name in seen:
            return InvalidParameter(name, "重复", "given more than once")
        if name in known:
            seen.add(name)
    return None


def cookies(header: bytes) -> dict[str, str]:
    """The cookies of a header, decoded; the first of a name counts."""
    text = header.decode("latin-1")
    pairs = [part.strip().partition("=") for part in reversed(text.split(";"))]
    if "%" in text:
        return {name: unquote(value) for name, _, value in pairs}
    return {name: value for name, _, value in pairs}


def foreign(headers: Headers) -> bool:
    """Whether the header rule of 004 turns a request away.

    It does so with a Referer that is not bilibili.com or under it, and with a User-Agent that
    names python. A missing Referer passes: the documents' own examples send none.
    """
    if b"python" in headers.get(b"user-agent", b"").lower():
        return True
    referer = headers.get(b"referer")
    if not referer:
        return False
    try:
        host = urlsplit(referer.decode("latin-1")).hostname or ""
    except ValueError:
        return True
    return host != "bilibili.com" and not host.endswith(".bilibili.com")


async def form_body(receive: Receive, headers: Headers, most: int) -> bytes:
    """A form's bytes, at most ``most`` of them.

    ``Refused`` for one that is too large (413), not form-encoded (415), or not whole when the
    request is cancelled for taking too long (408).
    """
    if int(headers.get(b"content-length", b"0")) > most:
        raise _too_large(most)
    kind = headers.get(b"content-type", _FORM)
    if kind != _FORM and kind.split(b";")[0].strip().lower() != _FORM:
        raise _not_a_form()
    try:
        body = await _whole(receive, most)
    except asyncio.CancelledError:
        raise Refused(
            errors.BadRequest.number, InvalidParameter("body", "不完整", "not whole"), status=408
        ) from None
    if body and b"content-type" not in headers:
        raise _not_a_form()
    return body


async def _whole(receive: Receive, most: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        body += message["body"]
        if len(body) > most:
            raise _too_large(most)
        if not message["more_body"]:
            return bytes(body)


def _too_large(most: int) -> Refused:
    complaint = InvalidParameter("body", f"最大 {most} 字节", f"at most {most} bytes")
    return Refused(errors.BadRequest.number, complaint, status=413)


def _not_a_form() -> Refused:
    complaint = InvalidParameter(
        "Content-Type", f"必须是 {_FORM.decode()}", f"must be {_FORM.decode()}"
    )
    return Refused(errors.BadRequest.number, complaint, status=415)
