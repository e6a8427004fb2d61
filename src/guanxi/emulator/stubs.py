"""Stubs: responses that a test gives, also for endpoints that the contract lacks."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from guanxi.contract.paths import matcher
from guanxi.text import Text

_METHOD = re.compile(r"[A-Za-z]{1,20}")
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


class Placed(Struct):
    """A stub that is set, its number, and how often it has answered."""

    number: int
    stub: Stub
    answered: int = 0


class Stubs:
    """The stubs of a service; the last that was set for a request counts."""

    def __init__(self) -> None:
        self._placed: list[tuple[Callable[[str], dict[str, str] | None], Placed]] = []
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._placed)

    def add(self, stub: Stub) -> Placed:
        """Set a stub in front of the others. Raise ValueError if it is invalid: ``errors_of``."""
        _check(stub)
        self._count += 1
        placed = Placed(self._count, stub)
        self._placed.insert(0, (matcher(stub.path), placed))
        return placed

    def replace(self, number: int, stub: Stub) -> Placed | None:
        """Set another stub at the position of the one with this number; its answers count anew.

        Return None if there is none with the number. Raise ValueError if the stub is invalid.
        """
        _check(stub)
        for index, (_, placed) in enumerate(self._placed):
            if placed.number == number:
                changed = Placed(number, stub)
                self._placed[index] = matcher(stub.path), changed
                return changed
        return None

    def remove(self, number: int) -> bool:
        """Remove the stub with this number; return False if there is none."""
        left = [each for each in self._placed if each[1].number != number]
        was_set = len(left) < len(self._placed)
        self._placed = left
        return was_set

    def clear(self) -> None:
        """Remove all stubs; the numbers begin anew."""
        self._placed.clear()
        self._count = 0

    def all(self) -> list[Placed]:
        """Return the stubs, the last first."""
        return [placed for _, placed in self._placed]

    def find(self, method: str, path: str) -> tuple[Placed, dict[str, str]] | None:
        """Return the stub for a request and the parameters in its path, or None."""
        method = "GET" if method == "HEAD" else method
        for match, placed in self._placed:
            in_path = match(path) if placed.stub.method.upper() == method else None
            if in_path is not None:
                return placed, in_path
        return None

    def count(self, placed: Placed) -> None:
        """Count an answer of a stub, which is removed after the last of its ``times``."""
        placed.answered += 1
        if placed.answered == placed.stub.times:
            self._placed = [each for each in self._placed if each[1] is not placed]


def _check(stub: Stub) -> None:
    for name, wrong in errors_of(stub).items():
        raise ValueError(Text(f"{name}：{wrong.zh}", f"{name} {wrong.en}"))


def errors_of(stub: Stub) -> dict[str, Text]:
    """Return what is wrong with a stub, by the name of the field: {} for a valid one."""
    found: dict[str, Text] = {}
    if not _METHOD.fullmatch(stub.method):
        found["method"] = Text("应为一个单词，如 GET", "must be a word, such as GET")
    if not stub.path.startswith("/"):
        found["path"] = Text(
            f"应以斜线开头，而非 {stub.path!r}", f"must begin with a slash, not {stub.path!r}"
        )
    if stub.times is not None and stub.times < 1:
        found["times"] = Text("应为 1 或更大", "must be 1 or more")
    if isinstance(stub.answer, Response):
        if not 200 <= stub.answer.status <= 599:
            found["status"] = Text(
                f"应为 200 到 599，而非 {stub.answer.status}",
                f"must be 200 to 599, not {stub.answer.status}",
            )
        for name, value in stub.answer.headers.items():
            if not is_header(name, value):
                found["headers"] = Text(
                    f"不是 HTTP 的标头：{name!r}", f"must be of HTTP, which {name!r} is not"
                )
    return found


def is_header(name: str, value: str) -> bool:
    """Return whether HTTP permits a header."""
    return bool(_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value))


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
        if not is_header(name, value):
            raise ValueError(f"not a header of HTTP: {name!r}")
    return [(name.encode(), value.encode("latin-1")) for name, value in sent.items()]
