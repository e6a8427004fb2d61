"""From an endpoint, parameters and a credential to a request. Facts are the contract's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, TypeAlias
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Struct

from guanxi import __version__
from guanxi.contract import paths, sign
from guanxi.contract.endpoint import ACCESS_KEY, COOKIE, Endpoint, Login
from guanxi.contract.endpoints import BY_NAME
from guanxi.contract.limits import DOCUMENTED
from guanxi.contract.params import over_limit
from guanxi.sdk.credential import Credential
from guanxi.sdk.transport import Request

USER_AGENT = f"guanxi/{__version__}"
FORM = "application/x-www-form-urlencoded"

#: Parameters by wire name: texts, numbers, enum members, or several of these.
Params: TypeAlias = Mapping[str, Any] | Struct
Pairs: TypeAlias = tuple[tuple[str, str], ...]

#: What typed methods call the parameters whose wire name says little.
_ARGUMENTS = {
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
    """An endpoint by its name; ``ValueError`` for a name that none has."""
    if isinstance(endpoint, Endpoint):
        return endpoint
    if endpoint not in BY_NAME:
        raise ValueError(f"endpoint: none is named {endpoint!r}")
    return BY_NAME[endpoint]


def pairs_of(params: Params | None) -> Pairs:
    """Parameters as they travel: None left out, truth as 1 and 0, several joined by commas."""
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
    if type(value) is int:  # nearly all of them
        return str(value)
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, str):
        return _sendable(name, value)
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Iterable) and not isinstance(value, bytes | Mapping):
        return ",".join(_text(name, one) for one in value)
    raise TypeError(f"{name}: cannot be a {type(value).__name__}")


def _sendable(name: str, value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name}: holds half a character") from None
    return value


def checked(
    endpoint: Endpoint, values: Mapping[str, Any], arguments: Mapping[str, str] = _ARGUMENTS
) -> dict[str, Any]:
    """Values that the endpoint's parameters allow, enum members unwrapped, None left out.

    Raises ``TypeError`` or ``ValueError`` with the argument's name, and within the documents'
    limits: ``client.call`` is there for servers that allow more. ``arguments`` has the names of
    those arguments that are not named as on the wire.
    """
    plain = {name: _plain(value) for name, value in values.items() if value is not None}
    try:
        params = msgspec.convert(plain, endpoint.params)
    except msgspec.ValidationError as wrong:
        raise _argument_error(str(wrong), arguments) from None
    complaint = over_limit(params, DOCUMENTED.limits)
    if complaint is not None:
        raise ValueError(f"{arguments.get(complaint.field, complaint.field)}: {complaint}")
    return plain


def _plain(value: Any) -> Any:
    if type(value) is int or type(value) is str:  # nearly all of them
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return list(value)
    return value


def _argument_error(text: str, arguments: Mapping[str, str]) -> Exception:
    """What msgspec says of a field, under the name that the caller gave it."""
    what, _, place = text.partition(" - at `$.")
    if not place:  # a required one is missing: the only complaint about the whole
        what, wire = "missing", text.split("`")[1]
    else:
        wire = place.rstrip("`").partition("[")[0]
    kind = TypeError if not place or ", got" in what else ValueError
    return kind(f"{arguments.get(wire, wire)}: {what.replace('`', '')}")


def way_in(endpoint: Endpoint, credential: Credential) -> str | None:
    """How a credential signs in at an endpoint: by cookie, by app token, or not at all."""
    if COOKIE in endpoint.auth and credential.sessdata:
        return COOKIE
    if ACCESS_KEY in endpoint.auth and credential.access_key:
        return ACCESS_KEY
    return None


def require(endpoint: Endpoint, credential: Credential) -> None:
    """Raise the documented exception when a credential lacks what the endpoint needs."""
    way = way_in(endpoint, credential)
    if endpoint.login is Login.REQUIRED and way is None:
        credential.raise_for_no_sessdata()
    if endpoint.writes and way == COOKIE:
        credential.raise_for_no_bili_jct()


def compose(
    endpoint: Endpoint,
    pairs: Pairs,
    credential: Credential,
    base: str | None,
    wbi: tuple[str, int] | None = None,
) -> Request:
    """The request. ``wbi`` is the mixin key and the time (seconds) that it is signed with."""
    way = way_in(endpoint, credential)
    headers = {"User-Agent": USER_AGENT}
    if endpoint.referer is not None:
        headers["Referer"] = endpoint.referer
    if COOKIE in endpoint.auth and way != ACCESS_KEY and (cookies := credential.cookie_header()):
        headers["Cookie"] = cookies
    if way == ACCESS_KEY:
        pairs += (("access_key", credential.access_key or ""),)
        # A wbi signature and an app signature would each have to cover the other.
        if credential.appkey and credential.appsec and wbi is None:
            pairs += (("appkey", credential.appkey),)
            pairs += (("sign", sign.app_sign(pairs, credential.appsec)),)
    elif endpoint.writes:
        pairs += (("csrf", credential.bili_jct or ""),)
    if wbi is not None:
        mixin, now = wbi
        pairs += (("wts", str(now)),)
        pairs += (("w_rid", sign.wbi_sign(pairs, mixin)),)
    path = endpoint.path
    if in_path := paths.placeholders(path):
        try:
            path = paths.fill(path, dict(pairs))
        except KeyError as missing:
            raise ValueError(f"{missing.args[0]}: missing") from None
        pairs = tuple(pair for pair in pairs if pair[0] not in in_path)
    url = (base or f"https://{endpoint.host}") + path
    encoded = "&".join([f"{_encoded(name)}={_encoded(value)}" for name, value in pairs])
    if endpoint.method == "POST":
        headers["Content-Type"] = FORM
        return Request(endpoint.method, url, headers, encoded.encode())
    return Request(endpoint.method, f"{url}?{encoded}" if encoded else url, headers)


def _encoded(text: str) -> str:
    plain = text.isascii() and (text.isalnum() or text.isidentifier())  # most are
    return text if plain else quote(text, safe="")
