"""The lists: who sees which part of whose, in which order, and in which shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from guanxi.accounts.account import Card, Privacy, State
from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint, Envelope
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.graph.pair import Contract
from guanxi.operations import accounts
from guanxi.stores.port import EdgeRow
from guanxi.testing import RunningService, SignedIn, running
from tests.service.client import Answer, call, follow, fresh, modify
from tests.service.scene import Scene

_BEGAN = 1_600_000_000


def mids_of(answer: Answer) -> list[int]:
    data = answer.data["list"] if isinstance(answer.data, dict) else answer.data
    return [int(one["mid"]) if isinstance(one, dict) else one for one in data]


@pytest.fixture(scope="module")
def crowd() -> Iterator[tuple[RunningService, dict[str, SignedIn]]]:
    """A hub with 1,100 followers that follows 240 of them back; one of them looks on."""
    hub, looker, first, followers = 1, 2, 1_000, range(1_000, 2_100)
    with running() as service:
        edges = [EdgeRow(follower=mid, followed=hub, time=_BEGAN + mid) for mid in followers]
        edges += [
            EdgeRow(follower=hub, followed=mid, time=_BEGAN + 5_000 - mid)
            for mid in range(first, first + 240)
        ]
        edges += [EdgeRow(follower=looker, followed=mid, time=_BEGAN) for mid in (1_001, 1_003)]
        edges += [
            EdgeRow(follower=1_005, followed=looker, time=_BEGAN),
            EdgeRow(follower=looker, followed=1_005, time=_BEGAN),
            EdgeRow(follower=looker, followed=1_007, time=_BEGAN, kind="block"),
            EdgeRow(follower=looker, followed=1_009, time=_BEGAN, kind="whisper"),
        ]
        service.import_edges(edges)
        yield service, {"hub": service.sign_in(hub), "looker": service.sign_in(looker)}


Crowd = tuple[RunningService, dict[str, SignedIn]]


@pytest.mark.holds("relation.followings")
def test_an_owner_sees_all_own_followings(crowd: Crowd) -> None:
    service, who = crowd
    newest_first = list(range(1_000, 1_240))
    for order, expected in (("desc", newest_first), ("asc", newest_first[::-1])):
        met: list[int] = []
        for pn in range(1, 6):
            fields = {"vmid": 1, "ps": 60, "pn": pn, "order": order}
            answer = call(service, e.FOLLOWINGS, who["hub"], fields)
            assert answer.data["total"] == 240
            met += mids_of(answer)
        assert met == expected


@pytest.mark.holds("relation.followings")
def test_others_see_the_first_100_followings(crowd: Crowd) -> None:
    service, who = crowd
    for order, expected in (
        ("desc", range(1_000, 1_100)),
        ("asc", range(1_239, 1_139, -1)),
    ):
        met: list[int] = []
        sizes = []
        for pn in range(1, 6):
            fields = {"vmid": 1, "ps": 30, "pn": pn, "order": order}
            answer = call(service, e.FOLLOWINGS, who["looker"], fields)
            assert (answer.code, answer.data["total"]) == (0, 240)
            met += mids_of(answer)
            sizes.append(len(answer.data["list"]))
        assert sizes == [30, 30, 30, 10, 0], "the page that straddles is cut"
        assert met == list(expected)


@pytest.mark.holds("relation.followers")
def test_everyone_sees_the_first_1000_followers(crowd: Crowd) -> None:
    service, who = crowd
    for caller in who.values():
        met: list[int] = []
        for pn in (1, 10, 11, 12, 2**40):
            answer = call(service, e.FOLLOWERS, caller, {"vmid": 1, "ps": 99, "pn": pn})
            assert (answer.code, answer.data["total"]) == (0, 1_100)
            met += mids_of(answer)
        newest_first = list(range(2_099, 999, -1))
        assert met == newest_first[:99] + newest_first[891:1_000]


@pytest.mark.holds("relation.app_followings")
def test_the_app_host_returns_five_pages(crowd: Crowd) -> None:
    service, _ = crowd
    met = []
    for pn in range(1, 6):
        answer = call(service, e.APP_FOLLOWINGS, None, {"vmid": 1, "ps": 30, "pn": pn})
        assert answer.data["total"] == 240
        met += mids_of(answer)
    assert met == list(range(1_000, 1_150))
    assert call(service, e.APP_FOLLOWINGS, None, {"vmid": 1, "pn": 6}).code == 22007
    answer = call(service, e.APP_FOLLOWINGS, None, {"vmid": 1, "order": "asc", "ps": 2})
    assert mids_of(answer) == [1_239, 1_238]


@pytest.mark.holds("relation.game_followings")
def test_the_biligame_host_returns_100_followings(crowd: Crowd) -> None:
    service, _ = crowd
    answer = call(service, e.GAME_FOLLOWINGS, None, {"vmid": 1})
    assert mids_of(answer) == list(range(1_000, 1_020)), "20 a page"
    last = call(service, e.GAME_FOLLOWINGS, None, {"vmid": 1, "ps": 30, "pn": 4})
    assert mids_of(last) == list(range(1_090, 1_100))
    assert answer.body.keys() == {"code", "data", "ts", "request_id"}
    assert answer.body["ts"] > 10**12, "milliseconds"
    assert answer.body["request_id"] != last.body["request_id"]
    assert answer.data["list"][0] == {
        "mid": "1000",
        "attribute": 6,
        "uname": answer.data["list"][0]["uname"],
        "face": answer.data["list"][0]["face"],
    }


@pytest.mark.holds("relation.search")
def test_search_covers_only_visible_followings(crowd: Crowd) -> None:
    service, who = crowd
    service.do(lambda store: accounts.put(store, 1_050, Card(name="看得见的 Needle")))
    service.do(lambda store: accounts.put(store, 1_200, Card(name="needle beyond")))
    for caller, expected in (("hub", [1_050, 1_200]), ("looker", [1_050])):
        for text in ("needle", "NEEDLE", "eedl"):
            answer = call(service, e.SEARCH, who[caller], {"vmid": 1, "name": text})
            assert mids_of(answer) == expected
            assert answer.data["total"] == 2, "also those that are not shown"
    everything = call(service, e.SEARCH, who["looker"], {"vmid": 1, "ps": 100})
    assert mids_of(everything) == list(range(1_000, 1_100))
    assert everything.data["total"] == call(service, e.STAT, None, {"vmid": 1}).data["following"]
    for odd in ("%", "_", "\\", "'", '"', "\x00", "🙂"):
        assert mids_of(call(service, e.SEARCH, who["hub"], {"vmid": 1, "name": odd})) == []
    assert call(service, e.SEARCH, who["hub"], {"vmid": 1, "pn": 6}).code == 22007
    assert call(service, e.SEARCH, who["hub"], {"vmid": 1, "pn": 5, "ps": 100}).code == 0


@pytest.mark.holds("relation.followers", "relation.followings", "RelationItem")
def test_attributes_are_the_viewers(crowd: Crowd) -> None:
    service, who = crowd
    expected = {1_001: 2, 1_003: 2, 1_005: 6, 1_007: 128, 1_009: 1}
    answer = call(service, e.FOLLOWINGS, who["looker"], {"vmid": 1, "ps": 20})
    for item in answer.data["list"]:
        assert item["attribute"] == expected.get(item["mid"], 0)
        assert item["mtime"] == _BEGAN + 5_000 - item["mid"], "the owner's"
    answer = call(service, e.FOLLOWERS, who["looker"], {"vmid": 1, "order": "asc", "ps": 20})
    for item in answer.data["list"]:
        assert item["attribute"] == expected.get(item["mid"], 0)
        assert item["mtime"] == _BEGAN + item["mid"], "when it followed"
    own = call(service, e.FOLLOWERS, who["hub"], {"vmid": 1, "order": "asc", "ps": 3}).data["list"]
    assert [item["attribute"] for item in own] == [6, 6, 6]
    newest = call(service, e.FOLLOWERS, who["hub"], {"vmid": 1, "ps": 3}).data["list"]
    assert [item["attribute"] for item in newest] == [0, 0, 0]


@pytest.mark.holds("relation.same")
def test_common_followings(crowd: Crowd) -> None:
    service, who = crowd
    answer = call(service, e.SAME, who["looker"], {"vmid": 1})
    assert mids_of(answer) == [1_001, 1_003, 1_005], "in the order of the other's list"
    assert {item["mtime"] for item in answer.data["list"]} == {_BEGAN}, "the caller's"
    assert answer.data["total"] == 3
    assert {item["mid"]: item["attribute"] for item in answer.data["list"]} == {
        1_001: 2,
        1_003: 2,
        1_005: 6,
    }
    assert mids_of(call(service, e.SAME, who["looker"], {"vmid": 1, "ps": 2, "pn": 2})) == [
        mids_of(answer)[2]
    ]
    unknown = call(service, e.SAME, who["looker"], {"vmid": 2**62}).data
    assert (unknown["list"], unknown["total"]) == ([], 0)


# --- privacy ---

#: For each endpoint that returns another's lists: the response when followings, or followers, are
#: hidden. Either a code, or the data of an empty list.
_EMPTY: dict[str, object] = {"list": [], "re_version": 0, "total": 0}
PRIVACY: dict[str, tuple[object, object]] = {
    e.FOLLOWINGS.name: (22115, None),
    e.FOLLOWERS.name: (None, 22118),
    e.APP_FOLLOWINGS.name: ({**_EMPTY, "list": None}, None),
    e.GAME_FOLLOWINGS.name: ({"list": []}, None),
    e.SEARCH.name: (_EMPTY, None),
    e.SAME.name: (_EMPTY, None),
    e.ATTENTIONS.name: ([], None),
}


@pytest.mark.parametrize("name", PRIVACY)
@pytest.mark.parametrize("switch", ["hide_followings", "hide_followers", "refuse_follows"])
def test_privacy(name: str, switch: str, documented: RunningService) -> None:
    endpoint = next(one for one in ENDPOINTS if one.name == name)
    owner, viewer, followed, fan = fresh(documented, 4)
    follow(documented, owner, followed)
    follow(documented, viewer, followed)
    follow(documented, fan, owner)
    field = "mid" if endpoint is e.ATTENTIONS else "vmid"
    # Those who follow each other see no more than strangers do.
    follow(documented, owner, viewer)
    follow(documented, viewer, owner)
    seen = call(documented, endpoint, viewer, {field: owner.mid})
    own = call(documented, endpoint, owner, {field: owner.mid})
    assert mids_of(seen)
    documented.set_privacy(owner.mid, Privacy(**{switch: True}))
    hidden = {"hide_followings": 0, "hide_followers": 1}.get(switch)
    expected = PRIVACY[name][hidden] if hidden is not None else None
    response = call(documented, endpoint, viewer, {field: owner.mid})
    if isinstance(expected, int):
        assert response.code == expected
        assert "data" not in response.body
    elif expected is not None:
        assert (response.code, response.data) == (0, expected)
    else:
        assert response.data == seen.data
    # Never to the owner; the hosts that know nobody have no owner.
    if endpoint.envelope is Envelope.STANDARD and endpoint is not e.APP_FOLLOWINGS:
        assert call(documented, endpoint, owner, {field: owner.mid}).data == own.data


def test_card_by_mid_omits_hidden_followings(documented: RunningService) -> None:
    owner, followed = fresh(documented, 2)
    follow(documented, owner, followed)
    card = call(documented, e.CARD_BY_MID, None, {"mid": owner.mid}).body["card"]
    assert (card["mid"], card["attentions"]) == (str(owner.mid), [followed.mid])
    documented.set_privacy(owner.mid, Privacy(hide_followings=True))
    card = call(documented, e.CARD_BY_MID, None, {"mid": owner.mid}).body["card"]
    assert (card["attention"], card["attentions"]) == (1, [])
    body = call(documented, e.CARD_BY_MID, None, {"mid": 2**62}).body
    assert (body["code"], body["card"]) == (-404, None)


def test_own_lists_ignore_an_owner_param(documented: RunningService) -> None:
    """Another account's mid in the query of the caller's own lists changes nothing."""
    caller, other, liked = fresh(documented, 3)
    follow(documented, other, liked)
    follow(documented, liked, other)
    assert call(documented, e.SET_MEMBERS, other, {"fids": liked.mid, "tagids": -10}).code == 0
    [blocked] = fresh(documented)
    assert modify(documented, other, blocked.mid, 5).code == 0
    tempting = {"vmid": other.mid, "mid": other.mid, "uid": other.mid, "tagid": -10}
    for endpoint in (e.WHISPERS, e.FRIENDS, e.BLACKS, e.SPECIALS, e.GROUP_MEMBERS):
        assert mids_of(call(documented, endpoint, caller, tempting)) == [], endpoint.name
    counts = call(documented, e.STAT, caller, {"vmid": other.mid}).data
    assert counts == {"mid": other.mid, "following": 1, "whisper": 0, "black": 0, "follower": 1}
    assert call(documented, e.STAT, other, {"vmid": other.mid}).data["black"] == 1
    assert call(documented, e.STAT, None, {"vmid": other.mid}).data["black"] == 0


# --- tag and special in the two profiles ---


@pytest.mark.holds("RelationItem", "relation.mutual")
def test_groups_are_shown_where_the_profile_says(either: RunningService) -> None:
    owner, viewer, member = fresh(either, 3)
    shown = either.settings.profile.shows_groups
    for one, other in ((owner, member), (member, owner), (owner, viewer), (viewer, owner)):
        follow(either, one, other)
    group = call(either, e.CREATE_GROUP, owner, {"tag": "组"}).data["tagid"]
    put = {"fids": f"{member.mid},{viewer.mid}", "tagids": f"-10,{group}"}
    assert call(either, e.SET_MEMBERS, owner, put).code == 0
    grouped, plain = ([-10, group], 1), (None, 0)

    def tag_and_special(
        endpoint: Endpoint, caller: SignedIn | None, mid: int
    ) -> tuple[object, object]:
        fields = {"vmid": owner.mid, "ps": 50}
        items = call(either, endpoint, caller, fields).data["list"]
        [item] = [one for one in items if one["mid"] == mid]
        return item["tag"], item["special"]

    for endpoint in (e.FOLLOWINGS, e.FOLLOWERS, e.SEARCH, e.SAME, e.FRIENDS):
        assert tag_and_special(endpoint, owner, member.mid) == grouped, endpoint.name
    for endpoint in (e.FOLLOWINGS, e.FOLLOWERS, e.SEARCH):
        assert tag_and_special(endpoint, viewer, member.mid) == plain, endpoint.name
    assert tag_and_special(e.APP_FOLLOWINGS, None, member.mid) == (grouped if shown else plain)
    both = call(either, e.MUTUAL, viewer, {"mid": owner.mid}).data
    follower_view = both["be_relation"]["tag"], both["be_relation"]["special"]
    assert follower_view == (grouped if shown else plain)
    assert both["be_relation"]["mid"] == viewer.mid
    own = call(either, e.MUTUAL, owner, {"mid": viewer.mid}).data["relation"]
    assert (own["tag"], own["special"]) == grouped


@pytest.mark.holds("relation.group_members")
def test_group_members_have_empty_relation_fields(documented: RunningService) -> None:
    [owner] = fresh(documented)
    documented.add_accounts(cards={owner.mid + 10**7: Card(name="播", live=1, live_url="u")})
    assert modify(documented, owner, owner.mid + 10**7, 1).code == 0
    [member] = call(documented, e.GROUP_MEMBERS, owner, {"tagid": 0}).data
    assert member["live"] == {"live_status": 1, "jump_url": "u"}
    assert (member["attribute"], member["tag"], member["special"]) == (0, None, 0)
    assert member["contract_info"] == {}
    assert "mtime" not in member


# --- shapes ---

_CARD = Card(
    name='引号 " 反斜杠 \\ 换行 \n 零 \x00 代码 </script> 🙂 \u2028',
    face="https://example.com/\u202e.jpg",
    face_nft=1,
    sign="\x7f\t",
    official_type=1,
    official_desc="官方",
    vip_type=2,
    vip_due_ms=1_700_000_000_000,
    vip_status=1,
    live=1,
    live_url="https://example.com/live",
    nft_icon="n",
)

_SHAPES: list[tuple[Endpoint, Any]] = [
    (endpoint, endpoint.data)
    for endpoint in ENDPOINTS
    if endpoint.data is not None and endpoint.envelope is not Envelope.NONE
]


@pytest.mark.holds(each="endpoint", aspect="response")
@pytest.mark.parametrize(("endpoint", "kind"), _SHAPES, ids=lambda one: getattr(one, "name", ""))
def test_responses_have_exactly_the_contracts_shape(
    endpoint: Endpoint, kind: Any, either: RunningService
) -> None:
    """Decoded into the contract's struct and encoded again, an answer is the same bytes."""
    scene = Scene(either)
    caller = scene.caller
    followed = caller.mid + 2 * 10**7 + 1_000 * _SHAPES.index((endpoint, kind))
    either.add_accounts(cards={followed: _CARD})
    since = Contract(ts=_BEGAN, user_attr=1)
    either.import_edges(
        [
            EdgeRow(
                follower=caller.mid,
                followed=followed,
                time=_BEGAN,
                special=True,
                groups=("组",),
                contract=since,
            ),
            EdgeRow(follower=followed, followed=caller.mid, time=_BEGAN, contract=Contract(5)),
            EdgeRow(follower=caller.mid, followed=followed + 1, time=_BEGAN, kind="whisper"),
            EdgeRow(follower=caller.mid, followed=followed + 2, time=_BEGAN, kind="block"),
        ]
    )
    fields = scene.fields(endpoint)
    if endpoint.name.startswith(("relation.", "web.")):
        fields |= dict.fromkeys(fields.keys() & {"vmid", "mid"}, caller.mid)
        fields |= dict.fromkeys(fields.keys() & {"fid", "fids"}, followed)
        fields |= dict.fromkeys(fields.keys() & {"tagid", "tagids"}, -10)
    answer = call(either, endpoint, caller, fields)
    assert answer.code == 0, answer.raw
    data = msgspec.json.decode(answer.raw, type=dict[str, msgspec.Raw])["data"]
    again = msgspec.json.encode(msgspec.json.decode(data, type=kind))
    assert again == bytes(data)


