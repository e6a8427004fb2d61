"""What each verb of the library says that it costs is what it does to the store."""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, cast

import pytest

from guanxi import Graph
from guanxi.contract.errors import ResponseCodeException
from guanxi.stores import open_store
from guanxi.stores.port import Store

#: The verbs of a store that are one transaction each, and how many look-ups the others are.
TRANSACTIONS = ("change", "edit_account", "put", "delete")
LOOKUPS: dict[str, Callable[..., int]] = {
    "pair": lambda *_: 2,
    "pairs": lambda _, targets: 2 * len(targets),
    "accounts_of": len,
    "relations": lambda _, targets: len(targets),
    "cards": len,
    "briefs": len,
    "find": lambda _, ids: len(ids),
    "documents_of": lambda _, owners, ids=(0,): len(owners) * len(ids),
    **dict.fromkeys(("account", "get", "tally"), lambda *_: 1),
}
#: Refused here, in one transaction too.
NO_GROUP = ("rename_group", "delete_group")


class Counted:
    """A store whose calls are counted: transactions, look-ups, and others by name."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.calls: Counter[str] = Counter()
        #: How many verbs were called: each is one statement or a few, whatever it looks up.
        self.verbs = 0

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._store, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.verbs += 1
            if name in TRANSACTIONS:
                self.calls["transactions"] += 1
            elif name in LOOKUPS:
                self.calls["look-ups"] += LOOKUPS[name](*args)
            else:
                self.calls[name] += 1
            return verb(*args, **kwargs)

        return counted


#: A call, a phrase of its documented cost, and what it costs here: 1 follows 2 to 5 and has a
#: group, 2 follows 1 and has muted 5, 9 has nothing.
COSTS: list[tuple[str, tuple[Any, ...], dict[str, Any], str, dict[str, int]]] = [
    ("put_account", (9,), {"name": "x"}, "one transaction", {"transactions": 1}),
    ("put_account", (), {"key": "k"}, "one read before it", {"transactions": 1, "look-ups": 1}),
    ("account", (1,), {}, "two look-ups.", {"look-ups": 2}),
    ("accounts", ([1, 2, 3],), {}, "two look-ups for each.", {"look-ups": 6}),
    ("set_privacy", (1,), {"refuse_follows": False}, "one transaction.", {"transactions": 1}),
    ("ban", (9,), {}, "one transaction.", {"transactions": 1}),
    ("unban", (9,), {}, "one transaction.", {"transactions": 1}),
    ("mid_of", (["a", "b"],), {}, "one look-up for each.", {"look-ups": 2}),
    ("key_of", ([1, 2],), {}, "one look-up for each.", {"look-ups": 2}),
    ("follow", (9, 1), {}, "one transaction,", {"transactions": 1}),
    ("unfollow", (9, 1), {}, "as ``follow``", {"transactions": 1}),
    ("mute", (9, 1), {}, "two look-ups and one transaction", {"transactions": 1, "look-ups": 2}),
    ("unmute", (9, 1), {}, "one look-up and one trans", {"transactions": 1, "look-ups": 1}),
    ("dismiss", (9, 1), {}, "two look-ups and one trans", {"transactions": 1, "look-ups": 2}),
    ("undismiss", (9, 1), {}, "one look-up and one trans", {"transactions": 1, "look-ups": 1}),
    ("create_group", (9, "g"), {}, "one read and one trans", {"transactions": 1, "groups": 1}),
    ("rename_group", (9, 1, "g"), {}, "one transaction.", {"transactions": 1}),
    ("delete_group", (9, 1), {}, "one transaction", {"transactions": 1}),
    ("set_special", (1, [2]), {}, "as ``set_groups``", {"transactions": 1}),
    ("set_groups", (1, [2], [0]), {}, "one transaction", {"transactions": 1}),
    ("relation", (1, 2), {}, "three look-ups;", {"look-ups": 3}),
    ("relation", (9, 3), {}, "two more if there is no relation", {"look-ups": 5}),
    ("relations", (1, [2, 3]), {}, "two look-ups for each", {"look-ups": 4}),
    ("relations", (1, [2, 8]), {}, "four for each other.", {"look-ups": 6}),
    ("decline", (1, 9), {}, "as ``follow``", {"transactions": 1}),
    ("requests", (1,), {}, "cost: as ``following``", {"requests": 1, "look-ups": 1}),
    ("in_groups", (1, 2), {}, "as ``relation``", {"look-ups": 3}),
    ("counts", (1,), {}, "one look-up;", {"look-ups": 1}),
    ("counts", (8,), {}, "two if all are empty", {"look-ups": 2}),
    ("groups", (1,), {}, "one row for each;", {"groups": 1}),
    ("groups", (8,), {}, "a look-up if there is none", {"groups": 1, "look-ups": 1}),
    ("following", (1,), {"limit": 3}, "``limit`` rows and cards", {"page": 1, "look-ups": 3}),
    ("followers", (1,), {}, "cost: as ``following``", {"page": 1, "look-ups": 1}),
    ("members", (1, 0), {"limit": 2}, "cost: as ``following``", {"members": 1, "look-ups": 2}),
    ("suggest", (1,), {}, "at most 200", {"suggestions": 1, "look-ups": 1}),
    ("muted", (2,), {}, "``limit`` rows", {"documents": 1}),
    ("iter_following", (1,), {}, "for each 200", {"page": 1, "look-ups": 4}),
    (
        "import_following",
        (1, [2, 8]),
        {},
        "one transaction for each 256",
        {"look-ups": 1, "page": 1, "transactions": 1},
    ),
    (
        "import_following",
        (3, [4, 6]),
        {"preview": True},
        "three look-ups for each change",
        {"look-ups": 2 + 2 * 3, "page": 1},
    ),
]


@pytest.mark.parametrize(("verb", "args", "kwargs", "phrase", "expected"), COSTS)
def test_a_verb_costs_what_it_says(
    tmp_path: Path,
    verb: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    phrase: str,
    expected: dict[str, int],
) -> None:
    doc = " ".join((inspect.getdoc(getattr(Graph, verb)) or "").split())
    assert phrase in doc[doc.lower().index("cost:") - 30 :]

    async def work() -> Counter[str]:
        counted = Counted(await open_store(str(tmp_path / "g.db"), create=True))
        graph = Graph(cast(Store, counted))
        try:
            await _fill(graph)
            counted.calls.clear()
            called = getattr(graph, verb)(*args, **kwargs)
            if hasattr(called, "__aiter__"):
                assert [item async for item in called]
            else:
                with suppress(ResponseCodeException) if verb in NO_GROUP else nullcontext():
                    await called
            return Counter(counted.calls)
        finally:
            await graph.close()

    assert asyncio.run(work()) == expected


async def _fill(graph: Graph) -> None:
    for mid in range(1, 10):
        await graph.put_account(mid, name=f"u{mid}", key="ab"[mid - 1] if mid < 3 else None)
    await graph.import_following(1, [2, 3, 4, 5])
    await graph.follow(2, 1)
    await graph.follow(2, 6)
    await graph.create_group(1, "friends")
    await graph.mute(2, 5)


@pytest.mark.parametrize(
    ("verb", "args", "verbs"),
    [("accounts", ([*range(1, 9)],), 2), ("relations", (1, [*range(2, 9)]), 3)],
)
def test_many_accounts_are_read_at_once(
    tmp_path: Path, verb: str, args: tuple[Any, ...], verbs: int
) -> None:
    """On a server each verb is a round trip: their number does not depend on that of accounts."""

    async def work() -> tuple[int, int]:
        counted = Counted(await open_store(str(tmp_path / "g.db"), create=True))
        graph = Graph(cast(Store, counted))
        try:
            await _fill(graph)
            counted.verbs = 0
            found = await getattr(graph, verb)(*args)
            return counted.verbs, len(found)
        finally:
            await graph.close()

    assert asyncio.run(work())[0] == verbs
