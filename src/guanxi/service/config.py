"""Settings of a service: a profile, its limits, and bounds for each process.

``options.py`` declares where each of them, and every other option of ``guanxi serve``, may be set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import asdict, replace

from guanxi.accounts.administrators import (
    CONFIGURED,
    AdminToken,
    Scope,
    is_name,
    scopes_text,
)
from guanxi.contract.limits import DOCUMENTED, OPEN, PROFILES, Limits, Profile, limit_sources
from guanxi.text import Text

_Seconds = Annotated[float, Meta(ge=0.001, le=3600)]
_Count = Annotated[int, Meta(ge=1, le=2**31 - 1)]
_SizeOrZero = Annotated[int, Meta(ge=0, le=2**31 - 1)]
_T = TypeVar("_T")


class SettingError(ValueError):
    """An unknown or invalid setting; the text names it."""

    def __init__(self, name: str, reason: str | Text) -> None:
        why = Text.of(reason)
        super().__init__(Text(f"配置错误 {name}：{why.zh}", f"bad setting {name}: {why.en}"))


class ConfiguredToken(Struct, frozen=True, forbid_unknown_fields=True):
    """An administration token of the settings, which hold its digest alone. The repr omits it."""

    #: The SHA-256 of the token's text, as 64 hexadecimal digits.
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    scopes: Annotated[list[Scope], Meta(min_length=1)]
    #: When it ends, with a time zone; None for no end.
    expires: Annotated[datetime, Meta(tz=True)] | None = None

    def __repr__(self) -> str:
        return f"ConfiguredToken(scopes={scopes_text(frozenset(self.scopes))!r})"


class Switches(Struct, frozen=True, kw_only=True):
    """Harsher readings of what the documents leave open, for the profile ``documented`` alone."""

    #: On followers and followings, a missing Referer answers -352, as a foreign one does.
    strict_referer: bool = False
    #: How many seconds old ``wts`` of a wbi signature may be, otherwise -403; 0 for any time.
    wbi_window: _SizeOrZero = 0


class Settings(Switches, frozen=True, kw_only=True):
    """The settings that a service starts with.

    Raise SettingError for a switch of the profile ``documented`` in another profile.
    """

    profile: Profile = OPEN
    #: A longer request is answered -504; the store's own time-outs are shorter.
    request_seconds: _Seconds = 20.0
    #: How many reads one worker handles at once, and how many writes; those beyond are answered
    #: -503.
    requests_at_once: _Count = 1_000
    #: Write a log line for every request.
    log_requests: bool = False
    #: How many requests a minute may sign in, change something, and read: of one account, beyond
    #: which they are answered -799, and of one address, -412. 0 for any number.
    sign_ins_by_account: _SizeOrZero = 60
    sign_ins_by_address: _SizeOrZero = 300
    writes_by_account: _SizeOrZero = 0
    writes_by_address: _SizeOrZero = 0
    reads_by_account: _SizeOrZero = 0
    reads_by_address: _SizeOrZero = 0
    #: How many accounts' cards a worker caches for lists; 0 disables the cache.
    card_cache: _SizeOrZero = 200_000
    #: How many seconds old a card in a list may be. The caller's own card is always current.
    card_staleness: _Seconds = 30.0
    #: Origins whose pages may call the endpoints from a browser, with cookies.
    cors_origins: tuple[str, ...] = ()
    #: The names by which the service may be called, besides localhost and IP addresses, otherwise
    #: HTTP 421; () for any. The administration is never called by others.
    allowed_hosts: tuple[str, ...] = ()
    #: Networks of proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8.
    trusted_proxies: tuple[str, ...] = ()

    #: Tokens of the administration, by name.
    admin_tokens: dict[str, ConfiguredToken] = {}
    #: How many days the audit log keeps what the administration did.
    audit_days: _Count = 365
    #: Where to write a line for each request: a file, "-" for standard error, "" for none.
    request_log: str = ""

    def tokens(self) -> tuple[AdminToken, ...]:
        """Return the administration's tokens of these settings."""
        return tuple(
            AdminToken(
                name=name,
                digest=bytes.fromhex(token.sha256),
                scopes=frozenset(token.scopes),
                created=0,
                expires=None if token.expires is None else int(token.expires.timestamp()),
            )
            for name, token in self.admin_tokens.items()
        )

    def __post_init__(self) -> None:
        for name in self.admin_tokens:
            if not is_name(name) or name == CONFIGURED:
                raise SettingError("admin_tokens", _bad_name(name))
        if self.profile.name != DOCUMENTED.name:
            for name in Switches.__struct_fields__:
                if getattr(self, name):
                    raise SettingError(name, _only_documented(self.profile.name))


def profile_named(name: str) -> Profile:
    """Return the profile of a name; raise SettingError if there is none."""
    if name not in PROFILES:
        raise SettingError("profile", not_one_of(name, PROFILES))
    return PROFILES[name]


def with_limits(profile: Profile, limits: Mapping[str, int | str]) -> Profile:
    """Return a copy of the profile with these limits, given by name as numbers or their text.

    Raise SettingError for an unknown name or an invalid value.
    """
    for name in limits.keys() - limit_sources().keys():
        raise SettingError(f"limits.{name}", not_one_of(name, limit_sources()))
    changed = {**asdict(profile.limits), **limits}
    return replace(profile, limits=_converted("limits", changed, Limits))


def _bad_name(name: str) -> Text:
    return Text(
        f"{name!r} 不能是口令的名称：字母、数字、点、下划线与连字符，且不是 {CONFIGURED}",
        f"{name!r} cannot name a token: letters, digits, dots, underscores and hyphens, and not"
        f" {CONFIGURED}",
    )


def _only_documented(profile: str) -> Text:
    return Text(
        f"只有 {DOCUMENTED.name} 有此开关，{profile} 没有",
        f"only the profile {DOCUMENTED.name} has this switch, {profile} has not",
    )


def not_one_of(name: object, known: Iterable[str]) -> Text:
    """Return why a name is not accepted: it is none of ``known``."""
    names = ", ".join(known)
    return Text(f"没有 {name!r}；可用：{names}", f"{name!r}; there are {names}")


def _converted(source: str, values: dict[str, Any], kind: type[_T]) -> _T:
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise SettingError(source, str(error)) from None
