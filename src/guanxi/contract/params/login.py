"""Parameters of sign-in and cookie refresh."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

#: A token of this service, or of another server.
Token = Annotated[str, Meta(min_length=1, max_length=512, description="from an earlier response")]


class QrPoll(Struct):
    qrcode_key: Token

    def __repr__(self) -> str:
        return "QrPoll(***)"


class Correspondence(Struct):
    """The path is encrypted for the documents' host; any well-formed one is accepted (ours)."""

    path: Annotated[
        str, Meta(pattern=r"^[0-9a-f]{2,1024}$", description="lower-case hexadecimal digits")
    ] = field(name="correspond_path")


class CookieRefresh(Struct, kw_only=True):
    refresh_csrf: Token
    refresh_token: Token
    source: Annotated[Literal["main_web"], Meta(description="who refreshes")] = "main_web"

    def __repr__(self) -> str:
        return "CookieRefresh(***)"


class RefreshConfirmation(Struct):
    refresh_token: Token

    def __repr__(self) -> str:
        return "RefreshConfirmation(***)"
