"""A user by uid."""

from __future__ import annotations

from guanxi.user._account import Account
from guanxi.user._feed import Feed
from guanxi.user._relations import Relations
from guanxi.user._works import Works


class User(Account, Works, Feed, Relations):
    """A user by uid, as seen by an account (000, class User).

    Args:
        uid: the user's mid.
        credential: who is looking. None is whoever the environment names; with an own client in
            use (``using``), that client's account.
    """
