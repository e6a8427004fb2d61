"""``guanxi account erase``: delete all that is of and about an account."""

from __future__ import annotations

import sys
from typing import Annotated

from msgspec import to_builtins

from guanxi.accounts.account import EditRefusal
from guanxi.cli.help import in_chinese, option
from guanxi.cli.language import text
from guanxi.cli.named import NamedAccount, mid_of
from guanxi.cli.store.opening import DEFAULT_STORE, StoreOption, with_audit
from guanxi.cli.terminal import json_of, note, one_line, say
from guanxi.operations import erasing
from guanxi.operations.accounts import AccountError
from guanxi.operations.audit import Act
from guanxi.stores.port import Erasure, Store
from guanxi.text import Text


@in_chinese("""抹除账号：删除属于它和关于它的一切。

    包括关注、粉丝、分组、拉黑、内容、会话、昵称与名片，以及他人对它的标记；无法恢复。须键入其 mid
    或昵称确认，脚本可用 --yes。可以中断：再次运行会接着做。输出删除了多少（JSON）。其 mid
    不再使用。文件中残留的内容见 docs/erasure.md。""")
def erase(
    mid: NamedAccount,
    yes: Annotated[bool, option("不再询问。", "Do not ask.", "--yes")] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Erase an account: delete all that is of and about it.

    That is its followings, followers, groups, blocks, content, sessions, name and card, and the
    marks of others on it; nothing comes back. Type its id or its name to confirm, or use --yes in
    a script. It may be interrupted: run it again to continue. What was deleted is printed as JSON.
    The id is not used again. What remains in the file is in docs/erasure.md.
    """

    async def work(opened: Store, act: Act) -> Erasure:
        act.mid = await mid_of(opened, mid)
        under_way = await opened.erasure(act.mid)
        if under_way is None and not yes:
            await _confirm(opened, act.mid)
        return await erasing.erase(opened, act.mid, _progress)

    say(json_of(to_builtins(with_audit(store, "account erase", work)), indent=2))


async def _confirm(store: Store, mid: int) -> None:
    """Ask for the mid or the name of an account; raise ``ValueError`` for another answer."""
    card = (await store.cards([mid])).get(mid)
    if card is None:
        raise AccountError(EditRefusal.UNKNOWN, mid)
    tally, name = await store.tally(mid), one_line(card.name)
    note(
        text(
            f"将抹除 {mid}（{name}）：关注 {tally.following:,}，粉丝 {tally.follower:,}，无法恢复",
            f"this erases {mid} ({name}), with {tally.following:,} followings and"
            f" {tally.follower:,} followers; nothing comes back",
        )
    )
    note(text("键入其 mid 或昵称以继续：", "type its id or its name to continue:"))
    typed = sys.stdin.readline().strip()
    if not typed or typed not in (str(mid), card.name.strip()):
        raise ValueError(
            Text(
                "键入的不是其 mid 或昵称，未作改动；脚本可用 --yes",
                "that is neither, and nothing was changed; a script can use --yes",
            )
        )


def _progress(erasure: Erasure) -> None:
    deleted = sum(erasure.counts.values())
    note(text(f"{erasure.stage}：已删除 {deleted:,}", f"{erasure.stage}: {deleted:,} deleted"))
