"""The pages of ``guanxi manage`` as a browser without JavaScript uses them."""

from __future__ import annotations

import re
import time
from pathlib import Path
from urllib.parse import urlencode

from guanxi import Credential, SyncClient
from guanxi.contract.endpoint import FACE_HOSTS
from guanxi.manage import plans
from guanxi.manage.application import Pages
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.notes import note_of
from tests.console.visitor import Visitor
from tests.manage.conftest import Manage
from tests.service.client import send
from tests.toolbox.archives import add_snapshot, item

HOSTILE = "<b onclick='x()'>\u202e&amp;\x1b[2J"


def test_the_pages_open_once_with_their_token(manage: Manage) -> None:
    stranger = Visitor(manage.url)
    for path in ("/", "/sign-in", "/work/events", "/a/x"):
        assert "address that guanxi manage printed" in stranger.visit(path)
        assert stranger.answer.status == 403
    stranger.visit("/open?token=wrong")
    assert stranger.answer.status == 403
    assert "No account yet" in manage.visitor().page
    second = Visitor(manage.url)
    second.visit(manage.opening)
    assert second.answer.status == 403  # it worked once
    assert manage.pages.token == ""


def test_no_other_name_reaches_the_pages(manage: Manage) -> None:
    for host in ("attacker.example", "127.0.0.1.attacker.example", "192.168.0.7"):
        assert send(manage.url, "GET", "/", headers={"Host": host}).status == 421
    for host in ("localhost:1", "[::1]:80", "app.localhost"):
        assert send(manage.url, "GET", "/", headers={"Host": host}).status == 403


def test_every_page_has_its_security_headers(at_home: tuple[Manage, Visitor, str]) -> None:
    _, visitor, home = at_home
    for path in ("/", "/sign-in", home, f"{home}/lists/followings", f"{home}/plans", "/nowhere"):
        visitor.visit(path)
        headers = visitor.answer.headers
        assert headers["content-security-policy"].startswith("default-src 'self'; img-src 'self'")
        assert headers["cache-control"] == "no-store"


def test_sign_in_by_code(manage: Manage) -> None:
    visitor = manage.visitor()
    visitor.visit("/sign-in")
    page = visitor.submit("Make a code")
    [key] = re.findall(r"qrcode_key=([\w-]+)", page)
    assert visitor.send("GET", f"{visitor.path}/code.svg").headers["content-type"] == (
        "image/svg+xml"
    )
    state = f"{visitor.path}/state"
    assert "Waiting for the confirmation" in page
    assert "not confirmed yet" in visitor.visit(state)
    manage.service.agree(key, 1)
    until = time.monotonic() + 30
    while "Signed in" not in visitor.visit(state):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert "There is no snapshot yet" in visitor.page
    assert manage.vault.load(manage.service.base_url, "1") is not None
    visitor.visit("/")
    visitor.submit("Sign out")
    assert manage.vault.load(manage.service.base_url, "1") is None


def test_a_snapshot_then_filters_then_a_plan_then_undo(
    at_home: tuple[Manage, Visitor, str],
) -> None:
    manage, visitor, home = at_home
    assert "Snapshot 1 is complete" in visitor.visit(home)
    page = visitor.visit(f"{home}/lists/followings?mutual=no&sort=name")
    assert [name for name in ("Cat", "dog", "eel", "fox") if name in page] == ["dog", "eel", "fox"]
    page = visitor.submit("Make a plan", action="unfollow", chosen="4")
    assert "chosen by you" in page
    assert manage.followings(1) == {2, 3, 4, 5}  # nothing happens before the next step
    visitor.submit("Apply now")
    manage.wait()
    page = visitor.visit(visitor.path)
    assert "1 of 1 acts were done" in page
    assert manage.followings(1) == {2, 3, 5}
    page = visitor.submit("Plan to undo it")
    assert "Follow · 1" in page
    visitor.submit("Apply now")
    manage.wait()
    assert manage.followings(1) == {2, 3, 4, 5}
    assert visitor.visit(f"{home}/plans").count("tag good") == 2


