"""``guanxi store`` and ``guanxi check``: create, migrate, copy and check stores."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Self

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from guanxi import stores
from guanxi.cli.help import argument, in_chinese, option
from guanxi.cli.language import shown, text
from guanxi.cli.store.copies import backed_up, backup, restore
from guanxi.cli.store.doctor import doctor
from guanxi.cli.store.exporting import exports
from guanxi.cli.store.importing import app as imports
from guanxi.cli.store.info import info
from guanxi.cli.store.opening import (
    DEFAULT_STORE,
    StoreOption,
    check_folder,
    unfinished,
    with_audit,
    with_store,
)
from guanxi.cli.store.recording import app as changes
from guanxi.cli.terminal import note, say
from guanxi.operations import admin_tokens
from guanxi.stores import copy, open_store, redacted
from guanxi.stores.port import Distribution, Store, StoreError
from guanxi.stores.port.info import CHECKED, note_of_time
from guanxi.text import Text

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(imports, name="import")
app.add_typer(exports, name="export")
app.add_typer(changes, name="changes")
app.command()(backup)
app.command()(backed_up)
app.command()(restore)
app.command()(info)
app.command()(doctor)


#: The shards of each table without --shards, and how many Citus has at most.
_SHARDS, _MAX_SHARDS = 32, 64_000

_COPY_AGAIN = Text(
    "复制没有完成：排除原因后重新运行同一命令即可继续",
    "the copy did not finish: mend this and run the same command again, it resumes",
)
_CHECK_AGAIN = Text(
    "检查没有完成，也没有改动任何数据：排除原因后请重新检查",
    "the check did not finish, and changed nothing: mend this and check again",
)


Address = Annotated[
    str,
    argument("SQLite 文件，或 postgresql://…", "A SQLite file, or postgresql://…", metavar="STORE"),
]


@app.command()
@in_chinese("""建立空库。

    已有的库保留其数据；--distribute 也会分布其表，并先说明将做什么。
    SQLite 文件不能分布，会被拒绝。""")
def init(
    store: Address,
    distribute: Annotated[
        bool,
        option(
            "把表分布到 Citus 的各节点。",
            "Distribute the tables over the nodes of Citus.",
            "--distribute",
        ),
    ] = False,
    shards: Annotated[
        int | None,
        option(
            "每表的分片数，默认 32；以后只能以重写全部数据改变。",
            "The number of shards of each table, 32 by default; to change it later rewrites all.",
            "--shards",
            min=1,
            max=_MAX_SHARDS,
        ),
    ] = None,
) -> None:
    """Create an empty store.

    An existing store keeps its data; --distribute distributes its tables too, and first says what
    it will do. A SQLite file cannot be distributed: it is refused.

    Example: guanxi store init postgresql://guanxi@db.example.com/guanxi --distribute --shards 128
    """
    if shards is not None and not distribute:
        raise typer.BadParameter(
            text("--shards 须与 --distribute 同用", "--shards needs --distribute")
        )
    check_folder(store)
    count = shards or _SHARDS
    created = asyncio.run(
        stores.init(
            store,
            distribute=distribute,
            shards=count if distribute else None,
            plan=lambda found: note(_plan(found, count, given=shards is not None)),
        )
    )
    result = text("已建立", "created") if created else text("已存在", "exists already")
    if distribute:
        result += text("，已分布到各节点", ", distributed over the nodes")
    note(f"{redacted(store)}: {result}")


def _plan(found: Distribution, shards: int, *, given: bool) -> str:
    """Return what --distribute will do with a store."""
    if not found.pending:
        lines = [text("所有表都已分布，没有可做的", "all tables are distributed: nothing to do")]
    else:
        count = found.shards or shards
        lines = [
            text(
                f"将把 {len(found.pending)} 张表分布到 {found.nodes} 个节点，每表 {count} 个分片；"
                f"约 {found.about_rows:,} 行关系将移到节点上，其间写入须等待",
                f"{len(found.pending)} tables will be distributed over {found.nodes} nodes, in"
                f" {count} shards each; about {found.about_rows:,} rows of relations move to the"
                " nodes, and writes wait meanwhile",
            )
        ]
    if found.shards is not None and given and found.shards != shards:
        lines.append(
            text(
                f"--shards {shards} 无效：库已有 {found.shards} 个分片，"
                "停止服务后用 alter_distributed_table(…, shard_count) 改变",
                f"--shards {shards} has no effect: the store has {found.shards}; with the services"
                " stopped, alter_distributed_table(…, shard_count) of Citus changes that",
            )
        )
    return "\n".join(lines)


@app.command()
@in_chinese("""把库结构升级到此版本。

    升级 PostgreSQL 库之前请先停止其服务。库须存在。
    SQLite 文件无需此命令：打开时自动升级，之前先把旧文件复制到同一文件夹。""")
def migrate(store: Address) -> None:
    """Upgrade the tables to this version.

    Stop the services of a PostgreSQL store first. A SQLite file needs no command: it is upgraded
    whenever it is opened, and the old file is copied into the same folder before. The store must
    exist.
    """
    versions = asyncio.run(stores.migrate(store))
    if versions is None:
        result = text(
            "SQLite 库在打开时自动升级", "a SQLite file is upgraded whenever it is opened"
        )
    elif versions[0] < versions[1]:
        result = f"{versions[0]} → {versions[1]}"
    else:
        result = text("已是最新", "up to date")
    note(f"{redacted(store)}: {result}")


_ENDS = Text(
    """{0}：更换密钥后
