"""Files as a table of texts: CSV and other separated lines, JSON Lines and Parquet, by DuckDB.

Every field stays a text until it is cast explicitly: guessed types would lose digits of large ids.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from guanxi.files.coding import STDIN, Source, gb18030, prepared
from guanxi.files.folders import temporary_folder
from guanxi.files.interrupts import interruptible
from guanxi.files.lines import Found, name_of, read_lines, text_of
from guanxi.files.outcome import Refused, contradiction, reason
from guanxi.stores.port import StoreError
from guanxi.text import Text

if TYPE_CHECKING:
    import duckdb

#: How files say that there is no value, in lower case; in columns of texts these are texts.
NO_VALUE = frozenset({"null", "nan", "nat", "none", "\\n", "<na>"})

#: As the name of a part: the result of the query.
SQL = Path("--sql")

THREADS, MEMORY = 2, "400MB"


class Shape(Struct, frozen=True, kw_only=True):
    """Which columns a command reads."""

    names: tuple[str, ...]
    required: tuple[str, ...]
    #: The columns that are texts, in which a name like NULL is a text.
    texts: frozenset[str] = frozenset()
    #: The columns of a file without a header; a file may have fewer of them.
    headerless: tuple[str, ...] = ()


class Request(Struct, frozen=True, kw_only=True):
    """Which files to read, and how.

    ``columns`` maps a column of the ``Shape`` to one of the file: its name, or its number from 1
    where the file has no header. ``sql`` is a query over the tables ``file1``, ``file2`` …, whose
    columns are those of the files; ``file`` is the first. ``exact`` keeps outer spaces and
    empty texts.
    """

    files: tuple[Path, ...]
    columns: Mapping[str, str] = {}
    sql: str | None = None
    exact: bool = False


class Part(Struct, frozen=True, kw_only=True):
    """One file, or the result of a query, as a SELECT.

    Its columns are ``line``, ``fault`` (the name of a fault of the whole line, or NULL), ``text``
    (the line, or NULL) and the columns of the ``Shape``, all texts, without outer spaces; an empty
    one is NULL. A ``Request`` that is ``exact`` keeps both. Rows are in the order of the file.
    """

    select: str
    name: Path
    #: By the column of the ``Shape``: the file's name for it.
    columns: Mapping[str, str] = {}
    #: The other columns of the file.
    ignored: tuple[str, ...] = ()
    has_header: bool = True
    #: Where DuckDB lists the lines that it refuses; None if it refuses none.
    rejects: str | None = None
    #: Whether it is not UTF-8 but perhaps GB18030.
    is_gb18030: bool = False


class Tables(NamedTuple):
    """An open database with the files in it."""

    db: duckdb.DuckDBPyConnection
    parts: tuple[Part, ...]


@contextmanager
def failures(db: duckdb.DuckDBPyConnection, what: object) -> Iterator[None]:
    """Raise StoreError, naming ``what`` is read, for an error of DuckDB in the block.

    Raise KeyboardInterrupt if Ctrl-C interrupted it.
    """
    import duckdb

    try:
        with interruptible(db):
            yield
    except (duckdb.InterruptException, RuntimeError) as error:
        # DuckDB turns a KeyboardInterrupt into one of these.
        if "interrupt" not in str(error).lower():
            raise
        raise KeyboardInterrupt from None
    except duckdb.Error as error:
        why = str(error).strip().partition("\n")[0]
        if what == SQL:
            raise StoreError(
                Text(
                    f"--sql 的查询失败。DuckDB：{why}", f"the query of --sql failed. DuckDB: {why}"
                )
            ) from None
        raise StoreError(Text(f"{what} 无法读取：{why}", f"{what} cannot be read: {why}")) from None


@contextmanager
def opened(request: Request, shape: Shape) -> Iterator[Tables]:
    """Open the files as tables, in a database in a temporary folder that is deleted at the end.

    DuckDB uses at most two threads and 400 MB, then that folder; it loads no extension. Raise
    StoreError if a file cannot be read or lacks a required column, or if DuckDB is not installed.
    """
    if unknown := [name for name in request.columns if name not in shape.names]:
        raise StoreError(
            Text(
                f"--columns：没有列 {', '.join(unknown)}；可用：{', '.join(shape.names)}",
                f"--columns: no column {', '.join(unknown)}; there are {', '.join(shape.names)}",
            )
        )
    if request.files.count(STDIN) > 1:
        raise StoreError(
            Text("标准输入（-）只能用一次", "standard input (-) can be one of the files only once")
        )
    with _database(request.files) as (db, sources):
        if request.sql is None:
            parts = [_part(db, source, at, request, shape) for at, source in enumerate(sources)]
        else:
            parts = [_of_query(db, sources, request, shape)]
        yield Tables(db, tuple(parts))


@contextmanager
def _database(
    files: Sequence[Path],
) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[Source]]]:
    """Yield an empty database in a temporary folder, and files as it can read them."""
    try:
        import duckdb
    except ImportError:
        raise StoreError(
            Text(
                "读取文件需要 duckdb，请安装：pip install 'guanxi[files]'",
                "reading files needs duckdb, please install it: pip install 'guanxi[files]'",
            )
        ) from None
    with temporary_folder("guanxi-files-") as folder:
        inputs = Path(folder, "inputs")
        inputs.mkdir()
        sources = [prepared(file, inputs) for file in files]
        settings: dict[str, Any] = {
            "threads": THREADS,
            "memory_limit": MEMORY,
            "temp_directory": f"{folder}/spilled",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        with duckdb.connect(f"{folder}/tables.db", config=settings) as db:
            db.execute("SET enable_progress_bar = false; SET TimeZone = 'UTC'")
            yield db, sources


class Head(NamedTuple):
    """The columns of a file, numbers from 1 without a header, and its first rows as texts."""

    columns: tuple[str, ...]
    has_header: bool
    rows: list[tuple[str | None, ...]]


def head(file: Path, rows: int) -> Head:
    """Return the columns of a file, whatever they are, and so many of its first rows.

    Rows that are no rows of such a file are omitted. Raise StoreError if it cannot be read, or if
    DuckDB is not installed.
    """
    with _database((file,)) as (db, [source]), failures(db, source.name):
        found = _found(db, source, 0, (), exact=False)
        cells = ", ".join(found.fields.values())
        first = db.execute(
            f"SELECT {cells} FROM ({found.select}) WHERE fault IS NULL ORDER BY line LIMIT {rows}"
        ).fetchall()
        return Head(tuple(found.fields), found.has_header, first)


def _part(
    db: duckdb.DuckDBPyConnection, source: Source, at: int, request: Request, shape: Shape
) -> Part:
    with failures(db, source.name):
        wanted = [request.columns.get(name, name) for name in shape.names]
        found = _found(db, source, at, wanted, exact=request.exact)
    part = _as_part(source.name, found, request, shape)
    return replace(part, is_gb18030=source.is_gb18030)


def _found(
    db: duckdb.DuckDBPyConnection, source: Source, at: int, wanted: Sequence[str], *, exact: bool
) -> Found:
    if source.is_parquet:
        return _parquet(db, source)
    return read_lines(db, source, at, wanted, exact=exact)


def _as_part(name: Path, found: Found, request: Request, shape: Shape) -> Part:
    chosen = _chosen(name, found, shape, request.columns)
    columns = [
        f"{_value(column, request, shape).format(found.fields[chosen[column]])} AS {column}"
        if column in chosen
        else f"NULL::VARCHAR AS {column}"
        for column in shape.names
    ]
    return Part(
        select=f"SELECT line, fault, text, {', '.join(columns)} FROM ({found.select})",
        name=name,
        columns=chosen,
        ignored=tuple(column for column in found.fields if column not in chosen.values()),
        has_header=found.has_header,
        rejects=found.rejects,
    )


def _value(column: str, request: Request, shape: Shape) -> str:
    """Return the SQL of a column's value, or NULL, where {0} is the SQL of its text."""
    if request.exact:
        return "{0}"
    value = "nullif(trim({0}), '')"
    if column in shape.texts or column in shape.required:
        return value
    marks = ", ".join(map(text_of, sorted(NO_VALUE)))
    return f"CASE WHEN lower(trim({{0}})) NOT IN ({marks}) THEN {value} END"


