"""What the verbs of a graph accept: each function returns a valid argument, or raises.

An invalid argument is an ``ArgsException``, one of another type a ``MistypedArgsException``; the
sentence names the argument and what it may be.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from datetime import datetime
from os import PathLike, fspath
from typing import TypeVar

from guanxi.contract.errors import ArgsException, MistypedArgsException
from guanxi.contract.params import LATEST
from guanxi.graph.lists import Position, decode_cursor
from guanxi.stores.port.feed import LONGEST_WAIT
from guanxi.text import Text

T = TypeVar("T", bound=Hashable)

_LARGEST = 2**63 - 1
#: The most items of a page, and the most accounts or keys of a read.
MOST = 1_000


def checked_address(address: object) -> str:
    """Return the path of a file, or the address of a server, as a text."""
    if not isinstance(address, str | PathLike) or not isinstance(text := fspath(address), str):
        raise _mistyped("address", address, "路径或 postgresql://…", "a path or postgresql://…")
    return text


def checked_mid(name: str, value: object) -> int:
    """Return a mid."""
    number = _integer(name, value)
    if not 1 <= number <= _LARGEST:
        raise ArgsException(
            Text(
                f"{name}：须为 1 至 2^63 - 1",
                f"{name}: must be from 1 to 2^63 - 1, not {_cut(number)}",
            )
        )
    return number


def checked_mids(name: str, values: object, most: int | None = None) -> list[int]:
    """Return mids without repetitions, at most ``most``; None for any number of them."""
    return _each(name, values, checked_mid, most)


def checked_group(name: str, value: object) -> int:
    """Return the id of a group, which need not exist; -10 and 0 are the special and the default."""
    number = _integer(name, value)
    if not -_LARGEST <= number <= _LARGEST:
        raise ArgsException(
            Text(f"{name}：不是分组的 id", f"{name}: {_cut(number)} is no id of a group")
        )
    return number


def checked_groups(name: str, values: object) -> list[int]:
    """Return ids of groups without repetitions."""
    return _each(name, values, checked_group, None)


def checked_keys(name: str, values: object) -> list[str]:
    """Return up to ``MOST`` texts without repetitions; they need not be keys of accounts."""
    return _each(name, values, checked_text, MOST)


def checked_limit(limit: object) -> int:
    """Return the number of items of a page."""
    number = _integer("limit", limit)
    if not 1 <= number <= MOST:
        en = f"limit: must be from 1 to {MOST:,}, not {_cut(number)}"
        raise ArgsException(Text(f"limit：须为 1 至 {MOST}", en))
    return number


def checked_wait(wait: object) -> float:
    """Return a number of seconds to wait."""
    if isinstance(wait, bool) or not isinstance(wait, int | float):
        raise _mistyped("wait", wait, "秒数", "a number of seconds")
    if not 0 <= wait <= LONGEST_WAIT:
        en = f"wait: must be from 0 to {LONGEST_WAIT:.0f} seconds"
        raise ArgsException(Text(f"wait：须为 0 至 {LONGEST_WAIT:.0f} 秒", en))
    return float(wait)


def checked_feed_cursor(after: object) -> str | None:
    """Return a cursor of the feed of changes, which the store decodes."""
    if after is not None and not isinstance(after, str):
        raise _mistyped("after", after, "游标", "a cursor")
    return after


def checked_cursor(cursor: object) -> Position | None:
    """Return the position of a page's cursor; None for None, the start of a list."""
    if cursor is None:
        return None
    if isinstance(cursor, str) and cursor:
        try:
            return decode_cursor(cursor)
        except ValueError:
            pass
    raise ArgsException(
        Text(
            "cursor：须为前一页的 cursor，首页用 None",
            "cursor: must be that of the page before, or None for the first page",
        )
    )


def checked_text(name: str, value: object, most: int | None = None) -> str:
    """Return a text that every store can keep, of up to ``most`` characters."""
    if not isinstance(value, str):
        raise _mistyped(name, value, "文本", "a text")
    if most is not None and len(value) > most:
        en = f"{name}: must have up to {most:,} characters, not {len(value):,}"
        raise ArgsException(Text(f"{name}：至多 {most} 个字符", en))
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value):
        raise ArgsException(
            Text(
                f"{name}：不能含 U+0000 或单独的代理码位",
                f"{name}: must not contain U+0000 or a lone surrogate",
            )
        )
    return value


def checked_flag(name: str, value: object) -> bool:
    """Return a switch."""
    if not isinstance(value, bool):
        raise _mistyped(name, value, "True 或 False", "True or False")
    return value


def checked_end(until: object, now: int) -> int | None:
    """Return a time after ``now`` in seconds since the Unix epoch; None for None."""
    if until is None:
        return None
    if not isinstance(until, datetime):
        raise _mistyped("until", until, "带时区的 datetime", "a datetime with its zone")
    end = int(until.timestamp()) if until.utcoffset() is not None else 0
    if not now < end <= LATEST:
        raise ArgsException(
            Text(
                "until：须为将来的时间，并带有时区",
                "until: must be a time in the future, with its zone",
            )
        )
    return end


def _each(
    name: str, values: object, checked: Callable[[str, object], T], most: int | None
) -> list[T]:
    """Return the valid values without repetitions, in their order."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise _mistyped(name, values, "列表", "a list")
    found: dict[T, None] = {}
    for value in values:
        found[checked(name, value)] = None
        if most is not None and len(found) > most:
            raise ArgsException(
                Text(f"{name}：一次至多 {most} 个", f"{name}: give up to {most:,} at a time")
            )
    return list(found)


def _integer(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _mistyped(name, value, "整数", "an integer")
    return value


def _mistyped(name: str, value: object, zh: str, en: str) -> MistypedArgsException:
    kind = type(value).__name__
    return MistypedArgsException(
        Text(f"{name}：须为{zh}，不是 {kind}", f"{name}: must be {en}, not {kind}")
    )


def _cut(number: int) -> str:
    """Return a number as text, shortened; Python refuses to print the longest."""
    return str(number) if abs(number) < 2**64 else "a number of more than 64 bits"
