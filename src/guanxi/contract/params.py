"""What the requests hold: one struct a request, and the way from form fields to it.

``decoder`` makes of such a struct a function from decoded pairs to a value; whatever is wrong with
a field raises ``Complaint``, which names it in both languages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from guanxi.contract.limits import Limits

LARGEST = 2**63 - 1
P = TypeVar("P", bound=Struct)

Mid = Annotated[int, Meta(ge=1, le=LARGEST, description="an account's id")]
Mids = Annotated[list[Mid], Meta(min_length=1, description="ids of accounts")]
GroupId = Annotated[int, Meta(ge=-10, le=LARGEST, description="-10 special, 0 default, or own")]
GroupIds = Annotated[list[GroupId], Meta(min_length=1, description="ids of groups")]
PageSize = Annotated[int, Meta(ge=1, le=LARGEST, description="items a page")]
PageNumber = Annotated[int, Meta(ge=1, le=LARGEST, description="page, from 1")]
Cursor = Annotated[str, Meta(max_length=64, description="where to go on; empty to begin (ours)")]
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
    Meta(description="where it comes from: 11 space, 14 video, 115 article, 222 activity"),
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


class ListParams(Struct, kw_only=True):
    """A list of one's own without pages (a cursor apart)."""

    cursor: Cursor | UnsetType = UNSET


class OwnPage(Struct, kw_only=True):
    ps: PageSize = 50
    pn: PageNumber = 1
    cursor: Cursor | UnsetType = UNSET


class FollowersParams(Struct, kw_only=True):
    vmid: Mid
    order: Order = "desc"
    ps: PageSize = 50
    pn: PageNumber = 1
    cursor: Cursor | UnsetType = UNSET


class FollowingsParams(Struct, kw_only=True):
    vmid: Mid
    order_type: OrderType = ""
    order: Order = "desc"
    ps: PageSize = 50
    pn: PageNumber = 1
    cursor: Cursor | UnsetType = UNSET


class SearchParams(Struct, kw_only=True):
    vmid: Mid
    name: Annotated[str, Meta(max_length=200, description="part of a name; empty for all")] = ""
    ps: PageSize = 50
    pn: PageNumber = 1
    cursor: Cursor | UnsetType = UNSET


class SameParams(Struct, kw_only=True):
    vmid: Mid
    ps: PageSize = 50
    pn: PageNumber = 1
    cursor: Cursor | UnsetType = UNSET


class GameParams(Struct, kw_only=True):
    vmid: Mid
    ps: PageSize = 20
    pn: PageNumber = 1
    cursor: Cursor | UnsetType = UNSET


class GroupParams(Struct, kw_only=True):
    tagid: GroupId
    order_type: OrderType = ""
    ps: PageSize = 20
    pn: PageNumber = 1
    cursor: Cursor | UnsetType = UNSET


class ModifyParams(Struct, kw_only=True):
    fid: Mid
    act: Act
    re_src: Source


class BatchParams(Struct, kw_only=True):
    fids: Mids
    act: BatchAct
    re_src: Source


class ManyTargets(Struct):
    fids: Mids


class NewGroup(Struct):
    tag: GroupName


class RenameGroup(Struct, kw_only=True):
    tagid: GroupId
    name: GroupName


class OldGroup(Struct):
    tagid: GroupId


class MembersParams(Struct, kw_only=True):
    fids: Mids
    tagids: GroupIds


class MoveParams(Struct, kw_only=True):
    fids: Mids
    before: GroupIds = field(name="beforeTagids")
    after: GroupIds = field(name="afterTagids")


class Complaint(Exception):
    """A field is wrong. ``field`` names it; the text says what it must be, in both languages."""

    def __init__(self, field: str, zh: str, en: str) -> None:
        super().__init__(f"{field} {zh} ({field}: {en})")
        self.field = field
        self._texts = zh, en

    def about(self, field: str) -> Complaint:
        """The same complaint about a field of another name."""
        return Complaint(field, *self._texts)


