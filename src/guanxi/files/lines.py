"""Lines of CSV and other separated files, and of JSON Lines, as rows of fields.

DuckDB decompresses a file and returns its lines, each as one text with its number, so that a number
in a message is that of the line in the file, whatever is before it: blank lines, comments, refused
lines, and quoted fields over several lines, which are joined to the line that they begin on. The
fields of a line are then split in SQL.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from guanxi.files.coding import LONGEST_LINE, UNUSED, Source
from guanxi.stores.port import StoreError
from guanxi.text import Text

if TYPE_CHECKING:
    import duckdb

#: How many lines are looked at to find out the separator, the header and the columns.
_HEAD = 200
#: The most lines of one quoted field.
_LONGEST_FIELD = 1_000
#: The first that fits is used; a space means any white space.
SEPARATORS = ("\t", ",", ";", "|", " ")
_COMMENTS = ("#", "%")
#: A line without the byte order mark of the first.
_NO_MARK = "CASE WHEN line = 1 THEN ltrim(t, '\ufeff') ELSE t END"
_CHUNK = 10_000
#: A field ``x`` without quotes; \\N is no value, as PostgreSQL and MySQL write it.
_NO_VALUE = "CASE WHEN trim(x) = '\\N' THEN '' ELSE x END"
#: Another character that no line should have.
_OTHER = "\x1d"
#: The first line with which Excel writes and reads the separator; not a column of that name.
_EXCEL = re.compile(r'"?sep=([^"\w])"?[ \t]*', re.IGNORECASE)
_NUMBER = re.compile(r"\s*[+-]?[0-9][0-9.]*\s*")


def text_of(value: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + value.replace("'", "''") + "'"


def name_of(value: str) -> str:
    """Return a name as an identifier of SQL."""
    return '"' + value.replace('"', '""') + '"'


class Found(Struct, frozen=True, kw_only=True):
    """A file's rows (``line``, ``fault``, ``text``, and what ``fields`` needs) and its columns."""

    select: str
    #: By the column's name: how to read it from a row, as a text.
    fields: dict[str, str]
    has_header: bool = True
    rejects: str | None = None
    #: The names of the header in order, as the file has them, for messages.
    header: tuple[str, ...] = ()
    #: Fields that may not occur: a key of JSON Lines may be in later lines only.
    assumed: frozenset[str] = frozenset()


class _Rows(NamedTuple):
    """Lines of a file: a SELECT of ``line`` and ``t``, a condition, and where rejects are."""

    numbered: str
    kept: str
    rejects: str


def _field(separator: str) -> str:
    """Return the pattern of a field, quoted or not."""
    return f'"(?:[^"]|"")*"|[^"{re.escape(separator)}]*'


def _record(separator: str) -> str:
    """Return the pattern of fields, with a separator before each."""
    return f"(?:{re.escape(separator)}(?:{_field(separator)}))+"


def _reader(source: Source, rejects: str | None, unused: str = UNUSED) -> str:
    """Return the table function for the lines of a file; its one column is ``t``."""
    refusal = "ignore_errors = true"
    if rejects is not None:
        refusal = (
            f"store_rejects = true, rejects_table = '{rejects}', rejects_scan = '{rejects}_of'"
        )
    ends = source.ends.replace("\r", "\\r").replace("\n", "\\n")
    return (
        f"read_csv({text_of(str(source.path))}, delim = '{unused}', quote = '', escape = '',"
        f" header = false, auto_detect = false, strict_mode = false,"
        f" columns = {{'t': 'VARCHAR'}},"
        f" compression = '{source.compression}', new_line = '{ends}',"
        f" max_line_size = {LONGEST_LINE}, {refusal})"
    )


def read_lines(
    db: duckdb.DuckDBPyConnection,
    source: Source,
    at: int,
    wanted: Sequence[str],
    *,
    exact: bool = False,
) -> Found:
    """Return the rows of a file of lines; ``at`` makes the names of its tables unique.

    The keys of JSON Lines are those of the first lines, and ``wanted``. A field that is \\N without
    quotes is empty, unless ``exact``. Raise StoreError if the
    file is empty or a JSON array.
    """
    if source.compression == "zstd":
        source = _looked_at(db, source)
    rejects = f"reject_{at}"
    head = db.execute(f"SELECT t FROM {_reader(source, None)} LIMIT {_HEAD}").fetchall()
    lines = [(number, (text or "").lstrip("\ufeff")) for number, (text,) in enumerate(head, 1)]
    content = [(number, text) for number, text in lines if text.strip()]
    named = _EXCEL.fullmatch(content[0][1]) if content else None
    if named is not None:
        content = content[1:]
    comments = tuple(mark for mark in _COMMENTS if content and content[0][1].startswith(mark))
    content = [(number, text) for number, text in content if not text.startswith(comments or "\0")]
    if not content:
        raise StoreError(
            Text(f"{source.name} 没有内容", f"{source.name} is empty: there is not one line")
        )
    numbered = f"SELECT row_number() OVER () AS line, t FROM {_reader(source, rejects)}"
    kept = "t IS NOT NULL" + "".join(f" AND NOT starts_with(t, '{mark}')" for mark in comments)
    first = content[0][1].lstrip()
    if first.startswith("{"):
        return _json_lines(_Rows(numbered, kept, rejects), [text for _, text in content], wanted)
    if first.startswith("[") and not first.startswith("[]"):
        raise StoreError(
            Text(
                f"{source.name} 是 JSON 数组：请改为每行一个对象（JSON Lines）",
                f"{source.name} is a JSON array: write one object a line instead (JSON Lines)",
            )
        )
    separator = named[1] if named is not None else separator_of([text for _, text in content])
    if source.has_quotes and separator != " ":
        numbered = _joined(db, numbered, at, separator)
    header = split(content[0][1], separator)
    has_header = not any(_NUMBER.fullmatch(cell) for cell in header)
    after = content[0][0] if has_header else content[0][0] - 1
    rows = _Rows(f"SELECT * FROM ({numbered}) WHERE line > {after}", kept, rejects)
    return _separated(rows, header, separator, has_header=has_header, exact=exact)


