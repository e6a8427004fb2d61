"""Credentials: their parts, how they travel, and how they compare."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import pytest

from guanxi import Credential
from guanxi.contract import errors
from tests.sdk.recorder import NOBODY

PARTS = {
    "sessdata": errors.CredentialNoSessdataException,
    "bili_jct": errors.CredentialNoBiliJctException,
    "buvid3": errors.CredentialNoBuvid3Exception,
    "buvid4": errors.CredentialNoBuvid4Exception,
    "dedeuserid": errors.CredentialNoDedeUserIDException,
    "ac_time_value": errors.CredentialNoAcTimeValueException,
}


@pytest.mark.parametrize(("part", "error"), PARTS.items())
def test_each_part_can_be_asked_for(part: str, error: type[errors.CredentialException]) -> None:
    full = Credential(**{part: "x"})
    assert getattr(full, f"has_{part}")() is True
    getattr(full, f"raise_for_no_{part}")()
    for lacking in (NOBODY, Credential(**{part: ""})):
        assert getattr(lacking, f"has_{part}")() is False
        with pytest.raises(error, match=part):
            getattr(lacking, f"raise_for_no_{part}")()


def test_an_access_key_can_be_asked_for() -> None:
    assert Credential(access_key="x").has_access_key()
    assert not NOBODY.has_access_key()


def test_the_documented_order_of_parts() -> None:
    one = Credential("a", "b", "c", "d", "e", "f", "http://g")
    parts = (*(getattr(one, part) for part in PARTS), one.proxy)
    assert parts == ("a", "b", "c", "d", "e", "f", "http://g")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("abc", "abc"),
        ("a,b*c/d", "a%2Cb%2Ac/d"),
        ("a%2Cb,c".replace(",", "."), "a%2Cb.c"),
        ("你", "%E4%BD%A0"),
        (None, None),
        ("", ""),
    ],
)
def test_sessdata_is_percent_encoded_once(given: str | None, kept: str | None) -> None:
    assert Credential(sessdata=given).sessdata == kept


def test_to_cookies_and_back() -> None:
    one = Credential("a,b", "c", "d", "e", "f", "g")
    cookies = one.get_cookies()
    assert list(cookies) == [
        "SESSDATA",
        "bili_jct",
        "buvid3",
        "buvid4",
        "DedeUserID",
        "ac_time_value",
    ]
    assert Credential.from_cookies({**cookies, "other": "x"}) == one
    assert Credential.from_cookies({}) == NOBODY
    assert NOBODY.get_cookies() == {}


def test_equal_by_value() -> None:
    assert Credential("a,b") == Credential("a%2Cb")
    assert hash(Credential("a,b")) == hash(Credential("a%2Cb"))
    assert Credential("a") != Credential("b")
    assert Credential(access_key="a") != NOBODY
    assert pickle.loads(pickle.dumps(Credential("a", proxy="http://p"))) == Credential(
        "a", proxy="http://p"
    )


@pytest.mark.parametrize("part", ["bili_jct", "buvid3", "buvid4", "dedeuserid", "ac_time_value"])
@pytest.mark.parametrize("value", ["a;b", "a b", "a\r\nX: y", "a,b", 'a"b', "a\\b", "é", "\x7f"])
def test_what_no_cookie_holds_is_refused_by_name(part: str, value: str) -> None:
    with pytest.raises(ValueError, match=rf"^{part}: ") as caught:
        Credential(**{part: value})
    assert value not in str(caught.value)


def test_sessdata_that_is_encoded_already_is_checked_too() -> None:
    with pytest.raises(ValueError, match=r"^sessdata: "):
        Credential("a%2C;b")


@pytest.mark.parametrize("part", [*PARTS, "proxy", "access_key", "appkey", "appsec"])
def test_a_part_is_text(part: str) -> None:
    wrong: Any = {part: 7}
    with pytest.raises(TypeError, match=rf"^{part}: "):
        Credential(**wrong)


def test_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Credential.from_environment() == NOBODY
    monkeypatch.setenv("GUANXI_SESSDATA", "a")
    assert Credential.from_environment() == Credential("a")
    monkeypatch.setenv("GUANXI_BILI_JCT", "b")
    assert Credential.from_environment() == Credential("a", "b")


def test_nothing_is_assigned_to_and_a_refresh_replaces_four_parts() -> None:
    one = Credential("a", "b", "c", "d", "e", "f", "http://g")
    wrong: Any = one
    with pytest.raises(dataclasses.FrozenInstanceError):
        wrong.sessdata = "x"
    holders, before = {one: "here"}, hash(one)
    one.renew(Credential("A", "B", "C", "D", "E", "F"))
    assert one == Credential("A", "B", "c", "d", "E", "F", "http://g")
    one.renew(Credential("A2", ac_time_value="F2"))
    assert one == Credential("A2", "B", "c", "d", "E", "F2", "http://g")
    assert (hash(one), holders[one]) == (before, "here")


def test_those_that_are_equal_have_one_hash_though_one_was_refreshed() -> None:
    one = Credential("a", buvid3="c")
    one.renew(Credential("b"))
    assert one == Credential("b", buvid3="c")
    assert hash(one) == hash(Credential("b", buvid3="c"))
    assert one != "b"
    assert len({one, Credential("b", buvid3="c"), Credential("a", buvid3="c")}) == 2
