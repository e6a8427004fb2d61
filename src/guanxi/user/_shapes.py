# Made by `make generate` from src/guanxi/contract/structs.
# Do not edit: edit that instead.

"""What the documented module returns: the answers' data, as it is decoded."""

from __future__ import annotations

import builtins
from typing import Any, NotRequired, TypedDict


class MemberCard(TypedDict):
    """An account with the mids it follows, from an old endpoint of the account. host."""

    mid: str
    name: str
    face: str
    sign: str
    fans: int
    attention: int
    attentions: builtins.list[int]


class CardByMid(TypedDict):
    """The whole body of that old endpoint: it has no envelope."""

    ts: int
    code: int
    card: MemberCard | None


class NamedAccount(TypedDict):
    """A name and its account: ``uid`` is text at one endpoint and may be a number at the other."""

    name: str
    uid: str | int


class NamedAccounts(TypedDict):
    """The accounts that were found by name."""

    uid_list: builtins.list[NamedAccount]


class LevelInfo(TypedDict):
    """A level, and the experience that the next one needs."""

    current_level: int
    current_min: int
    current_exp: int
    next_exp: int | str


class Membership(TypedDict):
    """The complete membership: ``type`` 0 none, 1 monthly, 2 annual or longer; ``status`` 1 active.

    ``role`` is 1 monthly, 3 annual, 7 ten years, 15 a hundred years.
    """

    type: int
    status: int
    due_date: int
    vip_pay_type: int
    theme_type: int
    label: ImageVipLabel
    avatar_subscript: int
    nickname_color: str
    role: int
    avatar_subscript_url: str
    tv_vip_status: int
    tv_vip_pay_type: int
    tv_due_date: int


class Pendant(TypedDict):
    """The frame around the face; ``pid`` 0 for none."""

    pid: int
    name: str
    image: str
    expire: int
    image_enhance: str
    image_enhance_frame: str


class OfficialVerify(TypedDict):
    """Verification: ``type`` is -1 none, 0 a person, 1 an organisation."""

    type: int
    desc: str


class Vip(TypedDict):
    """Membership: ``type`` 0 none, 1 monthly, 2 annual or longer; ``status`` 1 while it runs."""

    vipType: int
    vipDueDate: int
    dueRemark: str
    accessStatus: int
    vipStatus: int
    vipStatusWarn: str
    themeType: int
    label: VipLabel
    avatar_subscript: int
    nickname_color: str
    avatar_subscript_url: str


class LikeIcon(TypedDict):
    """The picture of a like."""

    action_url: str
    end_url: str
    id: int
    start_url: str


class DynamicBasic(TypedDict):
    """The ids of its comments and of its subject."""

    comment_id_str: str
    comment_type: int
    like_icon: LikeIcon
    rid_str: str


class DynamicAuthor(TypedDict):
    """The author; ``following`` is the viewer's relation, None without a sign-in."""

    mid: int
    name: str
    face: str
    face_nft: bool
    following: bool | None
    jump_url: str
    label: str
    official_verify: OfficialVerify
    pendant: Pendant
    pub_action: str
    pub_location_text: str
    pub_time: str
    pub_ts: int
    type: str
    vip: Membership
    decorate: NotRequired[builtins.dict[str, Any]]


class RichText(TypedDict):
    """A piece of text: plain, a mention, a link, an emoji."""

    orig_text: str
    text: str
    type: str
    jump_url: NotRequired[str]
    rid: NotRequired[str]
    emoji: NotRequired[builtins.dict[str, Any]]


class DynamicText(TypedDict):
    """Text, whole and in pieces."""

    rich_text_nodes: builtins.list[RichText]
    text: str


class Major(TypedDict):
    """The content shown: ``type`` says which of the other fields is set.

    What those hold is not established, but for what the service itself sends.
    """

    type: str
    archive: NotRequired[builtins.dict[str, Any]]
    draw: NotRequired[builtins.dict[str, Any]]
    opus: NotRequired[builtins.dict[str, Any]]
    article: NotRequired[builtins.dict[str, Any]]
    live_rcmd: NotRequired[builtins.dict[str, Any]]
    common: NotRequired[builtins.dict[str, Any]]
    pgc: NotRequired[builtins.dict[str, Any]]
    courses: NotRequired[builtins.dict[str, Any]]
    music: NotRequired[builtins.dict[str, Any]]
    ugc_season: NotRequired[builtins.dict[str, Any]]
    live: NotRequired[builtins.dict[str, Any]]
    none: NotRequired[builtins.dict[str, Any]]


class Topic(TypedDict):
    """The topic."""

    id: int
    jump_url: str
    name: str


class DynamicContent(TypedDict):
    """The text and content of a dynamic; each part is None if it has none."""

    additional: builtins.dict[str, Any] | None
    desc: DynamicText | None
    major: Major | None
    topic: Topic | None


class MenuItem(TypedDict):
    """An entry of a dynamic's menu."""

    label: str
    type: str


class DynamicMenu(TypedDict):
    """The menu of a dynamic."""

    three_point_items: builtins.list[MenuItem]


class DynamicCount(TypedDict):
    """A count, and whether the viewer may add to it."""

    count: int
    forbidden: bool


class DynamicLikes(TypedDict):
    """The likes, and whether the viewer is among them."""

    count: int
    forbidden: bool
    status: bool


class DynamicCounts(TypedDict):
    """The counts of a dynamic."""

    comment: DynamicCount
    forward: DynamicCount
    like: DynamicLikes


