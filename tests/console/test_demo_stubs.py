"""The emulator's stubs by the demo's pages, as a browser without JavaScript has them."""

from __future__ import annotations

import html
from urllib.parse import quote

import pytest

from guanxi.console.demo.stubs import EXAMPLES, fields_of, stub_of
from guanxi.emulator.stubs import Response, Stub, errors_of
from tests.console.test_demo_pages import HOSTILE
from tests.console.visitor import Demo, Visitor
from tests.service.client import send

CARD = "/x/web-interface/card/{mid}"


def test_make_try_change_and_remove(demo: Demo) -> None:
    visitor = Visitor(demo.url)
    assert "None: the service answers every path" in visitor.visit("/demo/stubs")
    body = '{"code": 0, "data": {"name": "<b>"}}'
    page = visitor.submit("Set the stub", path=CARD, body=body, times="3")
    assert "The stub is set: try it here" in page
    assert 'value="/x/web-interface/card/1"' in page, "the path of the request is filled in"
    page = visitor.submit("Send GET", to="/x/web-interface/card/9?from=page")
    assert "HTTP 200" in page
    assert "&#34;name&#34;: &#34;&lt;b&gt;&#34;" in page
    assert "content-type: application/json" in page
    [recorded] = demo.control("GET", "/requests")
    assert (recorded["path"], recorded["stub"]) == ("/x/web-interface/card/9", True)
    assert f'/demo/requests/{recorded["number"]}"' in page
    assert send(demo.url, "GET", "/x/web-interface/card/2").body["data"] == {"name": "<b>"}
    page = visitor.visit("/demo/stubs/1")
    assert "Answered 2 times, at most 3 times" in page
    page = visitor.submit("Save", status="404", body='{"code": -404}', headers="X-Kind: other")
    assert "The stub is changed" in page
    answer = send(demo.url, "GET", "/x/web-interface/card/2")
    assert (answer.status, answer.body, answer.headers["x-kind"]) == (404, {"code": -404}, "other")
    page = visitor.visit("/demo/stubs")
    assert '<tag class="tag bad">404' not in page
    assert "{&#34;code&#34;:-404}" in page
    visitor.submit("Remove")
    assert demo.control("GET", "/stubs") == []
    visitor.visit("/demo/stubs/1")
    assert visitor.answer.status == 404
    assert "Go to the start page" in visitor.page


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_example_is_a_valid_stub(demo: Demo, name: str) -> None:
    visitor = Visitor(demo.url)
    visitor.visit(f"/demo/stubs?example={name}")
    page = visitor.submit("Set the stub", **EXAMPLES[name].fields)
    assert "The stub is set" in page
    assert html.escape(EXAMPLES[name].fields["body"].splitlines()[0][:12]) in page
    page = visitor.submit("Send GET")
    status = EXAMPLES[name].fields.get("status", "200")
    assert f"HTTP {status}" in page
    assert demo.control("GET", "/requests")[0]["stub"] is True


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("path", "x", "Must begin with a slash, not 'x'"),
        ("path", "/x?a=1", "Must have no query"),
        ("path", "/demo/{any}", "Would hide this page"),
        ("status", "20", "Must be 200 to 599, not 20"),
        ("status", "often", "Must be a whole number, not 'often'"),
        ("times", "0", "Must be 1 or more"),
        ("times", "9" * 30, "Must be a whole number"),
        ("body", '{"code": ', "Must be JSON"),
        ("headers", "a b: c", "Must be name: value, one a line"),
        ("headers", "no colon", "Must be name: value, one a line"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(demo: Demo, field: str, value: str, why: str) -> None:
    visitor = Visitor(demo.url)
    visitor.visit("/demo/stubs")
    given = {"path": "/x/y", "body": "{}", field: value}
    page = html.unescape(visitor.submit("Set the stub", **given))
    assert visitor.answer.status == 400
    assert demo.control("GET", "/stubs") == []
    assert f'id="{field}-wrong">{why}' in page
    assert page.count('aria-invalid="true"') == 1
    assert f"{field}-help {field}-wrong" in page
    assert value in page, "the form keeps what was filled in"
    visitor.cookies["guanxi_language"] = "zh"
    visitor.visit("/demo/stubs")
    assert why not in html.unescape(visitor.submit("设置桩", **given))


def test_a_wrong_change_leaves_the_stub(demo: Demo) -> None:
    demo.control("POST", "/stubs", method="GET", path="/x/y", body=1)
    visitor = Visitor(demo.url)
    visitor.visit("/demo/stubs/1")
    page = visitor.submit("Save", body="{")
    assert visitor.answer.status == 400
    assert 'id="body-wrong"' in page
    assert send(demo.url, "GET", "/x/y").raw == b"1"
    visitor.visit("/demo/stubs/1")
    page = visitor.submit("Send GET", to="no path")
    assert 'id="to-wrong"' in page


def test_a_stub_is_tried_with_faults_as_any_request(demo: Demo) -> None:
    demo.control("POST", "/stubs", method="POST", path="/x/y", body=1)
    demo.control("POST", "/faults", endpoint="/x/y", drop="before", times=1)
    visitor = Visitor(demo.url)
    visitor.visit("/demo/stubs/1")
    assert "a fault cut the connection" in visitor.submit("Send POST")
    assert "HTTP 200" in visitor.submit("Send POST")
    assert [one["status"] for one in demo.control("GET", "/requests")] == [None, 200]


def test_what_a_stub_has_is_text_on_the_pages(demo: Demo) -> None:
    path = f"/x/{HOSTILE}".replace("{{", "").replace("}}", "")
    demo.control("POST", "/stubs", method="GET", path=path, body={"name": HOSTILE})
    visitor = Visitor(demo.url)
    for at in ("/demo/stubs", "/demo/stubs/1"):
        page = visitor.visit(at)
        assert visitor.answer.status == 200
        assert "<img" not in page, at
        assert 'onerror="' not in page
    page = visitor.submit("Send GET", to=quote(path))
    assert "HTTP 200" in page
    assert "<img" not in page


def test_the_form_of_a_stub_leads_to_the_same_stub() -> None:
    kept = Stub(
        method="PUT",
        path="/x/{a}",
        answer=Response({"a": [1, "é"]}, 201, {"x-a": "b", "x-c": "d"}),
        times=2,
    )
    assert stub_of(fields_of(kept)) == (kept, {})
    raw = Stub(method="GET", path="/x", answer=b"<p>\n")
    again, wrong = stub_of(fields_of(raw))
    assert not wrong
    assert again.answer.body == raw.answer
    assert fields_of(Stub(method="GET", path="/x", answer=print)).keys() == {
        "method",
        "path",
        "times",
    }
    assert errors_of(kept) == {}
