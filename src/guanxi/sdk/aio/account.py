"""The account host's endpoints, typed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from guanxi.contract import endpoints as e
from guanxi.contract import structs as s

if TYPE_CHECKING:
    from guanxi.sdk.aio.client import Client


class AccountArea:
    """``client.account``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def card_by_mid(self, mid: int) -> s.CardByMid:
        """An account's card with the mids that it follows; no sign-in (001, get_all_followings).

        The documents' own host has given this up; a guanxi service still answers it.

        Args:
            mid: the account, from 1.

        Raises ``BadRequest``.
        """
        return await self._client.ask(e.CARD_BY_MID, s.CardByMid, mid=mid)

    async def name_to_uid(self, names: Iterable[str]) -> s.NamedAccounts:
        """The mids of accounts by their exact names (000, name2uid); unknown names are left out.

        Args:
            names: 1 to 50 names.

        Raises ``NotSignedIn``.
        """
        return await self._client.ask(e.NAME_TO_UID, s.NamedAccounts, names=names)

    async def legacy_name_to_uid(self, names: Iterable[str]) -> s.NamedAccounts:
        """As ``name_to_uid``, without a sign-in (001, name2uid)."""
        return await self._client.ask(e.LEGACY_NAME_TO_UID, s.NamedAccounts, names=names)

    async def check_nickname(self, name: str) -> None:
        """Whether a name may be taken (000, check_nickname): the exception says why not.

        Raises ``NicknameTooShort``, ``NicknameTooLong``, ``NicknameIllegal``,
        ``NicknameSensitive``, ``NicknameExists``, ``NicknameTaken``.
        """
        await self._client.tell(e.CHECK_NICKNAME, nickName=name)
