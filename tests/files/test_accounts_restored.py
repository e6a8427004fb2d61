"""An import of exported accounts gives the same accounts, whatever their texts are."""

from __future__ import annotations

import asyncio
from itertools import count as numbers
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.accounts.account import AccountEdit, Card, Privacy, State
from guanxi.files.account_import import import_accounts
from guanxi.files.accounts import read_accounts
from guanxi.files.export import EXPORTS, export_file
from guanxi.files.outcome import Counts, RefusedLines
from guanxi.files.table import Request
from guanxi.operations import accounts
from guanxi.stores.port import AccountRow, Store
from tests.counts import count
from tests.files.reading import file
from tests.stores.engines import ENGINES, Clock

ENDINGS = ("csv", "csv.gz", "csv.zst", "jsonl", "jsonl.zst", "parquet")

#: Texts without control characters other than tab and line feed, often few different ones.
texts = (
    st.sampled_from(["", " ", " a ", "a", "A", "账号已注销", "用户1", "NULL", "1", "\n", '"', "[]"])
    | st.text(st.sampled_from("a b,;|\t\n\"'\\{}#=\u00a0\ufeff\x85😀"), max_size=8)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=16)
)
cards = st.builds(
    Card,
    name=texts,
    face=texts,
    face_nft=st.integers(0, 1),
    sign=texts,
    official_type=st.integers(-1, 1),
    official_desc=texts,
    vip_type=st.integers(0, 2),
    vip_due_ms=st.integers(0, 2**53),
    vip_status=st.integers(0, 1),
    live=st.integers(0, 1),
    live_url=texts,
    nft_icon=texts,
)
switches = st.booleans()
privacies = st.builds(
    Privacy, hide_followings=switches, hide_followers=switches, refuse_follows=switches
)
#: Few different ones, so that an older store often has them.
keys = st.sampled_from(["", "a", "A", " a", "1", "NULL", '"', ",", "键"]) | st.text(
    st.characters(exclude_categories=["Cs", "Cc"]), max_size=16
)
people = st.lists(
    st.tuples(
        st.integers(1, 5) | st.integers(2**63 - 3, 2**63 - 1),
        cards,
        privacies,
        st.sampled_from(State),
        keys,
    ),
    min_size=1,
    max_size=8,
    unique_by=(lambda row: row[0], lambda row: row[4] or row[0]),
)


async def fill(store: Store, rows: list[tuple[int, Card, Privacy, State, str]]) -> None:
    for mid, card, privacy, state, key in rows:
        await accounts.put(store, mid, card, privacy)
        await accounts.edit(store, mid, AccountEdit(state=state, key=key))


async def stored(store: Store) -> list[AccountRow]:
    return [row async for row in store.accounts()]


async def load(store: Store, path: Path, *, exact: bool) -> Counts:
    with read_accounts(Request(files=(path,), exact=exact)) as found:
        return await import_accounts(store, found)


async def round_trip(
    name: str, folder: Path, rows: list[Any], older: list[Any], ending: str
) -> None:
    exported = folder / f"export.{ending}"
    for part in ("source", "target"):
        (folder / part).mkdir()
    engines = [ENGINES[name](folder / part) for part in ("source", "target")]
    source, target = [await engine.open(Clock()) for engine in engines]
    try:
        await fill(source, rows)
        mids, taken = {row[0] for row in rows}, {row[4] for row in rows}
        # A key that another account has refuses its line, as tested below.
        before = [(*row[:4], "" if row[4] in taken else row[4]) for row in older]
        await fill(target, [row for row in before if row[0] in mids and row[3] is State.NORMAL])
        await export_file(source, EXPORTS["accounts"], exported)
        counts = await load(target, exported, exact=True)
        assert (counts.read, counts.refused) == (len(rows), 0)
        assert await stored(target) == await stored(source)
        assert await load(target, exported, exact=True) == Counts(
            read=len(rows), unchanged=len(rows)
        )
    finally:
        for store in (source, target):
            await store.close()
        for engine in engines:
            engine.drop()


@pytest.mark.parametrize("engine_name", ENGINES)
def test_an_import_of_exported_accounts_gives_the_same_accounts(
    engine_name: str, tmp_path: Path
) -> None:
    examples = numbers()
    short, long = (10, 100) if engine_name == "sqlite" else (3, 30)

    @settings(max_examples=count(short, long))
    @given(people, people, st.sampled_from(ENDINGS))
    def check(rows: list[Any], older: list[Any], ending: str) -> None:
        folder = tmp_path / str(next(examples))
        folder.mkdir()
        asyncio.run(round_trip(engine_name, folder, rows, older, ending))

    check()


SHARED = 'mid,name,sign\n1,same,\n2,same,\n3,,""\n4, x ,\n'


async def test_shared_empty_and_spaced_names_are_restored(store: Store, tmp_path: Path) -> None:
    path = file(tmp_path, SHARED)
    with pytest.raises(RefusedLines, match="line 3: name: line 2 has the name 'same' too"):
        await load(store, path, exact=False)
    await load(store, path, exact=True)
    names = {mid: card.name for mid, card in (await store.cards([1, 2, 3, 4])).items()}
    assert names == {1: "same", 2: "same", 3: "", 4: " x "}


async def test_a_name_that_an_account_has_is_no_conflict(store: Store, tmp_path: Path) -> None:
    """Also if another account, earlier in the file, has the same."""
    for mid in (1, 2):
        await accounts.put(store, mid, Card(name="same"))
    path = file(tmp_path, "mid,name,sign\n1,same,a\n2,same,b\n")
    assert await load(store, path, exact=False) == Counts(read=2, changed=2)
    assert {card.sign for card in (await store.cards([1, 2])).values()} == {"a", "b"}


async def test_keys_are_restored_once(store: Store, tmp_path: Path) -> None:
    """An empty one ends the account's key; none is shared, also by a restore."""
    for mid, key in ((1, "a"), (2, "b"), (3, " c")):
        await accounts.put(store, mid, Card())
        await accounts.edit(store, mid, AccountEdit(key=key))
    restored = file(tmp_path, 'mid,key\n1,""\n2,b\n3,c \n')
    assert await load(store, restored, exact=True) == Counts(read=3, changed=2, unchanged=1)
    assert await accounts.keys_of(store, [1, 2, 3]) == {2: "b", 3: "c "}
    shared = file(tmp_path, "mid,key\n4,a\n5,a\n")
    with pytest.raises(RefusedLines, match="line 3: key: line 2 has the key 'a' too"):
        await load(store, shared, exact=True)
    held = file(tmp_path, "mid,key\n4,b\n")
    with pytest.raises(RefusedLines, match="line 2: key: another account has the key 'b'"):
        await load(store, held, exact=True)


async def test_values_that_no_text_can_hold_are_refused(store: Store, tmp_path: Path) -> None:
    """An empty number, level or state changes nothing; a control character is refused."""
    await accounts.put(store, 1, Card(name="one", vip_type=1))
    await store.edit_account(1, AccountEdit(state=State.BANNED))
    path = file(tmp_path, "mid,vip_type,state,level,hide_followers\n1,,,,\n")
    assert await load(store, path, exact=True) == Counts(read=1, unchanged=1)
    path = file(tmp_path, '{"mid":1,"name":"a\\u0007"}\n')
    with pytest.raises(RefusedLines, match="has control characters"):
        await load(store, path, exact=True)
