"""What the typed methods send, except for relations: each endpoint's path and parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from guanxi import AnswerException
from guanxi.contract.endpoints import BY_NAME
from guanxi.contract.enums import ArticleOrder, BangumiType, HistoryType, VideoOrder
from guanxi.contract.paths import fill, placeholders
from guanxi.contract.sign import wbi_verify
from tests.documents.test_wire import FEED
from tests.sdk.recorder import MIXIN, Answer, Kind, envelope, recording, wbi

Use = Callable[[Any], Any]
CHANNELS = {"mid": "7", "page_num": "2", "page_size": "5"}
SEASON = {"mid": "7", "season_id": "9", "sort_reverse": "true", "page_num": "2", "page_size": "5"}
SENT: dict[str, tuple[Use, dict[str, str]]] = {
    "space.page": (lambda c: c.space.page(7), {}),
    "space.info": (lambda c: c.space.info(7), {"mid": "7"}),
    "space.overview": (lambda c: c.space.overview(7), {"mid": "7"}),
    "space.up_stat": (lambda c: c.space.up_stat(7), {"mid": "7"}),
    "space.notice": (lambda c: c.space.notice(7), {"mid": "7"}),
    "space.reservations": (lambda c: c.space.reservations(7), {"vmid": "7"}),
    "space.supporters": (lambda c: c.space.supporters(7), {"up_mid": "7"}),
    "space.like_effect": (lambda c: c.space.like_effect(7), {"vmid": "7"}),
    "space.medals": (lambda c: c.space.medals(7), {"target_id": "7"}),
    "space.tags": (
        lambda c: c.space.tags(7, page=2, size=5),
        {"vmid": "7", "pn": "2", "ps": "5"},
    ),
    "space.bangumi": (
        lambda c: c.space.bangumi(7, type=BangumiType.DRAMA, follow_status=3),
        {"vmid": "7", "type": "2", "follow_status": "3", "pn": "1", "ps": "15"},
    ),
    "space.videos": (
        lambda c: c.space.videos(7, tid=4, keyword="a b", order=VideoOrder.VIEW),
        {
            "mid": "7",
            "ps": "30",
            "tid": "4",
            "pn": "1",
            "keyword": "a b",
            "order": "click",
            "order_avoided": "1",
            "platform": "web",
        },
    ),
    "space.media_list": (
        lambda c: c.space.media_list(7, after=3, direction=True, order=2),
        {
            "biz_id": "7",
            "oid": "3",
            "ps": "20",
            "direction": "1",
            "desc": "1",
            "sort_field": "2",
            "tid": "0",
            "with_current": "0",
            "mobi_app": "web",
            "type": "1",
            "otype": "2",
        },
    ),
    "space.top_video": (lambda c: c.space.top_video(7), {"vmid": "7"}),
    "space.masterpieces": (lambda c: c.space.masterpieces(7), {"vmid": "7"}),
    "space.channels": (lambda c: c.space.channels(7, page=2, size=5), CHANNELS),
    "space.legacy_channels": (lambda c: c.space.legacy_channels(7, page=2, size=5), CHANNELS),
    "space.season_videos": (
        lambda c: c.space.season_videos(7, 9, order="true", page=2, size=5),
        SEASON,
    ),
    "space.legacy_season_videos": (
        lambda c: c.space.legacy_season_videos(7, 9, order="true", page=2, size=5),
        SEASON,
    ),
    "space.series_videos": (
        lambda c: c.space.series_videos(7, 9, order="asc"),
        {"mid": "7", "series_id": "9", "sort": "asc", "pn": "1", "ps": "100"},
    ),
    "space.audios": (
        lambda c: c.space.audios(7, order=2),
        {"uid": "7", "order": "2", "pn": "1", "ps": "30"},
    ),
    "space.articles": (
        lambda c: c.space.articles(7, order=ArticleOrder.VIEW),
        {"mid": "7", "sort": "view", "pn": "1", "ps": "30"},
    ),
    "space.article_lists": (
        lambda c: c.space.article_lists(7, order=1),
        {"mid": "7", "sort": "1"},
    ),
    "space.albums": (
        lambda c: c.space.albums(7, biz="draw", page=2),
        {"uid": "7", "biz": "draw", "page_num": "2", "page_size": "30"},
    ),
    "space.courses": (lambda c: c.space.courses(7), {"mid": "7", "pn": "1", "ps": "20"}),
    "space.dynamics": (
        lambda c: c.space.dynamics(7, offset="5"),
        {"host_mid": "7", "offset": "5", **FEED},
    ),
    "space.old_dynamics": (
        lambda c: c.space.old_dynamics(7, offset=5, need_top=True),
        {"host_uid": "7", "offset_dynamic_id": "5", "need_top": "1"},
    ),
    "space.opus": (
        lambda c: c.space.opus(7, type="article", offset="5"),
        {"host_mid": "7", "offset": "5", "type": "article"},
    ),
    "channel.season": (lambda c: c.channel.season(9), {"season_id": "9"}),
    "channel.series": (lambda c: c.channel.series(9), {"series_id": "9"}),
    "me.info": (lambda c: c.me.info(), {}),
    "me.edit": (
        lambda c: c.me.edit(birthday="2000-01-01", sex="男", name="名", signature="签"),
        {"birthday": "2000-01-01", "sex": "男", "uname": "名", "usersign": "签"},
    ),
    "me.set_notice": (lambda c: c.me.set_notice("x y"), {"notice": "x y"}),
    "me.coins": (lambda c: c.me.coins(), {}),
    "me.jury": (lambda c: c.me.jury(), {}),
    "me.fan_report": (lambda c: c.me.fan_report(since_ms=5), {"t": "5"}),
    "me.history": (lambda c: c.me.history(page=2), {"pn": "2", "ps": "100"}),
    "me.history_cursor": (
        lambda c: c.me.history_cursor(type=HistoryType.live, view_at=1, max=2, business="live"),
        {"type": "live", "ps": "20", "view_at": "1", "max": "2", "business": "live"},
    ),
    "me.toview": (lambda c: c.me.toview(), {}),
    "me.clear_toview": (lambda c: c.me.clear_toview(), {}),
    "me.delete_viewed": (lambda c: c.me.delete_viewed(), {"viewed": "true"}),
    "me.notes": (lambda c: c.me.notes(), {"pn": "1", "ps": "20"}),
    "me.public_notes": (lambda c: c.me.public_notes(page=2), {"pn": "2", "ps": "20"}),
    "me.experience_log": (lambda c: c.me.experience_log(), {}),
    "me.moral_log": (lambda c: c.me.moral_log(), {}),
    "me.login_log": (lambda c: c.me.login_log(), {}),
    "me.events": (lambda c: c.me.events(ts=5), {"ts": "5"}),
    "login.qr_generate": (lambda c: c.login.qr_generate(), {}),
    "login.qr_poll": (lambda c: c.login.qr_poll("key"), {"qrcode_key": "key"}),
    "login.cookie_info": (lambda c: c.login.cookie_info(), {}),
    "login.correspond": (lambda c: c.login.correspond("ab12"), {}),
    "login.cookie_refresh": (
        lambda c: c.login.cookie_refresh("x", "y"),
        {"refresh_csrf": "x", "refresh_token": "y", "source": "main_web"},
    ),
    "login.confirm_refresh": (lambda c: c.login.confirm_refresh("y"), {"refresh_token": "y"}),
    "account.name_to_uid": (lambda c: c.account.name_to_uid(["一", "b"]), {"names": "一,b"}),
    "account.legacy_name_to_uid": (
        lambda c: c.account.legacy_name_to_uid(["a"]),
        {"names": "a"},
    ),
    "account.check_nickname": (lambda c: c.account.check_nickname("名"), {"nickName": "名"}),
}
#: The parameters that are part of a path.
IN_PATH = {"mid": "7", "correspond_path": "ab12"}


@pytest.mark.parametrize("name", SENT)
def test_each_method_sends_the_parameters_of_its_endpoint(kind: Kind, name: str) -> None:
    use, expected = SENT[name]
    endpoint = BY_NAME[name]
    with recording(wbi(lambda request: Answer(envelope()))) as server:
        try:
            kind.do(use, base_url=server.url)
        except AnswerException:  # this server sends no data
            assert endpoint.data is not None
    request = server.received[-1]
    in_path = {field: IN_PATH[field] for field in placeholders(endpoint.path)}
    assert (request.method, request.path) == (endpoint.method, fill(endpoint.path, in_path))
    pairs = request.form if endpoint.method == "POST" else request.query
    sent = dict(pairs)
    assert len(sent) == len(pairs)
    if endpoint.wbi:
        assert wbi_verify(pairs, MIXIN)
        del sent["w_rid"], sent["wts"]
    assert (sent.pop("w_webid", None) is not None) == endpoint.access_id
    assert (sent.pop("csrf", None) == "jct-secret") == endpoint.writes
    assert sent == expected
    assert ("SESSDATA" in request.cookies) == bool(endpoint.auth)
