"""Run a service with its emulator, and the emulator's own address next to it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

from guanxi.emulator import control
from guanxi.emulator.emulator import Emulator
from guanxi.service import admin, hosts, logs
from guanxi.service.app import Application
from guanxi.service.exchange import ASGI
from guanxi.service.listening import Served, bind, serving, url_of
from guanxi.service.loop import new_event_loop
from guanxi.service.server import Plan, Ready, close_store, run, signalled
from guanxi.stores import open_store
from guanxi.stores.port import Store


class Address(NamedTuple):
    """Where the emulator listens, and its bearer token. The repr omits the token."""

    token: str
    host: str = "127.0.0.1"
    port: int = 0

    def __repr__(self) -> str:
        return f"Address(host={self.host!r}, port={self.port})"


class EmulatorReady(NamedTuple):
    """A running service, and the URL of its emulator, which ends in ``/emulator``."""

    service: Ready
    emulator_url: str
    #: None with several workers.
    worlds: Worlds | None = None


class World(NamedTuple):
    """One more service in the process: its addresses, its emulator and what it serves."""

    ready: EmulatorReady
    emulator: Emulator
    plan: Plan


class _Running(NamedTuple):
    """A world's service until its end."""

    stop: asyncio.Event
    task: asyncio.Task[None]
    store: Store
    folder: tempfile.TemporaryDirectory[str]


class Worlds:
    """Services next to a service: each with a copy of its world, and addresses of its own."""

    def __init__(self, plan: Plan, emulator: Emulator, address: Address) -> None:
        self._plan, self._emulator, self._address = plan, emulator, address
        self._running: list[_Running] = []
        #: Those that run, in the order in which they were opened.
        self.opened: list[World] = []

    async def open(self, mark: str | None = None) -> World:
        """Start a service with the world of a mark, or as it is now for None.

        It has the settings of the first, the token of its emulator, and a clock that follows that
        of the first until it is set. Raise ValueError for an unknown mark and for a store that is
        not a SQLite file.
        """
        folder = tempfile.TemporaryDirectory(prefix="guanxi-world-")
        path, emulator = Path(folder.name, "store.db"), self._emulator.of_a_copy()
        try:
            await self._emulator.marks.copy(path, mark)
            store = await open_store(str(path), clock=emulator.clock)
        except BaseException:
            folder.cleanup()
            raise
        plan = Plan(str(path), self._plan.settings, self._plan.host)
        address = Address(self._address.token, self._address.host)
        stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
        running = run_emulated(plan, emulator, address, ready.set_result, stop, opened=store)
        task = asyncio.create_task(running)
        self._running.append(_Running(stop, task, store, folder))
        await asyncio.wait((ready, task), return_when=asyncio.FIRST_COMPLETED)
        if task.done():  # it never began
            task.result()
        await emulator.marks.begin()
        world = World(ready.result(), emulator, plan)
        self.opened.append(world)
        return world

    async def close(self) -> None:
        """Stop all of them, and delete their stores."""
        running, self._running, self.opened = self._running, [], []
        for one in running:
            one.stop.set()
        await asyncio.gather(*(one.task for one in running), return_exceptions=True)
        for one in running:
            await one.store.close()
            one.folder.cleanup()


async def run_emulated(
    plan: Plan,
    emulator: Emulator,
    address: Address,
    on_ready: Callable[[EmulatorReady], None],
    stop: asyncio.Event,
    *,
    opened: Store,
    wrap: Callable[[ASGI], ASGI] = lambda application: application,
) -> None:
    """Serve a plan of one worker with its emulator until ``stop`` is set.

    ``opened`` is the store to serve, which stays open; its clock is the emulator's. ``wrap``
    returns what is served in place of the emulated application. ``on_ready`` is called once, when
    both addresses accept requests. Raise StoreError or OSError if the store or an address cannot be
    used.
    """

    def wrapped(application: Application) -> ASGI:
        return wrap(emulator.wrap(application))

    worlds = Worlds(plan, emulator, address)
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(bind(address.host, address.port))
        url = url_of(listener) + control.BASE
        checked = hosts.checked(
            control.application(emulator, address.token, worlds), (), admin.bad_request
        )
        await stack.enter_async_context(serving(Served(checked, listener, admin.bad_request)))
        stack.push_async_callback(emulator.close)
        stack.push_async_callback(worlds.close)
        await run(
            plan,
            lambda ready: on_ready(EmulatorReady(ready, url, worlds)),
            stop,
            opened=emulator.layer(opened),
            clock=emulator.clock,
            chance=emulator.chance,
            wrap=wrapped,
        )


def serve(
    plan: Plan,
    emulator: Emulator,
    address: Address,
    on_ready: Callable[[EmulatorReady], Awaitable[None]],
    *,
    wrap: Callable[[ASGI], ASGI] = lambda application: application,
) -> None:
    """Serve a plan of one worker with its emulator until SIGTERM or SIGINT, as ``server.serve``.

    ``on_ready`` runs once both addresses accept requests, and the mark ``start`` is made. ``wrap``
    is as for ``run_emulated``.
    """
    logs.to_stream()

    async def until_signalled() -> None:
        stop, starting = signalled(), list[asyncio.Task[None]]()
        opened = await open_store(plan.store, create=True, clock=emulator.clock)

        async def start(ready: EmulatorReady) -> None:
            try:
                await emulator.marks.begin()
                await on_ready(ready)
            except BaseException:
                stop.set()
                raise

        def ready(ready: EmulatorReady) -> None:
            starting.append(asyncio.create_task(start(ready)))

        try:
            await run_emulated(plan, emulator, address, ready, stop, opened=opened, wrap=wrap)
            await asyncio.gather(*starting)
        finally:
            await close_store(opened)

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(until_signalled())
