"""A real PostgreSQL for the tests, started at its first use and stopped after the run.

``GUANXI_TEST_POSTGRES`` names a server to use instead; its user must be able to make schemas. Each
store of a test has a schema of its own, so that a Citus coordinator can be that server.
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
#: As little as the tests need differs from the defaults; what is committed is synced to disk.
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
    """A server of this run's own, in a folder that goes with it, on a Unix socket there."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="guanxi-postgres-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._as: dict[str, Any] = {"cwd": self.folder}
        if os.geteuid() == 0:  # as root it refuses to run
            user = _another_user()
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def make(self) -> None:
        """Make its files."""
        self._run("initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C")

    def make_standby_of(self, primary: Server) -> None:
        """Make its files those of a standby, which follows a primary that runs."""
        self._run("pg_basebackup", "--no-sync", "-R", "-c", "fast", "-h", primary.folder)

    def _run(self, program: str, *options: str | Path) -> None:
        made = subprocess.run(
            [self._programs / program, *options, "-U", _USER, "-D", self.folder / "data"],
            capture_output=True,
            check=False,
            **self._as,
        )
        assert made.returncode == 0, made.stderr.decode()

    @property
    def address(self) -> str:
        query = urlencode({"host": self.folder, "user": _USER})
        return f"postgresql:///{_DATABASE}?{query}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")

    def start(self, **settings: str) -> None:
        """Start it, and return when it answers."""
        settings = _SETTINGS | {"unix_socket_directories": str(self.folder)} | settings
        options = [part for pair in settings.items() for part in ("-c", "=".join(pair))]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.folder / "data", *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is the tests' alone
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
        """Stop it: SIGINT fast, SIGQUIT at once, as if it had crashed."""
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

    def end(self) -> None:
        try:
            self.stop(signal.SIGQUIT)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


def _another_user() -> pwd.struct_passwd:
    with suppress(KeyError):
        return pwd.getpwnam("postgres")
    return pwd.getpwnam("nobody")


def _programs() -> Path | None:
    """The folder of the server's programs, on the path or where Debian puts them."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    folders += sorted(versions, key=lambda folder: float(folder.parent.name), reverse=True)
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


_started: list[Server] = []


@cache
def own_server() -> Server:
    """The server of this run, which may be stopped and started. The test is skipped without one."""
    server = new_server()
    server.make()
    server.start()
    return server


def new_server() -> Server:
    """A server without files, which is ended with the run if not before."""
    if _NAMED is not None:
        pytest.skip("GUANXI_TEST_POSTGRES names a server that is not this run's to restart")
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


#: Schemas that are kept for the next who needs one.
kept: list[str] = []


def end() -> None:
    """End the server of this run, if there is one, and take away what was kept."""
    while kept:
        drop(kept.pop())
    while _started:
        _started.pop().end()
    own_server.cache_clear()


def server_address() -> str:
    """The address of the server that tests use: the one that is named, or this run's own."""
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
    """Whether tables can be distributed."""
    return bool(sql("SELECT count(*) FROM pg_extension WHERE extname = 'citus'"))


def new_schema() -> str:
    """The address of a new, empty schema, which ``drop`` ends."""
    name = f"test_{token_hex(4)}_{next(_numbers)}"
    sql(f"CREATE SCHEMA {name}")
    address = server_address()
    return f"{address}{'&' if '?' in address else '?'}search_path={name}"


def drop(address: str) -> None:
    """Drop a schema of ``new_schema`` with all that is in it."""
    name = address.rpartition("search_path=")[2]
    sql("SET client_min_messages = warning", f"DROP SCHEMA {name} CASCADE")


@contextmanager
def schema() -> Iterator[str]:
    """The address of an empty schema while the block runs."""
    address = new_schema()
    try:
        yield address
    finally:
        drop(address)
