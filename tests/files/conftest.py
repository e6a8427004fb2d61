"""Fixtures of file tests: those of store tests."""

from __future__ import annotations

from tests.stores.conftest import (
    clock,
    engine,
    open_again,
    pytest_pyfunc_call,
    runner,
    store,
)

__all__ = ["clock", "engine", "open_again", "pytest_pyfunc_call", "runner", "store"]
