"""Typed methods for the endpoints of the account host."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING

from guanxi.contract import endpoints as e
from guanxi.contract import structs as s

if TYPE_CHECKING:
    from guanxi.sdk.aio.client import Client


class AccountArea:
    """The methods of ``client.account``: names and cards of accounts."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def card_by_mid(self, mid: int) -> s.CardByMid:
        """Return an account's ``card``, with the mids that it follows (001, get_all_followings).

        Needs no sign-in. The documents' host has withdrawn the endpoint; a guanxi service has it.
        ``card.attentions`` has all followings, newest first; none if they are hidden. A guanxi
        service of the profile ``open`` returns the first 10,000 and a ``cursor`` that is not empty
        if there are more: see ``iter_card_by_mid``.

        Raises ``BadRequest``, ``NotFound`` (there is no such account), and as ``call_as``.
        """
        return await self._client.call_as(e.CARD_BY_MID, s.CardByMid, mid=mid)

    def iter_card_by_mid(self, mid: int, *, partial: bool = False) -> AsyncIterator[int]:
        """Yield the mid of every account that ``mid`` follows; see ``card_by_mid``.

        ``partial`` is True to take what the server returns; otherwise ``ListIncomplete`` is raised
        at the end if that is less than the account follows, unless it is nothing: hidden.
        """
        return self._client.iter_items(e.CARD_BY_MID, int, mid=mid, partial=partial)

    async def name_to_uid(self, names: Iterable[str]) -> s.NamedAccounts:
        """Return the mids of accounts by their exact ``names``, 1 to 50 (000, name2uid).

        The result is in the order of the names, without duplicates. Names that no account has are
        omitted.

        Needs sessdata. Raises ``NotSignedIn``, and as ``call_as``.
        """
        return await self._client.call_as(e.NAME_TO_UID, s.NamedAccounts, names=names)

    async def legacy_name_to_uid(self, names: Iterable[str]) -> s.NamedAccounts:
        """Return the mids of accounts by their exact names, without a sign-in (001, name2uid).

        ``names`` and the result are as in ``name_to_uid``. Raises as ``call_as``.
        """
        return await self._client.call_as(e.LEGACY_NAME_TO_UID, s.NamedAccounts, names=names)

    async def check_nickname(self, name: str) -> None:
        """Check that the nickname ``name`` is valid and free, or raise (000, check_nickname).

        Needs no sign-in. Raises ``NicknameTooShort``, ``NicknameTooLong``, ``NicknameIllegal``,
        ``NicknameSensitive``, ``NicknameExists`` or ``NicknameTaken`` (both: in use), and as
        ``call_as``.
        """
        await self._client.execute(e.CHECK_NICKNAME, nickName=name)
