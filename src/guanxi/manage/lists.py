"""The lists of an archive as tables: filters that combine, an order, and any part of the rows.

    query = Query.of("followings", {"q": "cat", "mutual": "no", "sort": "last_posted"})
    lists.count(archive, query)
    lists.rows(archive, query, start=200, limit=200)

A query is what the address of a page says. Its filters become one SQL condition over the view of
the list, as ``Selection.where`` takes it: what a person sees is what a plan is about.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from msgspec import Struct, structs

from guanxi.text import Text
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.errors import SelectionError

#: Characters of a text to search for, and of the name of a group.
_LONGEST = 100
_YES_OR_NO = {"yes": Text("是", "yes"), "no": Text("否", "no")}
STATES = {
    "active": Text("正常", "active"),
    "never_posted": Text("从未发布", "never posted"),
    "banned": Text("被封禁", "banned"),
    "deregistered": Text("已注销", "deregistered"),
    "unknown": Text("未读取", "not read"),
}


class Filter(NamedTuple):
    """A filter of a list: its name, what a person chooses or writes, and its condition.

    ``{0}`` of ``sql`` is the value as an SQL text, ``{like}`` the pattern that finds it anywhere.
    A filter with ``choices`` has a condition for each of those that it names, ``sql`` for others.
    """

    name: Text
    kind: str
    sql: str
    choices: Mapping[str, Text] = {}
    conditions: Mapping[str, str] = {}


def _flag(name: Text, yes: str, no: str = "") -> Filter:
    return Filter(name, "choice", "", _YES_OR_NO, {"yes": yes, "no": no or f"NOT {yes}"})


#: In the order of the form.
FILTERS = {
    "q": Filter(
        Text("搜索", "Search"),
        "text",
        "(name LIKE {like} ESCAPE '\\' OR sign LIKE {like} ESCAPE '\\'"
        " OR note LIKE {like} ESCAPE '\\' OR CAST(mid AS TEXT) = {0})",
    ),
    "group": Filter(
        Text("分组", "Group"),
        "group",
        "mid IN (SELECT mid FROM members WHERE group_name = {0})",
    ),
    "grouped": _flag(Text("在分组中", "In a group"), "groups IS NOT NULL", "groups IS NULL"),
    "state": Filter(Text("状态", "State"), "choice", "state = {0}", STATES),
    "mutual": _flag(Text("互相关注", "Mutual"), "mutual"),
    "followed": _flag(Text("已关注", "Followed"), "followed"),
    "special": _flag(Text("特别关注", "Special"), "special"),
    "noted": _flag(Text("有备注", "Has a note"), "note IS NOT NULL", "note IS NULL"),
    "kept": _flag(Text("标记保留", "Marked to keep"), "keep"),
    # A relation that began at an unknown time has 0.
    "after": Filter(Text("关注不早于", "Since, from"), "date", "since >= strftime('%s', {0}) + 0"),
    "before": Filter(
        Text("关注早于", "Since, before"), "date", "since > 0 AND since < strftime('%s', {0}) + 0"
    ),
    "posted_after": Filter(
        Text("最后发布不早于", "Last posted, from"), "date", "last_posted >= {0}"
    ),
    "read": _flag(
        Text("已读取最近发布", "Last posted is read"),
        "last_posted_read IS NOT NULL",
        "last_posted_read IS NULL",
    ),
    "posted_before": Filter(
        Text("最后发布早于", "Last posted, before"), "date", "last_posted < {0}"
    ),
}


class Column(NamedTuple):
    """A column of a table; ``order`` is the SQL that it is sorted by, "" if it cannot be."""

    name: Text
    order: str = ""
    #: Whether the largest come first when it is chosen to sort by.
    descending: bool = False


COLUMNS = {
    "name": Column(Text("账号", "Account"), "name COLLATE NOCASE"),
    "sign": Column(Text("签名", "Sign")),
    "groups": Column(Text("分组", "Groups"), "groups COLLATE NOCASE"),
    "special": Column(Text("特别关注", "Special"), "special", descending=True),
    "mutual": Column(Text("互相关注", "Mutual"), "mutual", descending=True),
    "followed": Column(Text("已关注", "Followed"), "followed", descending=True),
    "since": Column(Text("关注时间", "Since"), "since", descending=True),
    "last_posted": Column(Text("最后发布", "Last posted"), "last_posted", descending=True),
    "last_watched": Column(Text("最后观看", "Last watched"), "last_watched", descending=True),
    "fans": Column(Text("粉丝", "Followers"), "fans", descending=True),
    "posts": Column(Text("作品", "Posts"), "posts", descending=True),
    "zone": Column(Text("分区", "Zone"), "zone COLLATE NOCASE"),
    "state": Column(Text("状态", "State"), "state"),
    "note": Column(Text("备注", "Note"), "note COLLATE NOCASE"),
}


class ListView(NamedTuple):
    """A list: its filters and columns, and the columns that a person sees without choosing."""

    filters: tuple[str, ...]
    columns: tuple[str, ...]
    shown: tuple[str, ...]


LISTS = {
    "followings": ListView(
        tuple(name for name in FILTERS if name != "followed"),
        tuple(name for name in COLUMNS if name != "followed"),
        (
            *("name", "sign", "groups", "special", "mutual", "since", "last_posted", "state"),
            "note",
        ),
    ),
    "followers": ListView(
        tuple(name for name in FILTERS if name not in ("group", "grouped", "special", "read")),
        (
            *("name", "sign", "mutual", "followed", "since", "last_posted", "fans", "posts"),
            *("state", "note"),
        ),
        ("name", "sign", "mutual", "followed", "since", "state", "note"),
    ),
    "blocks": ListView(
        ("q", "state", "noted", "kept", "after", "before"),
        ("name", "sign", "since", "state", "note"),
        ("name", "sign", "since", "state", "note"),
    ),
    "whispers": ListView(
        ("q", "state", "noted", "kept", "after", "before", "posted_after", "posted_before"),
        ("name", "sign", "since", "last_posted", "state", "note"),
        ("name", "sign", "since", "last_posted", "state", "note"),
    ),
}


class Query(Struct, frozen=True):
    """Which accounts of a list, and in which order."""

    list: str
    #: The values of the filters that are set, by their names.
    filters: Mapping[str, str] = {}
    sort: str = "since"
    descending: bool = True

    @classmethod
    def of(cls, name: str, values: Mapping[str, str]) -> Query:
        """Return the query of a list that an address has.

        ``values`` are those of the address: filters by name, ``sort``, and ``order``, which is
        ``up`` or ``down``; others and empty ones are passed over. Raise SelectionError for a value
        that is none of a filter, which the message names, and KeyError for an unknown list.
        """
        view = LISTS[name]
        given = {key: value for key in view.filters if (value := values.get(key, "").strip())}
        for key, value in given.items():
            _check(FILTERS[key], value)
        sort = values.get("sort", "")
        if sort not in view.columns or not COLUMNS[sort].order:
            sort = "since"
        descending = COLUMNS[sort].descending
        if values.get("order") in ("up", "down"):
            descending = values["order"] == "down"
        return cls(name, given, sort, descending)

    def values(self) -> dict[str, str]:
        """Return what ``of`` reads, without what is as usual: for the address of the page."""
        values = dict(self.filters)
        if self.sort != "since":
            values["sort"] = self.sort
        if self.descending != COLUMNS[self.sort].descending:
            values["order"] = "down" if self.descending else "up"
        return values

    def sorted_by(self, column: str) -> Query:
        """Return the query sorted by a column, the other way round if it is that already."""
        if column == self.sort:
            return structs.replace(self, descending=not self.descending)
        return structs.replace(self, sort=column, descending=COLUMNS[column].descending)

    def narrowed(self, key: str, value: str) -> Query:
        """Return the query with one more filter; a list that has no such filter stays as it is."""
        if key not in LISTS[self.list].filters:
            return self
        return structs.replace(self, filters={**self.filters, key: value})

    @property
    def where(self) -> str:
        """The condition over the list's view, ``1`` without a filter; see ``Selection.where``."""
        conditions = (_condition(FILTERS[key], value) for key, value in self.filters.items())
        return " AND ".join(conditions) or "1"

    @property
    def because(self) -> Text:
        """The filters in words: the reason of a plan about the accounts that match."""
        parts = [_words(FILTERS[key], value) for key, value in self.filters.items()]
        if not parts:
            return Text("全部", "all of the list")
        return Text("，".join(one.zh for one in parts), ", ".join(one.en for one in parts))


