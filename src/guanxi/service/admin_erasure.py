"""Requests of the administration on the erasure of an account: begin it, look how far it is.

The service continues each erasure that is under way, also one that began before it started or that
another process left (``erasures_continued``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.responses import Response

from guanxi.operations import erasing
from guanxi.service import logs
from guanxi.service.administering import Administered, AdminRequest, as_json
from guanxi.stores.port import Store

#: Seconds between two looks for erasures that are under way.
_LOOK_SECONDS = 0.5


async def begin(administered: Administered, request: AdminRequest) -> Response:
    """Begin to erase an account, or continue; return how far that is, and where it is shown."""
    found = await erasing.begin(administered.service.store, request.mid)
    return as_json(found, 202, {"Location": f"/accounts/{request.mid}/erasure"})


async def show(administered: Administered, request: AdminRequest) -> Response:
    """Return how far the erasure of an account is, and what it deleted."""
    return as_json(await erasing.state(administered.service.store, request.mid))


@asynccontextmanager
async def erasures_continued(store: Store) -> AsyncIterator[None]:
    """Continue the erasures that are under way while the block runs.

    An error of that is only logged, and it is tried again.
    """
    task = asyncio.create_task(_continue(store))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _continue(store: Store) -> None:
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        try:
            await erasing.erase_all(store)
        except Exception:  # it stays as it is for now; the service continues
            logs.LOG.exception("an account is not erased whole yet")
