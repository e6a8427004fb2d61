"""Files that a person uploads: kept with the account's plans, previewed, and made a plan of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from msgspec import Struct, structs

from guanxi.manage import plans
from guanxi.manage.plans import Kept
from guanxi.text import Text
from guanxi.toolbox import exchange, notes, transfer
from guanxi.toolbox.archive import Archive, plans_folder
from guanxi.toolbox.errors import PlanError, SelectionError
from guanxi.toolbox.exchange import Line
from guanxi.toolbox.ids import checked_ids
from guanxi.toolbox.selection import Words
from guanxi.web import uploads

#: The most bytes of a file, and how many files are kept.
MOST, _KEPT = 32 << 20, 5
_SHOWN, _BAD = 20, 50


class Preview(Struct):
    """What a file has: how many accounts of each list, the first of them, and what is unreadable.

    ``bad`` has the number and the reason of the first 50 such lines; ``unreadable`` counts all.
    """

    lists: Counter[str]
    rows: list[Line]
    groups: Counter[str]
    bad: list[Text]
    unreadable: int = 0
    notes: int = 0
    #: Whether ``guanxi export`` wrote it, and not another program.
    is_export: bool = False


@contextmanager
def keeping(archive: Archive) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the name of a new upload, and the file to write, of mode 0600; only some are kept."""
    folder = plans_folder(archive.path)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with uploads.keeping(folder, _KEPT) as upload:
        yield upload


def preview(archive: Archive, name: str) -> Preview:
    """Return what an upload has. Raise PlanError without it, SelectionError if it is not text."""
    path = _path(archive, name)
    found = Preview(Counter(), [], Counter(), [], is_export=exchange.is_export(path))
    for line in _readable(path):
        if isinstance(line, Line):
            found.lists[line.list] += 1
            found.groups.update(line.groups)
            found.notes += bool(line.note or line.keep is not None)
            if len(found.rows) < _SHOWN:
                found.rows.append(line)
        else:
            found.unreadable += 1
            if len(found.bad) < _BAD:
                found.bad.append(line)
    return found


def make(
    archive: Archive, name: str, now: int, words: Words, *, to: str, blocks: bool, marks: bool
) -> Kept:
    """Make the plan of an upload's readable lines, and write its notes and marks if ``marks``.

    ``to`` is a group for all of them, "" for none. Raise as ``transfer.plan_transfer``.
    """
    path = _path(archive, name)
    extra = (to,) if to else ()

    def wanted() -> Iterator[Line]:
        for line in _readable(path):
            if isinstance(line, Line):
                yield structs.replace(line, groups=(*line.groups, *extra))

    out = plans.new_path(archive, "import", now)
    made = transfer.plan_transfer(
        archive, out, wanted(), now, command="import", blocks=blocks, words=words
    )
    if marks:
        notes.restore(archive, wanted(), now)
    return plans.kept_of(archive, made)


def _readable(path: Path) -> Iterator[Line | Text]:
    """Yield what ``_lines`` yields. Raise SelectionError without the path."""
    try:
        yield from _lines(path)
    except SelectionError as error:
        text = _without(path, error)
        raise SelectionError(f"文件{text.zh}", f"the file {text.en}") from None


def _lines(path: Path) -> Iterator[Line | Text]:
    """Yield the lines of a file of any kind; of an unreadable one the number and the reason."""
    if exchange.is_export(path):
        for number, line in exchange.checked(path):
            if isinstance(line, Line):
                yield line
            else:
                yield Text(f"第 {number} 行：{line}", f"line {number}: {line}")
        return
    for one in checked_ids(path):
        if isinstance(one, SelectionError):
            yield _without(path, one)
        else:  # the first of another program's list is followed first
            yield Line("followings", one.mid, one.name, one.position)


def _without(path: Path, error: SelectionError) -> Text:
    """Return the text of an error without the path, whose name a person has not chosen."""
    text = Text.of(error.args[0])
    return Text(
        text.zh.removeprefix(str(path)).lstrip(" ："), text.en.removeprefix(str(path)).lstrip(",: ")
    )


def _path(archive: Archive, name: str) -> Path:
    path = uploads.kept(plans_folder(archive.path), name)
    if path is None:
        raise PlanError("没有这个文件，请再上传一次", "there is no such file: upload it again")
    return path
