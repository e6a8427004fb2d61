"""Backups of a running service: whole, refused, interrupted, killed, on a full disk, very long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from guanxi import Credential
from guanxi.exceptions import NetworkException, NotSignedIn
from guanxi.sdk.sync import SyncClient
from guanxi.stores.port import EdgeRow
from guanxi.testing import RunningService, running
from guanxi.toolbox import snapshots
from guanxi.toolbox.archive import Archive, Identity
from guanxi.toolbox.backup import STALE, backup
from guanxi.toolbox.errors import ArchiveBusy, ArchiveMismatch
from guanxi.toolbox.progress import Progress
from guanxi.toolbox.snapshots import Reading
from tests.counts import count
from tests.toolbox.moving import Between, credential_of

NOW = 1_700_000_000
FOLLOWINGS = 230
#: Requests of a backup of ``service``: nav, stat, groups; 5 + 1 pages, 20 + 1, 1 and 1.
CALLS = 3 + 6 + 21 + 1 + 1


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    """A service whose account 1 has 230 followings in groups, 1,100 followers and 20 blocks."""
    with running() as service:
        service.add_accounts(1, 2)
        service.import_edges(edges(FOLLOWINGS, followers=1_100))
        yield service


def edges(followings: int, followers: int = 0) -> Iterator[EdgeRow]:
    for other in range(10, 10 + followings):
        groups = (f"group {other % 7}",) if other % 3 else ()
        yield EdgeRow(
            follower=1, followed=other, time=1_000 + other, groups=groups, special=other % 50 == 0
        )
    for other in range(10, 10 + followers):
        yield EdgeRow(follower=other, followed=1, time=1_000 + other)
    for other in range(900_000, 900_020):
        yield EdgeRow(follower=1, followed=other, time=1_000, finer=other - 900_000, kind="block")
    yield EdgeRow(follower=1, followed=900_100, time=1_000, kind="whisper")


def client_of(service: RunningService, mid: int = 1, between: Between | None = None) -> SyncClient:
    return SyncClient(
        credential=credential_of(service, mid), base_url=service.base_url, transport=between
    )


def archive_of(service: RunningService, path: Path) -> Archive:
    return Archive.create(path / "archive.db", Identity(service.base_url, 1))


def check(archive: Archive) -> None:
    """Check that the newest snapshot has all of ``service``."""
    newest = archive.newest()
    assert newest is not None
    assert snapshots.readings(archive, newest) == {
        "followings": Reading(FOLLOWINGS, FOLLOWINGS, complete=True),
        "groups": Reading(7, 7, complete=True),
        "followers": Reading(1_100, 1_000, complete=False, reason="cap"),
        "blocks": Reading(20, 20, complete=True),
        "whispers": Reading(1, 1, complete=True),
    }
    rows = archive.rows("SELECT mid, name, groups, special, mutual FROM followings ORDER BY mid")
    assert [tuple(row) for row in rows] == [
        (other, f"用户{other}", f"group {other % 7}" if other % 3 else None, other % 50 == 0, 1)
        for other in range(10, 10 + FOLLOWINGS)
    ]
    assert [row["mid"] for row in archive.rows("SELECT mid FROM blocks ORDER BY tie")] == [
        *range(900_000, 900_020)
    ]


def test_all_lists_are_read_with_no_more_calls_than_needed(
    service: RunningService, tmp_path: Path
) -> None:
    """p11, p12: every list is walked to its end, or says how far and why."""
    seen: list[Progress] = []
    between = Between(lambda: None)
    with archive_of(service, tmp_path) as archive, client_of(service, 1, between) as client:
        outcome = backup(client, archive, NOW, on_progress=seen.append)
        check(archive)
        assert not archive.rows("SELECT * FROM staged")
        assert between.sent == outcome.calls == outcome.calls_now == CALLS
        followings = [one for one in seen if one.part == "followings"]
        assert [one.done for one in followings] == [50, 100, 150, 200, 230]
        assert {one.total for one in followings} == {230}
        assert all((one.seconds_left or 0) > 0 for one in followings)
        again = backup(client, archive, NOW + 60)
        assert (again.snapshot, again.calls) == (2, CALLS)
        assert not archive.rows("SELECT * FROM changes")


def test_an_interrupted_backup_goes_on(service: RunningService, tmp_path: Path) -> None:
    """After each page an exception: no page is requested twice."""
    sent = [0]

    def interrupt() -> None:
        sent[0] += 1
        if sent[0] % 4 == 0:
            raise KeyboardInterrupt

    runs = 0
    with archive_of(service, tmp_path) as archive:
        while archive.newest() is None:
            runs += 1
            with (
                client_of(service, 1, Between(interrupt)) as client,
                suppress(KeyboardInterrupt),
            ):
                backup(client, archive, NOW + runs)
        check(archive)
        [row] = archive.rows("SELECT calls FROM snapshots")
    assert runs > 5
    # Of each run: the request for nav, and the one that was interrupted.
    assert row["calls"] <= CALLS + 2 * (runs - 1) + 2


def test_a_lost_server_and_a_lost_session_keep_what_was_read(
    service: RunningService, tmp_path: Path
) -> None:
    def lose() -> None:
        if between.sent == 7:
            raise NetworkException(500, "lost")

    between = Between(lose)
    with archive_of(service, tmp_path) as archive:
        with client_of(service, 1, between) as client, pytest.raises(NetworkException):
            backup(client, archive, NOW)
        signed_out = SyncClient(credential=Credential(), base_url=service.base_url)
        with signed_out as client, pytest.raises(NotSignedIn):
            backup(client, archive, NOW)
        with client_of(service, 2) as client, pytest.raises(ArchiveMismatch):
            backup(client, archive, NOW)
        assert archive.rows("SELECT count(*) FROM staged")[0][0] == 230
        with client_of(service) as client:
            assert backup(client, archive, NOW + 1).calls_now == CALLS - 6
        check(archive)


def test_what_is_older_than_a_day_is_read_anew(service: RunningService, tmp_path: Path) -> None:
    def lose() -> None:
        if between.sent == 7:
            raise KeyboardInterrupt

    between = Between(lose)
    with archive_of(service, tmp_path) as archive:
        with client_of(service, 1, between) as client, pytest.raises(KeyboardInterrupt):
            backup(client, archive, NOW)
        with client_of(service) as client:
            outcome = backup(client, archive, NOW + STALE + 1)
        assert outcome.calls == outcome.calls_now == CALLS
        check(archive)


def test_two_backups_at_once_are_refused(service: RunningService, tmp_path: Path) -> None:
    with archive_of(service, tmp_path) as archive, client_of(service) as other:

        def again() -> None:
            with archive_of(service, tmp_path) as same, pytest.raises(ArchiveBusy):
                backup(other, same, NOW)

        with client_of(service, 1, Between(again)) as client:
            backup(client, archive, NOW)
        check(archive)


CODE = """
import sys, time
from guanxi.sdk.sync import SyncClient
from guanxi.toolbox.archive import Archive, Identity
from guanxi.toolbox.backup import backup
with SyncClient() as client, Archive.create(sys.argv[1], Identity(sys.argv[2], 1)) as archive:
    print("begun", flush=True)
    print(backup(client, archive, int(time.time())).calls)
