"""Import of edges from files: cast, check, order and resolve them, in SQL, then hand them over.

The columns are the fields of ``EdgeRow``; only follower and followed are required. docs/service.md
describes the forms that each may have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from guanxi.files import edge_groups, table
from guanxi.files.edge_groups import GROUP_SEPARATOR, groups_of
from guanxi.files.outcome import (
    SHOWN,
    Counts,
    OnConflict,
    Refused,
    RefusedLines,
    reason,
    unknown_accounts,
)
from guanxi.files.pending import MANY, put_requests
from guanxi.files.table import Request, Shape
from guanxi.graph.pair import Contract, sort_key_of_mtime
from guanxi.stores.lines import KINDS as RELATIONS
from guanxi.stores.lines import MAX_FINER
from guanxi.stores.port import (
    REQUEST,
    BadLine,
    EdgeRow,
    OnContradiction,
    PlainFollows,
    SentRequest,
    Store,
    StoreError,
)
from guanxi.text import Text

if TYPE_CHECKING:
    import duckdb

COLUMNS = EdgeRow.__struct_fields__
SHAPE = Shape(
    names=COLUMNS,
    required=("follower", "followed"),
    texts=frozenset({"groups"}),
    headerless=("follower", "followed", "time"),
)
#: In the order of their codes in ``edge.unit``.
UNITS = ("none", "seconds", "milliseconds", "microseconds", "iso", "iso without zone")
#: What times that were read as numbers may be instead: a date, with hour and minute, or the number
#: of a day in a spreadsheet. The first and the third were read as seconds, the second as
#: milliseconds.
DOUBTFUL = ("date", "minute", "day")
#: The kinds of a line, by their codes in ``edge.kind``.
KINDS = (*RELATIONS, REQUEST)
_CHUNK = 10_000
_FINE = sort_key_of_mtime(1)
_FOLLOW, _WHISPER, _BLOCK, _REQUEST = map(KINDS.index, ("follow", "whisper", "block", REQUEST))
#: Which relation of one pair wins: block, then follow, then whisper or request, which exclude only
#: the former two.
_RANK = f"CASE kind WHEN {_BLOCK} THEN 2 WHEN {_FOLLOW} THEN 1 ELSE 0 END"

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?"
_ZONE = r" ?(?:Z|z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)"
_DECIMAL = r"[0-9]{1,20}(?:\.[0-9]{0,20})?(?:[eE]\+?[0-9]{1,2})?"
#: A number below the first bound is in seconds, below the second in milliseconds, below the third
#: in microseconds: seconds to the year 5138, and milliseconds from 1973 on.
_SECONDS, _MILLISECONDS, _MICROSECONDS = 10**11, 10**14, 10**17

_CREATE = """
CREATE TABLE edge (
    file UTINYINT, line BIGINT, follower BIGINT, followed BIGINT, place BIGINT, unit UTINYINT,
    kind UTINYINT, special BOOLEAN, groups VARCHAR, ts BIGINT, user_attr BIGINT, visits BIGINT,
    fault VARCHAR, value VARCHAR, text VARCHAR
)
"""


def _whole(column: str) -> str:
    """Return the SQL of a text as a whole number; NULL if it is none, or is 2**63 or more."""
    return (
        f"CASE WHEN regexp_full_match({column}, '[0-9]{{1,19}}')"
        f" THEN TRY_CAST({column} AS BIGINT) END"
    )


# Each level uses the values of the one inside, which are thus computed once.
_CAST = f"""
SELECT *,
    CASE WHEN raw_time IS NULL THEN 0 WHEN iso_time IS NULL THEN size
        WHEN regexp_full_match(raw_time, '{_DATE}.*{_ZONE}') THEN 4 ELSE 5 END AS unit,
    CASE WHEN iso_time IS NOT NULL THEN epoch_us(iso_time)
        WHEN whole_time IS NOT NULL
        THEN CASE size WHEN 1 THEN whole_time * 1000000 WHEN 2 THEN whole_time * 1000
            WHEN 3 THEN whole_time END
        ELSE CAST(round(CASE size WHEN 1 THEN decimal_time * 1e6 WHEN 2 THEN decimal_time * 1e3
            WHEN 3 THEN decimal_time END) AS BIGINT) END AS us
