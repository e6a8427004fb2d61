"""The guards of a store: the process, and the event loop, that may use it until it is closed."""

from __future__ import annotations

import asyncio
import os
from threading import get_ident
from weakref import WeakSet

from guanxi.stores.port import StoreError, StoreUnavailable
from guanxi.text import Text


class Process:
    """The process that opened a store, which every thread of it may use."""

    def __init__(self) -> None:
        self.closed = False
        self._process = os.getpid()
        #: Of no thread; 0 once the store is closed, and in a forked process.
        self.thread = -1
        _owners.add(self)

    def check(self) -> None:
        """Raise ``StoreUnavailable`` if the store is closed, ``StoreError`` in a forked process."""
        if not self.thread:
            raise self.refusal()

    def here(self) -> None:
        """Check as ``check``, and whatever else must be right where a verb waits."""
        self.check()

    def close(self) -> None:
        """Let all checks raise ``StoreUnavailable`` from now on."""
        self.closed = True
        self.thread = 0

    def refusal(self) -> StoreError:
        """Return the error of a call that ``check`` refuses."""
        if self.closed:
            return StoreUnavailable(Text("库已关闭", "the store is closed"))
        return StoreError(
            Text(
                "库在 fork 之前打开，请在每个进程中各自打开",
                "the store was opened before a fork: open one store per process",
            )
        )


class Owner(Process):
    """The process and event loop that opened a store.

    ``asyncio.get_running_loop`` costs a system call, as does ``os.getpid``. Every call therefore
    compares the thread alone; the loop is compared where it is needed, to wait or to schedule.
    """

    def __init__(self) -> None:
        """Make the running loop the owner. Raise ``RuntimeError`` if there is none."""
        super().__init__()
        self._loop = asyncio.get_running_loop()
        #: The thread that may call the store; 0 once it is closed, and in a forked process.
        self.thread = get_ident()

    def check(self) -> None:
        """Raise ``StoreUnavailable`` if the store is closed, ``StoreError`` in another thread."""
        if get_ident() != self.thread:
            raise self.refusal()

    def here(self) -> None:
        """Check as ``check``, and that the owner's loop is running."""
        self.loop()

    def loop(self) -> asyncio.AbstractEventLoop:
        """Check as ``here``; return the owner's loop."""
        self.check()
        if asyncio.get_running_loop() is not self._loop:
            raise self.refusal()
        return self._loop

    def refusal(self) -> StoreError:
        """Return the error of a call that ``check`` or ``loop`` refuses."""
        if self.closed or os.getpid() != self._process:
            return super().refusal()
        return StoreError(
            "the store belongs to another event loop: open one store per loop, or call it from"
            " other threads with asyncio.run_coroutine_threadsafe"
        )


_owners: WeakSet[Process] = WeakSet()


def _disown_all() -> None:
    for owner in _owners:
        owner.thread = 0


os.register_at_fork(after_in_child=_disown_all)
