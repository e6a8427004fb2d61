"""``guanxi account list`` and ``export``, and the tables of accounts and sessions."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path
from typing import IO, Annotated
from unicodedata import east_asian_width

from msgspec import to_builtins

from guanxi.accounts.account import STATES, StateName
from guanxi.cli.help import in_chinese, option
from guanxi.cli.language import text
from guanxi.cli.named import NamedAccount, mid_of
from guanxi.cli.store.opening import DEFAULT_STORE, StoreOption, with_store
from guanxi.cli.terminal import json_of, note, one_line, say, until_closed
from guanxi.files.output import whole_file, write_all
from guanxi.operations import accounts, listing
from guanxi.operations.export import encoded
from guanxi.stores.port import ListedAccount, Store

#: How many accounts are read at a time.
_PAGE = 1_000
#: How many cells of a terminal's line the name has.
_NAME = 34


@in_chinese("""列出账号。

    按昵称的开头（不分大小写）、状态、建立时间筛选；给出 --name 时按昵称排序，否则按建立时间，
    最早的在前。不知道建立时间的账号（如由导入关注建立的）视为 0。""")
def list_accounts(
    name: Annotated[
        str, option("昵称以此开头。", "Only names that begin with this.", "--name")
    ] = "",
    state: Annotated[
        StateName | None,
        option("只列此状态。", "Only accounts in this state.", "--state"),
    ] = None,
    created_after: Annotated[
        int | None,
        option(
            "在此时刻之后建立，自 1970 年起的秒数。",
            "Created after this time, in seconds since 1970.",
            "--created-after",
            min=0,
        ),
    ] = None,
    created_before: Annotated[
        int | None,
        option(
            "在此时刻之前建立，自 1970 年起的秒数。",
            "Created before this time, in seconds since 1970.",
            "--created-before",
            min=0,
        ),
    ] = None,
    limit: Annotated[
        int, option("最多列出的数目。", "List this many at most.", "--limit", min=1)
    ] = 50,
    after: Annotated[
        str,
        option(
            "从此游标之后继续；上次列出时显示。",
            "Continue after this cursor, which the list before showed.",
            "--after",
        ),
    ] = "",
    as_json: Annotated[
        bool, option("每行输出一个 JSON 对象。", "Print a JSON object a line.", "--json")
    ] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """List accounts.

    By the start of their name in any case, by state, by creation. With --name they are in the order
    of their names, else by creation, the oldest first. An unknown creation, as of accounts that an
    import of edges created, counts as 0. If there are more, the cursor that continues is printed on
    standard error.
    """

    async def show(opened: Store) -> str:
        end, left, begun = after, limit, False
        while left:
            query = listing.query(
                name=name,
                state=None if state is None else STATES[state],
                created_after=created_after,
                created_before=created_before,
                limit=min(left, _PAGE),
                after=end,
            )
            found, end = await listing.page(opened, query, int(time.time()))
            if found and not as_json and not begun:
                say(_row("mid", "state", "created", "name"))
                begun = True
            for account in found:
                say(_json(account) if as_json else _account(account))
            left -= len(found)
            if not end:
                break
        return end

    end = with_store(store, show)
    if end:
        note(text(f"还有更多：--after {end}", f"there are more: --after {end}"))


def _json(account: ListedAccount) -> str:
    return json_of(to_builtins(listing.described(account)))


def _account(account: ListedAccount) -> str:
    created = minute(account.created)[: len("2026-01-01")]
    return _row(account.mid, account.state.name.lower(), created, account.name)


def _row(mid: object, state: str, created: str, name: str) -> str:
    """Return a line of the table of accounts, at most 80 cells wide."""
    return f"{mid:>19}  {state:<12}  {created:<10}  {fitting(one_line(name), _NAME)}"


def session_row(id: object, kind: object, created: str, used: str, expires: str) -> str:
    """Return a line of the table of sessions, at most 80 cells wide."""
    return f"{id:>16}  {kind:<6}  {created:<16}  {used:<16}  {expires:<16}".rstrip()


def minute(seconds: int) -> str:
    """Return a time as the table shows it: UTC, to the minute; "-" for 0, which is unknown."""
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds)) if seconds else "-"


def fitting(shown: str, cells: int) -> str:
    """Return a text cut to so many cells of a terminal, with "…" at a cut; wide signs have two."""
    widths = [2 if east_asian_width(one) in "WF" else 1 for one in shown]
    if sum(widths) <= cells:
        return shown
    fits = sum(width < cells for width in accumulate(widths))  # the mark of the cut needs a cell
    return f"{shown[:fits]}…"


@in_chinese("""导出一个账号的全部数据。

    JSON Lines：账号、计数、分组、各列表的关系、请求、内容、会话（不含能登录的内容）；
    最后一行给出行数。默认输出到标准输出。账号须存在。""")
def export(
    mid: NamedAccount,
    out: Annotated[
        Path | None,
        option("写入此文件。", "Write to this file.", "--out", metavar="FILE"),
    ] = None,
    force: Annotated[
        bool, option("替换已有的文件。", "Replace an existing file.", "--force")
    ] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Export all that is kept of an account.

    JSON Lines: the account, its counts, its groups, the edges of its lists, its requests, its
    content, its sessions without what signs in; the last line has the number of lines. By default
    on standard output. The account must exist.
    """

    async def write(opened: Store) -> int:
        found = await mid_of(opened, mid)
        await accounts.existing(opened, found)
        lines = 0
        with ExitStack() as stack:
            file: IO[bytes] = sys.stdout.buffer
            if out is not None:
                temporary = stack.enter_context(whole_file(out, force=force))
                file = stack.enter_context(temporary.open("wb"))
            async for line in encoded(opened, found):
                write_all(file, line)
                lines += 1
            file.flush()
        return lines

    with until_closed():
        lines = with_store(store, write)
    note(text(f"导出 {lines:,} 行", f"exported {lines:,} lines"))
