"""The state machine of random acts, on each engine."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import settings

from tests.counts import count
from tests.machine import RelationMachine
from tests.stores.driver import InFolder, Synchronous
from tests.stores.engines import ENGINES


class SQLiteMachine(RelationMachine):
    make = partial(InFolder, ENGINES["sqlite"])


class PostgreSQLMachine(RelationMachine):
    make = partial(InFolder, ENGINES["postgresql"])


class ThreadsMachine(RelationMachine):
    make = partial(Synchronous, ENGINES["sqlite"])


class LoopThreadMachine(RelationMachine):
    make = partial(Synchronous, ENGINES["postgresql"])


SQLiteMachine.TestCase.settings = settings(
    max_examples=count(10, 80), stateful_step_count=count(30, 60)
)
PostgreSQLMachine.TestCase.settings = settings(
    max_examples=count(3, 15), stateful_step_count=count(30, 60)
)
ThreadsMachine.TestCase.settings = settings(
    max_examples=count(2, 40), stateful_step_count=count(30, 60)
)
LoopThreadMachine.TestCase.settings = settings(
    max_examples=count(1, 5), stateful_step_count=count(30, 60)
)
TestSQLite = SQLiteMachine.TestCase
TestThreads = ThreadsMachine.TestCase
TestLoopThread = pytest.mark.usefixtures("server")(LoopThreadMachine.TestCase)
TestPostgreSQL = pytest.mark.usefixtures("server")(PostgreSQLMachine.TestCase)
