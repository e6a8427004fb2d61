"""The clients behind the module: one for each running loop, proxy and server, or one's own.

This is the one place where guanxi keeps something by itself. No account is kept: each call brings
its own.
"""

from __future__ import annotations

import asyncio
import os
from asyncio import AbstractEventLoop
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar

from guanxi.contract.endpoint import Endpoint
from guanxi.sdk.aio import Client
from guanxi.sdk.credential import Credential

T = TypeVar("T")


class _Held(NamedTuple):
    client: Client
    #: Suspended for as long as the loop runs; the loop ends it, and that closes the client.
    holder: AsyncGenerator[None, None]


_held: dict[AbstractEventLoop, dict[tuple[str | None, str | None], _Held]] = {}
_own: ContextVar[Client | None] = ContextVar("guanxi.user client", default=None)


@contextmanager
def using(client: Client) -> Iterator[Client]:
    """Within the ``with``, this module's functions use this client (ours).

    Its account calls where ``credential`` is None. It stays open; tasks that are started within
    use it too, ``sync`` inside a running loop does not.
    """
    token = _own.set(client)
    try:
        yield client
    finally:
        _own.reset(token)


def sync(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end and return what it returns (000).

    Inside a running loop it runs in a thread and a loop of its own, and blocks this one meanwhile.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(1, "guanxi-sync") as thread:
        return thread.submit(asyncio.run, coroutine).result()


def account_of(credential: Credential | None) -> Credential:
    """Who calls: the one given, or that of the client in use, or the environment's."""
    if credential is not None:
        return credential
    own = _own.get()
    return Credential.from_environment() if own is None else own.credential


async def call(endpoint: Endpoint, params: Mapping[str, Any], credential: Credential | None) -> Any:
    """Call an endpoint for an account, through the client that is in use."""
    account = account_of(credential)
    client = await _client(account)
    return await client.call(endpoint, params, credential=account)


async def walk(
    endpoint: Endpoint, params: Mapping[str, Any], credential: Credential | None
) -> AsyncIterator[Any]:
    """Walk a list for an account, through the client that is in use."""
    account = account_of(credential)
    client = await _client(account)
    async for item in client.walk(endpoint, params, credential=account):
        yield item


async def _client(account: Credential) -> Client:
    own = _own.get()
    if own is not None:
        return own
    loop = asyncio.get_running_loop()
    if loop not in _held:
        for other in list(_held):
            if other.is_closed():  # without its generators; dropping a client closes it too
                del _held[other]
    clients = _held.setdefault(loop, {})
    key = (account.proxy, os.environ.get("GUANXI_BASE_URL"))
    if key not in clients:
        client = Client(credential=Credential(), proxy=account.proxy)
        held = clients[key] = _Held(client, _hold(client, loop))
        await anext(held.holder)
    return clients[key].client


async def _hold(client: Client, loop: AbstractEventLoop) -> AsyncGenerator[None, None]:
    """Close a client when the loop closes its generators, which is the last thing it does."""
    try:
        yield
    finally:
        _held.pop(loop, None)
        await client.close()
