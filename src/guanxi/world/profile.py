"""The profile of an account, which adds to its card; levels; rules for names and texts."""

from __future__ import annotations

import unicodedata
from collections.abc import Set
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from guanxi.contract import errors
from guanxi.contract import structs as s
from guanxi.contract.limits import Limits
from guanxi.world.kind import Kind

#: The parts of a space that an account may hide from others.
Hidden = Literal["bangumi", "tags", "courses", "medals"]
#: The experience at which each level begins, by level.
LEVELS = (0, 1, 200, 1_500, 4_500, 10_800, 28_800)


class Profile(Struct, frozen=True, kw_only=True):
    """A profile: what a space shows in addition to the card.

    Name, face, signature, membership and verification are in the card.
    """

    #: 男, 女 or 保密.
    sex: str = "保密"
    #: YYYY-MM-DD, or empty. Others see only month and day.
    birthday: str = ""
    experience: int = 0
    coins: int | float = 0
    #: At most 70.
    moral: int = 70
    rank: int = 10_000
    is_senior: bool = False
    #: Unix time of registration, in seconds.
    joined: int = 0
    #: 0 for none; 1 to 7 and 9 as in ``structs.Official``. The card has type and description.
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
    #: None without a live room. The card has whether it is live.
    live_room: s.LiveRoom | None = None
    #: Whether it accepts paid support (充电).
    supported: bool = False
    contract: bool = False
    email: bool = True
    telephone: bool = True
    identified: bool = False
    #: What others may not read.
    hides: frozenset[Hidden] = frozenset()


class Notice(Struct, frozen=True):
    """The notice at the head of a space."""

    text: str


PROFILE = Kind(name="profile", body=Profile)
NOTICE = Kind(name="notice", body=Notice)
LIKE_EFFECT = Kind(name="like_effect", body=s.LikeEffect)
JURY = Kind(name="jury", body=s.Jury)
FAN_REPORT = Kind(name="fan_report", body=s.FanReport)


def level_of(experience: int) -> int:
    """Return the level of an account with this experience, from 0 to 6."""
    return sum(experience >= minimum for minimum in LEVELS[1:])


def level_info(experience: int) -> s.LevelInfo:
    """Return the level at this experience and its bounds; ``next_exp`` is -1 at the last level."""
    level = level_of(experience)
    next_minimum = LEVELS[level + 1] if level + 1 < len(LEVELS) else -1
    return s.LevelInfo(
        current_level=level,
        current_min=LEVELS[level],
        current_exp=experience,
        next_exp=next_minimum,
    )


def report_since(report: s.FanReport, since: Set[int]) -> s.FanReport:
    """Return a fan report of a time, in which the followers ``since`` (mids) began to follow.

    Its rankings have only those, in the same order, and ``inc`` is their number.
    """
    ranks = report.rank_list
    return replace(
        report,
        summary=replace(report.summary, inc=len(since)),
        rank_list=s.FanRanks(
            dynamic_act=[fan for fan in ranks.dynamic_act if fan.mid in since],
            video_act=[fan for fan in ranks.video_act if fan.mid in since],
            video_play=[fan for fan in ranks.video_play if fan.mid in since],
        ),
    )


def nickname_code(name: str, limits: Limits) -> int:
    """Return the error code of an invalid nickname, or 0 if it is valid (000, check_nickname).

    40005: too long; 40006: too short; 40004: a character other than letters and digits of any
    script, - and _. Whether an account has the name is not checked.
    """
    if len(name) > limits.nickname:
        return errors.NicknameTooLong.number
    if len(name) < limits.nickname_least:
        return errors.NicknameTooShort.number
    if not all(character.isalnum() or character in "-_" for character in name):
        return errors.NicknameIllegal.number
    return 0


def signature_code(text: str, limits: Limits) -> int:
    """Return the error code of an invalid signature, or 0 if it is valid (000, edit_self_info).

    40022: too long; 40021: an emoji, which is any character of the Unicode category So.
    """
    if len(text) > limits.signature:
        return errors.SignatureTooLong.number
    if any(unicodedata.category(character) == "So" for character in text):
        return errors.SignatureHasEmoji.number
    return 0


def notice_code(text: str, current: str, limits: Limits) -> int:
    """Return the error code for replacing the notice ``current`` by ``text``, or 0.

    -400 if ``text`` is too long, -304 if it is unchanged (000, set_space_notice).
    """
    if len(text) > limits.notice:
        return errors.BadRequest.number
    return errors.NothingChanged.number if text == current else 0
