"""The engines that the conformance suite runs on. A second one is one more entry here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from guanxi.stores.port import Store
from guanxi.stores.sqlite import SQLiteStore

#: 2023-11-14, in nanoseconds.
START = 1_700_000_000 * 10**9


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.ns = START

    def __call__(self) -> int:
        return self.ns

    def advance(self, seconds: float) -> None:
        self.ns += int(seconds * 10**9)


class Engine(Protocol):
    """A place for one store, opened as often as one likes."""

    async def open(self, clock: Callable[[], int]) -> Store: ...


class Opener(Protocol):
    """Opens an engine's store once more; what is opened is closed at the end of the test."""

    async def __call__(self) -> Store: ...


class SQLite:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "guanxi.db"

    async def open(self, clock: Callable[[], int]) -> Store:
        return await SQLiteStore.open(self.path, create=True, clock=clock)


ENGINES: dict[str, Callable[[Path], Engine]] = {"sqlite": SQLite}
