"""``guanxi note`` and ``keep``: what a person writes about accounts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from guanxi.cli.help import Mid, argument, in_chinese, option
from guanxi.cli.language import text
from guanxi.cli.terminal import note as to_stderr
from guanxi.cli.terminal import say
from guanxi.cli.tools.archives import (
    AccountOption,
    ArchiveOption,
    JsonOption,
    opened,
    print_json,
    print_query,
)
from guanxi.cli.tools.login import DEFAULT_NAME, BaseUrl
from guanxi.toolbox import notes
from guanxi.toolbox.ids import read_ids


@in_chinese("""写下对账号的备注。

    省略文字则显示。备注在各快照间保留，可在 --where 中使用。""")
def note(
    mid: Mid,
    words: Annotated[
        str | None,
        argument(
            "备注；空文字为删除。省略则显示。",
            "The note; an empty one deletes it. Without it, the note is printed.",
            metavar="[TEXT]",
        ),
    ] = None,
    as_json: JsonOption = False,
    archive: ArchiveOption = None,
    account: AccountOption = DEFAULT_NAME,
    base_url: BaseUrl = None,
) -> None:
    """Write a note about an account.

    Without a text, print it. It stays over all snapshots, and --where can use it.
    """
    with opened(archive, base_url, account) as found:
        if words is not None:
            notes.write_note(found, mid, words, int(time.time()))
        written = notes.note_of(found, mid)
    if as_json:
        print_json({"mid": mid, "note": written})
    elif words is None:
        say(written or "")


@in_chinese("""标记要保留的账号。

    计划都不理会它们，除非用 --ignore-keep。不给账号则列出全部标记。""")
def keep(
    mids: Annotated[
        list[int] | None,
        argument("一个或多个 mid。", "One or more ids.", min=1, max=2**63 - 1),
    ] = None,
    ids: Annotated[
        Path | None, option("名单文件；- 为标准输入。", "A file of ids; - is standard input.")
    ] = None,
    reason: Annotated[str, option("理由。", "Why.")] = "",
    remove: Annotated[bool, option("改为取消标记。", "Remove the marks.", "--remove")] = False,
    as_json: JsonOption = False,
    archive: ArchiveOption = None,
    account: AccountOption = DEFAULT_NAME,
    base_url: BaseUrl = None,
) -> None:
    """Mark accounts to be kept.

    Plans leave them alone, unless --ignore-keep is given. Without accounts, print all marks.
    """
    if (mids or ids) is None and (remove or reason):
        raise typer.BadParameter(
            text("请给出 mid 或 --ids", "name the accounts: ids, or a file with --ids")
        )
    with opened(archive, base_url, account) as found:
        if not mids and ids is None:
            with found.query("SELECT * FROM keep ORDER BY mid") as rows:
                print_query(rows, as_json=as_json)
            return
        chosen = {*(mids or ()), *(one.mid for one in (read_ids(ids) if ids else ()))}
        if remove:
            count = notes.unkeep(found, chosen)
            to_stderr(text(f"取消了 {count} 个标记", f"{count} marks removed"))
        else:
            count = notes.keep(found, chosen, reason, int(time.time()))
            to_stderr(text(f"标记了 {count} 个账号", f"{count} accounts marked"))
    if as_json:
        print_json({"removed" if remove else "marked": count})
