"""Annotations at run time, and the keys of every result against them, from the real service."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

import msgspec
import pytest

from guanxi import user
from guanxi.contract import structs as s
from guanxi.contract.errors import AlreadyFollowing
from guanxi.demo.content import make_content
from guanxi.demo.world import HERO, make_world
from guanxi.stores.port import Store
from guanxi.testing import RunningService, running
from guanxi.user import (
    ChannelSeries,
    ChannelSeriesType,
    Credential,
    RelationType,
    User,
    _shapes,
    sync,
)
from tests.documents.test_wire import MODULE, WIRED
from tests.sdk.recorder import Answer, envelope, recording, wbi

# Annotations


def public_functions() -> Iterator[tuple[str, Any]]:
    """Yield the functions, methods, properties and classes of the module by their name."""
    for name in user.__all__:
        value: Any = getattr(user, name)
        if not (isinstance(value, type) and issubclass(value, Enum)):
            yield name, value
        for part in dir(value) if isinstance(value, type) else ():
            one = inspect.getattr_static(value, part)
            one = getattr(one, "__func__", getattr(one, "fget", one))
            if inspect.isfunction(one) and (part == "__init__" or not part.startswith("_")):
                yield f"{name}.{part}", one


FUNCTIONS = dict(public_functions())
SHAPES = [one for one in vars(_shapes).values() if is_typeddict(one)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_type_hints_of_every_function_resolve(name: str) -> None:
    hints = get_type_hints(FUNCTIONS[name])
    if inspect.isfunction(FUNCTIONS[name]) and not name.endswith("__init__"):
        assert "return" in hints
        assert hints.keys() - {"return"} <= inspect.signature(FUNCTIONS[name]).parameters.keys()


def test_all_functions_are_looked_at() -> None:
    documented = {entry["name"] for entry in MODULE if entry["kind"] in {"method", "function"}}
    assert documented <= FUNCTIONS.keys()
    assert {"User.uid", "User.credential", "using", "Credential.from_cookies"} <= FUNCTIONS.keys()
    assert get_type_hints(User.get_followings)["return"] is _shapes.RelationPage


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_the_type_hints_of_every_shape_resolve(shape: Any) -> None:
    fields = msgspec.structs.fields(getattr(s, shape.__name__))
    assert list(get_type_hints(shape)) == [field.encode_name for field in fields]
    optional = {field.encode_name for field in fields if field.default is msgspec.UNSET}
    assert shape.__optional_keys__ == optional


def test_the_import_loads_neither_the_shapes_nor_a_client() -> None:
    code = (
        "import sys; from guanxi import user;"
        "assert not {'guanxi.user._shapes', 'guanxi.sdk.aio'} & sys.modules.keys();"
        "import typing; assert typing.get_type_hints(user.using)['client'].__name__ == 'C'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Keys


def misfits(value: Any, kind: Any, path: str = "$") -> Iterator[str]:
    """Yield what in a decoded value differs from an annotation: keys and types, at any depth."""
    if kind is Any:
        return
    if get_origin(kind) in {Union, types.UnionType}:
        kinds = [list(misfits(value, one, path)) for one in get_args(kind)]
        if all(kinds):
            yield from min(kinds, key=len)
    elif is_typeddict(kind):
        if not isinstance(value, dict):
            yield f"{path}: {type(value).__name__} instead of {kind.__name__}"
            return
        hints = get_type_hints(kind)
        yield from (f"{path}.{key}: missing" for key in kind.__required_keys__ - value.keys())
        yield from (f"{path}.{key}: not documented" for key in value.keys() - hints.keys())
        for key in value.keys() & hints.keys():
            yield from misfits(value[key], hints[key], f"{path}.{key}")
    elif get_origin(kind) in {list, tuple}:
        if not isinstance(value, get_origin(kind)):
            yield f"{path}: {type(value).__name__} instead of {kind}"
        elif get_origin(kind) is list:
            for number, item in enumerate(value):
                yield from misfits(item, get_args(kind)[0], f"{path}[{number}]")
    elif get_origin(kind) is dict:
        if not isinstance(value, dict):
            yield f"{path}: {type(value).__name__} instead of {kind}"
            return
        for key, item in value.items():
            yield from misfits(item, get_args(kind)[1], f"{path}.{key}")
    else:
        allowed = (int, float) if kind is float else kind
        if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):
            yield f"{path}: {type(value).__name__} instead of {kind}"


WORLD = make_world(1, 120, 600)
ENTRIES = make_content(WORLD)
OTHER = next(mid for mid in WORLD.accounts if mid != HERO)
NAME = WORLD.accounts[OTHER][0].name
NEW = max(WORLD.accounts) + 1


def channel(kind: ChannelSeriesType) -> int:
    """Return the id of one of the account's channels that has videos."""
    name = kind.name.lower()
    return next(
        entry.id
        for entry in ENTRIES
        if (entry.owner, entry.kind) == (HERO, name) and json.loads(entry.body)["aids"]
    )


