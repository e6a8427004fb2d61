"""Watch: intervals, signed posts, and what becomes of one that is not delivered."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from guanxi.toolbox.archive import Archive
from guanxi.toolbox.difference import difference
from guanxi.toolbox.errors import SelectionError
from guanxi.toolbox.watch import deliver, keep, seconds_of
from guanxi.toolbox.webhook import SIGNATURE, Undelivered, Webhook
from tests.toolbox.archives import DAY, add_snapshot, item, new_archive


class Hook(ThreadingHTTPServer):
    """A receiver on loopback: keeps what is posted, and answers ``statuses`` in turn, then 200."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, bytes]] = []
        self.statuses: list[int] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/hook?token=t"


class _Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((self.headers[SIGNATURE], body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with new_archive(tmp_path) as opened:
        add_snapshot(opened, DAY, followings=[item(2)])
        add_snapshot(opened, 2 * DAY, followings=[item(3, name="三")])
        yield opened


def waits_of(archive: Archive, hook: Hook) -> list[float]:
    """Deliver, and return the waits instead of waiting."""
    waits: list[float] = []
    deliver(archive, Webhook(hook.url, "s"), clock=lambda: 5, wait=waits.append)
    return waits


def test_a_post_is_signed_and_has_the_difference(archive: Archive, hook: Hook) -> None:
    """p13: who left and who came is posted, with a time against replay."""
    keep(archive, difference(archive), 1)
    assert waits_of(archive, hook) == []
    [(signed, body)] = hook.posts
    assert signed == "sha256=" + hmac.new(b"s", body, "sha256").hexdigest()
    data = json.loads(body)
    assert (data["schema_version"], data["event"], data["sent"]) == (1, "difference", 5)
    assert data["account"]["mid"] == 1
    assert data["difference"]["followings"]["came"] == [{"mid": 3, "name": "三"}]
    assert waits_of(archive, hook) == []
    assert len(hook.posts) == 1


def test_a_failing_receiver_is_tried_again(archive: Archive, hook: Hook) -> None:
    keep(archive, difference(archive), 1)
    hook.statuses = [503, 429]
    assert waits_of(archive, hook) == [1.0, 5.0]
    assert len({json.loads(body)["id"] for _, body in hook.posts}) == 1


@pytest.mark.parametrize(("statuses", "tries"), [([500] * 4, 4), ([404], 1), ([307], 1)])
def test_what_is_not_delivered_is_sent_first_the_next_time(
    archive: Archive, hook: Hook, statuses: list[int], tries: int
) -> None:
    keep(archive, difference(archive), 1)
    keep(archive, difference(archive), 2)
    hook.statuses = list(statuses)
    with pytest.raises(Undelivered, match=f"HTTP {statuses[0]}") as raised:
        waits_of(archive, hook)
    assert "token" not in str(raised.value)
    assert len(hook.posts) == tries
    first = json.loads(hook.posts[0][1])["id"]
    hook.posts.clear()
    waits_of(archive, hook)
    assert json.loads(hook.posts[0][1])["id"] == first
    assert len(hook.posts) == 2


def test_only_the_newest_hundred_are_kept(archive: Archive) -> None:
    for now in range(103):
        keep(archive, difference(archive), now)
    [[count, oldest]] = archive.rows("SELECT count(*), min(written) FROM post")
    assert (count, oldest) == (100, 3)


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.org/x", "ftp://127.0.0.1/", "https://u:p@example.org/", "https:///x"),
        *(
            "http://127.0.0.1.example.org/",
            "http://10.0.0.1/",
            "https://e.org/#x",
            "https://e.o/ x",
        ),
        "http://127.0.0.1:99999/",
    ],
)
def test_unsafe_addresses_are_refused(url: str) -> None:
    with pytest.raises(SelectionError, match="https://"):
        Webhook(url, "s")


def test_a_secret_is_needed_and_never_shown() -> None:
    with pytest.raises(SelectionError, match="GUANXI_WEBHOOK_SECRET"):
        Webhook("https://example.org/token", "")
    for url in ("https://example.org/token", "http://localhost/token", "http://[::1]:1/token"):
        assert "secret" not in repr(Webhook(url, "secret"))
        assert "token" not in repr(Webhook(url, "secret"))


def test_intervals() -> None:
    assert [seconds_of(text) for text in ("15m", "6h", "1d")] == [900, 21_600, 86_400]
    assert seconds_of("2s", own=True) == 2
    for wrong in ("14m", "6", "h", "-1d", "1.5h", "366d", "六h", "6h\n", ""):
        with pytest.raises(SelectionError, match="15m"):
            seconds_of(wrong)
