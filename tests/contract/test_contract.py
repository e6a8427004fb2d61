"""The tables: endpoints, codes, limits."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
import pkgutil
import re
from collections import Counter
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

import guanxi
from guanxi import exceptions
from guanxi.contract import endpoints, errors, params, structs
from guanxi.contract.endpoint import Does, Endpoint, Login
from guanxi.contract.endpoints import (
    BY_NAME,
    CONFIRM_REFRESH,
    COOKIE_REFRESH,
    DOCUMENTED_RELATION,
    ENDPOINTS,
    FOLLOWINGS,
    MODIFY,
    MUTUAL,
    NAV,
)
from guanxi.contract.limits import ALL, PROFILES, Limits, limit_sources

#: The fields that identify something, and those that contain only such fields.
IDENTITIES = {"mid", "id", "aid", "relation", "be_relation", "meta", "info", "desc", "author"}


def test_the_24_endpoints_of_document_004() -> None:
    assert len(DOCUMENTED_RELATION) == 24
    assert [one for one in ENDPOINTS if one.seed.startswith("004")] == list(DOCUMENTED_RELATION)


@pytest.mark.parametrize("package", [endpoints, params, structs], ids=lambda one: one.__name__)
def test_names_are_unique_across_areas(package: ModuleType) -> None:
    """The package re-exports its areas' names: a repeated one would be hidden."""
    declared = Counter(
        name
        for area in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
        for name, value in vars(importlib.import_module(area.name)).items()
        if isinstance(value, Endpoint) or getattr(value, "__module__", "") == area.name
        if not name.startswith("_")
    )
    assert declared
    assert max(declared.values()) == 1, declared.most_common(3)
    assert declared.keys() <= vars(package).keys()


def test_names_and_addresses_are_unique() -> None:
    assert len(BY_NAME) == len(ENDPOINTS)
    addresses = Counter((endpoint.method, endpoint.path) for endpoint in ENDPOINTS)
    assert max(addresses.values()) == 1


def test_every_code_that_an_endpoint_may_answer_is_in_the_table() -> None:
    for endpoint in ENDPOINTS:
        assert endpoint.codes <= errors.CODES.keys(), endpoint.name


def test_sign_in_and_signature_imply_codes() -> None:
    assert FOLLOWINGS.codes == {-101, -352, -400, -403, -412, -503, -504, -799, 22115}
    assert {-101, -111, -102, 22120} <= MODIFY.codes
    assert -403 in MUTUAL.codes
    assert NAV.login is Login.OPTIONAL
    assert -111 not in NAV.codes
    for endpoint in ENDPOINTS:
        assert (-102 in endpoint.codes) == (endpoint.does is Does.WRITE), endpoint.name
    assert {endpoint.name for endpoint in ENDPOINTS if endpoint.does is Does.SIGN_IN} == {
        COOKIE_REFRESH.name,
        CONFIRM_REFRESH.name,
    }


def test_responses_decode_with_only_their_identities() -> None:
    for name, kind in vars(structs).items():
        if not (inspect.isclass(kind) and issubclass(kind, msgspec.Struct)):
            continue
        required = {one.name for one in msgspec.structs.fields(kind) if one.required}
        assert required <= IDENTITIES, name
        assert kind is msgspec.Struct or kind.__doc__, f"{name}: the user module's types show it"


#: What a field of a response has if the server leaves it out, where that is not nothing: states and
#: kinds that say "ordinary" or "none", the first page, and its size as documented.
_SAID = {
    "0": "OldDescription.orig_dy_id_str OldDescription.pre_dy_id_str OpusCounts.like",
    "1": "VideoMeta.copyright",
    "10000": "OldUserProfile.rank",
    "AUTHOR_TYPE_NORMAL": "DynamicAuthor.type",
    "MAJOR_TYPE_NONE": "Major.type",
    "RICH_TEXT_NODE_TYPE_TEXT": "RichText.type",
    "archive": "HistoryVideo.business",
    "auto": "SeriesMeta.creator",
    "vupload": "VideoPart.from",
    "{}": "OldDynamic.card OldDynamic.extend_json",
    "保密": "MyInfo.sex UserInfo.sex",
    -1: "ElecButton.state Jury.apply_status Official.type OfficialVerify.type",
    1: (
        "Dynamic.visible Requested.requested SignIn.status "  # true
        "ArticleList.state ArticlePage.pn Audio.crtype AudioPage.curPage Bangumi.season_type "
        "BangumiPage.pn ChosenVideo.copyright ChosenVideo.videos CountedPage.pn Course.page "
        "CoursePages.num HistoryVideo.copyright HistoryVideo.videos MediaItem.copy_right "
        "MediaItem.page NewestEpisode.season_type NumberedPage.page_num OldDescription.status "
        "OldDescription.uid_type Reservation.type SeriesMeta.category SizedPage.num "
        "ToviewVideo.copyright ToviewVideo.count ToviewVideo.videos Video.copyright "
        "Video.videos VideoPart.page"
    ),
    100: "Reservation.state",
    10000: "MyInfo.rank UserInfo.rank",
    15: "BangumiPage.ps",
    2: "MediaItem.type SeriesMeta.state",
    20: "CoursePages.size HistoryCursor.ps NumberedPage.page_size SizedPage.size",
    3: "HistoryVideo.type",
    30: "ArticlePage.ps AudioPage.pageSize CountedPage.ps",
    70: "MoralLog.moral",
}


