"""What the hero alone is told: history, watch-later, notes, logs, events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from guanxi.contract import structs as s
from guanxi.contract.ids import bvid_of
from guanxi.demo.content.owner import Made, Owner, times
from guanxi.demo.world import BEGIN, END
from guanxi.world.mine import FINISHED, Change, Happened, Later, Note, PublicNote, Seen, SignedIn
from guanxi.world.works import BangumiFollow

#: A video that was watched, and put by, and is nobody's any more.
GONE_AID = 404_404

#: How many entries of the history share one second, and how far apart the seconds are.
_AT_ONCE, _APART = 3, 700
_FIRST_NOTE, _FIRST_PUBLIC_NOTE = 9_000_000, 17_000_000
_DAY = 86_400
#: How many entries of the history are of each business, as far as there is so much.
_VIDEOS, _EPISODES, _LESSONS, _ROOMS, _ARTICLES, _LISTS = 60, 25, 10, 12, 15, 8


def history(owner: Owner, others: Sequence[Made], bangumi: Sequence[BangumiFollow]) -> list[Seen]:
    """What the hero looked at: of every business, three at a time in one second.

    The first second has one alone, so that pages of 20 and of 30 end within a second.
    """
    draw = owner.draw("history")
    seen = [
        _gone(),
        *islice(_videos(owner, others), _VIDEOS - 1),
        *map(_episode, bangumi[:_EPISODES]),
        *islice(_lessons(others), _LESSONS),
        *islice(_rooms(others), _ROOMS),
        *islice(_articles(others), _ARTICLES),
        *islice(_article_lists(others), _LISTS),
    ]
    draw.shuffle(seen)
    for n, one in enumerate(seen):
        one.entry.view_at = END - 60 - (n + _AT_ONCE - 1) // _AT_ONCE * _APART
        one.entry.kid = one.entry.history.oid
    return seen


def _by(made: Made, entry: s.HistoryEntry) -> s.HistoryEntry:
    """The entry, with whose it is."""
    entry.author_mid = made.owner.mid
    entry.author_name, entry.author_face = made.owner.card.name, made.owner.card.face
    return entry


def _gone() -> Seen:
    target = s.HistoryTarget(oid=GONE_AID, cid=1, page=1, part="正片", business="archive", dt=2)
    return Seen(
        s.HistoryEntry(
            title="已失效视频",
            history=target,
            videos=1,
            author_name="早期用户3",
            author_mid=3,
            progress=12,
            duration=60,
        )
    )


def _videos(owner: Owner, others: Sequence[Made]) -> Iterator[Seen]:
    draw = owner.draw("watched")
    every = [(made, video) for made in others for video in made.videos]
    for made, video in draw.sample(every, len(every)):
        progress = draw.choice((FINISHED, draw.randint(1, video.duration - 1)))
        yield Seen(
            _by(
                made,
                s.HistoryEntry(
                    title=video.title,
                    cover=video.pic,
                    history=s.HistoryTarget(
                        oid=video.aid,
                        bvid=bvid_of(video.aid),
                        page=1,
                        cid=video.cid,
                        part=video.title,
                        business="archive",
                        dt=2,
                    ),
                    videos=video.videos,
                    progress=progress,
                    duration=video.duration,
                    tag_name=video.tname,
                ),
            )
        )


def _episode(follow: BangumiFollow) -> Seen:
    one = follow.bangumi
    return Seen(
        s.HistoryEntry(
            title=one.title,
            long_title=one.new_ep.long_title,
            cover=one.new_ep.cover,
            uri=one.url,
            history=s.HistoryTarget(oid=one.id, epid=one.new_ep.id, business="pgc", dt=2),
            progress=FINISHED,
            badge=one.season_type_name,
            show_title=one.new_ep.index_show,
            duration=one.new_ep.duration_ms // 1000,
            total=one.total_count,
            is_finish=one.is_finish,
        ),
        bangumi=s.WatchedEpisode(
            ep_id=one.new_ep.id,
            title=one.new_ep.title,
            long_title=one.new_ep.long_title,
            follow=1,
            cover=one.new_ep.cover,
            season=s.NewestEpisode(
                season_id=one.id,
                title=one.title,
                is_finish=one.is_finish,
                total_count=one.total_count,
                newest_ep_id=one.new_ep.id,
                newest_ep_index=one.new_ep.title,
                season_type=one.season_type,
            ),
        ),
    )


def _lessons(others: Sequence[Made]) -> Iterator[Seen]:
    for made in others:
        for course in made.courses:
            yield Seen(
                _by(
                    made,
                    s.HistoryEntry(
                        title=course.title,
                        long_title="第1课",
                        cover=course.cover,
                        uri=course.link,
                        history=s.HistoryTarget(oid=course.id, page=1, business="cheese", dt=2),
                        progress=30,
                        badge="课堂",
                        duration=900,
                        total=course.ep_count,
                    ),
                ),
                cheese=s.WatchedLesson(
                    cover=course.cover,
                    long_title="第1课",
                    number=1,
                    season_id=course.id,
                    update_info=course.status,
                ),
            )


def _rooms(others: Sequence[Made]) -> Iterator[Seen]:
    for made in others:
        room = made.profile.live_room
        if room is not None:
            yield Seen(
                _by(
                    made,
                    s.HistoryEntry(
                        title=room.title,
                        cover=room.cover,
                        uri=room.url,
                        history=s.HistoryTarget(oid=room.room_id, business="live", dt=2),
                        badge="直播中" if room.live_status else "未开播",
                        live_status=room.live_status,
                    ),
                )
            )


def _articles(others: Sequence[Made]) -> Iterator[Seen]:
    for made in others:
        for article in made.articles:
            yield Seen(
                _by(
                    made,
                    s.HistoryEntry(
                        title=article.title,
                        covers=article.image_urls,
                        uri=f"https://www.bilibili.com/read/cv{article.id}",
                        history=s.HistoryTarget(oid=article.id, business="article", dt=2),
                        badge="专栏",
                    ),
                )
            )


def _article_lists(others: Sequence[Made]) -> Iterator[Seen]:
    for made in others:
        for one in made.article_lists:
            yield Seen(
                _by(
                    made,
                    s.HistoryEntry(
                        title=one.name,
                        cover=one.image_url,
                        uri=f"https://www.bilibili.com/read/readlist/rl{one.id}",
                        history=s.HistoryTarget(oid=one.id, business="article-list", dt=2),
                        badge="文集",
                    ),
                )
            )


def later(owner: Owner, others: Sequence[Made], count: int) -> list[Later]:
    """Videos put by: every fourth watched to its end, and one that is gone."""
    draw = owner.draw("later")
    aids = [video.aid for made in others for video in made.videos]
    chosen = [GONE_AID, *draw.sample(aids, count - 1)]
    put_by = times(draw, count, first=END - 60 * _DAY)
    return [
        Later(aid, added, FINISHED if n % 4 == 1 else 20 * n)
        for n, (aid, added) in enumerate(zip(chosen, put_by, strict=True))
    ]


def notes(owner: Owner, others: Sequence[Made], count: int) -> list[Note]:
    """Notes on others' videos."""
    draw = owner.draw("notes")
    about = draw.sample([video for made in others for video in made.videos], count)
    made = []
    for n, (video, time) in enumerate(zip(about, times(draw, count), strict=True)):
        arc = s.NotedVideo(
            oid=video.aid,
            aid=video.aid,
            bvid=bvid_of(video.aid),
            pic=video.pic,
            desc=video.title,
        )
        note = s.Note(
            id=owner.number(_FIRST_NOTE, n),
            title=f"{video.title} 笔记",
            summary=f"要点{n + 1}：先看清单，再动手。",
            arc=arc,
            web_url=f"https://www.bilibili.com/h5/note-app/view?oid={video.aid}",
        )
        made.append(Note(note, time))
    return made


