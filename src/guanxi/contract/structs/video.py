"""Response data about videos and their channels."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from guanxi.contract.structs.profile import Author, Loose


class VideoStat(Struct):
    """A video's counts."""

    aid: int = 0
    view: int = 0
    danmaku: int = 0
    reply: int = 0
    favorite: int = 0
    coin: int = 0
    share: int = 0
    now_rank: int = 0
    his_rank: int = 0
    like: int = 0
    dislike: int = 0


class VideoRights(Struct):
    """What a video permits, each 0 or 1."""

    bp: int = 0
    elec: int = 0
    download: int = 0
    movie: int = 0
    pay: int = 0
    hd5: int = 0
    no_reprint: int = 0
    autoplay: int = 0
    ugc_pay: int = 0
    is_cooperation: int = 0
    ugc_pay_preview: int = 0
    no_background: int = 0


class Dimension(Struct):
    """Width and height in pixels; ``rotate`` is 1 if they are swapped."""

    width: int = 0
    height: int = 0
    rotate: int = 0


class Video(Struct):
    """A complete video (稿件); ``copyright`` is 1 original, 2 repost; ``duration`` in seconds."""

    aid: int
    bvid: str = ""
    videos: int = 1
    tid: int = 0
    tname: str = ""
    copyright: int = 1
    pic: str = ""
    title: str = ""
    pubdate: int = 0
    ctime: int = 0
    desc: str = ""
    state: int = 0
    #: Only from older servers.
    attribute: int | UnsetType = UNSET
    duration: int = 0
    mission_id: int | UnsetType = UNSET
    rights: VideoRights = field(default_factory=VideoRights)
    owner: Author | None = None
    stat: VideoStat = field(default_factory=VideoStat)
    dynamic: str = ""
    cid: int = 0
    dimension: Dimension = field(default_factory=Dimension)


class ChosenVideo(Video):
    """A video that its author pinned or features, with the reason."""

    reason: str = ""
    inter_video: bool = False


class VideoMeta(Struct):
    """A video in the list of a space: counts under their old names, ``length`` as MM:SS.

    ``comment`` counts replies and ``video_review`` danmaku; ``copyright`` is text here.
    """

    aid: int
    attribute: int = 0
    author: str = ""
    bvid: str = ""
    comment: int = 0
    copyright: str = "1"
    created: int = 0
    description: str = ""
    enable_vt: int = 0
    hide_click: bool = False
    is_pay: int = 0
    is_union_video: int = 0
    is_steins_gate: int | UnsetType = UNSET
    length: str = ""
    mid: int = 0
    meta: Loose | None = None
    pic: str = ""
    play: int = 0
    review: int = 0
    subtitle: str = ""
    title: str = ""
    typeid: int = 0
    video_review: int = 0


class VideoType(Struct):
    """A partition, and how many of a space's videos are in it."""

    tid: int = 0
    count: int = 0
    name: str = ""


class VideoList(Struct):
    """The videos of a page; ``types`` counts the whole space by tid, None if it has none."""

    types: dict[str, VideoType] | None = field(name="tlist", default=None)
    videos: list[VideoMeta] = field(name="vlist", default=[])


class CountedPage(Struct):
    """The page number, the page size and the total."""

    pn: int = 1
    ps: int = 30
    count: int = 0


class Button(Struct):
    """A button: its text and its link."""

    text: str = ""
    uri: str = ""


class VideoPage(Struct):
    """A page of a space's videos."""

    list: VideoList = field(default_factory=VideoList)
    page: CountedPage = field(default_factory=CountedPage)
    episodic_button: Button = field(default_factory=Button)
    is_risk: bool = False
    gaia_res_type: int = 0
    gaia_data: Loose | None = None


class MediaCounts(Struct):
    """The counts of a video in a media list; further ones are not established."""

    collect: int = 0
    play: int = 0
    danmaku: int = 0


class MediaPart(Struct):
    """A part of a video; ``id`` is its cid. Further fields are not established."""

    id: int
    title: str = ""


