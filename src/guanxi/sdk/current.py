"""The clients of ``guanxi.user`` and of a credential's coroutines, and ``sync``, which runs them.

There is one client for each running loop, proxy and server, or the caller's own. With
``request_settings`` this is guanxi's only global state. It contains no credential: each call brings
its own.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
from asyncio import AbstractEventLoop
from collections.abc import AsyncGenerator, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from guanxi.sdk.settings import TIMEOUT, request_settings

if TYPE_CHECKING:
    from guanxi.sdk.aio import Client
    from guanxi.sdk.credential import Credential

T = TypeVar("T")
C = TypeVar("C", bound="Client")


class _LoopClient(NamedTuple):
    client: Client
    #: Suspended while the loop runs; the loop closes it at its end, and it closes the client.
    holder: AsyncGenerator[None, None]


_loop_clients: dict[AbstractEventLoop, dict[tuple[object, ...], _LoopClient]] = {}
_current: ContextVar[Client | None] = ContextVar("guanxi.user client", default=None)


@contextmanager
def using(client: C) -> Iterator[C]:
    """Use a client for all functions of ``guanxi.user`` within the ``with`` block (ours).

    Yield the client. ``credential=None`` then means its credential. It is not closed at the end.
    Tasks that are started in the block use it too; ``sync`` inside a running loop does not.
    """
    token = _current.set(client)
    try:
        yield client
    finally:
        _current.reset(token)


def sync(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run ``coroutine`` to its end and return its result, or raise its exception (000).

    Inside a running loop, it runs in a thread with a loop of its own and blocks this one meanwhile.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with concurrent.futures.ThreadPoolExecutor(1, "guanxi-sync") as thread:
        return thread.submit(asyncio.run, coroutine).result()


def current() -> Client | None:
    """Return the client of ``using``; None outside of its block."""
    return _current.get()


async def client_of(account: Credential) -> Client:
    """Return the client of ``using``, or the running loop's client for the credential's proxy.

    The loop's client is created when it is first needed, for the current GUANXI_BASE_URL and
    ``request_settings``, and closed with its loop. Raise ``ArgsException`` if that address or the
    proxy is invalid.
    """
    if (own := current()) is not None:
        return own
    loop = asyncio.get_running_loop()
    if loop not in _loop_clients:
        for other in list(_loop_clients):
            if other.is_closed():  # its generators were never closed; dropping a client closes it
                _loop_clients.pop(other, None)  # another thread may have been faster
    clients = _loop_clients.setdefault(loop, {})
    timeout = request_settings.get("timeout")
    settings: dict[str, Any] = {
        "proxy": account.proxy or request_settings.get("proxy") or None,
        "timeout": None if timeout == TIMEOUT else timeout,
        "max_response": request_settings.get("max_response"),
        "wbi_tries": request_settings.get("wbi_retry_times"),
    }
    key = (os.environ.get("GUANXI_BASE_URL"), *settings.values())
    if key not in clients:
        from guanxi.sdk.aio import Client  # imported late: slow to load
        from guanxi.sdk.credential import Credential

        client = Client(credential=Credential(), **settings)
        entry = clients[key] = _LoopClient(client, _hold(client, loop))
        await anext(entry.holder)
    return clients[key].client


async def _hold(client: Client, loop: AbstractEventLoop) -> AsyncGenerator[None, None]:
    """Yield once; close the client when its loop closes its generators.

    The module then also forgets all clients of this loop.
    """
    try:
        yield
    finally:
        _loop_clients.pop(loop, None)
        await client.close()
