"""Catching the service's log lines."""

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
    """The lines that the service and uvicorn log meanwhile."""
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
    """Each line as the object it is."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]
