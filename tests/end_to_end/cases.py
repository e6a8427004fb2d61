"""One case for each endpoint: call it through the SDK and compare the result with the world.

``CASES`` is what the coverage table means by "tested"; a test runs every case. The cases of
content, which is everything but relations, are in ``content_cases``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from guanxi import SyncClient
from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from guanxi.demo.world import BLOCKS_HERO, GROUPS, HERO, World
from guanxi.graph.pair import SPECIAL
from guanxi.stores.port import EdgeRow

#: An account that the hero does not follow at first.
STRANGER = 100_001
FOLLOWED = 205631797
FRIEND = 15858903
Case = Callable[[SyncClient, World], None]
CASES: dict[str, Case] = {}


def case(endpoint: Endpoint) -> Callable[[Case], Case]:
    def add(function: Case) -> Case:
        CASES[endpoint.name] = function
        return function

    return add


def edges_of(world: World, kind: str = "follow", owner: int = HERO) -> list[EdgeRow]:
    """Return an owner's edges of a kind, newest first."""
    found = [edge for edge in world.edges if edge.follower == owner and edge.kind == kind]
    return sorted(found, key=lambda edge: (edge.time, edge.followed), reverse=True)


def followed_by(world: World, owner: int = HERO) -> list[int]:
    return [edge.followed for edge in edges_of(world, owner=owner)]


def followers_of(world: World, owner: int = HERO) -> list[int]:
    found = [edge for edge in world.edges if edge.followed == owner and edge.kind == "follow"]
    found.sort(key=lambda edge: (edge.time, edge.follower), reverse=True)
    return [edge.follower for edge in found]


def in_group(world: World, name: str) -> list[int]:
    return [edge.followed for edge in edges_of(world) if name in edge.groups]


def mids(items: Sequence[object]) -> list[int]:
    return [int(getattr(item, "mid")) for item in items]  # noqa: B009 - structs of several kinds


@case(e.FOLLOWERS)
def followers(client: SyncClient, world: World) -> None:
    page = client.relation.followers(HERO)
    assert mids(page.items) == followers_of(world)
    assert page.total == len(followers_of(world))
    mutual = set(followed_by(world))
    assert all(item.attribute == (6 if item.mid in mutual else 0) for item in page.items)
    contractors = {i.mid: i.contract_info.ts for i in page.items if i.contract_info.is_contractor}
    contracts = {edge.follower: edge.contract for edge in world.edges if edge.followed == HERO}
    assert contractors == {
        mid: contract.ts for mid, contract in contracts.items() if contract is not None
    }


@case(e.FOLLOWINGS)
def followings(client: SyncClient, world: World) -> None:
    items = list(client.relation.iter_followings(HERO, size=7))
    edges = {edge.followed: edge for edge in edges_of(world)}
    assert mids(items) == list(edges)
    for item in items:
        edge, (card, _, _) = edges[item.mid], world.accounts[item.mid]
        assert item.mtime == edge.time
        assert item.special == edge.special
        assert len(item.tag or ()) == len(edge.groups) + edge.special
        assert (item.uname, item.face, item.sign) == (card.name, card.face, card.sign)


@case(e.APP_FOLLOWINGS)
def app_followings(client: SyncClient, world: World) -> None:
    page = client.relation.app_followings(HERO, order="asc")
    assert page.items is not None
    assert mids(page.items) == followed_by(world)[::-1]
    assert {item.mid for item in page.items if item.live} == {420831218}


@case(e.GAME_FOLLOWINGS)
def game_followings(client: SyncClient, world: World) -> None:
    page = client.relation.game_followings(HERO, size=5)
    assert [item.mid for item in page.items] == [str(mid) for mid in followed_by(world)[:5]]


@case(e.SEARCH)
def search(client: SyncClient, world: World) -> None:
    page = client.relation.search(HERO, "warma")
    assert mids(page.items) == [53456]
    assert client.relation.search(HERO).total == len(followed_by(world))


