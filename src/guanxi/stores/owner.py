"""The guard of a store: the one process and event loop that may use it, until it is closed."""

from __future__ import annotations

import asyncio
import os
from threading import get_ident
from weakref import WeakSet

from guanxi.stores.port import StoreError, StoreUnavailable
from guanxi.text import Text


class Owner:
    """The process and event loop that opened a store.

    ``asyncio.get_running_loop`` costs a system call, as does ``os.getpid``. Every call therefore
    compares the thread alone; the loop is compared where it is needed, to wait or to schedule.
    """

    def __init__(self) -> None:
        """Make the running loop the owner. Raise ``RuntimeError`` if there is none."""
        self.closed = False
        self._process, self._loop = os.getpid(), asyncio.get_running_loop()
        #: The thread that may call the store; 0 once it is closed, and in a forked process.
        self.thread = get_ident()
        _owners.add(self)

    def check(self) -> None:
        """Raise ``StoreUnavailable`` if the store is closed, ``StoreError`` in another thread."""
        if get_ident() != self.thread:
            raise self.refusal()

    def loop(self) -> asyncio.AbstractEventLoop:
        """Check as ``check``, and that the owner's loop is running; return that loop."""
        self.check()
        if asyncio.get_running_loop() is not self._loop:
            raise self.refusal()
        return self._loop

    def close(self) -> None:
        """Let ``check`` and ``loop`` raise ``StoreUnavailable`` from now on."""
        self.closed = True
        self.thread = 0

    def refusal(self) -> StoreError:
        """Return the error of a call that ``check`` refuses."""
        if self.closed:
            return StoreUnavailable(Text("库已关闭", "the store is closed"))
        if os.getpid() != self._process:
            return StoreError("the store was opened before a fork: open one store per process")
        return StoreError(
            "the store belongs to another event loop: open one store per loop, or call it from"
            " other threads with asyncio.run_coroutine_threadsafe"
        )


_owners: WeakSet[Owner] = WeakSet()


def _disown_all() -> None:
    for owner in _owners:
        owner.thread = 0


os.register_at_fork(after_in_child=_disown_all)
