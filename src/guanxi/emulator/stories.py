"""Ready stories: faults that together act as servers do on a bad day."""

from __future__ import annotations

from typing import NamedTuple

from guanxi.contract import errors
from guanxi.contract.endpoints import MODIFY
from guanxi.emulator.faults import Fault
from guanxi.emulator.targets import LISTS, WRITES

_STOP, _BANNED = errors.RequestIntercepted.number, errors.RequestBanned.number
_SLOW_DOWN, _QUOTA = errors.TooManyRequests.number, errors.DailyFollowLimitReached.number


class Story(NamedTuple):
    """A name, what happens, and the faults that make it happen."""

    name: str
    what: str
    faults: tuple[Fault, ...]


_ALL = (
    Story(
        "risk-control",
        "100 writes pass, and every later one answers -352",
        (Fault(endpoint=WRITES, code=_STOP, after=100),),
    ),
    Story(
        "rate-limit",
        "within 10 seconds of the service's clock, the requests after the 20th answer -799",
        (Fault(code=_SLOW_DOWN, after=20, per=10),),
    ),
    Story(
        "banned-address",
        "30 requests pass, and every later one answers -412 with HTTP 412",
        (Fault(code=_BANNED, status=412, after=30),),
    ),
    Story(
        "flaky",
        "each request takes around 50 ms longer; 5 of 100 connections are cut before the act and 3"
        " after it, and 2 of 100 responses are a page of HTTP 502",
        (
            Fault(delay="lognormal(0.05, 0.5)"),
            Fault(drop="before", rate=0.05),
            Fault(drop="after", rate=0.03),
            Fault(status=502, rate=0.02),
        ),
    ),
    Story(
        "half-a-list",
        "the pages of the first half of a list are answered, the others -352",
        (Fault(endpoint=LISTS, half=True, code=_STOP),),
    ),
    Story(
        "restarts",
        "10 requests pass, one is cut off while it runs, 3 find nobody, 3 get HTTP 502, the rest"
        " pass",
        (
            Fault(drop="while", after=10, times=1),
            Fault(drop="before", after=11, times=3),
            Fault(status=502, after=14, times=3),
        ),
    ),
    Story(
        "daily-quota",
        "after 300 follows each further one answers 22015, until midnight in Beijing",
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
