"""Response data about the caller's own account."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from guanxi.contract.structs.profile import (
    LevelInfo,
    Loose,
    Membership,
    Nameplate,
    Official,
    Pendant,
)
from guanxi.contract.structs.video import Dimension, SizedPage, Video


class MyProfession(Struct):
    """The profession of the account."""

    id: int = 0
    name: str = ""
    show_name: str = ""


class MyInfo(Struct):
    """The caller's account; ``birthday`` in seconds since 1970."""

    mid: int
    name: str = ""
    sex: str = "保密"
    face: str = ""
    sign: str = ""
    rank: int = 10_000
    level: int = 0
    jointime: int = 0
    moral: int = 0
    silence: int = 0
    email_status: int = 0
    tel_status: int = 0
    identification: int = 0
    vip: Membership = field(default_factory=Membership)
    pendant: Pendant = field(default_factory=Pendant)
    nameplate: Nameplate = field(default_factory=Nameplate)
    official: Official = field(default_factory=Official)
    birthday: int = 0
    is_tourist: int = 0
    is_fake_account: int = 0
    pin_prompting: int = 0
    is_deleted: int = 0
    in_reg_audit: int = 0
    is_rip_user: bool = False
    profession: MyProfession = field(default_factory=MyProfession)
    level_exp: LevelInfo = field(default_factory=LevelInfo)
    coins: int | float = 0
    following: int = 0
    follower: int = 0


# --- history and watch-later ---


class VideoPart(Struct):
    """The part of a video that was watched."""

    cid: int = 0
    page: int = 1
    from_: str = field(name="from", default="vupload")
    part: str = ""
    duration: int = 0
    vid: str = ""
    weblink: str = ""
    dimension: Dimension = field(default_factory=Dimension)


class NewestEpisode(Struct):
    """The series of an episode, and its newest one."""

    season_id: int = 0
    title: str = ""
    season_status: int = 0
    is_finish: int = 0
    total_count: int = 0
    newest_ep_id: int = 0
    newest_ep_index: str = ""
    season_type: int = 1


class WatchedEpisode(Struct):
    """The episode of a series that was watched."""

    ep_id: int = 0
    title: str = ""
    long_title: str = ""
    episode_status: int = 0
    follow: int = 0
    cover: str = ""
    season: NewestEpisode = field(default_factory=NewestEpisode)


class WatchedLesson(Struct):
    """The lesson of a course that was watched."""

    cover: str = ""
    long_title: str = ""
    number: int = 0
    season_id: int = 0
    update_info: str = ""


class HistoryVideo(Video):
    """An entry of the older history.

    ``type`` is 3 a video, 4 a series, 10 a course; ``device`` 1, 3, 5, 7 a phone, 2 the web, 4, 6 a
    tablet, 33 a television, 0 another; ``progress`` in seconds, -1 to the end; ``business`` is
    archive, pgc or cheese.
    """

    favorite: bool = False
    type: int = 3
    sub_type: int = 0
    device: int = 0
    page: VideoPart | UnsetType = UNSET
    count: int | UnsetType = UNSET
    progress: int = 0
    view_at: int = 0
    kid: int = 0
    business: str = "archive"
    redirect_link: str = ""
    bangumi: WatchedEpisode | UnsetType = UNSET
    cheese: WatchedLesson | UnsetType = UNSET


class HistoryTarget(Struct):
    """What was viewed: ``business`` is the content type of the id ``oid``."""

    oid: int = 0
    epid: int = 0
    bvid: str = ""
    page: int = 0
    cid: int = 0
    part: str = ""
    business: str = ""
    dt: int = 0


class HistoryEntry(Struct):
    """An entry of the history."""

    title: str = ""
    long_title: str = ""
    cover: str = ""
    covers: list[str] | None = None
    uri: str = ""
    history: HistoryTarget = field(default_factory=HistoryTarget)
    videos: int = 0
    author_name: str = ""
    author_face: str = ""
    author_mid: int = 0
    view_at: int = 0
    progress: int = 0
    badge: str = ""
    show_title: str = ""
    duration: int = 0
    current: str = ""
    total: int = 0
    new_desc: str = ""
    is_finish: int = 0
    is_fav: int = 0
    kid: int = 0
    tag_name: str = ""
    live_status: int = 0


class HistoryCursor(Struct):
    """The last entry of a page: the next page starts after it."""

    max: int = 0
    view_at: int = 0
    business: str = ""
    ps: int = 20


class HistoryTab(Struct):
    """A tab of the history."""

    type: str = ""
    name: str = ""


class HistoryPage(Struct):
    """A page of the history."""

    cursor: HistoryCursor = field(default_factory=HistoryCursor)
    tab: list[HistoryTab] = []
    items: list[HistoryEntry] = field(name="list", default=[])


class ToviewVideo(Video):
    """A video of the watch-later list; ``progress`` in seconds, -1 if watched to the end."""

    page: VideoPart | UnsetType = UNSET
    count: int = 1
    progress: int = 0
    add_at: int = 0


class Toview(Struct):
    """The watch-later list, the last added first."""

    count: int = 0
    items: list[ToviewVideo] = field(name="list", default=[])


# --- notes ---


class NotedVideo(Struct):
    """The subject of a note; for a video ``aid`` and ``oid`` are equal."""

    oid: int = 0
    bvid: str | UnsetType = UNSET
    pic: str | UnsetType = UNSET
    desc: str | UnsetType = UNSET
    status: int = 0
    oid_type: int = 0
    aid: int = 0


