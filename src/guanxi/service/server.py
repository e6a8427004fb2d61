"""Run the service: in one process, or in several workers over one store.

The addresses are bound before anything else starts, so that port 0 works and the real port is
known. At shutdown a process finishes its requests and writes pending visits, for at most nine
seconds. With several workers the parent serves administration and restarts workers that exit.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from functools import partial
from typing import Any, NamedTuple

from guanxi.accounts.chance import Chance, system
from guanxi.service import admin, hosts, logs, pages, proxies, rates
from guanxi.service.administering import Administered
from guanxi.service.answers import bad_request
from guanxi.service.app import Application
from guanxi.service.auth import SessionGate
from guanxi.service.config import Settings
from guanxi.service.exchange import ASGI, Observer, Scope, Send
from guanxi.service.forms import Receive
from guanxi.service.handling import Service
from guanxi.service.http import Refuse
from guanxi.service.listening import Served, bind, listener_of, serving, url_of
from guanxi.service.loop import collect_rarely, new_event_loop
from guanxi.service.metrics import Cells, Metrics, exposition, shared
from guanxi.service.metrics import application as metrics_application
from guanxi.service.periodic import (
    audit_trimmed,
    changes_trimmed,
    erasures_continued,
    secret_followed,
)
from guanxi.service.pool import Pool, ServiceError, WorkerPlan
from guanxi.stores import open_store, redacted
from guanxi.stores.card_cache import with_card_cache
from guanxi.stores.port import Store, StoreError, StoreReplaced
from guanxi.stores.session_use import SessionUse
from guanxi.stores.state_cache import StateCache
from guanxi.text import Text

#: Where the pages are on the address of administration.
CONSOLE = "/console"
_VISIT_SECONDS = 3.0
#: Seconds that the last visits have to be written at a stop.
_LAST_VISIT_SECONDS = 1.0
#: Seconds after a signal in which a process stops, whatever its disk or its database does.
_END_SECONDS = 9.0


class Administration(NamedTuple):
    """The address of administration, and the token with every scope. The repr omits the token."""

    token: str
    host: str = "127.0.0.1"
    port: int = 0

    def __repr__(self) -> str:
        return f"Administration(host={self.host!r}, port={self.port})"


class Operated(NamedTuple):
    """A running service, as the pages of whoever runs it use it. The repr omits its secrets."""

    service: Service
    #: The token with every scope.
    token: str
    #: The address of the store, and how many processes serve.
    store: str
    workers: int
    #: What each worker counts.
    cells: Sequence[Cells]

    def __repr__(self) -> str:
        return f"Operated(store={redacted(self.store)!r}, workers={self.workers})"


#: The pages of whoever runs a service, while the block runs.
Pages = Callable[[Operated], AbstractAsyncContextManager[ASGI]]


class Ready(NamedTuple):
    """A running service: its URLs and its open store."""

    url: str
    #: "" without administration.
    admin_url: str
    store: Store
    #: "" without an address of their own for metrics.
    metrics_url: str = ""


class Plan(NamedTuple):
    """What to serve, and where. The repr hides a password in the store's address."""

    store: str
    settings: Settings = Settings()
    host: str = "127.0.0.1"
    port: int = 0
    workers: int = 1
    administration: Administration | None = None
    #: Where metrics can be read without the administration's token, as host and port.
    metrics: tuple[str, int] | None = None
    #: Reads the settings again, for workers that replace others; None keeps them.
    reload: Callable[[], Settings] | None = None
    #: The pages below ``/console`` of the address of administration; None for none.
    pages: Pages | None = None

    def __repr__(self) -> str:
        return f"Plan(store={redacted(self.store)!r}, host={self.host!r}, port={self.port})"


def serve(plan: Plan, on_ready: Callable[[Ready], None]) -> None:
    """Serve until SIGTERM or SIGINT, with log lines on stderr.

    If the process has not stopped nine seconds after the signal, it exits with status 1. The store
    is created if it is missing. ``on_ready`` is called once, when the service accepts requests.
    Raise StoreError if the store cannot be opened, OSError if an address cannot be bound, and
    ServiceError if a worker does not start.
    """
    logs.to_stream()

    async def until_signalled() -> None:
        stop = signalled()
        await run(plan, on_ready, stop, again=hung_up(stop, plan.workers))

    collect_rarely()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(until_signalled())


def signalled() -> asyncio.Event:
    """Install handlers of SIGTERM and SIGINT in the running loop; return the event they set.

    They also see to it that the process ends (``end_in_time``).
    """
    stop = asyncio.Event()

    def on_signal() -> None:
        stop.set()
        end_in_time()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    return stop


def hung_up(stop: asyncio.Event, workers: int) -> asyncio.Event:
    """Install a handler of SIGHUP in the running loop; return the event that it sets.

    The signal of a terminal that was closed sets ``stop``, as Ctrl-C would. One process cannot be
    replaced without a refused connection: it only logs that.
    """
    again = asyncio.Event()

    def on_signal() -> None:
        if sys.stdin is not None and sys.stdin.isatty():
            stop.set()
            end_in_time()
        elif workers > 1:
            again.set()
        else:
            reason = "one process serves; --workers 2 or more can be replaced one by one"
            logs.event(logging.WARNING, "workers not replaced", reason=reason)

    if hasattr(signal, "SIGHUP"):
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, on_signal)
    return again


