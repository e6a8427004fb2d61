"""Administration tokens and the audit log, on a given connection."""

from __future__ import annotations

from itertools import starmap
from typing import Any

import apsw

from guanxi.accounts.administrators import AdminToken, AuditEntry, scopes_of, scopes_text

_TOKENS = "SELECT name, digest, scopes, created, expires FROM admin_token"
_INSERT = """
INSERT INTO admin_token (name, digest, scopes, created, expires) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""


def put_admin_token(db: apsw.Connection, token: AdminToken) -> bool:
    """Store a token unless another has its name or digest; return whether it was stored."""
    scopes = scopes_text(token.scopes)
    db.execute(_INSERT, (token.name, token.digest, scopes, token.created, token.expires))
    return bool(db.changes())


def admin_token(db: apsw.Connection, digest: bytes) -> AdminToken | None:
    """Return the token with a digest, expired or not; None if there is none."""
    row = db.execute(f"{_TOKENS} WHERE digest = ?", (digest,)).get
    return None if row is None else _token(*row)


def admin_tokens(db: apsw.Connection) -> list[AdminToken]:
    """Return every token, by name."""
    return list(starmap(_token, db.execute(f"{_TOKENS} ORDER BY name")))


def _token(name: str, digest: bytes, scopes: str, created: int, expires: int | None) -> AdminToken:
    return AdminToken(
        name=name, digest=digest, scopes=scopes_of(scopes), created=created, expires=expires
    )


def delete_admin_token(db: apsw.Connection, name: str) -> bool:
    """Delete the token with a name; return whether it existed."""
    db.execute("DELETE FROM admin_token WHERE name = ?", (name,))
    return bool(db.changes())


_APPEND = """
INSERT INTO audit (number, who, what, mid, target, detail, status, request_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""


def append_audit(db: apsw.Connection, entry: AuditEntry) -> bool:
    """Append an entry unless its number is used; return whether it was appended."""
    acted = (entry.who, entry.what, entry.mid, entry.target, entry.detail)
    db.execute(_APPEND, (entry.number, *acted, entry.status, entry.request_id))
    return bool(db.changes())


def end_audit(db: apsw.Connection, entry: AuditEntry) -> None:
    """Replace account, target, detail and status of an entry."""
    db.execute(
        "UPDATE audit SET mid = ?, target = ?, detail = ?, status = ? WHERE number = ?",
        (entry.mid, entry.target, entry.detail, entry.status, entry.number),
    )


def audit(
    db: apsw.Connection, limit: int, *, before: int | None = None, mid: int = 0, who: str = ""
) -> list[AuditEntry]:
    """Return the newest entries before a number, about an account, by somebody."""
    bounds: dict[str, Any] = {"number < :before": before, "mid = :mid": mid, "who = :who": who}
    given = [condition for condition, value in bounds.items() if value not in (None, 0, "")]
    where = f"WHERE {' AND '.join(given)}" if given else ""
    found = db.execute(
        "SELECT number, who, what, mid, target, detail, status, request_id FROM audit"
        f" {where} ORDER BY number DESC LIMIT :limit",
        {"limit": limit, "before": before, "mid": mid, "who": who},
    )
    return list(starmap(_entry, found))


def _entry(
    number: int,
    who: str,
    what: str,
    mid: int,
    target: int,
    detail: str,
    status: int | None,
    request_id: str,
) -> AuditEntry:
    return AuditEntry(
        number=number,
        who=who,
        what=what,
        mid=mid,
        target=target,
        detail=detail,
        status=status,
        request_id=request_id,
    )


def trim_audit(db: apsw.Connection, before: int, most: int) -> int:
    """Delete some of the oldest entries below a number; return how many."""
    db.execute(
        "DELETE FROM audit WHERE number IN"
        " (SELECT number FROM audit WHERE number < ? ORDER BY number LIMIT ?)",
        (before, most),
    )
    return db.changes()
