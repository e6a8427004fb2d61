"""The SDK against faults where a call has several steps: walks, QR sign-in and refresh."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from guanxi import (
    AnswerException,
    CookiesRefreshException,
    Credential,
    NetworkException,
    SyncClient,
)
from guanxi.contract import endpoints as e
from guanxi.contract.endpoints import BY_NAME
from guanxi.demo.world import HERO
from guanxi.testing import RunningService, running
from tests.emulator.faults_of_calls import FAULTS, NAMES, Fault, Use, every, no_secret

AREAS = ("account", "channel", "me", "relation", "space", "web")
#: Walks whose list has one page, whatever its size.
_ONE_PAGE = {
    *("account.iter_card_by_mid", "web.iter_attentions", "relation.iter_friends"),
    *("relation.iter_specials", "relation.iter_whispers"),
}


class Walk(NamedTuple):
    """A walk of the SDK: its use, the endpoint of its pages, and its items without a fault."""

    name: str
    use: Use
    endpoint: str
    pages: int
    items: list[Any]


@pytest.fixture(scope="module")
def demo() -> Iterator[RunningService]:
    with running() as service:
        service.load("demo")
        service.mark("ready")
        yield service


@pytest.fixture
def service(demo: RunningService) -> RunningService:
    demo.clear()
    demo.reset("ready")
    return demo


@pytest.fixture
def account(service: RunningService) -> Credential:
    session = service.sign_in(HERO)
    return Credential(session.sessdata, session.bili_jct, dedeuserid=str(HERO))


def _uses(service: RunningService, account: Credential) -> Iterator[tuple[str, Use]]:
    """Yield every walk of the client's areas, with pages of two items where that can be set."""
    with SyncClient(base_url=service.base_url, credential=account) as client:
        lists = client.space.channels(HERO).lists
        groups = [row.id for row in client.relation.groups() if row.id > 0 and row.count > 2]
        values = {
            "mid": HERO,
            "season": lists.seasons[0].meta.id,
            "series": lists.series[0].meta.id,
            "group": groups[0],
        }
        for area in AREAS:
            for name, walk in inspect.getmembers(getattr(client, area), inspect.ismethod):
                if name.startswith("iter_"):
                    parameters = inspect.signature(walk).parameters
                    given = {key: values[key] for key in parameters if key in values}
                    given |= {"size": 2} if "size" in parameters else {}
                    yield f"{area}.{name}", _use(area, name, given)


def _use(area: str, name: str, given: dict[str, Any]) -> Use:
    return lambda client: getattr(getattr(client, area), name)(**given)


@pytest.fixture(scope="module")
def walks(demo: RunningService) -> list[Walk]:
    found, service, session = [], demo, demo.sign_in(HERO)
    account = Credential(session.sessdata, session.bili_jct, dedeuserid=str(HERO))
    settings = {"base_url": service.base_url, "credential": account}
    for name, use in _uses(service, account):
        service.emulator.requests.clear()
        [items] = every([use], "sync", settings)
        assert isinstance(items, list), f"{name}: {items!r}"
        requested = [one.endpoint for one in service.requests]
        found.append(Walk(name, use, requested[-1], requested.count(requested[-1]), items))
    return found


def test_every_walk_is_found_and_has_pages(walks: list[Walk]) -> None:
    assert len(walks) >= 33
    one_page = {walk.name for walk in walks if walk.pages == 1}
    assert one_page >= _ONE_PAGE
    assert len(one_page) <= 9, one_page
    assert all(walk.items for walk in walks)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", [pytest.param("async", marks=pytest.mark.long), "sync"])
