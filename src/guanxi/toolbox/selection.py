"""Selections: which accounts of an archive a plan is about, and for which reasons.

The rules of a selection combine with AND. What they find is kept in temporary tables, so that
memory does not grow with the lists: ``hit`` has what each rule found, ``chosen`` the accounts that
all rules found, each with its reason, its relation in the newest snapshot, and in ``out`` why it is
left alone, if it is. Plans of groups add ``target``, the names of all groups afterwards as JSON,
and ``made_special``.
"""

from __future__ import annotations

import re
import shlex
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, structs

from guanxi.text import Text
from guanxi.toolbox import snapshots
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.errors import SelectionError
from guanxi.toolbox.ids import read_ids

#: How a text for people becomes one in their language. ``str`` is English.
Words = Callable[[Text], str]

#: The most years or days of an option.
_LONGEST = 100_000
_YEAR = 31_556_952  # seconds of the mean Gregorian year
_SEPARATOR = Text("；", "; ")
#: The account's own value in a reason, which ``without_value`` removes.
_VALUE = re.compile(r" \[[^\[\]]*\]")


class Selection(Struct, frozen=True, kw_only=True):
    """Rules that an account must all match, and who is kept. Fields are the options of ``plan``.

    Args:
        where: an SQL condition over the view that the plan is about.
        because: the reason of ``where``, in place of its text.
        ids: a file that ``ids.read_ids`` reads, ``-`` for standard input.
        group: names of groups; an account must be in one of them.
        diff: two snapshots; an account must be in the list of the second one and not in the first,
            or with ``left`` in the first and not in the second.
        silent: years, more than 0, since the account last posted.
        followed_within: days, more than 0, since the following began.
        keep: ``special``, the name of a group, or a file of ids: those accounts are left alone.
        ignore_keep: whether marks (``guanxi keep``) do not count.
    """

    where: str | None = None
    because: str | None = None
    ids: str | None = None
    group: tuple[str, ...] = ()
    diff: tuple[int, int] | None = None
    left: bool = False
    deregistered: bool = False
    silent: float | None = None
    not_mutual: bool = False
    ungrouped: bool = False
    followed_within: float | None = None
    fans_not_followed: bool = False
    keep: tuple[str, ...] = ()
    ignore_keep: bool = False

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of the rules that it has, in the order of their reasons."""
        return tuple(name for name in RULES if getattr(self, name))

    def __str__(self) -> str:
        """Return the selection as options of the command line."""
        words: list[str] = []
        for name, value in structs.asdict(self).items():
            option = f"--{name.replace('_', '-')}"
            if name == "diff" and value:
                words += [option, *map(str, value)]
            elif isinstance(value, tuple):
                words += [word for one in value for word in (option, one)]
            elif value is True:
                words.append(option)
            elif value:
                words += [option, f"{value:g}" if isinstance(value, float) else str(value)]
        return " ".join(map(_quoted, words))

    @classmethod
    def parse(cls, options: str) -> Selection:
        """Return the selection that ``str`` describes; other options are passed over.

        Raise msgspec.ValidationError for an invalid value.
        """
        words = iter(shlex.split(options))
        values: dict[str, Any] = {}
        defaults = structs.asdict(cls())
        for word in words:
            name = word.removeprefix("--").replace("-", "_")
            if not word.startswith("--") or name not in defaults:
                continue
            if defaults[name] is False:
                values[name] = True
            elif name == "diff":
                values[name] = (next(words, ""), next(words, ""))
            elif defaults[name] == ():
                values[name] = (*values.get(name, ()), next(words, ""))
            else:
                values[name] = next(words, "")
        return msgspec.convert(values, cls, strict=False)


def _quoted(word: str) -> str:
    """Return a word as a shell reads it; an SQL text in quotes stays readable."""
    readable = "'" in word and not set(word) & set('"$`\\!') and word.isprintable()
    return f'"{word}"' if readable else shlex.quote(word)


class Rule(Struct, frozen=True):
    """A rule of a selection.

    ``sql`` selects mid, the account's value, the position in the plan's order, and why it is left
    alone although it could be meant; NULL for none. ``{view}`` is the view of the plan, ``{list}``
    the list. ``text`` is the reason, with the option's value as ``{0}``.
    """

    text: Text
    sql: str
    #: What comes before the account's value.
    value: Text = Text("", "")
    #: The views for which the rule makes sense; empty for all.
    views: tuple[str, ...] = ()
    #: The lists of the snapshot that must be complete, since the rule is about who is absent.
    needs: tuple[str, ...] = ()


#: A time with the order among equal ones, as one number: the oldest first.
_AGE = "{0}.since * 1000000 + {0}.tie"
#: The condition for rows of an alias that are true at a snapshot.
THEN = "{0}.first <= {1} AND ({0}.until IS NULL OR {0}.until > {1})"
#: Who is in the list ``{list}`` at the snapshot ``:there``, and not at ``:absent``.
BETWEEN = f"""
SELECT y.mid, date(nullif(y.since, 0), 'unixepoch'), {_AGE.format("y")}, NULL FROM item AS y
WHERE y.list = '{{list}}' AND {THEN.format("y", ":there")} AND NOT EXISTS (SELECT 1 FROM item AS n
    WHERE n.list = y.list AND n.mid = y.mid AND {THEN.format("n", ":absent")})"""
_LISTED = ("followings", "followers")

RULES = {
    "ids": Rule(Text("在 {0} 中", "listed in {0}"), ""),
    "diff": Rule(Text("", ""), BETWEEN, Text("始于 ", "since ")),
    "where": Rule(
        Text("符合 {0}", "where {0}"), "SELECT mid, NULL, NULL, NULL FROM {view} WHERE (\n{0}\n)"
    ),
    "group": Rule(
        Text("在分组中", "in the group"),
        "SELECT mid, group_concat(group_name, ', '), NULL, NULL FROM members"
        " WHERE group_name IN (SELECT value FROM json_each(:value)) GROUP BY mid",
        needs=("groups",),
    ),
    "deregistered": Rule(
        Text("已注销", "deregistered"),
        "SELECT mid, NULL, NULL, NULL FROM accounts WHERE state = 'deregistered'",
    ),
    # Whoever is banned, deregistered or never posted is not silent: wrong data here unfollows the
    # wrong people.
    "silent": Rule(
        Text("{0} 年未发布", "silent for {0} years"),
        "SELECT mid, date(last_posted), NULL, CASE"
        " WHEN state NOT IN ('active', 'unknown') THEN :other || state"
        " WHEN last_posted IS NULL THEN :unread END FROM accounts"
        " WHERE last_posted IS NULL OR state <> 'active'"
        " OR last_posted < datetime(:silent_since, 'unixepoch')",
        Text("最后发布于 ", "last posted "),
    ),
    "not_mutual": Rule(
        Text("未互相关注", "not mutual"),
        "SELECT mid, NULL, NULL, NULL FROM {view} WHERE NOT mutual",
        views=_LISTED,
    ),
    "ungrouped": Rule(
        Text("未分组", "in no group"),
        "SELECT mid, NULL, NULL, NULL FROM followings WHERE groups IS NULL",
        needs=("followings", "groups"),
    ),
    "followed_within": Rule(
        Text("{0} 天内关注", "followed within {0} days"),
        "SELECT mid, date(followed_at), NULL, NULL FROM {view} WHERE since >= :followed_since",
        Text("关注于 ", "followed "),
        views=_LISTED,
    ),
    "fans_not_followed": Rule(
        Text("是粉丝而未关注", "follows you, not followed"),
        "SELECT mid, date(followed_at), {age}, NULL FROM followers WHERE NOT followed".replace(
            "{age}", _AGE.format("followers")
        ),
        Text("关注于 ", "since "),
    ),
}
_UNREAD = Text("未读取最后发布时间", "unknown when it last posted: run guanxi backup --last-posted")
_OTHER = Text("不是沉默而是：", "not silent but ")
_DIFF_TEXT = Text("快照 {0} 到 {1} 之间新增", "came between snapshots {0} and {1}")
_LEFT_TEXT = Text("快照 {0} 到 {1} 之间移除", "left between snapshots {0} and {1}")

_TABLES = (
    """CREATE TEMP TABLE hit (mid INTEGER NOT NULL, rule INTEGER NOT NULL, reason TEXT NOT NULL,
    position INTEGER, out TEXT, name TEXT, PRIMARY KEY (mid, rule)) WITHOUT ROWID""",
    """CREATE TEMP TABLE chosen (mid INTEGER PRIMARY KEY, name TEXT NOT NULL, reason TEXT NOT NULL,
    position INTEGER, out TEXT, attribute INTEGER NOT NULL, special INTEGER NOT NULL,
    groups TEXT, since INTEGER NOT NULL, tie INTEGER, listed INTEGER NOT NULL, state TEXT,
    sign TEXT, note TEXT, zone TEXT, target TEXT, made_special INTEGER)""",
)
#: The table of accounts that are left alone because the person wants to keep them.
KEPT = "CREATE TEMP TABLE kept (mid INTEGER PRIMARY KEY, reason TEXT NOT NULL)"
_KEPT = Text("保留", "kept")
_INTO_KEPT = "INSERT OR IGNORE INTO kept SELECT mid, ? || ' [' || {0} || ']' FROM {1}"
_HIT = """
INSERT OR IGNORE INTO hit
SELECT found.mid, :rule, :text || CASE WHEN found.value IS NULL THEN ''
    ELSE ' [' || :before || found.value || ']' END, found.position, found.out, NULL
