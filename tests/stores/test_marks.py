"""Mutes and dismissals: who may set which, how long they last, and that they survive."""

from __future__ import annotations

from pathlib import Path

import pytest

from guanxi.accounts.account import State
from guanxi.contract import errors
from guanxi.contract.params import LATEST
from guanxi.operations import accounts, marks
from guanxi.stores.copy import copy, differences, finish
from guanxi.stores.port import Store
from guanxi.world.marks import DISMISSAL, MUTE, Mark
from tests.stores.engines import ENGINES, START, Clock
from tests.stores.world import faults, people

NOW = START // 10**9


async def test_a_mute_lasts_until_its_end(store: Store) -> None:
    await people(store, 1, 2, 3)
    assert await marks.mute(store, 1, 2, NOW + 10, NOW) == 0
    assert await marks.mute(store, 1, 3, None, NOW) == 0
    forever = Mark(3, NOW, LATEST)
    assert await marks.muted(store, 1, [2, 3, 4], NOW + 9) == {
        2: Mark(2, NOW, NOW + 10),
        3: forever,
    }
    assert await marks.muted(store, 1, [2, 3, 4], NOW + 10) == {3: forever}
    assert await marks.muted(store, 2, [1, 3], NOW) == {}, "its owner alone has it"
    assert await marks.mute(store, 1, 3, NOW + 5, NOW + 1) == 0
    assert await marks.muted(store, 1, [3], NOW) == {3: Mark(3, NOW + 1, NOW + 5)}
    assert await marks.unmute(store, 1, 3) == 0
    assert await marks.unmute(store, 1, 3) == 0
    assert await marks.muted(store, 1, [3], NOW) == {}


@pytest.mark.parametrize("until", [NOW, NOW - 1, 0, -1, LATEST + 1])
async def test_a_time_that_is_no_end_is_refused(store: Store, until: int) -> None:
    await people(store, 1, 2)
    with pytest.raises(ValueError, match="until: must be after now"):
        await marks.mute(store, 1, 2, until, NOW)
    assert await marks.muted(store, 1, [2], NOW) == {}


async def test_pages_of_mutes(store: Store) -> None:
    await people(store, *range(1, 8))
    for target in range(2, 8):
        await marks.mute(store, 1, target, NOW + 100 if target == 4 else None, NOW + target)
    seen: list[int] = []
    after: Mark | None = None
    while True:
        page, after = await marks.mutes(store, 1, 2, after, NOW + 100)
        seen += [mark.target for mark in page]
        if after is None:
            break
    assert seen == [7, 6, 5, 3, 2], "the mute of 4 has ended"
    everything, last = await marks.mutes(store, 1, 10, None, NOW + 50)
    assert ([mark.target for mark in everything], last) == ([7, 6, 5, 4, 3, 2], None)


async def test_refusals_change_nothing(store: Store) -> None:
    await people(store, 1, 2, 3, 4)
    await accounts.set_state(store, 3, State.DEREGISTERED)
    await accounts.set_state(store, 4, State.BANNED)
    cases = [
        (1, 1, errors.CannotTargetSelf),
        (1, 99, errors.NoSuchUser),
        (99, 1, errors.NoSuchUser),
        (1, 3, errors.AccountDeregistered),
        (3, 1, errors.NoSuchUser),
        (4, 1, errors.AccountBanned),
    ]
    for owner, target, error in cases:
        assert await marks.mute(store, owner, target, None, NOW) == error.number, (owner, target)
        assert await marks.dismiss(store, owner, target, NOW) == error.number
        assert await store.get(MUTE, owner, target) is None
        assert await store.get(DISMISSAL, owner, target) is None
    assert await marks.mute(store, 1, 4, None, NOW) == 0, "a banned account may be muted"


async def test_marks_on_an_account_that_has_left_can_be_ended(store: Store) -> None:
    await people(store, 1, 2)
    await marks.mute(store, 1, 2, None, NOW)
    await marks.dismiss(store, 1, 2, NOW)
    await accounts.set_state(store, 2, State.DEREGISTERED)
    assert await marks.unmute(store, 1, 2) == 0
    assert await marks.undismiss(store, 1, 2) == 0
    assert await store.get(MUTE, 1, 2) is None
    assert await store.get(DISMISSAL, 1, 2) is None


async def test_a_copy_has_the_marks(store: Store, tmp_path: Path) -> None:
    await people(store, 1, 2, 3)
    await marks.mute(store, 1, 2, NOW + 10, NOW)
    await marks.dismiss(store, 1, 3, NOW)

    def progress(_part: str, _rows: int) -> None:
        pass

    (tmp_path / "to").mkdir()
    engine = ENGINES["sqlite"](tmp_path / "to")
    target = await engine.open(Clock())
    try:
        await copy(store, target, progress, NOW)
        await finish(target)
        assert [found async for found in differences(store, target, progress, NOW)] == []
        assert await target.get(MUTE, 1, 2) == Mark(2, NOW, NOW + 10)
        assert await target.get(DISMISSAL, 1, 3) == Mark(3, NOW)
        assert await faults(target) == []
    finally:
        await target.close()