@pytest.mark.holds("RelationItem")
def test_contract_info_is_from_the_owners_side(documented: RunningService) -> None:
    owner, item = fresh(documented, 2)
    documented.import_edges(
        [
            EdgeRow(follower=owner.mid, followed=item.mid, time=_BEGAN, contract=Contract(7, 1)),
            EdgeRow(follower=item.mid, followed=owner.mid, time=_BEGAN, contract=Contract(8)),
        ]
    )
    expected = {
        owner.mid: {"is_contract": True, "is_contractor": True, "ts": 8},
        item.mid: {"is_contract": True, "is_contractor": True, "ts": 7, "user_attr": 1},
    }
    for who in (owner, item):
        for viewer in (owner, item):
            for endpoint in (e.FOLLOWINGS, e.FOLLOWERS):
                [entry] = call(documented, endpoint, viewer, {"vmid": who.mid}).data["list"]
                assert entry["contract_info"] == expected[who.mid]
    [plain, fan] = fresh(documented, 2)
    follow(documented, fan, plain)
    [entry] = call(documented, e.FOLLOWINGS, fan, {"vmid": fan.mid}).data["list"]
    assert entry["contract_info"] == {}


def test_a_deregistered_account_is_listed_with_its_card(documented: RunningService) -> None:
    owner, deregistered = fresh(documented, 2)
    follow(documented, owner, deregistered)
    follow(documented, deregistered, owner)
    documented.set_state(deregistered.mid, State.DEREGISTERED)
    [item] = call(documented, e.FOLLOWINGS, owner, {"vmid": owner.mid}).data["list"]
    assert (item["uname"], item["attribute"]) == ("账号已注销", 6)
    assert call(documented, e.STAT, None, {"vmid": deregistered.mid}).data["following"] == 1
    assert modify(documented, owner, deregistered.mid, 2).code == 0
    assert modify(documented, owner, deregistered.mid, 1).code == 22013


