"""``guanxi changes``: print a store's changes, or post them to a webhook."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import msgspec

from guanxi.cli.help import in_chinese, option
from guanxi.cli.language import shown, text
from guanxi.cli.store.opening import DEFAULT_STORE, StoreOption, with_store
from guanxi.cli.terminal import json_of, note, say
from guanxi.stores.port import Changes, FeedItem, Store, StoreUnavailable
from guanxi.stores.port.feed import LONGEST_WAIT
from guanxi.toolbox.errors import SelectionError
from guanxi.toolbox.saving import replacing
from guanxi.toolbox.webhook import SECRET, Sender, Undelivered, Webhook

#: How many changes a post has, at most, and the version of its form.
_POSTED, _SCHEMA_VERSION = 100, 1
#: Seconds after which a post that was not delivered, or a read that failed, is tried again.
_PAUSE = 30.0

#: Handle the changes that were read after a cursor (None for the beginning).
Handle = Callable[[Changes, str | None], Awaitable[None]]


@in_chinese("""显示变更，或发送到一个地址。

    从 --after 的游标继续，否则从最早保留的变更开始；之后的游标输出到标准错误。
    --cursor 把游标保存在文件中，下次从那里继续。
    --webhook 以 JSON 发送，用 GUANXI_WEBHOOK_SECRET 中的密钥签名；送达后才保存游标，
    未送达的下次最先发送。""")
def changes(
    follow: Annotated[
        bool,
        option("等待之后的变更，直到 Ctrl-C。", "Wait for later ones, until Ctrl-C.", "--follow"),
    ] = False,
    after: Annotated[
        str | None, option("从此游标之后开始。", "Start after this cursor.", "--after")
    ] = None,
    cursor: Annotated[
        Path | None,
        option("保存游标的文件。", "Keep the cursor in this file.", "--cursor", metavar="FILE"),
    ] = None,
    webhook: Annotated[
        str | None,
        option(
            "发送到此 https 地址，或本机的 http 地址；需要 --cursor。",
            "Post to this https address, or an http one of this machine; needs --cursor.",
            "--webhook",
        ),
    ] = None,
    as_json: Annotated[
        bool, option("每行输出一个 JSON 对象。", "Print a JSON object a line.", "--json")
    ] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Print changes, or post them to an address.

    It continues after the cursor of --after, or begins with the oldest kept change; the cursor
    after the last one is printed on standard error. --cursor keeps it in a file, where the next run
    continues.

    --webhook posts JSON, signed with the secret in GUANXI_WEBHOOK_SECRET. The cursor is kept once a
    post was delivered; one that was not is sent first the next time.
    """
    start = after
    if cursor is not None and cursor.exists():
        start = cursor.read_text("ascii", "replace").strip()
    if webhook is None:

        async def printed(found: Changes, _: str | None) -> None:
            for item in found.items:
                say(json_of(msgspec.to_builtins(item)) if as_json else _line(item))
            _keep(cursor, found.cursor)

        last = with_store(store, lambda opened: _read(opened, printed, start, follow=follow))
        note(text(f"游标：{last}", f"cursor: {last}"))
        return
    if cursor is None:
        raise SelectionError("--webhook 需要 --cursor FILE", "--webhook needs --cursor FILE")
    kept = cursor
    with Sender(Webhook(webhook, os.environ.get(SECRET, "")), "guanxi-changes") as sender:

        async def posted(found: Changes, before: str | None) -> None:
            await asyncio.to_thread(sender.post, lambda: _body(found, before))
            _keep(kept, found.cursor)

        with_store(store, lambda opened: _read(opened, posted, start, follow=follow))


async def _read(store: Store, handle: Handle, after: str | None, *, follow: bool) -> str:
    """Read and handle changes until there is none, or with ``follow`` without end.

    Return the last cursor. With ``follow`` a post that was not delivered, or a read that failed
    for now, is only printed, and repeated later; else it is raised.
    """
    while True:
        try:
            found = await store.changes(after, _POSTED, LONGEST_WAIT if follow else 0)
            if found.items:
                await handle(found, after)
        except (Undelivered, StoreUnavailable) as error:
            if not follow:
                raise
            note(f"guanxi: {shown(error.args[0])}")
            await asyncio.sleep(_PAUSE)
            continue
        after = found.cursor
        if not (found.items or follow):
            return after


def _keep(file: Path | None, cursor: str) -> None:
    if file is not None:
        with replacing(file) as out:
            out.write(cursor.encode() + b"\n")


def _line(item: FeedItem) -> str:
    """Return a change as a line: when, what, who and whom."""
    seconds = item.time_ms // 1_000
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
    target = f" {item.target}" if item.target else ""
    return f"{when} UTC {item.kind} {item.actor}{target}"


def _body(found: Changes, before: str | None) -> bytes:
    """Return the body of a post that is sent now."""
    body = {
        "schema_version": _SCHEMA_VERSION,
        "event": "changes",
        "sent": int(time.time()),
        "after": before,
        "cursor": found.cursor,
        "changes": found.items,
    }
    return msgspec.json.encode(body)
