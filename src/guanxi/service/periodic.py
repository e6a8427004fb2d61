"""What a service does periodically: follow the secret, and delete old audit entries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from guanxi.operations import audit
from guanxi.service import logs
from guanxi.service.handling import Service
from guanxi.stores.port import Store

#: Seconds between two reads of the store's secret, and between two deletions of audit entries.
SECRET_SECONDS, AUDIT_SECONDS = 1.0, 600.0


@asynccontextmanager
async def secret_followed(store: Store) -> AsyncIterator[None]:
    """Read the store's secret every second while the block runs, as another process may replace it.

    Without the store, the last one that was read counts.
    """
    async with _repeated(SECRET_SECONDS, store.refresh_secret, "secret not read"):
        yield


@asynccontextmanager
async def audit_trimmed(service: Service) -> AsyncIterator[None]:
    """Delete the entries of the audit log that are older than ``audit_days``, periodically."""
    store, days = service.store, service.settings.audit_days

    async def trim() -> None:
        await audit.trim(store, days, service.now())

    async with _repeated(AUDIT_SECONDS, trim, "old audit entries not deleted"):
        yield


@asynccontextmanager
async def _repeated(
    seconds: float, work: Callable[[], Awaitable[object]], failure: str
) -> AsyncIterator[None]:
    """Call ``work`` after so many seconds, and again, while the block runs.

    Of errors in a row only the first is logged, as ``failure``.
    """
    task = asyncio.create_task(_repeat(seconds, work, partial(logs.LOG.exception, failure)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _repeat(
    seconds: float, work: Callable[[], Awaitable[object]], report: Callable[[], None]
) -> None:
    is_failing = False
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
            is_failing = False
        except Exception:
            if not is_failing:
                report()
            is_failing = True
