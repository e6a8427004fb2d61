"""Accounts in the wire's shapes, built from card and profile, and the reads that they need."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from guanxi.accounts.account import Account, Card, State, official_of, vip_of
from guanxi.accounts.rights import SHOWN, Part
from guanxi.contract import structs as s
from guanxi.graph.pair import Attribute
from guanxi.service.handling import Service
from guanxi.stores.port import Tally
from guanxi.world import clock
from guanxi.world.profile import PROFILE, Profile, level_info, level_of

#: The ``role`` of a current membership, by its type.
_VIP_ROLES = {1: 1, 2: 3}
_FOLLOWED = frozenset({Attribute.WHISPER, Attribute.FOLLOWING, Attribute.MUTUAL})


async def cards(service: Service, mids: Collection[int]) -> dict[int, Card]:
    """Return the card of each account in ``mids``, by mid; an empty card for an unknown account."""
    stored = await service.store.cards(list(mids))
    return {mid: stored.get(mid) or Card() for mid in mids}


async def card(service: Service, mid: int) -> Card:
    """Return the card of an account; an empty card if the account is unknown."""
    return (await cards(service, [mid]))[mid]


async def shows_space(service: Service, mid: int) -> bool:
    """Return whether the account's state lets its space be shown; True if it is unknown."""
    account = await service.store.account(mid)
    return account is None or SHOWN[account.state, Part.SPACE]


async def profile(service: Service, mid: int) -> Profile:
    """Return the profile of an account; the defaults if it has none, or its space is not shown."""
    if not await shows_space(service, mid):
        return Profile()
    return await service.store.get(PROFILE, mid) or Profile()


async def followed_mids(service: Service, viewer: int, mids: Collection[int]) -> set[int]:
    """Return those of ``mids`` that the viewer follows, even as a whisper; none for viewer 0."""
    if not viewer:
        return set()
    attributes = await service.store.attributes(viewer, list(mids))
    return {mid for mid, attribute in attributes.items() if attribute in _FOLLOWED}


async def authors(service: Service, mids: Collection[int]) -> dict[int, s.Author]:
    """Return each account as an author, by mid; name and face are "" if it does not exist."""
    by_mid = await cards(service, mids)
    return {mid: s.Author(mid, card.name, card.face) for mid, card in by_mid.items()}


def membership(card: Card) -> s.Membership:
    """Return a card's membership (大会员) in the long form that spaces show.

    ``role`` is 0 unless the membership is current.
    """
    vip = vip_of(card)
    label = vip.label
    return s.Membership(
        type=card.vip_type,
        status=card.vip_status,
        due_date_ms=card.vip_due_ms,
        label=s.ImageVipLabel(
            text=label.text,
            label_theme=label.label_theme,
            text_color=label.text_color,
            bg_style=label.bg_style,
            bg_color=label.bg_color,
        ),
        avatar_subscript=vip.avatar_subscript,
        nickname_color=vip.nickname_color,
        role=_VIP_ROLES.get(card.vip_type, 0) if card.vip_status else 0,
    )


def official(card: Card, profile: Profile) -> s.Official:
    """Return a verification (认证): type and text of the card, role and title of the profile."""
    return s.Official(
        role=profile.official_role,
        title=profile.official_title,
        desc=card.official_desc,
        type=card.official_type,
    )


