"""The emulator's pages over HTTP, as a browser without JavaScript has them."""

from __future__ import annotations

import re
from urllib.parse import urlencode, urlsplit

import pytest
from markupsafe import escape
from msgspec.structs import asdict

from guanxi.console.demo.faults import EFFECTS, fault_of
from guanxi.contract import endpoints as e
from guanxi.demo.world import BANNED, HERO, ROLES
from guanxi.emulator.faults import Fault
from tests.console.visitor import Demo, Visitor
from tests.service.client import send

PAGES = ("/", "/docs", "/docs/relation.modify", "/demo/requests", "/demo/faults", "/demo/world")
HOSTILE = "<img src=x onerror=\"document.title='x'\">\u202e\u0007'\"&amp;{{7*7}}"


def call(demo: Demo, visitor: Visitor, path: str, **params: object) -> int:
    """Return the code of a call with the visitor's session."""
    session = {"Cookie": f"SESSDATA={visitor.cookies.get('SESSDATA', '')}"}
    query = {name: str(value) for name, value in params.items()}
    code: int = send(demo.url, "GET", path, query=query, headers=session).body["code"]
    return code


# --- the stories ---


def test_act_as_call_see_it_arrive(demo: Demo) -> None:
    visitor = Visitor(demo.url)
    page = visitor.visit("/")
    for mid, role in ROLES.items():
        assert f">{mid}</span>" in page
        assert escape(role.en) in page
    assert call(demo, visitor, e.FRIENDS.path) == -101
    page = visitor.submit("Act as Warma")
    assert "You act as Warma (53456)" in page
    assert f"export GUANXI_SESSDATA={visitor.cookies['SESSDATA']}" in page
    assert call(demo, visitor, e.FRIENDS.path) == 0
    assert "You act as" not in visitor.visit("/"), "a notice is shown once"
    page = visitor.visit("/demo/requests")
    assert page.count("relation.friends</a>") == 2
    assert "Warma" in page
    number = re.search(r"/demo/requests/(\d+)\"", page)
    assert number is not None
    page = visitor.visit(f"/demo/requests/{number[1]}")
    assert "guanxi api relation.friends" in page
    assert visitor.cookies["SESSDATA"] not in page
    page = visitor.visit("/demo/requests?code=-101")
    assert page.count("relation.friends</a>") == 1
    page = visitor.visit("/demo/requests?endpoint=no.such")
    assert "names no endpoint" in page
    visitor.visit("/demo/requests")
    assert "No request yet" in visitor.submit("Forget all")
    visitor.visit("/")
    visitor.submit("Sign out")
    assert "SESSDATA" not in visitor.cookies
    assert "signed out" in visitor.page


def test_older_requests_follow_in_blocks(demo: Demo) -> None:
    visitor = Visitor(demo.url)
    for number in range(1, 121):
        visitor.send("GET", f"{e.STAT.path}?vmid={number}")
    path, seen = "/demo/requests?endpoint=relation.stat", list[int]()
    for rows in (50, 50, 20):
        page = visitor.visit(path)
        numbers = [int(one) for one in re.findall(r"</b>=(\d+)</td>", page)]
        assert len(numbers) == rows
        seen += numbers
        more = re.search(r'<a href="../demo/requests(\?[^"]*before=\d+)">More</a>', page)
        path = f"/demo/requests{more[1].replace('&amp;', '&')}" if more else ""
    assert seen == [*range(120, 0, -1)]
    assert path == ""
    renewing = re.search(
        r'hx-get="../demo/requests(\?[^"]*seen=120)"', visitor.visit("/demo/requests")
    )
    assert renewing is not None
    again = f"/demo/requests{renewing[1].replace('&amp;', '&')}"
    assert visitor.send("GET", again).status == 204
    visitor.send("GET", f"{e.STAT.path}?vmid=121")
    assert "121</td>" in visitor.visit(again)
    assert "<html" not in visitor.page


def test_any_account_by_its_mid(demo: Demo) -> None:
    visitor = Visitor(demo.url)
    visitor.visit("/")
    form = visitor.form("Act as")
    assert form.fields.keys() == {"_csrf", "mid"}
    visitor.submit("Act as", mid=str(HERO))
    assert "You act as 示例用户" in visitor.page
    for unknown in ("999999999", "0", "x", "9" * 30):
        session = visitor.cookies["SESSDATA"]
        visitor.submit("Act as", mid=unknown)
        assert 'class="notice refused"' in visitor.page, unknown
        assert visitor.cookies["SESSDATA"] == session


