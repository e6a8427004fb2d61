"""The module against the real service."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from guanxi import NoSuchGroup, user
from guanxi.accounts.account import Privacy
from guanxi.testing import RunningService, running
from guanxi.user import RelationType, User, sync

CROWD = range(100, 250)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningService]:
    with running() as service:
        service.add_accounts(1, 2, 3, *CROWD)
        monkeypatch.setenv("GUANXI_BASE_URL", service.base_url)
        yield service


def account(service: RunningService, mid: int) -> user.Credential:
    session = service.sign_in(mid)
    return user.Credential(session.sessdata, session.bili_jct)


@pytest.mark.holds(
    "User.modify_relation",
    "User.get_relation",
    "User.get_followings",
    "User.get_relation_info",
    "get_self_friends",
    "create_subscribe_group",
    "set_subscribe_group",
    "get_self_special_followings",
    "rename_subscribe_group",
    "delete_subscribe_group",
    "get_self_black_list",
)
def test_relations_and_groups(service: RunningService) -> None:
    async def use() -> None:
        me, other = account(service, 1), account(service, 2)
        assert await User(2, me).modify_relation(RelationType.SUBSCRIBE) is None
        await User(1, other).modify_relation(RelationType.SUBSCRIBE)
        both = await User(2, me).get_relation()
        assert (both["relation"]["attribute"], both["be_relation"]["attribute"]) == (6, 6)
        assert [item["mid"] for item in (await user.get_self_friends(me))["list"]] == [2]
        group = (await user.create_subscribe_group("测试", me))["tagid"]
        assert await user.set_subscribe_group([2], [group, -10], me) is None
        assert await user.get_self_special_followings(me) == [2]
        assert await user.rename_subscribe_group(group, "x", me) is None
        page = await User(1, me).get_followings()
        assert (page["total"], page["list"][0]["tag"]) == (1, [-10, group])
        assert await user.delete_subscribe_group(group, me) is None
        with pytest.raises(NoSuchGroup):
            await user.rename_subscribe_group(group, "y", me)
        await User(2, me).modify_relation(RelationType.BLOCK)
        assert [item["mid"] for item in (await user.get_self_black_list(me))["list"]] == [2]
        assert (await user.get_self_whisper_followings(me))["list"] == []
        assert await User(2).get_relation_info() == {
            "mid": 2,
            "following": 0,
            "whisper": 0,
            "black": 0,
            "follower": 0,
        }

    asyncio.run(use())


@pytest.mark.holds("User.get_all_followings", "User.get_self_same_followers", "User.get_followers")
def test_lists_of_the_caller_of_another_account_and_signed_out(service: RunningService) -> None:
    me, other = account(service, 1), account(service, 2)

    async def follow_all() -> None:
        await asyncio.gather(
            *(User(mid, me).modify_relation(RelationType.SUBSCRIBE) for mid in CROWD)
        )

    asyncio.run(follow_all())
    sync(User(100, other).modify_relation(RelationType.SUBSCRIBE))
    everybody = sync(User(1, me).get_all_followings())
    assert sorted(everybody) == list(CROWD)
    assert sync(User(1, other).get_all_followings()) == everybody
    assert sync(User(1, user.Credential()).get_all_followings()) == everybody
    assert [item["mid"] for item in sync(User(1, other).get_self_same_followers())["list"]] == [100]
    assert {item["mid"] for item in sync(User(100, me).get_followers())["list"]} == {1, 2}
    service.set_privacy(1, Privacy(hide_followings=True))
    assert sync(User(1, other).get_all_followings()) == []
    assert sync(User(1, user.Credential()).get_all_followings()) == []
    assert sync(User(1, me).get_all_followings()) == everybody
