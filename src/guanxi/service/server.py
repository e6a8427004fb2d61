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
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, NamedTuple, cast

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from guanxi.service import admin, hosts, logs, pages
from guanxi.service.administering import Administered
from guanxi.service.answers import bad_request
from guanxi.service.app import Application
from guanxi.service.auth import SessionGate
from guanxi.service.config import Settings
from guanxi.service.exchange import ASGI, Observer
from guanxi.service.handling import Service
from guanxi.service.http import Served, bind, serving, url_of
from guanxi.service.loop import new_event_loop
from guanxi.service.metrics import Cells, Metrics, exposition, shared
from guanxi.service.metrics import application as metrics_application
from guanxi.service.periodic import audit_trimmed, secret_followed
from guanxi.stores import open_store, redacted
from guanxi.stores.card_cache import with_card_cache
from guanxi.stores.port import Store, StoreError, StoreReplaced
from guanxi.stores.state_cache import StateCache

_VISIT_SECONDS = 3.0
#: Seconds between two deletions of old changes.
_TRIM_SECONDS = 60.0
#: Seconds that the last visits have to be written at a stop.
_LAST_VISIT_SECONDS = 1.0
#: Seconds between attempts to restart a worker: they double, from the first to the last.
_FIRST_PAUSE, _LAST_PAUSE = 0.5, 8.0
#: Seconds that a worker has to start, and to stop.
_START_SECONDS, _STOP_SECONDS = 30.0, 8.0
#: Seconds after a signal in which a process stops, whatever its disk or its database does.
_END_SECONDS = 9.0


class ServiceError(Exception):
    """A failure of the service to start or to continue; the text gives the reason."""


class Administration(NamedTuple):
    """The address of administration, and the token with every scope. The repr omits the token."""

    token: str
    host: str = "127.0.0.1"
    port: int = 0

    def __repr__(self) -> str:
        return f"Administration(host={self.host!r}, port={self.port})"


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

    def __repr__(self) -> str:
        return f"Plan(store={redacted(self.store)!r}, host={self.host!r}, port={self.port})"


class WorkerPlan(Struct, frozen=True):
    """What a parent sends to a worker: settings, the shared socket and the worker's metrics."""

    store: str
    settings: Settings
    #: The descriptors of the listening socket and of the memory for metrics.
    listener: int
    metrics: int
    #: The number of the worker, from 0, which is also that of its cells in that memory.
    worker: int = 0

    def __repr__(self) -> str:
        return f"WorkerPlan(store={redacted(self.store)!r})"


def serve(plan: Plan, on_ready: Callable[[Ready], None]) -> None:
    """Serve until SIGTERM or SIGINT, with log lines on stderr.

    If the process has not stopped nine seconds after the signal, it exits with status 1. The store
    is created if it is missing. ``on_ready`` is called once, when the service accepts requests.
    Raise StoreError if the store cannot be opened, OSError if an address cannot be bound, and
    ServiceError if a worker does not start.
    """
    logs.to_stream()

    async def until_signalled() -> None:
        await run(plan, on_ready, signalled())

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
    wrap: Callable[[Application], ASGI] = lambda application: application,
) -> None:
    """Serve until ``stop`` is set, then finish requests and write visits.

    ``opened`` is the store to serve, which stays open; None opens the plan's, creating it if it is
    missing, and closes it. ``clock`` returns nanoseconds since the Unix epoch. ``wrap`` returns
    what is served in place of the application. Worker processes open the plan's store, and have
    neither clock nor wrapper. ``on_ready`` is called once, when the service accepts requests; never
    if ``stop`` is set before that.
    Raise StoreError, OSError or ServiceError if the store, an address or a worker cannot be used.
    """
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(bind(plan.host, plan.port))
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
        store = with_caches(opened, plan.settings)
        service = Service(store, plan.settings, clock)
        served: list[Served] = []
        # With workers, this process writes no visits but notices when the file is replaced.
        await stack.enter_async_context(visits_written(store, stop))
        await stack.enter_async_context(changes_trimmed(store))
        await stack.enter_async_context(secret_followed(store))
        await stack.enter_async_context(audit_trimmed(service))
        if plan.workers == 1:
            metrics = Metrics()
            observers = stack.enter_context(logs.request_log(plan.settings.request_log))
            application = application_of(service, metrics, observers)
            served.append(of_hosts(wrap(application), listener, plan.settings))
            cells = [metrics.cells]
        else:
            cells = await stack.enter_async_context(_workers(plan, listener, stop))
            if stop.is_set():
                return
        if plan.administration is not None and admin_listener is not None:
            administered = Administered(service, lambda: exposition(cells))
            administration = admin.application(administered, plan.administration.token)
            served.append(_administered(administration, admin_listener, plan.settings))
        if metrics_listener is not None:
            exposed = metrics_application(lambda: exposition(cells))
            served.append(_administered(exposed, metrics_listener, plan.settings))
        await stack.enter_async_context(serving(*served))
        on_ready(Ready(url, admin_url, store, metrics_url))
        await stop.wait()


def of_hosts(application: ASGI, listener: socket.socket, settings: Settings) -> Served:
    """Return the service on a socket, for the allowed hosts alone if there are any."""
    if settings.allowed_hosts:
        application = hosts.checked(application, settings.allowed_hosts, bad_request)
    return Served(application, listener, bad_request)


