"""Lists of accounts, the ends of bans, sessions and their use, on every engine."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from guanxi.accounts.account import AccountEdit, Ban, Card, EditRefusal, State
from guanxi.accounts.secrets import Session, TokenKind
from guanxi.contract import errors
from guanxi.graph.groups import CreateGroup
from guanxi.graph.pair import Act, Modify
from guanxi.operations import accounts, listing
from guanxi.stores import account_pages
from guanxi.stores.layer import Layer
from guanxi.stores.port import AccountQuery, CallerRefused, Store
from guanxi.stores.session_use import SessionUse
from guanxi.stores.state_cache import StateCache
from guanxi.world.profile import NOTICE, Notice
from tests.stores.driver import InFolder
from tests.stores.engines import ENGINES, START, Clock
from tests.stores.world import do, faults, follow, people

NOW = START // 10**9
BANNED = errors.AccountBanned.number


class Known(Struct, frozen=True):
    """An account of the model: what decides which lists it is in, and where."""

    mid: int
    name: str
    state: State
    until: int
    created: int

    def state_at(self, now: int) -> State:
        ended = self.state is State.BANNED and self.until and self.until <= now
        return State.NORMAL if ended else self.state


NAMES = ["", "a", "A", "ab", "Abc", "b", "ß", "SS", "ss2", "İ", "a\x00b"]
NAMES += ["木", "木子", "木\U0010ffff"]


def world(seed: int) -> list[Known]:
    draw = random.Random(seed)
    known = []
    for mid in draw.sample(range(1, 10_000), 60):
        state = draw.choice([*State, State.NORMAL, State.NORMAL])
        until = draw.choice([0, NOW + 50, NOW + 150]) if state is State.BANNED else 0
        name = "账号已注销" if state is State.DEREGISTERED else draw.choice(NAMES)
        known.append(Known(mid, name, state, until, draw.choice([0, 5, 9, 9, 9, 40])))
    return known


async def store_world(store: Store, known: list[Known]) -> None:
    for one in known:
        edit = AccountEdit(
            card={} if one.state is State.DEREGISTERED else {"name": one.name},
            new=Card(),
            created=one.created,
        )
        assert await store.edit_account(one.mid, edit) is None
        ban = Ban(until=one.until) if one.until else None
        assert await store.edit_account(one.mid, AccountEdit(state=one.state, ban=ban)) is None


def expected(known: list[Known], query: AccountQuery, now: int) -> list[int]:
    """Return the mids that a query lists, from the model alone."""
    after = -1 if query.created_after is None else query.created_after
    before = 2**63 if query.created_before is None else query.created_before
    chosen = [
        one
        for one in known
        if one.name.casefold().startswith(query.name.casefold())
        and query.state in (None, one.state_at(now))
        and after < one.created < before
    ]
    by_name = bool(query.name)
    named = [(one.name.casefold() if by_name else one.created, one.mid) for one in chosen]
    return [mid for _, mid in sorted(named)]


async def walked(store: Store, query: AccountQuery, now: int) -> list[int]:
    """Return the mids of all pages, by the cursors of the operation."""
    mids: list[int] = []
    while True:
        rows, end = await listing.page(store, query, now)
        assert len(rows) <= query.limit
        mids += [row.mid for row in rows]
        assert len(mids) <= 60, "the pages come twice"
        if not end:
            return mids
        query = replace(query, after=listing.decode(end))


@pytest.fixture(scope="module", params=ENGINES)
def driver(request: pytest.FixtureRequest) -> Iterator[InFolder]:
    driver = InFolder(ENGINES[request.param])
    driver.start({}, NOW)
    yield driver
    driver.close()


@pytest.fixture(scope="module")
def known(driver: InFolder) -> list[Known]:
    known = world(18)
    driver.do(store_world(driver.store, known))
    return known


QUERIES = st.builds(
    AccountQuery,
    name=st.sampled_from([*NAMES, "AB", "木子", "s", "x", "账号"]),
    state=st.sampled_from([None, *State]),
    created_after=st.sampled_from([None, 0, 4, 9, 50]),
    created_before=st.sampled_from([None, 0, 6, 41]),
    limit=st.integers(1, 7),
)


@settings(max_examples=150, deadline=None)
@given(query=QUERIES, now=st.sampled_from([NOW, NOW + 50, NOW + 100, NOW + 1_000]))
def test_the_pages_of_a_list_are_those_of_a_model(
    driver: InFolder, known: list[Known], query: AccountQuery, now: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(account_pages, "EXAMINED", 3)  # so that pages are short, and empty
        assert driver.do(walked(driver.store, query, now)) == expected(known, query, now)


async def test_a_list_has_each_account_once_while_others_are_created(store: Store) -> None:
    await people(store, *range(10, 60))
    seen: list[int] = []
    query = AccountQuery(name="U", limit=7)
    for turn in range(100):
        await people(store, 1 + turn, 200 + turn)
        rows, end = await listing.page(store, query, NOW)
        seen += [row.mid for row in rows]
        if not end:
            break
        query = replace(query, after=listing.decode(end))
    assert len(seen) == len(set(seen))
    assert set(range(10, 60)) <= set(seen)


async def test_what_a_list_shows(store: Store, clock: Clock) -> None:
    await people(store, 1)
    clock.advance(10)
    await people(store, 2)
    await accounts.ban(store, 2, reason="spam", until=NOW + 60, now=NOW)
    rows, end = await listing.page(store, AccountQuery(limit=9), NOW + 11)
    assert end == ""
    shown = [(row.mid, row.name, row.state, row.ban, row.created) for row in rows]
    assert shown == [
        (1, "u1", State.NORMAL, None, NOW),
        (2, "u2", State.BANNED, Ban("spam", NOW + 60), NOW + 10),
    ]
    assert await store.created(2) == NOW + 10
    assert await store.created(3) == 0
    # An edit keeps the creation; an import of edges does not know it.
    await accounts.put(store, 1, Card(name="z"))
    assert await store.created(1) == NOW
    await store.put_accounts([row async for row in store.accounts()])
    assert await store.created(1) == NOW


@pytest.mark.parametrize("cursor", ["x", "é", "W10", "WzEsLTFd", "bnVsbA", "WyJhIix0cnVlXQ"])
def test_what_is_no_cursor(cursor: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        listing.query(name="a", limit=1, after=cursor)


def test_a_cursor_continues_only_its_own_order() -> None:
    by_name, by_creation = listing.encode(("a", 1)), listing.encode((9, 1))
    assert listing.query(name="a", limit=1, after=by_name).after == ("a", 1)
    assert listing.query(limit=1, after=by_creation).after == (9, 1)
    for name, cursor in (("", by_name), ("a", by_creation)):
        with pytest.raises(ValueError, match="not a cursor"):
            listing.query(name=name, limit=1, after=cursor)


async def refusals(store: Store) -> list[int]:
    """Try each kind of write as account 1; return the codes."""
    codes = await do(
        store,
        Modify(1, 2, Act.FOLLOW),
        Modify(1, 3, Act.BLOCK),
        Modify(1, 3, Act.UNBLOCK),
        Modify(1, 2, Act.UNFOLLOW),
        CreateGroup(1, "g", 5),
    )
    for write in (
        store.put([NOTICE.entry(1, Notice("n"))], by=1),
        store.delete(NOTICE, 1, by=1),
    ):
        try:
            await write
            codes.append(0)
        except CallerRefused as refused:
            codes.append(refused.code)
    edit = AccountEdit(card={"sign": "s"}, by_owner=True)
    refused_edit = await store.edit_account(1, edit)
    codes.append({None: 0, EditRefusal.BANNED: BANNED}[refused_edit])
    return codes


async def test_a_ban_ends_by_the_clock_on_every_write_path(store: Store, clock: Clock) -> None:
    await people(store, 1, 2, 3, 4)
    await follow(store, 4, 2)
    await follow(store, 2, 1)
    cache = StateCache(store, lambda: clock.ns / 10**9)
    await accounts.ban(cache, 1, reason="spam", until=NOW + 60, now=NOW)
    for seconds in (0, 59.9):
        clock.ns = START + int(seconds * 10**9)
        assert await refusals(store) == [BANNED] * 8
        assert await cache.state(1) is State.BANNED
        account = await store.account(1)
        assert account is not None
        assert (account.state, account.ban) == (State.BANNED, Ban("spam", NOW + 60))
        assert await store.suggestions(4, 9, clock.ns // 10**9) == []
    clock.ns = START + 60 * 10**9
    assert await cache.state(1) is State.NORMAL
    assert [found.mid for found in await store.suggestions(4, 9, NOW + 60)] == [1]
    rows = [row.account async for row in store.accounts() if row.account.mid == 1]
    assert [(account.state, account.ban) for account in rows] == [(State.NORMAL, None)]
    assert await refusals(store) == [0] * 8
    assert await faults(store) == []
    # The edit of the account above wrote that the ban is over: a clock that steps back is no ban.
    clock.ns = START
    account = await store.account(1)
    assert account is not None
    assert account.state is State.NORMAL


async def test_a_ban_without_an_end_stays_and_another_replaces_it(
    store: Store, clock: Clock
) -> None:
    await people(store, 1)
    await accounts.ban(store, 1, reason="a")
    clock.advance(10**9)
    account = await store.account(1)
    assert account is not None
    assert (account.state, account.ban) == (State.BANNED, Ban("a", 0))
    await accounts.ban(store, 1, until=clock.ns // 10**9 + 5, now=clock.ns // 10**9)
    account = await store.account(1)
    assert account is not None
    assert account.ban == Ban("", clock.ns // 10**9 + 5)
    await accounts.set_state(store, 1, State.NORMAL)
    assert await store.edit_account(1, AccountEdit(privacy={"hide_followers": True})) is None
    account = await store.account(1)
    assert account is not None
    assert (account.state, account.ban) == (State.NORMAL, None)


@pytest.mark.parametrize(("reason", "until"), [("x" * 513, 0), ("", NOW), ("", 10**12)])
async def test_what_no_ban_can_be(store: Store, reason: str, until: int) -> None:
    await people(store, 1)
    with pytest.raises(ValueError, match=r"reason|until"):
        await accounts.ban(store, 1, reason=reason, until=until, now=NOW)


async def test_the_feed_has_the_reason_and_the_end_of_a_ban(store: Store) -> None:
    await people(store, 1)
    await store.set_changes(True)
    await accounts.ban(store, 1, reason="spam", until=NOW + 60, now=NOW)
    await accounts.ban(store, 1)
    await accounts.ban(store, 1)
    await accounts.set_state(store, 1, State.NORMAL)
    items = (await store.changes()).items
    assert [(item.before, item.after) for item in items] == [
        ({"state": "normal"}, {"state": "banned", "until": NOW + 60, "reason": "spam"}),
        ({"state": "banned", "until": NOW + 60, "reason": "spam"}, {"state": "banned"}),
        ({"state": "banned"}, {"state": "normal"}),
    ]


def session(digest: bytes, created: int, mid: int = 1) -> Session:
    return Session(
        digest=digest, mid=mid, kind=TokenKind.APP, created=created, expires=NOW + 10_000
    )


async def test_the_use_of_a_session_is_noted_once_an_hour(store: Store, clock: Clock) -> None:
    await people(store, 1, 2)
    old, new, other = session(b"a", 5), session(b"b", 9), session(b"c", 9, mid=2)
    for each in (old, new, other):
        assert await store.open_session(each) is None
    assert await store.sessions_of(1) == [new, old]
    assert await store.sessions_of(3) == []
    writes: list[int] = []

    class Counting(Layer):
        async def use_sessions(self, used: Mapping[bytes, int]) -> None:
            writes.append(len(used))
            await self.store.use_sessions(used)

    used = SessionUse(Counting(store), clock)
    for _ in range(50):
        assert await used.session(b"a") is not None
        await used.flush_visits()
        clock.advance(10)
    assert writes == [1]
    assert [each.used for each in await store.sessions_of(1)] == [0, NOW]
    clock.advance(3_600)
    await used.session(b"a")
    used.forget()  # as before a reset
    await used.flush_visits()
    assert [each.used for each in await store.sessions_of(1)] == [0, NOW]
    await used.session(b"a")
    await used.session(b"unknown")
    clock.ns = START + 10_000 * 10**9
    await used.session(b"b")  # expired
    await used.flush_visits()
    assert [each.used for each in await store.sessions_of(1)] == [0, NOW + 4_100]
    assert [each.used for each in await store.sessions_of(2)] == [0]
    # Of several processes the first writes; a later one within the hour writes nothing.
    await store.use_sessions({b"a": NOW + 5_000, b"c": NOW})
    assert [each.used for each in await store.sessions_of(1)] == [0, NOW + 4_100]
    assert [each.used for each in await store.sessions_of(2)] == [NOW]


def test_the_id_of_a_session_is_a_number_that_shows_no_digest() -> None:
    ids = {session(bytes([at]) * 32, 1).id for at in range(256)}
    assert len(ids) == 256
    assert all(1 <= id < 2**53 for id in ids)
