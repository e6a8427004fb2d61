"""Log lines as JSON objects. No line holds a query, a header, a body or a token."""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

LOG = logging.getLogger("guanxi.service")
_encode = msgspec.json.Encoder(enc_hook=str).encode


class _Lines(logging.Formatter):
    """One JSON object a line: time, level, logger, event, and what the event brings."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **getattr(record, "told", {}),
        }
        if record.exc_info and record.exc_info[1]:
            line["error"] = trace(record.exc_info[1])
        return _encode(line).decode()


def trace(error: BaseException) -> dict[str, Any]:
    """An error's type and where it came from. Its text stays out: it may quote a request."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "type": type(error).__name__,
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


def event(level: int, name: str, **told: Any) -> None:
    """Log an event with what it brings."""
    LOG.log(level, name, extra={"told": told})


def to_stream(stream: TextIO = sys.stderr, level: int = logging.INFO) -> None:
    """Write the service's log lines, and uvicorn's, to a stream."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Lines())
    for name, lowest in (("guanxi", level), ("uvicorn", max(level, logging.WARNING))):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(lowest)
        logger.propagate = False
