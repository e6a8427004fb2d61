"""docs/tools.md: its outputs are those of its commands, and it knows every command and view."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from guanxi.cli import COMMANDS
from guanxi.cli.app import imported
from guanxi.toolbox.schema import VIEWS
from tests.toolbox.archives import new_archive
from tools.tools_page import PAGE, commands, masked, page

TEXT = PAGE.read_text("utf-8")
#: What the page says of commands that it does not run: a client starts one, and the other has
#: pages, which tests/manage walks.
ELSEWHERE = {"mcp": '["mcp", ', "manage": "`guanxi manage` has pages"}


def test_the_page_shows_what_its_commands_print() -> None:
    """If this fails: python -m tools.tools_page writes the page anew; read the difference."""
    assert masked(page(TEXT)) == masked(TEXT)


def test_the_page_runs_every_command_of_the_tools() -> None:
    shown = re.findall(r"^```console\n(.*?)^```$", TEXT, re.M | re.S)
    ran = "\n".join(command for block in shown for command in commands(block))
    for name in every_command():
        assert re.search(rf"\bguanxi {name}\b", ran) or ELSEWHERE.get(name, "?") in TEXT, name
    assert "guanxi watch --once --webhook" in ran


def every_command() -> Iterator[str]:
    """Yield the commands of the tools, those of groups with the group's name."""
    for name, command in COMMANDS.items():
        if "tools" in command.extra and name not in ("logout", "whoami"):
            inner = getattr(imported(name), "commands", {})
            yield from (f"{name} {one}" for one in inner) if inner else (name,)


def test_the_page_has_the_columns_of_every_view(tmp_path: Path) -> None:
    shown: dict[str, list[str]] = {}
    for names, columns in re.findall(r"^\| (`[^|]*`) \| ([^|]*) \|$", TEXT, re.M):
        views = re.findall(r"`(\w+)`", names)
        for view, listed in zip(views, columns.split(";"), strict=False):
            if view in VIEWS:
                shown[view] = [one.strip() for one in listed.split(",")]
    with new_archive(tmp_path) as archive:
        for view in VIEWS:
            with archive.query(f"SELECT * FROM {view}") as rows:
                found = [column[0] for column in rows.description]
            assert sorted(shown[view]) == sorted(found), view


def test_commands_of_a_block() -> None:
    assert commands("$ a\nout\n$ b\n> c\nout\n") == ["a", "b\nc"]
    assert masked("2026-11-29 05:30 at 1795930164, 1,234 bytes") == "DATE at TIME, N bytes"
    assert masked("1800000000") == "TIME", "times from 2027-01-15 on"
