"""guanxi: a user-relation service, the SDK that speaks to it, and tools for long following lists.

The names here are the SDK's: clients, credentials, ``sync``, and every error; and ``Graph`` and
``SyncGraph``, the follow graph as a library. ``guanxi.user`` is
the documented module, ``guanxi.exceptions`` has the errors alone, and ``guanxi.testing`` is the
fixture that runs the service. A name's module is imported when the name is first used, so that
``import guanxi`` stays fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from guanxi._version import __version__

if TYPE_CHECKING:
    from guanxi.contract.errors import (
        AccessDenied,
        AccountBanned,
        AccountDeregistered,
        AlreadyBlocked,
        AlreadyFollowing,
        AnswerException,
        AnswerTooLargeException,
        ApiException,
        ArgsException,
        BadRequest,
        CannotTargetSelf,
        CookiesRefreshException,
        CredentialException,
        CredentialNoAcTimeValueException,
        CredentialNoBiliJctException,
        CredentialNoBuvid3Exception,
        CredentialNoBuvid4Exception,
        CredentialNoDedeUserIDException,
        CredentialNoSessdataException,
        CsrfFailed,
        DailyFollowLimitReached,
        DeadlineExceeded,
        FollowersHidden,
        FollowingLimitReached,
        FollowingsHidden,
        FollowRefused,
        ForkedException,
        GroupExists,
        GroupNameTooLong,
        HiddenByPrivacy,
        InitialStateException,
        ListIncomplete,
        MistypedArgsException,
        NetworkException,
        NicknameExists,
        NicknameIllegal,
        NicknameSensitive,
        NicknameTaken,
        NicknameTooLong,
        NicknameTooShort,
        NoSuchGroup,
        NoSuchUser,
        NotFollowing,
        NotFound,
        NothingChanged,
        NoTopVideo,
        NotSignedIn,
        PageTooDeep,
        ParameterMissing,
        RefreshRefused,
        RequestBanned,
        RequestIntercepted,
        ResponseCodeException,
        ServiceUnavailable,
        SignatureHasEmoji,
        SignatureSensitive,
        SignatureTooLong,
        StatementException,
        SupportNotOpen,
        TargetInBlacklist,
        TimeoutException,
        TooManyRequests,
        WbiRetryTimesExceedException,
    )
    from guanxi.embed.graph import Graph
    from guanxi.embed.sync import SyncGraph
    from guanxi.sdk.aio import Client
    from guanxi.sdk.conversation import Page
    from guanxi.sdk.credential import Credential
    from guanxi.sdk.current import sync
    from guanxi.sdk.pace import Clock, Pace, SyncClock
    from guanxi.sdk.settings import SettingIgnored, request_settings, select_client
    from guanxi.sdk.sync import SyncClient
    from guanxi.sdk.transport import ASGITransport, Request, Response, SyncTransport, Transport
else:

    def __getattr__(name: str) -> object:
        if name in _MODULES_OF_THE_ORIGINAL:  # `import guanxi` is enough for guanxi.user.User
            return import_module(f"guanxi.{name}")
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_MODULES.get(name, _ERRORS)), name)
        globals()[name] = value
        return value


_MODULES_OF_THE_ORIGINAL = {"exceptions", "settings", "user"}
#: The module of each name; all others are errors, in ``_ERRORS``.
_MODULES = {
    "ASGITransport": "guanxi.sdk.transport",
    "Client": "guanxi.sdk.aio",
    "Clock": "guanxi.sdk.pace",
    "Credential": "guanxi.sdk.credential",
    "Pace": "guanxi.sdk.pace",
    "Graph": "guanxi.embed.graph",
    "Page": "guanxi.sdk.conversation",
    "Request": "guanxi.sdk.transport",
    "Response": "guanxi.sdk.transport",
    "SettingIgnored": "guanxi.sdk.settings",
    "SyncClient": "guanxi.sdk.sync",
    "SyncClock": "guanxi.sdk.pace",
    "SyncGraph": "guanxi.embed.sync",
    "SyncTransport": "guanxi.sdk.transport",
    "Transport": "guanxi.sdk.transport",
    "request_settings": "guanxi.sdk.settings",
    "select_client": "guanxi.sdk.settings",
    "sync": "guanxi.sdk.current",
}
_ERRORS = "guanxi.contract.errors"

__all__ = [
    "ASGITransport",
    "AccessDenied",
    "AccountBanned",
    "AccountDeregistered",
    "AlreadyBlocked",
    "AlreadyFollowing",
    "AnswerException",
    "AnswerTooLargeException",
    "ApiException",
    "ArgsException",
    "BadRequest",
    "CannotTargetSelf",
    "Client",
    "Clock",
    "CookiesRefreshException",
    "Credential",
    "CredentialException",
    "CredentialNoAcTimeValueException",
    "CredentialNoBiliJctException",
    "CredentialNoBuvid3Exception",
    "CredentialNoBuvid4Exception",
    "CredentialNoDedeUserIDException",
    "CredentialNoSessdataException",
    "CsrfFailed",
    "DailyFollowLimitReached",
    "DeadlineExceeded",
    "FollowRefused",
    "FollowersHidden",
    "FollowingLimitReached",
    "FollowingsHidden",
    "ForkedException",
    "Graph",
    "GroupExists",
    "GroupNameTooLong",
    "HiddenByPrivacy",
    "InitialStateException",
    "ListIncomplete",
    "MistypedArgsException",
    "NetworkException",
    "NicknameExists",
    "NicknameIllegal",
    "NicknameSensitive",
    "NicknameTaken",
    "NicknameTooLong",
    "NicknameTooShort",
    "NoSuchGroup",
    "NoSuchUser",
    "NoTopVideo",
    "NotFollowing",
    "NotFound",
    "NotSignedIn",
    "NothingChanged",
    "Pace",
    "Page",
    "PageTooDeep",
    "ParameterMissing",
    "RefreshRefused",
    "Request",
    "RequestBanned",
    "RequestIntercepted",
    "Response",
    "ResponseCodeException",
    "ServiceUnavailable",
    "SettingIgnored",
    "SignatureHasEmoji",
    "SignatureSensitive",
    "SignatureTooLong",
    "StatementException",
    "SupportNotOpen",
    "SyncClient",
    "SyncClock",
    "SyncGraph",
    "SyncTransport",
    "TargetInBlacklist",
    "TimeoutException",
    "TooManyRequests",
    "Transport",
    "WbiRetryTimesExceedException",
    "__version__",
    "request_settings",
    "select_client",
    "sync",
]


def __dir__() -> list[str]:
    return sorted(__all__)
