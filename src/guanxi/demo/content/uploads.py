"""Generate videos, seasons and series of videos, masterpieces and the top video."""

from __future__ import annotations

from collections.abc import Sequence

from guanxi.contract import structs as s
from guanxi.demo.content.owner import Owner, picture, times
from guanxi.world.videos import TYPES, Chosen, Season, Series

#: A word in the title of every third video, for searches.
COMMON_WORD = "练习"
#: Subjects of videos, by partition id (tid).
_SUBJECTS = {
    3: ("钢琴小品", "吉他弹唱", "编曲笔记"),
    4: ("独立游戏试玩", "像素关卡", "老掌机"),
    36: ("天文入门", "地铁史话", "厨房里的化学"),
    160: ("阳台种菜", "骑行日记", "菜市场 Vlog"),
    188: ("单片机", "旧电脑翻新", "开源小工具"),
}
_FIRST_AID, _FIRST_CID = 600_000_000, 1_100_000_000
_FIRST_SEASON, _FIRST_SERIES = 1_400_000, 2_500_000
#: The number of videos in an owner's first season and series: more than one page.
_LONG_CHANNEL = 35


def videos(owner: Owner, count: int) -> list[s.Video]:
    """Return `count` videos, oldest first.

    The first two have the same time; views and favourites are round numbers, so that many are
    equal.
    """
    draw = owner.draw("videos")
    documents = []
    for n, time in enumerate(times(draw, count, ties=min(2, count))):
        tid = draw.choice(tuple(_SUBJECTS))
        word = COMMON_WORD if n % 3 == 0 else "记录"
        view = draw.randint(1, 30) * 1_000
        aid = owner.number(_FIRST_AID, n)
        documents.append(
            s.Video(
                aid=aid,
                tid=tid,
                tname=TYPES[tid],
                copyright=draw.choices((1, 2), (5, 1))[0],
                pic=picture(draw, "archive"),
                title=f"{draw.choice(_SUBJECTS[tid])}{word} 第{n + 1}期",
                pubdate=time,
                ctime=time,
                desc=f"第{n + 1}期，素材与清单放在评论区。",
                duration=draw.randint(40, 3_600),
                rights=s.VideoRights(no_reprint=1, is_cooperation=int(n % 10 == 9)),
                stat=s.VideoStat(
                    aid=aid,
                    view=view,
                    danmaku=view // draw.randint(40, 200),
                    reply=view // draw.randint(50, 300),
                    favorite=draw.randint(1, 40) * 10,
                    coin=view // draw.randint(60, 300),
                    share=view // draw.randint(100, 500),
                    like=view // draw.randint(8, 30),
                ),
                dynamic="新一期来了",
                cid=owner.number(_FIRST_CID, n),
                dimension=s.Dimension(1920, 1080),
            )
        )
    return documents


def seasons(owner: Owner, own: Sequence[s.Video], count: int) -> list[Season]:
    """Return `count` seasons, oldest first, each of random videos of `own`.

    The first has up to 35 videos, the others up to 8.
    """
    draw = owner.draw("seasons")
    documents = []
    for n, time in enumerate(times(draw, count)):
        aids = _channel_aids(owner, "season", n, own)
        documents.append(
            Season(
                s.SeasonMeta(
                    id=owner.number(_FIRST_SEASON, n),
                    cover=picture(draw, "archive"),
                    description=f"第{n + 1}个合集，按看的顺序排。",
                    mid=owner.mid,
                    name=f"合集：{_subject(n)}",
                    ptime=time,
                    total=len(aids),
                ),
                aids,
            )
        )
    return documents


def series(owner: Owner, own: Sequence[s.Video], count: int) -> list[Series]:
    """Return `count` series, oldest first, each of random videos of `own`.

    The first has up to 35 videos, the others up to 8.
    """
    draw = owner.draw("series")
    documents = []
    for n, time in enumerate(times(draw, count)):
        aids = _channel_aids(owner, "series", n, own)
        documents.append(
            Series(
                s.SeriesMeta(
                    id=owner.number(_FIRST_SERIES, n),
                    ctime=time - 86_400,
                    description=f"第{n + 1}个列表。",
                    keywords=[_subject(n)],
                    last_update_ts=time,
                    mid=owner.mid,
                    mtime=time,
                    name=f"列表：{_subject(n)}",
                    raw_keywords=_subject(n),
                    total=len(aids),
                ),
                aids,
            )
        )
    return documents


def _subject(n: int) -> str:
    subjects = [subject for some in _SUBJECTS.values() for subject in some]
    return f"{subjects[n % len(subjects)]} {n + 1}"


def _channel_aids(owner: Owner, channel: str, n: int, own: Sequence[s.Video]) -> tuple[int, ...]:
    """Return random aids of `own`, in random order, for channel `n` (from 0) of the owner.

    `channel` is "season" or "series". Channel 0 has up to 35 aids, the others up to 8.
    """
    draw = owner.draw(f"{channel} {n}")
    size = _LONG_CHANNEL if n == 0 else draw.randint(2, 8)
    return tuple(video.aid for video in draw.sample(own, min(size, len(own))))


def masterpieces(own: Sequence[s.Video]) -> list[Chosen]:
    """Return the three most viewed videos of `own` (or fewer), most viewed first, with reasons."""
    most_viewed = sorted(own, key=lambda video: video.stat.view, reverse=True)[:3]
    reasons = ("第一支过万的", "画面最满意", "写得最久")
    return [
        Chosen(video.aid, reason, index)
        for index, (video, reason) in enumerate(zip(most_viewed, reasons, strict=False))
    ]


def top_video(own: Sequence[s.Video]) -> Chosen:
    """Return the last video of `own` as the pinned one. Raise IndexError if `own` is empty."""
    return Chosen(own[-1].aid, "新来的请先看这支")
