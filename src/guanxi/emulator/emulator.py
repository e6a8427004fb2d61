"""The emulator of one service: everything that a test may want of it, on its event loop."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

from guanxi.accounts.chance import Chance, system
from guanxi.emulator import dump
from guanxi.emulator.application import Emulated, observed
from guanxi.emulator.bodies import Headers
from guanxi.emulator.call import Captured
from guanxi.emulator.chance import Repeatable, Secrets, Seeded
from guanxi.emulator.clock import Clock, machine
from guanxi.emulator.faults import Armed, Fault
from guanxi.emulator.proxy import Proxy
from guanxi.emulator.requests import Requests
from guanxi.emulator.sending import sent
from guanxi.emulator.stale import stale
from guanxi.emulator.state import LOADED, START, Marks
from guanxi.emulator.stories import story_of
from guanxi.emulator.stubs import Placed, Stub, Stubs
from guanxi.service.app import Application
from guanxi.service.exchange import ASGI
from guanxi.service.handling import Service
from guanxi.stores import open_store
from guanxi.stores.port import Store, StoreError


class _Wrapped(NamedTuple):
    """What is served, the layer in front of it, and the marks of its store."""

    application: Application
    layer: Emulated
    marks: Marks


class Emulator:
    """Faults, stubs, recorded requests, clock and state of one service.

    Give ``clock`` and ``chance`` to the service, ``clock`` to its store, ``layer`` the store, and
    ``wrap`` to ``server.run``. All but ``clock``, ``chance`` and ``requests`` belong to the event
    loop of the service.
    """

    def __init__(
        self,
        clock: Callable[[], int] = machine,
        *,
        seed: int = 0,
        repeats: bool = False,
        world: str = "",
        secrets: Secrets | None = None,
    ) -> None:
        """``clock`` returns nanoseconds since the Unix epoch; ``seed`` decides what faults draw.

        With ``repeats``, it decides tokens, keys and ids too, for each ``world`` others.
        ``secrets`` are those of the world of which the store is a copy.
        """
        self.clock = Clock(clock)
        self._seeded = Seeded(f"{seed}/{world}") if repeats else None
        self._secrets: Secrets = {} if secrets is None else secrets
        self._begun_with = max(1, len(self._secrets))
        self._world, self._worlds = world, count(1)
        self.requests = Requests()
        self.stubs = Stubs()
        self.seed, self._count = seed, 0
        self._copies: dict[int, tuple[Store, tempfile.TemporaryDirectory[str]]] = {}
        self._wrapped: _Wrapped | None = None
        self._proxy: Proxy | None = None

    @property
    def chance(self) -> Chance:
        """Return what the service draws from."""
        return system if self._seeded is None else self._seeded

    def layer(self, store: Store) -> Store:
        """Return the store that the service is to have in place of the opened one."""
        if self._seeded is None:
            return store
        return Repeatable(store, self._seeded, self._secrets)

    def of_a_copy(self) -> Emulator:
        """Return an emulator for a copy of the world, whose clock follows that of this."""
        return Emulator(
            self.clock,
            seed=self.seed,
            repeats=self._seeded is not None,
            world=f"{self._world}{next(self._worlds)}.",
            secrets=dict(self._secrets),
        )

    def wrap(self, application: Application) -> ASGI:
        """Return what is served in place of an application."""
        service = application.service
        layer = Emulated(application, service, self.requests, self.stubs)
        self._wrapped = _Wrapped(application, layer, Marks(service.store, application.forget))
        return layer

    @property
    def _served(self) -> _Wrapped:
        if self._wrapped is None:
            raise RuntimeError("the service has not started")
        return self._wrapped

    @property
    def marks(self) -> Marks:
        """Return the marks of the store."""
        return self._served.marks

    @property
    def service(self) -> Service:
        """Return the store, settings and clock of the service."""
        return self._served.application.service

    # --- faults ---

    @property
    def faults(self) -> list[Armed]:
        """Return the faults that are set, in the order in which they were set."""
        return [*self._served.layer.faults]

    async def add_fault(self, fault: Fault) -> Armed:
        """Set a fault; of several for one request the last decides its response.

        Raise ValueError for a stale read of a store that is not a SQLite file.
        """
        layer = self._served.layer
        self._count += 1
        armed = Armed(fault, self._count, self.seed * 1_000_003 + self._count)
        if fault.stale:
            layer.stale[armed.number] = await self._copied(armed.number)
        layer.faults.append(armed)
        return armed

    async def add_story(self, name: str) -> list[Armed]:
        """Set the faults of a story. Raise ValueError for an unknown one."""
        return [await self.add_fault(fault) for fault in story_of(name).faults]

    async def remove_fault(self, number: int) -> bool:
        """Remove the fault with this number; return False if there is none."""
        layer = self._served.layer
        left = [armed for armed in layer.faults if armed.number != number]
        if len(left) == len(layer.faults):
            return False
        layer.faults = left
        layer.stale.pop(number, None)
        if number in self._copies:
            store, folder = self._copies.pop(number)
            await store.close()
            folder.cleanup()
        return True

    async def clear_faults(self) -> None:
        """Remove all faults, those of stories too; the next ones draw as the first did."""
        for armed in self.faults:
            await self.remove_fault(armed.number)
        self._count = 0

    async def _copied(self, number: int) -> Application:
        folder = tempfile.TemporaryDirectory(prefix="guanxi-stale-")
        path = Path(folder.name, "store.db")
        try:
            await self.marks.copy(path)
            store = await open_store(str(path), clock=self.clock)
        except BaseException:
            folder.cleanup()
            raise
        self._copies[number] = store, folder
        return stale(self.service, store, observed)

    # --- stubs ---

    def answer(self, stub: Stub) -> Placed:
        """Answer requests as a stub says; of several for one request the last counts.

        Raise ValueError for an invalid stub.
        """
        return self.stubs.add(stub)

    async def send(self, method: str, path: str, headers: Headers) -> Captured:
        """Send a request without a body to the service in this process; return its response.

        ``path`` may have a query. It is recorded and answered as one over the network, also by
        faults and stubs. The status is 0 if a fault cut the connection.
        """
        return await sent(self._served.layer, method, path, headers)

    # --- the whole world ---

    async def dump(self) -> bytes:
        """Return the world as JSON Lines, as ``dump.dumped`` has it. It holds the secret."""
        return b"".join([line async for line in dump.dumped(self.service.store)])

    async def load(self, lines: Iterable[bytes] | None) -> None:
        """Replace the world by that of a dump, or of the demo for None; mark it as ``loaded``.

        Sessions are loaded if the dump is of this service. Raise ValueError for a line that is not
        of a dump, and if the store is not a SQLite file; then the world may be empty.
        """
        await self.marks.empty()
        store = self.service.store
        if lines is None:
            await dump.load_demo(store, self.seed or 1)
        else:
            await dump.load(store, lines, secret=False)
        self._served.application.forget()
        await self.marks.mark(LOADED, recorded=False)

    # --- clients with fixed hosts ---

    async def open_proxy(self, service_url: str, port: int = 0) -> Proxy:
        """Start the proxy to the service at a URL, or return the one that runs.

        Raise OSError if the port cannot be bound, and ModuleNotFoundError without cryptography.
        """
        if self._proxy is None:
            self._proxy = Proxy(service_url, port=port)
            await self._proxy.start()
        return self._proxy

    # --- all of it ---

    async def clear(self) -> None:
        """Remove faults and stubs, forget the requests, and return the clock to real time."""
        await self.clear_faults()
        self.stubs.clear()
        self.requests.clear()
        self.clock.resume()

    async def renew(self) -> None:
        """Take the service back to its start: clear it, reset its world, forget other marks.

        Requests that a delay holds are cut off, so that they do not act in the new world.

        Raise ValueError if there is no mark ``start``.
        """
        self._served.layer.abandon()
        await self.clear()
        await self.marks.reset(START)
        if self._seeded is not None:
            self._seeded.restart()
            for later in [*self._secrets][self._begun_with :]:
                del self._secrets[later]
            self._served.application.renumber()
        for name in self.marks.names:
            if name != START:
                await self.marks.drop(name)

    async def close(self) -> None:
        """Remove the faults and their copies, and the marks, before the store is closed."""
        if self._proxy is not None:
            await self._proxy.close()
        with suppress(RuntimeError, StoreError):  # it never started, or its store cannot be written
            await self.clear_faults()
            await self.marks.close()
