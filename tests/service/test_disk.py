"""The service on a disk that fails: what it answers and logs, and that it goes on."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import apsw
import pytest

from guanxi.contract import endpoints as e
from guanxi.stores.port import Store
from guanxi.testing import RunningService, SignedIn, running
from tests.cli.runner import ENGLISH
from tests.service.client import call, fresh, modify, send
from tests.service.logged import lines_of, logged
from tests.stores.disk import recorded
from tests.stores.test_sqlite_disk import memory
from tests.stores.world import faults

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Fault(NamedTuple):
    """What fails, of which file, with SQLite's code; the code of the response, and the log line."""

    operation: str
    end: str
    error: int
    code: int
    kind: str
    why: str


_IO = "the disk reported an I/O error"
#: Faults of writes, and of reads.
WRITES = {
    "the disk is full": Fault(
        *("write", "-wal", apsw.SQLITE_FULL),
        *(-503, "StoreUnavailable", "the disk or the store is full"),
    ),
    "an I/O error of a write": Fault(
        *("write", "-wal", apsw.SQLITE_IOERR_WRITE),
        *(-504, "StoreTimeout", f"{_IO}: the write may or may not have succeeded"),
    ),
    "an I/O error of a sync": Fault(
        *("sync", "-wal", apsw.SQLITE_IOERR_FSYNC),
        *(-504, "StoreTimeout", f"{_IO}: the write may or may not have succeeded"),
    ),
}
READS = {
    "an I/O error of a read": Fault(
        "read", "", apsw.SQLITE_IOERR_READ, -503, "StoreUnavailable", _IO
    ),
    "a damaged page": Fault(
        *("read", "", apsw.SQLITE_CORRUPT),
        *(-503, "StoreDamaged", "the store's file is damaged: restore it from a backup"),
    ),
}


def followings(service: RunningService, caller: SignedIn) -> list[int]:
    response = call(service, e.FOLLOWINGS, caller, {"vmid": caller.mid})
    assert response.code == 0, response.raw
    return [item["mid"] for item in response.data["list"]]


async def _faults(store: Store) -> list[str]:
    return await faults(store)


@pytest.mark.parametrize("name", WRITES | READS)
def test_a_fault_is_answered_and_logged_and_the_service_goes_on(tmp_path: Path, name: str) -> None:
    fault = (WRITES | READS)[name]
    (folder := tmp_path / "disk").mkdir()
    with (
        recorded(folder) as disk,
        running(store=folder / "s.db") as service,
        logged() as lines,
    ):
        caller, first, second, third = fresh(service, 4)
        assert modify(service, caller, first.mid, 1).code == 0
        disk.failing = {(fault.operation, fault.end): fault.error}
        if name in WRITES:
            failed = modify(service, caller, second.mid, 1)
            assert followings(service, caller) == [first.mid], "reads go on"
        else:
            failed = call(service, e.FOLLOWINGS, caller, {"vmid": caller.mid})
        assert (failed.code, failed.status) == (fault.code, -fault.code)
        assert send(service.base_url, "GET", "/readyz").status == 503
        disk.failing = {}
        assert send(service.base_url, "GET", "/readyz").status == 200
        assert modify(service, caller, third.mid, 1).code == 0
        assert followings(service, caller) == [third.mid, first.mid]
        assert service.do(_faults) == []
        logged_errors = {
            line["event"]: line["error"] for line in lines_of(lines) if "error" in line
        }
    assert set(logged_errors) == {"failed", "not ready"}
    assert failed.headers["x-request-id"] in lines.getvalue()
    for error in logged_errors.values():
        assert (error["type"], error["why"]) == (fault.kind, fault.why)


def test_a_service_without_memory(tmp_path: Path) -> None:
    with running(store=tmp_path / "s.db") as service, logged() as lines:
        caller, first, second = fresh(service, 3)
        with memory(0):
            refused = modify(service, caller, first.mid, 1)
        assert refused.code == -503
        assert modify(service, caller, second.mid, 1).code == 0
        assert followings(service, caller) == [second.mid]
        assert service.do(_faults) == []
    assert '"why":"memory ran out"' in lines.getvalue()


def test_a_service_without_file_handles(tmp_path: Path) -> None:
    """Those who are connected are answered; the others wait, and are answered after it."""
    with running(store=tmp_path / "s.db") as service:
        caller, first, second = fresh(service, 3)
        where = urlsplit(service.base_url)
        kept = HTTPConnection(str(where.hostname), where.port, timeout=30)
        late = HTTPConnection(str(where.hostname), where.port, timeout=30)
        kept.request("GET", "/healthz")
        assert kept.getresponse().read()
        body = f"fid={first.mid}&act=1&re_src=11&csrf={caller.bili_jct}"
        headers = {"Cookie": caller.cookie, **_FORM}
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        late.connect()  # by the system: the service has yet to accept it
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        try:
            kept.request("POST", e.MODIFY.path, body, headers)
            assert b'"code":0,' in kept.getresponse().read()
            assert kept.sock is not None
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        late.request("GET", "/healthz")
        assert late.getresponse().status == 200
        assert modify(service, caller, second.mid, 1).code == 0
        assert followings(service, caller) == [second.mid, first.mid]
        kept.close()
        late.close()


