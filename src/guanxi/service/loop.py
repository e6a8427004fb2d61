"""What a process of the service runs on: its event loop, and how often garbage is collected."""

from __future__ import annotations

import asyncio
import gc

#: Objects that are created and not freed before the youngest are searched for cycles. With Python's
#: 700, each turn that begins 64 requests at once starts a search, which finds next to nothing.
_NEW_OBJECTS = 10_000


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a new event loop: uvloop's where that is installed, asyncio's otherwise."""
    try:
        import uvloop
    except ModuleNotFoundError:  # it does not exist for this system or this Python
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def collect_rarely() -> None:
    """Search this process for garbage less often: a request leaves no cycles."""
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
