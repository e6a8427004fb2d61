"""The real service over a real store that fails on request."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from guanxi.contract.limits import DOCUMENTED
from guanxi.service.config import Settings
from guanxi.stores.layer import Layer
from guanxi.stores.port import Store
from guanxi.testing import RunningService, running

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
    | {
        "account",
        "cards",
        "tails",
        "session",
        "mids",
        "open_session",
        "close_session",
        "take_grant",
    }
    | {"flush_visits", "ready"}
    | {"append_audit", "end_audit", "audit", "admin_token", "admin_tokens"}
    | {
        "edit_account",
        "put",
        "get",
        "find",
        "documents_of",
        "documents",
        "count",
        "counts",
        "total",
        "delete",
    }
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
    """A service over such a store, without a card cache, which would hide faults."""
    faulty: list[Faulty] = []

    def layer(store: Store) -> Store:
        faulty.append(Faulty(store))
        return faulty[0]

    path = folder / "faulty.db"
    with running(store=path, settings=replace(settings, card_cache=0), layer=layer) as service:
        yield service, faulty[0]
