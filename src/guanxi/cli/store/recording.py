"""``guanxi store changes``: whether a store records its changes, and how many it keeps."""

from __future__ import annotations

from typing import Annotated

import typer

from guanxi.cli.help import in_chinese, option
from guanxi.cli.language import text
from guanxi.cli.store.opening import DEFAULT_STORE, StoreOption, with_audit, with_store
from guanxi.cli.terminal import json_of, note, say
from guanxi.operations.audit import Act
from guanxi.stores.port import Store
from guanxi.stores.port.feed import KEEP_DAYS, FeedStatus

app = typer.Typer(
    help=text("记录变更，供其他程序读取。", "Record changes, for other programs to read."),
    no_args_is_help=True,
    rich_markup_mode=None,
)

KeepDays = Annotated[
    int | None,
    option("最多保留的天数。", "Keep this many days at most.", "--keep-days", min=1),
]
KeepRows = Annotated[
    int | None,
    option("最多保留的变更数。", "Keep this many changes at most.", "--keep-rows", min=1),
]


@app.command("on")
@in_chinese("""打开变更记录。

    从每个进程的下一个事务起，每次变更都在其事务中记录；服务无需重启。
    再次运行只改变保留的范围。之前的数据请用 guanxi store export 导出。""")
def switch_on(
    keep_days: KeepDays = KEEP_DAYS, keep_rows: KeepRows = None, store: StoreOption = DEFAULT_STORE
) -> None:
    """Record changes from now on.

    Each change is recorded in its transaction, from the next one of every process: services need no
    restart. To run it again changes only how many are kept. What the store holds already is in an
    export (guanxi store export).
    """

    async def switch(opened: Store, _act: Act) -> bool:
        return await opened.set_changes(True, keep_days=keep_days, keep_rows=keep_rows)

    changed = with_audit(store, "store changes on", switch)
    note(text("已打开", "switched on") if changed else text("已是打开", "on already"))


@app.command("off")
@in_chinese("""关闭变更记录，并删除已记录的变更。

    所有游标随之失效：再次打开后，读取者须从导出重新开始。""")
def switch_off(store: StoreOption = DEFAULT_STORE) -> None:
    """Record no changes any more, and delete the recorded ones.

    All cursors end: once it is on again, readers must start from an export.
    """
    changed = with_audit(store, "store changes off", lambda opened, _: opened.set_changes(False))
    note(text("已关闭", "switched off") if changed else text("已是关闭", "off already"))


@app.command()
@in_chinese("""以 JSON 显示是否记录变更、末尾的游标与保留的范围。""")
def status(store: StoreOption = DEFAULT_STORE) -> None:
    """Print as JSON whether changes are recorded, the cursor of the end, and what is kept."""
    found: FeedStatus = with_store(store, lambda opened: opened.changes_status())
    say(
        json_of(
            {
                "on": found.on,
                "cursor": found.cursor,
                "oldest": found.oldest,
                "newest": found.newest,
                "keep_days": found.keep_days,
                "keep_rows": found.keep_rows,
            }
        )
    )


@app.command()
@in_chinese("""声明此库由备份恢复，如用 pg_restore。

    之后，晚于备份的游标将被拒绝；其余继续有效。请在第一次写入之前运行。
    guanxi store restore 自动如此。""")
def restored(store: StoreOption = DEFAULT_STORE) -> None:
    """Say that the store was restored from a backup, as by pg_restore.

    Cursors that are later than the backup are refused from then on; the others go on. Run it before
    the first write. guanxi store restore does the same.
    """
    is_on = with_audit(store, "store changes restored", lambda opened, _: opened.mark_restored())
    note(
        text("晚于现在的游标将被拒绝", "cursors later than now are refused")
        if is_on
        else text("没有记录变更，无需此命令", "no changes are recorded: nothing to do")
    )


@app.command()
@in_chinese("""删除超出范围的旧变更。

    不给范围时用打开时的范围。运行中的服务每分钟自动删除。""")
def trim(
    keep_days: KeepDays = None, keep_rows: KeepRows = None, store: StoreOption = DEFAULT_STORE
) -> None:
    """Delete the changes beyond the bounds.

    Without bounds, those of ``on``. A running service does that once a minute.
    """
    deleted = with_audit(
        store,
        "store changes trim",
        lambda opened, _: opened.trim_changes(keep_days=keep_days, keep_rows=keep_rows),
    )
    note(text(f"删除了 {deleted:,} 条", f"deleted {deleted:,}"))