class DynamicModules(TypedDict):
    """The parts of a dynamic; only the pinned one has ``tag``."""

    module_author: DynamicAuthor
    module_dynamic: DynamicContent
    module_more: NotRequired[DynamicMenu]
    module_stat: NotRequired[DynamicCounts]
    module_interaction: NotRequired[builtins.dict[str, Any]]
    module_fold: NotRequired[builtins.dict[str, Any]]
    module_dispute: NotRequired[builtins.dict[str, Any]]
    module_tag: NotRequired[builtins.dict[str, Any]]


class Dynamic(TypedDict):
    """A dynamic; ``orig`` is the dynamic that a DYNAMIC_TYPE_FORWARD forwards."""

    id_str: str
    basic: DynamicBasic
    type: str
    visible: bool
    orig: NotRequired[Dynamic]
    modules: DynamicModules | None


class DynamicPage(TypedDict):
    """A page of dynamics; ``offset`` selects the next page."""

    has_more: bool
    items: builtins.list[Dynamic]
    offset: str
    update_baseline: str
    update_num: int


class OldUser(TypedDict):
    """The author of a dynamic in the older feed."""

    uid: int
    uname: str
    face: str


class OldUserCard(TypedDict):
    """The author's verification."""

    official_verify: OfficialVerify


class OldUserProfile(TypedDict):
    """The author's card."""

    info: OldUser
    card: OldUserCard
    vip: Vip
    pendant: Pendant
    rank: str
    sign: str
    level_info: LevelInfo


class OldDescription(TypedDict):
    """The ids, counts and author of a dynamic in the older feed.

    ``type`` is 1 a forward, 2 pictures, 4 text, 8 a video, 64 an article.
    """

    dynamic_id: int
    uid: int
    type: int
    rid: int
    acl: int
    view: int
    repost: int
    comment: int
    like: int
    is_liked: int
    timestamp: int
    pre_dy_id: int
    orig_dy_id: int
    orig_type: int
    user_profile: OldUserProfile
    spec_type: int
    uid_type: int
    stype: int
    r_type: int
    inner_id: int
    status: int
    dynamic_id_str: str
    pre_dy_id_str: str
    orig_dy_id_str: str
    rid_str: str
    origin: NotRequired[builtins.dict[str, Any]]
    bvid: NotRequired[str]
    previous: NotRequired[builtins.dict[str, Any]]


class OldExtra(TypedDict):
    """Further flags; ``is_space_top`` is 1 for the pinned dynamic at the head of the list."""

    is_space_top: int


class OldDynamic(TypedDict):
    """A dynamic of the older feed; ``card`` and ``extend_json`` are JSON in a text."""

    desc: OldDescription
    card: str
    extend_json: str
    display: builtins.dict[str, Any]
    extra: NotRequired[OldExtra]
    activity_infos: NotRequired[Any]


class OldDynamicPage(TypedDict):
    """A page of the older feed; ``cards`` is missing after the end."""

    has_more: int
    next_offset: int
    cards: NotRequired[builtins.list[OldDynamic]]


class OpusCover(TypedDict):
    """The first picture of a picture post."""

    height: int
    url: str
    width: int


class OpusCounts(TypedDict):
    """Counts as text; only the account itself gets ``view``."""

    like: str
    view: NotRequired[str]


class Opus(TypedDict):
    """A picture post (图文)."""

    opus_id: str
    content: str
    cover: NotRequired[OpusCover]
    jump_url: str
    stat: OpusCounts


class OpusPage(TypedDict):
    """A page of picture posts; ``offset`` selects the next page."""

    has_more: bool
    items: builtins.list[Opus]
    offset: str
    update_num: int


class QrCode(TypedDict):
    """A started sign-in: ``url`` is the content of the QR code; it expires after 180 seconds."""

    url: str
    qrcode_key: str


class QrState(TypedDict):
    """The state of a sign-in: ``code`` 0 done, 86101 not scanned, 86090 scanned, 86038 expired.

    Once it is done the cookies are in Set-Cookie headers, and ``refresh_token`` is the credential's
    ``ac_time_value``. ``timestamp`` is in milliseconds.
    """

    url: str
    refresh_token: str
    timestamp: int
    code: int
    message: str


class CookieInfo(TypedDict):
    """Whether the cookies should be refreshed; ``timestamp`` is the server's, in milliseconds."""

    refresh: bool
    timestamp: int


class RefreshedCookie(TypedDict):
    """The next ``ac_time_value``; the cookies are in Set-Cookie headers."""

    status: int
    message: str
    refresh_token: str


class Nameplate(TypedDict):
    """The badge next to the name; ``nid`` 0 for none."""

    nid: int
    name: str
    image: str
    image_small: str
    level: str
    condition: str


class Official(TypedDict):
    """The complete verification.

    ``role`` is 0 none; 1, 2, 7, 9 a person (creator, big name, streamer, public figure); 3 to 6 an
    organisation (company, body, media, government). ``type`` is -1 none, 0 a person, 1 an
    organisation.
    """

    role: int
    title: str
    desc: str
    type: int


class Dimension(TypedDict):
    """Width and height in pixels; ``rotate`` is 1 if they are swapped."""

    width: int
    height: int
    rotate: int


class SizedPage(TypedDict):
    """The page number, the page size and the total, under other names."""

    num: int
    size: int
    total: int


class MyProfession(TypedDict):
    """The profession of the account."""

    id: int
    name: str
    show_name: str


