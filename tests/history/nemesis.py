"""The services whose histories are recorded, and what fails meanwhile."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

from tests import postgres
from tests.cli.runner import COMMAND, ENGLISH
from tests.service.test_restarts import Service
from tests.service.test_workers import until, workers_of
from tools.postgres import Server

Fault = Callable[[], None]


@contextmanager
def served(store: str, token: str) -> Iterator[Service]:
    """Run ``guanxi serve`` with two workers and the administration; yield it once it is ready."""
    argv = ["serve", "--store", store, "--port", "0", "--workers", "2", "--admin", "127.0.0.1:0"]
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, *argv],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | ENGLISH | {"GUANXI_ADMIN_TOKEN": token},
        text=True,
    ) as process:
        try:
            service = Service(process)
            until(lambda: any(line.startswith("administration: ") for line in service.lines))
            yield service
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


class Workers:
    """The workers of a service as things that fail."""

    def __init__(self, service: Service, draw: Random) -> None:
        self._pid, self._draw = service.process.pid, draw

    def kill(self) -> None:
        """Kill one, and wait until another one has replaced it."""
        killed = self._draw.choice(sorted(workers_of(self._pid)))
        os.kill(killed, signal.SIGKILL)
        until(lambda: killed not in (now := workers_of(self._pid)) and len(now) == 2)

    def pause(self) -> None:
        """Stop one for a while, which may hold the write lock, and let it continue."""
        stopped = self._draw.choice(sorted(workers_of(self._pid)))
        with suppress(ProcessLookupError):
            os.kill(stopped, signal.SIGSTOP)
            time.sleep(self._draw.uniform(0.1, 0.6))
            os.kill(stopped, signal.SIGCONT)


class Primary:
    """Two PostgreSQL servers: a primary, and a standby that has each write before its response."""

    def __init__(self, *, synchronous: bool = True) -> None:
        """With ``synchronous`` false, the primary does not wait for the standby."""
        self._synchronous = synchronous
        self._primary, self._standby = postgres.new_server(), postgres.new_server()
        self.failovers = 0
        self._primary.make()
        self._primary.start()
        #: The address of both, for the service.
        hosts = f"host={self._primary.folder},{self._standby.folder}"
        self.address = f"{self._primary.address.partition('?')[0]}?user=guanxi&{hosts}"
        self._add_standby()

    def _add_standby(self) -> None:
        standby = self._standby
        shutil.rmtree(standby.data, ignore_errors=True)
        standby.make_standby_of(self._primary)
        # Until the next standby is there, a promoted one must not wait for it.
        with (standby.data / "postgresql.auto.conf").open("a") as settings:
            settings.write("synchronous_standby_names = ''\n")
        standby.start()
        names = "*" if self._synchronous else ""
        postgres.sql(
            f"ALTER SYSTEM SET synchronous_standby_names = '{names}'",
            "SELECT pg_reload_conf()",
            address=self._primary.address,
        )
        state = "sync" if self._synchronous else "async"
        attached = f"SELECT count(*) FROM pg_stat_replication WHERE sync_state = '{state}'"
        until(lambda: postgres.sql(attached, address=self._primary.address) == 1)

    def fail_over(self) -> None:
        """Let the primary crash, promote the standby, and start a new standby of it.

        Each other time the standby is behind.
        """
        self.promote(0.3 * (self.failovers % 2))
        self._add_standby()

    def promote(self, behind: float) -> None:
        """Let the primary crash, and promote the standby, which got nothing for ``behind`` seconds.

        What the primary answers meanwhile is lost: it must wait for the standby.
        """
        if behind:
            self._detach()
            time.sleep(behind)
        self._primary.stop(signal.SIGQUIT)
        self._primary, self._standby = self._standby, self._primary
        assert postgres.sql("SELECT pg_promote()", address=self._primary.address)
        self.failovers += 1

    def _detach(self) -> None:
        """Let the standby get nothing more."""
        postgres.sql(
            "ALTER SYSTEM SET primary_conninfo = ''",
            "SELECT pg_reload_conf()",
            address=self._standby.address,
        )
        attached = "SELECT count(*) FROM pg_stat_replication"
        until(lambda: postgres.sql(attached, address=self._primary.address) == 0)

    def terminate(self) -> None:
        """End each connection of the service."""
        postgres.sql(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name = 'guanxi' AND pid <> pg_backend_pid()",
            address=self._primary.address,
        )

    def pause(self) -> None:
        """Stop the standby for a while: writes wait for it."""
        processes = _with_children(self._standby)
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(0.5)
        for pid in processes:
            os.kill(pid, signal.SIGCONT)

    def delete(self) -> None:
        self._primary.delete()
        self._standby.delete()


def _with_children(server: Server) -> list[int]:
    """Return the pids of a server's processes."""
    pid = int((server.data / "postmaster.pid").read_text().split()[0])
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def new_token() -> str:
    return secrets.token_hex(16)
