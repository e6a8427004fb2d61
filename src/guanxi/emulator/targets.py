"""Which endpoint a request is for, and which endpoints a pattern names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase

from guanxi.contract.endpoint import Does, Endpoint
from guanxi.contract.endpoints import BY_NAME, ENDPOINTS
from guanxi.contract.paths import matcher, placeholders
from guanxi.service.exchange import NO_ENDPOINT

#: Patterns for all endpoints that read, that write, and that answer a list by pages.
READS, WRITES, LISTS = ":reads", ":writes", ":lists"
_GROUPS: Mapping[str, Callable[[Endpoint], bool]] = {
    READS: lambda endpoint: endpoint.does is Does.READ,
    WRITES: lambda endpoint: endpoint.does is Does.WRITE,
    LISTS: lambda endpoint: endpoint.paging is not None,
}
_BY_PATH: dict[tuple[str, str], Endpoint] = {
    (one.method, one.path): one for one in ENDPOINTS if not placeholders(one.path)
}
_WITH_PARAMETERS = [
    (one.method, matcher(one.path), one) for one in ENDPOINTS if placeholders(one.path)
]
#: How alike a name or a path must be to be shown as near, from 0 to 1, and how many are shown.
_ALIKE, _SHOWN = 0.6, 3


def endpoint_of(method: str, path: str) -> tuple[Endpoint | None, dict[str, str]]:
    """Return the endpoint of a request and the parameters in its path; HEAD counts as GET."""
    method = "GET" if method == "HEAD" else method
    found = _BY_PATH.get((method, path))
    if found is not None:
        return found, {}
    for of_method, match, endpoint in _WITH_PARAMETERS:
        in_path = match(path) if of_method == method else None
        if in_path is not None:
            return endpoint, in_path
    return None, {}


def has_path(path: str) -> bool:
    """Return whether an endpoint has this path, whatever its method."""
    return any(endpoint_of(method, path)[0] is not None for method in ("GET", "POST"))


def nearest(method: str, path: str) -> list[str]:
    """Return the endpoints whose method and path are most like a request's, the nearest first.

    Each is written as ``GET /x/relation/stat (relation.stat)``.
    """
    by_request = {f"{one.method} {one.path}": one.name for one in ENDPOINTS}
    near = get_close_matches(f"{method} {path}", by_request, _SHOWN, _ALIKE)
    return [f"{request} ({by_request[request]})" for request in near]


class Pattern:
    """The endpoints that a text names.

    It is an endpoint's name (``relation.modify``), a pattern with ``*`` (``relation.*``), a path
    that begins with a slash (``/x/relation/*``), ``*`` for every request, or one of ``:reads``,
    ``:writes`` and ``:lists``.
    """

    def __init__(self, text: str) -> None:
        """Raise ValueError, which names the nearest endpoints, if no endpoint can match."""
        self.text = text
        if text.startswith("/") or text in _GROUPS or text == NO_ENDPOINT:
            return
        if not any(fnmatchcase(name, text) for name in BY_NAME):
            near = get_close_matches(text, BY_NAME, _SHOWN, _ALIKE)
            hint = f"; near: {', '.join(near)}" if near else ""
            raise ValueError(f"{text!r} names no endpoint{hint}")

    def matches(self, endpoint: Endpoint | None, path: str) -> bool:
        """Return whether a request for ``path`` is meant; ``endpoint`` is None if none has it."""
        if self.text == "*":
            return True
        if self.text.startswith("/"):
            return fnmatchcase(path, self.text)
        if endpoint is None:
            return self.text == NO_ENDPOINT
        if self.text in _GROUPS:
            return _GROUPS[self.text](endpoint)
        return fnmatchcase(endpoint.name, self.text)


def canonical(endpoint: Endpoint | None, params: Iterable[tuple[str, object]]) -> dict[str, str]:
    """Return parameters as texts by the wire name that the contract has for each.

    A list counts as its members with commas between them, true as 1 and false as 0; the last of
    several with one name counts.
    """
    aliases = {} if endpoint is None else endpoint.aliases
    return {aliases.get(name, name): _text(value) for name, value in params}


def of_name(name: str) -> Endpoint | None:
    """Return the endpoint with this exact name, or None."""
    return BY_NAME.get(name)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, list | tuple | set | frozenset):
        return ",".join(map(_text, value))
    return str(value)
