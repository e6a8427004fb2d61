"""Accept the connections of a listening socket, up to 128 in one turn of the event loop.

The event loop's own server is not used. uvloop's accepts one connection per turn, and a turn serves
every busy connection: with 128 clients that connect at once, the last one would wait 128 turns for
its first response while the others are served hundreds of times.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sized

from guanxi.service import logs

#: How many connections are accepted in one turn of the event loop.
AT_ONCE = 128
#: Seconds until the next attempt, when there is no room or the system has no descriptor left.
PAUSE_SECONDS = 0.1
#: Descriptors that connections leave for the store, its files, and the other addresses.
_SPARE = 128

try:
    import resource
except ModuleNotFoundError:  # not on Windows, which does not limit descriptors this way

    def most_connections() -> int:
        """Return how many connections one address may have; here without a limit."""
        return 2**31 - 1

else:

    def most_connections() -> int:
        """Return how many connections one address may have.

        All connections of a process must not use up its descriptors (``ulimit -n``): its store
        could not open a file, and its administration not accept anybody.
        """
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return 2**31 - 1 if limit == resource.RLIM_INFINITY else max(limit - _SPARE, limit // 2)


class Accepting:
    """Accepts connections from ``listener`` in the running event loop, between start and stop.

    Each connection gets a protocol from ``protocol_of``. While there are ``most`` open
    ``connections``, clients wait in the system's queue. The listener is not closed.
    """

    def __init__(
        self,
        listener: socket.socket,
        protocol_of: Callable[[], asyncio.Protocol],
        connections: Sized,
        most: int,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener, self._protocol_of = listener, protocol_of
        self._connections, self._most = connections, most
        #: The connections that are being handed over to the loop.
        self._handing_over: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        #: Whether accepting failed since the last connection, so that this is logged once.
        self._failed = False

    def start(self) -> None:
        self._pause = None
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener.fileno(), self._accept)

    async def stop(self) -> None:
        """Accept nothing more; wait until every accepted connection has its protocol."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._listener.fileno())
        await asyncio.gather(*self._handing_over, return_exceptions=True)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            if len(self._connections) + len(self._handing_over) >= self._most:
                self._pause_accepting()
                return
            try:
                accepted, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:  # this client closed it, others may wait
                continue
            except OSError as error:  # no descriptor or memory left
                if not self._failed:
                    logs.event(logging.ERROR, "connections not accepted", reason=error.strerror)
                self._failed = True
                self._pause_accepting()
                return
            self._failed = False
            task = self._loop.create_task(self._hand_over(accepted))
            self._handing_over.add(task)
            task.add_done_callback(self._handing_over.discard)

    def _pause_accepting(self) -> None:
        """Accept nothing for a while; the loop would spin, as the listener stays readable."""
        self._loop.remove_reader(self._listener.fileno())
        self._pause = self._loop.call_later(PAUSE_SECONDS, self.start)

    async def _hand_over(self, accepted: socket.socket) -> None:
        """Give an accepted socket to the loop, which owns and closes it from then on."""
        accepted.setblocking(False)
        try:
            await self._loop.connect_accepted_socket(self._protocol_of, accepted)
        except OSError:  # the client closed it
            # Not closed twice: a socket that the loop has closed holds no descriptor any more.
            accepted.close()
