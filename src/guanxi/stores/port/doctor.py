"""What a server and its settings are found to be, for the operator of a store."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from guanxi.text import Text


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    #: It works, and will be slow or fail one day.
    WARNING = "warning"
    #: Something does not work, or an answered write is not safe.
    ERROR = "error"


class Finding(Struct, frozen=True):
    """The result of one check, and what to do if it is not in order."""

    check: str
    level: Level
    found: Text
    advice: Text | None = None


class Distribution(Struct, frozen=True):
    """How the tables of a store are distributed over the nodes of Citus."""

    #: The tables that are not distributed yet.
    pending: list[str]
    #: The number of shards of each table; None if none is distributed.
    shards: int | None
    #: The active nodes that hold shards.
    nodes: int
    #: The planner's estimate of the rows of relations, 0 if there is none.
    about_rows: int
