"""``guanxi store export``: write a store's edges, accounts or content to a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from guanxi.cli.help import argument, in_chinese, option
from guanxi.cli.language import text
from guanxi.cli.store.opening import DEFAULT_STORE, StoreOption, with_store
from guanxi.cli.terminal import note, until_closed
from guanxi.files.export import EXPORTS, Exported, export_file, export_stream
from guanxi.files.output import Form
from guanxi.stores.port import Store

exports = typer.Typer(
    help=text("导出数据。", "Export a store to files."),
    no_args_is_help=True,
    rich_markup_mode=None,
)

File = Annotated[
    Path,
    argument(
        "新文件：以 .csv、.jsonl 或 .parquet 结尾，前两种可再加 .gz 或 .zst；- 为标准输出。",
        "The new file: .csv, .jsonl or .parquet, the first two also with .gz or .zst; - is standard"
        " output.",
        metavar="FILE",
    ),
]
Where = Annotated[
    str | None,
    option(
        "只导出符合此 SQL 表达式的行。",
        "Export only the rows that match this SQL expression.",
        "--where",
        metavar="EXPRESSION",
    ),
]
Force = Annotated[bool, option("替换已有的文件。", "Replace an existing file.", "--force")]


@exports.command("edges")
@in_chinese("""导出关注、悄悄关注、黑名单与关注请求。

    列：follower、followed、time、kind、special、groups、contract、finer、visits。
    标准输出（-）为 CSV。服务可以同时运行：导出读取同一时刻的快照。

    例：guanxi store export edges e.csv --where "follower = 1 AND time >= 1700000000" """)
def export_edges(
    file: File, where: Where = None, force: Force = False, store: StoreOption = DEFAULT_STORE
) -> None:
    """Export followings, whispers, blocks and requests to follow.

    Columns: follower, followed, time, kind, special, groups, contract, finer, visits. On standard
    output (-) it is CSV. The service may run: an export reads one snapshot.

    Example: guanxi store export edges e.csv --where "follower = 1 AND time >= 1700000000"
    """
    _export("edges", Form("csv"), file, where, store, force=force)


@exports.command("accounts")
@in_chinese("""导出账号：mid、名片、隐私设置、状态、封停、建立时间与键。

    标准输出（-）为 CSV。会话与令牌不会导出。

    例：guanxi store export accounts banned.csv --where "state = 'banned'" """)
def export_accounts(
    file: File, where: Where = None, force: Force = False, store: StoreOption = DEFAULT_STORE
) -> None:
    """Export accounts: mid, card, privacy, state, ban, creation and key.

    On standard output (-) it is CSV. Sessions and tokens are not exported.

    Example: guanxi store export accounts banned.csv --where "state = 'banned'"
    """
    _export("accounts", Form("csv"), file, where, store, force=force)


@exports.command("content")
@in_chinese("""导出名片资料、视频等内容。

    列：owner、kind、document。标准输出（-）为 JSON Lines。每种格式都可再导入。

    例：guanxi store export content videos.jsonl.gz --where "kind = 'video'" """)
def export_content(
    file: File, where: Where = None, force: Force = False, store: StoreOption = DEFAULT_STORE
) -> None:
    """Export profiles, videos and other content.

    Columns: owner, kind, document. On standard output (-) it is JSON Lines. The import reads every
    form.

    Example: guanxi store export content videos.jsonl.gz --where "kind = 'video'"
    """
    _export("content", Form("json"), file, where, store, force=force)


def _export(
    name: str, form: Form, file: Path, where: str | None, address: str, *, force: bool
) -> None:
    """Export to the file, or in this form to standard output, and print the rows and bytes."""
    console = Console(stderr=True, markup=False)
    count = TextColumn("{task.completed:>12,.0f}")
    columns = SpinnerColumn(), TextColumn("{task.description}"), count, TimeElapsedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(text("导出", "exporting"), total=None)

        async def run(store: Store) -> Exported:
            def report(rows: int) -> None:
                progress.update(task, completed=rows)

            if str(file) != "-":
                return await export_file(
                    store, EXPORTS[name], file, where=where, force=force, progress=report
                )
            out = sys.stdout.buffer
            done = await export_stream(
                store, EXPORTS[name], form, out, where=where, progress=report
            )
            out.flush()
            return done

        with until_closed():
            done = with_store(address, run)
    note(
        text(
            f"导出 {done.rows:,} 行，{done.bytes:,} 字节",
            f"exported {done.rows:,} {'row' if done.rows == 1 else 'rows'}, {done.bytes:,} bytes",
        )
    )
    if done.cursor is not None:
        note(text(f"变更的游标：{done.cursor}", f"cursor of changes: {done.cursor}"))
