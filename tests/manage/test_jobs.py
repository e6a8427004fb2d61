"""The jobs of the pages, against a real service: a snapshot, a plan, a migration."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guanxi import Credential, SyncClient
from guanxi.manage import jobs, plans
from guanxi.manage.jobs import Person
from guanxi.manage.work import Desk, Job, State
from guanxi.testing import RunningService, running
from guanxi.text import Text
from guanxi.toolbox.archive import Archive, Identity
from guanxi.toolbox.notes import note_of, write_note
from guanxi.toolbox.selection import Selection

EVERYBODY = Selection(where="1", because="all of the list")


@pytest.fixture(scope="module")
def server() -> Iterator[RunningService]:
    with running() as service:
        yield service


@pytest.fixture
def service(server: RunningService) -> RunningService:
    server.renew()
    server.add_accounts(1, 2, 3, 4, 9)
    server.import_edges([(1, 2), (1, 3), (1, 4), (9, 4)])
    return server


def person(service: RunningService, mid: int, folder: Path) -> Person:
    session = service.sign_in(mid)
    credential = Credential(session.sessdata, session.bili_jct)
    identity = Identity(service.base_url, mid, str(mid))
    return Person(identity, folder / f"{mid}.db", credential, service.base_url)


def done(job: Job) -> State:
    """Run a job, and return the state at its end."""
    desk = Desk()
    desk.start(Text("", ""), "/", job)
    until = time.monotonic() + 60
    while (state := desk.state()) is not None and state.goes_on:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert state is not None
    assert state.state == "done", state.outcome
    return state


def followings(who: Person) -> set[int]:
    with SyncClient(base_url=who.base_url, credential=who.credential) as client:
        return {item.mid for item in client.relation.iter_followings(who.identity.mid)}


def test_a_snapshot_is_read(service: RunningService, tmp_path: Path) -> None:
    me = person(service, 1, tmp_path)
    state = done(jobs.snapshot(me, "/snapshots/{}".format, last_posted=True))
    assert state.outcome is not None
    assert state.outcome.path == "/snapshots/1"
    assert state.outcome.text.en.startswith("Snapshot 1 is complete, with ")
    assert state.progress is not None
    assert (state.progress.part, state.progress.done) == ("last_posted", 3)
    with Archive.open(me.path) as archive:
        [row] = archive.rows("SELECT count(*) AS n FROM followings WHERE last_posted_read NOT NULL")
        assert row["n"] == 3
    assert "SESSDATA" not in repr(me)
    assert str(me.credential.sessdata) not in repr(me)


def test_a_plan_is_applied_and_goes_on_after_a_stop(
    service: RunningService, tmp_path: Path
) -> None:
    me = person(service, 1, tmp_path)
    done(jobs.snapshot(me, str))
    with Archive.open(me.path) as archive:
        name = plans.make(archive, "unfollow", EVERYBODY, int(time.time()), str).name
    stopping = Desk()
    job = jobs.application(me, name, "/plans/x", per_day=1)
    stopping.start(Text("", ""), "/", job)
    stopping._thread.join(60)  # type: ignore[union-attr]
    state = stopping.state()
    assert state is not None
    assert state.state == "stopped"  # the day's portion is used up
    assert len(followings(me)) == 2
    state = done(jobs.application(me, name, "/plans/x"))
    assert state.outcome is not None
    assert state.outcome.text.en == "3 of 3 acts were done."
    assert followings(me) == set()
    service.assert_called("relation.modify", times=3)


def test_a_migration_is_prepared_and_applied(service: RunningService, tmp_path: Path) -> None:
    old, new = person(service, 1, tmp_path), person(service, 9, tmp_path)
    done(jobs.snapshot(old, str))
    with Archive.open(old.path) as archive:
        write_note(archive, 3, "a friend", 1)
    state = done(jobs.migration(old.path, new, "/plans/{}".format, str, blocks=False))
    assert state.outcome is not None
    assert state.outcome.text.en == "2 acts are needed."
    assert followings(new) == {4}  # nothing was done yet
    name = state.outcome.path.removeprefix("/plans/")
    done(jobs.application(new, name, "/"))
    assert followings(new) == {2, 3, 4}
    with Archive.open(new.path) as archive:
        assert note_of(archive, 3) == "a friend"
