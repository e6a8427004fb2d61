"""Whose account a call without a credential is: the environment's, or nobody's by one switch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from guanxi import Client, user
from guanxi.contract import errors
from guanxi.testing import RunningService, running
from guanxi.user import Credential, RelationType, User, sync, using
from tests.documents.test_wire import WIRED

SWITCH = "GUANXI_NO_DEFAULT_CREDENTIAL"

#: A write of each kind without a credential, by the documents' signatures.
WRITES: dict[str, Callable[[], Any]] = {
    "modify_relation": lambda: User(2).modify_relation(RelationType.SUBSCRIBE),
    "set_space_notice": lambda: User(2).set_space_notice("x"),
    "create_subscribe_group": lambda: user.create_subscribe_group("x", None),
    "rename_subscribe_group": lambda: user.rename_subscribe_group(1, "x", None),
    "delete_subscribe_group": lambda: user.delete_subscribe_group(1, None),
    "set_subscribe_group": lambda: user.set_subscribe_group([2], [0], None),
    "clear_toview_list": lambda: user.clear_toview_list(None),
    "delete_viewed_videos_from_toview": lambda: user.delete_viewed_videos_from_toview(None),
    "edit_self_info": lambda: user.edit_self_info("2000-01-01", "男", "某某", "", None),
}
READS: dict[str, Callable[[], Any]] = {
    "get_self_info": lambda: user.get_self_info(None),
    "get_self_coins": user.get_self_coins,
    "get_followings": lambda: User(2).get_followings(),
}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningService]:
    with running() as service:
        service.add_accounts(1, 2)
        session = service.sign_in(1)
        monkeypatch.setenv("GUANXI_BASE_URL", service.base_url)
        monkeypatch.setenv("GUANXI_SESSDATA", session.sessdata)
        monkeypatch.setenv("GUANXI_BILI_JCT", session.bili_jct)
        yield service


def test_every_write_is_tried() -> None:
    writes = {entry["name"] for entry in WIRED if entry["wire"]["method"] == "POST"}
    assert {name.removeprefix("User.") for name in writes} == WRITES.keys()


def follows(service: RunningService) -> bool:
    """Return whether account 1 follows account 2, as the environment's account reads it."""
    session = service.sign_in(1)
    reader = User(2, Credential(session.sessdata, session.bili_jct))
    return bool(sync(reader.get_relation())["relation"]["attribute"])


def test_a_write_without_a_credential_is_the_environment_s_account_s(
    service: RunningService,
) -> None:
    sync(WRITES["modify_relation"]())
    assert follows(service)
    assert sync(user.get_self_info(None))["mid"] == 1
    assert User(2).credential.has_sessdata()


@pytest.mark.parametrize("call", [*WRITES.values(), *READS.values()], ids=[*WRITES, *READS])
def test_with_the_switch_such_a_call_is_refused_as_in_the_documents(
    service: RunningService, monkeypatch: pytest.MonkeyPatch, call: Callable[[], Any]
) -> None:
    monkeypatch.setenv(SWITCH, "1")
    with pytest.raises(errors.CredentialNoSessdataException):
        sync(call())
    assert not follows(service)
    assert User(2).credential == Credential()


def test_with_the_switch_the_rest_is_as_before(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SWITCH, "1")
    assert sync(User(2).get_relation_info())["mid"] == 2  # needs no sign-in
    assert sync(user.name2uid("nobody has this name"))["uid_list"] == []
    session = service.sign_in(1)
    account = Credential(session.sessdata, session.bili_jct)
    sync(User(2, account).modify_relation(RelationType.SUBSCRIBE))
    assert follows(service)

    async def within() -> int:
        async with Client(credential=account) as client:
            with using(client):
                return (await user.get_self_info(None))["mid"]

    assert asyncio.run(within()) == 1


def test_an_empty_value_leaves_the_switch_off(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SWITCH, "")
    assert sync(user.get_self_info(None))["mid"] == 1
