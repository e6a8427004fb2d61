"""All that is kept of an account is in its export, and nothing that signs in."""

from __future__ import annotations

from collections import Counter
from typing import Any

import apsw
import msgspec
import pytest
from msgspec.structs import replace

from guanxi.accounts import secrets
from guanxi.accounts.account import Privacy
from guanxi.accounts.secrets import TokenKind
from guanxi.contract.limits import Limits
from guanxi.graph.groups import CreateGroup, Regroup, RegroupMode
from guanxi.graph.pair import REQUESTED, SPECIAL, Act, Contract, Modify
from guanxi.operations import accounts, export, marks, sessions
from guanxi.operations.accounts import AccountError
from guanxi.stores.port import EdgeRow, Store
from guanxi.stores.postgresql.connections import PATIENT, connect
from guanxi.world.profile import NOTICE, PROFILE, Notice, Profile
from guanxi.world.videos import VIDEO
from tests.stores.documents import put, video
from tests.stores.engines import START, Engine
from tests.stores.world import LIMITS, do, follow, people

NOW = START // 10**9
MID = 7
TOKEN = secrets.with_mid(MID, "f" * 64)


async def make_everything(store: Store) -> None:
    """Give the account something of every kind that a store holds."""
    await people(store, 1, 2, 3, 4, 5, 6, MID)
    await accounts.put(store, MID, {"name": "七", "sign": "s"}, key="key-7")
    await accounts.put(store, 6, privacy=Privacy(approve_followers=True))
    rows = [
        EdgeRow(
            follower=MID,
            followed=1,
            time=NOW - 9,
            special=True,
            groups=("同学",),
            contract=Contract(NOW - 8, 1),
            visits=3,
        ),
        EdgeRow(follower=MID, followed=2, time=NOW - 7, kind="whisper"),
        EdgeRow(follower=1, followed=MID, time=NOW - 6, contract=Contract(NOW - 5, 1)),
    ]
    await store.import_edges(lambda: rows)
    assert await do(store, Modify(MID, 3, Act.BLOCK), CreateGroup(MID, "empty", 99)) == [0, 0]
    await follow(store, 4, MID)
    await follow(store, MID, 5)
    assert await do(store, Regroup(MID, RegroupMode.SET, (5,), (99, SPECIAL))) == [0]
    await accounts.put(store, MID, privacy=Privacy(approve_followers=True))
    caps = replace(LIMITS, requests=True)
    requests = [Modify(MID, 6, Act.FOLLOW), Modify(5, MID, Act.FOLLOW)]
    assert await store.change(requests, caps) == [REQUESTED] * 2
    await put(store, VIDEO, MID, video(1), video(2))
    await put(store, NOTICE, MID, Notice("公告"))
    await put(store, PROFILE, MID, Profile(experience=1))
    assert await marks.mute(store, MID, 4, NOW + 50, NOW) == 0
    assert await marks.dismiss(store, MID, 5, NOW) == 0
    await sessions.issue(store, MID, TokenKind.COOKIE, Limits(), NOW, token=TOKEN)
    await store.use_sessions({secrets.session_digest(TOKEN): NOW + 4_000})
    await store.put_grant(b"grant" * 6, MID, NOW + 100)
    await accounts.ban(store, MID, reason="spam", until=NOW + 60, now=NOW)


def counted(lines: list[dict[str, Any]]) -> Counter[str]:
    return Counter(line["part"] for line in lines)


async def exported(store: Store, mid: int = MID) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) async for line in export.encoded(store, mid)]


async def test_what_an_export_holds(store: Store) -> None:
    await make_everything(store)
    lines = await exported(store)
    by_part: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        by_part.setdefault(line.pop("part"), []).append(line)
    [account] = by_part["account"]
    assert (account["mid"], account["key"], account["created"]) == (MID, "key-7", NOW)
    assert (account["state"], account["ban"]) == ("banned", {"reason": "spam", "until": NOW + 60})
    assert (account["card"]["name"], account["card"]["sign"]) == ("七", "s")
    assert account["privacy"]["approve_followers"] is True
    assert by_part["counts"] == [{"following": 2, "whisper": 1, "black": 1, "follower": 2}]
    assert {group["name"] for group in by_part["group"]} == {"同学", "empty"}
    assert by_part["follow"] == [
        {
            "mid": 1,
            "time": NOW - 9,
            "special": True,
            "groups": ["同学"],
            "contract": {"ts": NOW - 8, "user_attr": 1},
            "visits": 3,
        },
        {
            "mid": 5,
            "time": NOW,
            "special": True,
            "groups": ["empty"],
            "contract": None,
            "visits": 0,
        },
    ]
    assert by_part["whisper"] == [{"mid": 2, "time": NOW - 7}]
    assert by_part["block"] == [{"mid": 3, "time": NOW}]
    assert by_part["follower"] == [{"mid": 1, "time": NOW - 6}, {"mid": 4, "time": NOW}]
    assert by_part["request_sent"] == [{"mid": 6, "time": NOW}]
    assert by_part["request_received"] == [{"mid": 5, "time": NOW}]
    documents = Counter(line["kind"] for line in by_part["content"])
    assert documents == {
        "dismissal": 1,
        "key": 1,
        "mute": 1,
        "notice": 1,
        "profile": 1,
        "video": 2,
    }
    [session] = by_part["session"]
    assert session == {
        "id": session["id"],
        "kind": "cookie",
        "created": NOW,
        "used": NOW + 4_000,
        "expires": session["expires"],
    }
    assert by_part["sign_in"] == [{"expires": NOW + 100}]
    assert by_part["end"] == [{"lines": len(lines) - 1}]


