"""Generate works other than videos, followed bangumi and tags, medals, reservations, supporters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from typing import Literal

from guanxi.accounts.account import Card
from guanxi.contract import structs as s
from guanxi.contract.enums import BangumiType
from guanxi.demo.content.owner import Owner, picture, times
from guanxi.demo.world import END
from guanxi.world import clock
from guanxi.world.works import Album, BangumiFollow, Support, TagFollow

_FIRST_AUDIO, _FIRST_ARTICLE, _FIRST_ARTICLE_LIST = 2_000_000, 18_000_000, 400_000
_FIRST_ALBUM, _FIRST_COURSE, _FIRST_TAG = 150_000_000, 6_000, 5_000
_FIRST_BANGUMI, _FIRST_MEDIA, _FIRST_EPISODE = 30_000, 28_000_000, 400_000
_FIRST_RESERVATION, _FIRST_MEDAL = 700_000, 30_000

_PLACES = ("山谷", "旧城", "海岸", "车站", "屋顶", "雪原", "码头", "竹林")
_MOODS = ("清晨", "午后", "傍晚", "夜里", "雨后")
_KINDS: tuple[Literal["draw", "photo", "daily"], ...] = ("draw", "photo", "daily")
_MEDAL_NAMES = ("晚风", "纸鸢", "橘子", "夜航", "青柠")
_LEVEL_COLOURS = (0x5C968E, 0x5D7B9E, 0x8D7CA6, 0xBE6686)


def _scene(n: int) -> str:
    return f"{_PLACES[n % len(_PLACES)]}的{_MOODS[n % len(_MOODS)]}"


def audios(owner: Owner, count: int) -> list[s.Audio]:
    """Return `count` audios, oldest first, with round play counts, so that some are equal."""
    draw = owner.draw("audios")
    documents = []
    for n, time in enumerate(times(draw, count)):
        number = owner.number(_FIRST_AUDIO, n)
        documents.append(
            s.Audio(
                id=number,
                uid=owner.mid,
                title=f"{_scene(n)}（小样 {n + 1}）",
                cover=picture(draw, "music"),
                intro="在家录的，音质有限。",
                duration=draw.randint(30, 400),
                passtime=time,
                curtime=END,
                ctime_ms=time * 1000,
                statistic=s.AudioCounts(
                    sid=number,
                    play=draw.randint(1, 15) * 100,
                    collect=draw.randint(1, 20),
                    comment=draw.randint(0, 30),
                    share=draw.randint(0, 9),
                ),
                coin_num=draw.randint(0, 50),
            )
        )
    return documents


def articles(owner: Owner, count: int) -> list[s.Article]:
    """Return `count` articles, oldest first, with round view counts, so that some are equal."""
    draw = owner.draw("articles")
    category = s.ArticleCategory(id=15, parent_id=3, name="日常")
    documents = []
    for n, time in enumerate(times(draw, count)):
        images = [picture(draw, "article")]
        view = draw.randint(1, 20) * 50
        documents.append(
            s.Article(
                id=owner.number(_FIRST_ARTICLE, n),
                category=category,
                categories=[category],
                title=f"{_scene(n)}：随笔之{n + 1}",
                summary="一路上记下来的几段话和几张照片。",
                template_id=4,
                image_urls=images,
                publish_time=time,
                ctime=time,
                stats=s.ArticleCounts(
                    view=view,
                    favorite=draw.randint(0, 12),
                    like=view // 10,
                    reply=draw.randint(0, 20),
                    share=draw.randint(0, 5),
                    coin=draw.randint(0, 20),
                ),
                words=draw.randint(300, 6_000),
                origin_image_urls=images,
                original=1,
            )
        )
    return documents


def article_lists(owner: Owner, count: int) -> list[s.ArticleList]:
    """Return `count` lists of articles, oldest first; from the 9th on the names have a number."""
    draw = owner.draw("article lists")
    names = [f"{place}札记{number or ''}" for number in range(count) for place in _PLACES][:count]
    return [
        s.ArticleList(
            id=owner.number(_FIRST_ARTICLE_LIST, n),
            mid=owner.mid,
            name=names[n],
            image_url=picture(draw, "article"),
            update_time=time,
            ctime=time - 86_400,
            publish_time=time - 86_400,
            summary="按写的先后排。",
            words=draw.randint(2_000, 20_000),
            read=draw.randint(100, 9_000),
            articles_count=draw.randint(2, 12),
        )
        for n, time in enumerate(times(draw, count))
    ]


def albums(owner: Owner, count: int) -> list[Album]:
    """Return `count` albums, oldest first, of the types draw, photo and daily in turn."""
    draw = owner.draw("albums")
    documents = []
    for n, (time, biz) in enumerate(zip(times(draw, count), cycle(_KINDS), strict=False)):
        pictures = [
            s.Picture(picture(draw, "album"), 1080, 1440, draw.randint(2_000, 9_000) / 10)
            for _ in range(draw.randint(1, 4))
        ]
        documents.append(
            Album(
                s.Album(
                    id=owner.number(_FIRST_ALBUM, n),
                    poster_uid=owner.mid,
                    title=_scene(n),
                    description=f"{_scene(n)}，{len(pictures)}张。",
                    pictures=pictures,
                    count=len(pictures),
                    ctime=time,
                    view=draw.randint(10, 5_000),
                    like=draw.randint(1, 400),
                ),
                biz,
            )
        )
    return documents


def courses(owner: Owner, count: int) -> list[s.Course]:
    draw = owner.draw("courses")
    documents = []
    for n in range(count):
        number, lessons = owner.number(_FIRST_COURSE, n), draw.randint(5, 40)
        documents.append(
            s.Course(
                id=number,
                cover=picture(draw, "archive"),
                ep_count=lessons,
                link=f"https://www.bilibili.com/cheese/play/ss{number}",
                play=draw.randint(100, 90_000),
                status=f"更新至第{lessons}课时",
                subtitle="从零开始，每课一个小作业",
                title=f"{_PLACES[n % len(_PLACES)]}写生课 {n + 1}",
            )
        )
    return documents


def bangumi(owner: Owner, count: int) -> list[BangumiFollow]:
    """Return `count` followed series of each of the two types, with statuses 1 to 3 in turn.

    The bangumi are first, then the dramas, each by time of following.
    """
    draw = owner.draw("bangumi")
    documents = []
    for type_ in BangumiType:
        names = {BangumiType.BANGUMI: (1, "番剧"), BangumiType.DRAMA: (3, "纪录片")}
        season_type, type_name = names[type_]
        for n, since in enumerate(times(draw, count)):
            index = n + count * (type_.value - 1)
            number, episode = owner.number(_FIRST_BANGUMI, index), draw.randint(1, 24)
            title, status = f"{_scene(n)}物语", n % 3 + 1
            documents.append(
                BangumiFollow(
                    s.Bangumi(
                        id=number,
                        media_id=owner.number(_FIRST_MEDIA, index),
                        season_type=season_type,
                        season_type_name=type_name,
                        title=title,
                        cover=picture(draw, "bangumi"),
                        total_count=24,
                        is_finish=int(episode == 24),
                        is_started=1,
                        is_play=1,
                        badge="会员专享",
                        stat=s.BangumiCounts(
                            follow=draw.randint(1, 900) * 100, view=draw.randint(1, 900) * 10_000
                        ),
                        new_ep=s.Episode(
                            id=owner.number(_FIRST_EPISODE, index),
                            index_show=f"更新至第{episode}话",
                            cover=picture(draw, "archive"),
                            title=str(episode),
                            long_title=_scene(n + episode),
                            pub_time=clock.second(since),
                            duration_ms=1_440_000,
                        ),
                        rating=s.Rating(draw.randint(60, 99) / 10, draw.randint(100, 90_000)),
                        season_title=title,
                        evaluate=f"发生在{_PLACES[n % len(_PLACES)]}的故事。",
                        areas=[s.Region(2, "日本") if season_type == 1 else s.Region(1, "中国")],
                        series=s.BangumiSeries(number, title, 1, number),
                        url=f"https://www.bilibili.com/bangumi/play/ss{number}",
                        can_watch=1,
                        follow_status=status,
                        progress=f"看到第{episode}话" if status > 1 else "",
                    ),
                    since,
                    type_,
                )
            )
    return documents


def tags(owner: Owner, count: int) -> list[TagFollow]:
    """Return `count` followed tags, each with the time at which it was followed, oldest first."""
    draw = owner.draw("tags")
    return [
        TagFollow(s.Tag(_FIRST_TAG + n, f"{_PLACES[n % len(_PLACES)]}{_MOODS[n % 5]}"), since)
        for n, since in enumerate(times(draw, count))
    ]


def medals(owner: Owner, givers: Mapping[int, Card]) -> list[s.Medal]:
    """Return a fan medal from each of `givers` (cards by mid).

    The second and third have equal levels; the last is worn.
    """
    draw = owner.draw("medals")
    documents = []
    for n, (mid, card) in enumerate(givers.items()):
        level, name = max(1, 4 * n), _MEDAL_NAMES[n % len(_MEDAL_NAMES)]
        level = 4 if n == 2 else level
        colour, number = _LEVEL_COLOURS[min(level // 5, 3)], owner.number(_FIRST_MEDAL, n)
        documents.append(
            s.Medal(
                medal_info=s.MedalInfo(
                    target_id=mid,
                    level=level,
                    medal_name=name,
                    medal_color_start=colour,
                    medal_color_end=colour,
                    medal_color_border=colour,
                    wearing_status=int(n == len(givers) - 1),
                    medal_id=number,
                    intimacy=draw.randint(1, 400),
                    next_intimacy=500,
                    day_limit=1_500,
                ),
                target_name=card.name,
                target_icon=card.face,
                link=f"https://space.bilibili.com/{mid}",
                live_status=card.live,
                look=s.MedalLook(
                    name=name,
                    level=level,
                    color_start=colour,
                    color_end=colour,
                    color_border=colour,
                    color=colour,
                    id=number,
                    is_light=1,
                    ruid=mid,
                    v2_medal_color_start=f"#{colour:06X}FF",
                    v2_medal_color_end=f"#{colour:06X}FF",
                    v2_medal_color_border=f"#{colour:06X}FF",
                    v2_medal_color_text="#FFFFFFFF",
                    v2_medal_color_level=f"#{colour:06X}FF",
                ),
            )
        )
    return documents


def reservations(owner: Owner) -> list[s.Reservation]:
    """Return two reservations: a live broadcast, and a video with a lottery."""
    soon = END + 3 * 86_400
    return [
        s.Reservation(
            id=owner.number(_FIRST_RESERVATION, 0),
            name="直播预告：一起拆旧电脑",
            total=86,
            stime=END - 86_400,
            etime=soon,
            type=2,
            up_mid=owner.mid,
            live_plan_start_time=soon,
            show_total=True,
        ),
        s.Reservation(
            id=owner.number(_FIRST_RESERVATION, 1),
            name="下一期视频，抽三位送笔记本",
            total=240,
            stime=END - 2 * 86_400,
            etime=soon,
            up_mid=owner.mid,
            lottery_type=1,
            lottery_prize_info=s.Lottery(text="预约有奖：笔记本*3份"),
            show_total=True,
        ),
    ]


def supporters(mids: Sequence[int]) -> Iterator[Support]:
    """Yield the first five of `mids` as supporters, with ranks from 1.

    The third has no message; the fourth hides its message.
    """
    messages = ("加油", "下次见", "", "只给你看", "谢谢你的视频")
    for rank, (mid, message) in enumerate(zip(mids, messages, strict=False), 1):
        yield Support(mid, rank, message, hidden=rank == 4)
