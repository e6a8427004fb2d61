"""Writing, reading and deleting documents of every kind, on every engine."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from msgspec.structs import replace

from guanxi.accounts.account import State
from guanxi.contract import structs as s
from guanxi.contract.enums import BangumiType
from guanxi.operations import accounts
from guanxi.stores.port import CallerRefused, Query, Store
from guanxi.world.kind import ONLY, Entry, Kind, Value
from guanxi.world.kinds import BY_NAME
from guanxi.world.mine import LATER
from guanxi.world.profile import NOTICE, Notice
from guanxi.world.videos import VIDEO
from guanxi.world.works import ALBUM, BANGUMI, Album, BangumiFollow
from tests.counts import count
from tests.stores.documents import (
    MOST,
    faults,
    ids,
    later,
    on_a_store,
    put,
    video,
)
from tests.stores.engines import ENGINES, Engine
from tests.stores.world import people

T = TypeVar("T")


async def by_pages(store: Store, kind: Kind[T], owner: int, query: Query) -> list[T]:
    """Read a list page by page; check that every page but the last is full."""
    documents: list[T] = []
    while True:
        items, more = await store.documents(kind, owner, replace(query, offset=len(documents)))
        assert items or not documents  # a page announced by ``more`` is not empty
        assert all(item not in documents for item in items)
        documents += items
        if not more:
            return documents
        assert len(items) == query.limit


async def by_cursor(
    store: Store,
    kind: Kind[T],
    owner: int,
    query: Query,
    between: Callable[[T], Awaitable[object]] | None = None,
) -> list[T]:
    """Read a list with a cursor; call ``between`` with the last document of each page."""
    documents: list[T] = []
    while True:
        items, more = await store.documents(kind, owner, query)
        assert items or not documents
        assert all(item not in documents for item in items)
        documents += items
        if not more:
            return documents
        assert len(items) == query.limit
        last = items[-1]
        query = replace(query, after=(kind.keys[query.order](last), kind.id(last)))
        if between is not None:
            await between(last)


# --- a random test against a dict ---

#: Few values, so that they often coincide; several of the letters are equal when case is ignored.
OWNERS = (1, MOST)
_OWNERS, _IDS = st.sampled_from(OWNERS), st.sampled_from([1, 2, 3, 4, 5, 6, 7, MOST])
_NUMBERS = st.sampled_from([0, 1, 1, 2, MOST])
_TEXTS = st.text("aAßſsSİi̇%_\\'\"K中", max_size=4)
_SEARCH_TEXTS = st.just("") | st.text("aßS%", max_size=1) | _TEXTS


def _documents() -> dict[str, st.SearchStrategy[Any]]:
    """Return a strategy for documents of each kind, by the kind's name."""
    return {
        VIDEO.name: st.builds(
            video, _IDS, at=_NUMBERS, view=_NUMBERS, tid=st.sampled_from([0, 1, 3]), title=_TEXTS
        ),
        BANGUMI.name: st.builds(
            BangumiFollow,
            st.builds(s.Bangumi, id=_IDS, follow_status=st.sampled_from([1, 2, 3])),
            _NUMBERS,
            st.sampled_from(BangumiType),
        ),
        ALBUM.name: st.builds(
            Album,
            st.builds(s.Album, id=_IDS, ctime=_NUMBERS),
            st.sampled_from(["draw", "photo", "daily"]),
        ),
        LATER.name: st.builds(later, _IDS, _NUMBERS, finished=st.booleans()),
        NOTICE.name: st.builds(Notice, _TEXTS),
    }


_KINDS = st.sampled_from([BY_NAME[name] for name in _documents()])
_KEYED = _KINDS.filter(lambda kind: bool(kind.keys))
_FILTERED = _KINDS.filter(lambda kind: bool(kind.filters))
_BATCHES = _KINDS.flatmap(
    lambda kind: st.tuples(
        st.just(kind),
        st.lists(st.tuples(_OWNERS, _documents()[kind.name]), max_size=20),
    )
)
_WHERE: dict[str, st.SearchStrategy[Value]] = {
    "tid": st.sampled_from([0, 1, 2]),
    "type": st.sampled_from([1, 2]),
    "status": st.sampled_from([0, 1, 2, 3]),
    "biz": st.sampled_from(["draw", "daily", "1", ""]),
    "finished": st.sampled_from([0, 1]),
}