class MediaItem(Struct):
    """A video in a media list. Its types come from third-party clients."""

    id: int
    offset: int = 0
    index: int = 0
    intro: str = ""
    attr: int = 0
    tid: int = 0
    copy_right: int = 1
    cnt_info: MediaCounts = field(default_factory=MediaCounts)
    cover: str = ""
    duration: int = 0
    pubtime: int = 0
    like_state: int = 0
    fav_state: int = 0
    page: int = 1
    pages: list[MediaPart] = []
    title: str = ""
    type: int = 2
    upper: Author | None = None
    link: str = ""
    bv_id: str = ""
    short_link: str = ""
    rights: Loose = {}
    elec_info: Any = None
    coin: Any = None
    ogv_info: Any = None
    progress_percent: int | float = 0
    badge: Any = None
    forbid_fav: bool = False
    more_type: int = 0
    business_oid: int = 0


class MediaList(Struct):
    """A page of a media list; ``items`` is None if it is empty."""

    items: list[MediaItem] | None = field(name="media_list", default=None)
    has_more: bool = False
    total_count: int = 0
    next_start_key: str = ""


class ChannelVideoStat(Struct):
    """The counts of a video in a channel."""

    view: int = 0
    vt: int | UnsetType = UNSET


class ChannelVideo(Struct):
    """A video of a channel."""

    aid: int
    bvid: str = ""
    ctime: int = 0
    duration: int = 0
    enable_vt: bool = False
    interactive_video: bool = False
    pic: str = ""
    playback_position: int = 0
    pubdate: int = 0
    stat: ChannelVideoStat = field(default_factory=ChannelVideoStat)
    state: int = 0
    title: str = ""
    ugc_pay: int = 0
    vt_display: str = ""
    is_lesson_video: int | UnsetType = UNSET


class SeasonMeta(Struct):
    """A season (合集): the newer kind of channel."""

    id: int = field(name="season_id")
    category: int = 0
    cover: str = ""
    description: str = ""
    mid: int = 0
    name: str = ""
    ptime: int = 0
    total: int = 0


class SeriesMeta(Struct):
    """A series (列表): the older kind of channel."""

    id: int = field(name="series_id")
    category: int = 1
    cover: str | UnsetType = UNSET
    creator: str = "auto"
    ctime: int = 0
    description: str = ""
    keywords: list[str] = []
    last_update_ts: int = 0
    mid: int = 0
    mtime: int = 0
    name: str = ""
    raw_keywords: str = ""
    state: int = 2
    total: int = 0


class NumberedPage(Struct):
    """The page number, the page size and the total, under other names."""

    page_num: int = 1
    page_size: int = 20
    total: int = 0


class SizedPage(Struct):
    """The page number, the page size and the total, under other names."""

    num: int = 1
    size: int = 20
    total: int = 0


class Season(Struct):
    """A season with its newest videos."""

    meta: SeasonMeta
    archives: list[ChannelVideo] = []
    recent_aids: list[int] = []


class Series(Struct):
    """A series with its newest videos."""

    meta: SeriesMeta
    archives: list[ChannelVideo] = []
    recent_aids: list[int] = []


class ChannelLists(Struct):
    """A page of channels, seasons before series; ``page.total`` counts both."""

    page: NumberedPage = field(default_factory=NumberedPage)
    seasons: list[Season] = field(name="seasons_list", default=[])
    series: list[Series] = field(name="series_list", default=[])


class ChannelPage(Struct):
    """A page of channels."""

    lists: ChannelLists = field(name="items_lists", default_factory=ChannelLists)


class SeasonVideos(Struct):
    """A page of a season's videos."""

    meta: SeasonMeta
    aids: list[int] = []
    archives: list[ChannelVideo] = []
    page: NumberedPage = field(default_factory=NumberedPage)


class SeriesVideos(Struct):
    """A page of a series' videos."""

    aids: list[int] = []
    archives: list[ChannelVideo] = []
    page: SizedPage = field(default_factory=SizedPage)


class SeasonInfo(Struct):
    """A season, requested by its id. Of its fields the documents' client reads ``upper.mid``."""

    id: int
    title: str = ""
    cover: str = ""
    intro: str = ""
    media_count: int = 0
    upper: Author | None = None


class SeasonById(Struct):
    """A response about a season by its id; the fields of ``medias`` are not established."""

    info: SeasonInfo
    medias: list[Loose] = []


class SeriesById(Struct):
    """A series, requested by its id."""

    meta: SeriesMeta
    recent_aids: list[int] = []