def public_notes(owner: Owner, count: int) -> list[PublicNote]:
    """Notes that others can read."""
    draw = owner.draw("public notes")
    made = []
    for n, time in enumerate(times(draw, count)):
        cvid = owner.number(_FIRST_PUBLIC_NOTE, n)
        note = s.PublicNote(
            id=cvid,
            title=f"学习笔记（{n + 1}）",
            summary="把视频里的步骤抄成了一页。",
            web_url=f"https://www.bilibili.com/read/cv{cvid}",
            likes=draw.randint(0, 90),
        )
        made.append(PublicNote(note, time))
    return made


def experience(owner: Owner) -> list[Change]:
    """Three weeks of experience, three times a day: the log tells of the last one."""
    daily = ((5, "登录奖励"), (5, "观看视频奖励"), (10, "视频投币奖励"))
    return [
        Change(owner.number(0, 3 * day + n), END - 3_600 - day * _DAY - n * 600, delta, reason)
        for day in range(21)
        for n, (delta, reason) in enumerate(daily)
    ]


def moral(owner: Owner) -> list[Change]:
    """Moral value lost once, and given back."""
    return [
        Change(owner.number(0, 0), END - 300 * _DAY, -5, "评论被举报"),
        Change(owner.number(0, 1), END - 200 * _DAY, 5, "节操值自动恢复"),
    ]


def sign_ins(owner: Owner) -> list[SignedIn]:
    """Sign-ins, one of them refused."""
    places = (("192.0.2.*", "海滨"), ("198.51.100.*", "北岭"), ("203.0.113.*", "云山"))
    return [
        SignedIn(owner.number(0, n), END - n * 5 * _DAY - 900, ip, geo, ok=n != 3)
        for n, (ip, geo) in enumerate(places * 3)
    ]


def events(owner: Owner) -> list[Happened]:
    """What happened to the account since it was made."""
    titles = ("注册", "第一支视频", "成为会员", "粉丝过十")
    return [
        Happened(owner.number(0, n), time, title)
        for n, (time, title) in enumerate(
            zip(times(owner.draw("events"), len(titles), first=BEGIN), titles, strict=True)
        )
    ]
