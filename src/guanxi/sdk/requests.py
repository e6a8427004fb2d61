"""Build requests from an endpoint, its parameters and a credential, as the contract says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, TypeAlias
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Struct

from guanxi._version import __version__
from guanxi.contract import paths, sign
from guanxi.contract.endpoint import ACCESS_KEY, COOKIE, Endpoint, Login
from guanxi.contract.endpoints import BY_NAME
from guanxi.contract.errors import ArgsException, MistypedArgsException
from guanxi.contract.limits import DOCUMENTED
from guanxi.contract.params import InvalidParameter, id_fields, invalid_parameter, over_limit
from guanxi.sdk.credential import Credential
from guanxi.sdk.transport import Request

USER_AGENT = f"guanxi/{__version__}"
FORM = "application/x-www-form-urlencoded"

#: Parameters by wire name: texts, numbers, bools, enum members, or iterables of these.
Params: TypeAlias = Mapping[str, Any] | Struct
Pairs: TypeAlias = tuple[tuple[str, str], ...]

#: Wire name -> argument name of the typed methods, if they differ.
ARGUMENTS = {
    "vmid": "mid",
    "uid": "mid",
    "host_uid": "mid",
    "host_mid": "mid",
    "up_mid": "mid",
    "target_id": "mid",
    "biz_id": "mid",
    "fid": "mid",
    "fids": "members",
    "tag": "name",
    "tagid": "group",
    "tagids": "groups",
    "beforeTagids": "before",
    "afterTagids": "after",
    "re_src": "source",
    "ps": "size",
    "pn": "page",
    "page_size": "size",
    "page_num": "page",
    "nickName": "name",
    "usersign": "signature",
    "uname": "name",
    "season_id": "season",
    "series_id": "series",
    "sort_field": "order",
    "sort": "order",
    "sort_reverse": "order",
    "offset_dynamic_id": "offset",
    "oid": "after",
    "t": "since_ms",
    "qrcode_key": "key",
    "correspond_path": "path",
    "refresh_csrf": "csrf",
    "refresh_token": "token",
}


def find(endpoint: Endpoint | str) -> Endpoint:
    """Return an endpoint by its name, such as ``relation.stat``; return an ``Endpoint`` unchanged.

    Raise ``ArgsException`` if there is none of that name.
    """
    if isinstance(endpoint, Endpoint):
        return endpoint
    if endpoint not in BY_NAME:
        raise ArgsException(f"endpoint: there is no endpoint {endpoint!r}")
    return BY_NAME[endpoint]


def pairs_of(params: Params | None) -> Pairs:
    """Return parameters as (wire name, text) pairs, in order.

    None and unset values are omitted; True is ``1``, False ``0``; an enum member is its value;
    iterables are joined by commas. Raise ``MistypedArgsException`` for bytes, a mapping or any
    other type but texts and numbers, ``ArgsException`` for a text with a lone surrogate.
    """
    if isinstance(params, Struct):
        params = {
            field.encode_name: getattr(params, field.name)
            for field in msgspec.structs.fields(params)
        }
    return tuple(
        (name, _text(name, value))
        for name, value in (params or {}).items()
        if value is not None and value is not UNSET
    )


def _text(name: str, value: Any) -> str:
    if type(value) is int:  # the usual case
        return str(value)
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, str):
        return _encodable(name, value)
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Iterable) and not isinstance(value, bytes | Mapping):
        return ",".join(_text(name, item) for item in value)
    raise MistypedArgsException(f"{name}: unsupported type {type(value).__name__}")


def _encodable(name: str, value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ArgsException(
            f"{name}: contains a lone surrogate, which UTF-8 cannot encode"
        ) from None
    return value


def checked(
    endpoint: Endpoint, values: Mapping[str, Any], arguments: Mapping[str, str] = ARGUMENTS
) -> dict[str, Any]:
    """Return ``values`` (by wire name) without None, enum members unwrapped, iterables as lists.

    An id may be a number or its digits as text. Raise ``MistypedArgsException`` for a missing
    parameter or a value of the wrong type, and ``ArgsException`` for one that the endpoint or the
    documented limits do not allow. The message begins with the argument's name; ``arguments`` maps
    wire names to it where they differ (default: those of the client's methods). Names that the
    endpoint does not know are kept unchecked.
    """
    plain = {name: _plain(value) for name, value in values.items() if value is not None}
    try:
        params = msgspec.convert(plain, endpoint.params)
    except msgspec.ValidationError:
        plain = _with_numbers(plain, id_fields(endpoint.params))
        try:
            params = msgspec.convert(plain, endpoint.params)
        except msgspec.ValidationError:
            raise _argument_error(invalid_parameter(plain, endpoint.params), arguments) from None
    invalid = over_limit(params, DOCUMENTED.limits)
    if invalid is not None:
        raise _argument_error(invalid, arguments)
    return plain


def _plain(value: Any) -> Any:
    if type(value) is int or type(value) is str:  # the usual case
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return list(value)
    return value


#: More digits than an id can have; what is cut off is far out of its range.
MOST_DIGITS = 40
_DIGITS = re.compile(r"-?[0-9]+")


def _with_numbers(values: Mapping[str, Any], ids: frozenset[str]) -> dict[str, Any]:
    """Return ``values`` with ids that are digits as text as numbers, alone or in lists."""
    return {
        name: [_number(item) for item in value]
        if name in ids and isinstance(value, list)
        else _number(value)
        if name in ids
        else value
        for name, value in values.items()
    }


def _number(value: Any) -> Any:
    is_digits = isinstance(value, str) and _DIGITS.fullmatch(value)
    return int(value[:MOST_DIGITS]) if is_digits else value


def _argument_error(invalid: InvalidParameter, arguments: Mapping[str, str]) -> ArgsException:
    """Return the error with the argument's name."""
    kind = MistypedArgsException if invalid.mistyped else ArgsException
    return kind(f"{arguments.get(invalid.field, invalid.field)}: {invalid.problem}")


def auth_method(endpoint: Endpoint, credential: Credential) -> str | None:
    """Return ``COOKIE`` or ``ACCESS_KEY``, whichever signs in at the endpoint; None for neither.

    Cookies win if the credential has both.
    """
    if COOKIE in endpoint.auth and credential.has_sessdata():
        return COOKIE
    if ACCESS_KEY in endpoint.auth and credential.has_access_key():
        return ACCESS_KEY
    return None


def require(endpoint: Endpoint, credential: Credential) -> None:
    """Raise ``CredentialException`` if the credential lacks what the endpoint needs.

    That is sessdata (or an app token, if the endpoint accepts one) where sign-in is required, and
    bili_jct to write with cookies.
    """
    method = auth_method(endpoint, credential)
    if endpoint.login is Login.REQUIRED and method is None:
        credential.raise_for_no_sessdata()
    if endpoint.writes and method == COOKIE:
        credential.raise_for_no_bili_jct()


def compose(
    endpoint: Endpoint,
    pairs: Pairs,
    credential: Credential,
    base: str | None,
    wbi: tuple[str, int] | None = None,
) -> Request:
    """Return the signed request. Raise ``ArgsException`` if a parameter of the path is missing.

    The credential adds its cookies (and csrf in writes), or access_key. An APP signature is added
    too if it has appkey and appsec, unless ``wbi`` is given.

    Args:
        endpoint: the endpoint.
        pairs: its parameters, from ``pairs_of``.
        credential: the caller's.
        base: the address of the server; None for the endpoint's documented host.
        wbi: the mixin key and the time in seconds to sign with; None for no wbi signature.
    """
    method = auth_method(endpoint, credential)
    headers = {"User-Agent": USER_AGENT}
    if endpoint.referer is not None:
        headers["Referer"] = endpoint.referer
    if COOKIE in endpoint.auth and method != ACCESS_KEY and (cookies := credential.cookie_header()):
        headers["Cookie"] = cookies
    if method == ACCESS_KEY:
        pairs += (("access_key", credential.access_key or ""),)
        # A wbi signature and an app signature would each have to cover the other.
        if credential.appkey and credential.appsec and wbi is None:
            pairs += (("appkey", credential.appkey),)
            pairs += (("sign", sign.app_sign(pairs, credential.appsec)),)
    elif endpoint.writes:
        pairs += (("csrf", credential.sent_cookies().get("bili_jct", "")),)
    if wbi is not None:
        mixin, now = wbi
        pairs += (("wts", str(now)),)
        pairs += (("w_rid", sign.wbi_sign(pairs, mixin)),)
    path = endpoint.path
    if in_path := paths.placeholders(path):
        try:
            path = paths.fill(path, dict(pairs))
        except KeyError as error:
            raise MistypedArgsException(f"{error.args[0]}: missing") from None
        pairs = tuple(pair for pair in pairs if pair[0] not in in_path)
    url = (base or f"https://{endpoint.host}") + path
    encoded = "&".join([f"{_encoded(name)}={_encoded(value)}" for name, value in pairs])
    if endpoint.method == "POST":
        headers["Content-Type"] = FORM
        return Request(endpoint.method, url, headers, encoded.encode())
    return Request(endpoint.method, f"{url}?{encoded}" if encoded else url, headers)


def _encoded(text: str) -> str:
    plain = text.isascii() and (text.isalnum() or text.isidentifier())  # the usual case, and fast
    return text if plain else quote(text, safe="")