@case(e.SAME)
def same(client: SyncClient, world: World) -> None:
    page = client.relation.same(2)
    mine = set(followed_by(world))
    assert mids(page.items) == [mid for mid in followed_by(world, 2) if mid in mine]
    assert mids(page.items)[:2] == [116683, 517717593], "as 004's example has them"
    assert page.total == len(page.items) >= 2


@case(e.WHISPERS)
def whispers(client: SyncClient, world: World) -> None:
    items = client.relation.whispers().items
    assert mids(items) == [edge.followed for edge in edges_of(world, "whisper")]
    assert {item.attribute for item in items} == {1}


@case(e.FRIENDS)
def friends(client: SyncClient, world: World) -> None:
    items = client.relation.friends().items
    assert mids(items) == [mid for mid in followed_by(world) if mid in followers_of(world)]
    assert {item.attribute for item in items} == {6}


@case(e.BLACKS)
def blacks(client: SyncClient, world: World) -> None:
    page = client.relation.blacks()
    assert [(item.mid, item.mtime) for item in page.items] == [
        (edge.followed, edge.time) for edge in edges_of(world, "block")
    ]
    assert {item.attribute for item in page.items} == {128}


@case(e.MODIFY)
def modify(client: SyncClient, world: World) -> None:
    client.relation.follow(STRANGER)
    assert client.relation.get(STRANGER).attribute == 2
    assert mids(client.relation.followings(HERO, size=1).items) == [STRANGER]
    client.relation.block(STRANGER)
    assert client.relation.get(STRANGER).attribute == 128
    client.relation.unblock(STRANGER)
    assert client.relation.get(STRANGER).attribute == 0


@case(e.BATCH_MODIFY)
def batch_modify(client: SyncClient, world: World) -> None:
    result = client.relation.batch_modify([STRANGER, FOLLOWED, BLOCKS_HERO, STRANGER], 1)
    assert result.failed_fids == [FOLLOWED, BLOCKS_HERO]
    assert client.relation.stat(HERO).following == len(followed_by(world)) + 1


@case(e.RELATION)
def relation(client: SyncClient, world: World) -> None:
    found = client.relation.get(258150656)
    assert (found.mid, found.attribute, found.mtime) == (258150656, 2, 1540659101)
    assert (found.tag, found.special) == ([SPECIAL], 1)


@case(e.MUTUAL)
def mutual(client: SyncClient, world: World) -> None:
    both = client.relation.mutual(FRIEND)
    assert (both.relation.mid, both.be_relation.mid) == (FRIEND, HERO)
    assert both.relation.attribute == both.be_relation.attribute == 6
    assert both.relation.tag == [SPECIAL, 194110, 248468]
    assert both.be_relation.special == 1


@case(e.LEGACY_MUTUAL)
def legacy_mutual(client: SyncClient, world: World) -> None:
    both = client.relation.legacy_mutual(FRIEND)
    assert both.relation.attribute == 6
    assert both.relation.is_followed is False
    assert both.relation.mtime == client.relation.mutual(FRIEND).relation.mtime


@case(e.RELATIONS)
def relations(client: SyncClient, world: World) -> None:
    found = client.relation.many([1, 2, STRANGER, 178429408, 22179720, FRIEND])
    attributes = {mid: relation.attribute for mid, relation in found.items()}
    assert attributes == {"1": 2, "2": 2, "178429408": 1, "22179720": 128, str(FRIEND): 6}


@case(e.GROUPS)
def groups(client: SyncClient, world: World) -> None:
    found = client.relation.groups()
    assert [group.id for group in found[:2]] == [SPECIAL, 0]
    counts = {group.id: group.count for group in found}
    edges = edges_of(world)
    assert counts[SPECIAL] == sum(edge.special for edge in edges)
    assert counts[0] == sum(not edge.special and not edge.groups for edge in edges)
    assert {id_: counts[id_] for id_ in GROUPS} == {
        id_: len(in_group(world, name)) for id_, name in GROUPS.items()
    }


