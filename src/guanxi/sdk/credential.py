"""The credential of an account. Its secrets never appear in a repr or an error."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit

from guanxi.contract import errors
from guanxi.contract.errors import ArgsException, MistypedArgsException

HIDDEN = "***"
#: Cookie name -> part.
_COOKIES = {
    "SESSDATA": "sessdata",
    "bili_jct": "bili_jct",
    "buvid3": "buvid3",
    "buvid4": "buvid4",
    "DedeUserID": "dedeuserid",
    "ac_time_value": "ac_time_value",
}
#: The cookie that requests do not carry: it is only a parameter of a refresh.
_NOT_SENT = "ac_time_value"
#: The characters that RFC 6265 allows in the value of a cookie, and in its name.
_COOKIE_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
_COOKIE_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: The parts that a refresh replaces.
_RENEWED = ("sessdata", "bili_jct", "dedeuserid", "ac_time_value")
#: A part of fewer characters is no secret, and to mask it would change every word.
_SHORTEST_SECRET = 4


@dataclass(repr=False, eq=False)
class Credential:
    """The cookies or the app token that sign in an account; every part is optional.

    A part can be assigned; its value is checked as in the constructor. Everything that holds the
    credential then calls with the new value. The repr masks every value.

    Equal by value. The hash is the same for all credentials, because every part may change while a
    credential is a key. A copy is independent of the original; a pickle contains the secrets.

    A subclass may have attributes of its own, and a ``get_cookies`` whose cookies are sent instead.

    Args:
        sessdata: the cookie SESSDATA; percent-encoded here unless it contains a ``%``.
        bili_jct: the cookie bili_jct, which writes repeat as ``csrf``.
        buvid3: the cookie buvid3, a device id.
        buvid4: the cookie buvid4, a device id.
        dedeuserid: the cookie DedeUserID, the account's mid; a number is stored as text.
        ac_time_value: the refresh token; only a refresh sends it, and never as a cookie.
        proxy: the proxy of this account's requests, as ``http://user:password@host:port``.
        access_key: an app token, which signs in without cookies (ours: the documents' APP way).
        appkey: with ``appsec``, signs requests that carry the app token (ours).
        appsec: the secret of ``appkey`` (ours).

    Raises ``ArgsException`` for a part that is not text (also a ``TypeError``), or that contains a
    character which cookies do not allow. Documents 000 and 001.
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

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        for name in ("__repr__", "__eq__", "__hash__"):
            if name not in vars(cls):  # @dataclass would add its own: a repr with the secrets
                setattr(cls, name, getattr(cls, name))

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, _checked(name, value) if name in _PARTS else value)

    @classmethod
    def from_cookies(cls, cookies: Mapping[str, str]) -> Self:
        """Return a credential made from a browser's cookies, a mapping of cookie name to value.

        Cookies that a credential has no part for are ignored; parts without a cookie are None.
        Raise ``ArgsException`` for a value that cookies do not allow or that is not text.
        """
        parts: dict[str, Any] = {field: cookies.get(name) for name, field in _COOKIES.items()}
        return cls(**parts)

    @classmethod
    def from_environment(cls) -> Self:
        """Return a credential from the environment: GUANXI_SESSDATA and GUANXI_BILI_JCT, if set.

        Raise ``ArgsException`` for a value that cookies do not allow.
        """
        return cls(os.environ.get("GUANXI_SESSDATA"), os.environ.get("GUANXI_BILI_JCT"))

    def get_cookies(self) -> dict[str, str]:
        """Return this credential's cookies by name, ac_time_value included; omit empty ones."""
        return {name: value for name, field in _COOKIES.items() if (value := getattr(self, field))}

    def sent_cookies(self) -> dict[str, str]:
        """Return the cookies that requests carry, by name: ``get_cookies`` without ac_time_value.

        Raise ``ArgsException`` for a name or value of a subclass's cookie that cookies do not
        allow.
        """
        cookies: dict[Any, Any] = self.get_cookies()
        if self._has_own_cookies():
            cookies = {
                name: _checked_cookie(name, value)
                for name, value in cookies.items()
                if value is not None and value != ""
            }
        return {name: value for name, value in cookies.items() if name != _NOT_SENT}

    def cookie_header(self) -> str:
        """Return the ``Cookie`` header of ``sent_cookies``; "" if there is none. Raises as it."""
        return "; ".join([f"{name}={value}" for name, value in self.sent_cookies().items()])

    def conceal(self, value: Any) -> Any:
        """Return a copy of ``value``, a text or decoded JSON, with these secrets masked (***).

        They are its parts and a subclass's cookies, of four or more characters, as shorter ones
        are no secrets but would change every word, and the proxy's password. Its dedeuserid is not
        a secret.
        """
        return _conceal(value, self._secrets())

    def renew(self, fresh: Credential) -> None:
        """Replace this credential's sessdata, bili_jct, dedeuserid and ac_time_value in place.

        The new values are those of ``fresh``; a part that it lacks stays as it is.
        """
        for name in _RENEWED:
            if value := getattr(fresh, name):
                setattr(self, name, value)

    async def check_valid(self) -> bool:
        """Return whether the server accepts the credential as signed in (000).

        The client is that of ``guanxi.user``, also for the other coroutines. Raises
        ``ApiException``.
        """
        from guanxi.sdk.current import client_of  # imported late: it needs this module

        return await (await client_of(self)).login.check_valid(self)

    async def check_refresh(self) -> bool:
        """Return whether the server recommends a refresh (000). Needs sessdata.

        Raises ``NotSignedIn``, or another ``ApiException``.
        """
        from guanxi.sdk.current import client_of

        return await (await client_of(self)).login.check_refresh(self)

    async def refresh(self) -> None:
        """Replace sessdata, bili_jct, dedeuserid and ac_time_value in place by new ones (000).

        Needs sessdata, bili_jct, ac_time_value and the extra ``crypto``. Ends the old session last;
        if only that fails, the credential already has the new values.

        Raises ``CookiesRefreshException`` if the server refuses a step, another ``ApiException``,
        and ``ImportError`` without the extra.
        """
        from guanxi.sdk.current import client_of

        await (await client_of(self)).login.refresh(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Credential):
            return NotImplemented
        same = all(getattr(self, name) == getattr(other, name) for name in _PARTS)
        return same and self.get_cookies() == other.get_cookies()

    def __hash__(self) -> int:
        return hash(Credential)

    def has_sessdata(self) -> bool:
        """Return whether sessdata is set and not empty."""
        return self._has("SESSDATA")

    def has_bili_jct(self) -> bool:
        """Return whether bili_jct is set and not empty."""
        return self._has("bili_jct")

    def has_buvid3(self) -> bool:
        """Return whether buvid3 is set and not empty."""
        return self._has("buvid3")

    def has_buvid4(self) -> bool:
        """Return whether buvid4 is set and not empty."""
        return self._has("buvid4")

    def has_dedeuserid(self) -> bool:
        """Return whether dedeuserid is set and not empty."""
        return self._has("DedeUserID")

    def has_ac_time_value(self) -> bool:
        """Return whether ac_time_value is set and not empty."""
        return self._has("ac_time_value")

    def has_access_key(self) -> bool:
        """Return whether access_key is set and not empty."""
        return bool(self.access_key)

    def raise_for_no_sessdata(self) -> None:
        """Raise ``CredentialNoSessdataException`` if sessdata is missing or empty."""
        if not self.has_sessdata():
            raise errors.CredentialNoSessdataException

    def raise_for_no_bili_jct(self) -> None:
        """Raise ``CredentialNoBiliJctException`` if bili_jct is missing or empty."""
        if not self.has_bili_jct():
            raise errors.CredentialNoBiliJctException

    def raise_for_no_buvid3(self) -> None:
        """Raise ``CredentialNoBuvid3Exception`` if buvid3 is missing or empty."""
        if not self.has_buvid3():
            raise errors.CredentialNoBuvid3Exception

    def raise_for_no_buvid4(self) -> None:
        """Raise ``CredentialNoBuvid4Exception`` if buvid4 is missing or empty."""
        if not self.has_buvid4():
            raise errors.CredentialNoBuvid4Exception

    def raise_for_no_dedeuserid(self) -> None:
        """Raise ``CredentialNoDedeUserIDException`` if dedeuserid is missing or empty."""
        if not self.has_dedeuserid():
            raise errors.CredentialNoDedeUserIDException

    def raise_for_no_ac_time_value(self) -> None:
        """Raise ``CredentialNoAcTimeValueException`` if ac_time_value is missing or empty."""
        if not self.has_ac_time_value():
            raise errors.CredentialNoAcTimeValueException

    def __repr__(self) -> str:
        shown = (f"{name}={HIDDEN}" for name in _PARTS if getattr(self, name))
        return f"{type(self).__name__}({', '.join(shown)})"

    def _has_own_cookies(self) -> bool:
        return type(self).get_cookies is not Credential.get_cookies

    def _has(self, cookie: str) -> bool:
        """Return whether a part is set, or a subclass's ``get_cookies`` has its cookie."""
        if getattr(self, _COOKIES[cookie]):
            return True
        return self._has_own_cookies() and bool(self.get_cookies().get(cookie))

    def _secrets(self) -> tuple[str, ...]:
        """Return every secret of this credential, longest first.

        They include the decoded sessdata, the proxy's password and a subclass's cookies, but not
        dedeuserid.
        """
        password = urlsplit(self.proxy).password if self.proxy else None
        parts = {
            self.sessdata,
            self.bili_jct,
            self.buvid3,
            self.buvid4,
            self.ac_time_value,
            self.access_key,
            self.appsec,
        }
        if self._has_own_cookies():
            own: dict[str, Any] = self.get_cookies()
            parts |= {
                str(value)
                for name, value in own.items()
                if name != "DedeUserID" and value is not None
            }
        forms = {form(part) for part in parts if part for form in (str, quote, unquote)}
        known = {form for form in forms if len(form) >= _SHORTEST_SECRET}
        if password:
            known |= {password, unquote(password)}
        return tuple(sorted(known, key=len, reverse=True))


