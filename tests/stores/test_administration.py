"""Administration tokens, the audit log and the secret, on every engine."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from msgspec.structs import replace

from guanxi.accounts.administrators import (
    AdminToken,
    AuditEntry,
    Scope,
    first_number,
    new_admin_token,
    new_number,
)
from guanxi.accounts.secrets import DAY, digest
from guanxi.operations import admin_tokens, audit
from guanxi.operations.audit import Act, recorded
from guanxi.stores.port import Store
from tests.counts import count
from tests.stores.engines import START, Opener

NOW, NOW_MS = START // 10**9, START // 10**6


def token(name: str, *scopes: Scope, expires: int | None = None) -> AdminToken:
    text = new_admin_token()
    return AdminToken(
        name=name, digest=digest(text), scopes=frozenset(scopes), created=NOW, expires=expires
    )


async def test_a_token_is_found_by_its_digest_until_it_is_deleted(store: Store) -> None:
    reader = token("reader", Scope.READ, Scope.METRICS, expires=NOW + 1)
    writer = token("Writer-1.x_", Scope.WRITE)
    for one in (reader, writer):
        assert await store.admin_token(one.digest) is None
        assert await store.put_admin_token(one)
        assert await store.admin_token(one.digest) == one
    assert await store.admin_tokens() == [writer, reader]
    # Neither its name nor its digest can be another's.
    assert not await store.put_admin_token(replace(writer, digest=b"1" * 32))
    assert not await store.put_admin_token(replace(writer, name="other"))
    assert await store.admin_tokens() == [writer, reader]
    assert await store.delete_admin_token("reader")
    assert not await store.delete_admin_token("reader")
    assert await store.admin_token(reader.digest) is None
    assert await store.admin_tokens() == [writer]
    assert await store.put_admin_token(token("reader", Scope.READ))


async def test_of_concurrent_tokens_with_one_name_one_is_stored(open_again: Opener) -> None:
    stores = await open_again(), await open_again()
    made = [token("one", Scope.READ) for _ in range(10)]
    stored = await asyncio.gather(*(stores[i % 2].put_admin_token(t) for i, t in enumerate(made)))
    assert sum(stored) == 1
    assert await stores[0].admin_tokens() == [made[stored.index(True)]]


async def test_the_store_has_no_token(store: Store) -> None:
    made = await admin_tokens.new_token(store, "one", [Scope.READ], 90, NOW)
    [stored] = await store.admin_tokens()
    assert stored.digest == digest(made.text)
    assert stored.expires == NOW + 90 * DAY
    assert made.text not in repr(made) + repr(stored) + str(admin_tokens.described(stored))
    assert stored.digest.hex() not in repr(made) + str(admin_tokens.described(stored))


def entry(number: int, **fields: Any) -> AuditEntry:
    return AuditEntry(number=number, **{"who": "a", "what": "PUT /x", **fields})


async def test_an_entry_is_appended_once_and_ended(store: Store) -> None:
    first = entry(new_number(NOW_MS), who="reader", mid=7, target=8, request_id="r-1")
    assert first.time_ms == NOW_MS
    assert await store.append_audit(first)
    assert not await store.append_audit(replace(first, who="b"))
    assert await store.audit(10) == [first]
    ended = replace(first, mid=9, target=0, detail="细节", status=200)
    await store.end_audit(replace(ended, who="b", what="other", request_id=""))
    assert await store.audit(10) == [ended]
    await store.end_audit(replace(ended, number=first.number + 1))  # of none
    assert await store.audit(10) == [ended]


async def test_the_log_is_paged_filtered_and_trimmed_as_a_list_would_be(store: Store) -> None:
    draw = random.Random(1)
    entries: dict[int, AuditEntry] = {}
    for _ in range(count(short=120, long=400)):
        one = entry(
            first_number(NOW_MS - draw.randrange(5_000)) + draw.randrange(3),
            who=draw.choice("abc"),
            mid=draw.choice([0, 1, 2, 2**63 - 1]),
            status=draw.choice([None, 0, 200, 404]),
        )
        assert await store.append_audit(one) is (one.number not in entries)
        entries.setdefault(one.number, one)
    for _ in range(60):
        mid, who = draw.choice([0, 1, 2, 3, 2**63 - 1]), draw.choice(["", "a", "b", "z"])
        limit, number = draw.randrange(1, 40), draw.choice([None, *entries])
        expected = sorted(
            (
                one
                for one in entries.values()
                if (not mid or one.mid == mid)
                and (not who or one.who == who)
                and (number is None or one.number < number)
            ),
            key=lambda one: -one.number,
        )[:limit]
        assert await store.audit(limit, before=number, mid=mid, who=who) == expected
    numbers = sorted(entries)
    middle = numbers[len(numbers) // 2]
    assert await store.trim_audit(middle, 7) == 7
    assert min(one.number for one in await store.audit(10_000)) == numbers[7]
    assert await store.trim_audit(middle, 10_000) == len(numbers) // 2 - 7
    assert [one.number for one in await store.audit(10_000)] == numbers[len(numbers) // 2 :][::-1]
    assert await store.trim_audit(middle, 10) == 0


async def test_a_name_that_nobody_can_have_has_no_entries(store: Store) -> None:
    assert await store.append_audit(entry(new_number(NOW_MS), who="a"))
    for who in ("\0", "a\0", "\x1b[2J", "无", "a" * 5_000):
        assert await store.audit(10, who=who) == []


async def test_entries_are_kept_for_so_many_days(store: Store) -> None:
    for days in range(10):
        for _ in range(3):
            await store.append_audit(entry(new_number(NOW_MS - days * DAY * 1_000)))
    # Exactly five days old is not more than five days old.
    assert await audit.trim(store, 5, NOW) == 12
    assert len(await store.audit(100)) == 18
    assert await audit.trim(store, 5, NOW) == 0
    assert await audit.trim(store, 36_500, NOW) == 0


async def test_an_act_is_recorded_before_it_runs_and_its_outcome_after(store: Store) -> None:
    act = Act(mid=1)
    async with recorded(store, "reader", "PUT /x", act, now_ms=NOW_MS, request_id="r"):
        [before] = await store.audit(10)
        assert (before.who, before.what, before.mid, before.status) == ("reader", "PUT /x", 1, None)
        act.status, act.detail = 200, "done"
    [after] = await store.audit(10)
    assert after == replace(before, status=200, detail="done")


async def test_an_act_that_raises_or_is_cancelled_stays_without_an_outcome(store: Store) -> None:
    async def acting(hold: asyncio.Event) -> None:
        async with recorded(store, "a", "PUT /x", Act(), now_ms=NOW_MS) as act:
            hold.set()
            act.mid = 5
            await asyncio.sleep(60)

    started = asyncio.Event()
    task = asyncio.create_task(acting(started))
    await started.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    [one] = await store.audit(10)
    assert (one.mid, one.status) == (5, None)


async def test_a_new_secret_is_read_by_those_that_are_open(open_again: Opener) -> None:
    first, second = await open_again(), await open_again()
    old = first.secret
    assert second.secret == old
    unread = second.secret
    assert await second.refresh_secret() is False
    assert second.secret is unread, "a gate forgets its credentials when the object is another"
    await admin_tokens.rotate_secret(first)
    assert first.secret != old
    assert len(first.secret) == len(old) == 32
    assert second.secret == old, "until it is read again"
    assert await second.refresh_secret() is True
    assert second.secret == first.secret
    third = await open_again()
    assert third.secret == first.secret


async def test_entries_of_one_millisecond_have_different_numbers(store: Store) -> None:
    async def act() -> None:
        async with recorded(store, "a", "PUT /x", Act(), now_ms=NOW_MS):
            pass

    await asyncio.gather(*(act() for _ in range(50)))
    assert len({one.number for one in await store.audit(100)}) == 50
