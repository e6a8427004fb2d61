"""What becomes of the lines of a file: counts, and why a line is refused, in words."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from guanxi.files.coding import LONGEST_LINE
from guanxi.stores.lines import CONTRADICTION, MAX_FINER, OTHER_TIME
from guanxi.stores.port import StoreError
from guanxi.text import Text

#: Which of several lines of one pair, or of one account, is kept; or that the later is refused.
OnConflict = Literal["newest", "oldest", "refuse"]

#: How many refused lines an error shows, and how much of a value.
SHOWN, _MAX_ECHO = 20, 60

_MID = Text(
    "{0}：{1} 不是 1 至 2^63 - 1 的账号", "{0}: {1} is not an account id from 1 to 2^63 - 1"
)
_WHOLE = re.compile("-?[0-9]+…?")
#: By the name of the fault, which for a value is that of its column. {0} is that name and {1} the
#: value.
_TEXTS = {
    "encoding": Text(
        "不是 UTF-8，请先转码（如 iconv -f GB18030 -t UTF-8）",
        "not UTF-8: convert the file first, as by iconv -f GB18030 -t UTF-8",
    ),
    "long": Text(f"超过 {LONGEST_LINE:,} 字节", f"longer than {LONGEST_LINE:,} bytes"),
    "quotes": Text("不是 CSV：引号不成对或位置不对", "not CSV: a quote is left open or misplaced"),
    "width": Text("字段数与标题行不同：{1}", "the number of fields differs from the header: {1}"),
    "json": Text("不是一个 JSON 对象", "not a JSON object"),
    "follower": _MID,
    "followed": _MID,
    "mid": _MID,
    "self": Text(
        "账号 {1} 不能关注、悄悄关注或拉黑自己，也不能向自己请求关注",
        "account {1} cannot follow, whisper to, block or send a request to itself",
    ),
    "time": Text(
        "time：{1} 不是时间（1970 年以来的秒、毫秒、微秒，或 ISO 8601）",
        "time: {1} is not a time (seconds, milliseconds or microseconds since 1970, or ISO 8601)",
    ),
    "future": Text("time：{1} 晚于现在", "time: {1} is later than now"),
    **{
        f"future {en}": Text(
            f"time：{{1}} 晚于现在（按{zh}读取）", f"time: {{1}} is later than now (read as {en})"
        )
        for zh, en in (("秒", "seconds"), ("毫秒", "milliseconds"), ("微秒", "microseconds"))
    },
    "kind": Text(
        "kind：{1} 不是 follow、whisper、block 或 request",
        "kind: {1} is not follow, whisper, block or request",
    ),
    "special": Text(
        "special：{1} 不是 true、false、1 或 0", "special: {1} is not true, false, 1 or 0"
    ),
    "groups": Text("groups：{1} 不是有效的分组名", "groups: {1} is not a valid group name"),
    "contract": Text(
        'contract：{1} 不是 {{"ts": 秒, "user_attr": 数}}',
        'contract: {1} is not {{"ts": seconds, "user_attr": number}}',
    ),
    "visits": Text("visits：{1} 不是次数", "visits: {1} is not a count"),
    "finer": Text(
        f"finer：{{1}} 不是 0 至 {MAX_FINER} 的整数",
        f"finer: {{1}} is not a whole number from 0 to {MAX_FINER}",
    ),
    "extras": Text(
        "只有关注可以是特别关注、有分组、契约或访问次数",
        "only a follow can be special, in groups, under contract or visited",
    ),
    "name in use": Text(
        "name：昵称 {1} 已被占用（--restore 接受导出中的重名）",
        "name: another account has the name {1} (--restore accepts the shared names of an export)",
    ),
    "key in use": Text("key：键 {1} 已属于另一账号", "key: another account has the key {1}"),
    "contradiction": CONTRADICTION,
    "other time": OTHER_TIME,
    "deregistered": Text(
        "账号 {1} 已注销，不能恢复", "account {1} is deregistered, which is final"
    ),
    "erased": Text(
        "账号 {1} 已被抹除，此 mid 不再使用",
        "account {1} was erased, and its mid is not used again",
    ),
}


class Counts(Struct, frozen=True, kw_only=True):
    """What became of the lines of files; ``read`` is the sum of the others."""

    #: Lines with data: no header, comments or blank lines.
    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    #: Equal to an earlier line.
    repeated: int = 0
    #: Lost against another line or, for edges, against a relation in the store.
    conflicting: int = 0
    refused: int = 0

    @property
    def described(self) -> str:
        """Return the counts other than 0 in one line, as the audit log has them."""
        counts = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return ", ".join(f"{name} {count}" for name, count in counts if count)


class Refused(Struct, frozen=True):
    """A refused line: its file, its number from 1 (in Parquet, of the row), why, and its text.

    ``text`` is "" where the line has none that can be shown.
    """

    file: Path
    line: int
    reason: Text
    text: str = ""


def reason(fault: str, value: str | None, texts: Mapping[str, Text] = _TEXTS) -> Text:
    """Return why a line is refused.

    ``fault`` is a key of ``texts``. ``value`` is the value that is wrong, or None for a missing
    one.
    """
    shown = Text("空值", "an empty value") if value is None else Text.of(echo(value))
    words = texts[fault]
    return Text(words.zh.format(fault, shown.zh), words.en.format(fault, shown.en))


def echo(value: str) -> str:
    """Return a value of a file for a message: a number as it is, a text in quotes, neither long."""
    if len(value) > _MAX_ECHO:
        value = value[: _MAX_ECHO - 1] + "…"
    return value if _WHOLE.fullmatch(value) else repr(value)


def shared_name(name: str, line: int, file: Path | None) -> Text:
    """Return that an earlier line has the same name; ``file`` is None if both are of one file."""
    of = Text("", "") if file is None else Text(f"{file} ", f" of {file}")
    restore = Text(
        "（--restore 接受导出中的重名）", " (--restore accepts the shared names of an export)"
    )
    return Text(
        f"name：{of.zh}第 {line} 行也有昵称 {echo(name)}{restore.zh}",
        f"name: line {line}{of.en} has the name {echo(name)} too{restore.en}",
    )


def shared_key(key: str, line: int, file: Path | None) -> Text:
    """Return that an earlier line has the same key, as ``shared_name`` does."""
    of = Text("", "") if file is None else Text(f"{file} ", f" of {file}")
    return Text(
        f"key：{of.zh}第 {line} 行也有键 {echo(key)}",
        f"key: line {line}{of.en} has the key {echo(key)} too",
    )


def contradiction(line: int, file: Path | None) -> Text:
    """Return that a line contradicts another one; ``file`` is None if both are of one file."""
    if file is None:
        return Text(f"与第 {line} 行矛盾", f"contradicts line {line}")
    return Text(f"与 {file} 第 {line} 行矛盾", f"contradicts line {line} of {file}")


def unknown_accounts(mids: Sequence[str]) -> Text:
    """Return that one or two accounts do not exist."""
    if len(mids) == 1:
        return Text(f"没有账号 {mids[0]}", f"there is no account {mids[0]}")
    return Text(f"没有账号 {', '.join(mids)}", f"accounts {' and '.join(mids)} do not exist")


class RefusedLines(StoreError):
    """Lines of a file are refused, so nothing was written.

    ``first`` has the first of them, in the order of the file; ``count`` is the number of all.
    """

    def __init__(self, first: list[Refused], count: int, *, several_files: bool) -> None:
        self.first, self.count = first, count
        rows = [_shown(row, several_files=several_files) for row in first]
        if count > len(first):
            more = count - len(first)
            rows.append(Text(f"……另有 {more} 行", f"… and {more} more"))
        lines = "1 line is" if count == 1 else f"{count} lines are"
        rows.append(
            Text(
                f"拒绝了 {count} 行，因此没有写入任何内容；--skip-bad 可跳过它们",
                f"{lines} refused, so nothing was written; --skip-bad skips such lines",
            )
        )
        super().__init__(Text("\n".join(row.zh for row in rows), "\n".join(row.en for row in rows)))


def _shown(row: Refused, *, several_files: bool) -> Text:
    file = f"{row.file}: " if several_files else ""
    return Text(
        f"{file}第 {row.line} 行：{row.reason.zh}", f"{file}line {row.line}: {row.reason.en}"
    )


def write_refused(path: Path, rows: Iterable[tuple[Refused, str]]) -> None:
    """Write refused lines, each with its reason in one language, to a CSV file.

    Its columns are file, line, reason and text. Raise OSError if it cannot be written.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "line", "reason", "text"])
        for row, words in rows:
            writer.writerow([row.file, row.line, words, row.text])
