"""What an account shows of itself beyond its card, and the rules of changing it."""

from __future__ import annotations

import unicodedata
from typing import Literal

from msgspec import Struct, field

from guanxi.contract import errors
from guanxi.contract import structs as s
from guanxi.contract.limits import Limits
from guanxi.world.kind import Kind

#: What an account may keep to itself besides its relations; asked for, it is 53013.
Hidden = Literal["bangumi", "tags", "courses", "medals"]
#: What experience a level begins at, by level.
LEVELS = (0, 1, 200, 1_500, 4_500, 10_800, 28_800)


class Profile(Struct, frozen=True, kw_only=True):
    """An account beyond its card. Name, face, signature, membership and verification are there."""

    #: 男, 女 or 保密.
    sex: str = "保密"
    #: YYYY-MM-DD, empty for none; only its month and day are told to others.
    birthday: str = ""
    experience: int = 0
    coins: int | float = 0
    #: 70 at most.
    moral: int = 70
    rank: int = 10_000
    is_senior: bool = False
    #: Seconds since 1970.
    joined: int = 0
    #: 0 none, 1 to 7 and 9 as ``structs.Official`` has them; the card has the rest.
    official_role: int = 0
    official_title: str = ""
    pendant: s.Pendant = field(default_factory=s.Pendant)
    nameplate: s.Nameplate = field(default_factory=s.Nameplate)
    fans_medal: s.FansMedal = field(default_factory=s.FansMedal)
    top_photo: str = ""
    school: str = ""
    profession: s.Profession = field(default_factory=s.Profession)
    tags: tuple[str, ...] = ()
    system_notice: s.SystemNotice = field(default_factory=s.SystemNotice)
    #: None without a live room. Whether it is live is the card's.
    live_room: s.LiveRoom | None = None
    #: Whether it takes support.
    supported: bool = False
    contract: bool = False
    email: bool = True
    telephone: bool = True
    identified: bool = False
    hides: frozenset[Hidden] = frozenset()


class Notice(Struct, frozen=True):
    """What stands at the head of a space."""

    text: str


PROFILE = Kind(name="profile", body=Profile)
NOTICE = Kind(name="notice", body=Notice)
LIKE_EFFECT = Kind(name="like_effect", body=s.LikeEffect)
JURY = Kind(name="jury", body=s.Jury)
FAN_REPORT = Kind(name="fan_report", body=s.FanReport)


def level_of(experience: int) -> int:
    """The level that an experience reaches."""
    return sum(experience >= least for least in LEVELS[1:])


def level_info(experience: int) -> s.LevelInfo:
    """The level, where it began and where the next one does (-1 at the highest)."""
    level = level_of(experience)
    following = LEVELS[level + 1] if level + 1 < len(LEVELS) else -1
    return s.LevelInfo(
        current_level=level,
        current_min=LEVELS[level],
        current_exp=experience,
        next_exp=following,
    )


def nickname_code(name: str, limits: Limits) -> int:
    """Why a nickname may not be (000, check_nickname), whoever has it; 0 where it may."""
    if len(name) > limits.nickname:
        return errors.NicknameTooLong.number
    if len(name) < limits.nickname_least:
        return errors.NicknameTooShort.number
    if not all(letter.isalnum() or letter in "-_" for letter in name):
        return errors.NicknameIllegal.number
    return 0


def signature_code(text: str, limits: Limits) -> int:
    """Why a signature may not be (000, edit_self_info); 0 where it may."""
    if len(text) > limits.signature:
        return errors.SignatureTooLong.number
    if any(unicodedata.category(letter) == "So" for letter in text):
        return errors.SignatureHasEmoji.number
    return 0


def notice_code(text: str, current: str, limits: Limits) -> int:
    """Why a notice may not be (000, set_space_notice); 0 where it may."""
    if len(text) > limits.notice:
        return errors.BadRequest.number
    return errors.NothingChanged.number if text == current else 0
