"""The SDK against every fault: each call of both modules ends in its documented exception.

No write is sent twice, and no secret is in a message. The pauses between the retries of reads
are those of a clock that does not wait. Walks, signing in and refreshing: ``test_sdk_walks``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from guanxi import (
    Client,
    Credential,
    InitialStateException,
    SyncClient,
    TimeoutException,
    user,
)
from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Body, Endpoint
from guanxi.contract.endpoints import BY_NAME
from guanxi.testing import RunningService
from tests.emulator.faults_of_calls import FAULTS, NAMES, Fault, NoAsyncWait, Use, every, no_secret
from tests.sdk import test_areas, test_wire
from tests.user import test_calls, test_whole

Fields = dict[str, Any]


class Call(NamedTuple):
    """A call of the SDK, by a name, and the endpoint that it is about."""

    name: str
    endpoint: Endpoint
    use: Use


def _first_of_each(calls: list[Call]) -> list[Call]:
    return list({call.name: call for call in reversed(calls)}.values())


#: A typed call of each endpoint, and a call of each function of the documented module.
TYPED = _first_of_each(
    [Call(case.endpoint.name, case.endpoint, case.use) for case in test_wire.CASES]
    + [Call(name, BY_NAME[name], use) for name, (use, _) in test_areas.SENT.items()]
)
MODULE = _first_of_each(
    [Call(case.name, case.endpoint, case.call) for case in test_calls.CASES]
    + [Call(case.name, case.endpoint, case.call) for case in test_whole.CASES]
)


def test_the_tables_have_every_endpoint_that_reads_or_writes() -> None:
    """Signing in has tests of its own."""
    called = {call.endpoint.name for call in TYPED}
    assert {name for name in BY_NAME if not name.startswith("login.")} - called <= {
        *("relation.mutual", "relation.legacy_mutual"),  # called by `relation.get` and others
    }
    assert len(MODULE) >= 50


@pytest.fixture
def account(service: RunningService) -> Credential:
    service.add_accounts(7)
    session = service.sign_in(1)
    return Credential(session.sessdata, session.bili_jct, dedeuserid="1")


def typed(service: RunningService, account: Credential, fields: Fields) -> list[Any]:
    """Return what each typed call returned or raised while its endpoint has the fault."""
    settings = {"base_url": service.base_url, "credential": account}
    return every([_faulty(service, call, fields) for call in TYPED], "sync", settings)


def async_typed(service: RunningService, account: Credential, fields: Fields) -> list[Any]:
    """Do so with the async client."""
    settings = {"base_url": service.base_url, "credential": account}
    return every([_faulty(service, call, fields) for call in TYPED], "async", settings)


def _faulty(service: RunningService, call: Call, fields: Fields) -> Use:
    """Return a use of a client in which the call's endpoint has the fault, and no other has."""

    def use(client: Any) -> Any:
        service.clear_faults()
        service.fault(call.endpoint.name, **fields)
        return call.use(client)

    return use


def module(service: RunningService, account: Credential, fields: Fields) -> list[Any]:
    """Return what each function of the module returned or raised while its endpoint has it."""

    async def all_of_them() -> list[Any]:
        outcomes: list[Any] = []
        client = Client(base_url=service.base_url, credential=account, clock=NoAsyncWait())
        async with client:
            with user.using(client):
                for call in MODULE:
                    with service.fault(call.endpoint.name, **fields):
                        try:
                            outcomes.append(await call.use(account))
                        except Exception as error:
                            outcomes.append(error)
        return outcomes

    return asyncio.run(all_of_them())


def _is_right(call: Call, outcome: Any, fault: Fault) -> bool:
    """Return whether a call ended as documented.

    Where the fault is in the body only, an empty one and one that the module hands on as it is are
    no errors, nor is any text of a page.
    """
    if isinstance(outcome, fault.ends):
        return True
    if not fault.decoded:
        return False
    if call.endpoint.body is Body.HTML:
        return isinstance(outcome, str | InitialStateException)
    if outcome is None:
        return bool(fault.fields["body"] == "empty")
    return bool(outcome == "wrong-type" == fault.fields["body"])