FROM (SELECT 0 AS mid, NULL AS value, NULL AS position, NULL AS out WHERE 0 UNION ALL
{0}) AS found"""
#: Names of the account's own groups that it is in, as JSON, in the order of their ids.
GROUP_NAMES = """(SELECT json_group_array(g.name) FROM json_each({0}.groups) AS e
    JOIN grp AS g ON g.id = e.value AND g.until IS NULL)"""
_CHOSEN = f"""
INSERT INTO chosen
SELECT h.mid, coalesce(nullif(a.name, ''), h.name, ''), h.reason, h.position,
    coalesce(CASE WHEN h.mid = :me THEN :itself END, h.out, k.reason),
    CASE WHEN b.mid IS NOT NULL THEN 128 WHEN f.mid IS NOT NULL THEN f.attribute
        WHEN w.mid IS NOT NULL THEN 1 ELSE 0 END,
    coalesce(f.special, 0), {GROUP_NAMES.format("f")},
    coalesce(b.since, f.since, w.since, 0), f.tie, l.mid IS NOT NULL,
    a.state, a.sign, a.note, a.zone, NULL, NULL
FROM ({{hits}}) AS h
LEFT JOIN accounts AS a ON a.mid = h.mid
LEFT JOIN kept AS k ON k.mid = h.mid
LEFT JOIN item AS f ON f.list = 'followings' AND f.mid = h.mid AND f.until IS NULL
LEFT JOIN item AS b ON b.list = 'blocks' AND b.mid = h.mid AND b.until IS NULL
LEFT JOIN item AS w ON w.list = 'whispers' AND w.mid = h.mid AND w.until IS NULL
LEFT JOIN item AS l ON l.list = :list AND l.mid = h.mid AND l.until IS NULL
WHERE :all OR l.mid IS NOT NULL"""
_ALL_HITS = """
SELECT mid, group_concat(reason, :separator) AS reason, min(position) AS position,
    CASE WHEN count(*) < :rules THEN :unmatched ELSE group_concat(out, :separator) END AS out,
    max(name) AS name
