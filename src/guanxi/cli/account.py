"""``guanxi account``: create, ban and deregister accounts of a store."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from msgspec import to_builtins

from guanxi.accounts.account import Card, State
from guanxi.cli.help import argument, in_chinese, option
from guanxi.cli.language import text
from guanxi.cli.stores import DEFAULT_STORE, StoreOption, with_store
from guanxi.cli.terminal import json_of, say
from guanxi.operations import accounts
from guanxi.stores.port import Store

app = typer.Typer(no_args_is_help=True)
#: How many accounts are written at the same time, in one transaction if the store can.
_CONCURRENT = 256

Mid = Annotated[int, argument("账号的 mid。", "The account's id.", min=1, max=2**63 - 1)]


@app.command()
@in_chinese("""建立账号，或修改名片。

    可一次给出多个 mid；--name 只用于一个。省略的选项不作改动。
    库不存在时会建立。有一个账号已注销则全部不改。""")
def add(
    mids: Annotated[
        list[int], argument("一个或多个 mid。", "One or more ids.", min=1, max=2**63 - 1)
    ],
    name: Annotated[str | None, option("昵称。", "The name that others see.")] = None,
    face: Annotated[str | None, option("头像的网址。", "The URL of its picture.")] = None,
    sign: Annotated[str | None, option("签名。", "A line that it says about itself.")] = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Create accounts, or change their cards.

    Several ids may be given; --name works for one only. Options that are left out change nothing.
    The store is created if it is missing. If one of the accounts is deregistered, none is changed.
    """
    if name is not None and len(set(mids)) > 1:
        raise typer.BadParameter(
            text("--name 只用于一个 mid", "--name is for one account: give one id, or leave it out")
        )
    options = {"name": name, "face": face, "sign": sign}
    changes = {field: value for field, value in options.items() if value is not None}

    async def put(opened: Store) -> None:
        for mid in mids:
            if await opened.account(mid) is not None:
                await accounts.registered(opened, mid)
        for start in range(0, len(mids), _CONCURRENT):
            puts = (
                accounts.put(opened, mid, changes, new=Card(name=f"用户{mid}"))
                for mid in mids[start : start + _CONCURRENT]
            )
            await asyncio.gather(*puts)

    with_store(store, put, create=True)


@app.command()
@in_chinese("""封停账号，或解封。

    被封停的账号可以登录和查看，任何更改以 -102 拒绝。账号须存在且未注销。""")
def ban(
    mid: Mid,
    lift: Annotated[bool, option("改为解封。", "Lift the ban instead.", "--lift")] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Ban an account, or lift its ban.

    A banned account may sign in and read; all that it changes is refused with code -102. The
    account must exist and not be deregistered.
    """
    state = State.NORMAL if lift else State.BANNED

    with_store(store, lambda opened: accounts.set_state(opened, mid, state))


@app.command()
@in_chinese("""永久注销账号。

    删除名片和会话，不删除关注、粉丝和黑名单。账号须存在。""")
def deregister(mid: Mid, store: StoreOption = DEFAULT_STORE) -> None:
    """Deregister an account for good.

    Its card and its sessions are deleted; its followings, followers and blocks are not. The account
    must exist.
    """

    with_store(store, lambda opened: accounts.set_state(opened, mid, State.DEREGISTERED))


@app.command()
@in_chinese("""设置隐私开关，并显示全部四项。

    省略的开关不变。输出为 JSON。账号须存在。""")
def privacy(
    mid: Mid,
    hide_followings: Annotated[
        bool | None,
        option(
            "对他人隐藏关注列表。",
            "Hide the followings from others.",
            "--hide-followings/--show-followings",
        ),
    ] = None,
    hide_followers: Annotated[
        bool | None,
        option(
            "对他人隐藏粉丝列表。",
            "Hide the followers from others.",
            "--hide-followers/--show-followers",
        ),
    ] = None,
    refuse_follows: Annotated[
        bool | None,
        option("拒绝新的关注。", "Refuse new followers.", "--refuse-follows/--allow-follows"),
    ] = None,
    approve_followers: Annotated[
        bool | None,
        option(
            "新的关注须经同意。",
            "Approve each new follower first.",
            "--approve-followers/--admit-followers",
        ),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Set privacy switches, and print all four.

    Switches that are left out do not change. The output is JSON. The account must exist.
    """
    options = {
        "hide_followings": hide_followings,
        "hide_followers": hide_followers,
        "refuse_follows": refuse_follows,
        "approve_followers": approve_followers,
    }
    changes = {switch: value for switch, value in options.items() if value is not None}

    async def change(opened: Store) -> str:
        if changes:
            await accounts.set_privacy(opened, mid, changes)
        return json_of(to_builtins((await accounts.existing(opened, mid)).privacy))

    say(with_store(store, change))
