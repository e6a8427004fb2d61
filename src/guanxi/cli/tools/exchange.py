"""``guanxi export`` and ``import``: lists as files, and plans from such files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from msgspec import structs

from guanxi.cli.help import argument, in_chinese, option
from guanxi.cli.language import shown, text
from guanxi.cli.terminal import note
from guanxi.cli.tools.archives import AccountOption, ArchiveOption, JsonOption, opened, print_json
from guanxi.cli.tools.login import DEFAULT_NAME, BaseUrl
from guanxi.cli.tools.plan import Output, check_output, print_review
from guanxi.toolbox import exchange, journal, notes, transfer
from guanxi.toolbox.exchange import Line
from guanxi.toolbox.ids import read_ids
from guanxi.toolbox.review import review


class ListName(StrEnum):
    """The lists of ``exchange.LISTS``, as values of ``--list``."""

    FOLLOWINGS = "followings"
    FOLLOWERS = "followers"
    BLOCKS = "blocks"
    WHISPERS = "whispers"


@in_chinese("""将列表写成文件。

    为 .jsonl 或 .csv，包括分组名、特别关注、时间、备注与保留标记。文件只有你可读。""")
def export(
    output: Annotated[
        Path,
        option(
            "文件，以 .jsonl 或 .csv 结尾。",
            "The file: its name ends in .jsonl or .csv.",
            "--output",
            "-o",
            metavar="FILE",
            show_default=False,
        ),
    ],
    lists: Annotated[
        list[ListName] | None,
        option("只写此列表，可重复。默认全部。", "Only this list; may be repeated.", "--list"),
    ] = None,
    archive: ArchiveOption = None,
    account: AccountOption = DEFAULT_NAME,
    base_url: BaseUrl = None,
    as_json: JsonOption = False,
) -> None:
    """Write lists to a file.

    They are those of the archive's newest snapshot, with the names of groups, special marks, times,
    notes and marks to keep. The file can be read by its owner alone. guanxi import reads it back.
    """
    with opened(archive, base_url, account) as found:
        count = exchange.write(output, exchange.lines(found, *(lists or ())))
    note(text(f"{output}：{count:,} 行", f"{output}: {count:,} lines"))
    if as_json:
        print_json({"file": str(output), "lines": count})


@in_chinese("""由文件生成计划。

    计划关注其中的账号，并放入其分组。读 guanxi export 的文件，也读其他程序的名单：
    每行 id 或 id,name，CSV，JSON。文件中的备注与保留标记会立即写入档案；
    其余在 guanxi apply 之前什么都不做。""")
def import_(
    file: Annotated[Path, argument("要读的文件。", "The file to read.", metavar="FILE")],
    output: Output,
    to: Annotated[
        list[str] | None,
        option("放入此分组，可重复。", "Put them into this group; may be repeated.", "--to"),
    ] = None,
    blocks: Annotated[
        bool, option("也拉黑文件中的黑名单。", "Also block the blocks of the file.", "--blocks")
    ] = False,
    archive: ArchiveOption = None,
    account: AccountOption = DEFAULT_NAME,
    base_url: BaseUrl = None,
    as_json: JsonOption = False,
) -> None:
    """Plan to follow the accounts of a file.

    They are put into their groups. Files of guanxi export are read, and lists of other programs:
    lines id or id,name; CSV; JSON. Those of a plain list are followed in its order. Notes and marks
    to keep are written into the archive at once; nothing else happens before guanxi apply.
    """
    own = str(file) != "-" and exchange.is_export(file)

    def wanted() -> Iterator[Line]:
        lines = exchange.read(file) if own else _listed(file)
        return (structs.replace(line, groups=(*line.groups, *(to or ()))) for line in lines)

    check_output(output)
    with opened(archive, base_url, account) as found:
        journal.check_not_begun(found, output)
        plan = transfer.plan_transfer(
            found,
            output,
            wanted(),
            int(time.time()),
            command="import",
            selection=str(file),
            blocks=blocks,
            words=shown,
        )
        if own:
            notes.restore(found, exchange.read(file), int(time.time()))
    print_review(review(plan), as_json=as_json)


def _listed(file: Path) -> Iterator[Line]:
    """Yield the accounts of another program's list, so that the first is followed first."""
    return (Line("followings", one.mid, one.name, one.position) for one in read_ids(file))
