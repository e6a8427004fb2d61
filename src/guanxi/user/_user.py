"""The documented ``User``."""

from __future__ import annotations

from guanxi.user._account import Account
from guanxi.user._feed import Feed
from guanxi.user._relations import Relations
from guanxi.user._works import Works


class User(Account, Works, Feed, Relations):
    """A user by uid, as an account sees it (000, class User).

    Args:
        uid: the user's mid.
        credential: the caller's. None means the credential of the client of ``using``, or else
            the environment's.
    """
