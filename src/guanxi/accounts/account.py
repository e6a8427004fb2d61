"""An account: its state, its privacy switches and its card."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, IntEnum
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct
from msgspec.structs import replace

from guanxi.contract import structs as wire
from guanxi.contract.params import LATEST
from guanxi.contract.relations import DEREGISTERED_NAME


class State(IntEnum):
    """The state of an account.

    ``rights`` has what an account may do in each, and what is shown of it.
    """

    NORMAL = 0
    BANNED = 1
    DEREGISTERED = 2


#: The name of a state, as requests of the administration and tests give it.
StateName = Literal["normal", "banned", "deregistered"]
STATES: Mapping[StateName, State] = {
    "normal": State.NORMAL,
    "banned": State.BANNED,
    "deregistered": State.DEREGISTERED,
}


def state_named(name: str) -> State | None:
    """Return the state of a name, None if there is none."""
    return next((state for known, state in STATES.items() if known == name), None)


class Privacy(Struct, frozen=True, kw_only=True):
    """The privacy switches of an account."""

    hide_followings: bool = False
    hide_followers: bool = False
    refuse_follows: bool = False
    #: A follow makes a request, which the account approves or declines.
    approve_followers: bool = False


_Name = Annotated[str, Meta(max_length=64)]
_Line = Annotated[str, Meta(max_length=512)]
_Address = Annotated[str, Meta(max_length=2048)]
_Flag = Annotated[int, Meta(ge=0, le=1)]


class Card(Struct, frozen=True, kw_only=True):
    """What others see of an account in a list.

    The bounds are checked when a card is decoded, not when it is constructed.
    """

    name: _Name = ""
    face: _Address = ""
    face_nft: _Flag = 0
    sign: _Line = ""
    #: -1 not verified, 0 a person, 1 an organisation.
    official_type: Annotated[int, Meta(ge=-1, le=1)] = -1
    official_desc: _Line = ""
    #: The membership: 0 none, 1 monthly, 2 annual or longer; its end, in milliseconds since the
    #: Unix epoch; 1 while it is valid.
    vip_type: Annotated[int, Meta(ge=0, le=2)] = 0
    vip_due_ms: Annotated[int, Meta(ge=0, le=2**53)] = 0
    vip_status: _Flag = 0
    #: 1 while streaming live; the address of the stream.
    live: _Flag = 0
    live_url: _Address = ""
    nft_icon: _Address = ""


#: The mid, name, face and sign of an account: plain, as lists have many of them.
Brief: TypeAlias = tuple[int, str, str, str]


#: How many characters the reason of a ban may have.
MAX_REASON = 512


class Ban(Struct, frozen=True):
    """Why an account is banned, and until when."""

    #: For those who administer; the account and others do not see it.
    reason: Annotated[str, Meta(max_length=MAX_REASON)] = ""
    #: When it ends, in seconds since the Unix epoch; 0 for never.
    until: Annotated[int, Meta(ge=0, le=LATEST)] = 0


class Account(Struct, frozen=True, kw_only=True):
    """An account without its card."""

    mid: int
    state: State = State.NORMAL
    privacy: Privacy = Privacy()
    #: None unless the account is banned with a reason or an end.
    ban: Ban | None = None


def state_at(state: int, until: int, now: int) -> State:
    """Return the state of an account at ``now``, of a stored state and end of a ban.

    A ban that has ended counts as none, whether or not anybody lifted it. Times are in seconds
    since the Unix epoch; ``until`` is 0 for a ban without an end.
    """
    stored = State(state)
    return State.NORMAL if stored is State.BANNED and 0 < until <= now else stored


def stored_ban(state: int, reason: str, until: int) -> Ban | None:
    """Return the ban of a stored account, None without a reason and an end."""
    return Ban(reason, until) if state == State.BANNED and (reason or until) else None


def account_at(account: Account, now: int) -> Account:
    """Return an account as it is at ``now``: without a ban that has ended; see ``state_at``."""
    if account.ban is None:
        return account
    state = state_at(account.state, account.ban.until, now)
    return account if state is account.state else replace(account, state=state, ban=None)


#: The card of every deregistered account.
DEREGISTERED_CARD = Card(
    name=DEREGISTERED_NAME, face="https://i0.hdslb.com/bfs/face/member/noface.jpg"
)


class AccountEdit(Struct, frozen=True, kw_only=True):
    """A change of an account. Fields that ``card`` and ``privacy`` do not name stay as they are."""

    card: Mapping[str, str | int] = {}
    privacy: Mapping[str, bool] = {}
    #: None keeps the state.
    state: State | None = None
    #: With ``state`` BANNED: why, and until when; None for neither.
    ban: Ban | None = None
    #: When the account was created, in seconds since the Unix epoch; None keeps that, and is the
    #: time of the edit for an account that it creates.
    created: int | None = None
    #: The card that an unknown account starts with. None refuses an unknown account.
    new: Card | None = None
    #: The account's id in the application that uses guanxi; "" for none, None keeps it.
    key: str | None = None
    #: Refuse a new name that another account has.
    unique_name: bool = False
    #: The account itself makes the change: refuse it if it is banned.
    by_owner: bool = False


class EditRefusal(Enum):
    """Why an account was not changed."""

    UNKNOWN = "unknown"
    DEREGISTERED = "deregistered"
    BANNED = "banned"
    NAME_IN_USE = "name in use"
    KEY_IN_USE = "key in use"
    #: It is being erased, or was: its mid is not used again.
    ERASED = "erased"


def decide_account(
    mid: int,
    edit: AccountEdit,
    stored: tuple[Account, Card] | None,
    *,
    name_in_use: bool,
    key_in_use: bool = False,
) -> EditRefusal | tuple[Account, Card]:
    """Apply an edit; return the account and card to store, or why the edit is refused.

    ``stored`` is None for an unknown account: it starts with the card ``edit.new``; if that is
    None, the edit is refused. ``name_in_use``: another account has the name in ``edit.card``; if
    ``edit.unique_name`` is set, a change to that name is refused. ``key_in_use``: another account
    has ``edit.key``. For a deregistered account, an edit with a card, ``new``, a key or another
    state is refused. An account that the edit deregisters gets
    ``DEREGISTERED_CARD``. Raise TypeError for an unknown field name.
    """
    is_new = stored is None
    if stored is None and edit.new is not None:
        stored = Account(mid=mid), edit.new
    if stored is None:
        return EditRefusal.UNKNOWN
    account, card = stored
    if account.state is State.DEREGISTERED and (
        edit.card
        or edit.new is not None
        or edit.key
        or edit.state not in (None, State.DEREGISTERED)
    ):
        return EditRefusal.DEREGISTERED
    if edit.by_owner and account.state is State.BANNED:
        return EditRefusal.BANNED
    renamed = is_new or edit.card.get("name", card.name) != card.name
    if edit.unique_name and renamed and name_in_use:
        return EditRefusal.NAME_IN_USE
    if key_in_use:
        return EditRefusal.KEY_IN_USE
    ban = account.ban if edit.state is None else edit.ban if edit.state is State.BANNED else None
    account = replace(
        account,
        state=account.state if edit.state is None else edit.state,
        privacy=replace(account.privacy, **edit.privacy),
        ban=None if ban == Ban() else ban,
    )
    if account.state is State.DEREGISTERED:
        return account, DEREGISTERED_CARD
    return account, replace(card, **edit.card)


#: The text and the theme of a valid membership's label, by membership type.
_LABELS = {
    1: ("大会员", "vip"),
    2: ("年度大会员", "annual_vip"),
}
_VIP_COLOUR = "#FB7299"


def vip_of(card: Card) -> wire.Vip:
    """Return the card's membership in the form of a response.

    It has a label, colour and badge only while it is valid (``vip_status`` 1, ``vip_type`` 1 or 2).
    """
    vip = wire.Vip(type=card.vip_type, due_date_ms=card.vip_due_ms, status=card.vip_status)
    if card.vip_status and card.vip_type in _LABELS:
        text, theme = _LABELS[card.vip_type]
        vip.label = wire.VipLabel(
            text=text,
            label_theme=theme,
            text_color="#FFFFFF",
            bg_style=1,
            bg_color=_VIP_COLOUR,
        )
        vip.avatar_subscript = 1
        vip.nickname_color = _VIP_COLOUR
    return vip


def official_of(card: Card) -> wire.OfficialVerify:
    """Return the card's verification (type and text) in the form of a response."""
    return wire.OfficialVerify(type=card.official_type, desc=card.official_desc)


def tail_of(card: Card) -> wire.ItemTail:
    """Return the part of a list item in a response that depends on the account's card only."""
    return wire.ItemTail(
        uname=card.name,
        face=card.face,
        face_nft=card.face_nft,
        sign=card.sign,
        official_verify=official_of(card),
        vip=vip_of(card),
        nft_icon=card.nft_icon,
    )
