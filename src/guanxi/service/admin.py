"""Administration over HTTP, on an address and with a token of its own.

| request | what it does |
|---|---|
| GET /accounts/{mid} | an account's state, privacy, card and counts |
| PUT /accounts/{mid} | make it, or change what is given: ``{"card": {…}, "privacy": {…}}`` |
| PUT /accounts/{mid}/privacy | set the switches that are given: ``{"hide_followings": true}`` |
| PUT /accounts/{mid}/state | ``{"state": "normal" or "banned" or "deregistered"}`` |
| POST /accounts/{mid}/sessions | sign it in: ``{"kind": "cookie" or "app"}``; answers the token |
| DELETE /accounts/{mid}/sessions | sign it out everywhere |
| POST /sessions/revoke | end one session: ``{"token": "…"}`` |
| POST /logins/agree | let a sign-in by code happen: ``{"key": "…", "mid": 1}`` |
| POST /apps | issue an appkey and its appsec |
| GET /metrics | what Prometheus reads |

What a PUT does not name stays as it is; on a new account it has its default, as ``Card`` and
``Privacy`` of ``guanxi.accounts.account`` have them, where the bounds of each field stand too. A
deregistered account stays one, 409 otherwise. A PUT without a body is refused; the bodies of POSTs
may be left out.

Every request carries ``Authorization: Bearer <token>``. Refusals use HTTP's statuses, and say why
in ``{"error": "…"}``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import nullcontext
from typing import Any, Literal, NamedTuple, TypeVar, cast

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from guanxi.accounts import secrets
from guanxi.accounts.account import Account, Card, Privacy, State
from guanxi.accounts.secrets import TokenKind
from guanxi.contract.limits import Limits
from guanxi.contract.params import LARGEST
from guanxi.service import login, logs
from guanxi.service.auth import issue
from guanxi.service.metrics import exposition
from guanxi.stores.port import Store, StoreError

_T = TypeVar("_T")
_S = TypeVar("_S", bound=Struct)
_BODY_BYTES = 65_536
#: What the largest mid has.
_DIGITS = 19
_STATES = {"normal": State.NORMAL, "banned": State.BANNED, "deregistered": State.DEREGISTERED}


class CardBody(Card, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A card; a misspelt field is refused."""


