"""Generate profiles, and the hero's notice, like effect, jury membership and fan report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from guanxi.accounts.account import Card
from guanxi.contract import structs as s
from guanxi.demo.content.owner import Owner, picture
from guanxi.demo.world import BEGIN, END
from guanxi.world.profile import LEVELS, Hidden, Notice, Profile

_TAGS = ("手工", "科普", "旅行", "配乐", "像素", "读书", "厨房", "城市")
_SCHOOLS = ("", "", "海滨职业学院", "北岭大学", "云山中学")
_WORKS = (("", ""), ("", ""), ("青柠工作室", "剪辑"), ("拾光唱片", "录音"))
_EARLIEST_BIRTH, _LATEST_BIRTH = 1985, 2008
_YEAR = 86_400 * 365


def profile(owner: Owner, hides: frozenset[Hidden] = frozenset()) -> Profile:
    """Return a random profile of the owner, with the parts in `hides` hidden from others.

    Accounts that are live, and every third, have a live room; paying members have a pendant.
    """
    draw = owner.draw("profile")
    birthday = (draw.randint(_EARLIEST_BIRTH, _LATEST_BIRTH), draw.randint(1, 12))
    department, title = draw.choice(_WORKS)
    experience = draw.randint(LEVELS[2], 2 * LEVELS[-1])
    return Profile(
        sex=draw.choice(("男", "女", "保密")),
        birthday=f"{birthday[0]}-{birthday[1]:02}-{draw.randint(1, 28):02}",
        experience=experience,
        coins=draw.randint(10, 40_000) / 10,
        is_senior=experience >= LEVELS[-1],
        joined=draw.randint(BEGIN - 2 * _YEAR, BEGIN),
        official_role={0: 1, 1: 3}.get(owner.card.official_type, 0),
        official_title=owner.card.official_desc,
        pendant=_pendant(owner) if owner.card.vip_status else s.Pendant(),
        nameplate=_nameplate(owner),
        top_photo=picture(draw, "space"),
        school=draw.choice(_SCHOOLS),
        profession=s.Profession(
            name=department, department=department, title=title, is_show=int(bool(title))
        ),
        tags=tuple(draw.sample(_TAGS, 3)),
        live_room=_live_room(owner) if owner.card.live or owner.index % 3 == 0 else None,
        supported=owner.index % 2 == 0,
        contract=owner.index % 5 == 0,
        identified=True,
        hides=hides,
    )


def _pendant(owner: Owner) -> s.Pendant:
    draw = owner.draw("pendant")
    image = picture(draw, "garb")
    return s.Pendant(
        pid=draw.randint(200, 4_000),
        name=draw.choice(("晴空", "落日", "星轨")),
        image=image,
        expire=END + _YEAR,
        image_enhance=image,
    )


def _nameplate(owner: Owner) -> s.Nameplate:
    draw = owner.draw("nameplate")
    image = picture(draw, "face")
    return s.Nameplate(
        nid=draw.randint(1, 80),
        name=draw.choice(("初出茅庐", "勤勉之人", "人见人爱")),
        image=image,
        image_small=image,
        level=draw.choice(("普通勋章", "高级勋章")),
        condition="累计投稿达到一定数量",
    )


def _live_room(owner: Owner) -> s.LiveRoom:
    draw = owner.draw("live room")
    room_id = int(owner.card.live_url.rpartition("/")[2] or 0) or owner.number(20_000_000, 0)
    watching = draw.randint(10, 9_000)
    return s.LiveRoom(
        room_status=1,
        live_status=owner.card.live,
        url=f"https://live.bilibili.com/{room_id}",
        title=f"{owner.card.name}的直播间",
        cover=picture(draw, "live"),
        room_id=room_id,
        watched_show=s.Watched(
            num=watching, text_small=str(watching), text_large=f"{watching}人看过"
        ),
    )


def notice() -> Notice:
    """Return the notice at the top of the hero's space."""
    return Notice("每周三更新，其余日子随缘。来信请写明事由。")


def like_effect(owner: Owner) -> s.LikeEffect:
    """Return the animation shown for a like together with a coin and a favourite."""
    draw = owner.draw("like effect")
    return s.LikeEffect(picture(draw, "garb"), picture(draw, "garb"), "谢谢三连")


def jury() -> s.Jury:
    """Return the status of a juror whose term has not ended."""
    return s.Jury(
        allow_apply=False, apply_status=3, case_total=46, status=1, term_end=END + 60 * 86_400
    )


def fan_report(owner: Owner, followers: Sequence[int], cards: Mapping[int, Card]) -> s.FanReport:
    """Return the owner's fan report, with three rankings of up to ten random `followers`.

    Raise KeyError if `cards` lacks one of those.
    """
    draw = owner.draw("fan report")

    def ranking() -> list[s.RankedFan]:
        chosen = draw.sample(followers, min(10, len(followers)))
        return [
            s.RankedFan(mid=mid, uname=cards[mid].name, photo=cards[mid].face) for mid in chosen
        ]

    total = len(followers)
    return s.FanReport(
        summary=s.FanSummary(
            total=total,
            inc=min(total, draw.randint(0, 9)),
            active=total // 2,
            act_diff=draw.randint(-5, 5),
            inter=total // 3,
            v=draw.randint(100, 900),
            vv=draw.randint(100, 900),
            dm=draw.randint(10, 90),
            r=draw.randint(10, 90),
            lk=draw.randint(10, 90),
        ),
        rank_list=s.FanRanks(dynamic_act=ranking(), video_act=ranking(), video_play=ranking()),
        source=s.FanSources(
            main=total // 2, space=total // 4, other=total - total // 2 - total // 4
        ),
    )
