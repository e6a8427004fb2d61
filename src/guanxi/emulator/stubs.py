"""Stubs: responses that a test gives, also for endpoints that the contract lacks."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from guanxi.contract.paths import matcher

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: ISO 8859-1 without control characters, except the tab.
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class StubRequest(NamedTuple):
    """The request that a stub's function gets. The repr omits the headers, which have secrets."""

    method: str
    path: str
    #: Query, body and path together, by wire name, without the values of secrets.
    params: dict[str, str]
    #: The caller's mid, 0 for nobody.
    mid: int
    #: By name in lower case.
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"StubRequest({self.method} {self.path}, params={self.params}, mid={self.mid})"


class Response(Struct, frozen=True):
    """A response with a status and headers of its own; ``body`` is JSON, or bytes sent as is."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = {}


#: What a stub answers: JSON, a ``Response``, bytes, or a function of the request, perhaps async,
#: that returns one of these. It runs on the service's thread.
Answer = Any
Function = Callable[[StubRequest], Any | Awaitable[Any]]


class Stub(Struct, frozen=True, kw_only=True):
    """A method and a path, perhaps with parameters in braces, and what is answered there."""

    method: str
    path: str
    answer: Answer
    #: How often it answers before it is removed; None for ever.
    times: int | None = None


class Stubs:
    """The stubs of a service; the last that was given for a request counts."""

    def __init__(self) -> None:
        self._stubs: list[tuple[Callable[[str], dict[str, str] | None], Stub]] = []
        self._left: dict[int, int] = {}

    def __bool__(self) -> bool:
        return bool(self._stubs)

    def add(self, stub: Stub) -> None:
        """Raise ValueError for a path without a slash at its beginning, or ``times`` below 1."""
        if not stub.path.startswith("/"):
            raise ValueError(f"path must begin with a slash, not {stub.path!r}")
        if stub.times is not None:
            if stub.times < 1:
                raise ValueError("times must be 1 or more")
            self._left[id(stub)] = stub.times
        self._stubs.insert(0, (matcher(stub.path), stub))

    def clear(self) -> None:
        self._stubs.clear()
        self._left.clear()

    def all(self) -> list[Stub]:
        """Return the stubs, the last first."""
        return [stub for _, stub in self._stubs]

    def find(self, method: str, path: str) -> tuple[Stub, dict[str, str]] | None:
        """Return the stub for a request and the parameters in its path, or None."""
        method = "GET" if method == "HEAD" else method
        for match, stub in self._stubs:
            in_path = match(path) if stub.method.upper() == method else None
            if in_path is not None:
                return stub, in_path
        return None

    def count(self, stub: Stub) -> None:
        """Count an answer of a stub, which is removed after the last of its ``times``."""
        if id(stub) not in self._left:
            return
        self._left[id(stub)] -= 1
        if not self._left[id(stub)]:
            del self._left[id(stub)]
            self._stubs = [each for each in self._stubs if each[1] is not stub]


async def response_of(stub: Stub, request: StubRequest) -> tuple[Response, bytes]:
    """Return a stub's response to a request, and its encoded body.

    Raise what its function raises, and TypeError if it returns what is not JSON.
    """
    answer = stub.answer
    if callable(answer):
        answer = answer(request)
        if inspect.isawaitable(answer):
            answer = await answer
    response = answer if isinstance(answer, Response) else Response(answer)
    if isinstance(response.body, bytes):
        return response, response.body
    return response, msgspec.json.encode(response.body)


def stub_headers(response: Response) -> list[tuple[bytes, bytes]]:
    """Return the headers of a stub's response, without its length, which follows from its body.

    Raise ValueError for a name or a value that HTTP does not permit.
    """
    is_raw = isinstance(response.body, bytes)
    sent = {"content-type": "application/octet-stream" if is_raw else "application/json"}
    sent |= {name.lower(): value for name, value in response.headers.items()}
    sent.pop("content-length", None)
    for name, value in sent.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"not a header of HTTP: {name!r}")
    return [(name.encode(), value.encode("latin-1")) for name, value in sent.items()]
