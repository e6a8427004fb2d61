"""Parameters of requests about a space: what an account shows to others."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from guanxi.contract.enums import (
    AlbumType,
    ArticleListOrder,
    ArticleOrder,
    AudioOrder,
    BangumiFollowStatus,
    BangumiType,
    ChannelOrder,
    MedialistOrder,
    OpusType,
    VideoOrder,
)
from guanxi.contract.params.fields import (
    ID,
    LARGEST,
    Id,
    Keyword,
    Mid,
    Offset,
    Order,
    PageNumber,
    PageSize,
    UpTo30,
    UpTo100,
    UpTo10000,
)

TypeId = Annotated[int, Meta(ge=0, le=LARGEST, description="a partition's id; 0 for all", extra=ID)]
#: The name of a JavaScript function, and nothing else that a script could hold.
Callback = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z_$][A-Za-z0-9_$.]{0,63}$",
        description="the function to call with it",
    ),
]


class VideosParams(Struct, kw_only=True):
    mid: Mid
    ps: PageSize = 30
    tid: TypeId = 0
    pn: PageNumber = 1
    keyword: Keyword = ""
    order: VideoOrder = VideoOrder.PUBDATE


class MediaListParams(Struct, kw_only=True):
    """``direction`` is true towards the end of the list, as seen from ``oid``."""

    biz_id: Mid
    oid: Id | UnsetType = UNSET
    ps: UpTo100 = 20
    direction: Annotated[bool, Meta(description="towards the end of the list")] = False
    desc: Annotated[bool, Meta(description="the largest first")] = True
    sort_field: MedialistOrder = MedialistOrder.PUBDATE
    tid: TypeId = 0
    with_current: Annotated[bool, Meta(description="include the video of oid")] = False


class AudiosParams(Struct, kw_only=True):
    uid: Mid
    ps: PageSize = 30
    pn: PageNumber = 1
    order: AudioOrder = AudioOrder.PUBDATE


class ArticlesParams(Struct, kw_only=True):
    mid: Mid
    ps: UpTo30 = 30
    pn: PageNumber = 1
    sort: ArticleOrder = ArticleOrder.PUBDATE


class ArticleListsParams(Struct, kw_only=True):
    mid: Mid
    sort: ArticleListOrder = ArticleListOrder.LATEST


class AlbumsParams(Struct, kw_only=True):
    """Pages start at 1, as in documents 000 and 001; other sources say 0."""

    uid: Mid
    page_num: PageNumber = 1
    page_size: UpTo100 = 30
    biz: AlbumType = AlbumType.ALL


class ChannelsParams(Struct, kw_only=True):
    """17.4.2 requests pages of at most 20; older clients request all in one, as many as the total.

    That may be more than 100, or 0.
    """

    mid: Mid
    page_num: PageNumber = 1
    page_size: UpTo10000 = 20


class SeasonVideosParams(Struct, kw_only=True):
    mid: Mid
    season_id: Id
    sort_reverse: ChannelOrder = ChannelOrder.DEFAULT
    page_num: PageNumber = 1
    page_size: UpTo100 = 100


class SeriesVideosParams(Struct, kw_only=True):
    mid: Mid
    series_id: Id
    sort: Order = "desc"
    pn: PageNumber = 1
    ps: PageSize = 100


class SeasonId(Struct):
    season_id: Id


class SeriesId(Struct):
    series_id: Id


class CoursesParams(Struct, kw_only=True):
    mid: Mid
    pn: PageNumber = 1
    ps: PageSize = 20


class BangumiParams(Struct, kw_only=True):
    vmid: Mid
    pn: PageNumber = 1
    ps: UpTo30 = 15
    type: BangumiType = BangumiType.BANGUMI
    follow_status: BangumiFollowStatus = BangumiFollowStatus.ALL


class TagsParams(Struct, kw_only=True):
    """The documents name ``pn`` and ``ps``; 17.4.2 accepts them and does not send them."""

    vmid: Mid
    pn: PageNumber = 1
    ps: PageSize = 20


class DynamicsParams(Struct, kw_only=True):
    host_mid: Mid
    offset: Offset = ""


class OldDynamicsParams(Struct, kw_only=True):
    host_uid: Mid
    offset_dynamic_id: Annotated[
        int, Meta(ge=0, le=LARGEST, description="0 to begin", extra=ID)
    ] = 0
    need_top: Annotated[bool, Meta(description="the pinned one first")] = False


class OpusParams(Struct, kw_only=True):
    host_mid: Mid
    offset: Offset = ""
    type: OpusType = OpusType.ALL


class OverviewParams(Struct, kw_only=True):
    """With ``callback`` the response is wrapped in a call of that function."""

    mid: Mid
    jsonp: Annotated[str, Meta(description="ignored")] | UnsetType = UNSET
    callback: Callback | UnsetType = UNSET


class Receiver(Struct):
    up_mid: Mid


class MedalOwner(Struct):
    target_id: Mid
