"""What the answers about accounts and their names hold."""

from __future__ import annotations

from msgspec import Struct, field


class MemberCard(Struct):
    """An account with the mids it follows, as an old endpoint of account. gave it."""

    mid: str
    name: str = ""
    face: str = ""
    sign: str = ""
    fans: int = 0
    attention: int = 0
    attentions: list[int] = field(default_factory=list)


class CardByMid(Struct):
    """The whole body of that old endpoint: it has no envelope."""

    ts: int = 0
    code: int = 0
    card: MemberCard | None = None


class NamedAccount(Struct):
    """A name and whose it is: ``uid`` is text at one address and may be a number at the other."""

    name: str = ""
    uid: str | int = ""


class NamedAccounts(Struct):
    """The accounts of those names that have one."""

    uid_list: list[NamedAccount] = field(default_factory=list)
