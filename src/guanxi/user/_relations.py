"""The part of ``User`` for relations."""

from __future__ import annotations

from typing import Any

from guanxi.contract import endpoints as e
from guanxi.contract.enums import OrderType, RelationType
from guanxi.contract.errors import (
    AnswerException,
    ArgsException,
    FollowingsHidden,
    ListIncomplete,
    NetworkException,
    NotFound,
    ResponseCodeException,
)
from guanxi.user import _clients
from guanxi.user import _types as t
from guanxi.user._about import About

#: The source of a change: a space page.
_SPACE = 11
#: The largest page size, so that a walk sends the fewest requests.
_MAX_PAGE_SIZE = 100
#: The HTTP statuses of a host without an endpoint: it is not there, or is somewhere else. Others,
#: such as 412 and 503, are no reason to send further requests.
_WITHDRAWN = frozenset({301, 302, 303, 307, 308, 404, 405, 410})


class Relations(About):
    """Methods for a user's followings and followers, and to change the caller's relation to it."""

    async def get_followings(
        self,
        pn: int = 1,
        ps: int = 100,
        attention: bool = False,
        order: OrderType = OrderType.desc,
    ) -> t.RelationPage:
        """Return one page of the accounts that the user follows (000).

        Needs sessdata or an access_key.

        Args:
            pn: page, from 1. Of another account's list the documents' hosts show the first 100.
            ps: items per page, 1 to 100.
            attention: True for the most visited first, only in the caller's own list; ``order`` is
                then ignored.
            order: newest or oldest first.

        Raises ``FollowingsHidden`` or another ``ApiException``; ``ValueError`` for bad arguments.
        """
        page: t.RelationPage = await self._call_endpoint(
            e.FOLLOWINGS,
            {
                "vmid": self.uid,
                "ps": ps,
                "pn": pn,
                "order_type": "attention" if attention else "",
                "order": order,
            },
        )
        return page

    async def get_all_followings(self) -> list[int]:
        """Return the mids of all accounts that the user follows, newest first (000).

        Empty if the list is hidden. The documents' hosts have withdrawn the lists of mids that this
        requests first; the pages of followings, which it then reads, show only the first 100 of
        another account's list when signed in, the first 500 (on the app host) when signed out.

        Raises ``ListIncomplete`` if the list has more than the server shows (its ``items`` are the
        mids that were read), or another ``ApiException``.
        """
        account = self.credential
        signed_in = account.has_sessdata() or account.has_access_key()
        at_once = e.ATTENTIONS if signed_in else e.CARD_BY_MID
        endpoint = e.FOLLOWINGS if signed_in else e.APP_FOLLOWINGS
        params = {"vmid": self.uid, "ps": _MAX_PAGE_SIZE}
        try:
            try:
                return [mid async for mid in _clients.walk(at_once, {"mid": self.uid}, account)]
            except (NotFound, AnswerException):
                pass  # the host has withdrawn it: the code, or a page of something else
            except NetworkException as error:
                if isinstance(error, ResponseCodeException) or error.status not in _WITHDRAWN:
                    raise
            return [item["mid"] async for item in _clients.walk(endpoint, params, account)]
        except FollowingsHidden:
            return []
        except ListIncomplete as error:
            raise error.of([_mid(item) for item in error.items]) from None

    async def get_followers(self, pn: int = 1, ps: int = 100, desc: bool = True) -> t.RelationPage:
        """Return one page of the user's followers (000). Needs sessdata or an access_key.

        Args:
            pn: page, from 1. The documents' hosts show only the first 1,000, even to the owner.
            ps: items per page, 1 to 100.
            desc: True for the newest first, False for the oldest first.

        Raises ``FollowersHidden`` or another ``ApiException``; ``ValueError`` for bad arguments.
        """
        page: t.RelationPage = await self._call_endpoint(
            e.FOLLOWERS,
            {"vmid": self.uid, "ps": ps, "pn": pn, "order": "desc" if desc else "asc"},
        )
        return page

    async def get_self_same_followers(self, pn: int = 1, ps: int = 50) -> t.RelationPage:
        """Return one page of the accounts that the user and the caller both follow (000).

        In the order of the user's list, newest first; ``mtime``, ``tag`` and ``special`` are the
        caller's. Empty if the user hides its followings. Needs sessdata or an access_key.

        Args:
            pn: page, from 1.
            ps: items per page, 1 to 100.

        Raises ``ApiException``, or ``ValueError`` for bad arguments.
        """
        page: t.RelationPage = await self._call_endpoint(
            e.SAME, {"vmid": self.uid, "pn": pn, "ps": ps}
        )
        return page

    async def get_relation(self, uid: int | None = None) -> t.MutualRelation:
        """Return the relations between the caller and the user, in both directions (000).

        ``relation`` is the caller's, ``be_relation`` the user's, without a silent following or a
        block. The request counts as a visit of a followed account. Needs sessdata or an access_key.

        Args:
            uid: another user, as in document 001; None for this one.

        Raises ``ApiException``.
        """
        relation: t.MutualRelation = await self._call_endpoint(
            e.MUTUAL, {"mid": self.uid if uid is None else uid}
        )
        return relation

    async def get_relation_info(self) -> t.Stat:
        """Return the user's numbers of followings and followers (000).

        ``whisper`` and ``black`` are 0 unless the user is the caller. Raises ``ApiException``.
        """
        stat: t.Stat = await self._call_endpoint(e.STAT, {"vmid": self.uid})
        return stat

    async def modify_relation(self, relation: RelationType) -> dict[str, Any] | None:
        """Follow, unfollow, block or unblock the user, or remove it from the caller's followers.

        Document 000. Needs sessdata and bili_jct, or an access_key. ``SUBSCRIBE_SECRETLY`` is
        refused (``BadRequest``). After a ``NetworkException``, check the relation before repeating
        the call.

        Returns None. Raises ``ValueError`` if ``relation`` is not a ``RelationType``,
        ``CannotTargetSelf``, ``FollowRefused``, ``TargetInBlacklist``, ``FollowingLimitReached``,
        ``AccountDeregistered``, ``AlreadyFollowing``, ``AlreadyBlocked``, ``NoSuchUser``,
        ``AccountBanned``, or another ``ApiException``.
        """
        try:
            act = RelationType(relation)
        except ValueError:
            raise ArgsException(f"relation: {relation!r} is not a RelationType") from None
        done: dict[str, Any] | None = await self._call_endpoint(
            e.MODIFY, {"fid": self.uid, "act": act, "re_src": _SPACE}
        )
        return done


def _mid(item: Any) -> Any:
    """Return the mid of an item, which may be one itself."""
    return item["mid"] if isinstance(item, dict) else item
