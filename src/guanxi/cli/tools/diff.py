"""``guanxi diff``: what changed between two snapshots."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import StrEnum
from itertools import chain, islice
from pathlib import Path
from typing import Annotated

import typer

from guanxi.cli.help import argument, in_chinese, option
from guanxi.cli.language import shown, text
from guanxi.cli.terminal import escaped, json_of, say
from guanxi.cli.tools.archives import (
    AccountOption,
    ArchiveOption,
    CsvOption,
    JsonOption,
    opened,
    print_rows,
    table,
)
from guanxi.cli.tools.login import DEFAULT_NAME, BaseUrl
from guanxi.toolbox import exchange, labels, transfer
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.difference import CATEGORIES, Change, Difference, difference
from guanxi.toolbox.planning import newest
from guanxi.toolbox.selection import require_complete
from guanxi.toolbox.sheets import write_csv


class List(StrEnum):
    """The lists of ``CATEGORIES``, as values of ``--list``."""

    FOLLOWINGS = "followings"
    FOLLOWERS = "followers"
    BLOCKS = "blocks"
    WHISPERS = "whispers"
    GROUPS = "groups"


#: How many names of a category are shown to people.
_NAMES = 20


@in_chinese("""比较两个快照。

    显示谁来了、谁离开、谁不再关注你，以及昵称、分组与状态的变化。
    默认比较最近两个快照。

    只有两次都读全的列表才说谁离开了；无法得知的单独列出，并说明原因。""")
def diff(
    a: Annotated[
        int | None,
        argument(
            "较早的快照。默认为 B 之前的一个。", "The earlier one. Default: the one before B."
        ),
    ] = None,
    b: Annotated[
        int | None,
        argument("较晚的快照。默认为最新。", "The later one. Default: the newest."),
    ] = None,
    only: Annotated[
        list[List] | None,
        option("只比较此列表，可重复。", "Only this list. May be repeated.", "--list"),
    ] = None,
    other: Annotated[
        Path | None,
        option(
            "改为列出此档案与前者相比缺少的：另一个账号的档案。",
            "Show instead what this archive, of another account, lacks of the first one.",
            metavar="FILE",
        ),
    ] = None,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
    archive: ArchiveOption = None,
    account: AccountOption = DEFAULT_NAME,
    base_url: BaseUrl = None,
) -> None:
    """Compare two snapshots.

    Shows who came, who left, who stopped following you, and what names, groups and states changed.
    Without numbers these are the last two snapshots.

    Only a list that both snapshots read completely says who left. What cannot be known is listed
    on its own, with the reason.
    """
    if as_json and as_csv:
        raise typer.BadParameter(
            text("--json 与 --csv 不能同用", "--json and --csv: leave out one")
        )
    if other is not None:
        if a is not None or only:
            raise typer.BadParameter(
                text(
                    "--other 比较最新快照的全部列表", "--other compares the newest snapshots whole"
                )
            )
        with opened(archive, base_url, account) as first, Archive.open(other) as second:
            for one in (first, second):
                require_complete(one, newest(one), "followings", "groups", "blocks")
            _print_lacks(first, second, as_json=as_json, as_csv=as_csv)
        return
    with opened(archive, base_url, account) as opened_archive:
        found = difference(opened_archive, a, b, lists=only or None)
        if as_json:
            print_json(found)
        elif as_csv:
            headers = ["list", "change", "mid", "name", "before", "after", "reason"]
            write_csv(sys.stdout, headers, _sheet(found))
        else:
            print_difference(found)


def _print_lacks(first: Archive, second: Archive, *, as_json: bool, as_csv: bool) -> None:
    """Print what the newest snapshot of ``second`` lacks of that of ``first``."""
    headers = ["list", "mid", "name", "what"]
    found = transfer.differences(second, exchange.lines(first), blocks=True)
    rows = ((one.list, one.mid, one.name, one.what) for one in found)
    if as_csv or as_json:
        print_rows(headers, rows, as_json=as_json, as_csv=as_csv)
        return
    first_row = next(rows, None)
    if first_row is None:
        say(
            text(
                f"{second.identity} 具有 {first.identity} 的全部关注、分组与黑名单",
                f"{second.identity} has all followings, groups and blocks of {first.identity}",
            )
        )
        return
    table(
        [text("列表", "list"), "mid", text("昵称", "name"), text("不同", "what")],
        (
            (shown(labels.label(labels.LISTS, name)), mid, who, shown(labels.LACKS[what]))
            for name, mid, who, what in chain([first_row], rows)
        ),
    )


def print_json(found: Difference) -> None:
    """Print a difference as one JSON object, part by part."""
    for part in found.json(json_of):
        sys.stdout.write(part)
    say("")


def print_difference(found: Difference) -> None:
    """Print a difference for people: the counts, then the first names of each category."""
    old, new = (found.snapshot(number) for number in (found.before, found.after))
    say(
        text(
            f"快照 {old['id']}（{old['begun']}）→ {new['id']}（{new['begun']}），UTC",
            f"snapshot {old['id']} ({old['begun']}) to {new['id']} ({new['begun']}), UTC",
        )
    )
    counts = found.counts()
    say("")
    headers = text("列表 之前 现在 变化 数量", "list before now change count").split()
    table(headers, _counted(found, counts))
    for line in _doubts(found):
        say(line)
    if not any(any(each.values()) for each in counts.values()):
        say("")
        say(text("没有变化。", "Nothing changed."))
    for name, each in counts.items():
        for category, count in each.items():
            if count:
                _print_category(found, name, category, count)


def _counted(found: Difference, counts: dict[str, dict[str, int]]) -> Iterator[tuple[object, ...]]:
    """Yield a row for each category with changes; the first of a list has its totals."""
    for name, readings in found.readings.items():
        totals = (one.shown if one.total is None else one.total for one in readings)
        start: tuple[object, ...] = (shown(labels.LISTS[name]), *totals)
        for category, count in counts[name].items():
            if count:
                yield *start, shown(labels.CATEGORIES[category]), count
                start = ("", None, None)
        if not any(counts[name].values()):
            yield *start, None, None


def _doubts(found: Difference) -> Iterator[str]:
    """Yield a line for each list that does not say who left."""
    for name, readings in found.readings.items():
        for number, reading in zip((found.before, found.after), readings, strict=True):
            if reading.complete:
                continue
            why = shown(labels.label(labels.REASONS, reading.reason))
            of = (
                text("总数未知", "an unknown total")
                if reading.total is None
                else f"{reading.total:,}"
            )
            listed = shown(labels.LISTS[name])
            yield text(
                f"{listed}：快照 {number} 只有 {of} 中的 {reading.shown:,}（{why}）",
                f"{listed}: snapshot {number} has {reading.shown:,} of {of} ({why})",
            )
    for name in found.not_read:
        listed = shown(labels.LISTS[name])
        yield text(f"{listed}：未读取，无法比较", f"{listed}: not read by both, so not compared")


def _print_category(found: Difference, name: str, category: str, count: int) -> None:
    say("")
    listed, changed = shown(labels.LISTS[name]), shown(labels.CATEGORIES[category])
    say(text(f"{listed}：{changed}（{count:,}）", f"{listed}: {changed} ({count:,})"))
    rows = islice(found.changes(name, category), _NAMES)
    table(["", "mid", text("名称", "name"), ""], map(_row, rows))
    if count > _NAMES:
        rest = f"{count - _NAMES:,}"
        say(text(f"  ……另有 {rest} 个，见 --csv", f"  … and {rest} more, see --csv"))


def _row(change: Change) -> tuple[str, str, str, str]:
    return "", str(change.mid or change.id), change.name, _detail(change)


def _detail(change: Change) -> str:
    if change.reason is not None:
        return shown(labels.label(labels.REASONS, change.reason))
    if change.after is not None:
        return f"{_joined(change.before)} → {_joined(change.after)}"
    return text("原名 ", "was ") + _joined(change.before) if change.before else ""


def _joined(value: str | list[str] | None) -> str:
    return (", ".join(value) or "-") if isinstance(value, list) else value or ""


def _sheet(found: Difference) -> Iterator[tuple[object, ...]]:
    for name in found.readings:
        for category in CATEGORIES[name]:
            for one in found.changes(name, category):
                number = one.mid or one.id
                values = (one.name, _joined(one.before), _joined(one.after), one.reason)
                yield (name, category, number, *(escaped(value or "") for value in values))
