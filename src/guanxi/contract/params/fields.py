"""Types of request parameters with their bounds, shared by the areas."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

LARGEST = 2**63 - 1
#: The last Unix time, in seconds, that has a year of four digits in Beijing.
LATEST = 253_402_271_999

#: Marks the number of an id: the SDK accepts its digits as text too.
ID = {"id": True}
Mid = Annotated[int, Meta(ge=1, le=LARGEST, description="an account's id", extra=ID)]
Mids = Annotated[list[Mid], Meta(min_length=1, description="ids of accounts")]
GroupId = Annotated[
    int, Meta(ge=-10, le=LARGEST, description="-10 special, 0 default, or own", extra=ID)
]
GroupIds = Annotated[list[GroupId], Meta(min_length=1, description="ids of groups")]
#: The id of a video, a channel, a note: of what is no account.
Id = Annotated[int, Meta(ge=1, le=LARGEST, description="an id", extra=ID)]
PageSize = Annotated[int, Meta(ge=1, le=LARGEST, description="items a page")]
PageNumber = Annotated[int, Meta(ge=1, le=LARGEST, description="page, from 1")]
#: Where the documents bound a page more closely than the limits do.
UpTo30 = Annotated[int, Meta(ge=1, le=30, description="items a page")]
UpTo100 = Annotated[int, Meta(ge=1, le=100, description="items a page")]
#: Where clients request a whole list in one page, as many items as its total.
UpTo10000 = Annotated[int, Meta(ge=0, le=10_000, description="items a page")]
Cursor = Annotated[
    str,
    Meta(max_length=64, description="the last cursor; empty for the first page (ours)"),
]
#: The last id of the previous page, as text; more digits cannot be an id.
Offset = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{0,19}$",
        description="the last offset; empty for the first page",
    ),
]
Keyword = Annotated[str, Meta(max_length=200, description="part of a title; empty for all")]
Seconds = Annotated[int, Meta(ge=0, le=LARGEST, description="seconds since 1970")]
Order = Annotated[Literal["desc", "asc"], Meta(description="newest first, or oldest first")]
OrderType = Annotated[
    Literal["", "attention"], Meta(description="by time of following, or most visited first")
]
Act = Annotated[
    Literal[1, 2, 3, 4, 5, 6, 7],
    Meta(
        description="1 follow, 2 unfollow, 3 retired, 4 cancel whisper, 5 block, 6 unblock, "
        "7 remove follower"
    ),
]
BatchAct = Annotated[Literal[1, 5], Meta(description="1 follow, 5 block")]
Source = Annotated[
    Literal[11, 14, 115, 222],
    Meta(description="the source of the follow: 11 space, 14 video, 115 article, 222 activity"),
]
GroupName = Annotated[str, Meta(description="a group's name")]


class NoParams(Struct):
    pass


class Viewed(Struct):
    vmid: Mid


class Target(Struct):
    fid: Mid


class Account(Struct):
    mid: Mid
