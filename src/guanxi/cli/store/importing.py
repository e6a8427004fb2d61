"""``guanxi store import``: edges, accounts and content from files into a store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer
from msgspec.structs import replace
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from guanxi.cli.help import argument, in_chinese, option
from guanxi.cli.language import shown, text
from guanxi.cli.store.opening import (
    DEFAULT_STORE,
    StoreOption,
    all_or_nothing,
    with_audit,
    with_unchanged,
)
from guanxi.cli.terminal import json_of, note, say
from guanxi.files import found_out
from guanxi.files.account_import import import_accounts
from guanxi.files.accounts import read_accounts
from guanxi.files.comparison import check_edges
from guanxi.files.content import import_content
from guanxi.files.edges import Edges, import_edges, missing_groups, read_edges
from guanxi.files.outcome import Counts, OnConflict, Refused, write_refused
from guanxi.files.output import check_target, whole_file
from guanxi.files.table import Request
from guanxi.operations.audit import Act
from guanxi.stores import is_server_address, redacted
from guanxi.stores.port import Store, StoreError
from guanxi.text import Text

#: The endings of the names of a SQLite store's files.
SQLITE_FILES = ("", "-wal", "-shm", "-journal")

T = TypeVar("T")

#: The status that a shell shows for a program that Ctrl-C ended (SIGINT).
_INTERRUPTED = 130

app = typer.Typer(
    help=text("导入数据。", "Import files into a store."),
    no_args_is_help=True,
    rich_markup_mode=None,
)

Files = Annotated[
    list[Path],
    argument(
        "要导入的文件；- 为标准输入。",
        "The files to import; - is standard input.",
        metavar="FILE",
        exists=True,
        allow_dash=True,
        path_type=str,  # a Path of "-" would not count as standard input
        dir_okay=False,
        readable=True,
    ),
]
Columns = Annotated[
    str,
    option(
        "文件中的列名，例如 follower=src,followed=dst；没有标题行时用序号。",
        "The file's names of the columns, as in follower=src,followed=dst; numbers from 1 if the"
        " file has no header.",
        "--columns",
        metavar="COLUMN=NAME,…",
    ),
]
Sql = Annotated[
    str | None,
    option(
        "对文件的查询；文件是表 file1、file2……，第一个也叫 file。",
        "A query over the files, which are the tables file1, file2 …; file is the first.",
        "--sql",
        metavar="QUERY",
    ),
]
Conflict = Annotated[
    OnConflict,
    option(
        "同一对账号（或同一账号）有不同的几行时：保留最新、最旧，或拒绝。",
        "Of several lines of one pair or account that differ: keep the newest, keep the oldest, or"
        " refuse.",
        "--on-conflict",
    ),
]
SkipBad = Annotated[
    bool,
    option(
        "导入其余的行，而不是全部拒绝。",
        "Import the rest, instead of nothing, if lines are bad.",
        "--skip-bad",
    ),
]
BadLines = Annotated[
    Path | None,
    option(
        "把拒绝的行连同行号与原因写入此 CSV 文件；隐含 --skip-bad。",
        "Write the bad lines, with number and reason, to this CSV file. Implies --skip-bad.",
        "--bad-lines",
        metavar="FILE",
        dir_okay=False,
    ),
]
Force = Annotated[
    bool,
    option(
        "替换已有的 --bad-lines 文件。",
        "Replace the file of --bad-lines if it exists.",
        "--force",
    ),
]
DryRun = Annotated[
    bool,
    option("只读取并检查，不写入。", "Read and check, and write nothing.", "--dry-run"),
]
Json = Annotated[
    bool,
    option("把结果以 JSON 输出。", "Print the result as JSON.", "--json"),
]


@app.command("edges")
@in_chinese("""导入关注、悄悄关注、黑名单与关注请求。

    CSV（任何分隔符）、JSON Lines 或 Parquet，可用 gzip 或 zstd 压缩。库不存在时会建立。

    只需要 follower 与 followed 两列。六列的例子：

    follower,followed,time,kind,special,groups
    1,2,1700000000,follow,1,同学|同事
    2,1,2023-11-14T22:13:20Z,,,
    1,3,1700000000123,block,,

    time 为秒、毫秒、微秒或 ISO 8601；没有时间时，文件的顺序即关注的顺序。
    有一行无效则全部不导入，并显示前 20 行及其行号；另见 --skip-bad。""")
def edges(
    file: Files,
    strict: Annotated[
        bool,
        option(
            "拒绝未知账号，而不是建立它们。",
            "Refuse unknown accounts instead of creating them.",
            "--strict",
        ),
    ] = False,
    columns: Columns = "",
    sql: Sql = None,
    on_conflict: Conflict = "newest",
    skip_bad: SkipBad = False,
    bad_lines: BadLines = None,
    force: Force = False,
    group_separator: Annotated[
        str | None,
        option(
            "groups 中分组名之间的符号；默认自动识别，否则为 |。",
            "What separates the names in groups. Found out where it is clear, otherwise |.",
            "--group-separator",
            metavar="SEPARATOR",
        ),
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Import followings, whispers, blocks and requests to follow.

    CSV with any separator, JSON Lines or Parquet, plain or compressed by gzip or zstd. The store is
    created if it is missing.

    Only the columns follower and followed are needed. An example with six:

    \b
    follower,followed,time,kind,special,groups
    1,2,1700000000,follow,1,school|work
    2,1,2023-11-14T22:13:20Z,,,
    1,3,1700000000123,block,,

    A time is in seconds, milliseconds or microseconds, or in ISO 8601. Without times, the order of
    the file is the order of the follows. If a line is invalid, nothing is imported, and the first
    20 such lines are shown with their numbers; see --skip-bad.
    """
    console = Console(stderr=True, markup=False)
    _check_bad(bad_lines, file, store, force=force)
    skipping = skip_bad or bad_lines is not None
    with _progress(console) as progress:
        reading = progress.add_task(text("读取", "reading"), total=None)
        reader = read_edges(
            _request(file, columns, sql),
            now=int(time.time()),
            on_conflict=on_conflict,
            skip_bad=skipping,
            group_separator=group_separator,
        )
        with _read(reader) as found:
            progress.update(
                reading, completed=found.found.counts.read, total=found.found.ready or 1
            )
            progress.stop_task(reading)
            task = progress.add_task(text("写入", "writing"), total=found.found.ready)

            async def load(opened: Store) -> tuple[list[str], Edges, Counts]:
                names = await missing_groups(opened, found)
                checked = await check_edges(
                    opened,
                    found,
                    strict=strict,
                    on_conflict=on_conflict,
                    skip_bad=skipping,
                    compare=dry_run,
                )
                if dry_run:
                    return names, checked, checked.found.counts
                written = await import_edges(
                    opened,
                    checked,
                    strict=strict,
                    on_conflict=on_conflict,
                    progress=lambda count: progress.update(task, completed=count),
                )
                return names, checked, written

            async def audited(opened: Store, act: Act) -> tuple[list[str], Edges, Counts]:
                result = await load(opened)
                act.detail = result[-1].described
                return result

            exists = True
            if dry_run:
                (odd, checked, counts), exists = with_unchanged(store, load)
            else:
                with all_or_nothing(store) as path:
                    odd, checked, counts = with_audit(
                        path, "store import edges", audited, create=True
                    )
            _write_bad(bad_lines, checked.refused(), force=force)
            notes = [*_missing(store, exists=exists), *map(shown, found_out.of_edges(checked, odd))]
    _summarise(counts, notes, dry_run=dry_run, json=json)


