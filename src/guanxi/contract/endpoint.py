"""``Endpoint``: the value from which the service, the SDK and the documents derive a call."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import fields

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


#: The domain of the documents' pages, which call the API from their own hosts.
DOMAIN = "bilibili.com"
#: The hosts of faces in the documents' examples.
FACE_HOSTS = ("i0.hdslb.com", "i1.hdslb.com", "i2.hdslb.com")


class Envelope(StrEnum):
    """The fields of a response around its data."""

    STANDARD = "standard"  # code, message, ttl, data
    MSG = "msg"  # code, msg, message, data
    STATUS = "status"  # code, status (a truth value), data; message on failure
    BARE = "bare"  # code; message on failure
    GAME = "biligame"  # code, message on failure, data on success, ts in ms, request_id
    NONE = "none"  # the body is the data


class Body(StrEnum):
    """The format of a response body."""

    JSON = "json"
    JSONP = "jsonp"  # JSON, wrapped in a function call if the request names a callback
    HTML = "html"  # a page, which `contract.pages` writes and parses


class Login(StrEnum):
    """Whether a caller must be signed in."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


class Does(StrEnum):
    """What a call does for its caller."""

    READ = "read"
    SIGN_IN = "sign-in"  # opens or closes sessions
    WRITE = "write"  # changes anything else of the caller's


class Paging(StrEnum):
    """How a client requests the next page of a list."""

    NUMBERED = "numbered"  # by pn and ps; in the open profile also by cursor
    WHOLE = "whole"  # one response contains all; in the open profile pages by cursor
    CHAINED = "chained"  # each response contains the parameters of the next page


class Count(Struct, frozen=True, kw_only=True):
    """The request that returns how many items a list has, where the list itself does not."""

    #: The name of the endpoint that knows.
    endpoint: str
    #: Its parameter that names the owner, and the list's parameter with the same value.
    param: str
    of: str
    #: The path of the number in its data.
    path: str


class Pages(Struct, frozen=True, kw_only=True):
    """The paths in a response that a walk over all pages reads.

    A path is dotted and relative to ``data``; empty is ``data`` itself, -1 the last of an array.
    """

    #: The paths of the arrays of items. Where ``data`` itself is the array, a response to a
    #: request by cursor has it in ``list`` (``Endpoint.cursor_data``).
    items: tuple[str, ...] = ("list",)
    #: The paths within an item that identify it (a missing one counts as None); none where the
    #: item is its own identity.
    key: tuple[str, ...] = ("mid",)
    #: The parameter that holds the page number (NUMBERED).
    number: str = "pn"
    #: The parameter that holds the number of items of a page (NUMBERED).
    size: str = "ps"
    #: The path of the number of items that the whole list has, shown or not.
    total: str = ""
    #: The path of the array that ``total`` counts; empty if those are the items.
    counted: str = ""
    #: Who knows the total of a list without one.
    count: Count | None = None
    #: The parameters that select the next page, each with the path of its value (CHAINED).
    next: dict[str, str] = {}
    #: The path of a value that is true while pages follow; without it an empty page is the last.
    more: str = ""


#: The ways to send a credential: in the cookie SESSDATA, or as the parameter access_key.
COOKIE, ACCESS_KEY = "cookie", "access_key"
_API_REFERER = "https://www.bilibili.com/"


#: The parameters that name the account whose space is shown.
_SPACE_OWNERS = frozenset(
    {"mid", "vmid", "uid", "up_mid", "target_id", "host_mid", "host_uid", "biz_id"}
)