@case(e.GROUP_MEMBERS)
def group_members(client: SyncClient, world: World) -> None:
    items = list(client.relation.iter_group_members(207542, size=2))
    assert mids(items) == in_group(world, GROUPS[207542])
    assert {item.mid for item in items if item.live.live_status} == {420831218}


@case(e.GROUPS_OF)
def groups_of(client: SyncClient, world: World) -> None:
    assert client.relation.groups_of(319214221) == {"-10": "特别关注", "194111": GROUPS[194111]}
    assert client.relation.groups_of(FOLLOWED) == {}


@case(e.SPECIALS)
def specials(client: SyncClient, world: World) -> None:
    assert client.relation.specials() == [edge.followed for edge in edges_of(world) if edge.special]


@case(e.CREATE_GROUP)
def create_group(client: SyncClient, world: World) -> None:
    created = client.relation.create_group(" 测试 ")
    assert {group.id: group.name for group in client.relation.groups()}[created.id] == "测试"


@case(e.RENAME_GROUP)
def rename_group(client: SyncClient, world: World) -> None:
    client.relation.rename_group(194112, "膜法师")
    assert {group.id: group.name for group in client.relation.groups()}[194112] == "膜法师"


@case(e.DELETE_GROUP)
def delete_group(client: SyncClient, world: World) -> None:
    [member] = in_group(world, GROUPS[216699])
    client.relation.delete_group(216699)
    assert 216699 not in {group.id for group in client.relation.groups()}
    assert client.relation.get(member).tag is None
    assert client.relation.get(member).attribute == 2


@case(e.SET_MEMBERS)
def set_groups(client: SyncClient, world: World) -> None:
    client.relation.set_groups([FOLLOWED, FRIEND], [SPECIAL, 207542])
    assert client.relation.get(FRIEND).tag == [SPECIAL, 207542]
    client.relation.set_groups([FRIEND], [0])
    assert client.relation.get(FRIEND).tag is None
    assert client.relation.get(FOLLOWED).special == 1


@case(e.COPY_MEMBERS)
def copy_to_groups(client: SyncClient, world: World) -> None:
    client.relation.copy_to_groups([FRIEND], [231305])
    assert client.relation.get(FRIEND).tag == [SPECIAL, 194110, 231305, 248468]


@case(e.MOVE_MEMBERS)
def move_between_groups(client: SyncClient, world: World) -> None:
    client.relation.move_between_groups([321173469, 327086920], [207542], [23130])
    assert client.relation.get(321173469).tag == client.relation.get(327086920).tag == [23130]


@case(e.STAT)
def stat(client: SyncClient, world: World) -> None:
    own = client.relation.stat(HERO)
    assert (own.following, own.follower) == (len(followed_by(world)), len(followers_of(world)))
    assert (own.whisper, own.black) == (1, 2)
    other = client.relation.stat(BLOCKS_HERO)
    assert other.black == 0, "the number of another account's blocks must not be shown"


@case(e.NAV)
def nav(client: SyncClient, world: World) -> None:
    found = client.web.nav()
    assert (found.is_login, found.mid, found.uname) == (True, HERO, world.accounts[HERO][0].name)
    assert found.wbi_img.img_url != found.wbi_img.sub_url


@case(e.BUVID)
def buvid(client: SyncClient, world: World) -> None:
    found = client.call(e.BUVID, {})
    assert found["b_3"]
    assert found["b_4"]
    assert found != client.call(e.BUVID, {})


@case(e.DEVICE_REPORT)
def device_report(client: SyncClient, world: World) -> None:
    assert client.call(e.DEVICE_REPORT, {}) == {}


@case(e.ATTENTIONS)
def attentions(client: SyncClient, world: World) -> None:
    assert client.web.attentions(HERO) == followed_by(world)


@case(e.CARD_BY_MID)
def card_by_mid(client: SyncClient, world: World) -> None:
    card = client.account.card_by_mid(HERO).card
    assert card is not None
    assert card.attentions == followed_by(world)
    assert (card.mid, card.fans) == (str(HERO), len(followers_of(world)))
