"""Credentials: their parts, cookies, and comparison."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest

from guanxi import ArgsException, Credential, MistypedArgsException, sync, user
from guanxi.contract import errors
from tests.sdk.recorder import (
    SIGNED_OUT,
    Answer,
    Kind,
    Received,
    Recorder,
    envelope,
    recording,
)

PARTS = {
    "sessdata": errors.CredentialNoSessdataException,
    "bili_jct": errors.CredentialNoBiliJctException,
    "buvid3": errors.CredentialNoBuvid3Exception,
    "buvid4": errors.CredentialNoBuvid4Exception,
    "dedeuserid": errors.CredentialNoDedeUserIDException,
    "ac_time_value": errors.CredentialNoAcTimeValueException,
}


@pytest.mark.parametrize(("part", "error"), PARTS.items())
def test_each_part_has_its_checks(part: str, error: type[errors.CredentialException]) -> None:
    full = Credential(**{part: "x"})
    assert getattr(full, f"has_{part}")() is True
    getattr(full, f"raise_for_no_{part}")()
    for lacking in (SIGNED_OUT, Credential(**{part: ""})):
        assert getattr(lacking, f"has_{part}")() is False
        with pytest.raises(error, match=part):
            getattr(lacking, f"raise_for_no_{part}")()


def test_has_access_key() -> None:
    assert Credential(access_key="x").has_access_key()
    assert not SIGNED_OUT.has_access_key()


def test_the_documented_order_of_parts() -> None:
    credential = Credential("a", "b", "c", "d", "e", "f", "http://g")
    parts = (*(getattr(credential, part) for part in PARTS), credential.proxy)
    assert parts == ("a", "b", "c", "d", "e", "f", "http://g")


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("abc", "abc"),
        ("a,b*c/d", "a%2Cb%2Ac/d"),
        ("a%2Cb,c".replace(",", "."), "a%2Cb.c"),
        ("你", "%E4%BD%A0"),
        (None, None),
        ("", ""),
    ],
)
def test_sessdata_is_percent_encoded_once(given: str | None, stored: str | None) -> None:
    assert Credential(sessdata=given).sessdata == stored


def test_cookies_round_trip() -> None:
    credential = Credential("a,b", "c", "d", "e", "f", "g")
    cookies = credential.get_cookies()
    assert list(cookies) == [
        "SESSDATA",
        "bili_jct",
        "buvid3",
        "buvid4",
        "DedeUserID",
        "ac_time_value",
    ]
    assert Credential.from_cookies({**cookies, "other": "x"}) == credential
    assert Credential.from_cookies({}) == SIGNED_OUT
    assert SIGNED_OUT.get_cookies() == {}


def test_credentials_are_equal_by_value() -> None:
    assert Credential("a,b") == Credential("a%2Cb")
    assert hash(Credential("a,b")) == hash(Credential("a%2Cb"))
    assert Credential("a") != Credential("b")
    assert Credential(access_key="a") != SIGNED_OUT
    assert pickle.loads(pickle.dumps(Credential("a", proxy="http://p"))) == Credential(
        "a", proxy="http://p"
    )


@pytest.mark.parametrize("part", ["bili_jct", "buvid3", "buvid4", "dedeuserid", "ac_time_value"])
@pytest.mark.parametrize("value", ["a;b", "a b", "a\r\nX: y", "a,b", 'a"b', "a\\b", "é", "\x7f"])
def test_characters_that_cookies_do_not_allow_raise(part: str, value: str) -> None:
    with pytest.raises(ValueError, match=rf"^{part}: ") as caught:
        Credential(**{part: value})
    assert value not in str(caught.value)


def test_encoded_sessdata_is_checked_too() -> None:
    with pytest.raises(ValueError, match=r"^sessdata: "):
        Credential("a%2C;b")


@pytest.mark.parametrize("part", [*PARTS, "proxy", "access_key", "appkey", "appsec"])
def test_a_part_that_is_not_text_raises(part: str) -> None:
    wrong: Any = {part: 7.5}
    with pytest.raises(MistypedArgsException, match=rf"^{part}: "):
        Credential(**wrong)


def test_from_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Credential.from_environment() == SIGNED_OUT
    monkeypatch.setenv("GUANXI_SESSDATA", "a")
    assert Credential.from_environment() == Credential("a")
    monkeypatch.setenv("GUANXI_BILI_JCT", "b")
    assert Credential.from_environment() == Credential("a", "b")


@pytest.mark.parametrize("part", [*PARTS, "proxy", "access_key", "appkey", "appsec"])
def test_a_part_can_be_assigned(part: str) -> None:
    credential = Credential()
    setattr(credential, part, "x")
    assert credential == Credential(**{part: "x"})
    setattr(credential, part, None)
    assert credential == SIGNED_OUT


def test_an_assigned_part_is_checked_as_in_the_constructor() -> None:
    credential = Credential("a", "b")
    credential.sessdata = "a,b*c/d"
    assert credential.sessdata == "a%2Cb%2Ac/d"
    with pytest.raises(ArgsException, match=r"^bili_jct: ") as caught:
        credential.bili_jct = "SECRET;x"
    assert "SECRET" not in str(caught.value)
    untyped: Any = credential
    with pytest.raises(TypeError, match=r"^buvid3: "):
        untyped.buvid3 = b"x"
    assert credential == Credential("a,b*c/d", "b")


def test_a_number_is_a_dedeuserid() -> None:
    number: Any = 42
    credential = Credential(dedeuserid=number)
    assert credential.dedeuserid == "42"
    for wrong in (True, 4.2):
        with pytest.raises(TypeError, match=r"^dedeuserid: "):
            Credential(dedeuserid=wrong)  # type: ignore[arg-type]  # which is what is tested


def test_renew_replaces_four_parts() -> None:
    credential = Credential("a", "b", "c", "d", "e", "f", "http://g")
    credential.renew(Credential("A", "B", "C", "D", "E", "F"))
    assert credential == Credential("A", "B", "c", "d", "E", "F", "http://g")
    credential.renew(Credential("A2", ac_time_value="F2"))
    assert credential == Credential("A2", "B", "c", "d", "E", "F2", "http://g")


def test_a_credential_stays_a_key_while_it_changes() -> None:
    credential = Credential("a", buvid3="c")
    holders = {credential: "here"}
    credential.renew(Credential("b"))
    credential.buvid3 = "C"
    credential.access_key = "k"
    assert holders[credential] == "here"
    equal = Credential("b", buvid3="C", access_key="k")
    assert (credential, hash(credential)) == (equal, hash(equal))
    assert len({credential, equal, Credential("a", buvid3="C")}) == 2
    assert credential != "b"


def test_a_copy_is_independent_and_a_pickle_is_whole() -> None:
    credential = Stored("tenant-1")
    credential.bili_jct = "b"
    copies = [copy.copy(credential), copy.deepcopy(credential)]
    copies.append(pickle.loads(pickle.dumps(credential)))
    for one in copies:
        assert type(one) is Stored
        assert (one, one.tenant) == (credential, "tenant-1")
        one.bili_jct = "other"
    assert credential.bili_jct == "b"


# Subclasses


class Stored(Credential):
    """A credential with attributes, set before those of its parent, and cookies of its own."""

    def __init__(self, tenant: str, jar: dict[str, Any] | None = None) -> None:
        self.tenant = tenant
        self.jar = jar or {}
        super().__init__(sessdata="sess,data", bili_jct="jct")

    def get_cookies(self) -> dict[str, str]:
        return {**super().get_cookies(), **self.jar}


@dataclasses.dataclass
class Extended(Credential):
    """A subclass by ``@dataclass``, which would generate a repr of every field."""

    token: str = ""


class Jar(Credential):
    """A credential whose cookies are not in its parts."""

    def get_cookies(self) -> dict[str, str]:
        return {"SESSDATA": "from,jar", "bili_jct": "jar-jct", "ac_time_value": "never"}


def test_the_cookies_of_a_subclass_are_sent(kind: Kind, server: Recorder) -> None:
    account = Stored("t", {"bili_jct": "own-jct", "sid": "abc", "n": 7, "none": None, "empty": ""})
    kind.do(lambda c: c.relation.follow(7), base_url=server.url, credential=account)
    request = server.only_request()
    assert request.headers["cookie"] == "SESSDATA=sess%2Cdata; bili_jct=own-jct; sid=abc; n=7"
    assert ("csrf", "own-jct") in request.form


def test_cookies_that_are_in_no_part_sign_in(kind: Kind, server: Recorder) -> None:
    kind.do(lambda c: c.relation.follow(7), base_url=server.url, credential=Jar())
    request = server.only_request()
    assert request.headers["cookie"] == "SESSDATA=from%2Cjar; bili_jct=jar-jct"
    assert ("csrf", "jar-jct") in request.form
    assert Jar().has_sessdata()
    assert not Jar().has_buvid3()


def test_calls_of_the_module_send_the_cookies_of_a_subclass(
    server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUANXI_BASE_URL", server.url)
    sync(user.User(7, Stored("t", {"sid": "abc"})).get_relation_info())
    assert server.only_request().cookies["sid"] == "abc"


@pytest.mark.parametrize(
    ("jar", "named"),
    [
        ({"sid": "a\r\nX: y"}, "sid"),
        ({"sid": "a;b"}, "sid"),
        ({"sid": b"a"}, "sid"),
        ({"s d": "a"}, "s d"),
        ({7: "a"}, "7"),
        ({"buvid3": "a b"}, "buvid3"),
    ],
)
def test_a_wrong_cookie_of_a_subclass_raises_before_anything_is_sent(
    kind: Kind, server: Recorder, jar: dict[str, Any], named: str
) -> None:
    with pytest.raises(ArgsException, match=named):
        kind.do(lambda c: c.relation.blacks(), base_url=server.url, credential=Stored("t", jar))
    assert server.received == []


def test_the_repr_of_a_subclass_shows_no_secret() -> None:
    assert repr(Stored("t", {"sid": "x"})) == "Stored(sessdata=***, bili_jct=***)"
    assert repr(Extended("SECRET", token="SECRET")) == "Extended(sessdata=***)"
    assert hash(Extended("a")) == hash(Credential())


def test_a_subclass_equals_another_with_the_same_cookies() -> None:
    assert Stored("t") == Stored("u") == Credential("sess,data", "jct")
    assert Stored("t", {"sid": "a"}) != Stored("t", {"sid": "b"})


# One class


def test_the_module_has_the_same_class() -> None:
    assert user.Credential is Credential
    assert type(Credential.from_cookies({"SESSDATA": "a"})) is Credential


def test_the_coroutines_of_a_credential_use_the_module_s_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def handle(request: Received) -> Answer:
        if request.path.endswith("/cookie/info"):
            return Answer(envelope({"refresh": True, "timestamp": 1}))
        return Answer(envelope({"isLogin": True, "wbi_img": {"img_url": "", "sub_url": ""}}))

    with recording(handle) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        assert sync(Credential("a").check_valid()) is True
        assert sync(Credential("a").check_refresh()) is True
        assert [request.cookies for request in server.received] == [{"SESSDATA": "a"}] * 2
    with pytest.raises(errors.CredentialNoAcTimeValueException):
        sync(Credential("a", "b").refresh())
