"""PostgreSQL servers of our own, for the tests and the benchmark, on Unix sockets.

A server does not outlive the process that started it, even if that is killed: see ``watch``.
"""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import asyncpg

_USER, _DATABASE = "guanxi", "postgres"
_START_SECONDS = 60.0
_WATCH = Path(__file__).with_name("watch.py")


class Server:
    """A PostgreSQL server with its socket and its log in a temporary folder."""

    def __init__(
        self, programs: Path, settings: Mapping[str, str], data: Path | None = None
    ) -> None:
        """``programs`` is the folder of initdb and postgres, ``settings`` are the server's.

        ``data`` is the data directory; None means one in the temporary folder.
        """
        self._programs, self._settings = programs, settings
        self.folder = Path(tempfile.mkdtemp(prefix="guanxi-postgres-"))
        self.data = data or self.folder / "data"
        self._watcher: subprocess.Popen[bytes] | None = None
        self._as: dict[str, Any] = {"cwd": str(self.folder)}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            user = _another_user()
            self._as |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self.folder, user.pw_uid, user.pw_gid)

    def make(self) -> None:
        """Create the data directory."""
        self._run("initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C")

    def make_standby_of(self, primary: Server) -> None:
        """Create the data directory as that of a standby of a running primary."""
        self._run("pg_basebackup", "--no-sync", "-R", "-c", "fast", "-h", primary.folder)

    def _run(self, program: str, *options: str | Path) -> None:
        self.data.mkdir(mode=0o700)
        if "user" in self._as:
            os.chown(self.data, self._as["user"], self._as["group"])
        result = subprocess.run(
            [self._programs / program, *options, "-U", _USER, "-D", self.data],
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
        """Start the server, with more ``settings``, and wait until it accepts connections.

        Raise AssertionError with its log if it stops, or after ``_START_SECONDS``.
        """
        own = {"listen_addresses": "", "unix_socket_directories": str(self.folder)}
        pairs = (own | dict(self._settings) | settings).items()
        options = [part for pair in pairs for part in ("-c", "=".join(pair))]
        plan = {
            "command": [str(self._programs / "postgres"), "-D", str(self.data), *options],
            "process": self._as,
            "folder": str(self.folder),
        }
        with (self.folder / "log").open("ab") as log:
            self._watcher = subprocess.Popen(
                [sys.executable, "-IS", _WATCH, json.dumps(plan)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the parent only
            )
        until = time.monotonic() + _START_SECONDS
        while not _accepts(self.address):
            if time.monotonic() > until or self._watcher.poll() is not None:
                raise AssertionError(f"PostgreSQL does not start: {self.log}")
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT is a fast shutdown, SIGQUIT an immediate one, like a crash."""
        watcher, self._watcher = self._watcher, None
        if watcher is None:
            return
        assert watcher.stdin is not None
        with suppress(BrokenPipeError):  # it has ended
            watcher.stdin.write(b"%d\n" % how)
            watcher.stdin.flush()
        try:
            watcher.wait(_START_SECONDS)
        finally:  # at the end of its input it kills the server
            with suppress(BrokenPipeError):
                watcher.stdin.close()

    def delete(self) -> None:
        """Stop the server and delete its temporary folder."""
        try:
            self.stop(signal.SIGQUIT)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


def _accepts(address: str) -> bool:
    """Return whether a server accepts connections."""

    async def connect() -> None:
        await (await asyncpg.connect(address, timeout=_START_SECONDS)).close()

    try:
        with ThreadPoolExecutor(1) as thread:  # the caller may be on a loop
            thread.submit(asyncio.run, connect()).result()
    except (OSError, asyncpg.PostgresError):
        return False
    return True


def _another_user() -> pwd.struct_passwd:
    with suppress(KeyError):
        return pwd.getpwnam("postgres")
    return pwd.getpwnam("nobody")


def programs() -> Path | None:
    """Return the folder of the server's programs, from the path or from Debian's folders."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    folders += sorted(versions, key=lambda folder: float(folder.parent.name), reverse=True)
    return next((folder for folder in folders if (folder / "postgres").exists()), None)
