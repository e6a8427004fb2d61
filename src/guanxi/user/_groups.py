"""Groups of the caller's followings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from guanxi.contract import endpoints as e
from guanxi.sdk.credential import Credential
from guanxi.user import _clients
from guanxi.user import _types as t


async def create_subscribe_group(name: str, credential: Credential | None) -> t.GroupCreated:
    """Create a group of the caller's followings and return its id, as ``tagid`` (000).

    Args:
        name: 1 to 16 characters.
        credential: needs sessdata and bili_jct, or an access_key; None: that of ``using`` or the
            environment.

    Raises ``GroupNameTooLong`` (also if empty), ``GroupExists``, ``BadRequest`` (control
    characters, or too many groups), or another ``ApiException``.
    """
    created: t.GroupCreated = await _clients.call(e.CREATE_GROUP, {"tag": name}, credential)
    return created


async def delete_subscribe_group(
    group_id: int, credential: Credential | None
) -> dict[str, Any] | None:
    """Delete one of the caller's groups; its members remain followed (000).

    Args:
        group_id: a group that the caller created.
        credential: needs sessdata and bili_jct, or an access_key; None: that of ``using`` or the
            environment.

    Returns None. Raises ``BadRequest`` (no such group), or another ``ApiException``.
    """
    done: dict[str, Any] | None = await _clients.call(
        e.DELETE_GROUP, {"tagid": group_id}, credential
    )
    return done


async def rename_subscribe_group(
    group_id: int, new_name: str, credential: Credential | None
) -> dict[str, Any] | None:
    """Rename one of the caller's groups (000).

    Args:
        group_id: a group that the caller created.
        new_name: 1 to 16 characters.
        credential: needs sessdata and bili_jct, or an access_key; None: that of ``using`` or the
            environment.

    Returns None. Raises ``GroupNameTooLong`` (also if empty), ``NoSuchGroup``, ``GroupExists``,
    ``BadRequest`` (control characters, or group -10 or 0), or another ``ApiException``.
    """
    done: dict[str, Any] | None = await _clients.call(
        e.RENAME_GROUP, {"tagid": group_id, "name": new_name}, credential
    )
    return done


async def set_subscribe_group(
    uids: Iterable[int], group_ids: Iterable[int], credential: Credential | None
) -> dict[str, Any] | None:
    """Replace the groups of each account by ``group_ids`` (000).

    Args:
        uids: 1 to 50 accounts that the caller follows.
        group_ids: groups of the caller; -10 is the special one; 0 is ignored, alone it means no
            group.
        credential: needs sessdata and bili_jct, or an access_key; None: that of ``using`` or the
            environment.

    Returns None. Raises ``NoSuchGroup`` or ``NotFollowing``, after which nothing has changed, or
    another ``ApiException``; ``ValueError`` for bad arguments.
    """
    done: dict[str, Any] | None = await _clients.call(
        e.SET_MEMBERS, {"fids": uids, "tagids": group_ids}, credential
    )
    return done
