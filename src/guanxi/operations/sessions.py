"""Sign accounts in and out: sessions, and the confirmation of QR sign-ins."""

from __future__ import annotations

from typing import NamedTuple

from guanxi.accounts import secrets, tokens
from guanxi.accounts.account import EditRefusal
from guanxi.accounts.secrets import Session, TokenKind
from guanxi.operations.accounts import AccountError, registered
from guanxi.stores.port import Store
from guanxi.text import Text


class Issued(NamedTuple):
    """A new session's token and csrf ("" for an app's). The repr shows neither."""

    token: str
    bili_jct: str
    #: Seconds since the Unix epoch.
    expires: int

    def __repr__(self) -> str:
        return f"Issued(expires={self.expires})"


async def issue(store: Store, mid: int, kind: TokenKind, days: int, now: int) -> Issued:
    """Open and store a new session for an account, and return its secrets.

    The session lasts ``days`` from ``now`` (seconds since the Unix epoch). Raise ``AccountError``
    if the account is unknown or deregistered.
    """
    await registered(store, mid)
    token = secrets.new_token()
    expires = now + days * secrets.DAY
    session = Session(
        digest=secrets.digest(token), mid=mid, kind=kind, created=now, expires=expires
    )
    if not await store.open_session(session):  # deregistered meanwhile
        raise AccountError(EditRefusal.DEREGISTERED, mid)
    csrf = secrets.bili_jct(store.secret, token) if kind is TokenKind.COOKIE else ""
    return Issued(token, csrf, expires)


async def agree(store: Store, key: str, mid: int, seconds: int, now: float) -> None:
    """Confirm a QR sign-in key as the account ``mid``: store a grant until the key expires.

    A key is valid for ``seconds`` from its creation; ``now`` is in seconds since the Unix epoch.
    Raise ``ValueError`` for an invalid or expired key, ``AccountError`` if the account is unknown
    or deregistered.
    """
    created = tokens.qr_key_created(store.secret, key)
    if created is None or now >= created + seconds:
        raise ValueError(Text("二维码无效或已过期", "the QR code is invalid or has expired"))
    await registered(store, mid)
    await store.put_grant(secrets.digest(key), mid, created + seconds)
