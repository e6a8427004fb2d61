"""The state machine of random acts, on each engine."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import settings

from tests.counts import count
from tests.machine import RelationMachine
from tests.stores.driver import InFolder
from tests.stores.engines import ENGINES


class SQLiteMachine(RelationMachine):
    make = partial(InFolder, ENGINES["sqlite"])


class PostgreSQLMachine(RelationMachine):
    make = partial(InFolder, ENGINES["postgresql"])


SQLiteMachine.TestCase.settings = settings(
    max_examples=count(10, 120), stateful_step_count=count(30, 60)
)
PostgreSQLMachine.TestCase.settings = settings(
    max_examples=count(3, 15), stateful_step_count=count(30, 60)
)
TestSQLite = SQLiteMachine.TestCase
TestPostgreSQL = pytest.mark.usefixtures("server")(PostgreSQLMachine.TestCase)