def end_in_time() -> None:
    """Exit with status 1 if the process still runs after ``_END_SECONDS``.

    A thread that waits for a disk or a lock can be neither cancelled nor left behind. Nothing that
    was answered is lost: it was durable before.
    """
    timer = threading.Timer(_END_SECONDS, _exit)
    timer.daemon = True
    timer.start()


def _exit() -> None:
    logs.event(logging.ERROR, "not stopped in time", seconds=_END_SECONDS)
    os._exit(1)


async def run(
    plan: Plan,
    on_ready: Callable[[Ready], None],
    stop: asyncio.Event,
    *,
    opened: Store | None = None,
    clock: Callable[[], int] = time.time_ns,
    chance: Chance = system,
    wrap: Callable[[Application], ASGI] = lambda application: application,
    again: asyncio.Event | None = None,
) -> None:
    """Serve until ``stop`` is set, then finish requests and write visits.

    ``opened`` is the store to serve, which stays open; None opens the plan's, creating it if it is
    missing, and closes it. ``clock`` returns nanoseconds since the Unix epoch; ``chance`` draws
    tokens and ids. ``wrap`` returns what is served in place of the application. Worker processes
    open the plan's store, and have none of the three. ``on_ready`` is called once, when the service
    accepts requests; never if ``stop`` is set before that. Each time that ``again`` is set, several
    workers are replaced. Raise StoreError, OSError or ServiceError if the store, an address or a
    worker cannot be used.
    """
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(listener_of(plan.host, plan.port))
        url, admin_url, admin_listener = url_of(listener), "", None
        if plan.administration is not None:
            # Bound before a worker accepts requests: a client may use this address right after.
            admin_listener = stack.enter_context(
                bind(plan.administration.host, plan.administration.port)
            )
            admin_url = url_of(admin_listener)
        metrics_listener, metrics_url = None, ""
        if plan.metrics is not None:
            metrics_listener = stack.enter_context(bind(*plan.metrics))
            metrics_url = url_of(metrics_listener)
        if opened is None:
            opened = await open_store(plan.store, create=True, clock=clock)
            stack.push_async_callback(close_store, opened)
        store = with_caches(opened, plan.settings, clock)
        service = Service(store, plan.settings, clock, chance)
        all_served: list[Served] = []
        # With workers, this process writes no visits but notices when the file is replaced.
        await stack.enter_async_context(visits_written(store, stop))
        await stack.enter_async_context(changes_trimmed(store))
        await stack.enter_async_context(secret_followed(store))
        await stack.enter_async_context(audit_trimmed(service))
        await stack.enter_async_context(erasures_continued(store))
        if plan.workers == 1:
            metrics = Metrics()
            observers = stack.enter_context(logs.request_log(plan.settings.request_log))
            application = application_of(service, metrics, observers)
            wrapped = wrap(application)
            # What an emulator adds sees every request.
            refuse = application.overloaded if wrapped is application else None
            all_served.append(served(wrapped, listener, plan.settings, overloaded=refuse))
            cells = [metrics.cells]
        else:
            cells = await stack.enter_async_context(
                _workers(plan, listener, stop, again or asyncio.Event())
            )
            if stop.is_set():
                return
        administered_on = partial(
            served, settings=plan.settings, refuse=admin.bad_request, names_checked=True
        )
        if plan.administration is not None and admin_listener is not None:
            administered = Administered(service, lambda: exposition(cells))
            token = plan.administration.token
            administration: ASGI = admin.application(administered, token)
            if plan.pages is not None:
                operated = Operated(service, token, plan.store, plan.workers, cells)
                console = await stack.enter_async_context(plan.pages(operated))
                administration = below(CONSOLE, console, administration)
            all_served.append(administered_on(administration, admin_listener))
        if metrics_listener is not None:
            exposed = metrics_application(lambda: exposition(cells))
            all_served.append(administered_on(exposed, metrics_listener))
        await stack.enter_async_context(serving(*all_served))
        on_ready(Ready(url, admin_url, store, metrics_url))
        await stop.wait()


def below(path: str, application: ASGI, otherwise: ASGI) -> ASGI:
    """Return an application with another one mounted at a path, and ``otherwise`` elsewhere."""

    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and f"{scope['path']}/".startswith(f"{path}/"):
            mounted = {**scope, "root_path": scope.get("root_path", "") + path}
            await application(mounted, receive, send)
        else:
            await otherwise(scope, receive, send)

    return choose


