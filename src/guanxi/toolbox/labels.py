"""What people read for the lists, the categories of a difference, and the reasons in an archive."""

from __future__ import annotations

from guanxi.text import Text

LISTS = {
    "followings": Text("关注", "followings"),
    "followers": Text("粉丝", "followers"),
    "blocks": Text("黑名单", "blocks"),
    "whispers": Text("悄悄关注", "whispers"),
    "groups": Text("分组", "groups"),
}
CATEGORIES = {
    "came": Text("新增", "came"),
    "first_seen": Text("首次见到", "first seen"),
    "left": Text("离开", "left"),
    "became_mutual": Text("成为互相关注", "became mutual"),
    "stopped_following_you": Text("不再关注你", "stopped following you"),
    "became_special": Text("设为特别关注", "became special"),
    "no_longer_special": Text("取消特别关注", "no longer special"),
    "groups_changed": Text("分组有变", "changed groups"),
    "renamed": Text("改名", "renamed"),
    "deregistered": Text("已注销", "deregistered"),
    "unknown": Text("无法得知", "unknown"),
    "created": Text("新建", "created"),
    "deleted": Text("删除", "deleted"),
}
#: What an account lacks of the lists of another, by ``transfer.Difference.what``.
LACKS = {
    "missing": Text("缺少", "missing"),
    "groups": Text("分组或特别关注不同", "other groups or special mark"),
    "order": Text("顺序不同", "another position in the order"),
}
#: Why a list is not complete, or why it is not known whether an account left.
REASONS = {
    "cap": Text("超出服务器显示的范围", "beyond what the server shows"),
    "hidden": Text("列表被隐藏", "the list is hidden"),
    "moved": Text("读取时列表在变动", "the list changed while it was read"),
    "interrupted": Text("读取被中断", "the reading was interrupted"),
    "refused": Text("服务器拒绝读取", "the server refused the reading"),
    "deregistered": Text("账号已注销", "the account is deregistered"),
}
#: Why apply left an act alone or gave it up, by the first word of the message in the journal. The
#: others are the name of the group, or what the network said.
LEFT_ALONE = {
    "no_response": Text("没有收到响应（{0}）", "no response ({0})"),
    "group_not_empty": Text("分组中还有账号", "the group is not empty"),
    "not_followed": Text("未关注", "not followed"),
    "no_group": Text("没有分组 {0}", "there is no group {0}"),
    "relation": Text("应为：{0}；现为：{1}", "expected {0}; is {1}"),
}
#: By ``Relation.attribute``.
RELATIONS = {
    0: Text("无", "none"),
    1: Text("悄悄关注", "whisper"),
    2: Text("已关注", "following"),
    6: Text("互相关注", "mutual"),
    128: Text("已拉黑", "blocked"),
}
SPECIAL = Text("特别关注", "special")


def label(table: dict[str, Text], name: str | None) -> Text:
    """Return what people read for a name; one that is not in the table, as it is."""
    return table.get(name or "", Text.of(name or ""))
