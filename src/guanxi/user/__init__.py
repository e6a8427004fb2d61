"""The documented module: users, their relations, and one's own lists and groups.

Names, argument order, defaults and return kinds are those of documents 000 and 001: plain
dictionaries and lists, as decoded, annotated with what the contract says is in them. Every function
that reaches a server is a coroutine; ``sync`` runs one from code that has no event loop.

Requests go where GUANXI_BASE_URL says, else to the documents' hosts, through one client for each
running loop and proxy, which closes with its loop; ``using`` puts one's own client in its place.
Where ``credential`` is None the environment's account calls; an empty ``Credential()`` is nobody.

Besides what each lists, functions raise ``ResponseCodeException`` (by name, a code other than 0),
``NetworkException``, ``AnswerException``, and, before anything is sent, the ``CredentialException``
of the part that a call needs and the credential lacks.
"""

from guanxi.sdk.credential import Credential
from guanxi.user._clients import sync, using
from guanxi.user._enums import OrderType, RelationType
from guanxi.user._groups import (
    create_subscribe_group,
    delete_subscribe_group,
    rename_subscribe_group,
    set_subscribe_group,
)
from guanxi.user._self import (
    get_self_black_list,
    get_self_friends,
    get_self_special_followings,
    get_self_whisper_followings,
)
from guanxi.user._user import User

__all__ = [
    "Credential",
    "OrderType",
    "RelationType",
    "User",
    "create_subscribe_group",
    "delete_subscribe_group",
    "get_self_black_list",
    "get_self_friends",
    "get_self_special_followings",
    "get_self_whisper_followings",
    "rename_subscribe_group",
    "set_subscribe_group",
    "sync",
    "using",
]
