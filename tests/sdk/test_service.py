"""The client against the real service."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any, get_type_hints

import pytest
from msgspec.structs import fields

from guanxi import (
    AlreadyFollowing,
    BadRequest,
    CannotTargetSelf,
    Client,
    Credential,
    CsrfFailed,
    FollowersHidden,
    FollowRefused,
    GroupExists,
    ListIncomplete,
    NotFound,
    NoTopVideo,
    NotSignedIn,
    PageTooDeep,
    SupportNotOpen,
    SyncClient,
    TargetInBlacklist,
)
from guanxi.accounts.account import Privacy
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.sdk.answers import typed
from guanxi.testing import RunningService, running
from tests.sdk.recorder import SIGNED_OUT, Kind

CROWD = range(100, 220)


@pytest.fixture(scope="module", params=["documented", "open"])
def service(request: pytest.FixtureRequest) -> Iterator[RunningService]:
    with running(request.param) as service:
        service.add_accounts(1, 2, 3, 4, *CROWD)
        yield service


def credential(service: RunningService, mid: int) -> Credential:
    session = service.sign_in(mid)
    return Credential(session.sessdata, session.bili_jct)


@pytest.fixture
def client(service: RunningService) -> Iterator[SyncClient]:
    """Yield a client of account 1, and delete its followings, blocks and groups afterwards."""
    with SyncClient(base_url=service.base_url, credential=credential(service, 1)) as client:
        yield client
        for item in list(client.relation.iter_followings(1)):
            client.relation.unfollow(item.mid)
        for item in list(client.relation.iter_blacks()):
            client.relation.unblock(item.mid)
        for group in client.relation.groups():
            if group.id > 0:
                client.relation.delete_group(group.id)


def test_changes_and_single_relations(client: SyncClient) -> None:
    relation = client.relation
    relation.follow(2)
    assert relation.get(2).attribute == 2
    with pytest.raises(AlreadyFollowing):
        relation.follow(2)
    with pytest.raises(CannotTargetSelf):
        relation.follow(1)
    relation.block(2)
    with pytest.raises(TargetInBlacklist):
        relation.follow(2)
    assert [item.mid for item in relation.blacks().items] == [2]
    relation.unblock(2)
    relation.cancel_whisper(2)
    assert relation.get(2).attribute == 0


def test_relations_in_both_directions(service: RunningService, client: SyncClient) -> None:
    with SyncClient(base_url=service.base_url, credential=credential(service, 2)) as other:
        other.relation.follow(1)
        client.relation.follow(2)
        both = client.relation.mutual(2)
        assert (both.relation.attribute, both.be_relation.attribute) == (6, 6)
        assert client.relation.legacy_mutual(2).be_relation.attribute == 6
        client.relation.remove_follower(2)
        assert client.relation.mutual(2).be_relation.attribute == 0
        assert [item.mid for item in other.relation.iter_followings(2)] == []


def test_groups(client: SyncClient) -> None:
    relation = client.relation
    assert relation.batch_modify([2, 3, 999_999], 1).failed_fids == [999_999]
    group = relation.create_group("测试").id
    with pytest.raises(GroupExists):
        relation.create_group("测试")
    relation.rename_group(group, "a & b=c+d")
    relation.set_groups([2, 3], [group, -10])
    assert relation.groups_of(2) == {"-10": "特别关注", str(group): "a & b=c+d"}
    assert sorted(relation.specials()) == [2, 3]
    assert sorted(relation.iter_specials()) == [2, 3]
    assert {item.mid for item in relation.iter_group_members(group, size=1)} == {2, 3}
    relation.move_between_groups([3], [group], [0])
    assert [item.mid for item in relation.group_members(group)] == [2]
    relation.copy_to_groups([3], [group])
    assert relation.many([2, 3, 4]).keys() == {"2", "3"}
    assert [item.count for item in relation.groups() if item.id == group] == [2]


def test_walks(service: RunningService, client: SyncClient) -> None:
    for start in range(0, len(CROWD), 50):
        assert client.relation.batch_modify(CROWD[start : start + 50], 1).failed_fids == []
    newest = list(reversed(CROWD))
    relation = client.relation
    assert [item.mid for item in relation.iter_followings(1, size=7)] == newest
    assert [item.mid for item in relation.iter_followings(1, order="asc")] == list(CROWD)
    # 5 pages of 7 if pages are numbered, all by cursor
    whole = service.settings.profile.name == "open"
    seen = newest if whole else newest[:35]
    for walk in (relation.iter_app_followings, relation.iter_search):
        assert [item.mid for item in walk(1, size=7, partial=True)] == seen
        with nullcontext() if whole else pytest.raises(ListIncomplete):
            assert [item.mid for item in walk(1, size=7)] == newest
    with nullcontext() if whole else pytest.raises(ListIncomplete):
        assert [int(item.mid) for item in relation.iter_game_followings(1)] == newest
    assert [item.mid for item in relation.iter_search(1, "U10")] == list(range(109, 99, -1))
    assert list(relation.iter_whispers()) == list(relation.iter_friends()) == []
    assert relation.stat(1).following == len(CROWD)
    if service.settings.profile.name == "documented":
        with pytest.raises(PageTooDeep):
            relation.search(1, page=6)


def test_privacy(service: RunningService, client: SyncClient) -> None:
    service.set_privacy(4, Privacy(hide_followings=True, hide_followers=True, refuse_follows=True))
    with pytest.raises(FollowersHidden):
        client.relation.followers(4)
    with pytest.raises(FollowRefused):
        client.relation.follow(4)
    assert client.relation.app_followings(4).items is None
    assert list(client.relation.iter_same(4)) == []


def test_the_service_identifies_the_caller(service: RunningService, client: SyncClient) -> None:
    assert client.web.nav().mid == 1
    forged = Credential(client.credential.sessdata, "0" * 32)
    with pytest.raises(CsrfFailed):
        client.call("relation.modify", {"fid": 2, "act": 1, "re_src": 11}, credential=forged)
    with pytest.raises(NotSignedIn):
        client.call("relation.groups", credential=Credential("no such session"))
    with SyncClient(base_url=service.base_url, credential=SIGNED_OUT) as signed_out:
        assert not signed_out.web.nav().is_login
        assert signed_out.relation.stat(1).mid == 1
    token = Credential(access_key=service.access_key(3))
    with SyncClient(base_url=service.base_url, credential=token) as app:
        app.relation.follow(2)
        assert app.relation.mutual(2).relation.attribute == 2
        app.relation.unfollow(2)


#: The value of every required parameter.
ARGUMENTS: dict[str, Any] = {
    **dict.fromkeys(("vmid", "uid", "host_uid", "host_mid", "up_mid", "target_id", "biz_id"), 1),
    "mid": 2,
    "fid": 2,
    "fids": [2],
    "tagid": 0,
    "names": ["u1"],
    "nickName": "一个没人用的名字",
    "season_id": 1,
    "series_id": 1,
    "qrcode_key": "0" * 32,
    "correspond_path": "ab12",
    "pn": 1,
    "ps": 5,
}
#: The error of reads whose subject does not exist; other reads return an empty result.
NOTHING_THERE = {
    "channel.season": NotFound,
    "channel.series": NotFound,
    "login.qr_poll": BadRequest,
    "space.season_videos": BadRequest,
    "space.legacy_season_videos": BadRequest,
    "space.series_videos": BadRequest,
    "space.supporters": SupportNotOpen,
    "space.top_video": NoTopVideo,
}


@pytest.mark.parametrize(
    "endpoint",
    [endpoint for endpoint in ENDPOINTS if not endpoint.writes],
    ids=lambda endpoint: endpoint.name,
)
def test_the_service_understands_every_read(client: SyncClient, endpoint: Any) -> None:
    required = [field for field in fields(endpoint.params) if field.required]
    params = {field.encode_name: ARGUMENTS[field.encode_name] for field in required}
    area, verb = endpoint.name.split(".")
    if endpoint.name in NOTHING_THERE:
        with pytest.raises(NOTHING_THERE[endpoint.name]):
            client.call(endpoint, params)
        return
    data = client.call(endpoint, params)
    kind = get_type_hints(getattr(type(getattr(client, area)), verb))["return"]
    typed(data, kind, endpoint)


def test_the_async_client_does_the_same(service: RunningService, kind: Kind) -> None:
    async def use() -> list[int]:
        account = credential(service, 3)
        async with Client(base_url=service.base_url, credential=account) as client:
            await asyncio.gather(*(client.relation.follow(mid) for mid in CROWD[:32]))
            mids = [item.mid async for item in client.relation.iter_followings(3, size=10)]
            await asyncio.gather(*(client.relation.unfollow(mid) for mid in CROWD[:32]))
            return mids

    assert sorted(asyncio.run(use())) == list(CROWD[:32])
