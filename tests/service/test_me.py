"""One's own account: what it is told of itself alone, and what it changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from guanxi.accounts.account import Card, Privacy, State
from guanxi.contract import endpoints as e
from guanxi.contract import structs as s
from guanxi.contract.endpoint import Endpoint
from guanxi.testing import RunningService, running
from guanxi.world import mine, profile
from tests.service.content_fixtures import ask, done, kept, put, read, someone

_DAY = 86_400


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running() as one:
        yield one


_OWN = [
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


@pytest.mark.parametrize("endpoint", _OWN, ids=lambda one: one.name)
def test_nobody_is_told_and_nobody_changes(service: RunningService, endpoint: Endpoint) -> None:
    assert ask(service, endpoint).code == -101
    assert ask(service, endpoint, "SESSDATA=of-nobody").code == -101


@pytest.mark.parametrize(
    "endpoint", [one for one in _OWN if one.method == "POST"], ids=lambda one: one.name
)
def test_changes_want_a_csrf(service: RunningService, endpoint: Endpoint) -> None:
    one, other = someone(service), someone(service)
    assert ask(service, endpoint, one, csrf="").code == -111
    assert ask(service, endpoint, one, csrf=other.bili_jct).code == -111


# --- the account ---


def test_info(service: RunningService) -> None:
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
    told = read(service, e.MY_INFO, me)
    assert (told.mid, told.name, told.face, told.sign, told.sex) == (
        me.mid,
        "自己",
        "f",
        "签",
        "男",
    )
    assert told.birthday == 946_742_400  # 2000-01-02 00:00 in Beijing
    assert told.level_exp == s.LevelInfo(4, 4_500, 4_600, 10_800)
    assert (told.level, told.coins, told.moral, told.jointime) == (4, 3.5, 65, 1_400_000_000)
    assert (told.follower, told.following) == (1, 0)
    assert (told.identification, told.tel_status, told.email_status) == (1, 0, 1)
    assert told.official == s.Official(1, "t", "d", 0)
    assert (told.vip.type, told.vip.role) == (1, 1)
    assert (told.pendant.pid, told.nameplate.nid, told.silence) == (2, 3, 0)


def test_info_of_a_plain_or_banned_account(service: RunningService) -> None:
    me = someone(service)
    told = read(service, e.MY_INFO, me)
    assert (told.birthday, told.level, told.coins, told.silence) == (0, 0, 0, 0)
    service.set_state(me.mid, State.BANNED)
    assert read(service, e.MY_INFO, me).silence == 1


_EDIT = {"birthday": "1990-12-31", "sex": "女", "uname": "新名", "usersign": "新签"}


def test_edit(service: RunningService) -> None:
    me = someone(service, Card(name="旧名编辑", face="f", sign="旧", vip_type=1))
    service.set_privacy(me.mid, Privacy(hide_followers=True))
    before = profile.Profile(experience=200, coins=7, sex="男", hides=frozenset({"tags"}))
    put(service, me.mid, profile.PROFILE, before)
    done(service, e.EDIT, me, **_EDIT)
    told = read(service, e.SPACE_INFO, me, mid=me.mid)
    assert (told.name, told.sign, told.sex, told.birthday) == ("新名", "新签", "女", "12-31")
    assert (told.face, told.level, told.coins) == ("f", 2, 7)
    assert kept(service, me.mid, profile.PROFILE) == replace(
        before, sex="女", birthday="1990-12-31"
    )
    assert ask(service, e.FOLLOWERS, someone(service), vmid=me.mid).code == 22118
    done(service, e.EDIT, me, **_EDIT, note="the same again")


@pytest.mark.parametrize(
    ("wrong", "code"),
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
    service: RunningService, wrong: dict[str, str], code: int
) -> None:
    me = someone(service)
    before = read(service, e.MY_INFO, me)
    assert ask(service, e.EDIT, me, **{**_EDIT, "uname": f"n{me.mid}", **wrong}).code == code
    assert read(service, e.MY_INFO, me) == before


def test_edit_wants_all_four(service: RunningService) -> None:
    me = someone(service)
    for missing in _EDIT:
        some = {name: value for name, value in _EDIT.items() if name != missing}
        answer = ask(service, e.EDIT, me, **some)
        assert answer.code == -400
        assert missing in answer.body["message"]


def test_edit_refuses_a_name_that_is_taken(service: RunningService) -> None:
    me = someone(service)
    taken = someone(service, Card(name="有人的"))
    assert ask(service, e.EDIT, me, **{**_EDIT, "uname": "有人的"}).code == 40014
    service.set_state(taken.mid, State.DEREGISTERED)
    done(service, e.EDIT, me, **{**_EDIT, "uname": "有人的"})


# --- the notice ---


def test_set_notice(service: RunningService) -> None:
    me = someone(service)

    def notice() -> str:
        text: str = read(service, e.SPACE_NOTICE, mid=me.mid)
        return text

    assert ask(service, e.SET_NOTICE, me, notice="").code == -304
    done(service, e.SET_NOTICE, me, notice="公" * 150)
    assert notice() == "公" * 150
    assert ask(service, e.SET_NOTICE, me, notice="公" * 150).code == -304
    too_long = ask(service, e.SET_NOTICE, me, notice="公" * 151)
    assert too_long.code == -400
    assert "notice" in too_long.body["message"]
    assert notice() == "公" * 150
    done(service, e.SET_NOTICE, me, notice="")
    assert notice() == ""
    assert kept(service, me.mid, profile.NOTICE) is None


def test_what_stands_in_the_address_of_a_form_is_not_read(service: RunningService) -> None:
    """The documented module sends both, the ones in the address empty."""
    me = someone(service)
    beside = replace(e.SET_NOTICE, path=f"{e.SET_NOTICE.path}?notice=&csrf=")
    done(service, beside, me, notice="新公告")
    assert read(service, e.SPACE_NOTICE, mid=me.mid) == "新公告"


# --- coins ---


def test_coins(service: RunningService) -> None:
    me = someone(service)
    none = ask(service, e.COINS, me)
    assert none.body == {"code": 0, "status": True, "data": {"money": None}}
    put(service, me.mid, profile.PROFILE, profile.Profile(coins=1024.5))
    told = ask(service, e.COINS, me).body
    assert told == {"code": 0, "status": True, "data": {"money": 1024.5}}


def test_coins_look_at_whose_cookies_they_are(service: RunningService) -> None:
    me = someone(service)
    assert ask(service, e.COINS, f"{me.cookie}; DedeUserID={me.mid}").code == 0
    refused = ask(service, e.COINS, f"{me.cookie}; DedeUserID={me.mid + 1}")
    assert refused.code == -101
    assert refused.body["status"] is False
    assert "DedeUserID" in refused.body["message"]


# --- logs and states ---


def test_experience_of_a_week(service: RunningService) -> None:
    me = someone(service)
    assert read(service, e.EXPERIENCE_LOG, me) == s.ExperienceLog()
    newest = 1_700_000_000
    ages = [0, 1, 3 * _DAY, 7 * _DAY - 1, 7 * _DAY, 7 * _DAY + 1, 30 * _DAY]
    put(
        service,
        me.mid,
        mine.EXPERIENCE,
        *(mine.Change(place, newest - age, place, f"因{place}") for place, age in enumerate(ages)),
    )
    told = read(service, e.EXPERIENCE_LOG, me)
    assert [one.reason for one in told.items] == ["因0", "因1", "因2", "因3"]
    assert told.count == 4
    assert told.items[0] == s.Experience(0, "2023-11-15 06:13:20", "因0")


def test_moral_log(service: RunningService) -> None:
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
    told = read(service, e.MORAL_LOG, me)
    assert (told.moral, told.count) == (68, 2)
    assert told.items == [
        {"delta": 1, "time": "2023-11-15 06:13:21", "reason": "加"},
        {"delta": -2, "time": "2023-11-15 06:13:20", "reason": "减"},
    ]


def test_login_log(service: RunningService) -> None:
    me = someone(service)
    assert read(service, e.LOGIN_LOG, me) == s.LoginLog()
    put(
        service,
        me.mid,
        mine.SIGN_IN,
        mine.SignedIn(1, 1_700_000_000, "1.2.*.*", "北京", ok=False, type=3),
        mine.SignedIn(2, 1_700_000_001),
    )
    told = read(service, e.LOGIN_LOG, me)
    assert told.count == 2
    assert told.items == [
        s.SignIn(time=1_700_000_001, time_at="2023-11-15 06:13:21"),
        s.SignIn("1.2.*.*", 1_700_000_000, "2023-11-15 06:13:20", False, 3, "北京"),
    ]


def test_jury(service: RunningService) -> None:
    me = someone(service, Card(name="众裁", face="f"))
    assert read(service, e.JURY, me) == s.Jury(uname="众裁", face="f")
    put(service, me.mid, profile.JURY, s.Jury(status=1, case_total=7, term_end=9, uname="旧名"))
    wanted = s.Jury(status=1, case_total=7, term_end=9, uname="众裁", face="f")
    assert read(service, e.JURY, me) == wanted
    assert read(service, e.JURY, access_key=service.access_key(me.mid)) == wanted


def test_events(service: RunningService) -> None:
    me = someone(service, Card(name="我", sign="签", vip_type=2, vip_status=1))
    put(service, me.mid, profile.PROFILE, profile.Profile(joined=5, identified=True))
    put(
        service,
        me.mid,
        mine.EVENT,
        *(mine.Happened(number, 10 * number, f"事{number}") for number in (3, 1, 2)),
    )
    told = read(service, e.EVENTS, me)
    assert told.events == [s.Event(10, "事1"), s.Event(20, "事2"), s.Event(30, "事3")]
    owner = told.pfs.profile
    assert (owner.name, owner.sign, owner.jointime, owner.identification) == ("我", "签", 5, 1)
    assert owner.vip["type"] == 2

    def since(ts: object) -> list[Any]:
        return [one.ts for one in read(service, e.EVENTS, me, ts=ts).events]

    assert (since(20), since(21), since(2**63 - 1)) == ([20, 30], [30], [])
    for wrong in (-1, 2**63, "x"):
        assert ask(service, e.EVENTS, me, ts=wrong).code == -400


def test_fan_report(service: RunningService) -> None:
    me, other = someone(service), someone(service)
    assert read(service, e.FAN_REPORT, me) == s.FanReport()
    report = s.FanReport(
        s.FanSummary(total=9, inc=1),
        s.FanRanks(video_play=[s.RankedFan(other.mid, "粉")]),
        source=s.FanSources(space=3),
    )
    put(service, me.mid, profile.FAN_REPORT, report)
    assert read(service, e.FAN_REPORT, me, t=1_700_000_000_000) == report
    assert read(service, e.FAN_REPORT, other, uid=me.mid) == s.FanReport()


def test_nothing_of_oneself_is_told_to_others(service: RunningService) -> None:
    """Each is asked as another account, naming this one in every field there is."""
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
    for endpoint in _OWN:
        if endpoint.method == "GET":
            asked = {**named, "pn": 1, "ps": 10}
            own, others = (
                ask(service, endpoint, me, **asked),
                ask(service, endpoint, other, **asked),
            )
            assert own.code == others.code == 0
            assert secret not in json.dumps(others.body, ensure_ascii=False)
            if endpoint not in (e.MY_INFO, e.COINS, e.TOVIEW, e.JURY, e.FAN_REPORT):
                assert secret in json.dumps(own.body, ensure_ascii=False), endpoint.name