class MyInfo(TypedDict):
    """The caller's account; ``birthday`` in seconds since 1970."""

    mid: int
    name: str
    sex: str
    face: str
    sign: str
    rank: int
    level: int
    jointime: int
    moral: int
    silence: int
    email_status: int
    tel_status: int
    identification: int
    vip: Membership
    pendant: Pendant
    nameplate: Nameplate
    official: Official
    birthday: int
    is_tourist: int
    is_fake_account: int
    pin_prompting: int
    is_deleted: int
    in_reg_audit: int
    is_rip_user: bool
    profession: MyProfession
    level_exp: LevelInfo
    coins: int | float
    following: int
    follower: int


VideoPart = TypedDict(
    "VideoPart",
    {
        "cid": "int",
        "page": "int",
        "from": "str",
        "part": "str",
        "duration": "int",
        "vid": "str",
        "weblink": "str",
        "dimension": "Dimension",
    },
)
"""The part of a video that was watched."""


class NewestEpisode(TypedDict):
    """The series of an episode, and its newest one."""

    season_id: int
    title: str
    season_status: int
    is_finish: int
    total_count: int
    newest_ep_id: int
    newest_ep_index: str
    season_type: int


class WatchedEpisode(TypedDict):
    """The episode of a series that was watched."""

    ep_id: int
    title: str
    long_title: str
    episode_status: int
    follow: int
    cover: str
    season: NewestEpisode


class WatchedLesson(TypedDict):
    """The lesson of a course that was watched."""

    cover: str
    long_title: str
    number: int
    season_id: int
    update_info: str


class HistoryVideo(TypedDict):
    """An entry of the older history.

    ``type`` is 3 a video, 4 a series, 10 a course; ``device`` 1, 3, 5, 7 a phone, 2 the web, 4, 6 a
    tablet, 33 a television, 0 another; ``progress`` in seconds, -1 to the end; ``business`` is
    archive, pgc or cheese.
    """

    aid: int
    bvid: str
    videos: int
    tid: int
    tname: str
    copyright: int
    pic: str
    title: str
    pubdate: int
    ctime: int
    desc: str
    state: int
    attribute: NotRequired[int]
    duration: int
    mission_id: NotRequired[int]
    rights: VideoRights
    owner: Author | None
    stat: VideoStat
    dynamic: str
    cid: int
    dimension: Dimension
    favorite: bool
    type: int
    sub_type: int
    device: int
    page: NotRequired[VideoPart]
    count: NotRequired[int]
    progress: int
    view_at: int
    kid: int
    business: str
    redirect_link: str
    bangumi: NotRequired[WatchedEpisode]
    cheese: NotRequired[WatchedLesson]


class HistoryTarget(TypedDict):
    """What was viewed: ``business`` is the content type of the id ``oid``."""

    oid: int
    epid: int
    bvid: str
    page: int
    cid: int
    part: str
    business: str
    dt: int


class HistoryEntry(TypedDict):
    """An entry of the history."""

    title: str
    long_title: str
    cover: str
    covers: builtins.list[str] | None
    uri: str
    history: HistoryTarget
    videos: int
    author_name: str
    author_face: str
    author_mid: int
    view_at: int
    progress: int
    badge: str
    show_title: str
    duration: int
    current: str
    total: int
    new_desc: str
    is_finish: int
    is_fav: int
    kid: int
    tag_name: str
    live_status: int


class HistoryCursor(TypedDict):
    """The last entry of a page: the next page starts after it."""

    max: int
    view_at: int
    business: str
    ps: int


class HistoryTab(TypedDict):
    """A tab of the history."""

    type: str
    name: str


class HistoryPage(TypedDict):
    """A page of the history."""

    cursor: HistoryCursor
    tab: builtins.list[HistoryTab]
    list: builtins.list[HistoryEntry]


class ToviewVideo(TypedDict):
    """A video of the watch-later list; ``progress`` in seconds, -1 if watched to the end."""

    aid: int
    bvid: str
    videos: int
    tid: int
    tname: str
    copyright: int
    pic: str
    title: str
    pubdate: int
    ctime: int
    desc: str
    state: int
    attribute: NotRequired[int]
    duration: int
    mission_id: NotRequired[int]
    rights: VideoRights
    owner: Author | None
    stat: VideoStat
    dynamic: str
    cid: int
    dimension: Dimension
    page: NotRequired[VideoPart]
    count: int
    progress: int
    add_at: int


class Toview(TypedDict):
    """The watch-later list, the last added first."""

    count: int
    list: builtins.list[ToviewVideo]


class NotedVideo(TypedDict):
    """The subject of a note; for a video ``aid`` and ``oid`` are equal."""

    oid: int
    bvid: NotRequired[str]
    pic: NotRequired[str]
    desc: NotRequired[str]
    status: int
    oid_type: int
    aid: int


class Note(TypedDict):
    """A note; ``mtime`` is a text, YYYY-MM-DD HH:MM."""

    note_id: int
    title: str
    summary: str
    mtime: str
    arc: NotedVideo
    audit_status: int
    web_url: str
    note_id_str: str
    message: str
    forbid_note_entrance: bool
    likes: int
    has_like: bool


class NotePage(TypedDict):
    """A page of notes; ``items`` is None if it is empty."""

    list: builtins.list[Note] | None
    page: SizedPage


class NoteAuthor(TypedDict):
    """The author of a note."""

    mid: int
    name: str
    face: str
    level: int
    vip_info: builtins.dict[str, Any]
    pendant: builtins.dict[str, Any]


class PublicNote(TypedDict):
    """A note that others can read; ``pubtime`` is a text, YYYY-MM-DD HH:MM."""

    cvid: int
    title: str
    summary: str
    pubtime: str
    web_url: str
    message: str
    author: NoteAuthor | None
    likes: int
    has_like: bool