def _where(kind: Kind[Any]) -> st.SearchStrategy[dict[str, Value]]:
    return st.just({}) | st.fixed_dictionaries(
        {}, optional={name: _WHERE[name] for name in kind.filters}
    )


def _query(kind: Kind[Any]) -> st.SearchStrategy[Query]:
    return st.builds(
        Query,
        order=st.sampled_from(sorted(kind.keys)),
        ascending=st.booleans(),
        where=_where(kind),
        text=_SEARCH_TEXTS,
        offset=st.sampled_from([0, 0, 1, 3]),
        limit=st.sampled_from([0, 1, 2, 3, 10_000]),
        after=st.none() | st.tuples(_NUMBERS, _IDS),
    )


class ContentMachine(RuleBasedStateMachine):
    """Random writes to a store and to a dict of documents; all reads of both must be equal."""

    make: ClassVar[Callable[[Path], Engine]]

    def __init__(self) -> None:
        super().__init__()
        self._folder = TemporaryDirectory()
        self._engine = type(self).make(Path(self._folder.name))
        self._runner = asyncio.Runner()
        self._store = self._open()
        self._stored: dict[tuple[str, int, int], Any] = {}

    def _open(self) -> Store:
        return self._runner.run(self._engine.open(time.time_ns))

    def teardown(self) -> None:
        assert self._runner.run(faults(self._store)) == []
        self._runner.run(self._store.close())
        self._runner.close()
        self._engine.drop()
        self._folder.cleanup()

    def _matching(
        self, kind: Kind[Any], owner: int, where: Mapping[str, Value], text: str = ""
    ) -> list[Any]:
        """Return an owner's documents that match a condition, in no order."""
        return [
            document
            for (name, holder, _), document in self._stored.items()
            if (name, holder) == (kind.name, owner)
            and all(kind.filters[key](document) == value for key, value in where.items())
            and text.casefold() in kind.text(document).casefold()
        ]

    @rule(batch=_BATCHES)
    def put(self, batch: tuple[Kind[Any], list[tuple[int, Any]]]) -> None:
        kind, documents = batch
        self._runner.run(
            self._store.put([kind.entry(owner, document) for owner, document in documents])
        )
        for owner, document in documents:
            id = kind.id(document)
            if kind.unique:
                for other in OWNERS:
                    self._stored.pop((kind.name, other, id), None)
            self._stored[kind.name, owner, id] = document

    @rule(
        kind=_KINDS,
        owner=_OWNERS,
        data=st.data(),
        selected=st.none() | st.lists(_IDS, max_size=4),
    )
    def delete(
        self, kind: Kind[Any], owner: int, data: st.DataObject, selected: list[int] | None
    ) -> None:
        where = data.draw(_where(kind))
        deleted = [
            kind.id(document)
            for document in self._matching(kind, owner, where)
            if selected is None or kind.id(document) in selected
        ]
        assert self._runner.run(self._store.delete(kind, owner, selected, where)) == len(deleted)
        for id in deleted:
            del self._stored[kind.name, owner, id]

    @rule()
    def reopen(self) -> None:
        self._runner.run(self._store.close())
        self._store = self._open()

    @rule(kind=_KEYED, data=st.data())
    def read_a_page(self, kind: Kind[Any], data: st.DataObject) -> None:
        query = data.draw(_query(kind))
        after, end = query.after, query.offset + query.limit

        def position(document: Any) -> tuple[int, int]:
            return kind.keys[query.order](document), kind.id(document)

        for owner in OWNERS:
            expected = self._matching(kind, owner, query.where, query.text)
            expected.sort(key=position, reverse=not query.ascending)
            if after is not None:
                expected = [
                    document
                    for document in expected
                    if position(document) != after
                    and (position(document) > after) == query.ascending
                ]
            found = self._runner.run(self._store.documents(kind, owner, query))
            assert list(found.items) == expected[query.offset : end]
            assert found.more == (query.limit > 0 and len(expected) > end)

    @rule(kind=_KEYED, owner=_OWNERS)
    def total(self, kind: Kind[Any], owner: int) -> None:
        for name, key in kind.keys.items():
            total = sum(map(key, self._matching(kind, owner, {})))
            assert self._runner.run(self._store.total(kind, owner, name)) == total

    @rule(kind=_KINDS, text=_SEARCH_TEXTS, data=st.data())
    def count(self, kind: Kind[Any], text: str, data: st.DataObject) -> None:
        where = data.draw(_where(kind))
        for owner in OWNERS:
            counted = self._runner.run(self._store.count(kind, owner, where, text))
            assert counted == len(self._matching(kind, owner, where, text))

    @rule(kind=_FILTERED, text=_SEARCH_TEXTS, data=st.data())
    def counts(self, kind: Kind[Any], text: str, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(kind.filters)))
        for owner in OWNERS:
            expected = Counter(map(kind.filters[name], self._matching(kind, owner, {}, text)))
            counted = self._runner.run(self._store.counts(kind, owner, name, text))
            numbers = sorted(value for value in expected if isinstance(value, int))
            texts = sorted(value for value in expected if isinstance(value, str))
            assert list(counted.items()) == [(value, expected[value]) for value in numbers + texts]

    @rule(selected=st.lists(_IDS, max_size=4))
    def find(self, selected: list[int]) -> None:
        found = self._runner.run(self._store.find(VIDEO, selected))
        assert found == {
            id: (owner, document)
            for (name, owner, id), document in self._stored.items()
            if name == VIDEO.name and id in selected
        }

    @rule(
        kind=_KINDS,
        owners=st.lists(_OWNERS, max_size=4),
        ids=st.none() | st.lists(_IDS, max_size=4),
    )
    def documents_of(self, kind: Kind[Any], owners: list[int], ids: list[int] | None) -> None:
        found = self._runner.run(self._store.documents_of(kind, owners, ids))
        assert found == {
            (owner, id): document
            for (name, owner, id), document in self._stored.items()
            if name == kind.name and owner in owners and (ids is None or id in ids)
        }

    @rule(kind=_KINDS, owner=_OWNERS, id=_IDS)
    def get(self, kind: Kind[Any], owner: int, id: int) -> None:
        if kind is NOTICE:
            id = ONLY
        stored = self._stored.get((kind.name, owner, id))
        assert self._runner.run(self._store.get(kind, owner, id)) == stored


