"""``guanxi store backup`` and ``restore``: copies of a SQLite store."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from guanxi.accounts.administrators import AuditEntry, new_number
from guanxi.cli.help import argument, in_chinese, option
from guanxi.cli.language import text
from guanxi.cli.store.opening import DEFAULT_STORE, StoreOption, user, with_audit
from guanxi.cli.terminal import escaped, note
from guanxi.stores.port.info import BACKED_UP, note_of_time

Backup = Annotated[Path, argument("备份文件。", "The backup.", metavar="FILE", allow_dash=False)]
#: How a restored store's old file is named.
_STAMP = "%Y%m%d-%H%M%S"


@in_chinese("""备份使用中的 SQLite 库。

    服务可以继续读写。备份为一个快照，包含开始之前已应答的每次写入；
    写好并完整检查之后才以 FILE 之名出现。其中有库的密钥，仅所有者可读。
    被中断时不留下 FILE。PostgreSQL 请用 pg_dump。""")
def backup(
    file: Backup,
    store: StoreOption = DEFAULT_STORE,
    force: Annotated[
        bool, option("替换已有的文件。", "Replace an existing file.", "--force")
    ] = False,
) -> None:
    """Back up a SQLite store that may be in use.

    Services go on reading and writing. The backup is one snapshot, with every write that was
    answered before it began; it gets its name once it is on the disk and checked completely. It has
    the store's secret: only its owner can read it. After an interruption there is no FILE. Use
    pg_dump for PostgreSQL.

    Example: guanxi store backup /backups/mine.db --store mine.db
    """
    from guanxi.files.copies import back_up  # needs the driver of SQLite

    console = Console(stderr=True, markup=False)
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(text("备份", "copying"), total=None)

        def report(done: int, of: int) -> None:
            what = text("检查", "checking") if done == of else text("备份", "copying")
            progress.update(task, completed=done, total=of, description=what)

        def looking(what: str, share: float) -> None:
            progress.update(task, description=f"{text('检查', 'checking')} {share:.0%}: {what}")

        done = back_up(
            store,
            file,
            force=force,
            progress=report,
            looking=looking,
            entry=_entry("store backup"),
        )
    note(
        text(
            f"已备份到 {file}：{done.bytes:,} 字节，检查通过",
            f"backed up to {file}: {done.bytes:,} bytes, no faults",
        )
    )
    if not done.is_noted:
        note(
            text(
                "库无法写入，因此没有记下这次备份",
                "the store cannot be written, so it has no note of this backup",
            )
        )


@in_chinese("""用备份恢复 SQLite 库。

    请先停止服务。先复制并完整检查备份，再以一次改名替换；
    旧的库保留为 STORE.replaced-时间，除非 --discard。
    备份之后的写入、登录与退出都会失去。备份之后抹除的账号会再次抹除。
    变更的游标若晚于备份，将被拒绝。
    较旧的结构在下次打开时升级。""")
def restore(
    file: Backup,
    store: StoreOption = DEFAULT_STORE,
    force: Annotated[
        bool, option("替换已有的库。", "Replace an existing store.", "--force")
    ] = False,
    discard: Annotated[
        bool, option("不保留旧的库。", "Do not keep the old store.", "--discard")
    ] = False,
    yes: Annotated[
        bool, option("不询问。", "Do not ask for a confirmation.", "--yes", "-y")
    ] = False,
) -> None:
    """Put a backup in the place of a SQLite store.

    Stop its services first. The backup is copied and checked completely, then replaces the store by
    one renaming; the old store is kept as STORE.replaced-TIME, unless --discard. What was written
    since the backup is lost, sign-ins and sign-outs too. Accounts that were erased since are erased
    again, once a service runs. Cursors of changes that are later than the backup are refused from
    then on. An older schema is migrated when the store is opened next.

    Example: guanxi store restore /backups/mine.db --store mine.db --force
    """
    from guanxi.files.copies import restore as put_back  # needs the driver of SQLite

    done = put_back(
        file,
        store,
        force=force,
        discard=discard,
        stamp=time.strftime(_STAMP),
        entry=_entry("store restore"),
        agreed=lambda: yes or _confirmed(store),
    )
    if done is None:
        note(text("未作改动", "nothing was changed"))
        raise typer.Exit(1)
    note(
        text(
            f"已恢复 {store}：{done.bytes:,} 字节，检查通过",
            f"restored {store}: {done.bytes:,} bytes, no faults",
        )
    )
    if done.erased is None:
        note(
            text(
                "旧的库无法读取：请再次抹除备份之后抹除过的账号",
                "the old store cannot be read: erase again whom you erased since the backup",
            )
        )
    elif done.erased:
        note(
            text(
                f"再次抹除 {done.erased:,} 个账号：服务启动后进行，或用 guanxi account erase",
                f"accounts to erase again: {done.erased:,}; a service does it once it runs",
            )
        )
    if done.aside is not None:
        note(text(f"旧的库：{done.aside}", f"the old store is {done.aside}"))


@in_chinese("""记下此库刚由其他程序备份，如 pg_dump 或文件系统的快照。

    控制台的概览会指出备份过旧；guanxi store backup 自动记下。""")
def backed_up(store: StoreOption = DEFAULT_STORE) -> None:
    """Record that another program has just backed up the store, such as pg_dump or a snapshot.

    The console's overview warns of old backups. guanxi store backup records its own.

    Example: pg_dump … && guanxi store backed-up --store postgresql://…
    """
    with_audit(
        store,
        "store backed-up",
        lambda opened, _: opened.put_note(BACKED_UP, note_of_time(int(time.time()))),
    )
    note(text("已记下", "recorded"))


def _entry(what: str) -> AuditEntry:
    """Return the audit entry of a command that has succeeded."""
    return AuditEntry(number=new_number(time.time_ns() // 10**6), who=user(), what=what, status=0)


def _confirmed(store: str) -> bool:
    """Return whether the user types the store's name, to replace it."""
    if not sys.stdin.isatty():
        raise typer.BadParameter(
            text("没有终端可以询问：请用 --yes", "there is no terminal to ask: use --yes")
        )
    name = Path(store).name
    typed = typer.prompt(
        escaped(
            text(
                f"{store} 将被替换。请输入 {name} 以确认",
                f"{store} will be replaced. Type {name} to confirm",
            )
        ),
        err=True,
        default="",
        show_default=False,
    )
    return str(typed) == name