FROM hit GROUP BY mid HAVING count(*) = :rules OR (:by_id AND min(rule) = 0)"""
_EVERYONE = "SELECT mid, '' AS reason, NULL AS position, NULL AS out, NULL AS name FROM {0}"


def select(
    archive: Archive,
    view: str,
    selection: Selection,
    now: int,
    words: Words = str,
    *,
    marks: bool = True,
) -> None:
    """Create the tables ``hit`` and ``chosen``, within ``archive.consistent()``.

    A selection without rules chooses everyone in the view. ``marks``: whether marks count, unless
    the selection ignores them. ``now``: seconds since the Unix epoch.
    Raise SelectionError for a condition, a file, a group or a rule that does not fit,
    NoSuchSnapshot for a snapshot that does not exist, and OSError if a file cannot be read.
    """
    db = archive.db
    for sql in _TABLES:
        db.execute(sql)
    for number, name in enumerate(selection.rules):
        _find(archive, view, selection, number=number, name=name, now=now, words=words)
    db.execute(KEPT)
    if marks and not selection.ignore_keep:
        keep_marked(db, words)
    _keep(archive, selection.keep, words)
    hits = _ALL_HITS if selection.rules else _EVERYONE.format(view)
    values = {
        "rules": len(selection.rules),
        "separator": words(_SEPARATOR),
        "me": archive.identity.mid,
        "itself": words(Text("是账号自己", "the account itself")),
        "list": view,
        # Whoever a file names and is not selected is left out with a reason. ``ids`` is rule 0.
        "by_id": selection.ids is not None,
        "unmatched": words(Text("不符合其他规则", "the other rules do not match")),
        "all": view not in snapshots.LISTS or selection.ids is not None,
    }
    db.execute(_CHOSEN.format(hits=hits), values)


def require_complete(archive: Archive, number: int, *lists: str) -> None:
    """Raise SelectionError unless these lists of a snapshot are complete."""
    known = snapshots.readings(archive, number)
    for name in lists:
        if name not in known or not known[name].complete:
            why = known[name].reason if name in known else "not read"
            raise SelectionError(
                f"快照 {number} 的 {name} 不完整（{why}），无法得知谁不在其中："
                "请再运行 guanxi backup",
                f"snapshot {number} has no complete list of {name} ({why}), so nobody knows who is"
                " absent: run guanxi backup again",
            )


def without_value(reason: str) -> str:
    """Return a reason without the account's own values, which are in brackets."""
    return _VALUE.sub("", reason)


