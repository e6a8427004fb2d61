"""Let Ctrl-C interrupt a query of DuckDB at any moment."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


@contextmanager
def interruptible(db: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Interrupt the query that ``db`` runs in the block as soon as the process gets SIGINT.

    DuckDB looks for signals of Python only between tasks of its own: while the calling thread waits
    for another one, Ctrl-C would have no effect. So a thread watches the signals meanwhile. Outside
    of the main thread, which alone can say where signals are written, and where somebody else
    watches them, nothing changes.
    """
    import duckdb

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)
        previous = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        if previous != -1:
            signal.set_wakeup_fd(previous)
            yield
            return

        def watch() -> None:
            with suppress(OSError, duckdb.Error):  # the block may end with socket and db closed
                while byte := reader.recv(1):
                    if byte[0] == signal.SIGINT:
                        db.interrupt()

        watcher = threading.Thread(target=watch, name="guanxi-interrupts", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            signal.set_wakeup_fd(-1)
            writer.close()
            watcher.join()
