"""Filter rows by an SQL expression and convert them to CSV, JSON Lines or Parquet, by DuckDB.

DuckDB may use the two files of a conversion and no others, so that an expression reads nothing but
its columns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from guanxi.files.output import Form
from guanxi.stores.port import StoreError
from guanxi.text import Text

if TYPE_CHECKING:
    import duckdb

THREADS, MEMORY = 2, "400MB"
#: Bytes; an object of JSON may be as long as the longest chunk of them, and DuckDB's own default.
_LONGEST_OBJECT = 16 << 20

#: How deep the brackets of a filter may be nested, those in its texts included.
_DEEPEST = 100
_BRACKETS = re.compile(r"[(){}\[\]]")
_TOO_DEEP = Text(
    f"嵌套过深，括号最多 {_DEEPEST} 层", f"nested too deeply; at most {_DEEPEST} brackets deep"
)

GROUP_SEPARATOR = "|"
#: A cell with such a name is a JSON list: a reader could take another mark for the separator.
_AMBIGUOUS = r"^\[|^\\N$|[|;,、；，]"
_is_ambiguous = re.compile(_AMBIGUOUS).search


def groups_cell(names: Sequence[str]) -> str:
    """Return group names as one cell of CSV: joined by ``|``, or as a JSON list.

    It is a list if a name has ``|`` or another common separator, starts with ``[``, or is ``\\N``.
    """
    if any(map(_is_ambiguous, names)):
        return msgspec.json.encode(names).decode()
    return GROUP_SEPARATOR.join(names)


#: By the type of a column: how CSV has it, if not as DuckDB would; NULL is an empty cell, no "".
_CELLS = {
    "VARCHAR[]": (
        "CASE WHEN len(list_filter({0}, lambda g: regexp_matches(g, "
        f"'{_AMBIGUOUS}'))) > 0 THEN to_json({{0}})::VARCHAR"
        f" ELSE nullif(array_to_string({{0}}, '{GROUP_SEPARATOR}'), '') END"
    ),
    "VARCHAR": "nullif({0}, '')",
    "STRUCT(ts BIGINT, user_attr BIGINT)": "to_json({0})::VARCHAR",
}


def needs_duckdb(form: Form) -> bool:
    """Return whether only DuckDB can write a file of this form."""
    return form.name == "parquet" or form.compression == "zstd"


def check_filter(columns: Mapping[str, str], where: str | None) -> None:
    """Check that DuckDB is installed and that ``where`` is an expression over ``columns`` only.

    ``columns`` are names with their types. Raise StoreError if ``where`` is not one expression, is
    invalid or nested too deeply, has a subquery, or names something else than the columns.
    """
    with _connected() as db:
        if where is None:
            return
        _check_text(where)
        with _errors_of_filter():
            import duckdb

            duckdb.SQLExpression(where)  # one expression, not a part of a statement
            written = db.execute("SELECT json_serialize_sql(?)", [_select(where)]).fetchall()[0][0]
            try:
                tree = json.loads(written)
                if tree["error"]:  # an expression with a name of its own, as in a list of columns
                    raise _invalid(Text(tree["error_message"], tree["error_message"]))
                _check_tree(tree["statements"], columns)
            except RecursionError:  # operators and functions that DuckDB accepts at such a depth
                raise _invalid(_TOO_DEEP) from None
            names = ", ".join(f"NULL::{kind} AS {name}" for name, kind in columns.items())
            db.execute(f"EXPLAIN SELECT 1 FROM (SELECT {names}) {_condition(where)}")


def _check_text(where: str) -> None:
    """Raise StoreError for a text with a character that is no Unicode, or with too many brackets.

    The brackets are counted before DuckDB gets them, whose parser takes minutes for 20,000.
    """
    try:
        where.encode()
    except UnicodeEncodeError:
        raise _invalid(
            Text("含有无效的 Unicode 字符", "it has a character that is no Unicode")
        ) from None
    depth = 0
    for bracket in _BRACKETS.findall(where):
        depth += 1 if bracket in "([{" else -1
        if depth > _DEEPEST:
            raise _invalid(_TOO_DEEP)


def _condition(where: str) -> str:
    return f"WHERE (\n{where}\n)"  # a comment at its end ends with the line


def _select(where: str) -> str:
    return f"SELECT 1 FROM rows {_condition(where)}"


def _check_tree(node: Any, columns: Mapping[str, str]) -> None:
    """Raise StoreError for a subquery, and for a name that is not a column."""
    if isinstance(node, list):
        for item in node:
            _check_tree(item, columns)
    elif isinstance(node, dict):
        if node.get("class") == "SUBQUERY":
            raise _invalid(Text("不能有子查询", "a subquery cannot be used"))
        if node.get("class") == "COLUMN_REF":
            name = node["column_names"][0]
            if name.lower() not in columns:
                known = ", ".join(columns)
                raise _invalid(
                    Text(f"没有列 {name}；可用：{known}", f"no column {name}; there are {known}")
                )
        for item in node.values():
            _check_tree(item, columns)


def _invalid(reason: Text) -> StoreError:
    return StoreError(Text(f"--where：{reason.zh}", f"--where: {reason.en}"))


@contextmanager
def _errors_of_filter() -> Iterator[None]:
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        why = _first_line(error)
        raise _invalid(Text(why, why)) from None


@contextmanager
def _connected(files: Sequence[Path] = ()) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection of DuckDB that may use these files, and spill into the first's folder.

    Raise StoreError if DuckDB is not installed.
    """
    try:
        import duckdb
    except ImportError:
        raise StoreError(
            Text(
                "Parquet、.zst 与 --where 需要 duckdb，请安装：pip install 'guanxi[files]'",
                "Parquet, .zst and --where need duckdb, please install it:"
                " pip install 'guanxi[files]'",
            )
        ) from None
    settings: dict[str, Any] = {
        "threads": THREADS,
        "memory_limit": MEMORY,
        "temp_directory": str(files[0].with_name("spilled")) if files else "",
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    with duckdb.connect(config=settings) as db:
        allowed = ", ".join(_text(str(file)) for file in files)
        db.execute(
            f"SET enable_progress_bar = false; SET TimeZone = 'UTC';"
            f" SET allowed_paths = [{allowed}];"
            " SET enable_external_access = false; SET lock_configuration = true"
        )
        yield db


def _text(value: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + value.replace("'", "''") + "'"


def convert(
    staged: Path,
    target: Path,
    columns: Mapping[str, str],
    form: Form,
    *,
    where: str | None,
    longest: int,
) -> int:
    """Write the rows of a JSON Lines file that match ``where`` to a file, and return their number.

    ``where`` was accepted by ``check_filter``; None matches all. ``columns`` are names with their
    types, and no line is longer than ``longest`` bytes. The order of the rows is kept. Raise
    StoreError if ``where`` fails for a row, or the file cannot be written.
    """
    import duckdb

    types = ", ".join(f"{name}: {_text(kind)}" for name, kind in columns.items())
    reader = (
        f"read_json({_text(str(staged))}, format = 'newline_delimited', columns = {{{types}}},"
        f" compression = 'none', maximum_object_size = {max(longest, _LONGEST_OBJECT)})"
    )
    cells = _CELLS if form.name == "csv" else {}
    selected = ", ".join(
        f"{cells.get(kind, '{0}').format(name)} AS {name}" for name, kind in columns.items()
    )
    condition = "" if where is None else _condition(where)
    settings = {
        "csv": f"FORMAT csv, HEADER, COMPRESSION {form.compression}",
        "json": f"FORMAT json, COMPRESSION {form.compression}",
        "parquet": "FORMAT parquet, COMPRESSION zstd",
    }[form.name]
    with _connected((staged, target)) as db:
        try:
            [(count,)] = db.execute(
                f"COPY (SELECT {selected} FROM (FROM {reader} {condition}))"
                f" TO {_text(str(target))} ({settings})"
            ).fetchall()
        except duckdb.IOException as error:
            raise OSError(0, _first_line(error)) from None
        except duckdb.Error as error:
            why = _first_line(error)
            raise (StoreError(why) if where is None else _invalid(Text(why, why))) from None
    return int(count)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
