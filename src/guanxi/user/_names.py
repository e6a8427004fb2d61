"""Names of accounts: look up their mids, and check whether a name is free."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from guanxi.contract import endpoints as e
from guanxi.contract.errors import ResponseCodeException
from guanxi.sdk.credential import Credential
from guanxi.user import _clients

if TYPE_CHECKING:
    from guanxi.user._shapes import NamedAccounts


async def check_nickname(nick_name: str) -> tuple[bool, str]:
    """Return whether a name is valid and free, and the reason if it is not (000).

    Returns ``(True, "")``, or ``(False, reason)`` with the server's code and message, whatever the
    code. Raises ``NetworkException`` or ``AnswerException`` if the request fails.
    """
    try:
        await _clients.call(e.CHECK_NICKNAME, {"nickName": nick_name}, Credential())
    except ResponseCodeException as error:
        return False, str(error)
    return True, ""


async def name2uid(
    names: str | Iterable[str], credential: Credential | None = None
) -> NamedAccounts:
    """Return the mids of accounts by their exact names, as ``uid_list`` (000, 001).

    Names that no account has are omitted.

    Args:
        names: one name, several joined by commas, or an iterable of names; 1 to 50.
        credential: needs sessdata (000). None: that of ``using`` or the environment; if that has
            none, the request is sent signed out (001); an explicit empty ``Credential()`` is
            refused.

    Raises ``ValueError`` for another number of names, or ``ApiException``.
    """
    account = _clients.account_of(credential)
    anonymous = credential is None and not account.has_sessdata()
    endpoint = e.LEGACY_NAME_TO_UID if anonymous else e.NAME_TO_UID
    wanted = names.split(",") if isinstance(names, str) else names
    found: NamedAccounts = await _clients.call(endpoint, {"names": wanted}, account)
    return found


def name2uid_sync(names: str | Iterable[str]) -> NamedAccounts:
    """Return the same as ``name2uid``, without ``await``, always signed out (001).

    It raises the same errors. It blocks the event loop if one is running.
    """
    wanted = names.split(",") if isinstance(names, str) else names
    found: NamedAccounts = _clients.sync(
        _clients.call(e.LEGACY_NAME_TO_UID, {"names": wanted}, Credential())
    )
    return found
