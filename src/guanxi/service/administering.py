"""What the requests of the administration share: their values, their bodies, their responses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar, cast

import msgspec
from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from guanxi.accounts.administrators import AdminToken
from guanxi.contract import errors
from guanxi.contract.undecodable import UNDECODABLE, why
from guanxi.operations import accounts
from guanxi.operations.audit import Act
from guanxi.service.handling import Service

_T = TypeVar("_T")

#: The most keys or mids of a request, and items of a page.
MOST = 100
_DEFAULT_LIMIT = 50
#: Of every response of the administration.
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Administered(NamedTuple):
    """The store, profile, clock and metrics that administration uses."""

    service: Service
    #: Returns the metrics in Prometheus text format.
    metrics: Callable[[], bytes]


class AdminRequest(NamedTuple):
    """An authenticated request: the mids of its path, its body, its query and headers."""

    #: The account, and the one that it acts on; 0 where the path has none.
    mid: int
    target: int
    body: bytes
    #: The parameters of the query, in order; a name can occur several times.
    query: tuple[tuple[str, str], ...]
    #: With lower-case names.
    headers: Mapping[str, str]
    #: Who sent it.
    token: AdminToken
    #: What the audit log keeps of a request that changes something. A verb sets in it an account
    #: that is not in the path, and a detail that is no secret.
    act: Act
    #: A name in the path, "" where it has none.
    name: str = ""


Verb = Callable[[Administered, AdminRequest], Awaitable[Response]]


def decoded(body: bytes, kind: type[_T]) -> _T:
    """Decode a JSON body into ``kind``; raise HTTPException (400) if it is empty or invalid."""
    if not body:
        raise HTTPException(400, "the body is empty; it must be a JSON object")
    try:
        return msgspec.json.decode(body, type=kind)
    except UNDECODABLE as error:
        raise HTTPException(400, why(error)) from None


def names(body: bytes) -> dict[str, Any]:
    """Return a JSON object as a dict of its fields; raise HTTPException (400) if it is none."""
    return decoded(body, dict[str, Any])


def fields(body: Struct, chosen: Iterable[str]) -> dict[str, Any]:
    """Return the values of the fields ``chosen`` of a decoded body, by name."""
    return {name: getattr(body, name) for name in chosen}


def known_query(request: AdminRequest, known: Collection[str]) -> dict[str, list[str]]:
    """Return the values of the query's parameters, by name.

    Raise HTTPException (400) for a parameter that is not in ``known``.
    """
    values: dict[str, list[str]] = {}
    for name, value in request.query:
        if name not in known:
            raise HTTPException(400, f"{name}: no such parameter, only {', '.join(known)}")
        values.setdefault(name, []).append(value)
    return values


def as_json(data: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON response, which is never cached."""
    all_headers = {**HEADERS, **(headers or {})}
    return Response(msgspec.json.encode(data), status, all_headers, "application/json")


#: By the code with which the rules refuse what one account does to another: the status of the
#: response, and the reason.
_REFUSALS = {
    errors.CannotTargetSelf.number: (400, "an account cannot do this to itself"),
    errors.NoSuchUser.number: (404, "one of the accounts does not exist, or left"),
    errors.NotFound.number: (404, "the target does not request to follow the account"),
    errors.NotSignedIn.number: (409, "the account is deregistered"),
    errors.AccountDeregistered.number: (409, errors.AccountDeregistered.meaning),
    errors.AccountBanned.number: (409, errors.AccountBanned.meaning),
    errors.TargetInBlacklist.number: (409, "the account blocks the target"),
    errors.FollowRefused.number: (409, "the target blocks the account"),
    errors.FollowingLimitReached.number: (409, "the target follows as many accounts as it may"),
}


def done(code: int) -> Response:
    """Return the response of an act with code 0; raise HTTPException for any other code."""
    if code:
        raise HTTPException(*_REFUSALS[code])
    return as_json({})


async def whole_body(request: Request, most: int) -> bytes:
    """Read a request's whole body; raise HTTPException (413) if it exceeds ``most`` bytes.

    Raise ClientDisconnect if the client disconnects.
    """
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > most:
            raise HTTPException(413, f"at most {most} bytes")
    return bytes(raw)


async def refused(_request: Request, error: Exception) -> Response:
    """Return the response to an HTTPException: its status, headers and reason."""
    found = cast(HTTPException, error)  # registered for this class only
    return as_json({"error": found.detail}, found.status_code, dict(found.headers or {}))


def checked_key(key: str) -> None:
    """Raise HTTPException (400) for a text that cannot be a key."""
    try:
        accounts.check_key(key)
    except ValueError as error:
        raise HTTPException(400, f"key: {error}") from None


def limit_of(query: dict[str, list[str]]) -> int:
    """Return the number of items of a page, as the query has it."""
    return number_of("limit", query.get("limit", [str(_DEFAULT_LIMIT)])[-1], MOST)


def number_of(name: str, text: str, most: int) -> int:
    """Return a number from 1 to ``most``; raise HTTPException (400) for any other text."""
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    if not is_number or not 1 <= int(text) <= most:
        raise HTTPException(400, f"{name}: must be a number from 1 to {most}")
    return int(text)
