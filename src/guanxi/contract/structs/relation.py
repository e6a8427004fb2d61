"""Response data about relations."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType, field


class OfficialVerify(Struct):
    """Verification: ``type`` is -1 none, 0 a person, 1 an organisation."""

    type: int = -1
    desc: str = ""


class VipLabel(Struct):
    """The label of a membership next to the name."""

    path: str = ""
    text: str = ""
    label_theme: str = ""
    text_color: str = ""
    bg_style: int = 0
    bg_color: str = ""
    border_color: str = ""


class Vip(Struct):
    """Membership: ``type`` 0 none, 1 monthly, 2 annual or longer; ``status`` 1 while it runs."""

    type: int = field(name="vipType", default=0)
    due_date_ms: int = field(name="vipDueDate", default=0)
    due_remark: str = field(name="dueRemark", default="")
    access_status: int = field(name="accessStatus", default=0)
    status: int = field(name="vipStatus", default=0)
    status_warn: str = field(name="vipStatusWarn", default="")
    theme_type: int = field(name="themeType", default=0)
    label: VipLabel = field(default_factory=VipLabel)
    avatar_subscript: int = 0
    nickname_color: str = ""
    avatar_subscript_url: str = ""


class ContractInfo(Struct, omit_defaults=True):
    """The contract plan between the list's owner and the item; each field only when it holds."""

    is_contract: bool | UnsetType = UNSET
    is_contractor: bool | UnsetType = UNSET
    ts: int | UnsetType = UNSET
    user_attr: int | UnsetType = UNSET


class ItemTail(Struct):
    """The part of a list item that depends on the account only: stored encoded, then spliced."""

    uname: str = ""
    face: str = ""
    face_nft: int = 0
    sign: str = ""
    official_verify: OfficialVerify = field(default_factory=OfficialVerify)
    vip: Vip = field(default_factory=Vip)
    nft_icon: str = ""
    rec_reason: str = ""
    track_id: str = ""


class RelationItem(Struct):
    """One account of a list (关系列表对象).

    ``attribute`` is the viewer's relation to the item (0 none, 1 whisper, 2 following, 6 mutual,
    128 blocked); ``mtime``, ``tag`` (None in the default group) and ``special`` are the owner's.
    """

    mid: int
    attribute: int = 0
    mtime: int = 0
    tag: list[int] | None = None
    special: int = 0
    contract_info: ContractInfo = field(default_factory=ContractInfo)
    uname: str = ""
    face: str = ""
    face_nft: int = 0
    sign: str = ""
    official_verify: OfficialVerify = field(default_factory=OfficialVerify)
    vip: Vip = field(default_factory=Vip)
    nft_icon: str = ""
    rec_reason: str = ""
    track_id: str = ""


class RelationPage(Struct):
    """A page of a counted list; ``total`` is the true count, ``cursor`` only on request."""

    items: list[RelationItem] = field(name="list", default_factory=list)
    re_version: int = 0
    total: int = 0
    cursor: str | UnsetType = UNSET


class UncountedPage(Struct):
    """A list without a total: friends and whispers."""

    items: list[RelationItem] = field(name="list", default_factory=list)
    re_version: int = 0
    cursor: str | UnsetType = UNSET


class AppItem(Struct):
    """One account of the app. host's list; ``live`` is 1 while the account is live."""

    mid: int
    attribute: int = 0
    mtime: int = 0
    tag: list[int] | None = None
    special: int = 0
    uname: str = ""
    face: str = ""
    sign: str = ""
    official_verify: OfficialVerify = field(default_factory=OfficialVerify)
    vip: Vip = field(default_factory=Vip)
    live: int = 0


class AppPage(Struct):
    """A page of the app. host's list; ``items`` is None if the list is hidden."""

    items: list[AppItem] | None = field(name="list", default=None)
    re_version: int = 0
    total: int = 0
    cursor: str | UnsetType = UNSET


class GameItem(Struct):
    """One account of the biligame host's list; ``mid`` is a string there."""

    mid: str
    attribute: int = 0
    uname: str = ""
    face: str = ""


class GamePage(Struct):
    """A page of the biligame host's list."""

    items: list[GameItem] = field(name="list", default_factory=list)
    cursor: str | UnsetType = UNSET


class Requested(Struct):
    """A follow that became a request, which the other account may approve."""

    requested: bool = True


class FailedFids(Struct):
    """The members of a batch that were refused."""

    failed_fids: list[int] = field(default_factory=list)


class Relation(Struct):
    """The relation to an account (关系属性对象); ``mtime`` is 0 without a following."""

    mid: int
    attribute: int = 0
    mtime: int = 0
    tag: list[int] | None = None
    special: int = 0


class LegacyRelation(Struct):
    """As ``Relation``, from the struck-out endpoint of document 002."""

    mid: int
    attribute: int = 0
    mtime: int = 0
    tag: list[int] | None = None
    special: int = 0
    is_followed: bool = False


class MutualRelation(Struct):
    """Both directions between the caller and an account."""

    relation: Relation
    be_relation: Relation


class LegacyMutualRelation(Struct):
    """Both directions, from the struck-out endpoint of document 002."""

    relation: LegacyRelation
    be_relation: LegacyRelation


class Group(Struct):
    """A group of followings: -10 special, 0 the default group."""

    id: int = field(name="tagid")
    name: str = ""
    count: int = 0
    tip: str = ""


class Live(Struct):
    """Whether an account is live, and where."""

    live_status: int = 0
    jump_url: str = ""


class GroupMember(Struct):
    """A member of a group: the relation fields are empty there, ``live`` is an object."""

    mid: int
    attribute: int = 0
    tag: None = None
    special: int = 0
    contract_info: ContractInfo = field(default_factory=ContractInfo)
    uname: str = ""
    face: str = ""
    sign: str = ""
    face_nft: int = 0
    official_verify: OfficialVerify = field(default_factory=OfficialVerify)
    vip: Vip = field(default_factory=Vip)
    live: Live = field(default_factory=Live)
    nft_icon: str = ""
    rec_reason: str = ""
    track_id: str = ""


class GroupMemberPage(Struct):
    """A group's members, in a response by ``cursor`` (ours)."""

    items: list[GroupMember] = field(name="list", default_factory=list)
    cursor: str = ""


class MidPage(Struct):
    """A list of mids, in a response by ``cursor`` (ours)."""

    items: list[int] = field(name="list", default_factory=list)
    cursor: str = ""


class GroupCreated(Struct):
    """The id of a new group."""

    id: int = field(name="tagid")


class Stat(Struct):
    """Counts; ``whisper`` and ``black`` are 0 for everyone but the account itself."""

    mid: int
    following: int = 0
    whisper: int = 0
    black: int = 0
    follower: int = 0
