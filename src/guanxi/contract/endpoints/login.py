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
    attempts_sign_in=True,
    summary="Start a sign-in by QR code: the URL to draw, and the key to poll with.",
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
    attempts_sign_in=True,
    own_codes=frozenset({-400}),
    summary="The state of a sign-in by QR code; when confirmed, the response sets the cookies.",
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
    invalid_code=-404,
    own_codes=frozenset({-404}),
    summary="The HTML page that contains the csrf of a cookie refresh.",
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
    signs_in=True,
    own_codes=frozenset({-101, -111, 86095}),
    summary="Exchange a refresh token for new cookies and a new refresh token.",
    seed="000, Credential.refresh",
)
CONFIRM_REFRESH = Endpoint(
    name="login.confirm_refresh",
    method="POST",
    host=Host.PASSPORT,
    path="/x/passport-login/web/confirm/refresh",
    params=p.RefreshConfirmation,
    auth=_COOKIE,
    signs_in=True,
    own_codes=frozenset({-101, -111, -400}),
    summary="Close the session of the old refresh token.",
    seed="000, Credential.refresh",
)
