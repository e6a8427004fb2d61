"""What `work.Desk` runs: reading a snapshot, applying a plan, preparing and checking a migration.

Each job opens a client and an archive of its own, in the thread that it runs in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from guanxi.manage import plans
from guanxi.manage.work import Job, Outcome
from guanxi.sdk.credential import Credential
from guanxi.sdk.sync import SyncClient
from guanxi.text import Text
from guanxi.toolbox import labels, migrate, notes
from guanxi.toolbox.apply import apply
from guanxi.toolbox.archive import Archive, Identity
from guanxi.toolbox.backup import backup
from guanxi.toolbox.facts import read_last_posted
from guanxi.toolbox.progress import OnProgress
from guanxi.toolbox.selection import Words


class Person(NamedTuple):
    """An account that can act, with its archive. The repr omits the credential."""

    identity: Identity
    path: Path
    credential: Credential
    #: None for the documents' hosts.
    base_url: str | None = None

    def __repr__(self) -> str:
        return f"Person({self.identity})"

    @contextmanager
    def at_work(self) -> Iterator[tuple[SyncClient, Archive]]:
        """Yield a client that acts as the account, and its archive, which is created if missing."""
        with (
            SyncClient(base_url=self.base_url, credential=self.credential) as client,
            Archive.create(self.path, self.identity) as archive,
        ):
            yield client, archive


def now() -> int:
    """Return the time, in seconds since the Unix epoch."""
    return int(time.time())


def snapshot(person: Person, page: Callable[[int], str], *, last_posted: bool = False) -> Job:
    """Return the job that reads all lists of an account into a new snapshot.

    ``page`` returns the path of the page of a snapshot. ``last_posted``: also read when each
    following last posted, one request each.
    """

    def job(on_progress: OnProgress) -> Outcome:
        with person.at_work() as (client, archive):
            found = backup(client, archive, now(), on_progress=on_progress)
            if last_posted:
                read_last_posted(client, archive, now(), on_progress=on_progress)
        readings = found.readings.items()
        cut = [labels.LISTS[name] for name, reading in readings if not reading.complete]
        names = "、".join(one.zh for one in cut)
        zh = f"快照 {found.snapshot} 已完成，{found.calls} 次请求"
        en = f"Snapshot {found.snapshot} is complete, with {found.calls} requests"
        if cut:
            zh = f"快照 {found.snapshot} 已完成，但不完整的列表有：{names}"
            en = f"Snapshot {found.snapshot} is done; not complete: {', '.join(map(str, cut))}"
        return Outcome(Text(f"{zh}。", f"{en}."), page(found.snapshot))

    return job


def application(person: Person, name: str, page: str, *, per_day: int | None = None) -> Job:
    """Return the job that does what is left of the plan ``name``, and reads it back.

    ``page`` is the path of the plan's page, ``per_day`` the most acts on accounts in 24 hours.
    """

    def job(on_progress: OnProgress) -> Outcome:
        with person.at_work() as (client, archive):
            plan = plans.get(archive, name)
            report = apply(client, archive, plan, now(), per_day=per_day, on_progress=on_progress)
        done, total = report.outcomes.get("done", 0), report.total
        text = Text(f"完成 {done} 项，共 {total} 项。", f"{done} of {total} acts were done.")
        return Outcome(text, page)

    return job


def migration(
    source: Path, person: Person, page: Callable[[str], str], words: Words, *, blocks: bool
) -> Job:
    """Return the job that reads the target of a migration, and makes the plan of what it lacks.

    ``source`` is the archive of the other account, of which the newest snapshot counts; ``page``
    returns the path of a plan's page. Notes and marks of the source come along.
    """

    def job(on_progress: OnProgress) -> Outcome:
        with Archive.open(source) as origin, person.at_work() as (client, archive):
            made = migrate.prepare(
                origin,
                client,
                archive,
                now(),
                blocks=blocks,
                words=words,
                on_progress=on_progress,
            )
            notes.copy(origin, archive)
            name = plans.name_of(archive, made)
        total = made.header.total
        text = Text(f"需要 {total} 项操作。", f"{total} acts are needed.")
        return Outcome(text, page(name))

    return job


def check(person: Person, page: str) -> Job:
    """Return the job that reads the target of a migration again, so that both can be compared.

    ``page`` is the path of the migration's page.
    """

    def job(on_progress: OnProgress) -> Outcome:
        with person.at_work() as (client, archive):
            found = backup(client, archive, now(), on_progress=on_progress)
        text = Text(
            f"目标账号已重新读取（快照 {found.snapshot}），两者的差别如下。",
            f"The target was read again as snapshot {found.snapshot}; what differs is below.",
        )
        return Outcome(text, page)

    return job