def _looked_at(db: duckdb.DuckDBPyConnection, source: Source) -> Source:
    """Find out the line ends of a file that only DuckDB can decompress, and if it has quotes.

    Raise StoreError for a mixture in which a CR alone could get lost.
    """
    query = "SELECT count(*), count(*) FILTER (contains(t, '\"')) FROM"
    every = replace(source, ends="\n")
    hidden = f"SELECT 1 FROM {_reader(every, None, _OTHER)} WHERE contains(t, '{UNUSED}') LIMIT 1"
    if db.execute(hidden).fetchall():
        raise StoreError(
            Text(
                f"{source.name} 含有控制字符 U+001F：请先解压",
                f"{source.name} has the control character U+001F: decompress it first",
            )
        )
    [(count, quotes)] = db.execute(f"{query} {_reader(every, None)}").fetchall()
    head = db.execute(f"SELECT t FROM {_reader(every, None)} LIMIT 2").fetchall()
    source = replace(every, has_quotes=quotes > 0)
    if len(head) < 2 or head[0][0] is None or head[1][0] is not None:
        return source
    pairs = replace(source, ends="\r\n")
    [(halves, _)] = db.execute(f"{query} {_reader(pairs, None)}").fetchall()
    if count == 2 * halves:
        return pairs
    if db.execute(f"SELECT 1 FROM {_reader(pairs, None)} WHERE t IS NULL LIMIT 1").fetchall():
        return source  # LF alone, with blank lines
    raise StoreError(
        Text(
            f"{source.name} 的行尾不一致：请先解压",
            f"{source.name} has several kinds of line ends: decompress it first",
        )
    )


def separator_of(lines: Sequence[str]) -> str:
    """Return what separates the fields of lines: the one with which most have as many as the first.

    A comma for lines of one field.
    """
    best, best_score = ",", 0.0
    for separator in SEPARATORS:
        width = len(split(lines[0], separator))
        if width < 2:
            continue
        alike = sum(len(split(line, separator)) == width for line in lines)
        if alike / len(lines) > best_score:
            best, best_score = separator, alike / len(lines)
    return best


def split(line: str, separator: str) -> list[str]:
    """Return the fields of one line."""
    if separator == " ":
        return line.split()
    try:
        return next(csv.reader([line], delimiter=separator))
    except csv.Error:
        return line.split(separator)


def _separated(
    rows: _Rows, header: list[str], separator: str, *, has_header: bool, exact: bool
) -> Found:
    """Return the rows of separated lines, whose fields are in the list ``c``."""
    value = "x" if exact else _NO_VALUE
    if separator == " ":
        cells = "string_split_regex(trim(t, ' \t'), '[ \\t]+')"
        cells, blank = f"list_transform({cells}, lambda x: {value})", ""
    else:
        mark = text_of(separator)
        blank = re.escape(separator)
        quoted = (
            f"CASE WHEN regexp_full_match({mark} || t, {text_of(_record(separator))})"
            f" THEN list_transform(regexp_extract_all({mark} || t,"
            f" {text_of(f'{re.escape(separator)}({_field(separator)})')}, 1), lambda x: CASE"
            " WHEN starts_with(x, '\"')"
            f" THEN replace(substr(x, 2, length(x) - 2), '\"\"', '\"') ELSE {value} END) END"
        )
        cells = (
            f"CASE WHEN contains(t, '\"') THEN {quoted} WHEN contains(t, '\\N')"
            f" THEN list_transform(string_split(t, {mark}), lambda x: {value})"
            f" ELSE string_split(t, {mark}) END"
        )
    select = (
        "SELECT line, CASE WHEN c IS NULL THEN 'quotes'"
        f" WHEN len(c) <> {len(header)} THEN 'width' END AS fault, t AS text, c"
        f" FROM (SELECT line, t, {cells} AS c FROM (SELECT line, {_NO_MARK} AS t"
        f" FROM ({rows.numbered})) WHERE {rows.kept}"
        f" AND NOT regexp_full_match(t, '[ \\t{blank}]*'))"
    )
    names = [cell.strip() for cell in header]
    if not has_header:
        names = [str(number) for number, _ in enumerate(header, 1)]
    fields: dict[str, str] = {}
    for number, name in enumerate(names, 1):
        fields.setdefault(name, f"c[{number}]")
    return Found(
        select=select,
        fields=fields,
        has_header=has_header,
        rejects=rows.rejects,
        header=tuple(cell.strip() for cell in header),
    )


