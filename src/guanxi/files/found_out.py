"""What was found out about the files of an import: the columns, the times, what is doubtful."""

from __future__ import annotations

from collections.abc import Sequence

from guanxi.files.accounts import Accounts
from guanxi.files.edges import UNITS, Edges
from guanxi.files.table import Part
from guanxi.text import Text

#: What became of lines, by the fields of ``Counts``.
COUNTS = {
    "read": Text("读取", "read"),
    "new": Text("新增", "new"),
    "changed": Text("更新", "changed"),
    "unchanged": Text("未变", "unchanged"),
    "repeated": Text("重复", "repeated"),
    "conflicting": Text("矛盾", "in conflict"),
    "refused": Text("拒绝", "refused"),
}
_TIMES = {
    "none": Text(
        "没有，按文件的顺序，最后一行为现在", "none, so in the file's order, the last now"
    ),
    "seconds": Text("秒", "seconds"),
    "milliseconds": Text("毫秒", "milliseconds"),
    "microseconds": Text("微秒", "microseconds"),
    "iso": Text("ISO 8601", "ISO 8601"),
    "iso without zone": Text("ISO 8601 无时区，视为 UTC", "ISO 8601 without zone, as UTC"),
}


#: By the form that times may have instead; {0} is how many, {1} one of them.
_DOUBTS = {
    "date": Text(
        "{0:,} 个时间如 {1} 按 1970 年以来的秒读取。若是日期（年月日），"
        "请用 --sql：strptime(time, '%Y%m%d') AS time",
        "{0:,} times such as {1} were read as seconds since 1970. If they are dates (YYYYMMDD), use"
        " --sql with strptime(time, '%Y%m%d') AS time",
    ),
    "minute": Text(
        "{0:,} 个时间如 {1} 按 1970 年以来的毫秒读取。若是年月日时分，"
        "请用 --sql：strptime(time, '%Y%m%d%H%M') AS time",
        "{0:,} times such as {1} were read as milliseconds since 1970. If they are YYYYMMDDhhmm,"
        " use --sql with strptime(time, '%Y%m%d%H%M') AS time",
    ),
    "day": Text(
        "{0:,} 个时间如 {1} 按 1970 年以来的秒读取。若是 Excel 的日期序号，"
        "请用 --sql：DATE '1899-12-30' + time::INTEGER AS time",
        "{0:,} times such as {1} were read as seconds since 1970. If they are days as Excel numbers"
        " them, use --sql with DATE '1899-12-30' + time::INTEGER AS time",
    ),
}


def of_edges(edges: Edges, odd_groups: Sequence[str]) -> list[Text]:
    """Return what was found out about files of edges, a sentence each.

    ``odd_groups`` are names in which another separator may be missing (``missing_groups``).
    """
    found = edges.found
    notes = _headerless(edges.parts)
    kinds = [unit for unit in UNITS if unit in found.times]
    if kinds:
        zh, en = (
            ", ".join(f"{name} ({found.times[unit]:,})" for unit, name in names)
            for names in (
                [(unit, _TIMES[unit].zh) for unit in kinds],
                [(unit, _TIMES[unit].en) for unit in kinds],
            )
        )
        notes.append(Text(f"时间：{zh}", f"times: {en}"))
    for form, (count, example) in found.doubtful.items():
        words = _DOUBTS[form]
        notes.append(Text(words.zh.format(count, example), words.en.format(count, example)))
    notes += [*_ignored(edges.parts), *_no_values(found.no_values)]
    if odd_groups:
        names = ", ".join(dict.fromkeys(odd_groups))
        notes.append(
            Text(
                f"分组名里有分隔符吗？{names}。若是，请用 --group-separator",
                f"is there a separator in these group names? {names}. If so, use --group-separator",
            )
        )
    elif found.group_separator != "|":
        notes.append(
            Text(
                f"分组名之间是 {found.group_separator}",
                f"groups are separated by {found.group_separator}",
            )
        )
    return notes


def of_accounts(accounts: Accounts) -> list[Text]:
    """Return what was found out about files of accounts, a sentence each."""
    no_values = [] if accounts.is_exact else accounts.no_values()
    return [*_ignored(accounts.parts), *_no_values(no_values)]


def _headerless(parts: Sequence[Part]) -> list[Text]:
    """Return which columns were read of the files without a header, once for each order."""
    orders = dict.fromkeys(
        (", ".join(part.columns.values()), ", ".join(part.columns))
        for part in parts
        if not part.has_header
    )
    return [
        Text(
            f"没有标题行：第 {numbers} 列是 {names}",
            f"no header: the columns {numbers} are {names}",
        )
        for numbers, names in orders
    ]


def _ignored(parts: Sequence[Part]) -> list[Text]:
    names = dict.fromkeys(name for part in parts for name in part.ignored)
    if not names:
        return []
    zh, en = (
        ", ".join(name or nameless for name in names) for nameless in ("（无名）", "(no name)")
    )
    return [Text(f"忽略的列：{zh}", f"columns ignored: {en}")]


def _no_values(names: Sequence[str]) -> list[Text]:
    if not names:
        return []
    return [
        Text(
            f"这些文字按原样写入：{', '.join(names)}。若表示没有值，请留空",
            f"written as texts: {', '.join(names)}. If they mean no value, leave the cell empty",
        )
    ]
