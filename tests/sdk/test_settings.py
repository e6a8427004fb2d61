"""The original's request settings: three have an effect on the module's clients, others warn."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from guanxi import (
    ArgsException,
    Credential,
    NetworkException,
    SettingIgnored,
    WbiRetryTimesExceedException,
    request_settings,
    select_client,
    settings,
    sync,
    user,
)
from tests.sdk.recorder import (
    SIGNED_IN,
    SIGNED_OUT,
    Answer,
    Kind,
    Received,
    Recorder,
    envelope,
    recording,
    wbi,
)

HELD = {"proxy": "", "timeout": 30.0, "wbi_retry_times": 3}
untyped: Any = settings


@pytest.fixture(autouse=True)
def defaults() -> Iterator[None]:
    """Check the default values, and restore them after each test."""
    assert {name: request_settings.get(name) for name in HELD} == HELD
    yield
    for name, value in HELD.items():
        request_settings.set(name, value)


def test_the_timeout_is_that_of_the_module_s_clients(
    server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from threading import Event

    done = Event()

    def slow(request: Received) -> Answer:
        done.wait(20)
        return Answer(envelope())

    with recording(slow) as late:
        monkeypatch.setenv("GUANXI_BASE_URL", late.url)
        request_settings.set_timeout(0.2)
        with pytest.raises(NetworkException) as caught:  # a POST, which is not sent again
            sync(user.User(7, SIGNED_IN).modify_relation(user.RelationType.SUBSCRIBE))
        done.set()
    assert (caught.value.status, len(late.received)) == (0, 1)


def test_the_proxy_is_used_by_credentials_without_one(
    server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUANXI_BASE_URL", "http://127.0.0.1:9")  # only the proxies respond
    with recording() as other:
        request_settings.set_proxy(server.url)
        sync(user.User(7, SIGNED_OUT).get_relation_info())
        sync(user.User(7, Credential(proxy=other.url)).get_relation_info())
        assert (len(server.received), len(other.received)) == (1, 1)
        request_settings.set_proxy("")
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        sync(user.User(7, SIGNED_OUT).get_relation_info())
    assert [request.target for request in server.received] == [
        "http://127.0.0.1:9/x/relation/stat?vmid=7",
        "/x/relation/stat?vmid=7",
    ]


def test_wbi_retry_times_count_the_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    with recording(wbi(lambda request: Answer(envelope(None, -403)))) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        for tries in (1, 5):
            server.received.clear()
            request_settings.set_wbi_retry_times(tries)
            with pytest.raises(WbiRetryTimesExceedException):
                sync(user.User(7, SIGNED_IN).get_relation())
            signed = [one for one in server.received if one.path.endswith("/relation")]
            assert len(signed) == tries


def test_a_client_has_wbi_tries(kind: Kind) -> None:
    with recording(wbi(lambda request: Answer(envelope(None, -403)))) as server:
        with pytest.raises(WbiRetryTimesExceedException):
            kind.do(lambda c: c.relation.mutual(7), base_url=server.url, wbi_tries=2)
        assert len([one for one in server.received if one.path.endswith("/relation")]) == 2
        for wrong in (0, 11, True, "3"):
            with pytest.raises(ArgsException, match=r"^wbi_tries: "):
                kind.do(lambda c: None, base_url=server.url, wbi_tries=wrong)


def test_a_changed_setting_is_used_by_the_next_call_of_the_same_loop(
    server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUANXI_BASE_URL", server.url)

    async def both() -> None:
        await user.User(7, SIGNED_OUT).get_relation_info()
        request_settings.set_timeout(20)
        await user.User(7, SIGNED_OUT).get_relation_info()

    asyncio.run(both())
    assert (len(server.received), server.opened) == (2, 2)
    assert server.closes_all_connections()


QUIET: list[Callable[[], object]] = [
    lambda: request_settings.set_verify_ssl(verify_ssl=True),
    lambda: request_settings.set_trust_env(False),
    lambda: request_settings.set_enable_auto_buvid(False),
    lambda: request_settings.set("enable_bili_ticket", False),
    lambda: request_settings.set_proxy(""),
    lambda: request_settings.set_timeout(timeout=5),
]
LOUD: list[tuple[str, Callable[[], object]]] = [
    ("Credential(proxy=", lambda: request_settings.set_trust_env(True)),
    ("always verified", lambda: request_settings.set_verify_ssl(False)),
    ("Credential(buvid3=", lambda: request_settings.set_enable_auto_buvid(True)),
    ("browser", lambda: request_settings.set("impersonate", "chrome131")),
    ("version of HTTP", lambda: request_settings.set("http2", True)),
    ("no such setting", lambda: request_settings.set_enable_fpgen(True)),
    ("10 is used", lambda: request_settings.set_wbi_retry_times(50)),
    ("transport=", lambda: select_client("httpx")),
    ("transport=", lambda: select_client("aiohttp")),
    ("browser", lambda: select_client("curl_cffi")),
    ("transport=", lambda: setattr(settings, "http_client", settings.HTTPClient.HTTPX)),
    ("guanxi login", lambda: setattr(settings, "geetest_auto_open", True)),
    ("Credential(proxy=", lambda: setattr(settings, "trust_env", True)),
]


@pytest.mark.parametrize("use", QUIET)
def test_a_setting_that_holds_here_anyway_is_accepted(use: Callable[[], object]) -> None:
    use()  # a warning would be an error


@pytest.mark.parametrize(("text", "use"), LOUD)
def test_a_setting_without_an_effect_warns_what_to_use_instead(
    text: str, use: Callable[[], object]
) -> None:
    before = request_settings.get_all() | {"wbi_retry_times": 10}
    with pytest.warns(SettingIgnored) as caught:
        use()
    [warning] = caught
    assert text in str(warning.message)
    assert request_settings.get_all() | {"wbi_retry_times": 10} == before


def test_a_warning_names_the_line_of_the_program() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        request_settings.set_trust_env(True)
        request_settings.set("trust_env", True)
        request_settings.set_wbi_retry_times(50)
        untyped.trust_env = True
        select_client("httpx")
    assert [one.filename for one in caught] == [__file__] * 5
    assert issubclass(SettingIgnored, UserWarning)


@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("timeout", lambda: request_settings.set_timeout(0)),
        ("timeout", lambda: request_settings.set_timeout("20")),
        ("timeout", lambda: request_settings.set_timeout(True)),
        ("timeout", lambda: setattr(settings, "timeout", -1)),
        ("proxy", lambda: request_settings.set_proxy("ftp://x")),
        ("proxy", lambda: request_settings.set_proxy(7)),
        ("wbi_retry_times", lambda: request_settings.set_wbi_retry_times(0)),
        ("wbi_retry_times", lambda: request_settings.set_wbi_retry_times(2.0)),
        ("name", lambda: request_settings.get("nothing")),
        ("name", lambda: select_client("requests")),
        ("name", lambda: setattr(settings, "http_client", "requests")),
    ],
)
def test_an_invalid_setting_raises(name: str, use: Callable[[], object]) -> None:
    with pytest.raises(ArgsException, match=rf"^{name}: "):
        use()
    assert {one: request_settings.get(one) for one in HELD} == HELD


def test_settings_are_read_by_each_of_their_names() -> None:
    request_settings.set_timeout(20)
    untyped.wbi_retry_times = 4
    assert (
        request_settings.get_timeout() == request_settings.get("timeout") == untyped.timeout == 20
    )
    assert request_settings.get_wbi_retry_times() == untyped.wbi_retry_times == 4
    assert (request_settings.get_verify_ssl(), request_settings.get_trust_env()) == (True, False)
    assert request_settings.get_all()["proxy"] == untyped.proxy == ""
    for missing in (request_settings, settings):
        with pytest.raises(AttributeError, match="get_nothing"):
            _ = missing.get_nothing


def test_the_password_of_a_proxy_is_in_no_repr() -> None:
    request_settings.set_proxy("http://user:SECRET@127.0.0.1:9")
    assert "SECRET" not in f"{request_settings!r} {request_settings} {settings!r}"
    with pytest.raises(ArgsException) as caught:
        request_settings.set_proxy("ftp://user:SECRET@127.0.0.1:9")
    assert "SECRET" not in str(caught.value)
