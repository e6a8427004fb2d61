"""The erasure of an account, as far as it is the same in every engine: its stages, its record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct, field

from guanxi.accounts.account import DEREGISTERED_CARD, Account, Card, State
from guanxi.graph.feed import Record
from guanxi.stores.documents import document
from guanxi.stores.feed import account_records
from guanxi.stores.port import Erasure
from guanxi.world.kind import Entry
from guanxi.world.kinds import BY_NAME
from guanxi.world.mentions import MARKS, WITHOUT

#: How long one call of ``erase`` continues, and how long a part of it should last.
CALL_SECONDS, PART_SECONDS = 0.25, 0.01
#: How many erasures a read returns.
MOST_ERASURES = 1_000


class Stage(StrEnum):
    """What an erasure deletes next, in this order."""

    #: Nothing: acts end that began before the account was deregistered.
    WAITING = "waiting"
    #: Followings, followers, whispers, blocks and requests, with all that belongs to them.
    RELATIONS = "relations"
    GROUPS = "groups"
    #: Its own documents.
    DOCUMENTS = "documents"
    #: Documents of others that are about it alone, such as mutes.
    MARKS = "marks"
    #: What other documents of others say of it.
    MENTIONS = "mentions"
    ACCOUNT = "account"
    #: Its name and mid in the feed of changes.
    CHANGES = "changes"
    FINISHED = "finished"

    @property
    def next(self) -> Stage:
        """Return the stage after this one."""
        stages: list[Stage] = [*Stage]
        return stages[stages.index(self) + 1]


class Progress(Struct):
    """An erasure while a part of it is done."""

    mid: int
    begun: int
    stage: Stage
    #: Where the stage continues; [] at its beginning.
    position: list[Any] = []
    counts: Counter[str] = field(default_factory=Counter)
    finished: int = 0

    def enter(self, stage: Stage, now: int) -> None:
        """Begin a stage; ``now`` is in seconds since the Unix epoch."""
        self.stage, self.position = stage, []
        self.finished = now if stage is Stage.FINISHED else 0

    def row(self) -> tuple[int, int, str, str, str, int]:
        """Return the row that stores this."""
        position = msgspec.json.encode(self.position).decode()
        counts = msgspec.json.encode(+self.counts).decode()
        return self.mid, self.begun, self.stage.value, position, counts, self.finished

    def shown(self) -> Erasure:
        """Return this as the port has it."""
        return Erasure(
            mid=self.mid,
            begun=self.begun,
            stage=self.stage.value,
            counts=dict(+self.counts),
            finished=self.finished,
        )


def progress_of(row: Iterable[Any]) -> Progress:
    """Return the erasure that a row stores."""
    mid, begun, stage, position, counts, finished = row
    counted = Counter(msgspec.json.decode(counts, type=dict[str, int]))
    return Progress(mid, begun, Stage(stage), msgspec.json.decode(position), counted, finished)


def row_of(erasure: Erasure) -> tuple[int, int, str, str, str, int]:
    """Return the row of another store's erasure: its stage begins again."""
    counts, stage = Counter(erasure.counts), Stage(erasure.stage)
    return Progress(erasure.mid, erasure.begun, stage, [], counts, erasure.finished).row()


def deregistration(account: Account, card: Card) -> tuple[Account, list[Record]]:
    """Return an account as its erasure begins, and the records of that change."""
    after = msgspec.structs.replace(account, state=State.DEREGISTERED)
    return after, account_records((account, card), (after, DEREGISTERED_CARD))


def rewritten(kind: str, owner: int, id: int, body: bytes, mid: int) -> Entry | None:
    """Return another account's document without what it says of ``mid``; None if nothing is left.

    Raise ``StoreError``, which names the document, if it cannot be decoded.
    """
    declared = BY_NAME[kind]
    left = WITHOUT[kind](document(declared, owner, id, body), mid)
    return None if left is None else declared.entry(owner, left)


def named_by(entries: Iterable[Entry], *, owners: bool) -> set[int]:
    """Return the mids whose erasure forbids to store documents; of ``owners`` too if so."""
    entries = [*entries]
    named = {entry.id for entry in entries if entry.kind in MARKS}
    return named | {entry.owner for entry in entries} if owners else named


def is_of_erased(entry: Entry, erased: Collection[int]) -> bool:
    """Return whether a document is of an erased account, or a mark on one."""
    return entry.owner in erased or (entry.kind in MARKS and entry.id in erased)
