"""The console over HTTP, as a browser without JavaScript has it."""

from __future__ import annotations

import csv
import re
import time
from collections import Counter
from urllib.parse import urlsplit

import pytest
from msgspec.structs import asdict

from guanxi.accounts.account import State
from guanxi.accounts.administrators import Scope
from guanxi.console.operator.samples import Samples
from guanxi.console.operator.two import drawn
from guanxi.operations import admin_tokens
from guanxi.service.metrics import BOUNDS, Totals
from tests.console.operated import TOKEN, Operated, on_both, on_both_long
from tests.console.visitor import Visitor
from tests.service.client import send

HOSTILE = "<img src=x onerror=\"document.title='x'\">\u202e\u0007'\"&amp;{{7*7}}"
#: Every page, of account 1 and another one.
PAGES = (
    *("/", "/accounts", "/accounts?q=1", "/accounts/1", "/accounts/1/lists/followings"),
    *("/accounts/1/lists/followers", "/accounts/1/sessions", "/accounts/1/erase"),
    *("/accounts/1/act", "/accounts/1/deregister", "/two", "/two?a=1&b=2", "/changes?oldest=1"),
    *("/audit", "/check", "/import", "/copies"),
)


@pytest.fixture(scope="module")
def hostile(service: Operated) -> Operated:
    """A service where account 1 has a hostile name, and something is on each page."""
    service.do(lambda store: store.set_changes(True))
    service.add({1: HOSTILE, 2: "乙", 3: "丙"}, (1, 2), (2, 1), (1, 3), (3, 2))
    service.visitor().visit("/console/accounts/1")
    visitor = service.visitor()
    visitor.visit("/console/accounts/2")
    visitor.submit("Ban", reason=HOSTILE)
    visitor.submit("Lift the ban")
    return service


def audited(service: Operated, mid: int) -> list[tuple[str, str, int | None]]:
    found = service.do(lambda store: store.audit(50, mid=mid))
    return [(one.who, one.what, one.status) for one in found]


# --- who may use it ---


def test_nothing_without_signing_in(hostile: Operated) -> None:
    visitor = Visitor(hostile.admin_url)
    for path in PAGES:
        answer = visitor.send("GET", f"/console{path}")
        assert answer.status == 303
        assert urlsplit(answer.headers["location"]).path == "/console/sign-in"
        assert not answer.raw
    part = visitor.send("GET", "/console/check", HX_Request="true")
    assert (part.status, part.headers["hx-refresh"]) == (204, "true"), (
        "the whole page is to sign in"
    )
    visitor.visit("/console/accounts?q=1")
    page = visitor.submit("Sign in", token="wrong")
    assert visitor.answer.status == 403
    assert "There is no such token" in page
    assert "wrong" not in page
    visitor.submit("Sign in", token=TOKEN)
    assert visitor.path == "/console/accounts?q=1", "whoever signs in goes on where they were"
    assert TOKEN not in str(visitor.cookies)
    part = visitor.send("GET", "/console/accounts/99", HX_Request="true")
    assert (part.status, part.headers["hx-reswap"]) == (404, "none"), "what is shown stays"
    visitor.submit("Sign out")
    assert visitor.send("GET", "/console/").status == 303


def test_the_cookie_is_for_the_console_alone(service: Operated) -> None:
    visitor = Visitor(service.admin_url)
    visitor.visit("/console")
    form = visitor.form("Sign in")
    body = f"_csrf={form.fields['_csrf']}&token={TOKEN}".encode()
    visitor.send("POST", "/console/sign-in", body, Origin=service.admin_url)
    [cookie] = [one for one in visitor.set if one.startswith("guanxi_console=")]
    assert {"HttpOnly", "Path=/console", "SameSite=strict"} <= {*cookie.split("; ")}
    cookies = {"Cookie": f"guanxi_console={visitor.cookies['guanxi_console']}"}
    assert send(service.admin_url, "GET", "/accounts", headers=cookies).status == 401


def test_a_token_that_reads_sees_and_changes_nothing(hostile: Operated) -> None:
    visitor = hostile.visitor(hostile.token("reader", Scope.READ))
    for path in PAGES:
        page = visitor.visit(f"/console{path}")
        assert visitor.answer.status == 200, path
        posts = page.count('method="post"')
        assert posts == (2 if path.endswith(("/act", "/deregister")) else 1), path
    writer = hostile.visitor()
    writer.visit("/console/accounts/2")
    fields = visitor.form("Sign out").fields
    for button in ("Save", "Ban"):
        path = urlsplit(writer._resolved(writer.form(button).action)).path
        body = f"_csrf={fields['_csrf']}&name=other".encode()
        answer = visitor.send("POST", path, body, Origin=hostile.admin_url)
        assert answer.status == 403, button
    account = hostile.do(lambda store: store.account(2))
    assert account is not None
    assert account.state is State.NORMAL
    visitor = Visitor(hostile.admin_url)
    visitor.visit("/console")
    page = visitor.submit("Sign in", token=hostile.token("meter", Scope.METRICS))
    assert "may only read metrics" in page


