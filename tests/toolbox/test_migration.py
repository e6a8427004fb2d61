"""A migration of many followings that is killed again and again."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from random import Random

import pytest

from guanxi.cli.tools import credentials
from guanxi.sdk.credential import Credential
from guanxi.sdk.sync import SyncClient
from guanxi.stores.port import EdgeRow
from guanxi.testing import RunningService, running
from guanxi.toolbox import backup, exchange, transfer
from guanxi.toolbox.archive import Archive, identity_of
from tests.cli.runner import COMMAND, ENGLISH
from tests.counts import count
from tests.toolbox.faulty import Faulty

OLD, NEW = 1, 2
_FIRST = 100


def _crowd(followings: int, groups: int) -> list[EdgeRow]:
    draw = Random(3)
    names = [f"分组{number}" for number in range(groups)]
    mids = draw.sample(range(_FIRST, _FIRST + followings), followings)
    return [
        EdgeRow(
            follower=OLD,
            followed=mid,
            time=1_000 + n // 3,  # several in one second
            finer=n,
            special=draw.random() < 0.1,
            groups=tuple(draw.sample(names, draw.choice((0, 1, 1, 1, 2)))),
        )
        for n, mid in enumerate(mids)
    ]


def _signed_in(service: RunningService, mid: int) -> Credential:
    session = service.sign_in(mid)
    return Credential(sessdata=session.sessdata, bili_jct=session.bili_jct)


def _kill_at(process: subprocess.Popen[str], ends: set[int], number: int) -> None:
    """Kill the process when its request number ``number`` arrives, if that is one of ``ends``."""
    if number in ends:
        process.kill()


@pytest.mark.long
def test_a_killed_migration_brings_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """p10: same groups, order and special marks; guanxi diff between the two says so."""
    followings, groups, kills = count(300, 3_000), count(8, 40), 5
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    draw = Random(7)
    ends, faults = {*draw.sample(range(followings), kills)}, Faulty()
    with running(wrap=faults.around) as service:
        service.add_accounts(OLD, NEW)
        service.import_edges(_crowd(followings, groups))
        for name, mid in (("old", OLD), ("new", NEW)):
            credentials.save(service.base_url, name, _signed_in(service, mid))
        environment = {
            **os.environ,
            **ENGLISH,
            "GUANXI_BASE_URL": service.base_url,
            "XDG_DATA_HOME": str(tmp_path),
        }
        argv = ["migrate", "--from", "old", "--to", "new", "--yes"]
        statuses: list[int] = []
        shown = ""
        while len(statuses) <= kills and 0 not in statuses:
            with subprocess.Popen(
                [sys.executable, "-c", COMMAND, *argv],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            ) as process:
                faults.on_request = partial(_kill_at, process, ends)
                shown, errors = process.communicate(timeout=300)
            statuses.append(process.returncode)
            assert process.returncode in (0, -9), errors
        assert statuses == [*kills * [-9], 0]
        assert "the target has all that the source has" in shown, shown

        archives = []
        for mid in (OLD, NEW):
            with SyncClient(
                base_url=service.base_url, credential=_signed_in(service, mid)
            ) as client:
                archive = Archive.create(tmp_path / f"{mid}.db", identity_of(client))
                archives.append(archive)
                backup(client, archive, 1_800_000_000)
        source, target = archives
        assert list(transfer.differences(target, exchange.lines(source), blocks=True)) == []
        kept = [
            [(line.mid, line.special, sorted(line.groups)) for line in exchange.lines(archive)]
            for archive in archives
        ]
        assert kept[0] == kept[1]
        assert len(kept[0]) == followings
        for archive in archives:
            archive.close()
