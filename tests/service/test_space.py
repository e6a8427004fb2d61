"""A space: the account, its counts and its follows; and what each viewer may see."""

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

_UNKNOWN_MID = 9_999_999_999


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running() as running_service:
        yield running_service


def _account_hiding(service: RunningService, *part: profile.Hidden) -> SignedIn:
    owner = someone(service)
    put(service, owner.mid, profile.PROFILE, profile.Profile(hides=frozenset(part)))
    return owner


# --- the page ---


@pytest.mark.parametrize("mid", [1, _UNKNOWN_MID])
def test_the_space_page_contains_a_valid_access_id(service: RunningService, mid: int) -> None:
    response = ask(service, e.SPACE_PAGE, mid=mid)
    assert response.status == 200
    assert response.header("content-type") == "text/html; charset=utf-8"
    assert response.header("content-security-policy") == "default-src 'none'"
    assert response.header("cache-control") == "no-store"
    token = access_id_of(response.raw.decode())
    assert token is not None
    assert access_id_is_valid(secret_of(service), token, int(time.time()))


@pytest.mark.parametrize("mid", ["nobody", "0", "-1", str(2**63)])
def test_the_space_page_of_an_invalid_mid_is_404(service: RunningService, mid: str) -> None:
    response = send(service, "GET", f"/{mid}/dynamic")
    assert response.status == 404
    assert response.header("content-type").startswith("application/json")
    assert response.code == -400


def test_the_space_page_accepts_get_only(service: RunningService) -> None:
    response = send(service, "POST", "/5/dynamic", body="")
    assert (response.status, response.header("allow")) == (405, "GET, HEAD")
    assert send(service, "GET", "/5/dynamic/more").status == 404


@pytest.mark.parametrize(
    "endpoint", [e.SPACE_INFO, e.VIDEOS, e.OPUS], ids=lambda endpoint: endpoint.name
)
def test_an_access_id_that_is_sent_must_be_valid(
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


def _account_with_profile(service: RunningService) -> SignedIn:
    owner = someone(service, _CARD)
    put(service, owner.mid, profile.PROFILE, _PROFILE)
    return owner


def test_info_shows_card_and_profile(service: RunningService) -> None:
    owner = _account_with_profile(service)
    data = read(service, e.SPACE_INFO, mid=owner.mid)
    assert (data.mid, data.name, data.face, data.face_nft) == (
        owner.mid,
        "空间主人",
        "https://face/1",
        1,
    )
    assert (data.sex, data.sign, data.birthday) == ("女", "一句话", "02-28")
    assert (data.level, data.rank, data.is_senior_member) == (5, 10_000, 1)
    assert data.official == s.Official(2, "知名", "知名UP主", 0)
    assert (data.vip.type, data.vip.status, data.vip.role) == (2, 1, 3)
    assert data.vip.due_date_ms == 1_800_000_000_000
    assert data.vip.label.text == "年度大会员"
    assert (data.pendant, data.nameplate) == (_PROFILE.pendant, _PROFILE.nameplate)
    assert data.fans_medal == _PROFILE.fans_medal
    assert data.top_photo == "https://top/1"
    assert data.school == s.School("大学")
    assert data.profession == _PROFILE.profession
    assert data.tags == ["甲", "乙"]
    assert data.sys_notice == _PROFILE.system_notice
    assert (data.live_room.live_status, data.live_room.room_id) == (1, 99)
    assert data.live_room.url == "https://live/1"
    assert (data.elec.show_info.show, data.elec.show_info.state) == (True, 1)
    assert data.contract.is_display
    assert (data.silence, data.is_followed) == (0, False)


def test_only_the_owner_sees_its_coins(service: RunningService) -> None:
    owner, other = _account_with_profile(service), someone(service)
    for viewer in (None, other):
        data = read(service, e.SPACE_INFO, viewer, mid=owner.mid)
        assert (data.coins, data.moral, data.jointime) == (0, 0, 0)
        assert data.birthday == "02-28"
    own = read(service, e.SPACE_INFO, owner, mid=owner.mid)
    assert (own.coins, own.moral, own.jointime) == (12.5, 0, 0)


def test_info_of_an_account_without_profile(service: RunningService) -> None:
    data = read(service, e.SPACE_INFO, mid=someone(service).mid)
    assert (data.sex, data.birthday, data.level) == ("保密", "", 0)
    assert (data.tags, data.live_room, data.coins) == (None, None, 0)
    assert (data.elec.show_info.show, data.elec.show_info.state) == (False, -1)


def test_info_by_state(service: RunningService) -> None:
    owner = _account_with_profile(service)
    assert ask(service, e.SPACE_INFO, mid=_UNKNOWN_MID).code == -404
    service.set_state(owner.mid, State.BANNED)
    data = read(service, e.SPACE_INFO, mid=owner.mid)
    assert (data.silence, data.name) == (1, "空间主人")
    service.set_state(owner.mid, State.DEREGISTERED)
    data = read(service, e.SPACE_INFO, mid=owner.mid)
    assert (data.name, data.sex, data.birthday) == ("账号已注销", "保密", "")
    assert (data.pendant.pid, data.school, data.live_room) == (0, s.School(""), None)


def test_info_shows_whether_the_viewer_follows(service: RunningService) -> None:
    owner, other = someone(service), someone(service)
    assert ask(service, e.MODIFY, other, fid=owner.mid, act=1, re_src=11).code == 0
    assert read(service, e.SPACE_INFO, other, mid=owner.mid).is_followed
    assert not read(service, e.SPACE_INFO, owner, mid=other.mid).is_followed
    assert not read(service, e.SPACE_INFO, mid=owner.mid).is_followed


def test_info_counts_a_visit_of_a_signed_in_viewer(service: RunningService) -> None:
    visitor, account, other = (someone(service) for _ in range(3))
    for followed in (account, other):
        assert ask(service, e.MODIFY, visitor, fid=followed.mid, act=1, re_src=11).code == 0
    read(service, e.SPACE_INFO, visitor, mid=account.mid)
    read(service, e.SPACE_INFO, mid=other.mid)

    async def visited(store: Any) -> list[int]:
        await store.flush_visits()
        found = await store.page(Listing.FOLLOWINGS, visitor.mid, Sort.VISITED, Window(0, 10), None)
        return [row.mid for row in found.rows if row.visits]

    assert service.do(visited) == [account.mid]


@pytest.mark.parametrize("fields", [{}, {"mid": "x"}, {"mid": 0}, {"mid": 2**63}])
def test_info_refuses_an_invalid_mid(service: RunningService, fields: dict[str, object]) -> None:
    assert ask(service, e.SPACE_INFO, **fields).code == -400


def test_info_requires_a_signature(service: RunningService) -> None:
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
    ids=lambda value: getattr(value, "name", None),
)
def test_an_optional_signature_must_be_valid(
    service: RunningService, endpoint: Endpoint, name: str
) -> None:
    mid = someone(service).mid
    assert ask(service, endpoint, **{name: mid}).code == 0
    assert ask(service, endpoint, **dict(signed(service, {name: mid}))).code == 0
    now = int(time.time())
    assert ask(service, endpoint, **{name: mid, "wts": now, "w_rid": "0" * 32}).code == -403


