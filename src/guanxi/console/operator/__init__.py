"""The console: pages for whoever runs a service, on the address of administration."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a worker of the console serves nothing
    from guanxi.service.exchange import ASGI
    from guanxi.service.server import Operated


@asynccontextmanager
async def pages(operated: Operated) -> AsyncIterator[ASGI]:
    """Yield the pages of a running service, and take samples of it while the block runs."""
    from guanxi.console.operator.application import Console  # reads templates

    console = Console(operated)
    async with console.sampled():
        yield console.application
