"""Importing accounts from files, into every engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from guanxi.accounts.account import AccountEdit, Card, Privacy, State
from guanxi.files.account_import import import_accounts
from guanxi.files.accounts import read_accounts
from guanxi.files.outcome import Counts, OnConflict, RefusedLines
from guanxi.files.table import Request
from guanxi.operations import accounts
from guanxi.stores.layer import Layer
from guanxi.stores.port import Store
from guanxi.world.profile import PROFILE, level_of
from tests.files.reading import file


async def load(
    store: Store,
    path: Path,
    *,
    skip_bad: bool = False,
    dry_run: bool = False,
    on_conflict: OnConflict = "newest",
) -> tuple[Counts, list[tuple[int, str]]]:
    """Import a file; return the counts, and the refused lines with their reasons."""
    with read_accounts(Request(files=(path,)), on_conflict=on_conflict) as found:
        counts = await import_accounts(store, found, skip_bad=skip_bad, dry_run=dry_run)
        refused = [(row.line, row.reason.en) for row in found.refused()]
        assert counts.refused == len(refused)
    assert counts.read == (
        counts.new
        + counts.changed
        + counts.unchanged
        + counts.repeated
        + counts.conflicting
        + counts.refused
    )
    return counts, refused


async def test_every_column_is_written(store: Store, tmp_path: Path) -> None:
    path = file(
        tmp_path,
        "mid,name,face,face_nft,sign,official_type,official_desc,vip_type,vip_due_ms,vip_status,"
        "live,live_url,nft_icon,hide_followings,hide_followers,refuse_follows,state,key,level\n"
        "7,山新,https://a/b.jpg,1,一行,1,机构,2,1700000000000,1,1,https://live,https://nft,"
        "true,0,1,banned,6f1c-用户,5\n",
    )
    counts, _ = await load(store, path)
    assert counts == Counts(read=1, new=1)
    card = Card(
        name="山新",
        face="https://a/b.jpg",
        face_nft=1,
        sign="一行",
        official_type=1,
        official_desc="机构",
        vip_type=2,
        vip_due_ms=1_700_000_000_000,
        vip_status=1,
        live=1,
        live_url="https://live",
        nft_icon="https://nft",
    )
    assert await store.cards([7]) == {7: card}
    account = await store.account(7)
    assert account is not None
    assert account.state is State.BANNED
    assert account.privacy == Privacy(hide_followings=True, refuse_follows=True)
    profile = await store.get(PROFILE, 7)
    assert profile is not None
    assert level_of(profile.experience) == 5
    assert await accounts.keys_of(store, [7]) == {7: "6f1c-用户"}
    again, _ = await load(store, path)
    assert again == Counts(read=1, unchanged=1)


async def test_named_columns_change_and_others_stay(store: Store, tmp_path: Path) -> None:
    await accounts.put(store, 1, Card(name="one", sign="kept"), Privacy(hide_followers=True))
    await accounts.put(store, 2, Card(name="two", face="kept"))
    path = file(tmp_path, "mid,face,name\n1,https://f,\n2,,zwei\n3,,\n")
    counts, _ = await load(store, path)
    assert counts == Counts(read=3, new=1, changed=2)
    cards = await store.cards([1, 2, 3])
    assert cards[1] == Card(name="one", sign="kept", face="https://f")
    assert cards[2] == Card(name="zwei", face="kept")
    assert cards[3] == Card(name="用户3")
    account = await store.account(1)
    assert account is not None
    assert account.privacy.hide_followers


async def test_a_dry_run_writes_nothing(store: Store, tmp_path: Path) -> None:
    counts, _ = await load(store, file(tmp_path, "mid,name\n1,a\n"), dry_run=True)
    assert counts == Counts(read=1, new=1)
    assert await store.account(1) is None


BAD = {
    "no mid": (",x", "mid: an empty value"),
    "a mid of 0": ("0,x", "mid: 0 is not"),
    "a mid of words": ("one,x", "mid: 'one' is not"),
    "a mid of 2^63": ("9223372036854775808,x", "mid: 9223372036854775808 is not"),
    "too many fields": ("5,x,1", "the number of fields"),
    "a long name": (f"5,{'x' * 65}", "name: 'xxx"),
    "a control character": ("5,a\x07b", "name: 'a\\x07b' has control characters"),
    "a name in use": ("5,taken", "name: another account has the name 'taken'"),
    "a name of an earlier line": ("5,first", "name: line 2 has the name 'first' too"),
    "a deregistered account": ("9,back", "account 9 is deregistered"),
}


@pytest.mark.parametrize(("line", "why"), BAD.values(), ids=BAD)
async def test_a_bad_line_is_refused_with_its_reason(
    store: Store, tmp_path: Path, line: str, why: str
) -> None:
    await accounts.put(store, 2, Card(name="taken"))
    await accounts.put(store, 9, Card(name="gone"))
    await accounts.set_state(store, 9, State.DEREGISTERED)
    path = file(tmp_path, f"mid,name\n3,first\n\n{line}\n4,last\n")
    with pytest.raises(RefusedLines) as refused:
        await load(store, path)
    assert refused.value.first[0].line == 4
    assert why in str(refused.value)
    assert await store.account(3) is None
    counts, lines = await load(store, path, skip_bad=True)
    assert counts == Counts(read=3, new=2, refused=1)
    assert lines[0][0] == 4
    assert set(await store.cards([3, 4, 5])) == {3, 4}


BAD_KEYS = {
    "a long key": (f"5,{'x' * 256}", "key: 'xxx"),
    "a control character": ("5,a\x07b", "key: 'a\\x07b' has control characters"),
    "a key in use": ("5,taken", "key: another account has the key 'taken'"),
    "a key of an earlier line": ("5,first", "key: line 2 has the key 'first' too"),
}


@pytest.mark.parametrize(("line", "why"), BAD_KEYS.values(), ids=BAD_KEYS)
async def test_a_bad_key_is_refused_with_its_reason(
    store: Store, tmp_path: Path, line: str, why: str
) -> None:
    await accounts.put(store, 2)
    await accounts.edit(store, 2, AccountEdit(key="taken"))
    path = file(tmp_path, f"mid,key\n3,first\n\n{line}\n4,last\n")
    with pytest.raises(RefusedLines) as refused:
        await load(store, path)
    assert refused.value.first[0].line == 4
    assert why in str(refused.value)
    assert await store.account(3) is None
    counts, lines = await load(store, path, skip_bad=True)
    assert (counts, lines[0][0]) == (Counts(read=3, new=2, refused=1), 4)
    assert await accounts.keys_of(store, [2, 3, 4, 5]) == {2: "taken", 3: "first", 4: "last"}


async def test_keys_that_change_and_that_stay(store: Store, tmp_path: Path) -> None:
    for mid in (1, 2, 3):
        await accounts.put(store, mid)
        await accounts.edit(store, mid, AccountEdit(key=f"k{mid}"))
    path = file(tmp_path, f"mid,key\n1,k1\n2,new\n3,\n4,{'键' * 255}\n")
    counts, _ = await load(store, path)
    assert counts == Counts(read=4, new=1, changed=1, unchanged=2)
    held = {1: "k1", 2: "new", 3: "k3", 4: "键" * 255}
    assert await accounts.keys_of(store, [1, 2, 3, 4]) == held
    assert (await load(store, path))[0] == Counts(read=4, unchanged=4)


async def test_a_key_that_is_given_away_meanwhile_is_refused(store: Store, tmp_path: Path) -> None:
    """After the check of all lines; the store has the last word."""
    await accounts.put(store, 9)

    class Late(Layer):
        async def edit_account(self, mid: int, edit: AccountEdit, documents: Any = ()) -> Any:
            await self.store.edit_account(9, AccountEdit(key="k"))
            return await self.store.edit_account(mid, edit, documents)

    counts, refused = await load(cast(Store, Late(store)), file(tmp_path, "mid,key\n5,k\n"))
    assert counts == Counts(read=1, refused=1)
    assert refused == [(2, "key: another account has the key 'k'")]
    assert await store.account(5) is None


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("state", "asleep"),
        ("level", "7"),
        ("level", "1.5"),
        ("official_type", "2"),
        ("vip_due_ms", "soon"),
        ("hide_followers", "maybe"),
    ],
)
async def test_a_bad_value_names_its_column(
    store: Store, tmp_path: Path, column: str, value: str
) -> None:
    path = file(tmp_path, f"mid,{column}\n1,{value}\n")
    with pytest.raises(RefusedLines, match=f"line 2: {column}: '?{value}'? is not"):
        await load(store, path)


@pytest.mark.parametrize(("on_conflict", "name"), [("newest", "c"), ("oldest", "a")])
async def test_of_several_lines_one_is_kept(
    store: Store, tmp_path: Path, on_conflict: OnConflict, name: str
) -> None:
    path = file(tmp_path, "mid,name\n1,a\n1,a\n1,b\n1,c\n")
    counts, _ = await load(store, path, on_conflict=on_conflict)
    assert counts == Counts(read=4, new=1, repeated=1, conflicting=2)
    assert (await store.cards([1]))[1].name == name


async def test_the_later_of_several_lines_can_be_refused(store: Store, tmp_path: Path) -> None:
    path = file(tmp_path, "mid,name\n1,a\n1,b\n")
    with pytest.raises(RefusedLines, match="line 3: contradicts line 2"):
        await load(store, path, on_conflict="refuse")


async def test_deregistered_accounts_are_imported_once(store: Store, tmp_path: Path) -> None:
    path = file(tmp_path, "mid,name,state\n1,账号已注销,deregistered\n2,账号已注销,deregistered\n")
    assert (await load(store, path))[0] == Counts(read=2, new=2)
    assert (await load(store, path))[0] == Counts(read=2, unchanged=2)
    account = await store.account(1)
    assert account is not None
    assert account.state is State.DEREGISTERED


async def test_many_accounts_are_written(store: Store, tmp_path: Path) -> None:
    path = file(tmp_path, "mid,name\n" + "".join(f"{mid},n{mid}\n" for mid in range(1, 1_001)))
    assert (await load(store, path))[0] == Counts(read=1_000, new=1_000)
    assert (await store.cards([1_000]))[1_000].name == "n1000"


async def test_a_contradicted_line_of_another_file_is_named_with_it(
    store: Store, tmp_path: Path
) -> None:
    first, second = file(tmp_path, "mid,name\n1,a\n", "1"), file(tmp_path, "mid,name\n1,b\n", "2")
    with (
        read_accounts(Request(files=(first, second)), on_conflict="refuse") as found,
        pytest.raises(RefusedLines) as refused,
    ):
        await import_accounts(store, found)
    assert f"{second}: line 2: contradicts line 2 of {first}\n" in str(refused.value)
