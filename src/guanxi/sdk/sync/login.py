# Made by `make generate` from src/guanxi/sdk/aio/login.py.
# Do not edit: edit that instead.

"""Signing in by a code on a screen, and keeping signed in, typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.contract import endpoints as e
from guanxi.contract import structs as s
from guanxi.sdk.credential import Credential

if TYPE_CHECKING:
    from guanxi.sdk.sync.client import SyncClient


class LoginArea:
    """``client.login``.

    ``qr_generate``, a drawing of its ``url``, and ``qr_wait`` sign in; ``check_refresh`` and
    ``refresh`` keep signed in. The others are single steps of these. A ``credential`` of None is
    the client's.
    """

    def __init__(self, client: SyncClient) -> None:
        self._client = client

    # By a code

    def qr_generate(self) -> s.QrCode:
        """Begin a sign-in: an address to draw as a code, and the key to ask with (ours)."""
        return self._client.ask(e.QR_GENERATE, s.QrCode)

    def qr_poll(self, key: str) -> s.QrState:
        """How far a sign-in is (ours). Its cookies are ``qr_wait``'s to read."""
        return self._client.ask(e.QR_POLL, s.QrState, qrcode_key=key)

    def qr_wait(self, key: str) -> Credential | None:
        """Ask every 2 seconds until a sign-in is agreed to, and return its credential (ours).

        None where the code ends first, which it does after 180 seconds: begin another.

        Args:
            key: the ``qrcode_key`` of ``qr_generate``.

        Raises ``AnswerException`` for a sign-in without cookies.
        """
        return self._client.sign_in(key)

    # Keeping signed in

    def check_valid(self, credential: Credential | None = None) -> bool:
        """Whether a credential is signed in (000, Credential.check_valid)."""
        return (self._client.nav(credential)).is_login

    def check_refresh(self, credential: Credential | None = None) -> bool:
        """Whether the cookies should be refreshed (000, Credential.check_refresh).

        Raises ``NotSignedIn``.
        """
        return self._client.check_refresh(credential)

    def refresh(self, credential: Credential | None = None) -> None:
        """Give a credential new cookies, in place (000, Credential.refresh).

        sessdata, bili_jct, dedeuserid and ac_time_value are replaced as soon as the server has
        answered with new ones; then the old session is ended. Needs sessdata, bili_jct and
        ac_time_value, and the extra ``crypto``.

        Raises ``CookiesRefreshException`` where the server refuses a step, and ``ImportError``
        without the extra.
        """
        self._client.refresh(credential)

    def cookie_info(self) -> s.CookieInfo:
        """Whether the cookies should be refreshed, and the server's time, in milliseconds (000)."""
        return self._client.ask(e.COOKIE_INFO, s.CookieInfo)

    def correspond(self, path: str) -> str:
        """The page that carries a refresh's csrf, as HTML (000, Credential.refresh).

        ``path`` is ``refresh_`` and the server's time, encrypted, in hexadecimal. Raises
        ``NotFound`` for one that is not.
        """
        return self._client.ask(e.CORRESPOND, str, correspond_path=path)

    def cookie_refresh(self, csrf: str, token: str) -> s.RefreshedCookie:
        """New cookies for the old refresh token (000, Credential.refresh).

        The cookies are ``refresh``'s to read. Raises ``RefreshRefused``.
        """
        return self._client.ask(
            e.COOKIE_REFRESH,
            s.RefreshedCookie,
            refresh_csrf=csrf,
            refresh_token=token,
            source="main_web",
        )

    def confirm_refresh(self, token: str) -> None:
        """End the session that the old refresh token belongs to (000, Credential.refresh)."""
        self._client.tell(e.CONFIRM_REFRESH, refresh_token=token)
