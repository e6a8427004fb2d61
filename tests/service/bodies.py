"""Write the fields of a form in each way that clients send them, by hand."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlencode

Pairs = list[tuple[str, str]]
BOUNDARY = "guanxi-0a1b"
URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


class Sent(NamedTuple):
    """A request's query, body and the headers of the body."""

    query: str
    body: bytes
    headers: dict[str, str]


def part(name: str, value: str | bytes, *lines: str, after: str = "") -> bytes:
    """Return a part with further header lines; ``after`` follows the name in its disposition."""
    text = value.encode() if isinstance(value, str) else value
    head = "\r\n".join([f'Content-Disposition: form-data; name="{name}"{after}', *lines])
    return f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + text + b"\r\n"


def multipart(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def urlencoded(pairs: Pairs) -> Sent:
    return Sent("", urlencode(pairs).encode(), URLENCODED)


def as_multipart(pairs: Pairs) -> Sent:
    return Sent("", multipart(*(part(*pair) for pair in pairs)), MULTIPART)


def in_query(pairs: Pairs) -> Sent:
    return Sent(urlencode(pairs), b"", {})


def shared(pairs: Pairs) -> Sent:
    """Every other field in the query."""
    return Sent(urlencode(pairs[::2]), urlencode(pairs[1::2]).encode(), URLENCODED)


def shared_with_multipart(pairs: Pairs) -> Sent:
    return as_multipart(pairs[::2])._replace(query=urlencode(pairs[1::2]))


def hiding(pairs: Pairs) -> Sent:
    """All in the body, and wrong ones of the same names in the query."""
    return urlencoded(pairs)._replace(query=urlencode([(name, "?") for name, _ in pairs]))


def hiding_with_multipart(pairs: Pairs) -> Sent:
    return as_multipart(pairs)._replace(query=hiding(pairs).query)


def empty_of_another_type(pairs: Pairs) -> Sent:
    return in_query(pairs)._replace(headers={"Content-Type": "application/json"})


def identity(pairs: Pairs) -> Sent:
    sent = urlencoded(pairs)
    return sent._replace(headers={**sent.headers, "Content-Encoding": "Identity"})


ACCEPTED = (
    urlencoded,
    as_multipart,
    in_query,
    shared,
    shared_with_multipart,
    hiding,
    hiding_with_multipart,
    empty_of_another_type,
    identity,
)
