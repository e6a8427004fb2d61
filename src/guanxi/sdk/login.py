"""Signing in by a code on a screen, and keeping signed in: conversations of several calls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from guanxi.contract import endpoints as e
from guanxi.contract import pages, sign
from guanxi.contract import structs as s
from guanxi.contract.errors import (
    AnswerException,
    CookiesRefreshException,
    NetworkException,
    ResponseCodeException,
    error_for,
)
from guanxi.sdk import answers
from guanxi.sdk.conversation import Conversation, Setting, Wait, call, exchange
from guanxi.sdk.credential import Credential

#: Seconds between two questions about a code, and how often one is asked: longer than it lasts.
POLL = 2.0
POLLS = 100

_DONE, _ENDED = 0, 86038
_WAITING = {86101, 86090}  # not scanned, scanned and not agreed to


def sign_in(key: str, setting: Setting) -> Conversation[Credential | None]:
    """The credential of a sign-in by code, once it is agreed to; None where the code ends first."""
    for _ in range(POLLS):
        answered = yield from exchange(e.QR_POLL, {"qrcode_key": key}, Credential(), setting)
        state = answers.typed(answered.data, s.QrState, e.QR_POLL)
        if state.code == _ENDED:
            return None
        if state.code == _DONE:
            cookies = {**answered.cookies, "ac_time_value": state.refresh_token}
            return _signed_in(Credential.from_cookies(cookies), e.QR_POLL.name)
        if state.code not in _WAITING:
            raise error_for(state.code, state.message, endpoint=e.QR_POLL.name)
        yield Wait(POLL)
    return None


def check_refresh(credential: Credential, setting: Setting) -> Conversation[bool]:
    """Whether the cookies should be refreshed."""
    info = yield from call(e.COOKIE_INFO, None, credential, setting)
    return answers.typed(info, s.CookieInfo, e.COOKIE_INFO).refresh


def refresh(credential: Credential, setting: Setting) -> Conversation[None]:
    """Give a credential new cookies, and end the session of the old ones.

    The time is the server's: a clock that is ahead makes a path that the server does not know.
    """
    credential.raise_for_no_sessdata()
    credential.raise_for_no_bili_jct()
    credential.raise_for_no_ac_time_value()
    old = replace(credential)
    try:
        info = yield from call(e.COOKIE_INFO, None, credential, setting)
        path = correspond_path(answers.typed(info, s.CookieInfo, e.COOKIE_INFO).timestamp)
        page = yield from call(e.CORRESPOND, {"correspond_path": path}, credential, setting)
        csrf = pages.refresh_csrf_of(page or "")
        if csrf is None:
            raise CookiesRefreshException(f"{e.CORRESPOND.name}: the page has no csrf")
        told: dict[str, Any] = {
            "refresh_csrf": csrf,
            "refresh_token": old.ac_time_value,
            "source": "main_web",
        }
        answered = yield from exchange(e.COOKIE_REFRESH, told, credential, setting)
        new = answers.typed(answered.data, s.RefreshedCookie, e.COOKIE_REFRESH)
        cookies = {**answered.cookies, "ac_time_value": new.refresh_token}
        fresh = _signed_in(Credential.from_cookies(cookies), e.COOKIE_REFRESH.name)
        # From here on the new ones count, whatever becomes of the old.
        credential.renew(fresh)
        ended = {"refresh_token": old.ac_time_value}
        yield from call(e.CONFIRM_REFRESH, ended, credential, setting)
        return
    except ResponseCodeException as refused:
        failure = str(refused)
    except NetworkException as lost:
        if lost.status == 0:
            raise
        failure = str(lost)
    # Out here, where nothing chains it to what may quote the old token.
    raise CookiesRefreshException(old.conceal(failure))


def correspond_path(milliseconds: int) -> str:
    """The path of a refresh at a time: hexadecimal, encrypted for the documents' host.

    ``ImportError`` names the extra that it needs.
    """
    try:
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import padding, rsa
    except ImportError as missing:
        raise ImportError(
            "a refresh needs cryptography: pip install 'guanxi[crypto]'", name="cryptography"
        ) from missing
    key = serialization.load_pem_public_key(sign.CORRESPOND_KEY)
    if not isinstance(key, rsa.RSAPublicKey):
        raise TypeError("the key of a refresh is no RSA key")
    sha256 = hashes.SHA256()
    oaep = padding.OAEP(padding.MGF1(sha256), sha256, None)
    return key.encrypt(f"refresh_{milliseconds}".encode(), oaep).hex()


def _signed_in(credential: Credential, endpoint: str) -> Credential:
    """A credential that has all that a sign-in brings; ``AnswerException`` for another."""
    if not (credential.sessdata and credential.bili_jct and credential.ac_time_value):
        raise AnswerException("the sign-in came without its cookies", endpoint=endpoint)
    return credential
