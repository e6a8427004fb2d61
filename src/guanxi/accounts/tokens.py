"""Tokens that a service verifies without storing them: access ids, refresh tokens, QR keys.

Each is signed with the store's secret, so that every worker can verify it. None reveals the token
of a session.
"""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256

from guanxi.accounts.chance import Chance, system
from guanxi.accounts.secrets import equal, session_digest, with_mid
from guanxi.contract.pages import access_id_ends

#: How long an access id is valid, in seconds.
ACCESS_ID_SECONDS = 3_600
#: A digest has 64 hexadecimal digits, and 16 more if it has a mid.
_DIGEST_LENGTHS, _PROOF_LENGTH = (64, 80), 32
#: A QR key has its time of creation, a nonce and a proof, of so many bytes. Anybody may have keys
#: made: with a short nonce, one of them would be a key that another person signs in with.
_TIME_BYTES, _NONCE_BYTES, _QR_PROOF_BYTES = 4, 10, 10


def access_id(secret: bytes, now: int) -> str:
    """Return a new access id, the token in the page of any space: a JWT signed with ``secret``.

    It holds its time of creation, ``now`` (seconds since the Unix epoch), and its lifetime,
    ``ACCESS_ID_SECONDS`` (an hour).
    """
    claims = {"iat": now, "ttl": ACCESS_ID_SECONDS}
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
    return f"{signed}.{_base64(_mac(secret, f'access-id:{signed}'))}"


def access_id_is_valid(secret: bytes, given: str, now: int) -> bool:
    """Return whether ``given`` is an access id signed with ``secret`` and not expired at ``now``.

    ``now`` is in seconds since the Unix epoch.
    """
    signed, _, proof = given.rpartition(".")
    expires = access_id_ends(given)
    authentic = equal(proof, _base64(_mac(secret, f"access-id:{signed}")))
    return authentic and expires is not None and now < expires


def refresh_token(secret: bytes, token: str) -> str:
    """Return the refresh token of the session of ``token``: 112 hexadecimal digits.

    It begins with the session's digest (see ``session_digest_of``); if that has no mid, it has 96.
    To verify one, compare it with ``secrets.equal``.
    """
    return session_digest(token).hex() + _proof(secret, f"refresh:{token}")


def session_digest_of(refresh: str) -> bytes | None:
    """Return the session digest at the head of a refresh token, which is not verified.

    None unless the token has 96 or 112 characters and begins with 64 or 80 hexadecimal digits
    (spaces among them are skipped).
    """
    length = len(refresh) - _PROOF_LENGTH
    try:
        return bytes.fromhex(refresh[:length]) if length in _DIGEST_LENGTHS else None
    except ValueError:
        return None


def successor(secret: bytes, refresh: str, mid: int | None) -> str:
    """Return the token of the session that a refresh with ``refresh`` opens for an account.

    Every refresh with one refresh token has the same, of which a store keeps one session. So a
    refresh token cannot be used twice, and the new session proves with which one it was opened.
    Without a ``mid`` it is what refreshes opened when tokens had none.
    """
    token = _mac(secret, f"successor:{refresh}").hex()
    return token if mid is None else with_mid(mid, token)


def refresh_csrf(secret: bytes, token: str) -> str:
    """Return the CSRF token in the page that refreshes the session of ``token``.

    It has 32 hexadecimal digits.
    """
    return _proof(secret, f"refresh-csrf:{token}")


def qr_key(secret: bytes, now: int, chance: Chance = system) -> str:
    """Return a new QR sign-in key: 32 characters of base64url that encode its time of creation.

    80 of its bits are random. ``now`` is in seconds since the Unix epoch.
    """
    signed = now.to_bytes(_TIME_BYTES) + chance("qr", _NONCE_BYTES)
    return _base64(signed + _qr_proof(secret, signed))


def qr_key_created(secret: bytes, given: str) -> int | None:
    """Return when a QR sign-in key was created, in seconds since the Unix epoch.

    None if ``given`` is not a key made with ``secret``. Whether it has expired is not checked.
    """
    try:
        raw = urlsafe_b64decode(given)
    except ValueError:  # UnicodeEncodeError and binascii.Error are ValueErrors
        return None
    signed = raw[: _TIME_BYTES + _NONCE_BYTES]
    # Compared as text: several texts may have the same bytes, and a key is used by its text.
    if not equal(given, _base64(signed + _qr_proof(secret, signed))):
        return None
    return int.from_bytes(signed[:_TIME_BYTES])


def _qr_proof(secret: bytes, signed: bytes) -> bytes:
    return _mac(secret, f"qr:{signed.hex()}")[:_QR_PROOF_BYTES]


def _mac(secret: bytes, purpose: str) -> bytes:
    return hmac.new(secret, purpose.encode("utf-8", "replace"), sha256).digest()


def _proof(secret: bytes, purpose: str) -> str:
    return _mac(secret, purpose).hex()[:_PROOF_LENGTH]


def _part(claims: Mapping[str, object]) -> str:
    return _base64(json.dumps(claims, separators=(",", ":")).encode())


def _base64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
