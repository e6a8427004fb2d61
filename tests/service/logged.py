"""Capture the service's log lines."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from guanxi.service import logs


@contextmanager
def logged(level: int = logging.DEBUG) -> Iterator[io.StringIO]:
    """Yield a stream of the lines that the service and uvicorn log while the block runs."""
    loggers = [logging.getLogger(name) for name in ("guanxi", "uvicorn")]
    kept = [(one, one.handlers, one.level, one.propagate) for one in loggers]
    stream = io.StringIO()
    logs.to_stream(stream, level)
    try:
        yield stream
    finally:
        for one, handlers, lowest, propagate in kept:
            one.handlers, one.propagate = handlers, propagate
            one.setLevel(lowest)


def lines_of(stream: io.StringIO) -> list[dict[str, Any]]:
    """Return each logged line, decoded from JSON."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]
