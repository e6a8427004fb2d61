"""Ready stories: faults that together act as servers do on a bad day."""

from __future__ import annotations

from typing import NamedTuple

from guanxi.contract import errors
from guanxi.contract.endpoints import MODIFY
from guanxi.emulator.faults import Fault
from guanxi.emulator.targets import LISTS, WRITES
from guanxi.text import Text

_STOP, _BANNED = errors.RequestIntercepted.number, errors.RequestBanned.number
_SLOW_DOWN, _QUOTA = errors.TooManyRequests.number, errors.DailyFollowLimitReached.number


class Story(NamedTuple):
    """A name, what happens, and the faults that make it happen."""

    name: str
    what: Text
    faults: tuple[Fault, ...]


_ALL = (
    Story(
        "risk-control",
        Text(
            "前 100 次写入通过，此后每次返回 -352",
            "100 writes pass, and every later one answers -352",
        ),
        (Fault(endpoint=WRITES, code=_STOP, after=100),),
    ),
    Story(
        "rate-limit",
        Text(
            "服务时钟的每 10 秒内，第 20 次之后的请求返回 -799",
            "within 10 seconds of the service's clock, the requests after the 20th answer -799",
        ),
        (Fault(code=_SLOW_DOWN, after=20, per=10),),
    ),
    Story(
        "banned-address",
        Text(
            "前 30 个请求通过，此后每个返回 -412 与 HTTP 412",
            "30 requests pass, and every later one answers -412 with HTTP 412",
        ),
        (Fault(code=_BANNED, status=412, after=30),),
    ),
    Story(
        "flaky",
        Text(
            "每个请求约慢 50 毫秒；每 100 个连接中 5 个在执行前断开、3 个在执行后断开，"
            "2 个响应是 HTTP 502 的网页",
            "each request takes around 50 ms longer; 5 of 100 connections are cut before the act"
            " and 3 after it, and 2 of 100 responses are a page of HTTP 502",
        ),
        (
            Fault(delay="lognormal(0.05, 0.5)"),
            Fault(drop="before", rate=0.05),
            Fault(drop="after", rate=0.03),
            Fault(status=502, rate=0.02),
        ),
    ),
    Story(
        "half-a-list",
        Text(
            "列表前半的页照常返回，其余返回 -352",
            "the pages of the first half of a list are answered, the others -352",
        ),
        (Fault(endpoint=LISTS, half=True, code=_STOP),),
    ),
    Story(
        "restarts",
        Text(
            "10 个请求通过，一个在执行中断开，3 个无人应答，3 个得到 HTTP 502，其余通过",
            "10 requests pass, one is cut off while it runs, 3 find nobody, 3 get HTTP 502, the"
            " rest pass",
        ),
        (
            Fault(drop="while", after=10, times=1),
            Fault(drop="before", after=11, times=3),
            Fault(status=502, after=14, times=3),
        ),
    ),
    Story(
        "daily-quota",
        Text(
            "关注 300 次之后，每次再关注返回 22015，直到北京时间零点",
            "after 300 follows each further one answers 22015, until midnight in Beijing",
        ),
        (Fault(endpoint=MODIFY.name, params={"act": 1}, code=_QUOTA, after=300, per="day"),),
    ),
)
STORIES = {story.name: story for story in _ALL}


def story_of(name: str) -> Story:
    """Return a story by its name; raise ValueError, which lists the stories, if there is none."""
    try:
        return STORIES[name]
    except KeyError:
        raise ValueError(f"{name!r} is no story: use {', '.join(STORIES)}") from None
