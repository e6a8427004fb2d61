"""Stores for code without an event loop: threads run the coroutines of a store's verbs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from guanxi.stores import init, is_server_address, open_store
from guanxi.stores.owner import Process
from guanxi.stores.port import Store, StoreError
from guanxi.text import Text

T = TypeVar("T")

#: How many items of an iteration are read at a time.
_ITEMS = 500
#: How long the calls of other threads may take to end once the store is closed.
_END_SECONDS = 5.0


class Runner(Protocol):
    """Runs coroutines that await nothing but the verbs of ``store``, in any thread."""

    @property
    def store(self) -> Store:
        """Return the store."""

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return the coroutine's result, or raise what it raises.

        Raise ``StoreError`` in a thread whose event loop is running, which this would stop.
        """

    def iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        """Yield what an asynchronous iterator yields, and close a generator; raise as ``run``."""

    def close(self) -> None:
        """Close the store, as ``Store.close``; safe to call again."""


def open_sync_store(
    address: str,
    *,
    create: bool = False,
    changes: bool = False,
    clock: Callable[[], int] = time.time_ns,
) -> Runner:
    """Open the store at ``address`` for threads; the arguments and errors are ``open_store``'s.

    Any thread of this process may use it. On SQLite each thread has a connection, and its reads
    take no other thread. On PostgreSQL one thread with an event loop has all connections.
    """
    _refuse_loop()
    is_new = create and changes and asyncio.run(init(address))
    opened = _LoopThread if is_server_address(address) else _InThread
    runner: Runner = opened(address, create=create, clock=clock)
    if is_new:
        try:
            runner.run(runner.store.set_changes(True))
        except BaseException:
            runner.close()
            raise
    return runner


def _refuse_loop() -> None:
    # Not get_running_loop, whose exception costs as much as a short read.
    if asyncio._get_running_loop() is not None:
        raise StoreError(
            Text(
                "此线程的事件循环正在运行，同步调用会使它停下：请改用异步接口",
                "this thread's event loop is running, and a synchronous call would stop it: use"
                " the asynchronous interface",
            )
        )


class _InThread:
    """Runs coroutines over a SQLite store in the calling thread."""

    def __init__(self, address: str, *, create: bool, clock: Callable[[], int]) -> None:
        from guanxi.stores.sqlite.threads import ThreadedStore  # the driver is optional

        self.store = ThreadedStore.open_here(Path(address), create=create, clock=clock)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            _refuse_loop()
        except StoreError:
            coroutine.close()
            raise
        return self.store.run(coroutine)

    def iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        try:
            while chunk := self.run(_some(items, 1)):
                yield from chunk
        finally:
            self.run(_closed(items))

    def close(self) -> None:
        self.run(self.store.close())


class _LoopThread:
    """Runs coroutines over any store on the event loop of a thread of their own."""

    def __init__(self, address: str, *, create: bool, clock: Callable[[], int]) -> None:
        self._owner, self._closing = Process(), threading.Lock()
        #: Held while a call is given to the loop, so that none is given to one that has stopped.
        self._giving = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="guanxi-store", daemon=True
        )
        self._thread.start()
        try:
            self.store = self.run(open_store(address, create=create, clock=clock))
        except BaseException:
            self._stop()
            raise

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            _refuse_loop()
            self._owner.check()  # before the lock, which a fork may have left locked
            with self._giving:
                self._owner.check()
                result = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except StoreError:
            coroutine.close()
            raise
        try:
            return result.result()
        except BaseException:
            result.cancel()  # interrupted
            raise

    def iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        try:
            while chunk := self.run(_some(items, _ITEMS)):
                yield from chunk
        finally:
            self.run(_closed(items))

    def close(self) -> None:
        with self._closing:
            if not self._owner.closed:
                try:
                    self.run(self.store.close())
                finally:
                    self._stop()

    def _stop(self) -> None:
        with self._giving:
            self._owner.close()
        asyncio.run_coroutine_threadsafe(_others_end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _others_end() -> None:
    """Wait for the loop's other tasks, which a closed store ends; cancel what takes too long."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        _, late = await asyncio.wait(others, timeout=_END_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


async def _some(items: AsyncIterator[T], most: int) -> list[T]:
    """Return the next items, ``most`` unless the end comes first."""
    some: list[T] = []
    with suppress(StopAsyncIteration):
        while len(some) < most:
            some.append(await anext(items))
    return some


async def _closed(items: AsyncIterator[Any]) -> None:
    if isinstance(items, AsyncGenerator):
        await items.aclose()
