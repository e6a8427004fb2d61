"""Edges of files against a store, without writing: what is unknown, and what would become of each.

The stored edges of the accounts that the files name are read into the database of the files, and
joined there with the edges that are ready, so that memory is bounded.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from guanxi.files import table
from guanxi.files.edge_groups import groups_of
from guanxi.files.edges import KINDS, READY, Edges, add_texts
from guanxi.files.outcome import SHOWN, OnConflict, RefusedLines
from guanxi.stores.lines import group_name
from guanxi.stores.port import REQUEST, EdgeRow, Store

if TYPE_CHECKING:
    import duckdb

_CHUNK = 10_000
#: How many accounts are looked up in one call.
_LOOKED_UP = 1_000
#: After so many stored edges of accounts that no line names, the read goes on at the next that one
#: does.
_SKIPPED = 1_000
_FOLLOW, _WHISPER, _BLOCK, _REQUEST = map(KINDS.index, ("follow", "whisper", "block", REQUEST))

_MIDS = """
SELECT DISTINCT mid FROM (
    SELECT follower AS mid FROM edge WHERE fault IS NULL
    UNION ALL SELECT followed FROM edge WHERE fault IS NULL
) ORDER BY mid
"""
_STORED = """
CREATE TABLE stored (
    owner BIGINT, target BIGINT, place BIGINT, kind UTINYINT, special BOOLEAN, names VARCHAR,
    ts BIGINT, user_attr BIGINT, visits BIGINT
)
"""
# What becomes of each edge, by the rules of an import. "wins" removes stored edges, "loses" is left
# out; a second block of a pair finds nothing to remove any more, as that of the lower mid did.
_COMPARED = f"""
CREATE TABLE compared AS
SELECT edge.id, CASE
    WHEN edge.kind <> {_BLOCK} AND (own.kind = {_BLOCK} OR back.kind = {_BLOCK}) THEN 'loses'
    WHEN edge.kind = {_WHISPER} AND own.kind = {_FOLLOW} THEN 'loses'
    WHEN edge.kind = {_REQUEST} THEN CASE
        WHEN own.kind = {_FOLLOW} THEN 'loses'
        WHEN sent.kind IS NULL THEN 'new' ELSE 'unchanged' END
    WHEN own.kind <> edge.kind OR edge.kind = {_BLOCK} AND back.kind <> {_BLOCK} THEN
        CASE WHEN edge.kind = {_BLOCK} AND other.id IS NOT NULL THEN 'wins second' ELSE 'wins' END
    WHEN own.kind IS NULL THEN 'new'
    WHEN edge.place < own.place THEN 'older'
    WHEN edge.place > own.place THEN 'newer'
    WHEN edge.kind = {_FOLLOW} AND (
        edge.special <> own.special
        OR cell_names.names IS DISTINCT FROM own.names
        OR edge.ts IS NOT NULL
        AND (edge.ts IS DISTINCT FROM own.ts OR edge.user_attr IS DISTINCT FROM own.user_attr)
        OR edge.visits IS NOT NULL AND edge.visits <> own.visits
    ) THEN 'changed'
    ELSE 'unchanged' END AS outcome
FROM (SELECT rowid AS id, * {READY}) AS edge
LEFT JOIN cell_names ON cell_names.groups = edge.groups
LEFT JOIN stored AS own ON own.owner = edge.follower AND own.target = edge.followed
    AND own.kind <> {_REQUEST}
LEFT JOIN stored AS back ON back.owner = edge.followed AND back.target = edge.follower
    AND back.kind <> {_REQUEST}
LEFT JOIN stored AS sent ON sent.owner = edge.follower AND sent.target = edge.followed
    AND sent.kind = {_REQUEST}
LEFT JOIN (SELECT rowid AS id, follower, followed {READY} AND kind = {_BLOCK}) AS other
    ON other.follower = edge.followed AND other.followed = edge.follower
    AND other.follower < edge.follower
