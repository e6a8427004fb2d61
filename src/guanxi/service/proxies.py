"""Find out who sent a request that came through proxies.

A proxy adds the address of its own client to the end of ``X-Forwarded-For``. Only what a trusted
proxy wrote can be believed, so the header is read from its end: as long as an address is that of a
trusted proxy, the one before it was written by that proxy. Anything further to the left was sent by
the client, who may write what it likes.

``X-Forwarded-Proto`` says whether the client used https, which decides whether cookies are Secure.
``Forwarded`` (RFC 7239) is not read: a proxy that writes one of the two headers passes the client's
own copy of the other one on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TypeAlias

from guanxi.service.exchange import ASGI, Scope, Send
from guanxi.service.forms import Receive
from guanxi.text import Text

_Address: TypeAlias = IPv4Address | IPv6Address

#: How many proxies a request may have passed: further addresses are not read.
MOST_PROXIES = 16
#: The longest text of an address with a port, such as ``[2001:db8::1%25eth0]:65535``.
_LONGEST = 64
_HEADER, _SCHEME = b"x-forwarded-for", b"x-forwarded-proto"
#: The name of every process that connects through a Unix socket, which has no address.
UNIX = "unix"


def unfit_network(text: str) -> Text | None:
    """Return why a text cannot be one of the trusted proxies; None if it can."""
    if text == UNIX:
        return None
    try:
        ip_network(text)
    except ValueError as error:
        why = str(error)
        return Text(
            f"{text!r} 应为 IP 地址或网段，如 127.0.0.1 或 10.0.0.0/8（{why}）",
            f"{text!r} must be an IP address or a network, such as 127.0.0.1 or 10.0.0.0/8 ({why})",
        )
    return None


def trusting(networks: Iterable[str]) -> Callable[[str], bool]:
    """Return a function that says whether an IP address is in one of the networks.

    ``unix`` is a network of what connects through a Unix socket. It returns False for a text that
    is no IP address. Raise ValueError for an invalid network.
    """
    networks = frozenset(networks)
    of_version: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
    for network in map(ip_network, networks - {UNIX}):
        of_version[network.version].append(
            (int(network.network_address), int(network.broadcast_address))
        )

    @lru_cache(1024)
    def is_trusted(text: str) -> bool:
        address = _parsed(text)
        if address is None:
            return text == UNIX and UNIX in networks
        number = int(address)
        return any(first <= number <= last for first, last in of_version[address.version])

    return is_trusted


def client_of(
    peer: str, headers: Iterable[tuple[bytes, bytes]], is_trusted: Callable[[str], bool]
) -> str:
    """Return the IP address of the client that sent a request; that of ``peer`` if none is known.

    ``peer`` is the address that the connection came from. ``headers`` are the request's, with names
    in lower case. It is the last address of X-Forwarded-For that is not trusted, or the first one
    if all are. Where an entry is no address, the trusted one after it is returned.
    """
    if not is_trusted(peer):
        return peer
    sent = b",".join(value for name, value in headers if name == _HEADER)
    client = peer
    for entry in reversed(sent.rsplit(b",", MOST_PROXIES)[-MOST_PROXIES:] if sent else []):
        address = _forwarded(entry)
        if address is None:
            break
        client = str(address)
        if not is_trusted(client):
            break
    return client


def behind(application: ASGI, networks: Iterable[str]) -> ASGI:
    """Return the application, to which a trusted proxy's client is the client of a request.

    ``networks`` are those of the trusted proxies. Raise ValueError for an invalid one.
    """
    is_trusted = trusting(networks)

    async def forwarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            _read_scheme(scope, is_trusted)
            peer = (scope.get("client") or (UNIX, 0))[0]
            client = client_of(peer, scope["headers"], is_trusted)
            if client != peer:
                scope["client"] = (client, 0)
        await application(scope, receive, send)

    return forwarded


def _read_scheme(scope: Scope, is_trusted: Callable[[str], bool]) -> None:
    """Let the request's scheme be https if a trusted proxy says that its client used it.

    Of several values the first counts, which the outermost proxy wrote, or the client itself: that
    lets a client have no more than cookies that it cannot use.
    """
    if is_trusted((scope.get("client") or (UNIX, 0))[0]):
        schemes = b",".join(value for name, value in scope["headers"] if name == _SCHEME)
        if schemes.partition(b",")[0].strip().lower() == b"https":
            scope["scheme"] = "https"


def _forwarded(entry: bytes) -> _Address | None:
    """Return the address of an entry of X-Forwarded-For; None if it has none.

    Some proxies add the port, and put IPv6 addresses into brackets.
    """
    text = entry.strip(b" \t").decode("latin-1")
    if len(text) > _LONGEST:
        return None
    if text.startswith("["):
        text, closing, port = text[1:].partition("]")
        if not closing or (port and not _is_port(port)):
            return None
        address = _parsed(text)
        return address if address is not None and ":" in text else None
    if text.count(":") == 1:
        text, _, port = text.partition(":")
        if not _is_port(f":{port}"):
            return None
    return _parsed(text)


def _is_port(text: str) -> bool:
    return text[:1] == ":" and text[1:].isascii() and text[1:].isdecimal() and len(text) <= 6


def _parsed(text: str) -> _Address | None:
    """Return an IP address, an IPv4 one that IPv6 embeds (``::ffff:``) as IPv4; None if invalid."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped
