"""The documented ``User``."""

from __future__ import annotations

from guanxi.user._account import Account
from guanxi.user._feed import Feed
from guanxi.user._relations import Relations
from guanxi.user._works import Works


class User(Account, Works, Feed, Relations):
    """A user by uid, as an account sees it (000, class User).

    Args:
        uid: the user's mid, a number or its digits as text.
        credential: the caller's. None means the credential of the client of ``using``, or else
            the environment's, also for writes; see GUANXI_NO_DEFAULT_CREDENTIAL in
            docs/user-module.md.

    It can be copied and pickled; ``credential`` says what happens to the credential. A subclass may
    have any attributes of its own, set before or after ``User.__init__``, and other bases: it calls
    no other ``__init__``. Raises ``ArgsException`` if ``uid`` is neither.
    """
