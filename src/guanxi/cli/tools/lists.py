"""``guanxi show`` and ``sql``: look into an archive."""

from __future__ import annotations

from typing import Annotated

import typer

from guanxi.cli.help import argument, in_chinese, option
from guanxi.cli.language import text
from guanxi.cli.tools.archives import (
    AccountOption,
    ArchiveOption,
    CsvOption,
    JsonOption,
    opened,
    print_query,
)
from guanxi.cli.tools.login import DEFAULT_NAME, BaseUrl
from guanxi.toolbox.schema import VIEWS

#: The columns that a view is shown with, and its order; others are shown whole.
_SHOWN = {
    "followings": ("mid, name, followed_at, mutual, special, groups, note", "since DESC, tie DESC"),
    "followers": ("mid, name, followed_at, mutual, note", "since DESC, tie DESC"),
    "blocks": ("mid, name, blocked_at, note", "since DESC, tie DESC"),
    "whispers": ("mid, name, followed_at, note", "since DESC, tie DESC"),
    "groups": ("id, name, count", "position"),
    "accounts": ("mid, name, state, last_posted, fans, note", "mid"),
    "changes": ("*", "snapshot DESC"),
    "acts": ("number, kind, mid, name, outcome, code, message, ended", "plan, number"),
}


@in_chinese("""显示档案中的列表。

    列表可为任一视图：followings、followers、blocks、whispers、groups、members、accounts、
    snapshots、changes、notes、keep、acts。""")
def show(
    name: Annotated[
        str, argument("要显示的列表。", "The list: any view of the archive.", metavar="[LIST]")
    ] = "followings",
    at: Annotated[
        int | None,
        option("显示此快照。默认为最新。", "Show this snapshot.", metavar="SNAPSHOT"),
    ] = None,
    where: Annotated[str | None, option("SQL 条件。", "An SQL condition.", metavar="SQL")] = None,
    columns: Annotated[
        str | None,
        option("要显示的列，以逗号分隔；* 为全部。", "Columns, separated by commas; * for all."),
    ] = None,
    sort: Annotated[
        str | None, option("排序，如 “fans DESC”。", 'The order, such as "fans DESC".')
    ] = None,
    limit: Annotated[int, option("最多多少行。", "The most rows; -1 for all.", min=-1)] = -1,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
    archive: ArchiveOption = None,
    account: AccountOption = DEFAULT_NAME,
    base_url: BaseUrl = None,
) -> None:
    """Show a list of the archive.

    LIST is any of its views: followings, followers, blocks, whispers, groups, members, accounts,
    snapshots, changes, notes, keep, acts. Nothing is requested of the server but who is signed in.
    """
    if name not in VIEWS:
        raise typer.BadParameter(
            text(
                f"没有列表 {name}；可用：{', '.join(VIEWS)}",
                f"there is no list {name}; use {', '.join(VIEWS)}",
            )
        )
    shown, order = _SHOWN.get(name, ("*", None))
    sql = f"SELECT {columns or shown} FROM {name}\nWHERE ({where or 1}\n)"
    if sort or order:
        sql += f"\nORDER BY {sort or order}"
    with opened(archive, base_url, account) as found:
        found.show(at)
        with found.query(f"{sql}\nLIMIT {limit:d}") as rows:
            print_query(rows, as_json=as_json, as_csv=as_csv)


@in_chinese("""用 SQL 查询档案。

    只读。视图：followings、followers、blocks、whispers、groups、members、accounts、snapshots、
    changes、notes、keep、acts。""")
def sql(
    query: Annotated[str, argument("一条 SELECT 语句。", "A SELECT statement.", metavar="SQL")],
    at: Annotated[
        int | None,
        option("让视图显示此快照。", "Let the views show this snapshot.", metavar="SNAPSHOT"),
    ] = None,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
    archive: ArchiveOption = None,
    account: AccountOption = DEFAULT_NAME,
    base_url: BaseUrl = None,
) -> None:
    """Query the archive in SQL.

    Nothing can be changed. The views are followings, followers, blocks, whispers, groups, members,
    accounts, snapshots, changes, notes, keep and acts.
    """
    with opened(archive, base_url, account) as found:
        found.show(at)
        with found.query(query) as rows:
            print_query(rows, as_json=as_json, as_csv=as_csv)
