"""The documented ``Credential``: the SDK's, with the three calls that a credential makes itself."""

from __future__ import annotations

from guanxi.sdk.credential import Credential as Parts
from guanxi.user import _clients


class Credential(Parts):
    """The parts of a sign-in; each may be missing. Equal by value, and never shown by ``repr``.

    ``Credential(sessdata, bili_jct, buvid3, buvid4, dedeuserid, ac_time_value, proxy)``; the parts
    are texts. Every function takes ``guanxi.Credential`` as well. Documents 000 and 001.
    """

    __slots__ = ()

    async def check_valid(self) -> bool:
        """Whether it is signed in (000, Credential.check_valid)."""
        client = await _clients.client_of(self)
        return await client.login.check_valid(self)

    async def check_refresh(self) -> bool:
        """Whether it should be refreshed (000, Credential.check_refresh). Needs sessdata."""
        client = await _clients.client_of(self)
        return await client.login.check_refresh(self)

    async def refresh(self) -> None:
        """Replace its sessdata, bili_jct, dedeuserid and ac_time_value by new ones, in place (000).

        Needs the old ones, and the extra ``crypto``. The old session is ended.

        Raises ``CookiesRefreshException`` where the server refuses, ``ImportError`` without the
        extra.
        """
        client = await _clients.client_of(self)
        await client.login.refresh(self)
