"""Groups of one's followings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from guanxi.contract import endpoints as e
from guanxi.sdk.credential import Credential
from guanxi.user import _clients

if TYPE_CHECKING:
    from guanxi.user._shapes import GroupCreated


async def create_subscribe_group(name: str, credential: Credential | None) -> GroupCreated:
    """Make a group (000, create_subscribe_group).

    Args:
        name: 1 to 16 characters.
        credential: needs sessdata and bili_jct, or an access_key.

    Returns the new group's id, as ``tagid``. Raises ``GroupNameTooLong``, ``GroupExists``.
    """
    created: GroupCreated = await _clients.call(e.CREATE_GROUP, {"tag": name}, credential)
    return created


async def delete_subscribe_group(
    group_id: int, credential: Credential | None
) -> dict[str, Any] | None:
    """Delete a group; its members stay followed (000, delete_subscribe_group).

    Args:
        group_id: one's own group.
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
    """Give a group another name (000, rename_subscribe_group).

    Args:
        group_id: one's own group.
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
    """Put accounts into exactly these groups (000, set_subscribe_group).

    Args:
        uids: accounts that one follows, up to 50.
        group_ids: one's own groups, -10 for special, 0 alone for none.
        credential: needs sessdata and bili_jct, or an access_key.

    Returns None: the server sends no data. Raises ``NoSuchGroup``, ``NotFollowing``; then nothing
    has changed.
    """
    done: dict[str, Any] | None = await _clients.call(
        e.SET_MEMBERS, {"fids": uids, "tagids": group_ids}, credential
    )
    return done