def test_a_walk_ends_with_the_error_of_its_page(
    service: RunningService,
    account: Credential,
    walks: list[Walk],
    kind: str,
    name: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """After the items of the pages before it, each of them as without the fault."""
    caplog.set_level(logging.DEBUG)
    fault = FAULTS[name]
    settings = {"base_url": service.base_url, "credential": account}
    outcomes = []
    for walk in walks:
        service.clear_faults()
        set_fault = service.fault(walk.endpoint, after=1 if walk.pages > 1 else 0, **fault.fields)
        [outcome] = every([walk.use], kind, settings)
        outcomes.append(outcome)
        assert set_fault.applied >= 1, walk.name
        before, error = (
            ([], outcome) if not isinstance(outcome, list) else (outcome[:-1], outcome[-1])
        )
        assert isinstance(error, fault.ends), f"{walk.name}: {outcome!r}"
        assert before == walk.items[: len(before)], walk.name
        assert bool(before) == (walk.pages > 1), walk.name
    no_secret([account.sessdata, account.bili_jct], outcomes, caplog.text, *capfd.readouterr())


def test_half_of_a_list(service: RunningService, account: Credential, walks: list[Walk]) -> None:
    [walk] = [walk for walk in walks if walk.name == "relation.iter_followings"]
    service.story("half-a-list")
    total = service.do(lambda store: store.tally(HERO)).following
    settings = {"base_url": service.base_url, "credential": account}
    [outcome] = every([walk.use], "sync", settings, total)
    assert isinstance(outcome[-1], FAULTS["code"].ends)
    assert total / 2 <= len(outcome) - 1 <= total / 2 + 2


# --- signing in by QR code, and refreshing ---


def sign_in(service: RunningService, fields: dict[str, Any], endpoint: str, kind: str) -> list[Any]:
    """Return what the steps of a sign-in returned or raised while an endpoint has a fault."""
    keys: list[str] = []

    def generate(client: Any) -> Any:
        return client.login.qr_generate()

    settings = {"base_url": service.base_url}
    if endpoint == e.QR_GENERATE.name:
        service.fault(endpoint, **fields)
        return every([generate], kind, settings)
    [code] = every([generate], kind, settings)
    service.agree(code.qrcode_key, HERO)
    service.fault(endpoint, **fields)
    keys.append(code.qrcode_key)
    return [*every([lambda client: client.login.qr_wait(keys[0])], kind, settings), *keys]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["sync", pytest.param("async", marks=pytest.mark.long)])
def test_a_sign_in_ends_as_documented(
    service: RunningService,
    kind: str,
    name: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    fault = FAULTS[name]
    for endpoint in (e.QR_GENERATE, e.QR_POLL):
        service.clear_faults()
        service.emulator.requests.clear()
        outcome, *keys = sign_in(service, fault.fields, endpoint.name, kind)
        ends = (AnswerException,) if fault.decoded else fault.ends
        assert isinstance(outcome, ends), f"{endpoint.name}: {outcome!r}"
        no_secret(keys, [outcome], caplog.text, *capfd.readouterr())


def signed_in_by_code(service: RunningService) -> Credential:
    """Return the credential of a sign-in by QR code, with its refresh token."""
    settings: dict[str, Any] = {"base_url": service.base_url}
    [code] = every([lambda client: client.login.qr_generate()], "sync", settings)
    service.agree(code.qrcode_key, HERO)
    [credential] = every([lambda client: client.login.qr_wait(code.qrcode_key)], "sync", settings)
    assert isinstance(credential, Credential)
    return credential


def _ends_of_refresh(fault: Fault, endpoint: str) -> tuple[type[Exception], ...]:
    """Return how a refresh ends: refusals are of one kind; a lost connection is not a refusal."""
    if fault.decoded:
        page = endpoint == e.CORRESPOND.name  # any text is a page, which then has no csrf
        return (CookiesRefreshException,) if page else (AnswerException,)
    lost = "drop" in fault.fields or "body" in fault.fields
    return (NetworkException,) if lost else (CookiesRefreshException,)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", [pytest.param("sync", marks=pytest.mark.long), "async"])
def test_a_refresh_ends_as_documented(
    service: RunningService,
    kind: str,
    name: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """With the credential as it was, unless the end of the old session failed."""
    caplog.set_level(logging.DEBUG)
    fault = FAULTS[name]
    for endpoint in (e.COOKIE_INFO, e.CORRESPOND, e.COOKIE_REFRESH, e.CONFIRM_REFRESH):
        service.clear()
        service.reset("ready")
        credential = signed_in_by_code(service)
        old = credential.get_cookies()
        service.emulator.requests.clear()
        service.fault(endpoint.name, **fault.fields)
        settings = {"base_url": service.base_url, "credential": credential}
        [outcome] = every([lambda client: client.login.refresh()], kind, settings)
        is_last = endpoint is e.CONFIRM_REFRESH
        if is_last and name == "empty":  # its response has no data that could be missing
            assert outcome is None
        else:
            assert isinstance(outcome, _ends_of_refresh(fault, endpoint.name)), (endpoint, outcome)
        new = credential.get_cookies()
        assert (new != old) == is_last, endpoint.name
        secrets = [{**old, **new}[key] for key in ("SESSDATA", "bili_jct", "ac_time_value")]
        secrets += [old[key] for key in ("SESSDATA", "bili_jct", "ac_time_value")]
        no_secret(secrets, [outcome], caplog.text, *capfd.readouterr())
        if endpoint.method == "POST" and not fault.repeats:
            assert len(service.requests_to(endpoint.name)) == 1, endpoint.name


def test_every_step_of_signing_in_has_its_fault() -> None:
    """Of the endpoints of the area, with those that the two conversations use."""
    used = {
        *(e.QR_GENERATE.name, e.QR_POLL.name, e.COOKIE_INFO.name, e.CORRESPOND.name),
        *(e.COOKIE_REFRESH.name, e.CONFIRM_REFRESH.name),
    }
    assert {name for name in BY_NAME if name.startswith("login.")} == used
