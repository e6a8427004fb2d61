"""Credentials: their parts, cookies, and comparison."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import pytest

from guanxi import Credential
from guanxi.contract import errors
from tests.sdk.recorder import SIGNED_OUT

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
    wrong: Any = {part: 7}
    with pytest.raises(TypeError, match=rf"^{part}: "):
        Credential(**wrong)


def test_from_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Credential.from_environment() == SIGNED_OUT
    monkeypatch.setenv("GUANXI_SESSDATA", "a")
    assert Credential.from_environment() == Credential("a")
    monkeypatch.setenv("GUANXI_BILI_JCT", "b")
    assert Credential.from_environment() == Credential("a", "b")


def test_a_credential_is_frozen_but_renew_replaces_four_parts() -> None:
    credential = Credential("a", "b", "c", "d", "e", "f", "http://g")
    untyped: Any = credential
    with pytest.raises(dataclasses.FrozenInstanceError):
        untyped.sessdata = "x"
    holders, before = {credential: "here"}, hash(credential)
    credential.renew(Credential("A", "B", "C", "D", "E", "F"))
    assert credential == Credential("A", "B", "c", "d", "E", "F", "http://g")
    credential.renew(Credential("A2", ac_time_value="F2"))
    assert credential == Credential("A2", "B", "c", "d", "E", "F2", "http://g")
    assert (hash(credential), holders[credential]) == (before, "here")


def test_equal_credentials_have_equal_hashes_after_renew() -> None:
    credential = Credential("a", buvid3="c")
    credential.renew(Credential("b"))
    assert credential == Credential("b", buvid3="c")
    assert hash(credential) == hash(Credential("b", buvid3="c"))
    assert credential != "b"
    assert len({credential, Credential("b", buvid3="c"), Credential("a", buvid3="c")}) == 2