class PublicNotePage(TypedDict):
    """A page of public notes; ``items`` is None if it is empty."""

    list: builtins.list[PublicNote] | None
    page: SizedPage


class Coins(TypedDict):
    """The balance of coins; None if it is 0."""

    money: int | float | None


class Experience(TypedDict):
    """Experience gained; ``time`` is a text, YYYY-MM-DD HH:MM:SS."""

    delta: int
    time: str
    reason: str


class ExperienceLog(TypedDict):
    """Experience gained in the last week."""

    list: builtins.list[Experience]
    count: int


class SignIn(TypedDict):
    """A sign-in; the address is masked."""

    ip: str
    time: int
    time_at: str
    status: bool
    type: int
    geo: str


class LoginLog(TypedDict):
    """Sign-ins, the latest first."""

    count: int
    list: builtins.list[SignIn]


class MoralLog(TypedDict):
    """``moral`` is 70 at most. What an item holds is not established."""

    moral: int
    list: builtins.list[builtins.dict[str, Any]]
    count: int


class Jury(TypedDict):
    """The state as a juror: ``status`` 0 never, 1 in term, 2 lapsed.

    ``apply_status`` is -1 lapsed, 0 just applied, 3 renewed, 5 waiting; ``term_end`` 0 for none.
    """

    allow_apply: bool
    apply_status: int
    case_total: int
    err_msg: str
    face: str
    status: int
    term_end: int
    uname: str


class EventProfile(TypedDict):
    """Further fields are not established."""

    name: str
    jointime: int
    sign: str
    vip: builtins.dict[str, Any]
    identification: int


class EventOwner(TypedDict):
    """The account of the events."""

    profile: EventProfile


class Event(TypedDict):
    """An event of the account (ours: the real endpoint's fields are not established)."""

    ts: int
    title: str


class Events(TypedDict):
    """``pfs`` is None without a sign-in. The field of the events is ours."""

    pfs: EventOwner | None
    events: builtins.list[Event]


class FanSummary(TypedDict):
    """Counts of the day; those that are named ``new_…`` besides these two are not established."""

    total: int
    inc: int
    active: int
    act_diff: int
    new_act: int
    new_act_diff: int
    inter: int
    elec: int
    elec_diff: int
    medal: int
    mdl_diff: int
    v: int
    vv: int
    dm: int
    r: int
    c: int
    co: int
    da: int
    fv: int
    lk: int
    re: int
    sh: int
    live_dm: int
    live_coin: int


class RankedFan(TypedDict):
    """A follower in a ranking."""

    mid: int
    uname: str
    photo: str
    relation: int
    receive_date: str


class FanRanks(TypedDict):
    """Followers ranked by activity: dynamics, interactions with videos, plays."""

    dynamic_act: builtins.list[RankedFan]
    video_act: builtins.list[RankedFan]
    video_play: builtins.list[RankedFan]


class FanMedals(TypedDict):
    """Followers by medal. What it holds is not established."""

    medal: Any


class FanSources(TypedDict):
    """Where followers came from."""

    article: int
    audio: int
    live: int
    main: int
    main_other: int
    other: int
    space: int


class FanReport(TypedDict):
    """A report on the followers of an account."""

    summary: FanSummary
    rank_list: FanRanks
    rank_medal: FanMedals
    source: FanSources


class VipLabel(TypedDict):
    """The label of a membership next to the name."""

    path: str
    text: str
    label_theme: str
    text_color: str
    bg_style: int
    bg_color: str
    border_color: str


class ImageVipLabel(TypedDict):
    """The label of a membership next to the name, with its pictures."""

    path: str
    text: str
    label_theme: str
    text_color: str
    bg_style: int
    bg_color: str
    border_color: str
    use_img_label: bool
    img_label_uri_hans: str
    img_label_uri_hant: str
    img_label_uri_hans_static: str
    img_label_uri_hant_static: str


class WornMedal(TypedDict):
    """The fan medal that an account wears."""

    uid: int
    target_id: int
    medal_id: int
    level: int
    medal_name: str
    medal_color: int
    intimacy: int
    next_intimacy: int
    day_limit: int
    today_feed: int
    medal_color_start: int
    medal_color_end: int
    medal_color_border: int
    is_lighted: int
    light_status: int
    wearing_status: int
    score: int


class FansMedal(TypedDict):
    """Whether a medal is shown and worn, and which."""

    show: bool
    wear: bool
    medal: WornMedal | None


class HonourInfo(TypedDict):
    """Honours of the account; empty in every example."""

    mid: int
    colour: builtins.dict[str, Any] | None
    tags: builtins.list[Any]


class SystemNotice(TypedDict):
    """A notice of the service about the account; an empty object if there is none."""

    id: NotRequired[int]
    content: NotRequired[str]
    url: NotRequired[str]
    notice_type: NotRequired[int]
    icon: NotRequired[str]
    text_color: NotRequired[str]
    bg_color: NotRequired[str]


class Watched(TypedDict):
    """The number of viewers of a live room, as shown."""

    switch: bool
    num: int
    text_small: str
    text_large: str
    icon: str
    icon_location: str
    icon_web: str


class LiveRoom(TypedDict):
    """A live room: ``room_status`` 1 if there is one, ``live_status`` 1 while it is live."""

    roomStatus: int
    liveStatus: int
    url: str
    title: str
    cover: str
    roomid: int
    roundStatus: int
    broadcast_type: int
    watched_show: Watched


class School(TypedDict):
    """The school of an account."""

    name: str


class Profession(TypedDict):
    """The profession of an account; ``is_show`` 1 if it is shown."""

    name: str
    department: str
    title: str
    is_show: int