def test_what_a_server_leaves_out_reads_as_nothing_or_as_listed() -> None:
    found: dict[object, list[str]] = {}
    for name, kind in vars(structs).items():
        if inspect.isclass(kind) and issubclass(kind, msgspec.Struct):
            for one in msgspec.structs.fields(kind):
                if one.default not in (msgspec.NODEFAULT, msgspec.UNSET) and one.default:
                    found.setdefault(one.default, []).append(f"{name}.{one.encode_name}")
    listed = {value: sorted(fields.split()) for value, fields in _SAID.items()}
    assert {value: sorted(fields) for value, fields in found.items()} == listed


def test_the_drawn_exception_tree_is_complete() -> None:
    drawn = re.findall(r"([├└]── )(\w+)(?: +(-?\d+))?", errors.__doc__ or "")
    named = {name: int(number) if number else None for _, name, number in drawn}
    classes = {
        name: kind
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, errors.ApiException)
    }
    assert named.keys() | {"ApiException"} == classes.keys()
    for name, number in named.items():
        kind = classes[name]
        if (
            issubclass(kind, errors.ResponseCodeException)
            and kind is not errors.ResponseCodeException
        ):
            assert kind.number == number, name


def test_every_code_has_a_meaning_and_a_source() -> None:
    for number, kind in errors.CODES.items():
        assert number == kind.number
        assert kind.wire_message
        assert kind.meaning
        assert kind.source


def test_a_code_of_other_servers_alone_is_answered_by_no_endpoint() -> None:
    foreign = {code for code, kind in errors.CODES.items() if "only other servers" in kind.source}
    assert foreign == {22015}
    for endpoint in ENDPOINTS:
        assert not foreign & ({*endpoint.codes} - {*endpoint.elsewhere}), endpoint.name


def test_a_run_stops_where_the_next_item_would_fail_alike() -> None:
    """At the end of a session or a limit, at a wrong signature, and where the server says stop."""
    stopping = {number for number, kind in errors.CODES.items() if kind.stops}
    assert stopping == {-101, -102, -111, -352, -403, -412, -503, -799, 22009, 22015}
    assert errors.error_for(-412, "x").stops
    skipping = {number for number, kind in errors.CODES.items() if kind.skips}
    assert skipping == {22001, 22002, 22003, 22013, 22014, 22105, 22120, 40061}
    assert not skipping & stopping
    assert not errors.error_for(12345, "an unknown code").stops


def test_error_for_returns_the_exception_of_a_code() -> None:
    error = errors.error_for(22014, "已经关注用户", {"code": 22014}, endpoint="relation.modify")
    assert type(error) is errors.AlreadyFollowing
    assert (error.code, error.message, error.raw) == (22014, "已经关注用户", {"code": 22014})
    assert "relation.modify" in str(error)
    assert "22014" in str(error)
    assert not error.can_retry
    assert errors.error_for(-503, "x").can_retry
    unknown = errors.error_for(12345, "新的")
    assert type(unknown) is errors.ResponseCodeException
    assert unknown.code == 12345
    for sent in (error, errors.refusal_of(22014, 1, 2)):
        back = pickle.loads(pickle.dumps(sent))
        assert (type(back), str(back), back.args) == (type(sent), str(sent), sent.args)
        assert (back.code, back.message, back.raw) == (sent.code, sent.message, sent.raw)


def test_the_text_of_an_exception_is_in_one_language_and_quotes_an_unusual_message() -> None:
    message = errors.AlreadyFollowing.wire_message
    usual = errors.error_for(22014, message, endpoint="relation.modify")
    assert usual.args[0].en == "relation.modify: code 22014, the caller already follows the target"
    assert usual.args[0].zh == "relation.modify: 22014，已经关注用户，无法重复关注"
    assert message in str(usual)
    other = errors.error_for(22014, "别的话")
    assert other.args[0].en.endswith("follows the target (the server's message: 别的话)")


def test_the_text_of_an_exception_contains_the_reason() -> None:
    message, reason = errors.BadRequest.wire_message, "vmid: missing"
    error = errors.error_for(-400, message, reason=reason, endpoint="relation.stat")
    assert error.reason == reason
    assert str(error) == "relation.stat: code -400, 请求错误 (vmid: missing)"
    assert error.args[0].en == "relation.stat: code -400, the request is invalid (vmid: missing)"
    assert error.args[0].zh == "relation.stat: -400，请求错误（vmid: missing）"
    assert errors.error_for(-400, message).reason == ""
    back = pickle.loads(pickle.dumps(error))
    assert (back.reason, str(back), back.args) == (reason, str(error), error.args)
    refused = errors.WbiRetryTimesExceedException("w_rid: wrong")
    assert (refused.reason, str(refused).endswith("fresh keys (w_rid: wrong)")) == (
        "w_rid: wrong",
        True,
    )
    assert refused.args[0].zh == "换用新密钥后，wbi 签名仍被拒绝（w_rid: wrong）"


