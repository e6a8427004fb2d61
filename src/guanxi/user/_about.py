"""The base class of the parts of ``User``, and how it keeps its credential."""

from __future__ import annotations

from typing import Any, Self

from guanxi.contract.endpoint import Endpoint
from guanxi.sdk.credential import Credential
from guanxi.user import _clients


class Kept:
    """A credential that an object keeps: its copies share it, and its pickles leave it out.

    What is unpickled is signed out, unless None was kept.
    """

    __slots__ = ("credential",)

    def __init__(self, credential: Credential | None = None) -> None:
        self.credential = credential

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (Kept if self.credential is None else _signed_out), ()


def _signed_out() -> Kept:
    return Kept(Credential())


class About:
    """A user's uid, and the credential to request its data with."""

    # Mangled names: a subclass may have attributes of its own, such as _uid.
    __uid: int
    __kept: Kept

    def __init__(self, uid: int, credential: Credential | None = None) -> None:
        self.__uid = _clients.as_id("uid", uid)
        self.__kept = Kept(credential)

    @property
    def uid(self) -> int:
        """The user's mid. It cannot be changed: setting another one raises ``AttributeError``."""
        return self.__uid

    @uid.setter
    def uid(self, uid: int) -> None:
        if not hasattr(self, "_About__uid"):  # a subclass may set it before User.__init__
            self.__uid = _clients.as_id("uid", uid)
        elif _clients.as_id("uid", uid) != self.__uid:
            raise AttributeError(
                f"uid: cannot be changed; make another {type(self).__name__}", name="uid", obj=self
            )

    @property
    def credential(self) -> Credential:
        """The caller's credential; can be set. None selects that of ``using`` or the environment.

        A copy of the user has the same credential. A pickle contains none: after unpickling the
        user is signed out until the credential is set again, or None still if it was None.

        Reading raises ``TypeError`` if it was set to any other type, ``ValueError`` if the
        environment's is invalid.
        """
        return _clients.account_of(self.__kept.credential)

    @credential.setter
    def credential(self, credential: Credential | None) -> None:
        self.__kept = Kept(credential)

    @property
    def _given_credential(self) -> Credential | None:
        return self.__kept.credential

    def __repr__(self) -> str:
        return f"{type(self).__name__}({getattr(self, '_About__uid', 'no uid yet')})"

    def get_uid(self) -> int:
        """Return the user's mid (000). Sends nothing."""
        return self.__uid

    async def _call_endpoint(self, endpoint: Endpoint, params: dict[str, Any]) -> Any:
        return await _clients.call(endpoint, params, self.__kept.credential)
