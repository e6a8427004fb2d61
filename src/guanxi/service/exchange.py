"""One request and its response: who sent it, what was answered, and who observes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from itertools import count
from typing import Any, Protocol

from msgspec import Struct

from guanxi.accounts.chance import Chance, system
from guanxi.accounts.secrets import Session
from guanxi.contract.endpoint import Endpoint
from guanxi.service.forms import Receive
from guanxi.service.request import Headers, Pairs

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]

#: The key under which a scope has a function that drops the connection, once the client closed its
#: sending side. Most such clients have left: a long read for one is not worth its cost.
HALF_CLOSED = "guanxi.half_closed"
#: The name of requests that match no endpoint, in metrics and logs.
NO_ENDPOINT = "none"


def request_ids(chance: Chance = system, mark: str = "") -> Iterator[str]:
    """Return an iterator of new ids of requests, with ``mark`` before their numbers."""
    drawn = chance("requests", 8).hex()
    return (f"{drawn}-{mark}{number}" for number in count())


def address_of(scope: Scope) -> str:
    """Return the IP address of a request's client, "" if unknown."""
    client = scope.get("client")
    return client[0] if client else ""


class Caller(Struct, frozen=True, gc=False):
    """Who sent a request."""

    #: 0 for nobody.
    mid: int = 0
    #: None for nobody, and for a caller that signed in elsewhere than in the store.
    session: Session | None = None
    #: The client's IP address, "" if unknown.
    address: str = ""


NOBODY = Caller()


async def _nothing() -> Mapping[str, str]:
    return {"type": "http.disconnect"}


class Exchange(Struct, eq=False):
    """A request and its response, and for whom the store reads meanwhile (``port.lanes``).

    Scope, params and body hold secrets, which an observer must not log.
    """

    #: The id in the log and in the header ``x-request-id``.
    request_id: str
    scope: Scope
    #: Relative to the path at which the application is mounted.
    path: str
    #: None if the request matches no endpoint.
    endpoint: Endpoint | None
    #: Returns the next part of the request, as the ASGI specification says.
    receive: Receive = _nothing
    #: Nobody until the gate has decided.
    caller: Caller = NOBODY
    #: False while the request's form is being received.
    is_whole: bool = True
    #: The decoded parameters; None if the request was refused before.
    params: Any = None
    code: int = 0
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    #: When the request arrived (monotonic seconds), and how long it took to its encoded response.
    started: float = 0.0
    seconds: float = 0.0
    #: The task that handles the request, and how often it had been cancelled before.
    task: asyncio.Task[object] | None = None
    cancelling: int = 0
    #: Whether the time limit has cancelled the task, and whether its client's leaving has.
    is_late: bool = False
    has_left: bool = False

    @property
    def name(self) -> str:
        """Return the endpoint's name, or ``NO_ENDPOINT``."""
        return NO_ENDPOINT if self.endpoint is None else self.endpoint.name

    @property
    def account(self) -> int:
        """Return the caller's mid, 0 for nobody."""
        return self.caller.mid

    @property
    def address(self) -> str:
        """Return the client's IP address, "" if unknown."""
        return self.caller.address

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Cancel the request's task if its client disconnects while the block runs."""
        watch = asyncio.get_running_loop().create_task(self._watch())
        try:
            yield
        finally:
            watch.cancel()

    async def _watch(self) -> None:
        if self.task is not None and await self._disconnected():
            self.has_left = True
            self.task.cancel()

    async def _disconnected(self) -> bool:
        """Wait until the client has disconnected; False if the host does not say.

        ``receive`` returns what is left of the request first.
        """
        whole = False
        while True:
            message = await self.receive()
            drop = self.scope.get(HALF_CLOSED)
            if drop is not None:
                drop()
            if message["type"] == "http.disconnect" or drop is not None:
                return True
            if whole:
                return False
            whole = not message.get("more_body", False)


class Gate(Protocol):
    """Decides who may call an endpoint, and as whom."""

    async def caller(
        self,
        endpoint: Endpoint,
        scope: Scope,
        headers: Headers,
        pairs: Pairs,
        values: Mapping[str, str],
    ) -> Caller:
        """Return who sent a request to an endpoint. Raise Refused if it may not be called.

        ``pairs`` are the fields as sent, ``values`` those that count, not validated yet.
        """

    def forget(self) -> None:
        """Drop what is cached of callers; by default nothing is."""
        return


#: Called with each finished exchange before its response is sent; must not raise.
Observer = Callable[[Exchange], None]
