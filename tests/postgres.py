"""A real PostgreSQL for the tests, started at its first use and stopped after the run.

``GUANXI_TEST_POSTGRES`` names a server to use instead; its user must be able to create schemas.
Each store of a test has a schema of its own, so that a Citus coordinator can be that server.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any

import asyncpg
import pytest

from tools.postgres import Server, programs

_NAMED = os.environ.get("GUANXI_TEST_POSTGRES")
#: Only what the tests need differs from the defaults; commits are synced to disk.
_SETTINGS = {
    "max_connections": "300",
    "max_prepared_transactions": "20",
    "fsync": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
}

_numbers = count(1)
_started: list[Server] = []


@cache
def own_server() -> Server:
    """Return the running server of this run, which a test may stop and start.

    Skip the test if there are no programs, or another server is named.
    """
    server = new_server()
    server.make()
    server.start()
    return server


def new_server() -> Server:
    """Return a server without a data directory, which ``stop_all`` deletes; skip as above."""
    if _NAMED is not None:
        pytest.skip("GUANXI_TEST_POSTGRES names a server that the tests may not restart")
    server = Server(needed_programs(), _SETTINGS)
    _started.append(server)
    return server


def needed_programs() -> Path:
    """Return the folder of the server's programs; without them skip the test, or fail under CI."""
    found = programs()
    if found is None:
        missing = "no PostgreSQL: neither initdb on the path nor /usr/lib/postgresql/*/bin"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found


#: Empty schemas for the next test that needs one.
reusable_schemas: list[str] = []


def stop_all() -> None:
    """Drop the reusable schemas, then stop and delete the servers of this run."""
    _thread.submit(_close_kept).result()
    while reusable_schemas:
        drop(reusable_schemas.pop())
    while _started:
        _started.pop().delete()
    own_server.cache_clear()


def server_address() -> str:
    """Return the address of the server for the tests: the named one, or this run's."""
    return _NAMED or own_server().address


def sql(*statements: str, address: str | None = None) -> Any:
    """Run each statement in its own transaction; return the first value of the last one."""

    async def run() -> Any:
        connection = await asyncpg.connect(address or server_address(), timeout=30)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as thread:  # the caller may be on a loop
        return thread.submit(asyncio.run, run()).result()


_thread = ThreadPoolExecutor(1)
_kept: list[tuple[asyncio.Runner, Any]] = []


def kept_sql(*statements: str) -> Any:
    """Run statements as ``sql`` over one connection that is kept; return the last one's value.

    A new connection would read the catalog for each table again. Repeats them if the connection
    was closed, as after a restart of the server.
    """

    def run() -> Any:
        while True:
            is_new = not _kept
            if is_new:
                runner = asyncio.Runner()
                _kept.append((runner, runner.run(asyncpg.connect(server_address(), timeout=30))))
            runner, connection = _kept[0]
            try:
                for statement in statements[:-1]:
                    runner.run(connection.execute(statement))
                return runner.run(connection.fetchval(statements[-1]))
            except (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError):
                _close_kept()
                if is_new:
                    raise

    return _thread.submit(run).result()


def _close_kept() -> None:
    while _kept:
        runner, connection = _kept.pop()
        connection.terminate()
        runner.close()


@cache
def has_citus() -> bool:
    """Return whether the server can distribute tables."""
    return bool(sql("SELECT count(*) FROM pg_extension WHERE extname = 'citus'"))


def skip_on_citus(why: str) -> None:
    """Skip the test if the named server is a Citus coordinator; start no server to find out."""
    if _NAMED and has_citus():
        pytest.skip(why)


def new_schema() -> str:
    """Create an empty schema; return its address, for the store and for ``drop``."""
    name = f"test_{token_hex(4)}_{next(_numbers)}"
    sql(f"CREATE SCHEMA {name}")
    address = server_address()
    return f"{address}{'&' if '?' in address else '?'}search_path={name}"


def drop(address: str) -> None:
    """Drop a schema of ``new_schema`` with its tables."""
    name = address.rpartition("search_path=")[2]
    sql("SET client_min_messages = warning", f"DROP SCHEMA {name} CASCADE")


@contextmanager
def schema() -> Iterator[str]:
    """Provide the address of an empty schema while the block runs, then drop it."""
    address = new_schema()
    try:
        yield address
    finally:
        drop(address)