def decoder(
    kind: type[P], aliases: Mapping[str, str] = {}, limits: Limits | None = None
) -> Callable[[dict[str, str]], P]:
    """A function from a request's pairs to ``kind``. It raises ``Complaint``; unknown names pass.

    ``aliases`` maps a second name that the documents use to the field it stands for; a complaint
    names the one that was sent. What is over the ``limits`` is refused, where they are given.
    """
    typed = get_type_hints(kind)
    hints = {one.encode_name: typed[one.name] for one in msgspec.structs.fields(kind)}
    lists = [name for name, hint in hints.items() if get_origin(hint) is list]
    choices = [name for name, hint in hints.items() if _is_choice(hint)]
    numbers = [name for name, hint in hints.items() if hint is int] + choices + lists

    def decoded(values: dict[str, Any]) -> P:
        for name in numbers:
            text = values.get(name, "")
            if "." in text or "e" in text or "E" in text:  # msgspec takes 1.0 and 1e3 for integers
                raise Complaint(name, *_WHOLE)
        for name in choices:
            if _HUGE.fullmatch(values.get(name, "")):  # msgspec takes these for text
                raise Complaint(name, *_OUT_OF_RANGE)
        for name in lists:
            if name in values:
                values[name] = values[name].split(",")
        try:
            value = msgspec.convert(values, kind, strict=False)
        except msgspec.ValidationError as error:
            raise _complaint(str(error)) from None
        complaint = over_limit(value, limits) if limits else None
        if complaint is not None:
            raise complaint
        return value

    def decode(pairs: dict[str, str]) -> P:
        sent = {
            name: other for other, name in aliases.items() if name not in pairs and other in pairs
        }
        try:
            return decoded({**pairs, **{name: pairs[other] for name, other in sent.items()}})
        except Complaint as complaint:
            if complaint.field in sent:
                raise complaint.about(sent[complaint.field]) from None
            raise

    return decode


def _is_choice(hint: Any) -> bool:
    """Whether it is one of a few numbers."""
    return get_origin(hint) is Literal and isinstance(get_args(hint)[0], int)


#: How much of a wrong value a complaint repeats.
_ECHOED = 40
_WHOLE = ("必须是整数", "must be a whole number")
_OUT_OF_RANGE = ("超出范围", "out of range")
_HUGE = re.compile(r"-?[1-9][0-9]{18,}")
_PLACE = re.compile(r" - at `\$\.?([A-Za-z_]*)(.*)`$")
_REASONS = (
    (re.compile(r"Object missing required field `(\w+)`"), "缺失", "missing"),
    (re.compile(r"Expected `int` >= (-?\d+)"), "不得小于 {}", "at least {}"),
    (re.compile(r"Expected `int` <= (-?\d+)"), "不得大于 {}", "at most {}"),
    (re.compile(r"Expected `str` of length <= (\d+)"), "最长 {} 字符", "at most {} characters"),
    (re.compile(r"Expected `int`"), *_WHOLE),
    (re.compile(r"Integer value out of range"), *_OUT_OF_RANGE),
    (re.compile(r"Invalid enum value (.*?)(?: - at|$)"), "不可为 {}", "cannot be {}"),
)


def _complaint(text: str) -> Complaint:
    place = _PLACE.search(text)
    name = place[1] if place else ""
    for pattern, zh, en in _REASONS:
        found = pattern.match(text)
        if found and not found.groups():
            return Complaint(name, zh, en)
        if found and pattern is _REASONS[0][0]:
            return Complaint(found[1], zh, en)
        if found:
            told = found[1][:_ECHOED]
            return Complaint(name, zh.format(told), en.format(told))
    return Complaint(name, "无效", "not valid")


def over_limit(params: Struct, limits: Limits) -> Complaint | None:
    """What in a request is larger than the limits allow; batches count each id once."""
    size = getattr(params, "ps", 1)
    if size > limits.page_size:
        return Complaint("ps", f"不得大于 {limits.page_size}", f"at most {limits.page_size}")
    fids = getattr(params, "fids", ())
    if len(fids) > limits.ids_per_call and len(set(fids)) > limits.ids_per_call:
        most = limits.ids_per_call
        return Complaint("fids", f"一次最多 {most} 个", f"at most {most} ids a call")
    return None


def defaults(kind: type[Struct]) -> dict[str, Any]:
    """The default of each optional parameter, by wire name."""
    return {
        one.encode_name: one.default
        for one in msgspec.structs.fields(kind)
        if one.default is not msgspec.NODEFAULT and one.default is not UNSET
    }


def wire_types(kind: type[Struct]) -> dict[str, Any]:
    """Each parameter's annotated type, by wire name."""
    hints = get_type_hints(kind, include_extras=True)
    return {one.encode_name: hints[one.name] for one in msgspec.structs.fields(kind)}


def is_list(annotation: Any) -> bool:
    """Whether a parameter is comma-joined on the wire."""
    inner = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    return get_origin(inner) is list
