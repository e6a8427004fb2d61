"""The account host's endpoints, typed."""

from __future__ import annotations

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