class Endpoint(Struct, frozen=True, kw_only=True):
    """One endpoint: its request, its response, who may call it, and where it is documented."""

    #: Area and verb, as in the client: ``relation.followings``.
    name: str
    method: Literal["GET", "POST"]
    host: Host = Host.API
    #: May contain parameters in braces: ``/{mid}/dynamic``.
    path: str
    #: The struct of the request, and the aliases of its fields in the documents' examples.
    params: type[Struct] = NoParams
    aliases: dict[str, str] = {}
    #: Parameters that clients send with constant values and the service ignores. Those that
    #: describe a browser or a page are left out.
    fixed: dict[str, str] = {}
    #: The type of ``data`` (of the body, where the envelope is none); None where there is no data.
    data: Any = None
    #: The type of ``data`` in a response by cursor, where ``data`` is an array otherwise.
    cursor_data: Any = None
    login: Login = Login.REQUIRED
    #: The accepted ways to sign in; empty where login is none.
    auth: frozenset[str] = frozenset({COOKIE, ACCESS_KEY})
    #: Clients send a wbi signature; the service requires it unless ``unsigned`` is set.
    wbi: bool = False
    unsigned: bool = False
    #: Clients send the access id of the space's page as ``w_webid`` if they have one.
    access_id: bool = False
    envelope: Envelope = Envelope.STANDARD
    body: Body = Body.JSON
    paging: Paging | None = None
    pages: Pages = Pages()
    #: The request body is ignored, whatever it contains.
    ignores_body: bool = False
    #: In the documented profile, a foreign Referer or a User-Agent with "python" answers -352.
    header_rule: bool = False
    #: The Referer that the SDK sends; None for none.
    referer: str | None = _API_REFERER
    #: It opens or closes sessions: a banned account may call it.
    signs_in: bool = False
    #: A step of a sign-in that anybody may take.
    attempts_sign_in: bool = False
    #: The code for a missing or invalid parameter.
    invalid_code: int = errors.BadRequest.number
    #: The codes in its own table in the documents, without 0.
    own_codes: frozenset[int] = frozenset()
    #: Those of its codes that only other servers answer, never guanxi's service.
    elsewhere: frozenset[int] = frozenset()
    #: Messages of codes where the documents differ from ``CODES`` at this endpoint.
    messages: dict[int, str] = {}
    #: What it does, in one line.
    summary: str
    #: Where it is documented.
    seed: str

    @property
    def writes(self) -> bool:
        """Return whether calls change the caller's data: a POST that requires sign-in.

        Then callers with a cookie must send csrf.
        """
        return self.method == "POST" and self.login is Login.REQUIRED

    @property
    def does(self) -> Does:
        """Return what a call does, on which depends who may call."""
        if self.signs_in:
            return Does.SIGN_IN
        return Does.WRITE if self.writes else Does.READ

    @property
    def counts_as(self) -> Does:
        """Return as what the limits of accounts and addresses count a call."""
        return Does.SIGN_IN if self.attempts_sign_in else self.does

    @property
    def space_owner(self) -> str:
        """Return the attribute of ``params`` that names the account whose space is shown.

        "" if the endpoint shows no account's space, or names it in another way.
        """
        if not self.name.startswith("space."):
            return ""
        owners = [one.name for one in fields(self.params) if one.encode_name in _SPACE_OWNERS]
        return owners[0] if owners else ""

    @property
    def needs_session(self) -> bool:
        """Return whether the service answers -101 to a caller without a session.

        So do some endpoints whose login is optional: clients send those without a credential too.
        """
        return errors.NotSignedIn.number in self.codes - self.elsewhere

    @property
    def app_signed(self) -> bool:
        """Return whether the service verifies ``appkey`` and ``sign`` if a request has them."""
        return ACCESS_KEY in self.auth or self.host is Host.APP

    def message(self, code: int) -> str:
        """Return the message of a code at this endpoint; ``KeyError`` for an unknown code."""
        return self.messages.get(code, errors.CODES[code].wire_message)

    @property
    def codes(self) -> frozenset[int]:
        """Return the codes that this endpoint may answer, without 0.

        They are its own, and those of parameters, sign-in, csrf, bans, signature, headers and
        rates, -503 and -504.
        """
        implied = {
            errors.RequestBanned.number,
            errors.ServiceUnavailable.number,
            errors.DeadlineExceeded.number,
        }
        if self.login is not Login.NONE:
            implied.add(errors.TooManyRequests.number)
        if self.app_signed or self.params is not NoParams:
            implied.add(self.invalid_code)
        if self.login is Login.REQUIRED:
            implied.add(errors.NotSignedIn.number)
        if self.writes:
            implied.add(errors.CsrfFailed.number)
        if self.does is Does.WRITE:
            implied.add(errors.AccountBanned.number)
        if self.wbi or self.app_signed:
            implied.add(errors.AccessDenied.number)
        if self.header_rule or self.access_id:
            implied.add(errors.RequestIntercepted.number)
        return self.own_codes | implied
