"""The documented module: users, what they made, their relations, and one's own account.

Names, argument order, defaults and return kinds are those of documents 000 and 001: plain
dictionaries and lists, as decoded, annotated with what the contract says is in them. Every function
that reaches a server is a coroutine, but for those named ``…_sync``; ``sync`` runs one from code
that has no event loop. docs/user-module.md lists all names with their endpoints.

Requests go where GUANXI_BASE_URL says, else to the documents' hosts, through one client for each
running loop and proxy, which closes with its loop; ``using`` puts one's own client in its place.
Where ``credential`` is None the environment's account calls; an empty ``Credential()`` is nobody.

Besides what each lists, functions raise ``ResponseCodeException`` (by name, a code other than 0),
``NetworkException``, ``AnswerException``, and, before anything is sent, the ``CredentialException``
of the part that a call needs and the credential lacks, and ``TypeError`` or ``ValueError`` with the
name of an argument that cannot be right.
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
from guanxi.user._channels import ChannelSeries
from guanxi.user._clients import sync, using
from guanxi.user._credential import Credential
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
