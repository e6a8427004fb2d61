"""A real PostgreSQL for the tests, started at its first use and stopped after the run.

``GUANXI_TEST_POSTGRES`` names a server to use instead; its user must be able to create schemas.
Each store of a test has a schema of its own, so that a Citus coordinator can be that server.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import urlencode

import asyncpg
import pytest

_NAMED = os.environ.get("GUANXI_TEST_POSTGRES")
_USER, _DATABASE = "guanxi", "postgres"
_START_SECONDS = 60.0
#: Only what the tests need differs from the defaults; commits are synced to disk.
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "300",
    "max_prepared_transactions": "20",
    "fsync": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
}

_numbers = count(1)


class Server:
    """A PostgreSQL server started for this run, in a temporary folder, on a Unix socket."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="guanxi-postgres-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._as: dict[str, Any] = {"cwd": self.folder}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            user = _another_user()
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def make(self) -> None:
        """Create the data directory."""
        self._run("initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C")

    def make_standby_of(self, primary: Server) -> None:
        """Create the data directory as that of a standby of a running primary."""
        self._run("pg_basebackup", "--no-sync", "-R", "-c", "fast", "-h", primary.folder)

    def _run(self, program: str, *options: str | Path) -> None:
        result = subprocess.run(
            [self._programs / program, *options, "-U", _USER, "-D", self.folder / "data"],
            capture_output=True,
            check=False,
            **self._as,
        )
        assert result.returncode == 0, result.stderr.decode()

    @property
    def address(self) -> str:
        query = urlencode({"host": self.folder, "user": _USER})
        return f"postgresql:///{_DATABASE}?{query}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")

    def start(self, **settings: str) -> None:
        """Start the server and wait until it accepts connections.

        Raise AssertionError with its log if it stops, or after ``_START_SECONDS``.
        """
        settings = _SETTINGS | {"unix_socket_directories": str(self.folder)} | settings
        options = [part for pair in settings.items() for part in ("-c", "=".join(pair))]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.folder / "data", *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests only
                **self._as,
            )
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                sql("SELECT 1", address=self.address)
                return
            except (OSError, asyncpg.PostgresError):
                if time.monotonic() > until or self._process.poll() is not None:
                    raise AssertionError(f"PostgreSQL does not start: {self.log}") from None
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT is a fast shutdown, SIGQUIT an immediate one, like a crash."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(_START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def delete(self) -> None:
        """Stop the server and delete its folder."""
        try:
            self.stop(signal.SIGQUIT)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


def _another_user() -> pwd.struct_passwd:
    with suppress(KeyError):
        return pwd.getpwnam("postgres")
    return pwd.getpwnam("nobody")


def _programs() -> Path | None:
    """Return the folder of the server's programs, from the path or from Debian's folders."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    folders += sorted(versions, key=lambda folder: float(folder.parent.name), reverse=True)
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


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
    server = Server(_needed_programs())
    _started.append(server)
    return server


def _needed_programs() -> Path:
    programs = _programs()
    if programs is None:
        missing = "no PostgreSQL: neither initdb on the path nor /usr/lib/postgresql/*/bin"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return programs


#: Empty schemas for the next test that needs one.
reusable_schemas: list[str] = []


def stop_all() -> None:
    """Drop the reusable schemas, then stop and delete the servers of this run."""
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


@cache
def has_citus() -> bool:
    """Return whether the server can distribute tables."""
    return bool(sql("SELECT count(*) FROM pg_extension WHERE extname = 'citus'"))


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