class UpgradeWindow(TypedDict):
    """Whether the space announces a new level."""

    user_upgrade_status: int
    show_upgrade_window: bool


class ElecButton(TypedDict):
    """The button for supporting an account; ``state`` 1 if open, -1 otherwise."""

    show: bool
    state: int
    title: str
    icon: str
    jump_url: str


class Elec(TypedDict):
    """Support of the account."""

    show_info: ElecButton


class ContractDisplay(TypedDict):
    """Whether the contract plan is offered on the space."""

    is_display: bool
    is_follow_display: bool


class UserInfo(TypedDict):
    """A space's account (用户空间详细信息).

    ``coins`` is 0 for everyone but the account itself; ``is_followed`` is the viewer's;
    ``birthday`` is MM-DD, empty where it is hidden; ``silence`` is 1 for a banned account.
    """

    mid: int
    name: str
    sex: str
    face: str
    face_nft: int
    face_nft_type: int
    sign: str
    rank: int
    level: int
    jointime: int
    moral: int
    silence: int
    coins: int | float
    fans_badge: bool
    fans_medal: FansMedal
    official: Official
    vip: Membership
    pendant: Pendant
    nameplate: Nameplate
    user_honour_info: HonourInfo
    is_followed: bool
    top_photo: str
    theme: builtins.dict[str, Any]
    sys_notice: SystemNotice
    live_room: LiveRoom | None
    birthday: str
    school: School | None
    profession: Profession
    tags: builtins.list[str] | None
    series: UpgradeWindow
    is_senior_member: int
    mcn_info: builtins.dict[str, Any] | None
    gaia_res_type: int
    gaia_data: builtins.dict[str, Any] | None
    is_risk: bool
    elec: Elec
    contract: ContractDisplay


class Author(TypedDict):
    """An author."""

    mid: int
    name: str
    face: str


class ContractInfo(TypedDict):
    """The contract plan between the list's owner and the item; each field only when it holds."""

    is_contract: NotRequired[bool]
    is_contractor: NotRequired[bool]
    ts: NotRequired[int]
    user_attr: NotRequired[int]


class RelationItem(TypedDict):
    """One account of a list (关系列表对象).

    ``attribute`` is the viewer's relation to the item (0 none, 1 whisper, 2 following, 6 mutual,
    128 blocked); ``mtime``, ``tag`` (None in the default group) and ``special`` are the owner's.
    """

    mid: int
    attribute: int
    mtime: int
    tag: builtins.list[int] | None
    special: int
    contract_info: ContractInfo
    uname: str
    face: str
    face_nft: int
    sign: str
    official_verify: OfficialVerify
    vip: Vip
    nft_icon: str
    rec_reason: str
    track_id: str


class RelationPage(TypedDict):
    """A page of a counted list; ``total`` is the true count, ``cursor`` only on request."""

    list: builtins.list[RelationItem]
    re_version: int
    total: int
    cursor: NotRequired[str]


class UncountedPage(TypedDict):
    """A list without a total: friends and whispers."""

    list: builtins.list[RelationItem]
    re_version: int
    cursor: NotRequired[str]


class AppItem(TypedDict):
    """One account of the app. host's list; ``live`` is 1 while the account is live."""

    mid: int
    attribute: int
    mtime: int
    tag: builtins.list[int] | None
    special: int
    uname: str
    face: str
    sign: str
    official_verify: OfficialVerify
    vip: Vip
    live: int


class AppPage(TypedDict):
    """A page of the app. host's list; ``items`` is None if the list is hidden."""

    list: builtins.list[AppItem] | None
    re_version: int
    total: int
    cursor: NotRequired[str]


class GameItem(TypedDict):
    """One account of the biligame host's list; ``mid`` is a string there."""

    mid: str
    attribute: int
    uname: str
    face: str


class GamePage(TypedDict):
    """A page of the biligame host's list."""

    list: builtins.list[GameItem]
    cursor: NotRequired[str]


class FailedFids(TypedDict):
    """The members of a batch that were refused."""

    failed_fids: builtins.list[int]


class Relation(TypedDict):
    """The relation to an account (关系属性对象); ``mtime`` is 0 without a following."""

    mid: int
    attribute: int
    mtime: int
    tag: builtins.list[int] | None
    special: int


class LegacyRelation(TypedDict):
    """As ``Relation``, from the struck-out endpoint of document 002."""

    mid: int
    attribute: int
    mtime: int
    tag: builtins.list[int] | None
    special: int
    is_followed: bool


class MutualRelation(TypedDict):
    """Both directions between the caller and an account."""

    relation: Relation
    be_relation: Relation


class LegacyMutualRelation(TypedDict):
    """Both directions, from the struck-out endpoint of document 002."""

    relation: LegacyRelation
    be_relation: LegacyRelation


class Group(TypedDict):
    """A group of followings: -10 special, 0 the default group."""

    tagid: int
    name: str
    count: int
    tip: str


class Live(TypedDict):
    """Whether an account is live, and where."""

    live_status: int
    jump_url: str


class GroupMember(TypedDict):
    """A member of a group: the relation fields are empty there, ``live`` is an object."""

    mid: int
    attribute: int
    tag: None
    special: int
    contract_info: ContractInfo
    uname: str
    face: str
    sign: str
    face_nft: int
    official_verify: OfficialVerify
    vip: Vip
    live: Live
    nft_icon: str
    rec_reason: str
    track_id: str


class GroupCreated(TypedDict):
    """The id of a new group."""

    tagid: int