def served(
    application: ASGI,
    listener: socket.socket,
    settings: Settings,
    refuse: Callable[[str], bytes] = bad_request,
    *,
    names_checked: bool = False,
    overloaded: Refuse | None = None,
) -> Served:
    """Return an application on a socket, behind the trusted proxies, for the allowed hosts alone.

    Without allowed hosts any name is accepted, unless ``names_checked``, as of an administration.
    ``refuse`` returns the body of a response to what is not valid HTTP, ``overloaded`` the response
    to a request beyond what the process can answer.
    """
    if names_checked or settings.allowed_hosts:
        application = hosts.checked(application, settings.allowed_hosts, refuse)
    if settings.trusted_proxies:
        application = proxies.behind(application, settings.trusted_proxies)
    return Served(application, listener, refuse, overloaded)


def with_caches(store: Store, settings: Settings, clock: Callable[[], int] = time.time_ns) -> Store:
    """Return the store behind the caches of states and, unless its size is 0, of cards.

    It also notes when sessions are used; ``clock`` returns nanoseconds since the Unix epoch.
    """
    noting = SessionUse(store, clock)
    return StateCache(with_card_cache(noting, settings.card_cache, settings.card_staleness))


def application_of(
    service: Service,
    metrics: Metrics,
    more: Sequence[Observer] = (),
    counted: rates.Rates | None = None,
) -> Application:
    """Return one worker's application; record its requests and write waits in ``metrics``.

    ``more`` observe its requests too. ``counted`` limits them; by default it counts for it alone.
    """
    service.store.watch_waits(metrics.waited_to_write)
    service = service._replace(followed=metrics.followed)
    observers: list[Observer] = [metrics.answered, *more]
    if service.settings.log_requests:
        observers.append(logs.exchanged)
    page_by_path = dict.fromkeys(pages.PATHS, pages.application(service.store))
    return Application(service, SessionGate(service), observers, page_by_path, counted)


@asynccontextmanager
async def visits_written(store: Store, stop: asyncio.Event) -> AsyncIterator[None]:
    """Write visits periodically while the block runs, and the remaining ones after it.

    Those that take over a second then are lost. An error of writing them is only logged. If the
    store's files were replaced, ``stop`` is set, and ``StoreReplaced`` is raised after the block.
    """
    task = asyncio.create_task(_flush_visits(store, stop))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_VISIT_SECONDS):
                await _flush(store)


async def _flush_visits(store: Store, stop: asyncio.Event) -> None:
    while True:
        await asyncio.sleep(_VISIT_SECONDS)
        try:
            await _flush(store)
        except StoreReplaced:
            stop.set()
            return


async def close_store(store: Store) -> None:
    """Close a store; only log an error of writing its last visits, but raise ``StoreReplaced``."""
    try:
        await store.close()
    except StoreReplaced:
        raise
    except StoreError:  # it is closed all the same
        logs.LOG.exception("visits not written")


async def _flush(store: Store) -> None:
    try:
        await store.flush_visits()
    except StoreReplaced:
        raise  # the service must stop
    except Exception:  # visits may be lost; the service continues
        logs.LOG.exception("visits not written")


@asynccontextmanager
async def _workers(
    plan: Plan, listener: socket.socket, stop: asyncio.Event, again: asyncio.Event
) -> AsyncIterator[list[Cells]]:
    """Run ``plan.workers`` processes on a socket while the block runs, and restart them.

    They are replaced one by one each time that ``again`` is set.

    Yield the cells of their metrics; without all workers if ``stop`` is set before they are
    started. Raise ServiceError if a worker does not start.
    """
    # One more than there are: a worker and the one that replaces it count at the same time.
    with shared(plan.workers + 1) as (metrics, cells), rates.shared() as counted:
        pool = Pool(WorkerPlan(plan.store, plan.settings, listener.fileno(), metrics, counted))
        stopping = asyncio.create_task(stop.wait())
        replacing = None
        try:
            await unless(stop, pool.start(plan.workers))
            # While the parent's own requests finish, not after them.
            stopping.add_done_callback(lambda _: pool.stop())
            replacing = asyncio.create_task(_replace_when(again, pool, plan))
            stopping.add_done_callback(lambda _: replacing.cancel())
            yield cells
        finally:
            stopping.cancel()
            if replacing is not None:
                replacing.cancel()
                await asyncio.gather(replacing, return_exceptions=True)
            await pool.stop()


async def _replace_when(again: asyncio.Event, pool: Pool, plan: Plan) -> None:
    """Replace the workers each time that ``again`` is set, with the plan's settings read again.

    What fails is logged, and the workers that run go on.
    """
    while True:
        await again.wait()
        again.clear()
        try:
            settings = plan.settings if plan.reload is None else plan.reload()
            await pool.replace(settings)
        except (ServiceError, OSError, ValueError) as error:
            reason = Text.of(error.args[0]).en if error.args else type(error).__name__
            logs.event(logging.ERROR, "workers not replaced", reason=reason)
        else:
            logs.event(logging.INFO, "workers replaced", workers=plan.workers)


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, object]) -> None:
    """Wait for ``work``, and cancel it if ``stop`` is set first. Errors of ``work`` pass on."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        working.cancel()
        stopping.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)
    if not working.cancelled():
        working.result()