def test_a_revoked_token_ends_its_sessions(hostile: Operated) -> None:
    visitor = hostile.visitor(hostile.token("leaving", *Scope))
    assert "leaving" in visitor.visit("/console/")
    hostile.do(lambda store: admin_tokens.revoke(store, "leaving"))
    time.sleep(1.05)
    assert visitor.send("GET", "/console/accounts").status == 303


def test_a_form_of_another_page_changes_nothing(hostile: Operated) -> None:
    visitor = hostile.visitor()
    visitor.visit("/console/accounts/2")
    csrf = visitor.form("Ban").fields["_csrf"]
    path = "/console/accounts/2/ban"
    own = {"Origin": hostile.admin_url}
    assert visitor.send("POST", path, b"reason=x", **own).status == 403
    body = f"_csrf={csrf}&reason=x".encode()
    assert visitor.send("POST", path, body, Origin=hostile.url).status == 403
    assert "banned" not in str(hostile.do(lambda store: store.account(2)))


# --- what others wrote ---


@on_both
def test_names_are_text_and_pages_have_their_headers(hostile: Operated) -> None:
    visitor = hostile.visitor()
    for path in PAGES:
        page = visitor.visit(f"/console{path}")
        assert visitor.answer.status == 200, path
        assert "<img" not in page, path
        shown = re.sub(r' value="[^"]*"', "", page)  # a form sends back what it was given
        assert not {"\u202e", "\u0007"} & {*shown}, path
        headers = visitor.answer.headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
    assert "&lt;img" in visitor.visit("/console/accounts/1")


# --- accounts ---


@on_both_long
def test_change_an_account_and_find_it_in_the_audit_log(service: Operated) -> None:
    service.add({70: "七十"})
    visitor = service.visitor(service.token("anna", *Scope))
    visitor.visit("/console/accounts/70")
    page = visitor.submit("Save", name="seventy", sign="hi", key="k70", hide_followers="1")
    assert "The account is changed" in page
    assert "seventy" in visitor.visit("/console/accounts?q=k70"), "found by its key"
    visitor.visit("/console/accounts/70")
    page = visitor.submit("Save", name="x" * 65)
    assert "Expected `str` of length &lt;= 64" in page
    visitor.submit("Ban", reason="spam", until="2001-01-01T00:00")
    assert "must be after now" in visitor.page
    page = visitor.submit("Ban", reason="spam", until="2090-01-01T00:00")
    assert "The account is banned" in page
    assert "2090-01-01 00:00:00" in page
    assert "The ban is lifted" in visitor.submit("Lift the ban")
    visitor.visit("/console/accounts/70/act")
    page = visitor.submit("Sign in as it")
    assert "export GUANXI_SESSDATA=" in page
    visitor.visit("/console/accounts/70/sessions")
    assert "1 sessions are signed out" in visitor.submit("Sign out all")
    card = service.do(lambda store: store.cards([70]))[70]
    assert (card.name, card.sign) == ("seventy", "hi")
    account = service.do(lambda store: store.account(70))
    assert account is not None
    assert [name for name, on in asdict(account.privacy).items() if on] == ["hide_followers"]
    state = "PUT /accounts/{mid}/state"
    assert audited(service, 70) == [
        ("anna", "DELETE /accounts/{mid}/sessions", 200),
        ("anna", "POST /accounts/{mid}/sessions", 200),
        ("anna", state, 200),
        ("anna", state, 200),
        ("anna", state, 400),
        ("anna", "PUT /accounts/{mid}", 400),
        ("anna", "PUT /accounts/{mid}", 200),
    ]
    page = visitor.visit("/console/accounts/70/audit")
    assert page.count("<code>PUT /accounts/{mid}/state</code>") == 3
    assert "anna" in page


def test_what_is_refused_is_in_the_audit_log_too(service: Operated) -> None:
    service.add({73: "在"})
    visitor = service.visitor()
    visitor.visit("/console/accounts/73")
    form = visitor.form("Ban")
    body = f"_csrf={form.fields['_csrf']}&reason=x".encode()
    visitor.send("POST", "/console/accounts/74/ban", body, Origin=service.admin_url)
    assert audited(service, 74) == [("configured", "PUT /accounts/{mid}/state", 404)]
    visitor.send("POST", "/console/accounts/74/edit", body, Origin=service.admin_url)
    assert audited(service, 74)[0] == ("configured", "PUT /accounts/{mid}", 404)
    assert service.do(lambda store: store.account(74)) is None, "a form creates no account"


