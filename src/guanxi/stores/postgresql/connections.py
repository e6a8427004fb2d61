"""Connections to the server: their settings, a bounded pool, and the translation of errors.

asyncpg's own pool resets a connection on each return, one more round trip per read; nothing here
leaves a state to reset.
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
from guanxi.stores.postgresql import addresses
from guanxi.text import Text

T = TypeVar("T")

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Connector: TypeAlias = Callable[[], Awaitable[Connection]]

#: The seconds that connecting and any one command may take before the server counts as lost.
CONNECT_SECONDS, COMMAND_SECONDS = 5.0, 15.0
#: The seconds that a read or write waits for a connection of the pool.
POOL_SECONDS = 5.0
#: The seconds that closing connections takes at most; then they are cut.
CLOSE_SECONDS = 0.5
#: A pool is stuck if all its connections are in use, and none was returned or given out for so many
#: seconds, as when another program has locked a table. Then at most so many wait for one.
STUCK_SECONDS, STUCK_WAITING = 3.0, 64
#: The pauses between retries while a server restarts or another takes over, and the seconds after
#: which there is no further retry.
PAUSES, AGAIN_SECONDS = (0.02, 0.1, 0.4, 1.0, 1.5, 2.0), 6.0

_COMMON = {
    "jit": "off",  # these statements are short: compiling one takes longer than it saves
    "synchronous_commit": "on",
    # asyncpg reads pg_class for the first array that a connection sends, and Citus would look up
    # each of its rows: 7.6 s, and 35 ms without. Any other server ignores this setting.
    "citus.override_table_visibility": "off",
}
#: Settings of connections that serve requests, as SQL has their values.
SERVING: Mapping[str, str] = {
    "statement_timeout": "'10s'",
    "lock_timeout": "'2s'",
    "idle_in_transaction_session_timeout": "'15s'",
}
#: Settings of connections that read or fill a whole store, without time limits.
PATIENT: Mapping[str, str] = {
    "statement_timeout": "0",
    "lock_timeout": "'30s'",
    "idle_in_transaction_session_timeout": "0",
}
_NOTHING_DONE = ("40001", "40P01")  # errors of COMMIT itself after which nothing was written
#: The number of values of a statement that are sent together.
_BATCH = 2_000
_Values: TypeAlias = tuple[object, ...]

# SQLSTATEs or their first two characters: errors after which nothing was done and a retry may
# succeed (lost connections, conflicts, a stopping or read-only server), and those of a busy server.
_RETRY = ("08", "40001", "40P01", "57P01", "57P02", "57P03", "25006", "25P03")
_BUSY = ("53", "55P03", "57014", "57P05")
_TEXTS = {
    "53": Text("服务器没有余量", "the server has no room"),
    "55P03": Text("所需的数据被另一事务占用", "another transaction holds what this needs"),
    "57014": Text("语句耗时过长", "the statement took too long"),
}
#: The attribute of an error of connecting that has its text for people.
_REFUSAL = "guanxi_refusal"
#: Errors of the driver itself, not of the server.
_DRIVER = (asyncpg.InterfaceError, asyncpg.InternalClientError)
ERRORS = (asyncpg.PostgresError, *_DRIVER, OSError)


def is_transient(error: BaseException) -> bool:
    """Return whether ``error`` means that nothing was written and a retry may succeed.

    True for a lost connection, a conflict, and a server that stops, starts or is read-only.
    ``error`` must not come from COMMIT.
    """
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_RETRY)
    # A read-only server is a standby: another is about to become the primary.
    return isinstance(error, OSError | asyncpg.TargetServerAttributeNotMatched) and not isinstance(
        error, TimeoutError
    )


def failure(error: BaseException) -> StoreError:
    """Return the port's error to raise for an error of the driver, the server or the network.

    ``StoreUnavailable`` if the server is busy or does not answer, or a retry may succeed; else
    ``StoreError``.
    """
    refused = getattr(error, _REFUSAL, None)
    if isinstance(refused, Text):
        lasting = isinstance(error, asyncpg.PostgresError) and not is_transient(error)
        return (StoreError if lasting else StoreUnavailable)(refused)
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        for known, text in _TEXTS.items():
            if state.startswith(known):
                return StoreUnavailable(text)
        if state.startswith(_BUSY):
            return StoreUnavailable(Text("服务器正忙", "the server is busy"))
        if not is_transient(error):
            return StoreError(
                Text(
                    f"库出错：{error.args[0]}（{state}）",
                    f"the store failed: {error.args[0]} ({state})",
                )
            )
    elif isinstance(error, _DRIVER) and not is_transient(error):
        return StoreError(Text(f"库出错：{error}", f"the store failed: {error}"))
    return StoreUnavailable(Text("服务器没有响应", "the server does not answer"))


@contextmanager
def failures() -> Iterator[None]:
    """Translate errors of the driver, the server and the network in the block by ``failure``.

    These are ``ERRORS``, with every ``OSError``; others pass unchanged.
    """
    try:
        yield
    except ERRORS as error:
        raise failure(error) from error


def schema_of(address: str) -> str:
    """Return the quoted name of the tables' schema: the address's ``search_path``, or guanxi.

    Raise ``ValueError`` for an invalid address or a repeated ``search_path``.
    """
    return addresses.read(address).quoted_schema


_HOST_AND_PORT = re.compile(r"([^:]+|\[.*\]):(\d+)")
_PORT = "5432"


def _hosts(address: str) -> list[dict[str, Any]]:
    """Return the host and port arguments of ``asyncpg.connect`` for each host of an address.

    The default port is 5432. An address with one host gives [{}]: asyncpg reads the host itself.
    Raise ``ValueError`` for an invalid address.
    """
    parts = urlsplit(address)
    query = parse_qs(parts.query)
    named = unquote(parts.netloc.rpartition("@")[2]) or ",".join(query.get("host", []))
    addresses = named.split(",")
    if len(addresses) < 2:
        return [{}]
    ports = ",".join(query.get("port", [])).split(",")
    hosts = []
    for at, one in enumerate(addresses):
        found = _HOST_AND_PORT.fullmatch(one)
        host, port = found.groups() if found else (one, ports[min(at, len(ports) - 1)] or _PORT)
        hosts.append({"host": host.strip("[]"), "port": int(port)})
    return hosts


async def connect(
    address: str,
    settings: Mapping[str, str] = SERVING,
    instead: Mapping[str, Any] | None = None,
) -> Connection:
    """Return a connection to the primary; with ``PATIENT`` settings, commands have no time limit.

    ``instead`` has the host and the port of another server, which replace those of the address.
    The hosts of an address are tried in turn, each with its own time-out. One that cannot be
    reached or is not the primary is skipped; any other error, and every error of the last host, is
    raised unchanged (``OSError`` or asyncpg's). Raise ``StoreError`` for an invalid address. No
    error contains the address, which may include a password.
    """
    try:
        target = addresses.read(address)
        *others, last = _hosts(target.address) if instead is None else [instead]
    except ValueError:
        raise _unreadable() from None
    try:
        for host in others:
            with suppress(OSError, asyncpg.TargetServerAttributeNotMatched):
                return await _connect(target, settings, host)
        return await _connect(target, settings, last)
    except (OSError, asyncpg.PostgresError, asyncpg.TargetServerAttributeNotMatched) as error:
        setattr(error, _REFUSAL, addresses.refusal(target, error))
        raise
    except ValueError as error:  # asyncpg's errors for an invalid address are ValueErrors too
        if "certificate" in str(error):
            raise StoreError(addresses.refusal(target, error)) from None
        raise _unreadable() from None


def _unreadable() -> StoreError:
    return StoreError(
        Text(
            "库的地址无法识别，应如 postgresql://user:password@host:5432/database，其他字符须作"
            "百分号编码（/ # @ % 为 %2F %23 %40 %25），密码也可用 PGPASSWORD",
            "the address of the store cannot be read; it is like"
            " postgresql://user:password@host:5432/database, other characters percent-encoded"
            " (/ # @ % as %2F %23 %40 %25); a password may be in PGPASSWORD instead",
        )
    )


async def _connect(
    target: addresses.Target, settings: Mapping[str, str], host: Mapping[str, Any]
) -> Connection:
    connection: Connection = await asyncpg.connect(
        target.address,
        **host,
        timeout=CONNECT_SECONDS,
        command_timeout=COMMAND_SECONDS if settings is SERVING else None,
        server_settings={"application_name": "guanxi"},
        target_session_attrs=SessionAttribute.primary,
    )
    # By a statement: a pooler refuses or ignores most settings that a connection begins with.
    changes = {**_COMMON, **settings, "search_path": target.quoted_schema}
    statements = [f"SET {name} TO {value}" for name, value in changes.items()]
    try:
        await connection.execute("; ".join(statements), timeout=CONNECT_SECONDS)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def retried(
    work: Callable[[], Awaitable[T]], after: Callable[[BaseException], Awaitable[None]]
) -> T:
    """Return the result of ``work``, which is retried for some seconds after transient errors.

    Raise the last error, or the first that is not transient, unchanged. ``after`` is called with
    each error but the last, and may raise another one instead.
    """
    until = time.monotonic() + AGAIN_SECONDS
    for pause in PAUSES:
        try:
            return await work()
        except ERRORS as error:
            await after(error)
            if not is_transient(error) or time.monotonic() + pause > until:
                raise
        await asyncio.sleep(pause)
    return await work()


async def commit(connection: Connection) -> None:
    """Commit the open transaction durably, also on the standbys that the server waits for.

    Raise ``StoreUnavailable`` if the server rolled it back, and asyncpg's error for a conflict
    (40001, 40P01): nothing was written. Raise ``StoreTimeout`` after any other error, which also
    closes the connection, and if the server sent a warning: it may have been written. Messages of
    other severities are ignored: a server set to log statements may send them to its clients.
    """
    warnings: list[asyncpg.PostgresLogMessage] = []

    def listen(_connection: object, message: asyncpg.PostgresLogMessage) -> None:
        if message.severity_en == "WARNING":
            warnings.append(message)

    connection.add_log_listener(listen)
    try:
        status = await connection.execute("COMMIT")
    except ERRORS as error:
        if isinstance(error, asyncpg.PostgresError) and error.sqlstate in _NOTHING_DONE:
            raise
        connection.terminate()
        raise StoreTimeout(
            Text(
                "与服务器的连接中断：可能已经写入", "the server was lost: it may have been written"
            )
        ) from error
    finally:
        connection.remove_log_listener(listen)
    if status != "COMMIT":
        raise StoreUnavailable(
            Text(
                "服务器回滚了事务，请稍后重试",
                "the server rolled the transaction back; retry later",
            )
        )
    if warnings:
        # The wait for a standby was cancelled: it is written here, but perhaps not there.
        raise StoreTimeout(
            Text("尚无备机收到：可能已经写入", "no standby has it yet: it may have been written")
        )


async def delete_rows(db: Connection, statement: str, *values: object) -> int:
    """Run the given DELETE and return the number of deleted rows."""
    return int((await db.execute(statement, *values)).removeprefix("DELETE "))


async def send_many(connection: Connection, statement: str, values: Sequence[_Values]) -> None:
    """Run ``statement`` for each tuple of arguments in ``values``, in the caller's transaction.

    They are sent in batches; the command time-out applies to each batch.
    """
    for at in range(0, len(values), _BATCH):
        await connection.executemany(statement, values[at : at + _BATCH])


async def fetch_many(
    connection: Connection, statement: str, values: Sequence[_Values]
) -> list[asyncpg.Record]:
    """Run ``statement`` for each tuple of arguments in ``values``, as ``send_many``.

    Return all rows, in the order of ``values``.
    """
    rows = []
    for at in range(0, len(values), _BATCH):
        rows += await connection.fetchmany(statement, values[at : at + _BATCH])
    return rows


_ALL_IN_USE = Text(
    "等待连接的请求过多，请稍后重试", "too many requests wait for a connection; retry later"
)


class Connections:
    """A pool of up to ``limit`` connections, opened when needed or by ``fill``, and kept open."""

    def __init__(self, connector: Connector, limit: int) -> None:
        self._connector, self.limit = connector, limit
        self._idle: list[Connection] = []
        self._in_use: set[Connection] = set()
        self._slots = asyncio.Semaphore(limit)
        #: How many slots are held, and how many calls wait for one; when one was last returned.
        self._held, self._waiting, self._moved = 0, 0, 0.0
        self._closed = False

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """Provide a connection of this pool within the block; open one if none is idle.

        Raise ``StoreUnavailable`` if none is free within ``POOL_SECONDS``, the pool is stuck or
        closed, or the server refuses a new connection. Transient errors of opening one pass
        unchanged.
        """
        async with self._slot():
            connection = await self._idle_or_new()
            self._in_use.add(connection)
            try:
                yield connection
            except BaseException as error:
                self._after_error(connection, error)
                raise
            finally:
                self._in_use.discard(connection)
            self._release(connection)

    async def fill(self, warm: Callable[[Connection], Awaitable[object]]) -> None:
        """Open the connections up to the limit that are missing, and call ``warm`` on each.

        Raise as ``acquire``, and what ``warm`` raises; those that were opened before stay, and no
        other is opened later.
        """
        for connection in [*self._idle]:
            if connection.is_closed():
                self._idle.remove(connection)
        missing = self.limit - len(self._idle) - self._held
        opening = [asyncio.create_task(self._open(warm)) for _ in range(missing)]
        try:
            await asyncio.gather(*opening)
        except BaseException:
            for task in opening:
                task.cancel()
            await asyncio.gather(*opening, return_exceptions=True)
            raise

    async def _open(self, warm: Callable[[Connection], Awaitable[object]]) -> None:
        async with self._slot():
            connection = await self._new()
            self._in_use.add(connection)
            try:
                await warm(connection)
            except BaseException as error:
                self._after_error(connection, error)
                raise
            finally:
                self._in_use.discard(connection)
            self._release(connection)

    async def close(self) -> None:
        """Close this pool: the idle connections now and together, others when they are released.

        Those that do not close within ``CLOSE_SECONDS`` are cut. Errors of closing are ignored.
        """
        self._closed = True
        idle, self._idle = self._idle, []
        await asyncio.gather(*map(close, idle))

    def cut(self) -> None:
        """Close the connections in use without waiting for the server; their users get an error."""
        self._closed = True
        for connection in self._in_use:
            connection.terminate()

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        await self._acquire_slot()
        self._held += 1
        self._moved = time.monotonic()
        try:
            yield
        finally:
            self._held -= 1
            self._moved = time.monotonic()
            self._slots.release()

    async def _acquire_slot(self) -> None:
        if not self._slots.locked():
            await self._slots.acquire()
            return
        is_stuck = time.monotonic() - self._moved > STUCK_SECONDS
        if is_stuck and self._waiting >= STUCK_WAITING:
            raise StoreUnavailable(_ALL_IN_USE)
        self._waiting += 1
        try:
            async with asyncio.timeout(POOL_SECONDS):
                await self._slots.acquire()
        except TimeoutError:
            raise StoreUnavailable(_ALL_IN_USE) from None
        finally:
            self._waiting -= 1

    async def _idle_or_new(self) -> Connection:
        self._check_open()
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return await self._new()

    async def _new(self) -> Connection:
        self._check_open()
        try:
            connection = await self._connector()
        except ERRORS as error:
            if is_transient(error):
                raise
            raise _refused(error) from error  # nothing was done
        try:
            self._check_open()  # it may have been closed meanwhile
        except StoreUnavailable:
            connection.terminate()
            raise
        return connection

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable(Text("库已关闭", "the store is closed"))

    def _release(self, connection: Connection) -> None:
        if connection.is_closed():
            return
        if self._closed or connection.is_in_transaction():
            connection.terminate()
        else:
            self._idle.append(connection)

    def _after_error(self, connection: Connection, error: BaseException) -> None:
        """Return a connection to the pool after the block's ``error``, or close it if it is broken.

        A read-only server is no longer the primary: also close all idle connections. Raise
        ``ConnectionDoesNotExistError`` for an error of the driver that means a lost connection.
        """
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
            # The driver's errors for a connection that was lost between two of its steps.
            connection.terminate()
            raise asyncpg.ConnectionDoesNotExistError("the connection was lost") from error
        else:
            self._release(connection)


async def close(connection: Connection) -> None:
    """Close a connection, and cut it after ``CLOSE_SECONDS``; ignore errors.

    A command that was cancelled is first cancelled on the server, within the same time.
    """
    # The driver's own time-out does not contain that.
    with suppress(*ERRORS):
        async with asyncio.timeout(CLOSE_SECONDS):
            await connection.close()


def _refused(error: BaseException) -> StoreUnavailable:
    """Return the error to raise if a server refuses a connection, as for an unknown role."""
    why = failure(error)
    return why if isinstance(why, StoreUnavailable) else StoreUnavailable(why.args[0])
