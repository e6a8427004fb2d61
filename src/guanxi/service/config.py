"""How a service is set up: a profile, its limits, and what holds a process together.

Limits come from the profile, then a TOML file, then ``GUANXI_LIMIT_*`` in the environment; the last
one wins. A setting that does not exist, or cannot be, is refused by name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict, replace

from guanxi.contract.limits import OPEN, PROFILES, Limits, Profile, limit_sources

_PREFIX = "GUANXI_LIMIT_"
_Seconds = Annotated[float, Meta(gt=0, le=3600)]
_Count = Annotated[int, Meta(ge=1, le=2**31 - 1)]
_Most = Annotated[int, Meta(ge=0, le=2**31 - 1)]
_T = TypeVar("_T")


class SettingError(ValueError):
    """A setting that does not exist or cannot be; the text names it."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"配置错误 (bad setting) {name}: {reason}")


class Settings(Struct, frozen=True, kw_only=True):
    """What a service is started with."""

    profile: Profile = OPEN
    #: A request that takes longer is answered -504; a store gives up sooner by itself.
    request_seconds: _Seconds = 20.0
    #: Requests beyond so many at once, in one worker, are answered -503.
    requests_at_once: _Count = 1_000
    #: Write a log line for every request.
    log_requests: bool = False
    #: How many accounts' cards a worker keeps in memory for its lists; 0 keeps none.
    card_cache: _Most = 200_000
    #: How many seconds a list may tell a card as it was. One's own is always as it is.
    card_staleness: _Seconds = 30.0


class _File(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file may set."""

    profile: str | UnsetType = UNSET
    limits: dict[str, int] = {}
    request_seconds: _Seconds | UnsetType = UNSET
    requests_at_once: _Count | UnsetType = UNSET
    log_requests: bool | UnsetType = UNSET
    card_cache: _Most | UnsetType = UNSET
    card_staleness: _Seconds | UnsetType = UNSET


def load(
    profile: str | None = None, *, file: Path | None = None, environ: Mapping[str, str]
) -> Settings:
    """The settings of a service.

    ``profile`` is ``documented`` or ``open``; None takes the file's, or ``open``. A file may hold
    ``profile``, ``request_seconds``, ``requests_at_once``, ``log_requests``, ``card_cache``,
    ``card_staleness`` and a table ``limits``.
    ``SettingError`` for anything that does not exist or cannot be.
    """
    read = _read(file) if file else _File()
    given = {name: value for name, value in asdict(read).items() if value is not UNSET}
    limits = given.pop("limits")
    name = profile or given.pop("profile", OPEN.name)
    if name not in PROFILES:
        raise SettingError("profile", f"{name!r}; there are {', '.join(PROFILES)}")
    given["profile"] = with_limits(PROFILES[name], {**limits, **_limits_of(environ)})
    return replace(Settings(), **given)


def with_limits(profile: Profile, limits: Mapping[str, int | str]) -> Profile:
    """A profile with some limits changed. ``SettingError`` for one that cannot be."""
    for name in limits.keys() - limit_sources().keys():
        raise SettingError(f"limits.{name}", f"there are {', '.join(limit_sources())}")
    changed = {**asdict(profile.limits), **limits}
    return replace(profile, limits=_converted("limits", changed, Limits))


def _read(file: Path) -> _File:
    try:
        return _converted(str(file), tomllib.loads(file.read_text("utf-8")), _File)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(str(file), str(error)) from None


def _limits_of(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix(_PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(_PREFIX)
    }


def _converted(place: str, values: dict[str, Any], kind: type[_T]) -> _T:
    try:
        return msgspec.convert(values, kind, strict=kind is _File)
    except msgspec.ValidationError as error:
        raise SettingError(place, str(error)) from None
