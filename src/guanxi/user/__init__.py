"""The documented module: users, their works and relations, and the caller's own account.

Names, argument order, defaults and return types are those of documents 000 and 001. Functions
return plain decoded dictionaries and lists; annotations say what the contract puts in them. Every
function that sends requests is a coroutine, except those named ``…_sync``; ``sync`` runs a
coroutine from code without an event loop. docs/user-module.md lists all names with their endpoints.

Requests go to GUANXI_BASE_URL, or to the documents' hosts if it is unset. There is one client for
each running loop and proxy, which is closed with its loop; ``using`` replaces it by your own
client. ``credential=None`` means the credential of that client, else of the environment; an empty
``Credential()`` calls signed out.

A WRITE WITHOUT A CREDENTIAL ACTS AS THE ENVIRONMENT'S ACCOUNT (GUANXI_SESSDATA, GUANXI_BILI_JCT).
If GUANXI_NO_DEFAULT_CREDENTIAL is set and not empty, ``credential=None`` outside of ``using`` means
signed out instead, as in the original, and such a write raises ``CredentialNoSessdataException``.

Results are what the server sent: from guanxi's service, exactly the keys of the annotations; keys
that another server adds are passed on.

In addition to the errors that a function lists, each may raise ``ResponseCodeException`` (a code
other than 0, by name), ``NetworkException``, ``AnswerException``, and, before anything is sent, a
``CredentialException`` if the credential lacks a part that the call needs, and ``ArgsException``,
which is a ``ValueError`` too, with the name of an invalid argument. An id may be a number or its
digits as text. A function of a whole list raises ``ListIncomplete`` if the server shows only a
part; the part is in its ``items``.
"""

from guanxi.contract.enums import (
    AlbumType,
    ArticleListOrder,
    ArticleOrder,
    AudioOrder,
    BangumiFollowStatus,
    BangumiType,
    ChannelOrder,
    ChannelSeriesType,
    HistoryBusinessType,
    HistoryType,
    MedialistOrder,
    OpusType,
    OrderType,
    RelationType,
    VideoOrder,
)
from guanxi.sdk.credential import Credential
from guanxi.sdk.current import sync, using
from guanxi.user._channels import ChannelSeries
from guanxi.user._groups import (
    create_subscribe_group,
    delete_subscribe_group,
    rename_subscribe_group,
    set_subscribe_group,
)
from guanxi.user._history import (
    clear_toview_list,
    delete_viewed_videos_from_toview,
    get_self_history,
    get_self_history_new,
    get_self_notes_info,
    get_self_public_notes_info,
    get_toview_list,
)
from guanxi.user._names import check_nickname, name2uid, name2uid_sync
from guanxi.user._self import (
    edit_self_info,
    get_self_black_list,
    get_self_coins,
    get_self_events,
    get_self_experience_log,
    get_self_friends,
    get_self_info,
    get_self_jury_info,
    get_self_login_log,
    get_self_moral_log,
    get_self_special_followings,
    get_self_whisper_followings,
)
from guanxi.user._user import User

__all__ = [
    "AlbumType",
    "ArticleListOrder",
    "ArticleOrder",
    "AudioOrder",
    "BangumiFollowStatus",
    "BangumiType",
    "ChannelOrder",
    "ChannelSeries",
    "ChannelSeriesType",
    "Credential",
    "HistoryBusinessType",
    "HistoryType",
    "MedialistOrder",
    "OpusType",
    "OrderType",
    "RelationType",
    "User",
    "VideoOrder",
    "check_nickname",
    "clear_toview_list",
    "create_subscribe_group",
    "delete_subscribe_group",
    "delete_viewed_videos_from_toview",
    "edit_self_info",
    "get_self_black_list",
    "get_self_coins",
    "get_self_events",
    "get_self_experience_log",
    "get_self_friends",
    "get_self_history",
    "get_self_history_new",
    "get_self_info",
    "get_self_jury_info",
    "get_self_login_log",
    "get_self_moral_log",
    "get_self_notes_info",
    "get_self_public_notes_info",
    "get_self_special_followings",
    "get_self_whisper_followings",
    "get_toview_list",
    "name2uid",
    "name2uid_sync",
    "rename_subscribe_group",
    "set_subscribe_group",
    "sync",
    "using",
]
