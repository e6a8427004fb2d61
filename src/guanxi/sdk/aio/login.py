"""Typed methods to sign in by QR code and to refresh cookies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.contract import endpoints as e
from guanxi.contract import structs as s
from guanxi.sdk.credential import Credential

if TYPE_CHECKING:
    from guanxi.sdk.aio.client import Client


class LoginArea:
    """The methods of ``client.login``.

    To sign in, call ``qr_generate``, show its ``url`` as a QR code, and call ``qr_wait``. To stay
    signed in, call ``check_refresh`` and ``refresh``. The other methods are single steps of these.
    ``credential=None`` means the client's credential.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    # By a code

    async def qr_generate(self) -> s.QrCode:
        """Start a sign-in: return the ``url`` to show as a QR code, and its ``qrcode_key``.

        Document 000, the sign-in by code. Both expire after 180 seconds. Raises as ``call_as``.
        """
        return await self._client.call_as(e.QR_GENERATE, s.QrCode)

    async def qr_poll(self, key: str) -> s.QrState:
        """Return the state of a QR sign-in; ``key`` is the ``qrcode_key`` of ``qr_generate``.

        Document 000, the sign-in by code.

        Its ``code`` is 86101 before the scan, 86090 scanned, 86038 expired, 0 confirmed. The
        cookies of a confirmed sign-in are lost: use ``qr_wait`` to get them. Raises ``BadRequest``
        for an unknown key, and as ``call_as``.
        """
        return await self._client.call_as(e.QR_POLL, s.QrState, qrcode_key=key)

    async def qr_wait(self, key: str) -> Credential | None:
        """Poll every 2 seconds until a QR sign-in is confirmed, and return its credential.

        Returns None if the QR code expires first (after 180 seconds), or after 100 polls. ``key``
        is the ``qrcode_key`` of ``qr_generate``. The client's own credential stays as it is.

        Raises ``BadRequest`` for an unknown key, ``AnswerException`` if the confirmed sign-in lacks
        cookies or the refresh token, ``ValueError`` for an invalid cookie,
        ``ResponseCodeException`` for an unknown state, and as ``call``.
        """
        return await self._client.sign_in(key)

    # Keeping signed in

    async def check_valid(self, credential: Credential | None = None) -> bool:
        """Return whether the server accepts a credential as signed in.

        None means the client's credential. Document 000, Credential.check_valid. Raises as
        ``call``, but not ``NotSignedIn``.
        """
        return (await self._client.nav(credential)).is_login

    async def check_refresh(self, credential: Credential | None = None) -> bool:
        """Return whether the server recommends a refresh (000, Credential.check_refresh).

        None means the client's credential. Raises ``NotSignedIn``, and as ``call``.
        """
        return await self._client.check_refresh(credential)

    async def refresh(self, credential: Credential | None = None) -> None:
        """Replace the cookies of a credential in place (000, Credential.refresh).

        None means the client's credential. sessdata, bili_jct, dedeuserid and ac_time_value are
        replaced as soon as the server returns new ones; then the old session is ended. Needs
        sessdata, bili_jct and ac_time_value, and the extra ``crypto``.

        Raises ``CredentialException`` if a part is missing, ``CookiesRefreshException`` if the
        server refuses a step or its page has no csrf, ``NetworkException`` if a connection is lost,
        ``AnswerException`` if another response does not fit, ``ValueError`` if a new cookie is
        invalid, ``ArgsException`` if the credential names another proxy than the client's, and
        ``ImportError`` without the extra. After an error the credential is unchanged, unless only
        ending the old session failed.
        """
        await self._client.refresh(credential)

    async def cookie_info(self) -> s.CookieInfo:
        """Return whether to refresh the cookies, and the server's time in milliseconds (000).

        Raises ``NotSignedIn``, and as ``call_as``.
        """
        return await self._client.call_as(e.COOKIE_INFO, s.CookieInfo)

    async def correspond(self, path: str) -> str:
        """Return the HTML page that contains a refresh's csrf (000, Credential.refresh).

        ``path`` is the server's time, encrypted by ``guanxi.sdk.login.correspond_path``. Raises
        ``ValueError`` if it is not 2 to 1,024 lower-case hexadecimal digits, ``NotFound`` if the
        server refuses it, ``NotSignedIn``, and as ``call_as``.
        """
        return await self._client.call_as(e.CORRESPOND, str, correspond_path=path)

    async def cookie_refresh(self, csrf: str, token: str) -> s.RefreshedCookie:
        """Exchange the old refresh token for new cookies; return the new refresh token.

        Document 000, Credential.refresh. ``csrf`` is in the page of ``correspond``; ``token`` is
        ac_time_value. The new cookies are lost: use ``refresh`` to get them. The old session stays
        valid. Raises ``NotSignedIn``, ``CsrfFailed``, ``RefreshRefused`` (``csrf`` or ``token`` is
        wrong, or ``token`` was used before), and as ``call_as``.
        """
        return await self._client.call_as(
            e.COOKIE_REFRESH,
            s.RefreshedCookie,
            refresh_csrf=csrf,
            refresh_token=token,
            source="main_web",
        )

    async def confirm_refresh(self, token: str) -> None:
        """End the session before a refresh, as its new cookies (000, Credential.refresh).

        ``token`` is the refresh token that was exchanged for them. Raises ``NotSignedIn``,
        ``CsrfFailed``, ``BadRequest`` (it is not, or its session is closed), and as ``call_as``.
        """
        await self._client.execute(e.CONFIRM_REFRESH, refresh_token=token)
