"""The contract's texts in Chinese: summaries, parameters, and meanings of codes.

The contract has them in English, once; a test fails for one that is missing here.
"""

from __future__ import annotations

from guanxi.text import Text

#: The summary of each endpoint, by its name.
SUMMARIES = {
    "account.card_by_mid": "一个账号，以及它关注的全部账号的 mid，最新的在前。",
    "account.name_to_uid": "按完整昵称查 mid；不存在的昵称被略去。",
    "account.legacy_name_to_uid": "按完整昵称查 mid，无需登录。",
    "account.check_nickname": "检查昵称是否合法且未被占用；返回码说明原因。",
    "channel.season": "按合集的 id 查合集及其所有者。",
    "channel.series": "按系列的 id 查系列及其所有者。",
    "login.qr_generate": "开始二维码登录：要画出的 URL，以及轮询用的密钥。",
    "login.qr_poll": "二维码登录的状态；确认后，响应会设置 cookie。",
    "login.cookie_info": "cookie 是否该刷新，以及服务器的时间。",
    "login.correspond": "含有刷新 cookie 所需 csrf 的网页。",
    "login.cookie_refresh": "用刷新令牌换取新的 cookie 与新的刷新令牌。",
    "login.confirm_refresh": "关闭旧刷新令牌的会话。",
    "me.info": "自己的账号。",
    "me.edit": "一次修改昵称、签名、性别与生日。",
    "me.set_notice": "修改自己空间的公告；留空则删除。",
    "me.coins": "自己的硬币余额。",
    "me.history": "看过的视频、剧集与课程，最近的在前，按页。",
    "me.history_cursor": "看过的一切，最近的在前，从某一条起。",
    "me.toview": "自己的稍后再看。",
    "me.clear_toview": "清空稍后再看。",
    "me.delete_viewed": "从稍后再看中删除已看完的视频。",
    "me.notes": "自己在视频上的笔记。",
    "me.public_notes": "自己公开的笔记。",
    "me.experience_log": "最近一周获得的经验。",
    "me.moral_log": "自己的节操值及其变化。",
    "me.login_log": "自己登录的时间与地址。",
    "me.jury": "自己的风纪委员状态。",
    "me.events": "账号创建以来的事件。",
    "me.fan_report": "粉丝报告：数量、排行、来源。",
    "relation.followers": "谁关注了一个账号，最新的在前；前 1,000 个。",
    "relation.followings": "一个账号关注了谁，最新的在前；他人的只有前 100 个。",
    "relation.app_followings": "一个账号关注了谁，来自 app. 主机，无需登录；5 页。",
    "relation.game_followings": "一个账号关注了谁，来自 biligame 主机，无需登录。",
    "relation.search": "昵称含有某段文字的关注；5 页。",
    "relation.same": "自己与一个账号的共同关注，按对方的顺序。",
    "relation.whispers": "自己悄悄关注的账号（只能由导入产生）。",
    "relation.friends": "与自己互相关注的账号。",
    "relation.blacks": "自己拉黑的账号。",
    "relation.modify": "关注、取消关注、拉黑、取消拉黑或移除粉丝。",
    "relation.batch_modify": "批量关注或拉黑；返回被拒绝的账号。",
    "relation.get": "自己对一个账号的关系。",
    "relation.mutual": "自己与一个账号之间两个方向的关系。",
    "relation.legacy_mutual": "两个方向的关系，在文档 004 划去的地址；无签名。",
    "relation.many": "自己对许多账号的关系，按 mid；attribute 为 0 的被略去。",
    "relation.groups": "自己的分组：特别关注、默认分组，然后是自建的。",
    "relation.group_members": "自己一个分组中的账号。",
    "relation.groups_of": "自己的哪些分组含有一个账号：按 id 的名称。",
    "relation.specials": "自己特别关注的 mid。",
    "relation.create_group": "新建分组。",
    "relation.rename_group": "重命名分组。",
    "relation.delete_group": "删除分组；其中的账号仍被关注。",
    "relation.set_groups": "设定所关注账号的分组：恰好这些。",
    "relation.copy_to_groups": "把所关注的账号加入分组；其他分组不变。",
    "relation.move_between_groups": "把所关注的账号从一些分组移到另一些。",
    "relation.stat": "一个账号的关注数与粉丝数。",
    "space.page": "含有访问 id 的空间网页。",
    "space.info": "空间所显示的账号，及其直播间。",
    "space.overview": "空间中各类作品的数量。",
    "space.up_stat": "全部作品的播放与点赞；未登录时为空。",
    "space.notice": "空间的公告；没有则为空。",
    "space.reservations": "空间中可预约的预告；没有则为 null。",
    "space.supporters": "本月谁为一个账号充电。",
    "space.like_effect": "一键三连时显示的图片。",
    "space.medals": "一个账号的粉丝勋章。",
    "space.tags": "一个账号关注的标签。",
    "space.bangumi": "一个账号追的番剧与影视。",
    "space.videos": "一个账号的视频，按分区与标题中的词。",
    "space.media_list": "一个账号的视频作为播放列表，从其中一个起。",
    "space.top_video": "一个账号置顶的视频。",
    "space.masterpieces": "一个账号的代表作，最多三个。",
    "space.channels": "一个账号的合集与系列，合集在前，附最新的视频。",
    "space.legacy_channels": "一个账号的合集与系列，在旧客户端的地址。",
    "space.season_videos": "一个账号的某个合集中的视频。",
    "space.legacy_season_videos": "一个账号的某个合集中的视频，在旧客户端的地址。",
    "space.series_videos": "一个账号的某个系列中的视频。",
    "space.audios": "一个账号的音频。",
    "space.articles": "一个账号的专栏文章。",
    "space.article_lists": "一个账号的文集。",
    "space.albums": "一个账号的相簿。已弃用：文档中的主机已停用它。",
    "space.courses": "一个账号的课程。",
    "space.dynamics": "一个账号的动态，最新的在前。",
    "space.old_dynamics": "一个账号的动态，旧客户端的格式。",
    "space.opus": "一个账号的图文，最新的在前。",
    "web.nav": "谁已登录，以及当天的 wbi 密钥（返回 -101 时也有）。",
    "web.buvid": "一对新的设备 id；不保存任何东西。",
    "web.device_report": "接受设备上报并丢弃；guanxi 自己的客户端从不发送。",
    "web.attentions": "一个账号关注的全部账号的 mid，最新的在前。",
}
#: Descriptions of parameters and meanings of codes, by the English text.
_TEXTS = {
    "-10 special, 0 default, or own": "-10 特别关注，0 默认分组，或自建分组的 id",
    "0 to begin": "从 0 开始",
    "1 follow, 2 unfollow, 3 retired, 4 cancel whisper, 5 block, 6 unblock, 7 remove follower": (
        "1 关注，2 取消关注，3 已停用，4 取消悄悄关注，5 拉黑，6 取消拉黑，7 移除粉丝"
    ),
    "1 follow, 5 block": "1 关注，5 拉黑",
    "The order of a channel's videos: its own, or reversed.": "合集中视频的顺序：原有的，或反过来",
    "The order of article lists: last updated or most read first.": (
        "文集的顺序：最近更新或阅读最多"
    ),
    "The order of articles: newest, most favourited or most read first.": (
        "文章的顺序：最新、收藏最多或阅读最多"
    ),
    "The order of audios: newest, most played or most favourited first.": (
        "音频的顺序：最新、播放最多或收藏最多"
    ),
    "The order of videos: newest, most favourited or most played first.": (
        "视频的顺序：最新、收藏最多或播放最多"
    ),
    "The sort key of a media list: upload date, plays, favourites.": (
        "播放列表的排序：上传时间、播放、收藏"
    ),
    "The state of a followed series: any, wanted, being watched, watched.": (
        "追番的状态：全部、想看、在看、看过"
    ),
    "Which albums: all, drawings, photography, daily life.": "哪些相簿：全部、绘画、摄影、日常",
    "Which part of the history: all of it, videos, live rooms, articles.": (
        "哪些历史记录：全部、视频、直播、专栏"
    ),
    "Which picture posts: all, those of articles, the others. Only in document 000.": (
        "哪些图文：全部、专栏、其他。只在文档 000 中"
    ),
    "Which series: anime, or drama, documentaries and the like.": "哪一类：番剧，或影视与纪录片等",
    "YYYY-MM-DD": "年-月-日",
    "a group's name": "分组名",
    "a partition's id; 0 for all": "分区的 id；0 为全部",
    "an account's id": "账号的 id",
    "an alias of fids, read if fids is not sent": "fids 的别名，没有 fids 时读取",
    "an id": "一个 id",
    "by time of following, or most visited first": "按关注时间，或最常访问的在前",
    "from an earlier response": "取自之前的响应",
    "ids of accounts": "账号的 id",
    "ids of groups": "分组的 id",
    "ignored": "被忽略",
    "include the video of oid": "包含 oid 的视频",
    "items a page": "每页条数",
    "lower-case hexadecimal digits": "小写的十六进制数字",
    "milliseconds": "毫秒",
    "names; 50 a call is ours": "昵称；每次 50 个是本项目所定",
    "newest first, or oldest first": "最新的在前，或最早的在前",
    "page, from 1": "页码，从 1 开始",
    "part of a name; empty for all": "昵称的一部分；留空为全部",
    "part of a title; empty for all": "标题的一部分；留空为全部",
    "seconds since 1970": "1970 年以来的秒数",
    "the function to call with it": "要以它调用的函数",
    "the largest first": "最大的在前",
    "the last cursor.business": "上一个 cursor.business",
    "the last cursor.max": "上一个 cursor.max",
    "the last cursor; empty for the first page (ours)": "上一个 cursor；首页留空（本项目所加）",
    "the last offset; empty for the first page": "上一个 offset；首页留空",
    "the name to check": "要检查的昵称",
    "the new name": "新的名称",
    "the new signature": "新的签名",
    "the new text; empty to delete it": "新的文字；留空则删除",
    "the pinned one first": "置顶的在前",
    "the source of the follow: 11 space, 14 video, 115 article, 222 activity; the profile open"
    " takes 11 if it is absent": (
        "关注的来源：11 空间，14 视频，115 专栏，222 活动；open 配置在缺少时用 11"
    ),
    "towards the end of the list": "朝列表的末尾",
    "true: delete what was watched to its end": "true：删除已看完的",
    "who refreshes": "谁在刷新",
    "保密: undisclosed": "“保密”为不公开",
    "a group's name has 1 to 16 characters": "分组名应为 1 到 16 个字符",
    "a parameter is missing or invalid": "缺少参数，或参数无效",
    "another account has that nickname": "昵称已被另一个账号使用",
    "intercepted by risk control: stop sending requests": "被风控拦截：停止发送请求",
    "no account has that mid": "没有账号是这个 mid",
    "no more follows today, at any pace: go on the next day": (
        "今天不能再关注，无论多慢：次日再继续"
    ),
    "not signed in, or the session has expired": "未登录，或会话已过期",
    "temporarily banned by risk control: stop sending requests": "被风控暂时封禁：停止发送请求",
    "the account does not accept support": "该账号未开通充电",
    "the account has pinned no video": "该账号没有置顶视频",
    "the account hides its followers": "该账号隐藏了粉丝",
    "the account hides its followings": "该账号隐藏了关注",
    "the account hides this list": "该账号隐藏了此列表",
    "the account is banned": "账号已被封停",
    "the caller already blocks the target": "已经拉黑对方",
    "the caller already follows the target": "已经关注对方",
    "the caller already has a group of that name": "已有同名的分组",
    "the caller blocks the target: unblock first": "已拉黑对方：先取消拉黑",
    "the caller does not follow one of the accounts": "其中一个账号未被关注",
    "the caller has no group with that id": "没有这个 id 的分组",
    "the caller has reached the limit of followings": "关注已达上限",
    "the csrf field is missing or is not this session's bili_jct": (
        "缺少 csrf，或不是此会话的 bili_jct"
    ),
    "the new value equals the current one": "新值与现有的相同",
    "the nickname contains a forbidden word": "昵称含有禁用的词",
    "the nickname contains characters other than letters, digits, - and _": (
        "昵称含有文字、数字、- 与 _ 以外的字符"
    ),
    "the nickname is longer than 16 characters": "昵称超过 16 个字符",
    "the nickname is shorter than 2 characters": "昵称少于 2 个字符",
    "the page is past the last visible one": "页码超过了可见的最后一页",
    "the refresh token is used or not this session's, or its csrf is wrong": (
        "刷新令牌已用过或不属于此会话，或其 csrf 不对"
    ),
    "the request is invalid": "请求无效",
    "the requested object or path does not exist": "所请求的对象或路径不存在",
    "the service is unavailable; nothing was changed, so retry later": (
        "服务不可用；没有改动任何东西，可稍后再试"
    ),
    "the signature contains a forbidden word": "签名含有禁用的词",
    "the signature contains emoji": "签名含有表情符号",
    "the signature is longer than 70 characters": "签名超过 70 个字符",
    "the signature is missing, wrong or made with stale keys": "缺少签名，签名不对，或密钥已过时",
    "the target is deregistered": "对方已注销",
    "the target is the caller": "对方就是自己",
    "the target refuses follows, or has blocked the caller": "对方拒绝被关注，或已拉黑自己",
    "timed out; the change may have been made, so read before you repeat it": (
        "超时；改动可能已经完成，重试前先读取"
    ),
    "too many requests: send fewer": "请求过多：减少发送",
}


def both(english: str) -> Text:
    """Return a description or meaning of the contract in both languages."""
    return Text(_TEXTS.get(english, english), english)


def summary(name: str, english: str) -> Text:
    """Return the summary of the endpoint ``name`` in both languages."""
    return Text(SUMMARIES.get(name, english), english)
