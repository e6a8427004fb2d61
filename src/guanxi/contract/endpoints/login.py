"""Signing in by a code on a screen, and keeping signed in."""

from __future__ import annotations

from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.endpoint import COOKIE, Body, Endpoint, Envelope, Host, Login

_COOKIE = frozenset({COOKIE})

QR_GENERATE = Endpoint(
    name="login.qr_generate",
    method="GET",
    host=Host.PASSPORT,
    path="/x/passport-login/web/qrcode/generate",
    data=s.QrCode,
    login=Login.NONE,
    auth=frozenset(),
    summary="Begin a sign-in: an address to draw as a code, and the key to ask with.",
    seed="ours: the documents take a credential for granted; the web's own address",
)
QR_POLL = Endpoint(
    name="login.qr_poll",
    method="GET",
    host=Host.PASSPORT,
    path="/x/passport-login/web/qrcode/poll",
    params=p.QrPoll,
    data=s.QrState,
    login=Login.NONE,
    auth=frozenset(),
    own_codes=frozenset({-400}),
    summary="How far a sign-in is; once it is done the cookies come with the answer.",
    seed="ours: the documents take a credential for granted; the web's own address",
)
COOKIE_INFO = Endpoint(
    name="login.cookie_info",
    method="GET",
    host=Host.PASSPORT,
    path="/x/passport-login/web/cookie/info",
    data=s.CookieInfo,
    auth=_COOKIE,
    own_codes=frozenset({-101}),
    summary="Whether the cookies should be refreshed, and the server's time.",
    seed="000, Credential.check_refresh",
)
CORRESPOND = Endpoint(
    name="login.correspond",
    method="GET",
    host=Host.WWW,
    path="/correspond/1/{correspond_path}",
    params=p.Correspondence,
    data=str,
    auth=_COOKIE,
    envelope=Envelope.NONE,
    body=Body.HTML,
    complaint=-404,
    own_codes=frozenset({-404}),
    summary="The page that carries a refresh's csrf.",
    seed="000, Credential.refresh",
)
COOKIE_REFRESH = Endpoint(
    name="login.cookie_refresh",
    method="POST",
    host=Host.PASSPORT,
    path="/x/passport-login/web/cookie/refresh",
    params=p.CookieRefresh,
    data=s.RefreshedCookie,
    auth=_COOKIE,
    own_codes=frozenset({-101, -111, 86095}),
    summary="New cookies and a new refresh token for the old one.",
    seed="000, Credential.refresh",
)
CONFIRM_REFRESH = Endpoint(
    name="login.confirm_refresh",
    method="POST",
    host=Host.PASSPORT,
    path="/x/passport-login/web/confirm/refresh",
    params=p.RefreshConfirmation,
    auth=_COOKIE,
    own_codes=frozenset({-101, -111, -400}),
    summary="End the session that the old refresh token belongs to.",
    seed="000, Credential.refresh",
)