# --- its counts ---


def _account_with_works(service: RunningService, *hides: profile.Hidden) -> SignedIn:
    owner = _account_hiding(service, *hides)
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


def test_overview_counts_every_kind_of_work(service: RunningService) -> None:
    owner = _account_with_works(service)
    expected = s.Overview(
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
    assert read(service, e.OVERVIEW, mid=owner.mid) == expected
    assert read(service, e.OVERVIEW, mid=_UNKNOWN_MID) == s.Overview()


def test_overview_counts_hidden_works_as_0_for_others(service: RunningService) -> None:
    owner = _account_with_works(service, "bangumi", "tags", "courses")
    for viewer in (None, someone(service)):
        data = read(service, e.OVERVIEW, viewer, mid=owner.mid)
        assert (data.bangumi, data.cinema, data.tag, data.pugv) == (0, 0, 0, 0)
        assert (data.video, data.album) == (3, 7)
    own = read(service, e.OVERVIEW, owner, mid=owner.mid)
    assert (own.bangumi, own.cinema, own.tag, own.pugv) == (4, 1, 6, 9)


def test_overview_with_a_callback_is_jsonp(service: RunningService) -> None:
    owner = _account_with_works(service)
    plain = ask(service, e.OVERVIEW, mid=owner.mid, jsonp="jsonp")
    assert plain.header("content-type") == "application/json; charset=utf-8"
    response = ask(service, e.OVERVIEW, mid=owner.mid, jsonp="jsonp", callback="__jp0.done")
    assert response.header("content-type") == "application/javascript; charset=utf-8"
    assert response.raw == b"__jp0.done(" + plain.raw + b")"
    refused = ask(service, e.OVERVIEW, mid="x", callback="done")
    assert refused.raw.startswith(b"done(")
    assert json.loads(refused.raw[5:-1]) == {
        "code": -400,
        "message": "请求错误",
        "reason": "mid: 'x' is not a whole number",
        "ttl": 1,
    }


@pytest.mark.parametrize("name", ["a(b", "alert(1)//", "a b", "1a", "a" * 65, "<script>"])
def test_an_invalid_callback_name_is_refused(service: RunningService, name: str) -> None:
    response = ask(service, e.OVERVIEW, mid=1, callback=name)
    assert response.code == -400
    assert response.header("content-type") == "application/json; charset=utf-8"


def test_an_empty_callback_name_counts_as_absent(service: RunningService) -> None:
    response = ask(service, e.OVERVIEW, mid=1, callback="")
    assert response.raw == ask(service, e.OVERVIEW, mid=1).raw
    assert response.header("content-type") == "application/json; charset=utf-8"


def test_up_stat_sums_views_and_likes_for_a_signed_in_viewer(service: RunningService) -> None:
    owner = _account_with_works(service)
    data = read(service, e.UP_STAT, someone(service), mid=owner.mid)
    assert data == s.UpStat(s.Views(10 + 11 + 12), s.Views(200), 0 + 1 + 2 + 14)
    response = ask(service, e.UP_STAT, mid=owner.mid)
    assert (response.code, response.body["data"]) == (0, {})
    key = service.access_key(owner.mid)
    assert read(service, e.UP_STAT, mid=owner.mid, access_key=key).likes == 17
    assert read(service, e.UP_STAT, owner, mid=_UNKNOWN_MID) == s.UpStat(s.Views(0), s.Views(0), 0)


# --- notice, reservations, supporters, medals ---


def test_a_space_without_a_notice_returns_an_empty_text(service: RunningService) -> None:
    owner = someone(service)
    assert read(service, e.SPACE_NOTICE, mid=owner.mid) == ""
    put(service, owner.mid, profile.NOTICE, profile.Notice('公告 "一"'))
    assert read(service, e.SPACE_NOTICE, mid=owner.mid) == '公告 "一"'
    assert ask(service, e.SPACE_NOTICE).code == -400


def test_reservations_are_newest_first_or_null(service: RunningService) -> None:
    owner = someone(service)
    assert read(service, e.RESERVATIONS, vmid=owner.mid) is None
    early, late = s.Reservation(9, name="早", stime=10), s.Reservation(3, name="晚", stime=20)
    put(service, owner.mid, works.RESERVATION, early, late)
    assert read(service, e.RESERVATIONS, vmid=owner.mid) == [late, early]


def test_supporters_are_sorted_by_rank_without_hidden_messages(service: RunningService) -> None:
    owner = someone(service)
    assert ask(service, e.SUPPORTERS, up_mid=owner.mid).code == 88214
    assert ask(service, e.SUPPORTERS, up_mid=_UNKNOWN_MID).code == 88214
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
    data = read(service, e.SUPPORTERS, up_mid=owner.mid)
    assert (data.count, data.total, data.total_count) == (2, 2, 2)
    assert data.items == [
        s.Supporter(
            owner.mid, first.mid, "甲", "f", 1, vip_info=s.SupporterVip(5, 1, 1), message="加油"
        ),
        s.Supporter(owner.mid, second.mid, "乙", rank=2, message_hidden=1),
    ]
    assert "不给看".encode() not in ask(service, e.SUPPORTERS, up_mid=owner.mid).raw


def test_the_like_effect_is_empty_until_one_is_stored(service: RunningService) -> None:
    owner = someone(service)
    assert read(service, e.LIKE_EFFECT, owner, vmid=owner.mid) == s.LikeEffect()
    effect = s.LikeEffect("https://pre", "https://suc", "感谢")
    put(service, owner.mid, profile.LIKE_EFFECT, effect)
    assert read(service, e.LIKE_EFFECT, someone(service), vmid=owner.mid) == effect
    assert ask(service, e.LIKE_EFFECT, vmid=owner.mid).code == -101


def _medal(number: int, level: int, intimacy: int = 0) -> s.Medal:
    info = s.MedalInfo(medal_id=number, level=level, medal_name="牌", intimacy=intimacy)
    return s.Medal(medal_info=info, target_name=f"t{number}")


def test_medals_are_sorted_by_level_and_intimacy(service: RunningService) -> None:
    owner = someone(service, Card(name="主人", face="f"))
    put(service, owner.mid, profile.PROFILE, profile.Profile(experience=200))
    low, high, more = _medal(1, 3, 900), _medal(2, 20, 10), _medal(3, 20, 11)
    put(service, owner.mid, works.MEDAL, low, high, more)
    data = read(service, e.MEDALS, someone(service), target_id=owner.mid)
    assert data.items == [more, high, low]
    assert (data.count, data.close_space_medal) == (3, 0)
    assert (data.name, data.icon, data.uid, data.level) == ("主人", "f", owner.mid, 2)
    assert ask(service, e.MEDALS, target_id=owner.mid).code == -101


# --- what it follows and hides ---


def test_followed_tags_are_newest_first(service: RunningService) -> None:
    owner = someone(service)
    put(
        service,
        owner.mid,
        works.TAG,
        *(works.TagFollow(s.Tag(number, f"标签{number}"), number // 3) for number in range(1, 26)),
    )
    newest_first = sorted(range(1, 26), key=lambda number: (number // 3, number), reverse=True)
    assert walk(service, e.FOLLOWED_TAGS, vmid=owner.mid, ps=4) == newest_first
    data = read(service, e.FOLLOWED_TAGS, vmid=owner.mid)
    assert (data.count, len(data.tags), data.tags[0]) == (25, 20, s.Tag(25, "标签25"))


def _bangumi_follow(number: int, status: int, kind: BangumiType) -> works.BangumiFollow:
    return works.BangumiFollow(
        s.Bangumi(number, title=f"番{number}", follow_status=status), number * 10, kind
    )


def test_followed_bangumi_are_filtered_by_type_and_status(service: RunningService) -> None:
    owner = someone(service)
    anime = [_bangumi_follow(n, n % 3 + 1, BangumiType.BANGUMI) for n in range(1, 33)]
    drama = [_bangumi_follow(n, n % 3 + 1, BangumiType.DRAMA) for n in range(101, 111)]
    put(service, owner.mid, works.BANGUMI, *anime, *drama)
    assert walk(service, e.FOLLOWED_BANGUMI, vmid=owner.mid) == [*range(32, 0, -1)]
    assert walk(service, e.FOLLOWED_BANGUMI, vmid=owner.mid, type=2, ps=3) == [*range(110, 100, -1)]
    for status in (1, 2, 3):
        params: dict[str, object] = {"vmid": owner.mid, "follow_status": status, "ps": 4}
        expected = [n for n in range(32, 0, -1) if n % 3 + 1 == status]
        assert walk(service, e.FOLLOWED_BANGUMI, **params) == expected
        data = read(service, e.FOLLOWED_BANGUMI, **params, pn=2)
        assert (data.total, data.pn, data.ps) == (len(expected), 2, 4)
        assert data.items == [anime[n - 1].bangumi for n in expected[4:8]]


@pytest.mark.parametrize("invalid", [{"ps": 31}, {"ps": 0}, {"pn": 0}, {"type": 3}])
def test_bangumi_refuses_invalid_parameters(
    service: RunningService, invalid: dict[str, object]
) -> None:
    assert ask(service, e.FOLLOWED_BANGUMI, vmid=1, **invalid).code == -400


@pytest.mark.parametrize(
    ("endpoint", "name", "part"),
    [
        (e.FOLLOWED_TAGS, "vmid", "tags"),
        (e.FOLLOWED_BANGUMI, "vmid", "bangumi"),
        (e.COURSES, "mid", "courses"),
    ],
    ids=["tags", "bangumi", "courses"],
)
def test_only_the_owner_sees_hidden_lists(
    service: RunningService, endpoint: Endpoint, name: str, part: profile.Hidden
) -> None:
    owner, other = _account_with_works(service, part), someone(service)
    for viewer in (None, other):
        response = ask(service, endpoint, viewer, **{name: owner.mid})
        assert response.code == 53013
        assert "data" not in response.body
    assert len(walk(service, endpoint, owner, **{name: owner.mid})) > 0
    others: list[profile.Hidden] = ["tags", "bangumi", "courses", "medals"]
    open_to_all = _account_with_works(service, *(item for item in others if item != part))
    assert len(walk(service, endpoint, other, **{name: open_to_all.mid})) > 0
    assert walk(service, endpoint, **{name: _UNKNOWN_MID}) == []


def test_only_the_owner_sees_hidden_medals(service: RunningService) -> None:
    owner = _account_hiding(service, "medals")
    put(service, owner.mid, works.MEDAL, _medal(1, 3))
    data = read(service, e.MEDALS, someone(service), target_id=owner.mid)
    assert (data.items, data.count, data.close_space_medal) == ([], 0, 1)
    own = read(service, e.MEDALS, owner, target_id=owner.mid)
    assert (own.items, own.close_space_medal) == ([_medal(1, 3)], 0)


def test_lists_of_a_deregistered_account_are_empty(service: RunningService) -> None:
    """Hidden ones too: not even that they were hidden is shown."""
    owner = _account_with_works(service, "tags")
    service.set_state(owner.mid, State.DEREGISTERED)
    assert read(service, e.FOLLOWED_TAGS, vmid=owner.mid).count == 0
    assert read(service, e.FOLLOWED_BANGUMI, vmid=owner.mid).total == 0


def test_info_has_exactly_the_fields_of_the_contract(service: RunningService) -> None:
    data = ask(service, e.SPACE_INFO, mid=_account_with_profile(service).mid).body["data"]
    names = {item.encode_name for item in msgspec.structs.fields(s.UserInfo)}
    assert set(data) == names
