"""Administration over HTTP, on an address and with a token of its own.

| request | what it does |
|---|---|
| GET /accounts/{mid} | an account's state, privacy, card and counts |
| PUT /accounts/{mid} | make it or replace its card: ``{"card": {…}, "privacy": {…}}`` |
| PUT /accounts/{mid}/privacy | set the three switches |
| PUT /accounts/{mid}/state | ``{"state": "normal" or "banned" or "deregistered"}`` |
| POST /accounts/{mid}/sessions | sign it in: ``{"kind": "cookie" or "app"}``; answers the token |
| DELETE /accounts/{mid}/sessions | sign it out everywhere |
| POST /sessions/revoke | end one session: ``{"token": "…"}`` |
| POST /logins/agree | let a sign-in by code happen: ``{"key": "…", "mid": 1}`` |
| POST /apps | issue an appkey and its appsec |
| GET /metrics | what Prometheus reads |

Every request carries ``Authorization: Bearer <token>``. Refusals use HTTP's statuses, and say why
in ``{"error": "…"}``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple, TypeVar, cast

import msgspec
from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from guanxi.accounts import secrets
from guanxi.accounts.account import Card, Privacy, State
from guanxi.accounts.secrets import TokenKind
from guanxi.contract.limits import Limits
from guanxi.contract.params import LARGEST
from guanxi.service import login, logs
from guanxi.service.auth import issue
from guanxi.service.metrics import exposition
from guanxi.stores.port import Store, StoreError

_T = TypeVar("_T")
_BODY_BYTES = 65_536
_STATES = {"normal": State.NORMAL, "banned": State.BANNED, "deregistered": State.DEREGISTERED}


class CardBody(Card, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A card; a misspelt field is refused."""


