"""The clients of the module: one for each running loop, proxy and server, or the caller's own.

This is guanxi's only global state. It contains no credential: each call brings its own.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
from asyncio import AbstractEventLoop
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from guanxi.contract.endpoint import Endpoint
from guanxi.sdk.credential import Credential
from guanxi.sdk.requests import checked

if TYPE_CHECKING:
    from guanxi.sdk.aio import Client
    from guanxi.sdk.conversation import Page

T = TypeVar("T")


#: Wire name -> argument name in ``guanxi.user``, if they differ.
_ARGUMENTS = {
    **dict.fromkeys(("vmid", "mid", "host_mid", "host_uid", "up_mid", "biz_id", "fid"), "uid"),
    "target_id": "uid",
    "act": "relation",
    "fids": "uids",
    "tag": "name",
    "tagid": "group_id",
    "tagids": "group_ids",
    "season_id": "sid",
    "series_id": "sid",
    "sort_reverse": "sort",
    "nickName": "nick_name",
    "notice": "content",
    "offset_dynamic_id": "offset",
    "t": "since",
}
#: The same for single endpoints; these take precedence.
_ENDPOINT_ARGUMENTS = {
    "channel.season": {"season_id": "id_"},
    "channel.series": {"series_id": "id_"},
    "me.history": {"pn": "page_num", "ps": "per_page_item"},
    "me.history_cursor": {"type": "_type"},
    "me.notes": {"pn": "page_num", "ps": "page_size"},
    "me.public_notes": {"pn": "page_num", "ps": "page_size"},
    "relation.rename_group": {"name": "new_name"},
    "space.article_lists": {"sort": "order"},
    "space.articles": {"sort": "order"},
    "space.bangumi": {"type": "type_"},
    "space.opus": {"type": "type_"},
    "space.season_videos": {"page_num": "pn", "page_size": "ps"},
}


class _LoopClient(NamedTuple):
    client: Client
    #: Suspended while the loop runs; the loop closes it at its end, and it closes the client.
    holder: AsyncGenerator[None, None]


_loop_clients: dict[AbstractEventLoop, dict[tuple[str | None, str | None], _LoopClient]] = {}
_current: ContextVar[Client | None] = ContextVar("guanxi.user client", default=None)


@contextmanager
def using(client: Client) -> Iterator[Client]:
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
    """Run a coroutine to completion and return its result, or raise its exception (000).

    Inside a running loop, it runs in a thread with a loop of its own and blocks this one meanwhile.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with concurrent.futures.ThreadPoolExecutor(1, "guanxi-sync") as thread:
        return thread.submit(asyncio.run, coroutine).result()


def account_of(credential: Credential | None) -> Credential:
    """Return the given credential; for None, that of the client in ``using``, or the environment's.

    The environment's is empty if its variables are unset. Raise ``TypeError`` if ``credential`` is
    neither a ``Credential`` nor None, ``ValueError`` if a variable's value is not allowed in a
    cookie.
    """
    if credential is not None:
        if not isinstance(credential, Credential):
            raise TypeError(
                f"credential: must be a Credential or None, not {type(credential).__name__}"
            )
        return credential
    current = _current.get()
    return Credential.from_environment() if current is None else current.credential


async def call(endpoint: Endpoint, params: Mapping[str, Any], credential: Credential | None) -> Any:
    """Call an endpoint with a credential, through the current client, and return its data.

    ``credential`` None means that of ``using`` or of the environment. The result is None if the
    server sends no data. Raise ``TypeError`` or ``ValueError``, with the argument's name in
    ``guanxi.user``, before anything is sent; otherwise as ``Client.call``.
    """
    account = account_of(credential)
    allowed = check(endpoint, params)
    client = await client_of(account)
    return await client.call(endpoint, allowed, credential=account)


def check(endpoint: Endpoint, params: Mapping[str, Any]) -> dict[str, Any]:
    """Check an endpoint's parameters, by wire name; return those that are not None.

    Enum members are unwrapped, iterables become lists. Raise ``TypeError`` or ``ValueError`` for a
    missing or invalid one; the message names the argument as ``guanxi.user`` does, not the wire.
    """
    return checked(endpoint, params, {**_ARGUMENTS, **_ENDPOINT_ARGUMENTS.get(endpoint.name, {})})


async def walk(
    endpoint: Endpoint, params: Mapping[str, Any], credential: Credential | None
) -> AsyncIterator[Any]:
    """Yield every item of a list once, through the current client, fetching page by page.

    ``credential`` and errors are as in ``call``; nothing is raised before the first item is
    requested.
    """
    account = account_of(credential)
    allowed = check(endpoint, params)
    client = await client_of(account)
    async for item in client.walk(endpoint, allowed, credential=account):
        yield item


async def pages(
    endpoint: Endpoint, params: Mapping[str, Any], credential: Credential | None
) -> AsyncGenerator[Page]:
    """Yield the pages of a list, through the current client.

    ``credential`` and errors are as in ``call``, and those of ``Client.pages``; nothing is raised
    before the first page is requested.
    """
    account = account_of(credential)
    allowed = check(endpoint, params)
    client = await client_of(account)
    async for page in client.pages(endpoint, allowed, credential=account):
        yield page


async def whole(
    endpoint: Endpoint,
    params: Mapping[str, Any],
    credential: Credential | None,
    *,
    least: int | None = None,
) -> tuple[Any, list[Any]]:
    """Return the data of a list's first page, without a cursor, and the items of all its pages.

    ``least``: stop after the page with which there are so many items; None for all. Each item is
    there once. Raise ``ListIncomplete`` if the list has more items than the server shows;
    ``credential`` and other errors are as in ``pages``.
    """
    first: Any = None
    items: list[Any] = []
    async with aclosing(pages(endpoint, params, credential)) as found:
        async for page in found:
            first = page.data if first is None else first
            items += page.new
            if least is not None and len(items) >= least:
                break
    if isinstance(first, dict):
        first.pop("cursor", None)
    return first, items


async def client_of(account: Credential) -> Client:
    """Return the client of ``using``, or the running loop's client for the credential's proxy.

    The loop's client is created when it is first needed, for the current GUANXI_BASE_URL, and
    closed with its loop. Raise ``ArgsException`` if that address or the proxy is invalid.
    """
    current = _current.get()
    if current is not None:
        return current
    loop = asyncio.get_running_loop()
    if loop not in _loop_clients:
        for other in list(_loop_clients):
            if other.is_closed():  # its generators were never closed; dropping a client closes it
                del _loop_clients[other]
    clients = _loop_clients.setdefault(loop, {})
    key = (account.proxy, os.environ.get("GUANXI_BASE_URL"))
    if key not in clients:
        from guanxi.sdk.aio import Client  # imported late: slow to load

        client = Client(credential=Credential(), proxy=account.proxy)
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