#: How many lines of an export the rows of each table are that name the account in the column. A
#: table that is not here is one that an export has forgotten.
SQLITE_ROWS = {
    ("account", "mid"): ("account",),
    ("tally", "mid"): ("counts",),
    ("tail", "mid"): ("account",),  # the card, as lists have it
    ("session", "mid"): ("session",),
    ("sign_in_grant", "mid"): ("sign_in",),
    ("following", "owner"): ("follow",),
    ("follower", "owner"): ("follower",),
    ("whisper", "owner"): ("whisper",),
    ("block", "owner"): ("block",),
    ("grp", "owner"): ("group",),
    ("member", "owner"): ("member",),
    ("contract", "owner"): ("contract",),
    ("visit", "owner"): ("visit",),
    ("request", "owner"): ("request_sent",),
    ("content", "owner"): ("content",),
    ("content_key", "owner"): None,  # what is in the documents, to sort them by
}
#: Columns that name the account in rows of others, or of no account.
OF_OTHERS = {
    *(("following", "target"), ("follower", "source"), ("whisper", "target"), ("block", "target")),
    *(("member", "target"), ("contract", "target"), ("visit", "target")),
    *(("change", "actor"), ("change", "target")),  # the feed, which has its own end
    *(("audit", "mid"), ("audit", "target")),  # what the administration did, which is its own
    ("erasure", "mid"),  # of an account that has nothing left to export
}


async def test_no_row_of_the_account_is_missing(store: Store, engine: Engine) -> None:
    await make_everything(store)
    lines = await exported(store)
    if engine.address.startswith("postgresql"):
        await check_postgresql(engine.address, counted(lines))
    else:
        check_sqlite(engine.address, lines)


def check_sqlite(path: str, lines: list[dict[str, Any]]) -> None:
    parts = counted(lines)
    follows = [line for line in lines if line["part"] == "follow"]
    parts["member"] = sum(len(line["groups"]) + line["special"] for line in follows)
    parts["contract"] = sum(line["contract"] is not None for line in follows)
    parts["visit"] = sum(line["visits"] > 0 for line in follows)
    db = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    seen = set()
    for table in tables:
        for column in ("mid", "owner", "target", "source", "actor"):
            if not db.execute(
                "SELECT count(*) FROM pragma_table_info(?) WHERE name = ?", (table, column)
            ).get:
                continue
            if (table, column) in OF_OTHERS:
                continue
            if (table, column) == ("request", "target"):
                expected = parts["request_received"]
            else:
                named = SQLITE_ROWS[table, column]
                if named is None:
                    continue
                expected = sum(parts[part] for part in named)
            rows = db.execute(f"SELECT count(*) FROM {table} WHERE {column} = ?", (MID,)).get
            assert rows == expected > 0, (table, column)
            seen.add(table)
    db.close()
    assert len(seen) == 15


#: The columns of a row of a pair, and the part of the export that has them.
PAIR = {
    "follows": "follow",
    "whispers": "whisper",
    "blocks": "block",
    "followed": "follower",
    "requests": "request_sent",
    "requested": "request_received",
}


async def check_postgresql(address: str, parts: Counter[str]) -> None:
    db = await connect(address, PATIENT)
    for column, part in PAIR.items():
        statement = f"SELECT count(*) FROM relation WHERE owner = $1 AND {column} IS NOT NULL"
        assert await db.fetchval(statement, MID) == parts[part] > 0
    for table, column, part in (
        ("account", "mid", "account"),
        ("account_name", "mid", "account"),
        ("tally", "mid", "counts"),
        ("session", "mid", "session"),
        ("sign_in_grant", "mid", "sign_in"),
        ("grp", "owner", "group"),
        ("content", "owner", "content"),
    ):
        rows = await db.fetchval(f"SELECT count(*) FROM {table} WHERE {column} = $1", MID)
        assert rows == parts[part] > 0, table
    # Every other table that could name an account is known, and has what these have. (On Citus the
    # rows of a table that is not distributed are in a shard next to it, with a number in its name.)
    found = await db.fetch(
        "SELECT DISTINCT table_name FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND column_name IN ('mid', 'owner', 'actor')"
        " AND table_name !~ '_[0-9]+$'"
    )
    known = {"account", "account_name", "tally", "follower_tally", "session", "sign_in_grant"}
    known |= {"relation", "grp", "content", "content_key", "content_holder", "change"}
    known |= {"audit", "erasure"}
    await db.close()
    assert {row["table_name"] for row in found} == known


async def test_an_export_has_no_secret(store: Store) -> None:
    await make_everything(store)
    text = b"".join([line async for line in export.encoded(store, MID)])
    digest = secrets.session_digest(TOKEN)
    csrf = secrets.bili_jct(store.secret, TOKEN)
    for secret in (TOKEN, csrf, digest.hex(), store.secret.hex(), "grant", b"grant".hex()):
        assert secret.encode() not in text
    for raw in (digest, store.secret):
        assert raw not in text


async def test_an_unknown_account_has_no_export(store: Store) -> None:
    await people(store, 1)
    with pytest.raises(AccountError):
        await exported(store, 2)
    assert counted(await exported(store, 1)) == {"account": 1, "counts": 1, "end": 1}


async def test_an_export_reads_one_snapshot(store: Store) -> None:
    """What is written while it is read is not in it: its counts are those of its lines."""
    await people(store, *range(1, 40))
    await follow(store, 1, *range(2, 20))
    lines: list[dict[str, Any]] = []
    async for line in export.lines(store, 1):
        if not lines:
            await follow(store, 1, *range(20, 40))
            await accounts.put(store, 1, {"name": "new"})
        lines.append(line)
    parts = Counter(line["part"] for line in lines)
    assert parts["follow"] == lines[1]["following"] == 18
