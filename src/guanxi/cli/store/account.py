"""``guanxi account``: create, ban and deregister accounts of a store."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

import typer
from msgspec import to_builtins

from guanxi.accounts.account import Card, State
from guanxi.cli.help import argument, in_chinese, option
from guanxi.cli.language import text
from guanxi.cli.named import Named, NamedAccount, mid_of
from guanxi.cli.store.account_lists import export, list_accounts
from guanxi.cli.store.erase import erase
from guanxi.cli.store.opening import DEFAULT_STORE, StoreOption, with_audit, with_store
from guanxi.cli.terminal import json_of, say
from guanxi.contract.params import LARGEST
from guanxi.operations import accounts
from guanxi.operations.audit import Act
from guanxi.stores.port import Store

app = typer.Typer(no_args_is_help=True)
app.command()(erase)
#: How many accounts are written at the same time, in one transaction if the store can.
_CONCURRENT = 256

app.command("list")(list_accounts)
app.command()(export)


@app.command()
@in_chinese("""建立账号，或修改名片。

    可一次给出多个 mid；--name 与 --key 只用于一个。省略的选项不作改动。
    只有 --key 而没有 mid 时：此键的账号，若无则以随机的 mid 建立，并输出其 mid。
    库不存在时会建立。有一个账号已注销则全部不改。""")
def add(
    mids: Annotated[
        list[int] | None,
        argument("一个或多个 mid。", "One or more ids.", min=1, max=LARGEST),
    ] = None,
    name: Annotated[str | None, option("昵称。", "The name that others see.")] = None,
    face: Annotated[str | None, option("头像的网址。", "The URL of its picture.")] = None,
    sign: Annotated[str | None, option("签名。", "A line that it says about itself.")] = None,
    key: Annotated[
        str | None,
        option(
            "您的应用给账号的标识，1 至 255 个字符；空为没有。",
            "Your application's id for the account, 1 to 255 characters; empty for none.",
        ),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Create accounts, or change their cards.

    Several ids may be given; --name and --key work for one only. Options that are left out change
    nothing. With --key and no id: the account with this key, created with a random id if there is
    none; its id is printed. The store is created if it is missing. If one of the accounts is
    deregistered, none is changed.
    """
    mids = mids or []
    if not mids and not key:
        raise typer.BadParameter(text("请给出 mid 或 --key", "give an id, or --key"))
    for flag, value in (("--name", name), ("--key", key)):
        if value is not None and len(set(mids)) > 1:
            raise typer.BadParameter(
                text(
                    f"{flag} 只用于一个 mid",
                    f"{flag} is for one account: give one id, or leave it out",
                )
            )
    options = {"name": name, "face": face, "sign": sign}
    changes = {field: value for field, value in options.items() if value is not None}

    def new(mid: int) -> Card:
        return Card(name=f"用户{mid}")

    async def put_by_key(opened: Store, act: Act) -> int:
        act.mid = await accounts.put_by_key(opened, key or "", changes, new=new)
        return act.mid

    async def put(opened: Store, act: Act) -> None:
        if len(mids) > 1:
            act.detail = f"{len(mids)} accounts from {min(mids)} to {max(mids)}"
        for mid in mids:
            if await opened.account(mid) is not None:
                await accounts.registered(opened, mid)
        for start in range(0, len(mids), _CONCURRENT):
            puts = (
                accounts.put(opened, mid, changes, new=new(mid), key=key)
                for mid in mids[start : start + _CONCURRENT]
            )
            await asyncio.gather(*puts)

    if mids:
        mid = mids[0] if len(mids) == 1 else 0
        with_audit(store, "account add", put, create=True, mid=mid)
    else:
        say(with_audit(store, "account add", put_by_key, create=True))


@app.command()
@in_chinese("""显示账号：键、状态、封停、建立时间、隐私开关、名片、计数与会话数。

    输出为 JSON。账号须存在。""")
def show(mid: NamedAccount, store: StoreOption = DEFAULT_STORE) -> None:
    """Print an account: key, state, ban, creation, switches, card, counts and sessions.

    The output is JSON. The account must exist.
    """

    async def describe(opened: Store) -> str:
        described = await accounts.described(opened, await mid_of(opened, mid))
        return json_of(to_builtins(described), indent=2)

    say(with_store(store, describe))


@app.command()
@in_chinese("""封停账号，或解封。

    被封停的账号可以登录和查看，任何更改以 -102 拒绝。到 --until 的时刻自动解封。
    再次封停会替换原因与时刻。账号须存在且未注销。--lift 不能与其他选项同用。""")
def ban(
    mid: NamedAccount,
    lift: Annotated[bool, option("改为解封。", "Lift the ban instead.", "--lift")] = False,
    reason: Annotated[
        str,
        option("原因，只有管理者可见。", "Why; only administrators see it.", "--reason"),
    ] = "",
    until: Annotated[
        int | None,
        option(
            "到此时刻为止，自 1970 年起的秒数；默认为永久。",
            "When it ends, in seconds since 1970; by default never.",
            "--until",
            min=1,
        ),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Ban an account, or lift its ban.

    A banned account may sign in and read; all that it changes is refused with code -102. From
    --until on it acts again. Another ban replaces the reason and the end. The account must exist
    and not be deregistered. --lift excludes the other options.
    """
    if lift and (reason or until is not None):
        raise typer.BadParameter(
            text("--lift 不能与 --reason、--until 同用", "--lift needs no --reason and no --until")
        )
    if lift:
        _set_state(store, "account ban", mid, State.NORMAL)
        return

    async def change(opened: Store, act: Act) -> None:
        act.mid, act.detail = await mid_of(opened, mid), "banned"
        await accounts.ban(opened, act.mid, reason=reason, until=until or 0, now=int(time.time()))

    with_audit(store, "account ban", change)


@app.command()
@in_chinese("""永久注销账号。

    删除名片和会话，不删除关注、粉丝和黑名单。账号须存在。""")
def deregister(mid: NamedAccount, store: StoreOption = DEFAULT_STORE) -> None:
    """Deregister an account for good.

    Its card and its sessions are deleted; its followings, followers and blocks are not. The account
    must exist.
    """
    _set_state(store, "account deregister", mid, State.DEREGISTERED)


def _set_state(address: str, command: str, account: Named, state: State) -> None:
    async def change(opened: Store, act: Act) -> None:
        act.mid, act.detail = await mid_of(opened, account), state.name.lower()
        await accounts.set_state(opened, act.mid, state)

    with_audit(address, command, change)


@app.command()
@in_chinese("""设置隐私开关，并显示全部四项。

    省略的开关不变。输出为 JSON。账号须存在。""")
def privacy(
    mid: NamedAccount,
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

    async def current(opened: Store) -> str:
        found = await mid_of(opened, mid)
        return json_of(to_builtins((await accounts.existing(opened, found)).privacy))

    async def change(opened: Store, act: Act) -> str:
        act.mid = await mid_of(opened, mid)
        await accounts.set_privacy(opened, act.mid, changes)
        return await current(opened)

    say(with_audit(store, "account privacy", change) if changes else with_store(store, current))
