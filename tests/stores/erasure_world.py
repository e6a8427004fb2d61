"""Worlds in which everything names everybody, and the search for what is left of an account."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from random import Random
from typing import Any, NamedTuple

import apsw
import asyncpg
from msgspec.structs import replace

from guanxi.accounts.account import Card, Privacy
from guanxi.accounts.secrets import Session, TokenKind
from guanxi.contract import structs as s
from guanxi.graph.groups import CreateGroup, DeleteGroup, Regroup, RegroupMode
from guanxi.graph.pair import Act, Contract, Modify
from guanxi.operations import accounts
from guanxi.stores import is_server_address
from guanxi.stores.port import EdgeRow, Store, Tally
from guanxi.world.feed import POST, Post, PostType
from guanxi.world.kind import Entry
from guanxi.world.marks import DISMISSAL, MUTE, Mark
from guanxi.world.mine import SEEN, Seen
from guanxi.world.profile import FAN_REPORT, PROFILE, Profile
from guanxi.world.works import MEDAL, SUPPORT, Support
from tests.stores.engines import START
from tests.stores.world import LIMITS

#: Mids that occur in nothing by chance, and are not a part of one another.
MIDS = [7_100_200_300_001 + 1_010_101 * at for at in range(7)]
NOW = START // 10**9
CAPS = replace(LIMITS, requests=True)
#: The tables that keep a mid on purpose, and which of their rows may.
KEPT = {"erasure": "mid", "change": "actor"}


def name_of(mid: int) -> str:
    return f"Zoë-{mid}"


async def random_world(store: Store, draw: Random, mids: Collection[int] = MIDS) -> None:
    """Fill an empty store, whose feed is switched on, with random relations and documents."""
    await store.set_changes(True)
    for mid in mids:
        privacy = Privacy(approve_followers=draw.random() < 0.3)
        card = Card(name=name_of(mid), sign=f"sign of {mid}")
        await accounts.put(store, mid, card, privacy, key=f"key of {mid}")
    others = [(a, b) for a in mids for b in mids if a != b]
    for pair in draw.sample(others, len(others) // 2):
        await store.change([Modify(*pair, draw.choice([Act.FOLLOW] * 4 + [Act.BLOCK]))], CAPS)
    await _imported(store, draw, others)
    for mid in mids:
        await store.change([CreateGroup(mid, f"g{id}", id) for id in (1, 2, 3)], CAPS)
        page = [edge.followed async for edge in store.edges(mid - 1) if edge.follower == mid]
        for target in page:
            groups = tuple(draw.sample([1, 2, 3, -10], draw.randint(0, 3))) or (0,)
            await store.change([Regroup(mid, RegroupMode.SET, (target,), groups)], CAPS)
            store.visit(mid, target)
        await store.change([DeleteGroup(mid, 3)], CAPS)
        digest = str(mid).encode()
        kind = TokenKind.COOKIE
        session = Session(digest=digest, mid=mid, kind=kind, created=NOW, expires=2**40)
        assert await store.open_session(session) is None
        await store.put_grant(b"grant" + digest, mid, 2**40)
    await store.flush_visits()
    for owner in mids:
        await store.put([*_documents(owner, draw, mids)])
    for pair in draw.sample(others, len(others) // 4):
        await store.change([Modify(*pair, draw.choice([Act.UNFOLLOW, Act.UNBLOCK]))], CAPS)


async def _imported(store: Store, draw: Random, others: list[tuple[int, int]]) -> None:
    """Add whispers and contracts, which only an import brings."""
    rows = [
        EdgeRow(follower=a, followed=b, time=NOW - 9, kind="whisper")
        if draw.random() < 0.5
        else EdgeRow(follower=a, followed=b, time=NOW - 9, contract=Contract(NOW - 99))
        for a, b in draw.sample(others, 6)
    ]
    await store.import_edges(lambda: rows, on_contradiction="resolve")


def _documents(owner: int, draw: Random, mids: Collection[int]) -> Iterator[Entry]:
    yield PROFILE.entry(owner, Profile(birthday="2000-01-02"))
    other, third = draw.sample([mid for mid in mids if mid != owner], 2)
    yield MUTE.entry(owner, Mark(other, NOW, 2**33))
    yield DISMISSAL.entry(owner, Mark(third, NOW, 2**33))
    yield SUPPORT.entry(owner, Support(other, message=f"from {other}"))
    medal = s.MedalInfo(target_id=third, medal_id=4)
    yield MEDAL.entry(owner, s.Medal(medal_info=medal, target_name=name_of(third)))
    seen = s.HistoryEntry(author_mid=other, author_name=name_of(other), view_at=NOW, kid=5)
    yield SEEN.entry(owner, Seen(replace(seen, history=s.HistoryTarget(oid=5, business="archive"))))
    fans = [s.RankedFan(mid, name_of(mid)) for mid in (other, third)]
    yield FAN_REPORT.entry(owner, s.FanReport(rank_list=s.FanRanks(fans, fans, [fans[0]])))
    origin = Post(id=1, type=PostType.WORD, time=NOW, text=f"by {other}")
    middle = Post(id=2, type=PostType.FORWARD, time=NOW, origin=origin, origin_mid=other)
    post = Post(
        id=10**6 + [*mids].index(owner),
        type=PostType.FORWARD,
        time=NOW,
        text="look",
        origin=middle,
        origin_mid=third,
    )
    yield POST.entry(owner, post)


class Whole(NamedTuple):
    """What the port shows of everybody, but for versions."""

    edges: set[str]
    requests: set[tuple[int, int]]
    groups: set[tuple[int, int, str]]
    documents: set[tuple[int, str, int]]
    accounts: set[int]
    sessions: set[int]


async def seen(store: Store, without: int = 0) -> Whole:
    """Return what the store has, but for all that is of or about ``without``."""
    return Whole(
        {
            repr(edge)
            async for edge in store.edges()
            if without not in (edge.follower, edge.followed)
        },
        {it[:2] async for it in store.pending_requests() if without not in it[:2]},
        {(*it,) async for it in store.owned_groups() if it.owner != without},
        {
            (it.owner, it.kind, it.id)
            async for it in store.entries()
            if it.owner != without
            and not (it.kind in ("mute", "dismissal", "support") and it.id == without)
            and not (it.kind == "medal" and without and str(without).encode() in it.body)
        },
        {row.account.mid async for row in store.accounts() if row.account.mid != without},
        {session.mid async for session in store.sessions() if session.mid != without},
    )


async def assert_counted(store: Store, mids: Collection[int]) -> None:
    """Compare every count of these accounts with the exported edges, counted by hand."""
    edges = [edge async for edge in store.edges()]
    for mid in mids:
        own = [edge for edge in edges if edge.follower == mid]
        follows = [edge for edge in own if edge.kind == "follow"]
        tally = await store.tally(mid)
        assert (tally.following, tally.whisper, tally.black, tally.follower) == (
            len(follows),
            len([edge for edge in own if edge.kind == "whisper"]),
            len([edge for edge in own if edge.kind == "block"]),
            len([edge for edge in edges if edge.kind == "follow" and edge.followed == mid]),
        )
        counts = {row.name: row.count for row in await store.groups(mid)}
        named = {name for edge in follows for name in edge.groups}
        for name in named | {"g1", "g2"}:
            assert counts[name] == len([edge for edge in follows if name in edge.groups])
        assert counts["特别关注"] == len([edge for edge in follows if edge.special])
        free = [edge for edge in follows if not edge.groups and not edge.special]
        assert counts["默认分组"] == len(free)


def versions(tally: Tally) -> tuple[int, ...]:
    return (
        tally.version,
        tally.follower_version,
        tally.public_version,
        tally.public_follower_version,
        tally.private_version,
    )


async def rows_naming(address: str, mid: int) -> list[str]:
    """Return each stored row that has a mid or its account's name, in any column of any table."""
    found = []
    for table, row in await _all_rows(address):
        is_kept = row.get(KEPT.get(table, "")) == mid and row.get("kind", "erase") == "erase"
        values = [
            value for column, value in row.items() if column != KEPT.get(table) or not is_kept
        ]
        if any(_names(value, mid) for value in values):
            found.append(f"{table}: {row}")
    return found


def _names(value: object, mid: int) -> bool:
    if isinstance(value, list):
        return any(_names(each, mid) for each in value)
    if isinstance(value, int):
        return value == mid
    text = bytes(value).decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return str(mid) in text or name_of(mid).casefold() in text.casefold()


async def _all_rows(address: str) -> list[tuple[str, dict[str, Any]]]:
    if is_server_address(address):
        return await _server_rows(address)
    db = apsw.Connection(address)
    try:
        tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        names = [name for (name,) in tables]
        rows = []
        for name in names:
            cursor = db.execute(f'SELECT * FROM "{name}"')
            for row in cursor:
                columns = [column for column, *_ in cursor.get_description()]
                rows.append((name, dict(zip(columns, row, strict=True))))
        return rows
    finally:
        db.close()


async def _server_rows(address: str) -> list[tuple[str, dict[str, Any]]]:
    db = await asyncpg.connect(address)
    try:
        tables = await db.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        )
        return [
            (name, dict(row))
            for (name,) in tables
            for row in await db.fetch(f'SELECT * FROM "{name}"')
        ]
    finally:
        await db.close()
