"""Bad input: the documented code, a message that names the field, and a store as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from guanxi.testing import RunningService, SignedIn
from tests.service.client import Fields, call, contents, follow, fresh, modify

#: Endpoint, fields, code, the field that the message names.
Case = tuple[Endpoint, Fields, int, str]

_NUMBERS = ["x", "1.5", "1e3", "1.0", "0x1", "+1", " 1", "1_0", "１", "true", "null", "NaN"]
_OUT_OF_RANGE = ["0", "-1", str(2**63), "9" * 40, "-" + "9" * 40]
_RIGHT = {"fid": "2", "act": "1", "re_src": "11"}


def _cases() -> Iterator[Case]:
    yield e.FOLLOWINGS, "", -400, "vmid"
    yield e.FOLLOWINGS, "vmid=1&vmid=2", -400, "vmid"
    yield e.FOLLOWINGS, "vmid=1&ps=1&ps=1", -400, "ps"
    for wrong in [*_NUMBERS, *_OUT_OF_RANGE]:
        yield e.FOLLOWINGS, {"vmid": wrong}, -400, "vmid"
        yield e.FOLLOWINGS, {"vmid": "1", "pn": wrong}, -400, "pn"
        yield e.MODIFY, {**_RIGHT, "fid": wrong}, -400, "fid"
        yield e.RELATIONS, {"fids": f"1,{wrong}"}, -400, "fids"
        yield e.BATCH_MODIFY, {"fids": f"1,{wrong}", "act": 1, "re_src": 11}, -400, "fids"
    for endpoint in (e.FOLLOWERS, e.FOLLOWINGS, e.APP_FOLLOWINGS, e.GAME_FOLLOWINGS, e.SEARCH):
        for wrong in ["0", "-1", "101", "many", str(2**63)]:
            yield endpoint, {"vmid": "1", "ps": wrong}, -400, "ps"
    for wrong in ["101", "0"]:
        yield e.SAME, {"vmid": "1", "ps": wrong}, -400, "ps"
        yield e.BLACKS, {"ps": wrong}, -400, "ps"
        yield e.GROUP_MEMBERS, {"tagid": 0, "ps": wrong}, -400, "ps"
    yield e.FOLLOWINGS, {"vmid": "1", "order": "newest"}, -400, "order"
    yield e.FOLLOWINGS, {"vmid": "1", "order_type": "visits"}, -400, "order_type"
    yield e.FOLLOWINGS, "vmid=%zz", -400, "vmid"
    yield e.FOLLOWINGS, "vmid=1&pn=%e4%b8", -400, "pn"
    for huge in ["9" * 20, "-" + "9" * 20, str(2**63), str(2**64)]:
        yield e.MODIFY, {**_RIGHT, "act": huge}, -400, "act"
        yield e.MODIFY, {**_RIGHT, "re_src": huge}, -400, "re_src"
    for wrong in ["x", "0", str(2**63), "1,x"]:
        yield e.RELATIONS, {"fid": wrong}, -400, "fid"
        yield e.RELATIONS, {"fids": wrong, "fid": "1"}, -400, "fids"
        yield e.BATCH_MODIFY, {"fid": wrong, "act": 1, "re_src": 11}, -400, "fid"
    yield e.SEARCH, {"vmid": "1", "name": "x" * 201}, -400, "name"
    yield e.SEARCH, "vmid=1&name=%ff", -400, "name"
    for missing, value in _RIGHT.items():
        kept = {name: other for name, other in _RIGHT.items() if name != missing}
        yield e.MODIFY, kept, -400, missing
        yield e.MODIFY, [*_RIGHT.items(), (missing, value)], -400, missing
    for wrong in ["0", "3", "8", "-1", "x"]:
        yield e.MODIFY, {**_RIGHT, "act": wrong}, -400, "act"
    for wrong in ["2", "3", "4", "6", "7"]:
        yield e.BATCH_MODIFY, {"fids": "2", "act": wrong, "re_src": 11}, -400, "act"
    for wrong in ["0", "12", "-1", "x"]:
        yield e.MODIFY, {**_RIGHT, "re_src": wrong}, -400, "re_src"
    # An empty value of a field that cannot be empty counts as absent.
    yield e.FOLLOWINGS, {"vmid": "", "ps": "1"}, -400, "vmid"
    yield e.NAME_TO_UID, {"names": ""}, -400, "names"
    for fid in ({"fids": ""}, {"fid": ""}, {"fids": "", "fid": ""}):
        yield e.RELATIONS, fid, -400, "fids"
        yield e.BATCH_MODIFY, {**fid, "act": 1, "re_src": 11}, -400, "fids"
    for empty in _RIGHT:
        yield e.MODIFY, {**_RIGHT, empty: ""}, -400, empty
    thousand = ",".join(map(str, range(1, 1001)))
    for endpoint in (e.BATCH_MODIFY, e.RELATIONS, e.SET_MEMBERS, e.COPY_MEMBERS):
        yield endpoint, {"fids": thousand, "act": 1, "re_src": 11, "tagids": 0}, -400, "fids"
        yield endpoint, {"fids": ",,", "act": 1, "re_src": 11, "tagids": 0}, -400, "fids"
        yield endpoint, {"act": 1, "re_src": 11, "tagids": 0}, -400, "fids"
        if endpoint.aliases:
            yield endpoint, {"fid": thousand, "act": 1, "re_src": 11}, -400, "fid"
    for name in ["字" * 17, "🙂" * 17, "", "   ", "\u3000"]:
        yield e.CREATE_GROUP, {"tag": name}, 22103, "tag"
    for name in ["a\x00b", "a\nb", "a\x7fb", "a\u2028b", "\x1b[31m"]:
        yield e.CREATE_GROUP, {"tag": name}, -400, "tag"
    for name in ["特别关注", "默认分组", " 默认分组 "]:
        yield e.CREATE_GROUP, {"tag": name}, 22106, "tag"
    yield e.CREATE_GROUP, {}, -400, "tag"
    yield e.RENAME_GROUP, {"tagid": 99, "name": "x"}, 22104, "tagid"
    for fixed in ["0", "-10"]:
        yield e.RENAME_GROUP, {"tagid": fixed, "name": "x"}, -400, "tagid"
        yield e.DELETE_GROUP, {"tagid": fixed}, -400, "tagid"
    yield e.DELETE_GROUP, {"tagid": 99}, -400, "tagid"
    yield e.DELETE_GROUP, {"tagid": -11}, -400, "tagid"
    yield e.GROUP_MEMBERS, {"tagid": 99}, 22104, "tagid"
    yield e.SET_MEMBERS, {"fids": 2, "tagids": 99}, 22104, "tagids"
    yield e.COPY_MEMBERS, {"fids": 2, "tagids": "0,99"}, 22104, "tagids"
    yield e.MOVE_MEMBERS, {"fids": 2, "beforeTagids": 99, "afterTagids": 0}, 22104, "beforeTagids"
    yield e.MOVE_MEMBERS, {"fids": 2, "beforeTagids": 0, "afterTagids": 99}, 22104, "afterTagids"
    yield e.MOVE_MEMBERS, {"fids": 2, "beforeTagids": 0}, -400, "afterTagids"


@pytest.fixture(scope="module")
def caller(documented: RunningService) -> SignedIn:
    """Somebody with a following, a block and a group, so that there is something to spoil."""
    caller, followed, blocked = fresh(documented, 3)
    follow(documented, caller, followed)
    assert modify(documented, caller, blocked.mid, 5).code == 0
    made = call(documented, e.CREATE_GROUP, caller, {"tag": "组"})
    grouped = {"fids": followed.mid, "tagids": f"-10,{made.data['tagid']}"}
    assert call(documented, e.SET_MEMBERS, caller, grouped).code == 0
    return caller


def test_bad_input_is_named_and_changes_nothing(
    documented: RunningService, caller: SignedIn
) -> None:
    before = contents(documented)
    for endpoint, fields, code, named in _cases():
        answer = call(documented, endpoint, caller, fields)
        details = (endpoint.name, fields, answer.raw.decode())
        assert (answer.status, answer.code) == (200, code), details
        assert named in answer.message.rpartition("(")[2].partition(":")[0].split(", "), details
        assert "Traceback" not in answer.message, details
        if endpoint.envelope == "biligame":
            assert "data" not in answer.body, details
    assert contents(documented) == before


def test_messages_name_the_field_in_both_languages(
    documented: RunningService, caller: SignedIn
) -> None:
    answer = call(documented, e.FOLLOWINGS, caller, {"vmid": 1, "ps": 101})
    assert answer.message == "请求错误: ps 不得大于 100 (ps: at most 100)"


def test_a_number_too_large_is_reported_as_too_large(
    documented: RunningService, caller: SignedIn
) -> None:
    for huge in ("9" * 20, "-" + "9" * 20):
        answer = call(documented, e.MODIFY, caller, {**_RIGHT, "act": huge})
        assert answer.message == "请求错误: act 超出范围 (act: out of range)"


def test_fields_that_are_not_read_may_be_anything(
    documented: RunningService, open_service: RunningService, caller: SignedIn
) -> None:
    odd = "x=%&y=%zz&%=1&%ff=%ff&w_rid=1&w_rid=%&wts=%zz&wts=&csrf=1&csrf=%ff&x=1&x=1"
    for endpoint in (e.FOLLOWERS, e.LEGACY_MUTUAL, e.STAT, e.APP_FOLLOWINGS, e.GAME_FOLLOWINGS):
        right = f"vmid={caller.mid}&mid={caller.mid}&fid={caller.mid}"
        assert call(documented, endpoint, caller, f"{right}&{odd}").code == 0, endpoint.name
    keys = "access_key=%&access_key=x&access_key=x"
    for endpoint in (e.NAV, e.BUVID, e.GAME_FOLLOWINGS):
        response = call(documented, endpoint, caller, f"vmid=1&{keys}&appkey=%&sign=1&sign=1")
        assert response.code == 0, endpoint.name
    one, other = fresh(documented, 2)
    form = f"fid={other.mid}&act=1&re_src=11&cursor=%&cursor=1&cursor=1&{odd[:37]}&x=%zz"
    query = f"cross_domain=true&cursor=%zz&{odd[:37]}&fid=x&act=0&re_src=&csrf=x"
    assert call(documented, e.MODIFY, one, form, query=query).code == 0
    # A profile without cursors does not read one.
    for fields in ("cursor=%zz", "cursor=1&cursor=2", "cursor=" + "x" * 100):
        assert call(documented, e.WHISPERS, one, fields).code == 0
        [here] = fresh(open_service)
        answer = call(open_service, e.WHISPERS, here, fields)
        assert (answer.code, "(cursor: " in answer.message) == (-400, True)


def test_a_long_wrong_value_is_not_repeated_whole(
    documented: RunningService, caller: SignedIn
) -> None:
    answer = call(documented, e.FOLLOWINGS, caller, {"vmid": 1, "order": "x" * 10_000})
    assert answer.code == -400
    assert "(order: cannot be 'xxx" in answer.message
    assert len(answer.message) < 200


def test_somebody_elses_group(documented: RunningService, caller: SignedIn) -> None:
    [other, followed] = fresh(documented, 2)
    follow(documented, other, followed)
    follow(documented, caller, followed)
    group = call(documented, e.CREATE_GROUP, other, {"tag": "别人的"}).data["tagid"]
    before = contents(documented)
    for endpoint, fields, code in [
        (e.GROUP_MEMBERS, {"tagid": group}, 22104),
        (e.RENAME_GROUP, {"tagid": group, "name": "我的"}, 22104),
        (e.DELETE_GROUP, {"tagid": group}, -400),
        (e.SET_MEMBERS, {"fids": followed.mid, "tagids": group}, 22104),
        (e.COPY_MEMBERS, {"fids": followed.mid, "tagids": group}, 22104),
        (e.MOVE_MEMBERS, {"fids": followed.mid, "beforeTagids": group, "afterTagids": 0}, 22104),
    ]:
        assert call(documented, endpoint, caller, fields).code == code, endpoint.name
    assert contents(documented) == before


def test_group_changes_are_all_or_nothing(documented: RunningService, caller: SignedIn) -> None:
    followed, stranger = fresh(documented, 2)
    follow(documented, caller, followed)
    before = contents(documented)
    for fids in (f"{followed.mid},{stranger.mid}", f"{stranger.mid},{followed.mid}"):
        for endpoint in (e.SET_MEMBERS, e.COPY_MEMBERS):
            answer = call(documented, endpoint, caller, {"fids": fids, "tagids": -10})
            assert answer.code == 22105
            assert "(fids: " in answer.message
    assert contents(documented) == before


def test_names_at_the_limit_are_accepted(documented: RunningService) -> None:
    [caller] = fresh(documented)
    for name in ["字" * 16, "🙂" * 16, "a", "🙂", "-10"]:
        assert call(documented, e.CREATE_GROUP, caller, {"tag": f"  {name} "}).code == 0
    groups = call(documented, e.GROUPS, caller).data
    names = [group["name"] for group in groups]
    assert names == ["特别关注", "默认分组", "字" * 16, "🙂" * 16, "a", "🙂", "-10"]
    assert [group["tagid"] for group in groups[:2]] == [-10, 0]
    assert groups[0]["tip"] == "第一时间收到该分组下用户更新稿件的通知"
    assert all(100_000 <= group["tagid"] < 2**31 for group in groups[2:])


def test_too_many_groups(documented: RunningService) -> None:
    [caller] = fresh(documented)
    for number in range(200):
        assert call(documented, e.CREATE_GROUP, caller, {"tag": f"g{number}"}).code == 0
    answer = call(documented, e.CREATE_GROUP, caller, {"tag": "one more"})
    assert answer.code == -400
    assert "(tag: " in answer.message
    assert len(call(documented, e.GROUPS, caller).data) == 202


def test_repeated_ids_count_once(documented: RunningService) -> None:
    caller, *others = fresh(documented, 51)
    mids = [one.mid for one in others]
    fids = ",".join(map(str, mids * 20))
    fields = {"fids": fids, "act": 1, "re_src": 11}
    answer = call(documented, e.BATCH_MODIFY, caller, fields)
    assert answer.data == {"failed_fids": []}
    counts = call(documented, e.STAT, caller, {"vmid": caller.mid}).data
    assert counts["following"] == 50
    many = call(documented, e.RELATIONS, caller, {"fids": fids}).data
    assert many.keys() == {str(mid) for mid in mids}
    special = {"fids": mids[0], "tagids": -10}
    assert call(documented, e.SET_MEMBERS, caller, special).code == 0
    few = call(documented, e.RELATIONS, caller, {"fids": f"{mids[0]},{mids[0]}"}).data
    assert few[str(mids[0])]["tag"] == [-10]
    fields["fids"] = f"{fids},{caller.mid}"
    assert call(documented, e.BATCH_MODIFY, caller, fields).code == -400


def test_unknown_fields_and_second_names(documented: RunningService) -> None:
    caller, other = fresh(documented, 2)
    fields = {"fid": f"{other.mid}", "act": 1, "re_src": 11, "spmid": "x", "": "y", "cursor": "?"}
    assert call(documented, e.BATCH_MODIFY, caller, fields).data == {"failed_fids": []}
    relations = call(documented, e.RELATIONS, caller, {"fid": other.mid}).data
    assert relations[str(other.mid)]["attribute"] == 2
    answer = call(documented, e.FOLLOWINGS, caller, f"vmid={caller.mid}&&x&cursor=?&=&x=1&x=+")
    assert answer.data["total"] == 1
    assert "cursor" not in answer.data
