"""A task in a process of its own: ``python -m guanxi.console.operator.worker``, for its parent.

A file of millions of lines is read and checked with Python and DuckDB, which would keep the service
waiting and fill its memory. The process reads an ``Order`` as a JSON line from stdin and writes
messages to stdout, a line each. It ends as Ctrl-C ends a command: at SIGTERM, or at the end of
stdin, which means that its parent has exited. (Python can lose a SIGINT while modules are imported;
SIGTERM ends it there at once.)
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from guanxi.console.operator.tasks import (
    SHAPES,
    BackedUp,
    Backup,
    Bad,
    Check,
    Checked,
    Export,
    Exported,
    Failed,
    Import,
    Imported,
    Message,
    Order,
    Outcome,
    Progress,
    Task,
)
from guanxi.files import accounts, content, edges, found_out, table
from guanxi.files.account_import import import_accounts
from guanxi.files.comparison import check_edges
from guanxi.files.outcome import Counts, Refused
from guanxi.stores import open_store
from guanxi.stores.port import BadLine, Store, StoreError
from guanxi.stores.port.info import CHECKED, note_of_time
from guanxi.text import Text

T = TypeVar("T")

#: Seconds between two messages of progress.
_EVERY = 0.1
#: How many rows, bad lines and faults a page shows, and how much of a cell.
_ROWS, _BAD, _FAULTS, _CELL = 8, 100, 100, 120
_READING = Text("读取文件", "Reading the file")
_COMPARING = Text("与库比较", "Comparing it with the store")
_WRITING = Text("写入", "Writing")
_COPYING = Text("复制", "Copying")


class Report:
    """Writes messages to stdout; progress only now and then. May be called on any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._part = Text("", "")
        self._last = 0.0

    def progress(self, part: Text, done: int = 0, total: int = 0, *, faults: int = 0) -> None:
        """Write how far a part is, if it is another part or some time has passed."""
        now = time.monotonic()
        if part != self._part or now - self._last >= _EVERY:
            self._part, self._last = part, now
            self.say(Progress(part, done, max(done, total) if total else 0, faults))

    def say(self, message: Message) -> None:
        """Write a message."""
        with self._lock:
            sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
            sys.stdout.buffer.flush()


