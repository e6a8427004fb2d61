"""Files on the pages: an export, the preview of an upload, and the plan that it becomes."""

from __future__ import annotations

from pathlib import Path

import pytest

from guanxi.toolbox import exchange
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.notes import note_of, write_note
from tests.console.visitor import Visitor
from tests.manage.conftest import Manage

HOSTILE = "<b onclick='x()'>\u202e&amp;"


def upload(visitor: Visitor, page: str, content: bytes, *, token: bool = True) -> str:
    """Send the form with a file as a browser does, and return the page that follows."""
    visitor.visit(page)
    csrf = visitor.form("Preview").fields["_csrf"] if token else "0"
    body = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % part
        for part in (
            (b"_csrf", b"", csrf.encode()),
            (b"file", b'; filename="list.csv"', content),
        )
    )
    answer = visitor.send("POST", page, body + b"--b--\r\n", kind="multipart/form-data; boundary=b")
    return visitor._follow(answer, page)


def test_an_export_is_read_back(at_home: tuple[Manage, Visitor, str], tmp_path: Path) -> None:
    manage, visitor, home = at_home
    database = manage.folder / f"{home.removeprefix('/a/')}.db"
    with Archive.open(database) as archive:
        write_note(archive, 3, HOSTILE, 1)
        written = [*exchange.lines(archive)]
    for kind in ("csv", "jsonl"):
        answer = visitor.send("GET", f"{home}/transfer/export?format={kind}")
        assert f"guanxi-1.{kind}" in answer.headers["content-disposition"]
        (tmp_path / f"x.{kind}").write_bytes(answer.raw)
        assert [*exchange.read(tmp_path / f"x.{kind}")] == written
    assert len(written) == 5
    answer = visitor.send("GET", f"{home}/transfer/export?list=followers")
    assert answer.raw.count(b"\n") == 1
    assert visitor.send("GET", f"{home}/transfer/export?format=exe").status == 400


def test_a_file_is_previewed_and_becomes_a_plan(at_home: tuple[Manage, Visitor, str]) -> None:
    manage, visitor, home = at_home
    manage.service.add_accounts(7)
    columns = "list,mid,name,since,special,groups,note,keep"
    rows = (
        f'followings,7,"{HOSTILE}",0,0,friends,a note,',
        "followings,x,,0,0,,,",
        "followings,3,dog,0,0,,,",
    )
    page = upload(visitor, f"{home}/transfer", "\r\n".join((columns, *rows)).encode())
    assert visitor.answer.status == 200
    assert "<b onclick" not in page
    assert "\u202e" not in page
    assert "line 3" in page
    assert 'class="bad">1</b>' in page
    page = visitor.submit("Make a plan", group_name="all", marks="1")
    assert "Follow · 1" in page
    assert "Create the group · 2" in page
    assert manage.followings(1) == {2, 3, 4, 5}
    with Archive.open(manage.folder / f"{home.removeprefix('/a/')}.db") as archive:
        assert note_of(archive, 7) == "a note"
    visitor.submit("Apply now")
    manage.wait()
    assert manage.followings(1) == {2, 3, 4, 5, 7}


def test_a_list_of_another_program_is_previewed(at_home: tuple[Manage, Visitor, str]) -> None:
    _, visitor, home = at_home
    page = upload(visitor, f"{home}/transfer", b"7,seven\nno id\n8\n")
    assert "a list of another program" in page
    assert "line 2: no id in" in page
    assert "seven" in page


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"[1, 2", b""])
def test_what_is_no_list_is_said(at_home: tuple[Manage, Visitor, str], content: bytes) -> None:
    _, visitor, home = at_home
    page = upload(visitor, f"{home}/transfer", content)
    assert visitor.answer.status == 200
    assert "is not" in page or "has no account" in page


def test_uploads_are_bounded_and_ours(
    at_home: tuple[Manage, Visitor, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    manage, visitor, home = at_home
    upload(visitor, f"{home}/transfer", b"7\n", token=False)
    assert visitor.answer.status == 403
    monkeypatch.setattr("guanxi.manage.imports.MOST", 1 << 20)
    upload(visitor, f"{home}/transfer", b"7\n" * (1 << 20))
    assert visitor.answer.status == 413
    for _ in range(7):
        upload(visitor, f"{home}/transfer", b"7\n")
        assert visitor.answer.status == 200
    assert len([*manage.folder.rglob("*.upload")]) == 5
    assert not [*manage.folder.rglob(".guanxi-*")]
    visitor.visit(f"{home}/transfer/0123456789abcdef")
    assert visitor.answer.status == 404