def test_all_that_match_are_meant_whatever_the_page_shows(
    at_home: tuple[Manage, Visitor, str],
) -> None:
    manage, visitor, home = at_home
    visitor.visit(f"{home}/lists/followings?mutual=no")
    page = visitor.submit("Make a plan", action="add", group_name="quiet ones", whole="1")
    assert "Mutual: no" in page
    with Archive.open(manage.folder / f"{home.removeprefix('/a/')}.db") as archive:
        [kept] = plans.kept(archive)
        acts = [*plans.get(archive, kept.name).acts()]
    assert [(act.act, act.mid, act.group) for act in acts] == [
        ("create_group", None, "quiet ones"),
        ("set_groups", 3, ""),
        ("set_groups", 4, ""),
        ("set_groups", 5, ""),
    ]
    visitor.submit("Throw it away")
    assert "No plan yet" in visitor.page


def test_what_cannot_be_planned_is_said(at_home: tuple[Manage, Visitor, str]) -> None:
    _, visitor, home = at_home
    visitor.visit(f"{home}/lists/followings")
    assert "choose accounts first" in visitor.submit("Make a plan", action="unfollow", chosen="")
    visitor.visit(f"{home}/lists/followings")
    page = visitor.submit("Make a plan", action="add", chosen="3", group_name="")
    assert "cannot name a group" in page
    assert "Since, before: a date" in visitor.visit(f"{home}/lists/followings?before=x")
    for path in ("/a/nobody", f"{home}/lists/nothing", f"{home}/plans/x", f"{home}/difference"):
        visitor.visit(path)
        assert visitor.answer.status == 404, path


def test_notes_marks_and_views_are_kept(at_home: tuple[Manage, Visitor, str]) -> None:
    manage, visitor, home = at_home
    visitor.visit(f"{home}/lists/followings/note/3")
    page = visitor.submit("Save", text=HOSTILE)
    assert "<b onclick" not in page
    assert "\u202e" not in page
    with Archive.open(manage.folder / f"{home.removeprefix('/a/')}.db") as archive:
        assert note_of(archive, 3) == HOSTILE
    visitor.visit(f"{home}/lists/followings?noted=yes")
    visitor.submit("Save", view="with notes")
    page = visitor.visit(f"{home}/lists/followings")
    assert 'noted=yes">with notes' in page
    page = visitor.submit("Delete the view with notes")
    assert "with notes" not in page.split("<table")[0].replace("The view is deleted", "")


def test_two_snapshots_are_compared(at_home: tuple[Manage, Visitor, str]) -> None:
    manage, visitor, home = at_home
    manage.service.import_edges([(3, 1)])
    with SyncClient(
        base_url=manage.service.base_url,
        credential=manage.vault.load(manage.service.base_url, "1"),
    ) as client:
        client.relation.unfollow(5)
    visitor.visit(home)
    visitor.submit("Take a snapshot")
    manage.wait()
    page = visitor.visit(f"{home}/difference")
    found = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))
    assert "Followings left 1 became mutual 1" in found.replace("followings", "Followings")
    assert "fox" in page
    assert "<polyline" in visitor.visit(home)


def test_a_form_of_another_page_changes_nothing(at_home: tuple[Manage, Visitor, str]) -> None:
    manage, visitor, home = at_home
    for body in (b"action=unfollow&chosen=3", b"action=unfollow&chosen=3&_csrf=0"):
        answer = visitor.send("POST", f"{home}/lists/followings/plan", body, Origin=manage.url)
        assert answer.status == 403
    visitor.visit(f"{home}/lists/followings")
    form = visitor.form("Make a plan")
    body = f"action=unfollow&chosen=3&_csrf={form.fields['_csrf']}".encode()
    there = {"Origin": "http://attacker.example"}
    assert visitor.send("POST", f"{home}/lists/followings/plan", body, **there).status == 403
    assert "No plan yet" in visitor.visit(f"{home}/plans")


def test_whoever_is_signed_out_is_sent_to_sign_in(
    at_home: tuple[Manage, Visitor, str], tmp_path: Path
) -> None:
    manage, visitor, home = at_home
    visitor.visit("/")
    visitor.submit("Sign out")
    visitor.visit(home)
    page = visitor.submit("Take a snapshot")
    assert "sign in by QR code first" in page
    assert visitor.path == "/sign-in"
    assert manage.pages.desk.state() is not None


