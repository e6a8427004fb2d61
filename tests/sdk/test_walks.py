"""Walks over lists by page and by cursor: to the end, every item once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from guanxi import AnswerException, FollowingsHidden, NetworkException
from guanxi.contract.structs import AppItem, GameItem, GroupMember, RelationItem
from tests.sdk.recorder import Answer, Kind, Received, Recorder, envelope, recording

Use = Callable[[Any], Any]


def numbered(mids: list[int], refuse_after: int | None = None) -> Callable[[Received], Answer]:
    """Return a handler of a list in pages, with code 22007 after ``refuse_after`` pages."""

    def handle(request: Received) -> Answer:
        params = dict(request.query)
        size, page = int(params.get("ps", 50)), int(params["pn"])
        if refuse_after is not None and page > refuse_after:
            return Answer(envelope(None, 22007, "访问超过 5 页"))
        items = [{"mid": mid} for mid in mids[(page - 1) * size : page * size]]
        return Answer(envelope({"list": items, "total": len(mids)}))

    return handle


def mids(items: list[Any]) -> list[Any]:
    return [item.mid for item in items]


def sent_values(server: Recorder, name: str) -> list[str | None]:
    return [dict(request.query).get(name) for request in server.received]


PAGED: dict[str, tuple[Use, type]] = {
    "followers": (lambda c: c.relation.iter_followers(7, size=2), RelationItem),
    "followings": (lambda c: c.relation.iter_followings(7, size=2), RelationItem),
    "app": (lambda c: c.relation.iter_app_followings(7, size=2), AppItem),
    "search": (lambda c: c.relation.iter_search(7, "x", size=2), RelationItem),
    "same": (lambda c: c.relation.iter_same(7, size=2), RelationItem),
    "blacks": (lambda c: c.relation.iter_blacks(size=2), RelationItem),
}


@pytest.mark.parametrize("use", PAGED.values(), ids=PAGED)
def test_a_walk_ends_with_an_empty_page(kind: Kind, use: tuple[Use, type]) -> None:
    walk, item_type = use
    with recording(numbered([5, 4, 3, 2, 1])) as server:
        items = kind.do(walk, base_url=server.url)
    assert mids(items) == [5, 4, 3, 2, 1]
    assert all(type(item) is item_type for item in items)
    assert sent_values(server, "pn") == ["1", "2", "3", "4"]
    assert set(sent_values(server, "ps")) == {"2"}


def test_a_short_page_does_not_end_a_walk(kind: Kind) -> None:
    pages = {"1": [5, 4], "2": [3], "3": [2, 1]}

    def handle(request: Received) -> Answer:
        items = pages.get(dict(request.query)["pn"], [])
        return Answer(envelope({"list": [{"mid": mid} for mid in items]}))

    with recording(handle) as server:
        items = kind.do(lambda c: c.relation.iter_blacks(size=2), base_url=server.url)
    assert mids(items) == [5, 4, 3, 2, 1]


@pytest.mark.parametrize("name", ["app", "search"])
def test_22007_ends_a_walk(kind: Kind, name: str) -> None:
    with recording(numbered(list(range(100, 0, -1)), refuse_after=5)) as server:
        items = kind.do(PAGED[name][0], base_url=server.url)
    assert len(items) == 10
    assert len(server.received) == 6


def test_items_that_move_to_the_next_page_are_not_repeated(kind: Kind) -> None:
    followers = [4, 3, 2, 1]

    def handle(request: Received) -> Answer:
        answer = numbered(followers)(request)
        followers.insert(
            0, 100 + len(followers)
        )  # a new follower before the next page is requested
        return answer

    def walk(client: Any) -> Any:
        return client.relation.iter_followers(7, size=2)

    with recording(handle) as server:
        items = kind.do(walk, base_url=server.url)
    assert mids(items)[:3] == [4, 3, 2]
    assert len(set(mids(items))) == len(items)


def test_a_walk_ends_if_the_server_repeats_a_page(kind: Kind) -> None:
    answer = Answer(envelope({"list": [{"mid": 1}]}))
    with recording(lambda request: answer) as server:
        items = kind.do(lambda c: c.relation.iter_blacks(), base_url=server.url)
    assert mids(items) == [1]
    assert len(server.received) == 2


def test_a_hidden_list_of_the_app_host_is_empty(kind: Kind) -> None:
    answer = Answer(envelope({"list": None, "total": 0}))
    with recording(lambda request: answer) as server:
        assert kind.do(PAGED["app"][0], base_url=server.url) == []


def test_mids_of_the_biligame_host_are_strings(kind: Kind) -> None:
    def handle(request: Received) -> Answer:
        items = [{"mid": "9"}] if dict(request.query)["pn"] == "1" else []
        return Answer({"code": 0, "data": {"list": items}, "ts": 1, "request_id": "x"})

    with recording(handle) as server:
        items = kind.do(lambda c: c.relation.iter_game_followings(7), base_url=server.url)
    assert items == [GameItem(mid="9")]


@pytest.mark.parametrize(
    ("use", "data", "expected"),
    [
        (lambda c: c.relation.iter_friends(), {"list": [{"mid": 3}, {"mid": 2}]}, [3, 2]),
        (lambda c: c.relation.iter_whispers(), {"list": []}, []),
        (lambda c: c.relation.iter_specials(), [3, 2], [3, 2]),
    ],
)
def test_a_list_without_pages_is_requested_once(
    kind: Kind, use: Use, data: Any, expected: list[int]
) -> None:
    with recording(lambda request: Answer(envelope(data))) as server:
        items = kind.do(use, base_url=server.url)
    assert [getattr(item, "mid", item) for item in items] == expected
    assert sent_values(server, "pn") == [None]


def test_a_group_whose_data_is_an_array_is_walked(kind: Kind) -> None:
    def handle(request: Received) -> Answer:
        page = int(dict(request.query)["pn"])
        return Answer(envelope([{"mid": page}] if page < 3 else []))

    with recording(handle) as server:
        items = kind.do(lambda c: c.relation.iter_group_members(-10), base_url=server.url)
    assert items == [GroupMember(mid=1), GroupMember(mid=2)]


class ByCursor:
    """The handler of a list by cursor; a cursor is the mid of the last item."""

    def __init__(self, mids: list[int], size: int = 2, plain: bool = False) -> None:
        self.mids, self.size, self.plain = mids, size, plain

    def __call__(self, request: Received) -> Answer:
        position = dict(request.query).get("cursor")
        assert position is not None, "the request has no cursor"
        rest = [mid for mid in self.mids if not position or mid < int(position)]
        page = rest[: self.size]
        cursor = str(page[-1]) if len(rest) > self.size else ""
        items = page if self.plain else [{"mid": mid} for mid in page]
        return Answer(envelope({"list": items, "cursor": cursor}))


@pytest.mark.parametrize(
    "use",
    [
        *(use for use, _ in PAGED.values()),
        lambda c: c.relation.iter_friends(),
        lambda c: c.relation.iter_whispers(),
        lambda c: c.relation.iter_group_members(0),
    ],
)
def test_a_returned_cursor_is_followed(kind: Kind, use: Use) -> None:
    with recording(ByCursor([5, 4, 3, 2, 1])) as server:
        items = kind.do(use, base_url=server.url)
    assert mids(items) == [5, 4, 3, 2, 1]
    assert sent_values(server, "cursor") == ["", "4", "2"]
    assert sent_values(server, "pn")[1:] == [None, None]


def test_specials_by_cursor(kind: Kind) -> None:
    with recording(ByCursor([5, 4, 3], plain=True)) as server:
        items = kind.do(lambda c: c.relation.iter_specials(), base_url=server.url)
    assert items == [5, 4, 3]


def test_an_empty_page_with_a_cursor_does_not_end_a_walk(kind: Kind) -> None:
    pages = {"": ([], "a"), "a": ([{"mid": 1}], "")}

    def handle(request: Received) -> Answer:
        items, cursor = pages[dict(request.query)["cursor"]]
        return Answer(envelope({"list": items, "cursor": cursor}))

    with recording(handle) as server:
        items = kind.do(lambda c: c.relation.iter_search(7), base_url=server.url)
    assert mids(items) == [1]


def test_a_repeating_cursor_raises(kind: Kind) -> None:
    following = {"": "a", "a": "b", "b": "a"}

    def handle(request: Received) -> Answer:
        cursor = following[dict(request.query)["cursor"]]
        return Answer(envelope({"list": [{"mid": 1}], "cursor": cursor}))

    with recording(handle) as server, pytest.raises(AnswerException) as caught:
        kind.do(lambda c: c.relation.iter_blacks(), base_url=server.url)
    assert caught.value.path == "$.data.cursor"


def test_a_cursor_is_requested_once_if_none_is_returned(kind: Kind) -> None:
    with recording(numbered([3, 2, 1])) as server:
        kind.do(PAGED["blacks"][0], base_url=server.url)
    assert sent_values(server, "cursor") == ["", None, None]


@pytest.mark.parametrize("base_url", ["", "https://api.bilibili.com"])
def test_no_cursor_is_sent_to_the_documents_hosts(kind: Kind, base_url: str) -> None:
    clock = kind.clock()
    page = Answer(envelope({"list": [{"mid": 1}]}))
    transport = kind.script(clock, page, Answer(envelope({"list": []})))
    kind.do(PAGED["blacks"][0], transport=transport, clock=clock, base_url=base_url)
    assert len(transport.sent) == 2
    assert not any("cursor" in request.url for request in transport.sent)


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ("text", "$.data"),
        (None, "$.data"),
        ({"list": {"mid": 1}}, "$.data"),
        ({"list": [{"uname": "x"}]}, "$.data.list[...]"),
        ({"list": [[]]}, "$.data.list[...]"),
        ({"list": [{"mid": 1, "mtime": "x"}]}, "$.data.list[...].mtime"),
    ],
)
def test_an_invalid_page_raises_with_its_path(kind: Kind, data: Any, path: str) -> None:
    answer = Answer(envelope(data))
    with recording(lambda request: answer) as server, pytest.raises(AnswerException) as caught:
        kind.do(lambda c: c.relation.iter_blacks(), base_url=server.url)
    assert caught.value.path == path


def test_errors_end_a_walk(kind: Kind) -> None:
    hidden = Answer(envelope(None, 22115, "用户已设置隐私，无法查看"))
    with recording(lambda request: hidden) as server, pytest.raises(FollowingsHidden):
        kind.do(PAGED["followings"][0], base_url=server.url)
    clock = kind.clock()
    with recording(lambda request: None) as server, pytest.raises(NetworkException):
        kind.do(PAGED["followings"][0], base_url=server.url, clock=clock)


def test_walk_yields_undecoded_items(kind: Kind) -> None:
    items = [{"mid": 1, "new": {"a": 1}}, {"mid": 2}]
    pages = {"1": items}

    def handle(request: Received) -> Answer:
        return Answer(envelope({"list": pages.get(dict(request.query)["pn"], [])}))

    with recording(handle) as server:
        walked = kind.do(lambda c: c.walk("relation.blacks", {"ps": 5}), base_url=server.url)
    assert walked == items


def test_a_walk_can_be_closed_early(kind: Kind) -> None:
    with recording(numbered(list(range(1000, 0, -1)))) as server:
        if kind.name == "sync":
            kind.do(lambda c: next(iter(c.relation.iter_blacks())), base_url=server.url)
        else:

            async def first(client: Any) -> Any:
                walk = client.relation.iter_blacks()
                item = await anext(walk)
                await walk.aclose()
                return item

            kind.do(first, base_url=server.url)
        assert len(server.received) == 1
        assert server.closes_all_connections()
