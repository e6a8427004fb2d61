"""Connections to the server: their settings, a bounded pool, and errors as the port's.

asyncpg's own pool asks the server to reset a connection each time it comes back, a round trip a
read; nothing here leaves anything to reset.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, TypeAlias, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from guanxi.stores.port import StoreError, StoreTimeout, StoreUnavailable

T = TypeVar("T")

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Connector: TypeAlias = Callable[[], Awaitable[Connection]]

#: How long connecting and any one command may take before the server is thought lost.
CONNECT_SECONDS, COMMAND_SECONDS = 5.0, 15.0
#: How long a read or write waits for a connection of the pool.
POOL_SECONDS = 5.0
#: The pauses before something is tried again while a server restarts or another takes over, and
#: after how long it is not.
PAUSES, AGAIN_SECONDS = (0.02, 0.1, 0.4, 1.0, 1.5, 2.0), 6.0

_COMMON = {
    "application_name": "guanxi",
    "jit": "off",  # these statements are short: compiling one takes longer than it saves
    "synchronous_commit": "on",
}
#: Of connections that serve.
SERVING: Mapping[str, str] = {
    "statement_timeout": "10s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "15s",
}
#: Of connections that read or fill a store whole, as long as that takes.
PATIENT: Mapping[str, str] = {
    "statement_timeout": "0",
    "lock_timeout": "30s",
    "idle_in_transaction_session_timeout": "0",
}
_NOTHING_DONE = ("40001", "40P01")  # where COMMIT itself fails
#: How many values of a statement are sent at once.
_RUN = 2_000
_Values: TypeAlias = tuple[object, ...]

# By SQLSTATE, whole or the first two of it: what did nothing and may go well the next time (lost
# connections, conflicts, a server that stops or only reads), and what is busy or full for now.
_AGAIN = ("08", "40001", "40P01", "57P01", "57P02", "57P03", "25006", "25P03")
_FOR_NOW = ("53", "55P03", "57014", "57P05")
_TEXTS = {
    "53": "the server has no room",
    "55P03": "another transaction holds what this needs",
    "57014": "the statement took too long",
}
#: The driver's errors that are no answer of the server's.
_DRIVER = (asyncpg.InterfaceError, asyncpg.InternalClientError)
ERRORS = (asyncpg.PostgresError, *_DRIVER, OSError)


def passes(error: BaseException) -> bool:
    """Whether the same may go well on another connection, or at once: it did nothing."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_AGAIN)
    # A server that only reads is a standby: the primary is about to be another.
    return isinstance(error, OSError | asyncpg.TargetServerAttributeNotMatched) and not isinstance(
        error, TimeoutError
    )


def failure(error: BaseException) -> StoreError:
    """An error of the driver or the server as one of the port."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        for known, text in _TEXTS.items():
            if state.startswith(known):
                return StoreUnavailable(text)
        if state.startswith(_FOR_NOW):
            return StoreUnavailable("the server is busy")
        if not passes(error):
            return StoreError(f"the store failed: {error.args[0]} ({state})")
    elif isinstance(error, _DRIVER) and not passes(error):
        return StoreError(f"the store failed: {error}")
    return StoreUnavailable("the server does not answer")


@contextmanager
def failures() -> Iterator[None]:
    """Within, errors of the driver and the server become the port's."""
    try:
        yield
    except ERRORS as error:
        raise failure(error) from error


def schema_of(address: str) -> str:
    """The schema that the tables are in, quoted: what ``?search_path=`` names, or guanxi."""
    [name] = parse_qs(urlsplit(address).query).get("search_path", ["guanxi"])
    return '"' + name.replace('"', '""') + '"'


_HOST_AND_PORT = re.compile(r"([^:]+|\[.*\]):(\d+)")
_PORT = "5432"


def _hosts(address: str) -> list[dict[str, Any]]:
    """What tells asyncpg which one host to ask, for each of several; nothing for one alone."""
    parts = urlsplit(address)
    query = parse_qs(parts.query)
    named = unquote(parts.netloc.rpartition("@")[2]) or ",".join(query.get("host", []))
    places = named.split(",")
    if len(places) < 2:
        return [{}]
    ports = ",".join(query.get("port", [])).split(",")
    hosts = []
    for at, place in enumerate(places):
        found = _HOST_AND_PORT.fullmatch(place)
        host, port = found.groups() if found else (place, ports[min(at, len(ports) - 1)] or _PORT)
        hosts.append({"host": host.strip("[]"), "port": int(port)})
    return hosts


