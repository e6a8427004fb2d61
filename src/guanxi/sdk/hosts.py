"""Where requests go, and which servers are one's own."""

from __future__ import annotations

import os
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from guanxi.contract.endpoint import Host
from guanxi.contract.errors import ArgsException

#: The domains of the documents' hosts. No server under them is ever one's own.
_DOCUMENTED = frozenset(".".join(host.split(".")[-2:]) for host in Host)


def base_address(given: str | None) -> str | None:
    """The address that everything goes to; None where each endpoint's own host is meant.

    None takes GUANXI_BASE_URL, an empty text the documents' hosts.
    """
    address = os.environ.get("GUANXI_BASE_URL", "") if given is None else given
    if not address:
        return None
    parts = _split(address, {"http", "https"})
    if parts is None:
        raise ArgsException("base_url: must be like https://example.org or http://127.0.0.1:8000")
    if parts.username is not None or parts.query or parts.fragment:
        raise ArgsException("base_url: holds a user, a query or a fragment")
    return address.rstrip("/")


def proxy_address(given: str | None) -> str | None:
    """The address of a proxy, or None. One of another kind would be passed by, unnoticed."""
    if given and _split(given, {"http", "https", "socks5", "socks5h"}) is None:
        raise ArgsException("proxy: must be like http://user:password@host:port, or socks5://…")
    return given or None


def is_documented(base: str | None) -> bool:
    """Whether a base address leads to the documents' hosts, or to a sister of theirs."""
    return base is None or _under_documents(_name(urlsplit(base).hostname or ""))


def own_names(own_hosts: Iterable[str]) -> frozenset[str]:
    """The names of one's own servers; the documents' hosts among them are refused."""
    names = frozenset(_name(host) for host in own_hosts)
    for name in sorted(names):
        if _under_documents(name):
            raise ArgsException(f"own_hosts: {name} is not yours")
    return names


def is_own(base: str | None, own: frozenset[str]) -> bool:
    """Whether a base address is one's own: loopback, a private address, or named as such."""
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
    """The parts of an address of one of these schemes; None for anything else."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    spaced = any(letter.isspace() for letter in address)
    known = parts.scheme in schemes and parts.hostname and port != 0
    return parts if known and not spaced else None


def _name(host: str) -> str:
    return host.lower().rstrip(".")


def _under_documents(name: str) -> bool:
    return ".".join(name.split(".")[-2:]) in _DOCUMENTED
