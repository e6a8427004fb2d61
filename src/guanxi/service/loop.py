"""The event loop that the service runs on."""

from __future__ import annotations

import asyncio


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a new event loop: uvloop's where that is installed, asyncio's otherwise."""
    try:
        import uvloop
    except ModuleNotFoundError:  # it does not exist for this system or this Python
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
