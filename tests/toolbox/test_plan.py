"""The file of a plan: written whole, read line by line, refused if anything is missing."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from guanxi.toolbox.archive import Identity
from guanxi.toolbox.errors import PlanDamaged, PlanMismatch, PlanNewer
from guanxi.toolbox.plan import Act, LeftOut, Plan, Relation, new_header
from tests.toolbox.archives import ME

ACTS = [
    Act(0, "unfollow", "silent", mid=2, name='a "left_out": b', expect=Relation(2, groups=("a",))),
    Act(0, "set_groups", "by rule 音乐", mid=3, name="u3", groups=("音乐",), special=True),
    Act(0, "create_group", "needed", group="音乐"),
]


def write(path: Path) -> Plan:
    header = new_header("unfollow", ME, 1_000, snapshot=3, selection="--silent 2", followings=9)
    return Plan.write(path, header, ACTS, [LeftOut(4, "u4", "kept: a friend")])


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = write(tmp_path / "p")
    plan = Plan.open(tmp_path / "p")
    assert plan.header == written.header
    assert plan.header.acts == {"unfollow": 1, "set_groups": 1, "create_group": 1}
    assert (plan.header.total, plan.header.left_out, plan.header.identity) == (3, 1, ME)
    acts = list(plan.acts())
    assert [act.number for act in acts] == [1, 2, 3]
    assert [act.name for act in acts] == ['a "left_out": b', "u3", ""]
    assert acts[0].expect == Relation(2, groups=("a",))
    assert list(plan.left_out()) == [LeftOut(4, "u4", "kept: a friend")]
    assert stat.S_IMODE(plan.path.stat().st_mode) == 0o600
    assert write(tmp_path / "q").header.id != plan.header.id


def test_a_plan_cut_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p"
    write(path)
    whole = path.read_bytes()
    for length in range(len(whole) - 1):  # without the last line feed it is still whole
        path.write_bytes(whole[:length])
        with pytest.raises(PlanDamaged):
            Plan.open(path)
    path.write_bytes(whole.replace(b'"unfollow","reason"', b'"unfollow","reas"'))
    with pytest.raises(PlanDamaged, match="line 2: "):
        Plan.open(path)


def test_plans_of_others(tmp_path: Path) -> None:
    plan = write(tmp_path / "p")
    plan.check_identity(Identity(ME.server, ME.mid, "a new name"))
    with pytest.raises(PlanMismatch):
        plan.check_identity(Identity("http://127.0.0.1:1", ME.mid))
    plan.path.write_bytes(plan.path.read_bytes().replace(b'"guanxi_plan":1', b'"guanxi_plan":2'))
    with pytest.raises(PlanNewer):
        Plan.open(plan.path)


def test_a_plan_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "p"
    before = write(path).header

    def broken() -> object:
        yield ACTS[0]
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        Plan.write(path, before, broken())  # type: ignore[arg-type]
    assert Plan.open(path).header == before
    assert [one.name for one in tmp_path.iterdir()] == ["p"]


def test_a_plan_that_an_editor_saved_is_read(tmp_path: Path) -> None:
    path = tmp_path / "plan"
    Plan.write(path, new_header("follow", Identity("x", 1), 1), [Act(0, "follow", "x", mid=7)])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert [act.mid for act in Plan.open(path).acts()] == [7]
