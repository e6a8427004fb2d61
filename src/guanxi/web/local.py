"""Whether a request is for this machine alone, by the name that it is addressed to.

A page elsewhere may let a name of its own resolve to this machine; the Host header gives it away.
"""

from __future__ import annotations

from ipaddress import ip_address


def name_in(host: str) -> str:
    """Return the name or address in a Host header, without port, brackets and final dot."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower().removesuffix(".")


def is_loopback(name: str) -> bool:
    """Return whether a name or an address can only be this machine's."""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
