"""Requests that every client makes: who is signed in, the wbi keys, device ids."""

from __future__ import annotations

from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.endpoint import COOKIE, Count, Endpoint, Login, Pages, Paging

NAV = Endpoint(
    name="web.nav",
    method="GET",
    path="/x/web-interface/nav",
    data=s.Nav,
    login=Login.OPTIONAL,
    auth=frozenset({COOKIE}),
    own_codes=frozenset({-101}),
    summary="Who is signed in, and the wbi keys of the day (those also with -101).",
    seed="000, credential and wbi machinery",
)
BUVID = Endpoint(
    name="web.buvid",
    method="GET",
    path="/x/frontend/finger/spi",
    data=s.Buvids,
    login=Login.NONE,
    auth=frozenset(),
    summary="A new pair of device ids; nothing is stored.",
    seed="ours: clients of the documents request it",
)
DEVICE_REPORT = Endpoint(
    name="web.device_report",
    method="POST",
    path="/x/internal/gaia-gateway/ExClimbWuzhi",
    data=s.Ignored,
    login=Login.NONE,
    auth=frozenset(),
    ignores_body=True,
    summary="Accept a device report and discard it; guanxi's own client never sends one.",
    seed="ours: clients of the documents send it",
)
ATTENTIONS = Endpoint(
    name="web.attentions",
    method="GET",
    path="/x/web-interface/attentions",
    params=p.AttentionsParams,
    data=list[int],
    cursor_data=s.MidPage,
    paging=Paging.WHOLE,
    pages=Pages(
        items=("",),
        key=(),
        count=Count(endpoint="relation.stat", param="vmid", of="mid", path="following"),
    ),
    own_codes=frozenset({-101, -400}),
    summary="The mids of all accounts that an account follows, newest first.",
    seed="000, get_all_followings",
)