def user_info(
    account: Account, card: Card, profile: Profile, *, own: bool, followed: bool
) -> s.UserInfo:
    """Return an account as its space shows it; of the birthday only month and day.

    ``own``: the viewer is the account itself; other viewers see 0 coins. ``followed``: the viewer
    follows the account.
    """
    room = profile.live_room
    if room is not None:
        room = replace(room, live_status=card.live, url=room.url or card.live_url)
    return s.UserInfo(
        mid=account.mid,
        name=card.name,
        sex=profile.sex,
        face=card.face,
        face_nft=card.face_nft,
        sign=card.sign,
        rank=profile.rank,
        level=level_of(profile.experience),
        silence=int(account.state is State.BANNED),
        coins=profile.coins if own else 0,
        fans_medal=profile.fans_medal,
        official=official(card, profile),
        vip=membership(card),
        pendant=profile.pendant,
        nameplate=profile.nameplate,
        is_followed=followed,
        top_photo=profile.top_photo,
        sys_notice=profile.system_notice,
        live_room=room,
        birthday=profile.birthday[5:],
        school=s.School(profile.school),
        profession=profile.profession,
        tags=list(profile.tags) or None,
        is_senior_member=int(profile.is_senior),
        elec=s.Elec(s.ElecButton(show=profile.supported, state=1 if profile.supported else -1)),
        contract=s.ContractDisplay(is_display=profile.contract),
    )


def my_info(account: Account, card: Card, profile: Profile, tally: Tally) -> s.MyInfo:
    """Return an account as the account itself sees it."""
    return s.MyInfo(
        mid=account.mid,
        name=card.name,
        sex=profile.sex,
        face=card.face,
        sign=card.sign,
        rank=profile.rank,
        level=level_of(profile.experience),
        jointime=profile.joined,
        moral=profile.moral,
        silence=int(account.state is State.BANNED),
        email_status=int(profile.email),
        tel_status=int(profile.telephone),
        identification=int(profile.identified),
        vip=membership(card),
        pendant=profile.pendant,
        nameplate=profile.nameplate,
        official=official(card, profile),
        birthday=_birthday(profile),
        profession=s.MyProfession(name=profile.profession.name, show_name=profile.profession.title),
        level_exp=level_info(profile.experience),
        coins=profile.coins,
        following=tally.following,
        follower=tally.follower,
    )


def _birthday(profile: Profile) -> int:
    """Return the Unix time of a birthday; 0 if it is empty or, in an import, no real day."""
    try:
        return clock.seconds_of_day(profile.birthday)
    except ValueError:
        return 0


def article_author(mid: int, card: Card, profile: Profile) -> s.ArticleAuthor:
    """Return an account as the author of articles."""
    return s.ArticleAuthor(
        mid=mid,
        name=card.name,
        face=card.face,
        pendant=profile.pendant,
        official_verify=official_of(card),
        nameplate=profile.nameplate,
        vip=membership(card),
    )


def note_author(mid: int, card: Card, profile: Profile) -> s.NoteAuthor:
    """Return an account as the author of notes."""
    return s.NoteAuthor(mid, card.name, card.face, level_of(profile.experience))


def dynamic_author(
    mid: int, card: Card, profile: Profile, *, following: bool | None
) -> s.DynamicAuthor:
    """Return an account as the author of dynamics in the newer feed.

    ``following``: whether the viewer follows the account; None without a session.
    """
    return s.DynamicAuthor(
        mid=mid,
        name=card.name,
        face=card.face,
        face_nft=bool(card.face_nft),
        following=following,
        jump_url=f"//space.bilibili.com/{mid}/dynamic",
        official_verify=official_of(card),
        pendant=profile.pendant,
        vip=membership(card),
    )


def old_user(mid: int, card: Card, profile: Profile) -> s.OldUserProfile:
    """Return an account as the author of dynamics in the older feed."""
    return s.OldUserProfile(
        info=s.OldUser(mid, card.name, card.face),
        card=s.OldUserCard(official_of(card)),
        vip=vip_of(card),
        pendant=profile.pendant,
        rank=str(profile.rank),
        sign=card.sign,
        level_info=level_info(profile.experience),
    )


def supporter(owner: int, mid: int, card: Card, rank: int) -> s.Supporter:
    """Return account ``mid`` as a supporter of ``owner``, with its rank and an empty message.

    ``card`` is the supporter's.
    """
    return s.Supporter(
        mid=owner,
        pay_mid=mid,
        uname=card.name,
        avatar=card.face,
        rank=rank,
        vip_info=s.SupporterVip(card.vip_due_ms, card.vip_status, card.vip_type),
    )
