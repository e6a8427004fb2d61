"""The ASGI application: decode, authenticate and check a request, call its handler, encode.

Checks run in this order: HTTP errors (404, 405, 413, 415), then -352, -101, -111, -403, -400, and
then the handler's own.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from itertools import count
from secrets import token_hex
from typing import Any

import msgspec

from guanxi.contract import errors
from guanxi.contract.endpoint import Body, Envelope, Login
from guanxi.contract.params import Callback, InvalidParameter
from guanxi.contract.paths import matcher, placeholders
from guanxi.service import logs
from guanxi.service.answers import failure, success
from guanxi.service.auth import Gate
from guanxi.service.config import Settings
from guanxi.service.handling import Answer, Refused, Service, WithCookies
from guanxi.service.metrics import NO_ENDPOINT, Metrics
from guanxi.service.request import (
    ClientDisconnected,
    Receive,
    breaks_header_rule,
    cookies,
    fields,
    form_body,
    headers_of,
    repeated,
)
from guanxi.service.routes import Route, routes
from guanxi.stores.port import Store, StoreTimeout, StoreUnavailable

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]

_HEADERS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
_JSON = (b"content-type", b"application/json; charset=utf-8")
_SCRIPT = (b"content-type", b"application/javascript; charset=utf-8")
#: The refresh page only carries a csrf token, so its policy forbids scripts and all resources.
_HTML = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'"),
)
_CONTENT_TYPE = {Body.JSON: (_JSON,), Body.JSONP: (_JSON,), Body.HTML: _HTML}
_RETRY_AFTER = (b"retry-after", b"1")


class Application:
    """One worker's ASGI application over an open store.

    ``pages`` serves GET requests to ``page_paths``: documentation and health checks.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        metrics: Metrics,
        pages: ASGI,
        page_paths: frozenset[str],
    ) -> None:
        self._service = Service(store, settings.profile)
        self._settings = settings
        self._metrics = metrics
        self._pages = pages
        self._page_paths = page_paths
        self._gate = Gate(store)
        self._routes = routes(settings.profile)
        self._loop = asyncio.get_running_loop()
        #: Routes with a parameter in the path.
        self._patterns = [
            (matcher(path), self._routes.pop((method, path)))
            for method, path in list(self._routes)
            if placeholders(path)
        ]
        self._methods = dict.fromkeys(page_paths, "GET")
        self._methods |= {path: method for method, path in self._routes}
        self._envelopes = {
            path: route.endpoint.envelope for (_, path), route in self._routes.items()
        }
        self._started: dict[asyncio.Task[Any] | None, float] = {}
        #: Request ids are a prefix for this worker and a counter.
        self._id_prefix, self._counter = token_hex(8), count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        in_path: dict[str, str] = {}
        route = self._routes.get((method, path))
        if route is None:
            if method == "GET" and path in self._page_paths:
                await self._pages(scope, receive, send)
                return
            route, in_path = self._match_pattern(method, path)
        task = asyncio.current_task(self._loop)  # to find the loop takes a system call
        number = next(self._counter)
        started = self._started[task] = time.monotonic()
        try:
            if route is None:
                raise self._no_route(path)
            if len(self._started) > self._settings.requests_at_once:
                raise StoreUnavailable("too many requests at once")
            answer = await self._answer(route, scope, receive, in_path)
        except ClientDisconnected:
            return
        except (Exception, asyncio.CancelledError) as error:
            refused = _refusal(error, route, self._id(number))
            code, status, headers = refused.code, refused.status, (_JSON, *refused.headers)
            endpoint = None if route is None else route.endpoint
            envelope = self._envelopes.get(path, Envelope.STANDARD)
            if endpoint is not None:
                envelope = endpoint.envelope
            body = failure(envelope, code, refused.message_for(endpoint), refused.data)
        else:
            code, status, headers = 0, 200, _CONTENT_TYPE[route.endpoint.body]
            if isinstance(answer, bytes):
                data = answer
            else:
                data, headers = answer.data, (*headers, *answer.headers)
            body = success(route.endpoint.envelope, data)
        finally:
            del self._started[task]
        seconds = time.monotonic() - started
        name = NO_ENDPOINT if route is None else route.endpoint.name
        self._metrics.answered(name, code, seconds)
        if self._settings.log_requests:
            ms = round(seconds * 1000, 3)
            log_fields = {"request_id": self._id(number), "endpoint": name, "method": method}
            logs.event(logging.INFO, "request", **log_fields, status=status, code=code, ms=ms)
        if route is not None and route.endpoint.body is Body.JSONP:
            callback = _callback(route, scope["query_string"])
            if callback:
                headers = (_SCRIPT, *headers[1:])
                body = b"%b(%b)" % (callback.encode(), body)
        response_headers = [*_HEADERS, (b"content-length", b"%d" % len(body)), *headers]
        await send({"type": "http.response.start", "status": status, "headers": response_headers})
        await send({"type": "http.response.body", "body": body})

    def _id(self, number: int) -> str:
        return f"{self._id_prefix}-{number}"

    def _match_pattern(self, method: str, path: str) -> tuple[Route | None, dict[str, str]]:
        """Return the matching route and the path's parameters by name, or ``(None, {})``."""
        for match, route in self._patterns:
            matched = match(path)
            if matched is not None and route.endpoint.method == method:
                return route, matched
        return None, {}

    async def _answer(
        self, route: Route, scope: Scope, receive: Receive, in_path: dict[str, str]
    ) -> bytes | Answer:
        """Check a request, call the route's handler and return the handler's result.

        ``in_path`` has the path's parameters. Raise Refused or InvalidParameter if the request is
        refused, ClientDisconnected if its body does not arrive, or a StoreError.
        """
        endpoint, profile = route.endpoint, self._service.profile
        headers = headers_of(scope["headers"])
        pairs, invalid = fields(scope["query_string"], route.in_query)
        if in_path:
            pairs = [*in_path.items(), *pairs]
        accepted = pairs
        if route.reads_form:
            raw = await form_body(receive, headers, profile.limits.body_bytes)
            form, form_error = fields(raw, route.known)
            accepted = [pair for pair in pairs if pair[0] in route.in_query] + form
            pairs, invalid = pairs + form, invalid or form_error
        values = dict(accepted)
        if endpoint.header_rule and profile.header_rule and breaks_header_rule(headers):
            raise Refused(errors.RequestIntercepted.number)
        if endpoint.access_id:
            self._gate.access_id(values)
        caller = 0
        if endpoint.login is not Login.NONE:
            caller = await self._gate.caller(endpoint, headers, values)
        self._gate.signature(endpoint, pairs, values)
        if len(values) != len(accepted):
            invalid = invalid or repeated(accepted, route.known)
        if invalid is not None:
            raise invalid
        if not profile.cursors:
            values.pop("cursor", None)
        params = route.decode(values)
        if isinstance(route.handler, WithCookies):
            jar = cookies(headers.get(b"cookie", b""))
            return await route.handler.handler(self._service, caller, params, jar)
        return await route.handler(self._service, caller, params)

    async def watch(self) -> None:
        """Cancel requests that run longer than ``request_seconds``; return only when cancelled.

        They are answered -504, or HTTP 408 while the body is read. One check a second costs less
        than a timer for each request.
        """
        while True:
            await asyncio.sleep(min(1.0, self._settings.request_seconds))
            cutoff = time.monotonic() - self._settings.request_seconds
            for task in [task for task, started in self._started.items() if started < cutoff]:
                if task is not None:
                    task.cancel()

    def _no_route(self, path: str) -> Refused:
        method = self._methods.get(path)
        for match, route in self._patterns:
            if match(path) is not None:
                method = route.endpoint.method
        if method is None:
            return Refused(errors.NotFound.number, status=404)
        invalid = InvalidParameter("method", f"须为 {method}", f"must be {method}")
        allow = ((b"allow", method.encode()),)
        return Refused(errors.BadRequest.number, invalid, status=405, headers=allow)


