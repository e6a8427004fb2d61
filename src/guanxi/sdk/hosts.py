"""Server and proxy addresses, and which servers belong to the caller."""

from __future__ import annotations

import os
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from guanxi.contract.endpoint import Host
from guanxi.contract.errors import ArgsException

#: The domains of the documents' hosts. No host under them counts as the caller's own.
_DOCUMENTED = frozenset(".".join(host.split(".")[-2:]) for host in Host)


def base_address(given: str | None) -> str | None:
    """Return the address of the server without a trailing slash, None for the documents' hosts.

    ``given`` None means GUANXI_BASE_URL; an empty text means the documents' hosts. Raise
    ``ArgsException`` if it is not an http or https address, or has a user, query or fragment.
    """
    address = os.environ.get("GUANXI_BASE_URL", "") if given is None else given
    if not address:
        return None
    parts = _split(address, {"http", "https"})
    if parts is None:
        raise ArgsException("base_url: must be like https://example.org or http://127.0.0.1:8000")
    if parts.username is not None or parts.query or parts.fragment:
        raise ArgsException("base_url: must not contain a user, a query or a fragment")
    return address.rstrip("/")


def proxy_address(given: str | None) -> str | None:
    """Return the address of a proxy, None if ``given`` is None or empty.

    Raise ``ArgsException`` for any scheme but http, https, socks5 and socks5h: the transport would
    silently go without the proxy.
    """
    if given and _split(given, {"http", "https", "socks5", "socks5h"}) is None:
        raise ArgsException("proxy: must be like http://user:password@host:port, or socks5://…")
    return given or None


def is_documented(base: str | None) -> bool:
    """Return whether a base address (None included) is under a domain of the documents' hosts."""
    return base is None or _under_documents(_name(urlsplit(base).hostname or ""))


def own_names(own_hosts: Iterable[str]) -> frozenset[str]:
    """Return normalized names of the caller's own servers.

    Raise ``ArgsException`` for a host under a domain of the documents' hosts.
    """
    names = frozenset(_name(host) for host in own_hosts)
    for name in sorted(names):
        if _under_documents(name):
            raise ArgsException(
                f"own_hosts: {name} belongs to the documented service, so it cannot be your own"
            )
    return names


def is_own(base: str | None, own: frozenset[str]) -> bool:
    """Return whether a base address is loopback, a private IP address, or a host in ``own``."""
    if base is None:
        return False
    name = _name(urlsplit(base).hostname or "")
    if name in own or name.split(".")[-1] == "localhost":
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_private


def _split(address: str, schemes: set[str]) -> SplitResult | None:
    """Return the parts of an address, or None if it is invalid or has another scheme."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    has_space = any(letter.isspace() for letter in address)
    valid = parts.scheme in schemes and parts.hostname and port != 0
    return parts if valid and not has_space else None


def _name(host: str) -> str:
    return host.lower().rstrip(".")


def _under_documents(name: str) -> bool:
    return ".".join(name.split(".")[-2:]) in _DOCUMENTED
