"""``guanxi snapshots`` and ``archive``: what an archive has, and deleting it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from msgspec import to_builtins

from guanxi.cli.help import argument, in_chinese, option
from guanxi.cli.language import text
from guanxi.cli.terminal import note, say
from guanxi.cli.tools.archives import (
    AccountOption,
    ArchiveOption,
    JsonOption,
    confirmed,
    opened,
    print_json,
    print_query,
)
from guanxi.cli.tools.login import DEFAULT_NAME, BaseUrl
from guanxi.toolbox import snapshots
from guanxi.toolbox.archive import delete

app = typer.Typer(rich_markup_mode=None)
archive_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
@in_chinese("""列出档案中的快照。""")
def listed(
    context: typer.Context,
    as_json: JsonOption = False,
    archive: ArchiveOption = None,
    account: AccountOption = DEFAULT_NAME,
    base_url: BaseUrl = None,
) -> None:
    """List the snapshots of an archive."""
    if context.invoked_subcommand is not None:
        return
    # What fits into 80 columns.
    columns = (
        "id, substr(ended, 1, 16) AS ended, followings, followers, blocks, whispers, incomplete"
    )
    query = f"SELECT {'*' if as_json else columns} FROM snapshots ORDER BY id"
    with opened(archive, base_url, account) as found, found.query(query) as rows:
        print_query(rows, as_json=as_json)


@app.command()
@in_chinese("""删除快照。只有它们见过的将被忘记。""")
def remove(
    numbers: Annotated[
        list[int], argument("快照编号。", "Numbers of snapshots.", metavar="SNAPSHOT…")
    ],
    archive: ArchiveOption = None,
    account: AccountOption = DEFAULT_NAME,
    base_url: BaseUrl = None,
) -> None:
    """Delete snapshots. What only they saw is forgotten."""
    with opened(archive, base_url, account) as found:
        for number in numbers:
            found.check_snapshot(number)
        for number in dict.fromkeys(numbers):
            snapshots.remove(found, number)


@archive_app.command()
@in_chinese("""显示档案的路径。""")
def path(
    as_json: JsonOption = False,
    archive: ArchiveOption = None,
    account: AccountOption = DEFAULT_NAME,
    base_url: BaseUrl = None,
) -> None:
    """Print the path of the archive."""
    with opened(archive, base_url, account) as found:
        if as_json:
            print_json({"path": str(found.path), "account": to_builtins(found.identity)})
        else:
            say(found.path)


@archive_app.command("delete")
@in_chinese("""删除档案，无法恢复。

    其全部快照、备注与操作记录都会删除。""")
def delete_(
    yes: Annotated[bool, option("不询问。", "Do not ask.", "--yes")] = False,
    archive: ArchiveOption = None,
    account: AccountOption = DEFAULT_NAME,
    base_url: BaseUrl = None,
) -> None:
    """Delete the archive for good.

    All its snapshots, notes and acts are deleted.
    """
    with opened(archive, base_url, account) as found:
        place, identity = found.path, found.identity
    question = text(
        f"删除 {identity} 的档案 {place}？", f"Delete {place}, the archive of {identity}?"
    )
    if not confirmed(question, yes=yes):
        sys.exit(1)
    delete(place)
    note(text(f"已删除 {place}", f"deleted {place}"))