def _refusal(error: BaseException, route: Route | None, request_id: str) -> Refused:
    """Return the Refused to send for an exception: the exception itself if it is a Refused.

    InvalidParameter gets the endpoint's ``invalid_code``, or -400 without a route. Other exceptions
    are logged: StoreUnavailable becomes -503; StoreTimeout and a cancellation become -504. The rest
    become -504 at an endpoint that writes, because the write may have happened, and -503 elsewhere.
    At an HTML endpoint, a refusal with HTTP status 200 gets 404.
    """
    match error:
        case Refused():
            refused = error
        case InvalidParameter():
            code = errors.BadRequest.number if route is None else route.endpoint.invalid_code
            refused = Refused(code, error)
        case StoreUnavailable():
            return _failed(errors.ServiceUnavailable.number, error, route, request_id)
        case StoreTimeout() | asyncio.CancelledError():  # cancelled: it took too long
            return _failed(errors.DeadlineExceeded.number, error, route, request_id)
        case _:
            writes = route is not None and route.endpoint.writes
            code = errors.DeadlineExceeded.number if writes else errors.ServiceUnavailable.number
            return _failed(code, error, route, request_id)
    if route is not None and route.endpoint.body is Body.HTML and refused.status == 200:
        refused.status = 404  # a browser that loads a page checks the status
    return refused


def _callback(route: Route, query: bytes) -> str:
    """Return the JSONP callback in a query (the last), or "" if missing or not a valid name."""
    name = dict(fields(query, route.known)[0]).get("callback")
    try:
        return msgspec.convert(name, Callback)
    except msgspec.ValidationError:
        return ""


def _failed(code: int, error: BaseException, route: Route | None, request_id: str) -> Refused:
    """Log an error and return a Refused with ``code`` and the header ``x-request-id``.

    Its HTTP status is 503 (with ``retry-after``) for code -503, and 504 otherwise.
    """
    logs.event(
        logging.ERROR,
        "failed",
        request_id=request_id,
        endpoint=route.endpoint.name if route else NO_ENDPOINT,
        code=code,
        error=logs.trace(error),
    )
    named = (b"x-request-id", request_id.encode())
    if code == errors.ServiceUnavailable.number:
        return Refused(code, status=503, headers=(named, _RETRY_AFTER))
    return Refused(code, status=504, headers=(named,))
