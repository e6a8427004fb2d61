"""Response data about a space, videos and dynamics apart."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from guanxi.contract.structs.profile import Loose, Membership, Nameplate, Pendant
from guanxi.contract.structs.relation import OfficialVerify
from guanxi.contract.structs.video import SizedPage

# --- audios ---


class AudioCounts(Struct):
    """An audio's counts."""

    sid: int = 0
    play: int = 0
    collect: int = 0
    comment: int = 0
    share: int = 0


class Audio(Struct):
    """An audio; ``duration`` and ``passtime`` (when it was published) in seconds."""

    id: int
    uid: int = 0
    uname: str = ""
    author: str | None = None
    title: str = ""
    cover: str = ""
    intro: str | None = None
    lyric: str = ""
    crtype: int = 1
    duration: int = 0
    passtime: int = 0
    curtime: int = 0
    aid: int | None = None
    cid: int | None = None
    msid: int | None = None
    attr: int | None = None
    limit: int | None = None
    activity_id: int | None = field(name="activityId", default=None)
    limitdesc: str | None = None
    ctime_ms: int = field(name="ctime", default=0)
    statistic: AudioCounts = field(default_factory=AudioCounts)
    coin_num: int = 0
    is_cooper: int | None = None


class AudioPage(Struct):
    """A page of audios."""

    page: int = field(name="curPage", default=1)
    pages: int = field(name="pageCount", default=0)
    total: int = field(name="totalSize", default=0)
    size: int = field(name="pageSize", default=30)
    items: list[Audio] = field(name="data", default=[])


# --- articles ---


class ArticleCategory(Struct):
    """A category of articles."""

    id: int = 0
    parent_id: int = 0
    name: str = ""


class ArticleAuthor(Struct):
    """The author of an article."""

    mid: int
    name: str = ""
    face: str = ""
    pendant: Pendant = field(default_factory=Pendant)
    official_verify: OfficialVerify = field(default_factory=OfficialVerify)
    nameplate: Nameplate = field(default_factory=Nameplate)
    vip: Membership = field(default_factory=Membership)


class ArticleCounts(Struct):
    """The counts of an article; the names come from one description and are not established."""

    view: int = 0
    favorite: int = 0
    like: int = 0
    dislike: int = 0
    reply: int = 0
    share: int = 0
    coin: int = 0
    dynamic: int = 0


class ArticleTag(Struct):
    """A tag of an article."""

    tid: int = 0
    name: str = ""


class Article(Struct):
    """An article (专栏)."""

    id: int
    category: ArticleCategory = field(default_factory=ArticleCategory)
    categories: list[ArticleCategory] | None = []
    title: str = ""
    summary: str = ""
    banner_url: str = ""
    template_id: int = 0
    state: int = 0
    author: ArticleAuthor | None = None
    reprint: int = 0
    image_urls: list[str] | None = []
    publish_time: int = 0
    ctime: int = 0
    stats: ArticleCounts = field(default_factory=ArticleCounts)
    tags: list[ArticleTag] | None = []
    words: int = 0
    dynamic: str = ""
    origin_image_urls: list[str] | None = []
    reading_list: Loose | None = field(name="list", default=None)
    is_like: bool = False
    media: Loose = {}
    apply_time: str = ""
    check_time: str = ""
    original: int = 0
    act_id: int = 0
    dispute: Loose | None = None
    authen_mark: Loose | None = field(name="authenMark", default=None)
    cover_avid: int = 0
    top_video_info: Loose | None = None
    type: int = 0


class ArticlePage(Struct):
    """A page of articles; ``count`` is the total."""

    articles: list[Article] = []
    pn: int = 1
    ps: int = 30
    count: int = 0


class ArticleList(Struct):
    """A list of articles (文集)."""

    id: int
    mid: int = 0
    name: str = ""
    image_url: str = ""
    update_time: int = 0
    ctime: int = 0
    publish_time: int = 0
    summary: str = ""
    words: int = 0
    read: int = 0
    articles_count: int = 0
    state: int = 1
    reason: str = ""
    apply_time: str = ""
    check_time: str = ""


class ArticleLists(Struct):
    """An account's lists of articles."""

    lists: list[ArticleList] = []
    total: int = 0


# --- albums ---


