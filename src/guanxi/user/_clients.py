"""The clients behind the module: one for each running loop, proxy and server, or one's own.

This is the one place where guanxi keeps something by itself. No account is kept: each call brings
its own.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
from asyncio import AbstractEventLoop
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from guanxi.contract.endpoint import Endpoint
from guanxi.sdk.credential import Credential
from guanxi.sdk.requests import checked

if TYPE_CHECKING:
    from guanxi.sdk.aio import Client

T = TypeVar("T")


#: What this module's functions call the parameters of requests: whose mid it is, above all.
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
#: And where one endpoint's are called otherwise.
_OWN_ARGUMENTS = {
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
    with concurrent.futures.ThreadPoolExecutor(1, "guanxi-sync") as thread:
        return thread.submit(asyncio.run, coroutine).result()


def account_of(credential: Credential | None) -> Credential:
    """Who calls: the one given, or that of the client in use, or the environment's."""
    if credential is not None:
        if not isinstance(credential, Credential):
            raise TypeError(f"credential: cannot be a {type(credential).__name__}")
        return credential
    own = _own.get()
    return Credential.from_environment() if own is None else own.credential


async def call(endpoint: Endpoint, params: Mapping[str, Any], credential: Credential | None) -> Any:
    """Call an endpoint for an account, through the client that is in use.

    Raises ``TypeError`` or ``ValueError`` for a parameter, with the name that the function has it
    by, before anything is sent.
    """
    account = account_of(credential)
    allowed = check(endpoint, params)
    client = await client_of(account)
    return await client.call(endpoint, allowed, credential=account)


def check(endpoint: Endpoint, params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters that an endpoint allows; what is wrong has the name that a function has it by."""
    return checked(endpoint, params, {**_ARGUMENTS, **_OWN_ARGUMENTS.get(endpoint.name, {})})


async def walk(
    endpoint: Endpoint, params: Mapping[str, Any], credential: Credential | None
) -> AsyncIterator[Any]:
    """Walk a list for an account, through the client that is in use."""
    account = account_of(credential)
    allowed = check(endpoint, params)
    client = await client_of(account)
    async for item in client.walk(endpoint, allowed, credential=account):
        yield item


async def client_of(account: Credential) -> Client:
    """The client in use, or the loop's own for an account's proxy."""
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
        from guanxi.sdk.aio import Client  # no start pays for what a first call needs

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
