"""Names of accounts: look up their mids, and check whether a name is free."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any, NoReturn, Self

from guanxi.contract import endpoints as e
from guanxi.contract.errors import AnswerException, ResponseCodeException
from guanxi.sdk.credential import Credential
from guanxi.user import _clients
from guanxi.user import _types as t


async def check_nickname(nick_name: str) -> tuple[bool, str]:
    """Return whether ``nick_name`` is valid and free, and the reason if it is not (000).

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
) -> t.NamedAccounts:
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
    found: t.NamedAccounts = await _clients.call(endpoint, {"names": wanted}, account)
    return found


class Done(dict[str, "list[t.NamedAccount]"]):
    """A dictionary that can also be awaited, with itself as the result.

    It has the methods of a coroutine, so that ``asyncio.run`` and ``sync`` accept it too.
    """

    def __await__(self) -> Generator[None, None, Self]:
        yield from ()
        return self

    def send(self, _value: None) -> NoReturn:
        """End at once, as a coroutine does that returns this dictionary."""
        raise StopIteration(self)

    def throw(self, error: BaseException, *_others: object) -> NoReturn:
        """Raise the error: there is nothing to interrupt."""
        raise error

    def close(self) -> None:
        """Do nothing: there is nothing to close."""


def name2uid_sync(names: str | Iterable[str]) -> Done:
    """Return the same as ``name2uid``, always signed out (001).

    The result is the dictionary; ``await name2uid_sync(...)`` is accepted as well, since 001 calls
    it a coroutine. It blocks the event loop if one is running.

    It raises the same errors, ``AnswerException`` if the data is not an object.
    """
    wanted = names.split(",") if isinstance(names, str) else names
    endpoint = e.LEGACY_NAME_TO_UID
    found: Any = _clients.sync(_clients.call(endpoint, {"names": wanted}, Credential()))
    if not isinstance(found, dict):
        raise AnswerException("the data is not an object", path="$.data", endpoint=endpoint.name)
    return Done(found)
