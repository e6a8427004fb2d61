"""What an endpoint is: a value from which the service, the SDK and the documents derive."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from msgspec import Struct

from guanxi.contract import errors
from guanxi.contract.params import NoParams


class Host(StrEnum):
    """The documents' hosts. A service answers by method and path alone."""

    API = "api.bilibili.com"
    APP = "app.biliapi.net"
    GAME = "line3-h5-mobile-api.biligame.com"
    ACCOUNT = "account.bilibili.com"
    LIVE = "api.live.bilibili.com"
    MEMBER = "member.bilibili.com"
    PASSPORT = "passport.bilibili.com"
    SPACE = "space.bilibili.com"
    VC = "api.vc.bilibili.com"
    WWW = "www.bilibili.com"


class Envelope(StrEnum):
    """What stands around the data."""

    STANDARD = "standard"  # code, message, ttl, data
    MSG = "msg"  # code, msg, message, data
    STATUS = "status"  # code, status (a truth value), data; message on failure
    BARE = "bare"  # code; message on failure
    GAME = "biligame"  # code, message on failure, data on success, ts in ms, request_id
    NONE = "none"  # the body is the data


class Body(StrEnum):
    """What an answer is written in."""

    JSON = "json"
    JSONP = "jsonp"  # JSON; within a call of a function where the request names a callback
    HTML = "html"  # a page; `contract.pages` reads and writes what matters in it


class Login(StrEnum):
    """Whether a caller must be signed in."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


class Paging(StrEnum):
    """How the next page is asked for."""

    NUMBERED = "numbered"  # pn and ps; a cursor besides in the open profile
    WHOLE = "whole"  # one answer holds all; by cursor in pages in the open profile
    CHAINED = "chained"  # each answer says where the next one begins


class Pages(Struct, frozen=True, kw_only=True):
    """Where a walk over all pages finds what it needs.

    A place is a dotted path within ``data``, empty for ``data`` itself; -1 is the last of an array.
    """

    #: The arrays of items; several where an answer keeps its items apart. Where ``data`` is one,
    #: an answer by cursor has it in ``list`` (``Endpoint.cursor_data``).
    items: tuple[str, ...] = ("list",)
    #: What tells one item from another, as places within it (one that is not there counts as
    #: None); none where the item itself does.
    key: tuple[str, ...] = ("mid",)
    #: The parameter that counts pages (NUMBERED).
    number: str = "pn"
    #: The parameters that begin the next page, and the places of their values (CHAINED).
    next: dict[str, str] = {}
    #: A place that is true while more follows; without one an empty page is the end.
    more: str = ""


#: How a parameter of a credential travels, besides the cookie.
COOKIE, ACCESS_KEY = "cookie", "access_key"
_API_REFERER = "https://www.bilibili.com/"


class Endpoint(Struct, frozen=True, kw_only=True):
    """One endpoint of the contract."""

    #: Area and verb, as the client has them: ``relation.followings``.
    name: str
    method: Literal["GET", "POST"]
    host: Host = Host.API
    #: A parameter in braces stands in the path itself: ``/{mid}/dynamic``.
    path: str
    #: The request's struct, and second names that the documents' examples use for its fields.
    params: type[Struct] = NoParams
    aliases: dict[str, str] = {}
    #: What clients send besides, always the same; a service ignores it. What describes a browser
    #: or a page is not among it.
    fixed: dict[str, str] = {}
    #: The type of ``data`` (of the body, where the envelope is none); None where there is no data.
    data: Any = None
    #: ``data`` where a caller asked by cursor and data is an array otherwise.
    cursor_data: Any = None
    login: Login = Login.REQUIRED
    #: The ways to sign in that it takes; empty where login is none.
    auth: frozenset[str] = frozenset({COOKIE, ACCESS_KEY})
    #: Clients sign it; a service wants the signature unless ``unsigned`` does as well.
    wbi: bool = False
    unsigned: bool = False
    #: Clients send the space page's access id as ``w_webid`` when they have one.
    access_id: bool = False
    envelope: Envelope = Envelope.STANDARD
    body: Body = Body.JSON
    paging: Paging | None = None
    pages: Pages = Pages()
    #: The body is taken and forgotten, whatever it is.
    ignores_body: bool = False
    #: Answers -352 to a foreign Referer or a User-Agent naming python, in the documented profile.
    header_rule: bool = False
    #: The Referer that the SDK sends; None for none.
    referer: str | None = _API_REFERER
    #: The code that names a wrong field.
    complaint: int = errors.BadRequest.number
    #: The codes of its own table in the documents, 0 apart.
    own_codes: frozenset[int] = frozenset()
    #: Those of its codes that other servers alone answer; guanxi's service never does.
    elsewhere: frozenset[int] = frozenset()
    #: The messages that the documents give codes here and not elsewhere.
    messages: dict[int, str] = {}
    #: What it does, in a line.
    summary: str
    #: Where it is documented.
    seed: str

    @property
    def writes(self) -> bool:
        """Whether it changes what is stored for the caller, and so wants a csrf from cookies."""
        return self.method == "POST" and self.login is Login.REQUIRED

    @property
    def app_signed(self) -> bool:
        """Whether an appkey and sign, when sent, are verified."""
        return ACCESS_KEY in self.auth or self.host is Host.APP

    def message(self, code: int) -> str:
        """What is said here with a code."""
        return self.messages.get(code, errors.CODES[code].wire_message)

    @property
    def codes(self) -> frozenset[int]:
        """Every code it may answer, 0 apart: its own, and what its auth and signature imply."""
        implied = {errors.ServiceUnavailable.number, errors.DeadlineExceeded.number}
        if self.app_signed or self.params is not NoParams:
            implied.add(self.complaint)
        if self.login is Login.REQUIRED:
            implied.add(errors.NotSignedIn.number)
        if self.writes:
            implied.add(errors.CsrfFailed.number)
        if self.wbi or self.app_signed:
            implied.add(errors.AccessDenied.number)
        if self.header_rule or self.access_id:
            implied.add(errors.RequestIntercepted.number)
        return self.own_codes | implied
