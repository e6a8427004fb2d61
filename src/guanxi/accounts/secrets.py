"""Secrets, session tokens and the keys derived from them.

A store has one secret, from which all workers derive the same keys. It stores only the digest of a
token, so that a copy of the store's file signs nobody in.

A session's token begins with its account's mid, and so does its digest: a store on several nodes
finds the session on the account's node. Tokens from before that are 64 random digits, and their
sessions are looked for on every node until they end.
"""

from __future__ import annotations

import hmac
import re
from enum import Enum, StrEnum
from hashlib import sha256

from msgspec import Struct

from guanxi.accounts.chance import Chance, system

#: In seconds.
DAY = 86_400
#: When a session was last used is kept so exactly, in seconds.
USED_SECONDS = 3_600


class TokenKind(StrEnum):
    """How a request carries a token: in the cookie SESSDATA, or in the parameter access_key."""

    COOKIE = "cookie"
    APP = "app"


class Session(Struct, frozen=True, kw_only=True):
    """A stored session. It has its token's ``session_digest``; times are in Unix seconds."""

    digest: bytes
    mid: int
    kind: TokenKind
    created: int
    expires: int
    #: When it was last used, up to ``USED_SECONDS`` before; 0 if that is unknown.
    used: int = 0

    @property
    def id(self) -> int:
        """Return what names the session where its digest must not appear: 1 to 2**53 - 1.

        Neither the token nor the digest follows from it.
        """
        return int.from_bytes(sha256(b"session:" + self.digest).digest()[:8]) % (2**53 - 1) + 1


class SessionRefusal(Enum):
    """Why a session was not opened."""

    NO_ACCOUNT = "the account is unknown or deregistered"
    DIGEST_IN_USE = "a session has this digest"


def new_secret() -> bytes:
    """Return 32 random bytes, the secret of a new store."""
    return system("secret", 32)


def new_token(chance: Chance = system) -> str:
    """Return a new random token: 256 bits as 64 hexadecimal digits."""
    return chance("token", 32).hex()


def session_token(mid: int, chance: Chance = system) -> str:
    """Return a new SESSDATA or access_key of an account: its mid, then a ``new_token``.

    It has 80 hexadecimal digits, 16 of them the mid's.
    """
    return with_mid(mid, new_token(chance))


def with_mid(mid: int, token: str) -> str:
    """Return the token of a session of an account, of 64 hexadecimal digits that are secret."""
    return f"{mid:016x}{token}"


def digest(token: str) -> bytes:
    """Return the SHA-256 (32 bytes) of a token, which a store keeps instead."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


_WITH_MID = re.compile("([0-7][0-9a-f]{15})[0-9a-f]{64}")
_MID_BYTES, _DIGEST_BYTES = 8, 32


def session_digest(token: str) -> bytes:
    """Return the bytes by which a store finds the session of a token.

    That is the token's digest, after the 8 bytes of its mid if the token has one. Anybody can write
    a mid into a token, but not one whose digest is stored.
    """
    found = _WITH_MID.fullmatch(token)
    return (bytes.fromhex(found[1]) if found else b"") + digest(token)


def mid_of(session: bytes) -> int | None:
    """Return the mid at the head of a ``session_digest``; None if it has none."""
    if len(session) != _MID_BYTES + _DIGEST_BYTES or session[0] >> 7:
        return None
    return int.from_bytes(session[:_MID_BYTES])


def bili_jct(secret: bytes, token: str) -> str:
    """Return the CSRF token of the session of ``token``: 32 hex digits, derived with ``secret``."""
    return _derive(secret, f"csrf:{token}")[:32]


def equal(given: str, expected: str) -> bool:
    """Return whether two texts are equal. The time taken does not reveal where they differ.

    A lone surrogate counts as ``?``.
    """
    return hmac.compare_digest(
        given.encode("utf-8", "replace"), expected.encode("utf-8", "replace")
    )


def wbi_keys(secret: bytes, now: int) -> tuple[str, str]:
    """Return img_key and sub_key of the UTC day of ``now``, in seconds since the Unix epoch.

    Each has 32 hexadecimal digits, derived from the day and the store's ``secret``.
    """
    day = now // DAY
    return _derive(secret, f"wbi-img:{day}")[:32], _derive(secret, f"wbi-sub:{day}")[:32]


def new_app(secret: bytes, chance: Chance = system) -> tuple[str, str]:
    """Return a new random appkey (16 hex digits) and its appsec (see ``appsec``); store nothing."""
    appkey = chance("appkey", 8).hex()
    return appkey, appsec(secret, appkey)


def appsec(secret: bytes, appkey: str) -> str:
    """Return the appsec of any appkey: 32 hex digits, derived from both arguments."""
    return _derive(secret, f"app:{appkey}")[:32]


def _derive(secret: bytes, purpose: str) -> str:
    return hmac.new(secret, purpose.encode("utf-8", "replace"), sha256).hexdigest()
