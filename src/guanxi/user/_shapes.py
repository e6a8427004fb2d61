# Made by `make generate` from src/guanxi/contract/structs.py.
# Do not edit: edit that instead.

"""What the documented module returns: the answers' data, as it is decoded."""

import builtins
from typing import NotRequired, TypedDict


class OfficialVerify(TypedDict):
    """Verification: ``type`` is -1 none, 0 a person, 1 an organisation."""

    type: int
    desc: str


class VipLabel(TypedDict):
    """How the membership is shown beside the name."""

    path: str
    text: str
    label_theme: str
    text_color: str
    bg_style: int
    bg_color: str
    border_color: str


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
    """A page of a counted list; ``total`` is the true count, ``cursor`` is there on request."""

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
    """A page of the app. host's list; ``items`` is None where the list is hidden."""

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
    """One's relation to an account (关系属性对象); ``mtime`` is 0 without a following."""

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
    """The id of a group just made."""

    tagid: int


class Stat(TypedDict):
    """Counts; ``whisper`` and ``black`` are 0 unless one's own."""

    mid: int
    following: int
    whisper: int
    black: int
    follower: int


class WbiImages(TypedDict):
    """The two addresses whose file names are the wbi keys of the day."""

    img_url: str
    sub_url: str


class Nav(TypedDict):
    """Who is signed in, and the wbi keys; only the keys are there when nobody is."""

    isLogin: bool
    wbi_img: WbiImages
    mid: NotRequired[int]
    uname: NotRequired[str]
    face: NotRequired[str]
    vipType: NotRequired[int]
    vipStatus: NotRequired[int]
    vipDueDate: NotRequired[int]


class Buvids(TypedDict):
    """A pair of device ids that clients ask for."""

    b_3: str
    b_4: str


class Ignored(TypedDict):
    """The answer to what the service takes and forgets."""


class MemberCard(TypedDict):
    """An account with the mids it follows, as an old endpoint of account. gave it."""

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
