"""Who may call each endpoint, and whose space it shows, in every state of caller and target."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from guanxi.accounts.account import State
from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.endpoints import BY_NAME, ENDPOINTS
from guanxi.demo.content import make_content
from guanxi.demo.world import HERO, make_world
from guanxi.operations import accounts
from guanxi.stores.port import Store
from guanxi.testing import RunningService, running
from guanxi.world.kind import Entry
from tests.service.client import call, contents, fresh
from tests.service.faults import faulty_service
from tests.service.scene import Scene

#: What a call changes of the caller's: a banned account may not.
WRITES = {
    "relation.modify",
    "relation.batch_modify",
    "relation.create_group",
    "relation.rename_group",
    "relation.delete_group",
    "relation.set_groups",
    "relation.copy_to_groups",
    "relation.move_between_groups",
    "me.edit",
    "me.set_notice",
    "me.clear_toview",
    "me.delete_viewed",
}
#: Calls that keep a caller signed in, and change nothing else.
SIGNS_IN = {"login.cookie_refresh", "login.confirm_refresh"}
#: Calls that read, for the caller or for anybody.
READS = {
    "relation.followers",
    "relation.followings",
    "relation.app_followings",
    "relation.game_followings",
    "relation.search",
    "relation.same",
    "relation.whispers",
    "relation.friends",
    "relation.blacks",
    "relation.get",
    "relation.mutual",
    "relation.legacy_mutual",
    "relation.many",
    "relation.groups",
    "relation.group_members",
    "relation.groups_of",
    "relation.specials",
    "relation.stat",
    "web.nav",
    "web.buvid",
    "web.device_report",
    "web.attentions",
    "account.card_by_mid",
    "account.name_to_uid",
    "account.legacy_name_to_uid",
    "account.check_nickname",
    "login.qr_generate",
    "login.qr_poll",
    "login.cookie_info",
    "login.correspond",
    "me.info",
    "me.coins",
    "me.experience_log",
    "me.moral_log",
    "me.login_log",
    "me.jury",
    "me.events",
    "me.fan_report",
    "me.history",
    "me.history_cursor",
    "me.toview",
    "me.notes",
    "me.public_notes",
}
#: Calls that show documents of an account.
SPACES = {
    "space.info",
    "space.overview",
    "space.up_stat",
    "space.notice",
    "space.reservations",
    "space.supporters",
    "space.like_effect",
    "space.medals",
    "space.tags",
    "space.bangumi",
    "space.videos",
    "space.media_list",
    "space.top_video",
    "space.masterpieces",
    "space.audios",
    "space.articles",
    "space.article_lists",
    "space.albums",
    "space.courses",
    "space.channels",
    "space.legacy_channels",
    "space.season_videos",
    "space.legacy_season_videos",
    "space.series_videos",
    "space.dynamics",
    "space.old_dynamics",
    "space.opus",
    "channel.season",
    "channel.series",
}
#: A page with a token, the same for every account.
PAGES = {"space.page"}


def test_every_endpoint_is_in_one_group() -> None:
    """A new endpoint belongs in one, which says what is tested of it below."""
    groups = [WRITES, SIGNS_IN, READS, SPACES, PAGES]
    assert set.union(*groups) == BY_NAME.keys()
    assert sum(map(len, groups)) == len(ENDPOINTS)


@pytest.fixture(scope="module")
def banned(documented: RunningService) -> Scene:
    scene = Scene(documented)
    documented.set_state(scene.caller.mid, State.BANNED)
    return scene


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_a_banned_caller(name: str, banned: Scene) -> None:
    endpoint = BY_NAME[name]
    before = contents(banned.service) if name in WRITES else None
    answer = banned.call(endpoint)
    assert answer.code == (-102 if name in WRITES else 0), answer.raw
    if name in WRITES:
        assert answer.message == "账号被封停"
        assert contents(banned.service) == before


@pytest.fixture(scope="module")
def deregistered(documented: RunningService) -> Scene:
    scene = Scene(documented)
    # A session that the gate has not seen yet: it trusts one that it knows for a second.
    scene.caller = documented.sign_in(scene.caller.mid)
    documented.set_state(scene.caller.mid, State.DEREGISTERED)
    return scene


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_a_deregistered_caller_is_nobody(name: str, deregistered: Scene) -> None:
    endpoint = BY_NAME[name]
    answer = deregistered.call(endpoint)
    without = call(deregistered.service, endpoint, None, deregistered.fields(endpoint))
    code = answer.body["code"] if answer.raw[:1] == b"{" else 0
    assert code == (without.body["code"] if without.raw[:1] == b"{" else 0)
    if name in WRITES | SIGNS_IN:
        assert code == -101


# --- the target ---


class _Spaces:
    """An account with documents of every kind, and one without any."""

    def __init__(self, service: RunningService) -> None:
        self.service = service
        entries = [one for one in make_content(make_world(1, 200, 0), 1) if one.owner == HERO]
        service.add_accounts(HERO)
        service.do(lambda store: store.put(entries))
        self.viewer, bare = fresh(service, 2)
        self.bare = bare.mid
        ids = {kind: next(one.id for one in entries if one.kind == kind) for kind in _CHANNELS}
        self.channels = {f"{kind}_id": id for kind, id in ids.items()}

    def read(self, endpoint: Endpoint, mid: int) -> str:
        """Return the answer about an account, with a word for its mid and its name."""
        fields = {
            one.encode_name: self.channels.get(one.encode_name, mid)
            for one in msgspec.structs.fields(endpoint.params)
            if one.required
        }
        if "ps" in fields:
            fields |= {"pn": 1, "ps": 20}
        answer = call(self.service, endpoint, self.viewer, fields)
        assert answer.status == 200
        return answer.raw.decode().replace(str(mid), "MID")


_CHANNELS = ("season", "series")


@pytest.fixture(scope="module")
def spaces() -> Iterator[tuple[_Spaces, dict[str, str]]]:
    """The accounts once the first is deregistered, and what each endpoint showed before."""
    with running() as service:
        one = _Spaces(service)
        before = {}
        for name in SPACES:
            before[name] = one.read(BY_NAME[name], HERO)
        service.set_state(HERO, State.BANNED)
        for name in SPACES:
            shown = before[name].replace('"silence":0', '"silence":1')
            assert one.read(BY_NAME[name], HERO) == shown, name
        service.set_state(HERO, State.DEREGISTERED)
        service.set_state(one.bare, State.DEREGISTERED)
        yield one, before


@pytest.mark.parametrize("name", sorted(SPACES))
def test_the_space_of_a_deregistered_account_is_empty(
    name: str, spaces: tuple[_Spaces, dict[str, str]]
) -> None:
    one, before = spaces
    endpoint = BY_NAME[name]
    shown = one.read(endpoint, HERO)
    assert shown != before[name]
    if name.startswith("channel."):
        assert msgspec.json.decode(shown)["code"] == -404
    else:
        assert endpoint.space_owner
        assert shown == one.read(endpoint, one.bare)


def test_only_spaces_have_an_owner() -> None:
    owned = {endpoint.name for endpoint in ENDPOINTS if endpoint.space_owner}
    assert owned - PAGES == {name for name in SPACES if name.startswith("space.")}


# --- before any transaction; tests/stores/test_accounts.py has the rules inside ---


def test_a_banned_caller_costs_no_write(tmp_path: Path) -> None:
    """The verbs that write fail, and are not reached."""
    with faulty_service(tmp_path) as (service, store):
        scene = Scene(service)
        service.set_state(scene.caller.mid, State.BANNED)
        store.verbs = frozenset({"change", "edit_account", "put", "delete"})
        store.error = AssertionError("written")
        for name in sorted(WRITES):
            assert scene.call(BY_NAME[name]).code == -102, name
        store.error = None
        service.set_state(scene.caller.mid, State.NORMAL)
        assert scene.call(e.SET_NOTICE, notice="again").code == 0
        # The gate trusts the session for a second more, and no write follows from that.
        service.set_state(scene.caller.mid, State.DEREGISTERED)
        store.error = AssertionError("written")
        for name in sorted(WRITES):
            assert scene.call(BY_NAME[name]).code == -101, name


@pytest.mark.parametrize("state", [State.BANNED, State.DEREGISTERED])
def test_a_state_that_comes_after_its_check_counts_in_the_write(
    state: State, tmp_path: Path
) -> None:
    """Between the check and the write of documents, the account is banned or deregistered."""
    is_late = False
    with faulty_service(tmp_path) as (service, store):

        async def late(name: str, *args: Any, **named: Any) -> Any:
            if is_late:
                await accounts.set_state(store.store, named["by"], state)
            return await getattr(store.store, name)(*args, **named)

        for name in ("put", "delete"):  # before their first use: layers keep what they found
            setattr(store, name, partial(late, name))
        for endpoint, fields in (
            (e.SET_NOTICE, {"notice": "again"}),
            (e.CLEAR_TOVIEW, {}),
            (e.DELETE_VIEWED, {"viewed": "true"}),
        ):
            scene = Scene(service)
            before = documents(service)
            is_late = True
            answer = scene.call(endpoint, **fields)
            is_late = False
            assert answer.code == (-102 if state is State.BANNED else -101), endpoint.name
            assert answer.reason
            assert documents(service) == before, endpoint.name


def documents(service: RunningService) -> list[Entry]:
    """Return every document of the store."""

    async def read(store: Store) -> list[Entry]:
        return [entry async for entry in store.entries()]

    return service.do(read)