def _administered(application: ASGI, listener: socket.socket, settings: Settings) -> Served:
    application = hosts.checked(application, settings.allowed_hosts, admin.bad_request)
    return Served(application, listener, admin.bad_request)


def with_caches(store: Store, settings: Settings) -> Store:
    """Return the store behind the caches of states and, unless its size is 0, of cards."""
    return StateCache(with_card_cache(store, settings.card_cache, settings.card_staleness))


def application_of(
    service: Service, metrics: Metrics, more: Sequence[Observer] = ()
) -> Application:
    """Return one worker's application; record its requests and write waits in ``metrics``.

    ``more`` observe its requests too.
    """
    service.store.watch_waits(metrics.waited_to_write)
    observers: list[Observer] = [metrics.answered, *more]
    if service.settings.log_requests:
        observers.append(logs.exchanged)
    page_by_path = dict.fromkeys(pages.PATHS, pages.application(service.store))
    return Application(service, SessionGate(service), observers, page_by_path)


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


@asynccontextmanager
async def changes_trimmed(store: Store) -> AsyncIterator[None]:
    """Delete old changes periodically while the block runs, as the store's bounds say.

    An error of that is only logged.
    """
    task = asyncio.create_task(_trim_changes(store))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _trim_changes(store: Store) -> None:
    while True:
        await asyncio.sleep(_TRIM_SECONDS)
        try:
            await store.trim_changes()
        except Exception:  # old changes stay for now; the service continues
            logs.LOG.exception("old changes not deleted")


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
    plan: Plan, listener: socket.socket, stop: asyncio.Event
) -> AsyncIterator[list[Cells]]:
    """Run ``plan.workers`` processes on a socket while the block runs, and restart them.

    Yield the cells of their metrics; without all workers if ``stop`` is set before they are
    started. Raise ServiceError if a worker does not start.
    """
    with shared(plan.workers) as (metrics, cells):
        pool = _Pool(plan, listener.fileno(), metrics)
        stopping = asyncio.create_task(stop.wait())
        try:
            await _unless(stop, pool.start(plan.workers))
            # While the parent's own requests finish, not after them.
            stopping.add_done_callback(lambda _: pool.stop())
            yield cells
        finally:
            stopping.cancel()
            await pool.stop()


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
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


class _Pool:
    """A parent's worker processes, restarted when they exit."""

    def __init__(self, plan: Plan, listener: int, metrics: int) -> None:
        self._plan = WorkerPlan(plan.store, plan.settings, listener, metrics)
        self._processes: set[Process] = set()
        self._supervisors: list[asyncio.Task[None]] = []
        self._stopping: asyncio.Task[None] | None = None

    async def start(self, count: int) -> None:
        """Start ``count`` workers and tasks that restart those that exit.

        Raise ServiceError if one is not ready within ``_START_SECONDS``. Then, or if this is
        cancelled, no further one is started, and ``stop`` ends the others.
        """
        starting = [asyncio.create_task(self._start(worker)) for worker in range(count)]
        try:
            first = await asyncio.gather(*starting)
        finally:
            for task in starting:
                task.cancel()
            await asyncio.gather(*starting, return_exceptions=True)
        self._supervisors = [
            asyncio.create_task(self._supervise(worker, process))
            for worker, process in enumerate(first)
        ]

    async def _start(self, worker: int) -> Process:
        plan = replace(self._plan, worker=worker)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "guanxi.service.worker",
            stdin=PIPE,
            stdout=PIPE,
            pass_fds=[plan.listener, plan.metrics],
            start_new_session=True,  # the terminal's Ctrl-C is for the parent, which stops workers
        )
        self._processes.add(process)
        stdin, stdout = cast(StreamWriter, process.stdin), cast(StreamReader, process.stdout)
        stdin.write(msgspec.json.encode(plan) + b"\n")
        ready = b""
        with suppress(TimeoutError):
            async with asyncio.timeout(_START_SECONDS):
                ready = await stdout.readline()
        if not ready:
            await _stop(process)
            self._processes.discard(process)
            raise ServiceError("a worker did not start; see its log lines for the reason")
        return process

    async def _supervise(self, worker: int, process: Process) -> None:
        """Log each exit of a worker and start a new one, which counts on; until cancelled."""
        while True:
            logs.event(logging.ERROR, "worker ended", pid=process.pid, status=await process.wait())
            self._processes.discard(process)
            process = await self._restart(worker)

    async def _restart(self, worker: int) -> Process:
        pause = _FIRST_PAUSE
        while True:
            try:
                return await self._start(worker)
            except (ServiceError, OSError):
                logs.LOG.exception("worker not started")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LAST_PAUSE)

    def stop(self) -> asyncio.Task[None]:
        """Terminate the workers, without restart; kill those that outlive ``_STOP_SECONDS``.

        Return the task of it; a second call returns the same.
        """
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop())
        return self._stopping

    async def _stop(self) -> None:
        for supervisor in self._supervisors:
            supervisor.cancel()
        await asyncio.gather(*self._supervisors, return_exceptions=True)
        await asyncio.gather(*(_stop(process) for process in self._processes))


async def _stop(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