class Picture(Struct):
    """A picture; its size in kilobytes."""

    img_src: str = ""
    img_width: int = 0
    img_height: int = 0
    img_size: int | float = 0


class Album(Struct):
    """An album (相簿); its id is not that of a dynamic."""

    id: int = field(name="doc_id")
    poster_uid: int = 0
    title: str = ""
    description: str = ""
    pictures: list[Picture] = []
    count: int = 0
    ctime: int = 0
    view: int = 0
    like: int = 0


class AlbumPage(Struct):
    """A page of albums."""

    items: list[Album] = []


# --- courses and series ---


class Course(Struct):
    """A course (课堂)."""

    id: int = field(name="season_id")
    cover: str = ""
    ep_count: int = 0
    link: str = ""
    page: int = 1
    play: int = 0
    status: str = ""
    subtitle: str = ""
    title: str = ""


class CoursePages(SizedPage):
    """The page number, the page size and the total; ``next`` is true while pages follow."""

    next: bool = False


class CoursePage(Struct):
    """A page of courses."""

    items: list[Course] = []
    page: CoursePages = field(default_factory=CoursePages)


class BangumiCounts(Struct):
    """A series' counts."""

    follow: int = 0
    view: int = 0
    danmaku: int = 0
    reply: int = 0
    coin: int = 0
    series_follow: int = 0
    series_view: int = 0


class Episode(Struct):
    """The newest episode; ``duration`` in milliseconds."""

    id: int = 0
    index_show: str = ""
    cover: str = ""
    title: str = ""
    long_title: str = ""
    pub_time: str = ""
    duration_ms: int = field(name="duration", default=0)


class Rating(Struct):
    """The rating of a series, and the number of ratings."""

    score: int | float = 0
    count: int = 0


class Region(Struct):
    """The country of a series."""

    id: int = 0
    name: str = ""


class BangumiSeries(Struct):
    """The series that a season belongs to."""

    series_id: int = 0
    title: str = ""
    season_count: int = 0
    new_season_id: int = 0


class Publication(Struct):
    """When a season was published, as texts."""

    pub_time: str = ""
    pub_time_show: str = ""
    release_date: str = ""
    release_date_show: str = ""


class Bangumi(Struct):
    """A series that an account follows; ``follow_status`` 1 wants, 2 watches, 3 has watched."""

    id: int = field(name="season_id")
    media_id: int = 0
    season_type: int = 1
    season_type_name: str = ""
    title: str = ""
    cover: str = ""
    total_count: int = 0
    is_finish: int = 0
    is_started: int = 0
    is_play: int = 0
    badge: str = ""
    badge_type: int = 0
    rights: Loose = {}
    stat: BangumiCounts = field(default_factory=BangumiCounts)
    new_ep: Episode = field(default_factory=Episode)
    rating: Rating | UnsetType = UNSET
    square_cover: str = ""
    season_status: int = 0
    season_title: str = ""
    badge_ep: str = ""
    media_attr: int = 0
    season_attr: int = 0
    evaluate: str = ""
    areas: list[Region] = []
    subtitle: str = ""
    first_ep: int = 0
    can_watch: int = 0
    series: BangumiSeries = field(default_factory=BangumiSeries)
    publish: Publication = field(default_factory=Publication)
    mode: int = 0
    section: list[Any] = []
    url: str = ""
    follow_status: int = 0
    is_new: int = 0
    progress: str = ""
    both_follow: bool = False


class BangumiPage(Struct):
    """A page of followed series."""

    items: list[Bangumi] = field(name="list", default=[])
    pn: int = 1
    ps: int = 15
    total: int = 0


# --- what a space shows besides ---


class Lottery(Struct):
    """The prize of a lottery."""

    text: str = ""
    lottery_icon: str = ""
    jump_url: str = ""


class Reservation(Struct):
    """An announcement that one can sign up for: ``type`` 1 a video, 2 a live show."""

    id: int = field(name="sid")
    name: str = ""
    total: int = 0
    stime: int = 0
    etime: int = 0
    is_follow: int = 0
    state: int = 100
    oid: str = ""
    type: int = 1
    up_mid: int = 0
    reserve_record_ctime: int = 0
    live_plan_start_time: int = 0
    lottery_type: int | UnsetType = UNSET
    lottery_prize_info: Lottery | UnsetType = UNSET
    show_total: bool = False
    subtitle: str = ""
    attached_badge_text: str = ""


