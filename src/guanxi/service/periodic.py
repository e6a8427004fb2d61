"""What a service does periodically: follow the secret, go on erasing, delete what is old."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from guanxi.operations import audit, erasing
from guanxi.service import logs
from guanxi.service.handling import Service
from guanxi.stores.port import Store

#: Seconds between two reads of the store's secret, and between two deletions of audit entries.
SECRET_SECONDS, AUDIT_SECONDS = 1.0, 600.0
#: Seconds between two looks for erasures, and between two deletions of old changes.
ERASURE_SECONDS, CHANGES_SECONDS = 0.5, 60.0


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
async def erasures_continued(store: Store) -> AsyncIterator[None]:
    """Continue the erasures that are under way, also those of other processes."""
    work = partial(erasing.erase_all, store)
    async with _repeated(ERASURE_SECONDS, work, "an account is not erased whole yet"):
        yield


@asynccontextmanager
async def changes_trimmed(store: Store) -> AsyncIterator[None]:
    """Delete old changes periodically, as the store's bounds say."""
    async with _repeated(CHANGES_SECONDS, store.trim_changes, "old changes not deleted"):
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
