"""Read the fields of a request's body: urlencoded, or as multipart/form-data without files."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from multipart import (
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)

from guanxi.contract import errors
from guanxi.contract.limits import Limits
from guanxi.contract.params import InvalidParameter
from guanxi.service.handling import Refused
from guanxi.service.request import Headers, Pairs, fields

Receive = Callable[[], Awaitable[Any]]

_URLENCODED, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
#: The most frequent Content-Type, as clients write it.
_AS_SENT = _URLENCODED.encode()
_ACCEPTED = f"{_URLENCODED} or {_MULTIPART}"
#: The codecs of the accepted charsets of a part. Java's clients declare all of them.
_CHARSETS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "latin-1",
    "latin1": "latin-1",
}
#: The names of the codecs that cannot decode every byte.
_NAMES = {"utf-8": "UTF-8", "ascii": "US-ASCII"}
#: The accepted values of a part's Content-Transfer-Encoding: those that change no byte.
_PLAIN_TRANSFERS = ("7bit", "8bit", "binary")
#: A quoted text and its closing quote, which is missing if the text goes on to the end.
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*("?)')
_OPTION = re.compile(r";\s*([^\s=;]+)\s*=")
_ECHOED = 60
#: The most options of a header of a part, or semicolons: clients send two. Each one is parsed.
_PART_OPTIONS = 8
#: The most bytes of a Content-Type: those of a boundary, 70 (RFC 2046), and room for options.
_CONTENT_TYPE_BYTES = 1_024


class ClientDisconnected(Exception):
    """A client that disconnected before it sent its whole request; no response is sent."""


async def read_body(receive: Receive, headers: Headers, limit: int) -> bytes:
    """Return the whole body, of at most ``limit`` bytes; empty if the request has none.

    Raise Refused (-400 with HTTP 413) if it is larger, and ClientDisconnected if the client
    disconnects.
    """
    if int(headers.get(b"content-length", b"0")) > limit:
        raise _too_large(limit)
    whole = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        sent: bytes = message.get("body", b"")
        if not whole and not message.get("more_body", False) and len(sent) <= limit:
            return sent  # most bodies are one message, which is not copied
        whole += sent
        if len(whole) > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return bytes(whole)


def form_fields(
    body: bytes, headers: Headers, known: frozenset[str], limits: Limits
) -> tuple[Pairs, InvalidParameter | None]:
    """Return the decoded fields of a form body, and an error, or None, as ``fields`` does.

    An empty body has no fields, whatever its Content-Type. Raise Refused (-400): with HTTP 415 if
    the body has a Content-Encoding other than identity, is neither urlencoded nor
    multipart/form-data, or has a part that is not plain text; with 413 if a multipart body exceeds
    ``limits`` (parts, and a part's header lines); with 400 if it is malformed or has too many
    fields.
    """
    if not body:
        return [], None
    transfer = headers.get(b"transfer-encoding", b"chunked")
    if transfer.strip().lower() != b"chunked":  # the server removes only the chunks
        raise _unsupported("Transfer-Encoding", transfer.decode("latin-1"), "chunked")
    coding = headers.get(b"content-encoding")
    if coding and coding.strip().lower() != b"identity":
        raise _unsupported("Content-Encoding", coding.decode("latin-1"), "identity")
    sent = headers.get(b"content-type", b"")
    kind, options = _URLENCODED, {}
    if len(sent) > _CONTENT_TYPE_BYTES:  # before its options are parsed
        raise _refused(f"Content-Type: at most {_CONTENT_TYPE_BYTES} bytes")
    if sent != _AS_SENT:
        kind, options = parse_options_header(sent.decode("latin-1"))
    if kind == _URLENCODED:
        return fields(body, known, limits.fields, "body")
    if kind == _MULTIPART:
        return _parts(body, options.get("boundary", ""), known, limits)
    raise _unsupported("Content-Type", kind, _ACCEPTED)


def _parts(
    body: bytes, boundary: str, known: frozenset[str], limits: Limits
) -> tuple[Pairs, InvalidParameter | None]:
    """Return the fields of a multipart body and an error, or None. Raise Refused."""
    if not boundary:
        raise _refused("Content-Type: needs a boundary")
    pairs: Pairs = []
    invalid = None
    name, value, codec = "", b"", "utf-8"
    try:
        parser = PushMultipartParser(
            boundary.encode("latin-1"),
            max_header_size=limits.part_header_bytes,
            max_header_count=limits.part_headers,
            max_segment_count=limits.parts,
            strict=True,
        )
        for event in parser.parse(body):
            if isinstance(event, MultipartSegment):
                name, value, codec = event.name, b"", _codec(event)
            elif event is not None:
                value += event
            else:
                try:
                    pairs.append((name, value.decode(codec)))
                except UnicodeDecodeError:
                    if name in known:
                        invalid = invalid or InvalidParameter(name, f"not {_NAMES[codec]}")
    except ParserLimitReached:
        raise _too_many(limits) from None
    except MultipartError as error:
        raise _refused(f"body: not valid multipart: {error.args[0]}") from None
    try:
        parser.close()
    except MultipartError:
        raise _refused("body: the closing boundary is missing") from None
    return pairs, invalid


def _codec(part: MultipartSegment) -> str:
    """Return the codec of a part's text. Raise Refused if the part is not plain text."""
    headers = dict(part.headerlist)
    if len(headers) != len(part.headerlist):
        raise _refused("body: a part has one header twice")
    if any(value.count(";") > _PART_OPTIONS for value in headers.values()):
        raise _refused(f"body: a part's header has at most {_PART_OPTIONS} options")
    disposition = _QUOTED.sub(
        lambda found: "" if found[1] else found[0], headers["Content-Disposition"]
    )
    options = [name.lower() for name in _OPTION.findall(disposition)]
    if "filename" in options or "filename*" in options:
        raise _unsupported(f"part {part.name}", "a file", "text")
    if options.count("name") != 1:
        raise _refused("body: a part needs one name")
    kind = part.content_type or "text/plain"
    if kind != "text/plain":
        raise _unsupported(f"part {part.name}", kind, "text/plain")
    transfer = headers.get("Content-Transfer-Encoding", "binary").strip().lower()
    if transfer not in _PLAIN_TRANSFERS:
        raise _unsupported(f"part {part.name}", transfer, " or ".join(_PLAIN_TRANSFERS))
    codec = _CHARSETS.get((part.charset or "utf-8").lower())
    if codec is None:
        raise _unsupported(f"part {part.name}", f"charset {part.charset}", "utf-8")
    return codec


def _too_large(limit: int) -> Refused:
    return _refused(f"body: at most {limit} bytes", 413)


def _too_many(limits: Limits) -> Refused:
    parts, lines, size = limits.parts, limits.part_headers, limits.part_header_bytes
    return _refused(
        f"body: at most {parts} parts, each with {lines} header lines of {size} bytes", 413
    )


def _unsupported(field: str, sent: str, accepted: str) -> Refused:
    """Return the refusal of what was sent in ``field``, which names what is accepted instead."""
    shown = sent.strip()[:_ECHOED]
    problem = f"{shown} is not accepted" if shown else "missing"
    return _refused(f"{field[:_ECHOED]}: {problem}; send {accepted}", 415)


def _refused(reason: str, status: int = 400) -> Refused:
    return Refused(errors.BadRequest.number, reason, status=status)
