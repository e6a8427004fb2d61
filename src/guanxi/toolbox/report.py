"""The report: one HTML file of an archive, which loads nothing and runs only its own script."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

from guanxi.text import Language, Text
from guanxi.toolbox import labels, snapshots
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.difference import difference
from guanxi.toolbox.errors import NoSuchSnapshot
from guanxi.toolbox.saving import replacing

#: How many accounts of each list the page has: a browser is slow with more.
PEOPLE = 5_000
#: How many of the newest snapshots are compared, and how many points a line has.
_STEPS, _POINTS = 10, 500
#: How many groups have a bar.
_GROUPS = 40
_SPACE = "https://space.bilibili.com/"

_TEXTS = {
    "lang": Text("zh-CN", "en"),
    "title": Text("关注报告", "Relations"),
    "snapshot": Text("快照", "Snapshot"),
    "local": Text(
        "此文件含个人数据，请勿随意分享。", "This file holds personal data: share it with care."
    ),
    "search": Text("搜索昵称、mid、分组…", "Search names, ids, groups…"),
    "shown": Text("显示 {1} 中的 {0}", "{0} of {1} shown"),
    "mutual": Text("互相关注", "mutual"),
    "share": Text("占关注的 {0}", "{0} of followings"),
    "over_time": Text("{0}，历次快照", "{0} over the snapshots"),
    "from_to": Text("从 {0} 到 {1}", "from {0} to {1}"),
    "steps": Text("{0}：新增与离开", "{0}: arrivals and departures"),
    "steps_more": Text(
        "每行是一个快照与前一个的差别，没有变化的不列出；读不全的列表不说谁离开。",
        "Each line compares a snapshot with the one before. Those without a change are left out;"
        " a list that is not complete does not say who left.",
    ),
    "no_steps": Text("从快照 {0} 到 {1} 没有变化。", "Nothing changed from snapshot {0} to {1}."),
    "groups": Text("分组大小", "Groups by size"),
    "ungrouped": Text("未分组", "in no group"),
    "more_groups": Text("另有 {0} 个分组未显示。", "{0} more groups are not shown."),
    "posted": Text("上次发布", "Last posted"),
    "posted_more": Text(
        "由 guanxi backup --last-posted 读取。", "Read by guanxi backup --last-posted."
    ),
    "limited": Text(
        "此页只有最新的 {0} 个；全部见 guanxi show。",
        "The page has the newest {0} only; guanxi show has all.",
    ),
    "incomplete": Text("列表不完整：{0} 中的 {1}（{2}）", "Not complete: {1} of {0} ({2})"),
    "nobody": Text("没有账号。", "No accounts."),
    "name": Text("昵称", "Name"),
    "since_followings": Text("关注于", "Followed"),
    "since_followers": Text("关注你于", "Follows since"),
    "since_blocks": Text("拉黑于", "Blocked"),
    "since_whispers": Text("关注于", "Followed"),
    "groups_of": Text("分组", "Groups"),
    "special": Text("特别", "Special"),
    "state": Text("状态", "State"),
    "last_posted": Text("发布", "Posted"),
}
#: How long ago an account posted, in days below the bound, and the states without a time.
_AGES = (
    (7, Text("一周内", "within a week")),
    (30, Text("一月内", "within a month")),
    (182, Text("半年内", "within half a year")),
    (365, Text("一年内", "within a year")),
    (730, Text("两年内", "within two years")),
    (None, Text("更早", "longer ago")),
)
_STATES = {
    "never_posted": Text("从未发布", "never posted"),
    "banned": Text("已封停", "banned"),
    "deregistered": Text("已注销", "deregistered"),
    "active": Text("活跃", "active"),
    "unknown": Text("未读取", "not read"),
}
#: The columns of each list after the name: the view's column, what its title is, and its kind.
_COLUMNS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "followings": (
        ("mutual", "mutual", "flag"),
        ("special", "special", "flag"),
        ("groups", "groups_of", "text"),
        ("followed_at", "since_followings", "date"),
        ("last_posted", "last_posted", "date"),
        ("state", "state", "state"),
    ),
    "followers": (
        ("mutual", "mutual", "flag"),
        ("followed_at", "since_followers", "date"),
        ("state", "state", "state"),
    ),
    "blocks": (("blocked_at", "since_blocks", "date"), ("state", "state", "state")),
    "whispers": (("followed_at", "since_whispers", "date"), ("state", "state", "state")),
}


def report(
    archive: Archive, path: Path | str, now: int, *, language: Language = "en", faces: bool = False
) -> int:
    """Write the report of the archive's newest snapshot to ``path``; return its size in bytes.

    ``archive`` is open; ``language`` is ``"en"`` or ``"zh"``.

    ``now`` is in seconds since the Unix epoch. With ``faces`` the page loads the accounts' pictures
    from their servers, otherwise nothing. The file has mode 0600 and appears whole; one of that
    name is replaced. Raise NoSuchSnapshot without a snapshot, OSError if it cannot be written.
    """
    with replacing(Path(path)) as file:
        for part in page(archive, now, language=language, faces=faces):
            file.write(part.encode("utf-8", "replace"))
        return file.tell()


def page(
    archive: Archive, now: int, *, language: Language = "en", faces: bool = False
) -> Iterator[str]:
    """Yield the page part by part; the arguments and errors are those of ``report``."""
    from jinja2 import Environment, StrictUndefined  # only the report needs it

    newest = archive.newest()
    if newest is None:
        raise NoSuchSnapshot(
            "还没有快照，请先运行 guanxi backup",
            "there is no snapshot yet: run guanxi backup first",
        )
    source = files("guanxi.toolbox").joinpath("report.html").read_text("utf-8")
    jinja = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    jinja.filters["capitalised"] = lambda text: text[:1].upper() + text[1:]
    shown = _Report(archive, newest, now, language, faces=faces)
    stream = jinja.from_string(source).stream(
        t={name: text.into(language) for name, text in _TEXTS.items()},
        policy=_policy(source, faces=faces),
        who=archive.identity.name or archive.identity.mid,
        space=_SPACE if archive.identity.server == "documents" else "",
        snapshot=archive.rows("SELECT id, begun FROM snapshots WHERE id = ?", (newest,))[0],
        figures=shown.figures(),
        charts=shown.charts(),
        tables=shown.tables(),
        lists=shown.lists(),
    )
    stream.enable_buffering(200)
    yield from stream


def _policy(source: str, *, faces: bool) -> str:
    """Return the page's Content-Security-Policy: its own style and script, nothing else."""
    hashes = {
        tag: b64encode(sha256(found.encode()).digest()).decode()
        for tag, found in re.findall(r"<(style|script)>(.*?)</\1>", source, re.DOTALL)
    }
    return (
        f"default-src 'none'; style-src 'sha256-{hashes['style']}';"
        f" script-src 'sha256-{hashes['script']}';"
        f" {'img-src https:; ' if faces else ''}base-uri 'none'; form-action 'none'"
    )


