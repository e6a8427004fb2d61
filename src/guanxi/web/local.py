"""Whether a request is for this machine alone, by the name that it is addressed to."""

from __future__ import annotations

from ipaddress import ip_address


def is_local_name(host: str) -> bool:
    """Return whether a Host header names this machine by a loopback address or ``localhost``.

    A page elsewhere may let a name of its own resolve to this machine; the name gives it away.
    """
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    name = name.removeprefix("[").removesuffix("]").lower()
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