def test_fault_fail_remove(demo: Demo) -> None:
    visitor = Visitor(demo.url)
    visitor.visit("/")
    visitor.submit("Act as Warma")
    page = visitor.visit("/demo/faults")
    assert "None: every request is answered as usual" in page
    fields = {"endpoint": "relation.stat", "effect": "code", "value": "-352", "times": "1"}
    page = visitor.submit("Set it", **fields)
    assert "The fault is set" in page
    assert "at most 1×" in page
    assert [call(demo, visitor, e.STAT.path, vmid=2) for _ in range(2)] == [-352, 0]
    assert "code -352" in visitor.visit("/demo/requests?endpoint=relation.stat")
    visitor.visit("/demo/faults")
    visitor.submit("Remove")
    assert demo.control("GET", "/faults") == []
    page = visitor.submit("Set it", effect="status", value="200")
    assert visitor.answer.status == 400
    assert "status must be 400 to 599, not 200" in page
    visitor.cookies["guanxi_language"] = "zh"
    visitor.visit("/demo/faults")
    assert "比例：0 到 1 的数" in visitor.submit("设置", effect="half", rate="often")
    visitor.cookies["guanxi_language"] = "en"
    visitor.visit("/demo/faults")
    page = visitor.submit("Set it", effect="status", value="200")
    assert 'value="200"' in page, "the form keeps what was filled in"


def test_stories_by_switch(demo: Demo) -> None:
    visitor = Visitor(demo.url)
    visitor.visit("/demo/faults")
    page = visitor.submit("flaky")
    assert "flaky is on" in page
    assert len(demo.control("GET", "/faults")) == 4
    demo.control("POST", "/faults", code=-799)
    visitor.visit("/demo/faults")
    visitor.submit("rate-limit")
    visitor.submit("flaky")
    assert [one["code"] for one in demo.control("GET", "/faults")] == [-799, -799]
    assert visitor.page.count('aria-checked="true"') == 1
    visitor.submit("Remove all")
    assert demo.control("GET", "/faults") == []


def test_mark_change_and_go_back(demo: Demo) -> None:
    visitor = Visitor(demo.url)
    visitor.visit("/")
    visitor.submit("Act as Warma")
    visitor.visit("/demo/world")
    visitor.submit("Mark now", name="before <b>")
    assert "before &lt;b&gt;" in visitor.page
    body = {"fid": 2, "act": 1, "re_src": 11, "csrf": visitor.cookies["bili_jct"]}
    done = visitor.send("POST", e.MODIFY.path, urlencode(body).encode())
    assert done.body["code"] == 0
    followed = {"vmid": 53456}
    session = {"Cookie": f"SESSDATA={visitor.cookies['SESSDATA']}"}

    def followings() -> int:
        answer = send(demo.url, "GET", e.STAT.path, query=followed, headers=session)
        following: int = answer.body["data"]["following"]
        return following

    before = followings()
    visitor.visit(f"/demo/world/reset?{urlencode({'name': 'before <b>'})}")
    assert "Everything that changed since is lost" in visitor.page
    assert followings() == before, "nothing happens before it is confirmed"
    visitor.submit("Go back")
    assert "The world is as at before &lt;b&gt;" in visitor.page
    assert followings() == before - 1


def test_the_clock(demo: Demo) -> None:
    visitor = Visitor(demo.url)
    visitor.cookies["guanxi_zone"] = "Asia/Shanghai"
    visitor.visit("/demo/world")
    visitor.submit("Freeze", at="2026-12-01T08:00:30")
    assert "2026-12-01 08:00:30" in visitor.page
    assert demo.control("GET", "")["time"] == 1_796_083_230
    visitor.submit("+1 day")
    assert "2026-12-02 08:00:30" in visitor.page
    for no_time in ("yesterday", "9999-99-99", "0001-01-01T00:00:00"):
        visitor.submit("Freeze", at=no_time)
        assert 'class="notice refused"' in visitor.page, no_time
    visitor.submit("+1 day", advance="soon")
    assert "Enter a time, such as 2026-12-01T08:00:00." in visitor.page
    visitor.submit("+1 day", advance="1e300")
    assert "the service&#39;s clock must be from 1970 to 9999" in visitor.page
    visitor.submit("Return to real time")
    assert demo.control("GET", "")["frozen"] is False
    visitor.submit("Freeze now")
    assert demo.control("GET", "")["frozen"] is True
    visitor.visit("/demo/world/renew")
    visitor.submit("Start over")
    assert demo.control("GET", "")["frozen"] is False


