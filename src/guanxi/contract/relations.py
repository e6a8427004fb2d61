"""What the wire calls relations, groups and deregistered accounts: numbers and names."""

from __future__ import annotations

from enum import IntEnum

#: The id of the group of special followings, and that of the followings in no group.
SPECIAL, DEFAULT = -10, 0
#: Their names, which no group of an account's own may have.
SPECIAL_NAME, DEFAULT_NAME = "特别关注", "默认分组"
#: The name that lists show for an account that was deregistered.
DEREGISTERED_NAME = "账号已注销"


class Attribute(IntEnum):
    """The relation of an account to another, as a response contains it."""

    NONE = 0
    WHISPER = 1
    FOLLOWING = 2
    MUTUAL = 6
    BLOCKED = 128
