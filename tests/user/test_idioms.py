"""Idioms of scripts for the original, against the real service in both profiles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from guanxi import Credential, sync, user
from guanxi.exceptions import (
    AlreadyFollowing,
    ApiException,
    ArgsException,
    NotSignedIn,
    ResponseCodeException,
)
from guanxi.testing import RunningService, running

untyped: Any = user


@pytest.fixture(params=("documented", "open"))
def service(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RunningService]:
    with running(request.param) as service:
        service.add_accounts(1, 2, 3)
        monkeypatch.setenv("GUANXI_BASE_URL", service.base_url)
        yield service


def account(service: RunningService, mid: int) -> Credential:
    session = service.sign_in(mid)
    return Credential(session.sessdata, session.bili_jct)


def test_ids_from_text_work_in_every_call(service: RunningService) -> None:
    me = account(service, 1)
    two = untyped.User("2", me)
    sync(two.modify_relation(user.RelationType.SUBSCRIBE))
    assert sync(user.User(2, me).get_relation())["relation"]["mid"] == 2
    assert sync(untyped.User("3", me).get_relation("2"))["relation"]["attribute"] == 2
    group = str(sync(user.create_subscribe_group("x", me))["tagid"])
    sync(untyped.set_subscribe_group(["2"], [group, "-10"], me))
    assert sync(user.get_self_special_followings(me)) == [2]
    sync(untyped.delete_subscribe_group(group, me))
    assert sync(untyped.User("1", me).get_all_followings()) == [2]


def test_errors_are_caught_as_scripts_catch_them(service: RunningService) -> None:
    me = account(service, 1)
    two = user.User(2, me)
    sync(two.modify_relation(user.RelationType.SUBSCRIBE))
    with pytest.raises(ResponseCodeException) as refused:
        sync(two.modify_relation(user.RelationType.SUBSCRIBE))
    assert (refused.value.code, refused.value.msg) == (22014, AlreadyFollowing.wire_message)
    for call in (
        lambda: two.get_followings(pn=0),
        lambda: two.get_followings(ps=101),
        lambda: untyped.edit_self_info("2000-01-01", "x", "甲", "", me),
        lambda: untyped.User("two", me).get_followings(),
        lambda: untyped.User(True, me).get_followings(),
    ):
        for kind in (ArgsException, ApiException, ValueError):
            with pytest.raises(kind):
                sync(call())


def test_a_credential_is_filled_and_renewed_in_place(service: RunningService) -> None:
    credential = Credential()
    me = user.User(1, credential)
    with pytest.raises(ApiException):
        sync(user.get_self_info(credential))
    first, second = account(service, 1), account(service, 2)
    for session, mid in ((first, 1), (second, 2)):
        credential.sessdata = session.sessdata
        credential.bili_jct = session.bili_jct
        assert sync(user.get_self_info(me.credential))["mid"] == mid
        assert sync(credential.check_valid()) is True
    credential.sessdata = "wrong"
    assert sync(credential.check_valid()) is False
    with pytest.raises(NotSignedIn):
        sync(user.get_self_info(credential))


def test_a_subclass_that_stores_its_cookies_signs_in(service: RunningService) -> None:
    class FromBrowser(Credential):
        def __init__(self, jar: dict[str, str]) -> None:
            self.jar = jar
            super().__init__()

        def get_cookies(self) -> dict[str, str]:
            return self.jar

    mine = FromBrowser(account(service, 1).get_cookies())
    sync(user.User(2, mine).modify_relation(user.RelationType.SUBSCRIBE))
    assert sync(user.User(1, mine).get_all_followings()) == [2]
    assert repr(mine) == "FromBrowser()"
