"""Watch: intervals, posts that are signed, retried and kept, and an orderly end."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from guanxi.stores.port import EdgeRow
from guanxi.testing import RunningService, running
from guanxi.toolbox import watch
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.difference import difference
from guanxi.toolbox.errors import SelectionError
from guanxi.toolbox.watch import Undelivered, Webhook
from tests.cli.runner import COMMAND, ENGLISH, error_of, guanxi
from tests.sdk.recorder import Answer, Received, recording
from tests.toolbox.archives import DAY, add_snapshot, item, new_archive

SECRET = "a secret of tests"


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with new_archive(tmp_path) as one:
        add_snapshot(one, DAY, followings=[item(3), item(2)])
        add_snapshot(one, 2 * DAY, followings=[item(4), item(2)])
        yield one


@pytest.mark.parametrize(
    ("text", "own", "seconds"),
    [("30m", False, 1_800), ("6h", False, 21_600), ("1d", False, 86_400), ("2s", True, 2)],
)
def test_intervals(text: str, own: bool, seconds: int) -> None:
    assert watch.seconds_of(text, own=own) == seconds


@pytest.mark.parametrize("text", ["14m", "1s", "", "6", "h", "6 h", "-6h", "9" * 9 + "d", "٣h"])
def test_intervals_that_are_refused(text: str) -> None:
    with pytest.raises(SelectionError, match="at least 15m"):
        watch.seconds_of(text)


@pytest.mark.parametrize(
    "url",
    ["http://example.org/x", "ftp://127.0.0.1/", "https://u:p@h/", "https://h/#a", "x", "https://"],
)
def test_addresses_that_are_no_webhooks(url: str) -> None:
    with pytest.raises(SelectionError, match="must be an https"):
        Webhook(url, SECRET)


def test_a_webhook_keeps_its_secret() -> None:
    with pytest.raises(SelectionError, match=watch.SECRET):
        Webhook("https://example.org/a?token=x", "")
    hook = Webhook("https://example.org/a?token=x", SECRET)
    assert repr(hook) == "Webhook(example.org)"


def test_a_post_is_signed_and_says_what_changed(archive: Archive) -> None:
    watch.keep(archive, difference(archive), 5)
    with recording(lambda _: Answer({}, 204)) as server:
        hook = Webhook(server.url + "/hook", SECRET)
        assert watch.deliver(archive, hook, clock=lambda: 1_000.5) == 1
        assert watch.deliver(archive, hook) == 0
    [post] = server.received
    expected = hmac.new(SECRET.encode(), post.body, hashlib.sha256).hexdigest()
    assert post.headers["x-guanxi-signature"] == f"sha256={expected}"
    assert post.headers["content-type"] == "application/json"
    body = json.loads(post.body)
    assert (body["schema_version"], body["sent"], body["event"]) == (1, 1_000, "difference")
    assert body["account"]["mid"] == 1
    followings = body["difference"]["followings"]
    assert [one["mid"] for one in followings["came"]] == [4]
    assert [one["mid"] for one in followings["left"]] == [3]
    assert SECRET.encode() not in post.body


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


def test_the_oldest_posts_go_if_there_are_too_many(archive: Archive) -> None:
    found = difference(archive)
    for number in range(103):
        watch.keep(archive, found, number)
    kept = [row["written"] for row in archive.rows("SELECT written FROM post ORDER BY number")]
    assert kept == list(range(3, 103))


@pytest.fixture
def service() -> Iterator[RunningService]:
    with running() as one:
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
        watch.SECRET: SECRET,
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


def test_sigterm_ends_it_in_order(service: RunningService, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "watch", "--every", "1s"],
        env=os.environ | ENGLISH | environment(service, tmp_path) | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert "nothing changed" in process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 0
