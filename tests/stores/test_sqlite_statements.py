"""SQLite plans each statement once, whatever values it is called with."""

from __future__ import annotations

import apsw
import pytest

from guanxi.graph.lists import BY_VISITS, Listing, Sort, Window
from guanxi.graph.pair import Act
from tests.machine import PEOPLE, START
from tests.stores.driver import InFolder
from tests.stores.engines import ENGINES

WINDOWS = (Window(0, 50), Window(1, 2), Window(3, 1))


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str | None, ...]]:
    """Return the accesses that SQLite has authorized when it plans a statement, in this test."""
    accesses: list[tuple[str | None, ...]] = []

    class Connection(apsw.Connection):
        def __init__(self, path: str, *, flags: int, statementcachesize: int = 0) -> None:
            super().__init__(path, flags=flags, statementcachesize=statementcachesize)
            self.authorizer = self.authorize

        @staticmethod
        def authorize(action: int, *names: str | None) -> int:
            accesses.append((str(apsw.mapping_authorizer_function[action]), *names))
            return apsw.SQLITE_OK

    monkeypatch.setattr(apsw, "Connection", Connection)
    return accesses


def act_and_look(driver: InFolder) -> None:
    """Do every kind of act, and read every list in some windows, as each account."""
    for owner in PEOPLE:
        others = [mid for mid in PEOPLE if mid != owner]
        driver.set_time(START + owner)
        driver.create_group(owner, f"group {owner}")
        group = max(group for group, *_ in driver.look(owner).groups)
        for target in others:
            driver.modify(owner, target, Act.FOLLOW)
            driver.regroup(owner, "set", [target], [-10, group], [])
            driver.visit(owner, target)
        for window in WINDOWS:
            for listing in Listing:
                for sort in Sort if listing in BY_VISITS else (Sort.NEWEST, Sort.OLDEST):
                    driver.do(driver.store.page(listing, owner, sort, window))
            driver.do(driver.store.search(owner, "w" * window.offset, 1_000, window))
            driver.do(driver.store.common(owner, others[0], window))
            driver.do(driver.store.known_followers(owner, others[0], window))
            driver.do(driver.store.suggestions(owner, window.limit, START))
        driver.rename_group(owner, group, f"renamed {owner}")
        driver.modify(owner, others[0], Act.BLOCK)
        driver.modify(owner, others[1], Act.UNFOLLOW)
        driver.look(owner)
        driver.modify(owner, others[0], Act.UNBLOCK)
        driver.delete_group(owner, group)


def test_no_statement_is_planned_again_for_other_values(
    planned: list[tuple[str | None, ...]],
) -> None:
    driver = InFolder(ENGINES["sqlite"])
    driver.start(PEOPLE, START)
    act_and_look(driver)
    first = len(planned)
    act_and_look(driver)
    planned.clear()
    act_and_look(driver)
    driver.close()
    # Not 0: apsw forgets a statement that was not among the last few hundred it ran.
    assert len(planned) < first / 10
