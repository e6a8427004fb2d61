"""``guanxi store changes`` and ``guanxi changes``: printed, followed, and posted to a webhook."""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from guanxi.cli.store import changes as command
from guanxi.contract.limits import Limits
from guanxi.graph.pair import Act, Modify
from guanxi.stores import open_store
from guanxi.stores.port import Changes
from guanxi.toolbox.webhook import SECRET, SIGNATURE, Sender, Webhook
from tests.cli.runner import COMMAND, ENGLISH, guanxi
from tests.sdk.recorder import Answer, Received, recording
from tests.stores.world import people


@pytest.fixture
def store(tmp_path: Path) -> str:
    address = str(tmp_path / "s.db")

    async def fill() -> None:
        opened = await open_store(address, create=True)
        await people(opened, 1, 2, 3, 4)
        await opened.close()

    asyncio.run(fill())
    return address


def follow(address: str, owner: int, *targets: int) -> None:
    async def act() -> None:
        opened = await open_store(address)
        acts = [Modify(owner, target, Act.FOLLOW) for target in targets]
        assert await opened.change(acts, Limits().caps) == [0] * len(targets)
        await opened.close()

    asyncio.run(act())


def ok(*argv: object, **environment: str) -> subprocess.CompletedProcess[str]:
    done = guanxi(*argv, **environment)
    assert done.returncode == 0, done.stderr
    return done


def read(store: str, *argv: object) -> list[Any]:
    printed = ok("changes", "--store", store, "--json", *argv).stdout
    return [json.loads(line) for line in printed.splitlines()]


def test_the_switch(store: str) -> None:
    done = guanxi("changes", "--store", store)
    assert done.returncode == 1
    assert "guanxi store changes on" in done.stderr
    assert ok("store", "changes", "on", "--store", store).stderr == "switched on\n"
    again = ok("store", "changes", "on", "--store", store, "--keep-rows", 2, "--keep-days", 3)
    assert again.stderr == "on already\n"
    follow(store, 1, 2, 3, 4)
    status = json.loads(ok("store", "changes", "status", "--store", store).stdout)
    kept = {"on": True, "oldest": 1, "newest": 3, "keep_days": 3, "keep_rows": 2}
    assert status == {**kept, "cursor": status["cursor"]}
    assert ok("store", "changes", "trim", "--store", store).stderr == "deleted 1\n"
    assert [item["target"] for item in read(store)] == [3, 4]
    assert read(store, "--after", status["cursor"]) == []
    assert ok("store", "changes", "off", "--store", store).stderr == "switched off\n"
    assert ok("store", "changes", "off", "--store", store).stderr == "off already\n"
    assert ok("store", "changes", "status", "--store", store, GUANXI_LANG="zh").returncode == 0
    assert guanxi("store", "changes", "on", "--store", store, "--keep-days", 0).returncode == 2


def test_changes_are_printed_with_their_cursor(store: str, tmp_path: Path) -> None:
    ok("store", "changes", "on", "--store", store)
    exported = ok("store", "export", "edges", tmp_path / "e.csv", "--store", store).stderr
    start = exported.rpartition("cursor of changes: ")[2].strip()
    follow(store, 1, 2)
    done = ok("changes", "--store", store, "--after", start)
    assert done.stdout.endswith(" UTC follow 1 2\n")
    last = done.stderr.removeprefix("cursor: ").strip()
    assert read(store, "--after", last) == []
    kept = tmp_path / "cursor"
    assert [item["cursor"] for item in read(store, "--cursor", kept)] == [last]
    assert kept.read_text() == f"{last}\n"
    assert read(store, "--cursor", kept) == []
    kept.write_text("x")
    done = guanxi("changes", "--store", store, "--cursor", kept)
    assert (done.returncode, done.stderr) == (1, "guanxi: that is not a cursor of changes\n")


def test_an_accounts_change_has_no_target(store: str) -> None:
    ok("store", "changes", "on", "--store", store)
    ok("account", "add", 5, "--name", "x\x1b[2J", "--store", store)
    done = ok("changes", "--store", store)
    assert done.stdout.endswith(" UTC account 5\n")
    assert "\x1b" not in ok("changes", "--store", store, "--json").stdout


def test_posts_are_signed_and_their_cursor_is_kept_after_delivery(
    store: str, tmp_path: Path
) -> None:
    ok("store", "changes", "on", "--store", store)
    follow(store, 1, 2)
    kept, statuses = tmp_path / "cursor", [404]

    def handle(_: Received) -> Answer:
        return Answer({}, statuses.pop() if statuses else 200)

    with recording(handle) as server:
        argv = ("changes", "--store", store, "--webhook", server.url, "--cursor", kept)
        refused = guanxi(*argv, **{SECRET: "s"})
        assert refused.returncode == 1
        assert "HTTP 404" in refused.stderr
        assert not kept.exists()
        follow(store, 1, 3)
        ok(*argv, **{SECRET: "s"})
        ok(*argv, **{SECRET: "s"})
        posts = server.received
    assert len(posts) == 2  # none without a change
    signed = "sha256=" + hmac.new(b"s", posts[1].body, "sha256").hexdigest()
    assert posts[1].headers[SIGNATURE.lower()] == signed
    data = json.loads(posts[1].body)
    assert (data["schema_version"], data["event"], data["after"]) == (1, "changes", None)
    assert [item["target"] for item in data["changes"]] == [2, 3]
    assert kept.read_text().strip() == data["cursor"] == data["changes"][-1]["cursor"]


def test_a_webhook_needs_a_file_and_a_secret(store: str, tmp_path: Path) -> None:
    ok("store", "changes", "on", "--store", store)
    argv = ("changes", "--store", store, "--webhook", "http://127.0.0.1:9/")
    assert "--cursor FILE" in guanxi(*argv).stderr
    assert SECRET in guanxi(*argv, "--cursor", tmp_path / "c").stderr


def test_it_follows_until_it_is_stopped(store: str) -> None:
    ok("store", "changes", "on", "--store", store)
    follow(store, 1, 2)
    argv = [sys.executable, "-c", COMMAND, "changes", "--follow", "--json", "--store", store]
    environment = {**os.environ, **ENGLISH}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["target"] == 2
        follow(store, 1, 3)
        assert json.loads(process.stdout.readline())["target"] == 3
        process.send_signal(2)
        assert process.wait(30) == 130


def test_a_post_that_fails_is_sent_again_while_it_follows(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_PAUSE", 0.01)
    ok("store", "changes", "on", "--store", store)
    follow(store, 1, 2)
    statuses = [404]

    def handle(_: Received) -> Answer:
        return Answer({}, statuses.pop() if statuses else 200)

    with recording(handle) as server:

        async def run() -> None:
            opened = await open_store(store)
            hook = Webhook(server.url, "s")
            with Sender(hook, "test") as sender:

                async def posted(found: Changes, before: str | None) -> None:
                    await asyncio.to_thread(sender.post, lambda: command._body(found, before))
                    raise asyncio.CancelledError

                with pytest.raises(asyncio.CancelledError):
                    await command._read(opened, posted, None, follow=True)
            await opened.close()

        asyncio.run(run())
        first, second = (json.loads(one.body) for one in server.received)
    assert first["changes"] == second["changes"]
