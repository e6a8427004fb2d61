"""A plan whose process is killed again and again, under faults of the server."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from contextlib import suppress
from os import environ
from pathlib import Path
from random import Random

from guanxi.toolbox import journal
from guanxi.toolbox.plan import Act
from tests.cli.runner import COMMAND, ENGLISH
from tests.counts import count
from tests.toolbox.applying import desk, follow, follows, unfollow
from tests.toolbox.faulty import Faulty, dropped_after, dropped_before, refuse

#: Followed at the beginning; half of them are unfollowed, and as many others followed.
FIRST, NEW = range(100, 400), range(500, 800)
#: By how much a kill comes later than the one before, at most; the interpreter needs 0.4 s.
_SECONDS = (0.5, 1.2)


def test_nothing_is_lost_or_done_twice(tmp_path: Path) -> None:
    """p1, p14: SIGKILL at random points; refusals, risk control, lost requests and responses."""
    acts, kills = count(60, 500), count(4, 30)
    draw = Random(16)
    faults = Faulty(
        16,
        {
            refuse(22002): 0.02,
            refuse(-352): 0.01,
            refuse(-412): 0.01,
            dropped_before: 0.02,
            dropped_after: 0.03,
        },
    )
    with desk(tmp_path, accounts=800, edges=follows(*FIRST), faults=faults) as at:
        plan = at.plan(*_acts(draw, acts))
        environment = {
            **environ,
            **ENGLISH,
            "GUANXI_BASE_URL": at.service.base_url,
            "GUANXI_SESSDATA": at.session.sessdata,
            "GUANXI_BILI_JCT": at.session.bili_jct,
        }
        argv = ["apply", str(plan.path), "--yes", "--archive", str(at.archive.path)]
        killed, statuses = 0, Counter[int]()
        for _ in range(20 * kills):
            process = subprocess.Popen(
                [sys.executable, "-c", COMMAND, *argv],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            if killed < kills:
                with suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=draw.uniform(*_SECONDS))
                killed += process.poll() is None
                process.kill()
            _, errors = process.communicate(timeout=120)
            statuses[process.returncode] += 1
            assert b"Traceback" not in errors, errors.decode()
            assert process.returncode in (0, 3, -9), errors.decode()
            if process.returncode == 0:
                break
        assert statuses[0] == 1, statuses

        report = journal.report(at.archive, plan)
        assert (report.left, report.unknown) == (0, 0)
        assert sum(report.outcomes.values()) == acts
        refused = {row["mid"] for row in journal.not_done(at.archive, plan.header.id)}
        assert len(refused) == acts - report.outcomes["done"] < acts / 4
        expected = {*FIRST}
        for act in plan.acts():
            if act.mid not in refused:
                (expected.add if act.act == "follow" else expected.discard)(act.mid or 0)
        assert {*at.followings()} == expected
        handled = Counter(
            (one.fields["fid"], one.fields["act"]) for one in faults.log if one.code == 0
        )
        assert [*handled.values()] == [1] * report.outcomes["done"]


def _acts(draw: Random, number: int) -> list[Act]:
    leaving = draw.sample(FIRST, number // 2)
    coming = draw.sample(NEW, number - len(leaving))
    acts = [*map(unfollow, leaving), *(follow(mid) for mid in coming)]
    draw.shuffle(acts)
    return acts
