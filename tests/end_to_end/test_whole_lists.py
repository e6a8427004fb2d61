"""Every list function of the client: all members once, or an error.

The functions come from the contract, so that a new list fails until it has a row here.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from guanxi import Client, Credential, SyncClient
from guanxi.accounts.account import Privacy
from guanxi.contract import endpoints as e
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.stores.port import EdgeRow
from guanxi.testing import RunningService, running
from tests.end_to_end.lists_checks import (
    NO_LISTS,
    NOBODY,
    OTHER,
    OWN,
    Case,
    check,
    collected,
    credential_of,
    has_list,
    reader,
)
from tests.end_to_end.lists_world import BEGAN, HOLDERS, PS, Holder


def accounts(
    name: str, use: Callable[[Any, Holder], Any], viewer: str = OWN, shown: int | None = None
) -> Case:
    return Case(name, use, viewer, lambda holder: holder.members, shown)


CASES = [
    accounts(
        "relation.followers", lambda c, h: c.relation.iter_followers(h.mid, size=PS), OWN, 1_000
    ),
    accounts(
        "relation.followers", lambda c, h: c.relation.iter_followers(h.mid, size=PS), OTHER, 1_000
    ),
    accounts("relation.followings", lambda c, h: c.relation.iter_followings(h.mid, size=PS)),
    accounts(
        "relation.followings", lambda c, h: c.relation.iter_followings(h.mid, size=PS), OTHER, 100
    ),
    accounts(
        "relation.followings",
        lambda c, h: c.relation.iter_followings(h.mid, order="asc", size=PS),
        OTHER,
        100,
    ),
    accounts(
        "relation.app_followings",
        lambda c, h: c.relation.iter_app_followings(h.mid, size=PS),
        NOBODY,
        5 * PS,
    ),
    accounts(
        "relation.game_followings",
        lambda c, h: c.relation.iter_game_followings(h.mid, size=PS),
        NOBODY,
        100,
    ),
    accounts("relation.search", lambda c, h: c.relation.iter_search(h.mid, size=PS), OWN, 5 * PS),
    accounts("relation.search", lambda c, h: c.relation.iter_search(h.mid, size=50), OTHER, 100),
    accounts("relation.same", lambda c, h: c.relation.iter_same(h.twin, size=PS)),
    accounts("relation.friends", lambda c, h: c.relation.iter_friends()),
    Case("relation.whispers", lambda c, h: c.relation.iter_whispers(), OWN, lambda h: h.whispered),
    Case("relation.blacks", lambda c, h: c.relation.iter_blacks(size=PS), OWN, lambda h: h.blocked),
    accounts("relation.group_members", lambda c, h: c.relation.iter_group_members(-10, size=PS)),
    accounts("relation.specials", lambda c, h: c.relation.iter_specials()),
    accounts("relation.specials", lambda c, h: c.relation.specials()),
    accounts("web.attentions", lambda c, h: c.web.iter_attentions(h.mid)),
    accounts("web.attentions", lambda c, h: c.web.attentions(h.mid), OTHER),
    accounts("account.card_by_mid", lambda c, h: c.account.iter_card_by_mid(h.mid), NOBODY),
    Case("space.tags", lambda c, h: c.space.iter_tags(h.mid, size=PS), OTHER),
    Case("space.bangumi", lambda c, h: c.space.iter_bangumi(h.mid, size=PS), OTHER),
    Case("space.videos", lambda c, h: c.space.iter_videos(h.mid, size=PS), OTHER),
    Case("space.media_list", lambda c, h: c.space.iter_media_list(h.mid, size=PS), OTHER),
    Case("space.channels", lambda c, h: c.space.iter_channels(h.mid, size=PS), OTHER),
    Case("space.legacy_channels", lambda c, h: c.space.iter_legacy_channels(h.mid, size=PS), OTHER),
    Case(
        "space.season_videos",
        lambda c, h: c.space.iter_season_videos(h.twin, h.season, size=PS),
        OTHER,
    ),
    Case(
        "space.legacy_season_videos",
        lambda c, h: c.space.iter_legacy_season_videos(h.twin, h.season, size=PS),
        OTHER,
    ),
    Case(
        "space.series_videos",
        lambda c, h: c.space.iter_series_videos(h.twin, h.series, size=PS),
        OTHER,
    ),
    Case("space.audios", lambda c, h: c.space.iter_audios(h.mid, size=PS), NOBODY),
    Case("space.articles", lambda c, h: c.space.iter_articles(h.mid, size=PS), OTHER),
    Case("space.albums", lambda c, h: c.space.iter_albums(h.mid, size=PS), NOBODY),
    Case("space.courses", lambda c, h: c.space.iter_courses(h.mid, size=PS), OTHER),
    Case("space.dynamics", lambda c, h: c.space.iter_dynamics(h.mid), OTHER),
    Case("space.old_dynamics", lambda c, h: c.space.iter_old_dynamics(h.mid), OTHER),
    Case("space.opus", lambda c, h: c.space.iter_opus(h.mid), OTHER),
    Case("me.history", lambda c, h: c.me.iter_history(size=PS)),
    Case("me.history_cursor", lambda c, h: c.me.iter_history_cursor(size=PS)),
    Case("me.notes", lambda c, h: c.me.iter_notes(size=PS)),
    Case("me.public_notes", lambda c, h: c.me.iter_public_notes(size=PS)),
    Case("me.toview", lambda c, h: c.me.toview(), always=100),
    Case("space.article_lists", lambda c, h: c.space.article_lists(h.mid), OTHER),
]
#: Lists that come in one response and have no number of their own: compared by their length.
ONE_RESPONSE: list[tuple[str, Callable[[Any, Holder], Any]]] = [
    ("space.medals", lambda c, h: c.space.medals(h.mid)),
    ("space.supporters", lambda c, h: c.space.supporters(h.mid)),
    ("space.reservations", lambda c, h: c.space.reservations(h.mid)),
    ("me.experience_log", lambda c, h: c.me.experience_log()),
    ("me.moral_log", lambda c, h: c.me.moral_log()),
    ("me.login_log", lambda c, h: c.me.login_log()),
    ("me.events", lambda c, h: c.me.events()),
]


def test_every_list_of_the_contract_has_a_row() -> None:
    lists = {one.name for one in ENDPOINTS if one.paging is not None or has_list(one)}
    rows = {case.name for case in CASES} | {name for name, _ in ONE_RESPONSE}
    assert lists == rows | NO_LISTS.keys()
    assert not rows & NO_LISTS.keys()


def test_every_iterator_of_the_client_has_a_row() -> None:
    client = Client(base_url="http://127.0.0.1:1", credential=Credential())
    iterators = {
        f"{area}.{name.removeprefix('iter_')}"
        for area in dict.fromkeys(one.name.split(".")[0] for one in ENDPOINTS)
        for name, _ in inspect.getmembers(getattr(client, area), inspect.ismethod)
        if name.startswith("iter_")
    }
    asyncio.run(client.close())
    assert iterators <= {case.name for case in CASES}
    assert iterators == {one.name for one in ENDPOINTS if one.paging is not None}


def run(walk: Callable[[Holder], Any], holder: Holder) -> Any:
    return asyncio.run(walk(holder))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{case.viewer}")
def test_each_function_returns_every_member_once_or_raises(
    listed: RunningService, case: Case
) -> None:
    async def walk(holder: Holder) -> list[Any]:
        credential = credential_of(listed, reader(case.viewer, holder))
        async with Client(base_url=listed.base_url, credential=credential) as client:
            return await collected(case.use(client, holder), case.endpoint)

    for holder in HOLDERS:
        check(case, holder, case.limit(listed), partial(run, walk, holder))


@pytest.mark.parametrize("name", ["relation.followings", "relation.friends", "space.dynamics"])
def test_the_sync_client_does_the_same(listed: RunningService, name: str) -> None:
    def walk(case: Case, holder: Holder) -> list[Any]:
        credential = credential_of(listed, reader(case.viewer, holder))
        with SyncClient(base_url=listed.base_url, credential=credential) as client:
            return [msgspec.to_builtins(item) for item in case.use(client, holder)]

    for case in [case for case in CASES if case.name == name]:
        for holder in HOLDERS:
            check(case, holder, case.limit(listed), partial(walk, case, holder))


@pytest.mark.parametrize(("name", "use"), ONE_RESPONSE, ids=[name for name, _ in ONE_RESPONSE])
def test_a_list_in_one_response_is_whole(
    listed: RunningService, name: str, use: Callable[[Any, Holder], Any]
) -> None:
    async def read(holder: Holder, credential: Credential) -> list[Any]:
        async with Client(base_url=listed.base_url, credential=credential) as client:
            return await collected(use(client, holder), e.BY_NAME[name])

    for holder in HOLDERS:
        found = asyncio.run(read(holder, credential_of(listed, holder.mid)))
        assert len({msgspec.json.encode(item) for item in found}) == len(found) == holder.length


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
@pytest.mark.parametrize("profile", ["documented", "open"])
def test_all_mids_are_returned_by_every_engine(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str, profile: str
) -> None:
    """In `open` the mids come 40 at a time, by cursor; of a hidden list there are none."""
    address = tmp_path / "s.db" if engine == "sqlite" else request.getfixturevalue("address")
    limits = {"attentions": 40} if profile == "open" else {}
    newest = [*range(1_101, 1_000, -1)]
    with running(profile, store=address, limits=limits) as service:
        service.add_accounts(1, 2)
        service.import_edges(
            # Two in each second, so that a second alone does not order them.
            EdgeRow(follower=1, followed=mid, time=BEGAN + mid // 2, finer=mid % 2)
            for mid in newest
        )

        def found() -> list[list[int]]:
            mids = []
            for reader in (1, 2):
                credential = credential_of(service, reader)
                with SyncClient(base_url=service.base_url, credential=credential) as client:
                    mids += [client.web.attentions(1), list(client.account.iter_card_by_mid(1))]
            return mids

        assert found() == [newest] * 4
        service.set_privacy(1, Privacy(hide_followings=True))
        assert found() == [newest, [], [], []]