def test_re_version_changes_only_with_the_list(documented: RunningService) -> None:
    owner, other, third = fresh(documented, 3)

    def version(endpoint: Endpoint, who: SignedIn) -> int:
        version: int = call(documented, endpoint, who, {"vmid": who.mid}).data["re_version"]
        assert 0 <= version < 2**32
        return version

    versions = [version(e.FOLLOWINGS, owner)]
    fans = [version(e.FOLLOWERS, other)]
    for fid, act in ((other, 1), (third, 1), (other, 2)):
        assert modify(documented, owner, fid.mid, act).code == 0
        versions.append(version(e.FOLLOWINGS, owner))
        fans.append(version(e.FOLLOWERS, other))
    assert len(set(versions)) == len(versions)
    assert fans[0] != fans[1] == fans[2] != fans[3]
    assert modify(documented, owner, third.mid, 1).code == 22014
    assert version(e.FOLLOWINGS, owner) == versions[-1]


def test_re_version_shows_others_no_private_act(documented: RunningService) -> None:
    owner, followed, other, viewer = fresh(documented, 4)
    follow(documented, owner, followed)
    follow(documented, followed, owner)

    def seen(who: SignedIn) -> list[int]:
        lists = e.FOLLOWINGS, e.FOLLOWERS, e.SEARCH
        data = [call(documented, it, who, {"vmid": owner.mid, "name": ""}).data for it in lists]
        return [page["re_version"] for page in data]

    mine, theirs = seen(owner), seen(viewer)
    for act in (5, 6):
        assert modify(documented, owner, other.mid, act).code == 0
    assert (seen(owner), seen(viewer)) == (mine, theirs)
    special = {"fids": str(followed.mid), "tagids": "-10"}
    assert call(documented, e.SET_MEMBERS, owner, special).code == 0
    assert seen(viewer) == theirs
    assert all(old != new for old, new in zip(mine, seen(owner), strict=True))
    assert modify(documented, owner, other.mid, 1).code == 0
    assert seen(viewer)[0] != theirs[0]