class Stat(TypedDict):
    """Counts; ``whisper`` and ``black`` are 0 for everyone but the account itself."""

    mid: int
    following: int
    whisper: int
    black: int
    follower: int


class AudioCounts(TypedDict):
    """An audio's counts."""

    sid: int
    play: int
    collect: int
    comment: int
    share: int


class Audio(TypedDict):
    """An audio; ``duration`` and ``passtime`` (when it was published) in seconds."""

    id: int
    uid: int
    uname: str
    author: str | None
    title: str
    cover: str
    intro: str | None
    lyric: str
    crtype: int
    duration: int
    passtime: int
    curtime: int
    aid: int | None
    cid: int | None
    msid: int | None
    attr: int | None
    limit: int | None
    activityId: int | None
    limitdesc: str | None
    ctime: int
    statistic: AudioCounts
    coin_num: int
    is_cooper: int | None


class AudioPage(TypedDict):
    """A page of audios."""

    curPage: int
    pageCount: int
    totalSize: int
    pageSize: int
    data: builtins.list[Audio]


class ArticleCategory(TypedDict):
    """A category of articles."""

    id: int
    parent_id: int
    name: str


class ArticleAuthor(TypedDict):
    """The author of an article."""

    mid: int
    name: str
    face: str
    pendant: Pendant
    official_verify: OfficialVerify
    nameplate: Nameplate
    vip: Membership


class ArticleCounts(TypedDict):
    """The counts of an article; the names come from one description and are not established."""

    view: int
    favorite: int
    like: int
    dislike: int
    reply: int
    share: int
    coin: int
    dynamic: int


class ArticleTag(TypedDict):
    """A tag of an article."""

    tid: int
    name: str


class Article(TypedDict):
    """An article (专栏)."""

    id: int
    category: ArticleCategory
    categories: builtins.list[ArticleCategory] | None
    title: str
    summary: str
    banner_url: str
    template_id: int
    state: int
    author: ArticleAuthor | None
    reprint: int
    image_urls: builtins.list[str] | None
    publish_time: int
    ctime: int
    stats: ArticleCounts
    tags: builtins.list[ArticleTag] | None
    words: int
    dynamic: str
    origin_image_urls: builtins.list[str] | None
    list: builtins.dict[str, Any] | None
    is_like: bool
    media: builtins.dict[str, Any]
    apply_time: str
    check_time: str
    original: int
    act_id: int
    dispute: builtins.dict[str, Any] | None
    authenMark: builtins.dict[str, Any] | None
    cover_avid: int
    top_video_info: builtins.dict[str, Any] | None
    type: int


class ArticlePage(TypedDict):
    """A page of articles; ``count`` is the total."""

    articles: builtins.list[Article]
    pn: int
    ps: int
    count: int


class ArticleList(TypedDict):
    """A list of articles (文集)."""

    id: int
    mid: int
    name: str
    image_url: str
    update_time: int
    ctime: int
    publish_time: int
    summary: str
    words: int
    read: int
    articles_count: int
    state: int
    reason: str
    apply_time: str
    check_time: str


class ArticleLists(TypedDict):
    """An account's lists of articles."""

    lists: builtins.list[ArticleList]
    total: int


class Picture(TypedDict):
    """A picture; its size in kilobytes."""

    img_src: str
    img_width: int
    img_height: int
    img_size: int | float


class Album(TypedDict):
    """An album (相簿); its id is not that of a dynamic."""

    doc_id: int
    poster_uid: int
    title: str
    description: str
    pictures: builtins.list[Picture]
    count: int
    ctime: int
    view: int
    like: int


class AlbumPage(TypedDict):
    """A page of albums."""

    items: builtins.list[Album]


class Course(TypedDict):
    """A course (课堂)."""

    season_id: int
    cover: str
    ep_count: int
    link: str
    page: int
    play: int
    status: str
    subtitle: str
    title: str


class CoursePages(TypedDict):
    """``next`` is true while more pages follow."""

    num: int
    size: int
    total: int
    next: bool


class CoursePage(TypedDict):
    """A page of courses."""

    items: builtins.list[Course]
    page: CoursePages


class BangumiCounts(TypedDict):
    """A series' counts."""

    follow: int
    view: int
    danmaku: int
    reply: int
    coin: int
    series_follow: int
    series_view: int


class Episode(TypedDict):
    """The newest episode; ``duration`` in milliseconds."""

    id: int
    index_show: str
    cover: str
    title: str
    long_title: str
    pub_time: str
    duration: int


class Rating(TypedDict):
    """The rating of a series, and the number of ratings."""

    score: int | float
    count: int


class Region(TypedDict):
    """The country of a series."""

    id: int
    name: str


class BangumiSeries(TypedDict):
    """The series that a season belongs to."""

    series_id: int
    title: str
    season_count: int
    new_season_id: int


class Publication(TypedDict):
    """When a season was published, as texts."""

    pub_time: str
    pub_time_show: str
    release_date: str
    release_date_show: str


class Bangumi(TypedDict):
    """A series that an account follows; ``follow_status`` 1 wants, 2 watches, 3 has watched."""

    season_id: int
    media_id: int
    season_type: int
    season_type_name: str
    title: str
    cover: str
    total_count: int
    is_finish: int
    is_started: int
    is_play: int
    badge: str
    badge_type: int
    rights: builtins.dict[str, Any]
    stat: BangumiCounts
    new_ep: Episode
    rating: NotRequired[Rating]
    square_cover: str
    season_status: int
    season_title: str
    badge_ep: str
    media_attr: int
    season_attr: int
    evaluate: str
    areas: builtins.list[Region]
    subtitle: str
    first_ep: int
    can_watch: int
    series: BangumiSeries
    publish: Publication
    mode: int
    section: builtins.list[Any]
    url: str
    follow_status: int
    is_new: int
    progress: str
    both_follow: bool


