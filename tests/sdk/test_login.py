"""QR sign-in and cookie refresh: the requests, their order, and the results."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from guanxi import (
    AnswerException,
    CookiesRefreshException,
    Credential,
    CredentialNoAcTimeValueException,
    CredentialNoBiliJctException,
    CredentialNoSessdataException,
    NetworkException,
    NotSignedIn,
    ResponseCodeException,
    user,
)
from guanxi.contract import pages
from guanxi.sdk.answers import cookies_of
from guanxi.sdk.login import POLLS, correspond_path
from tests.sdk.recorder import SIGNED_OUT, Answer, Kind, Received, envelope, recording

COOKIES = (
    "SESSDATA=new-sess%2C1; Path=/; HttpOnly; Expires=Wed, 01 Jan 2031 00:00:00 GMT",
    "bili_jct=new-jct; Path=/",
    "DedeUserID=42; Path=/",
    "sid=abc",
)
ILLEGAL = ("SESSDATA=new-sess", "bili_jct=new jct", "DedeUserID=42")
NEW = ("new-sess%2C1", "new-jct", "42", "new-token")
#: The time of the server, which differs from this machine's.
TIMESTAMP = 1_760_000_000_000


def parts(credential: Credential) -> tuple[str | None, ...]:
    return (
        credential.sessdata,
        credential.bili_jct,
        credential.dedeuserid,
        credential.ac_time_value,
    )


def old() -> Credential:
    return Credential("old-sess", "old-jct", "buvid", dedeuserid="42", ac_time_value="old-token")


# By QR code


def state(code: int, token: str = "") -> dict[str, Any]:
    return envelope(
        {"url": "", "refresh_token": token, "timestamp": 1, "code": code, "message": ""}
    )


def test_a_qr_code_is_polled_until_it_is_confirmed(kind: Kind) -> None:
    clock = kind.clock()
    transport = kind.script(
        clock,
        Answer(envelope({"url": "https://x/scan?k=key", "qrcode_key": "key"})),
        Answer(state(86101)),
        Answer(state(86090)),
        Answer(state(0, "new-token"), cookies=COOKIES),
    )

    def begin(client: Any) -> Any:
        return client.login.qr_generate()

    def wait(client: Any) -> Any:
        return client.login.qr_wait("key")

    settings = {"transport": transport, "clock": clock, "base_url": "http://127.0.0.1:1"}
    assert kind.do(begin, **settings).qrcode_key == "key"
    credential = kind.do(wait, **settings)
    assert parts(credential) == NEW
    assert clock.slept == [2.0, 2.0]
    assert [request.url.partition("/x/")[2] for request in transport.sent] == [
        "passport-login/web/qrcode/generate",
        *["passport-login/web/qrcode/poll?qrcode_key=key"] * 3,
    ]
    assert all("Cookie" not in request.headers for request in transport.sent)
    assert "new" not in repr(credential)


def poll(kind: Kind, *answers: Answer) -> Any:
    clock = kind.clock()
    transport = kind.script(clock, *answers)
    settings = {"transport": transport, "clock": clock, "base_url": "http://127.0.0.1:1"}
    return kind.do(lambda c: c.login.qr_wait("key"), **settings), transport


def test_an_expired_qr_code_returns_none(kind: Kind) -> None:
    assert poll(kind, Answer(state(86101)), Answer(state(86038)))[0] is None


def test_polling_ends_even_if_the_code_never_expires(kind: Kind) -> None:
    credential, transport = poll(kind, Answer(state(86101)))
    assert credential is None
    assert len(transport.sent) == POLLS


def test_unexpected_qr_states_raise(kind: Kind) -> None:
    with pytest.raises(ResponseCodeException) as caught:
        poll(kind, Answer(state(86999)))
    assert caught.value.code == 86999
    with pytest.raises(AnswerException):
        poll(kind, Answer(state(0, "new-token")))  # no cookies
    with pytest.raises(AnswerException):
        poll(kind, Answer(state(0), cookies=COOKIES))  # no token
    with pytest.raises(AnswerException, match="bili_jct"):
        poll(kind, Answer(state(0, "new-token"), cookies=ILLEGAL))
    with pytest.raises(AnswerException):
        poll(kind, Answer(envelope([])))


def test_several_set_cookie_headers_are_read_over_the_network(kind: Kind) -> None:
    answer = Answer(state(0, "new-token"), cookies=COOKIES)
    with recording(lambda request: answer) as server:
        credential = kind.do(lambda c: c.login.qr_wait("key"), base_url=server.url)
    assert parts(credential) == NEW


def test_set_cookie_headers_are_parsed() -> None:
    assert cookies_of(["a=1=2; Path=/", " b = x ;HttpOnly", "c=", "broken", "a=3"]) == {
        "a": "3",
        "b": "x",
        "c": "",
        "broken": "",
    }


# Refreshing


class Refreshing:
    """A handler that refreshes cookies; ``instead`` replaces the response of a step."""

    def __init__(self, **instead: Answer | None) -> None:
        self.instead = instead
        self.steps: list[tuple[str, dict[str, str], dict[str, str]]] = []

    def __call__(self, request: Received) -> Answer | None:
        name = request.path.rsplit("/", 1)[1] if "correspond" not in request.path else "page"
        step = {"info": "info", "page": "page"}.get(name) or request.path.split("/")[-2]
        self.steps.append((step, dict(request.form), request.cookies))
        if step in self.instead:
            return self.instead[step]
        if step == "info":
            return Answer(envelope({"refresh": True, "timestamp": TIMESTAMP}))
        if step == "page":
            return Answer(pages.refresh_page("the-csrf").encode())
        if step == "cookie":
            data = {"status": 0, "message": "", "refresh_token": "new-token"}
            return Answer(envelope(data), cookies=COOKIES)
        return Answer(envelope())


def refresh(kind: Kind, credential: Credential, server: Refreshing) -> None:
    def use(client: Any) -> Any:
        return client.login.refresh()

    with recording(server) as recorder:
        kind.do(use, base_url=recorder.url, credential=credential, clock=kind.clock())


def test_a_refresh_is_four_steps_and_changes_the_credential_in_place(kind: Kind) -> None:
    credential, server = old(), Refreshing()
    hash_before = hash(credential)
    by_credential = {credential: "kept"}
    refresh(kind, credential, server)
    assert parts(credential) == NEW
    assert credential.buvid3 == "buvid"
    assert hash(credential) == hash_before
    assert by_credential[credential] == "kept"
    assert credential != old()
    assert [step for step, _, _ in server.steps] == ["info", "page", "cookie", "confirm"]
    _, page, cookie, confirm = server.steps
    assert page[2]["SESSDATA"] == "old-sess"
    assert cookie[1] == {
        "refresh_csrf": "the-csrf",
        "refresh_token": "old-token",
        "source": "main_web",
        "csrf": "old-jct",
    }
    assert cookie[2]["SESSDATA"] == "old-sess"
    assert confirm[1] == {"refresh_token": "old-token", "csrf": "new-jct"}
    assert confirm[2] == {
        "SESSDATA": "new-sess%2C1",
        "bili_jct": "new-jct",
        "DedeUserID": "42",
        "buvid3": "buvid",
    }


def test_the_refresh_path_uses_the_time_of_the_server(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    times: list[int] = []

    def path(milliseconds: int) -> str:
        times.append(milliseconds)
        return "ab12"

    monkeypatch.setattr("guanxi.sdk.login.correspond_path", path)
    refresh(kind, old(), Refreshing())
    assert times == [TIMESTAMP]


def test_the_refresh_path_is_hexadecimal_and_differs_each_time() -> None:
    first, second = correspond_path(TIMESTAMP), correspond_path(TIMESTAMP)
    assert first != second
    assert len(bytes.fromhex(first)) == len(bytes.fromhex(second)) == 128


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        ("info", Answer(envelope(None, -101, "账号未登录"))),
        ("page", Answer(envelope(None, -404, "啥都木有"), 404)),
        ("page", Answer(b"<html>", 412)),
        ("page", Answer(b"<html>no csrf</html>")),
        ("page", Answer(b"")),
        ("cookie", Answer(envelope(None, 86095, "x"))),
        ("cookie", Answer(envelope(None, -111, "csrf 校验失败"))),
    ],
)
def test_a_refused_step_raises_and_keeps_the_old_cookies(
    kind: Kind, step: str, answer: Answer
) -> None:
    credential = old()
    with pytest.raises(CookiesRefreshException):
        refresh(kind, credential, Refreshing(**{step: answer}))
    assert credential == old()


def test_new_cookies_are_kept_if_ending_the_old_session_fails(kind: Kind) -> None:
    credential = old()
    with pytest.raises(CookiesRefreshException):
        refresh(kind, credential, Refreshing(confirm=Answer(envelope(None, -111, "x"))))
    assert parts(credential) == NEW


def test_a_lost_connection_during_a_refresh_raises_network_exception(kind: Kind) -> None:
    credential = old()
    with pytest.raises(NetworkException):
        refresh(kind, credential, Refreshing(cookie=None))
    assert credential == old()


@pytest.mark.parametrize(
    "answer",
    [
        Answer(envelope({"refresh_token": "new-token"})),
        Answer(envelope({}), cookies=COOKIES),
        Answer(envelope(), cookies=COOKIES),
        Answer(envelope({"refresh_token": "new-token"}), cookies=ILLEGAL),
        Answer(envelope({"refresh_token": "new token"}), cookies=COOKIES),
    ],
)
def test_an_incomplete_refresh_keeps_the_old_cookies(kind: Kind, answer: Answer) -> None:
    credential = old()
    with pytest.raises(AnswerException):
        refresh(kind, credential, Refreshing(cookie=answer))
    assert credential == old()


@pytest.mark.parametrize(
    ("credential", "error"),
    [
        (SIGNED_OUT, CredentialNoSessdataException),
        (Credential("s"), CredentialNoBiliJctException),
        (Credential("s", "j"), CredentialNoAcTimeValueException),
    ],
)
def test_a_refresh_checks_the_credential_first(
    kind: Kind, credential: Credential, error: type[Exception]
) -> None:
    server = Refreshing()
    with pytest.raises(error):
        refresh(kind, credential, server)
    assert server.steps == []


def test_a_refresh_without_the_extra_names_it(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [module for module in sys.modules if module.split(".")[0] == "cryptography"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    credential = old()
    with pytest.raises(ImportError, match=r"guanxi\[crypto\]"):
        refresh(kind, credential, Refreshing())
    assert credential == old()


def test_check_refresh_and_check_valid(kind: Kind) -> None:
    images = {"img_url": "a", "sub_url": "b"}

    def handle(request: Received) -> Answer:
        signed_in = request.cookies.get("SESSDATA") == "old-sess"
        if request.path.endswith("/nav"):
            data = {"isLogin": signed_in, "wbi_img": images}
            return Answer(envelope(data, 0 if signed_in else -101))
        return Answer(envelope({"refresh": True, "timestamp": 1}))

    def calling(method: str, *arguments: Credential) -> Callable[[Any], Any]:
        return lambda client: getattr(client.login, method)(*arguments)

    with recording(handle) as server:
        url = server.url
        assert kind.do(calling("check_valid"), base_url=url, credential=old()) is True
        assert kind.do(calling("check_valid", old()), base_url=url, credential=SIGNED_OUT) is True
        assert kind.do(calling("check_valid"), base_url=url, credential=Credential("x")) is False
        assert kind.do(calling("check_refresh"), base_url=url, credential=old()) is True
    refused = Answer(envelope(None, -101, "x"))
    with recording(lambda request: refused) as server, pytest.raises(NotSignedIn):
        kind.do(calling("check_refresh"), base_url=server.url, credential=old())


def test_the_documented_credential_has_the_same_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Refreshing()
    credential = user.Credential("old-sess", "old-jct", None, None, "42", "old-token")
    with recording(server) as recorder:
        monkeypatch.setenv("GUANXI_BASE_URL", recorder.url)
        assert user.sync(credential.check_refresh()) is True
        user.sync(credential.refresh())
    assert parts(credential) == NEW
    assert credential == Credential(NEW[0], NEW[1], None, None, NEW[2], NEW[3])


@pytest.mark.parametrize("step", ["cookie", "confirm"])
def test_a_refused_refresh_shows_no_secret(kind: Kind, step: str) -> None:
    credential = old()
    echo = Answer(envelope(None, -111, "old-token old-jct old-sess new-jct"))
    with pytest.raises(CookiesRefreshException) as caught:
        refresh(kind, credential, Refreshing(**{step: echo}))
    assert "old-" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None
    if step == "confirm":
        assert "new-jct" not in str(caught.value)
