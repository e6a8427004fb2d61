"""Tests of guanxi backup: the summary adds up, an interruption goes on, refusals are said."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from os import environ
from pathlib import Path

import pytest

from guanxi.service.exchange import ASGI
from guanxi.stores.port import EdgeRow
from guanxi.testing import RunningService, running
from tests.cli.runner import COMMAND, ENGLISH, error_of, guanxi, output_of


class Gate:
    """An application that refuses a path from its nth request on, or delays all requests."""

    def __init__(self) -> None:
        self.path, self.after, self.body = "", 0, b""
        self.seconds = 0.0

    def wrap(self, application: ASGI) -> ASGI:
        """Return the application behind this gate."""

        async def gated(scope, receive, send):  # type: ignore[no-untyped-def]
            if scope["type"] == "http" and self.seconds:
                import asyncio

                await asyncio.sleep(self.seconds)
            if scope["type"] == "http" and self.path and scope["path"] == self.path:
                self.after -= 1
                if self.after < 0:
                    headers = [(b"content-type", b"application/json")]
                    await send({"type": "http.response.start", "status": 200, "headers": headers})
                    await send({"type": "http.response.body", "body": self.body})
                    return
            await application(scope, receive, send)

        return gated


#: An address at which nothing listens: port 1 needs a privilege.
NO_SERVER = "http://127.0.0.1:1"


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def service(gate: Gate) -> Iterator[RunningService]:
    with running(limits={"followers": 100}, wrap=gate.wrap) as service:
        service.add_accounts(1, 2, *range(10, 14))
        service.import_edges(
            [
                *(EdgeRow(follower=1, followed=n, time=1_000 + n) for n in range(10, 180)),
                *(EdgeRow(follower=n, followed=1, time=1_000 + n) for n in range(10, 130)),
            ]
        )
        for mid in (11, 13):
            service.set_state(mid, "deregistered")
        yield service


def account(service: RunningService, tmp_path: Path, mid: int = 1) -> dict[str, str]:
    session = service.sign_in(mid)
    return {
        "GUANXI_BASE_URL": service.base_url,
        "GUANXI_SESSDATA": session.sessdata,
        "GUANXI_BILI_JCT": session.bili_jct,
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }


def test_the_summary_adds_up(service: RunningService, tmp_path: Path) -> None:
    """p11, p12: what is shown, deregistered and beyond the cap is the server's total."""
    me = account(service, tmp_path)
    result = guanxi("backup", **me)
    assert result.returncode == 0, result.stderr
    assert [line.split(maxsplit=5) for line in result.stdout.splitlines()[1:-1]] == [
        ["followings", "170", "170", "0", "2", "complete"],
        ["groups", "0", "0", "0", "0", "complete"],
        ["followers", "120", "100", "20", "0", "beyond what the server shows"],
        ["blocks", "0", "0", "0", "0", "complete"],
        ["whispers", "0", "0", "0", "0", "complete"],
    ]
    assert result.stdout.splitlines()[-1] == "snapshot 1: 13 calls"
    [path] = (tmp_path / "data" / "guanxi" / "archives").glob("*.db")
    assert str(path) in result.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    found = json.loads(output_of("backup", "--json", **me))
    assert found["schema_version"] == 1
    assert (found["snapshot"], found["calls"], found["archive"]) == (2, 13, str(path))
    followers = found["lists"]["followers"]
    assert followers["total"] == followers["shown"] + followers["not_shown"] == 120
    assert (followers["complete"], followers["reason"]) == (False, "cap")
    assert "快照 3：13 次请求" in output_of("backup", **me, GUANXI_LANG="zh")


def test_nobody_signed_in_and_a_foreign_archive(service: RunningService, tmp_path: Path) -> None:
    me = account(service, tmp_path)
    nobody = me | {"GUANXI_SESSDATA": "", "GUANXI_BILI_JCT": "", "GUANXI_BASE_URL": NO_SERVER}
    assert "not signed in: run guanxi login" in error_of("backup", **nobody), "and no request"
    ended = error_of("backup", **me | {"GUANXI_SESSDATA": "wrong"})
    assert "has ended or is not this server" in ended
    path = tmp_path / "own.db"
    output_of("backup", "--archive", path, **me)
    error = error_of("backup", "--archive", path, **account(service, tmp_path, 2))
    assert f"{path} belongs to u1 (1)" in error
    assert "--archive" in error


def test_a_refused_list_leaves_the_others(
    service: RunningService, gate: Gate, tmp_path: Path
) -> None:
    me = account(service, tmp_path)
    gate.path, gate.body = "/x/relation/blacks", b'{"code":-403000,"message":"no","ttl":1}'
    found = json.loads(output_of("backup", "--json", **me))["lists"]
    assert (found["blocks"]["complete"], found["blocks"]["reason"]) == (False, "refused")
    assert found["followings"]["complete"]
    gate.path, gate.body = "/x/relation/followers", b'{"code":22118,"message":"no","ttl":1}'
    assert "hidden" in output_of("backup", **me)


def test_risk_control_stops_and_the_same_command_goes_on(
    service: RunningService, gate: Gate, tmp_path: Path
) -> None:
    """p1: at the first sign of risk control it stops and says how to go on."""
    me = account(service, tmp_path)
    gate.path, gate.after = "/x/relation/followings", 2
    gate.body = b'{"code":-352,"message":"no","ttl":1}'
    result = guanxi("backup", **me)
    assert (result.returncode, result.stdout) == (3, "")
    assert "-352" in result.stderr
    assert "the same command goes on" in result.stderr
    gate.path = ""
    last = output_of("backup", **me).splitlines()[-1]
    assert last == "snapshot 1: 15 calls, 5 of them before an interruption"


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT")
def test_ctrl_c_keeps_what_was_read(service: RunningService, gate: Gate, tmp_path: Path) -> None:
    me = account(service, tmp_path)
    path = tmp_path / "archive.db"
    gate.seconds = 0.3
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "backup", "--archive", str(path)],
        env=environ | ENGLISH | me,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not _calls(path) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "the same command goes on" in errors
    assert "Traceback" not in errors
    gate.seconds = 0.0
    assert "before an interruption" in output_of("backup", "--archive", path, **me)


def _calls(path: Path) -> int:
    """Return how many calls an unfinished backup has made, as its archive says."""
    if not path.exists():
        return 0
    try:
        db = sqlite3.connect(path)
        [calls] = db.execute("SELECT calls FROM snapshot").fetchone() or [0]
    except sqlite3.Error:
        return 0
    db.close()
    return int(calls)
