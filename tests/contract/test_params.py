"""Decoding the fields of a request, and the errors for invalid ones."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Struct

from guanxi.contract.endpoints import BATCH_MODIFY, ENDPOINTS, MOVE_MEMBERS, RELATIONS
from guanxi.contract.limits import Limits
from guanxi.contract.params import (
    ArticlesParams,
    AudiosParams,
    BatchParams,
    ChannelsParams,
    CookieRefresh,
    Correspondence,
    DynamicsParams,
    FollowingsParams,
    HistoryCursorParams,
    InvalidParameter,
    ManyTargets,
    MediaListParams,
    MoveParams,
    Names,
    Order,
    OverviewParams,
    ProfileEdit,
    QrPoll,
    RefreshConfirmation,
    ToviewDeletion,
    VideosParams,
    decoder,
    defaults,
    invalid_parameter,
    is_list,
    over_limit,
    wire_types,
)
from guanxi.contract.structs import QrCode, QrState, RefreshedCookie

followings = decoder(FollowingsParams)
batch = decoder(BatchParams, BATCH_MODIFY.aliases)
BATCH = {"fids": "1,2", "act": "1", "re_src": "11"}
EDIT = {"birthday": "2000-01-31", "sex": "保密", "uname": "name", "usersign": ""}
#: A value for each required field that "1" does not suit.
SAMPLES = EDIT | {"re_src": "11", "correspond_path": "0a"}


def test_absent_fields_have_their_defaults() -> None:
    assert followings({"vmid": "2"}) == FollowingsParams(vmid=2, ps=50, pn=1, cursor=UNSET)


def test_unknown_names_are_ignored() -> None:
    assert followings({"vmid": "2", "jsonp": "x"}).vmid == 2


def test_a_list_is_split_at_commas_and_has_an_alias() -> None:
    assert batch(BATCH).fids == [1, 2]
    assert batch({"fid": "3", "act": "5", "re_src": "222"}).fids == [3]
    assert batch(BATCH | {"fid": "9"}).fids == [1, 2], "the documented name wins"


def test_fields_are_read_by_wire_name() -> None:
    move = decoder(MoveParams, MOVE_MEMBERS.aliases)
    value = move({"fids": "1", "beforeTagids": "-10,7", "afterTagids": "0"})
    assert (value.before, value.after) == ([-10, 7], [0])


@pytest.mark.parametrize(
    ("pairs", "field", "says"),
    [
        ({}, "vmid", "missing"),
        ({"vmid": ""}, "vmid", "whole number"),
        ({"vmid": "x"}, "vmid", "whole number"),
        ({"vmid": "1.5"}, "vmid", "whole number"),
        ({"vmid": "0"}, "vmid", "at least 1"),
        ({"vmid": "-7"}, "vmid", "at least 1"),
        ({"vmid": str(2**63)}, "vmid", f"at most {2**63 - 1}"),
        ({"vmid": "9" * 400}, "vmid", f"at most {2**63 - 1}"),
        ({"vmid": "1", "ps": "0"}, "ps", "at least 1"),
        ({"vmid": "1", "pn": "-1"}, "pn", "at least 1"),
        ({"vmid": "1", "order": "up"}, "order", "cannot be 'up'"),
        ({"vmid": "1", "cursor": "x" * 65}, "cursor", "at most 64 characters"),
    ],
)
def test_an_invalid_field_is_named_with_the_reason(
    pairs: dict[str, str], field: str, says: str
) -> None:
    with pytest.raises(InvalidParameter, match=says) as caught:
        followings(pairs)
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field}: ")


def test_an_absent_required_list_is_missing() -> None:
    with pytest.raises(InvalidParameter, match="missing") as caught:
        batch({"act": "1", "re_src": "11"})
    assert caught.value.field == "fids"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"fids": ""}, "fids"),
        ({"fids": "1,,2"}, "fids"),
        ({"fids": "1,x"}, "fids"),
        ({"fids": "1,0"}, "fids"),
        ({"act": "2"}, "act"),
        ({"act": "follow"}, "act"),
        ({"re_src": "12"}, "re_src"),
    ],
)
def test_an_invalid_field_of_a_batch_is_named(change: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        batch(BATCH | change)
    assert caught.value.field == field


def test_an_error_names_the_alias_that_was_sent() -> None:
    limited = decoder(ManyTargets, RELATIONS.aliases, Limits(ids_per_call=2))
    for name in ("fid", "fids"):
        assert limited({name: "1,2,2"}).fids == [1, 2, 2]
        for wrong in ("1,x", "1.0", "0", "1,2,3"):
            with pytest.raises(InvalidParameter, match=f"^{name}: ") as caught:
                limited({name: wrong})
            assert caught.value.field == name
    with pytest.raises(InvalidParameter, match="missing") as caught:
        limited({})
    assert caught.value.field == "fids"


_COMMAS = "send ids with commas between"


class Odd(Struct):
    flag: bool


class Ordered(Struct):
    order: Order


def test_the_reason_says_what_would_be_right() -> None:
    cases: list[tuple[type[Struct], str, str, str]] = [
        (Odd, "flag", "maybe", "must be true or false"),
        (Ordered, "order", "up", "cannot be 'up'; one of 'desc', 'asc'"),
        (Correspondence, "correspond_path", "x", "must match ^[0-9a-f]{2,1024}$"),
        (RefreshConfirmation, "refresh_token", "", "must not be empty"),
        (Names, "names", ",".join("x" * 51), "at most 50 values"),
        (OverviewParams, "mid", "x", "'x' is not a whole number"),
        (OverviewParams, "mid", "1.5", "'1.5' is not a whole number"),
        (OverviewParams, "mid", "x" * 41, f"'{'x' * 40}'... is not a whole number"),
        (OverviewParams, "mid", "", "must be a whole number"),
        (OverviewParams, "mid", "一", "must be a whole number"),
        (OverviewParams, "mid", "1\n", "must be a whole number"),
        (ManyTargets, "fids", "1,x,3", f"'x' is not a whole number; {_COMMAS}"),
        (ManyTargets, "fids", "1,1e3,x", f"'1e3' is not a whole number; {_COMMAS}"),
        (ManyTargets, "fids", "1;3", f"'1;3' is not a whole number; {_COMMAS}"),
        (ManyTargets, "fids", "1,,3", f"must be a whole number; {_COMMAS}"),
        (Ordered, "order", "x" * 41, f"cannot be '{'x' * 40}'...; one of 'desc', 'asc'"),
        (Ordered, "order", "倒序", "must be one of 'desc', 'asc'"),
    ]
    for kind, field, value, problem in cases:
        with pytest.raises(InvalidParameter) as caught:
            decoder(kind)({field: value})
        assert str(caught.value) == f"{field}: {problem}"


def test_a_reason_does_not_repeat_what_may_be_a_secret() -> None:
    held = {"qrcode_key", "refresh_csrf", "refresh_token", "correspond_path"}
    refused = set()
    for endpoint in ENDPOINTS:
        for name in held & wire_types(endpoint.params).keys():
            with pytest.raises(InvalidParameter) as caught:
                decoder(endpoint.params)({name: "xyz" * 5000})
            assert "xyz" not in str(caught.value)
            refused.add(caught.value.field)
    assert refused == held


@given(st.dictionaries(st.sampled_from(["vmid", "ps", "pn", "order", "cursor"]), st.text()))
def test_any_text_decodes_or_is_refused(pairs: dict[str, str]) -> None:
    try:
        vmid = followings(pairs).vmid
    except InvalidParameter as error:
        vmid = 1 if error.field in {"vmid", "ps", "pn", "order", "cursor"} else 0
    assert 1 <= vmid < 2**63


@given(st.data())
def test_any_text_of_any_parameter_decodes_or_is_named(data: st.DataObject) -> None:
    endpoint = data.draw(st.sampled_from([one for one in ENDPOINTS if wire_types(one.params)]))
    name = data.draw(st.sampled_from(list(wire_types(endpoint.params))))
    text = data.draw(st.text() | st.integers().map(str) | st.floats().map(str))
    valid = {
        one.encode_name: SAMPLES.get(one.encode_name, "1")
        for one in msgspec.structs.fields(endpoint.params)
        if one.required
    }
    named = name
    try:
        decoder(endpoint.params)(valid | {name: text})
    except InvalidParameter as error:
        named = error.field
    assert named == name


def test_required_parameters_are_declared_first() -> None:
    """The first absent one is named as missing."""
    for endpoint in ENDPOINTS:
        required = [one.required for one in msgspec.structs.fields(endpoint.params)]
        assert required == sorted(required, reverse=True), endpoint.name


@pytest.mark.parametrize(
    ("values", "message", "mistyped"),
    [
        ({}, "fids: missing", True),
        ({"fids": [1], "act": 1}, "re_src: missing", True),
        ({"fids": 7}, "fids: cannot be of type int", True),
        ({"fids": "12"}, "fids: cannot be of type str", True),
        ({"fids": [1, "2"]}, "fids: must be a whole number", True),
        ({"fids": [1, 0]}, "fids: at least 1", False),
        ({"fids": []}, "fids: must not be empty", False),
        ({"fids": [1], "act": True}, "act: must be a whole number", True),
        ({"fids": [1], "act": 2}, "act: cannot be 2; one of 1, 5", False),
        ({"fids": [1], "act": 0}, "act: cannot be 0; one of 1, 5", False),
        ({"fids": [1], "act": 2**70}, "act: out of range", False),
        ({"re_src": 12, "fids": 0}, "re_src: cannot be 12; one of 11, 14, 115, 222", False),
        ({"other": 0, "act": 2}, "act: cannot be 2; one of 1, 5", False),
    ],
)
def test_the_error_of_typed_values(values: dict[str, object], message: str, mistyped: bool) -> None:
    error = invalid_parameter(values, BatchParams)
    assert str(error) == f"{error.field}: {error.problem}" == message
    assert error.mistyped == mistyped


def test_over_limit_returns_the_error_or_none() -> None:
    limits = Limits(page_size=100, ids_per_call=3)
    assert over_limit(FollowingsParams(vmid=1, ps=100), limits) is None
    error = over_limit(FollowingsParams(vmid=1, ps=101), limits)
    assert error is not None
    assert error.field == "ps"
    assert over_limit(ManyTargets([1, 2, 3]), limits) is None
    assert over_limit(ManyTargets([1, 2, 3, 3, 3]), limits) is None, "repeated ids count once"
    error = over_limit(ManyTargets([1, 2, 3, 4]), limits)
    assert error is not None
    assert error.field == "fids"


def test_a_choice_over_64_bits_is_out_of_range() -> None:
    with pytest.raises(InvalidParameter, match="out of range") as caught:
        batch(BATCH | {"act": "9" * 20})
    assert caught.value.field == "act"


def test_a_decoder_with_limits_refuses_larger_values() -> None:
    bounded = decoder(FollowingsParams, limits=Limits(page_size=20))
    assert bounded({"vmid": "1", "ps": "20"}).ps == 20
    with pytest.raises(InvalidParameter, match="at most 20"):
        bounded({"vmid": "1", "ps": "21"})


def test_defaults_and_types_for_the_documents() -> None:
    assert defaults(FollowingsParams) == {"order_type": "", "order": "desc", "ps": 50, "pn": 1}
    types = wire_types(MoveParams)
    assert list(types) == ["fids", "beforeTagids", "afterTagids"]
    assert is_list(types["fids"])
    assert not is_list(wire_types(FollowingsParams)["vmid"])
    assert not is_list(str)


#: How many items a page has if the request names no number, as the documents say.
_SIZES = {
    15: {"space.bangumi"},
    20: {
        *("me.history_cursor", "relation.game_followings", "relation.group_members"),
        *("space.tags", "space.media_list", "space.courses"),
        *("space.channels", "space.legacy_channels"),
    },
    30: {"space.videos", "space.audios", "space.articles", "space.albums"},
    50: {
        *("relation.followers", "relation.followings", "relation.app_followings"),
        *("relation.search", "relation.same", "relation.blacks"),
    },
    100: {
        *("me.history", "space.series_videos"),
        *("space.season_videos", "space.legacy_season_videos"),
    },
}


def test_a_page_has_the_documented_size_if_the_request_names_none() -> None:
    found: dict[int, set[str]] = {}
    for endpoint in ENDPOINTS:
        for one in msgspec.structs.fields(endpoint.params):
            if one.encode_name in {"ps", "page_size"} and not one.required:
                found.setdefault(one.default, set()).add(endpoint.name)
    assert found == _SIZES


def test_every_endpoint_decodes_its_defaults() -> None:
    for endpoint in ENDPOINTS:
        required = {
            one.encode_name: SAMPLES.get(one.encode_name, "1")
            for one in msgspec.structs.fields(endpoint.params)
            if one.required
        }
        assert isinstance(decoder(endpoint.params, endpoint.aliases)(required), endpoint.params)


def test_defaults_decode_to_themselves() -> None:
    """An absent field means the same as its default, when sent."""
    for endpoint in ENDPOINTS:
        decode = decoder(endpoint.params, endpoint.aliases)
        required = {
            one.encode_name: SAMPLES.get(one.encode_name, "1")
            for one in msgspec.structs.fields(endpoint.params)
            if one.required
        }
        sent = {
            name: str(int(value) if isinstance(value, bool) else value)
            for name, value in defaults(endpoint.params).items()
        }
        assert decode(required | sent) == decode(required), endpoint.name


@pytest.mark.parametrize(
    ("kind", "pairs", "field"),
    [
        (VideosParams, {"mid": "1", "order": "newest"}, "order"),
        (VideosParams, {"mid": "1", "keyword": "x" * 201}, "keyword"),
        (AudiosParams, {"uid": "1", "order": "4"}, "order"),
        (AudiosParams, {"uid": "1", "order": "first"}, "order"),
        (AudiosParams, {"uid": "1", "order": "1.0"}, "order"),
        (MediaListParams, {"biz_id": "1", "oid": "1e3"}, "oid"),
        (ArticlesParams, {"mid": "1", "ps": "31"}, "ps"),
        (ChannelsParams, {"mid": "1", "page_size": "10001"}, "page_size"),
        (DynamicsParams, {"host_mid": "1", "offset": "abc"}, "offset"),
        (DynamicsParams, {"host_mid": "1", "offset": "9" * 20}, "offset"),
        (OverviewParams, {"mid": "1", "callback": "alert(1)//"}, "callback"),
        (MediaListParams, {"biz_id": "1", "desc": "perhaps"}, "desc"),
        (HistoryCursorParams, {"business": "films"}, "business"),
        (ToviewDeletion, {"viewed": "1"}, "viewed"),
        (Names, {}, "names"),
        (Names, {"names": ",".join("x" * 51)}, "names"),
        (Correspondence, {"correspond_path": "../../etc"}, "correspond_path"),
        (ProfileEdit, EDIT | {"birthday": "tomorrow"}, "birthday"),
        (ProfileEdit, EDIT | {"sex": "?"}, "sex"),
    ],
)
def test_an_invalid_field_of_a_content_request_is_named(
    kind: type[Struct], pairs: dict[str, str], field: str
) -> None:
    with pytest.raises(InvalidParameter) as caught:
        decoder(kind)(pairs)
    assert caught.value.field == field


def test_names_are_text_even_if_they_look_like_numbers() -> None:
    assert decoder(Names)({"names": "here,1.0,3"}).names == ["here", "1.0", "3"]


def test_no_repr_of_a_sign_in_shows_its_token() -> None:
    for shown in (
        QrCode("SECRET", "SECRET"),
        QrState("SECRET", "SECRET"),
        RefreshedCookie(refresh_token="SECRET"),
        QrPoll("SECRET"),
        CookieRefresh(refresh_csrf="SECRET", refresh_token="SECRET"),
        RefreshConfirmation("SECRET"),
    ):
        assert "SECRET" not in repr(shown)
