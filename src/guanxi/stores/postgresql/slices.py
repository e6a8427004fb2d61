"""Writing many staged edges into a store that others use: slice by slice.

A slice is a bounded number of pairs, with both ends, in one transaction, which locks the tables for
a fraction of a second; other writers go between two slices. All edges are checked before the first.
An interrupted import leaves whole slices; the same import run again continues.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from guanxi.accounts.account import Card, Privacy, State
from guanxi.graph.feed import IMPORTED
from guanxi.stores.port import (
    Imported,
    OnContradiction,
    OnOtherTime,
    StoreError,
    StoreTimeout,
)
from guanxi.stores.postgresql import bulk, feed
from guanxi.stores.postgresql.bulk_staging import ends_between, view
from guanxi.stores.postgresql.connections import ERRORS, Connection, commit
from guanxi.text import Text

#: The number of edges up to which an import is one transaction also in a store that has relations.
WHOLE = 20_000
#: The seconds that a slice should last, and the least, first and largest number of its pairs.
SLICE_SECONDS = 0.5
_LEAST, _FIRST, _LARGEST = 2_000, 5_000, 50_000

_COUNT = "SELECT count(*) FROM incoming"
_PAIRS = "SELECT coalesce(max(pair) + 1, 0) FROM all_ends"
# What belongs to lines is shown for those of the slice.
_SET_ASIDE = "CREATE INDEX all_ends_pair ON all_ends (pair);" + "".join(
    f"""
ALTER TABLE {name} RENAME TO all_{name};
CREATE INDEX all_{name}_line ON all_{name} (line);
{view(name, f"SELECT all_{name}.* FROM all_{name} JOIN staged USING (line)")}
"""
    for name in ("staged_group", "staged_contract", "staged_visits")
)


async def are_needed(db: Connection) -> bool:
    """Return whether the staged edges are many, and the store has relations already."""
    if await db.fetchval(_COUNT) <= WHOLE:
        return False
    return bool(await db.fetchval(bulk.HAS_RELATIONS))


async def write(
    db: Connection,
    accounts: Mapping[int, tuple[Card, Privacy, State]],
    groups: Mapping[tuple[int, str], int],
    *,
    strict: bool,
    on_contradiction: OnContradiction,
    on_other_time: OnOtherTime,
    now: Callable[[], int],
) -> Imported:
    """Check and write the staged edges; return how many are new, changed, ….

    The arguments are as in the port's ``import_edges``; ``now`` returns the current sort key.
    ``accounts`` and ``groups`` are written with the first slice. Edges that contradict one that was
    stored after the check are resolved by the rules. Each slice appends to the feed of changes.
    Raise as ``bulk.write`` if nothing is written, and ``StoreTimeout`` if a part is.
    """
    async with db.transaction():
        await bulk.check(
            db,
            accounts,
            strict=strict,
            on_contradiction=on_contradiction,
            on_other_time=on_other_time,
        )
    await db.execute(_SET_ASIDE)
    pairs = await db.fetchval(_PAIRS)
    first, size, imported = 0, _FIRST, Imported()
    try:
        while first < pairs:
            last = min(first + size, pairs)
            await db.execute(ends_between(first, last - 1))
            began = time.monotonic()
            await db.execute("BEGIN")
            done = await bulk.write(
                db,
                {} if first else accounts,
                {} if first else groups,
                strict=False,
                on_contradiction="resolve",
                on_other_time="replace" if on_other_time == "refuse" else on_other_time,
            )
            await feed.append(db, now(), IMPORTED)
            await commit(db)
            imported += done
            first, size = last, _next_size(size, time.monotonic() - began, done)
    except (*ERRORS, StoreError) as error:
        if not first:
            raise
        raise StoreTimeout(
            Text(
                "只写入了一部分：重新运行同一导入即可继续",
                "only a part of the import is written: run it again to continue",
            )
        ) from error
    return imported


def _next_size(size: int, seconds: float, done: Imported) -> int:
    """Return the size of the next slice, after one of ``size`` that lasted ``seconds``.

    It is no larger if that one had little to write, as when an import is run again.
    """
    most = 1.0 if done.unchanged else 2.0
    factor = min(most, SLICE_SECONDS / max(seconds, 0.001))
    return max(_LEAST, min(_LARGEST, int(size * factor)))
