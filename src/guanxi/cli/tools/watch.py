"""``guanxi watch``: snapshots at intervals, their differences printed and posted."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from guanxi.cli.help import in_chinese, option
from guanxi.cli.language import shown, text
from guanxi.cli.terminal import note, one_line, say
from guanxi.cli.tools.archives import (
    AccountOption,
    ArchiveOption,
    JsonOption,
    progress_bar,
    signed_in,
)
from guanxi.cli.tools.backup import stopped
from guanxi.cli.tools.diff import print_difference, print_json
from guanxi.cli.tools.login import DEFAULT_NAME, BaseUrl
from guanxi.contract.errors import ApiException, ResponseCodeException
from guanxi.sdk.hosts import base_address, is_own
from guanxi.sdk.sync import SyncClient
from guanxi.text import Text
from guanxi.toolbox import labels
from guanxi.toolbox.archive import Archive, default_path
from guanxi.toolbox.errors import ArchiveBusy
from guanxi.toolbox.watch import deliver, look, seconds_of
from guanxi.toolbox.webhook import SECRET, Undelivered, Webhook

#: Seconds of one sleep: a laptop that slept longer notices soon after that the time has come.
_NAP = 30.0


@in_chinese("""定时取快照，并显示变化。

    --webhook 把变化以 JSON 发送到一个地址，用 GUANXI_WEBHOOK_SECRET 中的密钥签名；
    没有变化则不发送；未送达的保存在档案中，下次最先发送。
    Ctrl-C 或 SIGTERM 结束；遇到风控立即停止。定时任务请用 --once。""")
def watch(
    every: Annotated[
        str,
        option(
            "间隔，如 30m、6h、1d；他人的服务器至少 15m。",
            "The interval, like 30m, 6h, 1d; 15m or more for another's server.",
            "--every",
        ),
    ] = "6h",
    webhook: Annotated[
        str | None,
        option(
            "发送到此 https 地址，或本机的 http 地址。",
            "Post to this https address, or an http one of this machine.",
            "--webhook",
        ),
    ] = None,
    once: Annotated[bool, option("只取一次快照。", "Take one snapshot only.", "--once")] = False,
    as_json: JsonOption = False,
    archive: ArchiveOption = None,
    account: AccountOption = DEFAULT_NAME,
    base_url: BaseUrl = None,
) -> None:
    """Take snapshots at intervals, and print what changed.

    --webhook posts changes as JSON, signed with the secret in GUANXI_WEBHOOK_SECRET. If nothing
    changed there is no post. One that is not delivered stays in the archive and is sent first the
    next time.

    Ctrl-C or SIGTERM ends it, risk control stops it. For cron, use --once.
    """
    interval = seconds_of(every, own=is_own(base_address(base_url), frozenset()))
    hook = None if webhook is None else Webhook(webhook, os.environ.get(SECRET, ""))
    with _ending_at_sigterm(), signed_in(base_url, account) as (client, identity):
        path = default_path(identity) if archive is None else archive
        while True:
            due = time.time() + interval
            try:
                with Archive.create(path, identity) as opened:  # it may have been deleted
                    _look(client, opened, hook, as_json=as_json)
            except (ApiException, ArchiveBusy, Undelivered) as error:
                if isinstance(error, ApiException) and (once or _stops(error)):
                    raise stopped(error) from error
                if once:
                    raise
                note(f"guanxi: {one_line(shown(Text.of(error.args[0])))}")
            if once:
                return
            while (left := due - time.time()) > 0:
                time.sleep(min(left, _NAP))


def _look(client: SyncClient, archive: Archive, hook: Webhook | None, *, as_json: bool) -> None:
    """Take a snapshot, print its difference, and post what is kept."""
    with progress_bar(lambda part: shown(labels.label(labels.LISTS, part))) as show:
        found = look(client, archive, int(time.time()), webhook=hook, on_progress=show)
    if found is None:
        note(text("第一个快照已保存，尚无可比较的", "the first snapshot: nothing to compare yet"))
    elif as_json:
        print_json(found)
    elif found.has_changes():
        print_difference(found)
    else:
        new = found.snapshot(found.after)
        say(text(f"{new['begun']} UTC：没有变化。", f"{new['begun']} UTC: nothing changed."))
    if hook is not None:
        deliver(archive, hook)


def _stops(error: ApiException) -> bool:
    return isinstance(error, ResponseCodeException) and error.stops


@contextmanager
def _ending_at_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block, and then the process with status 0: what is read stays."""

    def end(*_: object) -> None:
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