def _chosen(name: Path, found: Found, shape: Shape, columns: Mapping[str, str]) -> dict[str, str]:
    """Return which column of a file each column of the shape is.

    Raise StoreError if a required one is missing, or one that is read occurs twice.
    """
    by_name = {column.casefold(): column for column in reversed(found.fields)}
    chosen = {}
    for column in shape.names:
        wanted = columns.get(column, column).strip()
        if wanted in found.fields or wanted.casefold() in by_name:
            chosen[column] = wanted if wanted in found.fields else by_name[wanted.casefold()]
        elif column in columns:
            raise _unfit(name, found, shape, (wanted,))
    if not found.has_header and not columns:
        chosen = dict(zip(shape.headerless, found.fields, strict=False))
        if len(found.fields) > len(shape.headerless):
            raise _unfit(name, found, shape, shape.required)
    missing = tuple(
        column
        for column in shape.required
        if column not in chosen or (found.header and chosen[column] in found.assumed)
    )
    if missing:
        raise _unfit(name, found, shape, missing)
    counts = Counter(column.casefold() for column in found.header)
    for column in chosen.values():
        if counts[column.casefold()] > 1:
            raise StoreError(
                Text(f"{name}：列 {column} 出现多次", f"{name}: the column {column} occurs twice")
            )
    return chosen


