"""What the commands with an archive share: options, who is signed in, tables and progress."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import to_builtins
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from guanxi.cli.help import option
from guanxi.cli.language import text
from guanxi.cli.terminal import escaped, json_of, say
from guanxi.cli.tools.login import client_of, not_signed_in
from guanxi.contract.errors import NotSignedIn
from guanxi.contract.structs import Nav
from guanxi.sdk.sync import SyncClient
from guanxi.toolbox.archive import Archive, Identity, default_path, identity_of
from guanxi.toolbox.errors import ArchiveMissing, ToolError
from guanxi.toolbox.progress import OnProgress
from guanxi.toolbox.progress import Progress as ToolProgress
from guanxi.toolbox.sheets import write_csv

AccountOption = Annotated[
    str,
    option(
        "保存账号所用的名称，供保存多个账号时区分。",
        "The name the account is saved under, if you save several.",
        "--account",
    ),
]
ArchiveOption = Annotated[
    Path | None,
    option(
        "档案文件。默认为数据文件夹中以服务器与 mid 命名的文件。",
        "The archive. Default: a file named after server and mid in the user's data folder.",
        "--archive",
    ),
]
JsonOption = Annotated[bool, option("以一个 JSON 对象输出。", "Print one JSON object.", "--json")]
CsvOption = Annotated[bool, option("输出为 CSV。", "Print CSV.", "--csv")]
#: The version of what ``--json`` prints.
SCHEMA_VERSION = 1

#: Columns of a table where standard output is no terminal.
_COLUMNS = 80
#: From how many rows a table takes the widths of its columns: the others are not held in memory.
_SAMPLE = 500
_GAP = "  "


@contextmanager
def signed_in(base_url: str | None, account: str) -> Iterator[tuple[SyncClient, Identity]]:
    """Yield a client that acts as the account, and who that is; one request finds out.

    Raise ValueError if nobody is signed in, and as ``client_of`` and ``client.web.nav``.
    """
    with client_of(base_url, account) as client:
        yield client, identity(client, nav_of(client))


def nav_of(client: SyncClient) -> Nav:
    """Return what the server knows of the client's account, by one request.

    Raise ValueError without a credential, before a request; and as ``client.web.nav``.
    """
    if not client.credential.get_cookies():
        raise ValueError(not_signed_in())
    return client.web.nav()


def identity(client: SyncClient, nav: Nav) -> Identity:
    """Return which account of which server is signed in. Raise ValueError if nobody is."""
    try:
        return identity_of(client, nav)
    except NotSignedIn:
        raise ValueError(not_signed_in()) from None


def opened(archive: Path | None, base_url: str | None, account: str) -> Archive:
    """Return the archive at a path, without one that of the signed-in account.

    If nobody is signed in, it is the only one in the default folder. No request is made without
    a credential. Raise ArchiveMissing if there is none, ToolError if there are several, and as
    ``Archive.open`` and ``client_of``.
    """
    if archive is not None:
        return Archive.open(archive)
    with client_of(base_url, account) as client:
        if client.credential.get_cookies():
            nav = client.web.nav()
            if nav.is_login:
                return Archive.open(default_path(identity_of(client, nav)))
    folder = default_path(Identity("", 0)).parent
    found = sorted(folder.glob("*.db"))
    if not found:
        raise ArchiveMissing(
            f"{folder} 中没有档案，请先运行 guanxi backup",
            f"there is no archive in {folder}: run guanxi backup first",
        )
    if len(found) > 1:
        names = "\n".join(map(str, found))
        raise ToolError(
            f"有多个档案，请登录或用 --archive 指定：\n{names}",
            f"there are several archives: sign in, or name one with --archive:\n{names}",
        )
    return Archive.open(found[0])


def print_json(data: dict[str, Any]) -> None:
    """Print an object with the version of its form."""
    say(json_of({"schema_version": SCHEMA_VERSION, **data}, 2))


def print_json_list(data: dict[str, Any], name: str, items: Iterable[dict[str, Any]]) -> None:
    """Print an object as ``print_json``, with a list as its last member: an item a line.

    Items are printed as they come. Bytes are Base64.
    """
    say(f"{json_of({'schema_version': SCHEMA_VERSION, **data})[:-1]}, {json_of(name)}: [")
    separator = ""
    for item in items:
        say(separator + json_of(to_builtins(item)))
        separator = ","
    say("]}")


def print_query(found: sqlite3.Cursor, *, as_json: bool = False, as_csv: bool = False) -> None:
    """Print the rows of a query as ``print_rows`` does."""
    names = [column[0] for column in found.description or ()]
    print_rows(names, found, as_json=as_json, as_csv=as_csv)


def print_rows(
    names: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    as_json: bool = False,
    as_csv: bool = False,
) -> None:
    """Print rows as a table, as CSV, or as one JSON object, one after another."""
    if as_csv:
        write_csv(sys.stdout, names, rows)
    elif as_json:
        print_json_list({}, "rows", (dict(zip(names, row, strict=True)) for row in rows))
    else:
        table(names, rows)


def confirmed(question: str, *, yes: bool) -> bool:
    """Return whether the user agrees; ``yes`` does so without a question.

    Raise BadParameter where nobody can answer: without a terminal.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise typer.BadParameter(
            text("没有终端可以询问：请用 --yes", "there is no terminal to ask: use --yes")
        )
    return typer.confirm(escaped(question), err=True)


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows in aligned columns, as wide as the terminal, or 80 columns without one.

    The widest columns are cut if a row has no room. Numbers are aligned to the right, None is
    empty. Rows are printed as they come. There are no colours.
    """
    remaining = iter(rows)
    sample = [_cells(row) for row in islice(remaining, _SAMPLE)]
    room = line_width()
    is_number = [all(row[n][1] for row in sample) for n in range(len(headers))]
    title = [*zip(map(str, headers), is_number, strict=True)]
    columns = zip(title, *sample, strict=True)
    widths = [max(cell_len(cell) for cell, _ in column) for column in columns]
    _narrow(widths, room - len(_GAP) * (len(widths) - 1))
    for row in chain([title], sample, map(_cells, remaining)):
        line = _GAP.join(_fitted(*cell, width) for cell, width in zip(row, widths, strict=True))
        say(line.rstrip())


def line_width() -> int:
    """Return how many columns standard output has: 80 without a terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _COLUMNS


