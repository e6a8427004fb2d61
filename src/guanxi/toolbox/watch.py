"""Watch: snapshots at intervals, and their differences posted to a webhook.

A post is JSON, signed with HMAC-SHA256. One that is not delivered stays in the archive and is sent
before the next one.
"""

from __future__ import annotations

import hmac
import json
import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from ipaddress import ip_address
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
from msgspec import Struct

from guanxi.contract.errors import ApiException
from guanxi.sdk.sync import SyncClient
from guanxi.sdk.sync.network import Network
from guanxi.sdk.transport import Request
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.backup import backup
from guanxi.toolbox.difference import SCHEMA_VERSION, Difference, difference
from guanxi.toolbox.errors import SelectionError, ToolError
from guanxi.toolbox.progress import OnProgress

#: The environment variable with the secret that posts are signed with.
SECRET = "GUANXI_WEBHOOK_SECRET"  # noqa: S105 - its name, not its value
SIGNATURE = "X-Guanxi-Signature"
#: Seconds between two snapshots of somebody else's server, at least.
SHORTEST = 15 * 60
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_LONGEST = 365 * 86_400
#: Seconds that a post may take, and the waits before it is tried again.
_TIMEOUT, _BACK_OFF = 30.0, (1.0, 5.0, 25.0)
#: Bytes of a response that are read; nothing in it is used.
_MAX_RESPONSE = 1 << 20
#: HTTP statuses after which a post may succeed later; so may all from 500 on.
_LATER = (408, 425, 429)
#: The changes of each category that a post has, and the posts that are kept.
_CHANGES, _KEPT = 500, 100


class Undelivered(ToolError):
    """A post was not delivered. It is kept in the archive, and sent first the next time."""


class Webhook(Struct, frozen=True):
    """Where differences are posted, and the secret that signs them. The repr omits both.

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


def seconds_of(duration: str, *, own: bool = False) -> int:
    """Return the seconds of a duration like 30m, 6h or 1d.

    It is 15 minutes or more, or with ``own`` (the server is the caller's own) one second, and at
    most a year. Raise SelectionError for any other text.
    """
    found = re.fullmatch(r"([0-9]{1,9})([smhd])", duration, re.ASCII)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    shortest = 1 if own else SHORTEST
    if not shortest <= seconds <= _LONGEST:
        least = "1s" if own else "15m"
        raise SelectionError(
            f"时间间隔 {duration} 无效：应如 30m、6h、1d，至少 {least}，至多 365d",
            f"invalid interval {duration}: write 30m, 6h or 1d, at least {least}, at most 365d",
        )
    return seconds


def signature(secret: str, body: bytes) -> str:
    """Return the value of the header X-Guanxi-Signature for the body of a post."""
    return "sha256=" + hmac.new(secret.encode(), body, "sha256").hexdigest()


def look(
    client: SyncClient,
    archive: Archive,
    now: int,
    *,
    webhook: Webhook | None = None,
    on_progress: OnProgress | None = None,
) -> Difference | None:
    """Take a snapshot; return its difference from the one before, None for the first snapshot.

    With ``webhook`` all changes since those that were kept last are kept to be posted, also what a
    look found that was killed, or another backup: call ``deliver``. Raise as ``backup``.
    """
    if webhook is not None:
        archive.rows(_BASE)
    backup(client, archive, now, on_progress=on_progress)
    [[snapshots]] = archive.rows("SELECT count(*) FROM snapshot WHERE ended IS NOT NULL")
    if snapshots < 2:
        if webhook is not None:
            archive.rows(_BASE)
        return None
    if webhook is not None:
        keep(archive, difference(archive, archive.rows(_POSTED)[0][0]), now)
    return difference(archive)


#: The snapshot up to which changes were kept to be posted: at first, the newest one.
_BASE = """
INSERT OR IGNORE INTO meta SELECT 'posted', max(id) FROM snapshot WHERE ended IS NOT NULL"""
#: That snapshot, or if it was removed the one before it, or the first one. A number may be that of
#: a removed one: the newest was never posted.
_POSTED = """
SELECT coalesce(max(id) FILTER (
    WHERE id <= (SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'posted')), min(id))
FROM snapshot WHERE ended IS NOT NULL AND id < (SELECT max(id) FROM snapshot)"""


def keep(archive: Archive, found: Difference, now: int) -> None:
    """Keep a difference with changes to be posted; of more than 100 the oldest are deleted."""
    body = "".join(found.json(limit=_CHANGES)) if found.has_changes() else None
    with archive.transaction() as db:
        db.execute("INSERT OR REPLACE INTO meta VALUES ('posted', ?)", (found.after,))
        if body is None:
            return
        db.execute("INSERT INTO post VALUES (NULL, ?, ?, ?)", (uuid4().hex, now, body))
        db.execute("DELETE FROM post WHERE number <= (SELECT max(number) FROM post) - ?", (_KEPT,))


def deliver(
    archive: Archive,
    webhook: Webhook,
    *,
    clock: Callable[[], float] = time.time,
    wait: Callable[[float], object] = time.sleep,
) -> int:
    """Post the differences that are kept, the oldest first; return how many were delivered.

    Each is tried four times, with waits of 1, 5 and 25 seconds; a status below 500 other than
    2xx, 408, 425 and 429 is final. Redirects are not followed. Raise Undelivered at the first that
    fails: it and the later ones stay.
    """
    delivered = 0
    with closing(Network(proxy=None, timeout=_TIMEOUT, max_response=_MAX_RESPONSE)) as network:
        while rows := archive.rows("SELECT * FROM post ORDER BY number LIMIT 1"):
            [row] = rows
            failure, is_final = _sent(network, archive, webhook, row, clock)
            for seconds in _BACK_OFF:
                if failure is None or is_final:
                    break
                wait(seconds)
                failure, is_final = _sent(network, archive, webhook, row, clock)
            if failure is not None:
                raise Undelivered(
                    f"推送未送达（{failure}），已保留，下次最先发送",
                    f"the post was not delivered ({failure}); it is kept, and sent first the next"
                    " time",
                )
            with archive.transaction() as db:
                db.execute("DELETE FROM post WHERE number = ?", (row["number"],))
            delivered += 1
    return delivered


def _sent(
    network: Network,
    archive: Archive,
    webhook: Webhook,
    row: sqlite3.Row,
    clock: Callable[[], float],
) -> tuple[str | None, bool]:
    """Send a post; return what failed, None if it was accepted, and whether that is final."""
    head = {
        "schema_version": SCHEMA_VERSION,
        "event": "difference",
        "id": row["id"],
        "sent": int(clock()),
        "account": msgspec.to_builtins(archive.identity),
    }
    body = f'{json.dumps(head)[:-1]}, "difference": {row["body"]}}}'.encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "guanxi-watch",
        SIGNATURE: signature(webhook.secret, body),
    }
    try:
        status = network.send(Request("POST", webhook.url, headers, body, _TIMEOUT)).status
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
