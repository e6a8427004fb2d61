"""The request settings of the original: four have an effect here, the others warn.

| setting         | effect                                                                |
|-----------------|-----------------------------------------------------------------------|
| proxy           | of the module's clients, for credentials without one; "": none         |
| timeout         | seconds that one call of the module's clients may take                |
| max_response    | bytes of a decompressed response that they read (ours)                |
| wbi_retry_times | how many times the module's clients sign and send a wbi call, 1 to 10 |

The module's clients are those of ``guanxi.user`` and of a credential's coroutines, outside of
``using``. Any ``Client`` has the same settings as arguments.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from guanxi.contract.errors import ArgsException, MistypedArgsException

#: The limit of a time-out, in seconds.
MAX_TIMEOUT = 86_400.0
#: The default of a time-out. With a pace the longest waits after -799 are added to it.
TIMEOUT = 30.0
#: The most bytes of a decompressed response that are read, by default.
MAX_RESPONSE = 16 * 2**20
#: How many times a wbi call is signed and sent before it fails, and the most that can be set.
WBI_TRIES, MAX_WBI_TRIES = 3, 10

#: The value that each setting without an effect has here, and what to use instead.
FIXED: dict[str, tuple[Any, str]] = {
    "verify_ssl": (
        True,
        "certificates are always verified; for a server of your own use http,"
        " or a certificate that the system trusts",
    ),
    "trust_env": (
        False,
        "proxies of the environment are ignored; use request_settings.set_proxy"
        " or Credential(proxy=…)",
    ),
    "enable_auto_buvid": (False, "no device id is made up; use Credential(buvid3=…, buvid4=…)"),
    "enable_buvid_global_persistence": (
        False,
        "no device id is made up; use Credential(buvid3=…, buvid4=…)",
    ),
    "enable_bili_ticket": (False, "no ticket is sent; nothing replaces it"),
    "impersonate": ("", "guanxi does not pretend to be a browser; nothing replaces it"),
    "http2": (False, "client and server choose the version of HTTP; nothing replaces it"),
    "request_log": (False, "requests are not logged; use a transport= of your own that does"),
    "geetest_auto_open": (False, "captchas are not solved; sign in with guanxi login"),
}
#: The HTTP libraries of the original, and what to use instead of selecting one.
_LIBRARIES = {
    "httpx": "guanxi has one HTTP client; for another use Client(transport=…)",
    "aiohttp": "guanxi has one HTTP client; for another use Client(transport=…)",
    "curl_cffi": "guanxi has one HTTP client, which does not pretend to be a browser",
}


class SettingIgnored(UserWarning):
    """A setting of the original has no effect in guanxi; the text says what to use instead."""


class RequestSettings:
    """The settings of the module's clients, and the names of the original's other settings.

    ``get_X()`` is ``get("X")`` and ``set_X(value)`` is ``set("X", value)`` for every setting X,
    for example ``set_timeout(20)``.
    """

    def __init__(self) -> None:
        self._values: dict[str, Any] = {
            "proxy": "",
            "timeout": TIMEOUT,
            "max_response": MAX_RESPONSE,
            "wbi_retry_times": WBI_TRIES,
        }

    def get(self, name: str) -> Any:
        """Return a setting's value. Raise ``ArgsException`` if there is no such setting."""
        if name in self._values:
            return self._values[name]
        if name in FIXED:
            return FIXED[name][0]
        raise ArgsException(f"name: there is no setting {name!r}")

    def set(self, name: str, value: Any) -> None:
        """Change a setting. Clients that the module opens from now on use it.

        Warn with ``SettingIgnored`` if it has no effect, unless it has this value here anyway.
        Raise ``ArgsException`` for an invalid value of a setting that has an effect.
        """
        self._set(name, value)

    def get_all(self) -> dict[str, Any]:
        """Return the value of every known setting, by name."""
        return {name: value for name, (value, _) in FIXED.items()} | self._values

    def __getattr__(self, name: str) -> Callable[..., Any]:
        verb, _, setting = name.partition("_")
        if verb == "get" and setting in self.get_all():
            return lambda: self.get(setting)
        if verb == "set" and setting:
            # The original's argument has a name of its own, which is not always the setting's.
            return lambda *values, **named: self._set(setting, *values, *named.values())
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        return "RequestSettings()"

    def _set(self, name: str, value: Any) -> None:
        """Do as ``set``; a warning names the line of the caller's caller."""
        if name in self._values:
            self._values[name] = _CHECKS[name](value)
            return
        fixed, instead = FIXED.get(name, (None, "there is no such setting"))
        if name not in FIXED or value != fixed:
            _warn(f"{name}: has no effect: {instead}")


request_settings = RequestSettings()


def select_client(name: str) -> None:
    """Warn with ``SettingIgnored`` that guanxi has an HTTP client of its own.

    Raise ``ArgsException`` unless ``name`` is an HTTP library of the original.
    """
    if name not in _LIBRARIES:
        raise ArgsException(f"name: must be one of {', '.join(_LIBRARIES)}")
    _warn(f"select_client({name!r}) has no effect: {_LIBRARIES[name]}", stacklevel=3)


def checked_timeout(value: Any) -> float:
    """Return a time-out in seconds; raise ``ArgsException`` unless it is over 0, under 86,400."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MistypedArgsException("timeout: must be a number of seconds")
    if not 0 < value < MAX_TIMEOUT:
        raise ArgsException("timeout: must be more than 0 and less than 86,400 seconds")
    return float(value)


def checked_max_response(value: Any) -> int:
    """Return a number of bytes; raise ``ArgsException`` unless it is 1 or more."""
    if type(value) is not int:
        raise MistypedArgsException("max_response: must be a whole number of bytes")
    if value < 1:
        raise ArgsException("max_response: must be 1 byte or more")
    return value


def checked_wbi_tries(value: Any, argument: str = "wbi_tries") -> int:
    """Return how many times to sign a wbi call; raise ``ArgsException`` unless it is 1 to 10."""
    if type(value) is not int:
        raise MistypedArgsException(f"{argument}: must be a whole number")
    if not 1 <= value <= MAX_WBI_TRIES:
        raise ArgsException(f"{argument}: must be 1 to {MAX_WBI_TRIES}")
    return value


def _checked_proxy(value: Any) -> str:
    if not isinstance(value, str | None):
        raise MistypedArgsException("proxy: must be a str")
    from guanxi.sdk import hosts  # imported late, so that `from guanxi import user` is fast

    return hosts.proxy_address(value) or ""


def _checked_retries(value: Any) -> int:
    if type(value) is int and value > MAX_WBI_TRIES:
        _warn(f"wbi_retry_times: {MAX_WBI_TRIES} is used, the most", stacklevel=5)
        value = MAX_WBI_TRIES
    return checked_wbi_tries(value, "wbi_retry_times")


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "proxy": _checked_proxy,
    "timeout": checked_timeout,
    "max_response": checked_max_response,
    "wbi_retry_times": _checked_retries,
}


def _warn(text: str, stacklevel: int = 4) -> None:
    warnings.warn(text, SettingIgnored, stacklevel=stacklevel)
