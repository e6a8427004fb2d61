"""Walks over lists by page and by cursor: to the end, every item once."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

from guanxi import AnswerException, FollowingsHidden, ListIncomplete, NetworkException
from guanxi.contract.endpoints import STAT
from guanxi.contract.structs import (
    AppItem,
    ArticleList,
    GameItem,
    GroupMember,
    RelationItem,
    ToviewVideo,
)
from tests.sdk.recorder import Answer, Kind, Received, Recorder, envelope, recording, wbi

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
    with recording(numbered(list(range(10, 0, -1)), refuse_after=5)) as server:
        items = kind.do(PAGED[name][0], base_url=server.url)
    assert len(items) == 10
    assert len(server.received) == 6


def partly(name: str) -> Use:
    """Return the same walk as ``PAGED[name]``, which accepts a part of the list."""
    walks: dict[str, Use] = {
        "app": lambda c: c.relation.iter_app_followings(7, size=2, partial=True),
        "search": lambda c: c.relation.iter_search(7, "x", size=2, partial=True),
        "followings": lambda c: c.relation.iter_followings(7, size=2, partial=True),
    }
    return walks[name]


def shown(total: int, visible: int) -> Callable[[Received], Answer]:
    """Return a handler of a list of ``total`` items that shows the first ``visible``."""

    def handle(request: Received) -> Answer:
        answer = numbered(list(range(total, total - visible, -1)))(request)
        answer.body["data"]["total"] = total
        return answer

    return handle


@pytest.mark.parametrize("name", ["app", "search", "followings"])
def test_a_list_of_which_the_server_shows_a_part_is_incomplete(kind: Kind, name: str) -> None:
    walk, item_type = PAGED[name]
    cut = shown(100, 9) if name == "followings" else numbered([*range(100, 0, -1)], refuse_after=5)
    length = 9 if name == "followings" else 10
    with recording(cut) as server, pytest.raises(ListIncomplete) as caught:
        kind.do(walk, base_url=server.url)
    error = caught.value
    assert mids(error.items) == [*range(100, 100 - length, -1)]
    assert {type(item) for item in error.items} == {item_type}
    assert (error.total, error.cut) == (100, True)
    assert str(error) == f"{error.endpoint}: {length} of the list's 100 items were read: " + (
        "the server shows no more"
    )
    with recording(cut) as server:
        assert kind.do(partly(name), base_url=server.url) == error.items


def test_a_list_that_became_shorter_is_complete(kind: Kind) -> None:
    members = list(range(9, 0, -1))

    def handle(request: Received) -> Answer:
        answer = numbered(members)(request)
        if dict(request.query)["pn"] == "2":
            del members[0]  # so that the fifth moves to page 2, which was read
        return answer

    with recording(handle) as server:
        items = kind.do(lambda c: c.relation.iter_blacks(size=2), base_url=server.url)
    assert mids(items) == [9, 8, 7, 6, 4, 3, 2, 1]


def test_a_list_that_changed_so_that_an_item_was_missed_is_incomplete(kind: Kind) -> None:
    members = list(range(9, 0, -1))

    def handle(request: Received) -> Answer:
        page = dict(request.query)["pn"]
        answer = numbered(members)(request)
        if page == "1":
            members.insert(0, 10)  # 8 moves to page 2
        if page == "2":
            members.remove(9)
        return answer

    with recording(handle) as server, pytest.raises(ListIncomplete) as caught:
        kind.do(lambda c: c.relation.iter_blacks(size=2), base_url=server.url)
    assert mids(caught.value.items) == [9, 8, 7, 5, 4, 3, 2, 1]
    assert (caught.value.total, caught.value.cut) == (9, False)
    assert "it changed while it was read" in str(caught.value)


def test_a_page_that_repeats_is_a_cut(kind: Kind) -> None:
    answer = Answer(envelope({"list": [{"mid": 1}], "total": 7}))
    with recording(lambda request: answer) as server, pytest.raises(ListIncomplete) as caught:
        kind.do(lambda c: c.relation.iter_blacks(size=1), base_url=server.url)
    assert (mids(caught.value.items), caught.value.cut) == ([1], True)


def test_pages_raise_after_the_last_one_also_when_they_resume(kind: Kind) -> None:
    pages: list[Any] = []

    def collect(start: Any, **more: bool) -> Use:
        def use(client: Any) -> Any:
            found = client.pages("relation.blacks", {"ps": 2}, start, **more)
            if kind.name == "sync":
                return pages.extend(found)

            async def each() -> None:
                async for page in found:
                    pages.append(page)

            return each()

        return use

    with recording(shown(100, 5)) as server:
        with pytest.raises(ListIncomplete) as caught:
            kind.do(collect(None), base_url=server.url)
        assert [len(page.new) for page in pages] == [2, 2, 1, 0]
        assert caught.value.items == [item for page in pages for item in page.new]
        start = pages[0].next
        with pytest.raises(ListIncomplete) as caught:
            kind.do(collect(start), base_url=server.url)
        assert len(caught.value.items) == 3
        kind.do(collect(start, partial=True), base_url=server.url)
    with recording(numbered([5, 4, 3, 2, 1])) as server:
        kind.do(collect(start), base_url=server.url)


def game(visible: int, following: object) -> Callable[[Received], Answer]:
    """Return a handler of a list without a total, of which the first ``visible`` are shown."""

    def handle(request: Received) -> Answer:
        if request.path == STAT.path:
            return Answer(envelope({"following": following}))
        page = int(dict(request.query)["pn"])
        items = [{"mid": str(mid)} for mid in range(visible, 0, -1)[2 * page - 2 : 2 * page]]
        return Answer({"code": 0, "data": {"list": items}, "ts": 1, "request_id": "x"})

    return handle


def test_the_length_of_a_list_without_a_total_is_requested(kind: Kind) -> None:
    def walk(client: Any, **more: bool) -> Any:
        return client.relation.iter_game_followings(7, size=2, **more)

    with recording(game(3, 3)) as server:
        assert mids(kind.do(walk, base_url=server.url)) == ["3", "2", "1"]
        assert server.received[-1].query == [("vmid", "7")]
    with recording(game(3, 8)) as server, pytest.raises(ListIncomplete) as caught:
        kind.do(walk, base_url=server.url)
    assert (mids(caught.value.items), caught.value.total) == (["3", "2", "1"], 8)
    with recording(game(3, 8)) as server:
        assert len(kind.do(lambda c: walk(c, partial=True), base_url=server.url)) == 3
        assert STAT.path not in {request.path for request in server.received}
    for unknown in (game(3, None), game(0, 8)):  # an empty list may be a hidden one
        with recording(unknown) as server:
            kind.do(walk, base_url=server.url)


def test_by_cursor_the_first_page_may_be_the_last_whatever_the_total_is(kind: Kind) -> None:
    data = {"list": [{"mid": 2}, {"mid": 1}], "total": 3, "cursor": ""}
    with recording(lambda request: Answer(envelope(data))) as server:
        found = kind.do(lambda c: c.relation.iter_followings(7, size=2), base_url=server.url)
    assert mids(found) == [2, 1]
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("use", "data"),
    [
        (lambda c: c.me.toview(), {"count": 3, "list": [{"aid": 1}, {"aid": 2}]}),
        (lambda c: c.space.article_lists(7), {"total": 3, "lists": [{"id": 1}, {"id": 2}]}),
    ],
)
def test_a_list_in_one_response_is_counted(kind: Kind, use: Use, data: dict[str, Any]) -> None:
    with (
        recording(lambda request: Answer(envelope(data))) as server,
        pytest.raises(ListIncomplete) as caught,
    ):
        kind.do(use, base_url=server.url)
    assert {type(item) for item in caught.value.items} <= {ToviewVideo, ArticleList}
    assert (len(caught.value.items), caught.value.total) == (2, 3)
    whole = data | dict.fromkeys(data.keys() & {"count", "total"}, 2)
    with recording(lambda request: Answer(envelope(whole))) as server:
        kind.do(use, base_url=server.url)


def test_a_page_of_deleted_videos_does_not_end_a_walk(kind: Kind) -> None:
    aids = [9, 8, 7, 6, 5]

    def handle(request: Received) -> Answer:
        page = int(dict(request.query)["page_num"])
        part = aids[2 * page - 2 : 2 * page]
        archives = [{"aid": aid} for aid in part if aid not in {7, 6}]
        counts = {"page_num": page, "page_size": 2, "total": 5}
        return Answer(envelope({"aids": part, "archives": archives, "page": counts}))

    with recording(wbi(handle)) as server:
        items = kind.do(lambda c: c.space.iter_season_videos(7, 1, size=2), base_url=server.url)
    assert [item.aid for item in items] == [9, 8, 5]


def test_the_error_is_pickled_with_its_items() -> None:
    error = ListIncomplete([{"mid": 1}], 2, cut=False, endpoint="relation.blacks")
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.items, copy.total, copy.cut, copy.endpoint) == (
        [{"mid": 1}],
        2,
        False,
        "relation.blacks",
    )
    assert (str(copy), copy.args) == (str(error), error.args)
    assert (
        copy.args[0].zh
        == "relation.blacks: 列表共 2 项，只读到 1 项：读取期间列表有变动，可重新读取"
    )


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
        items = [{"mid": "9"}] if dict(request.query).get("pn") == "1" else []
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
