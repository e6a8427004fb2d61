"""Mids by name, and the check of nicknames."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guanxi.accounts.account import Card, State
from guanxi.contract import endpoints as e
from guanxi.contract import structs as s
from guanxi.testing import RunningService, running
from tests.service.content_fixtures import ask, read, someone


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running() as running_service:
        yield running_service


def test_name_to_uid_returns_the_lowest_mid_of_each_existing_name(service: RunningService) -> None:
    account = someone(service, Card(name="木子"))
    other = someone(service, Card(name="Upper"))
    same_name = someone(service, Card(name="Upper"))
    deregistered = someone(service, Card(name="注销的"))
    service.set_state(deregistered.mid, State.DEREGISTERED)
    assert other.mid < same_name.mid
    names = "Upper,没有的,木子,upper,注销的,账号已注销,,木子"
    expected = s.NamedAccounts(
        [s.NamedAccount("Upper", str(other.mid)), s.NamedAccount("木子", str(account.mid))]
    )
    assert read(service, e.NAME_TO_UID, account, names=names) == expected
    assert read(service, e.LEGACY_NAME_TO_UID, names=names) == expected
    assert ask(service, e.LEGACY_NAME_TO_UID, names="木子").body == {
        "code": 0,
        "msg": "success",
        "message": "success",
        "data": {"uid_list": [{"name": "木子", "uid": str(account.mid)}]},
    }


def test_a_name_may_contain_a_nul(service: RunningService) -> None:
    account = someone(service, Card(name="有\x00的"))
    expected = s.NamedAccounts([s.NamedAccount("有\x00的", str(account.mid))])
    assert read(service, e.LEGACY_NAME_TO_UID, names="有\x00的,\x00,有") == expected


def test_name_to_uid_refuses_no_session_and_a_wrong_number_of_names(
    service: RunningService,
) -> None:
    account = someone(service)
    assert ask(service, e.NAME_TO_UID, names="木子").code == -101
    many = ",".join(str(number) for number in range(51))
    assert ask(service, e.NAME_TO_UID, account).code == -400
    assert ask(service, e.NAME_TO_UID, account, names=many).code == -400
    for invalid in ({}, {"names": many}):
        response = ask(service, e.LEGACY_NAME_TO_UID, **invalid)
        assert response.code == -400
        assert response.body["msg"] == response.body["message"]


@pytest.mark.parametrize("name", ["好名", "ab", "字" * 16, "a-b_c9", "ｶﾅ"])
def test_a_valid_free_nickname_is_accepted(service: RunningService, name: str) -> None:
    response = ask(service, e.CHECK_NICKNAME, nickName=name)
    assert response.body == {"code": 0}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("字", 40006),
        ("", 40006),
        ("字" * 17, 40005),
        ("a b", 40004),
        ("a😀", 40004),
        ("a" * 16 + " ", 40005),
        ("占了", 40014),
    ],
)
def test_an_invalid_or_used_nickname_is_refused(
    service: RunningService, name: str, code: int
) -> None:
    service.add_accounts(cards={77: Card(name="占了")})
    response = ask(service, e.CHECK_NICKNAME, nickName=name)
    assert (response.status, response.code) == (200, code)
    assert set(response.body) == {"code", "message", "reason"}
    assert response.reason.startswith("nickName: ")


def test_a_missing_nickname_is_refused(service: RunningService) -> None:
    assert ask(service, e.CHECK_NICKNAME).code == -400
