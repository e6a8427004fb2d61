"""Names of accounts: whose they are, and whether they are free."""

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
    """Whether a name may be taken, and if not, why not (000, check_nickname).

    Returns ``(True, "")``, or ``(False, …)`` with the server's code and message: a code is told and
    not raised.
    """
    try:
        await _clients.call(e.CHECK_NICKNAME, {"nickName": nick_name}, Credential())
    except ResponseCodeException as refused:
        return False, str(refused)
    return True, ""


async def name2uid(
    names: str | Iterable[str], credential: Credential | None = None
) -> NamedAccounts:
    """The mids of accounts by their exact names, as ``uid_list`` (000, 001, name2uid).

    Args:
        names: one name, several joined by commas, or a list of names; 50 at most.
        credential: needs sessdata (000). Without one, given or in the environment, it asks as
            document 001 does, without a sign-in; an explicit empty ``Credential()`` is refused.

    Names that nobody has are left out.
    """
    account = _clients.account_of(credential)
    anonymous = credential is None and not account.has_sessdata()
    endpoint = e.LEGACY_NAME_TO_UID if anonymous else e.NAME_TO_UID
    wanted = names.split(",") if isinstance(names, str) else names
    found: NamedAccounts = await _clients.call(endpoint, {"names": wanted}, account)
    return found


def name2uid_sync(names: str | Iterable[str]) -> NamedAccounts:
    """``name2uid`` without a sign-in, as a plain call (001, name2uid_sync)."""
    wanted = names.split(",") if isinstance(names, str) else names
    found: NamedAccounts = _clients.sync(
        _clients.call(e.LEGACY_NAME_TO_UID, {"names": wanted}, Credential())
    )
    return found
