"""The credential of an account. Its secrets never appear in a repr or an error."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit

from guanxi.contract import errors

HIDDEN = "***"
#: Cookie name -> field.
_COOKIES = {
    "SESSDATA": "sessdata",
    "bili_jct": "bili_jct",
    "buvid3": "buvid3",
    "buvid4": "buvid4",
    "DedeUserID": "dedeuserid",
    "ac_time_value": "ac_time_value",
}
#: The cookies that requests carry; ac_time_value is only a parameter of a refresh.
_SENT = [item for item in _COOKIES.items() if item[0] != "ac_time_value"]
#: The characters that RFC 6265 allows in the value of a cookie.
_COOKIE_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
#: The fields that a refresh replaces.
_RENEWED = ("sessdata", "bili_jct", "dedeuserid", "ac_time_value")


@dataclass(frozen=True, repr=False, eq=False, slots=True)
class Credential:
    """The cookies or the app token that sign in an account; every part is optional.

    Immutable but for ``renew``, which a refresh uses to replace four parts in place, so that
    everything that holds the credential calls with the new ones. Equal by value; the hash covers
    only the parts that ``renew`` leaves alone. The repr masks every value.

    Args:
        sessdata: the cookie SESSDATA; percent-encoded here unless it contains a ``%``.
        bili_jct: the cookie bili_jct, which writes repeat as ``csrf``.
        buvid3: the cookie buvid3, a device id.
        buvid4: the cookie buvid4, a device id.
        dedeuserid: the cookie DedeUserID, the account's mid as text.
        ac_time_value: the refresh token; only a refresh sends it, and never as a cookie.
        proxy: the proxy of this account's requests, as ``http://user:password@host:port``.
        access_key: an app token, which signs in without cookies (ours: the documents' APP way).
        appkey: with ``appsec``, signs requests that carry the app token (ours).
        appsec: the secret of ``appkey`` (ours).

    Raises ``TypeError`` for a part that is not text, and ``ValueError`` for one that contains a
    character which cookies do not allow. Document 000.
    """

    sessdata: str | None = None
    bili_jct: str | None = None
    buvid3: str | None = None
    buvid4: str | None = None
    dedeuserid: str | None = None
    ac_time_value: str | None = None
    proxy: str | None = None
    _: KW_ONLY
    access_key: str | None = None
    appkey: str | None = None
    appsec: str | None = None

    def __post_init__(self) -> None:
        for name in self._names():
            if not isinstance(getattr(self, name), str | None):
                raise TypeError(f"{name}: must be a str or None")
        if self.sessdata and "%" not in self.sessdata:
            object.__setattr__(self, "sessdata", quote(self.sessdata))
        for name in _COOKIES.values():
            if not _COOKIE_VALUE.fullmatch(getattr(self, name) or ""):
                raise ValueError(f"{name}: contains a character that is not allowed in a cookie")

    @classmethod
    def from_cookies(cls, cookies: Mapping[str, str]) -> Self:
        """Return a credential made from a browser's cookies, a mapping of cookie name to value.

        Cookies that a credential has no part for are ignored; parts without a cookie are None.
        Raise ``ValueError`` for a value that cookies do not allow, ``TypeError`` for one that is
        not text.
        """
        parts: dict[str, Any] = {field: cookies.get(name) for name, field in _COOKIES.items()}
        return cls(**parts)

    @classmethod
    def from_environment(cls) -> Self:
        """Return a credential from the environment: GUANXI_SESSDATA and GUANXI_BILI_JCT, if set.

        Raise ``ValueError`` for a value that cookies do not allow.
        """
        return cls(os.environ.get("GUANXI_SESSDATA"), os.environ.get("GUANXI_BILI_JCT"))

    def get_cookies(self) -> dict[str, str]:
        """Return this credential's cookies by name, ac_time_value included; omit empty ones."""
        return {name: value for name, field in _COOKIES.items() if (value := getattr(self, field))}

    def cookie_header(self) -> str:
        """Return this credential's ``Cookie`` header value, without ac_time_value; "" if empty."""
        sent = [(name, getattr(self, field)) for name, field in _SENT]
        return "; ".join([f"{name}={value}" for name, value in sent if value])

    def conceal(self, value: Any) -> Any:
        """Return a copy of a text or decoded JSON with this credential's secrets masked (***).

        Its dedeuserid is not a secret.
        """
        return _conceal(value, self._secrets())

    def renew(self, fresh: Credential) -> None:
        """Replace this credential's sessdata, bili_jct, dedeuserid and ac_time_value in place.

        The new values are those of ``fresh``; a part that it lacks stays as it is.
        """
        for name in _RENEWED:
            if value := getattr(fresh, name):
                object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Credential):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self._names())

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, name) for name in self._names() if name not in _RENEWED))

    def has_sessdata(self) -> bool:
        """Return whether sessdata is set and not empty."""
        return bool(self.sessdata)

    def has_bili_jct(self) -> bool:
        """Return whether bili_jct is set and not empty."""
        return bool(self.bili_jct)

    def has_buvid3(self) -> bool:
        """Return whether buvid3 is set and not empty."""
        return bool(self.buvid3)

    def has_buvid4(self) -> bool:
        """Return whether buvid4 is set and not empty."""
        return bool(self.buvid4)

    def has_dedeuserid(self) -> bool:
        """Return whether dedeuserid is set and not empty."""
        return bool(self.dedeuserid)

    def has_ac_time_value(self) -> bool:
        """Return whether ac_time_value is set and not empty."""
        return bool(self.ac_time_value)

    def has_access_key(self) -> bool:
        """Return whether access_key is set and not empty."""
        return bool(self.access_key)

    def raise_for_no_sessdata(self) -> None:
        """Raise ``CredentialNoSessdataException`` if sessdata is missing or empty."""
        if not self.sessdata:
            raise errors.CredentialNoSessdataException

    def raise_for_no_bili_jct(self) -> None:
        """Raise ``CredentialNoBiliJctException`` if bili_jct is missing or empty."""
        if not self.bili_jct:
            raise errors.CredentialNoBiliJctException

    def raise_for_no_buvid3(self) -> None:
        """Raise ``CredentialNoBuvid3Exception`` if buvid3 is missing or empty."""
        if not self.buvid3:
            raise errors.CredentialNoBuvid3Exception

    def raise_for_no_buvid4(self) -> None:
        """Raise ``CredentialNoBuvid4Exception`` if buvid4 is missing or empty."""
        if not self.buvid4:
            raise errors.CredentialNoBuvid4Exception

    def raise_for_no_dedeuserid(self) -> None:
        """Raise ``CredentialNoDedeUserIDException`` if dedeuserid is missing or empty."""
        if not self.dedeuserid:
            raise errors.CredentialNoDedeUserIDException

    def raise_for_no_ac_time_value(self) -> None:
        """Raise ``CredentialNoAcTimeValueException`` if ac_time_value is missing or empty."""
        if not self.ac_time_value:
            raise errors.CredentialNoAcTimeValueException

    def __repr__(self) -> str:
        shown = (f"{name}={HIDDEN}" for name in self._names() if getattr(self, name))
        return f"Credential({', '.join(shown)})"

    @classmethod
    def _names(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls))

    def _secrets(self) -> tuple[str, ...]:
        """Return every secret of this credential, longest first.

        They include the decoded sessdata and the proxy's password, but not dedeuserid.
        """
        password = urlsplit(self.proxy).password if self.proxy else None
        plain = unquote(self.sessdata) if self.sessdata else None
        parts = (
            self.sessdata,
            plain,
            self.bili_jct,
            self.buvid3,
            self.buvid4,
            self.ac_time_value,
            self.access_key,
            self.appsec,
            password,
        )
        return tuple(sorted({part for part in parts if part}, key=len, reverse=True))


def _conceal(value: Any, secrets: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, HIDDEN)
        return value
    if isinstance(value, list):
        return [_conceal(item, secrets) for item in value]
    if isinstance(value, dict):
        return {_conceal(name, secrets): _conceal(item, secrets) for name, item in value.items()}
    return value
