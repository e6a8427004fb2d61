"""Long work in the background: one at a time, stopped where it can go on."""

from __future__ import annotations

import threading

import pytest

from guanxi.contract.errors import NetworkException
from guanxi.manage.work import Busy, Desk, Job, Outcome, State
from guanxi.text import Text
from guanxi.toolbox.errors import Stopped
from guanxi.toolbox.progress import OnProgress, Progress

NAME = Text("取快照", "reading a snapshot")


def ended(desk: Desk) -> State:
    """Wait for the work to end; return its state."""
    desk.close(10)
    state = desk.state()
    assert state is not None
    return state


def endless(begun: threading.Event) -> Job:
    """Return a job that ends only when it is stopped."""

    def job(on_progress: OnProgress) -> Outcome:
        while True:
            on_progress(Progress("followings", 1, 2))
            begun.set()

    return job


def test_work_runs_in_the_background_and_ends_with_its_outcome() -> None:
    desk, go_on = Desk(clock=lambda: 5.0), threading.Event()

    def job(on_progress: OnProgress) -> Outcome:
        on_progress(Progress("followings", 50, 3_000))
        assert go_on.wait(10)
        return Outcome(Text("完成", "done"), "/snapshots/1")

    assert desk.state() is None
    begun = desk.start(NAME, "/snapshots", job)
    assert (begun.state, begun.begun, begun.goes_on) == ("running", 5.0, True)
    go_on.set()
    desk._thread.join(10)  # type: ignore[union-attr]
    state = desk.state()
    assert state is not None
    assert (state.state, state.goes_on, state.ended) == ("done", False, 5.0)
    assert state.progress == Progress("followings", 50, 3_000)
    assert state.outcome == Outcome(Text("完成", "done"), "/snapshots/1")


def test_work_is_stopped_at_its_next_step_and_other_work_can_begin() -> None:
    desk, begun = Desk(), threading.Event()
    desk.start(NAME, "/snapshots", endless(begun))
    assert begun.wait(10)
    with pytest.raises(Busy, match="reading a snapshot has not ended"):
        desk.start(NAME, "/", lambda _: Outcome(Text("", "")))
    desk.stop()
    state = ended(desk)
    assert state.state == "stopped"
    assert state.outcome is not None
    assert state.outcome.path == "/snapshots"
    second = desk.start(NAME, "/", lambda _: Outcome(Text("好", "fine")))
    assert second.number == 2
    assert ended(desk).state == "done"


@pytest.mark.parametrize(
    ("error", "state", "message"),
    [
        (Stopped("还剩 3 项", "3 acts are left"), "stopped", Text("还剩 3 项", "3 acts are left")),
        (NetworkException(0, "refused"), "failed", None),
        (RuntimeError("a secret of the program"), "failed", None),
    ],
)
def test_an_error_ends_the_work_with_its_message(
    error: Exception, state: str, message: Text | None
) -> None:
    desk = Desk()

    def job(_: OnProgress) -> Outcome:
        raise error

    desk.start(NAME, "/plans/1", job)
    found = ended(desk)
    assert found.state == state
    assert found.outcome is not None
    assert found.outcome.path == "/plans/1"
    if message is not None:
        assert found.outcome.text == message
    assert "a secret" not in found.outcome.text.en
