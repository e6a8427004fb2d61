"""Administration over HTTP, on a separate address and with separate bearer tokens.

| request | what it does |
|---|---|
| GET /accounts | a page of accounts: ``name`` (its start), ``state``, ``created_after``, \
``created_before``, ``limit``, ``after`` |
| GET /accounts/{mid} | an account's key, state, ban, creation, privacy, card, counts, sessions |
| PUT /accounts/{mid} | create or change it: ``{"card": {…}, "privacy": {…}, "key": "…"}`` |
| PUT /accounts | the same by key, ``{"key": "…", "card": {…}, "privacy": {…}}``; returns the mid |
| DELETE /accounts/{mid} | erase it: 202, and ``Location`` shows how far that is |
| GET /accounts/{mid}/erasure | how far its erasure is, and what was deleted |
| PUT /accounts/{mid}/privacy | set the given switches: ``{"hide_followings": true}`` |
| PUT /accounts/{mid}/state | ``{"state": "normal" or "banned" or "deregistered"}``; of a ban \
also ``reason`` and ``until`` |
| GET /accounts/{mid}/relations | a page of a list of it: ``list``, ``limit``, ``after`` |
| GET /accounts/{mid}/export | all that is kept of it, as JSON Lines |
| GET /accounts/{mid}/sessions | its sessions: id, kind, times |
| DELETE /accounts/{mid}/sessions/{id} | close one of them |
| POST /accounts/{mid}/sessions | sign in: ``{"kind": "cookie" or "app"}``; returns a token |
| DELETE /accounts/{mid}/sessions | close all its sessions |
| GET /mids?key=…&key=… | the mids of accounts with these keys |
| GET /keys?mid=…&mid=… | the keys of accounts |
| GET /accounts/{mid}/mutes | a page of whom it has muted: ``limit``, ``after`` |
| PUT /accounts/{mid}/mutes/{target} | mute another one: ``{"until": 1800000000}``, or no body |
| DELETE /accounts/{mid}/mutes/{target} | end that |
| GET /accounts/{mid}/suggestions | accounts to suggest to it: ``limit`` |
| PUT /accounts/{mid}/dismissals/{target} | suggest another one to it no more |
| DELETE /accounts/{mid}/dismissals/{target} | end that |
| POST /sessions/revoke | close one session: ``{"token": "…"}`` |
| POST /logins/agree | confirm a QR sign-in: ``{"key": "…", "mid": 1}`` |
| POST /apps | issue an appkey and its appsec |
| GET /tokens | the tokens that the store keeps, without their secrets |
| POST /tokens | make one: ``{"name": "…", "scopes": ["read"], "days": 90}`` |
| DELETE /tokens/{name} | end one |
| GET /audit | what administration did: ``limit``, ``after``, ``mid``, ``token`` |
| GET /changes | the feed of changes, see ``guanxi.service.changes`` |
| GET /metrics | metrics in Prometheus text format |

A PUT leaves fields that it does not contain unchanged; a new account has the defaults of ``Card``
and ``Privacy`` in ``guanxi.accounts.account``, which also define each field's bounds. The
key "" is none; one that another account has is refused (409). A deregistered account cannot be
restored (409). A PUT needs a body; those of ``POST /accounts/{mid}/sessions`` and of a mute are
optional.

Every request needs ``Authorization: Bearer <token>``; a token has scopes. A GET needs ``read``, and
every other method ``write``; the metrics need ``metrics`` or ``read``. The audit log has every
request that is not a GET, before it is done. Errors have an HTTP status and the body
``{"error": "…"}`` with the reason.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

import msgspec
from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from guanxi.accounts import secrets
from guanxi.accounts.account import Card, EditRefusal, Privacy
from guanxi.accounts.administrators import is_name
from guanxi.accounts.secrets import TokenKind
from guanxi.contract.params import LARGEST
from guanxi.graph import pair
from guanxi.operations import accounts, sessions
from guanxi.operations.accounts import AccountError
from guanxi.operations.audit import Act, recorded
from guanxi.service import (
    admin_accounts,
    admin_audit,
    admin_erasure,
    admin_marks,
    admin_requests,
    admin_sessions,
    changes,
    logs,
)
from guanxi.service.administering import (
    HEADERS,
    Administered,
    AdminRequest,
    Verb,
    as_json,
    checked_key,
    decoded,
    fields,
    names,
    refused,
    whole_body,
)
from guanxi.service.admitting import Admission, check_scopes, scopes_for
from guanxi.service.exchange import request_ids
from guanxi.stores.port import StoreError, StoreTimeout

_BODY_BYTES = 65_536
#: Decimal digits of the largest mid.
_DIGITS = 19
_OUTCOME_UNKNOWN = "it may have been done; look before repeating"
_UNREADABLE = "an unexpected error; the service's log has the cause"


class CardBody(Card, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A card in a request body. Decoding fails for unknown fields."""


