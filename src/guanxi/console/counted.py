"""What a store counts, in words."""

from __future__ import annotations

from guanxi.text import Text

#: By the names in ``StoreInfo.counts``.
COUNTS = {
    "accounts": Text("账号", "accounts"),
    "followings": Text("关注", "followings"),
    "whispers": Text("悄悄关注", "whispers"),
    "blocks": Text("拉黑", "blocks"),
    "requests": Text("关注请求", "requests to follow"),
    "groups": Text("分组", "groups"),
    "sessions": Text("会话", "sessions"),
    "documents": Text("内容", "documents"),
    "changes": Text("保留的变更", "kept changes"),
}
