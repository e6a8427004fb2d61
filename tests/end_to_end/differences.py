"""How a response differs from the one that a document prints, and which differences are allowed.

A difference is written as a sign and a path: ``data.total`` has another value of the same type,
``+data.x`` is in the response alone, ``-data.x`` in the document alone, and the items that both
have of the list ``~data.list`` are in another order. Items of a list are named by their ``mid`` or
``tagid``; a plain value is its own name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

#: What ends a list that a document prints in part, and replaces a signature in ``printed.jsonl``.
CUT = "…"


def differences(printed: Any, answered: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each difference of a response from the printed one, with the response's value.

    A value of another type is yielded as ``!path``.
    """
    if isinstance(printed, list) and isinstance(answered, list):
        whole = CUT not in printed
        printed, answered = keyed(printed), keyed(answered)
        common = [key for key in printed if key in answered]
        if common != [key for key in answered if key in printed]:
            yield f"~{path}", None
        if not whole:
            answered = {key: answered[key] for key in common}
    if isinstance(printed, dict) and isinstance(answered, dict):
        for key in printed | answered:
            below = key if not path else path + key if key.startswith("[") else f"{path}.{key}"
            if key not in answered:
                yield f"-{below}", None
            elif key not in printed:
                yield f"+{below}", answered[key]
            else:
                yield from differences(printed[key], answered[key], below)
    elif type(printed) is not type(answered):
        yield f"!{path}", answered
    elif printed != answered:
        yield path, answered


def keyed(items: list[Any]) -> dict[str, Any]:
    """Return the items of a list by their names, without the mark of a cut."""
    found = {f"[{name_of(item)}]": item for item in items if item != CUT}
    assert len(found) == len(items) - items.count(CUT), "two items have one name"
    return found


def name_of(item: Any) -> Any:
    return (
        next(item[key] for key in ("mid", "tagid") if key in item)
        if isinstance(item, dict)
        else item
    )


class Allowed(NamedTuple):
    """Differences at some endpoints. ``[*]`` is each item of a list; all of them must differ."""

    reason: str
    paths: str
    fields: str
    documents: str = "002 003 004"


NEWER = "003 004"
_LISTS = "/x/relation/followers /x/relation/followings"
_NEWER_LISTS = (
    "/x/relation/followings/search /x/relation/same/followings /x/relation/whispers"
    " /x/relation/blacks"
)
_APP = "/x/v2/relation/followings"
_GAME = "/game/center/h5/user/relationship/following_list"
_FACE = "pictures of real people: the demo's accounts have addresses of their own"
_SIGN = "texts of real people, which are left out of the data"
_DUE = "a membership that lasts must end after the time of the demo's world, in 2026"
_TIME = (
    "the examples are of different years, so that by these times they would not be in this order"
)
_VERSION = "a counter of changes to the account's lists"
_SIZE = "the demo's account has fewer relations than the document's"
_CARD = "fields that 004 shows in its example of friends"
_ROW = "fields of 004's table of a list's item, which its example leaves out"
_CARD_FIELDS = (
    "text",
    "label_theme",
    "text_color",
    "bg_style",
    "bg_color",
    "border_color",
)
_VIP_FIELDS = ("avatar_subscript", "nickname_color", "avatar_subscript_url")
_ROW_FIELDS = ("contract_info", "face_nft", "nft_icon", "rec_reason", "track_id")


def _card(item: str) -> str:
    return " ".join(
        [f"+{item}.vip.label.{name}" for name in _CARD_FIELDS]
        + [f"+{item}.vip.{name}" for name in _VIP_FIELDS]
    )


def _row(item: str, *more: str) -> str:
    return " ".join(f"+{item}.{name}" for name in (*_ROW_FIELDS, *more))