def count(archive: Archive, query: Query) -> int:
    """Return how many accounts match. Raise ArchiveError."""
    with archive.query(f"SELECT count(*) FROM {query.list} WHERE {query.where}") as found:
        return int(found.fetchone()[0])


def unread(archive: Archive, query: Query) -> int:
    """Return of how many that match nobody has read when they last posted; 0 for other lists."""
    narrowed = query.narrowed("read", "no")
    return 0 if narrowed is query else count(archive, narrowed)


def rows(archive: Archive, query: Query, start: int, limit: int) -> list[sqlite3.Row]:
    """Return at most ``limit`` rows from index ``start`` on, in the order of the query.

    They have the columns of the list's view (docs/tools.md). Raise ArchiveError.
    """
    order = COLUMNS[query.sort].order
    way = "DESC" if query.descending else "ASC"
    sql = (
        f"SELECT * FROM {query.list} WHERE {query.where} ORDER BY {order} IS NULL, {order} {way},"
        f" tie {way}, mid LIMIT ? OFFSET ?"
    )
    with archive.query(sql, (limit, start)) as found:
        return found.fetchall()


def mids(archive: Archive, name: str, where: str) -> list[int]:
    """Return the accounts of a list that a condition is true of, without an order.

    The condition is that of a query, or of ``among``. Raise ArchiveError.
    """
    with archive.query(f"SELECT mid FROM {name} WHERE {where}") as found:
        return [row["mid"] for row in found]


