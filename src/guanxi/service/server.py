"""Processes: one that serves, or several over one store.

The addresses are bound before anything else starts, so that port 0 works and can be told. A process
ends in order: what is being answered is answered, and visits are written. With several workers the
parent administers and watches: a worker that ends by itself is started anew.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import tempfile
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple, cast

import msgspec
import uvloop
from msgspec import Struct
from prometheus_client import CollectorRegistry

from guanxi.service import admin, logs, pages
from guanxi.service.app import ASGI, Application
from guanxi.service.config import Settings
from guanxi.service.http import bind, serving, url_of
from guanxi.service.metrics import Metrics, summed, worker_ended
from guanxi.stores import open_store, shown
from guanxi.stores.card_cache import with_card_cache
from guanxi.stores.port import Store

_VISIT_SECONDS = 3.0
#: Pauses between attempts to start a worker anew: they double, from the first to the last.
_FIRST_PAUSE, _LAST_PAUSE = 0.5, 8.0
#: How long a worker has to start, and to end.
_START_SECONDS, _END_SECONDS = 30.0, 10.0


class ServiceError(Exception):
    """The service cannot start, or cannot go on; the text says why."""


class Administration(NamedTuple):
    """The second address, and the token that opens it. The token is not shown in a repr."""

    token: str
    host: str = "127.0.0.1"
    port: int = 0

    def __repr__(self) -> str:
        return f"Administration(host={self.host!r}, port={self.port})"


class Ready(NamedTuple):
    """A service that answers."""

    url: str
    #: Empty without administration.
    admin_url: str
    store: Store


class Plan(NamedTuple):
    """What is to be served, and where. A password in the store's address is not shown in a repr."""

    store: str
    settings: Settings = Settings()
    host: str = "127.0.0.1"
    port: int = 0
    workers: int = 1
    administration: Administration | None = None

    def __repr__(self) -> str:
        return f"Plan(store={shown(self.store)!r}, host={self.host!r}, port={self.port})"


class WorkerPlan(Struct, frozen=True):
    """What a worker is told by its parent."""

    store: str
    settings: Settings
    descriptor: int

    def __repr__(self) -> str:
        return f"WorkerPlan(store={shown(self.store)!r})"


def serve(plan: Plan, on_ready: Callable[[Ready], None]) -> None:
    """Serve until SIGTERM or SIGINT.

    The store is made if it is missing. ``on_ready`` is called once, when the service
    answers. ``StoreError`` where the store cannot be opened, ``OSError`` where an address cannot be
    bound, ``ServiceError`` where a worker does not start.
    """
    logs.to_stream()

    async def until_signalled() -> None:
        await run(plan, on_ready, signalled())

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(until_signalled())


def signalled() -> asyncio.Event:
    """Set at SIGTERM and SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def run(plan: Plan, on_ready: Callable[[Ready], None], stop: asyncio.Event) -> None:
    """Serve until ``stop`` is set; otherwise as ``serve``."""
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(bind(plan.host, plan.port))
        url, admin_url, door = url_of(listener), "", None
        if plan.administration is not None:
            # Before a worker answers: who waits for that may turn here next.
            door = stack.enter_context(bind(plan.administration.host, plan.administration.port))
            admin_url = url_of(door)
        store = with_cards(await open_store(plan.store, create=True), plan.settings)
        stack.push_async_callback(store.close)
        served: list[tuple[ASGI, socket.socket]] = []
        if plan.workers == 1:
            metrics = Metrics()
            application = application_of(store, plan.settings, metrics)
            await stack.enter_async_context(tending(store, application))
            served.append((application, listener))
            counters = metrics.collected
        else:
            counters = await stack.enter_async_context(_workers(plan, listener))
        if plan.administration is not None and door is not None:
            administered = admin.Administered(store, plan.settings.profile.limits, counters)
            served.append((admin.application(administered, plan.administration.token), door))
        await stack.enter_async_context(serving(*served))
        on_ready(Ready(url, admin_url, store))
        await stop.wait()


def with_cards(store: Store, settings: Settings) -> Store:
    """A store with the cards kept before it that the settings want."""
    return with_card_cache(store, settings.card_cache, settings.card_staleness)


def application_of(store: Store, settings: Settings, metrics: Metrics) -> Application:
    """The application of one worker over an open store; its metrics tell of the store too."""
    store.watch_waits(metrics.waited_to_write)
    return Application(store, settings, metrics, pages.application(store), pages.PATHS)


@asynccontextmanager
async def tending(store: Store, application: Application) -> AsyncIterator[None]:
    """Do what an application needs beside its requests while the block runs."""
    beside = [asyncio.create_task(one) for one in (_flush_visits(store), application.watch())]
    try:
        yield
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await _flush(store)


async def _flush_visits(store: Store) -> None:
    while True:
        await asyncio.sleep(_VISIT_SECONDS)
        await _flush(store)


async def _flush(store: Store) -> None:
    try:
        await store.flush_visits()
    except Exception:  # visits are the one thing that may be lost; the service goes on
        logs.LOG.exception("visits not written")


@asynccontextmanager
async def _workers(
    plan: Plan, listener: socket.socket
) -> AsyncIterator[Callable[[], CollectorRegistry]]:
    """Keep workers that answer on a socket while the block runs. Gives their counters, summed."""
    with tempfile.TemporaryDirectory(prefix="guanxi-") as folder:
        pool = _Pool(plan, listener, Path(folder))
        try:
            await pool.start(plan.workers)
            yield lambda: summed(Path(folder))
        finally:
            await pool.end()


class _Pool:
    """The workers of a parent."""

    def __init__(self, plan: Plan, listener: socket.socket, folder: Path) -> None:
        self._told = WorkerPlan(plan.store, plan.settings, listener.fileno())
        self._folder = folder
        self._processes: set[Process] = set()
        self._keepers: list[asyncio.Task[None]] = []

    async def start(self, count: int) -> None:
        """Start so many workers. ``ServiceError`` where one does not come up."""
        first = await asyncio.gather(*(self._start() for _ in range(count)))
        self._keepers = [asyncio.create_task(self._keep(process)) for process in first]

    async def _start(self) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "guanxi.service.worker",
            stdin=PIPE,
            stdout=PIPE,
            pass_fds=[self._told.descriptor],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(self._folder)},
        )
        self._processes.add(process)
        told, answers = cast(StreamWriter, process.stdin), cast(StreamReader, process.stdout)
        told.write(msgspec.json.encode(self._told) + b"\n")
        ready = b""
        with suppress(TimeoutError):
            async with asyncio.timeout(_START_SECONDS):
                ready = await answers.readline()
        if not ready:
            raise ServiceError("a worker did not come up; its log lines say why")
        return process

    async def _keep(self, process: Process) -> None:
        """Start a worker anew each time that it ends."""
        while True:
            logs.event(logging.ERROR, "worker ended", pid=process.pid, status=await process.wait())
            worker_ended(self._folder, process.pid)
            self._processes.discard(process)
            process = await self._start_anew()

    async def _start_anew(self) -> Process:
        pause = _FIRST_PAUSE
        while True:
            try:
                return await self._start()
            except ServiceError:
                logs.LOG.exception("worker not started")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LAST_PAUSE)

    async def end(self) -> None:
        """End the workers in order; those that do not end in time, at once."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(_end(process) for process in self._processes))


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _END_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
