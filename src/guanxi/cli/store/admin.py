"""``guanxi admin``: tokens of the administration, and the log of what it did."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from guanxi.accounts.administrators import Scope, is_name, scopes_text
from guanxi.cli.help import argument, in_chinese, option
from guanxi.cli.language import text
from guanxi.cli.store.opening import DEFAULT_STORE, StoreOption, with_audit, with_store
from guanxi.cli.terminal import json_of, note, say
from guanxi.operations import admin_tokens, audit
from guanxi.operations.admin_tokens import MOST_DAYS
from guanxi.operations.audit import Act
from guanxi.stores.port import Store

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
tokens = typer.Typer(
    help=text("建立、列出与撤销口令。", "Make, list and revoke tokens."),
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(tokens, name="token")


Name = Annotated[str, argument("口令的名称。", "The token's name.", metavar="NAME")]


@tokens.command()
@in_chinese("""建立口令并显示；只显示这一次，库中只存其 SHA-256。

    权限互不包含：read 可读取，write 可更改并登录任何账号，metrics 只可读指标。
    运行中的服务立即接受。""")
def new(
    name: Name,
    scope: Annotated[
        list[Scope],
        option(
            "权限：read、write 或 metrics；可多次给出。",
            "What it permits: read, write or metrics. May be repeated.",
            "--scope",
        ),
    ],
    days: Annotated[
        int,
        option(
            "有效天数；0 为不限。", "How many days it lasts; 0 for no end.", min=0, max=MOST_DAYS
        ),
    ] = 365,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Make a token, and print it.

    It is shown this once: the store keeps its SHA-256 alone. No scope implies another: read reads,
    write changes everything and signs anybody in, and metrics reads the metrics alone. Running
    services accept it right away.
    """
    scopes = frozenset(scope)

    async def make(opened: Store, act: Act) -> str:
        act.detail = f"{name} {scopes_text(scopes)}" if is_name(name) else ""
        now = int(time.time())
        made = await admin_tokens.new_token(opened, name, scopes, days or None, now)
        return made.text

    say(with_audit(store, "admin token new", make))


@tokens.command("list")
@in_chinese("""列出库中的口令，每行一个 JSON，不含其密文。

    配置文件中的口令与 GUANXI_ADMIN_TOKEN 不在其中。""")
def list_tokens(store: StoreOption = DEFAULT_STORE) -> None:
    """Print the store's tokens, a line of JSON for each, without their secrets.

    The token GUANXI_ADMIN_TOKEN and those of the config file are not among them.
    """
    for token in with_store(store, lambda opened: opened.admin_tokens()):
        say(json_of(admin_tokens.described(token)))


@tokens.command()
@in_chinese("""撤销口令；运行中的服务在一秒内不再接受。""")
def revoke(name: Name, store: StoreOption = DEFAULT_STORE) -> None:
    """Revoke a token: running services refuse it within a second."""

    async def end(opened: Store, act: Act) -> None:
        act.detail = name if is_name(name) else ""
        await admin_tokens.revoke(opened, name)

    with_audit(store, "admin token revoke", end)


@app.command("audit")
@in_chinese("""显示审计日志，最新的在前，每行一个 JSON。

    status 为 HTTP 状态，命令则为退出状态；null 为结果不明，可能已执行。""")
def show_audit(
    mid: Annotated[
        int, option("只看此账号。", "Only what was about this account.", min=0, max=2**63 - 1)
    ] = 0,
    token: Annotated[
        str,
        option(
            "只看此口令，或命令行 cli:用户名。",
            "Only what this token did, or cli:USER on the command line.",
        ),
    ] = "",
    limit: Annotated[int, option("最多多少条。", "How many at most.", min=1, max=100_000)] = 50,
    after: Annotated[
        int | None,
        option(
            "从此 number 之后继续（更早的）。",
            "Continue after this number, with what was earlier.",
            min=1,
            max=2**63 - 1,
            metavar="NUMBER",
        ),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Print the audit log, the newest first, a line of JSON for each act.

    The status is that of HTTP, or for a command its exit status; null means that no outcome is
    known, and that the act may have been done.
    """
    found = with_store(store, lambda opened: opened.audit(limit, before=after, mid=mid, who=token))
    for entry in found:
        say(json_of(audit.described(entry)))


@app.command("trim-audit")
@in_chinese("""删除审计日志中较旧的条目。

    运行中的服务按 audit_days（默认 365 天）自动删除。""")
def trim_audit(
    keep_days: Annotated[
        int, option("保留的天数。", "Keep this many days.", "--keep-days", min=1, max=MOST_DAYS)
    ],
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Delete the older entries of the audit log.

    A running service does that every ten minutes, with its setting audit_days (365 by default).
    """

    async def trim(opened: Store, act: Act) -> int:
        act.detail = f"{keep_days} days kept"
        return await audit.trim(opened, keep_days, int(time.time()))

    deleted = with_audit(store, "admin trim-audit", trim)
    note(text(f"删除了 {deleted:,} 条", f"deleted {deleted:,}"))
