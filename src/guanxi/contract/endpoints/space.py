"""Spaces: what an account shows to others, and a little more to itself."""

from __future__ import annotations

from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.endpoint import (
    ACCESS_KEY,
    COOKIE,
    Body,
    Endpoint,
    Envelope,
    Host,
    Login,
    Pages,
    Paging,
)

_COOKIE = frozenset({COOKIE})
_BAD = frozenset({-400})
#: Codes of risk control. The service answers -352 alone, for an access id that is not its own.
_RISK = frozenset({-352, -412})
#: The features that clients request from the newer feed.
_FEATURES = (
    "itemOpusStyle,listOnlyfans,opusBigCover,onlyfansVote,forwardListHidden,decorationCard,"
    "commentsNewVersion,onlyfansAssetsV2,ugcDelete,onlyfansQaCard"
)

# --- the account ---

SPACE_PAGE = Endpoint(
    name="space.page",
    method="GET",
    host=Host.SPACE,
    path="/{mid}/dynamic",
    params=p.Account,
    data=str,
    login=Login.NONE,
    auth=frozenset(),
    envelope=Envelope.NONE,
    body=Body.HTML,
    summary="The HTML page that contains the access id.",
    seed="000, User.get_access_id",
)
SPACE_INFO = Endpoint(
    name="space.info",
    method="GET",
    path="/x/space/wbi/acc/info",
    params=p.Account,
    data=s.UserInfo,
    login=Login.OPTIONAL,
    auth=_COOKIE,
    wbi=True,
    access_id=True,
    own_codes=_BAD | {-352, -403, -404},
    summary="An account as its space shows it, with its live room.",
    seed="000, 001, User.get_user_info, User.get_live_info; 001, User.get_user_info_sync",
)
OVERVIEW = Endpoint(
    name="space.overview",
    method="GET",
    path="/x/space/navnum",
    params=p.OverviewParams,
    data=s.Overview,
    login=Login.OPTIONAL,
    auth=_COOKIE,
    body=Body.JSONP,
    own_codes=_BAD,
    summary="The number of works of each kind in a space.",
    seed="000, 001, User.get_overview_stat",
)
UP_STAT = Endpoint(
    name="space.up_stat",
    method="GET",
    path="/x/space/upstat",
    params=p.Account,
    data=s.UpStat,
    login=Login.OPTIONAL,
    auth=frozenset({COOKIE, ACCESS_KEY}),
    own_codes=_BAD,
    summary="Views and likes of all works; empty without a sign-in.",
    seed="000, 001, User.get_up_stat",
)
SPACE_NOTICE = Endpoint(
    name="space.notice",
    method="GET",
    path="/x/space/notice",
    params=p.Account,
    data=str,
    login=Login.NONE,
    auth=frozenset(),
    own_codes=_BAD,
    summary="The notice of a space; empty if there is none.",
    seed="000, 001, User.get_space_notice",
)
RESERVATIONS = Endpoint(
    name="space.reservations",
    method="GET",
    path="/x/space/reservation",
    params=p.Viewed,
    data=list[s.Reservation] | None,
    login=Login.OPTIONAL,
    auth=_COOKIE,
    wbi=True,
    unsigned=True,
    summary="The announcements of a space that accept reservations; null if there are none.",
    seed="000, 001, User.get_reservation",
)
SUPPORTERS = Endpoint(
    name="space.supporters",
    method="GET",
    path="/x/ugcpay-rank/elec/month/up",
    params=p.Receiver,
    data=s.Supporters,
    login=Login.NONE,
    auth=frozenset(),
    own_codes=_BAD | {88214},
    summary="Who supported an account this month.",
    seed="000, 001, User.get_elec_user_monthly",
)
LIKE_EFFECT = Endpoint(
    name="space.like_effect",
    method="GET",
    path="/x/web-interface/view/uplikeimg",
    params=p.Viewed,
    data=s.LikeEffect,
    auth=_COOKIE,
    summary="The pictures shown for like, coin and favourite together.",
    seed="000, 001, User.get_uplikeimg",
)
MEDALS = Endpoint(
    name="space.medals",
    method="GET",
    host=Host.LIVE,
    path="/xlive/web-ucenter/user/MedalWall",
    params=p.MedalOwner,
    data=s.MedalWall,
    auth=_COOKIE,
    own_codes=frozenset({-101}),
    summary="An account's fan medals.",
    seed="000, 001, User.get_user_medal",
)
FOLLOWED_TAGS = Endpoint(
    name="space.tags",
    method="GET",
    path="/x/space/tag/sub/list",
    params=p.TagsParams,
    data=s.Tags,
    login=Login.OPTIONAL,
    auth=_COOKIE,
    paging=Paging.NUMBERED,
    pages=Pages(items=("tags",), key=("tag_id",)),
    own_codes=frozenset({53013}),
    messages={53013: "获取登录数据失败"},
    summary="The tags that an account follows.",
    seed="000, 001, User.get_user_fav_tag",
)
FOLLOWED_BANGUMI = Endpoint(
    name="space.bangumi",
    method="GET",
    path="/x/space/bangumi/follow/list",
    params=p.BangumiParams,
    data=s.BangumiPage,
    login=Login.OPTIONAL,
    auth=_COOKIE,
    paging=Paging.NUMBERED,
    pages=Pages(key=("season_id",)),
    own_codes=_BAD | {53013},
    summary="The series that an account follows.",
    seed="000, 001, User.get_subscribed_bangumi",
)