FROM (
    SELECT *, CASE WHEN coalesce(whole_time, decimal_time) < {_SECONDS} THEN 1
        WHEN coalesce(whole_time, decimal_time) < {_MILLISECONDS} THEN 2
        WHEN coalesce(whole_time, decimal_time) < {_MICROSECONDS} THEN 3 END AS size
    FROM (
        SELECT *,
            CASE WHEN whole_time IS NULL AND regexp_full_match(raw_time, '{_DECIMAL}')
                THEN TRY_CAST(raw_time AS DOUBLE) END AS decimal_time,
            CASE WHEN whole_time IS NULL
                AND regexp_full_match(raw_time, '{_DATE}(?:{_CLOCK}(?:{_ZONE})?)?')
                THEN TRY_CAST(upper(replace(raw_time, ',', '.')) AS TIMESTAMPTZ) END AS iso_time,
            CASE WHEN raw_special IS NULL OR lower(raw_special) IN ('false', '0', 'f') THEN false
                WHEN lower(raw_special) IN ('true', '1', 't') THEN true END AS special,
            contract ->> '$.ts' AS ts_text, coalesce(contract ->> '$.user_attr', '0') AS attr_text,
            CASE WHEN regexp_full_match(ts_text, '-?[0-9]{{1,19}}')
                THEN TRY_CAST(ts_text AS BIGINT) END AS ts,
            CASE WHEN regexp_full_match(attr_text, '-?[0-9]{{1,19}}')
                THEN TRY_CAST(attr_text AS BIGINT) END AS user_attr
        FROM (
            SELECT *, {_whole("raw_follower")} AS follower, {_whole("raw_followed")} AS followed,
                {_whole("raw_time")} AS whole_time, {_whole("raw_visits")} AS visits,
                {_whole("raw_finer")} AS finer,
                CASE WHEN raw_kind IS NULL THEN {_FOLLOW}
                    ELSE list_position({list(KINDS)}, lower(raw_kind)) - 1 END AS kind,
                CASE WHEN raw_contract IS NOT NULL AND json_valid(raw_contract)
                    THEN raw_contract END AS contract
            FROM (SELECT line, fault, text, {{raw}} FROM ({{part}}))
        )
    )
)
"""
# The first fault of a line, in the order of the columns.
_JUDGED = f"""
INSERT INTO edge SELECT $file, line, follower, followed,
    us // 1000000 * {_FINE} + coalesce(finer, us % 1000000 * {_FINE} // 1000000), unit, kind,
    special, raw_groups, ts, user_attr, nullif(visits, 0), why,
    CASE why WHEN 'follower' THEN raw_follower WHEN 'followed' THEN raw_followed
        WHEN 'self' THEN raw_follower WHEN 'time' THEN raw_time
        WHEN 'kind' THEN raw_kind WHEN 'special' THEN raw_special
        WHEN 'contract' THEN raw_contract WHEN 'visits' THEN raw_visits
        WHEN 'finer' THEN raw_finer WHEN 'width' THEN text
        ELSE CASE WHEN starts_with(why, 'future') THEN raw_time END END,
    CASE WHEN why IS NOT NULL THEN coalesce(text, '') END
