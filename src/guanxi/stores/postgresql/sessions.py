"""Read and write sessions and QR sign-in grants, given a connection.

Functions that write expect the caller's transaction.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import asyncpg

from guanxi.accounts.account import State
from guanxi.accounts.secrets import USED_SECONDS, Session, SessionRefusal, TokenKind, mid_of
from guanxi.contract.limits import ALL
from guanxi.stores.postgresql.connections import Connection, delete_rows
from guanxi.stores.postgresql.erased import is_erased

_PREFETCHED = 10_000
_MAY_SIGN_IN = f"""
SELECT 1 FROM account WHERE mid = $1 AND state <> {State.DEREGISTERED:d} FOR UPDATE
"""
_OPEN_SESSION = """
INSERT INTO session (digest, mid, kind, created, expires, used) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (digest, mid) DO NOTHING
"""
_EXISTS = "SELECT EXISTS (SELECT 1 FROM session WHERE digest = $1)"
_CLOSE_EXPIRED = "DELETE FROM session WHERE mid = $1 AND expires < $2"
_CLOSE_OLDEST = """
DELETE FROM session WHERE mid = $1 AND digest = ANY(ARRAY(
    SELECT digest FROM session WHERE mid = $1 AND digest <> $2
    ORDER BY created DESC, digest OFFSET $3
))
"""


async def open_session(
    db: Connection, session: Session, at_most: int = ALL
) -> SessionRefusal | None:
    """Store a session; return None, or why nothing was changed.

    It is refused if its account is unknown or deregistered, or if a session has its digest. Then
    delete the account's sessions that expired before ``session.created``, and the oldest others
    beyond ``at_most``.
    """
    # Other sign-ins of the account wait, so that each counts them all. A deregistration waits too,
    # and then deletes this session.
    if await db.fetchval(_MAY_SIGN_IN, session.mid) is None:
        return SessionRefusal.NO_ACCOUNT
    digest, mid, created = session.digest, session.mid, session.created
    values = (digest, mid, session.kind.value, created, session.expires, session.used)
    # Not of another account either, which a digest with a mid cannot be.
    if mid_of(digest) is None and await db.fetchval(_EXISTS, digest):
        return SessionRefusal.DIGEST_IN_USE
    if (await db.execute(_OPEN_SESSION, *values)).endswith(" 0"):
        return SessionRefusal.DIGEST_IN_USE
    await db.execute(_CLOSE_EXPIRED, mid, created)
    await db.execute(_CLOSE_OLDEST, mid, digest, at_most - 1)
    return None


_SESSION = "SELECT digest, mid, kind, created, expires, used FROM session"
#: Sessions are with their accounts: one whose digest has no mid may be on any node of Citus.
_IS_IT, _IS_ONE_OF_THE_ACCOUNT = "digest = $1", "digest = $1 AND mid = $2"


def _where(digest: bytes) -> tuple[str, tuple[bytes] | tuple[bytes, int]]:
    """Return the condition that finds the session with a digest, and its values."""
    mid = mid_of(digest)
    if mid is None:
        return _IS_IT, (digest,)
    return _IS_ONE_OF_THE_ACCOUNT, (digest, mid)


async def session(db: Connection, digest: bytes) -> Session | None:
    condition, values = _where(digest)
    row = await db.fetchrow(f"{_SESSION} WHERE {condition}", *values)
    return None if row is None else _session(row)


async def sessions(db: Connection) -> AsyncIterator[Session]:
    """Yield every session, expired ones included, in no given order.

    Expects a transaction.
    """
    async for row in db.cursor(_SESSION, prefetch=_PREFETCHED):
        yield _session(row)


async def sessions_of(db: Connection, mid: int) -> list[Session]:
    """Return an account's sessions, expired ones included, the newest first."""
    found = await db.fetch(f"{_SESSION} WHERE mid = $1 ORDER BY created DESC, digest", mid)
    return [_session(row) for row in found]


_USE = f"""
UPDATE session SET used = $3::bigint
WHERE digest = $1 AND mid = $2 AND used <= $3::bigint - {USED_SECONDS}
"""
_USE_SOMEWHERE = f"""
UPDATE session SET used = $2::bigint WHERE digest = $1 AND used <= $2::bigint - {USED_SECONDS}
"""


async def use_sessions(db: Connection, used: Mapping[bytes, int]) -> None:
    """Note when sessions were used, by digest; skip those noted within ``USED_SECONDS``."""
    # Sorted, so that two writers of the same sessions do not deadlock.
    ordered = [(digest, mid_of(digest), used[digest]) for digest in sorted(used)]
    await db.executemany(_USE, [each for each in ordered if each[1] is not None])
    somewhere = [(digest, at) for digest, mid, at in ordered if mid is None]
    await db.executemany(_USE_SOMEWHERE, somewhere)


def _session(row: asyncpg.Record) -> Session:
    digest, mid, kind, created, expires, used = row
    return Session(
        digest=digest,
        mid=mid,
        kind=TokenKind(kind),
        created=created,
        expires=expires,
        used=used,
    )


async def close_session(db: Connection, digest: bytes) -> bool:
    """Delete the session with a token digest; return whether it existed."""
    condition, values = _where(digest)
    return bool(await delete_rows(db, f"DELETE FROM session WHERE {condition}", *values))


async def close_sessions(db: Connection, mid: int) -> int:
    """Delete all sessions of an account; return their number."""
    return await delete_rows(db, "DELETE FROM session WHERE mid = $1", mid)


_PUT_GRANT = """
INSERT INTO sign_in_grant AS old (digest, mid, expires) VALUES ($1, $2, $3)
ON CONFLICT (digest) DO UPDATE SET mid = excluded.mid, expires = excluded.expires
WHERE old.mid = excluded.mid OR (old.mid = 0 AND $4)
RETURNING mid
"""


async def put_grant(
    db: Connection, digest: bytes, mid: int, expires: int, now: int, *, again: bool
) -> bool:
    """Store a QR sign-in grant; return False if another account has it, or it was used.

    ``again`` stores one that was used. Expired grants are deleted. An account that was erased gets
    none. Times are in seconds since the Unix epoch.
    """
    if await db.fetchval("SELECT EXISTS (SELECT 1 FROM sign_in_grant WHERE expires <= $1)", now):
        await db.execute("DELETE FROM sign_in_grant WHERE expires <= $1", now)
    if await is_erased(db, mid):
        return False
    return await db.fetchval(_PUT_GRANT, digest, mid, expires, again) is not None


_GRANT = "SELECT mid FROM sign_in_grant WHERE digest = $1 AND expires > $2"


async def grant(db: Connection, digest: bytes, now: int) -> int | None:
    """Return the account of a QR sign-in grant, 0 if it was used; None if there is none.

    None also if it has expired at ``now``, in seconds since the Unix epoch.
    """
    mid: int | None = await db.fetchval(_GRANT, digest, now)
    return mid


async def take_grant(db: Connection, digest: bytes, now: int) -> int | None:
    """Return what ``grant`` does, and mark the grant as used. The caller commits."""
    mid: int | None = await db.fetchval(f"{_GRANT} FOR UPDATE", digest, now)
    if mid:
        await db.execute("UPDATE sign_in_grant SET mid = 0 WHERE digest = $1", digest)
    return mid


async def delete_grants(db: Connection, mid: int) -> int:
    """Delete the sign-in grants of an account; return their number."""
    return await delete_rows(db, "DELETE FROM sign_in_grant WHERE mid = $1", mid)
