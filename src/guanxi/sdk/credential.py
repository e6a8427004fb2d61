"""Who is calling: the parts of a sign-in, which nothing ever shows."""

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
#: Those that travel in requests: the last is for refreshing alone.
_SENT = [item for item in _COOKIES.items() if item[0] != "ac_time_value"]
#: What RFC 6265 lets a cookie's value hold.
_COOKIE_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")


#: What a refresh replaces.
_RENEWED = ("sessdata", "bili_jct", "dedeuserid", "ac_time_value")


@dataclass(frozen=True, repr=False, eq=False, slots=True)
class Credential:
    """The parts of a sign-in; each may be missing. Equal by value, and never shown by ``repr``.

    Nothing assigns to its parts. A refresh alone replaces four of them in place (``renew``), so
    that all who hold the credential call with the new ones. Its hash rests on the other parts: it
    stays as it is, and those that are equal have the same.

    Args:
        sessdata: the cookie SESSDATA. Percent-encoded here unless it holds a ``%`` already.
        bili_jct: the cookie bili_jct, which writes repeat as ``csrf``.
        buvid3: the cookie buvid3, a device id.
        buvid4: the cookie buvid4, a device id.
        dedeuserid: the cookie DedeUserID, the account's mid as text.
        ac_time_value: the token that a refresh needs; no cookie carries it, and no other request.
        proxy: where this account's requests pass through, as ``http://user:password@host:port``.
        access_key: an app token: signs in without cookies (ours: the documents' APP way).
        appkey: with ``appsec``, signs what goes with the app token (ours).
        appsec: the secret of ``appkey`` (ours).

    Raises ``TypeError`` for a part that is not text, and ``ValueError`` for one that no cookie can
    hold. Document 000.
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
                raise TypeError(f"{name}: must be text or None")
        if self.sessdata and "%" not in self.sessdata:
            object.__setattr__(self, "sessdata", quote(self.sessdata))
        for name in _COOKIES.values():
            if not _COOKIE_VALUE.fullmatch(getattr(self, name) or ""):
                raise ValueError(f"{name}: holds a character that a cookie cannot hold")

    @classmethod
    def from_cookies(cls, cookies: Mapping[str, str]) -> Self:
        """Of a browser's cookies, by the names that they have there; other cookies are left out."""
        known: dict[str, Any] = {field: cookies.get(name) for name, field in _COOKIES.items()}
        return cls(**known)

    @classmethod
    def from_environment(cls) -> Self:
        """Of GUANXI_SESSDATA and GUANXI_BILI_JCT; empty where neither is set."""
        return cls(os.environ.get("GUANXI_SESSDATA"), os.environ.get("GUANXI_BILI_JCT"))

    def get_cookies(self) -> dict[str, str]:
        """The cookies that are set, by name."""
        return {name: value for name, field in _COOKIES.items() if (value := getattr(self, field))}

    def cookie_header(self) -> str:
        """The cookies as a request carries them; empty where none is set."""
        sent = [(name, getattr(self, field)) for name, field in _SENT]
        return "; ".join([f"{name}={value}" for name, value in sent if value])

    def conceal(self, value: Any) -> Any:
        """A decoded answer, or a text, with every secret of this credential hidden in it."""
        return _conceal(value, self._secrets())

    def renew(self, fresh: Credential) -> None:
        """Take over sessdata, bili_jct, dedeuserid and ac_time_value where ``fresh`` has them.

        What ``client.login.refresh`` does with the answer of a refresh, in place.
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
        """Whether sessdata is set."""
        return bool(self.sessdata)

    def has_bili_jct(self) -> bool:
        """Whether bili_jct is set."""
        return bool(self.bili_jct)

    def has_buvid3(self) -> bool:
        """Whether buvid3 is set."""
        return bool(self.buvid3)

    def has_buvid4(self) -> bool:
        """Whether buvid4 is set."""
        return bool(self.buvid4)

    def has_dedeuserid(self) -> bool:
        """Whether dedeuserid is set."""
        return bool(self.dedeuserid)

    def has_ac_time_value(self) -> bool:
        """Whether ac_time_value is set."""
        return bool(self.ac_time_value)

    def has_access_key(self) -> bool:
        """Whether access_key is set."""
        return bool(self.access_key)

    def raise_for_no_sessdata(self) -> None:
        """Raise ``CredentialNoSessdataException`` unless sessdata is set."""
        if not self.sessdata:
            raise errors.CredentialNoSessdataException

    def raise_for_no_bili_jct(self) -> None:
        """Raise ``CredentialNoBiliJctException`` unless bili_jct is set."""
        if not self.bili_jct:
            raise errors.CredentialNoBiliJctException

    def raise_for_no_buvid3(self) -> None:
        """Raise ``CredentialNoBuvid3Exception`` unless buvid3 is set."""
        if not self.buvid3:
            raise errors.CredentialNoBuvid3Exception

    def raise_for_no_buvid4(self) -> None:
        """Raise ``CredentialNoBuvid4Exception`` unless buvid4 is set."""
        if not self.buvid4:
            raise errors.CredentialNoBuvid4Exception

    def raise_for_no_dedeuserid(self) -> None:
        """Raise ``CredentialNoDedeUserIDException`` unless dedeuserid is set."""
        if not self.dedeuserid:
            raise errors.CredentialNoDedeUserIDException

    def raise_for_no_ac_time_value(self) -> None:
        """Raise ``CredentialNoAcTimeValueException`` unless ac_time_value is set."""
        if not self.ac_time_value:
            raise errors.CredentialNoAcTimeValueException

    def __repr__(self) -> str:
        shown = (f"{name}={HIDDEN}" for name in self._names() if getattr(self, name))
        return f"Credential({', '.join(shown)})"

    @classmethod
    def _names(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls))

    def _secrets(self) -> tuple[str, ...]:
        """Every text that must not be seen, the longest first, so that none is left half hidden."""
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
        return [_conceal(one, secrets) for one in value]
    if isinstance(value, dict):
        return {_conceal(name, secrets): _conceal(one, secrets) for name, one in value.items()}
    return value