FROM (
    SELECT *, CASE WHEN fault IS NOT NULL THEN fault
        WHEN follower IS NULL OR follower < 1 THEN 'follower'
        WHEN followed IS NULL OR followed < 1 THEN 'followed'
        WHEN follower = followed THEN 'self'
        WHEN unit IS NULL OR us < 0 THEN 'time'
        WHEN us >= $end THEN CASE WHEN unit > 3 THEN 'future'
            ELSE 'future ' || {list(UNITS)}[unit + 1] END
        WHEN kind IS NULL THEN 'kind'
        WHEN special IS NULL THEN 'special'
        WHEN raw_contract IS NOT NULL AND (ts IS NULL OR user_attr IS NULL) THEN 'contract'
        WHEN raw_visits IS NOT NULL AND visits IS NULL THEN 'visits'
        WHEN raw_finer IS NOT NULL AND (finer IS NULL OR finer > {MAX_FINER}) THEN 'finer'
        WHEN kind <> {_FOLLOW} AND (special OR raw_groups IS NOT NULL AND raw_groups <> '[]'
            OR raw_contract IS NOT NULL OR visits > 0) THEN 'extras' END AS why
    FROM ({_CAST})
)
"""


_IS_DATE = "{0} BETWEEN 19000101 AND 21001231 AND TRY_STRPTIME({0}::VARCHAR, '%Y%m%d') IS NOT NULL"
# All of these would be in 1970 or, the second, before 1977.
_DOUBTFUL = f"""
SELECT form, count(*), min(CASE form WHEN 'minute' THEN
    number * 1000 + (place % {_FINE} * 1000 + {_FINE} - 1) // {_FINE} ELSE number END)
FROM (
    SELECT place, number, CASE
        WHEN unit = 1 AND {_IS_DATE.format("number")} THEN 'date'
        WHEN unit = 1 AND number BETWEEN 36526 AND 60000 THEN 'day'
        WHEN unit = 2 AND number % 10 < 3 AND {_IS_DATE.format("(number // 10)")} THEN 'minute'
        END AS form
    FROM (SELECT unit, place, place // {_FINE} AS number FROM edge WHERE fault IS NULL)
) WHERE form IS NOT NULL GROUP BY form ORDER BY form
"""


class Found(Struct, frozen=True, kw_only=True):
    """What was found in files of edges."""

    #: Without what only the store knows: new, changed and unchanged.
    counts: Counts
    #: The edges to write.
    ready: int = 0
    #: How many times of each form there are: see ``UNITS``.
    times: dict[str, int] = {}
    #: By what they may be instead, a key of ``DOUBTFUL``: how many times, and one in its unit.
    doubtful: dict[str, tuple[int, int]] = {}
    #: What separates groups in a cell, and group names that another separator may be missing in.
    group_separator: str = GROUP_SEPARATOR
    odd_groups: tuple[tuple[int, str], ...] = ()
    #: Group names that may have been meant as no value, such as NULL.
    no_values: tuple[str, ...] = ()


_IS_REQUEST = f"(kind = {_REQUEST})"


class Edges(NamedTuple):
    """Checked edges in a database: each pair once, and none contradicts another."""

    found: Found
    db: duckdb.DuckDBPyConnection
    parts: tuple[table.Part, ...]
    is_plain: bool

    def rows(self) -> Iterable[EdgeRow]:
        """Return the edges by follower, sort key and followed, without the requests to follow.

        May be called on any thread.
        """
        if self.is_plain:
            return PlainFollows(self._chunks("follower, place, followed"))
        return self._full()

    def requests(self) -> Iterator[list[SentRequest]]:
        """Yield the requests to follow in lists, by follower, sort key and followed."""
        rows = chain.from_iterable(self._chunks("follower, followed, place", _IS_REQUEST))
        while some := [SentRequest(*row) for row in islice(rows, MANY)]:
            yield some

    def _chunks(self, columns: str, which: str = f"NOT {_IS_REQUEST}") -> Iterator[list[Any]]:
        with self.db.cursor() as cursor:
            cursor.execute(
                f"SELECT {columns} {READY} AND {which} ORDER BY follower, place, followed"
            )
            while rows := cursor.fetchmany(_CHUNK):
                yield rows

    def _full(self) -> Iterator[EdgeRow]:
        separator = self.found.group_separator
        rows = chain.from_iterable(
            self._chunks(
                f"follower, followed, place // {_FINE}, place % {_FINE}, kind, special, groups, ts,"
                " user_attr, visits"
            )
        )
        return (
            EdgeRow(
                follower=follower,
                followed=followed,
                time=time,
                finer=finer,
                kind=KINDS[kind],
                special=special,
                groups=groups_of(cell, separator) if cell else (),
                contract=None if ts is None else Contract(ts, attr),
                visits=visits or 0,
            )
            for follower, followed, time, finer, kind, special, cell, ts, attr, visits in rows
        )

    def counted(self) -> Edges:
        """Return the edges with new counts: the table of them says what is refused or dropped."""
        rejected = sum(len(table.rejected(self.db, part.rejects)) for part in self.parts)
        [(read, faults)] = self.db.execute("SELECT count(*), count(fault) FROM edge").fetchall()
        [(dropped,), (conflicting,)] = self.db.execute(
            "SELECT count(*) FROM dropped JOIN edge ON id = edge.rowid WHERE fault IS NULL"
            " UNION ALL"
            " SELECT count(*) FROM conflict JOIN edge ON id = edge.rowid WHERE fault IS NULL"
        ).fetchall()
        counts = Counts(
            read=read + rejected,
            refused=faults + rejected,
            repeated=dropped - conflicting,
            conflicting=conflicting,
        )
        return self._replace(
            found=replace(self.found, counts=counts, ready=read - faults - dropped)
        )

    def line_of(self, number: int) -> tuple[Path, int, int, int]:
        """Return the file and line, the follower and the followed, of one of ``rows``, from 1."""
        [(file, line, follower, followed)] = self.db.execute(
            f"SELECT file, line, follower, followed {READY} AND NOT {_IS_REQUEST}"
            f" ORDER BY follower, place, followed LIMIT 1 OFFSET {number - 1}"
        ).fetchall()
        part = self.parts[file]
        return (
            part.name,
            table.line_in_file(line, [*table.rejected(self.db, part.rejects)]),
            follower,
            followed,
        )

    def refused(self) -> Iterator[Refused]:
        """Yield the refused lines, in the order of the files."""
        for at, _ in enumerate(self.parts):
            yield from table.refused_rows(self.db, self.parts, at, self._faults(at), _why)

    def _faults(self, at: int) -> Iterator[tuple[int, str, str | None, str | None]]:
        with self.db.cursor() as cursor:
            cursor.execute(
                "SELECT line, fault, value, text FROM edge"
                f" WHERE fault IS NOT NULL AND file = {at} ORDER BY line"
            )
            while rows := cursor.fetchmany(_CHUNK):
                yield from rows


def _why(fault: str, value: str | None) -> Text:
    return unknown_accounts(str(value).split(",")) if fault == "unknown" else reason(fault, value)


#: The edges to write, as the end of a SELECT that may go on with AND.
READY = "FROM edge WHERE fault IS NULL AND NOT EXISTS (SELECT 1 FROM dropped WHERE id = edge.rowid)"


@contextmanager
def read_edges(
    request: Request,
    *,
    now: int,
    on_conflict: OnConflict = "newest",
    skip_bad: bool = False,
    group_separator: str | None = None,
) -> Iterator[Edges]:
    """Read, check and resolve the edges of files, and yield them while their database exists.

    ``now`` is in seconds since the Unix epoch: no edge may be later, and those without a time are
    ordered as in the files, the last at the end of ``now``. Of two lines of one pair that differ,
    ``on_conflict`` says which is kept (or that the later line is refused); a block wins over a
    follow and a whisper, in both directions, and a follow over a whisper. ``group_separator`` None
    finds it out. Raise RefusedLines if a line is refused, unless ``skip_bad``; StoreError if a file
    cannot be read.
    """
    if group_separator == "":
        raise StoreError(
            Text("--group-separator 不能为空", "--group-separator must have a character")
        )
    with table.opened(request, SHAPE) as tables:
        db, parts = tables
        db.execute(_CREATE)
        raw = ", ".join(f"{name} AS raw_{name}" for name in COLUMNS)
        for at, part in enumerate(parts):
            with table.failures(db, part.name):
                statement = _JUDGED.replace("{raw}", raw).replace("{part}", part.select)
                db.execute(statement, {"file": at, "end": (now + 1) * 1_000_000})
        with table.failures(db, "edges"):
            separator, odd, no_values = edge_groups.check(db, group_separator)
            _order(db, now)
            _resolve(db, on_conflict)
            if skip_bad:
                add_texts(db, parts)
            edges = _found(db, parts, separator, odd)
            edges = edges._replace(found=replace(edges.found, no_values=no_values)).counted()
        counts = edges.found.counts
        if counts.refused and not skip_bad:
            table.check_encoding(db, parts)
            first = [*islice(edges.refused(), SHOWN)]
            raise RefusedLines(first, counts.refused, several_files=len(request.files) > 1)
        yield edges


def _found(
    db: duckdb.DuckDBPyConnection,
    parts: tuple[table.Part, ...],
    separator: str,
    odd: tuple[tuple[int, str], ...],
) -> Edges:
    [(plain,)] = db.execute(
        f"SELECT coalesce(bool_and(fault IS NOT NULL OR {_IS_REQUEST} OR kind = {_FOLLOW}"
        " AND NOT special AND groups IS NULL AND ts IS NULL AND visits IS NULL), true) FROM edge"
    ).fetchall()
    doubtful = db.execute(_DOUBTFUL).fetchall()
    times = db.execute(
        "SELECT unit, count(*) FROM edge WHERE fault IS NULL GROUP BY unit ORDER BY unit"
    ).fetchall()
    found = Found(
        counts=Counts(),
        times={UNITS[unit]: count for unit, count in times},
        doubtful={form: (count, example) for form, count, example in doubtful},
        group_separator=separator,
        odd_groups=odd,
    )
    return Edges(found, db, parts, plain)


async def import_edges(
    store: Store,
    edges: Edges,
    *,
    strict: bool = False,
    on_conflict: OnConflict = "newest",
    progress: Callable[[int], None] | None = None,
) -> Counts:
    """Write edges into a store; return what became of all lines.

    An edge that contradicts a relation in the store is resolved by the rules, and of two times of
    one relation ``on_conflict`` keeps one; with "refuse" both raise BadLine. ``strict`` raises
    BadLine for an account that does not exist. ``progress`` is called, on any thread, with the
    number of edges that are done. Other errors are those of ``Upkeep.import_edges``.

    Requests to follow are written after all else, some hundreds in a transaction. One that a stored
    relation or a deregistered account excludes is left out and counted as conflicting, as is, with
    ``strict``, one of an unknown account: ``comparison.check_edges`` refuses those before. One that
    is stored keeps its time.
    """
    rule: OnContradiction = "refuse" if on_conflict == "refuse" else "resolve"
    try:
        written = await store.import_edges(
            edges.rows,
            strict=strict,
            on_contradiction=rule,
            on_other_time=on_conflict,
            progress=progress,
        )
    except BadLine as error:
        file, line, follower, followed = edges.line_of(error.line)
        several = file if len(edges.parts) > 1 else None
        known = await store.cards([follower, followed])
        unknown = [str(mid) for mid in (follower, followed) if mid not in known]
        if strict and unknown:
            raise BadLine(line, unknown_accounts(unknown), several) from None
        raise BadLine(line, error.reason, several) from None
    counts = edges.found.counts
    done = written.new + written.changed + written.unchanged + written.conflicting
    async for requests in put_requests(store, edges.requests(), strict=strict):
        written += requests
        done += requests.new + requests.unchanged + requests.conflicting
        if progress is not None:
            progress(done)
    return replace(
        counts,
        new=written.new,
        changed=written.changed,
        unchanged=written.unchanged,
        conflicting=counts.conflicting + written.conflicting,
    )


async def missing_groups(store: Store, edges: Edges) -> list[str]:
    """Return the names with another separator in them that no group of their owner has."""
    missing: dict[str, None] = {}
    for owner, name in edges.found.odd_groups:
        if all(group.name != name for group in await store.groups(owner)):
            missing[name] = None
    return list(missing)


# --- order and conflicts ---


def _order(db: duckdb.DuckDBPyConnection, now: int) -> None:
    """Give the edges without a time sort keys in the order of the files, the last before now's end.

    Leaves the empty table ``dropped``.
    """
    db.execute("CREATE TABLE dropped (id BIGINT)")
    last = sort_key_of_mtime(now + 1) - 1
    [(count,)] = db.execute("SELECT count(*) FROM edge").fetchall()
    db.execute(
        f"UPDATE edge SET place = {last} - {count - 1} + rowid WHERE unit = 0 AND fault IS NULL"
    )


def _resolve(db: duckdb.DuckDBPyConnection, on_conflict: OnConflict) -> None:
    """Drop all but one of several edges of a pair, and follows and whispers against a block.

    Leaves the table ``conflict`` of those that are no repetitions. If ``on_conflict`` is "refuse",
    they get the fault "conflict" instead, which is that of the later line.
    """
    db.execute(
        "CREATE TABLE pair AS SELECT follower, followed FROM edge WHERE fault IS NULL"
        " GROUP BY ALL HAVING count(*) > 1"
    )
    best = {
        "newest": f"{_RANK} DESC, unit > 0 DESC, place DESC, id DESC",
        "oldest": f"{_RANK} DESC, unit > 0 DESC, place, id",
        "refuse": "id",
    }[on_conflict]
    db.execute(
        "CREATE TABLE several AS SELECT edge.rowid AS id, edge.* EXCLUDE (fault, value, text),"
        " row_number() OVER (PARTITION BY follower, followed, kind, unit > 0,"
        " CASE WHEN unit > 0 THEN place END, special, groups, ts, user_attr, visits"
        " ORDER BY edge.rowid) > 1 AS repeated"
        " FROM edge JOIN pair USING (follower, followed) WHERE fault IS NULL"
    )
    db.execute("INSERT INTO dropped SELECT id FROM several WHERE repeated")
    db.execute(
        "CREATE TABLE conflict (id BIGINT, other VARCHAR);"
        "INSERT INTO conflict SELECT id, other FROM (SELECT id,"
        f" row_number() OVER best AS rank, first_value(file || ':' || line) OVER best AS other"
        f" FROM (SELECT *, CASE WHEN bool_and(kind IN ({_WHISPER}, {_REQUEST}))"
        " OVER (PARTITION BY follower, followed) THEN kind END AS apart"
        " FROM several WHERE NOT repeated)"
        f" WINDOW best AS (PARTITION BY follower, followed, apart ORDER BY {best})) WHERE rank > 1"
    )
    loser = "greatest(edge.rowid, block.rowid)" if on_conflict == "refuse" else "edge.rowid"
    gone = "(SELECT id FROM conflict UNION ALL SELECT id FROM dropped)"
    db.execute(
        f"INSERT INTO conflict SELECT {loser} AS loser, arg_min(CASE WHEN loser = edge.rowid"
        " THEN block.file || ':' || block.line ELSE edge.file || ':' || edge.line END, 0) FROM edge"
        " JOIN edge AS block ON block.follower = edge.followed AND block.followed = edge.follower"
        f" WHERE block.kind = {_BLOCK} AND edge.kind <> {_BLOCK} AND edge.fault IS NULL"
        f" AND block.fault IS NULL AND edge.rowid NOT IN {gone} AND block.rowid NOT IN {gone}"
        " GROUP BY loser"
    )
    if on_conflict == "refuse":
        db.execute(
            "UPDATE edge SET fault = 'conflict', value = conflict.other"
            " FROM conflict WHERE edge.rowid = conflict.id"
        )
    else:
        db.execute("INSERT INTO dropped SELECT id FROM conflict")


def add_texts(db: duckdb.DuckDBPyConnection, parts: tuple[table.Part, ...]) -> None:
    """Read again the lines that got their fault after they were read, since only those are kept."""
    for at, part in enumerate(parts):
        late = f"file = {at} AND fault IS NOT NULL AND edge.text IS NULL"
        if db.execute(f"SELECT 1 FROM edge WHERE {late} LIMIT 1").fetchall():
            db.execute(
                f"UPDATE edge SET text = coalesce(part.text, '') FROM ({part.select}) AS part"
                f" WHERE edge.line = part.line AND {late.replace(' fault', ' edge.fault')}"
            )
