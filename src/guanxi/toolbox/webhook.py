"""Posts to a webhook: JSON, signed with HMAC-SHA256, and sent again while the receiver fails."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from ipaddress import ip_address
from types import TracebackType
from urllib.parse import urlsplit

from msgspec import Struct

from guanxi.contract.errors import ApiException
from guanxi.sdk.sync.network import Network
from guanxi.sdk.transport import Request
from guanxi.toolbox.errors import SelectionError, ToolError

#: The environment variable with the secret that posts are signed with.
SECRET = "GUANXI_WEBHOOK_SECRET"  # noqa: S105 - its name, not its value
SIGNATURE = "X-Guanxi-Signature"
#: Seconds that a post may take, and the waits before it is tried again.
_TIMEOUT, _BACK_OFF = 30.0, (1.0, 5.0, 25.0)
#: Bytes of a response that are read; nothing in it is used.
_MAX_RESPONSE = 1 << 20
#: HTTP statuses after which a post may succeed later; so may all from 500 on.
_LATER = (408, 425, 429)


class Undelivered(ToolError):
    """A post was not delivered. It is kept, and sent first the next time."""


class Webhook(Struct, frozen=True):
    """Where posts are sent, and the secret that signs them. The repr omits both.

    Raise SelectionError for an address that is neither https nor loopback, and without a secret.
    """

    url: str
    secret: str

    def __post_init__(self) -> None:
        if not _is_safe(self.url):
            raise SelectionError(
                "--webhook 应为 https:// 地址，或本机的 http:// 地址，不含用户名和 #",
                "--webhook must be an https:// address, or an http:// one of this machine, without"
                " a user and without #",
            )
        if not self.secret:
            raise SelectionError(
                f"请在环境变量 {SECRET} 中设置签名用的密钥",
                f"set the secret that posts are signed with in the environment variable {SECRET}",
            )

    def __repr__(self) -> str:
        return f"Webhook({urlsplit(self.url).hostname})"


def signature(secret: str, body: bytes) -> str:
    """Return the value of the header X-Guanxi-Signature for the body of a post."""
    return "sha256=" + hmac.new(secret.encode(), body, "sha256").hexdigest()


class Sender:
    """A connection to a webhook, to be closed with a ``with`` block.

    ``agent`` is the User-Agent of its posts. ``wait`` sleeps for seconds.
    """

    def __init__(
        self, webhook: Webhook, agent: str, wait: Callable[[float], object] = time.sleep
    ) -> None:
        self._webhook, self._agent, self._wait = webhook, agent, wait
        self._network = Network(proxy=None, timeout=_TIMEOUT, max_response=_MAX_RESPONSE)

    def __enter__(self) -> Sender:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._network.close()

    def post(self, body_at: Callable[[], bytes]) -> None:
        """Post a body of JSON, which ``body_at`` returns for each try.

        It is tried four times, with waits of 1, 5 and 25 seconds; a status below 500 other than
        2xx, 408, 425 and 429 is final. Redirects are not followed. Raise Undelivered.
        """
        failure, is_final = self._sent(body_at())
        for seconds in _BACK_OFF:
            if failure is None or is_final:
                break
            self._wait(seconds)
            failure, is_final = self._sent(body_at())
        if failure is not None:
            raise Undelivered(
                f"推送未送达（{failure}），已保留，下次最先发送",
                f"the post was not delivered ({failure}); it is kept, and sent first the next time",
            )

    def _sent(self, body: bytes) -> tuple[str | None, bool]:
        """Send a body; return what failed, None if it was accepted, and whether that is final."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": self._agent,
            SIGNATURE: signature(self._webhook.secret, body),
        }
        request = Request("POST", self._webhook.url, headers, body, _TIMEOUT)
        try:
            status = self._network.send(request).status
        except ApiException as error:
            return str(error), False
        if 200 <= status < 300:
            return None, True
        return f"HTTP {status}", status < 500 and status not in _LATER


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or "#" in url or not url.isprintable() or " " in url:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
