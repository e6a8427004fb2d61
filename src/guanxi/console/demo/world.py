"""The clock of a demo, and the marks of its world: where it was, and the way back."""

from __future__ import annotations

from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from guanxi.console.counted import COUNTS
from guanxi.console.demo.panel import Panel
from guanxi.emulator.state import START, UNNAMED
from guanxi.stores.port import StoreError
from guanxi.text import Text
from guanxi.web.routing import Verb
from guanxi.web.site import Notice

PATH, CLOCK, MARKS, RESET, RENEW = (
    "/demo/world",
    "/demo/world/clock",
    "/demo/world/marks",
    "/demo/world/reset",
    "/demo/world/renew",
)
#: How far the buttons move the clock, in seconds.
STEPS = {
    60: Text("+1 分钟", "+1 minute"),
    3_600: Text("+1 小时", "+1 hour"),
    86_400: Text("+1 天", "+1 day"),
    31 * 86_400: Text("+31 天", "+31 days"),
}
_LONGEST_NAME = 60
_NO_TIME = Text(
    "请填写时间，如 2026-12-01T08:00:00。", "Enter a time, such as 2026-12-01T08:00:00."
)


def verbs(panel: Panel) -> list[Verb]:
    """Return the page of the clock and the marks, its forms, and what to confirm."""
    emulator, site = panel.emulator, panel.site

    async def show(request: Request) -> Response:
        info = await emulator.service.store.info()
        return await panel.page(
            request,
            "world.html",
            emulator=emulator,
            seconds=emulator.clock() / 1e9,
            marks=emulator.marks.names,
            start=START,
            counts=[
                (name, info.counts[key]) for key, name in COUNTS.items() if info.counts.get(key)
            ],
            engine=info.engine,
            steps=STEPS,
            paths={"clock": CLOCK, "marks": MARKS, "reset": RESET, "renew": RENEW},
        )

    async def clock(request: Request) -> Response:
        fields = await site.fields(request)
        try:
            done = _moved(panel, request, fields)
        except ValueError as error:
            return site.back(request, PATH, Notice.refused(error))
        return site.back(request, PATH, done)

    async def mark(request: Request) -> Response:
        fields = await site.fields(request)
        name = fields.get("name", "").strip()[:_LONGEST_NAME] or UNNAMED
        try:
            await emulator.marks.mark(name)
        except (ValueError, StoreError) as error:
            return site.back(request, PATH, Notice.refused(error))
        return site.back(request, PATH, Text(f"已记下 {name}", f"The world is marked as {name}"))

    async def confirm_reset(request: Request) -> Response:
        name = request.query_params.get("name", "")
        return await panel.page(
            request,
            "confirm.html",
            title=Text(f"回到 {name}？", f"Go back to {name}?"),
            lines=[
                Text(
                    "此后的一切改动都会丢失：关注、账号、分组、内容。",
                    "Everything that changed since is lost: follows, accounts, groups, content.",
                ),
                Text("此后登录的会话会退出。", "Sessions that were opened since are signed out."),
                Text("出错、请求与时钟不变。", "Faults, requests and the clock stay."),
            ],
            path=RESET,
            values={"name": name},
            label=Text("回去", "Go back"),
            back=PATH,
        )

    async def reset(request: Request) -> Response:
        fields = await site.fields(request)
        name = fields.get("name", "")
        try:
            await emulator.marks.reset(name or None)
        except (ValueError, StoreError) as error:
            return site.back(request, PATH, Notice.refused(error))
        return site.back(request, PATH, Text(f"已回到 {name}", f"The world is as at {name}"))

    async def confirm_renew(request: Request) -> Response:
        return await panel.page(
            request,
            "confirm.html",
            title=Text("全部回到开始？", "Take all of it back to the start?"),
            lines=[
                Text("世界回到演示开始时。", "The world is as it was when the demo started."),
                Text(
                    "出错、桩与记录的请求被清空。",
                    "Faults, stubs and recorded requests are removed.",
                ),
                Text(
                    "时钟回到真实时间；其他标记被忘记。",
                    "The clock is real; other marks are forgotten.",
                ),
            ],
            path=RENEW,
            values={},
            label=Text("全部重来", "Start over"),
            back=PATH,
        )

    async def renew(request: Request) -> Response:
        await site.fields(request)
        try:
            await emulator.renew()
        except (ValueError, StoreError) as error:
            return site.back(request, PATH, Notice.refused(error))
        return site.back(request, PATH, Text("已全部重来", "Everything is as at the start"))

    return [
        ("GET", PATH, show),
        ("POST", CLOCK, clock),
        ("POST", MARKS, mark),
        ("GET", RESET, confirm_reset),
        ("POST", RESET, reset),
        ("GET", RENEW, confirm_renew),
        ("POST", RENEW, renew),
    ]


def _moved(panel: Panel, request: Request, fields: dict[str, str]) -> Text:
    """Move the clock as a form says. Raise ValueError for an invalid time."""
    clock = panel.emulator.clock
    if fields.get("real"):
        clock.resume()
        return Text("时钟回到真实时间", "The clock is real time again")
    if fields.get("freeze"):
        clock.at(clock() / 1e9)
        return Text("时钟已停", "The clock is frozen")
    if at := fields.get("at", "").strip():
        try:
            chosen = datetime.fromisoformat(at)
            if chosen.tzinfo is None:
                chosen = chosen.replace(tzinfo=panel.site.look(request).zone)
            seconds = chosen.timestamp()
        except (ValueError, OverflowError):
            raise ValueError(_NO_TIME) from None
        clock.at(seconds)
        return Text("时钟已停在此时", "The clock is frozen at that time")
    try:
        seconds = float(fields.get("advance", ""))
    except ValueError:
        raise ValueError(_NO_TIME) from None
    clock.advance(seconds)
    return Text("时钟已移动", "The clock is moved")
