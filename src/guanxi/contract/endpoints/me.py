"""The caller's own account: what only it may read, and what it may change."""

from __future__ import annotations

from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.endpoint import (
    ACCESS_KEY,
    COOKIE,
    Endpoint,
    Envelope,
    Host,
    Login,
    Pages,
    Paging,
)

_COOKIE = frozenset({COOKIE})
_SIGNED_IN = frozenset({-101})
_WRITES = frozenset({-101, -111})

MY_INFO = Endpoint(
    name="me.info",
    method="GET",
    path="/x/space/myinfo",
    data=s.MyInfo,
    auth=_COOKIE,
    own_codes=_SIGNED_IN,
    summary="The caller's own account.",
    seed="000, 001, get_self_info",
)
EDIT = Endpoint(
    name="me.edit",
    method="POST",
    path="/x/member/web/update",
    params=p.ProfileEdit,
    auth=_COOKIE,
    own_codes=_WRITES | {40002, 40004, 40005, 40006, 40014, 40015, 40021, 40022},
    elsewhere=frozenset({40002, 40015}),  # guanxi forbids no words
    summary="Change the caller's name, signature, sex and birthday in one call.",
    seed="000, 001, edit_self_info; 40002 and 40006 as check_nickname has them",
)
SET_NOTICE = Endpoint(
    name="me.set_notice",
    method="POST",
    path="/x/space/notice/set",
    params=p.Notice,
    auth=_COOKIE,
    own_codes=_WRITES | {-304, -400},
    summary="Change the notice of the caller's space; an empty one deletes it.",
    seed="000, 001, User.set_space_notice",
)
COINS = Endpoint(
    name="me.coins",
    method="GET",
    host=Host.ACCOUNT,
    path="/site/getCoin",
    data=s.Coins,
    auth=_COOKIE,
    envelope=Envelope.STATUS,
    own_codes=_SIGNED_IN,
    summary="The caller's balance of coins.",
    seed="000, 001, get_self_coins",
)
HISTORY = Endpoint(
    name="me.history",
    method="GET",
    path="/x/v2/history",
    params=p.HistoryParams,
    data=list[s.HistoryVideo],
    auth=_COOKIE,
    paging=Paging.NUMBERED,
    pages=Pages(items=("",), key=("business", "kid")),
    own_codes=_SIGNED_IN | {-400},
    summary="The videos, episodes and lessons that the caller watched, latest first, by page.",
    seed="000, 001, get_self_history",
)
HISTORY_CURSOR = Endpoint(
    name="me.history_cursor",
    method="GET",
    path="/x/web-interface/history/cursor",
    params=p.HistoryCursorParams,
    data=s.HistoryPage,
    auth=_COOKIE,
    paging=Paging.CHAINED,
    pages=Pages(
        key=("history.business", "kid"),
        next={"max": "cursor.max", "view_at": "cursor.view_at", "business": "cursor.business"},
    ),
    own_codes=_SIGNED_IN | {-400},
    summary="Everything that the caller viewed, latest first, from an entry on.",
    seed="000, 001, get_self_history_new",
)
TOVIEW = Endpoint(
    name="me.toview",
    method="GET",
    path="/x/v2/history/toview",
    data=s.Toview,
    auth=_COOKIE,
    own_codes=_SIGNED_IN | {-400},
    elsewhere=frozenset({-400}),  # it has no parameters
    pages=Pages(key=("aid",), total="count"),
    summary="The caller's watch-later list.",
    seed="000, 001, get_toview_list",
)
CLEAR_TOVIEW = Endpoint(
    name="me.clear_toview",
    method="POST",
    path="/x/v2/history/toview/clear",
    auth=_COOKIE,
    own_codes=_WRITES,
    summary="Delete every video of the watch-later list.",
    seed="000, 001, clear_toview_list",
)
DELETE_VIEWED = Endpoint(
    name="me.delete_viewed",
    method="POST",
    path="/x/v2/history/toview/del",
    params=p.ToviewDeletion,
    auth=_COOKIE,
    own_codes=_WRITES | {-400},
    summary="Delete the videos that were watched to the end from the watch-later list.",
    seed="000, 001, delete_viewed_videos_from_toview",
)
NOTES = Endpoint(
    name="me.notes",
    method="GET",
    path="/x/note/list",
    params=p.NotesParams,
    data=s.NotePage,
    auth=_COOKIE,
    paging=Paging.NUMBERED,
    pages=Pages(key=("note_id",), total="page.total"),
    own_codes=_SIGNED_IN | {-400},
    summary="The caller's notes on videos.",
    seed="000, 001, get_self_notes_info",
)
PUBLIC_NOTES = Endpoint(
    name="me.public_notes",
    method="GET",
    path="/x/note/publish/list/user",
    params=p.NotesParams,
    data=s.PublicNotePage,
    auth=_COOKIE,
    paging=Paging.NUMBERED,
    pages=Pages(key=("cvid",), total="page.total"),
    own_codes=_SIGNED_IN | {-400},
    summary="The caller's public notes.",
    seed="000, 001, get_self_public_notes_info",
)
EXPERIENCE_LOG = Endpoint(
    name="me.experience_log",
    method="GET",
    path="/x/member/web/exp/log",
    data=s.ExperienceLog,
    auth=_COOKIE,
    own_codes=_SIGNED_IN,
    summary="The experience that the caller gained in the last week.",
    seed="000, 001, get_self_experience_log",
)
MORAL_LOG = Endpoint(
    name="me.moral_log",
    method="GET",
    path="/x/member/web/moral/log",
    data=s.MoralLog,
    auth=_COOKIE,
    own_codes=_SIGNED_IN,
    summary="The caller's moral value and its changes.",
    seed="000, 001, get_self_moral_log",
)
LOGIN_LOG = Endpoint(
    name="me.login_log",
    method="GET",
    path="/x/member/web/login/log",
    data=s.LoginLog,
    auth=_COOKIE,
    own_codes=_SIGNED_IN,
    summary="The times and addresses of the caller's sign-ins.",
    seed="000, 001, get_self_login_log",
)
JURY = Endpoint(
    name="me.jury",
    method="GET",
    path="/x/credit/v2/jury/jury",
    data=s.Jury,
    auth=frozenset({COOKIE, ACCESS_KEY}),
    own_codes=_SIGNED_IN,
    summary="The caller's state as a juror.",
    seed="000, 001, get_self_jury_info",
)
EVENTS = Endpoint(
    name="me.events",
    method="GET",
    host=Host.MEMBER,
    path="/x2/creative/h5/calendar/event",
    params=p.EventsParams,
    data=s.Events,
    auth=_COOKIE,
    own_codes=_SIGNED_IN,
    summary="The events of the caller's account since its creation.",
    seed="000, 001, get_self_events",
)
FAN_REPORT = Endpoint(
    name="me.fan_report",
    method="GET",
    host=Host.MEMBER,
    path="/x/web/data/fan",
    params=p.FanReportParams,
    data=s.FanReport,
    # The documented function sends it without a credential too: it is the server that refuses.
    login=Login.OPTIONAL,
    auth=_COOKIE,
    own_codes=_SIGNED_IN,
    summary="A report on the caller's followers: counts, rankings, sources.",
    seed="000, 001, User.top_followers",
)
