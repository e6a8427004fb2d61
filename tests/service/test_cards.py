"""Cards in lists: the caller's own is current, others are at most ``card_staleness`` old."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from guanxi.accounts.account import Card
from guanxi.contract import endpoints as e
from guanxi.contract.limits import OPEN
from guanxi.operations import accounts
from guanxi.service.config import Settings
from guanxi.stores import open_store
from guanxi.testing import RunningService, SignedIn, running
from tests.service.client import call, follow, fresh

#: As long as no test takes; as short as a test can wait.
LONG, SHORT = 3_600.0, 0.2


def names(service: RunningService, viewer: SignedIn, owner: SignedIn) -> dict[int, str]:
    """What accounts that one follows are called, as a viewer sees it."""
    listed = call(service, e.FOLLOWINGS, viewer, {"vmid": owner.mid}).data["list"]
    return {one["mid"]: one["uname"] for one in listed}


def rename_elsewhere(path: Path, mid: int, name: str) -> None:
    """Another process changes a card."""

    async def renamed() -> None:
        store = await open_store(str(path))
        await accounts.put(store, mid, Card(name=name))
        await store.close()

    asyncio.run(renamed())


def test_the_callers_own_card_is_current_and_others_are_cached(tmp_path: Path) -> None:
    path = tmp_path / "guanxi.db"
    settings = Settings(profile=OPEN, card_staleness=LONG)
    with running(store=path, settings=settings) as service:
        owner, one, other = fresh(service, 3)
        follow(service, owner, one)
        follow(service, owner, other)
        assert names(service, one, owner) == {one.mid: f"u{one.mid}", other.mid: f"u{other.mid}"}
        for account in (one, other):
            rename_elsewhere(path, account.mid, f"new{account.mid}")
        assert names(service, one, owner) == {one.mid: f"new{one.mid}", other.mid: f"u{other.mid}"}
        assert names(service, other, owner) == {
            one.mid: f"u{one.mid}",
            other.mid: f"new{other.mid}",
        }
        # What the service itself writes, everybody sees at once.
        edited = {"uname": "edited", "usersign": "", "sex": "女", "birthday": "2000-02-29"}
        assert call(service, e.EDIT, one, edited).code == 0
        service.add_accounts(cards={other.mid: Card(name="put")})
        assert names(service, owner, owner) == {one.mid: "edited", other.mid: "put"}


def test_another_accounts_card_is_refreshed(tmp_path: Path) -> None:
    path = tmp_path / "guanxi.db"
    settings = Settings(profile=OPEN, card_staleness=SHORT)
    with running(store=path, settings=settings) as service:
        owner, one = fresh(service, 2)
        follow(service, owner, one)
        names(service, owner, owner)
        rename_elsewhere(path, one.mid, "new")
        time.sleep(SHORT)
        assert names(service, owner, owner) == {one.mid: "new"}


def test_without_a_cache_every_card_is_current(tmp_path: Path) -> None:
    path = tmp_path / "guanxi.db"
    settings = Settings(profile=OPEN, card_cache=0, card_staleness=LONG)
    with running(store=path, settings=settings) as service:
        owner, one = fresh(service, 2)
        follow(service, owner, one)
        names(service, owner, owner)
        rename_elsewhere(path, one.mid, "new")
        assert names(service, owner, owner) == {one.mid: "new"}
