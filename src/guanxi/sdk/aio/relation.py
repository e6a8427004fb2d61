"""Typed methods for the relation endpoints: lists, single relations, changes, groups.

Each method names its document. In addition to the errors that it lists, each may raise the errors
of ``call``, and ``ArgsException`` for an argument, before anything is sent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from enum import Enum
from typing import TYPE_CHECKING

from guanxi.contract import endpoints as e
from guanxi.contract import structs as s
from guanxi.contract.params import Order, OrderType

if TYPE_CHECKING:
    from guanxi.sdk.aio.client import Client

#: The default source of a change: a space page.
_SPACE = 11


class RelationArea:
    """The methods of ``client.relation``.

    The arguments mean the same everywhere. ``mid`` is an account, from 1; ``members`` are 1 to 50
    accounts; ``group`` is the id of a group: -10 special, 0 default, or one that the caller
    created. ``page`` counts from 1; ``size`` is the number of items per page, 1 to 100. ``cursor``
    replaces ``page`` on servers that support cursors (ours): pass ``""`` first, then the previous
    page's cursor, until that is ``""``. An enum member means its value. The ``iter_`` methods yield
    every item of a list once, page by page. If the list has more than the server shows, they raise
    ``ListIncomplete`` at the end; ``partial=True`` takes what there is instead.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    # Lists

    async def followers(
        self,
        mid: int,
        *,
        order: Order | Enum = "desc",
        page: int = 1,
        size: int = 50,
        cursor: str | None = None,
    ) -> s.RelationPage:
        """Return one page of an account's followers, newest first (004, 查询用户粉丝明细).

        By page number the documents' hosts show only the first 1,000, even to the owner (a guanxi
        service as many as its limits say); later pages are empty. ``total`` counts all. ``order``
        is ``desc``, or ``asc`` for the oldest first; ``size`` is at most 100. ``cursor`` replaces
        ``page`` on servers that support it: ``""`` first, then the previous page's, until that is
        ``""``. An unknown account has no followers.

        Raises ``NotSignedIn``, ``BadRequest``, ``RequestIntercepted``, ``FollowersHidden``, and as
        ``call_as``.
        """
        return await self._client.call_as(
            e.FOLLOWERS,
            s.RelationPage,
            vmid=mid,
            order=order,
            ps=size,
            pn=_page(page, cursor),
            cursor=cursor,
        )

    def iter_followers(
        self, mid: int, *, order: Order | Enum = "desc", size: int = 50, partial: bool = False
    ) -> AsyncIterator[s.RelationItem]:
        """Yield every follower of an account; see ``followers``.

        Raises ``ListIncomplete`` at the end if the server shows fewer than there are, unless
        ``partial`` is set.
        """
        return self._client.iter_items(
            e.FOLLOWERS, s.RelationItem, vmid=mid, order=order, ps=size, partial=partial
        )

    async def followings(
        self,
        mid: int,
        *,
        order: Order | Enum = "desc",
        order_type: OrderType | Enum = "",
        page: int = 1,
        size: int = 50,
        cursor: str | None = None,
    ) -> s.RelationPage:
        """Return one page of the accounts that an account follows, newest first.

        Document 004, 查询用户关注明细.

        By page number the documents' hosts show all of the caller's own followings and the first
        100 of another account's (a guanxi service as many as its limits say); later pages are
        empty. ``order_type="attention"`` puts the most visited of the caller's own followings
        first, whatever ``order``. ``order``, ``size`` and ``cursor`` are as in ``followers``.

        Raises ``NotSignedIn``, ``BadRequest``, ``RequestIntercepted``, ``FollowingsHidden``, and as
        ``call_as``.
        """
        return await self._client.call_as(
            e.FOLLOWINGS,
            s.RelationPage,
            vmid=mid,
            order=order,
            order_type=order_type,
            ps=size,
            pn=_page(page, cursor),
            cursor=cursor,
        )

    def iter_followings(
        self,
        mid: int,
        *,
        order: Order | Enum = "desc",
        order_type: OrderType | Enum = "",
        size: int = 50,
        partial: bool = False,
    ) -> AsyncIterator[s.RelationItem]:
        """Yield every following of an account; see ``followings``.

        Raises ``ListIncomplete`` at the end if the server shows fewer than there are, unless
        ``partial`` is set. ``web.attentions`` returns the mids of all.
        """
        return self._client.iter_items(
            e.FOLLOWINGS,
            s.RelationItem,
            vmid=mid,
            order=order,
            order_type=order_type,
            ps=size,
            partial=partial,
        )

    async def app_followings(
        self,
        mid: int,
        *,
        order: Order | Enum = "desc",
        page: int = 1,
        size: int = 50,
        cursor: str | None = None,
    ) -> s.AppPage:
        """Return one page of an account's followings from the app host (004, 查询用户关注明细2).

        Needs no sign-in. An item's ``attribute`` is the relation of ``mid`` to it. For a hidden
        list ``items`` is None and ``total`` 0. ``order``, ``size`` and ``cursor`` are as in
        ``followers``.

        Raises ``BadRequest``, ``PageTooDeep`` (on the documents' hosts after page 5), and as
        ``call_as``.
        """
        return await self._client.call_as(
            e.APP_FOLLOWINGS,
            s.AppPage,
            vmid=mid,
            order=order,
            ps=size,
            pn=_page(page, cursor),
            cursor=cursor,
        )

    def iter_app_followings(
        self, mid: int, *, order: Order | Enum = "desc", size: int = 50, partial: bool = False
    ) -> AsyncIterator[s.AppItem]:
        """Yield every following of an account, from the app host; see ``app_followings``.

        ``PageTooDeep`` ends the iteration and is not raised, but ``ListIncomplete`` is, if there
        are more, unless ``partial`` is set.
        """
        return self._client.iter_items(
            e.APP_FOLLOWINGS, s.AppItem, vmid=mid, order=order, ps=size, partial=partial
        )

    async def game_followings(
        self, mid: int, *, page: int = 1, size: int = 20, cursor: str | None = None
    ) -> s.GamePage:
        """Return one page of an account's followings from the biligame host.

        Document 004, 查询用户关注明细3.

        Needs no sign-in. The newest come first; by page number the documents' host shows only the
        first 100. A hidden list is empty. ``attribute`` is as in ``app_followings``, ``size`` and
        ``cursor`` as in ``followers``.

        Raises ``BadRequest``, and as ``call_as``.
        """
        return await self._client.call_as(
            e.GAME_FOLLOWINGS,
            s.GamePage,
            vmid=mid,
            ps=size,
            pn=_page(page, cursor),
            cursor=cursor,
        )

    def iter_game_followings(
        self, mid: int, *, size: int = 20, partial: bool = False
    ) -> AsyncIterator[s.GameItem]:
        """Yield every following of an account, from the biligame host; see ``game_followings``.

        The host returns no total, so that ``stat`` is called at the end. Raises ``ListIncomplete``
        if there are more, unless ``partial`` is set.
        """
        return self._client.iter_items(
            e.GAME_FOLLOWINGS, s.GameItem, vmid=mid, ps=size, partial=partial
        )

    async def search(
        self,
        mid: int,
        name: str = "",
        *,
        page: int = 1,
        size: int = 50,
        cursor: str | None = None,
    ) -> s.RelationPage:
        """Return one page of an account's followings with ``name`` in their names, newest first.

        Document 004, 搜索关注明细.

        Upper and lower case match each other; an empty name matches every account. By page number,
        the documents' hosts search another account's list within its first 100 followings; the
        ``total`` of a guanxi service counts the matches in the newest 20,000. A hidden list is
        empty. ``size`` and ``cursor`` are as in ``followers``.

        Raises ``NotSignedIn``, ``BadRequest``, ``PageTooDeep`` (on the documents' hosts after page
        5), and as ``call_as``.
        """
        return await self._client.call_as(
            e.SEARCH,
            s.RelationPage,
            vmid=mid,
            name=name,
            ps=size,
            pn=_page(page, cursor),
            cursor=cursor,
        )

    def iter_search(
        self, mid: int, name: str = "", *, size: int = 50, partial: bool = False
    ) -> AsyncIterator[s.RelationItem]:
        """Yield every matching following of an account; see ``search``.

        ``PageTooDeep`` ends the iteration and is not raised, but ``ListIncomplete`` is, if there
        are more matches, unless ``partial`` is set.
        """
        return self._client.iter_items(
            e.SEARCH, s.RelationItem, vmid=mid, name=name, ps=size, partial=partial
        )

    async def same(
        self, mid: int, *, page: int = 1, size: int = 50, cursor: str | None = None
    ) -> s.RelationPage:
        """Return one page of the accounts that the caller and ``mid`` both follow.

        Document 004, 查询共同关注明细.

        The order is that of ``mid``'s list: whom it followed last comes first. ``mtime``, ``tag``
        and ``special`` are the caller's. The page is empty if ``mid`` hides its followings.
        ``size`` and ``cursor`` are as in ``followers``.

        Raises ``NotSignedIn``, ``BadRequest``, and as ``call_as``.
        """
        return await self._client.call_as(
            e.SAME, s.RelationPage, vmid=mid, ps=size, pn=_page(page, cursor), cursor=cursor
        )

    def iter_same(
        self, mid: int, *, size: int = 50, partial: bool = False
    ) -> AsyncIterator[s.RelationItem]:
        """Yield every account that the caller and ``mid`` both follow; see ``same``."""
        return self._client.iter_items(e.SAME, s.RelationItem, vmid=mid, ps=size, partial=partial)

    async def whispers(self, *, cursor: str | None = None) -> s.UncountedPage:
        """Return the accounts that the caller follows silently (004, 查询悄悄关注明细).

        All are in one response (of a guanxi service as many as its limits say), newest first;
        ``cursor`` pages them as in ``followers``.

        Raises ``NotSignedIn``, ``BadRequest``, and as ``call_as``.
        """
        return await self._client.call_as(e.WHISPERS, s.UncountedPage, cursor=cursor)

    def iter_whispers(self) -> AsyncIterator[s.RelationItem]:
        """Yield every account that the caller follows silently; see ``whispers``."""
        return self._client.iter_items(e.WHISPERS, s.RelationItem)

    async def friends(self, *, cursor: str | None = None) -> s.UncountedPage:
        """Return the accounts that the caller follows and that follow back (004, 查询互相关注明细).

        All are in one response (of a guanxi service as many as its limits say), newest first;
        ``cursor`` pages them as in ``followers``.

        Raises ``NotSignedIn``, ``BadRequest``, and as ``call_as``.
        """
        return await self._client.call_as(e.FRIENDS, s.UncountedPage, cursor=cursor)

    def iter_friends(self) -> AsyncIterator[s.RelationItem]:
        """Yield every account that the caller follows and that follows back; see ``friends``."""
        return self._client.iter_items(e.FRIENDS, s.RelationItem)

    async def blacks(
        self, *, page: int = 1, size: int = 50, cursor: str | None = None
    ) -> s.RelationPage:
        """Return one page of the accounts that the caller blocks (004, 查询黑名单明细).

        The newest block comes first. ``size`` and ``cursor`` are as in ``followers``.

        Raises ``NotSignedIn``, ``BadRequest``, and as ``call_as``.
        """
        return await self._client.call_as(
            e.BLACKS, s.RelationPage, ps=size, pn=_page(page, cursor), cursor=cursor
        )

    def iter_blacks(
        self, *, size: int = 50, partial: bool = False
    ) -> AsyncIterator[s.RelationItem]:
        """Yield every account that the caller blocks; see ``blacks``."""
        return self._client.iter_items(e.BLACKS, s.RelationItem, ps=size, partial=partial)

    # Single relations

    async def get(self, mid: int) -> s.Relation:
        """Return the caller's relation to one account (004, 查询用户与自己关系（仅关注）).

        ``attribute`` is 0 none, 1 followed silently, 2 followed, 6 mutual, 128 blocked. Raises
        ``NotSignedIn``, ``BadRequest``, and as ``call_as``.
        """
        return await self._client.call_as(e.RELATION, s.Relation, fid=mid)

    async def many(self, members: Iterable[int]) -> dict[str, s.Relation]:
        """Return the caller's relations to several accounts, by mid as a string.

        Document 004, 批量查询…关系.

        ``members`` are 1 to 50 mids. Accounts without a relation (attribute 0) are omitted.

        Raises ``NotSignedIn``, ``BadRequest``, and as ``call_as``.
        """
        return await self._client.call_as(e.RELATIONS, dict[str, s.Relation], fids=members)

    async def mutual(self, mid: int) -> s.MutualRelation:
        """Return the relations between the caller and an account, in both directions.

        Document 004, …互相关系.

        ``relation`` is the caller's, ``be_relation`` the account's, without a silent following or a
        block. The request counts as a visit of a followed account.

        Raises ``NotSignedIn``, ``BadRequest``, and as ``call_as``.
        """
        return await self._client.call_as(e.MUTUAL, s.MutualRelation, mid=mid)

    async def legacy_mutual(self, mid: int) -> s.LegacyMutualRelation:
        """Return the same as ``mutual``, from a withdrawn address (002, …关系2(互相)).

        Document 004 strikes this address out; use ``mutual``. ``is_followed`` is always False.

        Raises ``NotSignedIn``, ``BadRequest``, and as ``call_as``.
        """
        return await self._client.call_as(e.LEGACY_MUTUAL, s.LegacyMutualRelation, mid=mid)

    async def stat(self, mid: int) -> s.Stat:
        """Return an account's numbers of followings and followers (000, get_relation_info).

        Needs no sign-in. ``whisper`` and ``black`` are 0 unless the account is the caller's.

        Raises ``BadRequest``, and as ``call_as``.
        """
        return await self._client.call_as(e.STAT, s.Stat, vmid=mid)

    # Changes

    async def modify(self, mid: int, act: int | Enum, *, source: int | Enum = _SPACE) -> None:
        """Change the caller's relation to one account (004, 操作用户关系).

        Args:
            mid: the account.
            act: 1 follow, 2 unfollow, 3 follow silently (withdrawn: refused), 4 end a silent
                following, 5 block, 6 unblock, 7 remove a follower. 2, 4, 6 and 7 also succeed if
                there is nothing to undo.
            source: the page of the change: 11 a space, 14 a video, 115 an article, 222 an activity.

        Raises ``NotSignedIn``, ``AccountBanned``, ``CsrfFailed``, ``BadRequest`` (act 3),
        ``CannotTargetSelf``, ``FollowRefused``, ``TargetInBlacklist``, ``FollowingLimitReached``,
        ``AccountDeregistered``, ``AlreadyFollowing``, ``AlreadyBlocked``, ``NoSuchUser``, and as
        ``call_as``. After a ``NetworkException``, check the relation before repeating the call.
        """
        await self._client.execute(e.MODIFY, fid=mid, act=act, re_src=source)

    async def follow(self, mid: int, *, source: int | Enum = _SPACE) -> None:
        """Follow an account; a silent following becomes a public one. Otherwise as ``modify``."""
        await self.modify(mid, 1, source=source)

    async def unfollow(self, mid: int, *, source: int | Enum = _SPACE) -> None:
        """Stop following an account; remove it from all groups. Otherwise as ``modify``."""
        await self.modify(mid, 2, source=source)

    async def cancel_whisper(self, mid: int, *, source: int | Enum = _SPACE) -> None:
        """End the caller's silent following of an account. Otherwise as ``modify``."""
        await self.modify(mid, 4, source=source)

    async def block(self, mid: int, *, source: int | Enum = _SPACE) -> None:
        """Block an account; followings in both directions are deleted. Otherwise as ``modify``."""
        await self.modify(mid, 5, source=source)

    async def unblock(self, mid: int, *, source: int | Enum = _SPACE) -> None:
        """Unblock an account; deleted followings are not restored. Otherwise as ``modify``."""
        await self.modify(mid, 6, source=source)

    async def remove_follower(self, mid: int, *, source: int | Enum = _SPACE) -> None:
        """Delete an account's following of the caller. Otherwise as ``modify``."""
        await self.modify(mid, 7, source=source)

    async def batch_modify(
        self, members: Iterable[int], act: int | Enum, *, source: int | Enum = _SPACE
    ) -> s.FailedFids:
        """Follow (act 1) or block (act 5) 1 to 50 accounts (004, 批量操作用户关系).

        Each account is handled separately; those that were refused are in ``failed_fids``.
        ``source`` is as in ``modify``.

        Raises ``NotSignedIn``, ``AccountBanned``, ``CsrfFailed``, ``BadRequest``,
        ``TargetInBlacklist`` (the caller blocks all of them), and as ``call_as``.
        """
        return await self._client.call_as(
            e.BATCH_MODIFY, s.FailedFids, fids=members, act=act, re_src=source
        )

    # Groups

    async def groups(self) -> list[s.Group]:
        """Return the caller's groups with their sizes (004, 查询关注分组列表).

        They are special, default, then those created, oldest first. Raises ``NotSignedIn``, and as
        ``call_as``.
        """
        return await self._client.call_as(e.GROUPS, list[s.Group])

    async def group_members(
        self,
        group: int,
        *,
        order_type: OrderType | Enum = "",
        page: int = 1,
        size: int = 20,
    ) -> list[s.GroupMember]:
        """Return one page of the members of one of the caller's groups (004, 查询关注分组明细).

        ``group`` is its id: -10 special, 0 default. The newest following comes first, or with
        ``order_type="attention"`` the most visited. ``size`` is at most 100. The members' relation
        fields are empty.

        Raises ``NotSignedIn``, ``BadRequest``, ``NoSuchGroup``, and as ``call_as``.
        """
        return await self._client.call_as(
            e.GROUP_MEMBERS,
            list[s.GroupMember],
            tagid=group,
            order_type=order_type,
            ps=size,
            pn=page,
        )

    def iter_group_members(
        self, group: int, *, order_type: OrderType | Enum = "", size: int = 20
    ) -> AsyncIterator[s.GroupMember]:
        """Yield every member of one of the caller's groups; see ``group_members``."""
        return self._client.iter_items(
            e.GROUP_MEMBERS, s.GroupMember, tagid=group, order_type=order_type, ps=size
        )

    async def groups_of(self, mid: int) -> dict[str, str]:
        """Return the names, by id as a string, of the caller's groups that contain an account.

        Document 004, …所在的分组.

        The default group is omitted; the result is {} for an account in no group, or not followed.

        Raises ``NotSignedIn``, ``BadRequest``, and as ``call_as``.
        """
        return await self._client.call_as(e.GROUPS_OF, dict[str, str], fid=mid)

    async def specials(self) -> list[int]:
        """Return all mids in the caller's special group, newest first (004, 查询所有特别关注 mid).

        Raises ``NotSignedIn``, and as ``call_as``.
        """
        return [mid async for mid in self.iter_specials()]

    def iter_specials(self) -> AsyncIterator[int]:
        """Yield every mid in the caller's special group; see ``specials``."""
        return self._client.iter_items(e.SPECIALS, int)

    async def create_group(self, name: str) -> s.GroupCreated:
        """Create a group with a name of 1 to 16 characters, and return its id (004, 创建分组).

        Raises ``NotSignedIn``, ``AccountBanned``, ``CsrfFailed``, ``BadRequest`` (a control
        character, or too many groups), ``GroupNameTooLong`` (over 16 characters, or empty),
        ``GroupExists`` (the name is used), and as ``call_as``.
        """
        return await self._client.call_as(e.CREATE_GROUP, s.GroupCreated, tag=name)

    async def rename_group(self, group: int, name: str) -> None:
        """Rename one of the caller's groups (004, 重命名分组).

        Raises ``NotSignedIn``, ``AccountBanned``, ``CsrfFailed``, ``BadRequest`` (the special or
        default group, or a control character), ``GroupNameTooLong`` (over 16 characters, or empty),
        ``NoSuchGroup``, ``GroupExists`` (the name is used), and as ``call_as``.
        """
        await self._client.execute(e.RENAME_GROUP, tagid=group, name=name)

    async def delete_group(self, group: int) -> None:
        """Delete one of the caller's groups; its members remain followed (004, 删除分组).

        Raises ``NotSignedIn``, ``AccountBanned``, ``CsrfFailed``, ``BadRequest`` (not a group that
        the caller created), and as ``call_as``.
        """
        await self._client.execute(e.DELETE_GROUP, tagid=group)

    async def set_groups(self, members: Iterable[int], groups: Iterable[int]) -> None:
        """Replace the groups of the accounts by ``groups``, ``[0]`` for none (004, 修改分组成员).

        ``members`` are 1 to 50 followed accounts; -10 is the special group. Raises ``NotSignedIn``,
        ``AccountBanned``, ``CsrfFailed``, ``BadRequest``, ``NoSuchGroup``, ``NotFollowing`` (an
        account is not followed), and as ``call_as``; a refused call changes nothing.
        """
        await self._client.execute(e.SET_MEMBERS, fids=members, tagids=groups)

    async def copy_to_groups(self, members: Iterable[int], groups: Iterable[int]) -> None:
        """Add the accounts to ``groups``; they also stay in their current groups.

        Document 004, 复制关注到分组. Arguments and errors are as in ``set_groups``; 0 is ignored.
        """
        await self._client.execute(e.COPY_MEMBERS, fids=members, tagids=groups)

    async def move_between_groups(
        self, members: Iterable[int], before: Iterable[int], after: Iterable[int]
    ) -> None:
        """Remove the accounts from the groups ``before`` and add them to ``after``.

        Document 004, 移动关注到分组.

        They keep their other groups; 0, the default group, is ignored. Arguments and errors are as
        in ``set_groups``.
        """
        await self._client.execute(
            e.MOVE_MEMBERS, fids=members, beforeTagids=before, afterTagids=after
        )


def _page(page: int, cursor: str | None) -> int | None:
    """Return the page number to send: None if there is a cursor, which replaces it."""
    return page if cursor is None else None