# --- videos ---

VIDEOS = Endpoint(
    name="space.videos",
    method="GET",
    path="/x/space/wbi/arc/search",
    params=p.VideosParams,
    fixed={"order_avoided": "1", "platform": "web"},
    data=s.VideoPage,
    login=Login.OPTIONAL,
    auth=_COOKIE,
    wbi=True,
    access_id=True,
    paging=Paging.NUMBERED,
    pages=Pages(items=("list.vlist",), key=("aid",)),
    own_codes=_BAD | _RISK,
    elsewhere=frozenset({-412}),
    summary="An account's videos, by partition and by words in the title.",
    seed="000, 001, User.get_videos",
)
MEDIA_LIST = Endpoint(
    name="space.media_list",
    method="GET",
    path="/x/v2/medialist/resource/list",
    params=p.MediaListParams,
    fixed={"mobi_app": "web", "type": "1", "otype": "2"},
    data=s.MediaList,
    login=Login.OPTIONAL,
    auth=_COOKIE,
    wbi=True,
    unsigned=True,
    paging=Paging.CHAINED,
    pages=Pages(
        items=("media_list",), key=("id",), next={"oid": "media_list.-1.id"}, more="has_more"
    ),
    own_codes=_BAD,
    summary="An account's videos as a playlist, from one of them on.",
    seed="000, 001, User.get_media_list",
)
TOP_VIDEO = Endpoint(
    name="space.top_video",
    method="GET",
    path="/x/space/top/arc",
    params=p.Viewed,
    data=s.ChosenVideo,
    login=Login.NONE,
    auth=frozenset(),
    own_codes=_BAD | {53016},
    summary="The video that an account pinned.",
    seed="000, 001, User.get_top_videos",
)
MASTERPIECES = Endpoint(
    name="space.masterpieces",
    method="GET",
    path="/x/space/masterpiece",
    params=p.Viewed,
    data=list[s.ChosenVideo],
    login=Login.NONE,
    auth=frozenset(),
    own_codes=_BAD,
    summary="The up to three videos that an account features.",
    seed="000, 001, User.get_masterpiece",
)
CHANNELS = Endpoint(
    name="space.channels",
    method="GET",
    path="/x/polymer/web-space/seasons_series_list",
    params=p.ChannelsParams,
    data=s.ChannelPage,
    login=Login.OPTIONAL,
    auth=_COOKIE,
    wbi=True,
    unsigned=True,
    paging=Paging.NUMBERED,
    pages=Pages(
        items=("items_lists.seasons_list", "items_lists.series_list"),
        key=("meta.category", "meta.season_id", "meta.series_id"),
        number="page_num",
    ),
    own_codes=_BAD,
    summary="An account's channels, seasons before series, with their newest videos.",
    seed="000, 001, User.get_channel_list, User.get_channels",
)
LEGACY_CHANNELS = Endpoint(
    name="space.legacy_channels",
    method="GET",
    path="/x/polymer/space/seasons_series_list",
    params=p.ChannelsParams,
    data=s.ChannelPage,
    login=Login.OPTIONAL,
    auth=_COOKIE,
    paging=CHANNELS.paging,
    pages=CHANNELS.pages,
    own_codes=_BAD,
    summary="An account's channels, at the address of older clients.",
    seed="001, User.get_channel_list, User.get_channels",
)
SEASON_VIDEOS = Endpoint(
    name="space.season_videos",
    method="GET",
    path="/x/polymer/web-space/seasons_archives_list",
    params=p.SeasonVideosParams,
    data=s.SeasonVideos,
    login=Login.OPTIONAL,
    auth=_COOKIE,
    wbi=True,
    unsigned=True,
    paging=Paging.NUMBERED,
    pages=Pages(items=("archives",), key=("aid",), number="page_num"),
    own_codes=_BAD,
    summary="The videos of one of an account's seasons.",
    seed="000, 001, User.get_channel_videos_season",
)
LEGACY_SEASON_VIDEOS = Endpoint(
    name="space.legacy_season_videos",
    method="GET",
    path="/x/polymer/space/seasons_archives_list",
    params=p.SeasonVideosParams,
    data=s.SeasonVideos,
    login=Login.OPTIONAL,
    auth=_COOKIE,
    paging=SEASON_VIDEOS.paging,
    pages=SEASON_VIDEOS.pages,
    own_codes=_BAD,
    summary="The videos of one of an account's seasons, at the address of older clients.",
    seed="001, User.get_channel_videos_season",
)
SERIES_VIDEOS = Endpoint(
    name="space.series_videos",
    method="GET",
    path="/x/series/archives",
    params=p.SeriesVideosParams,
    data=s.SeriesVideos,
    login=Login.OPTIONAL,
    auth=_COOKIE,
    wbi=True,
    unsigned=True,
    paging=Paging.NUMBERED,
    pages=Pages(items=("archives",), key=("aid",)),
    own_codes=_BAD,
    summary="The videos of one of an account's series.",
    seed="000, 001, User.get_channel_videos_series",
)

