"""``guanxi store doctor``: what is wrong with a server or its settings, and what to do."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from guanxi import stores
from guanxi.cli.help import argument, in_chinese, option
from guanxi.cli.language import shown, text
from guanxi.cli.store.opening import unfinished
from guanxi.cli.terminal import json_of, note, say
from guanxi.stores.port import Finding, Level
from guanxi.text import Text

_WIDTH = 80
_LEVELS = {
    Level.OK: Text("正常", "ok"),
    Level.WARNING: Text("注意", "warning"),
    Level.ERROR: Text("错误", "error"),
}
_AGAIN = Text("没有检查完，请排除原因后重新运行", "not everything was looked at: mend this first")


@in_chinese("""检查 PostgreSQL 库的服务器、设置与状态，并说明如何处理。

    逐节点检查版本、设置、连接、分布、遗留的预备事务、时钟、索引与膨胀，并抽查只有一端的关系。
    不加锁，不改动数据。有错误时退出状态为 1，仅有注意时为 0，未能检查完时为 3。""")
def doctor(
    store: Annotated[
        str, argument("postgresql://… 的库。", "The store, postgresql://…", metavar="STORE")
    ],
    as_json: Annotated[bool, option("以 JSON 输出。", "Print JSON.", "--json")] = False,
) -> None:
    """Check a PostgreSQL store's server, settings and state, and say what to do.

    On each node: versions, settings, connections, distribution, prepared transactions left over,
    clocks, indexes, bloat; and a sample of relations for pairs with one end. It locks and changes
    nothing. The exit status is 1 if there is an error, 0 with warnings alone, and 3 if it could
    not look at everything.

    Example: guanxi store doctor postgresql://guanxi@db.example.com/guanxi
    """
    with unfinished(_AGAIN):
        findings = asyncio.run(stores.examine(store))
    errors = sum(one.level is Level.ERROR for one in findings)
    warnings = sum(one.level is Level.WARNING for one in findings)
    if as_json:
        say(json_of([_plain(one) for one in findings]))
    else:
        say(_table(findings))
        note(
            text(
                f"{errors} 处错误，{warnings} 处注意",
                f"{errors} errors, {warnings} warnings",
            )
        )
    raise typer.Exit(1 if errors else 0)


def _plain(one: Finding) -> dict[str, str | None]:
    return {
        "check": one.check,
        "level": one.level.value,
        "found": shown(one.found),
        "advice": shown(one.advice) if one.advice else None,
    }


def _table(findings: Sequence[Finding]) -> str:
    """Return the findings as lines of at most 80 columns; what to do is below what was found."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(max_width=26)
    table.add_column(overflow="fold")
    for one in findings:
        found = shown(one.found)
        if one.advice is not None:
            found += f"\n→ {shown(one.advice)}"
        table.add_row(shown(_LEVELS[one.level]), one.check, found)
    out = io.StringIO()
    Console(file=out, width=_WIDTH, markup=False, highlight=False, color_system=None).print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())
