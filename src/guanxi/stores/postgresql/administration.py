"""Administration tokens and the audit log, on a given connection."""

from __future__ import annotations

import asyncpg

from guanxi.accounts.administrators import AdminToken, AuditEntry, scopes_of, scopes_text
from guanxi.stores.postgresql.connections import Connection, delete_rows

_TOKENS = "SELECT name, digest, scopes, created, expires FROM admin_token"
_INSERT = """
INSERT INTO admin_token (name, digest, scopes, created, expires) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
"""


async def put_admin_token(db: Connection, token: AdminToken) -> bool:
    """Store a token unless another has its name or digest; return whether it was stored."""
    scopes = scopes_text(token.scopes)
    values = (token.name, token.digest, scopes, token.created, token.expires)
    return not (await db.execute(_INSERT, *values)).endswith(" 0")


async def admin_token(db: Connection, digest: bytes) -> AdminToken | None:
    """Return the token with a digest, expired or not; None if there is none."""
    row = await db.fetchrow(f"{_TOKENS} WHERE digest = $1", digest)
    return None if row is None else _token(row)


async def admin_tokens(db: Connection) -> list[AdminToken]:
    """Return every token, by name."""
    return [_token(row) for row in await db.fetch(f"{_TOKENS} ORDER BY name")]


def _token(row: asyncpg.Record) -> AdminToken:
    name, digest, scopes, created, expires = row
    return AdminToken(
        name=name, digest=digest, scopes=scopes_of(scopes), created=created, expires=expires
    )


async def delete_admin_token(db: Connection, name: str) -> bool:
    """Delete the token with a name; return whether it existed."""
    return bool(await delete_rows(db, "DELETE FROM admin_token WHERE name = $1", name))


_APPEND = """
INSERT INTO audit (number, who, what, mid, target, detail, status, request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (number) DO NOTHING
"""


async def append_audit(db: Connection, entry: AuditEntry) -> bool:
    """Append an entry unless its number is used; return whether it was appended."""
    acted = (entry.who, entry.what, entry.mid, entry.target, entry.detail)
    values = (entry.number, *acted, entry.status, entry.request_id)
    return not (await db.execute(_APPEND, *values)).endswith(" 0")


async def end_audit(db: Connection, entry: AuditEntry) -> None:
    """Replace account, target, detail and status of an entry."""
    await db.execute(
        "UPDATE audit SET mid = $1, target = $2, detail = $3, status = $4 WHERE number = $5",
        *(entry.mid, entry.target, entry.detail, entry.status, entry.number),
    )


async def audit(
    db: Connection, limit: int, *, before: int | None = None, mid: int = 0, who: str = ""
) -> list[AuditEntry]:
    """Return the newest entries before a number, about an account, by somebody."""
    if "\0" in who:  # no name, and no text of PostgreSQL's
        return []
    bounds = {"number <": before, "mid =": mid or None, "who =": who or None}
    given = {bound: value for bound, value in bounds.items() if value is not None}
    conditions = [f"{bound} ${at}" for at, bound in enumerate(given, start=2)]
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = await db.fetch(
        "SELECT number, who, what, mid, target, detail, status, request_id FROM audit"
        f" {where} ORDER BY number DESC LIMIT $1",
        limit,
        *given.values(),
    )
    return [AuditEntry(**dict(row.items())) for row in rows]


async def trim_audit(db: Connection, before: int, most: int) -> int:
    """Delete some of the oldest entries below a number; return how many."""
    # Citus deletes by no subquery with a limit.
    rows = await db.fetch(
        "SELECT number FROM audit WHERE number < $1 ORDER BY number LIMIT $2", before, most
    )
    numbers = [number for (number,) in rows]
    return (
        await delete_rows(db, "DELETE FROM audit WHERE number = ANY($1)", numbers) if numbers else 0
    )