class BangumiPage(TypedDict):
    """A page of followed series."""

    list: builtins.list[Bangumi]
    pn: int
    ps: int
    total: int


class Lottery(TypedDict):
    """The prize of a lottery."""

    text: str
    lottery_icon: str
    jump_url: str


class Reservation(TypedDict):
    """An announcement that one can sign up for: ``type`` 1 a video, 2 a live show."""

    sid: int
    name: str
    total: int
    stime: int
    etime: int
    is_follow: int
    state: int
    oid: str
    type: int
    up_mid: int
    reserve_record_ctime: int
    live_plan_start_time: int
    lottery_type: NotRequired[int]
    lottery_prize_info: NotRequired[Lottery]
    show_total: bool
    subtitle: str
    attached_badge_text: str


class SupporterVip(TypedDict):
    """A supporter's membership."""

    vipDueMsec: int
    vipStatus: int
    vipType: int


class Supporter(TypedDict):
    """Who supported an account this month: ``pay_mid`` paid, ``mid`` received."""

    mid: int
    pay_mid: int
    uname: str
    avatar: str
    rank: int
    trend_type: int
    vip_info: SupporterVip
    message: str
    message_hidden: int


class Supporters(TypedDict):
    """This month's supporters; ``total`` and ``total_count`` are one number."""

    count: int
    list: builtins.list[Supporter]
    total_count: int
    total: int
    special_day: int


class LikeEffect(TypedDict):
    """The pictures of a like-coin-favourite at once. The body is not established: it is a
    sibling's."""

    pre_img: str
    suc_img: str
    content: str


class Tag(TypedDict):
    """A tag that an account follows. Only the name is established."""

    tag_id: int
    tag_name: str


class Tags(TypedDict):
    """``count`` is not established."""

    tags: builtins.list[Tag]
    count: int


class GuestCounts(TypedDict):
    """A count for the account itself, and one for others."""

    master: int
    guest: int


class Overview(TypedDict):
    """The number of works of each kind in a space."""

    video: int
    bangumi: int
    cinema: int
    channel: GuestCounts
    favourite: GuestCounts
    tag: int
    article: int
    playlist: int
    album: int
    audio: int
    pugv: int
    opus: int
    season_num: int


class Views(TypedDict):
    """A number of views."""

    view: int


class UpStat(TypedDict):
    """The totals of an account's works; an empty object without a sign-in."""

    archive: NotRequired[Views]
    article: NotRequired[Views]
    likes: NotRequired[int]


class MedalInfo(TypedDict):
    """A medal, with its owner's level and progress."""

    target_id: int
    level: int
    medal_name: str
    medal_color_start: int
    medal_color_end: int
    medal_color_border: int
    guard_level: int
    wearing_status: int
    medal_id: int
    intimacy: int
    next_intimacy: int
    today_feed: int
    day_limit: int
    guard_icon: str
    honor_icon: str


class MedalLook(TypedDict):
    """The medal as it is drawn; the ``v2`` colours are #RRGGBBAA."""

    name: str
    level: int
    color_start: int
    color_end: int
    color_border: int
    color: int
    id: int
    typ: int
    is_light: int
    ruid: int
    guard_level: int
    score: int
    guard_icon: str
    honor_icon: str
    v2_medal_color_start: str
    v2_medal_color_end: str
    v2_medal_color_border: str
    v2_medal_color_text: str
    v2_medal_color_level: str
    user_receive_count: int


class Medal(TypedDict):
    """A medal of an account; ``live_status`` 1 while its giver is live, 2 for a loop."""

    medal_info: MedalInfo
    target_name: str
    target_icon: str
    link: str
    live_status: int
    official: int
    uinfo_medal: MedalLook


class MedalWall(TypedDict):
    """The medals of an account, and the account."""

    list: builtins.list[Medal]
    count: int
    close_space_medal: int
    only_show_wearing: int
    name: str
    icon: str
    uid: int
    level: int


class VideoStat(TypedDict):
    """A video's counts."""

    aid: int
    view: int
    danmaku: int
    reply: int
    favorite: int
    coin: int
    share: int
    now_rank: int
    his_rank: int
    like: int
    dislike: int


class VideoRights(TypedDict):
    """What a video permits, each 0 or 1."""

    bp: int
    elec: int
    download: int
    movie: int
    pay: int
    hd5: int
    no_reprint: int
    autoplay: int
    ugc_pay: int
    is_cooperation: int
    ugc_pay_preview: int
    no_background: int


class ChosenVideo(TypedDict):
    """A video that its author pinned or features, with the reason."""

    aid: int
    bvid: str
    videos: int
    tid: int
    tname: str
    copyright: int
    pic: str
    title: str
    pubdate: int
    ctime: int
    desc: str
    state: int
    attribute: NotRequired[int]
    duration: int
    mission_id: NotRequired[int]
    rights: VideoRights
    owner: Author | None
    stat: VideoStat
    dynamic: str
    cid: int
    dimension: Dimension
    reason: str
    inter_video: bool


class VideoMeta(TypedDict):
    """A video in the list of a space: counts under their old names, ``length`` as MM:SS.

    ``comment`` counts replies and ``video_review`` danmaku; ``copyright`` is text here.
    """

    aid: int
    attribute: int
    author: str
    bvid: str
    comment: int
    copyright: str
    created: int
    description: str
    enable_vt: int
    hide_click: bool
    is_pay: int
    is_union_video: int
    is_steins_gate: NotRequired[int]
    length: str
    mid: int
    meta: builtins.dict[str, Any] | None
    pic: str
    play: int
    review: int
    subtitle: str
    title: str
    typeid: int
    video_review: int