async def connect(address: str, settings: Mapping[str, str] = SERVING) -> Connection:
    """A connection to the primary; ``PATIENT`` for one without time limits.

    Each host of an address is asked in its turn, with a time of its own: one that keeps silent
    must not stand before the others. No error tells the address: a password may be part of it.
    """
    try:
        *others, last = _hosts(address)
        for host in others:
            with suppress(OSError, asyncpg.TargetServerAttributeNotMatched):
                return await _connect(address, settings, host)
        return await _connect(address, settings, last)
    except OSError:
        raise
    except ValueError:  # asyncpg's own are, too
        raise StoreError(
            "the address of the store cannot be read; it is like"
            " postgresql://user:password@host:5432/database, other characters percent-encoded"
        ) from None


async def _connect(
    address: str, settings: Mapping[str, str], host: Mapping[str, Any]
) -> Connection:
    return await asyncpg.connect(
        address,
        **host,
        timeout=CONNECT_SECONDS,
        command_timeout=COMMAND_SECONDS if settings is SERVING else None,
        server_settings={**_COMMON, **settings, "search_path": schema_of(address)},
        target_session_attrs=SessionAttribute.primary,
    )


async def repeated(work: Callable[[], Awaitable[T]]) -> T:
    """What ``work`` returns, tried again within a bound while it fails without having done."""
    until = time.monotonic() + AGAIN_SECONDS
    for pause in PAUSES:
        try:
            return await work()
        except ERRORS as error:
            if not passes(error) or time.monotonic() + pause > until:
                raise
        await asyncio.sleep(pause)
    return await work()


async def commit(connection: Connection) -> None:
    """Make a transaction durable, here and wherever the server is told to wait for."""
    told: list[str] = []

    def listen(_connection: object, message: asyncpg.PostgresLogMessage) -> None:
        told.append(message.message)

    connection.add_log_listener(listen)
    try:
        status = await connection.execute("COMMIT")
    except ERRORS as error:
        if isinstance(error, asyncpg.PostgresError) and error.sqlstate in _NOTHING_DONE:
            raise
        connection.terminate()
        raise StoreTimeout("the server was lost: it may have been written") from error
    finally:
        connection.remove_log_listener(listen)
    if status != "COMMIT":
        raise StoreUnavailable("the server undid the transaction")
    if told:
        # The wait for a standby was cut short: it is written here, and nowhere else perhaps.
        raise StoreTimeout("no standby has it yet: it may have been written")


async def send_many(connection: Connection, statement: str, values: Sequence[_Values]) -> None:
    """Run a statement for each of many values: in runs, each of which has the time of a command."""
    for at in range(0, len(values), _RUN):
        await connection.executemany(statement, values[at : at + _RUN])


async def ask_many(
    connection: Connection, statement: str, values: Sequence[_Values]
) -> list[asyncpg.Record]:
    """As ``send_many``, of a statement that answers; the rows of all."""
    rows = []
    for at in range(0, len(values), _RUN):
        rows += await connection.fetchmany(statement, values[at : at + _RUN])
    return rows


class Connections:
    """Up to ``most`` connections, made when they are needed, and kept."""

    def __init__(self, connector: Connector, most: int) -> None:
        self._connector = connector
        self._idle: list[Connection] = []
        self._places = asyncio.Semaphore(most)
        self._closed = False

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Connection]:
        """A connection, for as long as the block takes."""
        await self._place()
        try:
            connection = await self._taken()
            try:
                yield connection
            except BaseException as error:
                self._after(connection, error)
                raise
            self._back(connection)
        finally:
            self._places.release()

    async def close(self) -> None:
        """Close what is idle; what is in use closes when it comes back."""
        self._closed = True
        idle, self._idle = self._idle, []
        for connection in idle:
            with suppress(*ERRORS):
                await connection.close(timeout=CONNECT_SECONDS)

    async def _place(self) -> None:
        if not self._places.locked():
            await self._places.acquire()
            return
        try:
            async with asyncio.timeout(POOL_SECONDS):
                await self._places.acquire()
        except TimeoutError:
            raise StoreUnavailable("too many wait for the store") from None

    async def _taken(self) -> Connection:
        if self._closed:
            raise StoreUnavailable("the store is closed")
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return await self._connector()

    def _back(self, connection: Connection) -> None:
        if connection.is_closed():
            return
        if self._closed or connection.is_in_transaction():
            connection.terminate()
        else:
            self._idle.append(connection)

    def _after(self, connection: Connection, error: BaseException) -> None:
        """Keep the connection if it is sound; drop all after a sign that the server is another."""
        if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
            while self._idle:
                self._idle.pop().terminate()
            connection.terminate()
        elif isinstance(error, TimeoutError) or (
            isinstance(error, asyncpg.PostgresError) and error.severity_en == "FATAL"
        ):
            connection.terminate()
        elif isinstance(error, asyncpg.InternalClientError) or (
            isinstance(error, asyncpg.InterfaceError) and connection.is_closed()
        ):
            # What the driver makes of a connection that ended between two of its steps.
            connection.terminate()
            raise asyncpg.ConnectionDoesNotExistError("the connection was lost") from error
        else:
            self._back(connection)
