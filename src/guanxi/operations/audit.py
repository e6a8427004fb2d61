"""Record what the administration does: an entry before the act, and its outcome after it.

An act and its entry are not one transaction, because most verbs of a store are several. So no act
is without an entry, and an entry may be without an outcome: the process or the store failed
meanwhile, and the act may have been done.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec.structs import replace

from guanxi.accounts.administrators import AuditEntry, first_number, new_number
from guanxi.accounts.secrets import DAY
from guanxi.stores.port import Store

_LOG = logging.getLogger("guanxi.service")
#: How many entries one transaction deletes.
TRIMMED = 1_000


#: The number of the last entry of this process.
_last = [0]


class Act:
    """An act that is being recorded: what its verb finds out is set here, and kept with it."""

    def __init__(self, mid: int = 0, target: int = 0) -> None:
        self.mid, self.target = mid, target
        self.detail = ""
        #: As in ``AuditEntry``; None if the act ends without one.
        self.status: int | None = None


@asynccontextmanager
async def recorded(
    store: Store, who: str, what: str, act: Act, *, now_ms: int, request_id: str = ""
) -> AsyncIterator[Act]:
    """Append an entry before the block, and what the block has set in ``act`` after it.

    ``now_ms`` is the time in milliseconds since the Unix epoch. If the entry cannot be appended the
    block does not run, and the StoreError is raised. If the outcome cannot be stored, that is only
    logged: the block's result is the caller's. The outcome is stored also if the task is cancelled.
    """
    entry = AuditEntry(
        number=_next_number(now_ms),
        who=who,
        what=what,
        mid=act.mid,
        target=act.target,
        request_id=request_id,
    )
    while not await store.append_audit(entry):
        entry = replace(entry, number=_next_number(now_ms))
    try:
        yield act
    finally:
        ended = replace(entry, mid=act.mid, target=act.target, detail=act.detail, status=act.status)
        await asyncio.shield(_end(store, ended))


def _next_number(now_ms: int) -> int:
    _last[0] = new_number(now_ms, _last[0])
    return _last[0]


async def _end(store: Store, entry: AuditEntry) -> None:
    try:
        await store.end_audit(entry)
    except Exception:
        _LOG.exception("the outcome of an act is not in the audit log")


async def trim(store: Store, days: int, now: int) -> int:
    """Delete the entries that are more than ``days`` old; return how many.

    ``now`` is in seconds since the Unix epoch. Each transaction deletes at most ``TRIMMED``.
    """
    before = first_number(max(0, now - days * DAY) * 1_000)
    deleted = some = await store.trim_audit(before, TRIMMED)
    while some == TRIMMED:
        some = await store.trim_audit(before, TRIMMED)
        deleted += some
    return deleted


def described(entry: AuditEntry) -> dict[str, object]:
    """Return an entry as it is printed and sent: fields by name, the time in milliseconds."""
    return {
        "number": str(entry.number),  # beyond the whole numbers of JavaScript
        "time_ms": entry.time_ms,
        "who": entry.who,
        "what": entry.what,
        "mid": entry.mid or None,
        "target": entry.target or None,
        "detail": entry.detail,
        "status": entry.status,
        "request_id": entry.request_id,
    }
