"""The part of ``User`` that is about the account itself and what its space shows besides works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guanxi.contract import endpoints as e
from guanxi.contract.enums import BangumiFollowStatus, BangumiType
from guanxi.user import _clients
from guanxi.user._about import About

if TYPE_CHECKING:
    from guanxi.user._shapes import (
        BangumiPage,
        FanReport,
        LikeEffect,
        MedalWall,
        Overview,
        Reservation,
        Supporters,
        Tags,
        UpStat,
        UserInfo,
    )


class Account(About):
    """Who the user is."""

    async def get_access_id(self) -> str | None:
        """The access id in the user's page, None where it has none (000, get_access_id).

        It is asked for once in a while, and kept until it ends. Methods that send it ask by
        themselves. No sign-in goes with it.

        Raises ``InitialStateException`` for a page whose data is not JSON.
        """
        uid = _clients.check(e.SPACE_PAGE, {"mid": self._uid})["mid"]
        client = await _clients.client_of(self.credential)
        return await client.access_id(uid)

    async def get_user_info(self) -> UserInfo:
        """The user as the space shows it (000, get_user_info). Raises ``NotFound``."""
        info: UserInfo = await self._call(e.SPACE_INFO, {"mid": self._uid})
        return info

    def get_user_info_sync(self) -> UserInfo:
        """``get_user_info`` as a plain call (001, get_user_info_sync)."""
        return _clients.sync(self.get_user_info())

    async def get_live_info(self) -> UserInfo:
        """The user, the live room as ``live_room`` among the rest (000, get_live_info)."""
        info: UserInfo = await self._call(e.SPACE_INFO, {"mid": self._uid})
        return info

    async def get_overview_stat(self) -> Overview:
        """How much of each kind the space holds (000, get_overview_stat)."""
        counts: Overview = await self._call(e.OVERVIEW, {"mid": self._uid})
        return counts

    async def get_up_stat(self) -> UpStat:
        """Views and likes of all works (000, get_up_stat). Needs bili_jct.

        The server tells them to those alone who are signed in; to others it answers ``{}``.
        """
        self.credential.raise_for_no_bili_jct()
        counts: UpStat = await self._call(e.UP_STAT, {"mid": self._uid})
        return counts

    async def get_space_notice(self) -> str:
        """The notice of the space, empty where there is none (000, get_space_notice)."""
        notice: str = await self._call(e.SPACE_NOTICE, {"mid": self._uid})
        return notice

    async def set_space_notice(self, content: str = "") -> dict[str, Any] | None:
        """Change the notice of one's own space, whoever the user is (000, set_space_notice).

        Needs sessdata and bili_jct.

        Args:
            content: up to 150 characters; empty deletes it.

        Returns None: the server sends no data. Raises ``BadRequest``, ``NothingChanged``.
        """
        done: dict[str, Any] | None = await self._call(e.SET_NOTICE, {"notice": content})
        return done

    async def get_reservation(self) -> list[Reservation] | None:
        """What the space announces for signing up, None for nothing (000, get_reservation)."""
        announced: list[Reservation] | None = await self._call(e.RESERVATIONS, {"vmid": self._uid})
        return announced

    async def get_elec_user_monthly(self) -> Supporters:
        """Who supported the user this month (000, get_elec_user_monthly). Needs sessdata.

        Raises ``SupportNotOpen``.
        """
        self.credential.raise_for_no_sessdata()
        supporters: Supporters = await self._call(e.SUPPORTERS, {"up_mid": self._uid})
        return supporters

    async def get_uplikeimg(self) -> LikeEffect:
        """The pictures of a like, a coin and a favourite at once (000, get_uplikeimg).

        Needs sessdata.
        """
        effect: LikeEffect = await self._call(e.LIKE_EFFECT, {"vmid": self._uid})
        return effect

    async def get_user_medal(self) -> MedalWall:
        """The user's fan medals (000, get_user_medal). Needs sessdata."""
        wall: MedalWall = await self._call(e.MEDALS, {"target_id": self._uid})
        return wall

    async def get_user_fav_tag(self, pn: int = 1, ps: int = 20) -> Tags:
        """The tags that the user follows (000, get_user_fav_tag).

        Args:
            pn: page, from 1.
            ps: items a page, 1 to 100.

        Raises ``HiddenByPrivacy``.
        """
        tags: Tags = await self._call(e.FOLLOWED_TAGS, {"vmid": self._uid, "pn": pn, "ps": ps})
        return tags

    async def get_subscribed_bangumi(
        self,
        type_: BangumiType = BangumiType.BANGUMI,
        follow_status: BangumiFollowStatus = BangumiFollowStatus.ALL,
        pn: int = 1,
        ps: int = 15,
    ) -> BangumiPage:
        """The series that the user follows (000, get_subscribed_bangumi).

        Args:
            type_: anime, or drama and the like.
            follow_status: how far the user is.
            pn: page, from 1.
            ps: items a page, 1 to 30.

        Raises ``HiddenByPrivacy``.
        """
        page: BangumiPage = await self._call(
            e.FOLLOWED_BANGUMI,
            {
                "vmid": self._uid,
                "pn": pn,
                "ps": ps,
                "type": type_,
                "follow_status": follow_status,
            },
        )
        return page

    async def top_followers(self, since: int | None = None) -> FanReport:
        """What one is told of one's own followers, whoever the user is (000, top_followers).

        Args:
            since: milliseconds since 1970; None or 0 for the server's own choice.

        Raises ``NotSignedIn``.
        """
        report: FanReport = await self._call(e.FAN_REPORT, {"t": since or None})
        return report
