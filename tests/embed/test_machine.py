"""The state machine of random acts drives the library, with a loop and without, on each engine."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from guanxi import Graph, SyncGraph
from guanxi.embed import Item
from tests.counts import count
from tests.embed.driver import LIMITS, ThroughGraph
from tests.machine import RelationMachine
from tests.stores.driver import InFolder, Synchronous
from tests.stores.engines import ENGINES, Engine


class Library(ThroughGraph, InFolder):
    """Drives acts and most reads through a graph, and the rest through the store below it."""

    def __init__(self, make: Callable[[Path], Engine]) -> None:
        super().__init__(make)
        self.graph = self.graph_of()

    def graph_of(self) -> Any:
        return Graph(self.store, limits=LIMITS, clock=self.clock)

    def call(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        return self.do(getattr(self.graph, verb)(*args, **kwargs))

    def iterated(self, verb: str, *args: Any, **kwargs: Any) -> list[Item]:
        async def all_of() -> list[Item]:
            return [item async for item in getattr(self.graph, f"iter_{verb}")(*args, **kwargs)]

        found: list[Item] = self.do(all_of())
        return found


class WithoutLoop(Synchronous, Library):
    """The same through ``SyncGraph``, whose verbs return their results."""

    def graph_of(self) -> Any:
        return SyncGraph(self.runner, limits=LIMITS, clock=self.clock)  # type: ignore[arg-type]

    def call(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        return getattr(self.graph, verb)(*args, **kwargs)

    def iterated(self, verb: str, *args: Any, **kwargs: Any) -> list[Item]:
        return [*getattr(self.graph, f"iter_{verb}")(*args, **kwargs)]


class GraphOnSQLite(RelationMachine):
    make = partial(Library, ENGINES["sqlite"])


class GraphOnPostgreSQL(RelationMachine):
    make = partial(Library, ENGINES["postgresql"])


class SyncGraphOnSQLite(RelationMachine):
    make = partial(WithoutLoop, ENGINES["sqlite"])


class SyncGraphOnPostgreSQL(RelationMachine):
    make = partial(WithoutLoop, ENGINES["postgresql"])


GraphOnSQLite.TestCase.settings = settings(
    max_examples=count(3, 30), stateful_step_count=count(25, 50)
)
GraphOnPostgreSQL.TestCase.settings = settings(
    max_examples=count(1, 6), stateful_step_count=count(20, 50)
)
SyncGraphOnSQLite.TestCase.settings = settings(
    max_examples=count(2, 18), stateful_step_count=count(25, 50)
)
SyncGraphOnPostgreSQL.TestCase.settings = settings(
    max_examples=count(1, 3), stateful_step_count=count(20, 50)
)
TestGraphOnSQLite = GraphOnSQLite.TestCase
TestGraphOnPostgreSQL = pytest.mark.usefixtures("server")(GraphOnPostgreSQL.TestCase)
TestSyncGraphOnSQLite = SyncGraphOnSQLite.TestCase
TestSyncGraphOnPostgreSQL = pytest.mark.usefixtures("server")(SyncGraphOnPostgreSQL.TestCase)
