"""What the answers about dynamics and picture posts hold: both generations of the feed."""

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
    """Where its comments are, and what it is about."""

    comment_id_str: str = ""
    comment_type: int = 0
    like_icon: LikeIcon = field(default_factory=LikeIcon)
    rid_str: str = ""


class DynamicAuthor(Struct):
    """Whose it is; ``following`` is the viewer's, None where nobody is signed in."""

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
    """What it shows: ``type`` says which one of the others is there.

    What those hold is not established, but for what the service itself sends.
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
    """What it is filed under."""

    id: int = 0
    jump_url: str = ""
    name: str = ""


class DynamicContent(Struct):
    """What a dynamic says and shows; each part None where it has none."""

    additional: Loose | None = None
    desc: DynamicText | None = None
    major: Major | None = None
    topic: Topic | None = None


class MenuItem(Struct):
    """An entry of the menu behind a dynamic."""

    label: str = ""
    type: str = ""


class DynamicMenu(Struct):
    """The menu behind a dynamic."""

    three_point_items: list[MenuItem] = []


class DynamicCount(Struct):
    """A count, and whether one may add to it."""

    count: int = 0
    forbidden: bool = False


class DynamicLikes(DynamicCount):
    """The likes, and whether the viewer is among them."""

    status: bool = False


class DynamicCounts(Struct):
    """What a dynamic has gathered."""

    comment: DynamicCount = field(default_factory=DynamicCount)
    forward: DynamicCount = field(default_factory=DynamicCount)
    like: DynamicLikes = field(default_factory=DynamicLikes)


class DynamicModules(Struct):
    """``tag`` is there for the pinned one."""

    author: DynamicAuthor = field(name="module_author")
    content: DynamicContent = field(name="module_dynamic", default_factory=DynamicContent)
    menu: DynamicMenu | UnsetType = field(name="module_more", default=UNSET)
    counts: DynamicCounts | UnsetType = field(name="module_stat", default=UNSET)
    interaction: Loose | UnsetType = field(name="module_interaction", default=UNSET)
    fold: Loose | UnsetType = field(name="module_fold", default=UNSET)
    dispute: Loose | UnsetType = field(name="module_dispute", default=UNSET)
    tag: Loose | UnsetType = field(name="module_tag", default=UNSET)


class Dynamic(Struct):
    """A dynamic; ``orig`` is what a DYNAMIC_TYPE_FORWARD passes on."""

    id: str = field(name="id_str")
    basic: DynamicBasic = field(default_factory=DynamicBasic)
    type: str = ""
    visible: bool = True
    orig: Dynamic | UnsetType = UNSET
    modules: DynamicModules | None = None


class DynamicPage(Struct):
    """A run of dynamics; ``offset`` is where the next one begins."""

    has_more: bool = False
    items: list[Dynamic] = []
    offset: str = ""
    update_baseline: str = ""
    update_num: int = 0


# --- the older feed ---


class OldUser(Struct):
    """Whose a dynamic of the older feed is."""

    uid: int = 0
    uname: str = ""
    face: str = ""


class OldUserCard(Struct):
    """Their verification."""

    official_verify: OfficialVerify = field(default_factory=OfficialVerify)


class OldUserProfile(Struct):
    """Their card."""

    info: OldUser = field(default_factory=OldUser)
    card: OldUserCard = field(default_factory=OldUserCard)
    vip: Vip = field(default_factory=Vip)
    pendant: Pendant = field(default_factory=Pendant)
    rank: str = "10000"
    sign: str = ""
    level_info: LevelInfo = field(default_factory=LevelInfo)


class OldDescription(Struct):
    """What a dynamic of the older feed is: ids, counts, author.

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
    """``is_space_top`` 1 for the pinned one at the head of the list."""

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
    """A run of the older feed; ``cards`` is not there at its end."""

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
    """Counts as text; ``view`` is told to the account itself alone."""

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
    """A run of picture posts; ``offset`` is where the next one begins."""

    has_more: bool = False
    items: list[Opus] = []
    offset: str = ""
    update_num: int = 0
