"""Generate what only the hero may read: history, watch-later, notes, logs and events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from guanxi.contract import structs as s
from guanxi.contract.ids import bvid_of
from guanxi.demo.content.owner import Owner, PublicContent, times
from guanxi.demo.world import BEGIN, END
from guanxi.world.mine import FINISHED, Change, Happened, Later, Note, PublicNote, Seen, SignedIn
from guanxi.world.works import BangumiFollow

#: A deleted video that is still in the hero's history and watch-later list.
DELETED_AID = 404_404

#: How many history entries share one time, and the gap between two times.
_SAME_SECOND, _GAP_SECONDS = 3, 700
_FIRST_NOTE, _FIRST_PUBLIC_NOTE = 9_000_000, 17_000_000
_DAY = 86_400
#: The maximum number of history entries of each content type (`business`).
_VIDEOS, _EPISODES, _LESSONS, _ROOMS, _ARTICLES, _LISTS = 60, 25, 10, 12, 15, 8


def history(
    owner: Owner, others: Sequence[PublicContent], bangumi: Sequence[BangumiFollow]
) -> list[Seen]:
    """Return the hero's history, newest first, with every content type (`business`) of its sources.

    The sources are `others`, `bangumi` and a deleted video. The newest entry has its own time; each
    three after it share one. So the first page, of 20 or of 30, ends between entries with equal
    times.
    """
    draw = owner.draw("history")
    seen = [
        _deleted_video(),
        *islice(_videos(owner, others), _VIDEOS - 1),
        *map(_episode, bangumi[:_EPISODES]),
        *islice(_lessons(others), _LESSONS),
        *islice(_rooms(others), _ROOMS),
        *islice(_articles(others), _ARTICLES),
        *islice(_article_lists(others), _LISTS),
    ]
    draw.shuffle(seen)
    for n, item in enumerate(seen):
        item.entry.view_at = END - 60 - (n + _SAME_SECOND - 1) // _SAME_SECOND * _GAP_SECONDS
        item.entry.kid = item.entry.history.oid
    return seen


def _by(content: PublicContent, entry: s.HistoryEntry) -> s.HistoryEntry:
    """Set mid, name and face of the author of `entry` to the owner of `content`; return `entry`."""
    entry.author_mid = content.owner.mid
    entry.author_name, entry.author_face = content.owner.card.name, content.owner.card.face
    return entry


def _deleted_video() -> Seen:
    target = s.HistoryTarget(oid=DELETED_AID, cid=1, page=1, part="正片", business="archive", dt=2)
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


def _videos(owner: Owner, others: Sequence[PublicContent]) -> Iterator[Seen]:
    draw = owner.draw("watched")
    every = [(content, video) for content in others for video in content.videos]
    for content, video in draw.sample(every, len(every)):
        progress = draw.choice((FINISHED, draw.randint(1, video.duration - 1)))
        yield Seen(
            _by(
                content,
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
    series = follow.bangumi
    return Seen(
        s.HistoryEntry(
            title=series.title,
            long_title=series.new_ep.long_title,
            cover=series.new_ep.cover,
            uri=series.url,
            history=s.HistoryTarget(oid=series.id, epid=series.new_ep.id, business="pgc", dt=2),
            progress=FINISHED,
            badge=series.season_type_name,
            show_title=series.new_ep.index_show,
            duration=series.new_ep.duration_ms // 1000,
            total=series.total_count,
            is_finish=series.is_finish,
        ),
        bangumi=s.WatchedEpisode(
            ep_id=series.new_ep.id,
            title=series.new_ep.title,
            long_title=series.new_ep.long_title,
            follow=1,
            cover=series.new_ep.cover,
            season=s.NewestEpisode(
                season_id=series.id,
                title=series.title,
                is_finish=series.is_finish,
                total_count=series.total_count,
                newest_ep_id=series.new_ep.id,
                newest_ep_index=series.new_ep.title,
                season_type=series.season_type,
            ),
        ),
    )


def _lessons(others: Sequence[PublicContent]) -> Iterator[Seen]:
    for content in others:
        for course in content.courses:
            yield Seen(
                _by(
                    content,
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


def _rooms(others: Sequence[PublicContent]) -> Iterator[Seen]:
    for content in others:
        room = content.profile.live_room
        if room is not None:
            yield Seen(
                _by(
                    content,
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


def _articles(others: Sequence[PublicContent]) -> Iterator[Seen]:
    for content in others:
        for article in content.articles:
            yield Seen(
                _by(
                    content,
                    s.HistoryEntry(
                        title=article.title,
                        covers=article.image_urls,
                        uri=f"https://www.bilibili.com/read/cv{article.id}",
                        history=s.HistoryTarget(oid=article.id, business="article", dt=2),
                        badge="专栏",
                    ),
                )
            )


def _article_lists(others: Sequence[PublicContent]) -> Iterator[Seen]:
    for content in others:
        for article_list in content.article_lists:
            yield Seen(
                _by(
                    content,
                    s.HistoryEntry(
                        title=article_list.name,
                        cover=article_list.image_url,
                        uri=f"https://www.bilibili.com/read/readlist/rl{article_list.id}",
                        history=s.HistoryTarget(oid=article_list.id, business="article-list", dt=2),
                        badge="文集",
                    ),
                )
            )


def later(owner: Owner, others: Sequence[PublicContent], count: int) -> list[Later]:
    """Return `count` watch-later entries, oldest first: a deleted video, then videos of `others`.

    Every fourth was watched to its end. Raise ValueError if `count` is 0 or `others` have fewer
    than `count` - 1 videos.
    """
    draw = owner.draw("later")
    aids = [video.aid for content in others for video in content.videos]
    chosen = [DELETED_AID, *draw.sample(aids, count - 1)]
    added_times = times(draw, count, first=END - 60 * _DAY)
    return [
        Later(aid, added, FINISHED if n % 4 == 1 else 20 * n)
        for n, (aid, added) in enumerate(zip(chosen, added_times, strict=True))
    ]


def notes(owner: Owner, others: Sequence[PublicContent], count: int) -> list[Note]:
    """Return `count` notes on videos of `others`, oldest first.

    Raise ValueError if `others` have fewer than `count` videos.
    """
    draw = owner.draw("notes")
    about = draw.sample([video for content in others for video in content.videos], count)
    documents = []
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
        documents.append(Note(note, time))
    return documents


def public_notes(owner: Owner, count: int) -> list[PublicNote]:
    """Return `count` notes that others can read, oldest first."""
    draw = owner.draw("public notes")
    documents = []
    for n, time in enumerate(times(draw, count)):
        cvid = owner.number(_FIRST_PUBLIC_NOTE, n)
        note = s.PublicNote(
            id=cvid,
            title=f"学习笔记（{n + 1}）",
            summary="把视频里的步骤抄成了一页。",
            web_url=f"https://www.bilibili.com/read/cv{cvid}",
            likes=draw.randint(0, 90),
        )
        documents.append(PublicNote(note, time))
    return documents


def experience(owner: Owner) -> list[Change]:
    """Return three gains of experience a day over 21 days, newest first."""
    daily = ((5, "登录奖励"), (5, "观看视频奖励"), (10, "视频投币奖励"))
    return [
        Change(owner.number(0, 3 * day + n), END - 3_600 - day * _DAY - n * 600, delta, reason)
        for day in range(21)
        for n, (delta, reason) in enumerate(daily)
    ]


def moral(owner: Owner) -> list[Change]:
    """Return a loss of moral value, then its restoration."""
    return [
        Change(owner.number(0, 0), END - 300 * _DAY, -5, "评论被举报"),
        Change(owner.number(0, 1), END - 200 * _DAY, 5, "节操值自动恢复"),
    ]


def sign_ins(owner: Owner) -> list[SignedIn]:
    """Return nine sign-ins, newest first, of which the fourth failed."""
    places = (("192.0.2.*", "海滨"), ("198.51.100.*", "北岭"), ("203.0.113.*", "云山"))
    return [
        SignedIn(owner.number(0, n), END - n * 5 * _DAY - 900, ip, geo, ok=n != 3)
        for n, (ip, geo) in enumerate(places * 3)
    ]


def events(owner: Owner) -> list[Happened]:
    """Return four events of the account, oldest first, of which the first is its registration."""
    titles = ("注册", "第一支视频", "成为会员", "粉丝过十")
    return [
        Happened(owner.number(0, n), time, title)
        for n, (time, title) in enumerate(
            zip(times(owner.draw("events"), len(titles), first=BEGIN), titles, strict=True)
        )
    ]
