"""The caller's own account: what only it may read, and what it may change."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from guanxi.accounts.account import Card, Privacy, State
from guanxi.contract import endpoints as e
from guanxi.contract import structs as s
from guanxi.contract.endpoint import Endpoint
from guanxi.operations import accounts
from guanxi.stores.port import EdgeRow, StoreUnavailable
from guanxi.testing import RunningService, running
from guanxi.world import mine, profile
from tests.counts import count
from tests.service.content_fixtures import ask, put, read, someone, stored, succeed
from tests.service.faults import faulty_service

_DAY = 86_400


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running() as running_service:
        yield running_service


_OWN_ENDPOINTS = [
    e.MY_INFO,
    e.COINS,
    e.HISTORY,
    e.HISTORY_CURSOR,
    e.TOVIEW,
    e.NOTES,
    e.PUBLIC_NOTES,
    e.EXPERIENCE_LOG,
    e.MORAL_LOG,
    e.LOGIN_LOG,
    e.JURY,
    e.EVENTS,
    e.FAN_REPORT,
    e.EDIT,
    e.SET_NOTICE,
    e.CLEAR_TOVIEW,
    e.DELETE_VIEWED,
]


@pytest.mark.parametrize("endpoint", _OWN_ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_a_session_is_required(service: RunningService, endpoint: Endpoint) -> None:
    assert ask(service, endpoint).code == -101
    assert ask(service, endpoint, "SESSDATA=of-nobody").code == -101


@pytest.mark.parametrize(
    "endpoint",
    [endpoint for endpoint in _OWN_ENDPOINTS if endpoint.method == "POST"],
    ids=lambda endpoint: endpoint.name,
)
def test_changes_require_the_session_csrf(service: RunningService, endpoint: Endpoint) -> None:
    account, other = someone(service), someone(service)
    assert ask(service, endpoint, account, csrf="").code == -111
    assert ask(service, endpoint, account, csrf=other.bili_jct).code == -111


# --- the account ---


def test_info_shows_card_profile_and_counts(service: RunningService) -> None:
    card = Card(
        name="自己",
        face="f",
        sign="签",
        vip_type=1,
        vip_status=1,
        official_type=0,
        official_desc="d",
    )
    me, fan = someone(service, card), someone(service)
    put(
        service,
        me.mid,
        profile.PROFILE,
        profile.Profile(
            sex="男",
            birthday="2000-01-02",
            experience=4_600,
            coins=3.5,
            moral=65,
            joined=1_400_000_000,
            official_role=1,
            official_title="t",
            identified=True,
            telephone=False,
            pendant=s.Pendant(pid=2),
            nameplate=s.Nameplate(nid=3),
        ),
    )
    assert ask(service, e.MODIFY, fan, fid=me.mid, act=1, re_src=11).code == 0
    data = read(service, e.MY_INFO, me)
    assert (data.mid, data.name, data.face, data.sign, data.sex) == (
        me.mid,
        "自己",
        "f",
        "签",
        "男",
    )
    assert data.birthday == 946_742_400  # 2000-01-02 00:00 in Beijing
    assert data.level_exp == s.LevelInfo(4, 4_500, 4_600, 10_800)
    assert (data.level, data.coins, data.moral, data.jointime) == (4, 3.5, 65, 1_400_000_000)
    assert (data.follower, data.following) == (1, 0)
    assert (data.identification, data.tel_status, data.email_status) == (1, 0, 1)
    assert data.official == s.Official(1, "t", "d", 0)
    assert (data.vip.type, data.vip.role) == (1, 1)
    assert (data.pendant.pid, data.nameplate.nid, data.silence) == (2, 3, 0)


def test_info_of_a_plain_or_banned_account(service: RunningService) -> None:
    me = someone(service)
    data = read(service, e.MY_INFO, me)
    assert (data.birthday, data.level, data.coins, data.silence) == (0, 0, 0, 0)
    service.set_state(me.mid, State.BANNED)
    assert read(service, e.MY_INFO, me).silence == 1


@pytest.mark.parametrize("birthday", ["2000-02-30", "January", "01-02"])
def test_a_stored_birthday_that_is_no_day(birthday: str, service: RunningService) -> None:
    me = someone(service)
    put(service, me.mid, profile.PROFILE, profile.Profile(birthday=birthday))
    assert read(service, e.MY_INFO, me).birthday == 0


_EDIT = {"birthday": "1990-12-31", "sex": "女", "uname": "新名", "usersign": "新签"}


def test_edit_changes_four_fields_and_keeps_the_others(service: RunningService) -> None:
    me = someone(service, Card(name="旧名编辑", face="f", sign="旧", vip_type=1))
    service.set_privacy(me.mid, Privacy(hide_followers=True))
    before = profile.Profile(experience=200, coins=7, sex="男", hides=frozenset({"tags"}))
    put(service, me.mid, profile.PROFILE, before)
    succeed(service, e.EDIT, me, **_EDIT)
    data = read(service, e.SPACE_INFO, me, mid=me.mid)
    assert (data.name, data.sign, data.sex, data.birthday) == ("新名", "新签", "女", "12-31")
    assert (data.face, data.level, data.coins) == ("f", 2, 7)
    assert stored(service, me.mid, profile.PROFILE) == replace(
        before, sex="女", birthday="1990-12-31"
    )
    assert ask(service, e.FOLLOWERS, someone(service), vmid=me.mid).code == 22118
    succeed(service, e.EDIT, me, **_EDIT, note="the same again")


@pytest.mark.parametrize(
    ("invalid", "code"),
    [
        ({"birthday": "1990-02-30"}, -400),
        ({"birthday": "1990-2-3"}, -400),
        ({"birthday": "0000-01-01"}, -400),
        ({"sex": "x"}, -400),
        ({"uname": "字" * 17}, 40005),
        ({"uname": "字"}, 40006),
        ({"uname": "a b"}, 40004),
        ({"usersign": "字" * 71}, 40022),
        ({"usersign": "好😀"}, 40021),
        ({"birthday": "1990-02-30", "uname": "字"}, -400),
        ({"uname": "字", "usersign": "字" * 71}, 40006),
    ],
)
def test_edit_refuses_and_changes_nothing(
    service: RunningService, invalid: dict[str, str], code: int
) -> None:
    me = someone(service)
    before = read(service, e.MY_INFO, me)
    assert ask(service, e.EDIT, me, **{**_EDIT, "uname": f"n{me.mid}", **invalid}).code == code
    assert read(service, e.MY_INFO, me) == before


@pytest.mark.parametrize("verb", ["put", "edit_account"])
def test_a_failed_edit_changes_nothing(tmp_path: Path, verb: str) -> None:
    with faulty_service(tmp_path) as (service, store):
        me = someone(service, Card(name="旧名", sign="旧签"))
        before = read(service, e.SPACE_INFO, me, mid=me.mid)
        store.verbs, store.error = frozenset({verb}), StoreUnavailable("the disk is full")
        answer = ask(service, e.EDIT, me, **_EDIT)
        store.error = None
        after = read(service, e.SPACE_INFO, me, mid=me.mid)
        changed = (after.name, after.sign, after.sex) == ("新名", "新签", "女")
        assert (answer.code, after == before, changed) in ((0, False, True), (-503, True, False))


def test_an_edit_keeps_what_administration_changes_meanwhile(service: RunningService) -> None:
    me = someone(service, Card(name="两边"))
    names = ["两边", "两边2"]

    faces = itertools.count()
    with ThreadPoolExecutor() as pool:
        for turn in range(count(20, 100)):
            edit = {**_EDIT, "uname": names[turn % 2]}
            edited, face = pool.submit(succeed, service, e.EDIT, me, **edit), ""
            while not edited.done():
                face = f"f{next(faces)}"
                service.do(partial(accounts.put, mid=me.mid, card={"face": face}))
            edited.result()
            data = read(service, e.SPACE_INFO, me, mid=me.mid)
            assert (data.name, data.face) == (names[turn % 2], face)


def test_of_accounts_that_edit_to_one_name_one_gets_it(service: RunningService) -> None:
    sessions = [someone(service) for _ in range(8)]
    edit = {**_EDIT, "uname": "大家都要"}
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda session: ask(service, e.EDIT, session, **edit).code, sessions)
    assert sorted(answers) == [0] + [40014] * 7


def test_edit_requires_all_four_fields(service: RunningService) -> None:
    me = someone(service)
    for missing in _EDIT:
        fields = {name: value for name, value in _EDIT.items() if name != missing}
        response = ask(service, e.EDIT, me, **fields)
        assert response.code == -400
        assert response.reason == f"{missing}: missing"


def test_edit_refuses_a_name_in_use(service: RunningService) -> None:
    me = someone(service)
    owner = someone(service, Card(name="有人的"))
    assert ask(service, e.EDIT, me, **{**_EDIT, "uname": "有人的"}).code == 40014
    service.set_state(owner.mid, State.DEREGISTERED)
    succeed(service, e.EDIT, me, **{**_EDIT, "uname": "有人的"})


# --- the notice ---


def test_set_notice_replaces_or_deletes_the_notice(service: RunningService) -> None:
    me = someone(service)

    def notice() -> str:
        text: str = read(service, e.SPACE_NOTICE, mid=me.mid)
        return text

    assert ask(service, e.SET_NOTICE, me, notice="").code == -304
    succeed(service, e.SET_NOTICE, me, notice="公" * 150)
    assert notice() == "公" * 150
    assert ask(service, e.SET_NOTICE, me, notice="公" * 150).code == -304
    too_long = ask(service, e.SET_NOTICE, me, notice="公" * 151)
    assert too_long.code == -400
    assert too_long.reason == "notice: at most 150 characters"
    assert notice() == "公" * 150
    succeed(service, e.SET_NOTICE, me, notice="")
    assert notice() == ""
    assert stored(service, me.mid, profile.NOTICE) is None


def test_a_form_in_the_query_is_ignored(service: RunningService) -> None:
    """The documented module sends the fields twice; those in the query are empty."""
    me = someone(service)
    with_query = replace(e.SET_NOTICE, path=f"{e.SET_NOTICE.path}?notice=&csrf=")
    succeed(service, with_query, me, notice="新公告")
    assert read(service, e.SPACE_NOTICE, mid=me.mid) == "新公告"


# --- coins ---


def test_coins_are_null_for_0(service: RunningService) -> None:
    me = someone(service)
    none = ask(service, e.COINS, me)
    assert none.body == {"code": 0, "status": True, "data": {"money": None}}
    put(service, me.mid, profile.PROFILE, profile.Profile(coins=1024.5))
    data = ask(service, e.COINS, me).body
    assert data == {"code": 0, "status": True, "data": {"money": 1024.5}}


def test_coins_refuse_a_cookie_of_another_account(service: RunningService) -> None:
    me = someone(service)
    assert ask(service, e.COINS, f"{me.cookie}; DedeUserID={me.mid}").code == 0
    refused = ask(service, e.COINS, f"{me.cookie}; DedeUserID={me.mid + 1}")
    assert refused.code == -101
    assert refused.body["status"] is False
    assert refused.reason == "DedeUserID: not the mid of this session"


# --- logs, jury, events, report ---


def test_the_experience_log_covers_the_week_before_its_newest_line(service: RunningService) -> None:
    me = someone(service)
    assert read(service, e.EXPERIENCE_LOG, me) == s.ExperienceLog()
    newest = 1_700_000_000
    ages = [0, 1, 3 * _DAY, 7 * _DAY - 1, 7 * _DAY, 7 * _DAY + 1, 30 * _DAY]
    put(
        service,
        me.mid,
        mine.EXPERIENCE,
        *(
            mine.Change(number, newest - age, number, f"因{number}")
            for number, age in enumerate(ages)
        ),
    )
    data = read(service, e.EXPERIENCE_LOG, me)
    assert [item.reason for item in data.items] == ["因0", "因1", "因2", "因3"]
    assert data.count == 4
    assert data.items[0] == s.Experience(0, "2023-11-15 06:13:20", "因0")


def test_the_moral_log_is_newest_first(service: RunningService) -> None:
    me = someone(service)
    assert read(service, e.MORAL_LOG, me) == s.MoralLog(70)
    put(service, me.mid, profile.PROFILE, profile.Profile(moral=68))
    put(
        service,
        me.mid,
        mine.MORAL,
        mine.Change(1, 1_700_000_000, -2, "减"),
        mine.Change(2, 1_700_000_001, 1, "加"),
    )
    data = read(service, e.MORAL_LOG, me)
    assert (data.moral, data.count) == (68, 2)
    assert data.items == [
        {"delta": 1, "time": "2023-11-15 06:13:21", "reason": "加"},
        {"delta": -2, "time": "2023-11-15 06:13:20", "reason": "减"},
    ]


def test_the_login_log_is_newest_first(service: RunningService) -> None:
    me = someone(service)
    assert read(service, e.LOGIN_LOG, me) == s.LoginLog()
    put(
        service,
        me.mid,
        mine.SIGN_IN,
        mine.SignedIn(1, 1_700_000_000, "1.2.*.*", "北京", ok=False, type=3),
        mine.SignedIn(2, 1_700_000_001),
    )
    data = read(service, e.LOGIN_LOG, me)
    assert data.count == 2
    assert data.items == [
        s.SignIn(time=1_700_000_001, time_at="2023-11-15 06:13:21"),
        s.SignIn("1.2.*.*", 1_700_000_000, "2023-11-15 06:13:20", False, 3, "北京"),
    ]


def test_jury_reads_name_and_face_from_the_card(service: RunningService) -> None:
    me = someone(service, Card(name="众裁", face="f"))
    assert read(service, e.JURY, me) == s.Jury(uname="众裁", face="f")
    put(service, me.mid, profile.JURY, s.Jury(status=1, case_total=7, term_end=9, uname="旧名"))
    expected = s.Jury(status=1, case_total=7, term_end=9, uname="众裁", face="f")
    assert read(service, e.JURY, me) == expected
    assert read(service, e.JURY, access_key=service.access_key(me.mid)) == expected


def test_events_are_earliest_first_from_ts_on(service: RunningService) -> None:
    me = someone(service, Card(name="我", sign="签", vip_type=2, vip_status=1))
    put(service, me.mid, profile.PROFILE, profile.Profile(joined=5, identified=True))
    put(
        service,
        me.mid,
        mine.EVENT,
        *(mine.Happened(number, 10 * number, f"事{number}") for number in (3, 1, 2)),
    )
    data = read(service, e.EVENTS, me)
    assert data.events == [s.Event(10, "事1"), s.Event(20, "事2"), s.Event(30, "事3")]
    owner = data.pfs.profile
    assert (owner.name, owner.sign, owner.jointime, owner.identification) == ("我", "签", 5, 1)
    assert owner.vip["type"] == 2

    def since(ts: object) -> list[Any]:
        return [item.ts for item in read(service, e.EVENTS, me, ts=ts).events]

    assert (since(20), since(21), since(2**63 - 1)) == ([20, 30], [30], [])
    for invalid in (-1, 2**63, "x"):
        assert ask(service, e.EVENTS, me, ts=invalid).code == -400


def test_the_fan_report_is_always_that_of_the_caller(service: RunningService) -> None:
    me, other = someone(service), someone(service)
    assert read(service, e.FAN_REPORT, me) == s.FanReport()
    report = s.FanReport(
        s.FanSummary(total=9, inc=1),
        s.FanRanks(video_play=[s.RankedFan(other.mid, "粉")]),
        source=s.FanSources(space=3),
    )
    put(service, me.mid, profile.FAN_REPORT, report)
    assert read(service, e.FAN_REPORT, me) == report
    assert read(service, e.FAN_REPORT, other, uid=me.mid) == s.FanReport()


def test_the_fan_report_of_a_time_has_those_who_follow_since(service: RunningService) -> None:
    me, *fans = (someone(service) for _ in range(5))
    began = 1_700_000_000
    service.import_edges(
        EdgeRow(follower=fan.mid, followed=me.mid, time=began + 10 * place)
        for place, fan in enumerate(fans[:3])
    )
    ranked = [s.RankedFan(fan.mid) for fan in fans]  # the last one does not follow
    ranks = s.FanRanks(ranked, ranked[:2], ranked[::-1])
    put(service, me.mid, profile.FAN_REPORT, s.FanReport(s.FanSummary(9, inc=7), ranks))

    def since(ms: int) -> tuple[int, int, list[list[int]]]:
        report = read(service, e.FAN_REPORT, me, t=ms)
        lists = report.rank_list
        found = [lists.dynamic_act, lists.video_act, lists.video_play]
        return (
            report.summary.total,
            report.summary.inc,
            [[fans.index(by_mid[fan.mid]) for fan in ranking] for ranking in found],
        )

    by_mid = {fan.mid: fan for fan in fans}
    assert since(began * 1_000) == (9, 3, [[0, 1, 2], [0, 1], [2, 1, 0]])
    assert since(began * 1_000 + 1) == (9, 2, [[1, 2], [1], [2, 1]])
    assert since((began + 20) * 1_000) == (9, 1, [[2], [], [2]])
    assert since((began + 21) * 1_000) == (9, 0, [[], [], []])


def test_no_endpoint_returns_data_of_another_account(service: RunningService) -> None:
    """Another account calls each endpoint with the mid of this one in every possible field."""
    me, other = someone(service), someone(service)
    secret = "不可告人"
    put(service, me.mid, mine.EXPERIENCE, mine.Change(1, 1, 1, secret))
    put(service, me.mid, mine.MORAL, mine.Change(1, 1, 1, secret))
    put(service, me.mid, mine.SIGN_IN, mine.SignedIn(1, 1, secret))
    put(service, me.mid, mine.EVENT, mine.Happened(1, 1, secret))
    put(service, me.mid, mine.NOTE, mine.Note(s.Note(1, secret), 1))
    put(service, me.mid, mine.PUBLIC_NOTE, mine.PublicNote(s.PublicNote(1, secret), 1))
    history = s.HistoryTarget(oid=1, business="archive")
    put(service, me.mid, mine.SEEN, mine.Seen(s.HistoryEntry(secret, history=history, view_at=1)))
    named = dict.fromkeys(("mid", "vmid", "uid", "up_mid", "host_mid"), me.mid)
    for endpoint in _OWN_ENDPOINTS:
        if endpoint.method == "GET":
            params = {**named, "pn": 1, "ps": 10}
            own, others = (
                ask(service, endpoint, me, **params),
                ask(service, endpoint, other, **params),
            )
            assert own.code == others.code == 0
            assert secret not in json.dumps(others.body, ensure_ascii=False)
            if endpoint not in (e.MY_INFO, e.COINS, e.TOVIEW, e.JURY, e.FAN_REPORT):
                assert secret in json.dumps(own.body, ensure_ascii=False), endpoint.name
