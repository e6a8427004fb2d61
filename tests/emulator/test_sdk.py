"""The SDK against every fault: each call of both modules ends in its documented exception.

No write is sent twice, and no secret is in a message. The pauses between the retries of reads
are those of a clock that does not wait.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from guanxi import (
    AnswerException,
    Client,
    Clock,
    Credential,
    InitialStateException,
    NetworkException,
    RequestIntercepted,
    ServiceUnavailable,
    SyncClient,
    SyncClock,
    TimeoutException,
    user,
)
from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Body, Endpoint
from guanxi.contract.endpoints import BY_NAME
from guanxi.testing import RunningService
from tests.sdk import test_areas, test_wire
from tests.user import test_calls, test_whole

Use = Callable[[Any], Any]


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


class Fault(NamedTuple):
    """A fault, what ends a call then, and whether the response has a body to be decoded."""

    fields: dict[str, Any]
    ends: tuple[type[Exception], ...]
    decoded: bool = False


FAULTS = {
    "code": Fault({"code": -352}, (RequestIntercepted,)),
    "busy": Fault({"code": -503}, (ServiceUnavailable,)),
    "412": Fault({"status": 412}, (NetworkException,)),
    "429": Fault({"status": 429}, (NetworkException,)),
    "502": Fault({"status": 502}, (NetworkException,)),
    "before": Fault({"drop": "before"}, (NetworkException,)),
    "while": Fault({"drop": "while"}, (NetworkException,)),
    "after": Fault({"drop": "after"}, (NetworkException,)),
    "truncated": Fault({"body": "truncated"}, (NetworkException,)),
    "html": Fault({"body": "html"}, (AnswerException,), decoded=True),
    "empty": Fault({"body": "empty"}, (AnswerException,), decoded=True),
    "wrong-type": Fault({"body": "wrong-type"}, (AnswerException,), decoded=True),
}


class _NoWait(SyncClock):
    def sleep(self, seconds: float) -> None:
        pass


class _NoAsyncWait(Clock):
    async def sleep(self, seconds: float) -> None:
        pass


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


Outcomes = dict[str, Any]


def typed(service: RunningService, account: Credential, fields: dict[str, Any]) -> Outcomes:
    """Return what each typed call returned or raised while its endpoint has the fault."""
    outcomes: Outcomes = {}
    with SyncClient(base_url=service.base_url, credential=account, clock=_NoWait()) as client:
        for call in TYPED:
            with service.fault(call.endpoint.name, **fields):
                try:
                    outcomes[call.name] = call.use(client)
                except Exception as error:
                    outcomes[call.name] = error
    return outcomes


def module(service: RunningService, account: Credential, fields: dict[str, Any]) -> Outcomes:
    """Return what each function of the module returned or raised while its endpoint has it."""

    async def all_of_them() -> Outcomes:
        outcomes: Outcomes = {}
        client = Client(base_url=service.base_url, credential=account, clock=_NoAsyncWait())
        async with client:
            with user.using(client):
                for call in MODULE:
                    with service.fault(call.endpoint.name, **fields):
                        try:
                            outcomes[call.name] = await call.use(account)
                        except Exception as error:
                            outcomes[call.name] = error
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


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("run", [typed, module], ids=lambda run: run.__name__)
def test_every_call_ends_as_documented(
    service: RunningService,
    account: Credential,
    run: Callable[..., Outcomes],
    name: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    fault, calls = FAULTS[name], TYPED if run is typed else MODULE
    outcomes = run(service, account, fault.fields)
    wrong = {
        call.name: outcomes[call.name]
        for call in calls
        if not _is_right(call, outcomes[call.name], fault)
    }
    assert not wrong, "\n".join(f"{call}: {outcome!r}" for call, outcome in wrong.items())
    printed = caplog.text + "".join(
        "".join(traceback.format_exception(outcome)) + repr(outcome) + str(outcome)
        for outcome in outcomes.values()
        if isinstance(outcome, Exception)
    )
    assert account.sessdata is not None
    assert account.bili_jct is not None
    assert account.sessdata not in printed
    assert account.bili_jct not in printed
    for call in calls:
        sent = service.requests_to(call.endpoint.name)
        assert sent, call.name
        if call.endpoint.method == "POST":
            callers = sum(one.endpoint is call.endpoint for one in calls)
            assert len(sent) <= callers, f"{call.name} was sent {len(sent)} times"


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
