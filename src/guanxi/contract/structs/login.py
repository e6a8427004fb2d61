"""What the answers of a sign-in hold. Their ``repr`` shows no token."""

from __future__ import annotations

from msgspec import Struct


class QrCode(Struct):
    """A sign-in begun: ``url`` is what the code is drawn of; it ends after 180 seconds."""

    url: str = ""
    qrcode_key: str = ""

    def __repr__(self) -> str:
        return "QrCode(***)"


class QrState(Struct):
    """How far a sign-in is: ``code`` 0 done, 86101 not scanned, 86090 scanned, 86038 ended.

    Once it is done the cookies come as headers, and ``refresh_token`` is the credential's
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
    """The next ``ac_time_value``; the cookies come as headers."""

    status: int = 0
    message: str = ""
    refresh_token: str = ""

    def __repr__(self) -> str:
        return "RefreshedCookie(***)"
