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
    """Return the server's address without a trailing slash, or None for the documented hosts.

    ``given`` None means the environment's GUANXI_BASE_URL; if that is unset, or for an empty text,
    return None. Raise ``ArgsException`` if the address is not a valid http or https address, or has
    a user, query or fragment.
    """
    address = os.environ.get("GUANXI_BASE_URL", "") if given is None else given
    if not address:
        return None
    parts = _split(address, {"http", "https"})
    name = "GUANXI_BASE_URL" if given is None else "base_url"
    if parts is None:
        raise ArgsException(f"{name}: must be like https://example.org or http://127.0.0.1:8000")
    if parts.username is not None or not {"?", "#"}.isdisjoint(address):  # also empty ones
        raise ArgsException(f"{name}: must not contain a user, a query or a fragment")
    return address.rstrip("/")


def proxy_address(given: str | None) -> str | None:
    """Check the address of a proxy and return it; None if ``given`` is None or empty.

    Raise ``ArgsException`` for an invalid address and for any scheme but http, https, socks5 and
    socks5h.
    """
    if given and _split(given, {"http", "https", "socks5", "socks5h"}) is None:
        raise ArgsException("proxy: must be like http://user:password@host:port, or socks5://…")
    return given or None


def is_documented(base: str | None) -> bool:
    """Return whether a base address is under a documented domain (bilibili.com…); True for None."""
    return base is None or _under_documents(_name(urlsplit(base).hostname or ""))


def own_names(own_hosts: Iterable[str]) -> frozenset[str]:
    """Return ``own_hosts``, names of the caller's servers, in lower case without a trailing dot.

    Raise ``ArgsException`` for a host under a documented domain (bilibili.com…).
    """
    names = frozenset(_name(host) for host in own_hosts)
    for name in sorted(names):
        if _under_documents(name):
            raise ArgsException(
                f"own_hosts: {name} belongs to the documented service, so it cannot be your own"
            )
    return names


def is_own(base: str | None, own: frozenset[str]) -> bool:
    """Return whether the host of a base address is the caller's own; False for None.

    That is a host in ``own`` (see ``own_names``), localhost, or a loopback or private IP address.
    """
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


def paced_name(base: str | None) -> str:
    """Return the host of a base address for the pace; one name for all documented hosts."""
    name = _name(urlsplit(base).hostname or "") if base else ""
    return "documents" if not name or _under_documents(name) else name


def _split(address: str, schemes: set[str]) -> SplitResult | None:
    """Return an address's parts, or None if it is invalid or its scheme is not in ``schemes``."""
    try:
        address.encode()  # an argument of a command may have lone surrogates
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