class Note(Struct):
    """A note; ``mtime`` is a text, YYYY-MM-DD HH:MM."""

    id: int = field(name="note_id")
    title: str = ""
    summary: str = ""
    mtime: str = ""
    arc: NotedVideo = field(default_factory=NotedVideo)
    audit_status: int = 0
    web_url: str = ""
    note_id_str: str = ""
    message: str = ""
    forbid_note_entrance: bool = False
    likes: int = 0
    has_like: bool = False


class NotePage(Struct):
    """A page of notes; ``items`` is None if it is empty."""

    items: list[Note] | None = field(name="list", default=None)
    page: SizedPage = field(default_factory=SizedPage)


class NoteAuthor(Struct):
    """The author of a note."""

    mid: int
    name: str = ""
    face: str = ""
    level: int = 0
    vip_info: Loose = {}
    pendant: Loose = {}


class PublicNote(Struct):
    """A note that others can read; ``pubtime`` is a text, YYYY-MM-DD HH:MM."""

    id: int = field(name="cvid")
    title: str = ""
    summary: str = ""
    pubtime: str = ""
    web_url: str = ""
    message: str = ""
    author: NoteAuthor | None = None
    likes: int = 0
    has_like: bool = False


class PublicNotePage(Struct):
    """A page of public notes; ``items`` is None if it is empty."""

    items: list[PublicNote] | None = field(name="list", default=None)
    page: SizedPage = field(default_factory=SizedPage)


# --- logs and states ---


class Coins(Struct):
    """The balance of coins; None if it is 0."""

    money: int | float | None = None


class Experience(Struct):
    """Experience gained; ``time`` is a text, YYYY-MM-DD HH:MM:SS."""

    delta: int = 0
    time: str = ""
    reason: str = ""


class ExperienceLog(Struct):
    """Experience gained in the last week."""

    items: list[Experience] = field(name="list", default=[])
    count: int = 0


class SignIn(Struct):
    """A sign-in; the address is masked."""

    ip: str = ""
    time: int = 0
    time_at: str = ""
    status: bool = True
    type: int = 0
    geo: str = ""


class LoginLog(Struct):
    """Sign-ins, the latest first."""

    count: int = 0
    items: list[SignIn] = field(name="list", default=[])


class MoralLog(Struct):
    """The moral value, at most 70, and its changes, whose fields are not established."""

    moral: int = 70
    items: list[Loose] = field(name="list", default=[])
    count: int = 0


class Jury(Struct):
    """The state as a juror: ``status`` 0 never, 1 in term, 2 lapsed.

    ``apply_status`` is -1 lapsed, 0 just applied, 3 renewed, 5 waiting; ``term_end`` 0 for none.
    """

    allow_apply: bool = False
    apply_status: int = -1
    case_total: int = 0
    err_msg: str = ""
    face: str = ""
    status: int = 0
    term_end: int = 0
    uname: str = ""


class EventProfile(Struct):
    """The card of the account in ``Events``; further fields are not established."""

    name: str = ""
    jointime: int = 0
    sign: str = ""
    vip: Loose = {}
    identification: int = 0


class EventOwner(Struct):
    """The account of the events."""

    profile: EventProfile = field(default_factory=EventProfile)


class Event(Struct):
    """An event of the account (ours: the real endpoint's fields are not established)."""

    ts: int = 0
    title: str = ""


class Events(Struct):
    """The account's events; ``pfs`` is None without a sign-in, ``events`` is ours."""

    pfs: EventOwner | None = None
    events: list[Event] = []


# --- the report on followers ---


class FanSummary(Struct):
    """The day's counts of followers; other fields named ``new_…`` are not established."""

    total: int = 0
    inc: int = 0
    active: int = 0
    act_diff: int = 0
    new_act: int = 0
    new_act_diff: int = 0
    inter: int = 0
    elec: int = 0
    elec_diff: int = 0
    medal: int = 0
    mdl_diff: int = 0
    v: int = 0
    vv: int = 0
    dm: int = 0
    r: int = 0
    c: int = 0
    co: int = 0
    da: int = 0
    fv: int = 0
    lk: int = 0
    re: int = 0
    sh: int = 0
    live_dm: int = 0
    live_coin: int = 0


class RankedFan(Struct):
    """A follower in a ranking."""

    mid: int
    uname: str = ""
    photo: str = ""
    relation: int = 0
    receive_date: str = ""


class FanRanks(Struct):
    """Followers ranked by activity: dynamics, interactions with videos, plays."""

    dynamic_act: list[RankedFan] = []
    video_act: list[RankedFan] = []
    video_play: list[RankedFan] = []


class FanMedals(Struct):
    """Followers by medal; the type of ``medal`` is not established."""

    medal: Any = None


class FanSources(Struct):
    """Where followers came from."""

    article: int = 0
    audio: int = 0
    live: int = 0
    main: int = 0
    main_other: int = 0
    other: int = 0
    space: int = 0


class FanReport(Struct):
    """A report on the followers of an account."""

    summary: FanSummary = field(default_factory=FanSummary)
    rank_list: FanRanks = field(default_factory=FanRanks)
    rank_medal: FanMedals = field(default_factory=FanMedals)
    source: FanSources = field(default_factory=FanSources)
