"""Response data of sign-in and cookie refresh. Their ``repr`` shows no token."""

from __future__ import annotations

from msgspec import Struct


class QrCode(Struct):
    """A started sign-in: ``url`` is the content of the QR code; it expires after 180 seconds."""

    url: str = ""
    qrcode_key: str = ""

    def __repr__(self) -> str:
        return "QrCode(***)"


class QrState(Struct):
    """The state of a sign-in: ``code`` 0 done, 86101 not scanned, 86090 scanned, 86038 expired.

    Once it is done the cookies are in Set-Cookie headers, and ``refresh_token`` is the credential's
    ``ac_time_value``. ``timestamp`` is in milliseconds.
    """

    url: str = ""
    refresh_token: str = ""
    timestamp: int = 0
    code: int = 0
    message: str = ""

    def __repr__(self) -> str:
        return f"QrState(code={self.code})"


class CookieInfo(Struct):
    """Whether the cookies should be refreshed; ``timestamp`` is the server's, in milliseconds."""

    refresh: bool = False
    timestamp: int = 0


class RefreshedCookie(Struct):
    """The next ``ac_time_value``; the cookies are in Set-Cookie headers."""

    status: int = 0
    message: str = ""
    refresh_token: str = ""

    def __repr__(self) -> str:
        return "RefreshedCookie(***)"