# --- other works ---

AUDIOS = Endpoint(
    name="space.audios",
    method="GET",
    path="/audio/music-service/web/song/upper",
    params=p.AudiosParams,
    data=s.AudioPage,
    login=Login.NONE,
    auth=frozenset(),
    envelope=Envelope.MSG,
    paging=Paging.NUMBERED,
    pages=Pages(items=("data",), key=("id",)),
    invalid_code=72000000,
    own_codes=frozenset({72000000}),
    summary="An account's audios.",
    seed="000, 001, User.get_audios",
)
ARTICLES = Endpoint(
    name="space.articles",
    method="GET",
    path="/x/space/wbi/article",
    params=p.ArticlesParams,
    data=s.ArticlePage,
    login=Login.OPTIONAL,
    auth=_COOKIE,
    wbi=True,
    paging=Paging.NUMBERED,
    pages=Pages(items=("articles",), key=("id",)),
    own_codes=_BAD,
    summary="An account's articles.",
    seed="000, 001, User.get_articles",
)
ARTICLE_LISTS = Endpoint(
    name="space.article_lists",
    method="GET",
    path="/x/article/up/lists",
    params=p.ArticleListsParams,
    data=s.ArticleLists,
    login=Login.OPTIONAL,
    auth=_COOKIE,
    own_codes=_BAD,
    summary="The lists of articles of an account.",
    seed="000, 001, User.get_article_list",
)
ALBUMS = Endpoint(
    name="space.albums",
    method="GET",
    host=Host.VC,
    path="/link_draw/v1/doc/doc_list",
    params=p.AlbumsParams,
    data=s.AlbumPage,
    login=Login.NONE,
    auth=frozenset(),
    envelope=Envelope.MSG,
    paging=Paging.NUMBERED,
    pages=Pages(items=("items",), key=("doc_id",), number="page_num"),
    summary="An account's albums. Deprecated: the documents' host has retired them.",
    seed="000, 001, User.get_album",
)
COURSES = Endpoint(
    name="space.courses",
    method="GET",
    path="/pugv/app/web/season/page",
    params=p.CoursesParams,
    data=s.CoursePage,
    login=Login.OPTIONAL,
    auth=_COOKIE,
    wbi=True,
    unsigned=True,
    paging=Paging.NUMBERED,
    pages=Pages(items=("items",), key=("season_id",), more="page.next"),
    own_codes=_BAD | {53013},
    summary="An account's courses.",
    seed="000, 001, User.get_cheese",
)

# --- the feed ---

DYNAMICS = Endpoint(
    name="space.dynamics",
    method="GET",
    path="/x/polymer/web-dynamic/v1/feed/space",
    params=p.DynamicsParams,
    fixed={"features": _FEATURES, "timezone_offset": "-480"},
    data=s.DynamicPage,
    login=Login.OPTIONAL,
    auth=_COOKIE,
    wbi=True,
    unsigned=True,
    paging=Paging.CHAINED,
    pages=Pages(items=("items",), key=("id_str",), next={"offset": "offset"}, more="has_more"),
    own_codes=_RISK | {-101},
    elsewhere=_RISK | {-101},
    summary="An account's dynamics, the newest first.",
    seed="000, 001, User.get_dynamics_new",
)
OLD_DYNAMICS = Endpoint(
    name="space.old_dynamics",
    method="GET",
    host=Host.VC,
    path="/dynamic_svr/v1/dynamic_svr/space_history",
    params=p.OldDynamicsParams,
    data=s.OldDynamicPage,
    login=Login.OPTIONAL,
    auth=_COOKIE,
    envelope=Envelope.MSG,
    paging=Paging.CHAINED,
    pages=Pages(
        items=("cards",),
        key=("desc.dynamic_id",),
        next={"offset_dynamic_id": "next_offset"},
        more="has_more",
    ),
    summary="An account's dynamics in the shape of older clients.",
    seed="000, 001, User.get_dynamics",
)
OPUS = Endpoint(
    name="space.opus",
    method="GET",
    path="/x/polymer/web-dynamic/v1/opus/feed/space",
    params=p.OpusParams,
    data=s.OpusPage,
    login=Login.OPTIONAL,
    auth=_COOKIE,
    wbi=True,
    unsigned=True,
    access_id=True,
    paging=Paging.CHAINED,
    pages=Pages(items=("items",), key=("opus_id",), next={"offset": "offset"}, more="has_more"),
    summary="An account's picture posts, the newest first.",
    seed="000, User.get_opus",
)