"""
#: By the rule: which count each outcome belongs to.
_COUNTED = {
    rule: {
        "new": "new",
        "changed": "changed",
        "unchanged": "unchanged",
        "loses": "conflicting",
        "wins": "changed",
        "wins second": "new",
        "older": older,
        "newer": newer,
    }
    for rule, older, newer in (
        ("newest", "conflicting", "changed"),
        ("oldest", "changed", "conflicting"),
        ("refuse", "", ""),
    )
}
#: The faults that the outcomes are with the rule "refuse".
_REFUSED = {
    "loses": "contradiction",
    "wins": "contradiction",
    "wins second": "contradiction",
    "older": "other time",
    "newer": "other time",
}


async def check_edges(
    store: Store,
    edges: Edges,
    *,
    strict: bool = False,
    on_conflict: OnConflict = "newest",
    skip_bad: bool = False,
    compare: bool = False,
) -> Edges:
    """Refuse the lines that an import into the store refuses; return the edges without them.

    With ``strict`` these are the lines with an account that does not exist, and if ``on_conflict``
    is "refuse" those that contradict a stored relation, or have another time than it. Nothing is
    written. ``compare`` also fills the counts as an import would. Raise RefusedLines if a line is
    refused, unless ``skip_bad``; errors of the store pass on.
    """
    db = edges.db
    with table.failures(db, "edges"):
        if strict:
            await _refuse_unknown(store, db)
        counts: dict[str, int] = {}
        if compare or on_conflict == "refuse":
            await _read_stored(store, db)
            _name_groups(db, edges.found.group_separator)
            db.execute(_COMPARED)
            if on_conflict == "refuse":
                _refuse_compared(db)
            counts = _counts(db, on_conflict)
        if skip_bad:
            add_texts(db, edges.parts)
        checked = edges.counted()
        refused = checked.found.counts.refused
        if refused and not skip_bad:
            first = [*islice(checked.refused(), SHOWN)]
            raise RefusedLines(first, refused, several_files=len(edges.parts) > 1)
    if not compare:
        return checked
    conflicting = checked.found.counts.conflicting + counts.pop("conflicting", 0)
    compared = replace(checked.found.counts, conflicting=conflicting, **counts)
    return checked._replace(found=replace(checked.found, counts=compared))


async def _refuse_unknown(store: Store, db: duckdb.DuckDBPyConnection) -> None:
    """Give each line that names an account that is not stored the fault "unknown".

    All lines of a pair name the same accounts, so those that another line of it was kept instead of
    are refused too.
    """
    db.execute("CREATE TABLE unknown (mid BIGINT)")
    for mids in _mids(db, _LOOKED_UP):
        known = await store.cards(mids)
        if unknown := [mid for mid in mids if mid not in known]:
            db.execute("INSERT INTO unknown SELECT unnest(?::BIGINT[])", [unknown])
    db.execute(
        "UPDATE edge SET fault = 'unknown', value = concat_ws(',',"
        " CASE WHEN follower IN (FROM unknown) THEN follower END,"
        " CASE WHEN followed IN (FROM unknown) THEN followed END)"
        " WHERE fault IS NULL"
        " AND (follower IN (FROM unknown) OR followed IN (FROM unknown))"
    )


def _mids(db: duckdb.DuckDBPyConnection, size: int) -> Iterator[list[int]]:
    """Yield the accounts that lines name, in order, in lists of at most ``size``."""
    with db.cursor() as cursor:
        cursor.execute(_MIDS)
        while rows := cursor.fetchmany(size):
            yield [mid for (mid,) in rows]


async def _read_stored(store: Store, db: duckdb.DuckDBPyConnection) -> None:
    """Create the table ``stored`` of the stored edges whose follower a line names."""
    db.execute(_STORED)
    rows: list[tuple[Any, ...]] = []
    async for edge in _edges_of(store, (mid for mids in _mids(db, _CHUNK) for mid in mids)):
        rows.append(_stored_row(edge))
        if len(rows) == _CHUNK:
            _insert_stored(db, rows)
            rows = []
    if rows:
        _insert_stored(db, rows)


def _stored_row(edge: EdgeRow) -> tuple[Any, ...]:
    contract = edge.contract
    return (
        edge.follower,
        edge.followed,
        edge.sort_key,
        KINDS.index(edge.kind),
        edge.special,
        _names(edge.groups),
        None if contract is None else contract.ts,
        None if contract is None else contract.user_attr,
        edge.visits,
    )


def _insert_stored(db: duckdb.DuckDBPyConnection, rows: Sequence[tuple[Any, ...]]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    db.execute(f"INSERT INTO stored SELECT {', '.join(['unnest(?)'] * len(columns))}", columns)


async def _edges_of(store: Store, owners: Iterator[int]) -> AsyncIterator[EdgeRow]:
    """Yield the stored edges of accounts; ``owners`` yields these in order."""
    owner = next(owners, None)
    while owner is not None:
        skipped = 0
        # Left early below, so it must be closed: in every store it is a generator.
        async with aclosing(aiter(store.edges(owner - 1, requests=True))) as edges:  # type: ignore[type-var]
            async for edge in edges:
                while owner is not None and owner < edge.follower:
                    owner = next(owners, None)
                if owner is None:
                    return
                if edge.follower == owner:
                    skipped = 0
                    yield edge
                elif (skipped := skipped + 1) == _SKIPPED:
                    break
            else:
                return


def _names(groups: Sequence[str]) -> str | None:
    """Return the names of groups as the store has them, in order; None if there are none."""
    names = {cleaned for name in groups if (cleaned := group_name(name)) is not None}
    return msgspec.json.encode(sorted(names)).decode() if names else None


def _name_groups(db: duckdb.DuckDBPyConnection, separator: str) -> None:
    """Create the table ``cell_names``: for each cell of groups, their names as ``_names`` has them.

    A cell without a name is left out.
    """
    db.execute("CREATE TABLE cell_names (groups VARCHAR, names VARCHAR)")
    with db.cursor() as cursor:
        cursor.execute("SELECT groups FROM cell")
        while rows := cursor.fetchmany(_CHUNK):
            cells = [cell for (cell,) in rows]
            names = [_names(groups_of(cell, separator)) for cell in cells]
            db.execute(
                "INSERT INTO cell_names SELECT * FROM"
                " (SELECT unnest(?) AS groups, unnest(?::VARCHAR[]) AS names)"
                " WHERE names IS NOT NULL",
                [cells, names],
            )


def _refuse_compared(db: duckdb.DuckDBPyConnection) -> None:
    """Give the edges that contradict the store their fault."""
    for outcome, fault in _REFUSED.items():
        db.execute(
            "UPDATE edge SET fault = ? FROM compared WHERE id = edge.rowid AND outcome = ?",
            [fault, outcome],
        )


def _counts(db: duckdb.DuckDBPyConnection, on_conflict: OnConflict) -> dict[str, int]:
    """Return how many edges would be new, changed and so on, without those refused."""
    counts: dict[str, int] = {}
    for outcome, count in db.execute(
        "SELECT outcome, count(*) FROM compared GROUP BY outcome"
    ).fetchall():
        if on_conflict == "refuse" and outcome in _REFUSED:
            continue
        name = _COUNTED[on_conflict][outcome]
        counts[name] = counts.get(name, 0) + count
    return counts
