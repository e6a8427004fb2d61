"""Accounts by their names, and names that one may take."""

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
    with running() as one:
        yield one


def test_names_to_mids(service: RunningService) -> None:
    one = someone(service, Card(name="木子"))
    other = someone(service, Card(name="Upper"))
    twin = someone(service, Card(name="Upper"))
    gone = someone(service, Card(name="注销的"))
    service.set_state(gone.mid, State.DEREGISTERED)
    assert other.mid < twin.mid
    names = "Upper,没有的,木子,upper,注销的,账号已注销,,木子"
    wanted = s.NamedAccounts(
        [s.NamedAccount("Upper", str(other.mid)), s.NamedAccount("木子", str(one.mid))]
    )
    assert read(service, e.NAME_TO_UID, one, names=names) == wanted
    assert read(service, e.LEGACY_NAME_TO_UID, names=names) == wanted
    assert ask(service, e.LEGACY_NAME_TO_UID, names="木子").body == {
        "code": 0,
        "msg": "success",
        "message": "success",
        "data": {"uid_list": [{"name": "木子", "uid": str(one.mid)}]},
    }


def test_a_name_with_a_nul_is_a_name(service: RunningService) -> None:
    odd = someone(service, Card(name="有\x00的"))
    wanted = s.NamedAccounts([s.NamedAccount("有\x00的", str(odd.mid))])
    assert read(service, e.LEGACY_NAME_TO_UID, names="有\x00的,\x00,有") == wanted


def test_names_refuse(service: RunningService) -> None:
    one = someone(service)
    assert ask(service, e.NAME_TO_UID, names="木子").code == -101
    many = ",".join(str(number) for number in range(51))
    assert ask(service, e.NAME_TO_UID, one).code == -400
    assert ask(service, e.NAME_TO_UID, one, names=many).code == -400
    for wrong in ({}, {"names": many}):
        answer = ask(service, e.LEGACY_NAME_TO_UID, **wrong)
        assert answer.code == -400
        assert answer.body["msg"] == answer.body["message"]


@pytest.mark.parametrize("name", ["好名", "ab", "字" * 16, "a-b_c9", "ｶﾅ"])
def test_a_name_one_may_take(service: RunningService, name: str) -> None:
    answer = ask(service, e.CHECK_NICKNAME, nickName=name)
    assert answer.body == {"code": 0}


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
def test_a_name_one_may_not_take(service: RunningService, name: str, code: int) -> None:
    service.add_accounts(cards={77: Card(name="占了")})
    answer = ask(service, e.CHECK_NICKNAME, nickName=name)
    assert (answer.status, answer.code) == (200, code)
    assert set(answer.body) == {"code", "message"}
    assert answer.body["message"]


def test_no_name(service: RunningService) -> None:
    assert ask(service, e.CHECK_NICKNAME).code == -400
