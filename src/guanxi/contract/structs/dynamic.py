"""Response data about dynamics and picture posts: both generations of the feed."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from guanxi.contract.structs.profile import LevelInfo, Loose, Membership, Pendant
from guanxi.contract.structs.relation import OfficialVerify, Vip

# --- the newer feed ---


class LikeIcon(Struct):
    """The picture of a like."""

    action_url: str = ""
    end_url: str = ""
    id: int = 0
    start_url: str = ""


class DynamicBasic(Struct):
    """The ids of its comments and of its subject."""

    comment_id_str: str = ""
    comment_type: int = 0
    like_icon: LikeIcon = field(default_factory=LikeIcon)
    rid_str: str = ""


class DynamicAuthor(Struct):
    """The author; ``following`` is the viewer's relation, None without a sign-in."""

    mid: int
    name: str = ""
    face: str = ""
    face_nft: bool = False
    following: bool | None = None
    jump_url: str = ""
    label: str = ""
    official_verify: OfficialVerify = field(default_factory=OfficialVerify)
    pendant: Pendant = field(default_factory=Pendant)
    pub_action: str = ""
    pub_location_text: str = ""
    pub_time: str = ""
    pub_ts: int = 0
    type: str = "AUTHOR_TYPE_NORMAL"
    vip: Membership = field(default_factory=Membership)
    decorate: Loose | UnsetType = UNSET


class RichText(Struct):
    """A piece of text: plain, a mention, a link, an emoji."""

    orig_text: str = ""
    text: str = ""
    type: str = "RICH_TEXT_NODE_TYPE_TEXT"
    jump_url: str | UnsetType = UNSET
    rid: str | UnsetType = UNSET
    emoji: Loose | UnsetType = UNSET


class DynamicText(Struct):
    """Text, whole and in pieces."""

    rich_text_nodes: list[RichText] = []
    text: str = ""


class Major(Struct):
    """The content shown: ``type`` says which of the other fields is set.

    Their contents are not established, except for those that the service sends.
    """

    type: str = "MAJOR_TYPE_NONE"
    archive: Loose | UnsetType = UNSET
    draw: Loose | UnsetType = UNSET
    opus: Loose | UnsetType = UNSET
    article: Loose | UnsetType = UNSET
    live_rcmd: Loose | UnsetType = UNSET
    common: Loose | UnsetType = UNSET
    pgc: Loose | UnsetType = UNSET
    courses: Loose | UnsetType = UNSET
    music: Loose | UnsetType = UNSET
    ugc_season: Loose | UnsetType = UNSET
    live: Loose | UnsetType = UNSET
    none: Loose | UnsetType = UNSET


class Topic(Struct):
    """The topic."""

    id: int = 0
    jump_url: str = ""
    name: str = ""


class DynamicContent(Struct):
    """The text and content of a dynamic; each part is None if it has none."""

    additional: Loose | None = None
    desc: DynamicText | None = None
    major: Major | None = None
    topic: Topic | None = None


class MenuItem(Struct):
    """An entry of a dynamic's menu."""

    label: str = ""
    type: str = ""


class DynamicMenu(Struct):
    """The menu of a dynamic."""

    three_point_items: list[MenuItem] = []


class DynamicCount(Struct):
    """A count, and whether the viewer may add to it."""

    count: int = 0
    forbidden: bool = False


class DynamicLikes(DynamicCount):
    """The likes, and whether the viewer is among them."""

    status: bool = False


class DynamicCounts(Struct):
    """The counts of a dynamic."""

    comment: DynamicCount = field(default_factory=DynamicCount)
    forward: DynamicCount = field(default_factory=DynamicCount)
    like: DynamicLikes = field(default_factory=DynamicLikes)


class DynamicModules(Struct):
    """The parts of a dynamic; only the pinned one has ``tag``."""

    author: DynamicAuthor = field(name="module_author")
    content: DynamicContent = field(name="module_dynamic", default_factory=DynamicContent)
    menu: DynamicMenu | UnsetType = field(name="module_more", default=UNSET)
    counts: DynamicCounts | UnsetType = field(name="module_stat", default=UNSET)
    interaction: Loose | UnsetType = field(name="module_interaction", default=UNSET)
    fold: Loose | UnsetType = field(name="module_fold", default=UNSET)
    dispute: Loose | UnsetType = field(name="module_dispute", default=UNSET)
    tag: Loose | UnsetType = field(name="module_tag", default=UNSET)


