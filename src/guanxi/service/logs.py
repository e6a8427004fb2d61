"""Log lines as JSON objects. No line contains a query, a header, a body or a token."""

from __future__ import annotations

import logging
import os
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple, TextIO

import msgspec

from guanxi.service.exchange import Exchange
from guanxi.stores.port import StoreDamaged, StoreTimeout, StoreUnavailable

LOG = logging.getLogger("guanxi.service")


class Event(NamedTuple):
    """The message of a log record: an event's name and its fields.

    As text, for handlers other than ``to_stream``'s, it is the name and ``field=value`` pairs.
    """

    name: str
    fields: Mapping[str, object]

    def __str__(self) -> str:
        return " ".join([self.name, *(f"{name}={value}" for name, value in self.fields.items())])


_encode = msgspec.json.Encoder(enc_hook=str).encode


class _Lines(logging.Formatter):
    """A formatter of JSON lines: time, level, logger, event, and the event's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            **_event_of(record),
        }
        if record.exc_info and record.exc_info[1]:
            line["error"] = trace(record.exc_info[1])
        return _encode(line).decode()


def _event_of(record: logging.LogRecord) -> dict[str, object]:
    """Return the event's name as ``event``, and its fields; a plain message has no fields."""
    if isinstance(record.msg, Event):
        return {"event": record.msg.name, **record.msg.fields}
    return {"event": record.getMessage()}


#: Errors of a store whose texts say what the store has, and quote no request.
_SAYING = (StoreUnavailable, StoreTimeout, StoreDamaged)


def trace(error: BaseException) -> dict[str, Any]:
    """Return an error's ``type`` and frames ``at``; its text, as ``why``, only if it is a store's.

    Any other text may quote a request.
    """
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "type": type(error).__name__,
        **({"why": str(error)} if isinstance(error, _SAYING) else {}),
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


def event(level: int, name: str, **fields: Any) -> None:
    """Log an event under its name at a ``logging`` level, with ``fields`` in the line."""
    LOG.log(level, Event(name, fields))


class Failures:
    """Failures of requests: the first of each kind is logged, and each second how many more came.

    An overload or an outage would otherwise write thousands of lines a second.
    """

    def __init__(self) -> None:
        #: By endpoint, code and type of the error: how many more there were.
        self._more: dict[tuple[str, int, str], int] = {}

    def add(self, exchange: Exchange, code: int, error: BaseException) -> None:
        kind = (exchange.name, code, type(error).__name__)
        if kind in self._more:
            self._more[kind] += 1
            return
        self._more[kind] = 0
        named = {"request_id": exchange.request_id, "endpoint": exchange.name, "code": code}
        event(logging.ERROR, "failed", **named, error=trace(error))

    def count(self) -> None:
        """Log how many more there were of each kind. Call it every second."""
        for (endpoint, code, kind), more in self._more.items():
            if more:
                named = {"endpoint": endpoint, "code": code, "type": kind}
                event(logging.ERROR, "failed again", **named, times=more)
        self._more.clear()


def exchanged(exchange: Exchange) -> None:
    """Log a request and its response, with the response's time in milliseconds."""
    method, ms = exchange.scope["method"], round(exchange.seconds * 1000, 3)
    named = {"request_id": exchange.request_id, "endpoint": exchange.name, "method": method}
    event(logging.INFO, "request", **named, status=exchange.status, code=exchange.code, ms=ms)


#: Seconds between two looks whether the file of a request log was renamed, as by logrotate.
_LOOK_SECONDS = 1.0


class RequestLog:
    """A file with a JSON line for each request: who sent it, to which endpoint, and its code.

    A line has no parameter, header or body, and no path, which may contain parameters. Several
    processes may append to one file: a line is one write. If the file is renamed or deleted, a new
    one is created within a second.
    """

    def __init__(self, path: str) -> None:
        """Open the file, created with mode 0600; "-" is standard error. Raise OSError."""
        self._path = path
        self._file = sys.stderr.fileno() if path == "-" else self._opened()
        self._looked = time.monotonic()
        self._is_failing = False

    def __call__(self, exchange: Exchange) -> None:
        """Write the line of a request. An error is logged once, until a line can be written."""
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "request_id": exchange.request_id,
            "mid": exchange.account or None,
            "address": address_of(exchange),
            "method": exchange.scope["method"],
            "endpoint": exchange.name,
            "status": exchange.status,
            "code": exchange.code,
            "ms": round(exchange.seconds * 1000, 3),
        }
        try:
            self._follow()
            os.write(self._file, _encode(line) + b"\n")
            self._is_failing = False
        except OSError as error:
            if not self._is_failing:
                event(logging.ERROR, "request log not written", error=error.strerror or "")
            self._is_failing = True

    def _opened(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _follow(self) -> None:
        """Open the path again if it is another file now, which is looked for once a second."""
        now = time.monotonic()
        if self._path == "-" or now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        with suppress(FileNotFoundError):
            if os.path.samestat(os.stat(self._path), os.fstat(self._file)):
                return
        opened = self._opened()
        os.close(self._file)
        self._file = opened

    def close(self) -> None:
        """Close the file, not standard error."""
        if self._path != "-":
            os.close(self._file)


@contextmanager
def request_log(path: str) -> Iterator[list[RequestLog]]:
    """Yield the observers that write the request log at a path: one, or none if it is "".

    Raise OSError if the file cannot be opened.
    """
    if not path:
        yield []
        return
    log = RequestLog(path)
    try:
        yield [log]
    finally:
        log.close()


def address_of(exchange: Exchange) -> str:
    """Return the client's address, also of a request that the gate refused; "" if unknown."""
    client = exchange.scope.get("client")
    return exchange.address or (client[0] if client else "")


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