def _find(
    archive: Archive,
    view: str,
    selection: Selection,
    *,
    number: int,
    name: str,
    now: int,
    words: Words,
) -> None:
    """Insert what one rule finds into ``hit``."""
    rule, value = RULES[name], getattr(selection, name)
    option = f"--{name.replace('_', '-')}"
    if rule.views and view not in rule.views:
        raise SelectionError(
            f"{option} 不适用于此计划（{view}）", f"{option} is not for a plan about {view}"
        )
    if isinstance(value, (int, float)) and not 0 < value <= _LONGEST:
        raise SelectionError(
            f"{option} 须大于 0，且不超过 {_LONGEST}",
            f"{option} must be more than 0, and at most {_LONGEST}",
        )
    newest = archive.newest()
    if rule.needs and newest is not None:
        require_complete(archive, newest, *rule.needs)
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    if name == "ids" and shown == "-":
        shown = words(Text("标准输入", "standard input"))
    text = words(rule.text).format(" ".join(shown.split()))
    if name == "where" and selection.because:
        text = selection.because
    if name == "ids":
        rows = ((one.mid, number, text, one.position, one.name) for one in read_ids(value))
        insert = "INSERT OR IGNORE INTO hit (mid, rule, reason, position, name) VALUES (?,?,?,?,?)"
        archive.db.executemany(insert, rows)
        return
    listed = view if view in snapshots.LISTS else "followings"
    values: dict[str, object] = {
        "rule": number,
        "text": text,
        "before": words(rule.value),
        "unread": words(_UNREAD),
        "other": words(_OTHER),
        "silent_since": now - round((selection.silent or 0) * _YEAR),
        "followed_since": now - round((selection.followed_within or 0) * 86_400),
    }
    if name == "diff":
        require_complete(archive, value[0], listed)
        require_complete(archive, value[1], listed)
        values["absent"], values["there"] = reversed(value) if selection.left else value
        kind = _LEFT_TEXT if selection.left else _DIFF_TEXT
        values["text"] = words(kind).format(*value)
    elif name == "group":
        _check_groups(archive, value)
        values["value"] = msgspec.json.encode(value).decode()
    sql = rule.sql.replace("{view}", view).replace("{list}", listed)
    if name != "where":
        archive.db.execute(_HIT.replace("{0}", sql), values)
        return
    sql = sql.replace("{0}", value)
    with archive.query(f"EXPLAIN {sql}"):  # it is one condition that only reads
        pass
    try:
        archive.db.execute(_HIT.replace("{0}", sql), values)
    except sqlite3.Error as error:
        raise SelectionError(f"SQL 无效：{error}", f"invalid SQL: {error}") from error


def keep_marked(db: sqlite3.Connection, words: Words) -> None:
    """Insert the accounts that have a mark (``guanxi keep``) into ``kept``."""
    db.execute(_INTO_KEPT.format("reason", "keep"), (words(_KEPT),))


def _keep(archive: Archive, names: tuple[str, ...], words: Words) -> None:
    """Insert the accounts that the option ``keep`` names into ``kept``."""
    kept = words(_KEPT)
    for name in names:
        if name == "special":
            special = "followings WHERE special"
            archive.db.execute(_INTO_KEPT.format("'special'", special), (kept,))
        elif archive.rows("SELECT 1 FROM groups WHERE name = ?", (name,)):
            members = "members WHERE group_name = ?"
            archive.db.execute(_INTO_KEPT.format("group_name", members), (kept, name))
        elif name == "-" or Path(name).is_file():
            rows = ((one.mid, f"{kept} [{name}]") for one in read_ids(name))
            archive.db.executemany("INSERT OR IGNORE INTO kept VALUES (?, ?)", rows)
        else:
            raise SelectionError(
                f"--keep {name}：既不是分组，也不是文件",
                f"--keep {name}: neither a group nor a file",
            )


def _check_groups(archive: Archive, names: tuple[str, ...]) -> None:
    known = [row["name"] for row in archive.rows("SELECT name FROM groups ORDER BY position")]
    for name in names:
        if name not in known:
            every = ", ".join(known) or "-"
            raise SelectionError(
                f"没有分组 {name}；已有：{every}", f"there is no group {name}; there are: {every}"
            )
