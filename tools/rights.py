"""The table of docs/security.md that says who gets what from each endpoint.

It is derived from the contract and from the rights of an account's state, which the service uses
too. tests/service/test_who.py compares it with a list that was written by hand, and with what a
service answers.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from guanxi.accounts.account import State
from guanxi.accounts.rights import CALLER
from guanxi.contract import errors
from guanxi.contract.endpoint import ACCESS_KEY, COOKIE, Does, Endpoint
from guanxi.contract.endpoints import ENDPOINTS, LEGACY_MUTUAL, MUTUAL
from guanxi.contract.params import wire_types
from tools.markdown import table

PAGE = "docs/security.md"
_TABLE = re.compile(r"(<!-- who -->\n).*?(<!-- end -->\n)", re.S)


class Sender(Enum):
    """A kind of caller, with its words in the head of the table."""

    NOBODY = "nobody, or a session that ended"
    COOKIE = "cookie"
    WRONG_CSRF = "cookie, csrf missing or not its own"
    ACCESS_KEY = "`access_key`"
    OTHER_APP = "`access_key`, signed by another app"
    BANNED = "cookie of a banned account"


_WAYS = {Sender.NOBODY: "", Sender.ACCESS_KEY: ACCESS_KEY, Sender.OTHER_APP: ACCESS_KEY}
#: The parameters that name the account whose lists or space are shown.
_OWNERS = frozenset({"mid", "vmid", "uid", "up_mid", "target_id", "host_mid", "host_uid", "biz_id"})
#: Those that name accounts to which the caller has a relation.
_OTHERS = frozenset({"fid", "fids"})
#: The codes with which an account's list or a part of its space is hidden from others.
_HIDING = frozenset({errors.FollowingsHidden.number, errors.FollowersHidden.number, 53013})


def code(endpoint: Endpoint, sender: Sender) -> int:
    """Return the code of the service's answer to a valid request of such a caller; 0 for none."""
    way = _WAYS.get(sender, COOKIE)
    if way not in endpoint.auth:
        if endpoint.needs_session:
            return errors.NotSignedIn.number
        way = ""
    if sender is Sender.WRONG_CSRF and endpoint.writes:
        return errors.CsrfFailed.number
    if sender is Sender.OTHER_APP and endpoint.app_signed:
        return errors.AccessDenied.number
    state = State.BANNED if sender is Sender.BANNED else State.NORMAL
    return CALLER[state, endpoint.does] if way else 0


def shows(endpoint: Endpoint) -> str:
    """Return whose data an endpoint shows or changes."""
    names = wire_types(endpoint.params).keys()
    if endpoint.does is Does.SIGN_IN:
        return "opens or closes the caller's own sessions"
    if endpoint.does is Does.WRITE:
        return "changes the caller's own account, and its side of relations"
    if endpoint in (MUTUAL, LEGACY_MUTUAL) or names & _OTHERS:
        return "the caller's own relation to the accounts that it names"
    if names & _OWNERS:
        hidden = sorted(endpoint.own_codes & _HIDING)
        unless = f", unless it hides that ({', '.join(map(str, hidden))})" if hidden else ""
        return f"what the named account shows to everybody{unless}"
    if endpoint.needs_session and "names" not in names:
        return "the caller's own data"
    return "the same to everybody"


def page(root: Path) -> str:
    """Return docs/security.md with its table as the contract has it."""
    text = (root / PAGE).read_text("utf-8")
    return _TABLE.sub(lambda found: found[1] + who() + found[2], text)


def who() -> str:
    """Return the table: a row for the endpoints of which all the same is true."""
    rows: dict[tuple[str | int, ...], list[str]] = defaultdict(list)
    for endpoint in ENDPOINTS:
        codes = tuple(code(endpoint, sender) for sender in Sender)
        rows[(shows(endpoint), *codes)].append(f"`{endpoint.name}`")
    return table(("endpoints", *(one.value for one in Sender), "what it gets"), _rows(rows))


def _rows(rows: dict[tuple[str | int, ...], list[str]]) -> Iterator[tuple[str, ...]]:
    for (shown, *codes), names in sorted(rows.items(), key=lambda row: (row[0][0], row[1])):
        yield (", ".join(sorted(names)), *(str(one) if one else "yes" for one in codes), str(shown))