SEASON, SERIES = channel(ChannelSeriesType.SEASON), channel(ChannelSeriesType.SERIES)


@pytest.fixture(scope="module", params=["documented", "open"])
def service(request: pytest.FixtureRequest) -> Iterator[RunningService]:
    async def fill(store: Store) -> None:
        await store.import_edges(lambda: WORLD.edges, accounts=WORLD.accounts, groups=WORLD.groups)
        await store.put(ENTRIES)

    with running(request.param) as service:
        service.do(fill)
        service.add_accounts(NEW)
        yield service


@pytest.fixture
def me(service: RunningService, monkeypatch: pytest.MonkeyPatch) -> Credential:
    monkeypatch.setenv("GUANXI_BASE_URL", service.base_url)
    session = service.sign_in(HERO)
    return Credential(session.sessdata, session.bili_jct, dedeuserid=str(HERO))


async def new_group(account: Credential, name: str) -> int:
    return (await user.create_subscribe_group(name, account))["tagid"]


async def renamed(account: Credential) -> Any:
    return await user.rename_subscribe_group(await new_group(account, "甲"), "乙", account)


async def deleted(account: Credential) -> Any:
    return await user.delete_subscribe_group(await new_group(account, "丙"), account)


async def grouped(account: Credential) -> Any:
    with suppress(AlreadyFollowing):
        await User(NEW, account).modify_relation(RelationType.SUBSCRIBE)
    return await user.set_subscribe_group([NEW], [0], account)


def of_hero(name: str) -> Callable[[Credential], Any]:
    return lambda account: getattr(User(HERO, account), name)()


def of_caller(name: str) -> Callable[[Credential], Any]:
    return lambda account: getattr(user, name)(credential=account)


#: A call of each function that sends a request; the account's own space has all kinds of content.
CALLS: dict[str, Callable[[Credential], Any]] = {
    **{
        f"User.{name}": of_hero(name)
        for name in (
            *("get_access_id", "get_album", "get_all_followings", "get_article_list"),
            *("get_articles", "get_audios", "get_channel_list", "get_channels", "get_cheese"),
            *("get_dynamics", "get_dynamics_new", "get_elec_user_monthly", "get_followers"),
            *("get_followings", "get_live_info", "get_masterpiece", "get_media_list"),
            *("get_opus", "get_overview_stat", "get_relation_info", "get_reservation"),
            *("get_self_same_followers", "get_space_notice", "get_subscribed_bangumi"),
            *("get_top_videos", "get_up_stat", "get_uplikeimg", "get_user_fav_tag"),
            *("get_user_info", "get_user_info_sync", "get_user_medal", "get_videos"),
            "top_followers",
        )
    },
    "User.get_channel_videos_season": lambda c: User(HERO, c).get_channel_videos_season(SEASON),
    "User.get_channel_videos_series": lambda c: User(HERO, c).get_channel_videos_series(SERIES),
    "User.get_relation": lambda c: User(OTHER, c).get_relation(),
    "User.modify_relation": lambda c: User(NEW, c).modify_relation(RelationType.SUBSCRIBE),
    "User.set_space_notice": lambda c: User(HERO, c).set_space_notice("新公告"),
    "check_nickname": lambda _: user.check_nickname("没人用的名字"),
    "edit_self_info": lambda c: user.edit_self_info("2000-01-01", "男", "某某", "签名", c),
    "name2uid": lambda c: user.name2uid(NAME, c),
    "name2uid_sync": lambda _: user.name2uid_sync(NAME),
    "ChannelSeries.get_meta": lambda c: ChannelSeries(id_=SERIES, credential=c).get_meta(),
    "ChannelSeries.get_videos": lambda c: ChannelSeries(
        HERO, id_=SERIES, credential=c
    ).get_videos(),
    **{
        name: of_caller(name)
        for name in (
            *("get_self_black_list", "get_self_coins", "get_self_events", "get_self_friends"),
            *("get_self_experience_log", "get_self_history", "get_self_history_new"),
            *("get_self_info", "get_self_jury_info", "get_self_login_log", "get_self_moral_log"),
            *("get_self_special_followings", "get_self_whisper_followings", "get_toview_list"),
        )
    },
    "get_self_notes_info": lambda c: user.get_self_notes_info(1, 20, c),
    "get_self_public_notes_info": lambda c: user.get_self_public_notes_info(1, 20, c),
    "create_subscribe_group": lambda c: user.create_subscribe_group("组", c),
    "rename_subscribe_group": renamed,
    "delete_subscribe_group": deleted,
    "set_subscribe_group": grouped,
    "delete_viewed_videos_from_toview": user.delete_viewed_videos_from_toview,
    "clear_toview_list": user.clear_toview_list,
}
#: What the annotations of these, which call their results dictionaries, leave open.
OPEN_RESULTS: dict[str, Any] = {
    "User.get_dynamics": _shapes.OldDynamicPage,
    "ChannelSeries.get_meta": _shapes.SeriesMeta,
}


