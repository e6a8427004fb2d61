"""Sign accounts in and out: sessions, and the confirmation of QR sign-ins."""

from __future__ import annotations

from typing import NamedTuple

from guanxi.accounts import secrets, tokens
from guanxi.accounts.account import EditRefusal
from guanxi.accounts.chance import Chance, system
from guanxi.accounts.secrets import Session, SessionRefusal, TokenKind
from guanxi.contract.limits import Limits
from guanxi.operations.accounts import AccountError, existing, registered
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


class TokenInUse(ValueError):
    """A session has the token with which another was to be opened."""

    def __init__(self) -> None:
        super().__init__(Text("此令牌已有会话", "a session has this token already"))


async def issue(
    store: Store,
    mid: int,
    kind: TokenKind,
    limits: Limits,
    now: int,
    *,
    days: int = 0,
    token: str = "",
    chance: Chance = system,
) -> Issued:
    """Open and store a new session for an account, and return its secrets.

    The session lasts ``days`` (0: ``limits.session_days``) from ``now``, in seconds since the Unix
    epoch. If the account then has more than ``limits.sessions``, its oldest are closed. ``token``
    is by default a new one. Raise ``AccountError`` if the account is unknown or deregistered, and
    ``TokenInUse`` if a session has the token; then nothing is stored.
    """
    await registered(store, mid)
    expires = now + (days or limits.session_days) * secrets.DAY
    while True:
        chosen = token or secrets.session_token(mid, chance)
        digest = secrets.session_digest(chosen)
        session = Session(digest=digest, mid=mid, kind=kind, created=now, expires=expires)
        refusal = await store.open_session(session, limits.sessions)
        if refusal is not SessionRefusal.DIGEST_IN_USE:
            break
        if token:
            raise TokenInUse
        # A chance that repeats drew it before, in a world that was loaded.
    if refusal is not None:  # deregistered meanwhile
        raise AccountError(EditRefusal.DEREGISTERED, mid)
    csrf = secrets.bili_jct(store.secret, chosen) if kind is TokenKind.COOKIE else ""
    return Issued(chosen, csrf, expires)


def described(session: Session) -> dict[str, object]:
    """Return what may be shown of a session: nothing that signs in.

    Times are in seconds since the Unix epoch; ``used`` is about the last use, 0 if it is unknown.
    """
    return {
        "id": session.id,
        "kind": session.kind.value,
        "created": session.created,
        "used": session.used,
        "expires": session.expires,
    }


async def of_account(store: Store, mid: int) -> list[Session]:
    """Return an account's sessions, expired ones included, the newest first.

    Raise ``AccountError`` if the account is unknown.
    """
    await existing(store, mid)
    return await store.sessions_of(mid)


async def revoke(store: Store, mid: int, id: int) -> int:
    """Close the session of an account with this ``Session.id``; return 1, or 0 if there is none.

    Raise ``AccountError`` if the account is unknown.
    """
    found = [each for each in await of_account(store, mid) if each.id == id]
    return sum([await store.close_session(each.digest) for each in found])


async def agree(store: Store, key: str, mid: int, seconds: int, now: float) -> None:
    """Confirm a QR sign-in key as the account ``mid``: store a grant until the key expires.

    A key is valid for ``seconds`` from its creation; ``now`` is in seconds since the Unix epoch.
    Only the first account that confirms a key signs in with it. Raise ``ValueError`` for an invalid
    or expired key, and for one that was used or that another account confirmed; ``AccountError`` if
    the account is unknown or deregistered.
    """
    created = tokens.qr_key_created(store.secret, key)
    if created is None or now >= created + seconds:
        raise ValueError(Text("二维码无效或已过期", "the QR code is invalid or has expired"))
    await registered(store, mid)
    if not await store.put_grant(secrets.digest(key), mid, created + seconds):
        raise ValueError(
            Text(
                "二维码已被使用，或已由其他账号确认",
                "the QR code was used, or another account has confirmed it",
            )
        )
