"""The base class of the parts of ``User``."""

from __future__ import annotations

from typing import Any

from guanxi.contract.endpoint import Endpoint
from guanxi.sdk.credential import Credential
from guanxi.user import _clients


class About:
    """A user's uid, and the credential to request its data with."""

    def __init__(self, uid: int, credential: Credential | None = None) -> None:
        self._uid = uid
        self._credential = credential

    @property
    def credential(self) -> Credential:
        """The caller's credential; can be set. None selects that of ``using`` or the environment.

        Reading raises ``TypeError`` if it was set to any other type, ``ValueError`` if the
        environment's is invalid.
        """
        return _clients.account_of(self._credential)

    @credential.setter
    def credential(self, credential: Credential | None) -> None:
        self._credential = credential

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._uid})"

    def get_uid(self) -> int:
        """Return the user's mid (000). Sends nothing."""
        return self._uid

    async def _call(self, endpoint: Endpoint, params: dict[str, Any]) -> Any:
        return await _clients.call(endpoint, params, self._credential)
