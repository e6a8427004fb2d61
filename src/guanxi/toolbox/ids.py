"""Lists of accounts in files of other programs: ids, with or without names.

These are read: lines ``id``, ``id,name`` or ``id<TAB>name``; CSV, with commas or tabs, whose header
names a column ``mid``, ``uid``, ``fid`` or ``id``; JSON Lines and a JSON array, of ids or of
objects with one of these keys. All of it is UTF-8, with or without a byte order mark.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TextIO

import msgspec

from guanxi.toolbox.errors import SelectionError

_IDS = ("mid", "uid", "fid", "id")
_NAMES = ("name", "uname")
_LARGEST = 2**63 - 1
#: How much of a bad line a message shows, in characters.
_SHOWN = 60


class Listed(NamedTuple):
    """An account of a file: its position, counted from 1, and its name if the file has one."""

    position: int
    mid: int
    name: str = ""


def read_ids(path: Path | str) -> Iterator[Listed]:
    """Yield the accounts of a file in its order; ``-`` is standard input. Empty lines are skipped.

    Raise SelectionError, with the line's number and content, for a line without an id, and
    OSError if the file cannot be read. A JSON array is read as a whole, all else line by line.
    """
    for found in checked_ids(path):
        if isinstance(found, SelectionError):
            raise found
        yield found


def checked_ids(path: Path | str) -> Iterator[Listed | SelectionError]:
    """Yield the accounts of a file as ``read_ids``, and the error of each line without an id.

    Raise SelectionError for what is no such file at all, and as ``read_ids``.
    """
    with _opened(path) as file:
        lines = enumerate(file, 1)
        try:
            yield from _read(str(path), lines)
        except UnicodeDecodeError:
            raise not_utf8(path) from None


def not_utf8(path: Path | str) -> SelectionError:
    """Return the error for a file in another encoding."""
    return SelectionError(
        f"{path} 不是 UTF-8 文本：请另存为 UTF-8",
        f"{path} is not UTF-8 text: save it as UTF-8",
    )


@contextmanager
def _opened(path: Path | str) -> Iterator[TextIO]:
    if str(path) != "-":
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            yield file
        return
    standard = TextIOWrapper(sys.stdin.buffer, encoding="utf-8-sig", newline="")
    try:
        yield standard
    finally:
        standard.detach()  # so that it is not closed


def _read(path: str, lines: Iterator[tuple[int, str]]) -> Iterator[Listed | SelectionError]:
    first = next(((number, line) for number, line in lines if line.strip()), None)
    if first is None:
        return
    number, line = first
    every = chain([first], lines)
    if line.lstrip().startswith("["):
        text = "".join(line for _, line in every)
        yield from _of_json(path, ((n, one) for n, one in enumerate(_array(path, text), 1)))
    elif line.lstrip().startswith("{"):
        yield from _of_json(path, _objects(path, every))
    elif _id_of(line.replace("\t", ",").partition(",")[0]):
        yield from _of_lines(path, every)
    else:
        yield from _of_table(path, number, line, lines)


def _of_lines(path: str, lines: Iterable[tuple[int, str]]) -> Iterator[Listed | SelectionError]:
    for number, line in lines:
        if not line.strip():
            continue
        at = min(line.find(sign) if sign in line else len(line) for sign in ",\t")
        yield _listed(path, number, line, line[:at], line[at + 1 :].strip().strip('"'))


def _of_table(
    path: str, number: int, header: str, lines: Iterator[tuple[int, str]]
) -> Iterator[Listed | SelectionError]:
    sign = "\t" if "\t" in header else ","
    try:
        names = [name.strip().lower() for name in next(csv.reader([header], delimiter=sign))]
        key = next((names.index(one) for one in _IDS if one in names), None)
        if key is None:
            raise _bad(path, number, header)
        title = next((names.index(one) for one in _NAMES if one in names), None)
        rows = csv.reader((line for _, line in lines), delimiter=sign)
        for row in rows:
            if not any(row):
                continue
            cells = dict(enumerate(row))
            name = "" if title is None else cells.get(title, "")
            yield _listed(path, number + rows.line_num, sign.join(row), cells.get(key, ""), name)
    except csv.Error as error:
        raise _bad(path, number, str(error)) from None


def _array(path: str, text: str) -> list[object]:
    try:
        return msgspec.json.decode(text, type=list[object])
    except (msgspec.DecodeError, RecursionError) as error:
        raise SelectionError(
            f"{path} 不是有效的 JSON：{error}", f"{path} is not valid JSON: {error}"
        ) from None


def _objects(path: str, lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, object]]:
    for number, line in lines:
        if line.strip():
            try:
                yield number, msgspec.json.decode(line)
            except (msgspec.DecodeError, RecursionError):
                yield number, _bad(path, number, line)


def _of_json(path: str, values: Iterable[tuple[int, object]]) -> Iterator[Listed | SelectionError]:
    for number, value in values:
        if isinstance(value, SelectionError):
            yield value
            continue
        named = value if isinstance(value, dict) else {"mid": value}
        if "guanxi_plan" in named:  # its ``mid`` is the account that the plan is for
            raise SelectionError(
                f"{path} 是计划文件，不是名单", f"{path} is a plan, not a list of accounts"
            )
        mid = next((named[key] for key in _IDS if key in named), "")
        name = next((named[key] for key in _NAMES if key in named), "")
        yield _listed(path, number, str(value), str(mid), str(name or ""))


def _listed(path: str, number: int, line: str, mid: str, name: str) -> Listed | SelectionError:
    found = _id_of(mid)
    if found is None:
        return _bad(path, number, line)
    return Listed(number, found, name)


def _id_of(text: str) -> int | None:
    """Return the id that a cell has, None if it has none."""
    digits = text.strip().strip('"')
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        return None
    number = int(digits)
    return number if 1 <= number <= _LARGEST else None


def _bad(path: str, number: int, line: str) -> SelectionError:
    shown = line.strip()[:_SHOWN]
    return SelectionError(
        f"{path} 第 {number} 行没有 id：{shown}",
        f"{path}, line {number}: no id in {shown!r}",
    )