- 登录仍然有效，但浏览器须重新登录才能修改：bili_jct 由密钥导出（-111）
- refresh_token 与未确认的二维码失效
- 应用密钥对须重新发放：appsec 由密钥导出（-403）
- wbi 签名须重新取 img_key 与 sub_key，空间页的 w_webid 须重新取；SDK 会自动重取 wbi
运行中的服务在两秒内换用新密钥；其他程序（guanxi.open）须重新打开库。
管理口令不变。""",
    """{0}: once its secret is replaced
- sessions stay, but a browser changes nothing before it signs in again: its bili_jct is derived
  from the secret (-111)
- refresh tokens end, and QR codes that nobody has confirmed yet
- app key pairs have to be issued again: an appsec is derived from the secret (-403)
- wbi signatures need the new img_key and sub_key, and w_webid the one of a new page; the SDK
  fetches the wbi keys again
Running services use the new secret within two seconds. Programs that have opened the store as a
library have to open it again. Administration tokens stay.""",
)


@app.command("rotate-secret")
@in_chinese("""更换库的密钥，先列出因此失效的内容，并要求输入 rotate 确认。

    运行中的服务在两秒内换用新密钥，无需重启。""")
def rotate_secret(
    yes: Annotated[bool, option("不再询问。", "Do not ask.", "--yes", "-y")] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Replace the store's secret; first show what that ends, and have it confirmed.

    To confirm, type rotate, or give --yes. Running services use the new secret within two seconds,
    and need no restart.
    """
    note(shown(_ENDS).format(redacted(store)))
    if not yes:
        typed = typer.prompt(text("输入 rotate 以确认", "Type rotate to confirm"), err=True)
        if typed != "rotate":
            raise typer.Abort
    with_audit(store, "store rotate-secret", lambda opened, _: admin_tokens.rotate_secret(opened))
    note(text("已更换", "replaced"))


@app.command("copy")
@in_chinese("""把一个库复制到另一个库，并比对。

    两边都可以是 SQLite 文件或 PostgreSQL。请先停止两边的服务。
    中断后重新运行同一命令即可继续。
    账号、分组、关系、内容、会话、管理口令、审计日志与密钥都会复制，因此无人需要重新登录。
    之后每个不同的账号输出一行，退出状态为 1；重新运行不会修复，请复制到新库。
    未能完成时退出状态为 3，如失去服务器。""")
def copy_store(
    source: Annotated[str, argument("要复制的库。", "The store to copy.", metavar="FROM")],
    target: Annotated[
        str, argument("空库；不存在时会建立。", "An empty store; created if missing.", metavar="TO")
    ],
) -> None:
    """Copy a store into another, and compare.

    Either may be a SQLite file or PostgreSQL. Stop the services of both first. After an
    interruption run the same command again: it resumes. Accounts, groups, relations, documents,
    sessions, administration tokens, the audit log and the secret are copied, so nobody is signed
    out. Each account that differs
    afterwards is printed on a line, and the exit status is 1; to run it again repairs nothing, so
    copy into a new store. The exit status is 3 if the copy did not finish, as when a server is
    lost.
    """
    console = Console(stderr=True, markup=False)
    with Lines(console) as lines:

        async def copy_and_compare() -> list[str]:
            async with _opened(source) as old, _opened(target, is_target=True) as new:
                return await _copy(old, new, lines)

        check_folder(target)
        with unfinished(_COPY_AGAIN):
            problems = asyncio.run(copy_and_compare())
    for line in problems:
        say(line)
    note(
        text(
            f"{len(problems)} 处不同；重新运行不会修复，请复制到新的目标",
            f"{len(problems)} differences; running it again repairs nothing: copy into a new store",
        )
        if problems
        else text("复制完成，两库一致", "copied; the two stores are equal")
    )
    raise typer.Exit(1 if problems else 0)


