"""The stubs of a demo: made, changed and removed by forms, each with a request that tries it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response as Page

from guanxi.console.demo.panel import Panel
from guanxi.contract.endpoints import BY_NAME
from guanxi.contract.paths import fill, matcher, placeholders
from guanxi.emulator.call import Captured
from guanxi.emulator.stubs import Placed, Response, Stub, errors_of, is_header
from guanxi.text import Text
from guanxi.web.paging import whole_number
from guanxi.web.routing import Verb
from guanxi.web.site import Notice

PATH, REMOVE, CLEAR = "/demo/stubs", "/demo/stubs/remove", "/demo/stubs/clear"
_ONE, _TRY = f"{PATH}/{{number}}", f"{PATH}/{{number}}/try"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
#: The most characters of a response that a page shows.
_SHOWN = 20_000


class Example(NamedTuple):
    """A stub to begin with: its name, and the fields of the form."""

    name: Text
    fields: dict[str, str]


EXAMPLES = {
    "missing": Example(
        Text("guanxi 没有的接口", "An endpoint that guanxi lacks"),
        {
            "path": "/x/web-interface/card/{mid}",
            "body": '{\n  "code": 0,\n  "data": {"card": {"name": "a friend"}}\n}',
        },
    ),
    "other": Example(
        Text("改写一个接口的响应", "Another response of an endpoint"),
        {
            "path": "/x/relation/stat",
            "body": '{\n  "code": 0,\n  "data": {"mid": 2, "follower": 999999999}\n}',
        },
    ),
    "down": Example(
        Text("维护中，仅一次", "Down for maintenance, once"),
        {
            "path": "/x/relation/followings",
            "status": "503",
            "kind": "text",
            "headers": "content-type: text/html; charset=utf-8\nretry-after: 5",
            "body": "<h1>Back in a minute</h1>",
            "times": "1",
        },
    ),
}


class Tried(NamedTuple):
    """A request that was sent, and its response as text; the status is 0 without a response."""

    line: str
    status: int
    headers: list[tuple[str, str]]
    body: str
    #: The number of the request in the list of requests.
    number: int


def verbs(panel: Panel) -> list[Verb]:
    """Return the page of the stubs, that of one, and their forms."""
    emulator, site = panel.emulator, panel.site

    async def show(request: Request) -> Page:
        chosen = EXAMPLES.get(request.query_params.get("example", ""))
        return await _list(panel, request, chosen.fields if chosen else {}, {})

    async def add(request: Request) -> Page:
        fields = await site.fields(request)
        stub, wrong = stub_of(fields)
        if wrong:
            return await _list(panel, request, fields, wrong)
        placed = emulator.answer(stub)
        done = Text("桩已设置，可在此试一试", "The stub is set: try it here")
        return site.back(request, f"{PATH}/{placed.number}", done)

    async def one(request: Request) -> Page:
        placed = _placed(panel, request)
        return await _page(panel, request, placed, fields_of(placed.stub), {})

    async def change(request: Request) -> Page:
        fields = await site.fields(request)
        stub, wrong = stub_of(fields)
        placed = _placed(panel, request)
        if wrong:
            return await _page(panel, request, placed, fields, wrong)
        emulator.stubs.replace(placed.number, stub)
        return site.back(request, f"{PATH}/{placed.number}", Text("已更改", "The stub is changed"))

    async def attempt(request: Request) -> Page:
        fields = await site.fields(request)
        placed = _placed(panel, request)
        path = fields.get("to", "").strip()
        if not path.startswith("/") or not path.isascii() or not path.isprintable():
            why = Text(
                "应以斜线开头，非 ASCII 字符用 %XX", "must begin with a slash, and be ASCII or %XX"
            )
            return await _page(panel, request, placed, fields_of(placed.stub), {"to": why}, to=path)
        cookie = [(b"cookie", request.headers.get("cookie", "").encode("latin-1"))]
        response = await emulator.send(placed.stub.method, path, cookie)
        newest = max((each.number for each in emulator.requests.all()), default=0)
        tried = _tried(f"{placed.stub.method.upper()} {path}", response, newest)
        own = fields_of(placed.stub)
        return await _page(panel, request, placed, own, {}, to=path, tried=tried)

    async def remove(request: Request) -> Page:
        fields = await site.fields(request)
        was_set = emulator.stubs.remove(whole_number(fields.get("number", "")))
        gone = Text("已不存在", "It was removed already")
        return site.back(request, PATH, Text("已移除", "The stub is removed") if was_set else gone)

    async def clear(request: Request) -> Page:
        await site.fields(request)
        emulator.stubs.clear()
        return site.back(request, PATH, Text("已全部移除", "All stubs are removed"))

    return [
        ("GET", PATH, show),
        ("POST", PATH, add),
        ("POST", REMOVE, remove),
        ("POST", CLEAR, clear),
        ("GET", _ONE, one),
        ("POST", _ONE, change),
        ("POST", _TRY, attempt),
    ]


async def _list(
    panel: Panel, request: Request, fields: dict[str, str], wrong: dict[str, Text]
) -> Page:
    return await panel.page(
        request,
        "stubs.html",
        status=400 if wrong else 200,
        notice=Notice("refused", _SEE_BELOW) if wrong else None,
        stubs=[(each, said(each.stub)) for each in panel.emulator.stubs.all()],
        examples=EXAMPLES,
        paths={"list": PATH, "remove": REMOVE, "clear": CLEAR},
        **_form(fields, wrong),
    )


async def _page(
    panel: Panel,
    request: Request,
    placed: Placed,
    fields: dict[str, str],
    wrong: dict[str, Text],
    *,
    to: str = "",
    tried: Tried | None = None,
) -> Page:
    path = placed.stub.path
    base_url = str(request.base_url).rstrip("/")
    to = to or quote(fill(path, dict.fromkeys(placeholders(path), "1")), safe="/%:@!$&'()*+,;=~")
    return await panel.page(
        request,
        "stub.html",
        status=400 if wrong else 200,
        notice=Notice("refused", _SEE_BELOW) if wrong else None,
        one=placed,
        said=said(placed.stub),
        is_fixed=not callable(placed.stub.answer),
        to=to,
        curl=f"curl -i -X {placed.stub.method.upper()} '{base_url}{to}'",
        tried=tried,
        paths={"list": PATH, "remove": REMOVE, "own": f"{PATH}/{placed.number}"},
        requests="/demo/requests",
        **_form(fields, wrong),
    )


_SEE_BELOW = Text("没有设置：请看下面标出的栏目。", "Nothing was set: see the marked fields below.")


def _form(fields: dict[str, str], wrong: dict[str, Text]) -> dict[str, Any]:
    return {
        "fields": fields,
        "wrong": wrong,
        "methods": METHODS,
        "known": sorted({each.path for each in BY_NAME.values()}),
    }


def _placed(panel: Panel, request: Request) -> Placed:
    """Return the stub in a request's path. Raise HTTPException 404 if it was removed."""
    number = whole_number(request.path_params["number"])
    for placed in panel.emulator.stubs.all():
        if placed.number == number:
            return placed
    raise HTTPException(404)


