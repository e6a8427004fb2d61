"""The calls that clients are compared by, and their measurement; imports no client."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from itertools import cycle

import msgspec
from msgspec import Struct

PAGE, PAGES, CONCURRENCY = 50, 60, 32
_WARM_UP_CALLS = 20

#: Requests a page by its number, from 1, and returns the mids on it.
Page = Callable[[int], Awaitable[list[int]]]


class Account(Struct, frozen=True):
    """An account that reads its own followings, and the service that it reads them from."""

    url: str
    mid: int
    cookies: dict[str, str]
    #: The duration of the measurement.
    seconds: float


def account_from_stdin() -> Account:
    """Return the account that is on standard input as JSON. Raise msgspec.DecodeError otherwise."""
    return msgspec.json.decode(sys.stdin.buffer.read(), type=Account)


async def cpu(page: Page, seconds: float) -> float:
    """Return this process's CPU milliseconds per page, reading pages one after another.

    Raise ValueError if a page has fewer than 50 items.
    """
    numbers = cycle(range(1, PAGES + 1))
    for _ in range(_WARM_UP_CALLS):
        await page(next(numbers))
    calls, until, began = 0, time.monotonic() + seconds, time.process_time()
    while time.monotonic() < until:
        if len(await page(next(numbers))) != PAGE:
            raise ValueError(f"a page has fewer than {PAGE} items")
        calls += 1
    return 1e3 * (time.process_time() - began) / calls


async def rate(page: Page, seconds: float) -> float:
    """Return items per second, reading the whole list repeatedly with 32 concurrent requests.

    Raise ValueError if the list does not have 3,000 accounts.
    """
    gate = asyncio.Semaphore(CONCURRENCY)

    async def gated(number: int) -> list[int]:
        async with gate:
            return await page(number)

    async def whole() -> int:
        pages = await asyncio.gather(*(gated(number) for number in range(1, PAGES + 1)))
        return len({mid for mids in pages for mid in mids})

    await whole()
    count, began = 0, time.monotonic()
    while time.monotonic() < began + seconds:
        if (length := await whole()) != PAGE * PAGES:
            raise ValueError(f"the list has {PAGE * PAGES} accounts, but {length} were read")
        count += length
    return count / (time.monotonic() - began)
