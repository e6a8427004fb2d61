"""The groups of imported edges: what separates the names in a cell, and which names are invalid."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from guanxi.files import table
from guanxi.files.lines import text_of
from guanxi.files.outcome import SHOWN
from guanxi.stores.lines import group_name

if TYPE_CHECKING:
    import duckdb

#: The separator of groups where none is clear, and the others that are looked for.
GROUP_SEPARATOR, OTHER_SEPARATORS = "|", (";", ",", "、", "；", "，")
_CHUNK = 10_000


@lru_cache(maxsize=10_000)
def groups_of(cell: str, separator: str) -> tuple[str, ...]:
    """Return the group names in a cell: those of a JSON list, or the parts between separators.

    Without outer spaces and empty names.
    """
    if cell.startswith("["):
        try:
            return tuple(msgspec.json.decode(cell, type=list[str]))
        except (msgspec.DecodeError, RecursionError):
            pass
    return tuple(name.strip() for name in cell.split(separator) if name.strip())


def check(
    db: duckdb.DuckDBPyConnection, separator: str | None
) -> tuple[str, tuple[tuple[int, str], ...], tuple[str, ...]]:
    """Refuse the edges with an invalid group name.

    Return the separator, the groups (owner and name) whose names hold another one, and the names
    that may have been meant as no value.
    """
    db.execute(
        "CREATE TABLE cell AS SELECT groups, min(follower) AS follower FROM edge"
        " WHERE groups IS NOT NULL AND fault IS NULL GROUP BY groups"
    )
    chosen = separator or _separator(db)
    odd: list[tuple[int, str]] = []
    no_values: dict[str, None] = {}
    db.execute("CREATE TABLE bad_cell (groups VARCHAR, name VARCHAR)")
    with db.cursor() as cursor:
        cursor.execute("SELECT groups, follower FROM cell")
        while rows := cursor.fetchmany(_CHUNK):
            bad: list[tuple[str, str]] = []
            for cell, follower in rows:
                names = groups_of(cell, chosen)
                bad.extend((cell, name) for name in names if group_name(name) is None)
                no_values.update((name, None) for name in names if name.lower() in table.NO_VALUE)
                if not cell.startswith("[") and separator is None and len(odd) < SHOWN:
                    odd.extend(
                        (follower, name)
                        for name in names
                        if any(other in name for other in OTHER_SEPARATORS)
                    )
            if bad:
                db.execute(
                    "INSERT INTO bad_cell SELECT unnest(?), unnest(?)",
                    [[cell for cell, _ in bad], [name for _, name in bad]],
                )
    db.execute(
        "UPDATE edge SET fault = 'groups', value = bad.name FROM"
        " (SELECT groups, min(name) AS name FROM bad_cell GROUP BY groups) AS bad"
        " WHERE bad.groups = edge.groups AND fault IS NULL"
    )
    return chosen, tuple(odd[:SHOWN]), tuple(no_values)


def _separator(db: duckdb.DuckDBPyConnection) -> str:
    """Return what separates groups: the default, unless another is clear.

    That is: no cell has the default, one other separator occurs, and one of the names that it makes
    is in several cells.
    """
    columns = ", ".join(
        f"count(*) FILTER (contains(groups, {text_of(mark)}))"
        for mark in (GROUP_SEPARATOR, *OTHER_SEPARATORS)
    )
    cells = "FROM cell WHERE NOT starts_with(groups, '[')"
    [(default, *others)] = db.execute(f"SELECT {columns} {cells}").fetchall()
    used = [mark for mark, count in zip(OTHER_SEPARATORS, others, strict=True) if count]
    if default or len(used) != 1:
        return GROUP_SEPARATOR
    [(shared,)] = db.execute(
        f"SELECT count(*) FROM (SELECT trim(name) FROM (SELECT groups, unnest(string_split(groups,"
        f" {text_of(used[0])})) AS name {cells}) GROUP BY 1 HAVING count(*) > 1)"
    ).fetchall()
    return used[0] if shared else GROUP_SEPARATOR
