"""The calls of the module: the arguments' names, the caller's account, and the client."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from guanxi.contract.endpoint import Endpoint
from guanxi.contract.errors import ArgsException, MistypedArgsException
from guanxi.sdk.credential import Credential
from guanxi.sdk.current import client_of, current, sync
from guanxi.sdk.requests import MOST_DIGITS, checked

if TYPE_CHECKING:
    from guanxi.sdk.conversation import Page

__all__ = ["account_of", "as_id", "call", "check", "client_of", "pages", "sync", "walk", "whole"]

#: The environment variable that, unless empty, makes ``credential=None`` mean signed out.
NO_DEFAULT = "GUANXI_NO_DEFAULT_CREDENTIAL"

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
    "space.channels": {"page_num": "pn", "page_size": "ps"},
    "space.season_videos": {"page_num": "pn", "page_size": "ps"},
}


def account_of(credential: Credential | None) -> Credential:
    """Return the given credential; for None, that of the client in ``using``, or the environment's.

    The environment's is empty if its variables are unset, or if GUANXI_NO_DEFAULT_CREDENTIAL is
    set and not empty. Raise ``ArgsException`` if ``credential`` is neither a ``Credential`` nor
    None, or a variable's value is not allowed in a cookie.
    """
    if credential is not None:
        if not isinstance(credential, Credential):
            raise MistypedArgsException(
                f"credential: must be a Credential or None, not {type(credential).__name__}"
            )
        return credential
    client = current()
    if client is not None:
        return client.credential
    return Credential() if os.environ.get(NO_DEFAULT) else Credential.from_environment()


def as_id(name: str, value: int | str) -> int:
    """Return an id, which may be given as text of digits.

    Raise ``ArgsException`` with the argument's name for any other text, and its subclass
    ``MistypedArgsException`` for another type.
    """
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= MOST_DIGITS:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    kind = ArgsException if isinstance(value, str) else MistypedArgsException
    raise kind(f"{name}: must be an id, a number or its digits as text")


async def call(endpoint: Endpoint, params: Mapping[str, Any], credential: Credential | None) -> Any:
    """Call an endpoint with a credential, through the current client, and return its data.

    ``credential`` None means that of ``using`` or of the environment. The result is None if the
    server sends no data. Raise ``ArgsException``, with the argument's name in ``guanxi.user``,
    before anything is sent; otherwise as ``Client.call``.
    """
    account = account_of(credential)
    allowed = check(endpoint, params)
    client = await client_of(account)
    return await client.call(endpoint, allowed, credential=account)


def check(endpoint: Endpoint, params: Mapping[str, Any]) -> dict[str, Any]:
    """Check an endpoint's parameters, by wire name; return those that are not None.

    Enum members are unwrapped, iterables become lists. Raise ``ArgsException`` for a missing or
    invalid one; the message names the argument as ``guanxi.user`` does, not the wire.
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
