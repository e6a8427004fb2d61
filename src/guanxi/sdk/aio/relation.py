"""The relation endpoints, typed: lists, single relations, acts, groups.

Each method names its document. Besides the errors that it lists, each may raise what ``call``
does, and ``TypeError`` or ``ValueError`` for an argument, before anything is sent.
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

#: Where a following is said to come from unless told otherwise: a space page.
_SPACE = 11


class RelationArea:
    """``client.relation``.

    Arguments have one meaning throughout: ``mid`` is an account, from 1; ``members`` are accounts,
    1 to 50 of them; ``group`` is a group's id (-10 special, 0 default, or one's own); ``page``
    counts from 1; ``size`` is items a page, 1 to 100; ``cursor`` is where to go on, on servers that
    know cursors (ours), with ``""`` to begin, and stands in for ``page``. Enum members are taken
    for their values. The ``iter_`` methods walk whole lists and meet each item once.
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
        """Who follows an account, newest first (004, 查询用户粉丝明细).

        The first 1,000 can be seen, one's own too; past them a page is empty. ``total`` is the true
        count. ``order`` is ``desc`` or ``asc``.

        Raises ``NotSignedIn``, ``BadRequest``, ``RequestIntercepted``, ``FollowersHidden``.
        """
        return await self._client.ask(
            e.FOLLOWERS,
            s.RelationPage,
            vmid=mid,
            order=order,
            ps=size,
            pn=_page(page, cursor),
            cursor=cursor,
        )

    def iter_followers(
        self, mid: int, *, order: Order | Enum = "desc", size: int = 50
    ) -> AsyncIterator[s.RelationItem]:
        """Every follower that can be seen, page after page; as ``followers``."""
        return self._client.items(e.FOLLOWERS, s.RelationItem, vmid=mid, order=order, ps=size)

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
        """Whom an account follows, newest first (004, 查询用户关注明细).

        Of one's own all can be seen, of another's the first 100; past them a page is empty.
        ``order`` is ``desc`` or ``asc``; ``order_type`` is ``attention`` for the most visited
        first, of one's own.

        Raises ``NotSignedIn``, ``BadRequest``, ``RequestIntercepted``, ``FollowingsHidden``.
        """
        return await self._client.ask(
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
    ) -> AsyncIterator[s.RelationItem]:
        """Every following that can be seen, page after page; as ``followings``."""
        return self._client.items(
            e.FOLLOWINGS, s.RelationItem, vmid=mid, order=order, order_type=order_type, ps=size
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
        """Whom an account follows, as the app. host tells it; no sign-in (004, 查询用户关注明细2).

        Of a hidden list ``items`` is None and ``total`` 0.

        Raises ``BadRequest``, and ``PageTooDeep`` past page 5.
        """
        return await self._client.ask(
            e.APP_FOLLOWINGS,
            s.AppPage,
            vmid=mid,
            order=order,
            ps=size,
            pn=_page(page, cursor),
            cursor=cursor,
        )

    def iter_app_followings(
        self, mid: int, *, order: Order | Enum = "desc", size: int = 50
    ) -> AsyncIterator[s.AppItem]:
        """Every following that can be seen there, page after page; as ``app_followings``."""
        return self._client.items(e.APP_FOLLOWINGS, s.AppItem, vmid=mid, order=order, ps=size)

    async def game_followings(
        self, mid: int, *, page: int = 1, size: int = 20, cursor: str | None = None
    ) -> s.GamePage:
        """Whom an account follows, as the biligame host tells it; no sign-in (004, …关注明细3).

        A hidden list is empty.

        Raises ``BadRequest``.
        """
        return await self._client.ask(
            e.GAME_FOLLOWINGS,
            s.GamePage,
            vmid=mid,
            ps=size,
            pn=_page(page, cursor),
            cursor=cursor,
        )

    def iter_game_followings(self, mid: int, *, size: int = 20) -> AsyncIterator[s.GameItem]:
        """Every following that can be seen there, page after page; as ``game_followings``."""
        return self._client.items(e.GAME_FOLLOWINGS, s.GameItem, vmid=mid, ps=size)

    async def search(
        self,
        mid: int,
        name: str = "",
        *,
        page: int = 1,
        size: int = 50,
        cursor: str | None = None,
    ) -> s.RelationPage:
        """Followings of an account whose name holds ``name``, any case (004, 搜索关注明细).

        An empty name finds all. Another's are searched within the first 100. A hidden list
        is empty.

        Raises ``NotSignedIn``, ``BadRequest``, and ``PageTooDeep`` past page 5.
        """
        return await self._client.ask(
            e.SEARCH,
            s.RelationPage,
            vmid=mid,
            name=name,
            ps=size,
            pn=_page(page, cursor),
            cursor=cursor,
        )

    def iter_search(
        self, mid: int, name: str = "", *, size: int = 50
    ) -> AsyncIterator[s.RelationItem]:
        """Every following found, page after page; as ``search``."""
        return self._client.items(e.SEARCH, s.RelationItem, vmid=mid, name=name, ps=size)

    async def same(
        self, mid: int, *, page: int = 1, size: int = 50, cursor: str | None = None
    ) -> s.RelationPage:
        """Whom both the caller and an account follow (004, 查询共同关注明细).

        Empty with an account that hides its list.

        Raises ``NotSignedIn``, ``BadRequest``.
        """
        return await self._client.ask(
            e.SAME, s.RelationPage, vmid=mid, ps=size, pn=_page(page, cursor), cursor=cursor
        )

    def iter_same(self, mid: int, *, size: int = 50) -> AsyncIterator[s.RelationItem]:
        """Everybody whom both follow, page after page; as ``same``."""
        return self._client.items(e.SAME, s.RelationItem, vmid=mid, ps=size)

    async def whispers(self, *, cursor: str | None = None) -> s.UncountedPage:
        """Whom the caller follows in silence (004, 查询悄悄关注明细). None can be added.

        Raises ``NotSignedIn``, ``BadRequest``.
        """
        return await self._client.ask(e.WHISPERS, s.UncountedPage, cursor=cursor)

    def iter_whispers(self) -> AsyncIterator[s.RelationItem]:
        """Everybody whom the caller follows in silence."""
        return self._client.items(e.WHISPERS, s.RelationItem)

    async def friends(self, *, cursor: str | None = None) -> s.UncountedPage:
        """Whom the caller follows and is followed by (004, 查询互相关注明细).

        Raises ``NotSignedIn``, ``BadRequest``.
        """
        return await self._client.ask(e.FRIENDS, s.UncountedPage, cursor=cursor)

    def iter_friends(self) -> AsyncIterator[s.RelationItem]:
        """Everybody whom the caller follows and is followed by."""
        return self._client.items(e.FRIENDS, s.RelationItem)

    async def blacks(
        self, *, page: int = 1, size: int = 50, cursor: str | None = None
    ) -> s.RelationPage:
        """Whom the caller blocks (004, 查询黑名单明细).

        Raises ``NotSignedIn``, ``BadRequest``.
        """
        return await self._client.ask(
            e.BLACKS, s.RelationPage, ps=size, pn=_page(page, cursor), cursor=cursor
        )

    def iter_blacks(self, *, size: int = 50) -> AsyncIterator[s.RelationItem]:
        """Everybody whom the caller blocks, page after page."""
        return self._client.items(e.BLACKS, s.RelationItem, ps=size)

    # Single relations

    async def get(self, mid: int) -> s.Relation:
        """The caller's relation to one account (004, 查询用户与自己关系（仅关注）).

        Raises ``NotSignedIn``, ``BadRequest``.
        """
        return await self._client.ask(e.RELATION, s.Relation, fid=mid)

    async def many(self, members: Iterable[int]) -> dict[str, s.Relation]:
        """The caller's relations to several accounts, by mid as text (004, 批量查询…关系).

        Accounts with attribute 0 are left out.

        Raises ``NotSignedIn``, ``BadRequest``.
        """
        return await self._client.ask(e.RELATIONS, dict[str, s.Relation], fids=members)

    async def mutual(self, mid: int) -> s.MutualRelation:
        """Both directions between the caller and an account, signed by wbi (004, …互相关系).

        Raises ``NotSignedIn``, ``BadRequest``, ``WbiRetryTimesExceedException``.
        """
        return await self._client.ask(e.MUTUAL, s.MutualRelation, mid=mid)

    async def legacy_mutual(self, mid: int) -> s.LegacyMutualRelation:
        """Both directions, at the address that document 004 strikes out (002, …关系2(互相)).

        Raises ``NotSignedIn``, ``BadRequest``.
        """
        return await self._client.ask(e.LEGACY_MUTUAL, s.LegacyMutualRelation, mid=mid)

    async def stat(self, mid: int) -> s.Stat:
        """How many an account follows and is followed by; no sign-in (000, get_relation_info).

        ``whisper`` and ``black`` are 0 unless the account is the caller's.

        Raises ``BadRequest``.
        """
        return await self._client.ask(e.STAT, s.Stat, vmid=mid)

    # Acts

    async def modify(self, mid: int, act: int | Enum, *, source: int | Enum = _SPACE) -> None:
        """Act on one account (004, 操作用户关系).

        Args:
            mid: the account, from 1.
            act: 1 follow, 2 unfollow, 3 whisper (retired: refused), 4 cancel a whisper, 5 block,
                6 unblock, 7 remove a follower.
            source: where it is done: 11 a space page, 14 a video, 115 an article, 222 an activity.

        Raises ``NotSignedIn``, ``AccountBanned``, ``CsrfFailed``, ``BadRequest``,
        ``CannotTargetSelf``, ``FollowRefused``, ``TargetInBlacklist``, ``FollowingLimitReached``,
        ``AccountDeregistered``, ``AlreadyFollowing``, ``AlreadyBlocked``, ``NoSuchUser``. It is
        never sent twice: after a ``NetworkException``, look before repeating it.
        """
        await self._client.tell(e.MODIFY, fid=mid, act=act, re_src=source)

    async def follow(self, mid: int, *, source: int | Enum = _SPACE) -> None:
        """Follow an account; a whisper becomes a following. ``modify`` with act 1."""
        await self.modify(mid, 1, source=source)

    async def unfollow(self, mid: int, *, source: int | Enum = _SPACE) -> None:
        """Unfollow an account, its groups and special with it. ``modify`` with act 2."""
        await self.modify(mid, 2, source=source)

    async def cancel_whisper(self, mid: int, *, source: int | Enum = _SPACE) -> None:
        """End a silent following. ``modify`` with act 4."""
        await self.modify(mid, 4, source=source)

    async def block(self, mid: int, *, source: int | Enum = _SPACE) -> None:
        """Block an account; followings end, both ways. ``modify`` with act 5."""
        await self.modify(mid, 5, source=source)

    async def unblock(self, mid: int, *, source: int | Enum = _SPACE) -> None:
        """Unblock an account; nothing comes back. ``modify`` with act 6."""
        await self.modify(mid, 6, source=source)

    async def remove_follower(self, mid: int, *, source: int | Enum = _SPACE) -> None:
        """End an account's following of the caller. ``modify`` with act 7."""
        await self.modify(mid, 7, source=source)

    async def batch_modify(
        self, members: Iterable[int], act: int | Enum, *, source: int | Enum = _SPACE
    ) -> s.FailedFids:
        """Follow (1) or block (5) several accounts (004, 批量操作用户关系).

        Each is judged on its own; those refused are in ``failed_fids``.

        Raises ``NotSignedIn``, ``AccountBanned``, ``CsrfFailed``, ``BadRequest``,
        ``TargetInBlacklist`` (the caller blocks them all).
        """
        return await self._client.ask(
            e.BATCH_MODIFY, s.FailedFids, fids=members, act=act, re_src=source
        )

    # Groups

    async def groups(self) -> list[s.Group]:
        """The caller's groups: special, default, then their own (004, 查询关注分组列表).

        Raises ``NotSignedIn``.
        """
        return await self._client.ask(e.GROUPS, list[s.Group])

    async def group_members(
        self,
        group: int,
        *,
        order_type: OrderType | Enum = "",
        page: int = 1,
        size: int = 20,
    ) -> list[s.GroupMember]:
        """The members of one of the caller's groups (004, 查询关注分组明细).

        ``order_type`` is ``attention`` for the most visited first.

        Raises ``NotSignedIn``, ``BadRequest``, ``NoSuchGroup``.
        """
        return await self._client.ask(
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
        """Every member of a group, page after page; as ``group_members``."""
        return self._client.items(
            e.GROUP_MEMBERS, s.GroupMember, tagid=group, order_type=order_type, ps=size
        )

    async def groups_of(self, mid: int) -> dict[str, str]:
        """Names, by id as text, of the caller's groups that hold an account (004, …所在的分组).

        The default group is left out.

        Raises ``NotSignedIn``, ``BadRequest``.
        """
        return await self._client.ask(e.GROUPS_OF, dict[str, str], fid=mid)

    async def specials(self) -> list[int]:
        """The mids that the caller follows specially (004, 查询所有特别关注 mid).

        Raises ``NotSignedIn``.
        """
        return await self._client.ask(e.SPECIALS, list[int])

    def iter_specials(self) -> AsyncIterator[int]:
        """Every mid that the caller follows specially."""
        return self._client.items(e.SPECIALS, int)

    async def create_group(self, name: str) -> s.GroupCreated:
        """Make a group of 1 to 16 characters' name (004, 创建分组).

        Raises ``NotSignedIn``, ``CsrfFailed``, ``BadRequest``, ``GroupNameTooLong``,
        ``GroupExists``.
        """
        return await self._client.ask(e.CREATE_GROUP, s.GroupCreated, tag=name)

    async def rename_group(self, group: int, name: str) -> None:
        """Give a group another name (004, 重命名分组).

        Raises ``NotSignedIn``, ``CsrfFailed``, ``BadRequest``, ``GroupNameTooLong``,
        ``NoSuchGroup``, ``GroupExists``.
        """
        await self._client.tell(e.RENAME_GROUP, tagid=group, name=name)

    async def delete_group(self, group: int) -> None:
        """Delete a group; its members stay followed (004, 删除分组).

        Raises ``NotSignedIn``, ``CsrfFailed``, ``BadRequest``.
        """
        await self._client.tell(e.DELETE_GROUP, tagid=group)

    async def set_groups(self, members: Iterable[int], groups: Iterable[int]) -> None:
        """Put accounts into exactly these groups; 0 alone for none (004, 修改分组成员).

        Raises ``NotSignedIn``, ``CsrfFailed``, ``BadRequest``, ``NoSuchGroup``, ``NotFollowing``;
        then nothing has changed.
        """
        await self._client.tell(e.SET_MEMBERS, fids=members, tagids=groups)

    async def copy_to_groups(self, members: Iterable[int], groups: Iterable[int]) -> None:
        """Put accounts into these groups besides those they are in (004, 复制关注到分组).

        Raises as ``set_groups``.
        """
        await self._client.tell(e.COPY_MEMBERS, fids=members, tagids=groups)

    async def move_between_groups(
        self, members: Iterable[int], before: Iterable[int], after: Iterable[int]
    ) -> None:
        """Take accounts out of the groups ``before`` and put them into those ``after``.

        0 in ``after`` stands for no group (004, 移动关注到分组).

        Raises as ``set_groups``.
        """
        await self._client.tell(
            e.MOVE_MEMBERS, fids=members, beforeTagids=before, afterTagids=after
        )


def _page(page: int, cursor: str | None) -> int | None:
    """The page to ask for: none beside a cursor."""
    return page if cursor is None else None
