"""Assistants read an archive and write plans; they can change nothing, nor read other files."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from mcp import StdioServerParameters, stdio_client
from mcp.client import Client

from guanxi.cli.tools import mcp
from guanxi.cli.tools.mcp import server_of
from guanxi.toolbox import journal
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.plan import Plan
from guanxi.toolbox.planning import plan
from guanxi.toolbox.selection import Selection
from tests.cli.runner import COMMAND
from tests.toolbox.archives import DAY, add_snapshot, item, new_archive

T = TypeVar("T")

ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT count(*) FROM n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with new_archive(tmp_path) as archive:
        add_snapshot(archive, DAY, [(7, "音乐")], followings=[item(3), item(2, groups=[7])])
        add_snapshot(archive, 2 * DAY, [(7, "音乐")], followings=[item(4), item(2, groups=[7])])
        return archive.path


def with_client(path: Path, work: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
    async def run() -> T:
        async with Client(server_of(path, path.parent)) as client:
            return await work(client)

    return asyncio.run(run())


async def call(client: Client, name: str, **arguments: Any) -> Any:
    """Call a tool that must succeed; return its result."""
    result = await client.call_tool(name, arguments)
    [content] = result.content
    assert content.type == "text"
    assert not result.is_error, content.text
    return json.loads(content.text)


async def refusal(client: Client, name: str, **arguments: Any) -> str:
    result = await client.call_tool(name, arguments)
    [content] = result.content
    assert content.type == "text"
    assert result.is_error, content.text
    return content.text


def test_reading_and_planning(path: Path) -> None:
    async def work(client: Client) -> None:
        tools = {one.name for one in (await client.list_tools()).tools}
        assert tools == {"views", "query", "diff", "plan", "show_plan"}
        assert "last_posted" in (await call(client, "views"))["followings"]
        found = await call(client, "query", sql="SELECT mid FROM followings ORDER BY mid", limit=1)
        assert found == {"columns": ["mid"], "rows": [[2]], "more": True}
        found = await call(client, "query", sql="SELECT mid FROM followings", snapshot=1)
        assert (sorted(found["rows"]), found["more"]) == ([[2], [3]], False)
        assert (await call(client, "query", sql="SELECT x'00ff'"))["rows"] == [["AP8="]]
        changed = (await call(client, "diff"))["followings"]
        assert [one["mid"] for one in changed["came"]] == [4]
        assert [one["mid"] for one in changed["left"]] == [3]
        made = await call(client, "plan", kind="unfollow", file="p.plan", mids=[4, 2, 99])
        assert made["header"]["acts"] == {"unfollow": 2}
        written = Plan.open(path.parent / "p.plan")
        assert sorted(act.mid or 0 for act in written.acts()) == [2, 4]
        shown = await call(client, "show_plan", file="p.plan", explain_mid=4)
        assert shown["header"]["id"] == written.header.id
        assert shown["explanation"]
        made = await call(client, "plan", kind="group", file="g", ungrouped=True, to=["音乐"])
        assert made["header"]["acts"] == {"set_groups": 1}

    with_client(path, work)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("query", {"sql": "DELETE FROM item"}, "invalid SQL"),
        ("query", {"sql": "ATTACH '/etc/passwd' AS x"}, "invalid SQL"),
        ("query", {"sql": ENDLESS}, "interrupted"),
        ("query", {"sql": "SELECT 1", "snapshot": 9}, "there is no snapshot 9"),
        ("diff", {"a": 2, "b": 1}, "name it second"),
        ("plan", {"kind": "unfollow", "file": "../p", "mids": [4]}, "a name of letters"),
        ("plan", {"kind": "unfollow", "file": "/tmp/p", "mids": [4]}, "a name of letters"),
        ("plan", {"kind": "apply", "file": "p"}, "kind"),
        ("plan", {"kind": "unfollow", "file": "archive.db", "mids": [4]}, "is not a plan"),
        ("plan", {"kind": "unfollow", "file": "begun", "mids": [4]}, "has acts left"),
        ("plan", {"kind": "unfollow", "file": "p", "where": "x"}, "no such column"),
        ("show_plan", {"file": "none"}, "No such file"),
        ("show_plan", {"file": "archive.db"}, "is not a plan"),
    ],
)
def test_what_assistants_cannot_do(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    arguments: dict[str, Any],
    message: str,
) -> None:
    monkeypatch.setattr(mcp, "_SECONDS", 0.5)
    with Archive.open(path) as archive:
        selection = Selection(where="mid = 2")
        begun = plan(archive, path.parent / "begun", "unfollow", selection, DAY)
        journal.register(archive, begun, DAY)
        journal.begin(archive, begun.header.id, [(act, None) for act in begun.acts()], DAY)
    before = path.read_bytes()
    assert message in with_client(path, lambda client: refusal(client, name, **arguments))
    assert path.read_bytes() == before
    assert not (path.parent / "p").exists()


def test_the_command_speaks_over_its_standard_streams(path: Path) -> None:
    server = StdioServerParameters(
        command=sys.executable,
        args=["-c", COMMAND, "mcp", "--archive", str(path)],
        env={"GUANXI_LANG": "en"},
    )

    async def work() -> None:
        async with Client(stdio_client(server)) as client:
            found = await call(client, "query", sql="SELECT count(*) FROM followings")
            assert found["rows"] == [[2]]

    asyncio.run(work())
    assert (path.parent / "plans").is_dir()