@pytest.mark.parametrize("kind", errors.CredentialException.__subclasses__())
def test_a_credential_error_names_the_missing_part(kind: type[errors.CredentialException]) -> None:
    assert kind.part in str(kind())


def test_other_errors_carry_their_details() -> None:
    assert errors.NetworkException(502, "bad gateway").status == 502
    assert errors.NetworkException(0, "refused", sent=False).sent is False
    answer = errors.AnswerException("not JSON", path="$.data", endpoint="web.nav")
    assert str(answer) == "web.nav: not JSON"
    assert (answer.path, answer.endpoint) == ("$.data", "web.nav")
    assert str(errors.AnswerException("not JSON")) == "not JSON"
    assert "fresh keys" in str(errors.WbiRetryTimesExceedException())
    assert errors.StatementException("pn").msg == "pn"


def test_an_error_of_a_code_can_be_made_by_name() -> None:
    error = errors.ResponseCodeException(code=-1, msg="说明")
    assert (error.code, error.msg, error.message, error.raw) == (-1, "说明", "说明", None)
    assert str(error) == "code -1, 说明 (the server refused)"


@pytest.mark.parametrize(
    "error",
    [
        errors.ArgsException("pn: at least 1"),
        errors.MistypedArgsException("pn: must be a whole number"),
        errors.StatementException("pn: at least 1"),
        errors.NetworkException(502, "bad gateway", sent=False),
        errors.error_for(-412, "说明", {"a": 1}, reason="why", endpoint="web.nav", status=412),
        errors.error_for(99999, "说明", status=500),
        errors.refusal_of(22014, 1, 2),
        errors.WbiRetryTimesExceedException("w_rid: wrong"),
        errors.CredentialNoSessdataException(),
        errors.AnswerException("not JSON", path="$.data", endpoint="web.nav"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_pickle_and_a_copy_of_an_error_are_the_same(error: errors.ApiException) -> None:
    for back in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(back) is type(error)
        assert (str(back), back.args, vars(back)) == (str(error), error.args, vars(error))


def test_invalid_arguments_can_be_caught_as_python_s_own_errors() -> None:
    assert errors.ArgsException.__bases__ == (errors.ApiException, ValueError)
    assert issubclass(errors.MistypedArgsException, TypeError)
    assert not issubclass(errors.StatementException, TypeError)


def test_guanxi_exceptions_has_every_exception_and_no_other_name() -> None:
    assert set(exceptions.__all__) == {
        name
        for name in guanxi.__all__
        if isinstance(value := getattr(guanxi, name), type)
        and issubclass(value, errors.ApiException)
    }
    for name in exceptions.__all__:
        assert getattr(exceptions, name) is getattr(guanxi, name)


#: What the documents say, and users report, in their own numbers.
DOCUMENTED = {
    "ids_per_call": 50,
    "following_cap": 3000,
    "others_followings": 100,
    "followers": 1000,
    "app_pages": 5,
    "search_pages": 5,
    "group_name": 16,
    "nickname_least": 2,
    "nickname": 16,
    "signature": 70,
    "notice": 150,
    "toview": 100,
    "masterpieces": 3,
    "opus_page": 20,
    "qr_seconds": 180,
}


def test_every_limit_has_a_source_and_the_documented_ones_their_numbers() -> None:
    sources = limit_sources()
    assert sources.keys() == {one.name for one in msgspec.structs.fields(Limits)}
    assert all(sources.values())
    ours = {name for name, source in sources.items() if source.startswith("ours: ")}
    everything = {"own_followings", "unpaged", "attentions"}
    assert sources.keys() - ours - everything == DOCUMENTED.keys()
    limits = PROFILES["documented"].limits
    assert {name: getattr(limits, name) for name in DOCUMENTED} == DOCUMENTED
    assert {getattr(limits, name) for name in everything} == {ALL}
    assert PROFILES["open"].cursors
    assert not PROFILES["documented"].cursors


def test_the_limits_of_a_profile_never_change() -> None:
    for one in msgspec.structs.fields(Limits):
        with pytest.raises(AttributeError):
            setattr(PROFILES["documented"].limits, one.name, 1)


def test_wire_names_of_responses_are_only_in_the_contract() -> None:
    """A spelling of a response such as ``vipType`` is in one room, and in generated files."""
    wire = {
        one.encode_name
        for kind in vars(structs).values()
        if inspect.isclass(kind) and issubclass(kind, msgspec.Struct)
        for one in msgspec.structs.fields(kind)
        if one.encode_name != one.encode_name.lower()
    }
    root = Path(inspect.getfile(guanxi)).parent
    others = set(root.rglob("*.py")) - set((root / "contract").rglob("*.py"))
    for path in others - {root / "user/_shapes.py"}:
        assert not [name for name in wire if name in path.read_text("utf-8")], path
