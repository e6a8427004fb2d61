"""The documented ``Credential``: the SDK's class with three coroutines."""

from __future__ import annotations

from guanxi.sdk.credential import Credential as SdkCredential
from guanxi.user import _clients


class Credential(SdkCredential):
    """The cookies or the app token that sign in an account; every part is optional.

    ``Credential(sessdata, bili_jct, buvid3, buvid4, dedeuserid, ac_time_value, proxy)``; the parts
    are strings. Equal by value; the repr masks every value. Functions accept ``guanxi.Credential``
    as well. Documents 000 and 001.
    """

    __slots__ = ()

    async def check_valid(self) -> bool:
        """Return whether the server accepts the credential as signed in (000).

        Raises ``ApiException``.
        """
        client = await _clients.client_of(self)
        return await client.login.check_valid(self)

    async def check_refresh(self) -> bool:
        """Return whether the server recommends a refresh (000). Needs sessdata.

        Raises ``NotSignedIn``, or another ``ApiException``.
        """
        client = await _clients.client_of(self)
        return await client.login.check_refresh(self)

    async def refresh(self) -> None:
        """Replace sessdata, bili_jct, dedeuserid and ac_time_value in place by new ones (000).

        Needs sessdata, bili_jct, ac_time_value and the extra ``crypto``. Ends the old session last;
        if only that fails, the credential already has the new values.

        Raises ``CookiesRefreshException`` if the server refuses a step, another ``ApiException``,
        ``ValueError`` if a new cookie is invalid, and ``ImportError`` without the extra.
        """
        client = await _clients.client_of(self)
        await client.login.refresh(self)
