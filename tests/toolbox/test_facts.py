"""When accounts last posted and were last watched, and the states that are not the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from guanxi.contract import structs as s
from guanxi.contract.errors import CredentialNoSessdataException, ResponseCodeException
from guanxi.contract.relations import DEREGISTERED_NAME
from guanxi.sdk.credential import Credential
from guanxi.sdk.sync import SyncClient
from guanxi.service.exchange import ASGI
from guanxi.testing import RunningService, SignedIn, running
from guanxi.toolbox import facts
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.progress import Progress
from guanxi.world import feed, mine, videos
from guanxi.world.feed import Post, PostType
from tests.service.content_fixtures import put
from tests.toolbox.archives import DAY, add_snapshot, item, new_archive

ME, POSTS, PINNED, SILENT, BANNED, GONE, LISTED_GONE, UNKNOWN = 1, 2, 3, 4, 5, 6, 7, 99
FOLLOWED = (POSTS, PINNED, SILENT, BANNED, GONE, LISTED_GONE, UNKNOWN)
NOW = 1_800_000_000


def post(mid: int, number: int, time: int, *, pinned: bool = False) -> Post:
    return Post(id=mid * 1000 + number, type=PostType.WORD, time=time, text="t", pinned=pinned)


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running() as one:
        one.add_accounts(ME, *FOLLOWED[:-1])
        put(one, POSTS, feed.POST, *(post(POSTS, n, 1_700_000_000 + n) for n in range(5)))
        old = post(PINNED, 1, 1_560_000_000, pinned=True)  # of 2019, at the head of the feed
        put(one, PINNED, feed.POST, old, post(PINNED, 2, 1_750_000_000))
        tids = [1, 1, 17]
        works = [
            s.Video(aid=n, tid=tid, tname=f"z{tid}", pubdate=n) for n, tid in enumerate(tids, 1)
        ]
        put(one, POSTS, videos.VIDEO, *works)
        one.set_state(BANNED, "banned")
        one.set_state(GONE, "deregistered")
        yield one


@pytest.fixture
def me(service: RunningService) -> SignedIn:
    return service.sign_in(ME)


@pytest.fixture
def client(service: RunningService, me: SignedIn) -> Iterator[SyncClient]:
    credential = Credential(sessdata=me.sessdata, bili_jct=me.bili_jct)
    with SyncClient(base_url=service.base_url, credential=credential) as one:
        yield one


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with new_archive(tmp_path) as one:
        names = {LISTED_GONE: DEREGISTERED_NAME}
        items = [item(mid, name=names.get(mid, "")) for mid in reversed(FOLLOWED)]
        add_snapshot(one, DAY, followings=items)
        yield one


def shown(archive: Archive, columns: str) -> dict[int, tuple[object, ...]]:
    with archive.query(f"SELECT mid, {columns} FROM followings") as rows:
        return {row[0]: tuple(row)[1:] for row in rows}


def test_states_that_are_not_the_same(client: SyncClient, archive: Archive) -> None:
    """p22, p23: a pinned post is not the newest; dead, silent and banned are distinguished."""
    walk = facts.read_last_posted(client, archive, NOW)
    assert shown(archive, "state, last_posted") == {
        POSTS: ("active", "2023-11-14 22:13:24"),
        PINNED: ("active", "2025-06-15 15:06:40"),
        SILENT: ("never_posted", None),
        BANNED: ("banned", None),
        GONE: ("deregistered", None),
        LISTED_GONE: ("deregistered", None),
        UNKNOWN: ("deregistered", None),
    }
    # One call for each but the one that the list shows as deregistered; two without a post.
    assert (walk.accounts, walk.read, walk.calls, walk.unreadable) == (7, 7, 6 + 4, {})


def test_facts_of_the_same_walk(client: SyncClient, archive: Archive) -> None:
    facts.read_last_posted(client, archive, NOW, facts=True)
    known = shown(archive, "fans, posts, zone, state")
    assert known[POSTS] == (0, 3, "动画", "active")
    assert known[BANNED] == (0, 0, None, "banned")
    assert known[GONE] == (None, None, None, "deregistered")
    # A later walk without them keeps them.
    facts.read_last_posted(client, archive, NOW + 30 * DAY)
    assert shown(archive, "fans, posts, zone, state")[POSTS] == known[POSTS]


def test_a_ban_is_known_until_the_account_posts_again(
    service: RunningService, client: SyncClient, archive: Archive
) -> None:
    """p23: a walk that does not look for bans does not say that one was lifted."""
    put(service, BANNED, feed.POST, post(BANNED, 1, NOW - DAY))
    facts.read_last_posted(client, archive, NOW, facts=True)
    assert shown(archive, "state")[BANNED] == ("banned",)
    facts.read_last_posted(client, archive, NOW + 30 * DAY)
    assert shown(archive, "state")[BANNED] == ("banned",)
    put(service, BANNED, feed.POST, post(BANNED, 2, NOW + DAY))
    facts.read_last_posted(client, archive, NOW + 60 * DAY)
    assert shown(archive, "state")[BANNED] == ("active",)


def test_a_walk_goes_on_where_it_was_interrupted(client: SyncClient, archive: Archive) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        facts.read_last_posted(client, archive, NOW, on_progress=interrupt)
    walk = facts.read_last_posted(client, archive, NOW + 5)
    assert walk.read == walk.accounts == len(FOLLOWED) - 3
    assert None not in {posted for (posted,) in shown(archive, "last_posted_read").values()}
    again = facts.read_last_posted(client, archive, NOW + 10)
    assert (again.read, again.calls) == (0, 0)
    assert facts.read_last_posted(client, archive, NOW + 10, max_age=0).read == len(FOLLOWED)


def test_a_walk_that_the_server_ends(service: RunningService, archive: Archive) -> None:
    signed_out = SyncClient(base_url=service.base_url, credential=Credential())
    with signed_out as client, pytest.raises(CredentialNoSessdataException):
        facts.read_last_watched(client, archive)
    assert set(shown(archive, "last_watched").values()) == {(None,)}


def test_last_watched_is_the_newest_entry_of_each(
    service: RunningService, client: SyncClient, archive: Archive
) -> None:
    """p25: whom do I follow and never watch?"""
    entries = [
        mine.Seen(
            s.HistoryEntry(
                title="t",
                history=s.HistoryTarget(oid=n, business="archive"),
                kid=n,
                author_mid=POSTS if n % 2 else PINNED,
                view_at=1_700_000_000 + n,
            )
        )
        for n in range(1, 80)
    ]
    put(service, ME, mine.SEEN, *entries)
    assert facts.read_last_watched(client, archive) == 2
    watched = shown(archive, "last_watched")
    assert watched[POSTS] == ("2023-11-14 22:14:39",)
    assert watched[PINNED] == ("2023-11-14 22:14:38",)
    assert watched[SILENT] == (None,)


def refusing(
    *mids: int, body: Mapping[str, object] = MappingProxyType({"code": -6, "message": "no"})
) -> Callable[[ASGI], ASGI]:
    """Return a layer that answers with ``body`` to requests for the feeds of these accounts."""

    def layer(application: ASGI) -> ASGI:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            query = scope.get("query_string", b"").decode()
            if any(f"host_mid={mid}&" in query + "&" for mid in mids):
                await JSONResponse(dict(body))(scope, receive, send)
            else:
                await application(scope, receive, send)

        return answer

    return layer


@pytest.mark.parametrize(("refused", "read"), [((3, 5), 5), ((4, 5, 6), None)])
def test_accounts_that_the_server_refuses(
    archive: Archive, refused: tuple[int, ...], read: int | None
) -> None:
    """p11: they are counted and say why; three in a row are no longer about single accounts."""
    with running(wrap=refusing(*refused)) as service:
        service.add_accounts(ME, *FOLLOWED[:-1])
        me = service.sign_in(ME)
        credential = Credential(sessdata=me.sessdata, bili_jct=me.bili_jct)
        with SyncClient(base_url=service.base_url, credential=credential) as client:
            if read is None:
                with pytest.raises(ResponseCodeException, match="-6"):
                    facts.read_last_posted(client, archive, NOW)
            else:
                walk = facts.read_last_posted(client, archive, NOW)
                assert (walk.read, walk.unreadable) == (read, dict.fromkeys(refused, -6))
    left = (*refused, POSTS, PINNED) if read is None else refused  # newest followings first
    states = shown(archive, "state")
    assert {mid for mid, state in states.items() if state == ("unknown",)} == {*left}


def test_posts_without_a_time_are_posts(archive: Archive) -> None:
    """p23: whoever posted never is another state than whoever hides when."""
    hidden = {"code": 0, "data": {"items": [{"id_str": "1"}]}}
    with running(wrap=refusing(POSTS, body=hidden)) as service:
        service.add_accounts(ME, *FOLLOWED[:-1])
        me = service.sign_in(ME)
        credential = Credential(sessdata=me.sessdata, bili_jct=me.bili_jct)
        with SyncClient(base_url=service.base_url, credential=credential) as client:
            facts.read_last_posted(client, archive, NOW)
    states = shown(archive, "state")
    assert (states[POSTS], states[PINNED]) == (("unknown",), ("never_posted",))


def test_refused_accounts_do_not_keep_the_walk_from_the_others(archive: Archive) -> None:
    """Of accounts that are always refused, three came first each time, and ended each walk."""
    refused = [POSTS, SILENT, GONE]
    with running(wrap=refusing(*refused)) as service:
        service.add_accounts(ME, *FOLLOWED[:-1])
        me = service.sign_in(ME)
        credential = Credential(sessdata=me.sessdata, bili_jct=me.bili_jct)
        with SyncClient(base_url=service.base_url, credential=credential) as client:
            first = facts.read_last_posted(client, archive, NOW)
            assert set(first.unreadable) == {*refused}
            assert facts.read_last_posted(client, archive, NOW + DAY).accounts == 0
            assert facts.read_last_posted(client, archive, NOW + 30 * DAY) == first


def test_three_refused_in_a_row_come_last_the_next_time(archive: Archive) -> None:
    refused = [UNKNOWN, GONE, BANNED]
    with archive.transaction() as db:
        db.execute("DELETE FROM item WHERE mid = ?", (LISTED_GONE,))
    with running(wrap=refusing(*refused)) as service:
        service.add_accounts(ME, *FOLLOWED[:-1])
        me = service.sign_in(ME)
        credential = Credential(sessdata=me.sessdata, bili_jct=me.bili_jct)
        with SyncClient(base_url=service.base_url, credential=credential) as client:
            with pytest.raises(ResponseCodeException, match="-6"):
                facts.read_last_posted(client, archive, NOW)
            walk = facts.read_last_posted(client, archive, NOW + 5)
    assert (walk.read, set(walk.unreadable)) == (3, {*refused})