#: Runs the lines of standard input with a small file system of their own at $1.
_SMALL = """
mount -t tmpfs -o size=3m tmpfs "$1" || exit 99
cd "$1"
while read -r line; do eval "$line"; echo "done $?"; done
"""


class Small:
    """A shell in a folder on a file system of three MB, in a name space of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, command: str) -> tuple[int, str]:
        """Run a command; return its status and what it printed, both streams."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(command, file=self._process.stdin, flush=True)
        printed = ""
        for line in self._process.stdout:
            if line.startswith("done "):
                return int(line.split()[1]), printed
            printed += line
        if self._process.wait(30) == 99:
            pytest.skip("this user may not mount a file system of its own")
        raise AssertionError(printed)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Small]:
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    (folder := tmp_path / "small").mkdir()
    (tmp_path / "guanxi").write_text(f'#!/bin/sh\nexec {sys.executable} -m guanxi "$@"\n')
    (tmp_path / "guanxi").chmod(0o700)
    with subprocess.Popen(
        ["unshare", "-Urm", "sh", "-c", _SMALL, "sh", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | ENGLISH | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        start_new_session=True,
        text=True,
    ) as process:
        try:
            yield Small(process)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


#: Starts the service, and waits until it answers.
SERVE = (
    "guanxi serve --store mine.db --port 0 --workers 2 > ../guanxi.log 2>&1 &"
    " until grep -q /docs ../guanxi.log; do sleep 0.05; done"
)


class Served:
    """``guanxi serve`` in that folder, and an account that uses it."""

    def __init__(self, small: Small, folder: Path) -> None:
        with running(store=folder / "first.db") as first:
            self.caller, *others = fresh(first, 4)
        self.others = [other.mid for other in others]
        small("cp ../first.db mine.db")
        self._log = folder / "guanxi.log"
        assert small(SERVE)[0] == 0
        self._url = re.findall(r"(http://[\d.:]+)/docs", self._log.read_text())[0]

    def write(self, mid: int) -> int:
        body = f"fid={mid}&act=1&re_src=11&csrf={self.caller.bili_jct}".encode()
        headers = {"Cookie": self.caller.cookie, **_FORM}
        return send(self._url, "POST", e.MODIFY.path, body=body, headers=headers).code

    def followings(self) -> list[int]:
        headers, query = {"Cookie": self.caller.cookie}, {"vmid": self.caller.mid}
        response = send(self._url, "GET", e.FOLLOWINGS.path, query=query, headers=headers)
        return [item["mid"] for item in response.data["list"]]

    def ready(self) -> int:
        return send(self._url, "GET", "/readyz").status

    def logged(self) -> list[dict[str, Any]]:
        lines = self._log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


def test_a_full_file_system(small: Small, tmp_path: Path) -> None:
    """A real one: writes are refused, reads go on, and all works again when there is space."""
    served = Served(small, tmp_path)
    first, second, third = served.others
    assert served.write(first) == 0
    assert small("head -c 10000000 /dev/zero > full")[0]
    assert served.write(second) == -503
    assert served.followings() == [first]
    assert served.ready() == 503
    assert {line["error"]["why"] for line in served.logged()} == {"the disk or the store is full"}
    small("rm full")
    assert served.ready() == 200
    assert served.write(third) == 0
    assert served.followings() == [third, first]
    assert small("guanxi check --store mine.db") == (0, "no faults\n")


@pytest.mark.long
def test_a_read_only_file_system(small: Small) -> None:
    small("guanxi account add 1 --name a --store mine.db")
    small("mount -o remount,ro .")
    for command in ("serve --port 0", "check", "account show 1", "store info"):
        status, printed = small(f"guanxi {command} --store mine.db")
        assert status == (3 if command == "check" else 1)
        assert "the folder has to be writable" in printed
    small("mount -o remount,rw .")
    assert small("guanxi check --store mine.db") == (0, "no faults\n")


def test_a_clock_that_jumps() -> None:
    """A day ahead, then two days back: later acts sort before, and sessions hold."""
    now = int(time.time())
    with running() as service:
        caller, *others = fresh(service, 4)
        first, second, third = (other.mid for other in others)
        for moment, mid in ((now, first), (now + 86_400, second), (now - 86_400, third)):
            service.at(moment)
            assert modify(service, caller, mid, 1).code == 0
        assert followings(service, caller) == [third, second, first]
        assert service.do(_faults) == []
