"""The caller's own account: relation lists, profile and logs. All need a sign-in."""

from __future__ import annotations

from typing import Any

from guanxi.contract import endpoints as e
from guanxi.contract.errors import AnswerException
from guanxi.sdk import answers
from guanxi.sdk.credential import Credential
from guanxi.user import _clients
from guanxi.user import _types as t


async def get_self_special_followings(
    credential: Credential | None, pn: int = 1, ps: int = 50
) -> list[int]:
    """Return one page of the mids in the caller's special group, newest first (000).

    The server has no pages here: the list is cut on this side. ``credential`` needs sessdata or an
    access_key; None: that of ``using`` or the environment. ``pn`` is the page, from 1; past the end
    it is empty. ``ps`` is the items per page, 1 to 100. Raises ``ValueError`` if one is invalid, or
    ``ApiException``.
    """
    page = _cut(pn, ps)
    _, mids = await _clients.whole(e.SPECIALS, {}, credential, least=page.stop)
    return mids[page]


async def get_self_whisper_followings(
    credential: Credential | None, pn: int = 1, ps: int = 50
) -> t.UncountedPage:
    """Return one page of the accounts that the caller follows silently, newest first (000).

    ``credential``, ``pn``, ``ps`` and errors are as in ``get_self_special_followings``. Here too
    the list is cut on this side.
    """
    page = _cut(pn, ps)
    data, items = await _clients.whole(e.WHISPERS, {}, credential, least=page.stop)
    data["list"] = items[page]
    whispers: t.UncountedPage = data
    return whispers


async def get_self_friends(credential: Credential | None) -> t.UncountedPage:
    """Return all accounts that the caller follows and that follow back, newest first (000).

    ``credential`` needs sessdata or an access_key; None: that of ``using`` or the environment.
    Raises ``ApiException``.
    """
    data, items = await _clients.whole(e.FRIENDS, {}, credential)
    data["list"] = items
    friends: t.UncountedPage = data
    return friends


async def get_self_black_list(
    credential: Credential | None, pn: int = 1, ps: int = 50
) -> t.RelationPage:
    """Return one page of the accounts that the caller blocks, newest first (000).

    ``credential`` needs sessdata or an access_key; None: that of ``using`` or the environment.
    ``pn`` is the page, from 1; ``ps`` the items per page, 1 to 100. Raises ``ValueError`` if one is
    invalid, or ``ApiException``.
    """
    page: t.RelationPage = await _clients.call(e.BLACKS, {"pn": pn, "ps": ps}, credential)
    return page


def _cut(pn: int, ps: int) -> slice:
    """Return which items of a whole list are page ``pn`` (from 1) of ``ps`` items.

    Raise ``TypeError`` or ``ValueError`` if one is invalid, by the rules of a paged list.
    """
    page = _clients.check(e.BLACKS, {"pn": pn, "ps": ps})
    end = page["pn"] * page["ps"]
    return slice(end - page["ps"], end)


async def get_self_info(credential: Credential | None) -> t.MyInfo:
    """Return the caller's own account (000).

    ``credential`` needs sessdata; None: that of ``using`` or the environment. Raises
    ``ApiException``.
    """
    info: t.MyInfo = await _clients.call(e.MY_INFO, {}, credential)
    return info


async def edit_self_info(
    birthday: str, sex: str, uname: str, usersign: str, credential: Credential | None
) -> dict[str, Any] | None:
    """Change the caller's birthday, sex, name and signature together (000).

    Args:
        birthday: as YYYY-MM-DD.
        sex: 男, 女 or 保密.
        uname: 2 to 16 letters, digits, ``-`` or ``_``; the current name to keep it.
        usersign: the signature, at most 70 characters, no emoji; empty deletes it.
        credential: needs sessdata and bili_jct; None: that of ``using`` or the environment.

    Returns None. Raises ``BadRequest`` (no such day), ``NicknameTooShort``, ``NicknameTooLong``,
    ``NicknameIllegal``, ``NicknameExists``, ``SignatureTooLong``, ``SignatureHasEmoji``, or another
    ``ApiException``; ``ValueError`` for another form of ``birthday`` or ``sex``.
    """
    done: dict[str, Any] | None = await _clients.call(
        e.EDIT,
        {"birthday": birthday, "sex": sex, "uname": uname, "usersign": usersign},
        credential,
    )
    return done


async def get_self_coins(credential: Credential | None = None) -> int | float | None:
    """Return the caller's number of coins, None for 0 (000).

    ``credential`` needs sessdata and dedeuserid; None: that of ``using`` or the environment, which
    needs only sessdata. Raises ``AnswerException`` if the data is not an object, or another
    ``ApiException``.
    """
    account = _clients.account_of(credential)
    account.raise_for_no_sessdata()
    if credential is not None:
        account.raise_for_no_dedeuserid()
    coins: t.Coins = await _clients.call(e.COINS, {}, account)
    if not isinstance(coins, dict):
        raise AnswerException("the data is not an object", path="$.data", endpoint=e.COINS.name)
    money: int | float | None = answers.at(coins, "money")
    return money


async def get_self_jury_info(credential: Credential | None = None) -> t.Jury:
    """Return the caller's status as a juror (000); ``status`` is 0 for one who never was a juror.

    ``credential`` needs sessdata or an access_key; None: that of ``using`` or the environment.
    Raises ``ApiException``.
    """
    jury: t.Jury = await _clients.call(e.JURY, {}, credential)
    return jury


async def get_self_experience_log(credential: Credential | None) -> t.ExperienceLog:
    """Return the changes of the caller's experience in the last week, newest first (000).

    guanxi's service counts the week back from the newest change. ``credential`` needs sessdata;
    None: that of ``using`` or the environment. Raises ``ApiException``.
    """
    log: t.ExperienceLog = await _clients.call(e.EXPERIENCE_LOG, {}, credential)
    return log


async def get_self_moral_log(credential: Credential | None) -> t.MoralLog:
    """Return the caller's moral value and its changes, newest first (000).

    ``credential`` needs sessdata; None: that of ``using`` or the environment. Raises
    ``ApiException``.
    """
    log: t.MoralLog = await _clients.call(e.MORAL_LOG, {}, credential)
    return log


async def get_self_login_log(credential: Credential | None) -> t.LoginLog:
    """Return when and from where the caller signed in, newest first (000).

    ``credential`` needs sessdata; None: that of ``using`` or the environment. Raises
    ``ApiException``.
    """
    log: t.LoginLog = await _clients.call(e.LOGIN_LOG, {}, credential)
    return log


async def get_self_events(ts: int = 0, credential: Credential | None = None) -> t.Events:
    """Return the events of the caller's account from the time ``ts`` on, earliest first (000).

    Deprecated: later clients no longer have it.

    Args:
        ts: seconds since the Unix epoch.
        credential: needs sessdata; None: that of ``using`` or the environment.

    Raises ``ValueError`` for a negative ``ts``, or ``ApiException``.
    """
    events: t.Events = await _clients.call(e.EVENTS, {"ts": ts}, credential)
    return events