def main() -> None:
    """Do the task that stdin names; status 1 for an unexpected error, 130 if it was stopped."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    report = Report()
    try:
        outcome = do(order.store, order.task, report)
    except KeyboardInterrupt:
        sys.exit(130)
    except StoreError as error:
        why = Text.of(error.args[0] if error.args else "")
        report.say(Failed(_named(order.task, why)))
    else:
        report.say(outcome)


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGINT)


def do(address: str, task: Task, report: Report) -> Outcome:
    """Do a task on the store at an address. Raise StoreError if it cannot be done."""
    if isinstance(task, Import):
        found = _IMPORTS[task.what](address, task, report)
        return replace(
            found,
            notes=[_named(task, note) for note in found.notes],
            bad=[replace(one, reason=_named(task, one.reason)) for one in found.bad],
        )
    if isinstance(task, Export):
        return _with_store(address, lambda store: _export(store, task, report))
    if isinstance(task, Backup):
        return _back_up(address, task, report)
    return _with_store(address, lambda store: _check(store, task, report))


def _with_store(address: str, work: Callable[[Store], Awaitable[T]]) -> T:
    async def run() -> T:
        store = await open_store(address)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


def _named(task: Task, text: Text) -> Text:
    """Return a text in which an uploaded file has its name, instead of where it is."""
    if not isinstance(task, Import):
        return text
    return Text(text.zh.replace(task.file, task.name), text.en.replace(task.file, task.name))


# --- imports ---


def _head(task: Import, report: Report) -> Imported:
    """Return the columns and first rows of a file, and which of its columns are not known."""
    report.progress(_READING)
    shape = SHAPES[task.what]
    head = table.head(Path(task.file), _ROWS)
    by_name = {name.casefold(): name for name in reversed(head.columns)}
    if head.has_header or task.columns:
        wanted = {name: task.columns.get(name, name).casefold() for name in shape.names}
        columns = {name: by_name[one] for name, one in wanted.items() if one in by_name}
    else:
        columns = dict(zip(shape.headerless, head.columns, strict=False))
    return Imported(
        missing=[name for name in shape.required if name not in columns],
        columns=columns,
        file_columns=[*head.columns],
        has_header=head.has_header,
        rows=[[_cell(cell) for cell in row] for row in head.rows],
    )


def _cell(cell: str | None) -> str | None:
    return cell if cell is None or len(cell) <= _CELL else f"{cell[: _CELL - 1]}…"


def _bad(refused: Iterator[Refused]) -> list[Bad]:
    return [Bad(one.line, one.reason, _cell(one.text) or "") for one in islice(refused, _BAD)]


def _request(task: Import) -> table.Request:
    return table.Request(
        files=(Path(task.file),), columns=task.columns, exact=task.restore and task.what != "edges"
    )


def _edges(address: str, task: Import, report: Report) -> Imported:
    found = _head(task, report)
    if found.missing:
        return found
    skipping = task.skip_bad or task.dry_run
    reader = edges.read_edges(
        _request(task), now=int(time.time()), on_conflict=task.on_conflict, skip_bad=skipping
    )
    with reader as read:
        total = read.found.ready

        async def load(store: Store) -> tuple[edges.Edges, list[str], Counts]:
            report.progress(_COMPARING)
            odd = await edges.missing_groups(store, read)
            checked = await check_edges(
                store,
                read,
                strict=task.strict,
                on_conflict=task.on_conflict,
                skip_bad=skipping,
                compare=task.dry_run,
            )
            if task.dry_run:
                return checked, odd, checked.found.counts
            counts = await edges.import_edges(
                store,
                checked,
                strict=task.strict,
                on_conflict=task.on_conflict,
                progress=lambda count: report.progress(_WRITING, count, total),
            )
            return checked, odd, counts

        checked, odd, counts = _with_store(address, load)
        return replace(
            found,
            counts=counts,
            notes=found_out.of_edges(checked, odd),
            bad=_bad(checked.refused()),
        )


def _accounts(address: str, task: Import, report: Report) -> Imported:
    found = _head(task, report)
    if found.missing:
        return found
    with accounts.read_accounts(_request(task), on_conflict=task.on_conflict) as read:
        total = read.counts.read
        part = _COMPARING if task.dry_run else _WRITING

        async def load(store: Store) -> Counts:
            report.progress(_COMPARING)
            return await import_accounts(
                store,
                read,
                skip_bad=task.skip_bad or task.dry_run,
                dry_run=task.dry_run,
                progress=lambda count: report.progress(part, count, total),
            )

        counts = _with_store(address, load)
        return replace(
            found, counts=counts, notes=found_out.of_accounts(read), bad=_bad(read.refused())
        )


def _content(address: str, task: Import, report: Report) -> Imported:
    report.progress(_READING)
    path, kinds, owners = Path(task.file), Counter[str](), set[int]()
    rows: list[list[str | None]] = []
    bad: list[Bad] = []
    try:
        for _, entry in content.read_content(path):
            kinds[entry.kind] += 1
            owners.add(entry.owner)
            if len(rows) < _ROWS:
                rows.append([str(entry.owner), entry.kind, _cell(entry.body.decode())])
    except BadLine as error:
        bad = [Bad(error.line, error.reason, "")]
    named = ", ".join(f"{kind} ({count:,})" for kind, count in sorted(kinds.items()))
    found = Imported(
        counts=Counts(read=kinds.total(), refused=len(bad)),
        notes=[Text(f"种类：{named}", f"kinds: {named}")] if named else [],
        bad=bad,
        file_columns=[*content.COLUMNS],
        rows=rows,
    )
    if not task.dry_run:
        report.progress(_WRITING)
        _with_store(address, lambda store: content.import_content(store, path))
        return found
    if bad:
        return found

    async def unknown(store: Store) -> list[int]:
        known = await store.cards([*owners])
        return sorted(owner for owner in owners if owner not in known)

    missing = _with_store(address, unknown)
    if missing:
        number, owner = next(
            (number, entry.owner)
            for number, entry in content.read_content(path)
            if entry.owner in missing
        )
        why = Text(f"没有账号 {owner}", f"there is no account {owner}")
        counts = Counts(read=kinds.total(), refused=len(missing))
        return replace(found, counts=counts, bad=[Bad(number, why, "")])
    return found


_IMPORTS = {"edges": _edges, "accounts": _accounts, "content": _content}


# --- export, backup, check ---


async def _export(store: Store, task: Export, report: Report) -> Exported:
    from guanxi.files.export import EXPORTS, export_file

    counts = (await store.info()).counts
    total = sum(counts.get(name) or 0 for name in _EXPORTED[task.what])
    done = await export_file(
        store,
        EXPORTS[task.what],
        Path(task.file),
        progress=lambda rows: report.progress(_WRITING, rows, total),
    )
    os.chmod(task.file, 0o600)
    return Exported(rows=done.rows, bytes=done.bytes, cursor=done.cursor)


#: By what is exported, the counts of a store that are its rows.
_EXPORTED = {
    "edges": ("followings", "whispers", "blocks", "requests"),
    "accounts": ("accounts",),
    "content": ("documents",),
}


def _back_up(address: str, task: Backup, report: Report) -> BackedUp:
    from guanxi.files.copies import back_up  # needs the driver of SQLite

    done = back_up(
        address,
        Path(task.file),
        force=False,
        progress=lambda done, total: report.progress(_COPYING, done, total),
        looking=lambda what, share: report.progress(_checking(what), round(share * 100), 100),
    )
    return BackedUp(bytes=done.bytes, is_noted=done.is_noted)


def _checking(what: str) -> Text:
    return Text(f"检查：{what}", f"Checking: {what}")


async def _check(store: Store, _task: Check, report: Report) -> Checked:
    faults: list[tuple[str, str]] = []
    count = 0

    def looking(what: str, share: float) -> None:
        report.progress(_checking(what), round(share * 100), 100, faults=count)

    async for fault in store.check(looking):
        count += 1
        if count <= _FAULTS:
            faults.append((fault.invariant, fault.detail))
    if not count:
        with suppress(StoreError):  # the disk may be full: the check is done all the same
            await store.put_note(CHECKED, note_of_time(int(time.time())))
    return Checked(count=count, faults=faults)


if __name__ == "__main__":
    main()
