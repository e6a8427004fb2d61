"""Invalid arguments raise an error with their name, and nothing is sent."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from guanxi import (
    AnswerException,
    ArgsException,
    BadRequest,
    CredentialNoBiliJctException,
    CredentialNoSessdataException,
    MistypedArgsException,
    SyncClient,
)
from guanxi.contract.endpoint import Endpoint, Login
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.contract.params import id_fields, is_list, wire_types
from guanxi.contract.paths import placeholders
from guanxi.sdk.credential import Credential
from guanxi.sdk.requests import ARGUMENTS, checked
from tests.sdk.recorder import SIGNED_OUT, Answer, Kind, Recorder, envelope, recording

LARGE = 2**63
VALUES: list[tuple[str, Callable[[Any], Any]]] = [
    ("mid", lambda c: c.relation.followers(0)),
    ("mid", lambda c: c.relation.followers(-1)),
    ("mid", lambda c: c.relation.followers(LARGE)),
    ("mid", lambda c: c.relation.followers("0")),
    ("mid", lambda c: c.relation.followers("9" * 5000)),
    ("mid", lambda c: c.relation.follow(0)),
    ("order", lambda c: c.relation.followings(1, order="up")),
    ("order_type", lambda c: c.relation.followings(1, order_type="newest")),
    ("page", lambda c: c.relation.followings(1, page=0)),
    ("size", lambda c: c.relation.followings(1, size=0)),
    ("size", lambda c: c.relation.followings(1, size=101)),
    ("cursor", lambda c: c.relation.followings(1, cursor="x" * 65)),
    ("name", lambda c: c.relation.search(1, "x" * 201)),
    ("name", lambda c: c.call("relation.search", {"name": "\ud800"})),
    ("members", lambda c: c.relation.many([])),
    ("members", lambda c: c.relation.many(range(1, 52))),
    ("members", lambda c: c.relation.set_groups([1, 0], [1])),
    ("groups", lambda c: c.relation.set_groups([1], [-11])),
    ("before", lambda c: c.relation.move_between_groups([1], [], [1])),
    ("after", lambda c: c.relation.move_between_groups([1], [1], [])),
    ("act", lambda c: c.relation.modify(1, 8)),
    ("act", lambda c: c.relation.batch_modify([1], 2)),
    ("source", lambda c: c.relation.follow(1, source=12)),
    ("group", lambda c: c.relation.delete_group(-11)),
    ("mid", lambda c: c.relation.iter_followers(0)),
    ("endpoint", lambda c: c.call("relation.nothing")),
    ("endpoint", lambda c: c.pages("relation.stat", {})),
    ("start", lambda c: c.pages("relation.blacks", {}, {"pn": 2})),
    ("mid", lambda c: c.space.info(0)),
    ("mid", lambda c: c.space.access_id(0)),
    ("mid", lambda c: c.space.audios(0)),
    ("mid", lambda c: c.space.medals(0)),
    ("mid", lambda c: c.space.dynamics(0)),
    ("order", lambda c: c.space.videos(1, order="up")),
    ("order", lambda c: c.space.media_list(1, order=4)),
    ("order", lambda c: c.space.season_videos(1, 2, order="up")),
    ("keyword", lambda c: c.space.videos(1, keyword="x" * 201)),
    ("size", lambda c: c.space.videos(1, size=101)),
    ("size", lambda c: c.space.articles(1, size=31)),
    ("size", lambda c: c.space.bangumi(1, size=31)),
    ("size", lambda c: c.space.channels(1, size=10_001)),
    ("page", lambda c: c.space.albums(1, page=0)),
    ("type", lambda c: c.space.opus(1, type="none")),
    ("after", lambda c: c.space.media_list(1, after=0)),
    ("season", lambda c: c.space.season_videos(1, 0)),
    ("series", lambda c: c.channel.series(0)),
    ("offset", lambda c: c.space.opus(1, offset="x")),
    ("offset", lambda c: c.space.old_dynamics(1, offset=-1)),
    ("page", lambda c: c.me.history(page=0)),
    ("size", lambda c: c.me.history_cursor(size=31)),
    ("business", lambda c: c.me.history_cursor(business="x")),
    ("birthday", lambda c: c.me.edit(birthday="1.1.2000", sex="男", name="x", signature="")),
    ("sex", lambda c: c.me.edit(birthday="2000-01-01", sex="x", name="x", signature="")),
    ("ts", lambda c: c.me.events(ts=-1)),
    ("since_ms", lambda c: c.me.fan_report(since_ms=-1)),
    ("names", lambda c: c.account.name_to_uid([])),
    ("key", lambda c: c.login.qr_poll("")),
    ("path", lambda c: c.login.correspond("xyz")),
]
TYPES: list[tuple[str, Callable[[Any], Any]]] = [
    ("mid", lambda c: c.relation.followers("x")),
    ("mid", lambda c: c.relation.followers("1.0")),
    ("mid", lambda c: c.relation.followers(" 1")),
    ("mid", lambda c: c.relation.followers("")),
    ("mid", lambda c: c.relation.followers("２")),
    ("mid", lambda c: c.relation.followers(b"1")),
    ("mid", lambda c: c.relation.followers(True)),
    ("mid", lambda c: c.relation.followers(1.5)),
    ("mid", lambda c: c.relation.followers(None)),
    ("page", lambda c: c.relation.followings(1, page="1")),
    ("name", lambda c: c.relation.create_group(b"x")),
    ("name", lambda c: c.relation.rename_group(1, None)),
    ("members", lambda c: c.relation.many("123")),
    ("members", lambda c: c.relation.many(7)),
    ("members", lambda c: c.relation.many(["1", "x"])),
    ("members", lambda c: c.relation.many([True])),
    ("direction", lambda c: c.space.media_list(1, direction=1)),
    ("names", lambda c: c.account.name_to_uid("one")),
    ("name", lambda c: c.account.check_nickname(7)),
    ("notice", lambda c: c.me.set_notice(7)),
    ("x", lambda c: c.call("relation.groups", {"x": object()})),
    ("x", lambda c: c.call("relation.groups", {"x": {"a": 1}})),
    ("x", lambda c: c.call("relation.groups", {"x": b"1"})),
]


#: Parameters that a typed method sends itself, or that it does not offer.
NOT_OFFERED = {
    "account.card_by_mid": {"cursor"},
    "login.cookie_refresh": {"source"},
    "me.delete_viewed": {"viewed"},
    "relation.group_members": {"cursor"},
    "relation.specials": {"cursor"},
    "space.overview": {"jsonp", "callback"},
    "web.attentions": {"cursor"},
}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_errors_name_the_arguments_of_the_typed_method(endpoint: Endpoint) -> None:
    area, verb = endpoint.name.split(".")
    named = {ARGUMENTS.get(name, name) for name in wire_types(endpoint.params)}
    with SyncClient(base_url="http://127.0.0.1:1") as client:
        parameters = inspect.signature(getattr(getattr(client, area), verb)).parameters
    assert named - NOT_OFFERED.get(endpoint.name, set()) == parameters.keys()


def test_every_name_of_an_argument_is_used() -> None:
    assert ARGUMENTS.keys() <= {name for one in ENDPOINTS for name in wire_types(one.params)}


@pytest.mark.parametrize(("name", "use"), VALUES)
def test_invalid_values_raise_args_exception(
    kind: Kind, server: Recorder, name: str, use: Callable[[Any], Any]
) -> None:
    with pytest.raises(ArgsException, match=rf"^{name}: ") as caught:
        kind.do(use, base_url=server.url)
    assert isinstance(caught.value, ValueError)
    assert not isinstance(caught.value, TypeError)
    assert server.received == []


@pytest.mark.parametrize(("name", "use"), TYPES)
def test_invalid_types_raise_mistyped_args_exception(
    kind: Kind, server: Recorder, name: str, use: Callable[[Any], Any]
) -> None:
    with pytest.raises(MistypedArgsException, match=rf"^{name}: ") as caught:
        kind.do(use, base_url=server.url)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, ValueError)
    assert server.received == []


#: Values of the required parameters that are no ids.
OTHERS = {"act": 1, "re_src": 11, "name": "x"}
WITH_IDS = [endpoint for endpoint in ENDPOINTS if id_fields(endpoint.params)]


@pytest.mark.parametrize("endpoint", WITH_IDS, ids=lambda endpoint: endpoint.name)
def test_every_id_may_be_text(endpoint: Endpoint) -> None:
    types = wire_types(endpoint.params)
    others = {name: value for name, value in OTHERS.items() if name in types}
    ids = {name: [7, 8] if is_list(types[name]) else 7 for name in id_fields(endpoint.params)}
    texts = {
        name: [str(one) for one in value] if isinstance(value, list) else str(value)
        for name, value in ids.items()
    }
    assert checked(endpoint, others | texts) == checked(endpoint, others | ids) == others | ids
    for name, value in ids.items():
        for wrong in ("seven", True):
            invalid = {name: [wrong] if isinstance(value, list) else wrong}
            label = ARGUMENTS.get(name, name)
            with pytest.raises(MistypedArgsException, match=rf"^{label}: "):
                checked(endpoint, others | ids | invalid)


def test_parameters_named_after_ids_are_ids() -> None:
    named = {
        name
        for endpoint in ENDPOINTS
        for name in wire_types(endpoint.params)
        if name.lower().endswith(("id", "ids"))
    }
    ids = {name for endpoint in ENDPOINTS for name in id_fields(endpoint.params)}
    assert named - ids == set()
    assert ids - named == {"max"}  # the id of the last item of a history


TEXT_IDS: list[tuple[Callable[[Any], Any], list[tuple[str, str]]]] = [
    (lambda c: c.relation.followers("7"), [("vmid", "7")]),
    (lambda c: c.relation.follow("7"), [("fid", "7")]),
    (lambda c: c.relation.many(["7", 8]), [("fids", "7,8")]),
    (lambda c: c.relation.set_groups({"7"}, ["-10", 3]), [("fids", "7"), ("tagids", "-10,3")]),
    (lambda c: c.relation.rename_group("9", "x"), [("tagid", "9")]),
    (lambda c: c.channel.series("0012"), [("series_id", "12")]),
]


@pytest.mark.parametrize(("use", "sent"), TEXT_IDS)
def test_ids_as_text_are_sent(
    kind: Kind, use: Callable[[Any], Any], sent: list[tuple[str, str]]
) -> None:
    with recording(lambda request: Answer(envelope(None, -400))) as server:
        with pytest.raises(BadRequest):
            kind.do(use, base_url=server.url)
        request = server.only_request()
    assert set(sent) <= set(request.form or request.query)


def test_repeated_ids_count_once_against_the_limit(kind: Kind, server: Recorder) -> None:
    kind.do(lambda c: c.relation.set_groups([1, 2] * 30, [9]), base_url=server.url)
    assert len(server.only_request().form[0][1].split(",")) == 60


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_a_missing_credential_part_raises_before_anything_is_sent(
    kind: Kind, server: Recorder, endpoint: Any
) -> None:
    values = dict.fromkeys(placeholders(endpoint.path), 7)

    def call(account: Credential) -> None:
        kind.do(lambda c: c.call(endpoint, values), base_url=server.url, credential=account)

    if endpoint.login is Login.REQUIRED:
        with pytest.raises(CredentialNoSessdataException):
            call(SIGNED_OUT)
        with pytest.raises(CredentialNoSessdataException):
            call(Credential(sessdata="", bili_jct="jct"))
        if endpoint.writes:
            with pytest.raises(CredentialNoBiliJctException):
                call(Credential("sess"))
        assert server.received == []
    elif endpoint.wbi:
        with pytest.raises(AnswerException, match="nav"):  # this server has no keys
            call(SIGNED_OUT)
    else:
        call(SIGNED_OUT)
        assert len(server.received) == 1


def test_a_missing_path_parameter_raises(kind: Kind, server: Recorder) -> None:
    with pytest.raises(ValueError, match=r"^mid: missing"):
        kind.do(lambda c: c.call("space.page"), base_url=server.url)
    assert server.received == []
