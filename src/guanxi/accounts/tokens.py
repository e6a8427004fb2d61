"""Tokens that carry their own proof: what a service hands out and later knows again, unstored.

Each is bound to the store's secret, so that every worker knows it; none tells a session's token.
"""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from secrets import token_hex

from guanxi.accounts.secrets import digest, equal
from guanxi.contract.pages import access_id_ends

#: How long an access id is good for, in seconds.
ACCESS_ID_SECONDS = 3_600
_DIGEST_LETTERS, _PROOF_LETTERS, _NONCE_BYTES = 64, 32, 4


def access_id(secret: bytes, now: int) -> str:
    """The token of a space's page: a JWT that says when it was made and how long it lasts."""
    claims = {"iat": now, "ttl": ACCESS_ID_SECONDS}
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
    return f"{signed}.{_letters(_mac(secret, f'access-id:{signed}'))}"


def access_id_is_valid(secret: bytes, given: str, now: int) -> bool:
    """Whether a token of a space's page is this service's, and not over."""
    signed, _, proof = given.rpartition(".")
    ends = access_id_ends(given)
    proven = equal(proof, _letters(_mac(secret, f"access-id:{signed}")))
    return proven and ends is not None and now < ends


def refresh_token(secret: bytes, token: str) -> str:
    """What refreshes a session. Made of the session's token, so that no copy of a store can.

    It names its session by what the store keeps of it; compare it whole with ``secrets.equal``.
    """
    return digest(token).hex() + _proof(secret, f"refresh:{token}")


def session_of(refresh: str) -> bytes | None:
    """The digest of the session that a refresh token names, unproven; None for no such token."""
    try:
        named = bytes.fromhex(refresh[:_DIGEST_LETTERS])
    except ValueError:
        return None
    return named if len(refresh) == _DIGEST_LETTERS + _PROOF_LETTERS else None


def refresh_csrf(secret: bytes, token: str) -> str:
    """What the page of a refresh carries, by the session's token."""
    return _proof(secret, f"refresh-csrf:{token}")


def qr_key(secret: bytes, now: int) -> str:
    """The key of a sign-in by code, 32 characters, that tells when it was made."""
    made = f"{now:08x}{token_hex(_NONCE_BYTES)}"
    return made + _proof(secret, f"qr:{made}")[: _PROOF_LETTERS - len(made)]


def qr_key_created(secret: bytes, given: str) -> int | None:
    """When the key of a sign-in was made, in seconds since 1970; None for no such key."""
    made, proof = given[:16], given[16:]
    if not equal(proof, _proof(secret, f"qr:{made}")[:16]):
        return None
    return int(made[:8], 16)


def _mac(secret: bytes, purpose: str) -> bytes:
    return hmac.new(secret, purpose.encode("utf-8", "replace"), sha256).digest()


def _proof(secret: bytes, purpose: str) -> str:
    return _mac(secret, purpose).hex()[:_PROOF_LETTERS]


def _part(claims: Mapping[str, object]) -> str:
    return _letters(json.dumps(claims, separators=(",", ":")).encode())


def _letters(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
