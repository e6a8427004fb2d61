"""A world as JSON Lines: it loads again, and what is no dump is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from guanxi.accounts.account import Card
from guanxi.contract import endpoints as e
from guanxi.demo.world import HERO
from guanxi.emulator import dump
from guanxi.stores import open_store
from guanxi.stores.copy import PARTS, differences
from guanxi.stores.port import Store
from guanxi.testing import RunningService, running
from tests.emulator.test_state import faults
from tests.service.client import call, follow, modify


def test_the_demo_world_is_saved_and_loaded(service: RunningService, tmp_path: Path) -> None:
    service.load("demo")
    session = service.sign_in(HERO)
    modify(service, session, 100, 1)
    kept, path = service.dump(), tmp_path / "world.jsonl"
    path.write_bytes(kept)
    service.load([])
    assert service.do(lambda store: store.account(HERO)) is None
    service.load(str(path))
    assert service.dump() == kept
    assert faults(service) == []
    assert call(service, e.MY_INFO, session).data["mid"] == HERO
    service.add_accounts(5_000_000)
    service.reset()
    assert service.dump() == kept
    service.renew()
    assert service.emulator.marks.names == ["start"]
    assert service.do(lambda store: store.account(HERO)) is None


def test_another_store_gets_the_whole_world(service: RunningService, tmp_path: Path) -> None:
    """Compared by what ``guanxi store copy`` compares, with sessions and secret."""
    service.add_accounts(4, cards={5: Card(name='é\n"')})
    one, two = service.sign_in(1), service.sign_in(2)
    follow(service, one, two)
    modify(service, one, 3, 5)
    call(service, e.CREATE_GROUP, one, {"tag": "组"})
    kept = service.dump().splitlines()

    async def compare(store: Store) -> list[object]:
        target = await open_store(str(tmp_path / "other.db"), create=True)
        await dump.load(target, kept, secret=True)
        await target.close()
        target = await open_store(str(tmp_path / "other.db"))
        found = [one async for one in differences(store, target, lambda *_: None, 0)]
        await target.close()
        return [*found]

    assert service.do(compare) == []


def test_uses_of_sessions_that_wait_are_in_the_dump(service: RunningService) -> None:
    call(service, e.MY_INFO, service.sign_in(1))
    kept = service.dump()
    service.do(lambda store: store.flush_visits())
    assert service.dump() == kept


def test_sessions_of_another_service_are_left_out(service: RunningService) -> None:
    service.sign_in(1)
    kept = service.dump()
    assert b'"sessions"' in kept
    with running() as other:
        other.load(kept.splitlines())
        assert other.do(lambda store: store.account(1)) is not None
        assert b'"sessions"' not in other.dump()


def test_every_part_of_a_copy_can_be_loaded() -> None:
    assert {part.name for part in PARTS} <= dump._TYPES.keys()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"x", "line 2: no row of a dump"),
        (b"{}", "line 2: no row of a dump"),
        (b'{"odd":1}', "line 2: 'odd' is none of accounts, groups, relations"),
        (b'{"relations":{"follower":"x"}}', "line 2: relations: Expected `int`"),
        (b"\xff", "line 2: no row of a dump"),
    ],
)
def test_what_is_no_dump_is_refused(service: RunningService, line: bytes, message: str) -> None:
    first = json.dumps({"relations": {"follower": 1, "followed": 2, "time": 1_700_000_000}})
    with pytest.raises(ValueError, match=message):
        service.load([first.encode(), line])
