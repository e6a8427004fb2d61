"""Response data about an account itself: the complete profile that a space shows."""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import UNSET, Struct, UnsetType, field

from guanxi.contract.structs.relation import VipLabel

#: An object that no document describes, as the server sends it.
Loose: TypeAlias = dict[str, Any]


class Official(Struct):
    """The complete verification.

    ``role`` is 0 none; 1, 2, 7, 9 a person (creator, big name, streamer, public figure); 3 to 6 an
    organisation (company, body, media, government). ``type`` is -1 none, 0 a person, 1 an
    organisation.
    """

    role: int = 0
    title: str = ""
    desc: str = ""
    type: int = -1


class ImageVipLabel(VipLabel):
    """The label of a membership next to the name, with its pictures."""

    use_img_label: bool = False
    img_label_uri_hans: str = ""
    img_label_uri_hant: str = ""
    img_label_uri_hans_static: str = ""
    img_label_uri_hant_static: str = ""


class Membership(Struct):
    """The complete membership: ``type`` 0 none, 1 monthly, 2 annual or longer; ``status`` 1 active.

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
    """The badge next to the name; ``nid`` 0 for none."""

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
    """A notice of the service about the account; an empty object if there is none."""

    id: int | UnsetType = UNSET
    content: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    #: 1 or 2.
    notice_type: int | UnsetType = UNSET
    icon: str | UnsetType = UNSET
    text_color: str | UnsetType = UNSET
    bg_color: str | UnsetType = UNSET


class Watched(Struct):
    """The number of viewers of a live room, as shown."""

    switch: bool = False
    num: int = 0
    text_small: str = ""
    text_large: str = ""
    icon: str = ""
    icon_location: str = ""
    icon_web: str = ""


class LiveRoom(Struct):
    """A live room: ``room_status`` 1 if there is one, ``live_status`` 1 while it is live."""

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
    """The school of an account."""

    name: str = ""


class Profession(Struct):
    """The profession of an account; ``is_show`` 1 if it is shown."""

    name: str = ""
    department: str = ""
    title: str = ""
    is_show: int = 0


class UpgradeWindow(Struct):
    """Whether the space announces a new level."""

    user_upgrade_status: int = 0
    show_upgrade_window: bool = False


class ElecButton(Struct):
    """The button for supporting an account; ``state`` 1 if open, -1 otherwise."""

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

    ``coins`` is 0 for everyone but the account itself; ``is_followed`` is the viewer's;
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
    """An author."""

    mid: int
    name: str = ""
    face: str = ""


class LevelInfo(Struct):
    """A level, and the experience that the next one needs."""

    current_level: int = 0
    current_min: int = 0
    current_exp: int = 0
    #: -1 or "--" at the highest level, by server.
    next_exp: int | str = 0
