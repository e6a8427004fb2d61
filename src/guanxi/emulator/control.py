"""The emulator over HTTP, for tests in any language: an address and a token of its own.

Every request needs ``Authorization: Bearer <token>``, but for the OpenAPI document, which lists
them all. Errors have an HTTP status and the body ``{"error": "…"}`` with the reason.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import Struct
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from guanxi.accounts import secrets
from guanxi.accounts.account import Card
from guanxi.accounts.secrets import TokenKind
from guanxi.emulator import world
from guanxi.emulator.emulator import Emulator
from guanxi.emulator.faults import Armed, Fault
from guanxi.emulator.state import UNNAMED
from guanxi.emulator.stories import STORIES
from guanxi.emulator.stubs import Placed, Stub
from guanxi.emulator.stubs import Response as StubResponse
from guanxi.operations import sessions
from guanxi.service.administering import HEADERS, as_json, decoded, refused, whole_body
from guanxi.service.logs import LOG
from guanxi.stores.port import BadLine, EdgeRow, StoreError
from guanxi.text import Text

if TYPE_CHECKING:
    from guanxi.emulator.serving import World, Worlds

BASE = "/emulator"
_BODY_BYTES = 16 * 2**20
#: The most digits of the number of a fault or stub.
_DIGITS = 18


class StoryBody(Struct, frozen=True, forbid_unknown_fields=True):
    name: str


class MarkBody(Struct, frozen=True, forbid_unknown_fields=True):
    name: str = UNNAMED


class ResetBody(Struct, frozen=True, forbid_unknown_fields=True):
    #: The last mark by default.
    name: str | None = None


class WorldBody(Struct, frozen=True, forbid_unknown_fields=True):
    #: The world as it is now by default.
    mark: str | None = None


class ClockBody(Struct, frozen=True, forbid_unknown_fields=True):
    """One of the two, in seconds: a Unix time to freeze the clock at, or how far to move it."""

    at: float | None = None
    advance: float | None = None


class StubBody(Struct, frozen=True, forbid_unknown_fields=True):
    method: str
    path: str
    body: Any = None
    status: int = 200
    headers: dict[str, str] = {}
    times: int | None = None


class AssertBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The requests that must have arrived: at least one, or exactly ``times``."""

    endpoint: str
    params: dict[str, Any] = {}
    times: int | None = None
    by: int | None = None
    code: int | None = None


class AccountsBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Accounts to create: ``mids`` with the names ``u<mid>``, or cards by mid."""

    mids: list[int] = []
    cards: dict[int, Card] = {}


class EdgesBody(Struct, frozen=True, forbid_unknown_fields=True):
    edges: list[EdgeRow]


class SessionBody(Struct, frozen=True, forbid_unknown_fields=True):
    mid: int
    kind: TokenKind = TokenKind.COOKIE


class _Call(NamedTuple):
    """A request: the emulator, the number in its path (0 for none), its body and its query."""

    emulator: Emulator
    number: int
    body: Any
    query: dict[str, str]
    raw: bytes
    worlds: Worlds


class _Verb(NamedTuple):
    """A method and path, its body (None for none), what it does, and the function that does it."""

    method: str
    path: str
    body: Any
    summary: str
    act: Callable[[_Call], Awaitable[Any]]


async def _about(call: _Call) -> Any:
    emulator = call.emulator
    return {
        "time": emulator.clock() / 1e9,
        "frozen": emulator.clock.is_frozen,
        "faults": len(emulator.faults),
        "stubs": len(emulator.stubs.all()),
        "requests": len(emulator.requests.all()),
        "marks": emulator.marks.names,
    }


def _shown(armed: Armed) -> dict[str, Any]:
    fields = msgspec.to_builtins(armed.fault)
    return {"number": armed.number, "applied": armed.applied, **fields}


async def _faults(call: _Call) -> Any:
    return [_shown(armed) for armed in call.emulator.faults]


async def _add_fault(call: _Call) -> Any:
    return _shown(await call.emulator.add_fault(call.body))


async def _remove_fault(call: _Call) -> Any:
    if not await call.emulator.remove_fault(call.number):
        raise HTTPException(404, "no such fault")
    return {}


async def _clear_faults(call: _Call) -> Any:
    await call.emulator.clear_faults()
    return {}


async def _stories(_call: _Call) -> Any:
    return [{"name": story.name, "what": str(story.what)} for story in STORIES.values()]


async def _add_story(call: _Call) -> Any:
    return [_shown(armed) for armed in await call.emulator.add_story(call.body.name)]


async def _requests(call: _Call) -> Any:
    query = call.query
    found = call.emulator.requests.to(
        query.get("endpoint", "*"), by=_int(query, "by"), code=_int(query, "code")
    )
    last = _int(query, "last")
    if last is not None and last < 0:
        raise ValueError("last must be 0 or more")
    return found if last is None else found[len(found) - min(last, len(found)) :]


async def _clear_requests(call: _Call) -> Any:
    call.emulator.requests.clear()
    return {}


async def _assert_called(call: _Call) -> Any:
    body: AssertBody = call.body
    call.emulator.requests.assert_called(
        body.endpoint, body.params, times=body.times, by=body.by, code=body.code
    )
    return {}


async def _assert_all_answered(call: _Call) -> Any:
    call.emulator.requests.assert_all_answered()
    return {}


async def _set_clock(call: _Call) -> Any:
    body, clock = call.body, call.emulator.clock
    if (body.at is None) == (body.advance is None):
        raise ValueError("give at or advance, one of the two")
    if body.at is not None:
        clock.at(body.at)
    else:
        clock.advance(body.advance)
    return {"time": clock() / 1e9, "frozen": clock.is_frozen}


async def _real_time(call: _Call) -> Any:
    call.emulator.clock.resume()
    return {}


async def _stubs(call: _Call) -> Any:
    return [_shown_stub(placed) for placed in call.emulator.stubs.all()]


def _shown_stub(placed: Placed) -> dict[str, Any]:
    stub = placed.stub
    shown = {"number": placed.number, "answered": placed.answered}
    return shown | {"method": stub.method, "path": stub.path, "times": stub.times}


async def _add_stub(call: _Call) -> Any:
    return _shown_stub(call.emulator.answer(_stub_of(call.body)))


async def _change_stub(call: _Call) -> Any:
    placed = call.emulator.stubs.replace(call.number, _stub_of(call.body))
    if placed is None:
        raise HTTPException(404, "no such stub")
    return _shown_stub(placed)


def _stub_of(body: StubBody) -> Stub:
    answer = StubResponse(body.body, status=body.status, headers=body.headers)
    return Stub(method=body.method, path=body.path, answer=answer, times=body.times)


async def _remove_stub(call: _Call) -> Any:
    if not call.emulator.stubs.remove(call.number):
        raise HTTPException(404, "no such stub")
    return {}


async def _clear_stubs(call: _Call) -> Any:
    call.emulator.stubs.clear()
    return {}


async def _mark(call: _Call) -> Any:
    await call.emulator.marks.mark(call.body.name)
    return {"marks": call.emulator.marks.names}


async def _reset(call: _Call) -> Any:
    await call.emulator.marks.reset(call.body.name)
    return {}


async def _dump(call: _Call) -> Any:
    return Response(await call.emulator.dump(), headers=HEADERS, media_type="application/x-ndjson")


async def _load(call: _Call) -> Any:
    await call.emulator.load(None if call.query.get("world") == "demo" else call.raw.splitlines())
    return {}


async def _worlds(call: _Call) -> Any:
    return [_addresses(world) for world in call.worlds.opened]


async def _open_world(call: _Call) -> Any:
    return _addresses(await call.worlds.open(call.body.mark))


async def _close_worlds(call: _Call) -> Any:
    await call.worlds.close()
    return {}


def _addresses(world: World) -> dict[str, str]:
    return {"base_url": world.ready.service.url, "emulator_url": world.ready.emulator_url}


async def _clear(call: _Call) -> Any:
    await call.emulator.clear()
    return {}


async def _renew(call: _Call) -> Any:
    await call.emulator.renew()
    return {}


async def _add_accounts(call: _Call) -> Any:
    body: AccountsBody = call.body
    cards = {mid: world.card_of(mid) for mid in body.mids} | body.cards
    await world.add_accounts(call.emulator.service.store, cards)
    return {"accounts": len(cards)}


async def _import_edges(call: _Call) -> Any:
    service = call.emulator.service
    changed = await world.import_edges(service.store, call.body.edges, service.chance)
    return {"changed": changed}


async def _sign_in(call: _Call) -> Any:
    service, body = call.emulator.service, call.body
    issued = await sessions.issue(
        service.store,
        body.mid,
        body.kind,
        service.profile.limits,
        service.now(),
        chance=service.chance,
    )
    if body.kind is TokenKind.APP:
        return {"access_key": issued.token, "expires": issued.expires}
    cookie = f"SESSDATA={issued.token}; bili_jct={issued.bili_jct}"
    return {
        "sessdata": issued.token,
        "bili_jct": issued.bili_jct,
        "cookie": cookie,
        "expires": issued.expires,
    }


_VERBS = (
    _Verb("GET", "", None, "Show the clock, the marks, and how much is set.", _about),
    _Verb("GET", "/faults", None, "List the faults that are set.", _faults),
    _Verb("POST", "/faults", Fault, "Set a fault.", _add_fault),
    _Verb("DELETE", "/faults", None, "Remove all faults.", _clear_faults),
    _Verb("DELETE", "/faults/{number}", None, "Remove a fault.", _remove_fault),
    _Verb("GET", "/stories", None, "List the ready stories.", _stories),
    _Verb("POST", "/stories", StoryBody, "Set the faults of a story.", _add_story),
    _Verb("GET", "/requests", None, "List the last requests.", _requests),
    _Verb("DELETE", "/requests", None, "Forget the requests.", _clear_requests),
    _Verb(
        "POST", "/requests/assert", AssertBody, "Answer 409 unless it was called.", _assert_called
    ),
    _Verb(
        "POST",
        "/requests/assert-all-answered",
        None,
        "Answer 409 if a request was for no endpoint or stub.",
        _assert_all_answered,
    ),
    _Verb("PUT", "/clock", ClockBody, "Freeze the clock, or move it.", _set_clock),
    _Verb("DELETE", "/clock", None, "Return to real time.", _real_time),
    _Verb("GET", "/stubs", None, "List the stubs.", _stubs),
    _Verb("POST", "/stubs", StubBody, "Answer a path with a response.", _add_stub),
    _Verb("DELETE", "/stubs", None, "Remove the stubs.", _clear_stubs),
    _Verb("PUT", "/stubs/{number}", StubBody, "Change a stub.", _change_stub),
    _Verb("DELETE", "/stubs/{number}", None, "Remove a stub.", _remove_stub),
    _Verb("POST", "/marks", MarkBody, "Remember the world as it is now.", _mark),
    _Verb("POST", "/reset", ResetBody, "Take the world back to a mark.", _reset),
    _Verb("GET", "/dump", None, "Return the world as JSON Lines.", _dump),
    _Verb("POST", "/load", None, "Replace the world by a dump, or by the demo's.", _load),
    _Verb("GET", "/worlds", None, "List the services next to this one.", _worlds),
    _Verb("POST", "/worlds", WorldBody, "Start one more, with a copy of the world.", _open_world),
    _Verb("DELETE", "/worlds", None, "Stop them.", _close_worlds),
    _Verb("POST", "/clear", None, "Remove faults, stubs, requests; real time.", _clear),
    _Verb("POST", "/renew", None, "Take all of it back to the start.", _renew),
    _Verb("POST", "/accounts", AccountsBody, "Create accounts.", _add_accounts),
    _Verb("POST", "/edges", EdgesBody, "Import relations.", _import_edges),
    _Verb("POST", "/sessions", SessionBody, "Sign an account in.", _sign_in),
)
#: The parameters of the query, which of them a verb reads, and what each means.
_READS_QUERY: dict[Callable[[_Call], Awaitable[Any]], tuple[str, ...]] = {
    _requests: ("endpoint", "by", "code", "last"),
    _load: ("world",),
}
_QUERY = {
    "endpoint": "an endpoint or a pattern",
    "by": "the caller's mid",
    "code": "the code of the response",
    "last": "at most so many, the last ones",
    "world": "demo, in place of a dump in the body",
}


def application(emulator: Emulator, token: str, worlds: Worlds) -> Starlette:
    """Return the application of an emulator's address; requests need the bearer ``token``."""
    handlers: dict[str, dict[str, Callable[[Request], Awaitable[Response]]]] = {}
    for verb in _VERBS:
        handlers.setdefault(BASE + verb.path, {})[verb.method] = _guarded(
            verb, emulator, worlds, token
        )

    async def openapi(_request: Request) -> Response:
        return as_json(document())

    routes = [Route(f"{BASE}/openapi.json", openapi)]
    routes += [
        Route(path, _by_method(of_path), methods=[*of_path]) for path, of_path in handlers.items()
    ]
    found = Starlette(routes=routes, exception_handlers={HTTPException: refused})
    found.router.redirect_slashes = False  # the address would be made of the request's Host
    return found


