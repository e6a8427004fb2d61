"""The pages of a migration: choose two accounts, see what it takes, apply it, check the result."""

from __future__ import annotations

from guanxi.toolbox.archive import Archive
from guanxi.toolbox.notes import note_of, write_note
from tests.console.visitor import Visitor
from tests.manage.conftest import Manage


def test_one_account_gets_what_another_has(at_home: tuple[Manage, Visitor, str]) -> None:
    manage, visitor, home = at_home
    source, target = home.removeprefix("/a/"), manage.archive(9)
    with Archive.open(manage.folder / f"{source}.db") as archive:
        write_note(archive, 3, "a friend", 1)
    visitor.visit("/migrate")
    page = visitor.submit("Read the target and make a plan", source=source, target=target)
    assert visitor.path == f"/a/{target}/migration/{source}"
    manage.wait()
    page = visitor.visit(visitor.path)
    assert 'Follow · <b class="num">3</b>' in page  # 2, 3 and 5: it follows 4 already
    assert manage.followings(9) == {4}  # nothing happened yet
    migration = visitor.path
    manage.service.set_state(5, "deregistered")
    page = visitor.visit(f"/a/{target}/plans/from-{source}")
    assert f"/migration/{source}" in page
    visitor.submit("Apply now")
    manage.wait()
    assert manage.followings(9) == {2, 3, 4}
    page = visitor.visit(migration)
    assert "the target is read again" in page
    visitor.submit("Check")
    manage.wait()
    page = visitor.visit(migration)
    # It followed 4 before, so that comes first now; 5 is deregistered.
    assert 'still differs in <b class="num">2</b>' in page
    assert 'num">1</b> missing' in page
    assert 'num">1</b> another position in the order' in page
    with Archive.open(manage.folder / f"{target}.db") as archive:
        assert note_of(archive, 3) == "a friend"


def test_what_cannot_be_migrated_is_said(at_home: tuple[Manage, Visitor, str]) -> None:
    manage, visitor, home = at_home
    source, target = home.removeprefix("/a/"), manage.archive(9)
    button = "Read the target and make a plan"
    visitor.visit("/migrate")
    page = visitor.submit(button, source=source, target=source)
    assert "the target are one account" in page
    page = visitor.submit(button, source="nobody", target=target)
    assert "there is no archive nobody" in page
    visitor.visit(f"/a/{target}/migration/nobody")
    assert visitor.answer.status == 404
    manage.pages._panel.people.sign_out(target)
    visitor.visit("/migrate")
    page = visitor.submit(button, source=source, target=target)
    assert "sign in by QR code first" in page
    assert manage.followings(1) == {2, 3, 4, 5}


def test_a_finished_migration_is_begun_anew(at_home: tuple[Manage, Visitor, str]) -> None:
    manage, visitor, home = at_home
    manage.service.add_accounts(8)
    source, target = home.removeprefix("/a/"), manage.archive(8)
    visitor.visit(f"/a/{target}/migration/{source}?blocks=1")
    visitor.submit("Read the target and make a plan")
    manage.wait()
    assert visitor.path.endswith("?blocks=1")
    visitor.visit(f"/a/{target}/plans/from-{source}")
    visitor.submit("Apply now")
    manage.wait()
    visitor.visit(f"/a/{target}/migration/{source}?blocks=1")
    visitor.submit("Check")
    manage.wait()
    assert "has all that the source has" in visitor.visit(visitor.path)
    visitor.submit("Read the target again and make a new plan")
    manage.wait()
    assert "has all that the source has" in visitor.visit(visitor.path)