@on_both_long
def test_erase_only_what_was_typed(service: Operated) -> None:
    service.add({71: "去", 72: "留"}, (72, 71))
    visitor = service.visitor()
    visitor.visit("/console/accounts/71/erase")
    assert "Nothing was erased" in visitor.submit("Erase", typed="72")
    assert audited(service, 71) == []
    page = visitor.submit("Erase", typed="71")
    until = time.monotonic() + 20
    while "Finished at" not in page and time.monotonic() < until:
        page = visitor.visit("/console/accounts/71")
    assert "Finished at" in page
    assert service.do(lambda store: store.tally(72)).following == 0
    assert audited(service, 71) == [("configured", "DELETE /accounts/{mid}", 200)]


def test_every_account_once_by_pages_and_as_csv(service: Operated) -> None:
    names = {mid: f"page{mid:03}" for mid in range(500, 650)}
    names[650] = "page=2+3"
    service.add({**names, 651: "=1+1"})
    visitor, path, seen = service.visitor(), "/console/accounts?q=page", list[str]()
    for _ in range(2):
        page = visitor.visit(path)
        seen += [part.partition("<")[0] for part in page.split('<bdi class="name">')[1:]]
        path = (page.partition('hx-get="')[2].partition('"')[0]).replace("&amp;", "&")
        path = f"/console/{path.removeprefix('./')}"
    assert seen == sorted(names.values())
    rows = [*csv.DictReader(visitor.visit("/console/accounts.csv?q=page").splitlines())]
    assert {int(row["mid"]): row["name"] for row in rows} == names
    rows = [*csv.DictReader(visitor.visit("/console/accounts.csv?q=651").splitlines())]
    assert [(row["mid"], row["name"], row["state"]) for row in rows] == [("651", "'=1+1", "normal")]
    page = visitor.visit("/console/accounts?q=page&after=nonsense")
    assert visitor.answer.status == 400
    assert "not a cursor" in page


# --- relations and changes ---


@on_both_long
def test_two_accounts_in_both_directions(hostile: Operated) -> None:
    visitor = hostile.visitor()
    page = visitor.visit("/console/two?a=1&b=2")
    assert page.count('<span class="tag good">follows</span>') == 2
    assert "Follows it directly; through 1 accounts that it follows." in page
    assert page.count('class="direct"') == 2
    assert page.count('class="step"') == 2, "1 → 3 → 2, and no other"
    page = visitor.visit("/console/two?a=2&b=3")
    assert "Through 1 accounts that it follows." in page, "2 → 1 → 3"
    assert "Fill in the mids" in visitor.visit("/console/two?a=1&b=1")


def test_a_path_is_drawn_from_rim_to_rim() -> None:
    drawing = drawn(1, 2, [], "", direct=True)
    [line] = drawing.lines
    assert (line.x1, line.y1, line.y2) == (77, 32, 32)
    assert line.tip == "M403.0 32.0L394.0 36.0L394.0 28.0Z"


@on_both_long
def test_changes_of_a_filter(hostile: Operated) -> None:
    visitor = hostile.visitor()
    page = visitor.visit("/console/changes?oldest=1&kind=follow&mid=3")
    assert page.count("<code>follow</code>") == 2, "1 follows 3, and 3 follows 2"
    assert "No change yet" in visitor.visit("/console/changes")


# --- the overview ---


def test_samples_of_an_hour() -> None:
    now = [0.0]
    counts = [0]

    def read() -> Totals:
        done, buckets = counts[0], [0] * (len(BOUNDS) + 1)
        buckets[2], buckets[-1] = done, done // 50
        return Totals(Counter({0: done}), Counter({"a": done}), tuple(buckets), done // 2, 0.0)

    samples = Samples(read, lambda: now[0])
    for minute in range(1, 121):
        now[0], counts[0] = 60.0 * minute, 10 * minute
        samples.take()
    hour = samples.last(3_600)
    assert (hour.seconds, hour.requests, hour.each_minute) == (3_600, 600, 5)
    assert hour.codes == {0: 600}
    assert hour.slower(0.5) == 0.0025
    assert hour.slower(0.01) is None, "one in fifty is above the longest bound"
    assert samples.last(86_400).requests == 1_200
    line = samples.line(3_600)
    assert line is not None
    assert (line.highest, len(line.points.split())) == (10, 60)


@on_both_long
def test_the_overview_says_what_is_wrong(hostile: Operated) -> None:
    visitor = hostile.visitor()
    page = visitor.visit("/console/")
    assert "The store was not checked within the last month" in page
    assert "No backup is known" in page
    assert ("pg_dump" in page) == hostile.store.startswith("postgresql:")
    assert ("pg_dump" in visitor.visit("/console/copies")) == ("pg_dump" in page)
    visitor.visit("/console/check")
    page, until = visitor.submit("Start a check"), time.monotonic() + 20
    while "<strong>No faults</strong>" not in page and time.monotonic() < until:
        page = visitor.visit("/console/check")
    assert "<strong>No faults</strong>" in page
    assert hostile.do(lambda store: store.note("checked")) is not None
    assert audited(hostile, 0)[0] == ("configured", "check", 200)
    hostile.token("soon", Scope.READ)
    assert "The token soon ends within 1 days" in visitor.visit("/console/")
