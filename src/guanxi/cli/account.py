"""``guanxi account``: create, ban and deregister accounts of a store."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from msgspec import to_builtins

from guanxi.accounts.account import Card, State
from guanxi.cli.stores import DEFAULT_STORE, StoreOption, with_store
from guanxi.operations import accounts
from guanxi.stores.port import Store

app = typer.Typer(help="管理账号。 Create, ban and deregister accounts.", no_args_is_help=True)

Mid = Annotated[int, typer.Argument(min=1, help="The account's id.")]


@app.command()
def add(
    mid: Mid,
    name: Annotated[str | None, typer.Option(help="The name that others see.")] = None,
    face: Annotated[str | None, typer.Option(help="The URL of its picture.")] = None,
    sign: Annotated[str | None, typer.Option(help="A line that it says about itself.")] = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """建立账号或修改名片。 Create an account, or change its card.

    Options that are left out change nothing. The store is created if it is missing. The account
    must not be deregistered.
    """
    options = {"name": name, "face": face, "sign": sign}
    changes = {field: value for field, value in options.items() if value is not None}

    async def put(opened: Store) -> None:
        await accounts.put(opened, mid, changes, new=Card(name=f"用户{mid}"))

    with_store(store, put, create=True)


@app.command()
def ban(
    mid: Mid,
    lift: Annotated[bool, typer.Option("--lift", help="Lift the ban instead.")] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """封停账号，或解封。 Ban an account, or lift its ban.

    Actions of a banned account are refused with code -102. The account must exist and not be
    deregistered.
    """
    state = State.NORMAL if lift else State.BANNED

    with_store(store, lambda opened: accounts.set_state(opened, mid, state))


@app.command()
def deregister(mid: Mid, store: StoreOption = DEFAULT_STORE) -> None:
    """注销账号。 Deregister an account for good.

    Its card and its sessions are deleted; its followings, followers and blocks are not. The account
    must exist.
    """

    with_store(store, lambda opened: accounts.set_state(opened, mid, State.DEREGISTERED))


@app.command()
def privacy(
    mid: Mid,
    hide_followings: Annotated[
        bool | None, typer.Option("--hide-followings/--show-followings")
    ] = None,
    hide_followers: Annotated[
        bool | None, typer.Option("--hide-followers/--show-followers")
    ] = None,
    refuse_follows: Annotated[bool | None, typer.Option("--refuse-follows/--allow-follows")] = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """设置隐私开关。 Set privacy switches, and print all three.

    Switches that are left out do not change. The output is JSON. The account must exist.
    """
    options = {
        "hide_followings": hide_followings,
        "hide_followers": hide_followers,
        "refuse_follows": refuse_follows,
    }
    changes = {switch: value for switch, value in options.items() if value is not None}

    async def change(opened: Store) -> str:
        if changes:
            await accounts.set_privacy(opened, mid, changes)
        return json.dumps(to_builtins((await accounts.existing(opened, mid)).privacy))

    print(with_store(store, change))
