"""Accounts with every kind of data, and a valid request for each endpoint."""

from __future__ import annotations

import time

import msgspec

from guanxi.accounts import tokens
from guanxi.accounts.account import Privacy
from guanxi.accounts.secrets import TokenKind
from guanxi.contract import endpoints as e
from guanxi.contract import structs as s
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.limits import DOCUMENTED
from guanxi.operations.sessions import issue
from guanxi.testing import RunningService, SignedIn
from guanxi.world import mine, profile, videos
from tests.service.client import Answer, call, follow, fresh, secret_of
from tests.service.content_fixtures import put


def _refreshed(service: RunningService, mid: int, refresh: str) -> SignedIn:
    """Open the session that a refresh with a refresh token opens."""
    token = tokens.successor(secret_of(service), refresh, mid)
    limits, now = DOCUMENTED.limits, int(time.time())
    issued = service.do(lambda store: issue(store, mid, TokenKind.COOKIE, limits, now, token=token))
    return SignedIn(mid, token, issued.bili_jct)


#: What an account may be called in a request that is about it.
_OTHER = (
    *("vmid", "fid", "mid", "fids", "uid", "host_mid", "host_uid", "up_mid", "target_id"),
    "biz_id",
)


class Scene:
    """A caller who follows another and has a group, and a third account, which has nothing.

    The other takes support, and has a video, pinned, a season and a series, with its mid for their
    ids. The caller has a notice, and a video put by and watched.
    """

    def __init__(self, service: RunningService) -> None:
        self.service = service
        before, self.other, self.third = fresh(service, 3)
        #: The refresh token that opened the caller's session.
        self.refresh = tokens.refresh_token(secret_of(service), before.sessdata)
        self.caller = _refreshed(service, before.mid, self.refresh)
        follow(service, self.caller, self.other)
        made = call(service, e.CREATE_GROUP, self.caller, {"tag": "组"})
        self.group: int = made.data["tagid"]
        caller, other = self.caller.mid, self.other.mid
        entries = [
            profile.NOTICE.entry(caller, profile.Notice("公告")),
            mine.LATER.entry(caller, mine.Later(other, 1, mine.FINISHED)),
            profile.PROFILE.entry(other, profile.Profile(supported=True)),
            videos.VIDEO.entry(other, s.Video(other)),
            videos.TOP_VIDEO.entry(other, videos.Chosen(other)),
            videos.SEASON.entry(other, videos.Season(s.SeasonMeta(other))),
            videos.SERIES.entry(other, videos.Series(s.SeriesMeta(other))),
        ]
        service.do(lambda store: store.put(entries))

    def fields(self, endpoint: Endpoint) -> dict[str, object]:
        """Return the required fields, and the one without which the endpoint does nothing."""
        target = self.third if endpoint in (e.MODIFY, e.BATCH_MODIFY) else self.other
        secret, token = secret_of(self.service), self.caller.sessdata
        right: dict[str, object] = {
            **dict.fromkeys(_OTHER, target.mid),
            **dict.fromkeys(("season_id", "series_id"), self.other.mid),
            **dict.fromkeys(("tagid", "tagids", "afterTagids"), self.group),
            "beforeTagids": 0,
            "act": 1,
            "re_src": 11,
            "tag": "新组",
            "name": "改名",
            "names": f"u{self.other.mid}",
            "nickName": f"new-{self.caller.mid}",
            "uname": f"new-{self.caller.mid}",
            "usersign": "签名",
            "sex": "女",
            "birthday": "2000-02-29",
            "pn": 1,
            "ps": 20,
            "viewed": "true",
            "qrcode_key": tokens.qr_key(secret, int(time.time())),
            "correspond_path": "00ff",
            "refresh_csrf": tokens.refresh_csrf(secret, token),
            "refresh_token": tokens.refresh_token(secret, token),
        }
        return {
            one.encode_name: right[one.encode_name]
            for one in msgspec.structs.fields(endpoint.params)
            if one.required or one.encode_name == "viewed"
        } | ({"refresh_token": self.refresh} if endpoint is e.CONFIRM_REFRESH else {})

    def call(self, endpoint: Endpoint, **changed: object) -> Answer:
        """Call an endpoint as the caller, with some fields changed."""
        return call(self.service, endpoint, self.caller, {**self.fields(endpoint), **changed})

    def hide(self, **switches: bool) -> None:
        """Let the other account hide its relation lists."""
        self.service.set_privacy(self.other.mid, Privacy(**switches))

    def hide_content(self) -> None:
        """Let the other account hide all of its space that it can."""
        hidden = profile.Profile(hides=frozenset(("bangumi", "tags", "courses", "medals")))
        put(self.service, self.other.mid, profile.PROFILE, hidden)
