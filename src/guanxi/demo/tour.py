"""A tour of the SDK against a running demo: each step calls it and prints the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from guanxi.contract.enums import VideoOrder
from guanxi.contract.errors import ResponseCodeException
from guanxi.demo.world import BLOCKS_HERO, HERO, REFUSES_FOLLOWS
from guanxi.sdk.sync import SyncClient
from guanxi.text import Text

_ATTRIBUTES = {
    0: Text("没有关系", "no relation"),
    1: Text("悄悄关注", "whisper"),
    2: Text("已关注", "following"),
    6: Text("互相关注", "mutual"),
    128: Text("已拉黑", "blocked"),
}
_FOLLOWER = 387195656
_OFFICIAL = 420831218


def tour(client: SyncClient, say: Callable[[Text], object]) -> None:
    """Call the main areas of the SDK as the demo's account and pass one line per step to `say`.

    The client must be signed in as ``HERO``. All changes are reverted at the end. Three follows are
    meant to be refused; if any other call fails, raise its error (ResponseCodeException,
    NetworkException, …) and revert nothing more.
    """
    for line in _steps(client):
        say(line)


def _steps(client: SyncClient) -> Iterator[Text]:
    relation = client.relation

    def attribute_of(mid: int) -> Text:
        attribute = relation.get(mid).attribute
        name = _ATTRIBUTES[attribute]
        return Text(f"{attribute} {name.zh}", f"{attribute} {name.en}")

    def follow_result(mid: int) -> Text:
        try:
            relation.follow(mid)
        except ResponseCodeException as error:
            return Text(f"{error.code} {error.message}", f"{error.code} {error.meaning}")
        return Text("0", "0")

    nav, stat = client.web.nav(), relation.stat(HERO)
    yield _line("登录", "signed in", f"{nav.uname} ({nav.mid})")
    yield Text(
        f"计数：关注 {stat.following}，粉丝 {stat.follower}，黑名单 {stat.black}",
        f"counts: {stat.following} following, {stat.follower} followers, {stat.black} blocked",
    )
    newest = relation.followings(HERO, size=3)
    names = ", ".join(item.uname for item in newest.items)
    yield _line("关注列表", "followings", f"3 / {newest.total}: {names}")

    relation.follow(_FOLLOWER)
    yield _line("关注粉丝", "follow a follower", attribute_of(_FOLLOWER))
    relation.set_groups([_FOLLOWER], [-10])
    special = f"{relation.get(_FOLLOWER).special}, {relation.groups_of(_FOLLOWER)}"
    yield _line("特别关注", "special", special)
    group = relation.create_group("导览").id
    relation.copy_to_groups([_FOLLOWER, _OFFICIAL], [group])
    members = ", ".join(member.uname for member in relation.group_members(group))
    yield _line("分组“导览”", "group 导览", members)
    relation.delete_group(group)
    relation.unfollow(_FOLLOWER)
    yield _line("取关", "unfollow", attribute_of(_FOLLOWER))

    same = relation.same(2)
    names = ", ".join(item.uname for item in same.items)
    yield _line("与 2 共同关注", "followed by you and by 2", f"{same.total}: {names}")
    relation.block(3)
    yield _line("拉黑", "block", attribute_of(3))
    yield _line("拉黑后关注", "follow an account you block", follow_result(3))
    relation.unblock(3)
    refused = follow_result(REFUSES_FOLLOWS)
    yield _line("对方拒绝关注", "follow an account that refuses follows", refused)
    blocked = follow_result(BLOCKS_HERO)
    yield _line("被对方拉黑", "follow an account that blocks you", blocked)
    friends = ", ".join(item.uname for item in relation.friends().items)
    yield _line("互相关注", "friends", friends)

    videos = client.space.videos(HERO, order=VideoOrder.VIEW, size=1)
    top = f"{videos.list.videos[0].title} ({videos.list.videos[0].play})"
    yield Text(
        f"投稿：{videos.page.count}，播放最多：{top}",
        f"videos: {videos.page.count}, most viewed: {top}",
    )
    pinned = client.space.dynamics(HERO).items[0]
    yield _line("置顶动态", "pinned dynamic", f"{pinned.type} {pinned.id}")
    latest = client.me.history_cursor(size=1).items[0]
    yield _line("最近历史", "latest history", f"{latest.history.business} {latest.title}")
    later, coins = client.me.toview().count, client.me.coins().money
    yield Text(f"稍后再看：{later}，硬币：{coins}", f"watch-later: {later}, coins: {coins}")


def _line(zh: str, en: str, value: str | Text) -> Text:
    text = Text.of(value)
    return Text(f"{zh}：{text.zh}", f"{en}: {text.en}")
