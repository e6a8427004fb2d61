"""Log lines as JSON objects. No line contains a query, a header, a body or a token."""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from guanxi.service.exchange import Exchange

LOG = logging.getLogger("guanxi.service")
_encode = msgspec.json.Encoder(enc_hook=str).encode


class _Lines(logging.Formatter):
    """A formatter of JSON lines: time, level, logger, event, and the event's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1]:
            line["error"] = trace(record.exc_info[1])
        return _encode(line).decode()


def trace(error: BaseException) -> dict[str, Any]:
    """Return an error's ``type`` and frames ``at``, without its text, which may quote a request."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "type": type(error).__name__,
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


def event(level: int, name: str, **fields: Any) -> None:
    """Log an event under its name at a ``logging`` level, with ``fields`` in the JSON line."""
    LOG.log(level, name, extra={"fields": fields})


def exchanged(exchange: Exchange) -> None:
    """Log a request and its response, with the response's time in milliseconds."""
    method, ms = exchange.scope["method"], round(exchange.seconds * 1000, 3)
    named = {"request_id": exchange.request_id, "endpoint": exchange.name, "method": method}
    event(logging.INFO, "request", **named, status=exchange.status, code=exchange.code, ms=ms)


def to_stream(stream: TextIO = sys.stderr, level: int = logging.INFO) -> None:
    """Write the log lines of the service and of uvicorn to a stream, as JSON.

    The service's begin at ``level``, uvicorn's at WARNING, or at ``level`` if that is higher. This
    replaces the handlers of the loggers ``guanxi`` and ``uvicorn``.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Lines())
    for name, lowest in (("guanxi", level), ("uvicorn", max(level, logging.WARNING))):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(lowest)
        logger.propagate = False