def _json_lines(rows: _Rows, head: list[str], wanted: Sequence[str]) -> Found:
    """Return the rows of JSON Lines, whose fields are in the list ``c``.

    The columns are the keys of the first lines, and ``wanted``.
    """
    found = dict.fromkeys(chain.from_iterable(map(_keys, head)))
    folded = {name.casefold() for name in found}
    assumed = [name for name in wanted if name.casefold() not in folded and '"' not in name]
    names = [*found, *assumed]
    paths = ", ".join(text_of("$." + _quoted(name)) for name in names)
    select = (
        "SELECT line, CASE WHEN c IS NULL THEN 'json' END AS fault, t AS text, c FROM ("
        "SELECT line, t, CASE WHEN json_valid(t) THEN CASE WHEN json_type(t) = 'OBJECT'"
        f" THEN json_extract_string(t, [{paths}]::VARCHAR[]) END END AS c"
        f" FROM (SELECT line, {_NO_MARK} AS t FROM ({rows.numbered}))"
        f" WHERE {rows.kept} AND NOT regexp_full_match(t, '[ \\t]*'))"
    )
    fields = {name: f"c[{number}]" for number, name in enumerate(names, 1)}
    return Found(
        select=select,
        fields=fields,
        rejects=rows.rejects,
        header=tuple(found),
        assumed=frozenset(assumed),
    )


def _keys(line: str) -> Iterable[str]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return ()
    return [key for key in value if '"' not in key] if isinstance(value, dict) else ()


def _quoted(key: str) -> str:
    return f'"{key}"'


# --- quoted fields over several lines ---


def _joined(db: duckdb.DuckDBPyConnection, numbered: str, at: int, separator: str) -> str:
    """Store the lines, join those of a quoted field, and return the SELECT of the result.

    Only a line with an odd number of quotes can begin or end such a field: the others leave it
    open or closed. A field that the next such line does not close well is not joined: its first
    line is then refused alone.
    """
    db.execute(f"CREATE TABLE line_{at} AS {numbered}")
    db.execute(f"CREATE TABLE span_{at} (start BIGINT, stop BIGINT)")
    odd = db.cursor().execute(
        f"SELECT line, t FROM line_{at}"
        " WHERE contains(t, '\"') AND (length(t) - length(replace(t, '\"', ''))) % 2 = 1"
        " ORDER BY line"
    )
    start = 0
    while rows := odd.fetchmany(_CHUNK):
        spans = []
        for line, text in rows:
            if start and line - start < _LONGEST_FIELD:
                spans.append((start, line))
                start = 0
            else:
                start = line if _is_left_open(text, separator) else 0
        starts, stops = [span[0] for span in spans], [span[1] for span in spans]
        db.execute(f"INSERT INTO span_{at} SELECT unnest(?), unnest(?)", [starts, stops])
    if not db.execute(f"SELECT 1 FROM span_{at} LIMIT 1").fetchall():
        return f"SELECT line, t FROM line_{at}"
    db.execute(
        f"CREATE TABLE record_{at} AS SELECT start, stop,"
        " string_agg(coalesce(t, ''), chr(10) ORDER BY line) AS t"
        f" FROM span_{at} JOIN line_{at} ON line BETWEEN start AND stop GROUP BY start, stop"
    )
    db.execute(
        f"DELETE FROM record_{at}"
        f" WHERE NOT regexp_full_match({text_of(separator)} || t, {text_of(_record(separator))})"
    )
    return (
        f"SELECT line, coalesce(record.t, whole.t) AS t FROM line_{at} AS whole"
        f" LEFT JOIN record_{at} AS record ON line = start"
        f" WHERE NOT EXISTS (SELECT 1 FROM record_{at} AS r"
        " WHERE line > r.start AND line <= r.stop) ORDER BY line"
    )


def _is_left_open(line: str, separator: str) -> bool:
    """Return whether a line ends inside a quoted field that it begins."""
    at = 0
    while True:
        if line.startswith('"', at):
            at += 1
            while (end := line.find('"', at)) >= 0 and line.startswith('"', end + 1):
                at = end + 2
            if end < 0:
                return True
            at = end + 1
            if not line.startswith(separator, at):
                return False
            at += 1
        else:
            end, quote = line.find(separator, at), line.find('"', at)
            if end < 0 or 0 <= quote < end:
                return False
            at = end + 1
