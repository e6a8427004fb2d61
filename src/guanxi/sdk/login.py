"""Conversations of several calls: sign in by QR code, and refresh cookies."""

from __future__ import annotations

from copy import copy
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
from guanxi.sdk.conversation import Conversation, Settings, Wait, call, exchange
from guanxi.sdk.credential import Credential

#: Seconds between two polls of a QR code, and the number of polls: longer than a code is valid.
POLL = 2.0
POLLS = 100

_CONFIRMED, _EXPIRED = 0, 86038
_WAITING = {86101, 86090}  # not scanned; scanned and not confirmed


def sign_in(key: str, settings: Settings) -> Conversation[Credential | None]:
    """Poll a QR code every ``POLL`` seconds until it is confirmed; return the new credential.

    Return None if the QR code expired, or after ``POLLS`` polls. ``key`` is the ``qrcode_key``.
    Raise ``AnswerException`` if the data does not fit, a cookie or the refresh token is missing,
    or a cookie has a character that is not allowed, ``ResponseCodeException`` for a refused poll or
    an unknown state of the QR code, and ``NetworkException``.
    """
    for _ in range(POLLS):
        result = yield from exchange(e.QR_POLL, {"qrcode_key": key}, Credential(), settings)
        state = answers.typed(result.data, s.QrState, e.QR_POLL)
        if state.code == _EXPIRED:
            return None
        if state.code == _CONFIRMED:
            cookies = {**result.cookies, "ac_time_value": state.refresh_token}
            return _signed_in(cookies, e.QR_POLL.name)
        if state.code not in _WAITING:
            raise error_for(state.code, state.message, endpoint=e.QR_POLL.name)
        yield Wait(POLL)
    return None


def check_refresh(credential: Credential, settings: Settings) -> Conversation[bool]:
    """Return whether the server recommends a refresh of the credential's cookies.

    Raise ``CredentialException`` without sessdata, ``ResponseCodeException``, ``NetworkException``
    or ``AnswerException``.
    """
    info = yield from call(e.COOKIE_INFO, None, credential, settings)
    return answers.typed(info, s.CookieInfo, e.COOKIE_INFO).refresh


def refresh(credential: Credential, settings: Settings) -> Conversation[None]:
    """Replace the cookies of a credential in place, then end the session of the old ones.

    Raise ``CredentialException`` if sessdata, bili_jct or ac_time_value is missing,
    ``CookiesRefreshException`` if the server refuses a step (a code or an HTTP error) or its page
    has no csrf, ``NetworkException`` of status 0 if a connection is lost, ``AnswerException`` if a
    response does not fit or the new cookies are incomplete or have a character that is not allowed,
    and ``ImportError`` without the extra ``crypto``.

    After an error the credential is unchanged, with one exception: if ending the old session fails,
    the credential already holds the new cookies.
    """
    credential.raise_for_no_sessdata()
    credential.raise_for_no_bili_jct()
    credential.raise_for_no_ac_time_value()
    old = copy(credential)
    try:
        info = yield from call(e.COOKIE_INFO, None, credential, settings)
        # The server's time: it refuses a path that was made by a clock ahead of its own.
        path = correspond_path(answers.typed(info, s.CookieInfo, e.COOKIE_INFO).timestamp)
        page = yield from call(e.CORRESPOND, {"correspond_path": path}, credential, settings)
        csrf = pages.refresh_csrf_of(page or "")
        if csrf is None:
            raise CookiesRefreshException(f"{e.CORRESPOND.name}: the page has no refresh csrf")
        params: dict[str, Any] = {
            "refresh_csrf": csrf,
            "refresh_token": old.ac_time_value,
            "source": "main_web",
        }
        result = yield from exchange(e.COOKIE_REFRESH, params, credential, settings)
        new = answers.typed(result.data, s.RefreshedCookie, e.COOKIE_REFRESH)
        cookies = {**result.cookies, "ac_time_value": new.refresh_token}
        fresh = _signed_in(cookies, e.COOKIE_REFRESH.name)
        # From here on the new cookies are valid, even if the next call fails.
        credential.renew(fresh)
        old_token = {"refresh_token": old.ac_time_value}
        yield from call(e.CONFIRM_REFRESH, old_token, credential, settings)
        return
    except ResponseCodeException as error:
        failure = str(error)
    except NetworkException as error:
        if error.status == 0:
            raise
        failure = str(error)
    # Raised outside the except blocks: a chained exception may quote the old token.
    raise CookiesRefreshException(old.conceal(failure))


def correspond_path(milliseconds: int) -> str:
    """Return the last path segment of the refresh page: a time, RSA-encrypted, in hexadecimal.

    ``milliseconds`` is the server's time since the Unix epoch. Raise ``ImportError`` without the
    extra ``crypto``.
    """
    try:
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import padding, rsa
    except ImportError as error:
        raise ImportError(
            "refreshing cookies needs the package cryptography: pip install 'guanxi[crypto]'",
            name="cryptography",
        ) from error
    key = serialization.load_pem_public_key(sign.CORRESPOND_KEY)
    if not isinstance(key, rsa.RSAPublicKey):
        raise TypeError("CORRESPOND_KEY is not an RSA public key")
    sha256 = hashes.SHA256()
    oaep = padding.OAEP(padding.MGF1(sha256), sha256, None)
    return key.encrypt(f"refresh_{milliseconds}".encode(), oaep).hex()


def _signed_in(cookies: dict[str, str], endpoint: str) -> Credential:
    """Return the credential of a response's cookies and refresh token.

    Raise ``AnswerException``, which names ``endpoint``, if one is missing or has a character that
    is not allowed.
    """
    try:
        credential = Credential.from_cookies(cookies)
    except ValueError as error:
        raise AnswerException(f"a cookie is invalid: {error}", endpoint=endpoint) from None
    if not (credential.sessdata and credential.bili_jct and credential.ac_time_value):
        raise AnswerException(
            "the response lacks SESSDATA, bili_jct or the refresh token", endpoint=endpoint
        )
    return credential
