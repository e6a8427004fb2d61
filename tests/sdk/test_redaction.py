"""No secret is visible in a repr, an exception, a traceback with locals, or a raw response."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from guanxi import ApiException, BadRequest, Client, Credential, ResponseCodeException, SyncClient
from guanxi.contract.endpoints import FOLLOWERS, MODIFY, STAT
from guanxi.sdk.answers import read
from guanxi.sdk.requests import compose, pairs_of
from guanxi.sdk.transport import Response
from tests.sdk.recorder import Answer, Kind, Received, envelope, recording

COOKIE = Credential(
    sessdata="SECRETsess,data",
    bili_jct="SECRETjct",
    buvid3="SECRETbuvid3",
    buvid4="SECRETbuvid4",
    dedeuserid="42",
    ac_time_value="SECRETtime",
)
TOKEN = Credential(access_key="SECRETkey", appkey="0123", appsec="SECRETsec")
#: Parts of every form that a secret may have.
FORMS = ("SECRET", "sess%2Cdata", ",own", "%2Cown")


def clean(text: str) -> bool:
    return not any(form in text for form in FORMS)


@pytest.fixture(autouse=True)
def nothing_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    assert clean(caplog.text)


class WithCookies(Credential):
    """A credential with a cookie of its own."""

    def get_cookies(self) -> dict[str, str]:
        return {**super().get_cookies(), "DedeUserID__ckMd5": "SECRET%2Cown", "n": "7"}


OWN = WithCookies("SECRETsess", "SECRETjct")


@pytest.fixture(params=(COOKIE, TOKEN, OWN), ids=("cookie", "token", "own cookies"))
def account(request: pytest.FixtureRequest) -> Credential:
    credential: Credential = request.param
    return credential


def test_the_repr_of_public_objects_shows_no_secret(account: Credential) -> None:
    from guanxi.user import User

    credential = Credential(**{**_parts(account), "proxy": "http://user:SECRETproxy@127.0.0.1:9"})
    request = compose(FOLLOWERS, pairs_of({"vmid": 7}), credential, None)
    write = compose(MODIFY, pairs_of({"fid": 7}), credential, "http://127.0.0.1", None)
    response = Response(200, {"set-cookie": "SESSDATA=SECRET"}, b"SECRET")
    with SyncClient(credential=credential) as sync_client:
        client = Client(credential=credential)
        asyncio.run(client.close())
        shown = [credential, request, write, response, sync_client, client]
        shown += [sync_client.relation, User(7, credential)]
        for value in shown:
            assert clean(f"{value!r} {value!s} {value}")
    assert repr(request) == "Request(GET https://api.bilibili.com/x/relation/followers)"
    assert repr(response) == "Response(200, 6 bytes)"


def test_the_repr_of_a_credential_shows_which_parts_are_set() -> None:
    assert repr(Credential("a", dedeuserid="7")) == "Credential(sessdata=***, dedeuserid=***)"
    assert str(Credential()) == "Credential()"


def _parts(credential: Credential) -> dict[str, Any]:
    cookies = ("sessdata", "bili_jct", "buvid3", "buvid4", "ac_time_value")
    names = (*cookies, "access_key", "appkey", "appsec")
    return {name: getattr(credential, name) for name in names}


def echo(request: Received) -> Answer:
    """Return an error that repeats the whole request."""
    text = f"{request.target} {request.headers.get('cookie')} {request.body.decode()}"
    return Answer(envelope({"echo": [text, {text: 1}]}, -400, text))


def html(request: Received) -> Answer:
    return Answer(f"<html>{request.headers} {request.target}".encode())


def wrong_status(request: Received) -> Answer:
    return Answer(f"<html>{request.headers} {request.target}".encode(), 502)


def wrong_shape(request: Received) -> Answer:
    return Answer(envelope({"list": [{"mid": "7"}]}))


FAILURES: dict[str, Callable[[Received], Answer | None]] = {
    "a code": echo,
    "no JSON": html,
    "a status": wrong_status,
    "a wrong shape": wrong_shape,
    "no answer": lambda request: None,
}
USES: dict[str, Callable[[Any], Any]] = {
    "read": lambda c: c.relation.followers(7),
    "write": lambda c: c.relation.create_group("x"),
    "walk": lambda c: c.relation.iter_blacks(),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_exceptions_and_their_frames_show_no_secret(
    kind: Kind,
    account: Credential,
    failure: Callable[[Received], Answer | None],
    use: Callable[[Any], Any],
) -> None:
    with recording(failure) as server, pytest.raises(ApiException) as caught:
        kind.do(use, base_url=server.url, credential=account, clock=kind.clock())
    assert "SECRET" in str(server.received)  # so the test would see a leak
    error = caught.value
    assert clean(f"{error!r} {error} {vars(error)}")
    assert error.__context__ is None or clean(str(error.__context__))
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [f for f in trace.stack if "guanxi" in f.filename and "/tests/" not in f.filename]
    assert frames
    assert clean("".join(str(frame.locals) for frame in frames))


def test_a_failed_connection_shows_no_secret(kind: Kind) -> None:
    with recording() as server:
        url = server.url
    with pytest.raises(ApiException) as caught:
        kind.do(lambda c: c.relation.stat(7), base_url=url, credential=TOKEN, clock=kind.clock())
    assert clean(f"{caught.value} {vars(caught.value)}")


def test_only_secrets_are_masked_in_raw_responses(kind: Kind) -> None:
    with recording(echo) as server, pytest.raises(ResponseCodeException) as caught:
        kind.do(lambda c: c.relation.create_group("x"), base_url=server.url, credential=COOKIE)
    raw: Any = caught.value.raw
    text = raw["data"]["echo"][0]
    assert "tag=x&csrf=***" in text
    assert "SESSDATA=***" in text


def test_a_short_cookie_of_a_subclass_is_no_secret() -> None:
    assert OWN.conceal(["SECRET,own", "7 of 7", {"SECRETjct": 7}]) == ["***", "7 of 7", {"***": 7}]


def test_a_cookie_of_a_subclass_is_masked_as_it_is_sent() -> None:
    class Own(Credential):
        def get_cookies(self) -> dict[str, Any]:
            return {"SESSDATA": "SECRET,own*", "other": None, "empty": ""}

    account = Own()
    assert account.sent_cookies() == {"SESSDATA": "SECRET%2Cown%2A"}
    assert account.conceal(f"{account.cookie_header()}, None") == "SESSDATA=***, None"


def test_a_short_part_is_no_secret() -> None:
    account = Credential("SECRETsess", buvid3="a", buvid4="me")
    assert account.conceal({"message": "SECRETsess of me"}) == {"message": "*** of me"}


def test_a_proxy_password_is_a_secret() -> None:
    account = Credential(proxy="http://user:SECRETproxy@127.0.0.1:9")
    response = Response(200, {}, b'{"code":-1,"message":"SECRETproxy","reason":"SECRETproxy"}')
    with pytest.raises(ResponseCodeException) as caught:
        read(STAT, response, account)
    assert (caught.value.message, caught.value.reason) == ("***", "***")
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("level", ["[]", '{"a":}'])
def test_data_that_is_nested_deep_is_masked(kind: Kind, level: str) -> None:
    opening, closing = level[:-1], level[-1]
    data = opening * 900 + '"SECRETsess%2Cdata"' + closing * 900
    body = b'{"code":-400,"message":"m","data":%b}' % data.encode()
    with recording(lambda request: Answer(body)) as server, pytest.raises(BadRequest) as caught:
        kind.do(lambda c: c.call("relation.groups"), base_url=server.url, credential=COOKIE)
    raw: Any = caught.value.raw
    inner = raw["data"]
    for _ in range(900):
        inner = inner[0] if isinstance(inner, list) else inner["a"]
    assert inner == "***"


def test_masking_goes_to_any_depth_and_keeps_the_original() -> None:
    innermost: list[Any] = ["SECRETjct"]
    nested: Any = innermost
    for _ in range(100_000):
        nested = [nested]
    masked = COOKIE.conceal(nested)
    for _ in range(100_000):
        masked = masked[0]
    assert masked == ["***"]
    assert innermost == ["SECRETjct"]
