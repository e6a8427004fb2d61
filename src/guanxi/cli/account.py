"""``guanxi account``: accounts of a store."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from msgspec import to_builtins
from msgspec.structs import replace

from guanxi.accounts.account import Account, Card, State
from guanxi.cli.opened import DEFAULT_STORE, StoreOption, with_store
from guanxi.stores.port import Store, StoreError

app = typer.Typer(
    help="建立、封停、注销账号，设置隐私。 Accounts of a store.", no_args_is_help=True
)

Mid = Annotated[int, typer.Argument(min=1, help="The account's id.")]


@app.command()
def add(
    mid: Mid,
    name: Annotated[str, typer.Option(help="What others see it called.")] = "",
    face: Annotated[str, typer.Option(help="The address of its picture.")] = "",
    sign: Annotated[str, typer.Option(help="A line about itself.")] = "",
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Make an account, or replace the card of one that is there. Makes the store when missing."""
    card = Card(name=name or f"用户{mid}", face=face, sign=sign)
    with_store(store, lambda opened: opened.put_account(mid, card), create=True)


@app.command()
def ban(
    mid: Mid,
    lift: Annotated[bool, typer.Option("--lift", help="Lift the ban instead.")] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Ban an account: its acts answer -102."""
    state = State.NORMAL if lift else State.BANNED

    async def change(opened: Store) -> None:
        if (await _known(opened, mid)).state is State.DEREGISTERED:
            raise StoreError(f"账号 {mid} 已注销 (account {mid} is deregistered)")
        await opened.set_state(mid, state)

    with_store(store, change)


@app.command()
def deregister(mid: Mid, store: StoreOption = DEFAULT_STORE) -> None:
    """Deregister an account: its card is erased and its sessions end; its edges stay."""

    async def change(opened: Store) -> None:
        await _known(opened, mid)
        await opened.set_state(mid, State.DEREGISTERED)

    with_store(store, change)


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
    """Set the privacy switches that are given; print all three as they stand then."""
    given = {
        "hide_followings": hide_followings,
        "hide_followers": hide_followers,
        "refuse_follows": refuse_follows,
    }
    changes = {switch: value for switch, value in given.items() if value is not None}

    async def change(opened: Store) -> str:
        switches = replace((await _known(opened, mid)).privacy, **changes)
        if changes:
            await opened.set_privacy(mid, switches)
        return json.dumps(to_builtins(switches))

    print(with_store(store, change))


async def _known(store: Store, mid: int) -> Account:
    account = await store.account(mid)
    if account is None:
        raise StoreError(f"没有账号 {mid} (there is no account {mid})")
    return account