def test_a_note_is_written_in_its_cell(at_home: tuple[Manage, Visitor, str]) -> None:
    manage, visitor, home = at_home
    visitor.visit(f"{home}/lists/followings")
    note = f"{home}/lists/followings/note/3"
    part = visitor.send("GET", note, HX_Request="true").raw.decode()
    assert "<html" not in part
    assert 'aria-label="Note about dog"' in part
    token = visitor.form("Make a plan").fields["_csrf"]
    body = urlencode({"_csrf": token, "text": HOSTILE}).encode()
    headers = {"Origin": manage.url, "HX_Request": "true"}
    part = visitor.send("POST", note, body, **headers).raw.decode()
    assert "&lt;b onclick" in part
    assert "<html" not in part
    with Archive.open(manage.folder / f"{home.removeprefix('/a/')}.db") as archive:
        assert note_of(archive, 3) == HOSTILE
    part = visitor.send("GET", f"{note}?shown=1", HX_Request="true").raw.decode()
    assert "<textarea" not in part
    assert "&lt;b onclick" in part


def test_views_keep_their_columns(at_home: tuple[Manage, Visitor, str]) -> None:
    _, visitor, home = at_home
    visitor.visit(f"{home}/lists/followings?columns=name&columns=fans&sort=name")
    page = visitor.submit("Save", view="fans")
    assert "columns=name%2Cfans" in page
    page = visitor.visit(f"{home}/lists/followings?columns=name%2Cfans&sort=name")
    assert page.count('<th scope="col"') == 3


def test_what_is_not_read_is_said(at_home: tuple[Manage, Visitor, str]) -> None:
    manage, visitor, home = at_home
    page = visitor.visit(f"{home}/lists/followings?mutual=no")
    assert "3 not read yet</a> – take a snapshot with" in page
    page = visitor.visit(f"{home}/lists/followings?mutual=no&read=no")
    assert page.count('name="chosen"') == 3
    visitor.visit(home)
    visitor.submit("Take a snapshot", last_posted="1")
    manage.wait()
    assert "not read" not in visitor.visit(f"{home}/lists/followings").split("<table")[1]


def test_the_account_that_guanxi_login_saved_is_offered(manage: Manage) -> None:
    session = manage.service.sign_in(2)
    credential = Credential(session.sessdata, session.bili_jct)
    manage.vault.save(manage.service.base_url, "default", credential)
    visitor = manage.visitor()
    before = len(manage.service.requests_to("web.nav"))
    assert "The account that guanxi login saved" in visitor.visit("/")
    assert len(manage.service.requests_to("web.nav")) == before  # looking sends nothing
    page = visitor.submit("Use this account")
    assert "Cat" in page
    assert "There is no snapshot yet" in page
    assert "The account that guanxi login saved" not in visitor.visit("/")
    assert str(credential.sessdata) not in visitor.page


def test_faces_are_shown_only_where_they_are_wanted(
    at_home: tuple[Manage, Visitor, str], tmp_path: Path
) -> None:
    manage, visitor, home = at_home
    with Archive.open(manage.folder / f"{home.removeprefix('/a/')}.db") as archive:
        for mid, face in (
            (2, "http://i0.hdslb.com/a.jpg"),
            (3, "https://attacker.example/b.jpg"),
            (4, "javascript:x()"),
        ):
            archive.db.execute("UPDATE profile SET face = ? WHERE mid = ?", (face, mid))
    assert "<img" not in visitor.visit(f"{home}/lists/followings")
    manage.pages._panel.site.image_hosts = frozenset(FACE_HOSTS)
    page = visitor.visit(f"{home}/lists/followings")
    assert re.findall(r'<img src="([^"]*)"', page) == ["https://i0.hdslb.com/a.jpg"]
    with_faces = Pages(manage.vault, folder=tmp_path, faces=True)
    policy = with_faces._panel.site._headers["Content-Security-Policy"]
    assert "img-src 'self' https://i0.hdslb.com https://i1.hdslb.com https://i2" in policy


def test_pages_of_3000_followings_are_small(manage: Manage) -> None:
    key = manage.archive(1)
    with Archive.open(manage.folder / f"{key}.db") as archive:
        for start in (10, 30):
            listed = [
                item(
                    start + one,
                    name=f"account {one}",
                    sign="a sign of an account " * 3,
                    groups=[one % 12 + 1],
                )
                for one in range(3_000)
            ]
            groups = [(one, f"group {one}") for one in range(1, 13)]
            add_snapshot(archive, 1_700_000_000 + start, groups, followings=listed)
    visitor = manage.visitor()
    for page in ("", "/lists/followings", "/groups", "/snapshots", "/difference", "/transfer"):
        visitor.visit(f"/a/{key}{page}")
        assert visitor.answer.status == 200
        assert len(visitor.answer.raw) < 100_000, page
    page = visitor.visit(f"/a/{key}/lists/followings?start=2960")
    assert page.count('name="chosen"') == 40
