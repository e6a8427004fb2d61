"""Write the tables of docs/coming-from-bilibili-api.md; its other text is written by hand.

The names are those of documents 000 and 001. A name without a note in ``NOTES`` is the same here as
in the documents, which includes its arguments: one whose arguments differ must have a note.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection
from enum import Enum
from pathlib import Path
from typing import Any

from guanxi import user
from guanxi.contract import errors
from tools.markdown import table

PAGE = "docs/coming-from-bilibili-api.md"
_ROOT = Path(__file__).resolve().parents[1]
_BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->\n)", re.S)

_REFERRED = "referred to"
_EITHER_ORDER = "positional arguments in the documents' order or in the published package's"
_OLDER = "releases 16 only; here too"
_BY_ID = "ids may be text"
_WHOLE = "the whole list, or `ListIncomplete`"
_PLEASE_CHECK = "checked before it is sent: an invalid value is an `ArgsException`"

#: What differs from the documents, or what a reader of the original may not expect, by name.
NOTES = {
    "Credential": "also `guanxi.Credential`; a part is checked when it is assigned",
    "Credential.refresh": "needs the extra `crypto`; ends the old session last",
    "RelationType": (
        "`SUBSCRIBE_SECRETLY` is refused by the server (`BadRequest`), as the documents say that it"
        " no longer works; the published package lacks it"
    ),
    "User": "subclasses, `copy` and `pickle` work; a pickle has no secrets",
    "User.__init__": "`uid` may be text; `uid` is readable and cannot be set to another",
    "User.get_access_id": "cached until it expires",
    "User.get_album": "the documents' host has withdrawn it; your own service answers",
    "User.get_all_followings": f"mids, newest first: {_WHOLE}; empty if the user hides it",
    "User.get_articles": _EITHER_ORDER,
    "User.get_channel_list": (
        "without arguments all channels, as in the documents; `pn` and `ps` select one page, as in"
        " release 17.4.2"
    ),
    "User.get_channel_videos_series": _EITHER_ORDER,
    "User.get_cheese": _WHOLE,
    "User.get_followers": "the documents' hosts show the first 1,000, also to the owner",
    "User.get_followings": "the documents' hosts show the first 100 of another account's list",
    "User.get_relation": "accepts the `uid` of document 001 too",
    "User.get_subscribed_bangumi": _EITHER_ORDER,
    "User.get_user_info_sync": _OLDER,
    "User.modify_relation": (
        "after a `NetworkException`, look at the relation before you repeat it: the change may have"
        " been made"
    ),
    "User.top_followers": "of the caller, as in the original; `since` in milliseconds",
    "check_nickname": "the reason is our sentence, with the server's code and message in it",
    "create_subscribe_group": "without a credential the environment's account",
    "edit_self_info": _PLEASE_CHECK,
    "get_self_coins": (
        "may be called without arguments, as the documents show it; a credential that is given"
        " needs `dedeuserid`"
    ),
    "get_self_events": "deprecated; release 17.4.2 no longer has it",
    "get_self_jury_info": "may be called without arguments, as the documents show it",
    "get_self_special_followings": "`pn` and `ps` select from the whole list, on the client's side",
    "get_self_whisper_followings": "`pn` and `ps` select from the whole list, on the client's side",
    "name2uid": "signed out if neither the call nor the environment has a credential",
    "name2uid_sync": f"{_OLDER}, called plainly or awaited",
    "set_subscribe_group": f"at most 50 accounts in a call; {_BY_ID}",
    "sync": "also `guanxi.sync`; inside a running loop it uses a thread, as in the original",
}
#: The exceptions of release 17.4.2 that belong to parts of the package which are not here.
_ELSEWHERE = {
    "DanmakuClosedException": "comments in videos",
    "DynamicExceedImagesException": "posts",
    "ExClimbWuzhiException": "device reports",
    "GeetestException": "captchas",
    "LiveException": "live rooms",
    "LoginError": "sign-in by password",
    "ResponseException": "other modules",
    "VideoUploadException": "uploads",
}
_EXCEPTIONS = (
    "ApiException",
    "ArgsException",
    "CookiesRefreshException",
    "CredentialNoAcTimeValueException",
    "CredentialNoBiliJctException",
    "CredentialNoBuvid3Exception",
    "CredentialNoBuvid4Exception",
    "CredentialNoDedeUserIDException",
    "CredentialNoSessdataException",
    "InitialStateException",
    "NetworkException",
    "ResponseCodeException",
    "StatementException",
    "WbiRetryTimesExceedException",
)


def page(documented: list[dict[str, Any]], referred: Collection[str]) -> str:
    """Return the page with current tables.

    ``documented`` are the names that documents 000 and 001 define, ``referred`` those that they
    only refer to. Raise ValueError for a note of a name that no document has, for a name whose
    arguments differ without a note, and if the page has other blocks than its two tables.
    """
    tables = {"exceptions": exceptions(), "names": names(documented, referred)}
    text = (_ROOT / PAGE).read_text("utf-8")
    if [found[2] for found in _BLOCK.finditer(text)] != list(tables):
        raise ValueError(f"{PAGE}: the blocks of its tables are missing")
    return _BLOCK.sub(lambda found: f"{found[1]}{tables[found[2]]}{found[3]}", text)


def names(documented: list[dict[str, Any]], referred: Collection[str]) -> str:
    """Return the table of names: one row for each, in the documents' order.

    Raise AttributeError for a name that ``guanxi.user`` lacks, and ValueError as ``page``.
    """
    rows = []
    for entry in documented:
        name = entry["name"]
        note = NOTES.get(name)
        if note is None and _arguments(name) != _documented_arguments(entry):
            raise ValueError(f"NOTES: {name} has other arguments than documented, and no note")
        documents = ", ".join(entry["documents"]) or _REFERRED
        rows.append((f"`{name}`", documents, note or "the same"))
    for name in referred:
        _named(name)
        rows.append((f"`{name}`", _REFERRED, NOTES.get(name, "the same")))
    if unknown := NOTES.keys() - {entry["name"] for entry in documented} - set(referred):
        raise ValueError(f"NOTES: no document has {', '.join(sorted(unknown))}")
    return table(("name", "documents", "here"), rows)


def exceptions() -> str:
    """Return the table of the original's exceptions, with what each means here."""
    rows = [(f"`{name}`", _first_line(getattr(errors, name))) for name in _EXCEPTIONS]
    rows += [(f"`{name}`", f"not here: {part}") for name, part in _ELSEWHERE.items()]
    return table(("exception", "here"), rows)


def _named(name: str) -> Any:
    """Return what ``guanxi.user`` has by a name such as ``User.get_videos``."""
    value: Any = user
    for part in name.split("."):
        value = getattr(value, part)
    return value


def _arguments(name: str) -> list[tuple[str, str]]:
    """Return the names and defaults of a function's arguments; empty for a class."""
    value = _named(name)
    if isinstance(value, type):
        return []
    return [
        (one.name, "" if one.default is one.empty else _written(one.default))
        for one in inspect.signature(value).parameters.values()
        if one.name != "self"
    ]


def _written(default: object) -> str:
    return str(default) if isinstance(default, Enum) else repr(default)


def _documented_arguments(entry: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["name"], one.get("default", "")) for one in entry.get("parameters", ())]


def _first_line(kind: type[errors.ApiException]) -> str:
    """Return the first sentence of an exception's docstring."""
    text = (inspect.getdoc(kind) or "").partition("\n\n")[0]
    return " ".join(text.split()).replace("``", "`")
