"""Response data about accounts and their names."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType, field


class MemberCard(Struct):
    """An account with the mids it follows, from an old endpoint of the account. host."""

    mid: str
    name: str = ""
    face: str = ""
    sign: str = ""
    fans: int = 0
    attention: int = 0
    attentions: list[int] = field(default_factory=list)


class CardByMid(Struct):
    """The whole body of that old endpoint: it has no envelope.

    Only the failure -404 has a message and a reason; ``cursor`` only on request (ours).
    """

    ts: int = 0
    code: int = 0
    card: MemberCard | None = None
    cursor: str | UnsetType = UNSET
    message: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET


class NamedAccount(Struct):
    """A name and its account: ``uid`` is text at one endpoint and may be a number at the other."""

    name: str = ""
    uid: str | int = ""


class NamedAccounts(Struct):
    """The accounts that were found by name."""

    uid_list: list[NamedAccount] = field(default_factory=list)
