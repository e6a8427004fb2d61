"""Sign in by QR code: the code is drawn in the page, which waits until it is confirmed."""

from __future__ import annotations

import asyncio
import io
import secrets
import threading
from typing import Any

import segno
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from guanxi.contract.errors import ApiException
from guanxi.manage.panel import ACCOUNT, SIGN_IN, Panel
from guanxi.sdk.credential import Credential
from guanxi.sdk.sync import SyncClient
from guanxi.text import Text
from guanxi.web.forms import Refusal
from guanxi.web.headers import security_headers
from guanxi.web.routing import Verb
from guanxi.web.site import Notice

_CODE, _IMAGE, _STATE = f"{SIGN_IN}/{{id}}", f"{SIGN_IN}/{{id}}/code.svg", f"{SIGN_IN}/{{id}}/state"
_MOST = 5


class Attempt(Struct):
    """A sign-in that waits. The repr omits its secrets."""

    url: str
    #: The key of the account that confirmed, once it has.
    key: str = ""
    failed: Exception | None = None
    expired: bool = False

    def __repr__(self) -> str:
        return f"Attempt(ended={self.ended})"

    @property
    def ended(self) -> bool:
        """Whether nothing more is waited for."""
        return bool(self.key) or self.failed is not None or self.expired


def verbs(panel: Panel) -> list[Verb]:
    """Return the page with the code, its image, and the page that waits for the confirmation."""
    attempts: dict[str, Attempt] = {}

    async def ask(request: Request) -> Response:
        return await panel.page(request, "sign_in.html", server=panel.people.base_url, path=SIGN_IN)

    async def begin(request: Request) -> Response:
        await panel.site.fields(request)
        try:
            attempt = await asyncio.to_thread(_begin, panel)
        except ApiException as error:
            return panel.site.back(request, SIGN_IN, Notice.refused(error))
        while len(attempts) >= _MOST:
            del attempts[next(iter(attempts))]
        number = secrets.token_hex(8)
        attempts[number] = attempt
        return panel.site.back(request, f"{SIGN_IN}/{number}")

    def attempt_of(request: Request) -> Attempt:
        found = attempts.get(request.path_params["id"])
        if found is None:
            raise Refusal(404, _EXPIRED)
        return found

    async def code(request: Request) -> Response:
        return await _shown(panel, request, "sign_in_code.html", attempt_of(request))

    async def image(request: Request) -> Response:
        svg = io.BytesIO()
        segno.make(attempt_of(request).url).save(
            svg, kind="svg", border=2, omitsize=True, light="#fff"
        )
        headers = security_headers() | {"Cache-Control": "no-store"}
        return Response(svg.getvalue(), headers=headers, media_type="image/svg+xml")

    async def state(request: Request) -> Response:
        attempt, is_part = attempt_of(request), "hx-request" in request.headers
        if not attempt.ended and is_part:
            return await _shown(panel, request, "_sign_in_state.html", attempt)
        where, notice = _end_of(attempt)
        if not attempt.ended:
            where, notice = f"{SIGN_IN}/{request.path_params['id']}", _WAITING
        response = panel.site.back(request, where, notice)
        if is_part:  # htmx goes there as a whole page; a browser without it follows the redirect
            response.status_code = 200
            response.headers["HX-Redirect"] = response.headers["location"]
            del response.headers["location"]
        return response

    return [
        ("GET", SIGN_IN, ask),
        ("POST", SIGN_IN, begin),
        ("GET", _CODE, code),
        ("GET", _IMAGE, image),
        ("GET", _STATE, state),
    ]


async def _shown(panel: Panel, request: Request, template: str, attempt: Attempt) -> Response:
    base = f"{SIGN_IN}/{request.path_params['id']}"
    values: dict[str, Any] = {"image": f"{base}/code.svg", "state": f"{base}/state"}
    return await panel.page(request, template, attempt=attempt, **values)


def _begin(panel: Panel) -> Attempt:
    """Request a code, and wait for its confirmation in a thread. Raise ApiException."""
    client = SyncClient(base_url=panel.people.base_url, credential=Credential())
    try:
        code = client.login.qr_generate()
    except BaseException:
        client.close()
        raise
    attempt = Attempt(code.url)

    def wait() -> None:
        try:
            with client:
                credential = client.login.qr_wait(code.qrcode_key)
            if credential is None:
                attempt.expired = True
            else:
                attempt.key = panel.people.sign_in(credential)
        except (ApiException, ValueError, OSError) as error:
            attempt.failed = error

    threading.Thread(target=wait, name="sign-in", daemon=True).start()
    return attempt


def _end_of(attempt: Attempt) -> tuple[str, Any]:
    if attempt.key:
        return f"{ACCOUNT}/{attempt.key}", Text("已登录", "Signed in")
    return SIGN_IN, Notice.refused(attempt.failed or ValueError(_EXPIRED))


_WAITING = Notice("refused", Text("还没有确认。", "It is not confirmed yet."))
_EXPIRED = Text(
    "二维码已过期或已使用，请再生成一个。", "The code has expired or was used: make another one."
)
