"""The sections of documents 002 to 004 over HTTP: parameters, defaults, responses, lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from guanxi.accounts.account import Card
from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Envelope
from guanxi.contract.endpoints import BY_NAME
from guanxi.graph.pair import Contract
from guanxi.stores.port import EdgeRow
from guanxi.testing import RunningService, SignedIn, running
from tests.documents.entries import API
from tests.documents.test_wire import by_name
from tests.service.client import Answer, call, fresh, modify
from tests.service.scene import Scene

_BEGAN = 1_600_000_000
#: A valid value of each optional parameter.
OPTIONAL = {"ps": 1, "pn": 1, "order_type": "attention", "order": "asc", "name": "u"}


@pytest.mark.holds(each="section", aspect="parameters")
@pytest.mark.parametrize("section", API["endpoints"], ids=by_name)
def test_every_documented_parameter_is_accepted(
    section: dict[str, Any], documented: RunningService
) -> None:
    endpoint = BY_NAME[section["name"]]
    optional = {name: OPTIONAL[name] for name in section["optional"]}
    scene = Scene(documented)
    assert set(section["required"]) <= scene.fields(endpoint).keys()
    assert scene.call(endpoint, **optional).code == 0
    if section["access_key"]:
        scene = Scene(documented)
        fields = scene.fields(endpoint) | optional
        fields["access_key"] = documented.access_key(scene.caller.mid)
        assert call(documented, endpoint, None, fields).code == 0
    if section["csrf"]:
        assert scene.call(endpoint, csrf="").code == -111


@pytest.mark.holds(each="section", aspect="parameters")
@pytest.mark.parametrize("section", API["endpoints"], ids=by_name)
def test_a_request_needs_its_required_parameters_and_sign_in(
    section: dict[str, Any], documented: RunningService
) -> None:
    endpoint = BY_NAME[section["name"]]
    scene = Scene(documented)
    fields = scene.fields(endpoint)
    for name in section["required"]:
        rest = {other: value for other, value in fields.items() if other != name}
        assert call(documented, endpoint, scene.caller, rest).code == -400, name
    signed_out = call(documented, endpoint, None, fields)
    # 004 names two ways to sign in for the search too, though its list of codes lacks -101.
    needs = section["access_key"] or -101 in next(iter(section["codes"].values()))
    assert signed_out.code == (-101 if needs else 0)


# --- Lists of 120: defaults, order and pages ---

OWNER, OTHER = 1, 2
MEMBERS = range(1_000, 1_120)
NEWEST_FIRST = list(reversed(MEMBERS))


@pytest.fixture(scope="module")
def full() -> Iterator[tuple[RunningService, SignedIn]]:
    """Yield a service and an owner with 120 accounts in each list; a larger mid is newer."""
    edges = [EdgeRow(follower=OWNER, followed=mid, time=_BEGAN + mid) for mid in MEMBERS]
    edges += [EdgeRow(follower=OTHER, followed=mid, time=_BEGAN + mid) for mid in MEMBERS]
    edges += [EdgeRow(follower=mid, followed=OWNER, time=_BEGAN + mid) for mid in MEMBERS]
    for kind, first in (("block", 2_000), ("whisper", 3_000)):
        edges += [
            EdgeRow(follower=OWNER, followed=first + index, time=_BEGAN + index, kind=kind)
            for index in range(len(MEMBERS))
        ]
    with running() as service:
        service.import_edges(edges)
        yield service, service.sign_in(OWNER)


Full = tuple[RunningService, SignedIn]


def mids_of(answer: Answer) -> list[int]:
    items = answer.data["list"] if isinstance(answer.data, dict) else answer.data
    return [int(one["mid"]) if isinstance(one, dict) else one for one in items]


@pytest.mark.holds(each="section", aspect="parameters")
@pytest.mark.parametrize(
    "section", [one for one in API["endpoints"] if one["defaults"]], ids=by_name
)
def test_absent_parameters_have_the_documented_defaults(
    section: dict[str, Any], full: Full
) -> None:
    service, owner = full
    endpoint, defaults = BY_NAME[section["name"]], section["defaults"]
    required = {"vmid": OTHER if endpoint is e.SAME else OWNER, "tagid": 0}
    fields = {name: required[name] for name in section["required"]}
    absent = mids_of(call(service, endpoint, owner, fields))
    assert len(absent) == defaults["ps"]
    assert absent == mids_of(call(service, endpoint, owner, fields | defaults))
    second = mids_of(call(service, endpoint, owner, fields | {"pn": 2}))
    assert second
    assert not set(second) & set(absent)


@pytest.mark.holds("relation.blacks")
def test_blocked_accounts_are_listed_newest_first(full: Full) -> None:
    service, owner = full
    newest_first = list(range(2_119, 1_999, -1))
    pages = [call(service, e.BLACKS, owner, {"ps": 50, "pn": pn}) for pn in (1, 2, 3, 4)]
    assert [mids_of(page) for page in pages] == [
        newest_first[:50],
        newest_first[50:100],
        newest_first[100:],
        [],
    ]
    assert {page.data["total"] for page in pages} == {120}
    for item in pages[0].data["list"]:
        assert (item["attribute"], item["mtime"]) == (128, _BEGAN + item["mid"] - 2_000)


@pytest.mark.holds("relation.whispers")
def test_whispered_accounts_are_listed_whole(full: Full) -> None:
    service, owner = full
    answer = call(service, e.WHISPERS, owner)
    assert mids_of(answer) == list(range(3_119, 2_999, -1))
    assert {item["attribute"] for item in answer.data["list"]} == {1}
    assert isinstance(answer.data["re_version"], int)


@pytest.mark.holds("relation.friends")
def test_mutual_followings_are_listed_whole(full: Full) -> None:
    service, owner = full
    answer = call(service, e.FRIENDS, owner)
    assert mids_of(answer) == NEWEST_FIRST
    assert {item["attribute"] for item in answer.data["list"]} == {6}
    other = service.sign_in(OTHER)
    assert mids_of(call(service, e.FRIENDS, other)) == [], "it follows, and nobody follows back"


@pytest.mark.holds("relation.group_members", "relation.specials", "fixed groups")
def test_members_of_the_special_and_of_the_default_group(documented: RunningService) -> None:
    caller, *members = fresh(documented, 4)
    for member in members:
        assert modify(documented, caller, member.mid, 1).code == 0
    group = call(documented, e.CREATE_GROUP, caller, {"tag": "组"}).data["tagid"]
    first, second, third = (member.mid for member in members)
    assert call(documented, e.SET_MEMBERS, caller, {"fids": first, "tagids": -10}).code == 0
    both = {"fids": second, "tagids": f"-10,{group}"}
    assert call(documented, e.SET_MEMBERS, caller, both).code == 0

    def members_of(tagid: int, **pages: int) -> set[int]:
        answer = call(documented, e.GROUP_MEMBERS, caller, {"tagid": tagid, **pages})
        return set(mids_of(answer))

    assert members_of(-10) == set(call(documented, e.SPECIALS, caller).data) == {first, second}
    assert members_of(group) == {second}
    assert members_of(0) == {third}
    pages = [members_of(-10, ps=1, pn=pn) for pn in (1, 2, 3)]
    assert [len(page) for page in pages] == [1, 1, 0]
    assert pages[0] | pages[1] == {first, second}
    groups = {item["tagid"]: item for item in call(documented, e.GROUPS, caller).data}
    assert [(id_, item["name"], item["count"]) for id_, item in groups.items()] == [
        (-10, "特别关注", 2),
        (0, "默认分组", 1),
        (group, "组", 1),
    ]


@pytest.mark.holds("relation.set_groups", "relation.copy_to_groups", "relation.move_between_groups")
def test_set_replaces_copy_adds_and_move_replaces_the_named_groups(
    documented: RunningService,
) -> None:
    caller, member = fresh(documented, 2)
    assert modify(documented, caller, member.mid, 1).code == 0
    one, two, three = (
        call(documented, e.CREATE_GROUP, caller, {"tag": name}).data["tagid"] for name in "一二三"
    )

    def groups() -> set[int]:
        data = call(documented, e.GROUPS_OF, caller, {"fid": member.mid}).data
        return {int(tagid) for tagid in data}

    fids = {"fids": member.mid}
    assert call(documented, e.SET_MEMBERS, caller, fids | {"tagids": f"{one},{two}"}).code == 0
    assert groups() == {one, two}
    assert call(documented, e.SET_MEMBERS, caller, fids | {"tagids": one}).code == 0
    assert groups() == {one}
    assert call(documented, e.COPY_MEMBERS, caller, fids | {"tagids": f"{two},{three}"}).code == 0
    assert groups() == {one, two, three}
    moved = fids | {"beforeTagids": f"{one},{two}", "afterTagids": three}
    assert call(documented, e.MOVE_MEMBERS, caller, moved).code == 0
    assert groups() == {three}
    assert call(documented, e.SET_MEMBERS, caller, fids | {"tagids": 0}).code == 0
    assert groups() == set(), "only in the default group"


# --- Names in responses ---

_RICH = Card(name="名", official_type=1, official_desc="官方", live=1, live_url="u", nft_icon="n")
#: Of an item's names those that only a contract of a follower has (004, 关系列表对象).
_OF_CONTRACTS = {"is_contract", "is_contractor", "ts", "user_attr"}
NAMED = API["endpoints"] + [one for one in API["objects"] if one["returns"]]


def names_returned(section: dict[str, Any]) -> set[str]:
    """Return the documented names of a section, with those of the object that it refers to."""
    names = set(section["returns"])
    for one in API["objects"]:
        if section["name"] in one["in"]:
            names |= set(one["returns"]) - _OF_CONTRACTS
    return names


@pytest.mark.holds(each="section", aspect="response")
@pytest.mark.parametrize("section", NAMED, ids=by_name)
def test_a_response_has_every_documented_name(
    section: dict[str, Any], documented: RunningService
) -> None:
    owner, rich, whispered, blocked = fresh(documented, 4)
    documented.add_accounts(cards={rich.mid: _RICH})

    def edge(follower: SignedIn, followed: SignedIn, **more: Any) -> EdgeRow:
        return EdgeRow(follower=follower.mid, followed=followed.mid, time=_BEGAN, **more)

    contract = Contract(ts=_BEGAN, user_attr=1)
    documented.import_edges(
        [
            edge(owner, rich, special=True, groups=("组",), contract=contract),
            edge(rich, owner, contract=contract),
            edge(owner, whispered, kind="whisper"),
            edge(owner, blocked, kind="block"),
        ]
    )
    name = section.get("in", [section["name"]])[0]
    endpoint = BY_NAME[name]
    groups = {item["name"]: item["tagid"] for item in call(documented, e.GROUPS, owner).data}
    values = {
        **dict.fromkeys(("fid", "fids", "mid"), rich.mid),
        "vmid": owner.mid,
        "tagid": -10 if endpoint is e.GROUP_MEMBERS else groups["组"],
        "tagids": -10,
        "beforeTagids": -10,
        "afterTagids": 0,
        "act": 5,
        "re_src": 11,
        "tag": "新组",
        "name": "新名",
    }
    [required] = [one["required"] for one in API["endpoints"] if one["name"] == name]
    answer = call(documented, endpoint, owner, {one: values[one] for one in required})
    assert answer.code == 0, answer.raw
    assert names_returned(section) - set(names_of(answer.body)) == set()
    if endpoint.envelope is Envelope.STANDARD:
        assert (answer.message, answer.body["ttl"]) == ("0", 1)


def names_of(value: Any) -> Iterator[str]:
    """Yield the name of every field in a response, at any depth."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from names_of(item)
