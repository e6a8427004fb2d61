"""Pages of lists with their data, and resuming after one of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from operator import methodcaller
from typing import Any, TypedDict

import msgspec
import pytest
from msgspec import Struct

from guanxi import AnswerException, Credential, SyncClient
from guanxi.accounts.account import Card
from guanxi.contract.structs import HistoryEntry, HistoryTarget
from guanxi.testing import RunningService, running
from guanxi.world.mine import SEEN, Seen
from tests.sdk.recorder import Answer, Kind, Received, envelope, recording
from tests.service.content_fixtures import put

FOLLOWED = list(range(107, 100, -1))  # newest first


@pytest.fixture(scope="module", params=["documented", "open"])
def service(request: pytest.FixtureRequest) -> Iterator[RunningService]:
    """Yield a service where account 1 follows seven others and has watched five videos."""
    with running(request.param) as service:
        service.add_accounts(*FOLLOWED, cards={1: Card(name="one")})
        for oid in range(1, 6):
            target = HistoryTarget(oid=oid, business="archive")
            put(
                service, 1, SEEN, Seen(HistoryEntry(view_at=oid, history=target, kid=oid), device=3)
            )
        with SyncClient(**settings(service)) as client:
            for mid in reversed(FOLLOWED):
                client.relation.follow(mid)
        yield service


def settings(service: RunningService) -> dict[str, Any]:
    session = service.sign_in(1)
    account = Credential(session.sessdata, session.bili_jct)
    return {"base_url": service.base_url, "credential": account}


#: By page number or (profile open) by cursor, and chained.
LISTS = [("relation.followings", {"vmid": 1, "ps": 3}), ("me.history_cursor", {"ps": 2})]


@pytest.mark.parametrize(("name", "params"), LISTS)
def test_pages_have_items_data_and_the_next_position(
    kind: Kind, service: RunningService, name: str, params: dict[str, int]
) -> None:
    pages = kind.do(lambda c: c.pages(name, params), **settings(service))
    walked = kind.do(lambda c: c.walk(name, params), **settings(service))
    assert [item for page in pages for item in page.items] == walked
    assert all(page.items == page.new == page.data["list"] for page in pages)
    sizes = [len(page.items) for page in pages if page.items]
    assert sizes == ([3, 3, 1] if name == "relation.followings" else [2, 2, 1])
    assert [page.next is None for page in pages] == [False] * (len(pages) - 1) + [True]
    if name == "relation.followings":
        assert [item["mid"] for item in walked] == FOLLOWED
        assert {page.data["total"] for page in pages} == {7}


class Member(Struct):
    mid: int


class Members(TypedDict, total=False):
    list: list[Member]
    total: int
    cursor: str


class Watched(TypedDict):
    list: list[HistoryEntry]
    cursor: dict[str, Any]


@pytest.mark.parametrize("given", [*zip(LISTS, [Members, Watched], strict=True)])
def test_pages_of_a_kind_are_those_of_plain_values(
    kind: Kind, service: RunningService, given: tuple[tuple[str, dict[str, int]], type[Any]]
) -> None:
    (name, params), type_ = given
    plain = kind.do(lambda c: c.pages(name, params), **settings(service))
    typed = kind.do(lambda c: c.pages(name, params, kind=type_), **settings(service))
    item_type: Any = Member if type_ is Members else HistoryEntry
    assert [page.items for page in typed] == [
        [msgspec.convert(item, item_type) for item in page.items] for page in plain
    ]
    assert [page.new for page in typed] == [page.items for page in typed]
    assert [page.next for page in typed] == [page.next for page in plain]


def test_a_page_that_is_not_of_its_kind_is_an_error(kind: Kind, service: RunningService) -> None:
    class Wrong(TypedDict):
        list: list[str]

    with pytest.raises(AnswerException, match=r"at \$\.data\.list\[0\]"):
        kind.do(lambda c: c.pages(*LISTS[0], kind=Wrong), **settings(service))


@pytest.mark.parametrize(("name", "params"), LISTS)
def test_a_new_client_resumes_after_any_page(
    kind: Kind, service: RunningService, name: str, params: dict[str, int]
) -> None:
    pages = kind.do(lambda c: c.pages(name, params), **settings(service))
    for index, page in enumerate(pages[:-1], 1):
        rest = kind.do(
            methodcaller("pages", name, params, json.loads(json.dumps(page.next))),
            **settings(service),
        )
        assert rest == pages[index:]


def test_a_page_number_or_cursor_in_the_parameters_is_ignored(
    kind: Kind, service: RunningService
) -> None:
    params = {"vmid": 1, "ps": 7, "pn": 3, "cursor": "x"}
    walked = kind.do(lambda c: c.walk("relation.followings", params), **settings(service))
    assert [item["mid"] for item in walked] == FOLLOWED


def test_no_cursor_in_the_parameters_reaches_the_documents_hosts(kind: Kind) -> None:
    clock = kind.clock()
    transport = kind.script(clock, Answer(envelope({"list": []})))
    params = {"cursor": "x"}
    kind.do(lambda c: c.walk("relation.blacks", params), transport=transport, clock=clock)
    assert [request.url.partition("?")[2] for request in transport.sent] == ["pn=1"]


def test_a_list_that_changes_between_two_pages(service: RunningService) -> None:
    """By page number the last item of a page moves to the next one; by cursor it does not."""
    service.add_accounts(200)
    with SyncClient(**settings(service)) as client:
        pages = client.pages("relation.followings", {"vmid": 1, "ps": 3})
        first = next(pages)
        client.relation.follow(200)
        second = next(pages)
        client.relation.unfollow(200)
    repeated = service.settings.profile.name == "documented"
    mids = [item["mid"] for item in first.items + second.items]
    assert mids == FOLLOWED[:3] + (FOLLOWED[2:5] if repeated else FOLLOWED[3:6])
    assert second.new == (second.items[1:] if repeated else second.items)
    assert (first.data["total"], second.data["total"]) == (7, 8)


def shifting() -> Callable[[Received], Answer]:
    """Return a handler of a list by page number that gets a new first item before each page."""
    mids = [4, 3, 2, 1]

    def handle(request: Received) -> Answer:
        page = int(dict(request.query)["pn"])
        items = [{"mid": mid} for mid in mids[2 * page - 2 : 2 * page]]
        answer = Answer(envelope({"list": items, "total": len(mids)}))
        mids.insert(0, len(mids) + 1)
        return answer

    return handle


def test_items_that_moved_to_the_next_page_are_on_both(kind: Kind) -> None:
    with recording(shifting()) as server:
        pages = kind.do(lambda c: c.pages("relation.blacks", {"ps": 2}), base_url=server.url)
    assert [[item["mid"] for item in page.items] for page in pages][:3] == [[4, 3], [3, 2], [2, 1]]
    assert [[item["mid"] for item in page.new] for page in pages][:3] == [[4, 3], [2], [1]]
    assert [page.data["total"] for page in pages][:3] == [4, 5, 6]
    assert pages[0].next == {"endpoint": "relation.blacks", "params": {"pn": 2}}


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("relation.followings", {"endpoint": "relation.followers", "params": {"pn": 2}}),
        ("relation.followings", {"endpoint": "relation.followings", "params": {"pn": 0}}),
        ("relation.followings", {"endpoint": "relation.followings", "params": {"pn": "2"}}),
        ("relation.followings", {"endpoint": "relation.followings", "params": {"pn": 2, "ps": 9}}),
        ("relation.followings", {"endpoint": "relation.followings", "params": {"cursor": ""}}),
        ("relation.followings", {"endpoint": "relation.followings", "params": {"vmid": 2}}),
        ("relation.followings", {"endpoint": "relation.followings", "params": {}}),
        ("relation.followings", {"endpoint": "relation.followings"}),
        ("relation.followings", {"pn": 2}),
        ("relation.followings", {}),
        ("relation.followings", "garbage"),
        ("relation.followings", 7),
        ("relation.friends", {"endpoint": "relation.friends", "params": {}}),
        ("me.history_cursor", {"endpoint": "me.history_cursor", "params": {"max": 1}}),
        ("space.opus", {"endpoint": "space.opus", "params": {"offset": None}}),
    ],
)
def test_an_invalid_start_raises_before_anything_is_sent(kind: Kind, name: str, start: Any) -> None:
    with recording() as server, pytest.raises(ValueError, match=rf"^start: .*{name}"):
        kind.do(lambda c: c.pages(name, {}, start), base_url=server.url)
    assert server.received == []


@pytest.mark.parametrize("name", ["me.clear_toview", "relation.groups", "me.toview", "web.nav"])
def test_an_endpoint_without_pages_raises_before_anything_is_sent(kind: Kind, name: str) -> None:
    with recording() as server, pytest.raises(ValueError, match=f"{name} has no pages"):
        kind.do(lambda c: c.pages(name, {}), base_url=server.url)
    assert server.received == []


def test_a_cursor_is_no_start_where_there_are_none(kind: Kind) -> None:
    start = {"endpoint": "relation.blacks", "params": {"cursor": "x"}}
    clock = kind.clock()
    transport = kind.script(clock)
    with pytest.raises(ValueError, match=r"^start: "):
        kind.do(lambda c: c.pages("relation.blacks", {}, start), transport=transport, clock=clock)
    assert transport.sent == []


def test_a_list_that_stops_sending_cursors_raises(kind: Kind) -> None:
    """Without the error the walk would end as if it were complete."""

    def handle(request: Received) -> Answer:
        first = dict(request.query)["cursor"] == ""
        page = {"list": [{"mid": 1 if first else 2}]}
        return Answer(envelope({**page, "cursor": "a"} if first else page))

    with recording(handle) as server, pytest.raises(AnswerException) as caught:
        kind.do(lambda c: c.pages("relation.blacks", {}), base_url=server.url)
    assert caught.value.path == "$.data.cursor"


def test_a_list_without_pages_is_one_page(kind: Kind, service: RunningService) -> None:
    pages = kind.do(lambda c: c.pages("relation.friends", {}), **settings(service))
    assert [(page.items, page.next) for page in pages] == [([], None)]
