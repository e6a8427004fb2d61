"""The real service over a real store that fails on request."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import uvloop

from guanxi.contract.limits import DOCUMENTED
from guanxi.service import admin
from guanxi.service.config import Settings
from guanxi.service.http import bind, serving, url_of
from guanxi.service.metrics import Metrics
from guanxi.service.server import Plan, Ready, application_of, background_tasks
from guanxi.stores import open_store
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


class Faulty:
    """A store whose verbs wait while it is ``held``, and raise ``error`` where there is one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.error: BaseException | None = None
        self.verbs = _VERBS
        self.held = False
        #: Set when somebody waits.
        self.called = threading.Event()

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._store, name)
        if name not in self.verbs or not (self.error or self.held):
            return real

        async def faulty(*args: Any, **named: Any) -> Any:
            self.called.set()
            while self.held:
                await asyncio.sleep(0.01)
            if self.error is not None:
                raise self.error
            return await real(*args, **named)

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
        opened = cast(Store, store)
        metrics = Metrics()
        with bind("127.0.0.1", 0) as listener, bind("127.0.0.1", 0) as door:
            ready = Ready(url_of(listener), url_of(door), opened)
            application = application_of(opened, settings, metrics)
            administered = admin.Administered(opened, settings.profile.limits, metrics.collected)
            served = (application, listener), (admin.application(administered, "token"), door)
            async with background_tasks(opened, application), serving(*served):
                loop = asyncio.get_running_loop()
                plan = Plan(str(folder / "faulty.db"), settings)
                came_up.set_result((RunningService(ready, plan, "token", loop), store))
                await asyncio.wrap_future(stop)
        await opened.close()

    thread = threading.Thread(target=uvloop.run, args=(serve(),), daemon=True)
    thread.start()
    service, store = came_up.result(60)
    try:
        yield service, store
    finally:
        stop.set_result(None)
        thread.join()
