"""What the SDK and its peers are asked for, and the cost of a call; without either of them."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from itertools import cycle

import msgspec
from msgspec import Struct

PAGE, PAGES, AT_ONCE = 50, 60, 32
_WARM = 20

#: Ask for a page by its number; the mids on it.
Page = Callable[[int], Awaitable[list[int]]]


class Account(Struct, frozen=True):
    """Who reads its own followings, and where."""

    url: str
    mid: int
    cookies: dict[str, str]
    #: Seconds to go on for.
    seconds: float


def told() -> Account:
    """The account on standard input."""
    return msgspec.json.decode(sys.stdin.buffer.read(), type=Account)


async def cpu(page: Page, seconds: float) -> float:
    """Milliseconds of CPU that this process needs for a page, one after another."""
    numbers = cycle(range(1, PAGES + 1))
    for _ in range(_WARM):
        await page(next(numbers))
    calls, until, began = 0, time.monotonic() + seconds, time.process_time()
    while time.monotonic() < until:
        if len(await page(next(numbers))) != PAGE:
            raise ValueError("a page is not full")
        calls += 1
    return 1e3 * (time.process_time() - began) / calls


async def rate(page: Page, seconds: float) -> float:
    """Accounts a second, where the whole list is read 32 pages at once, over and over."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def gated(number: int) -> list[int]:
        async with gate:
            return await page(number)

    async def whole() -> int:
        pages = await asyncio.gather(*(gated(number) for number in range(1, PAGES + 1)))
        return len({mid for found in pages for mid in found})

    await whole()
    met, began = 0, time.monotonic()
    while time.monotonic() < began + seconds:
        if (found := await whole()) != PAGE * PAGES:
            raise ValueError(f"{found} accounts are not the list")
        met += found
    return met / (time.monotonic() - began)