class VideoType(TypedDict):
    """A partition, and how many of a space's videos are in it."""

    tid: int
    count: int
    name: str


class VideoList(TypedDict):
    """``types`` (by tid as text) count all videos of the space; None if it has none."""

    tlist: builtins.dict[str, VideoType] | None
    vlist: builtins.list[VideoMeta]


class CountedPage(TypedDict):
    """The page number, the page size and the total."""

    pn: int
    ps: int
    count: int


class Button(TypedDict):
    """A button: its text and its link."""

    text: str
    uri: str


class VideoPage(TypedDict):
    """A page of a space's videos."""

    list: VideoList
    page: CountedPage
    episodic_button: Button
    is_risk: bool
    gaia_res_type: int
    gaia_data: builtins.dict[str, Any] | None


class MediaCounts(TypedDict):
    """Further counts are not established."""

    collect: int
    play: int
    danmaku: int


class MediaPart(TypedDict):
    """A part of a video; ``id`` is its cid. Further fields are not established."""

    id: int
    title: str


class MediaItem(TypedDict):
    """A video in a media list. Types are not established: they are third-party clients'."""

    id: int
    offset: int
    index: int
    intro: str
    attr: int
    tid: int
    copy_right: int
    cnt_info: MediaCounts
    cover: str
    duration: int
    pubtime: int
    like_state: int
    fav_state: int
    page: int
    pages: builtins.list[MediaPart]
    title: str
    type: int
    upper: Author | None
    link: str
    bv_id: str
    short_link: str
    rights: builtins.dict[str, Any]
    elec_info: Any
    coin: Any
    ogv_info: Any
    progress_percent: int | float
    badge: Any
    forbid_fav: bool
    more_type: int
    business_oid: int


class MediaList(TypedDict):
    """A page of a media list; ``items`` is None if it is empty."""

    media_list: builtins.list[MediaItem] | None
    has_more: bool
    total_count: int
    next_start_key: str


class ChannelVideoStat(TypedDict):
    """The counts of a video in a channel."""

    view: int
    vt: NotRequired[int]


class ChannelVideo(TypedDict):
    """A video of a channel."""

    aid: int
    bvid: str
    ctime: int
    duration: int
    enable_vt: bool
    interactive_video: bool
    pic: str
    playback_position: int
    pubdate: int
    stat: ChannelVideoStat
    state: int
    title: str
    ugc_pay: int
    vt_display: str
    is_lesson_video: NotRequired[int]


class SeasonMeta(TypedDict):
    """A season (合集): the newer kind of channel."""

    season_id: int
    category: int
    cover: str
    description: str
    mid: int
    name: str
    ptime: int
    total: int


class SeriesMeta(TypedDict):
    """A series (列表): the older kind of channel."""

    series_id: int
    category: int
    cover: NotRequired[str]
    creator: str
    ctime: int
    description: str
    keywords: builtins.list[str]
    last_update_ts: int
    mid: int
    mtime: int
    name: str
    raw_keywords: str
    state: int
    total: int


class NumberedPage(TypedDict):
    """The page number, the page size and the total, under other names."""

    page_num: int
    page_size: int
    total: int


class Season(TypedDict):
    """A season with its newest videos."""

    meta: SeasonMeta
    archives: builtins.list[ChannelVideo]
    recent_aids: builtins.list[int]


class Series(TypedDict):
    """A series with its newest videos."""

    meta: SeriesMeta
    archives: builtins.list[ChannelVideo]
    recent_aids: builtins.list[int]


class ChannelLists(TypedDict):
    """A page of channels, seasons before series; ``page.total`` counts both."""

    page: NumberedPage
    seasons_list: builtins.list[Season]
    series_list: builtins.list[Series]


class ChannelPage(TypedDict):
    """A page of channels."""

    items_lists: ChannelLists


class SeasonVideos(TypedDict):
    """A page of a season's videos."""

    meta: SeasonMeta
    aids: builtins.list[int]
    archives: builtins.list[ChannelVideo]
    page: NumberedPage


class SeriesVideos(TypedDict):
    """A page of a series' videos."""

    aids: builtins.list[int]
    archives: builtins.list[ChannelVideo]
    page: SizedPage


class SeasonInfo(TypedDict):
    """A season, requested by its id. Of its fields the documents' client reads ``upper.mid``."""

    id: int
    title: str
    cover: str
    intro: str
    media_count: int
    upper: Author | None


class SeasonById(TypedDict):
    """Its ``medias`` are not established."""

    info: SeasonInfo
    medias: builtins.list[builtins.dict[str, Any]]


class SeriesById(TypedDict):
    """A series, requested by its id."""

    meta: SeriesMeta
    recent_aids: builtins.list[int]


class WbiImages(TypedDict):
    """The two addresses whose file names are the wbi keys of the day."""

    img_url: str
    sub_url: str


class Nav(TypedDict):
    """Who is signed in, and the wbi keys; only the keys if nobody is."""

    isLogin: bool
    wbi_img: WbiImages
    mid: NotRequired[int]
    uname: NotRequired[str]
    face: NotRequired[str]
    vipType: NotRequired[int]
    vipStatus: NotRequired[int]
    vipDueDate: NotRequired[int]


class Buvids(TypedDict):
    """A pair of device ids."""

    b_3: str
    b_4: str


class Ignored(TypedDict):
    """The response to a device report, which the service discards."""
