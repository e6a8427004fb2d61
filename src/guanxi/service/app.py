"""The ASGI application: find the endpoint, decode and check the request, call its handler, encode.

Checks run in this order: HTTP errors (404, 405), the rate of the address (-412), HTTP errors of the
body (413, 415), the gate's (-352, -101, -111, -403), the rate of the account (-799), -400, and then
the handler's own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from threading import get_ident
from typing import Any

import msgspec

from guanxi.accounts.account import State
from guanxi.accounts.rights import CALLER
from guanxi.contract import errors
from guanxi.contract.endpoint import Body, Envelope
from guanxi.contract.params import Callback, InvalidParameter
from guanxi.contract.paths import matcher, placeholders
from guanxi.service import cors, logs
from guanxi.service.answers import CONTENT_TYPE, failure, success
from guanxi.service.exchange import (
    ASGI,
    Exchange,
    Gate,
    Observer,
    Scope,
    Send,
    address_of,
    request_ids,
)
from guanxi.service.forms import ClientDisconnected, Receive, form_fields, read_body
from guanxi.service.handlers.people import shows_space
from guanxi.service.handling import BANNED, NO_ACCOUNT, Answer, Refused, Service, WithCookies
from guanxi.service.rates import Rates
from guanxi.service.request import (
    cookies,
    fields,
    headers_of,
    merged,
    repeated,
)
from guanxi.service.routes import Route, routes
from guanxi.service.spaces import WithoutDocuments
from guanxi.stores.port import CallerRefused, StoreBusy, StoreError, StoreTimeout, StoreUnavailable
from guanxi.stores.port.lanes import READER
from guanxi.stores.state_cache import state_of
from guanxi.text import Text

_HEADERS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
_SCRIPT = (b"content-type", b"application/javascript; charset=utf-8")
_NO_FIELDS: dict[str, str] = {}
_RETRY_AFTER = (b"retry-after", b"1")
_CAUSE = "the service's log has the cause, under the x-request-id of this response"
_CLOSE = (b"connection", b"close")
_OVERLOADED = Text("请求过多", "too many requests at once")


class Application:
    """An ASGI application over a store: served alone, or mounted in another application.

    It may be constructed anywhere, and then belongs to one event loop, as its store does. ``gate``
    decides who may call. ``observers`` get each exchange. ``pages`` serve GET requests by path.
    ``rates`` limit accounts and addresses; by default as the settings say, counted here alone.
    HEAD is answered as GET is, without the body. A request that exceeds ``request_seconds`` is
    cancelled and answered -504, or HTTP 408 while its body is read.
    """

    def __init__(
        self,
        service: Service,
        gate: Gate,
        observers: Sequence[Observer] = (),
        pages: Mapping[str, ASGI] = {},
        rates: Rates | None = None,
    ) -> None:
        self._service = service
        self._gate = gate
        self._limits = service.profile.limits
        self._state = state_of(service.store)
        self._at_once = service.settings.requests_at_once
        if rates is None:
            rates = Rates(service.settings, service.clock)
        #: The limits, by the names of the endpoints that have one: most requests are of others.
        self._limits_of = dict.fromkeys(rates.limited, rates)
        self._drops_cursor = not service.profile.cursors
        self._observers = [*observers]
        self._pages = pages
        self._routes = routes(service.profile)
        #: Routes with a parameter in the path.
        self._patterns = [
            (matcher(path), self._routes.pop((method, path)))
            for method, path in list(self._routes)
            if placeholders(path)
        ]
        self._methods = dict.fromkeys(pages, "GET")
        self._methods |= {path: method for method, path in self._routes}
        self._envelopes = {
            path: route.endpoint.envelope for (_, path), route in self._routes.items()
        }
        #: The origins of pages that may call the endpoints.
        self._origins = cors.allowed(service.settings.cors_origins)
        #: Kept, because to find the running loop takes a system call.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._running: set[Exchange] = set()
        #: Those of them that write: their clients may send slowly, and they wait for the disk.
        self._writing: set[Exchange] = set()
        #: Whether a check for late requests is scheduled.
        self._is_checking = False
        self._failures = logs.Failures()
        self.renumber()

    @property
    def service(self) -> Service:
        """Return the store, settings and clock that the handlers use."""
        return self._service

    def observe(self, observer: Observer) -> None:
        """Call ``observer`` with each exchange, after the observers that were there before."""
        self._observers.append(observer)

    def forget(self) -> None:
        """Drop what is cached of the store, after its rows were replaced from outside."""
        self._service.store.forget()
        self._gate.forget()
        for rates in {*self._limits_of.values()}:
            rates.forget()

    def renumber(self) -> None:
        """Begin with new ids of requests."""
        self._request_ids = request_ids(self._service.chance)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an HTTP request, or acknowledge the host's start and stop (scope ``lifespan``).

        Raise CancelledError if the host cancels the request, RuntimeError on an event loop other
        than the application's, and ValueError for a scope of another type.
        """
        if scope["type"] != "http":
            await _lifespan(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        if scope.get("root_path"):
            path = below(scope["root_path"], path)
        route, in_path = self._routes.get((method, path)), _NO_FIELDS
        if route is None:
            if method == "HEAD":
                method = "GET"
            if method == "GET" and path in self._pages:
                await self._pages[path](scope, receive, send)
                return
            if self._origins and method == "OPTIONS" and await self._preflight(scope, path, send):
                return
            route, in_path = self._find(method, path)
        exchange = Exchange(
            next(self._request_ids), scope, path, route.endpoint if route else None, receive
        )
        task = self._begin(exchange)
        try:
            await self._answer(exchange, route, in_path)
        except ClientDisconnected:
            return
        except asyncio.CancelledError as error:
            if self._cancelled(exchange, task, error):
                return
            self._fail(exchange, error)
        except Exception as error:
            self._fail(exchange, error)
        finally:
            self._running.discard(exchange)  # a closed loop's requests are forgotten already
            if route is not None and route.reads_form:
                self._writing.discard(exchange)
            if exchange.is_late:  # the cancellation was caught below
                task.uncancel()
            if exchange.has_left:
                task.uncancel()
            # Its context has the exchange: the garbage collector spent a sixth of the CPU on them.
            exchange.task = None
        headers = self._end(exchange, route)
        await send({"type": "http.response.start", "status": exchange.status, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else exchange.body
        await send({"type": "http.response.body", "body": body})

    def overloaded(self, scope: Scope) -> tuple[list[tuple[bytes, bytes]], bytes] | None:
        """Return the headers and the body of a response with the status 503, in place of an answer.

        Observers get the exchange. None if the request has no endpoint: it may be a probe of the
        service's health, and is to be answered.
        """
        method, path = scope["method"], scope["path"]
        route, _ = self._find("GET" if method == "HEAD" else method, path)
        if route is None:
            return None
        exchange = Exchange(next(self._request_ids), scope, path, route.endpoint)
        exchange.started = time.monotonic()
        self._fail(exchange, StoreBusy(_OVERLOADED))
        return self._end(exchange, route), b"" if method == "HEAD" else exchange.body

    def _end(self, exchange: Exchange, route: Route | None) -> list[tuple[bytes, bytes]]:
        """Show an exchange to the observers; return the headers of its response."""
        if route is not None and route.is_jsonp:
            self._call_back(exchange, route)
        exchange.seconds = time.monotonic() - exchange.started
        for observe in self._observers:
            observe(exchange)
        length = (b"content-length", b"%d" % len(exchange.body))
        headers = [*_HEADERS, length, *exchange.headers]
        if self._origins:
            headers += cors.response_headers(self._origins, exchange.scope["headers"])
        return headers

    async def _preflight(self, scope: Scope, path: str, send: Send) -> bool:
        """Answer a preflight request to an endpoint from an allowed origin; False if it is none."""
        method = None if path in self._pages else self._method(path)
        if method is None:
            return False
        headers = cors.preflight(self._origins, scope["headers"], _allowed(method))
        if headers is None:
            return False
        await send({"type": "http.response.start", "status": 204, "headers": [*_HEADERS, *headers]})
        await send({"type": "http.response.body", "body": b""})
        return True

    def _find(self, method: str, path: str) -> tuple[Route | None, dict[str, str]]:
        """Return the matching route and the path's parameters by name, or ``(None, {})``."""
        route = self._routes.get((method, path))
        if route is not None:
            return route, _NO_FIELDS
        for match, route in self._patterns:
            matched = match(path)
            if matched is not None and route.endpoint.method == method:
                return route, matched
        return None, {}

    def _begin(self, exchange: Exchange) -> asyncio.Task[object]:
        """Add a request to those that are running; return its task.

        Raise RuntimeError if the application is bound to another loop that is not closed.
        """
        bound = self._is_checking and get_ident() == self._thread
        task = asyncio.current_task(self._loop) if bound else None
        if task is None:
            task = self._bind()
        exchange.task, exchange.cancelling = task, task.cancelling()
        exchange.started = time.monotonic()
        self._running.add(exchange)
        return task

    def _cancelled(
        self, exchange: Exchange, task: asyncio.Task[object], error: asyncio.CancelledError
    ) -> bool:
        """Take back a request's cancellation, ``error``; return whether its client has left.

        Raise ``error`` if the request was cancelled by anything but that or the time limit.
        """
        # Even a late request may have been cancelled by its host in addition.
        has_left = exchange.has_left and not exchange.is_late
        if has_left:
            exchange.has_left = False
        elif exchange.is_late:
            exchange.is_late = False
        else:
            raise error
        if task.uncancel() > exchange.cancelling:
            raise error
        return has_left

    def _bind(self) -> asyncio.Task[object]:
        """Bind to the running loop, schedule a check for late requests; return the current task.

        Raise RuntimeError if the application is bound to another loop that is not closed.
        """
        loop = asyncio.get_running_loop()
        task, bound = asyncio.current_task(loop), self._loop or loop
        if task is None or not (bound is loop or bound.is_closed()):
            raise RuntimeError(
                "this application belongs to another event loop; construct a new one"
            )
        if self._loop is not loop:  # what ran on a closed loop will not end
            self._running.clear()
            self._writing.clear()
        self._loop, self._thread = loop, get_ident()
        if not self._is_checking or bound is not loop:
            self._check_later(loop)
        return task

    def _check_later(self, loop: asyncio.AbstractEventLoop) -> None:
        # One check a second costs less than a timer for each request.
        self._is_checking = True
        loop.call_later(min(1.0, self._service.settings.request_seconds), self._check, loop)

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel late requests, and check again later while requests are running."""
        cutoff = time.monotonic() - self._service.settings.request_seconds
        for exchange in self._running:
            if exchange.started < cutoff and exchange.task is not None and not exchange.is_late:
                exchange.is_late = True
                exchange.task.cancel()
        self._failures.count()
        self._is_checking = bool(self._running)
        if self._is_checking:
            self._check_later(loop)

    def _fail(self, exchange: Exchange, error: BaseException) -> None:
        refused, endpoint = _refusal(error, exchange), exchange.endpoint
        if isinstance(refused, _Failed):
            self._failures.add(exchange, refused.code, error)
        exchange.code, exchange.status = refused.code, refused.status
        exchange.headers = (*CONTENT_TYPE[Body.JSON], *refused.headers)
        if endpoint is not None:
            envelope = endpoint.envelope
        else:
            envelope = self._envelopes.get(exchange.path, Envelope.STANDARD)
        message = (
            errors.CODES[refused.code].wire_message
            if endpoint is None
            else endpoint.message(refused.code)
        )
        exchange.body = failure(
            envelope,
            refused.code,
            message,
            refused.data,
            self._service.clock,
            chance=self._service.chance,
            reason=refused.reason,
        )

    async def _answer(
        self, exchange: Exchange, route: Route | None, in_path: dict[str, str]
    ) -> None:
        """Check a request, call the route's handler and encode its result into the exchange.

        Raise Refused or InvalidParameter if the request is refused, ClientDisconnected if its body
        does not arrive, or a StoreError.
        """
        service, scope = self._service, exchange.scope
        if route is None:
            raise self._no_route(scope, exchange.path)
        # Counted apart, so that writes that wait do not refuse reads, nor long reads a write.
        writing = len(self._writing)
        if route.reads_form:
            self._writing.add(exchange)
        if (writing if route.reads_form else len(self._running) - writing - 1) >= self._at_once:
            raise StoreUnavailable("too many requests at once")
        rates = self._limits_of.get(route.endpoint.name)
        if rates is not None:
            rates.check_address(route.endpoint, address_of(scope))
        limits, query = self._limits, scope["query_string"]
        pairs, invalid = fields(query, route.known, limits.fields)
        headers = headers_of(scope["headers"])
        if route.reads_form:
            exchange.is_whole = False
            body = await read_body(exchange.receive, headers, limits.body_bytes)
            exchange.is_whole = True
            form, form_error = form_fields(body, headers, route.known, limits)
            if pairs:
                invalid = invalid or form_error or repeated(pairs, route.known)
                pairs = merged(pairs, form)
            else:
                pairs, invalid = form, invalid or form_error
        if in_path:
            pairs = [*in_path.items(), *pairs]
        values = dict(pairs)
        if len(values) != len(pairs):
            invalid = invalid or repeated(pairs, route.known)
        if "" in values.values():
            values = {name: value for name, value in values.items() if value or name in route.blank}
        caller = exchange.caller = await self._gate.caller(
            route.endpoint, scope, headers, pairs, values
        )
        if rates is not None and caller.mid:
            rates.check_account(route.endpoint, caller.mid)
        if invalid is not None:
            raise invalid
        if self._drops_cursor:
            values.pop("cursor", None)
        params = exchange.params = route.decode(values)
        READER.set(exchange)  # until the request's task ends
        if route.is_write:
            # Before any write transaction, in which the rules look again.
            _refuse_state(await self._state(caller.mid), route, params)
        if route.space_owner:
            owner = getattr(params, route.space_owner)
            if not await shows_space(service, owner):
                service = service._replace(store=WithoutDocuments(service.store, owner))
        if isinstance(route.handler, WithCookies):
            jar = cookies(headers.get(b"cookie", b""), limits.cookies)
            answer = await route.handler.handler(service, caller.mid, params, jar)
        else:
            answer = await route.handler(service, caller.mid, params)
        if rates is not None:
            rates.give_back(route.endpoint, caller.address)
        exchange.headers = route.content_type
        if isinstance(answer, Answer):
            answer, more = answer
            is_secure = scope.get("scheme") == "https"
            exchange.headers += tuple(map(_secured, more)) if is_secure else more
        exchange.body = success(route.endpoint.envelope, answer, service.clock, service.chance)

    def _call_back(self, exchange: Exchange, route: Route) -> None:
        """Let the response call the JSONP callback that the query names (the last).

        It stays JSON if there is none or it is not a valid name, or the query has too many fields.
        """
        query = exchange.scope["query_string"]
        try:
            pairs, _ = fields(query, route.known, self._limits.fields)
            name = dict(pairs).get("callback")
            callback = msgspec.convert(name, Callback)
        except (Refused, msgspec.ValidationError):
            return
        if callback:
            exchange.headers = (_SCRIPT, *exchange.headers[1:])
            exchange.body = b"%b(%b)" % (callback.encode(), exchange.body)

    def _method(self, path: str) -> str | None:
        """Return the method of a path's endpoint or page, or None if there is neither."""
        for match, route in self._patterns:
            if match(path) is not None:
                return route.endpoint.method
        return self._methods.get(path)

    def _no_route(self, scope: Scope, path: str) -> Refused:
        method = self._method(path)
        if method is None:
            reason = "path: no endpoint has it"
            if "/docs" in self._pages:
                reason += f"; {scope.get('root_path', '').rstrip('/')}/docs lists them"
            return Refused(errors.NotFound.number, reason, status=404)
        allowed = _allowed(method)
        allow = ((b"allow", allowed.encode()),)
        reason = f"method: must be {allowed.replace(', ', ' or ')}"
        if scope["method"] == "OPTIONS" and path not in self._pages:
            reason = cors.refusal(self._origins, scope["headers"]) or reason
        return Refused(errors.BadRequest.number, reason, status=405, headers=allow)


def _refuse_state(state: State | None, route: Route, params: Any) -> None:
    """Raise Refused if a caller's account in this state may not make the call."""
    if state is None or state is State.NORMAL:
        return
    code = CALLER[state, route.endpoint.does]
    if code == errors.AccountBanned.number:
        raise Refused(code, BANNED, data=route.banned_data(params))
    if code:  # deregistered since the session was checked
        raise Refused(code, NO_ACCOUNT)


def _secured(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Return a header of a response over https: a cookie that it sets is for https alone."""
    name, value = header
    return (name, value + b"; Secure") if name == b"set-cookie" else header


def _allowed(method: str) -> str:
    return "GET, HEAD" if method == "GET" else method


class _Failed(Refused):
    """A request that the service itself failed to do: the log has the cause."""


def _refusal(error: BaseException, exchange: Exchange) -> Refused:
    """Return the Refused to send for an exception: the exception itself if it is a Refused.

    InvalidParameter gets the endpoint's ``invalid_code``, or -400 without an endpoint, and
    StoreBusy -503. Other exceptions are a _Failed: StoreTimeout and a cancellation become -504,
    every other StoreError -503. The rest become -504 at an endpoint that writes, because the write
    may have happened, and -503 elsewhere. At an HTML endpoint, a refusal with HTTP status 200 gets
    404.
    """
    endpoint = exchange.endpoint
    match error:
        case Refused():
            refused = error
        case InvalidParameter():
            code = errors.BadRequest.number if endpoint is None else endpoint.invalid_code
            refused = Refused(code, error)
        case CallerRefused():  # since the state was checked
            banned = error.code == errors.AccountBanned.number
            refused = Refused(error.code, BANNED if banned else NO_ACCOUNT)
        case StoreBusy():
            code = errors.ServiceUnavailable.number
            reason = f"nothing was changed: {error}; repeat the request after a second"
            refused = Refused(code, reason, status=503, headers=(_RETRY_AFTER,))
        case asyncio.CancelledError() if not exchange.is_whole:
            reason = "body: did not arrive whole in time"
            # What still comes of the body must not be taken for a request. HTTP/2 has streams.
            closing = (_CLOSE,) if exchange.scope["http_version"] < "2" else ()
            refused = Refused(errors.BadRequest.number, reason, status=408, headers=closing)
        case StoreTimeout() | asyncio.CancelledError():  # cancelled: it took too long
            return _failed(errors.DeadlineExceeded.number, exchange)
        case StoreError():  # nothing was done
            return _failed(errors.ServiceUnavailable.number, exchange)
        case _:
            writes = endpoint is not None and endpoint.writes
            code = errors.DeadlineExceeded.number if writes else errors.ServiceUnavailable.number
            return _failed(code, exchange)
    if endpoint is not None and endpoint.body is Body.HTML and refused.status == 200:
        refused.status = 404  # a browser that loads a page checks the status
    return refused


def _failed(code: int, exchange: Exchange) -> _Failed:
    """Return a Refused with ``code`` and the header ``x-request-id``, by which the log has it.

    Its HTTP status is 503 (with ``retry-after``) for code -503, and 504 otherwise.
    """
    named = (b"x-request-id", exchange.request_id.encode())
    if code == errors.ServiceUnavailable.number:
        reason = f"nothing was changed: repeat the request after a second; {_CAUSE}"
        return _Failed(code, reason, status=503, headers=(named, _RETRY_AFTER))
    wrote = "the change may have been made: read before you repeat it"
    writes = exchange.endpoint is not None and exchange.endpoint.writes
    reason = f"{wrote if writes else 'no response in time'}; {_CAUSE}"
    return _Failed(code, reason, status=504, headers=(named,))


def below(root: str, path: str) -> str:
    """Return a path without the one at which the application is mounted.

    By the ASGI specification a path includes ``root_path``; some servers leave it out.
    """
    root = root.rstrip("/")
    return path[len(root) :] if path.startswith(f"{root}/") else path


async def _lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    """Acknowledge the host's start and stop, of which the application needs neither.

    Raise ValueError if the scope is not ``lifespan``.
    """
    if scope["type"] != "lifespan":
        raise ValueError(f"guanxi serves http, not {scope['type']}")
    for stage in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{stage}.complete"})
