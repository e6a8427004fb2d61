"""Who may administer a service, and the record of what was done: tokens, scopes, audit entries."""

from __future__ import annotations

import re
from enum import StrEnum
from secrets import randbits, token_hex

from msgspec import Struct

#: The name of the token that the environment sets.
CONFIGURED = "configured"
#: Before the name of the system's user, who has used the command line. No token has such a name.
COMMAND_LINE = "cli:"
#: The longest name of a token.
MAX_NAME = 64
#: What a token begins with, by which scanners for secrets find one that was published.
PREFIX = "gxa_"
#: The number of an audit entry is the time in milliseconds, and so many random bits.
_RANDOM_BITS = 20
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_NAME - 1}}}")


class Scope(StrEnum):
    """What a token permits. None implies another, but whoever may read may read metrics too."""

    #: Read everything but secrets.
    READ = "read"
    #: Change everything, and sign anybody in.
    WRITE = "write"
    #: Read the metrics alone.
    METRICS = "metrics"


ALL_SCOPES = frozenset(Scope)


class AdminToken(Struct, frozen=True, kw_only=True):
    """An administration token as it is stored: by its digest. Times are Unix times in seconds."""

    name: str
    digest: bytes
    scopes: frozenset[Scope]
    created: int
    #: None for a token without an end.
    expires: int | None = None

    def __repr__(self) -> str:
        return f"AdminToken(name={self.name!r}, scopes={scopes_text(self.scopes)!r})"


class AuditEntry(Struct, frozen=True, kw_only=True):
    """One act of the administration: who did what to which account, and how it ended."""

    #: Unique; it rises with the time, see ``new_number``.
    number: int
    #: A token's name, or ``COMMAND_LINE`` and the name of the system's user.
    who: str
    #: The verb: method and route, or the command. It contains no parameter.
    what: str
    #: The account, and the one that it acts on; 0 for none.
    mid: int = 0
    target: int = 0
    #: What the verb says in addition, such as the new state or the name of a token; no secret.
    detail: str = ""
    #: The HTTP status, or the exit status of a command (0 is success). None: no outcome is known,
    #: because the process or the store failed meanwhile. The act may have been done.
    status: int | None = None
    #: The header ``x-request-id`` of the response; "" for a command.
    request_id: str = ""

    @property
    def time_ms(self) -> int:
        """Return when the act began, in milliseconds since the Unix epoch."""
        return self.number >> _RANDOM_BITS


def is_name(text: str) -> bool:
    """Return whether a text can be a token's name: 1 to 64 letters, digits, ``.``, ``_``, ``-``."""
    return _NAME.fullmatch(text) is not None


def new_admin_token() -> str:
    """Return a new administration token: ``PREFIX`` and 256 random bits as hexadecimal digits."""
    return PREFIX + token_hex(32)


def scopes_text(scopes: frozenset[Scope]) -> str:
    """Return scopes as one text, ordered and separated by commas."""
    return ",".join(scope for scope in Scope if scope in scopes)


def scopes_of(text: str) -> frozenset[Scope]:
    """Return the scopes of a text that ``scopes_text`` wrote; raise ValueError for an unknown."""
    return frozenset(Scope(name) for name in text.split(",") if name)


def new_number(time_ms: int, last: int = 0) -> int:
    """Return a new number of an audit entry that begins at a time, in Unix milliseconds.

    It follows ``last`` if that is of the same millisecond. Entries that two processes begin in one
    millisecond may have the same: the store refuses the second.
    """
    if last >> _RANDOM_BITS == time_ms:
        return last + 1
    return first_number(time_ms) | randbits(_RANDOM_BITS)


def first_number(time_ms: int) -> int:
    """Return the lowest number that an entry of a time can have."""
    return time_ms << _RANDOM_BITS
