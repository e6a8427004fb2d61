"""Ids of an application's own: one account for each, also of several calls at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from guanxi.accounts.account import AccountEdit, Card, EditRefusal, State
from guanxi.operations import accounts
from guanxi.operations.accounts import keys_of, mids_of_keys, put_by_key
from guanxi.stores.copy import copy, finish
from guanxi.stores.port import Store
from guanxi.world import keys
from guanxi.world.keys import KEY, MAX_KEY, Key, key_id
from tests.stores.engines import ENGINES, START, Clock, Opener
from tests.stores.world import faults, people

UUID = "6f1c2f3e-2a63-4f1c-9d0b-5a4f7f1f2f3e"


async def test_a_key_is_one_account(store: Store) -> None:
    mid = await put_by_key(store, UUID, {"name": "first"})
    assert 0 < mid < 2**53
    assert await put_by_key(store, UUID, {"sign": "hello"}) == mid
    card = (await store.cards([mid]))[mid]
    assert (card.name, card.sign) == ("first", "hello")
    other = await put_by_key(store, "用户 2", {"name": "second"})
    assert await mids_of_keys(store, [UUID, "用户 2", "nobody"]) == {UUID: mid, "用户 2": other}
    assert await keys_of(store, [mid, other, 99]) == {mid: UUID, other: "用户 2"}
    assert await faults(store) == []


async def test_calls_at_once_make_one_account(store: Store, open_again: Opener) -> None:
    stores = [store, await open_again(), await open_again()]
    made = await asyncio.gather(
        *(put_by_key(stores[n % 3], UUID, {"name": f"n{n}"}) for n in range(12))
    )
    assert len(set(made)) == 1
    assert len([account async for account in store.accounts()]) == 1
    assert await faults(store) == []


async def test_accounts_at_once_that_want_one_key(store: Store, open_again: Opener) -> None:
    await people(store, *range(1, 9))
    stores = [store, await open_again()]
    results = await asyncio.gather(
        *(stores[mid % 2].edit_account(mid, AccountEdit(key="k")) for mid in range(1, 9))
    )
    assert sorted(map(str, results)) == [str(EditRefusal.KEY_IN_USE)] * 7 + ["None"]
    holder = results.index(None) + 1
    assert await mids_of_keys(store, ["k"]) == {"k": holder}
    assert await faults(store) == []


async def test_a_key_in_use_changes_nothing(store: Store) -> None:
    await people(store, 1, 2)
    assert await store.edit_account(1, AccountEdit(key="k")) is None
    edit = AccountEdit(key="k", card={"name": "new"}, new=Card())
    assert await store.edit_account(2, edit) is EditRefusal.KEY_IN_USE
    assert await store.edit_account(3, edit) is EditRefusal.KEY_IN_USE
    assert (await store.cards([2]))[2].name == "u2"
    assert await store.account(3) is None
    assert await keys_of(store, [1, 2, 3]) == {1: "k"}
    with pytest.raises(accounts.AccountError, match="another account has it"):
        await accounts.edit(store, 2, edit)
    assert await faults(store) == []


async def test_another_key_frees_the_former(store: Store) -> None:
    await people(store, 1, 2)
    for key in ("a", "a", "b"):
        assert await store.edit_account(1, AccountEdit(key=key)) is None
    assert await mids_of_keys(store, ["a", "b"]) == {"b": 1}
    assert await store.edit_account(2, AccountEdit(key="a")) is None
    assert await store.edit_account(1, AccountEdit(key="")) is None
    assert await mids_of_keys(store, ["a", "b"]) == {"a": 2}
    assert await store.edit_account(1, AccountEdit(card={"sign": "x"})) is None
    assert await keys_of(store, [1, 2]) == {2: "a"}
    assert await faults(store) == []


async def test_a_deregistered_account_frees_its_key(store: Store) -> None:
    mid = await put_by_key(store, UUID, {"name": "first"})
    await accounts.set_state(store, mid, State.DEREGISTERED)
    assert await mids_of_keys(store, [UUID]) == {}
    assert await store.edit_account(mid, AccountEdit(key="x")) is EditRefusal.DEREGISTERED
    assert await mids_of_keys(store, ["x"]) == {}
    assert await put_by_key(store, UUID) != mid
    assert await faults(store) == []


async def test_a_refused_edit_leaves_its_key_free(store: Store) -> None:
    await people(store, 1, 2)
    named = AccountEdit(key="k", card={"name": "u1"}, unique_name=True)
    assert await store.edit_account(2, named) is EditRefusal.NAME_IN_USE
    assert await store.edit_account(9, AccountEdit(key="k")) is EditRefusal.UNKNOWN
    assert await faults(store) == []
    assert await store.edit_account(1, AccountEdit(key="k")) is None
    assert await mids_of_keys(store, ["k"]) == {"k": 1}


async def test_two_keys_with_one_id(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """No such keys are known: the ids of all are made equal."""
    for module in ("guanxi.stores.sqlite.cards", "guanxi.stores.postgresql.cards"):
        monkeypatch.setattr(f"{module}.key_id", lambda _key: 7)
    monkeypatch.setattr("guanxi.operations.accounts.key_id", lambda _key: 7)
    monkeypatch.setattr(keys, "key_id", lambda _key: 7)
    await people(store, 1, 2)
    assert await store.edit_account(1, AccountEdit(key="a")) is None
    assert await store.edit_account(2, AccountEdit(key="b")) is EditRefusal.KEY_IN_USE
    assert await mids_of_keys(store, ["b"]) == {}
    assert await mids_of_keys(store, ["a"]) == {"a": 1}


@pytest.mark.parametrize("key", ["", "x" * (MAX_KEY + 1), "\ud800", "a\0b", "a\n", "\x85"])
async def test_what_is_no_key(key: str, store: Store) -> None:
    with pytest.raises(ValueError, match="a key has 1 to 255 characters"):
        await put_by_key(store, key)
    assert [account async for account in store.accounts()] == []


async def test_a_copy_has_the_keys(store: Store, tmp_path: Path) -> None:
    mid = await put_by_key(store, UUID, {"name": "first"})
    (tmp_path / "to").mkdir()
    target = await ENGINES["sqlite"](tmp_path / "to").open(Clock())

    def progress(_part: str, _rows: int) -> None:
        pass

    try:
        await copy(store, target, progress, START // 10**9)
        await finish(target)
        assert await mids_of_keys(target, [UUID]) == {UUID: mid}
        assert await put_by_key(target, UUID) == mid
    finally:
        await target.close()


def test_the_id_of_a_key() -> None:
    """It is stored: another one would lose every key."""
    assert key_id("guanxi") == 1_899_727_555_419_243_524
    assert KEY.entry(1, Key("guanxi")).id == key_id("guanxi")