class SupporterVip(Struct):
    """A supporter's membership."""

    vip_due_ms: int = field(name="vipDueMsec", default=0)
    vip_status: int = field(name="vipStatus", default=0)
    vip_type: int = field(name="vipType", default=0)


class Supporter(Struct):
    """Who supported an account this month: ``pay_mid`` paid, ``mid`` received."""

    mid: int
    pay_mid: int = 0
    uname: str = ""
    avatar: str = ""
    rank: int = 0
    trend_type: int = 0
    vip_info: SupporterVip = field(default_factory=SupporterVip)
    message: str = ""
    message_hidden: int = 0


class Supporters(Struct):
    """This month's supporters; ``total`` and ``total_count`` are one number."""

    count: int = 0
    items: list[Supporter] = field(name="list", default=[])
    total_count: int = 0
    total: int = 0
    special_day: int = 0


class LikeEffect(Struct):
    """The pictures shown for like, coin and favourite together.

    Its own fields are not established: these are the fields of a similar endpoint.
    """

    pre_img: str = ""
    suc_img: str = ""
    content: str = ""


class Tag(Struct):
    """A tag that an account follows. Only the name is established."""

    id: int = field(name="tag_id")
    name: str = field(name="tag_name", default="")


class Tags(Struct):
    """The tags that an account follows; ``count`` is not established."""

    tags: list[Tag] = []
    count: int = 0


class GuestCounts(Struct):
    """A count for the account itself, and one for others."""

    master: int = 0
    guest: int = 0


class Overview(Struct):
    """The number of works of each kind in a space."""

    video: int = 0
    bangumi: int = 0
    cinema: int = 0
    channel: GuestCounts = field(default_factory=GuestCounts)
    favourite: GuestCounts = field(default_factory=GuestCounts)
    tag: int = 0
    article: int = 0
    playlist: int = 0
    album: int = 0
    audio: int = 0
    pugv: int = 0
    opus: int = 0
    season_num: int = 0


class Views(Struct):
    """A number of views."""

    view: int = 0


class UpStat(Struct):
    """The totals of an account's works; an empty object without a sign-in."""

    archive: Views | UnsetType = UNSET
    article: Views | UnsetType = UNSET
    likes: int | UnsetType = UNSET


# --- fan medals ---


class MedalInfo(Struct):
    """A medal, with its owner's level and progress."""

    target_id: int = 0
    level: int = 0
    medal_name: str = ""
    medal_color_start: int = 0
    medal_color_end: int = 0
    medal_color_border: int = 0
    guard_level: int = 0
    wearing_status: int = 0
    medal_id: int = 0
    intimacy: int = 0
    next_intimacy: int = 0
    today_feed: int = 0
    day_limit: int = 0
    guard_icon: str = ""
    honor_icon: str = ""


class MedalLook(Struct):
    """The medal as it is drawn; the ``v2`` colours are #RRGGBBAA."""

    name: str = ""
    level: int = 0
    color_start: int = 0
    color_end: int = 0
    color_border: int = 0
    color: int = 0
    id: int = 0
    typ: int = 0
    is_light: int = 0
    ruid: int = 0
    guard_level: int = 0
    score: int = 0
    guard_icon: str = ""
    honor_icon: str = ""
    v2_medal_color_start: str = ""
    v2_medal_color_end: str = ""
    v2_medal_color_border: str = ""
    v2_medal_color_text: str = ""
    v2_medal_color_level: str = ""
    user_receive_count: int = 0


class Medal(Struct):
    """A medal of an account; ``live_status`` 1 while its giver is live, 2 for a loop."""

    medal_info: MedalInfo = field(default_factory=MedalInfo)
    target_name: str = ""
    target_icon: str = ""
    link: str = ""
    live_status: int = 0
    official: int = 0
    look: MedalLook = field(name="uinfo_medal", default_factory=MedalLook)


class MedalWall(Struct):
    """The medals of an account, and the account."""

    items: list[Medal] = field(name="list", default=[])
    count: int = 0
    close_space_medal: int = 0
    only_show_wearing: int = 0
    name: str = ""
    icon: str = ""
    uid: int = 0
    level: int = 0