class SQLiteMachine(ContentMachine):
    make = ENGINES["sqlite"]


class PostgreSQLMachine(ContentMachine):
    make = ENGINES["postgresql"]


SQLiteMachine.TestCase.settings = settings(
    max_examples=count(15, 80), stateful_step_count=count(30, 60)
)
PostgreSQLMachine.TestCase.settings = settings(
    max_examples=count(4, 30), stateful_step_count=count(30, 60)
)
TestSQLite = SQLiteMachine.TestCase
TestPostgreSQL = pytest.mark.usefixtures("server")(PostgreSQLMachine.TestCase)


# --- pages and cursors ---


def videos_with_ties(limit: int) -> list[s.Video]:
    """Return videos with the aids 1 to ``limit`` - 1; seven in a row have the same key ``view``."""
    return [
        video(aid, view=aid // 7, tid=aid % 2, title="an even" * (aid % 2 == 0))
        for aid in range(1, limit)
    ]


ORDERED = [
    Query(order="view", limit=1),
    Query(order="view", limit=1, ascending=True),
    Query(order="view", limit=1, where={"tid": 1}),
    Query(order="view", limit=1, text="EVEN", ascending=True),
]


@on_a_store
async def test_pages_of_any_size_contain_each_document_once(store: Store) -> None:
    videos = videos_with_ties(60)
    await put(store, VIDEO, 1, *reversed(videos))
    await put(store, VIDEO, 2, video(1_000))
    for query in ORDERED:
        expected = [
            item
            for item in (videos if query.ascending else reversed(videos))
            if item.tid == query.where.get("tid", item.tid) and query.text.lower() in item.title
        ]
        for size in (1, 2, 3, 7, 20, 58, 59, 60, 1_000):
            sized = replace(query, limit=size)
            assert await by_pages(store, VIDEO, 1, sized) == expected
            assert await by_cursor(store, VIDEO, 1, sized) == expected


@on_a_store
async def test_a_cursor_continues_after_a_deleted_document(store: Store) -> None:
    videos = videos_with_ties(30)
    for query in ORDERED[:2]:
        await put(store, VIDEO, 1, *videos)

        async def drop(last: s.Video) -> None:
            assert await store.delete(VIDEO, 1, [last.aid]) == 1

        found = await by_cursor(store, VIDEO, 1, replace(query, limit=4), drop)
        assert sorted(video.aid for video in found) == [video.aid for video in videos]


@on_a_store
async def test_a_page_past_the_end_is_empty(store: Store) -> None:
    await put(store, LATER, 1, later(1, 5))
    for query in (
        Query(order="time", limit=0),
        Query(order="time", limit=5, offset=1),
        Query(order="time", limit=10_000, offset=MOST - 20_000),
        Query(order="time", limit=5, after=(5, 1)),
        Query(order="time", limit=5, after=(0, MOST)),
        Query(order="time", limit=5, after=(MOST, MOST), ascending=True),
    ):
        assert await store.documents(LATER, 1, query) == ([], False)
    assert await store.documents(LATER, 2, Query(order="time", limit=5)) == ([], False)


@on_a_store
async def test_the_highest_integers_are_stored(store: Store) -> None:
    await put(store, VIDEO, MOST, video(MOST, view=MOST, tid=MOST), video(1, view=MOST, tid=MOST))
    await put(store, VIDEO, MOST, video(2, view=1))
    query = Query(order="view", limit=5)
    assert await ids(store, VIDEO, MOST, query) == [MOST, 1, 2]
    assert await ids(store, VIDEO, MOST, replace(query, after=(MOST, MOST))) == [1, 2]
    assert await ids(store, VIDEO, MOST, replace(query, where={"tid": MOST})) == [MOST, 1]
    assert await store.total(VIDEO, MOST, "view") == 2 * MOST + 1
    assert await store.counts(VIDEO, MOST, "tid") == {MOST: 2, 0: 1}
    assert set(await store.find(VIDEO, [MOST, MOST - 1])) == {MOST}
    assert await store.delete(VIDEO, MOST, [MOST]) == 1


# --- owners, kinds, filters and texts ---


@on_a_store
async def test_a_document_of_a_unique_kind_changes_its_owner(store: Store) -> None:
    await put(store, VIDEO, 1, video(7, view=5, tid=3), video(8, view=1))
    await put(store, VIDEO, 2, video(7, view=9))
    query = Query(order="view", limit=5)
    assert await ids(store, VIDEO, 1, query) == [8]
    assert await ids(store, VIDEO, 2, query) == [7]
    assert await store.get(VIDEO, 1, 7) is None
    assert await store.find(VIDEO, [8, 7, 9]) == {
        7: (2, video(7, view=9)),
        8: (1, video(8, view=1)),
    }
    assert await store.documents_of(VIDEO, [1, 2], [7]) == {(2, 7): video(7, view=9)}
    assert await store.total(VIDEO, 1, "view") == 1
    assert await store.counts(VIDEO, 1, "tid") == {0: 1}


@on_a_store
async def test_owners_and_kinds_are_separate(store: Store) -> None:
    await put(store, LATER, 1, later(7, 1))
    await put(store, LATER, 2, later(7, 2))
    await put(store, VIDEO, 1, video(7))
    both = {(1, 7): later(7, 1), (2, 7): later(7, 2)}
    assert await store.documents_of(LATER, [2, 1, 2, 3]) == both
    assert await store.documents_of(LATER, [2, 1], [8, 7, 7]) == both
    assert await store.documents_of(LATER, [1, 2], [8]) == {}
    assert await store.documents_of(LATER, [], [7]) == {}
    assert await store.documents_of(LATER, [1], []) == {}
    assert await store.delete(LATER, 2) == 1
    assert await store.documents_of(LATER, [1, 2]) == {(1, 7): later(7, 1)}
    assert await store.get(LATER, 1, 7) == later(7, 1)
    assert await store.get(VIDEO, 1, 7) == video(7)


@on_a_store
async def test_a_replaced_document_has_its_new_keys_and_filters(store: Store) -> None:
    await put(store, LATER, 1, later(1, 10), later(2, 20))
    await put(store, LATER, 1, later(1, 30, finished=True))
    assert await ids(store, LATER, 1, Query(order="time", limit=5)) == [1, 2]
    assert await store.count(LATER, 1, {"finished": 0}) == 1
    assert await store.total(LATER, 1, "time") == 50
    await put(store, NOTICE, 1, Notice("one"))
    await put(store, NOTICE, 1, Notice("two"))
    assert await store.get(NOTICE, 1) == Notice("two")
    assert await store.count(NOTICE, 1) == 1


@on_a_store
async def test_the_last_of_equal_entries_is_stored(store: Store) -> None:
    twice = [VIDEO.entry(1, video(7, view=1)), VIDEO.entry(2, video(7, view=2))]
    await store.put([*twice, VIDEO.entry(2, video(7, view=3))])
    assert await store.find(VIDEO, [7]) == {7: (2, video(7, view=3))}


@on_a_store
async def test_a_filter_distinguishes_numbers_from_texts(store: Store) -> None:
    await put(store, VIDEO, 1, video(1, tid=1))
    await put(store, ALBUM, 1, Album(s.Album(id=1), "draw"))
    assert await store.count(VIDEO, 1, {"tid": 1}) == 1
    assert await store.count(VIDEO, 1, {"tid": "1"}) == 0
    assert await store.counts(ALBUM, 1, "biz") == {"draw": 1}
    assert await store.count(ALBUM, 1, {"biz": "dra"}) == 0


@on_a_store
async def test_search_ignores_case_and_has_no_wildcards(store: Store) -> None:
    titles = ["Die STRASSE", "100% K_ts\\", "中文《标题》", "İstanbul", 'o\'clock "x" \0 end']
    await put(store, VIDEO, 1, *(video(aid, title=title) for aid, title in enumerate(titles)))
    for text, expected in {
        "straße": [0],
        "sTr": [0],
        "0% k_": [1],
        "%": [1],
        "_": [1],
        "\\": [1],
        "K": [4, 1],  # the Kelvin sign is a k when case is ignored
        "标题": [2],
        "i̇ST": [3],
        "O'Clock": [4],
        '"X"': [4],
        "\0 END": [4],
        "ts%": [],
        "": [4, 3, 2, 1, 0],
    }.items():
        assert await ids(store, VIDEO, 1, Query(order="pubdate", limit=9, text=text)) == expected
        assert await store.count(VIDEO, 1, text=text) == len(expected)
        assert await store.counts(VIDEO, 1, "tid", text) == ({0: len(expected)} if expected else {})


@on_a_store
async def test_delete_returns_the_number_of_documents(store: Store) -> None:
    await put(store, LATER, 1, *(later(aid, finished=aid % 2 == 0) for aid in range(1, 11)))
    assert await store.delete(LATER, 1, []) == 0
    assert await store.delete(LATER, 1, [1, 1, 99]) == 1
    assert await store.delete(LATER, 1, [2, 3], {"finished": 1}) == 1
    assert await store.delete(LATER, 1, where={"finished": 1}) == 4
    assert await ids(store, LATER, 1, Query(order="time", limit=20)) == [9, 7, 5, 3]
    assert await store.delete(LATER, 1) == 4
    assert await store.delete(LATER, 1) == 0


# --- invalid calls ---


@on_a_store
async def test_put_stores_all_documents_or_none(store: Store) -> None:
    await put(store, LATER, 1, later(1, 10))
    good, too_large = LATER.entry(1, later(1, 20)), LATER.entry(1, later(2, 2**63))
    with pytest.raises(OverflowError):
        await store.put([good, too_large])
    unknown = Entry(owner=1, kind="poem", id=1, keys={}, filters={}, text="", body=b"{}")
    with pytest.raises(KeyError, match="poem"):
        await store.put([good, unknown])
    assert await store.get(LATER, 1, 1) == later(1, 10)
    assert await store.count(LATER, 1) == 1


@on_a_store
async def test_undeclared_keys_and_filters_raise(store: Store) -> None:
    await put(store, VIDEO, 1, video(1))
    with pytest.raises(KeyError, match="time"):
        await store.documents(VIDEO, 1, Query(order="time", limit=1))
    with pytest.raises(KeyError, match="biz"):
        await store.documents(VIDEO, 1, Query(order="view", limit=1, where={"biz": "draw"}))
    with pytest.raises(KeyError, match="biz"):
        await store.documents(VIDEO, 1, Query(order="view", limit=0, where={"biz": "draw"}))
    with pytest.raises(KeyError, match="biz"):
        await store.delete(VIDEO, 1, [], {"biz": "draw"})
    with pytest.raises(KeyError, match="view"):
        await store.count(VIDEO, 1, {"view": 1})
    with pytest.raises(KeyError, match="view"):
        await store.counts(VIDEO, 1, "view")
    with pytest.raises(KeyError, match="tid"):
        await store.total(VIDEO, 1, "tid")
    with pytest.raises(KeyError, match="view"):
        await store.delete(VIDEO, 1, where={"view": 0})
    assert await store.count(VIDEO, 1) == 1


async def test_an_account_that_may_change_nothing(store: Store) -> None:
    await people(store, 1, 2, 3)
    await put(store, NOTICE, 1, Notice("before"))
    for state, code in ((State.BANNED, -102), (State.DEREGISTERED, -101)):
        await accounts.set_state(store, 1, state)
        with pytest.raises(CallerRefused) as refused:
            await store.put([NOTICE.entry(1, Notice("after"))], by=1)
        assert refused.value.code == code
        with pytest.raises(CallerRefused):
            await store.delete(NOTICE, 1, by=1)
        assert await store.get(NOTICE, 1) == Notice("before")
    await store.put([NOTICE.entry(1, Notice("by another"))], by=2)
    await store.put([NOTICE.entry(2, Notice("own"))], by=2)
    await store.put([NOTICE.entry(99, Notice("unknown"))], by=99)
    assert await store.delete(NOTICE, 2, by=2) == 1


async def test_a_refused_caller_fails_no_other_write_of_its_batch(store: Store) -> None:
    await people(store, *range(1, 20))
    await accounts.set_state(store, 1, State.BANNED)
    results = await asyncio.gather(
        *(store.put([NOTICE.entry(mid, Notice("x"))], by=mid) for mid in range(1, 20)),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [CallerRefused, *[type(None)] * 18]


async def test_a_ban_and_the_writes_of_the_caller_have_an_order(store: Store) -> None:
    """What a caller wrote at the end of a ban is what it has afterwards."""
    await people(store, 1)
    written: list[int] = []

    async def write(first: int) -> None:
        for aid in range(first, first + 10_000):
            await store.put([LATER.entry(1, later(aid))], by=1)
            written.append(aid)

    for turn in range(count(5, 60)):
        writers = [asyncio.create_task(write(1 + 10_000 * (8 * turn + n))) for n in range(8)]
        while len(written) < 20 * (turn + 1):
            await asyncio.sleep(0)
        await accounts.set_state(store, 1, State.BANNED)
        stored = await store.count(LATER, 1)
        ends = await asyncio.gather(*writers, return_exceptions=True)
        assert [type(end) for end in ends] == [CallerRefused] * len(writers)
        assert await store.count(LATER, 1) == len(written) == stored
        await accounts.set_state(store, 1, State.NORMAL)
