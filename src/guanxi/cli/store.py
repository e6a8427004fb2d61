"""``guanxi store`` and ``guanxi check``: create, migrate, copy, import into and check stores."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from guanxi.cli.stores import (
    DEFAULT_STORE,
    StoreOption,
    all_or_nothing,
    check_folder,
    with_store,
)
from guanxi.stores import copy, is_server_address, open_store, redacted
from guanxi.stores.content_files import import_content
from guanxi.stores.edge_files import import_file
from guanxi.stores.port import Store, StoreError

app = typer.Typer(
    help="管理整个库。 Create, copy, migrate and fill stores.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
imports = typer.Typer(
    help="导入数据。 Import files into a store.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(imports, name="import")


Address = Annotated[str, typer.Argument(metavar="STORE", help="A SQLite file, or postgresql://…")]


@app.command()
def init(
    store: Address,
    distribute: Annotated[
        bool, typer.Option("--distribute", help="Distribute the tables over the nodes of Citus.")
    ] = False,
) -> None:
    """建立空库。 Create an empty store.

    An existing store keeps its data; --distribute distributes its tables too. A SQLite file cannot
    be distributed: it is refused.
    """
    distributed: list[str] = []
    if is_server_address(store):
        from guanxi.stores.postgresql import schema

        created = asyncio.run(schema.init(store, distribute=distribute))
        if distribute:
            by_own_key = (f"{table} ({column})" for table, column in schema.BY_OWN_KEY.items())
            distributed = [
                f"按账号分布 (distributed by account): {', '.join(schema.BY_ACCOUNT)}",
                f"按自身的键分布 (distributed by their own key): {', '.join(by_own_key)}",
                f"每个节点都有 (copied to every node): {', '.join(schema.ON_EVERY_NODE)}",
            ]
    elif distribute:
        raise StoreError(
            "SQLite 库不能分布，请用 PostgreSQL 与 Citus"
            " (a SQLite file cannot be distributed: use PostgreSQL with Citus)"
        )
    else:
        created = not Path(store).exists()
        with_store(store, _nothing, create=True)
    result = "已建立 (created)" if created else "已存在 (exists already)"
    lines = [f"{redacted(store)}: {result}", *distributed]
    Console(stderr=True).print("\n".join(lines), soft_wrap=True)


async def _nothing(_opened: Store) -> None:
    pass


@app.command()
def migrate(store: Address) -> None:
    """升级库结构。 Upgrade the tables to this version.

    Stop the services of a PostgreSQL store first. A SQLite file needs no command: it is upgraded
    whenever it is opened, and the old file is copied into the same folder before. The store must
    exist.
    """
    console = Console(stderr=True)
    if is_server_address(store):
        from guanxi.stores.postgresql import schema

        previous = asyncio.run(schema.migrate(store))
        result = (
            f"{previous} → {schema.VERSION}"
            if previous < schema.VERSION
            else "已是最新 (up to date)"
        )
    else:
        with_store(store, _nothing)
        result = "SQLite 库在打开时自动升级 (a SQLite file is upgraded whenever it is opened)"
    console.print(f"{redacted(store)}: {result}", soft_wrap=True)


@app.command("copy")
def copy_store(
    source: Annotated[str, typer.Argument(metavar="FROM", help="The store to copy.")],
    target: Annotated[
        str, typer.Argument(metavar="TO", help="An empty store; created if missing.")
    ],
) -> None:
    """复制整个库。 Copy a store into another, and compare.

    Either may be a SQLite file or PostgreSQL. Stop the services of both first. After an
    interruption run the same command again: it resumes. Accounts, groups, relations, documents,
    sessions and the secret are copied, so nobody is signed out. Each account that differs
    afterwards is printed on a line, and the exit status is 1.
    """
    with _progress() as progress:

        async def copy_and_compare() -> list[str]:
            async with _opened(source) as old, _opened(target, create=True) as new:
                return await _copy(old, new, progress)

        check_folder(target)
        problems = asyncio.run(copy_and_compare())
    for line in problems:
        print(line)
    Console(stderr=True).print(
        f"{len(problems)} 处不同；若源库在复制时有改动，请换新的目标重新复制"
        " (differences; if the source was changed during the copy, copy it into a new target)"
        if problems
        else "复制完成，两库一致 (copied; the two stores are equal)"
    )
    raise typer.Exit(1 if problems else 0)


async def _copy(source: Store, target: Store, progress: Progress) -> list[str]:
    """Copy and compare; return a line for each difference and each fault of the target.

    If there are none, mark the copy as finished in the target. Raise StoreError as ``copy.copy``.
    """
    now = int(time.time())
    await copy.copy(source, target, _reporter(progress, "复制 copying"), now)
    problems = []
    comparing = _reporter(progress, "比对 comparing")
    async for part, mid in copy.differences(source, target, comparing, now):
        problems.append(f"account {mid}: {part}" if mid else part)
    checking = progress.add_task("检查 checking")
    async for fault in target.check():
        problems.append(f"{fault.invariant}: {fault.detail}")
        progress.update(checking, completed=len(problems))
    if not problems:
        await copy.finish(target)
    return problems


@asynccontextmanager
async def _opened(address: str, *, create: bool = False) -> AsyncIterator[Store]:
    store = await open_store(address, create=create)
    try:
        yield store
    finally:
        await store.close()


def _progress() -> Progress:
    count = TextColumn("{task.completed:>12,.0f}")
    columns = SpinnerColumn(), TextColumn("{task.description}"), count, TimeElapsedColumn()
    return Progress(*columns, console=Console(stderr=True))


def _reporter(progress: Progress, label: str) -> copy.Progress:
    """Return a callback that shows how many rows of each part are done, a line for each part."""
    tasks: dict[str, TaskID] = {}

    def report(part: str, count: int) -> None:
        if part not in tasks:
            for task in tasks.values():
                progress.stop_task(task)
            tasks[part] = progress.add_task(f"{label} {part}", total=None)
        progress.update(tasks[part], completed=count)

    return report


File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]


@imports.command("edges")
def import_edges(
    file: File,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse unknown accounts instead of creating them.")
    ] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """导入关系。 Import followings, whispers and blocks.

    The file is CSV, JSON Lines or Parquet. The store is created if it is missing.

    Fields: follower, followed, time (seconds), and optionally kind (follow, whisper, block),
    special, groups. If a line is invalid, nothing is imported and the line's number is printed.
    """
    console = Console(stderr=True)
    with Progress(console=console) as progress, all_or_nothing(store) as path:
        task = progress.add_task("导入 importing", total=None)

        async def load(opened: Store) -> int:
            return await import_file(
                opened,
                file,
                strict=strict,
                progress=lambda count: progress.update(task, completed=count),
            )

        changed = with_store(path, load, create=True)
    console.print(
        f"写入 {changed} 条关系（新增或更新） ({changed} relations written, new or updated)",
        soft_wrap=True,
    )


@imports.command("content")
def import_documents(file: File, store: StoreOption = DEFAULT_STORE) -> None:
    """导入内容。 Import profiles, videos and other content.

    The file is JSON Lines.

    Fields: owner (an existing account), kind, document; docs/content.md describes every kind. If a
    line is invalid, nothing is imported and the line's number is printed. A document replaces the
    one with the same owner, kind and id.
    """
    count = with_store(store, lambda opened: import_content(opened, file))
    Console(stderr=True).print(f"写入 {count} 份内容 ({count} documents written)")


def check(store: StoreOption = DEFAULT_STORE) -> None:
    """检查整个库。 Check every invariant of a whole store.

    Prints a line for each fault; if there is one, the exit status is 1.
    """

    async def print_faults(opened: Store) -> int:
        count = 0
        async for fault in opened.check():
            count += 1
            print(f"{fault.invariant}: {fault.detail}")
        return count

    count = with_store(store, print_faults)
    Console(stderr=True).print(
        f"发现 {count} 处错误 ({count} faults)" if count else "检查通过 (no faults)"
    )
    raise typer.Exit(1 if count else 0)
