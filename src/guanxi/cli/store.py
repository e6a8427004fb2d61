"""``guanxi store`` and ``guanxi check``: a store as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from guanxi.cli.opened import DEFAULT_STORE, StoreOption, whole, with_store
from guanxi.stores.content_files import import_content
from guanxi.stores.edge_files import import_file
from guanxi.stores.port import Store

app = typer.Typer(
    help="整库的操作。 Work on a store as a whole.", no_args_is_help=True, rich_markup_mode=None
)
imports = typer.Typer(
    help="导入数据。 Load files into a store.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(imports, name="import")


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
