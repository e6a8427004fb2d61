"""A comparison of files with a store finds what an import then does, and writes nothing."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict

from guanxi.files.comparison import check_edges
from guanxi.files.edges import import_edges, read_edges
from guanxi.files.outcome import Counts, OnConflict, RefusedLines
from guanxi.files.table import Request
from guanxi.stores.port import EdgeRow, Store
from tests.counts import count
from tests.files.reading import NOW, file, follow
from tests.stores.world import people

HEADER = "follower,followed,time,kind,special,groups,contract,visits\n"


def random_line(draw: random.Random) -> str:
    """Return a line about one of few accounts and times, so that most meet another line."""
    follower, followed = draw.sample(range(1, 6), 2)
    time = draw.choice([100, 101, 102])
    kind = draw.choice(["follow", "follow", "follow", "whisper", "block", "request"])
    extras = ["", "", "", ""]
    if kind == "follow":
        extras = [
            draw.choice(["", "1"]),
            draw.choice(["", "", "a", "a|b", " b |a|a"]),
            draw.choice(["", "", '"{""ts"":1}"', '"{""ts"":1,""user_attr"":2}"']),
            draw.choice(["", "0", "1", "2"]),
        ]
    return ",".join([str(follower), str(followed), str(time), kind, *extras])


async def stored(store: Store) -> list[EdgeRow]:
    return [row async for row in store.edges(requests=True)]


async def compared(store: Store, path: Path, rule: OnConflict, **options: Any) -> Counts:
    with read_edges(Request(files=(path,)), now=NOW, on_conflict=rule, skip_bad=True) as edges:
        checked = await check_edges(store, edges, on_conflict=rule, compare=True, **options)
        assert checked.found.counts.refused == len([*checked.refused()])
        return checked.found.counts


@pytest.mark.parametrize("rule", ["newest", "oldest"])
async def test_the_counts_are_those_of_the_import(
    store: Store, tmp_path: Path, rule: OnConflict
) -> None:
    draw = random.Random(7)
    total: Counter[str] = Counter()
    for number in range(count(4, 20)):
        lines = [random_line(draw) for _ in range(draw.randint(1, 24))]
        path = file(tmp_path, HEADER + "\n".join(lines), str(number))
        before = await stored(store)
        expected = await compared(store, path, rule)
        assert await stored(store) == before
        with read_edges(Request(files=(path,)), now=NOW, on_conflict=rule) as edges:
            done = await import_edges(store, edges, on_conflict=rule)
        assert expected == done, (before, lines)
        total.update(asdict(done))
    assert min(total[name] for name in ("new", "changed", "unchanged", "conflicting")) > 0


async def test_what_the_store_contradicts_is_refused_line_by_line(
    store: Store, tmp_path: Path
) -> None:
    await people(store, 1, 2, 3, 4, 5)
    await store.import_edges(lambda: [follow(1, 2, 5), follow(1, 3, 5), follow(1, 4, 5)])
    path = file(tmp_path, "follower,followed,time,kind\n1,5,7,\n2,1,9,block\n1,3,6,\n1,4,5,\n")
    counts = await compared(store, path, "refuse", skip_bad=True)
    assert counts == Counts(read=4, new=1, unchanged=1, refused=2)
    with (
        read_edges(Request(files=(path,)), now=NOW, on_conflict="refuse") as edges,
        pytest.raises(RefusedLines) as refused,
    ):
        await check_edges(store, edges, on_conflict="refuse")
    assert [(row.line, row.reason.en) for row in refused.value.first] == [
        (3, "this contradicts a relation between the two accounts in the store"),
        (4, "the store has this relation with another time"),
    ]


@pytest.mark.parametrize("rule", ["newest", "refuse"])
async def test_all_lines_of_unknown_accounts_are_refused(
    store: Store, tmp_path: Path, rule: OnConflict
) -> None:
    """Also those that another line of the pair was kept instead of."""
    await people(store, 1, 2)
    lines = ["1,2,5", "1,2,5", "7,1,5", "7,1,5", "7,1,6", "8,9,5"]
    path = file(tmp_path, "follower,followed,time\n" + "\n".join(lines))
    counts = await compared(store, path, rule, strict=True, skip_bad=True)
    assert counts == Counts(read=6, new=1, repeated=1, refused=4)


async def test_the_read_of_the_store_goes_on_at_the_accounts_of_the_file(
    store: Store, tmp_path: Path
) -> None:
    """More edges are stored between the two than are skipped one by one."""
    rows = [follow(owner, 1, 5) for owner in range(2, 3_500)]
    await store.import_edges(lambda: rows)
    path = file(tmp_path, "follower,followed,time\n2,1,5\n3499,1,6\n3499,2,6\n3600,1,1\n")
    assert await compared(store, path, "newest") == Counts(read=4, new=2, changed=1, unchanged=1)