RUNS = {"typed": (typed, TYPED), "async": (async_typed, TYPED), "module": (module, MODULE)}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("run", ["typed", pytest.param("async", marks=pytest.mark.long), "module"])
def test_every_call_ends_as_documented(
    service: RunningService,
    account: Credential,
    run: str,
    name: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    fault, (act, calls) = FAULTS[name], RUNS[run]
    outcomes = act(service, account, fault.fields)
    ended = list(zip(calls, outcomes, strict=True))
    wrong = [f"{one.name}: {end!r}" for one, end in ended if not _is_right(one, end, fault)]
    assert not wrong, "\n".join(wrong)
    no_secret([account.sessdata, account.bili_jct], outcomes, caplog.text, *capfd.readouterr())
    for call in calls:
        sent = service.requests_to(call.endpoint.name)
        assert sent, call.name
        if call.endpoint.method == "POST" and not fault.repeats:
            callers = sum(one.endpoint is call.endpoint for one in calls)
            assert len(sent) <= callers, f"{call.name} was sent {len(sent)} times"


@pytest.mark.long
@pytest.mark.parametrize("run", [typed, async_typed], ids=["sync", "async"])
def test_stale_reads_are_answers(
    service: RunningService, account: Credential, run: Callable[..., list[Any]]
) -> None:
    """A client cannot know that a read is old: each ends as without the fault."""
    current = run(service, account, {"code": -352, "times": 1, "params": {"never": 1}})
    service.emulator.requests.clear()

    with service.fault(":reads", stale=True):
        settings = {"base_url": service.base_url, "credential": account}
        kind = "sync" if run is typed else "async"
        stale = every([call.use for call in TYPED], kind, settings)
    for call, now, then in zip(TYPED, current, stale, strict=True):
        if call.endpoint.method == "GET":
            assert type(now) is type(then), f"{call.name}: {now!r}, {then!r}"


def test_a_stale_read_shows_the_world_before_a_write(
    service: RunningService, account: Credential
) -> None:
    with SyncClient(base_url=service.base_url, credential=account) as client:
        with service.fault("relation.stat", stale=True):
            client.relation.follow(7)
            assert client.relation.stat(7).follower == 0
        assert client.relation.stat(7).follower == 1


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "fields"), [("sync", {"delay": 1}), ("async", {"body": "slow", "delay": 1})], ids=str
)
def test_every_call_ends_within_its_time(
    service: RunningService, account: Credential, kind: str, fields: Fields
) -> None:
    """With all of its attempts; none is sent twice if it writes."""
    settings = {"base_url": service.base_url, "credential": account, "timeout": 0.05}
    outcomes = every([_faulty(service, call, fields) for call in TYPED], kind, settings)
    wrong = [
        f"{call.name}: {outcome!r}"
        for call, outcome in zip(TYPED, outcomes, strict=True)
        if not isinstance(outcome, TimeoutException)
    ]
    assert not wrong, "\n".join(wrong)
    no_secret([account.sessdata, account.bili_jct], outcomes)
    for call in TYPED:
        if call.endpoint.method == "POST":
            callers = sum(one.endpoint is call.endpoint for one in TYPED)
            sent = service.requests_to(call.endpoint.name)
            assert len(sent) <= callers, "\n".join(map(str, sent))


_TIMED: list[tuple[Endpoint, Use]] = [
    (e.STAT, lambda client: client.relation.stat(7)),
    (e.FOLLOWERS, lambda client: client.relation.followers(7)),
    (e.MODIFY, lambda client: client.relation.follow(7)),
    (e.CREATE_GROUP, lambda client: client.relation.create_group("x")),
]


@pytest.mark.parametrize("fields", [{"delay": 2}, {"body": "slow", "delay": 2}], ids=str)
@pytest.mark.parametrize(("endpoint", "use"), _TIMED, ids=lambda one: getattr(one, "name", ""))
def test_a_time_out_ends_a_call(
    service: RunningService,
    account: Credential,
    endpoint: Endpoint,
    use: Use,
    fields: dict[str, Any],
) -> None:
    service.fault(endpoint.name, **fields)
    with (
        SyncClient(base_url=service.base_url, credential=account, timeout=0.2) as client,
        pytest.raises(TimeoutException),
    ):
        use(client)
    if endpoint.method == "POST":
        assert len(service.requests_to(endpoint.name)) <= 1
