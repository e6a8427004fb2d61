"""Random sequences of changes on a service, over HTTP, through the SDK."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import settings

from tests.counts import count
from tests.end_to_end.driver import ServiceDriver
from tests.machine import RelationMachine
from tests.stores.engines import ENGINES


class OnSQLite(RelationMachine):
    make = partial(ServiceDriver, ENGINES["sqlite"])


class OnPostgreSQL(RelationMachine):
    make = partial(ServiceDriver, ENGINES["postgresql"])


OnSQLite.TestCase.settings = settings(max_examples=count(2, 20), stateful_step_count=count(20, 50))
OnPostgreSQL.TestCase.settings = settings(
    max_examples=count(1, 6), stateful_step_count=count(20, 50)
)
TestOnSQLite = OnSQLite.TestCase
TestOnPostgreSQL = pytest.mark.usefixtures("server")(OnPostgreSQL.TestCase)