ALLOWED = [
    Allowed(_FACE, _LISTS, "data.list[*].face"),
    Allowed(_FACE, f"{_NEWER_LISTS} {_APP} {_GAME}", "data.list[*].face", NEWER),
    Allowed(_FACE, "/x/relation/friends", "data.list[*].face", NEWER),
    Allowed(_FACE, "/x/relation/tag", "data[*].face"),
    Allowed(_SIGN, "/x/relation/followers", "data.list[387195656].sign"),
    Allowed(_SIGN, "/x/relation/followings", "data.list[*].sign"),
    Allowed(_SIGN, "/x/relation/blacks", "data.list[16174624].sign", NEWER),
    Allowed(_SIGN, "/x/relation/tag", "data[*].sign"),
    Allowed(
        _SIGN,
        f"/x/relation/followings/search /x/relation/same/followings /x/relation/whispers"
        f" /x/relation/friends {_APP}",
        "data.list[*].sign",
        NEWER,
    ),
    Allowed(_DUE, "/x/relation/followings", "data.list[*].vip.vipDueDate"),
    Allowed(_DUE, "/x/relation/tag", "data[420831218].vip.vipDueDate"),
    Allowed(_DUE, _APP, "data.list[*].vip.vipDueDate", NEWER),
    Allowed(
        _DUE,
        "/x/relation/followings/search /x/relation/whispers",
        "data.list[*].vip.vipDueDate",
        NEWER,
    ),
    Allowed(_DUE, "/x/relation/same/followings", "data.list[116683].vip.vipDueDate", NEWER),
    Allowed(
        _DUE,
        "/x/relation/friends",
        "data.list[596000].vip.vipDueDate data.list[24022863].vip.vipDueDate"
        " data.list[85438718].vip.vipDueDate",
        NEWER,
    ),
    Allowed(_TIME, _LISTS, "data.list[*].mtime"),
    Allowed(_TIME, _APP, "data.list[*].mtime", NEWER),
    Allowed(_VERSION, _LISTS, "data.re_version"),
    Allowed(
        _VERSION,
        f"/x/relation/same/followings /x/relation/whispers /x/relation/friends"
        f" /x/relation/blacks {_APP}",
        "data.re_version",
        NEWER,
    ),
    Allowed(_SIZE, _LISTS, "data.total"),
    Allowed(_SIZE, f"/x/relation/same/followings {_APP}", "data.total", NEWER),
    Allowed(_SIZE, "/x/relation/tags", "data[-10].count data[0].count data[194111].count"),
    Allowed(_SIZE, "/x/relation/tags", "data[194110].count", NEWER),
    Allowed(_CARD, _LISTS, _card("data.list[*]")),
    Allowed(_CARD, f"{_NEWER_LISTS} {_APP}", _card("data.list[*]"), NEWER),
    Allowed(_CARD, "/x/relation/tag", _card("data[*]")),
    Allowed(_ROW, _LISTS, _row("data.list[*]")),
    Allowed(_ROW, _NEWER_LISTS, _row("data.list[*]"), NEWER),
    Allowed(_ROW, "/x/relation/friends", "+data.list[*].contract_info", NEWER),
    Allowed(_ROW, "/x/relation/tag", _row("data[*]", "attribute", "tag", "special", "live")),
    Allowed("a field of 004's table for this list", _APP, "+data.list[*].live", NEWER),
    Allowed(
        "a field of 004's table of this response, which its example leaves out",
        "/x/relation/followings/search",
        "+data.re_version",
        NEWER,
    ),
    Allowed("the time of the response, and its own id", _GAME, "ts request_id", NEWER),
    Allowed(
        "the account is followed already, as the example of followings shows: one unfollow before",
        "/x/relation/modify",
        "code=22014 message=已经关注用户，无法重复关注 +reason",
    ),
    Allowed(
        "both are followed already, as the example of many relations shows: one unfollow before",
        "/x/relation/batch/modify",
        "+data.failed_fids[1] +data.failed_fids[2]",
        NEWER,
    ),
    Allowed(
        "the example before, of a batch, has followed them",
        "/x/relation/relations",
        "+data.3 +data.4 +data.5",
        NEWER,
    ),
    Allowed(
        "a set of groups, which guanxi returns in the order of their ids",
        "/x/space/acc/relation",
        "~data.be_relation.tag",
    ),
    Allowed(
        "003 and 004 print this group", "/x/space/acc/relation", "+data.relation.tag[248468]", "002"
    ),
    Allowed(
        "002 prints this field for the same address",
        "/x/space/acc/relation",
        "+data.relation.is_followed +data.be_relation.is_followed",
        NEWER,
    ),
    Allowed("a field of 003 and 004", "/x/relation/tags", "+data[*].tip", "002"),
    Allowed(
        "special by the example of friends; blocked by the example of the blacklist",
        "/x/relation/tag/special",
        "+data[24022863] -data[22179720]",
        NEWER,
    ),
    Allowed("a new group gets a random id", "/x/relation/tag/create", "data.tagid"),
]


def allowed(document: str, path: str, printed: Any) -> dict[str, str | None]:
    """Return the allowed differences from a printed response: each with its only value, or None."""
    found: dict[str, str | None] = {}
    for row in ALLOWED:
        if document in row.documents.split() and path in row.paths.split():
            for field in row.fields.split():
                name, _, value = field.partition("=")
                for concrete in expanded(name, printed):
                    assert concrete not in found, f"{concrete}: allowed twice"
                    found[concrete] = value or None
    return found


def expanded(field: str, printed: Any) -> list[str]:
    """Return a field once for each printed item, if it has ``[*]``."""
    front, star, rest = field.partition("[*]")
    if not star:
        return [field]
    for name in front.lstrip("+-~").split("."):
        printed = printed[name]
    return [f"{front}{key}{rest}" for key in keyed(printed)]
