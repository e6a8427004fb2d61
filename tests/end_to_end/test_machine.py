"""The machine of random acts on a service, over HTTP, through the SDK."""

from __future__ import annotations

from hypothesis import settings

from tests.counts import count
from tests.end_to_end.driver import ServiceDriver
from tests.machine import RelationMachine


class ServiceMachine(RelationMachine):
    make = ServiceDriver


ServiceMachine.TestCase.settings = settings(
    max_examples=count(5, 60), stateful_step_count=count(20, 50)
)
TestService = ServiceMachine.TestCase
