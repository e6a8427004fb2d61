"""The interface of every store, in six parts, and the values that it accepts and returns.

A store applies the rules of ``graph`` to its rows. It knows nothing of HTTP, of who is signed in
or of what a viewer may see: the caller checks that.

Every coroutine raises ``StoreUnavailable`` when the store is closed, busy or out of reach, and
``StoreTimeout`` when it cannot know whether a write succeeded; a plain ``StoreError`` means that a
retry will not help, as with a damaged file. A write is one transaction, and is durable once its
coroutine returns. A read returns one snapshot.

A store belongs to the process and the event loop that opened it: elsewhere its verbs raise
``StoreError``. Open one store per process and loop, or use ``asyncio.run_coroutine_threadsafe``.
"""

from __future__ import annotations

from typing import Protocol

from guanxi.stores.port.accounts import Accounts
from guanxi.stores.port.administration import Administration
from guanxi.stores.port.content import Content, Documents, Query
from guanxi.stores.port.doctor import Distribution, Finding, Level
from guanxi.stores.port.erasing import Erasure, Erasures
from guanxi.stores.port.errors import (
    BadLine,
    CallerRefused,
    ChangesOff,
    CursorInvalid,
    CursorOfAnotherStore,
    CursorRefused,
    CursorTooOld,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreMissing,
    StoreReplaced,
    StoreTimeout,
    StoreUnavailable,
)
from guanxi.stores.port.feed import Changes, Feed, FeedItem, FeedStatus
from guanxi.stores.port.info import StoreInfo
from guanxi.stores.port.relations import Relations
from guanxi.stores.port.rows import (
    EMPTY_SLICE,
    NO_TALLY,
    REQUEST,
    About,
    AccountPage,
    AccountPlace,
    AccountQuery,
    AccountRow,
    EdgeRow,
    Fault,
    Follower,
    Grant,
    GroupRow,
    Imported,
    ListedAccount,
    OnContradiction,
    OnOtherTime,
    OwnedGroup,
    PlainFollow,
    PlainFollows,
    ReceivedRequest,
    Row,
    Rows,
    SentRequest,
    Slice,
    Suggestion,
    Tally,
)
from guanxi.stores.port.upkeep import Upkeep

__all__ = [
    "EMPTY_SLICE",
    "NO_TALLY",
    "REQUEST",
    "About",
    "AccountPage",
    "AccountPlace",
    "AccountQuery",
    "AccountRow",
    "Accounts",
    "Administration",
    "BadLine",
    "CallerRefused",
    "Changes",
    "ChangesOff",
    "Content",
    "CursorInvalid",
    "CursorOfAnotherStore",
    "CursorRefused",
    "CursorTooOld",
    "Distribution",
    "Documents",
    "EdgeRow",
    "Erasure",
    "Erasures",
    "Fault",
    "Feed",
    "FeedItem",
    "FeedStatus",
    "Finding",
    "Follower",
    "Grant",
    "GroupRow",
    "Imported",
    "Level",
    "ListedAccount",
    "OnContradiction",
    "OnOtherTime",
    "OwnedGroup",
    "PlainFollow",
    "PlainFollows",
    "Query",
    "ReceivedRequest",
    "Relations",
    "Row",
    "Rows",
    "SentRequest",
    "Slice",
    "Store",
    "StoreBusy",
    "StoreDamaged",
    "StoreError",
    "StoreInfo",
    "StoreMissing",
    "StoreReplaced",
    "StoreTimeout",
    "StoreUnavailable",
    "Suggestion",
    "Tally",
    "Upkeep",
]


class Store(Relations, Accounts, Content, Feed, Administration, Erasures, Upkeep, Protocol):
    """A whole store: all six parts of the interface."""
