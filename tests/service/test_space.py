"""A space: the account, its counts, what it follows; and who is told how much of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from guanxi.accounts.account import Card, State
from guanxi.accounts.tokens import ACCESS_ID_SECONDS, access_id, access_id_is_valid
from guanxi.contract import endpoints as e
from guanxi.contract import structs as s
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.enums import BangumiType
from guanxi.contract.pages import access_id_of
from guanxi.graph.lists import Listing, Sort, Window
from guanxi.testing import RunningService, SignedIn, running
from guanxi.world import feed, profile, videos, works
from tests.service.content_fixtures import ask, put, read, secret_of, send, signed, someone, walk

_NOBODY = 9_999_999_999


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running() as one:
        yield one


def _hidden(service: RunningService, *what: profile.Hidden) -> SignedIn:
    owner = someone(service)
    put(service, owner.mid, profile.PROFILE, profile.Profile(hides=frozenset(what)))
    return owner


# --- the page ---


@pytest.mark.parametrize("mid", [1, _NOBODY])
def test_page_carries_access_id(service: RunningService, mid: int) -> None:
    answer = ask(service, e.SPACE_PAGE, mid=mid)
    assert answer.status == 200
    assert answer.header("content-type") == "text/html; charset=utf-8"
    assert answer.header("content-security-policy") == "default-src 'none'"
    assert answer.header("cache-control") == "no-store"
    token = access_id_of(answer.raw.decode())
    assert token is not None
    assert access_id_is_valid(secret_of(service), token, int(time.time()))


@pytest.mark.parametrize("mid", ["nobody", "0", "-1", str(2**63)])
def test_page_of_what_is_no_mid(service: RunningService, mid: str) -> None:
    answer = send(service, "GET", f"/{mid}/dynamic")
    assert answer.status == 404
    assert answer.header("content-type").startswith("application/json")
    assert answer.code == -400


def test_page_takes_get_alone(service: RunningService) -> None:
    answer = send(service, "POST", "/5/dynamic", body="")
    assert (answer.status, answer.header("allow")) == (405, "GET")
    assert send(service, "GET", "/5/dynamic/more").status == 404


@pytest.mark.parametrize("endpoint", [e.SPACE_INFO, e.VIDEOS, e.OPUS], ids=lambda one: one.name)
def test_access_id_is_looked_at_where_it_is_sent(
    service: RunningService, endpoint: Endpoint
) -> None:
    owner = someone(service)
    name = "host_mid" if endpoint is e.OPUS else "mid"
    now, secret = int(time.time()), secret_of(service)

    def code(token: str) -> int:
        return ask(service, endpoint, **{name: owner.mid, "w_webid": token}).code

    assert code(access_id(secret, now)) == 0
    assert code(access_id(secret, now - ACCESS_ID_SECONDS - 1)) == -352
    assert code(access_id(b"another secret", now)) == -352
    assert code("nonsense") == -352


# --- the account ---

_CARD = Card(
    name="空间主人",
    face="https://face/1",
    face_nft=1,
    sign="一句话",
    official_type=0,
    official_desc="知名UP主",
    vip_type=2,
    vip_due_ms=1_800_000_000_000,
    vip_status=1,
    live=1,
    live_url="https://live/1",
)
_PROFILE = profile.Profile(
    sex="女",
    birthday="1999-02-28",
    experience=10_800,
    coins=12.5,
    moral=66,
    is_senior=True,
    joined=1_300_000_000,
    official_role=2,
    official_title="知名",
    pendant=s.Pendant(pid=5, name="框"),
    nameplate=s.Nameplate(nid=7, name="牌"),
    fans_medal=s.FansMedal(show=True, wear=True, medal=s.WornMedal(uid=1, level=20)),
    top_photo="https://top/1",
    school="大学",
    profession=s.Profession("编辑", "部门", "总编", 1),
    tags=("甲", "乙"),
    system_notice=s.SystemNotice(id=11, content="注意"),
    live_room=s.LiveRoom(room_status=1, title="房间", room_id=99),
    supported=True,
    contract=True,
)


def _whole(service: RunningService) -> SignedIn:
    owner = someone(service, _CARD)
    put(service, owner.mid, profile.PROFILE, _PROFILE)
    return owner


def test_info(service: RunningService) -> None:
    owner = _whole(service)
    told = read(service, e.SPACE_INFO, mid=owner.mid)
    assert (told.mid, told.name, told.face, told.face_nft) == (
        owner.mid,
        "空间主人",
        "https://face/1",
        1,
    )
    assert (told.sex, told.sign, told.birthday) == ("女", "一句话", "02-28")
    assert (told.level, told.rank, told.is_senior_member) == (5, 10_000, 1)
    assert told.official == s.Official(2, "知名", "知名UP主", 0)
    assert (told.vip.type, told.vip.status, told.vip.role) == (2, 1, 3)
    assert told.vip.due_date_ms == 1_800_000_000_000
    assert told.vip.label.text == "年度大会员"
    assert (told.pendant, told.nameplate) == (_PROFILE.pendant, _PROFILE.nameplate)
    assert told.fans_medal == _PROFILE.fans_medal
    assert told.top_photo == "https://top/1"
    assert told.school == s.School("大学")
    assert told.profession == _PROFILE.profession
    assert told.tags == ["甲", "乙"]
    assert told.sys_notice == _PROFILE.system_notice
    assert (told.live_room.live_status, told.live_room.room_id) == (1, 99)
    assert told.live_room.url == "https://live/1"
    assert (told.elec.show_info.show, told.elec.show_info.state) == (True, 1)
    assert told.contract.is_display
    assert (told.silence, told.is_followed) == (0, False)


def test_what_others_are_not_told_of_an_account(service: RunningService) -> None:
    owner, other = _whole(service), someone(service)
    for viewer in (None, other):
        told = read(service, e.SPACE_INFO, viewer, mid=owner.mid)
        assert (told.coins, told.moral, told.jointime) == (0, 0, 0)
        assert told.birthday == "02-28"
    own = read(service, e.SPACE_INFO, owner, mid=owner.mid)
    assert (own.coins, own.moral, own.jointime) == (12.5, 0, 0)


def test_info_of_an_account_without_profile(service: RunningService) -> None:
    told = read(service, e.SPACE_INFO, mid=someone(service).mid)
    assert (told.sex, told.birthday, told.level) == ("保密", "", 0)
    assert (told.tags, told.live_room, told.coins) == (None, None, 0)
    assert (told.elec.show_info.show, told.elec.show_info.state) == (False, -1)


def test_info_by_state(service: RunningService) -> None:
    owner = _whole(service)
    assert ask(service, e.SPACE_INFO, mid=_NOBODY).code == -404
    service.set_state(owner.mid, State.BANNED)
    told = read(service, e.SPACE_INFO, mid=owner.mid)
    assert (told.silence, told.name) == (1, "空间主人")
    service.set_state(owner.mid, State.DEREGISTERED)
    told = read(service, e.SPACE_INFO, mid=owner.mid)
    assert (told.name, told.sex, told.birthday) == ("账号已注销", "保密", "")
    assert (told.pendant.pid, told.school, told.live_room) == (0, s.School(""), None)


def test_info_tells_whether_the_viewer_follows(service: RunningService) -> None:
    owner, other = someone(service), someone(service)
    assert ask(service, e.MODIFY, other, fid=owner.mid, act=1, re_src=11).code == 0
    assert read(service, e.SPACE_INFO, other, mid=owner.mid).is_followed
    assert not read(service, e.SPACE_INFO, owner, mid=other.mid).is_followed
    assert not read(service, e.SPACE_INFO, mid=owner.mid).is_followed


def test_a_look_at_a_space_counts_as_a_visit(service: RunningService) -> None:
    visitor, one, other = (someone(service) for _ in range(3))
    for followed in (one, other):
        assert ask(service, e.MODIFY, visitor, fid=followed.mid, act=1, re_src=11).code == 0
    read(service, e.SPACE_INFO, visitor, mid=one.mid)
    read(service, e.SPACE_INFO, mid=other.mid)

    async def visited(store: Any) -> list[int]:
        await store.flush_visits()
        found = await store.page(Listing.FOLLOWINGS, visitor.mid, Sort.VISITED, Window(0, 10), None)
        return [row.mid for row in found.rows if row.visits]

    assert service.do(visited) == [one.mid]


@pytest.mark.parametrize("fields", [{}, {"mid": "x"}, {"mid": 0}, {"mid": 2**63}])
def test_info_refuses_what_is_no_mid(service: RunningService, fields: dict[str, object]) -> None:
    assert ask(service, e.SPACE_INFO, **fields).code == -400


def test_info_wants_a_signature(service: RunningService) -> None:
    assert send(service, "GET", f"{e.SPACE_INFO.path}?mid=1").code == -403


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        (e.RESERVATIONS, "vmid"),
        (e.MEDIA_LIST, "biz_id"),
        (e.CHANNELS, "mid"),
        (e.COURSES, "mid"),
        (e.DYNAMICS, "host_mid"),
        (e.OPUS, "host_mid"),
    ],
    ids=lambda one: getattr(one, "name", None),
)
def test_where_no_signature_is_wanted_a_wrong_one_is_refused(
    service: RunningService, endpoint: Endpoint, name: str
) -> None:
    mid = someone(service).mid
    assert ask(service, endpoint, **{name: mid}).code == 0
    assert ask(service, endpoint, **dict(signed(service, {name: mid}))).code == 0
    now = int(time.time())
    assert ask(service, endpoint, **{name: mid, "wts": now, "w_rid": "0" * 32}).code == -403


# --- its counts ---


def _counted(service: RunningService, *hides: profile.Hidden) -> SignedIn:
    owner = _hidden(service, *hides)
    mid = owner.mid
    base = mid * 100
    put(
        service,
        mid,
        videos.VIDEO,
        *(s.Video(base + i, stat=s.VideoStat(view=10 + i, like=i), pubdate=i) for i in range(3)),
    )
    put(
        service,
        mid,
        works.ARTICLE,
        *(s.Article(i, stats=s.ArticleCounts(view=100, like=7)) for i in range(1, 3)),
    )
    put(service, mid, videos.SEASON, videos.Season(s.SeasonMeta(base + 1)))
    put(service, mid, videos.SERIES, *(videos.Series(s.SeriesMeta(base + i)) for i in range(1, 3)))
    anime, drama = BangumiType.BANGUMI, BangumiType.DRAMA
    put(
        service,
        mid,
        works.BANGUMI,
        *(works.BangumiFollow(s.Bangumi(i), i, anime) for i in range(1, 5)),
        works.BangumiFollow(s.Bangumi(9), 9, drama),
    )
    put(service, mid, works.TAG, *(works.TagFollow(s.Tag(i)) for i in range(1, 7)))
    put(service, mid, works.ALBUM, *(works.Album(s.Album(i)) for i in range(1, 8)))
    put(service, mid, works.AUDIO, *(s.Audio(i) for i in range(1, 9)))
    put(service, mid, works.COURSE, *(s.Course(i) for i in range(1, 10)))
    put(service, mid, feed.PICTURE_POST, *(feed.PicturePost(id=i) for i in range(1, 11)))
    return owner


def test_overview(service: RunningService) -> None:
    owner = _counted(service)
    whole = s.Overview(
        video=3,
        bangumi=4,
        cinema=1,
        channel=s.GuestCounts(3, 3),
        tag=6,
        article=2,
        album=7,
        audio=8,
        pugv=9,
        opus=10,
        season_num=1,
    )
    assert read(service, e.OVERVIEW, mid=owner.mid) == whole
    assert read(service, e.OVERVIEW, mid=_NOBODY) == s.Overview()


def test_overview_counts_nothing_that_is_hidden(service: RunningService) -> None:
    owner = _counted(service, "bangumi", "tags", "courses")
    for viewer in (None, someone(service)):
        told = read(service, e.OVERVIEW, viewer, mid=owner.mid)
        assert (told.bangumi, told.cinema, told.tag, told.pugv) == (0, 0, 0, 0)
        assert (told.video, told.album) == (3, 7)
    own = read(service, e.OVERVIEW, owner, mid=owner.mid)
    assert (own.bangumi, own.cinema, own.tag, own.pugv) == (4, 1, 6, 9)


def test_overview_in_a_call_of_a_function(service: RunningService) -> None:
    owner = _counted(service)
    plain = ask(service, e.OVERVIEW, mid=owner.mid, jsonp="jsonp")
    assert plain.header("content-type") == "application/json; charset=utf-8"
    answer = ask(service, e.OVERVIEW, mid=owner.mid, jsonp="jsonp", callback="__jp0.done")
    assert answer.header("content-type") == "application/javascript; charset=utf-8"
    assert answer.raw == b"__jp0.done(" + plain.raw + b")"
    refused = ask(service, e.OVERVIEW, mid="x", callback="done")
    assert refused.raw.startswith(b"done(")
    assert json.loads(refused.raw[5:-1])["code"] == -400


@pytest.mark.parametrize("name", ["", "a(b", "alert(1)//", "a b", "1a", "a" * 65, "<script>"])
def test_only_a_name_is_taken_for_a_function(service: RunningService, name: str) -> None:
    answer = ask(service, e.OVERVIEW, mid=1, callback=name)
    assert answer.code == -400
    assert answer.header("content-type") == "application/json; charset=utf-8"


def test_up_stat(service: RunningService) -> None:
    owner = _counted(service)
    told = read(service, e.UP_STAT, someone(service), mid=owner.mid)
    assert told == s.UpStat(s.Views(10 + 11 + 12), s.Views(200), 0 + 1 + 2 + 14)
    answer = ask(service, e.UP_STAT, mid=owner.mid)
    assert (answer.code, answer.body["data"]) == (0, {})
    key = service.access_key(owner.mid)
    assert read(service, e.UP_STAT, mid=owner.mid, access_key=key).likes == 17
    assert read(service, e.UP_STAT, owner, mid=_NOBODY) == s.UpStat(s.Views(0), s.Views(0), 0)


# --- what it shows besides ---


def test_notice(service: RunningService) -> None:
    owner = someone(service)
    assert read(service, e.SPACE_NOTICE, mid=owner.mid) == ""
    put(service, owner.mid, profile.NOTICE, profile.Notice('公告 "一"'))
    assert read(service, e.SPACE_NOTICE, mid=owner.mid) == '公告 "一"'
    assert ask(service, e.SPACE_NOTICE).code == -400


def test_reservations(service: RunningService) -> None:
    owner = someone(service)
    assert read(service, e.RESERVATIONS, vmid=owner.mid) is None
    early, late = s.Reservation(9, name="早", stime=10), s.Reservation(3, name="晚", stime=20)
    put(service, owner.mid, works.RESERVATION, early, late)
    assert read(service, e.RESERVATIONS, vmid=owner.mid) == [late, early]


def test_supporters(service: RunningService) -> None:
    owner = someone(service)
    assert ask(service, e.SUPPORTERS, up_mid=owner.mid).code == 88214
    assert ask(service, e.SUPPORTERS, up_mid=_NOBODY).code == 88214
    put(service, owner.mid, profile.PROFILE, profile.Profile(supported=True))
    assert read(service, e.SUPPORTERS, up_mid=owner.mid) == s.Supporters()
    first = someone(service, Card(name="甲", face="f", vip_type=1, vip_status=1, vip_due_ms=5))
    second = someone(service, Card(name="乙"))
    put(
        service,
        owner.mid,
        works.SUPPORT,
        works.Support(second.mid, 2, "不给看", hidden=True),
        works.Support(first.mid, 1, "加油"),
    )
    told = read(service, e.SUPPORTERS, up_mid=owner.mid)
    assert (told.count, told.total, told.total_count) == (2, 2, 2)
    assert told.items == [
        s.Supporter(
            owner.mid, first.mid, "甲", "f", 1, vip_info=s.SupporterVip(5, 1, 1), message="加油"
        ),
        s.Supporter(owner.mid, second.mid, "乙", rank=2, message_hidden=1),
    ]
    assert "不给看".encode() not in ask(service, e.SUPPORTERS, up_mid=owner.mid).raw


def test_like_effect(service: RunningService) -> None:
    owner = someone(service)
    assert read(service, e.LIKE_EFFECT, owner, vmid=owner.mid) == s.LikeEffect()
    effect = s.LikeEffect("https://pre", "https://suc", "感谢")
    put(service, owner.mid, profile.LIKE_EFFECT, effect)
    assert read(service, e.LIKE_EFFECT, someone(service), vmid=owner.mid) == effect
    assert ask(service, e.LIKE_EFFECT, vmid=owner.mid).code == -101


def _medal(number: int, level: int, intimacy: int = 0) -> s.Medal:
    info = s.MedalInfo(medal_id=number, level=level, medal_name="牌", intimacy=intimacy)
    return s.Medal(medal_info=info, target_name=f"t{number}")


def test_medals(service: RunningService) -> None:
    owner = someone(service, Card(name="主人", face="f"))
    put(service, owner.mid, profile.PROFILE, profile.Profile(experience=200))
    low, high, more = _medal(1, 3, 900), _medal(2, 20, 10), _medal(3, 20, 11)
    put(service, owner.mid, works.MEDAL, low, high, more)
    told = read(service, e.MEDALS, someone(service), target_id=owner.mid)
    assert told.items == [more, high, low]
    assert (told.count, told.close_space_medal) == (3, 0)
    assert (told.name, told.icon, told.uid, told.level) == ("主人", "f", owner.mid, 2)
    assert ask(service, e.MEDALS, target_id=owner.mid).code == -101


# --- what it follows, and hides ---


def test_tags(service: RunningService) -> None:
    owner = someone(service)
    put(
        service,
        owner.mid,
        works.TAG,
        *(works.TagFollow(s.Tag(number, f"标签{number}"), number // 3) for number in range(1, 26)),
    )
    newest_first = sorted(range(1, 26), key=lambda number: (number // 3, number), reverse=True)
    assert walk(service, e.FOLLOWED_TAGS, vmid=owner.mid, ps=4) == newest_first
    told = read(service, e.FOLLOWED_TAGS, vmid=owner.mid)
    assert (told.count, len(told.tags), told.tags[0]) == (25, 20, s.Tag(25, "标签25"))


def _series(number: int, status: int, kind: BangumiType) -> works.BangumiFollow:
    return works.BangumiFollow(
        s.Bangumi(number, title=f"番{number}", follow_status=status), number * 10, kind
    )


def test_bangumi(service: RunningService) -> None:
    owner = someone(service)
    anime = [_series(n, n % 3 + 1, BangumiType.BANGUMI) for n in range(1, 33)]
    drama = [_series(n, n % 3 + 1, BangumiType.DRAMA) for n in range(101, 111)]
    put(service, owner.mid, works.BANGUMI, *anime, *drama)
    assert walk(service, e.FOLLOWED_BANGUMI, vmid=owner.mid) == [*range(32, 0, -1)]
    assert walk(service, e.FOLLOWED_BANGUMI, vmid=owner.mid, type=2, ps=3) == [*range(110, 100, -1)]
    for status in (1, 2, 3):
        asked: dict[str, object] = {"vmid": owner.mid, "follow_status": status, "ps": 4}
        wanted = [n for n in range(32, 0, -1) if n % 3 + 1 == status]
        assert walk(service, e.FOLLOWED_BANGUMI, **asked) == wanted
        told = read(service, e.FOLLOWED_BANGUMI, **asked, pn=2)
        assert (told.total, told.pn, told.ps) == (len(wanted), 2, 4)
        assert told.items == [anime[n - 1].bangumi for n in wanted[4:8]]


@pytest.mark.parametrize("wrong", [{"ps": 31}, {"ps": 0}, {"pn": 0}, {"type": 3}])
def test_bangumi_refuses(service: RunningService, wrong: dict[str, object]) -> None:
    assert ask(service, e.FOLLOWED_BANGUMI, vmid=1, **wrong).code == -400


@pytest.mark.parametrize(
    ("endpoint", "name", "what"),
    [
        (e.FOLLOWED_TAGS, "vmid", "tags"),
        (e.FOLLOWED_BANGUMI, "vmid", "bangumi"),
        (e.COURSES, "mid", "courses"),
    ],
    ids=["tags", "bangumi", "courses"],
)
def test_what_is_hidden_is_told_to_its_owner_alone(
    service: RunningService, endpoint: Endpoint, name: str, what: profile.Hidden
) -> None:
    owner, other = _counted(service, what), someone(service)
    for viewer in (None, other):
        answer = ask(service, endpoint, viewer, **{name: owner.mid})
        assert answer.code == 53013
        assert "data" not in answer.body
    assert len(walk(service, endpoint, owner, **{name: owner.mid})) > 0
    others: list[profile.Hidden] = ["tags", "bangumi", "courses", "medals"]
    open_to_all = _counted(service, *(one for one in others if one != what))
    assert len(walk(service, endpoint, other, **{name: open_to_all.mid})) > 0
    assert walk(service, endpoint, **{name: _NOBODY}) == []


def test_hidden_medals(service: RunningService) -> None:
    owner = _hidden(service, "medals")
    put(service, owner.mid, works.MEDAL, _medal(1, 3))
    told = read(service, e.MEDALS, someone(service), target_id=owner.mid)
    assert (told.items, told.count, told.close_space_medal) == ([], 0, 1)
    own = read(service, e.MEDALS, owner, target_id=owner.mid)
    assert (own.items, own.close_space_medal) == ([_medal(1, 3)], 0)


def test_what_is_hidden_stays_so_once_the_account_is_gone(service: RunningService) -> None:
    owner = _counted(service, "tags")
    service.set_state(owner.mid, State.DEREGISTERED)
    assert ask(service, e.FOLLOWED_TAGS, vmid=owner.mid).code == 53013
    assert read(service, e.FOLLOWED_BANGUMI, vmid=owner.mid).total == 4


def test_answers_hold_what_the_contract_says(service: RunningService) -> None:
    """Field by field: nothing is told that the contract does not name."""
    told = ask(service, e.SPACE_INFO, mid=_whole(service).mid).body["data"]
    names = {one.encode_name for one in msgspec.structs.fields(s.UserInfo)}
    assert set(told) == names
