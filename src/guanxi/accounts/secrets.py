"""Keys, tokens and what is kept of them.

A store holds one secret; what workers must agree on derives from it. Of a token the store keeps a
hash alone, so that a copy of the file signs nobody in.
"""

from __future__ import annotations

import hmac
from enum import StrEnum
from hashlib import sha256
from secrets import token_bytes, token_hex

from msgspec import Struct

DAY = 86_400


class TokenKind(StrEnum):
    """How a token travels: in the cookie SESSDATA, or as the parameter access_key."""

    COOKIE = "cookie"
    APP = "app"


class Session(Struct, frozen=True, kw_only=True):
    """What the store keeps of a token. Times in seconds."""

    digest: bytes
    mid: int
    kind: TokenKind
    created: int
    expires: int


def new_secret() -> bytes:
    """A store's secret, made once."""
    return token_bytes(32)


def new_token() -> str:
    """A SESSDATA or access_key: 256 random bits, in letters that need no escaping."""
    return token_hex(32)


def digest(token: str) -> bytes:
    """What the store keeps of a token."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def bili_jct(secret: bytes, token: str) -> str:
    """The csrf of a session: bound to it, so that another session's is not taken."""
    return _derive(secret, f"csrf:{token}")[:32]


def equal(one: str, other: str) -> bool:
    """Whether two texts are equal, without telling where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def wbi_keys(secret: bytes, now: int) -> tuple[str, str]:
    """img_key and sub_key of the day that ``now`` (seconds) lies in."""
    day = now // DAY
    return _derive(secret, f"wbi-img:{day}")[:32], _derive(secret, f"wbi-sub:{day}")[:32]


def new_app(secret: bytes) -> tuple[str, str]:
    """An appkey and its appsec."""
    appkey = token_hex(8)
    return appkey, appsec(secret, appkey)


def appsec(secret: bytes, appkey: str) -> str:
    """The appsec of an appkey: only its holder can sign, so no list of appkeys is kept."""
    return _derive(secret, f"app:{appkey}")[:32]


def _derive(secret: bytes, purpose: str) -> str:
    return hmac.new(secret, purpose.encode("utf-8", "replace"), sha256).hexdigest()
