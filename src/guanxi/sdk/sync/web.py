# Made by `make generate` from src/guanxi/sdk/aio/web.py.
# Do not edit: edit that instead.

"""What clients of the relation endpoints need besides, typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.contract import endpoints as e
from guanxi.contract import structs as s

if TYPE_CHECKING:
    from guanxi.sdk.sync.client import SyncClient


class WebArea:
    """``client.web``."""

    def __init__(self, client: SyncClient) -> None:
        self._client = client

    def nav(self) -> s.Nav:
        """Who is signed in, and the wbi keys of the day (000, credentials and wbi).

        Signed out it answers too: ``is_login`` is False, and the keys are all there is.
        """
        return self._client.nav()

    def buvid(self) -> s.Buvids:
        """A pair of device ids (ours: clients of the documents ask for it; guanxi does not)."""
        return self._client.ask(e.BUVID, s.Buvids)

    def device_report(self) -> s.Ignored:
        """Send an empty device report (ours).

        It is here to try a service with, which takes and forgets it. Nothing in guanxi calls it.
        """
        return self._client.ask(e.DEVICE_REPORT, s.Ignored)

    def attentions(self, mid: int) -> list[int]:
        """The mids that an account follows (000, get_all_followings in later clients).

        The documents' own host has given this up; a guanxi service still answers it.

        Args:
            mid: the account, from 1.

        Raises ``NotSignedIn``, ``BadRequest``.
        """
        return self._client.ask(e.ATTENTIONS, list[int], mid=mid)