def result(name: str, account: Credential) -> Any:
    value = CALLS[name](account)
    return sync(value) if inspect.iscoroutine(value) else value


def test_every_function_that_sends_a_request_is_called() -> None:
    assert {entry["name"] for entry in WIRED} <= CALLS.keys() <= FUNCTIONS.keys()


@pytest.mark.parametrize("name", CALLS)
def test_a_result_has_the_documented_keys(name: str, me: Credential) -> None:
    """No key is missing and there is no other one, in both profiles; ``cursor`` is optional."""
    kind = OPEN_RESULTS.get(name) or get_type_hints(FUNCTIONS[name])["return"]
    if name == "name2uid_sync":
        kind = _shapes.NamedAccounts
    found = list(misfits(result(name, me), kind))
    if name == "User.get_dynamics":  # decoded here
        decoded = (".card: dict instead", ".extend_json: dict instead")
        assert [one for one in found if any(text in one for text in decoded)]
        found = [one for one in found if not any(text in one for text in decoded)]
    assert found == []


#: These send several requests, or return a part of the response.
PARTS = {
    *("User.get_access_id", "User.get_all_followings", "User.get_channel_list"),
    *("User.get_channels", "User.get_cheese", "User.get_dynamics", "check_nickname"),
    *("get_self_coins", "get_self_special_followings"),
    *(
        "ChannelSeries.get_meta",
        "ChannelSeries.get_videos",
        "rename_subscribe_group",
        "delete_subscribe_group",
    ),
}


def with_more(value: Any) -> Any:
    """Return decoded JSON with one more key in each object."""
    if isinstance(value, dict):
        return {key: with_more(item) for key, item in value.items()} | {"new_key": [1]}
    return [with_more(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", sorted(CALLS.keys() - PARTS))
def test_keys_that_a_server_adds_are_passed_on(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    account = Credential("sess", "jct", dedeuserid="1")
    data = with_more({"list": [{"mid": 1, "tag": None}], "total": 1})
    with recording(wbi(lambda _: Answer(envelope(data)))) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        assert result(name, account) == data


def test_differences_from_an_annotation_are_found() -> None:
    page: Any = {"list": [], "re_version": 0, "total": 0}
    assert list(misfits(page, _shapes.RelationPage)) == []
    assert list(misfits(page | {"cursor": ""}, _shapes.RelationPage)) == []
    for other in (page | {"x": 1}, {"list": [], "total": 0}, page | {"total": "0"}, [page], None):
        assert len(list(misfits(other, _shapes.RelationPage))) == 1
    for value, kind, number in (
        ([1, True], list[int], 1),
        ({"a": "1"}, dict[str, int], 1),
        (None, int | None, 0),
        ("", int | None, 1),
        (1, float, 0),
    ):
        assert len(list(misfits(value, kind))) == number
