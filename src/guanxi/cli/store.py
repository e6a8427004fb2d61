"""``guanxi store`` and ``guanxi check``: a store as a whole."""

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

from guanxi.cli.opened import DEFAULT_STORE, StoreOption, check_folder, whole, with_store
from guanxi.stores import copy, is_server_address, open_store, shown
from guanxi.stores.content_files import import_content
from guanxi.stores.edge_files import import_file
from guanxi.stores.port import Store, StoreError

app = typer.Typer(
    help="整库的操作。 Work on a store as a whole.", no_args_is_help=True, rich_markup_mode=None
)
imports = typer.Typer(
    help="导入数据。 Load files into a store.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(imports, name="import")


Address = Annotated[str, typer.Argument(metavar="STORE", help="A SQLite file, or postgresql://…")]


@app.command()
def init(
    store: Address,
    distribute: Annotated[
        bool, typer.Option("--distribute", help="Spread the tables over the nodes of Citus.")
    ] = False,
) -> None:
    """建立空库。 Make an empty store.

    One that is there already stays as it is; --distribute spreads that too.
    """
    spread: list[str] = []
    if is_server_address(store):
        from guanxi.stores.postgresql import schema

        made = asyncio.run(schema.init(store, distribute=distribute))
        if distribute:
            own_key = (f"{table} ({column})" for table, column in schema.BY_OWN_KEY.items())
            spread = [
                f"按账号分布 (by account, together): {', '.join(schema.BY_ACCOUNT)}",
                f"按自身键分布 (by a key of their own): {', '.join(own_key)}",
                f"各节点都有 (on every node): {', '.join(schema.ON_EVERY_NODE)}",
            ]
    elif distribute:
        raise StoreError("SQLite 不能分布 (a SQLite file cannot be distributed)")
    else:
        made = not Path(store).exists()
        with_store(store, _nothing, create=True)
    told = "已建立 (made)" if made else "已存在 (there already)"
    Console(stderr=True).print("\n".join([f"{shown(store)}: {told}", *spread]), soft_wrap=True)


async def _nothing(_opened: Store) -> None:
    pass


@app.command()
def migrate(store: Address) -> None:
    """升级库结构。 Bring a store's tables up to date.

    A SQLite file is brought up to date whenever it is opened, after a copy beside it. For
    PostgreSQL, stop the services first.
    """
    console = Console(stderr=True)
    if is_server_address(store):
        from guanxi.stores.postgresql import schema

        found = asyncio.run(schema.migrate(store))
        told = f"{found} → {schema.VERSION}" if found < schema.VERSION else "已是最新 (up to date)"
    else:
        with_store(store, _nothing)
        told = "SQLite 打开时自动升级 (is brought up to date whenever it is opened)"
    console.print(f"{shown(store)}: {told}", soft_wrap=True)


@app.command("copy")
def copy_store(
    source: Annotated[str, typer.Argument(metavar="FROM", help="The store to copy.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="A new store, made if missing.")],
) -> None:
    """复制整个库。 Copy a store into another and compare.

    The two may be of any kind. Stop the services of both first. An interrupted copy goes on when
    the same command is run again. Accounts, groups, relations, documents, sessions and the secret
    are copied: nobody is signed out. What differs then is a line for each account, and exit status
    1.
    """
    with _progress() as progress:

        async def both() -> list[str]:
            async with _opened(source) as ours, _opened(target, create=True) as theirs:
                return await _copied(ours, theirs, progress)

        check_folder(target)
        wrong = asyncio.run(both())
    for line in wrong:
        print(line)
    Console(stderr=True).print(
        f"{len(wrong)} 处不同；若源库在复制时有改动，请换新的目标重新复制"
        " (differences; if the source changed meanwhile, copy it into a new target)"
        if wrong
        else "复制完成，两库一致 (copied; both the same)"
    )
    raise typer.Exit(1 if wrong else 0)


async def _copied(source: Store, target: Store, progress: Progress) -> list[str]:
    """Copy and compare; what is wrong afterwards."""
    now = int(time.time())
    await copy.copy(source, target, _told(progress, "复制 copying"), now)
    wrong = []
    comparing = _told(progress, "比对 comparing")
    async for part, mid in copy.differences(source, target, comparing, now):
        wrong.append(f"account {mid}: {part}" if mid else part)
    checking = progress.add_task("检查 checking")
    async for fault in target.check():
        wrong.append(f"{fault.invariant}: {fault.detail}")
        progress.update(checking, completed=len(wrong))
    if not wrong:
        await copy.finish(target)
    return wrong


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


def _told(progress: Progress, what: str) -> copy.Progress:
    """Shows how many rows of each part are done."""
    tasks: dict[str, TaskID] = {}

    def told(part: str, count: int) -> None:
        if part not in tasks:
            for done in tasks.values():
                progress.stop_task(done)
            tasks[part] = progress.add_task(f"{what} {part}", total=None)
        progress.update(tasks[part], completed=count)

    return told


File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]


@imports.command("edges")
def import_edges(
    file: File,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse unknown accounts instead of making them.")
    ] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """导入关系。 Load followings, whispers and blocks from a file.

    The file is CSV, JSON Lines or Parquet; a missing store is made.

    Fields: follower, followed, time (seconds), and optionally kind (follow, whisper, block),
    special, groups. All of it or nothing is loaded; a wrong line is named by its number.
    """
    console = Console(stderr=True)
    with Progress(console=console) as progress, whole(store) as path:
        task = progress.add_task("导入 importing", total=None)

        async def load(opened: Store) -> int:
            return await import_file(
                opened,
                file,
                strict=strict,
                progress=lambda done: progress.update(task, completed=done),
            )

        changed = with_store(path, load, create=True)
    console.print(f"写入 {changed} 条（新增或更新） ({changed} edges written)", soft_wrap=True)


@imports.command("content")
def import_documents(file: File, store: StoreOption = DEFAULT_STORE) -> None:
    """导入内容。 Load what accounts have besides relations.

    Profiles, videos, dynamics and the rest, from a JSON Lines file.

    Fields: owner (an account that is there), kind, document; docs/content.md has every kind. All of
    it or nothing is loaded; a wrong line is named by its number. A document takes the place of one
    with its owner, kind and id.
    """
    count = with_store(store, lambda opened: import_content(opened, file))
    Console(stderr=True).print(f"{count} 份 ({count} documents)")


def check(store: StoreOption = DEFAULT_STORE) -> None:
    """检查整个库。 Check every invariant over a whole store.

    Each fault is a line; exit status 1 where there is one.
    """

    async def faults(opened: Store) -> int:
        count = 0
        async for fault in opened.check():
            count += 1
            print(f"{fault.invariant}: {fault.detail}")
        return count

    count = with_store(store, faults)
    Console(stderr=True).print(
        f"{count} 处有误 ({count} faults)" if count else "检查通过 (no faults)"
    )
    raise typer.Exit(1 if count else 0)
