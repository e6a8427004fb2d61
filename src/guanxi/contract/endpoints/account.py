"""Accounts and their names."""

from __future__ import annotations

from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.endpoint import COOKIE, Count, Endpoint, Envelope, Host, Login, Pages, Paging

CARD_BY_MID = Endpoint(
    name="account.card_by_mid",
    method="GET",
    host=Host.ACCOUNT,
    path="/api/member/getCardByMid",
    params=p.AttentionsParams,
    data=s.CardByMid,
    login=Login.NONE,
    auth=frozenset(),
    envelope=Envelope.NONE,
    paging=Paging.WHOLE,
    # Its own number counts hidden followings too.
    pages=Pages(
        items=("card.attentions",),
        key=(),
        count=Count(endpoint="relation.stat", param="vmid", of="mid", path="following"),
    ),
    own_codes=frozenset({-400, -404}),
    summary="An account with the mids of all accounts that it follows, newest first.",
    seed="001, get_all_followings",
)
NAME_TO_UID = Endpoint(
    name="account.name_to_uid",
    method="GET",
    path="/x/polymer/web-dynamic/v1/name-to-uid",
    params=p.Names,
    data=s.NamedAccounts,
    auth=frozenset({COOKIE}),
    own_codes=frozenset({-101, -400}),
    summary="The mids of accounts by exact name; unknown names are left out.",
    seed="000, name2uid",
)
LEGACY_NAME_TO_UID = Endpoint(
    name="account.legacy_name_to_uid",
    method="GET",
    host=Host.VC,
    path="/dynamic_mix/v1/dynamic_mix/name_to_uid",
    params=p.Names,
    data=s.NamedAccounts,
    login=Login.NONE,
    auth=frozenset(),
    envelope=Envelope.MSG,
    own_codes=frozenset({-400}),
    summary="The mids of accounts by exact name, without a sign-in.",
    seed="001, name2uid, name2uid_sync",
)
CHECK_NICKNAME = Endpoint(
    name="account.check_nickname",
    method="GET",
    host=Host.PASSPORT,
    path="/web/generic/check/nickname",
    params=p.Nickname,
    login=Login.NONE,
    auth=frozenset(),
    envelope=Envelope.BARE,
    own_codes=frozenset({-400, 2001, 40002, 40004, 40005, 40006, 40014}),
    # One code for a name in use is enough, and this service forbids no words.
    elsewhere=frozenset({2001, 40002}),
    summary="Check whether a nickname is allowed and free; the code says why not.",
    seed="000, 001, check_nickname",
)