@app.command("accounts")
@in_chinese("""导入账号的名片、隐私、状态与键。

    文件格式与选项同 edges。库不存在时会建立。

    只需要 mid 一列；可选 name、face、sign 等名片字段、隐私开关、
    state（normal、banned、deregistered）、ban_reason、ban_until、created、
    key（您的应用给账号的标识）与 level（0 至 6）。
    没有的列与空值不作改动。

    mid,name,face,sign,level,state
    1,山新,https://example.com/1.jpg,你好,5,normal""")
def accounts(
    file: Files,
    columns: Columns = "",
    sql: Sql = None,
    on_conflict: Conflict = "newest",
    restore: Annotated[
        bool,
        option(
            "文件是导出的账号：保留空值、首尾空格与重名。",
            "The file is an export: keep empty values, outer spaces and shared names.",
            "--restore",
        ),
    ] = False,
    skip_bad: SkipBad = False,
    bad_lines: BadLines = None,
    force: Force = False,
    dry_run: DryRun = False,
    json: Json = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Import cards, privacy switches, states and keys of accounts.

    Files and options are those of edges. The store is created if it is missing.

    Only the column mid is needed. Optional are the fields of the card (name, face, sign …), the
    privacy switches, state (normal, banned, deregistered), ban_reason, ban_until, created, key
    (your application's id for the account) and level (0 to 6). A column that is missing, and an
    empty value, change nothing.

    \b
    mid,name,face,sign,level,state
    1,Ada,https://example.com/1.jpg,hello,5,normal
    """
    console = Console(stderr=True, markup=False)
    _check_bad(bad_lines, file, store, force=force)
    skipping = skip_bad or bad_lines is not None
    request = replace(_request(file, columns, sql), exact=restore)
    with _progress(console) as progress:
        reading = progress.add_task(text("读取", "reading"), total=None)
        with _read(read_accounts(request, on_conflict=on_conflict)) as found:
            progress.update(reading, completed=found.counts.read, total=found.counts.read or 1)
            progress.stop_task(reading)
            task = progress.add_task(text("写入", "writing"), total=found.counts.read)

            async def load(opened: Store) -> Counts:
                return await import_accounts(
                    opened,
                    found,
                    skip_bad=skipping,
                    dry_run=dry_run,
                    progress=lambda count: progress.update(task, completed=count),
                )

            async def audited(opened: Store, act: Act) -> Counts:
                counts = await load(opened)
                act.detail = counts.described
                return counts

            exists = True
            if dry_run:
                counts, exists = with_unchanged(store, load)
            else:
                with all_or_nothing(store) as path:
                    counts = with_audit(path, "store import accounts", audited, create=True)
            _write_bad(bad_lines, found.refused(), force=force)
            notes = [*_missing(store, exists=exists), *map(shown, found_out.of_accounts(found))]
    _summarise(counts, notes, dry_run=dry_run, json=json)


@app.command("content")
@in_chinese("""导入名片资料、视频等内容。

    文件为 JSON Lines，可用 gzip 压缩；也可以是导出的 zstd、CSV 或 Parquet 文件。

    字段：owner（已有账号）、kind、document；各种类见 docs/content.md。
    有一行无效则全部不导入，并显示其行号。
    同一 owner、kind 与 id 的旧内容会被替换。""")
def content(
    file: Annotated[
        Path,
        argument(
            "要导入的文件；- 为标准输入。",
            "The file to import; - is standard input.",
            metavar="FILE",
            exists=True,
            allow_dash=True,
            path_type=str,
            dir_okay=False,
            readable=True,
        ),
    ],
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Import profiles, videos and other content.

    The file is JSON Lines, plain or compressed by gzip, or zstd, CSV or Parquet as an export
    writes it.

    Fields: owner (an existing account), kind, document; docs/content.md describes every kind. If a
    line is invalid, nothing is imported and the line's number is printed. A document replaces the
    one with the same owner, kind and id.
    """

    async def load(opened: Store, act: Act) -> int:
        count = await import_content(opened, Path(file))
        act.detail = f"documents {count}"
        return count

    count = with_audit(store, "store import content", load)
    note(
        text(
            f"写入 {count:,} 份内容",
            f"{count:,} {'document' if count == 1 else 'documents'} written",
        )
    )


def _request(files: list[Path], columns: str, sql: str | None) -> Request:
    """Return the request; raise StoreError if ``columns`` is not COLUMN=NAME,…, each once."""
    pairs = [pair.partition("=") for pair in columns.split(",") if pair]
    if not all(column.strip() and equals and name.strip() for column, equals, name in pairs):
        raise StoreError(
            Text(
                f"--columns {columns}：应为 列=文件中的列名,…",
                f"--columns {columns}: it must be COLUMN=NAME,…",
            )
        )
    mapping = {column.strip(): name.strip() for column, _, name in pairs}
    if len(mapping) < len(pairs):
        raise StoreError(
            Text(
                f"--columns {columns}：一个列出现了两次",
                f"--columns {columns}: a column occurs twice",
            )
        )
    return Request(files=tuple(map(Path, files)), columns=mapping, sql=sql)


# --- what is shown ---


class _Rate(ProgressColumn):
    """Rows per second."""

    def render(self, task: Task) -> str:
        rate = task.finished_speed or task.speed
        return "" if rate is None else f"{rate:>10,.0f}/s"


@contextmanager
def _read(files: AbstractContextManager[T]) -> Iterator[T]:
    """Enter ``files``; if Ctrl-C interrupts that, exit with one line and the status 130."""
    with ExitStack() as stack:
        try:
            found = stack.enter_context(files)
        except KeyboardInterrupt:
            note(text("已中断，没有写入任何内容", "interrupted; nothing was written"))
            raise typer.Exit(_INTERRUPTED) from None
        yield found


@contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    """Show rows, rate and time left, if standard error is a terminal."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:>12,.0f}"),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield progress


def _check_bad(path: Path | None, inputs: list[Path], store: str, *, force: bool) -> None:
    """Raise StoreError if the file of bad lines may not be written: see ``check_target``.

    The store and the files that are read are never replaced, whatever name they are given by.
    """
    if path is None:
        return
    kept = [*map(Path, inputs)]
    if not is_server_address(store):
        kept += [Path(store + ending) for ending in SQLITE_FILES]
    for other in kept:
        if path.resolve() == other.resolve() or (
            path.exists() and other.exists() and path.samefile(other)
        ):
            raise StoreError(
                Text(
                    f"--bad-lines {path} 是库或输入文件，不能替换",
                    f"--bad-lines {path} is the store or an input: it would be lost",
                )
            )
    check_target(path, force=force)


def _write_bad(path: Path | None, refused: Iterator[Refused], *, force: bool) -> None:
    if path is not None:
        with whole_file(path, force=force) as temporary:
            write_refused(temporary, ((row, shown(row.reason)) for row in refused))


def _missing(store: str, *, exists: bool) -> list[str]:
    if exists:
        return []
    where = redacted(store)
    return [
        text(f"{where} 没有库，导入时会建立", f"there is no store at {where}: an import creates it")
    ]


def _summarise(counts: Counts, notes: list[str], *, dry_run: bool, json: bool) -> None:
    """Print what became of the lines."""
    numbers = msgspec.structs.asdict(counts)
    if json:
        say(json_of({**numbers, "notes": notes}))
        return
    line = ", ".join(
        f"{count:,} {shown(found_out.COUNTS[name])}" for name, count in numbers.items()
    )
    if dry_run:
        line += text("（没有写入）", " (nothing was written)")
    note("\n".join([line, *notes]))