# --- who may ---


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"X-Real-IP": "::1"},
        {"Host": "api.bilibili.com"},
        {"Host": "192.0.2.1:8000"},
    ],
    ids=str,
)
def test_visitors_from_elsewhere_need_the_token(demo: Demo, headers: dict[str, str]) -> None:
    visitor = Visitor(demo.url, headers)
    page = visitor.visit("/")
    assert "You come from another machine" in page
    assert "guanxi_demo" not in visitor.cookies
    for path in ("/demo/requests", "/demo/faults", "/demo/world", "/demo/world/renew"):
        assert visitor.send("GET", path).headers["location"] == "/demo/sign-in"
    for path in ("/demo/act", "/demo/faults", "/demo/world/renew"):
        assert visitor.send("POST", path).headers["location"] == "/demo/sign-in"
    if "Host" in headers:
        return  # the visitor's form would have another origin
    visitor.visit("/demo/requests")
    visitor.submit("Enter", token="wrong")
    assert visitor.answer.status == 403
    assert "That is not the token" in visitor.page
    visitor.submit("Enter", token=demo.token)
    assert "Requests" in visitor.visit("/demo/requests")
    assert demo.token not in visitor.page


def test_forms_of_other_pages_are_refused(demo: Demo) -> None:
    visitor = Visitor(demo.url)
    visitor.visit("/demo/faults")
    token = visitor.form("Set it").fields["_csrf"]
    fault = {"effect": "code", "value": "-1", "endpoint": "*"}
    good = urlencode({**fault, "_csrf": token}).encode()
    own = {"Origin": f"http://{urlsplit(demo.url).netloc}"}
    refused = [
        visitor.send("POST", "/demo/faults", urlencode(fault).encode(), **own),
        visitor.send("POST", "/demo/faults", urlencode({**fault, "_csrf": "é"}).encode(), **own),
        visitor.send("POST", "/demo/faults", good, Origin="http://evil.example"),
        visitor.send("POST", "/demo/faults", good, Origin="null"),
        visitor.send("POST", "/demo/faults", good, **own, Sec_Fetch_Site="same-site"),
        visitor.send("POST", "/demo/faults", good, **own, Sec_Fetch_Site="cross-site"),
        Visitor(demo.url).send("POST", "/demo/faults", good, **own),
    ]
    assert [one.status for one in refused] == [403] * len(refused)
    assert "This form was not sent from a page" in refused[0].raw.decode()
    assert visitor.send("POST", "/demo/faults", b"a" * 270_000, **own).status == 413
    assert visitor.send("POST", "/demo/faults", b"a=%ff", **own).status == 400
    assert demo.control("GET", "/faults") == []
    assert (
        visitor.send("POST", "/demo/faults", good, **own, Sec_Fetch_Site="same-origin").status
        == 303
    )


@pytest.mark.parametrize("path", [*PAGES, "/demo/nothing", "/demo/sign-in"])
def test_every_page_has_its_security_headers(demo: Demo, path: str) -> None:
    visitor = Visitor(demo.url)
    answer = visitor.send("GET", path)
    assert answer.status == (404 if path == "/demo/nothing" else 200)
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    for cookie in visitor.set:
        assert "HttpOnly" in cookie
        assert "samesite" in cookie.lower()
    assert len(answer.raw) < 100_000


def test_the_rest_of_the_address_is_the_service(demo: Demo) -> None:
    assert send(demo.url, "GET", "/healthz").body == {"status": "ok"}
    assert send(demo.url, "GET", "/nothing").body["code"] == -404
    assert send(demo.url, "GET", "/demos").body["code"] == -404
    assert Visitor(demo.url).send("PUT", "/demo/faults").status == 405
    demo.control("POST", "/stubs", method="GET", path="/demo/faults", body={"stubbed": 1})
    assert send(demo.url, "GET", "/demo/faults").body == {"stubbed": 1}
    demo.control("DELETE", "/stubs")
    assert [one["endpoint"] for one in demo.control("GET", "/requests")] == ["none"] * 3