async def _copy(source: Store, target: Store, lines: Lines) -> list[str]:
    """Copy and compare; return a line for each difference and each fault of the target.

    If there are none, mark the copy as finished in the target. Raise StoreError as ``copy.copy``.
    """
    now = int(time.time())
    await copy.copy(source, target, lines.of(text("复制", "copying")), now)
    problems = []
    comparing = lines.of(text("比对", "comparing"))
    async for part, mid in copy.differences(source, target, comparing, now):
        problems.append(f"account {mid}: {part}" if mid else part)
    step = text("检查", "checking")

    def show_share(_: str, share: float) -> None:
        lines.show(step, f"{share:.0%}")

    async for fault in target.check(show_share):
        problems.append(f"{fault.invariant}: {fault.detail}")
    lines.show(step, "100%")
    if not problems:
        await copy.finish(target)
    return problems


@asynccontextmanager
async def _opened(address: str, *, is_target: bool = False) -> AsyncIterator[Store]:
    store = await open_store(address, create=is_target, copying=is_target)
    try:
        yield store
    finally:
        await store.close()


#: What the parts of a copy are called.
PARTS = {
    "accounts": Text("账号", "accounts"),
    "groups": Text("分组", "groups"),
    "relations": Text("关系", "relations"),
    "requests": Text("关注申请", "requests"),
    "documents": Text("内容", "documents"),
    "erasures": Text("抹除", "erasures"),
    "counts": Text("计数", "counts"),
    "sessions": Text("会话", "sessions"),
    "audit log": Text("审计日志", "audit log"),
}


class Lines:
    """The progress of a copy: a line for each step, with what is done and the time that it took."""

    def __init__(self, console: Console, get_time: Callable[[], float] = time.monotonic) -> None:
        columns = (
            *([SpinnerColumn(finished_text=" ")] if console.is_terminal else []),
            TextColumn("{task.description}"),
            TextColumn("{task.fields[done]:>12}"),
            TimeElapsedColumn(),
        )
        self._progress = Progress(*columns, console=console, get_time=get_time)
        self._name, self._task = "", TaskID(0)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._progress.stop()

    def of(self, verb: str) -> copy.Progress:
        """Return a callback that shows how many rows of each part are done."""

        def report(part: str, count: int) -> None:
            self.show(f"{verb} {shown(PARTS[part])}", f"{count:,}")

        return report

    def show(self, name: str, done: str) -> None:
        """Show how much of a step is done; the step before has ended if this is another."""
        if name != self._name:
            self._end()
            self._name, self._task = name, self._progress.add_task(name, total=1, done=done)
        self._progress.update(self._task, done=done)

    def _end(self) -> None:
        if self._name:
            self._progress.update(self._task, completed=1)
            self._progress.stop_task(self._task)


#: What a check looks at, on a terminal.
_PART = SpinnerColumn(), TextColumn("{task.percentage:>3.0f}% {task.description}")


@in_chinese("""检查整个库的全部约束。

    每处错误输出一行；如有错误，退出状态为 1；否则记下检查的时间。未能检查完时为 3，如失去服务器。
    晚于时钟的关系不算错误，其数目输出到标准错误。""")
def check(store: StoreOption = DEFAULT_STORE) -> None:
    """Check every invariant of a whole store.

    Prints a line for each fault; if there is one, the exit status is 1, else guanxi store info
    shows the time from then on. The status is 3 if the check did not finish, as when a server is
    lost. Relations that are later than the clock are counted on standard error, and are no fault.
    """
    now = int(time.time())

    async def print_faults(opened: Store) -> tuple[int, int]:
        count = 0
        console = Console(stderr=True, markup=False)
        with Progress(*_PART, console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task(text("检查", "checking"), total=1)
            async for fault in opened.check(
                lambda what, share: progress.update(task, description=what, completed=share)
            ):
                count += 1
                say(f"{fault.invariant}: {fault.detail}")
        ahead = 0
        async for edge in opened.edges():
            ahead += edge.time > now
        if not count:
            with suppress(StoreError):  # the disk may be full: the check is done all the same
                await opened.put_note(CHECKED, note_of_time(int(time.time())))
        return count, ahead

    with unfinished(_CHECK_AGAIN):
        count, ahead = with_store(store, print_faults)
    if ahead:
        note(
            text(
                f"{ahead} 条关系的时间晚于时钟：时钟曾经走快；新的关系仍排在它们之前",
                f"{ahead} relations are later than the clock, which was ahead once; newer ones are"
                " still listed before them",
            )
        )
    note(
        text(f"发现 {count} 处错误", f"{count} faults") if count else text("检查通过", "no faults")
    )
    raise typer.Exit(1 if count else 0)
