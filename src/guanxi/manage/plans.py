"""The plans of an archive: made from what a page shows, reviewed, applied, undone, thrown away.

They lie in a folder of the archive's own, one file each, in the form of ``guanxi plan``: the
commands can show and apply them too. Plans of migrations lie next to the archive, where ``guanxi
migrate`` finds them. What became of a plan is in the archive's journal.
"""

from __future__ import annotations

import re
import time
from glob import escape
from pathlib import Path

from msgspec import Struct

from guanxi.text import Text
from guanxi.toolbox import journal
from guanxi.toolbox.archive import Archive, plans_folder
from guanxi.toolbox.errors import PlanError
from guanxi.toolbox.journal import Report
from guanxi.toolbox.plan import Header, Plan
from guanxi.toolbox.planning import plan
from guanxi.toolbox.regroup import plan_group
from guanxi.toolbox.selection import Selection, Words
from guanxi.toolbox.undo import undo

#: The time in UTC, a number among those of a second, and the command.
_NAME = re.compile(r"([0-9]{8}-[0-9]{6})(?:-([0-9]+))?-[a-z-]+")
#: A migration: the name of the source's archive.
_MIGRATION = re.compile(r"from-[^/\\\0]+")


class Kept(Struct, frozen=True):
    """A plan of the folder: its name, and what became of it.

    A file that cannot be read has no header, and the reason as ``fault``.
    """

    name: str
    header: Header | None = None
    report: Report | None = None
    fault: Text | None = None

    @property
    def begun(self) -> bool:
        """Whether acts of it were sent, or are known to be needless."""
        return self.report is not None and self.report.left < self.report.total

    @property
    def ended(self) -> bool:
        """Whether nothing is left of it."""
        return self.report is not None and self.report.ended is not None


def make(
    archive: Archive,
    command: str,
    selection: Selection,
    now: int,
    words: Words,
    *,
    to: tuple[str, ...] = (),
    add: bool = False,
    off: bool = False,
) -> Kept:
    """Make a plan as ``planning.plan`` does, in the archive's folder. Raise as it does."""
    path = new_path(archive, command, now)
    made = plan(archive, path, command, selection, now, words=words, to=to, add=add, off=off)
    return kept_of(archive, made)


def make_group(archive: Archive, now: int, words: Words, *, old: str, new: str) -> Kept:
    """Make the plan that creates, renames or deletes a group. Raise as ``plan_group``."""
    path = new_path(archive, "group", now)
    return kept_of(archive, plan_group(archive, path, now, old=old, new=new, words=words))


def make_undo(archive: Archive, name: str, now: int, words: Words) -> Kept:
    """Make the plan that takes back what a plan did. Raise PlanError or OSError."""
    return kept_of(
        archive,
        undo(archive, get(archive, name), new_path(archive, "undo", now), now, words=words),
    )


def kept(archive: Archive) -> list[Kept]:
    """Return all plans of the archive, the newest first; those of migrations come last."""
    return [_read(archive, name) for name in _names(archive)]


def get(archive: Archive, name: str) -> Plan:
    """Return a plan by its name. Raise PlanError if there is none, or if it cannot be read."""
    missing = PlanError(f"没有计划 {name}", f"there is no plan {name}")
    if not (_NAME.fullmatch(name) or _MIGRATION.fullmatch(name)):
        raise missing
    try:
        return Plan.open(_path(archive, name))
    except FileNotFoundError:
        raise missing from None


def discard(archive: Archive, name: str) -> None:
    """Delete a plan of which nothing was done. Raise PlanError for others, and without it."""
    opened = get(archive, name)
    report = journal.report(archive, opened)
    if report.left < report.total or report.unknown:
        raise PlanError(
            f"计划 {name} 已经开始：保留它，才能继续或撤销",
            f"the plan {name} was begun: it is kept, to go on with it or to undo it",
        )
    opened.path.unlink()


def name_of(archive: Archive, opened: Plan) -> str:
    """Return the name of a plan that lies where this archive's plans do."""
    return opened.path.stem.removeprefix(f"{archive.path.stem}.")


def _names(archive: Archive) -> list[str]:
    files = (path.stem for path in plans_folder(archive.path).glob("*.plan"))
    dated = [
        ((match[1], int(match[2] or 1)), match[0]) for match in map(_NAME.fullmatch, files) if match
    ]
    others = archive.path.parent.glob(f"{escape(archive.path.stem)}.from-*.plan")
    migrations = sorted(path.stem.removeprefix(f"{archive.path.stem}.") for path in others)
    return [name for _, name in sorted(dated, reverse=True)] + migrations


def _read(archive: Archive, name: str) -> Kept:
    try:
        return kept_of(archive, Plan.open(_path(archive, name)))
    except (PlanError, OSError) as error:
        first = error.args[0] if error.args else ""
        fault = first if isinstance(first, Text) else Text.of(str(error))
        return Kept(name, fault=fault)


def kept_of(archive: Archive, opened: Plan) -> Kept:
    """Return a plan that lies where this archive's plans do, with what became of it."""
    return Kept(name_of(archive, opened), opened.header, journal.report(archive, opened))


def _path(archive: Archive, name: str) -> Path:
    if _MIGRATION.fullmatch(name):
        return archive.path.with_name(f"{archive.path.stem}.{name}.plan")
    return plans_folder(archive.path) / f"{name}.plan"


def new_path(archive: Archive, command: str, now: int) -> Path:
    """Return a path that no plan has, named after the time in UTC and the command."""
    plans_folder(archive.path).mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    path, number = _path(archive, f"{stamp}-{command}"), 1
    while path.exists():
        number += 1
        path = _path(archive, f"{stamp}-{number}-{command}")
    return path
