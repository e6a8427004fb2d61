"""Fixtures of store tests. A test may be a coroutine; it runs on one loop with its fixtures."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from guanxi.stores.port import Store
from tests.stores.engines import ENGINES, Clock, Engine, Opener


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    test = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test):
        return None
    runner = pyfuncitem.funcargs["runner"]
    assert isinstance(runner, asyncio.Runner)
    runner.run(
        test(**{name: pyfuncitem.funcargs[name] for name in inspect.signature(test).parameters})
    )
    return True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Yield each engine in turn, without data."""
    engine = ENGINES[request.param](tmp_path)
    yield engine
    engine.drop()


@pytest.fixture
def open_again(engine: Engine, clock: Clock, runner: asyncio.Runner) -> Iterator[Opener]:
    """Return a function that opens the engine's store once more."""
    opened: list[Store] = []

    async def opener() -> Store:
        store = await engine.open(clock)
        opened.append(store)
        return store

    yield opener
    for store in opened:
        runner.run(store.close())


@pytest.fixture
def store(open_again: Opener, runner: asyncio.Runner) -> Store:
    return runner.run(open_again())