class _Report:
    """What the template shows of one snapshot. Lists are read while the page is written."""

    def __init__(
        self, archive: Archive, newest: int, now: int, language: Language, *, faces: bool
    ) -> None:
        self._archive = archive
        self._now = now
        self._language = language
        self._faces = faces
        self._readings = snapshots.readings(archive, newest)
        archive.show()

    def _text(self, name: str, *values: object) -> str:
        return _TEXTS[name].into(self._language).format(*values)

    def _label(self, table: dict[str, Text], name: str | None) -> str:
        return labels.label(table, name).into(self._language)

    def _count(self, name: str) -> int:
        reading = self._readings[name]
        return reading.shown if reading.total is None else reading.total

    def figures(self) -> Iterator[dict[str, Any]]:
        """Yield the number of each list, and the share of mutuals."""
        for name in labels.LISTS:
            if name in self._readings:
                yield {
                    "name": self._label(labels.LISTS, name),
                    "value": f"{self._count(name):,}",
                    "more": self._incomplete(name),
                }
        sql = "SELECT coalesce(sum(mutual), 0), count(*) FROM followings"
        mutual, followed = self._archive.rows(sql)[0]
        if followed:
            share = self._text("share", f"{mutual / followed:.0%}")
            yield {"name": self._text("mutual"), "value": f"{mutual:,}", "more": share}

    def _incomplete(self, name: str) -> str:
        reading = self._readings[name]
        if reading.complete:
            return ""
        of = "?" if reading.total is None else f"{reading.total:,}"
        why = self._label(labels.REASONS, reading.reason)
        return self._text("incomplete", of, f"{reading.shown:,}", why)

    def charts(self) -> Iterator[dict[str, Any]]:
        """Yield a line of the numbers of followings, and one of followers, over the snapshots."""
        for name in ("followings", "followers"):
            rows = self._archive.rows(
                """SELECT s.begun, datetime(s.begun, 'unixepoch') AS begun_at,
                    coalesce(r.total, r.shown) AS n
                FROM snapshot AS s JOIN reading AS r ON r.snapshot = s.id AND r.list = ?
                WHERE s.ended IS NOT NULL ORDER BY s.id""",
                (name,),
            )
            rows = [*rows[:: len(rows) // _POINTS + 1], *rows[-1:]]
            if len(rows) < 3:
                continue  # two points are the first and the last: no line to see
            times, numbers = [row["begun"] for row in rows], [row["n"] for row in rows]
            low, high = min(numbers), max(numbers)
            shown = 10 if rows[0]["begun_at"][:10] != rows[-1]["begun_at"][:10] else 16
            points = " ".join(
                f"{1000 * (at - times[0]) / max(times[-1] - times[0], 1):.0f},"
                f"{99 - 98 * (n - low) / (high - low) if high > low else 1:.1f}"
                for at, n in zip(times, numbers, strict=True)
            )
            title = self._text("over_time", self._label(labels.LISTS, name))
            yield {
                "name": title,
                "points": points,
                "top": f"{high:,}",
                "bottom": f"{low:,}" if low < high else "",
                "since": rows[0]["begun_at"][:shown],
                "until": rows[-1]["begun_at"][:shown],
                "says": title + self._text("from_to", f" {numbers[0]:,}", f"{numbers[-1]:,}"),
            }

    def tables(self) -> Iterator[dict[str, Any]]:
        """Yield the tables with bars, of what was read."""
        found = self._archive.rows("SELECT id FROM snapshots WHERE ended IS NOT NULL ORDER BY id")
        numbers = [row["id"] for row in found][-_STEPS - 1 :]
        for name in ("followings", "followers"):
            yield from self._steps(name, numbers)
        groups = self._groups()
        hidden = max(len(groups) - _GROUPS, 0)
        if groups:
            yield {
                "name": self._text("groups"),
                "more": self._text("more_groups", hidden) if hidden else "",
                "rows": groups[:_GROUPS],
            }
        if ages := self._ages():
            yield {"name": self._text("posted"), "more": self._text("posted_more"), "rows": ages}

    def _steps(self, name: str, numbers: list[int]) -> Iterator[dict[str, Any]]:
        """Yield a table of who came and who left, by snapshot, the newest first."""
        rows: list[_Row] = []
        compared: list[int] = []
        for a, b in reversed([*pairwise(numbers)]):
            found = difference(self._archive, a, b, lists=[name])
            if name not in found.readings:
                continue
            counts = found.counts()[name]
            came, left = counts["came"] + counts["first_seen"], counts["left"]
            whole = all(reading.complete for reading in found.readings[name])
            value = f"+{came:,} −{left:,}" if whole else f"+{came:,} −?"
            compared += (b, a)
            if came or left or not whole:
                day = f"{b} · {found.snapshot(b)['begun'][:10]}"
                rows.append((day, value, ((came, "one"), (left, "two"))))
        if compared:
            unchanged = self._text("no_steps", compared[-1], compared[0])
            yield {
                "name": self._text("steps", self._label(labels.LISTS, name)),
                "more": self._text("steps_more") if rows else unchanged,
                "rows": _bars(rows),
            }

    def _groups(self) -> list[dict[str, Any]]:
        sql = """SELECT g.name, count(m.mid) AS n FROM groups AS g
        LEFT JOIN members AS m ON m.group_id = g.id GROUP BY g.id ORDER BY g.position"""
        rows = [(row["name"], row["n"], "one") for row in self._archive.rows(sql)]
        if rows:
            none = "SELECT count(*) FROM followings WHERE groups IS NULL"
            rows.append((self._text("ungrouped"), self._archive.rows(none)[0][0], "two"))
        rows.sort(key=lambda row: -row[1])
        return _bars([(name, f"{n:,}", ((n, kind),)) for name, n, kind in rows])

    def _ages(self) -> list[dict[str, Any]]:
        """Return how many accounts last posted how long ago; nothing if none was read."""
        bounds = " ".join(
            f"WHEN last_posted >= datetime(:now - {days} * 86400, 'unixepoch') THEN {number}"
            for number, (days, _) in enumerate(_AGES)
            if days is not None
        )
        sql = f"""SELECT CASE WHEN state NOT IN ('active', 'unknown') OR last_posted IS NULL
            THEN state {bounds} ELSE {len(_AGES) - 1} END AS age, count(*) AS n
        FROM followings GROUP BY age"""
        counts = {row["age"]: row["n"] for row in self._archive.rows(sql, {"now": self._now})}
        if not counts.keys() - {"unknown"}:
            return []
        names: dict[Any, Text] = {number: text for number, (_, text) in enumerate(_AGES)}
        return _bars(
            [
                (text.into(self._language), f"{n:,}", ((n, "one" if age in names else "two"),))
                for age, text in (names | _STATES).items()
                if (n := counts.get(age, 0)) or age in names
            ]
        )

    def lists(self) -> Iterator[dict[str, Any]]:
        """Yield each list with its columns; ``people`` is an iterator over its newest accounts."""
        for name, columns in _COLUMNS.items():
            if name not in self._readings:
                continue
            [[known]] = self._archive.rows(f"SELECT count(*) FROM {name}")
            limited = self._text("limited", f"{PEOPLE:,}") if known > PEOPLE else ""
            titles = [self._text("name"), *(self._text(title) for _, title, _ in columns)]
            yield {
                "name": self._label(labels.LISTS, name),
                "count": known,
                "remarks": [line for line in (self._incomplete(name), limited) if line],
                "columns": titles,
                "people": self._people(name),
            }

    def _people(self, name: str) -> Iterator[dict[str, Any]]:
        sql = f"""SELECT v.* FROM {name} AS v WHERE v.mid IN (
            SELECT i.mid FROM item AS i WHERE i.list = :list AND i.until IS NULL
            ORDER BY i.since DESC, i.tie DESC LIMIT :limit)
        ORDER BY v.since DESC, v.tie DESC"""
        columns = [(key, kind, self._text(title)) for key, title, kind in _COLUMNS[name]]
        for row in self._archive.db.execute(sql, {"list": name, "limit": PEOPLE}):
            called = row["name"] or str(row["mid"])
            picture = str(dict(row).get("face") or "") if self._faces else ""
            if picture.startswith("http://"):
                picture = picture.replace("http://", "https://", 1)
            yield {
                "mid": row["mid"],
                "name": called,
                "letter": called.strip()[:1].upper(),
                "face": picture if picture.startswith("https://") else "",
                "note": row["note"],
                "cells": [self._cell(row[key], kind, title) for key, kind, title in columns],
            }

    def _cell(self, value: Any, kind: str, title: str) -> dict[str, Any]:
        """Return a cell: its text, and its sort key if that differs from the text."""
        shown = "" if value is None else str(value)
        key: str | int | None = None
        if kind == "flag":
            shown, key = ("✓", 0) if value else ("", 1)
        elif kind == "date":
            shown, key = shown[:10], shown
        elif kind == "state":
            shown = "" if value in (None, "active", "unknown") else self._label(_STATES, value)
        return {"kind": kind, "title": title, "text": shown, "key": key}


#: A row with bars: its name, the text of its value, and each bar's length and colour.
_Row = tuple[str, str, tuple[tuple[int, str], ...]]


def _bars(rows: list[_Row]) -> list[dict[str, Any]]:
    """Return rows for the template; the longest of all bars has 100 percent."""
    longest = max((length for *_, bars in rows for length, _ in bars), default=0) or 1
    return [
        {
            "name": name,
            "value": value,
            "bars": [{"part": round(100 * n / longest, 1), "kind": kind} for n, kind in bars],
        }
        for name, value, bars in rows
    ]
