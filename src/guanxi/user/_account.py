"""The part of ``User`` for the account itself, and for what its space shows except works."""

from __future__ import annotations

from typing import Any

from guanxi.contract import endpoints as e
from guanxi.contract.enums import BangumiFollowStatus, BangumiType
from guanxi.user import _clients
from guanxi.user import _types as t
from guanxi.user._about import About
from guanxi.user._order import in_either_order


class Account(About):
    """Methods for a user's profile, notice, supporters, medals and followed tags and series."""

    async def get_access_id(self) -> str | None:
        """Return the access id in the user's page, None if it has none (000).

        The client caches it until it expires; methods that need it fetch it.

        Raises ``InitialStateException`` if the data in the page is not JSON, or another
        ``ApiException``.
        """
        uid = _clients.check(e.SPACE_PAGE, {"mid": self.uid})["mid"]
        client = await _clients.client_of(self.credential)
        return await client.access_id(uid)

    async def get_user_info(self) -> t.UserInfo:
        """Return the user as the space shows it (000).

        A signed-in call counts as a visit. Raises ``NotFound`` if there is no such user, or another
        ``ApiException``.
        """
        info: t.UserInfo = await self._call_endpoint(e.SPACE_INFO, {"mid": self.uid})
        return info

    def get_user_info_sync(self) -> t.UserInfo:
        """Return the same as ``get_user_info``, without ``await`` (001).

        It raises the same errors. It blocks the event loop if one is running.
        """
        return _clients.sync(self.get_user_info())

    async def get_live_info(self) -> t.UserInfo:
        """Return the same as ``get_user_info``, with the same errors (000).

        ``live_room`` is the live room, None without one.
        """
        info: t.UserInfo = await self._call_endpoint(e.SPACE_INFO, {"mid": self.uid})
        return info

    async def get_overview_stat(self) -> t.Overview:
        """Return the number of items of each type in the space (000).

        What the user hides counts 0. Raises ``ApiException``.
        """
        counts: t.Overview = await self._call_endpoint(e.OVERVIEW, {"mid": self.uid})
        return counts

    async def get_up_stat(self) -> t.UpStat:
        """Return the total views and likes of the user's works (000). Needs bili_jct.

        The server returns ``{}`` to callers who are not signed in. Raises ``ApiException``.
        """
        self.credential.raise_for_no_bili_jct()
        counts: t.UpStat = await self._call_endpoint(e.UP_STAT, {"mid": self.uid})
        return counts

    async def get_space_notice(self) -> str:
        """Return the notice of the space, empty if there is none (000).

        Raises ``ApiException``.
        """
        notice: str = await self._call_endpoint(e.SPACE_NOTICE, {"mid": self.uid})
        return notice

    async def set_space_notice(self, content: str = "") -> dict[str, Any] | None:
        """Set the notice of the caller's own space, not of this user's (000).

        Needs sessdata and bili_jct.

        Args:
            content: at most 150 characters; empty deletes the notice.

        Returns None. Raises ``BadRequest`` (too long), ``NothingChanged`` (it equals the current
        notice), or another ``ApiException``.
        """
        done: dict[str, Any] | None = await self._call_endpoint(e.SET_NOTICE, {"notice": content})
        return done

    async def get_reservation(self) -> list[t.Reservation] | None:
        """Return the user's reservable announcements, latest start first; None for none (000).

        Raises ``ApiException``.
        """
        announced: list[t.Reservation] | None = await self._call_endpoint(
            e.RESERVATIONS, {"vmid": self.uid}
        )
        return announced

    async def get_elec_user_monthly(self) -> t.Supporters:
        """Return who supported the user this month, by rank (000). Needs sessdata.

        Raises ``SupportNotOpen`` if the user accepts no support, or another ``ApiException``.
        """
        self.credential.raise_for_no_sessdata()
        supporters: t.Supporters = await self._call_endpoint(e.SUPPORTERS, {"up_mid": self.uid})
        return supporters

    async def get_uplikeimg(self) -> t.LikeEffect:
        """Return the images of the user's like, coin and favourite effect (000).

        The fields are empty if there is none. Needs sessdata. Raises ``ApiException``.
        """
        effect: t.LikeEffect = await self._call_endpoint(e.LIKE_EFFECT, {"vmid": self.uid})
        return effect

    async def get_user_medal(self) -> t.MedalWall:
        """Return the user's fan medals, highest level first (000). Needs sessdata.

        If they are hidden, ``close_space_medal`` is 1. Raises ``ApiException``.
        """
        wall: t.MedalWall = await self._call_endpoint(e.MEDALS, {"target_id": self.uid})
        return wall

    async def get_user_fav_tag(self, pn: int = 1, ps: int = 20) -> t.Tags:
        """Return one page of the tags that the user follows, last followed first (000).

        Args:
            pn: page, from 1.
            ps: items per page, 1 to 100.

        Raises ``HiddenByPrivacy`` or another ``ApiException``; ``ValueError`` for bad arguments.
        """
        tags: t.Tags = await self._call_endpoint(
            e.FOLLOWED_TAGS, {"vmid": self.uid, "pn": pn, "ps": ps}
        )
        return tags

    @in_either_order
    async def get_subscribed_bangumi(
        self,
        type_: BangumiType = BangumiType.BANGUMI,
        follow_status: BangumiFollowStatus = BangumiFollowStatus.ALL,
        pn: int = 1,
        ps: int = 15,
    ) -> t.BangumiPage:
        """Return one page of the bangumi that the user follows, last followed first (000).

        The documents' order of positional arguments, ``pn`` and ``ps`` first, is accepted too;
        enum members, not their values, distinguish the two.

        Args:
            type_: anime, or drama and the like.
            follow_status: only those with this progress; ALL for any.
            pn: page, from 1.
            ps: items per page, 1 to 30.

        Raises ``HiddenByPrivacy`` or another ``ApiException``; ``ValueError`` for bad arguments.
        """
        page: t.BangumiPage = await self._call_endpoint(
            e.FOLLOWED_BANGUMI,
            {
                "vmid": self.uid,
                "pn": pn,
                "ps": ps,
                "type": type_,
                "follow_status": follow_status,
            },
        )
        return page

    async def top_followers(self, since: int | None = None) -> t.FanReport:
        """Return statistics of the caller's own followers, not of this user's (000).

        Needs sessdata.

        Args:
            since: the start in milliseconds since the Unix epoch; None or 0 for the server's
                default. guanxi's service then ranks only those who have followed since, and counts
                them in ``inc``.

        Raises ``NotSignedIn`` or another ``ApiException``, ``ValueError`` for a negative ``since``.
        """
        report: t.FanReport = await self._call_endpoint(e.FAN_REPORT, {"t": since or None})
        return report
