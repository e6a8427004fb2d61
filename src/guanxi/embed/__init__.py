"""The graph inside a program of your own: as a library, and as an application to mount."""

from __future__ import annotations

from guanxi.embed.batch import Batch, Result
from guanxi.embed.graph import Graph
from guanxi.embed.mounted import Mounted, application
from guanxi.embed.sync import SyncGraph
from guanxi.embed.values import (
    Counts,
    Erased,
    Group,
    Imported,
    Item,
    Mute,
    Page,
    Person,
    Relation,
    Suggested,
)
from guanxi.stores.port import (
    Changes,
    ChangesOff,
    CursorInvalid,
    CursorOfAnotherStore,
    CursorTooOld,
    FeedItem,
    StoreBusy,
    StoreError,
    StoreTimeout,
    StoreUnavailable,
)

__all__ = [
    "Batch",
    "Changes",
    "ChangesOff",
    "Counts",
    "CursorInvalid",
    "CursorOfAnotherStore",
    "CursorTooOld",
    "Erased",
    "FeedItem",
    "Graph",
    "Group",
    "Imported",
    "Item",
    "Mounted",
    "Mute",
    "Page",
    "Person",
    "Relation",
    "Result",
    "StoreBusy",
    "StoreError",
    "StoreTimeout",
    "StoreUnavailable",
    "Suggested",
    "SyncGraph",
    "application",
]