def _by_method(
    handlers: dict[str, Callable[[Request], Awaitable[Response]]],
) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        return await handlers["GET" if request.method == "HEAD" else request.method](request)

    return handle


def _guarded(
    verb: _Verb, emulator: Emulator, worlds: Worlds, token: str
) -> Callable[[Request], Awaitable[Response]]:
    """Return a handler that checks token, body and query, and calls ``verb``.

    It raises HTTPException: 401 for the token, 400 for what is invalid, 409 for an assertion that
    fails, 413 for a body over 16 MiB, 503 for a StoreError; and passes on those of ``verb``.
    """

    async def guarded(request: Request) -> Response:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secrets.equal(given, token):
            why = "missing or wrong bearer token"
            raise HTTPException(401, why, {"WWW-Authenticate": "Bearer"})
        raw = await whole_body(request, _BODY_BYTES)
        body = None if verb.body is None else decoded(raw or b"{}", verb.body)
        number = request.path_params.get("number", "0")
        if not (number.isascii() and number.isdigit() and len(number) <= _DIGITS):
            raise HTTPException(404, "no such number")
        query = dict(request.query_params)
        if unknown := query.keys() - {*_READS_QUERY.get(verb.act, ())}:
            raise HTTPException(400, f"{min(unknown)}: no such parameter")
        call = _Call(emulator, int(number), body, query, raw, worlds)
        try:
            result = await verb.act(call)
            return result if isinstance(result, Response) else as_json(result)
        except AssertionError as error:
            raise HTTPException(409, str(error)) from None
        except (ValueError, BadLine) as error:
            raise HTTPException(400, str(error)) from None
        except StoreError as error:
            LOG.exception("the emulator failed")
            raise HTTPException(503, str(error), {"Retry-After": "1"}) from None

    return guarded