"""


def start(service: RunningService, path: Path, code: str = CODE) -> subprocess.Popen[str]:
    credential = credential_of(service, 1)
    environment = os.environ | {
        "GUANXI_SESSDATA": credential.sessdata or "",
        "GUANXI_BASE_URL": service.base_url,
    }
    return subprocess.Popen(
        [sys.executable, "-c", code, str(path), service.base_url],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_killed_backup_goes_on(service: RunningService, tmp_path: Path) -> None:
    """SIGKILL at any point: the snapshot is right, for the calls of one backup and a few more."""
    random = Random(16)
    for nth in range(count(3, 30)):
        path = tmp_path / f"{nth}.db"
        process = start(service, path)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(random.random() * 0.12)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        with Archive.open(path) as archive, client_of(service) as client:
            outcome = backup(client, archive, int(time.time()))
            check(archive)
        assert outcome.calls <= CALLS + 3


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
def test_a_full_disk_keeps_the_last_good_state(service: RunningService, tmp_path: Path) -> None:
    path = tmp_path / "archive.db"
    limit = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, resource.RLIM_INFINITY))
"""
    with archive_of(service, tmp_path) as archive, client_of(service) as client:
        backup(client, archive, NOW)
    process = start(service, path, limit + CODE)
    _, errors = process.communicate(timeout=60)
    assert "ArchiveFull" in errors
    with Archive.open(path) as archive, client_of(service) as client:
        check(archive)
        outcome = backup(client, archive, int(time.time()))
        assert outcome.snapshot == 2
        check(archive)


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
def test_memory_does_not_grow_with_the_list(tmp_path: Path) -> None:
    """100,000 followings take a few MB more than 3,000: less than their items alone."""
    used = {}
    code = CODE + "print(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])"
    for followings in (3_000, count(20_000, 100_000)):
        with running("open") as service:
            service.add_accounts(1)
            service.import_edges(edges(followings))
            process = start(service, tmp_path / f"{followings}.db", code)
            output, errors = process.communicate(timeout=600)
            assert process.returncode == 0, errors
            used[followings] = int(output.split()[-1])
    few, many = used.values()
    assert many - few < 8 * 1024, used  # KiB
