"""A tour of the SDK against a running demo: each step calls it and prints the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from guanxi.contract.enums import VideoOrder
from guanxi.contract.errors import ResponseCodeException
from guanxi.demo.world import BLOCKS_HERO, HERO, REFUSES_FOLLOWS
from guanxi.sdk.sync import SyncClient

_ATTRIBUTES = {0: "没有关系", 1: "悄悄关注", 2: "已关注", 6: "互相关注", 128: "已拉黑"}
_FOLLOWER = 387195656
_OFFICIAL = 420831218


def tour(client: SyncClient, say: Callable[[str], object]) -> None:
    """Call the main areas of the SDK as the demo's account and pass one line per step to `say`.

    The client must be signed in as ``HERO``. Most changes are reverted, but HERO no longer follows
    account 3. Three follows are meant to be refused; if any other call fails, raise its error
    (ResponseCodeException, NetworkException, …) and revert nothing more.
    """
    for line in _steps(client):
        say(line)


def _steps(client: SyncClient) -> Iterator[str]:
    relation = client.relation

    def attribute_of(mid: int) -> str:
        attribute = relation.get(mid).attribute
        return f"{attribute} {_ATTRIBUTES[attribute]}"

    def follow_result(mid: int) -> str:
        try:
            relation.follow(mid)
        except ResponseCodeException as error:
            return f"{error.code} {error.message} ({error.meaning})"
        return "0"

    nav, stat = client.web.nav(), relation.stat(HERO)
    yield f"登录 signed in: {nav.uname} ({nav.mid})"
    yield f"计数 counts: 关注 {stat.following}, 粉丝 {stat.follower}, 黑名单 {stat.black}"
    newest = relation.followings(HERO, size=3)
    yield f"关注列表 followings, 3 / {newest.total}: " + ", ".join(i.uname for i in newest.items)

    relation.follow(_FOLLOWER)
    yield f"关注粉丝 follow a follower: {attribute_of(_FOLLOWER)}"
    relation.set_groups([_FOLLOWER], [-10])
    yield f"特别关注 special: {relation.get(_FOLLOWER).special}, {relation.groups_of(_FOLLOWER)}"
    group = relation.create_group("导览").id
    relation.copy_to_groups([_FOLLOWER, _OFFICIAL], [group])
    members = relation.group_members(group)
    yield "分组 group 导览: " + ", ".join(member.uname for member in members)
    relation.delete_group(group)
    relation.unfollow(_FOLLOWER)
    yield f"取关 unfollow: {attribute_of(_FOLLOWER)}"

    same = relation.same(2)
    yield f"共同关注 in common with 2: {same.total}: " + ", ".join(i.uname for i in same.items)
    relation.block(3)
    yield f"拉黑 block: {attribute_of(3)}"
    yield f"拉黑后关注 follow an account you block: {follow_result(3)}"
    relation.unblock(3)
    yield f"对方拒绝关注 follow an account that refuses follows: {follow_result(REFUSES_FOLLOWS)}"
    yield f"被对方拉黑 follow an account that blocks you: {follow_result(BLOCKS_HERO)}"
    friends = ", ".join(item.uname for item in relation.friends().items)
    yield f"互相关注 friends: {friends}"

    videos = client.space.videos(HERO, order=VideoOrder.VIEW, size=1)
    most_viewed = videos.list.videos[0]
    top = f"{most_viewed.title} ({most_viewed.play})"
    yield f"投稿 videos: {videos.page.count}, 播放最多 most viewed: {top}"
    pinned = client.space.dynamics(HERO).items[0]
    yield f"动态 dynamics, 置顶 pinned: {pinned.type} {pinned.id}"
    latest = client.me.history_cursor(size=1).items[0]
    yield f"历史 history, 最近 latest: {latest.history.business} {latest.title}"
    yield f"稍后再看 watch-later: {client.me.toview().count}, 硬币 coins: {client.me.coins().money}"