def _unfit(name: Path, found: Found, shape: Shape, missing: Sequence[str]) -> StoreError:
    columns = ", ".join(found.header or found.fields)
    example = ",".join(f"{column}=…" for column in shape.required)
    lacking, needed = ", ".join(missing), shape.required
    zh_needed = f"需要列 {'、'.join(needed)}"
    noun = "The column" if len(needed) == 1 else "The columns"
    verb = "is" if len(needed) == 1 else "are"
    en_needed = f"{noun} {' and '.join(needed)} {verb} needed"
    if found.has_header:
        zh, en = f"标题行是：{columns}", f"the header is: {columns}"
    else:
        zh = f"没有标题行，第一行是：{columns}"
        en = f"there is no header, and the first line is: {columns}"
    return StoreError(
        Text(
            f"{name}：缺少列 {lacking}。{zh}。{zh_needed}；列名不同时用 --columns {example}",
            f"{name}: no column {lacking}; {en}. {en_needed}; if the columns have other"
            f" names, or numbers without a header, use --columns {example}",
        )
    )


# --- Parquet ---


def _parquet(db: duckdb.DuckDBPyConnection, source: Source) -> Found:
    reader = f"read_parquet({text_of(str(source.path))}, file_row_number = true)"
    return _of_columns(
        f"SELECT * EXCLUDE (file_row_number), file_row_number + 1 FROM {reader}",
        db.execute(f"DESCRIBE SELECT * EXCLUDE (file_row_number) FROM {reader}").fetchall(),
    )


def _of_columns(query: str, described: Sequence[tuple[str, ...]]) -> Found:
    """Return the rows of a query whose last column is the line, and the others as ``described``."""
    names = [f"c{number}" for number, _ in enumerate(described)]
    columns = ", ".join([*names, "line"])
    return Found(
        select=f"SELECT *, NULL AS fault, NULL AS text FROM ({query}) AS t({columns})",
        fields={
            column: f"{'to_json' if _is_nested(kind) else ''}({name})::VARCHAR"
            for name, (column, kind, *_) in zip(names, described, strict=True)
        },
    )


def _is_nested(kind: str) -> bool:
    return kind.endswith("]") or kind.startswith(("STRUCT", "MAP"))


# --- queries ---


def _of_query(
    db: duckdb.DuckDBPyConnection, sources: Sequence[Source], request: Request, shape: Shape
) -> Part:
    """Load the files into tables, close DuckDB to all other files, and return the query's part.

    Raise StoreError if a line of a file is refused: a query would not know of it.
    """
    for at, source in enumerate(sources):
        with failures(db, source.name):
            found = _found(db, source, at, (), exact=request.exact)
            columns = "".join(f", {field} AS {name_of(n)}" for n, field in found.fields.items())
            table = f"file{at + 1}"
            db.execute(f"CREATE TABLE {table} AS SELECT line, fault{columns} FROM ({found.select})")
            _check_whole(db, table, source.name, found.rejects)
            db.execute(f"ALTER TABLE {table} DROP line; ALTER TABLE {table} DROP fault")
    with failures(db, SQL):
        db.execute("CREATE VIEW file AS FROM file1")
        db.execute("SET enable_external_access = false")
        described = db.execute(f"DESCRIBE ({request.sql})").fetchall()
    query = f"SELECT *, row_number() OVER () FROM ({request.sql})"
    return _as_part(SQL, _of_columns(query, described), request, shape)