class PrivacyBody(Privacy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The switches; a misspelt one is refused, one that is not there is off."""


class AccountBody(Struct, frozen=True, forbid_unknown_fields=True):
    card: CardBody = CardBody()
    #: Stays as it is where it is not given.
    privacy: PrivacyBody | None = None


class StateBody(Struct, frozen=True, forbid_unknown_fields=True):
    state: Literal["normal", "banned", "deregistered"]


class SignInBody(Struct, frozen=True, forbid_unknown_fields=True):
    kind: TokenKind = TokenKind.COOKIE


class RevokeBody(Struct, frozen=True, forbid_unknown_fields=True):
    token: str


class AgreementBody(Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    mid: int

    def __repr__(self) -> str:
        return f"AgreementBody(mid={self.mid})"


class Administered(NamedTuple):
    """What administration works on."""

    store: Store
    limits: Limits
    #: Gives the counters to expose.
    counters: Callable[[], CollectorRegistry]


_Verb = Callable[[Administered, Request], Awaitable[Response]]


def application(administered: Administered, token: str) -> Starlette:
    """The administration of a store, for whoever holds the token."""
    verbs: list[tuple[str, str, _Verb]] = [
        ("GET", "/accounts/{mid:int}", _tell),
        ("PUT", "/accounts/{mid:int}", _put),
        ("PUT", "/accounts/{mid:int}/privacy", _set_privacy),
        ("PUT", "/accounts/{mid:int}/state", _set_state),
        ("POST", "/accounts/{mid:int}/sessions", _sign_in),
        ("DELETE", "/accounts/{mid:int}/sessions", _sign_out),
        ("POST", "/sessions/revoke", _revoke),
        ("POST", "/logins/agree", _agree),
        ("POST", "/apps", _new_app),
        ("GET", "/metrics", _metrics),
    ]
    routes = [
        Route(path, _guarded(verb, administered, token), methods=[method])
        for method, path, verb in verbs
    ]
    return Starlette(
        routes=routes, exception_handlers={HTTPException: _refused, Exception: _failed}
    )


def _guarded(
    verb: _Verb, administered: Administered, token: str
) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secrets.same(given, token):
            raise HTTPException(401, "bearer token", {"WWW-Authenticate": "Bearer"})
        if not 1 <= request.path_params.get("mid", 1) <= LARGEST:
            raise HTTPException(404, "no such mid")
        try:
            return await verb(administered, request)
        except StoreError as error:
            logs.LOG.exception("administration failed")
            raise HTTPException(503, str(error), {"Retry-After": "1"}) from None

    return guarded


async def _tell(administered: Administered, request: Request) -> Response:
    store, mid = administered.store, request.path_params["mid"]
    account = await store.account(mid)
    if account is None:
        raise HTTPException(404, f"no account {mid}")
    card = (await store.cards([mid]))[mid]
    return _json(
        {
            "mid": mid,
            "state": account.state.name.lower(),
            "privacy": account.privacy,
            "card": card,
            "tally": await store.tally(mid),
        }
    )


async def _put(administered: Administered, request: Request) -> Response:
    body = await _body(request, AccountBody)
    await administered.store.put_account(request.path_params["mid"], body.card, body.privacy)
    return _json({})


async def _set_privacy(administered: Administered, request: Request) -> Response:
    mid = await _known(administered, request)
    await administered.store.set_privacy(mid, await _body(request, PrivacyBody))
    return _json({})


async def _set_state(administered: Administered, request: Request) -> Response:
    mid = await _known(administered, request)
    body = await _body(request, StateBody)
    await administered.store.set_state(mid, _STATES[body.state])
    return _json({})


async def _sign_in(administered: Administered, request: Request) -> Response:
    mid = await _known(administered, request)
    kind = (await _body(request, SignInBody)).kind
    try:
        issued = await issue(administered.store, mid, kind, administered.limits)
    except ValueError as error:
        raise HTTPException(409, str(error)) from None
    if kind is TokenKind.APP:
        return _json({"access_key": issued.token, "expires": issued.expires})
    told = {"sessdata": issued.token, "bili_jct": issued.bili_jct, "expires": issued.expires}
    return _json(told)


async def _sign_out(administered: Administered, request: Request) -> Response:
    mid = await _known(administered, request)
    return _json({"closed": await administered.store.close_sessions(mid)})


async def _revoke(administered: Administered, request: Request) -> Response:
    body = await _body(request, RevokeBody)
    closed = await administered.store.close_session(secrets.digest(body.token))
    return _json({"closed": int(closed)})


async def _agree(administered: Administered, request: Request) -> Response:
    body = await _body(request, AgreementBody)
    if not 1 <= body.mid <= LARGEST:
        raise HTTPException(404, "no such mid")
    try:
        await login.agree(administered.store, body.key, body.mid, administered.limits)
    except ValueError as error:
        raise HTTPException(409, str(error)) from None
    return _json({})


async def _new_app(administered: Administered, _request: Request) -> Response:
    appkey, appsec = secrets.new_app(administered.store.secret)
    return _json({"appkey": appkey, "appsec": appsec})


async def _metrics(administered: Administered, _request: Request) -> Response:
    return Response(exposition(administered.counters()), media_type=CONTENT_TYPE_LATEST)


async def _known(administered: Administered, request: Request) -> int:
    mid: int = request.path_params["mid"]
    if await administered.store.account(mid) is None:
        raise HTTPException(404, f"no account {mid}")
    return mid


async def _body(request: Request, kind: type[_T]) -> _T:
    """The request's JSON as ``kind``; an empty body is an empty object."""
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > _BODY_BYTES:
            raise HTTPException(413, f"at most {_BODY_BYTES} bytes")
    try:
        return msgspec.json.decode(raw or b"{}", type=kind)
    except msgspec.DecodeError as error:
        raise HTTPException(400, str(error)) from None


def _json(told: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    kept = {"Cache-Control": "no-store", **(headers or {})}
    return Response(msgspec.json.encode(told), status, kept, "application/json")


async def _refused(_request: Request, error: Exception) -> Response:
    """What a verb, or the routing, refused."""
    refused = cast(HTTPException, error)  # it is registered for this kind alone
    return _json({"error": refused.detail}, refused.status_code, dict(refused.headers or {}))


async def _failed(_request: Request, error: Exception) -> Response:
    """Nobody foresaw it; it may have been done."""
    logs.LOG.error("administration failed", exc_info=error)
    return _json({"error": "it may have been done; look before repeating"}, 504)
