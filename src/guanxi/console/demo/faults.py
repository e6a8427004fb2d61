"""The faults of a demo: stories by switch, and single faults by form."""

from __future__ import annotations

from typing import Any, NamedTuple

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from guanxi.console.demo.panel import Panel
from guanxi.contract.endpoints import BY_NAME
from guanxi.emulator.faults import BODIES, DROPS, Armed, Fault
from guanxi.emulator.stories import STORIES
from guanxi.emulator.targets import LISTS, READS, WRITES
from guanxi.stores.port import StoreError
from guanxi.text import Text
from guanxi.web.routing import Verb
from guanxi.web.site import Notice

PATH, REMOVE, CLEAR, STORY = (
    "/demo/faults",
    "/demo/faults/remove",
    "/demo/faults/clear",
    "/demo/faults/story",
)


class Effect(NamedTuple):
    """An effect of the form: its name, and the field of a fault that it sets."""

    name: Text
    field: str
    #: What is set; None sets the form's value.
    value: Any = None
    #: How the form's value becomes the field's.
    kind: type[int] | type[str] = int


EFFECTS: dict[str, Effect] = {
    "code": Effect(Text("返回码（填写数值）", "a code (value: its number)"), "code"),
    "status": Effect(Text("HTTP 状态（填写数值）", "an HTTP status (value: 400 to 599)"), "status"),
    "delay": Effect(Text("变慢（填写秒数）", "a delay (value: seconds)"), "delay", kind=str),
    **{
        f"drop-{when}": Effect(name, "drop", when)
        for when, name in zip(
            DROPS,
            (
                Text("执行前断开连接", "connection cut before the act"),
                Text("执行中断开连接", "connection cut while it runs"),
                Text("执行后断开连接", "connection cut after the act"),
            ),
            strict=True,
        )
    },
    **{
        body: Effect(name, "body", body)
        for body, name in zip(
            BODIES,
            (
                Text("响应被截断", "response cut short"),
                Text("响应发送缓慢", "response sent slowly"),
                Text("响应是网页", "response is a page of HTML"),
                Text("响应为空", "response is empty"),
                Text("字段类型错误", "response has wrong types"),
            ),
            strict=True,
        )
    },
    "stale": Effect(Text("读到过时的数据", "reads from an old copy"), "stale", True),
    "half": Effect(Text("列表的后半被拒绝", "second half of a list is refused"), "half", True),
}


class Shown(Struct, frozen=True):
    """A fault that is set, as the table shows it."""

    number: int
    applied: int
    fault: Fault
    story: str


def verbs(panel: Panel) -> list[Verb]:
    """Return the page of the faults, and its forms."""
    emulator, site = panel.emulator, panel.site

    async def show(request: Request) -> Response:
        return await _page(panel, request, {})

    async def add(request: Request) -> Response:
        fields = await site.fields(request)
        try:
            await emulator.add_fault(fault_of(fields))
        except (ValueError, StoreError) as error:
            refused = Notice.refused(error)
            return await _page(panel, request, fields, refused)
        return site.back(request, PATH, Text("已设置", "The fault is set"))

    async def remove(request: Request) -> Response:
        fields = await site.fields(request)
        number = fields.get("number", "")
        is_set = number.isdecimal() and await emulator.remove_fault(int(number[:9]))
        gone = Text("已不存在", "It was removed already")
        return site.back(request, PATH, Text("已移除", "The fault is removed") if is_set else gone)

    async def clear(request: Request) -> Response:
        await site.fields(request)
        await emulator.clear_faults()
        return site.back(request, PATH, Text("已全部移除", "All faults are removed"))

    async def story(request: Request) -> Response:
        fields = await site.fields(request)
        name = fields.get("name", "")
        for armed in _of_story(emulator.faults, name):
            await emulator.remove_fault(armed.number)
        if not fields.get("on"):
            return site.back(request, PATH, Text(f"{name} 已关闭", f"{name} is off"))
        try:
            await emulator.add_story(name)
        except (ValueError, StoreError) as error:
            return site.back(request, PATH, Notice.refused(error))
        return site.back(request, PATH, Text(f"{name} 已打开", f"{name} is on"))

    return [
        ("GET", PATH, show),
        ("POST", PATH, add),
        ("POST", REMOVE, remove),
        ("POST", CLEAR, clear),
        ("POST", STORY, story),
    ]


async def _page(
    panel: Panel, request: Request, fields: dict[str, str], notice: Notice | None = None
) -> Response:
    faults = panel.emulator.faults
    of_stories = {armed.number: name for name in STORIES for armed in _of_story(faults, name)}
    shown = [
        Shown(armed.number, armed.applied, armed.fault, of_stories.get(armed.number, ""))
        for armed in faults
    ]
    return await panel.page(
        request,
        "faults.html",
        status=400 if notice else 200,
        notice=notice,
        faults=shown,
        on={*of_stories.values()},
        stories=STORIES.values(),
        effects=EFFECTS,
        targets=["*", READS, WRITES, LISTS, *BY_NAME],
        fields=fields,
        path=PATH,
        remove=REMOVE,
        clear=CLEAR,
        story=STORY,
    )


def _of_story(faults: list[Armed], name: str) -> list[Armed]:
    """Return those of the faults that make a story, all of them or none; none for another name."""
    wanted = STORIES[name].faults if name in STORIES else ()
    found: list[Armed] = []
    for fault in wanted:
        taken = {armed.number for armed in found}
        same = (one for one in faults if one.fault == fault and one.number not in taken)
        armed = next(same, None)
        if armed is None:
            return []
        found.append(armed)
    return found


def fault_of(fields: dict[str, str]) -> Fault:
    """Return the fault of a form. Raise ValueError, which says what is wrong with a field."""
    given = {name: value.strip() for name, value in fields.items() if value.strip()}
    effect = EFFECTS.get(given.get("effect", ""))
    if effect is None:
        raise ValueError(Text("效果：请选择一个", "effect: choose one"))
    value: Any = effect.value
    if value is None:
        if "value" not in given:
            raise ValueError(Text("数值：此效果需要一个", "value: this effect needs one"))
        value = effect.kind(_number(given, "value")) if effect.kind is int else given["value"]
        if effect.field == "delay" and _is_float(value):
            value = float(value)
    chosen: dict[str, Any] = {"endpoint": given.get("endpoint", "*"), effect.field: value}
    if "params" in given:
        chosen["params"] = dict(_pair(one) for one in given["params"].split())
    if "rate" in given:
        if not _is_float(given["rate"]):
            raise ValueError(Text("比例：0 到 1 的数", "rate: a number from 0 to 1"))
        chosen["rate"] = float(given["rate"])
    chosen |= {name: _number(given, name) for name in ("after", "times") if name in given}
    return Fault(**chosen)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(
            Text(f"参数：应为 名称=值，而非 {text!r}", f"params: name=value, not {text!r}")
        )
    return name, value


def _number(given: dict[str, str], name: str) -> int:
    text = given[name]
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 9):
        raise ValueError(
            Text(f"{name}：应为整数，而非 {text!r}", f"{name}: a whole number, not {text!r}")
        )
    return int(text)


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