def _check_whole(
    db: duckdb.DuckDBPyConnection, table: str, name: Path, rejects: str | None
) -> None:
    """Raise StoreError if a line of a file that was read is refused as a whole."""
    refused = rejected(db, rejects)
    bad = [*refused.items()]
    bad += [
        (line_in_file(line, [*refused]), fault)
        for line, fault in db.execute(
            f"SELECT line, fault FROM {table} WHERE fault IS NOT NULL ORDER BY line LIMIT 1"
        ).fetchall()
    ]
    if bad:
        line, fault = min(bad)
        why = reason(fault, None)
        raise StoreError(Text(f"{name} 第 {line} 行：{why.zh}", f"{name}, line {line}: {why.en}"))


# --- lines that DuckDB refuses ---


#: By DuckDB's word for why it refuses a line.
_FAULTS = {"INVALID ENCODING": "encoding", "LINE SIZE OVER MAXIMUM": "long"}


def rejected(db: duckdb.DuckDBPyConnection, rejects: str | None) -> dict[int, str]:
    """Return why DuckDB refused lines, by their numbers, in order, once the part was read."""
    if rejects is None:
        return {}
    rows = db.execute(
        f"SELECT line, min(error_type::VARCHAR) FROM {rejects} GROUP BY line ORDER BY line"
    ).fetchall()
    return {line: _FAULTS.get(why, "encoding") for line, why in rows}


def check_encoding(db: duckdb.DuckDBPyConnection, parts: Sequence[Part]) -> None:
    """Raise StoreError for the first part with lines that are not UTF-8 but perhaps GB18030."""
    for part in parts:
        lines = [line for line, why in rejected(db, part.rejects).items() if why == "encoding"]
        if part.is_gb18030 and lines:
            raise StoreError(gb18030(part.name, lines[0], len(lines) - 1))


def refused_rows(
    db: duckdb.DuckDBPyConnection,
    parts: Sequence[Part],
    at: int,
    rows: Iterable[tuple[int, str, str | None, str | None]],
    why: Callable[[str, str | None], Text],
) -> Iterator[Refused]:
    """Yield the refused lines of part ``at``, in order: its own, and those that DuckDB refused.

    ``rows`` are the number among the lines that DuckDB did not refuse, the fault, the value and the
    text of each, in order; ``why`` returns the reason for a fault and its value.
    """
    part = parts[at]
    refused = rejected(db, part.rejects)
    lines = [*refused]
    waiting = [
        Refused(part.name, line, reason(fault, None)) for line, fault in reversed(refused.items())
    ]
    for row, fault, value, text in rows:
        number = line_in_file(row, lines)
        while waiting and waiting[-1].line < number:
            yield waiting.pop()
        if fault == "conflict":
            because = contradiction(*other_line(db, parts, at, str(value)))
        else:
            because = why(fault, value)
        yield Refused(part.name, number, because, text or "")
    yield from reversed(waiting)


def line_in_file(row: int, rejected: Sequence[int]) -> int:
    """Return the number in the file of the line that is number ``row`` among those not refused.

    ``rejected`` are the lines that the function of that name returns.
    """
    before = bisect_left(range(len(rejected)), row + 1, key=lambda at: rejected[at] - at)
    return row + before


def other_line(
    db: duckdb.DuckDBPyConnection, parts: Sequence[Part], own: int, other: str
) -> tuple[int, Path | None]:
    """Return the number in its file of another line, and its file, None for that of ``own``.

    ``own`` is the index of a part; ``other`` is that of the other line's part and its row, "P:R".
    """
    at, row = map(int, other.split(":"))
    line = line_in_file(row, [*rejected(db, parts[at].rejects)])
    return line, None if at == own else parts[at].name
