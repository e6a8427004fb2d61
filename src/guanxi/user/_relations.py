"""The part of ``User`` that is about relations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guanxi.contract import endpoints as e
from guanxi.contract.enums import OrderType, RelationType
from guanxi.contract.errors import FollowingsHidden
from guanxi.user import _clients
from guanxi.user._about import About

if TYPE_CHECKING:
    from guanxi.user._shapes import MutualRelation, RelationPage, Stat

#: What a relation is said to come from: a space page.
_SPACE = 11
#: The largest page there is, so that a walk asks least often.
_LARGEST_PAGE = 100


class Relations(About):
    """Whom the user follows and is followed by."""

    async def get_followings(
        self,
        pn: int = 1,
        ps: int = 100,
        attention: bool = False,
        order: OrderType = OrderType.desc,
    ) -> RelationPage:
        """Whom the user follows (000, get_followings). Needs sessdata.

        Args:
            pn: page, from 1. Of another's list the first 100 can be seen.
            ps: items a page, 1 to 100.
            attention: the most visited first, instead of the order of following; of one's own.
            order: newest or oldest first.

        Raises ``FollowingsHidden``.
        """
        page: RelationPage = await self._call(
            e.FOLLOWINGS,
            {
                "vmid": self._uid,
                "ps": ps,
                "pn": pn,
                "order_type": "attention" if attention else "",
                "order": order,
            },
        )
        return page

    async def get_all_followings(self) -> list[int]:
        """The mids of all whom the user follows, newest first (000, get_all_followings).

        Of another's list as many as can be seen: signed in the first 100; signed out, by the app.
        host, 5 pages. Empty where the list is hidden.
        """
        account = self.credential
        signed_in = account.has_sessdata() or account.has_access_key()
        endpoint = e.FOLLOWINGS if signed_in else e.APP_FOLLOWINGS
        params = {"vmid": self._uid, "ps": _LARGEST_PAGE}
        try:
            return [item["mid"] async for item in _clients.walk(endpoint, params, account)]
        except FollowingsHidden:
            return []

    async def get_followers(self, pn: int = 1, ps: int = 100, desc: bool = True) -> RelationPage:
        """Who follows the user (000, get_followers). Needs sessdata.

        Args:
            pn: page, from 1. The first 1,000 can be seen, one's own too.
            ps: items a page, 1 to 100.
            desc: newest first.

        Raises ``FollowersHidden``.
        """
        page: RelationPage = await self._call(
            e.FOLLOWERS,
            {"vmid": self._uid, "ps": ps, "pn": pn, "order": "desc" if desc else "asc"},
        )
        return page

    async def get_self_same_followers(self, pn: int = 1, ps: int = 50) -> RelationPage:
        """Whom both the user and oneself follow (000, get_self_same_followers). Needs sessdata.

        Args:
            pn: page, from 1.
            ps: items a page, 1 to 100.
        """
        page: RelationPage = await self._call(e.SAME, {"vmid": self._uid, "pn": pn, "ps": ps})
        return page

    async def get_relation(self, uid: int | None = None) -> MutualRelation:
        """Both directions between oneself and the user (000, get_relation). Needs sessdata.

        Args:
            uid: another user than this one, as document 001 has it.
        """
        relation: MutualRelation = await self._call(
            e.MUTUAL, {"mid": self._uid if uid is None else uid}
        )
        return relation

    async def get_relation_info(self) -> Stat:
        """How many the user follows, and is followed by (000, get_relation_info).

        ``whisper`` and ``black`` are 0 unless the user is oneself.
        """
        stat: Stat = await self._call(e.STAT, {"vmid": self._uid})
        return stat

    async def modify_relation(self, relation: RelationType) -> dict[str, Any] | None:
        """Follow, unfollow, block, unblock the user, or remove it as a follower (000).

        Needs sessdata and bili_jct. It is never sent twice: after a ``NetworkException``, look
        before repeating it.

        Returns None: the server sends no data. Raises ``CannotTargetSelf``, ``FollowRefused``,
        ``TargetInBlacklist``, ``FollowingLimitReached``, ``AccountDeregistered``,
        ``AlreadyFollowing``, ``AlreadyBlocked``, ``NoSuchUser``, ``AccountBanned``.
        """
        try:
            act = RelationType(relation)
        except ValueError:
            raise ValueError(f"relation: {relation!r} is no RelationType") from None
        done: dict[str, Any] | None = await self._call(
            e.MODIFY, {"fid": self._uid, "act": act, "re_src": _SPACE}
        )
        return done