# --- what others wrote ---


def test_hostile_names_are_text_on_every_page(demo: Demo) -> None:
    demo.control("POST", "/accounts", cards={"77": {"name": HOSTILE, "sign": HOSTILE}})
    visitor = Visitor(demo.url)
    visitor.visit("/")
    visitor.submit("Act as", mid="77")
    demo.control("POST", "/marks", name=HOSTILE)
    demo.control("POST", "/faults", endpoint=f"/{HOSTILE}*", code=-1, params={HOSTILE: HOSTILE})
    visitor.send("GET", f"{e.STAT.path}?{urlencode({'vmid': HOSTILE, HOSTILE: HOSTILE})}")
    visitor.send("GET", "/%3Cimg%20src=x%20onerror=alert(1)%3E%E2%80%AE")
    shown = (
        "&lt;img src=x onerror=&#34;document.title=&#39;x&#39;&#34;&gt;��&#39;&#34;&amp;amp;{{7*7}}"
    )
    shown = shown.replace("��", "�␇")
    seen = 0
    for path in (
        *PAGES,
        "/demo/requests/1",
        "/demo/requests/2",
        f"/demo/world/reset?{urlencode({'name': HOSTILE})}",
        f"/demo/requests?{urlencode({'endpoint': HOSTILE, 'by': HOSTILE, 'code': HOSTILE})}",
        f"/docs?{urlencode({'q': HOSTILE})}",
        f"/docs/relation.stat?{urlencode({'vmid': HOSTILE})}",
        f"/docs/code?{urlencode({'endpoint': 'relation.stat', 'vmid': HOSTILE})}",
    ):
        page = visitor.visit(path)
        assert visitor.answer.status == 200, path
        assert "<img" not in page, path
        text = re.sub(r'value="[^"]*"', "", page)
        assert not {"\u202e", "\u0007"} & set(text), path
        seen += shown in page
    assert seen >= 6


# --- the form of a fault ---


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"effect": "code", "value": "-352"}, Fault(code=-352)),
        ({"effect": "status", "value": "502", "rate": "0.1"}, Fault(status=502, rate=0.1)),
        ({"effect": "delay", "value": "0.1..0.5"}, Fault(delay="0.1..0.5")),
        ({"effect": "delay", "value": "2", "after": "3"}, Fault(delay=2.0, after=3)),
        ({"effect": "drop-after", "times": "2"}, Fault(drop="after", times=2)),
        ({"effect": "truncated", "endpoint": ":lists"}, Fault(endpoint=":lists", body="truncated")),
        ({"effect": "half"}, Fault(half=True)),
        (
            {"effect": "stale", "params": "act=1 fid=2"},
            Fault(stale=True, params={"act": "1", "fid": "2"}),
        ),
    ],
    ids=str,
)
def test_the_fault_of_a_form(fields: dict[str, str], fault: Fault) -> None:
    assert asdict(fault_of(fields)) == asdict(fault)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "effect"),
        ({"effect": "code"}, "value"),
        ({"effect": "code", "value": "x"}, "value"),
        ({"effect": "code", "value": "9" * 40}, "value"),
        ({"effect": "half", "rate": "often"}, "rate"),
        ({"effect": "half", "rate": "nan"}, "rate"),
        ({"effect": "half", "after": "-1"}, "after"),
        ({"effect": "half", "params": "act"}, "params"),
        ({"effect": "half", "endpoint": "nope.nope"}, "nope.nope"),
        ({"effect": "delay", "value": "1e99"}, "delay"),
    ],
    ids=str,
)
def test_a_fault_that_is_refused(fields: dict[str, str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        fault_of(fields)


def test_every_effect_can_be_set() -> None:
    for effect in EFFECTS:
        values = {"code": "-1", "status": "500", "delay": "1"}
        fault_of({"effect": effect, "value": values.get(effect, "")})


def test_a_banned_account_may_be_acted_as(demo: Demo) -> None:
    visitor = Visitor(demo.url)
    visitor.visit("/")
    visitor.submit("Act as", mid=str(BANNED))
    assert "You act as 被封停的人" in visitor.page
