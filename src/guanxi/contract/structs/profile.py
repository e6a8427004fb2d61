"""What the answers about an account itself hold: the card whole, as a space shows it."""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import UNSET, Struct, UnsetType, field

from guanxi.contract.structs.relation import VipLabel

#: An object that no document describes: whatever a server sends.
Loose: TypeAlias = dict[str, Any]


class Official(Struct):
    """Verification, whole.

    ``role`` is 0 none; 1, 2, 7, 9 a person (creator, big name, streamer, public figure); 3 to 6 an
    organisation (company, body, media, government). ``type`` is -1 none, 0 a person, 1 an
    organisation.
    """

    role: int = 0
    title: str = ""
    desc: str = ""
    type: int = -1


class ImageVipLabel(VipLabel):
    """How the membership is shown beside the name, pictures included."""

    use_img_label: bool = False
    img_label_uri_hans: str = ""
    img_label_uri_hant: str = ""
    img_label_uri_hans_static: str = ""
    img_label_uri_hant_static: str = ""


class Membership(Struct):
    """Membership, whole: ``type`` 0 none, 1 monthly, 2 annual or longer; ``status`` 1 if it runs.

    ``role`` is 1 monthly, 3 annual, 7 ten years, 15 a hundred years.
    """

    type: int = 0
    status: int = 0
    due_date_ms: int = field(name="due_date", default=0)
    vip_pay_type: int = 0
    theme_type: int = 0
    label: ImageVipLabel = field(default_factory=ImageVipLabel)
    avatar_subscript: int = 0
    nickname_color: str = ""
    role: int = 0
    avatar_subscript_url: str = ""
    tv_vip_status: int = 0
    tv_vip_pay_type: int = 0
    tv_due_date: int = 0


class Pendant(Struct):
    """The frame around the face; ``pid`` 0 for none."""

    pid: int = 0
    name: str = ""
    image: str = ""
    expire: int = 0
    image_enhance: str = ""
    image_enhance_frame: str = ""


class Nameplate(Struct):
    """The badge beside the name; ``nid`` 0 for none."""

    nid: int = 0
    name: str = ""
    image: str = ""
    image_small: str = ""
    level: str = ""
    condition: str = ""


class WornMedal(Struct):
    """The fan medal that an account wears."""

    uid: int = 0
    target_id: int = 0
    medal_id: int = 0
    level: int = 0
    medal_name: str = ""
    medal_color: int = 0
    intimacy: int = 0
    next_intimacy: int = 0
    day_limit: int = 0
    today_feed: int = 0
    medal_color_start: int = 0
    medal_color_end: int = 0
    medal_color_border: int = 0
    is_lighted: int = 0
    light_status: int = 0
    wearing_status: int = 0
    score: int = 0


class FansMedal(Struct):
    """Whether a medal is shown and worn, and which."""

    show: bool = False
    wear: bool = False
    medal: WornMedal | None = None


class HonourInfo(Struct):
    """Honours of the account; empty in every example."""

    mid: int = 0
    colour: Loose | None = None
    tags: list[Any] = []


class SystemNotice(Struct):
    """A notice of the service about the account; an empty object where there is none."""

    id: int | UnsetType = UNSET
    content: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    #: 1 or 2.
    notice_type: int | UnsetType = UNSET
    icon: str | UnsetType = UNSET
    text_color: str | UnsetType = UNSET
    bg_color: str | UnsetType = UNSET


class Watched(Struct):
    """How many watch a live room, as it is shown."""

    switch: bool = False
    num: int = 0
    text_small: str = ""
    text_large: str = ""
    icon: str = ""
    icon_location: str = ""
    icon_web: str = ""


class LiveRoom(Struct):
    """A live room: ``room_status`` 1 where there is one, ``live_status`` 1 while it is live."""

    room_status: int = field(name="roomStatus", default=0)
    live_status: int = field(name="liveStatus", default=0)
    url: str = ""
    title: str = ""
    cover: str = ""
    room_id: int = field(name="roomid", default=0)
    round_status: int = field(name="roundStatus", default=0)
    broadcast_type: int = 0
    watched_show: Watched = field(default_factory=Watched)


class School(Struct):
    """Where an account went to school."""

    name: str = ""


class Profession(Struct):
    """What an account does; ``is_show`` 1 where it is shown."""

    name: str = ""
    department: str = ""
    title: str = ""
    is_show: int = 0


class UpgradeWindow(Struct):
    """Whether the space tells of a rise in level."""

    user_upgrade_status: int = 0
    show_upgrade_window: bool = False


class ElecButton(Struct):
    """The button by which an account is supported; ``state`` 1 where it is open, -1 otherwise."""

    show: bool = False
    state: int = -1
    title: str = ""
    icon: str = ""
    jump_url: str = ""


class Elec(Struct):
    """Support of the account."""

    show_info: ElecButton = field(default_factory=ElecButton)


class ContractDisplay(Struct):
    """Whether the contract plan is offered on the space."""

    is_display: bool = False
    is_follow_display: bool = False


class UserInfo(Struct):
    """A space's account (用户空间详细信息).

    ``coins`` is told to the account itself alone, 0 to others; ``is_followed`` is the viewer's;
    ``birthday`` is MM-DD, empty where it is hidden; ``silence`` is 1 for a banned account.
    """

    mid: int
    name: str = ""
    #: 男, 女 or 保密.
    sex: str = "保密"
    face: str = ""
    face_nft: int = 0
    face_nft_type: int = 0
    sign: str = ""
    rank: int = 10_000
    level: int = 0
    jointime: int = 0
    moral: int = 0
    silence: int = 0
    coins: int | float = 0
    fans_badge: bool = False
    fans_medal: FansMedal = field(default_factory=FansMedal)
    official: Official = field(default_factory=Official)
    vip: Membership = field(default_factory=Membership)
    pendant: Pendant = field(default_factory=Pendant)
    nameplate: Nameplate = field(default_factory=Nameplate)
    user_honour_info: HonourInfo = field(default_factory=HonourInfo)
    is_followed: bool = False
    top_photo: str = ""
    theme: Loose = {}
    sys_notice: SystemNotice = field(default_factory=SystemNotice)
    live_room: LiveRoom | None = None
    birthday: str = ""
    school: School | None = field(default_factory=School)
    profession: Profession = field(default_factory=Profession)
    tags: list[str] | None = None
    series: UpgradeWindow = field(default_factory=UpgradeWindow)
    is_senior_member: int = 0
    mcn_info: Loose | None = None
    gaia_res_type: int = 0
    gaia_data: Loose | None = None
    is_risk: bool = False
    elec: Elec = field(default_factory=Elec)
    contract: ContractDisplay = field(default_factory=ContractDisplay)


class Author(Struct):
    """Whose something is."""

    mid: int
    name: str = ""
    face: str = ""


class LevelInfo(Struct):
    """A level and what it takes to the next."""

    current_level: int = 0
    current_min: int = 0
    current_exp: int = 0
    #: -1 or "--" at the highest level, by server.
    next_exp: int | str = 0
