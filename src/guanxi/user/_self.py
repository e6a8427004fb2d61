"""One's own lists. Each needs sessdata, or an access_key."""

from __future__ import annotations

from guanxi.contract import endpoints as e
from guanxi.sdk.credential import Credential
from guanxi.user import _clients
from guanxi.user._shapes import RelationPage, UncountedPage


async def get_self_special_followings(
    credential: Credential | None, pn: int = 1, ps: int = 50
) -> list[int]:
    """The mids that one follows specially (000, get_self_special_followings).

    ``pn`` and ``ps`` are sent, as documented; the server answers with all in any case.
    """
    mids: list[int] = await _clients.call(e.SPECIALS, {"pn": pn, "ps": ps}, credential)
    return mids


async def get_self_whisper_followings(
    credential: Credential | None, pn: int = 1, ps: int = 50
) -> UncountedPage:
    """Whom one follows in silence (000, get_self_whisper_followings). None can be added.

    ``pn`` and ``ps`` are sent, as documented; the server answers with all in any case.
    """
    page: UncountedPage = await _clients.call(e.WHISPERS, {"pn": pn, "ps": ps}, credential)
    return page


async def get_self_friends(credential: Credential | None) -> UncountedPage:
    """Whom one follows and is followed by (000, get_self_friends)."""
    page: UncountedPage = await _clients.call(e.FRIENDS, {}, credential)
    return page


async def get_self_black_list(
    credential: Credential | None, pn: int = 1, ps: int = 50
) -> RelationPage:
    """Whom one blocks (000, get_self_black_list).

    ``pn`` is the page, from 1; ``ps`` items a page, 1 to 100.
    """
    page: RelationPage = await _clients.call(e.BLACKS, {"pn": pn, "ps": ps}, credential)
    return page