def _cells(row: Sequence[object]) -> list[tuple[str, bool]]:
    """Return a row's cells, each with whether it is a number or empty."""
    return [
        ("" if one is None else escaped(str(one)).replace("\n", "\\n"), _is_number(one))
        for one in row
    ]


def _is_number(value: object) -> bool:
    return value is None or isinstance(value, (int, float))


def _narrow(widths: list[int], room: int) -> None:
    """Reduce the widest columns until all have room, or each has one character."""
    while sum(widths) > max(room, len(widths)):
        widths[widths.index(max(widths))] -= 1


def _fitted(cell: str, right: bool, width: int) -> str:
    length = cell_len(cell)
    if length > width:
        return set_cell_size(cell, width - 1) + "…"
    return " " * (width - length) + cell if right else cell + " " * (width - length)


@contextmanager
def progress_bar(label: Callable[[str], str]) -> Iterator[OnProgress]:
    """Yield a callback that shows progress on standard error, if that is a terminal.

    ``label`` returns what people read for the name of a part.
    """
    console = Console(stderr=True, markup=False)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed:,.0f}{task.fields[of]}  {task.fields[more]}", markup=False),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:

        def show(progress: ToolProgress) -> None:
            if progress.part not in tasks:
                tasks[progress.part] = bars.add_task(label(progress.part), of="", more="")
            more = text(f"{progress.calls} 次请求", f"{progress.calls} calls")
            if progress.seconds_left and progress.seconds_left >= 1:
                left = timedelta(seconds=round(progress.seconds_left))
                more += text(f"，剩余 {left}", f", {left} left")
            bars.update(
                tasks[progress.part],
                completed=progress.done,
                total=progress.total,
                of="" if progress.total is None else f"/{progress.total:,}",
                more=more,
            )

        yield show
