"""Spaces and the own account: walks over every kind of list, access ids, unusual envelopes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from guanxi import AnswerException, Client, NotFound, ResponseCodeException
from guanxi.contract import pages, sign
from guanxi.contract import structs as s
from guanxi.contract.sign import wbi_verify
from tests.sdk.recorder import (
    ACCESS_ID,
    MIXIN,
    SIGNED_IN,
    SIGNED_OUT,
    Answer,
    Kind,
    Received,
    envelope,
    recording,
    wbi,
)

Use = Callable[[Any], Any]


def by_number(path: str, number: str, size: str, make: Callable[[int], Any]) -> Any:
    """Return a handler of five items in pages of two, at a path of the data."""

    def handle(request: Received) -> Answer:
        params = dict(request.query)
        start = (int(params[number]) - 1) * int(params[size])
        data: Any = [
            make(item_id) for item_id in [5, 4, 3, 2, 1][start : start + int(params[size])]
        ]
        for step in reversed(path.split(".") if path else []):
            data = {step: data}
        return Answer(envelope(data))

    return wbi(handle)


NUMBERED: dict[str, tuple[Use, Any]] = {
    "tags": (
        lambda c: c.space.iter_tags(7, size=2),
        by_number("tags", "pn", "ps", lambda n: {"tag_id": n}),
    ),
    "bangumi": (
        lambda c: c.space.iter_bangumi(7, size=2),
        by_number("list", "pn", "ps", lambda n: {"season_id": n}),
    ),
    "videos": (
        lambda c: c.space.iter_videos(7, size=2),
        by_number("list.vlist", "pn", "ps", lambda n: {"aid": n}),
    ),
    "season_videos": (
        lambda c: c.space.iter_season_videos(7, 9, size=2),
        by_number("archives", "page_num", "page_size", lambda n: {"aid": n}),
    ),
    "legacy_season_videos": (
        lambda c: c.space.iter_legacy_season_videos(7, 9, size=2),
        by_number("archives", "page_num", "page_size", lambda n: {"aid": n}),
    ),
    "series_videos": (
        lambda c: c.space.iter_series_videos(7, 9, size=2),
        by_number("archives", "pn", "ps", lambda n: {"aid": n}),
    ),
    "audios": (
        lambda c: c.space.iter_audios(7, size=2),
        by_number("data", "pn", "ps", lambda n: {"id": n}),
    ),
    "articles": (
        lambda c: c.space.iter_articles(7, size=2),
        by_number("articles", "pn", "ps", lambda n: {"id": n}),
    ),
    "albums": (
        lambda c: c.space.iter_albums(7, size=2),
        by_number("items", "page_num", "page_size", lambda n: {"doc_id": n}),
    ),
    "history": (
        lambda c: c.me.iter_history(size=2),
        by_number("", "pn", "ps", lambda n: {"kid": n, "business": "archive", "aid": n}),
    ),
    "notes": (
        lambda c: c.me.iter_notes(size=2),
        by_number("list", "pn", "ps", lambda n: {"note_id": n}),
    ),
    "public_notes": (
        lambda c: c.me.iter_public_notes(size=2),
        by_number("list", "pn", "ps", lambda n: {"cvid": n}),
    ),
}


def id_of(item: Any) -> int:
    return int(getattr(item, "id", None) or item.aid)


@pytest.mark.parametrize("use", NUMBERED.values(), ids=NUMBERED)
def test_numbered_pages_are_walked_to_the_end(kind: Kind, use: tuple[Use, Any]) -> None:
    walk, handle = use
    with recording(handle) as server:
        items = kind.do(walk, base_url=server.url)
    assert [id_of(item) for item in items] == [5, 4, 3, 2, 1]
    assert not any("cursor" in request.target for request in server.received)


def test_a_walk_ends_with_a_page_marked_as_the_last(kind: Kind) -> None:
    def handle(request: Received) -> Answer:
        number = int(dict(request.query)["pn"])
        data = {"items": [{"season_id": number}], "page": {"next": number < 3}}
        return Answer(envelope(data))

    with recording(wbi(handle)) as server:
        items = kind.do(lambda c: c.space.iter_courses(7), base_url=server.url)
    assert [item.id for item in items] == [1, 2, 3]
    assert sum("pn=" in request.target for request in server.received) == 3


@pytest.mark.parametrize("name", ["iter_channels", "iter_legacy_channels"])
def test_seasons_and_series_are_walked_together(kind: Kind, name: str) -> None:
    pages_by_number = {
        "1": {"seasons_list": [{"meta": {"season_id": 1, "mid": 7}}], "series_list": []},
        "2": {
            "seasons_list": [{"meta": {"season_id": 2, "mid": 7}}],
            "series_list": [{"meta": {"series_id": 2, "mid": 7}}],
        },
    }

    def handle(request: Received) -> Answer:
        page = pages_by_number.get(dict(request.query)["page_num"], {"seasons_list": []})
        return Answer(envelope({"items_lists": page}))

    with recording(wbi(handle)) as server:
        items = kind.do(lambda c: getattr(c.space, name)(7), base_url=server.url)
    assert [type(item) for item in items] == [s.Season, s.Season, s.Series]


class Chain:
    """A handler of three pages, each with the position of the next."""

    def __init__(self, parameter: str, answer: Callable[[int], Any]) -> None:
        self.parameter, self.answer = parameter, answer
        self.positions: list[str | None] = []

    def __call__(self, request: Received) -> Answer:
        position = dict(request.query).get(self.parameter)
        self.positions.append(position)
        return Answer(envelope(self.answer(int(position or 0))))


def chained_page(
    position: int, name: str, items: Callable[[int], Any], **more: Any
) -> dict[str, Any]:
    page = [n for n in (9, 8, 7, 6, 5) if not position or n < position][:2]
    last = page[-1] if page else 0
    return {name: [items(n) for n in page], "has_more": last > 5, **more} | (
        {"offset": str(last), "next_offset": last} if name != "media_list" else {}
    )


CHAINED: dict[str, tuple[Use, Chain]] = {
    "media_list": (
        lambda c: c.space.iter_media_list(7, size=2),
        Chain("oid", lambda at: chained_page(at, "media_list", lambda n: {"id": n})),
    ),
    "dynamics": (
        lambda c: c.space.iter_dynamics(7),
        Chain("offset", lambda at: chained_page(at, "items", lambda n: {"id_str": str(n)})),
    ),
    "opus": (
        lambda c: c.space.iter_opus(7),
        Chain("offset", lambda at: chained_page(at, "items", lambda n: {"opus_id": str(n)})),
    ),
    "old_dynamics": (
        lambda c: c.space.iter_old_dynamics(7),
        Chain(
            "offset_dynamic_id",
            lambda at: chained_page(at, "cards", lambda n: {"desc": {"dynamic_id": n}}),
        ),
    ),
}


@pytest.mark.parametrize("name", CHAINED)
def test_chained_pages_are_walked_to_the_end(kind: Kind, name: str) -> None:
    walk, chain = CHAINED[name]
    chain.positions.clear()
    with recording(wbi(chain)) as server:
        items = kind.do(walk, base_url=server.url)
    ids = [int(getattr(getattr(item, "desc", item), "id", 0)) for item in items]
    assert ids == [9, 8, 7, 6, 5]
    assert chain.positions == [None, "8", "6"]
    if name == "media_list":
        requests = [request for request in server.received if "medialist" in request.path]
        assert {dict(request.query)["direction"] for request in requests} == {"1"}


def entry(number: int) -> dict[str, Any]:
    return {"kid": number, "view_at": 100, "history": {"business": "archive", "oid": number}}


def test_history_is_walked_by_cursor_until_a_page_is_empty(kind: Kind) -> None:
    pages_by_position: dict[str | None, list[int]] = {None: [5, 4], "4": [3], "3": []}

    def handle(request: Received) -> Answer:
        params = dict(request.query)
        found = pages_by_position[params.get("max")]
        last = found[-1] if found else 0
        cursor = {"max": last, "view_at": 100 if last else 0, "business": "archive", "ps": 20}
        return Answer(envelope({"list": [entry(n) for n in found], "cursor": cursor}))

    with recording(handle) as server:
        items = kind.do(lambda c: c.me.iter_history_cursor(), base_url=server.url)
    assert [item.kid for item in items] == [5, 4, 3]
    assert [dict(request.query).get("view_at") for request in server.received] == [
        None,
        "100",
        "100",
    ]
    assert dict(server.received[1].query)["business"] == "archive"


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"items": [{"id_str": "1"}], "has_more": True, "offset": "5"}, "$.data.offset"),
        ({"items": [{"id_str": "1"}], "has_more": True}, "$.data.offset"),
        ({"items": [{"id_str": "1"}], "has_more": True, "offset": [1]}, "$.data.offset"),
        ({"items": {}, "has_more": True}, "$.data"),
        ({"items": [{"id": 1}], "has_more": True}, "$.data.items[...]"),
        ({"items": [7], "has_more": True}, "$.data.items[...]"),
        (None, "$.data"),
    ],
)
def test_an_invalid_chained_page_raises(kind: Kind, data: Any, path: str) -> None:
    body = {"code": 0, "data": data}
    server = recording(wbi(lambda request: Answer(body)))
    with server as recorder, pytest.raises(AnswerException) as caught:
        kind.do(lambda c: c.space.iter_dynamics(7), base_url=recorder.url)
    assert caught.value.path == path


def _always(answer: Answer) -> Callable[[Received], Answer]:
    return lambda request: answer


def test_a_walk_ends_with_has_more_0(kind: Kind) -> None:
    for data in ({"has_more": 0, "next_offset": 0}, {"has_more": 0, "cards": []}, {}):
        answer = Answer(envelope(data))
        with recording(_always(answer)) as server:
            assert kind.do(lambda c: c.space.iter_old_dynamics(7), base_url=server.url) == []
            assert len(server.received) == 1


# Additional parameters


def test_fixed_fields_and_the_access_id_are_signed(kind: Kind) -> None:
    with recording(wbi(lambda request: Answer(envelope({})))) as server:
        kind.do(lambda c: c.space.videos(7, keyword="a b"), base_url=server.url)
        kind.do(
            lambda c: c.call("space.videos", {"mid": 7, "platform": "mine", "w_webid": "own"}),
            base_url=server.url,
        )
    sent = [request.query for request in server.received if request.path.endswith("arc/search")]
    assert all(wbi_verify(pairs, MIXIN) for pairs in sent)
    first, second = (dict(pairs) for pairs in sent)
    assert (first["order_avoided"], first["platform"], first["w_webid"]) == ("1", "web", ACCESS_ID)
    assert (second["order_avoided"], second["platform"], second["w_webid"]) == ("1", "mine", "own")
    assert sum(request.path == "/7/dynamic" for request in server.received) == 1


def test_an_expired_access_id_is_fetched_again(kind: Kind) -> None:
    clock = kind.clock()
    with recording(wbi(lambda request: Answer(envelope({"mid": 7})))) as server:

        async def use(client: Any) -> None:
            for _ in range(2):
                await client.space.info(7)
            clock.now += 9_000_000_001
            await client.space.info(7)

        def use_sync(client: Any) -> None:
            for _ in range(2):
                client.space.info(7)
            clock.now += 9_000_000_001
            client.space.info(7)

        kind.do(use if kind.name == "async" else use_sync, base_url=server.url, clock=clock)
    assert sum(request.path == "/7/dynamic" for request in server.received) == 2


def test_an_access_id_without_expiry_is_not_cached(kind: Kind) -> None:
    page = Answer(pages.space_page("no token").encode())
    with recording(lambda request: page) as server:
        for _ in range(2):
            assert kind.do(lambda c: c.space.access_id(7), base_url=server.url) == "no token"
        assert kind.do(lambda c: c.space.page(7), base_url=server.url) == page.body.decode()
    assert {request.target for request in server.received} == {"/7/dynamic"}


def test_a_refused_page_raises_its_code(kind: Kind) -> None:
    answer = Answer(envelope(None, -404, "啥都木有"), 404)
    with recording(lambda request: answer) as server, pytest.raises(NotFound):
        kind.do(lambda c: c.space.info(7), base_url=server.url)


def test_concurrent_calls_share_one_access_id_and_one_key() -> None:
    async def many(url: str) -> None:
        async with Client(base_url=url, credential=SIGNED_OUT) as client:
            await asyncio.gather(*(client.space.info(7) for _ in range(20)))

    with recording(wbi(lambda request: Answer(envelope({"mid": 7})))) as server:
        asyncio.run(many(server.url))
    paths = [request.path for request in server.received]
    assert paths.count("/7/dynamic") == paths.count("/x/web-interface/nav") == 1
    assert len(paths) == 22
    assert server.closes_all_connections()


def test_two_clients_share_no_keys_ids_or_cookies() -> None:
    def theirs(request: Received) -> Answer:
        if request.path.endswith("/dynamic"):
            return Answer(pages.space_page("theirs").encode())
        if request.path.endswith("/nav"):
            images = {"img_url": f"/{'c' * 32}.png", "sub_url": f"/{'d' * 32}.png"}
            return Answer(envelope({"wbi_img": images}, -101))
        return Answer(envelope({"mid": 7}))

    async def both(our_url: str, their_url: str) -> None:
        async with (
            Client(base_url=our_url, credential=SIGNED_IN) as first,
            Client(base_url=their_url, credential=SIGNED_OUT) as second,
        ):
            await asyncio.gather(*(client.space.info(7) for client in (first, second) * 5))

    ours = wbi(lambda request: Answer(envelope({"mid": 7})))
    with recording(ours) as our_server, recording(theirs) as their_server:
        asyncio.run(both(our_server.url, their_server.url))
    for server, mixin, access_id, cookie in (
        (our_server, MIXIN, ACCESS_ID, "sess-secret"),
        (their_server, sign.mixin_key("c" * 32, "d" * 32), "theirs", None),
    ):
        requests = [request for request in server.received if request.path.endswith("acc/info")]
        assert len(requests) == 5
        assert all(wbi_verify(request.query, mixin) for request in requests)
        assert {dict(request.query)["w_webid"] for request in requests} == {access_id}
        assert {request.cookies.get("SESSDATA") for request in requests} == {cookie}


# Unusual envelopes


def test_a_response_with_ok_is_returned_whole(kind: Kind) -> None:
    def call(body: Any) -> Any:
        with recording(lambda request: Answer(body)) as server:
            return kind.do(lambda c: c.call("space.notice", {"mid": 7}), base_url=server.url)

    assert call({"OK": 1, "code": 0, "x": 2}) == {"OK": 1, "code": 0, "x": 2}
    with pytest.raises(ResponseCodeException) as caught:
        call({"OK": 0})
    assert caught.value.code == -1


def test_no_reservations_are_none(kind: Kind) -> None:
    with recording(wbi(lambda request: Answer(envelope()))) as server:
        assert kind.do(lambda c: c.space.reservations(7), base_url=server.url) is None


def test_up_stat_is_empty_when_signed_out(kind: Kind) -> None:
    with recording(lambda request: Answer(envelope({}))) as server:
        stat = kind.do(lambda c: c.space.up_stat(7), base_url=server.url, credential=SIGNED_OUT)
    assert stat == s.UpStat()
