"""Cursors of the open profile: every list can be walked, whole, while it changes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count as numbers
from typing import Any

import pytest

from guanxi.accounts.account import Privacy
from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.graph.lists import Position, encode_cursor
from guanxi.stores.port import EdgeRow
from guanxi.testing import RunningService, SignedIn, running
from tests.service.client import call, fresh, modify
from tests.service.test_lists import mids_of

_SIZE = 23
_BEGAN = 1_600_000_000
_OWNER, _VIEWER = 1, 2
_FOLLOWED, _FANS, _WHISPERED, _BLOCKED = (range(at, at + _SIZE) for at in (100, 200, 300, 400))

#: Small caps, so that a walk by cursor passes every one of them.
_SMALL = {
    "page_size": 5,
    "own_followings": 10,
    "others_followings": 8,
    "followers": 8,
    "app_pages": 1,
    "unpaged": 7,
    "attentions": 6,
}


@pytest.fixture(scope="module")
def walked() -> Iterator[tuple[RunningService, SignedIn, SignedIn]]:
    with running("open", limits=_SMALL) as service:
        # Two in each second, so that a second alone does not order them.
        edges = [
            EdgeRow(follower=_OWNER, followed=mid, time=_BEGAN + mid // 2, special=True)
            for mid in _FOLLOWED
        ]
        edges += [
            EdgeRow(follower=mid, followed=_OWNER, time=_BEGAN + mid // 2)
            for mid in (*_FOLLOWED, *_FANS)
        ]
        edges += [EdgeRow(follower=_VIEWER, followed=mid, time=_BEGAN - mid) for mid in _FOLLOWED]
        for kind, mids in (("whisper", _WHISPERED), ("block", _BLOCKED)):
            edges += [
                EdgeRow(follower=_OWNER, followed=mid, time=_BEGAN + mid // 2, kind=kind)
                for mid in mids
            ]
        service.import_edges(edges)
        yield service, service.sign_in(_OWNER), service.sign_in(_VIEWER)


Walked = tuple[RunningService, SignedIn, SignedIn]

#: Each list, and whom it holds.
LISTS: list[tuple[Endpoint, dict[str, object], set[int]]] = [
    (e.FOLLOWINGS, {"vmid": _OWNER}, set(_FOLLOWED)),
    (e.FOLLOWINGS, {"vmid": _OWNER, "order": "asc"}, set(_FOLLOWED)),
    (e.FOLLOWINGS, {"vmid": _OWNER, "order_type": "attention"}, set(_FOLLOWED)),
    (e.FOLLOWERS, {"vmid": _OWNER}, {*_FOLLOWED, *_FANS}),
    (e.FOLLOWERS, {"vmid": _OWNER, "order": "asc"}, {*_FOLLOWED, *_FANS}),
    (e.APP_FOLLOWINGS, {"vmid": _OWNER}, set(_FOLLOWED)),
    (e.GAME_FOLLOWINGS, {"vmid": _OWNER}, set(_FOLLOWED)),
    (e.SAME, {"vmid": _VIEWER}, set(_FOLLOWED)),
    (e.BLACKS, {}, set(_BLOCKED)),
    (e.FRIENDS, {}, set(_FOLLOWED)),
    (e.WHISPERS, {}, set(_WHISPERED)),
    (e.SPECIALS, {}, set(_FOLLOWED)),
    (e.ATTENTIONS, {"mid": _OWNER}, set(_FOLLOWED)),
    (e.GROUP_MEMBERS, {"tagid": -10}, set(_FOLLOWED)),
    (e.GROUP_MEMBERS, {"tagid": -10, "order_type": "attention"}, set(_FOLLOWED)),
]


def walk(
    service: RunningService, caller: SignedIn, endpoint: Endpoint, fields: dict[str, object]
) -> Iterator[list[int]]:
    """The pages of a list, from an empty cursor to the empty one."""
    cursor = ""
    for _ in range(100):
        answer = call(service, endpoint, caller, {**fields, "cursor": cursor})
        assert answer.code == 0, answer.raw
        yield mids_of(answer)
        cursor = answer.data["cursor"]
        if not cursor:
            return
    raise AssertionError("a walk without end")


@pytest.mark.parametrize(("endpoint", "fields", "members"), LISTS)
@pytest.mark.parametrize("ps", [1, 3, 5])
def test_cursors_return_each_member_once(
    endpoint: Endpoint, fields: dict[str, object], members: set[int], ps: int, walked: Walked
) -> None:
    service, owner, _ = walked
    paged = any(name == "ps" for name in endpoint.params.__struct_fields__)
    params = {**fields, "ps": ps} if paged else fields
    pages = list(walk(service, owner, endpoint, params))
    met = [mid for page in pages for mid in page]
    assert len(met) == len(set(met))
    assert set(met) == members, "the caps of page numbers do not bind it"
    size = ps if paged else _SMALL["attentions" if endpoint is e.ATTENTIONS else "page_size"]
    assert all(len(page) == size for page in pages[:-1])


def test_every_list_is_tested_with_cursors() -> None:
    walked = {endpoint.name for endpoint, _, _ in LISTS}
    lists = {one.name for one in ENDPOINTS if "cursor" in one.params.__struct_fields__}
    assert lists - walked == {e.SEARCH.name, e.CARD_BY_MID.name}, "these have their own tests"


def test_cursors_reach_all_mids_of_a_card(walked: Walked) -> None:
    service, _, _ = walked
    met: list[int] = []
    cursor = ""
    for _ in range(4):
        fields = {"mid": _OWNER, "cursor": cursor}
        body = call(service, e.CARD_BY_MID, None, fields).body
        assert body["card"]["attention"] == _SIZE
        met += body["card"]["attentions"]
        cursor = body["cursor"]
    assert (cursor, len(met), set(met)) == ("", _SIZE, set(_FOLLOWED))


def test_lists_of_mids_without_a_cursor_are_limited(walked: Walked) -> None:
    service, owner, viewer = walked
    newest = sorted(_FOLLOWED, reverse=True)[:6]
    for caller in (owner, viewer):
        assert call(service, e.ATTENTIONS, caller, {"mid": _OWNER}).data == newest
    body = call(service, e.CARD_BY_MID, None, {"mid": _OWNER}).body
    assert (body["card"]["attentions"], bool(body["cursor"])) == (newest, True)


def test_cursors_reach_all_search_results(walked: Walked) -> None:
    service, owner, viewer = walked
    for caller in (owner, viewer):
        pages = list(walk(service, caller, e.SEARCH, {"vmid": _OWNER, "ps": 3}))
        met = [mid for page in pages for mid in page]
        assert len(met) == len(set(met)) == 23


def test_cursors_pass_the_page_cap_for_others(walked: Walked) -> None:
    service, _, viewer = walked
    pages = walk(service, viewer, e.FOLLOWINGS, {"vmid": _OWNER, "ps": 5})
    assert {mid for page in pages for mid in page} == set(_FOLLOWED)


@pytest.mark.parametrize("ps", [1, 4, 5])
def test_common_followings_are_in_the_order_of_the_others_list(ps: int, walked: Walked) -> None:
    service, owner, viewer = walked
    newest_first, oldest_first = [*reversed(_FOLLOWED)], [*_FOLLOWED]
    for caller, other, expected in (
        (owner, _VIEWER, oldest_first),
        (viewer, _OWNER, newest_first),
    ):
        pages = walk(service, caller, e.SAME, {"vmid": other, "ps": ps})
        assert [mid for page in pages for mid in page] == expected
        by_number = call(service, e.SAME, caller, {"vmid": other, "ps": ps, "pn": 2})
        assert mids_of(by_number) == expected[ps : 2 * ps]
        rest = {"vmid": other, "ps": ps, "cursor": by_number.data["cursor"]}
        after = call(service, e.SAME, caller, rest)
        assert mids_of(after) == expected[2 * ps : 3 * ps]


def test_a_cursor_continues_a_numbered_page(walked: Walked) -> None:
    service, owner, _ = walked
    by_number = call(service, e.FOLLOWINGS, owner, {"vmid": _OWNER, "ps": 5, "pn": 2})
    assert len(mids_of(by_number)) == 5
    rest = {"vmid": _OWNER, "ps": 5, "cursor": by_number.data["cursor"]}
    after = call(service, e.FOLLOWINGS, owner, rest)
    whole = [
        mid for page in walk(service, owner, e.FOLLOWINGS, {"vmid": 1, "ps": 5}) for mid in page
    ]
    assert mids_of(by_number) + mids_of(after) == whole[5:15]
    past = call(service, e.FOLLOWINGS, owner, {"vmid": _OWNER, "ps": 5, "pn": 3})
    assert (mids_of(past), past.data["total"]) == ([], _SIZE)


def test_unpaged_lists_without_a_cursor_are_limited(walked: Walked) -> None:
    service, owner, _ = walked
    for endpoint in (e.FRIENDS, e.WHISPERS):
        answer = call(service, endpoint, owner)
        assert len(mids_of(answer)) == _SMALL["unpaged"]
        assert answer.data["cursor"]
    assert len(call(service, e.SPECIALS, owner).data) == _SMALL["unpaged"], (
        "an array, as documented"
    )
    assert isinstance(call(service, e.GROUP_MEMBERS, owner, {"tagid": -10}).data, list)


def test_privacy_applies_to_cursors(open_service: RunningService) -> None:
    owner, viewer = fresh(open_service, 2)
    open_service.set_privacy(owner.mid, Privacy(hide_followings=True, hide_followers=True))
    expected: dict[str, Any] = {e.FOLLOWINGS.name: 22115, e.FOLLOWERS.name: 22118}
    for endpoint in (
        e.FOLLOWINGS,
        e.FOLLOWERS,
        e.APP_FOLLOWINGS,
        e.GAME_FOLLOWINGS,
        e.SEARCH,
        e.SAME,
    ):
        for cursor in ("", encode_cursor(Position(2**40, 5))):
            answer = call(open_service, endpoint, viewer, {"vmid": owner.mid, "cursor": cursor})
            assert answer.code == expected.get(endpoint.name, 0)
            if not answer.code:
                assert answer.data["cursor"] == ""
                assert not answer.data["list"]
    fields = {"mid": owner.mid, "cursor": ""}
    hidden = call(open_service, e.ATTENTIONS, viewer, fields).data
    assert hidden == {"list": [], "cursor": ""}
    body = call(open_service, e.CARD_BY_MID, None, fields).body
    assert (body["card"]["attentions"], body["cursor"]) == ([], "")


@pytest.mark.parametrize(
    "cursor", ["x", "AAAA", "é", "%", "A" * 28, "A" * 65, encode_cursor(Position(1, 1))[:-2] + "=="]
)
def test_a_bad_cursor_is_named(cursor: str, open_service: RunningService) -> None:
    [caller] = fresh(open_service)
    for endpoint in [one for one in ENDPOINTS if "cursor" in one.params.__struct_fields__]:
        fields = {"vmid": caller.mid, "mid": caller.mid, "tagid": 0, "cursor": cursor}
        answer = call(open_service, endpoint, caller, fields)
        assert (answer.status, answer.code) == (200, -400), endpoint.name
        assert answer.reason.startswith("cursor: ")


def test_the_documented_profile_ignores_cursors(documented: RunningService) -> None:
    [caller] = fresh(documented)
    for endpoint in [one for one in ENDPOINTS if "cursor" in one.params.__struct_fields__]:
        name = "card" if endpoint is e.CARD_BY_MID else "data"
        fields = {"vmid": caller.mid, "mid": caller.mid, "tagid": 0}
        plain = call(documented, endpoint, caller, fields).body
        response = call(documented, endpoint, caller, {**fields, "cursor": "x" * 100})
        assert response.code == 0
        assert response.body[name] == plain[name]
        for part in (plain, plain[name]):
            assert "cursor" not in (part if isinstance(part, dict) else {})


def test_members_that_stay_are_returned_once_during_changes(open_service: RunningService) -> None:
    """Between any two pages some follow and others unfollow; the rest keep their place."""
    [owner] = fresh(open_service)
    staying = list(range(owner.mid + 10**6, owner.mid + 10**6 + 40))
    leaving = [mid + 10**6 for mid in staying]
    coming = numbers(owner.mid + 3 * 10**6)
    rows = [
        EdgeRow(follower=owner.mid, followed=mid, time=_BEGAN + place)
        for place, pair in enumerate(zip(staying, leaving, strict=True))
        for mid in pair
    ]
    open_service.import_edges(rows)
    for order in ("desc", "asc"):
        met: list[int] = []
        for page in walk(
            open_service, owner, e.FOLLOWINGS, {"vmid": owner.mid, "order": order, "ps": 7}
        ):
            met += page
            new = next(coming)
            open_service.add_accounts(new)
            assert modify(open_service, owner, new, 1).code == 0
            if leaving:
                assert modify(open_service, owner, leaving.pop(), 2).code == 0
        assert len(met) == len(set(met))
        assert set(staying) <= set(met)