def said(stub: Stub) -> tuple[int | None, str]:
    """Return the status of a stub's response, and its body in one short line.

    The status is None, and the line empty, for a function.
    """
    if callable(stub.answer):
        return None, ""
    response = stub.answer if isinstance(stub.answer, Response) else Response(stub.answer)
    line = " ".join(_text(response.body)[:400].split())
    return response.status, line if len(line) <= 120 else f"{line[:120]}…"


def fields_of(stub: Stub) -> dict[str, str]:
    """Return the fields of the form for a stub; for a function without those of the response."""
    fields = {"method": stub.method.upper(), "path": stub.path}
    fields["times"] = str(stub.times or "")
    if callable(stub.answer):
        return fields
    response = stub.answer if isinstance(stub.answer, Response) else Response(stub.answer)
    is_text = isinstance(response.body, bytes)
    body = _text(response.body) if is_text else msgspec.json.format(_text(response.body), indent=2)
    headers = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
    return fields | {
        "status": str(response.status),
        "kind": "text" if is_text else "json",
        "body": body,
        "headers": headers,
    }


def _text(body: Any) -> str:
    encoded = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return encoded.decode(errors="replace")


def stub_of(fields: dict[str, str]) -> tuple[Stub, dict[str, Text]]:
    """Return the stub of a form, and what is wrong with it, by the name of the field.

    A stub with anything wrong must not be set.
    """
    wrong: dict[str, Text] = {}

    def number(name: str, default: int | None) -> int | None:
        text = fields.get(name, "").strip()
        if not text:
            return default
        if text.isascii() and text.isdigit() and len(text) <= 9:
            return int(text)
        wrong[name] = Text(f"应为整数，而非 {text!r}", f"must be a whole number, not {text!r}")
        return default

    is_text = fields.get("kind") == "text"
    body: Any = fields.get("body", "")
    if is_text:
        body = body.replace("\r\n", "\n").encode()
    else:
        try:
            body = msgspec.json.decode(body.strip() or "null")
        except msgspec.DecodeError as error:
            wrong["body"] = Text(f"不是 JSON：{error}", f"must be JSON: {error}")
    headers = {"content-type": "text/plain; charset=utf-8"} if is_text else {}
    for line in fields.get("headers", "").splitlines():
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not line.strip():
            continue
        if not colon or not is_header(name, value):
            wrong["headers"] = Text(
                f"每行一个“名称: 值”，而非 {line!r}",
                f"must be name: value, one a line, not {line!r}",
            )
            break
        headers[name.lower()] = value
    status = number("status", 200)
    times = number("times", None)
    path = fields.get("path", "").strip()
    if "?" in path or "#" in path:
        wrong["path"] = Text(
            "没有查询部分：桩对任何查询都有效", "must have no query: a stub answers any query"
        )
    elif matcher(path)(PATH) is not None:
        wrong["path"] = Text("会遮住此页面", "would hide this page")
    answer = Response(body, status=status or 0, headers=headers)
    stub = Stub(method=fields.get("method", "GET"), path=path, answer=answer, times=times)
    return stub, errors_of(stub) | wrong


def _tried(line: str, response: Captured, number: int) -> Tried:
    headers = [
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers
    ]
    body = response.body.decode(errors="replace")
    if len(body) <= _SHOWN:
        with suppress(msgspec.DecodeError):
            body = msgspec.json.format(body, indent=2)
    return Tried(line, response.status, headers, body[:_SHOWN], number)