def _int(query: dict[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{name} must be a number") from None


def document() -> dict[str, Any]:
    """Return the OpenAPI document of the emulator's address."""
    bodies = [verb.body for verb in _VERBS if verb.body is not None]
    schemas, components = msgspec.json.schema_components(
        bodies, ref_template="#/components/schemas/{name}"
    )
    schema_of = dict(zip(map(id, bodies), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for verb in _VERBS:
        operation: dict[str, Any] = {
            "summary": verb.summary,
            "responses": {
                "200": {"description": "done"},
                "4XX": {"description": 'refused: {"error": "why"}'},
            },
        }
        if verb.body is not None:
            content = {"application/json": {"schema": schema_of[id(verb.body)]}}
            operation["requestBody"] = {"content": content}
        parameters = []
        if "{number}" in verb.path:
            parameters.append(
                _parameter("number", "path", "the number of the fault or stub", "integer")
            )
        if verb.act in _READS_QUERY:
            named = _READS_QUERY[verb.act]
            parameters += [_parameter(name, "query", _QUERY[name]) for name in named]
        if parameters:
            operation["parameters"] = parameters
        paths.setdefault(BASE + verb.path, {})[verb.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "guanxi's emulator",
            "version": "1",
            "summary": str(Text("模拟器的控制接口。", "Faults, requests, clock and state.")),
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _parameter(name: str, where: str, what: str, kind: str = "string") -> dict[str, Any]:
    return {
        "name": name,
        "in": where,
        "required": where == "path",
        "description": what,
        "schema": {"type": kind},
    }
