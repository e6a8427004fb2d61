"""Groups of the caller's followings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from guanxi.contract import endpoints as e
from guanxi.sdk.credential import Credential
from guanxi.user import _clients

if TYPE_CHECKING:
    from guanxi.user._shapes import GroupCreated


async def create_subscribe_group(name: str, credential: Credential | None) -> GroupCreated:
    """Create a group and return its id, as ``tagid`` (000, create_subscribe_group).

    Args:
        name: 1 to 16 characters.
        credential: needs sessdata and bili_jct, or an access_key.

    Raises ``GroupNameTooLong``, ``GroupExists``.
    """
    created: GroupCreated = await _clients.call(e.CREATE_GROUP, {"tag": name}, credential)
    return created


async def delete_subscribe_group(
    group_id: int, credential: Credential | None
) -> dict[str, Any] | None:
    """Delete a group; its members remain followed (000, delete_subscribe_group).

    Args:
        group_id: a group of the caller.
        credential: needs sessdata and bili_jct, or an access_key.

    Returns None: the server sends no data.
    """
    done: dict[str, Any] | None = await _clients.call(
        e.DELETE_GROUP, {"tagid": group_id}, credential
    )
    return done


async def rename_subscribe_group(
    group_id: int, new_name: str, credential: Credential | None
) -> dict[str, Any] | None:
    """Rename a group (000, rename_subscribe_group).

    Args:
        group_id: a group of the caller.
        new_name: 1 to 16 characters.
        credential: needs sessdata and bili_jct, or an access_key.

    Returns None: the server sends no data. Raises ``GroupNameTooLong``, ``NoSuchGroup``,
    ``GroupExists``.
    """
    done: dict[str, Any] | None = await _clients.call(
        e.RENAME_GROUP, {"tagid": group_id, "name": new_name}, credential
    )
    return done


async def set_subscribe_group(
    uids: Iterable[int], group_ids: Iterable[int], credential: Credential | None
) -> dict[str, Any] | None:
    """Replace the groups of accounts by ``group_ids`` (000, set_subscribe_group).

    Args:
        uids: up to 50 accounts that the caller follows.
        group_ids: groups of the caller; -10 for special, only 0 for none.
        credential: needs sessdata and bili_jct, or an access_key.

    Returns None: the server sends no data. Raises ``NoSuchGroup``, ``NotFollowing``; then nothing
    has changed.
    """
    done: dict[str, Any] | None = await _clients.call(
        e.SET_MEMBERS, {"fids": uids, "tagids": group_ids}, credential
    )
    return done