@pytest.mark.holds("relation.followings", "relation.group_members", "relation.legacy_mutual")
def test_only_the_owner_sorts_by_visits(documented: RunningService) -> None:
    owner, viewer, *followed = fresh(documented, 6)
    follow(documented, owner, *followed)
    for count, one in enumerate(followed):
        for _ in range([2, 5, 0, 3][count]):
            assert call(documented, e.MUTUAL, owner, {"mid": one.mid}).code == 0
    # Neither a visit to a stranger nor a visit by one counts.
    assert call(documented, e.LEGACY_MUTUAL, owner, {"mid": viewer.mid}).code == 0
    for _ in range(9):
        assert call(documented, e.MUTUAL, viewer, {"mid": followed[2].mid}).code == 0
    documented.do(lambda store: store.flush_visits())
    params = {"vmid": owner.mid, "order_type": "attention", "tagid": 0}
    visited = [followed[place].mid for place in (1, 3, 0, 2)]
    newest = [one.mid for one in reversed(followed)]
    assert mids_of(call(documented, e.FOLLOWINGS, owner, params)) == visited
    assert mids_of(call(documented, e.GROUP_MEMBERS, owner, params)) == visited
    assert mids_of(call(documented, e.FOLLOWINGS, viewer, params)) == newest
    pages = [
        mids_of(call(documented, e.FOLLOWINGS, owner, {**params, "ps": 3, "pn": pn}))
        for pn in (1, 2, 3)
    ]
    assert pages == [visited[:3], visited[3:], []]
