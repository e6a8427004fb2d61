"""The service's endpoints inside an application that signs its users in itself.

The host says who calls. Guanxi's own cookies, csrf, signatures and sign-in endpoints are off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable

from guanxi.accounts.rights import CALLER
from guanxi.contract import errors
from guanxi.contract.endpoint import Does, Endpoint, Login
from guanxi.service import cors, logs, pages
from guanxi.service.app import Application
from guanxi.service.config import Settings
from guanxi.service.exchange import ASGI, NOBODY, Exchange, Gate, Observer, Scope, Send, address_of
from guanxi.service.exchange import Caller as Called
from guanxi.service.forms import Receive
from guanxi.service.handling import NO_ACCOUNT, Refused, Service
from guanxi.service.metrics import Metrics, exposition
from guanxi.service.metrics import application as metrics_application
from guanxi.service.request import Headers, Pairs
from guanxi.stores.port import Store

#: Says who sent a request, from its ASGI scope: the mid of the signed-in account, None for nobody.
Caller = Callable[[Scope], int | Awaitable[int | None] | None]

#: How many seconds counted visits may wait to be written.
_VISIT_SECONDS = 3.0
_DEFAULTS = Settings()
_SAFE = frozenset({"GET", "HEAD"})
_LARGEST_MID = 2**63 - 1


def application(store: Store, *, caller: Caller, settings: Settings = _DEFAULTS) -> Mounted:
    """Return the endpoints over ``store``, an open graph's, as an ASGI application to mount.

    ``caller`` gets the ASGI scope of each request, in which the host's middleware has left who is
    signed in, and returns that account's mid, or None for nobody; it may be a coroutine function.
    ``settings`` are those of ``guanxi serve``, by default the profile ``open``; ``allowed_hosts``
    is the host's matter.

    A request that changes something must come from a page of the same origin, or of one in
    ``settings.cors_origins``: by ``Sec-Fetch-Site``, or else by ``Origin``, which is compared with
    ``Host``. A request with neither and without cookies is no browser's, and passes; otherwise the
    answer is -111. A reading request that another site's page sends is answered as nobody's.

    The result may be mounted at any path, in as many places as the host likes, and before the loop
    runs. Raises nothing; ``caller`` may raise, which fails that request. Close the store after the
    host has stopped: that also writes the last visits.
    """
    return Mounted(store, caller, settings)


class Mounted:
    """The ASGI application that ``application`` returns.

    ``metrics`` is a second application, with the metrics at ``/metrics``: the host decides who may
    read them.
    """

    def __init__(self, store: Store, caller: Caller, settings: Settings) -> None:
        metrics = Metrics()
        service = Service(store, settings)
        store.watch_waits(metrics.waited_to_write)
        observers: list[Observer] = [metrics.answered, _Visits(store)]
        if settings.log_requests:
            observers.append(logs.exchanged)
        if settings.request_log:  # open as long as the process
            observers.append(logs.RequestLog(settings.request_log))
        page_by_path: dict[str, ASGI] = dict.fromkeys(pages.PATHS, pages.application(store))
        self._application = Application(service, HostGate(service, caller), observers, page_by_path)
        #: An application with the metrics at ``/metrics``. The host decides who may read them.
        self.metrics: ASGI = metrics_application(lambda: exposition([metrics.cells]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an HTTP request, or acknowledge the host's start and stop."""
        await self._application(scope, receive, send)


class HostGate(Gate):
    """The gate of a host that signs its users in: ``caller`` says who sent a request."""

    def __init__(self, service: Service, caller: Caller) -> None:
        self._store, self._caller = service.store, caller
        self._origins = cors.allowed(service.settings.cors_origins)

    async def caller(
        self,
        endpoint: Endpoint,
        scope: Scope,
        headers: Headers,
        pairs: Pairs,  # noqa: ARG002 - nothing is signed
        values: Mapping[str, str],  # noqa: ARG002
    ) -> Called:
        """Return who sent a request; mid 0 if nobody is signed in.

        Raise Refused: -404 for an endpoint that signs in, -101 if sign-in is required and the host
        names nobody, or a deregistered account, -111 if the request may be another site's.
        Raise TypeError or ValueError if the host's function returns no mid, and what it raises.
        """
        does = endpoint.does
        if does is Does.SIGN_IN:
            reason = "path: the application that this is mounted in signs its users in"
            raise Refused(errors.NotFound.number, reason, status=404)
        foreign = self._foreign(headers, reads=scope["method"] in _SAFE)
        mid = 0 if foreign else await self._named(scope)
        if mid and await self._is_deregistered(mid, does):
            if endpoint.login is Login.REQUIRED:
                raise Refused(errors.NotSignedIn.number, NO_ACCOUNT)
            mid = 0
        if foreign and endpoint.method not in _SAFE:
            raise Refused(errors.CsrfFailed.number, foreign)
        if not mid and endpoint.login is Login.REQUIRED:
            raise Refused(errors.NotSignedIn.number, foreign or _NOBODY)
        address = address_of(scope)
        return Called(mid, None, address) if mid or address else NOBODY

    async def _named(self, scope: Scope) -> int:
        """Return the mid that the host names, 0 for nobody."""
        named = self._caller(scope)
        mid: object = await named if isawaitable(named) else named
        if mid is None:
            return 0
        if not isinstance(mid, int) or isinstance(mid, bool):
            raise TypeError(f"caller must return a mid or None, not {type(mid).__name__}")
        if not 1 <= mid <= _LARGEST_MID:
            raise ValueError(f"caller must return a mid from 1 to {_LARGEST_MID}, or None")
        return mid

    async def _is_deregistered(self, mid: int, does: Does) -> bool:
        account = await self._store.account(mid)
        return account is not None and CALLER[account.state, does] == errors.NotSignedIn.number

    def _foreign(self, headers: Headers, *, reads: bool) -> str:
        """Return why a request may come from another site's page; "" if it does not.

        A client that sends neither ``Origin`` nor ``Sec-Fetch-Site``, and no cookie, is no browser.
        """
        reason = cors.foreign(headers, self._origins, cors.SAME_SITE if reads else cors.SAME_ORIGIN)
        if reason or b"origin" in headers or b"sec-fetch-site" in headers:
            return reason
        if reads or b"cookie" not in headers:
            return ""
        return "Origin: missing, as is Sec-Fetch-Site; a request with cookies has to send one"


_NOBODY = "not signed in: sign in to the application that this is mounted in"


class _Visits:
    """Writes the counted visits some seconds after a request, without a task that never ends."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writing: asyncio.Task[None] | None = None

    def __call__(self, _exchange: Exchange) -> None:
        if self._loop is None or self._loop.is_closed():
            self._loop = asyncio.get_running_loop()
            self._loop.call_later(_VISIT_SECONDS, self._write)

    def _write(self) -> None:
        loop, self._loop = self._loop, None
        if loop is not None:
            self._writing = loop.create_task(_flushed(self._store))


async def _flushed(store: Store) -> None:
    try:
        await store.flush_visits()
    except Exception:
        logs.LOG.exception("visits not written")