def faces(archive: Archive, mids: Iterable[int]) -> dict[int, str]:
    """Return the addresses of the faces of accounts, by mid."""
    found = archive.rows(f"SELECT mid, face FROM accounts WHERE {among(mids)}")
    return {row["mid"]: row["face"] for row in found}


def groups(archive: Archive) -> dict[str, int]:
    """Return the account's own groups in the server's order, each with the number of members."""
    found = archive.rows("SELECT name, count FROM groups ORDER BY position, id")
    return {row["name"]: row["count"] for row in found}


def among(mids: Iterable[int]) -> str:
    """Return the condition for these accounts."""
    return f"mid IN ({', '.join(map(str, sorted({*mids})))})"


def _check(one: Filter, value: str) -> None:
    """Raise SelectionError for a value that the filter does not have."""
    if one.kind == "choice" and value not in one.choices:
        fitting = ", ".join(one.choices)
        raise _refused(one, f"须为 {fitting}", f"one of {fitting}")
    if one.kind == "date":
        try:
            date.fromisoformat(value)
        except ValueError:
            raise _refused(one, "须为日期，如 2020-01-31", "a date such as 2020-01-31") from None
    if len(value) > _LONGEST or "\0" in value:
        raise _refused(one, f"最多 {_LONGEST} 个字符", f"at most {_LONGEST} characters")


def _refused(one: Filter, zh: str, en: str) -> SelectionError:
    return SelectionError(f"{one.name.zh}：{zh}", f"{one.name.en}: {en}")


def _condition(one: Filter, value: str) -> str:
    if value in one.conditions:
        return one.conditions[value]
    escaped = re.sub(r"([%_\\])", r"\\\1", value)
    return one.sql.format(_literal(value), like=_literal(f"%{escaped}%"))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _words(one: Filter, value: str) -> Text:
    shown = one.choices.get(value, Text.of(value))
    return Text(f"{one.name.zh}：{shown.zh}", f"{one.name.en}: {shown.en}")
