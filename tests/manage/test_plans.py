"""Plans of an archive's own folder: made, listed, thrown away, and deleted with the archive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from guanxi.manage import plans
from guanxi.manage.plans import Kept
from guanxi.toolbox import archive as archives
from guanxi.toolbox import journal, planning
from guanxi.toolbox.archive import Archive, Identity
from guanxi.toolbox.errors import PlanError, SelectionError
from guanxi.toolbox.migrate import plan_path
from guanxi.toolbox.selection import Selection
from tests.toolbox.archives import add_snapshot, item, new_archive

NOW = 1_704_067_200  # 2024-01-01
OTHER = Identity("http://127.0.0.1:8000", 9, "other")
EVERYBODY = Selection(where="1", because="all of the list")


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with new_archive(tmp_path) as made:
        add_snapshot(made, NOW, [(7, "friends")], followings=[item(2), item(3, groups=[7])])
        yield made


def names(archive: Archive) -> list[str]:
    return [one.name for one in plans.kept(archive)]


def do_first_act(archive: Archive, one: Kept) -> None:
    """Write into the journal that the first act of a plan was sent and done."""
    opened = plans.get(archive, one.name)
    [first, *_] = opened.acts()
    journal.register(archive, opened, NOW)
    journal.begin(archive, opened.header.id, [(first, first.expect)], NOW)
    journal.end(archive, opened.header.id, [first], "done", NOW)


def test_plans_are_kept_the_newest_first(archive: Archive) -> None:
    assert names(archive) == []
    first = plans.make(archive, "unfollow", EVERYBODY, NOW, str)
    again = plans.make(archive, "unfollow", EVERYBODY, NOW, str)
    later = plans.make(archive, "group", EVERYBODY, NOW + 60, str, to=("friends",), add=True)
    assert first.name == "20240101-000000-unfollow"
    assert again.name == "20240101-000000-2-unfollow"
    assert names(archive) == ["20240101-000100-group", again.name, first.name]
    assert later.header is not None
    assert later.header.acts == {"set_groups": 1}  # 3 is in the group already
    assert (first.begun, first.ended) == (False, False)
    path = plans.get(archive, first.name).path
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_plan_that_cannot_be_made_leaves_no_file(archive: Archive) -> None:
    with pytest.raises(SelectionError):
        plans.make(archive, "unfollow", Selection(where="no_such_column"), NOW, str)
    assert names(archive) == []


@pytest.mark.parametrize(
    "name",
    ["", "../archive", "20240101-000000-unfollow", "20240101-000000-../x", "from-../x", "a\0b"],
)
def test_a_name_leads_to_no_other_file(archive: Archive, name: str) -> None:
    with pytest.raises(PlanError, match="there is no plan"):
        plans.get(archive, name)


def test_a_damaged_plan_is_shown_with_its_fault(archive: Archive) -> None:
    one = plans.make(archive, "unfollow", EVERYBODY, NOW, str)
    path = plans.get(archive, one.name).path
    path.write_bytes(path.read_bytes()[:-20])
    [shown] = plans.kept(archive)
    assert (shown.name, shown.header) == (one.name, None)
    assert shown.fault is not None


def test_only_a_plan_of_which_nothing_was_done_is_thrown_away(archive: Archive) -> None:
    one = plans.make(archive, "unfollow", EVERYBODY, NOW, str)
    other = plans.make(archive, "unfollow", EVERYBODY, NOW, str)
    do_first_act(archive, one)
    [begun] = [kept for kept in plans.kept(archive) if kept.begun]
    assert begun.name == one.name
    with pytest.raises(PlanError, match="was begun"):
        plans.discard(archive, one.name)
    plans.discard(archive, other.name)
    assert names(archive) == [one.name]
    with pytest.raises(PlanError, match="there is no plan"):
        plans.discard(archive, other.name)


def test_what_was_done_is_taken_back_by_another_plan(archive: Archive) -> None:
    one = plans.make(archive, "unfollow", EVERYBODY, NOW, str)
    do_first_act(archive, one)
    back = plans.make_undo(archive, one.name, NOW + 60, str)
    assert back.name == "20240101-000100-undo"
    assert [(act.act, act.mid) for act in plans.get(archive, back.name).acts()] == [("follow", 2)]


def test_a_plan_of_a_migration_is_found_where_the_command_keeps_it(archive: Archive) -> None:
    with Archive.create(archive.path.with_name("target.db"), OTHER) as target:
        made = planning.plan(archive, plan_path(archive, target), "unfollow", EVERYBODY, NOW)
        [kept] = plans.kept(target)
        assert kept.name.startswith("from-")
        assert kept.header == made.header
        assert plans.get(target, kept.name).path == made.path
    assert names(archive) == []


def test_plans_are_deleted_with_their_archive(tmp_path: Path) -> None:
    with new_archive(tmp_path) as made:
        add_snapshot(made, NOW, [], followings=[item(2)])
        plans.make(made, "unfollow", EVERYBODY, NOW, str)
    archives.delete(tmp_path / "archive.db")
    assert [*tmp_path.iterdir()] == []
