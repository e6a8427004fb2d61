"""Generate the demo's accounts, edges and groups from a seed, skewed as real follow graphs are.

They include the accounts of the documents' examples with the relations that the examples presume:
whispers, blocks, groups, contracts, hidden lists and a deregistered account.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from itertools import accumulate
from random import Random
from typing import Any

from msgspec import Struct

from guanxi.accounts.account import DEREGISTERED_CARD, Card, Privacy, State
from guanxi.graph.pair import Contract
from guanxi.stores.port import EdgeRow
from guanxi.text import Text

#: The account that the documents' examples are about, and that the demo signs in.
HERO = 293793435
HIDES_FOLLOWINGS, HIDES_FOLLOWERS, REFUSES_FOLLOWS = 9001, 9002, 9003
DEREGISTERED, BANNED = 9004, 9005
#: An account that blocks the hero.
BLOCKS_HERO = 9006

#: A mutual follow of the hero who keeps the hero in a group.
FRIEND = 15858903

#: What each of the accounts that one may want to be is an example of.
ROLES: dict[int, Text] = {
    HERO: Text(
        "文档示例中的账号：有分组、特别关注、悄悄关注、黑名单与互相关注",
        "The documents' own example: groups, special follows, a whisper, blocks and mutual follows",
    ),
    FRIEND: Text(
        "与示例用户互相关注，并把他放在分组里", "Follows the example user both ways, in a group"
    ),
    2: Text("与示例用户有共同关注", "Has followings in common with the example user"),
    53456: Text(
        "示例用户的特别关注，有认证与年度大会员", "A special follow of the example user, verified"
    ),
    420831218: Text("机构认证，正在直播", "A verified company that is live"),
    387195656: Text(
        "关注了示例用户，未被回关", "Follows the example user, and is not followed back"
    ),
    178429408: Text("被示例用户悄悄关注", "Whom the example user follows in secret"),
    22179720: Text("被示例用户拉黑", "Whom the example user blocks"),
    BLOCKS_HERO: Text("拉黑了示例用户", "Blocks the example user"),
    HIDES_FOLLOWINGS: Text("隐藏了关注列表", "Hides the list of followings"),
    HIDES_FOLLOWERS: Text("隐藏了粉丝列表", "Hides the list of followers"),
    REFUSES_FOLLOWS: Text("拒绝被关注", "Refuses to be followed"),
    BANNED: Text("被封停：可以读，不能改", "Banned: may read, and change nothing"),
}

#: Seconds since the Unix epoch. All data lie in the eight years before END, 2026-11-01 00:00 UTC.
END = 1_793_491_200
BEGIN = END - 8 * 365 * 86_400
_FIRST_MID = 100_001

#: What the rules of popularity and of habit are drawn from.
_POPULARITY_EXPONENT = 0.9
_ACTIVITY_SPREAD = 1.1
_FOLLOW_BACK_PROBABILITY = 0.12
_MAX_ATTEMPTS = 20

Accounts = dict[int, tuple[Card, Privacy, State]]


class World(Struct, frozen=True):
    """A generated follow graph, ready to be imported into a store."""

    accounts: Accounts
    edges: list[EdgeRow]
    #: Group ids that the documents use, by owner and group name.
    groups: dict[tuple[int, str], int]


def make_world(seed: int = 1, accounts: int = 2_000, edges: int = 60_000) -> World:
    """Return the world that `seed` determines, with about `accounts` accounts and `edges` edges.

    The examples' accounts and edges are always included, even if that exceeds the request. There
    are fewer edges than requested if the accounts leave no room for more.
    """
    draw = Random(seed)  # noqa: S311 - test data, not a secret
    accounts_by_mid = dict(_example_accounts())
    mid = _FIRST_MID
    while len(accounts_by_mid) < accounts:
        accounts_by_mid[mid] = (_card(draw), Privacy(), State.NORMAL)
        mid += draw.randint(1, 7)
    fixed = list(_example_edges())
    rows = fixed + list(_crowd(draw, accounts_by_mid, fixed, edges - len(fixed)))
    group_ids = {(HERO, name): group for group, name in GROUPS.items()}
    return World(accounts_by_mid, rows, group_ids | _FRIEND_GROUP)


#: The hero's groups in the documents' examples, by id. Names that the documents omit are invented.
GROUPS = {
    194110: "基友们",
    194111: "我的同学",
    194112: "待改名",
    207542: "厂商",
    216699: "待删除",
    231305: "舞蹈区",
    23130: "音乐区",
    248468: "老朋友",
}
#: The friend's group that the hero is in, and its id.
_FRIEND_GROUP = {(FRIEND, "同好"): 56502}


def _card(draw: Random) -> Card:
    name = draw.choice(_FIRST) + draw.choice(_SECOND) + str(draw.randint(1, 9999))
    vip_type = draw.choices((0, 1, 2), (6, 2, 3))[0]
    vip_active = bool(vip_type) and draw.random() < 0.8
    official = draw.choices((-1, 0, 1), (40, 2, 1))[0]
    live = int(draw.random() < 0.03)
    return Card(
        name=name,
        face=f"https://i{draw.randint(0, 2)}.hdslb.com/bfs/face/{draw.getrandbits(160):040x}.jpg",
        face_nft=int(draw.random() < 0.02),
        sign=draw.choice(_SIGNS),
        official_type=official,
        official_desc=draw.choice(_DESCS) if official >= 0 else "",
        vip_type=vip_type,
        vip_due_ms=(END + draw.randint(1, 400) * 86_400) * 1000 if vip_active else 0,
        vip_status=int(vip_active),
        live=live,
        live_url=f"https://live.bilibili.com/{draw.randint(1000, 99999)}" if live else "",
    )


_FIRST = (
    "山间",
    "云上",
    "晚风",
    "拾光",
    "咸鱼",
    "星野",
    "橘子",
    "深海",
    "夜航",
    "白昼",
    "纸鸢",
    "青柠",
)
_SECOND = ("放映室", "观察员", "小剧场", "研究所", "手记", "电台", "实验室", "旅人", "同学", "画室")
_SIGNS = (
    "",
    "",
    "每周更新",
    "认真生活",
    "随缘更新，感谢关注",
    "商务请私信",
    "记录一点小事",
    "🎮🎵📷",
)
_DESCS = ("知名创作者", "知识分享者", "官方账号", "音乐人", "游戏工作室")


def _named(name: str, **fields: Any) -> tuple[Card, Privacy, State]:
    face = f"https://i0.hdslb.com/bfs/face/{name.encode().hex()[:40]:0>40}.jpg"
    return Card(name=name, face=face, **fields), Privacy(), State.NORMAL


def _example_accounts() -> Iterator[tuple[int, tuple[Card, Privacy, State]]]:
    annual = {"vip_type": 2, "vip_status": 1, "vip_due_ms": (END + 300 * 86_400) * 1000}
    monthly = {"vip_type": 1, "vip_status": 1, "vip_due_ms": (END + 30 * 86_400) * 1000}
    company = {"official_type": 1}
    person = {"official_type": 0}

    def ended(due: int) -> dict[str, Any]:
        """Return the fields of a monthly membership that ended at second `due`."""
        return {"vip_type": 1, "vip_due_ms": due * 1000}

    yield HERO, _named("示例用户", sign="文档里的那个账号", **annual)
    for mid in range(1, 6):
        yield mid, _named(f"早期用户{mid}")
    voice = "配音演员、声优。洛天依声源提供者。"
    yield 14082, _named("山新", official_desc=voice, **person, **annual)
    alipay = {"official_desc": "支付宝官方账号", "live": 1}
    yield 420831218, _named("支付宝Alipay", **alipay, **company, **monthly)
    msi = {"official_desc": "微星科技官方账号", **ended(1540656000)}
    yield 125086406, _named("MSI微星科技", **msi, **company)
    yield 53456, _named("Warma", official_desc="bilibili 知名UP主", **person, **annual)
    hundred = "bilibili 2019百大UP主、高能联盟成员"
    yield 116683, _named("=咬人猫=", official_desc=hundred, **person, **annual)
    band = {"official_desc": "上海爱丽丝幻乐团官方账号", **ended(1593792000)}
    yield 517717593, _named("上海爱丽丝幻乐团", **band, **person)
    yield 178429408, _named("老弟一号", official_desc="知识领域优质UP主", **person, **annual)
    yield 596000, _named("椛椛在睡觉", **annual)
    yield 24022863, _named("黄禄轩电脑专用账号", **annual)
    yield 85438718, _named("忘忧北萱草Official", **annual)
    yield 41620134, _named("Tiggy_Chan", **ended(1669219200))
    yield 22179720, _named("咩2016", **person)
    yield 16174624, _named("其实死亡没有那么痛", **person)
    yield 387195656, _named("L_E_M_O_H_E")
    yield 175989424, _named("哥本哈根iii")
    for mid in (258150656, 15858903, 319214221, 205631797, 4856007, 326499679):
        yield mid, _named(f"示例{mid}")
    for mid in (321173469, 327086920):
        yield mid, _named(f"示例{mid}")
    yield BLOCKS_HERO, _named("拉黑了你的人")
    for mid, name, privacy in (
        (HIDES_FOLLOWINGS, "隐藏关注的人", Privacy(hide_followings=True)),
        (HIDES_FOLLOWERS, "隐藏粉丝的人", Privacy(hide_followers=True)),
        (REFUSES_FOLLOWS, "拒绝关注的人", Privacy(refuse_follows=True)),
    ):
        yield mid, (_named(name)[0], privacy, State.NORMAL)
    yield DEREGISTERED, (DEREGISTERED_CARD, Privacy(), State.DEREGISTERED)
    yield BANNED, (_named("被封停的人")[0], Privacy(), State.BANNED)
    for mid in _GROUP_MEMBER.values():
        if mid != HIDES_FOLLOWERS:
            yield mid, _named(f"早期用户{mid}")
    for mid in _SPECIALS:
        yield mid, _named(f"特别关注{mid}")


def _example_edges() -> Iterator[EdgeRow]:
    """Yield the edges that the documents' examples presume: follows, whispers and blocks.

    Some follows are special, have groups or have a contract.
    """

    def following(followed: int, time: int, *groups: int, special: bool = False) -> EdgeRow:
        names = tuple(GROUPS[group] for group in groups)
        return EdgeRow(follower=HERO, followed=followed, time=time, special=special, groups=names)

    def follower_of_hero(follower: int, time: int, **more: Any) -> EdgeRow:
        return EdgeRow(follower=follower, followed=HERO, time=time, **more)

    yield following(14082, END - 100)
    yield following(420831218, END - 200, 207542)
    yield following(125086406, END - 300, 207542)
    yield following(53456, 1586415053, special=True)
    yield following(258150656, 1540659101, special=True)
    yield following(116683, 1564627532)
    yield following(517717593, 1592126052, 207542)
    yield following(319214221, 1560000000, 194111, special=True)
    yield following(205631797, 1570000000)
    yield following(4856007, 1571000000)
    yield following(326499679, 1572000000)
    yield following(321173469, 1573000000, 207542)
    yield following(327086920, 1574000000, 207542)
    # Of accounts 1 to 5 the hero follows these two: a batch that follows all five fails for them.
    yield following(1, 1601654227)
    yield following(2, 1601654225)
    yield from (following(mid, time, special=True) for mid, time in _SPECIALS.items())
    for group in (194112, 216699, 231305, 23130):
        yield following(_GROUP_MEMBER[group], 1575000000 + group, group)
    yield from (following(mid, END - 5_000 - mid % 97) for mid in (HIDES_FOLLOWINGS, DEREGISTERED))
    # Mutual follows, with a contract in either direction.
    yield following(FRIEND, 1548311059, 194110, 248468, special=True)
    yield follower_of_hero(FRIEND, 1548311059, special=True, groups=("同好",))
    yield following(596000, 1685110154)
    yield follower_of_hero(596000, 1685110154, contract=Contract(ts=1685120000, user_attr=1))
    yield EdgeRow(
        follower=HERO,
        followed=24022863,
        time=1685026230,
        special=True,
        contract=Contract(ts=1685030000),
    )
    yield follower_of_hero(24022863, 1685026230)
    yield following(85438718, 1684759843, 194110)
    yield follower_of_hero(85438718, 1684759843)
    yield following(41620134, 1684759649)
    yield follower_of_hero(41620134, 1684759649)
    # Followers who are not followed, the newest two.
    yield follower_of_hero(387195656, END - 150)
    yield follower_of_hero(175989424, END - 250, contract=Contract(ts=END - 240))
    # Account 2 shares two followings with the hero, the first of them newer.
    yield EdgeRow(follower=2, followed=116683, time=1560000001)
    yield EdgeRow(follower=2, followed=517717593, time=1560000000)
    yield EdgeRow(follower=HERO, followed=178429408, time=1605972105, kind="whisper")
    yield EdgeRow(follower=HERO, followed=22179720, time=1603032789, kind="block")
    yield EdgeRow(follower=HERO, followed=16174624, time=1603026420, kind="block")
    yield EdgeRow(follower=BLOCKS_HERO, followed=HERO, time=1603000000, kind="block")


#: The member of each group that the examples rename, delete, copy to or move to.
_GROUP_MEMBER = {194112: 6, 216699: 7, 231305: 8, 23130: HIDES_FOLLOWERS}

#: The rest of the documents' list of special follows. The times give its order.
_SPECIALS = {
    500716647: 1590000000,
    32832243: 1589000000,
    25944552: 1580000000,
    301839556: 1579000000,
    427494870: 1578000000,
    31949159: 1555000000,
    382666849: 1554000000,
    258318451: 1553000000,
    54992199: 1545000000,
    3379951: 1544000000,
    392279807: 1543000000,
    23215368: 1542000000,
    20165629: 1540000000,
}

#: Accounts without random edges: the examples presume that the hero, or nobody, follows them.
_NOT_IN_CROWD = frozenset({HERO, BLOCKS_HERO, 178429408, 22179720, 16174624, DEREGISTERED, BANNED})


def _crowd(draw: Random, accounts: Accounts, fixed: list[EdgeRow], limit: int) -> Iterator[EdgeRow]:
    """Yield up to `limit` random edges that are not in `fixed`; a few accounts get most followers.

    The accounts of `_NOT_IN_CROWD` and REFUSES_FOLLOWS get none. Stop early after `_MAX_ATTEMPTS`
    draws of a pair per requested edge.
    """
    mids = [mid for mid in accounts if mid not in _NOT_IN_CROWD and mid != REFUSES_FOLLOWS]
    draw.shuffle(mids)
    popularity = list(
        accumulate(1 / rank**_POPULARITY_EXPONENT for rank in range(1, len(mids) + 1))
    )
    activity = list(accumulate(draw.lognormvariate(0, _ACTIVITY_SPREAD) for _ in mids))
    pairs = {(edge.follower, edge.followed) for edge in fixed}
    count = attempts = 0
    while count < limit and attempts < limit * _MAX_ATTEMPTS:
        attempts += 1
        first = mids[bisect(activity, draw.random() * activity[-1])]
        second = mids[bisect(popularity, draw.random() * popularity[-1])]
        time = draw.randint(BEGIN, END - 10_000)
        back = draw.random() < _FOLLOW_BACK_PROBABILITY
        for follower, followed in ((first, second), (second, first))[: 1 + back]:
            if count < limit and follower != followed and (follower, followed) not in pairs:
                pairs.add((follower, followed))
                count += 1
                yield EdgeRow(follower=follower, followed=followed, time=time)