#: The names of a credential's parts.
_PARTS = tuple(field.name for field in fields(Credential))


def _checked(name: str, value: Any) -> Any:
    """Return the value of a part as it is stored; raise ``ArgsException`` with the part's name."""
    if name == "dedeuserid" and type(value) is int:
        value = str(value)
    if not isinstance(value, str | None):
        raise MistypedArgsException(f"{name}: must be a str or None")
    if name == "sessdata" and value and "%" not in value:
        value = quote(value)
    if name in _COOKIES.values() and not _COOKIE_VALUE.fullmatch(value or ""):
        raise ArgsException(f"{name}: contains a character that is not allowed in a cookie")
    return value


def _checked_cookie(name: Any, value: Any) -> str:
    """Return the value of a subclass's cookie, a number as text; raise ``ArgsException``."""
    if not isinstance(name, str) or not _COOKIE_NAME.fullmatch(name):
        raise ArgsException(f"get_cookies: {name!r} is not a name of a cookie")
    if name in _COOKIES:
        return str(_checked(_COOKIES[name], value))
    if type(value) is int:
        return str(value)
    if not isinstance(value, str):
        raise MistypedArgsException(
            f"get_cookies: {name} must be a str, not {type(value).__name__}"
        )
    if not _COOKIE_VALUE.fullmatch(value):
        raise ArgsException(
            f"get_cookies: {name} contains a character that is not allowed in a cookie"
        )
    return value


def _conceal(value: Any, secrets: tuple[str, ...]) -> Any:
    """Return a copy of decoded JSON with ``secrets`` masked; nested to any depth."""
    whole: list[Any] = [value]
    pending: list[Any] = [whole]  # copies whose members are still those of the original
    while pending:
        copy = pending.pop()
        for key, member in list(copy.items() if isinstance(copy, dict) else enumerate(copy)):
            if isinstance(member, str):
                copy[key] = _masked(member, secrets)
            elif isinstance(member, list):
                copy[key] = member.copy()
                pending.append(copy[key])
            elif isinstance(member, dict):
                copy[key] = {_masked(name, secrets): one for name, one in member.items()}
                pending.append(copy[key])
    return whole[0]


def _masked(text: Any, secrets: tuple[str, ...]) -> Any:
    if isinstance(text, str):
        for secret in secrets:
            text = text.replace(secret, HIDDEN)
    return text
