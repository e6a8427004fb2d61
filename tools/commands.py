"""Print the page of all commands: their help, in the language of the environment."""

from __future__ import annotations

import sys

import typer

from guanxi.cli.app import app, imported
from guanxi.cli.language import text

_WIDTH = 100


def page() -> str:
    """Return the help of every command, each under a heading of its own."""
    heading = text(
        "# 命令\n\n数据写到标准输出，其余写到标准错误。语言依次取自 `GUANXI_LANG`、`LC_ALL`、"
        "`LC_MESSAGES`、`LANG`。\n",
        "# Commands\n\nData goes to standard output, everything else to standard error. Help and"
        " messages are in Chinese or English, by the first of `GUANXI_LANG`, `LC_ALL`,"
        " `LC_MESSAGES` and `LANG` that is set.\n",
    )
    pages = [heading]
    root = typer.main.get_command(app)
    waiting = [("guanxi", root)]
    while waiting:
        path, command = waiting.pop(0)
        context = typer.Context(
            command, info_name=path, terminal_width=_WIDTH, max_content_width=_WIDTH
        )
        pages.append(f"\n## {path}\n\n```text\n{command.get_help(context).rstrip()}\n```\n")
        for name, inner in getattr(command, "commands", {}).items():
            waiting.append((f"{path} {name}", imported(name) if command is root else inner))
    return "".join(pages)


if __name__ == "__main__":
    sys.stdout.write(page())
