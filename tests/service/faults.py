"""The real service over a real store that fails on request."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop

from guanxi.contract.limits import DOCUMENTED
from guanxi.service import admin
from guanxi.service.config import Settings
from guanxi.service.http import bind, serving, url_of
from guanxi.service.metrics import Metrics
from guanxi.service.server import Plan, Ready, application_of, background_tasks
from guanxi.stores import open_store
from guanxi.stores.layer import Layer
from guanxi.stores.port import Store
from guanxi.testing import RunningService

_VERBS = frozenset(
    {
        "change",
        "page",
        "members",
        "search",
        "common",
        "pair",
        "relations",
        "attributes",
        "tally",
        "groups",
    }
    | {"account", "cards", "tails", "session", "mids", "take_grant", "flush_visits", "ready"}
    | {"edit_account", "put", "get", "find", "documents", "count", "counts", "total", "delete"}
)


class Faulty(Layer):
    """A store whose verbs wait while it is ``held``, and raise ``error`` where there is one."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.error: BaseException | None = None
        self.verbs = _VERBS
        self.held = False
        #: Set when somebody waits.
        self.called = threading.Event()
        for name in _VERBS:
            setattr(self, name, self._faulty(name))

    def _faulty(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def faulty(*args: Any, **named: Any) -> Any:
            if name in self.verbs and (self.error or self.held):
                self.called.set()
                while self.held:
                    await asyncio.sleep(0.01)
                if self.error is not None:
                    raise self.error
            return await getattr(self.store, name)(*args, **named)

        return faulty


@contextmanager
def faulty_service(
    folder: Path,
    settings: Settings = Settings(profile=DOCUMENTED),  # noqa: B008 - it is frozen
) -> Iterator[tuple[RunningService, Faulty]]:
    """A service over such a store, administration included; its token is "token"."""
    came_up: Future[tuple[RunningService, Faulty]] = Future()
    stop: Future[None] = Future()

    async def serve() -> None:
        store = Faulty(await open_store(str(folder / "faulty.db"), create=True))
        metrics = Metrics()
        with bind("127.0.0.1", 0) as listener, bind("127.0.0.1", 0) as door:
            ready = Ready(url_of(listener), url_of(door), store)
            application = application_of(store, settings, metrics)
            administered = admin.Administered(store, settings.profile.limits, metrics.collected)
            served = (application, listener), (admin.application(administered, "token"), door)
            async with background_tasks(store, application), serving(*served):
                loop = asyncio.get_running_loop()
                plan = Plan(str(folder / "faulty.db"), settings)
                came_up.set_result((RunningService(ready, plan, "token", loop), store))
                await asyncio.wrap_future(stop)
        await store.close()

    thread = threading.Thread(target=uvloop.run, args=(serve(),), daemon=True)
    thread.start()
    service, store = came_up.result(60)
    try:
        yield service, store
    finally:
        stop.set_result(None)
        thread.join()
