"""Typed methods for what clients of the relation endpoints need in addition."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from guanxi.contract import endpoints as e
from guanxi.contract import structs as s

if TYPE_CHECKING:
    from guanxi.sdk.aio.client import Client


class WebArea:
    """The methods of ``client.web``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def nav(self) -> s.Nav:
        """Return who is signed in, and the current wbi keys (000, credentials and wbi).

        Signed out, only ``is_login`` (False) and the keys are set; it does not raise
        ``NotSignedIn``. Other errors are those of ``call``.
        """
        return await self._client.nav()

    async def buvid(self) -> s.Buvids:
        """Return a new pair of device ids, which the server does not store (000, credentials).

        Raises as ``call_as``.
        """
        return await self._client.call_as(e.BUVID, s.Buvids)

    async def device_report(self) -> s.Ignored:
        """Send an empty device report, which guanxi's service ignores; return an empty struct.

        Document 000, credentials.

        Raises as ``call_as``.
        """
        return await self._client.call_as(e.DEVICE_REPORT, s.Ignored)

    async def attentions(self, mid: int) -> list[int]:
        """Return the mids of all accounts that the account ``mid`` follows, newest first.

        Document 000, get_all_followings in later clients. Empty if the account hides its
        followings. The documents' host has withdrawn the endpoint; a guanxi service has it.

        Raises ``NotSignedIn``, ``BadRequest``, ``ListIncomplete`` (the server returned fewer mids
        than the account has followings), and as ``call_as``.
        """
        return [found async for found in self.iter_attentions(mid)]

    def iter_attentions(self, mid: int, *, partial: bool = False) -> AsyncIterator[int]:
        """Yield the mid of every account that ``mid`` follows; see ``attentions``.

        ``partial`` is True to take what the server returns, without ``ListIncomplete``.
        """
        return self._client.iter_items(e.ATTENTIONS, int, mid=mid, partial=partial)
