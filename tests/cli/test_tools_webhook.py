"""Posts of ``guanxi watch``: tried again, final, and end to end with the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from guanxi.stores.port import EdgeRow
from guanxi.testing import RunningService, running
from guanxi.toolbox import watch, webhook
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.difference import difference
from guanxi.toolbox.webhook import Undelivered, Webhook
from tests.cli.runner import COMMAND, ENGLISH, error_of, guanxi, output_of
from tests.sdk.recorder import Answer, Received, recording
from tests.toolbox.archives import DAY, add_snapshot, item, new_archive
from tests.toolbox.faulty import Exchange, Faulty, Message, refuse

SECRET = "a secret of tests"
#: The faults of the service that a test runs.
FAULTS = Faulty()


async def not_json(exchange: Exchange) -> None:
    """Answer as a broken proxy does."""
    start: Message = {"type": "http.response.start", "status": 200, "headers": []}
    await exchange.respond([start, {"type": "http.response.body", "body": b"<html>"}])


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with new_archive(tmp_path) as one:
        add_snapshot(one, DAY, followings=[item(3), item(2)])
        add_snapshot(one, 2 * DAY, followings=[item(4), item(2)])
        yield one


def test_a_post_that_fails_is_tried_again_and_kept(archive: Archive) -> None:
    watch.keep(archive, difference(archive), 5)
    answers = [Answer({}, status) for status in (500, 429, 503, 502)]
    waits: list[float] = []
    with recording(lambda _: answers.pop(0) if answers else Answer({})) as server:
        hook = Webhook(server.url, SECRET)
        with pytest.raises(Undelivered, match=r"HTTP 502.*kept"):
            watch.deliver(archive, hook, wait=waits.append)
        assert waits == [1.0, 5.0, 25.0]
        watch.keep(archive, difference(archive), 6)
        assert watch.deliver(archive, hook, wait=waits.append) == 2
        ids = [json.loads(one.body)["id"] for one in server.received]
        assert len(set(ids[:5])) == 1  # the receiver can know that it is the same
        assert len(set(ids)) == 2


def test_what_is_final_is_not_repeated_and_no_redirect_is_followed(archive: Archive) -> None:
    watch.keep(archive, difference(archive), 5)

    def handle(request: Received) -> Answer:
        if request.path == "/other":
            return Answer({})
        return (
            Answer({}, 302, {"Location": "/other"}) if request.path == "/moved" else Answer({}, 404)
        )

    with recording(handle) as server:
        for path, status in (("/moved", 302), ("/gone", 404)):
            with pytest.raises(Undelivered, match=f"HTTP {status}"):
                watch.deliver(archive, Webhook(server.url + path, SECRET), wait=lambda _: None)
    assert [one.path for one in server.received] == ["/moved", "/gone"]


@pytest.fixture
def service() -> Iterator[RunningService]:
    FAULTS.reads.clear()
    with running(wrap=FAULTS.around) as one:
        one.add_accounts(1, 2, 3)
        one.import_edges([EdgeRow(follower=1, followed=2, time=5)])
        yield one


def environment(service: RunningService, folder: Path) -> dict[str, str]:
    me = service.sign_in(1)
    return {
        "GUANXI_BASE_URL": service.base_url,
        "GUANXI_SESSDATA": me.sessdata,
        "GUANXI_BILI_JCT": me.bili_jct,
        "XDG_DATA_HOME": str(folder),
        webhook.SECRET: SECRET,
    }


def test_once_prints_and_posts_what_changed(service: RunningService, tmp_path: Path) -> None:
    """p13: who unfollowed me since last time; by cron."""
    me = environment(service, tmp_path)
    with recording(lambda _: Answer({})) as server:
        argv = ("watch", "--once", "--webhook", server.url)
        first = guanxi(*argv, **me)
        assert (first.returncode, first.stdout) == (0, "")
        assert "nothing to compare yet" in first.stderr
        assert "nothing changed" in guanxi(*argv, **me).stdout
        assert server.received == []
        service.import_edges([EdgeRow(follower=3, followed=1, time=9)])
        assert "u3" in guanxi(*argv, **me).stdout
        [post] = server.received
        assert json.loads(post.body)["difference"]["followers"]["came"][0]["mid"] == 3
    assert "at least 1s" in error_of("watch", "--every", "0s", **me)
    assert "--webhook must be" in error_of("watch", "--webhook", "http://example.org", **me)


def test_what_another_backup_saw_is_posted_too(service: RunningService, tmp_path: Path) -> None:
    """p13: also what a watch found that was killed before it could keep a post."""
    me = environment(service, tmp_path)
    with recording(lambda _: Answer({})) as server:
        argv = ("watch", "--once", "--webhook", server.url)
        output_of(*argv, **me)
        service.import_edges([EdgeRow(follower=3, followed=1, time=9)])
        output_of("backup", **me)
        service.import_edges([EdgeRow(follower=2, followed=1, time=10)])
        shown = output_of(*argv, **me)
        assert "u2" in shown
        assert "u3" not in shown  # people see what is new since the last snapshot
        output_of("backup", **me)
        output_of("snapshots", "remove", 3, 4, **me)  # what was posted last was of 3
        output_of(*argv, **me)  # a new 3: what only the removed ones saw is new
    came = [json.loads(post.body)["difference"]["followers"]["came"] for post in server.received]
    assert [[one["mid"] for one in each] for each in came] == [[2, 3], [2]]


@pytest.mark.long
def test_a_failure_is_noted_and_risk_control_stops(service: RunningService, tmp_path: Path) -> None:
    """p1: at the first sign of risk control it ends, and says how to go on."""
    me = environment(service, tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "watch", "--every", "1s"],
        env=os.environ | ENGLISH | me | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert "nothing changed" in process.stdout.readline()
    FAULTS.reads[refuse(-500)] = 1.0
    lines = iter(process.stderr.readline, "")
    assert any("code -500" in line for line in lines)
    FAULTS.reads.clear()
    FAULTS.reads[not_json] = 1.0
    assert any("not JSON" in line for line in lines)
    FAULTS.reads.clear()
    assert "nothing changed" in process.stdout.readline()
    assert "nothing changed" in process.stdout.readline()
    while guanxi("archive", "delete", "--yes", **me).returncode:  # 1 while it reads
        pass
    assert any("nothing to compare yet" in line for line in islice(lines, 9))
    FAULTS.reads[refuse(-352)] = 1.0
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "code -352" in errors
    assert "the same command goes on" in errors