class Dynamic(Struct):
    """A dynamic; ``orig`` is the dynamic that a DYNAMIC_TYPE_FORWARD forwards."""

    id: str = field(name="id_str")
    basic: DynamicBasic = field(default_factory=DynamicBasic)
    type: str = ""
    visible: bool = True
    orig: Dynamic | UnsetType = UNSET
    modules: DynamicModules | None = None


class DynamicPage(Struct):
    """A page of dynamics; ``offset`` selects the next page."""

    has_more: bool = False
    items: list[Dynamic] = []
    offset: str = ""
    update_baseline: str = ""
    update_num: int = 0


# --- the older feed ---


class OldUser(Struct):
    """The author of a dynamic in the older feed."""

    uid: int = 0
    uname: str = ""
    face: str = ""


class OldUserCard(Struct):
    """The author's verification."""

    official_verify: OfficialVerify = field(default_factory=OfficialVerify)


class OldUserProfile(Struct):
    """The author's card."""

    info: OldUser = field(default_factory=OldUser)
    card: OldUserCard = field(default_factory=OldUserCard)
    vip: Vip = field(default_factory=Vip)
    pendant: Pendant = field(default_factory=Pendant)
    rank: str = "10000"
    sign: str = ""
    level_info: LevelInfo = field(default_factory=LevelInfo)


class OldDescription(Struct):
    """The ids, counts and author of a dynamic in the older feed.

    ``type`` is 1 a forward, 2 pictures, 4 text, 8 a video, 64 an article.
    """

    id: int = field(name="dynamic_id")
    uid: int = 0
    type: int = 0
    rid: int = 0
    acl: int = 0
    view: int = 0
    repost: int = 0
    comment: int = 0
    like: int = 0
    is_liked: int = 0
    timestamp: int = 0
    pre_dy_id: int = 0
    orig_dy_id: int = 0
    orig_type: int = 0
    user_profile: OldUserProfile = field(default_factory=OldUserProfile)
    spec_type: int = 0
    uid_type: int = 1
    stype: int = 0
    r_type: int = 0
    inner_id: int = 0
    status: int = 1
    dynamic_id_str: str = ""
    pre_dy_id_str: str = "0"
    orig_dy_id_str: str = "0"
    rid_str: str = ""
    origin: Loose | UnsetType = UNSET
    bvid: str | UnsetType = UNSET
    previous: Loose | UnsetType = UNSET


class OldExtra(Struct):
    """Further flags; ``is_space_top`` is 1 for the pinned dynamic at the head of the list."""

    is_space_top: int = 0


class OldDynamic(Struct):
    """A dynamic of the older feed; ``card`` and ``extend_json`` are JSON in a text."""

    desc: OldDescription
    card: str = "{}"
    extend_json: str = "{}"
    display: Loose = {}
    extra: OldExtra | UnsetType = UNSET
    activity_infos: Any = UNSET


class OldDynamicPage(Struct):
    """A page of the older feed; ``cards`` is missing after the end."""

    has_more: int = 0
    next_offset: int = 0
    cards: list[OldDynamic] | UnsetType = UNSET


# --- picture posts ---


class OpusCover(Struct):
    """The first picture of a picture post."""

    height: int = 0
    url: str = ""
    width: int = 0


class OpusCounts(Struct):
    """Counts as text; only the account itself gets ``view``."""

    like: str = "0"
    view: str | UnsetType = UNSET


class Opus(Struct):
    """A picture post (图文)."""

    id: str = field(name="opus_id")
    content: str = ""
    cover: OpusCover | UnsetType = UNSET
    jump_url: str = ""
    stat: OpusCounts = field(default_factory=OpusCounts)


class OpusPage(Struct):
    """A page of picture posts; ``offset`` selects the next page."""

    has_more: bool = False
    items: list[Opus] = []
    offset: str = ""
    update_num: int = 0