class PrivacyBody(Privacy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Privacy switches in a request body. Decoding fails for unknown ones."""


class AccountBody(Struct, frozen=True, forbid_unknown_fields=True):
    card: CardBody = CardBody()
    privacy: PrivacyBody = PrivacyBody()
    key: str | None = None


class KeyedBody(Struct, frozen=True, forbid_unknown_fields=True):
    """An account that is named by its key."""

    key: str
    card: CardBody = CardBody()
    privacy: PrivacyBody = PrivacyBody()


class SignInBody(Struct, frozen=True, forbid_unknown_fields=True):
    kind: TokenKind = TokenKind.COOKIE


class RevokeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A session to close. The repr hides its token."""

    token: str

    def __repr__(self) -> str:
        return "RevokeBody()"


class AgreementBody(Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    mid: int

    def __repr__(self) -> str:
        return f"AgreementBody(mid={self.mid})"


_Handler = Callable[[Request], Awaitable[Response]]


def application(administered: Administered, token: str) -> Starlette:
    """Return the application that administers a store's accounts and sessions over HTTP.

    It also issues appkeys and exposes metrics. Requests need a bearer token: ``token``, which has
    every scope, or one of the settings or of the store, which has some. An error
    response has the body ``{"error": "…"}``.
    """
    verbs: list[tuple[str, str, Verb]] = [
        ("GET", "/accounts", admin_accounts.listed),
        ("PUT", "/accounts", _put_by_key),
        ("GET", "/accounts/{mid}", _get_account),
        ("PUT", "/accounts/{mid}", _put_account),
        ("DELETE", "/accounts/{mid}", admin_erasure.begin),
        ("GET", "/accounts/{mid}/erasure", admin_erasure.show),
        ("PUT", "/accounts/{mid}/privacy", _set_privacy),
        ("PUT", "/accounts/{mid}/state", admin_accounts.set_state),
        ("GET", "/accounts/{mid}/relations", admin_accounts.relations),
        ("GET", "/accounts/{mid}/export", admin_accounts.exported),
        ("GET", "/accounts/{mid}/sessions", admin_sessions.listed),
        ("DELETE", "/accounts/{mid}/sessions/{target}", admin_sessions.revoke),
        ("POST", "/accounts/{mid}/sessions", _sign_in),
        ("DELETE", "/accounts/{mid}/sessions", _sign_out),
        ("GET", "/mids", admin_marks.mids),
        ("GET", "/keys", admin_marks.keys),
        ("GET", "/accounts/{mid}/mutes", admin_marks.mutes),
        ("PUT", "/accounts/{mid}/mutes/{target}", admin_marks.mute),
        ("DELETE", "/accounts/{mid}/mutes/{target}", admin_marks.unmute),
        ("GET", "/accounts/{mid}/requests", admin_requests.received),
        ("PUT", "/accounts/{mid}/requests/{target}", admin_requests.acting(pair.Act.APPROVE)),
        ("DELETE", "/accounts/{mid}/requests/{target}", admin_requests.acting(pair.Act.DECLINE)),
        ("GET", "/accounts/{mid}/sent-requests", admin_requests.sent),
        (
            "DELETE",
            "/accounts/{mid}/sent-requests/{target}",
            admin_requests.acting(pair.Act.CANCEL_REQUEST),
        ),
        ("GET", "/accounts/{mid}/suggestions", admin_marks.suggestions),
        ("PUT", "/accounts/{mid}/dismissals/{target}", admin_marks.dismiss),
        ("DELETE", "/accounts/{mid}/dismissals/{target}", admin_marks.undismiss),
        ("POST", "/sessions/revoke", _revoke),
        ("POST", "/logins/agree", _agree),
        ("POST", "/apps", _new_app),
        ("GET", "/tokens", admin_audit.tokens),
        ("POST", "/tokens", admin_audit.new_token),
        ("DELETE", "/tokens/{name}", admin_audit.revoke_token),
        ("GET", "/audit", admin_audit.audit),
        ("GET", "/changes", _changes),
        ("GET", "/metrics", _metrics),
    ]
    admission = Admission(administered.service, token)
    ids = request_ids(administered.service.chance, "a")
    # One route for each path: a 405 then names all of its methods.
    handlers: dict[str, dict[str, _Handler]] = {}
    for method, path, verb in verbs:
        handlers.setdefault(path, {})[method] = _guarded(
            verb, administered, admission, method, path, ids=ids
        )
    routes = [
        Route(path, _by_method(of_path), methods=[*of_path]) for path, of_path in handlers.items()
    ]
    found = Starlette(
        routes=routes,
        exception_handlers={
            HTTPException: refused,
            ClientDisconnect: _unheard,
            Exception: _failed,
        },
    )
    found.router.redirect_slashes = False  # the address would be made of the request's Host
    return found


def _by_method(handlers: Mapping[str, _Handler]) -> _Handler:
    async def handle(request: Request) -> Response:
        return await handlers["GET" if request.method == "HEAD" else request.method](request)

    return handle


def _guarded(
    verb: Verb,
    administered: Administered,
    admission: Admission,
    method: str,
    path: str,
    *,
    ids: Iterator[str],
) -> _Handler:
    """Return a handler that checks the token and its scopes, and calls ``verb``.

    ``ids`` has new request ids. Unless ``method`` is GET, the audit log has the request before
    ``verb`` is called. The handler raises HTTPException: 401 for a missing or wrong token, 403 for
    one without the scope of the route, 404 for an invalid mid or unknown account, 409 for a
    deregistered account, 413 for a body over 64 KiB, 504 for a StoreTimeout and 503 for another
    StoreError, which it logs; and passes on the HTTPExceptions of ``verb``.
    """

    scopes, route = scopes_for(method, path), f"{method} {path}"
    service = administered.service

    async def done(request: AdminRequest) -> Response:
        with _refusals():
            return await verb(administered, request)

    async def guarded(request: Request) -> Response:
        with _refusals():
            token = await admission.token(request.headers.get("authorization", ""))
        check_scopes(token, scopes, route)
        mid, target = [_mid(request.path_params, name) for name in ("mid", "target")]
        query, name = tuple(request.query_params.multi_items()), _name(request.path_params)
        body, act = await whole_body(request, _BODY_BYTES), Act(mid, target)
        admitted = AdminRequest(mid, target, body, query, request.headers, token, act, name)
        if method == "GET":
            return await done(admitted)
        request_id, now_ms = next(ids), service.clock() // 10**6
        named = {"X-Request-Id": request_id}
        try:
            with _refusals():
                async with recorded(
                    service.store, token.name, route, act, now_ms=now_ms, request_id=request_id
                ):
                    response = await _noted(done, admitted)
        except HTTPException as error:
            headers = {**(error.headers or {}), **named}
            raise HTTPException(error.status_code, error.detail, headers) from None
        response.headers.update(named)
        return response

    return guarded


async def _noted(
    done: Callable[[AdminRequest], Awaitable[Response]], request: AdminRequest
) -> Response:
    """Return the response to a request, and set its status in the request's act."""
    try:
        response = await done(request)
    except HTTPException as error:
        request.act.status = error.status_code
        raise
    request.act.status = response.status_code
    return response


@contextmanager
def _refusals() -> Iterator[None]:
    """Raise HTTPException for what operations and the store raise; log the store's errors."""
    try:
        yield
    except AccountError as error:
        status = 404 if error.refusal is EditRefusal.UNKNOWN else 409
        raise HTTPException(status, str(error)) from None
    except StoreTimeout:
        logs.LOG.exception("administration failed")
        raise HTTPException(504, _OUTCOME_UNKNOWN) from None
    except StoreError as error:
        logs.LOG.exception("administration failed")
        raise HTTPException(503, str(error), {"Retry-After": "1"}) from None


def _name(path: Mapping[str, str]) -> str:
    """Return the name in a path's parameters, "" if they have none.

    Raise HTTPException (404) if it cannot be the name of a token.
    """
    name = path.get("name", "")
    if "name" in path and not is_name(name):
        raise HTTPException(404, "no such token")
    return name


def _mid(path: Mapping[str, str], name: str) -> int:
    """Return the mid of this name in a path's parameters, or 0 if they have none.

    Raise HTTPException (404) if they have one that is not a number from 1 to 2**63 - 1.
    """
    text = path.get(name, "0")
    if len(text) > _DIGITS or not (text.isascii() and text.isdigit()):
        raise HTTPException(404, "no such mid")
    mid = int(text)
    if name in path and not 1 <= mid <= LARGEST:
        raise HTTPException(404, "no such mid")
    return mid


async def _get_account(administered: Administered, request: AdminRequest) -> Response:
    return as_json(await accounts.described(administered.service.store, request.mid))


async def _put_account(administered: Administered, request: AdminRequest) -> Response:
    body, given = decoded(request.body, AccountBody), names(request.body)
    if body.key:
        checked_key(body.key)
    await accounts.put(
        administered.service.store,
        request.mid,
        fields(body.card, given.get("card", ())),
        fields(body.privacy, given.get("privacy", ())),
        key=body.key,
    )
    return as_json({})


async def _put_by_key(administered: Administered, request: AdminRequest) -> Response:
    body, given = decoded(request.body, KeyedBody), names(request.body)
    checked_key(body.key)
    mid = await accounts.put_by_key(
        administered.service.store,
        body.key,
        fields(body.card, given.get("card", ())),
        fields(body.privacy, given.get("privacy", ())),
    )
    request.act.mid = mid
    return as_json({"mid": mid})


async def _set_privacy(administered: Administered, request: AdminRequest) -> Response:
    body = decoded(request.body, PrivacyBody)
    switches = fields(body, names(request.body))
    await accounts.set_privacy(administered.service.store, request.mid, switches)
    return as_json({})


async def _sign_in(administered: Administered, request: AdminRequest) -> Response:
    kind = decoded(request.body or b"{}", SignInBody).kind
    request.act.detail = kind.value
    service = administered.service
    issued = await sessions.issue(
        service.store,
        request.mid,
        kind,
        service.profile.limits,
        service.now(),
        chance=service.chance,
    )
    if kind is TokenKind.APP:
        return as_json({"access_key": issued.token, "expires": issued.expires})
    response = {"sessdata": issued.token, "bili_jct": issued.bili_jct, "expires": issued.expires}
    return as_json(response)


async def _sign_out(administered: Administered, request: AdminRequest) -> Response:
    await accounts.existing(administered.service.store, request.mid)
    return as_json({"closed": await administered.service.store.close_sessions(request.mid)})


async def _revoke(administered: Administered, request: AdminRequest) -> Response:
    body, store = decoded(request.body, RevokeBody), administered.service.store
    session = await store.session(secrets.session_digest(body.token))
    request.act.mid = session.mid if session else 0
    closed = await store.close_session(secrets.session_digest(body.token))
    return as_json({"closed": int(closed)})


async def _agree(administered: Administered, request: AdminRequest) -> Response:
    body = decoded(request.body, AgreementBody)
    if not 1 <= body.mid <= LARGEST:
        raise HTTPException(404, "no such mid")
    request.act.mid = body.mid
    seconds, now = administered.service.profile.limits.qr_seconds, administered.service.now()
    try:
        await sessions.agree(administered.service.store, body.key, body.mid, seconds, now)
    except AccountError:
        raise  # as for every other request, 404 if it is unknown
    except ValueError as error:
        raise HTTPException(409, str(error)) from None
    return as_json({})


async def _new_app(administered: Administered, request: AdminRequest) -> Response:
    service = administered.service
    appkey, appsec = secrets.new_app(service.store.secret, service.chance)
    request.act.detail = appkey
    return as_json({"appkey": appkey, "appsec": appsec})


async def _changes(administered: Administered, request: AdminRequest) -> Response:
    return await changes.read(administered.service.store, dict(request.query), request.headers)


async def _metrics(administered: Administered, _request: AdminRequest) -> Response:
    return Response(administered.metrics(), headers=HEADERS, media_type=CONTENT_TYPE_LATEST)


def bad_request(reason: str) -> bytes:
    """Return the body of the response to what is not valid HTTP, with the reason."""
    return msgspec.json.encode({"error": reason})


async def _unheard(_request: Request, _error: Exception) -> Response:
    """Return a response that nobody gets: the client closed the connection within its body."""
    return as_json({"error": "body: incomplete"}, 400)


async def _failed(request: Request, error: Exception) -> Response:
    """Log an unexpected error and return a 504 response: the change may have been made.

    A GET or HEAD changes nothing: 503.
    """
    logs.LOG.error("administration failed", exc_info=error)
    if request.method in ("GET", "HEAD"):
        return as_json({"error": _UNREADABLE}, 503, {"Retry-After": "1"})
    return as_json({"error": _OUTCOME_UNKNOWN}, 504)