class PrivacyBody(Privacy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The switches; a misspelt one is refused."""


class AccountBody(Struct, frozen=True, forbid_unknown_fields=True):
    card: CardBody = CardBody()
    privacy: PrivacyBody = PrivacyBody()


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


class Asked(NamedTuple):
    """A request that the guard let through."""

    #: 0 where the path has none.
    mid: int
    body: bytes


_Verb = Callable[[Administered, Asked], Awaitable[Response]]


def application(administered: Administered, token: str) -> Starlette:
    """The administration of a store, for whoever holds the token."""
    verbs: list[tuple[str, str, _Verb]] = [
        ("GET", "/accounts/{mid}", _tell),
        ("PUT", "/accounts/{mid}", _put),
        ("PUT", "/accounts/{mid}/privacy", _set_privacy),
        ("PUT", "/accounts/{mid}/state", _set_state),
        ("POST", "/accounts/{mid}/sessions", _sign_in),
        ("DELETE", "/accounts/{mid}/sessions", _sign_out),
        ("POST", "/sessions/revoke", _revoke),
        ("POST", "/logins/agree", _agree),
        ("POST", "/apps", _new_app),
        ("GET", "/metrics", _metrics),
    ]
    writing = asyncio.Lock()
    routes = [
        Route(path, _guarded(verb, administered, token, writing), methods=[method])
        for method, path, verb in verbs
    ]
    return Starlette(
        routes=routes, exception_handlers={HTTPException: _refused, Exception: _failed}
    )


def _guarded(
    verb: _Verb, administered: Administered, token: str, writing: asyncio.Lock
) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secrets.equal(given, token):
            why = "missing or wrong bearer token"
            raise HTTPException(401, why, {"WWW-Authenticate": "Bearer"})
        asked = Asked(_mid(request.path_params), await _body(request))
        try:
            # A PUT reads what there is and changes some of it: one after the other.
            async with writing if request.method == "PUT" else nullcontext():
                return await verb(administered, asked)
        except StoreError as error:
            logs.LOG.exception("administration failed")
            raise HTTPException(503, str(error), {"Retry-After": "1"}) from None

    return guarded


def _mid(path: Mapping[str, str]) -> int:
    """The mid in a path; 0 where there is none."""
    text = path.get("mid", "0")
    if len(text) > _DIGITS or not (text.isascii() and text.isdigit()):
        raise HTTPException(404, "no such mid")
    mid = int(text)
    if "mid" in path and not 1 <= mid <= LARGEST:
        raise HTTPException(404, "no such mid")
    return mid


async def _tell(administered: Administered, asked: Asked) -> Response:
    store, mid = administered.store, asked.mid
    account = await _known(administered, asked)
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


async def _put(administered: Administered, asked: Asked) -> Response:
    store, mid = administered.store, asked.mid
    body, given = _decoded(asked.body, AccountBody), _names(asked.body)
    card = (await store.cards([mid])).get(mid, Card())
    account = await store.account(mid) or Account(mid=mid)
    await store.put_account(
        mid,
        _changed(card, body.card, given.get("card", ())),
        _changed(account.privacy, body.privacy, given.get("privacy", ())),
    )
    return _json({})


async def _set_privacy(administered: Administered, asked: Asked) -> Response:
    known = await _known(administered, asked)
    body = _decoded(asked.body, PrivacyBody)
    switches = _changed(known.privacy, body, _names(asked.body))
    await administered.store.set_privacy(asked.mid, switches)
    return _json({})


async def _set_state(administered: Administered, asked: Asked) -> Response:
    known = await _known(administered, asked)
    state = _STATES[_decoded(asked.body, StateBody).state]
    if known.state is State.DEREGISTERED and state is not State.DEREGISTERED:
        raise HTTPException(409, f"account {asked.mid} is deregistered")
    await administered.store.set_state(asked.mid, state)
    return _json({})


async def _sign_in(administered: Administered, asked: Asked) -> Response:
    await _known(administered, asked)
    kind = _decoded(asked.body or b"{}", SignInBody).kind
    try:
        issued = await issue(administered.store, asked.mid, kind, administered.limits)
    except ValueError as error:
        raise HTTPException(409, str(error)) from None
    if kind is TokenKind.APP:
        return _json({"access_key": issued.token, "expires": issued.expires})
    told = {"sessdata": issued.token, "bili_jct": issued.bili_jct, "expires": issued.expires}
    return _json(told)


async def _sign_out(administered: Administered, asked: Asked) -> Response:
    await _known(administered, asked)
    return _json({"closed": await administered.store.close_sessions(asked.mid)})


async def _revoke(administered: Administered, asked: Asked) -> Response:
    body = _decoded(asked.body, RevokeBody)
    closed = await administered.store.close_session(secrets.digest(body.token))
    return _json({"closed": int(closed)})


async def _agree(administered: Administered, asked: Asked) -> Response:
    body = _decoded(asked.body, AgreementBody)
    if not 1 <= body.mid <= LARGEST:
        raise HTTPException(404, "no such mid")
    try:
        await login.agree(administered.store, body.key, body.mid, administered.limits)
    except ValueError as error:
        raise HTTPException(409, str(error)) from None
    return _json({})


async def _new_app(administered: Administered, _asked: Asked) -> Response:
    appkey, appsec = secrets.new_app(administered.store.secret)
    return _json({"appkey": appkey, "appsec": appsec})


async def _metrics(administered: Administered, _asked: Asked) -> Response:
    return Response(exposition(administered.counters()), media_type=CONTENT_TYPE_LATEST)


async def _known(administered: Administered, asked: Asked) -> Account:
    account = await administered.store.account(asked.mid)
    if account is None:
        raise HTTPException(404, f"no account {asked.mid}")
    return account


async def _body(request: Request) -> bytes:
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > _BODY_BYTES:
            raise HTTPException(413, f"at most {_BODY_BYTES} bytes")
    return bytes(raw)


def _decoded(body: bytes, kind: type[_T]) -> _T:
    if not body:
        raise HTTPException(400, "the body is empty; it must be a JSON object")
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise HTTPException(400, str(error)) from None


def _names(body: bytes) -> dict[str, Any]:
    """A body that could be decoded as it came: what it names."""
    return msgspec.json.decode(body, type=dict[str, Any])


def _changed(kept: _S, body: Struct, names: Iterable[str]) -> _S:
    """What is kept, with the named fields of a body."""
    return replace(kept, **{name: getattr(body, name) for name in names})


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
