"""``guanxi report``: one HTML page of an archive."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

from guanxi.cli.help import in_chinese, option
from guanxi.cli.language import text
from guanxi.cli.terminal import say
from guanxi.cli.tools.archives import AccountOption, ArchiveOption, JsonOption, opened, print_json
from guanxi.cli.tools.login import DEFAULT_NAME, BaseUrl
from guanxi.text import language_of
from guanxi.toolbox import report as write_report


@in_chinese("""写出一个 HTML 报告。

    内含历次快照的数目、新增与离开、分组、上次发布与各列表；单个文件，不从网络加载任何内容。
    文件含个人数据，只有你可读。""")
def report(
    output: Annotated[Path, option("要写的文件。", "The file to write.", "-o", "--output")],
    faces: Annotated[
        bool,
        option(
            "打开时从网络加载头像。",
            "Load the accounts' pictures from the network when the page is opened.",
            "--faces",
        ),
    ] = False,
    as_json: JsonOption = False,
    archive: ArchiveOption = None,
    account: AccountOption = DEFAULT_NAME,
    base_url: BaseUrl = None,
) -> None:
    """Write a report as one HTML page.

    It has the counts over the snapshots, arrivals and departures, groups, last posts and the
    lists, in a single file that loads nothing from the network. It holds personal data, and only
    you can read it.
    """
    with opened(archive, base_url, account) as opened_archive:
        language = language_of(os.environ)
        now = int(time.time())
        size = write_report(opened_archive, output, now, language=language, faces=faces)
    if as_json:
        print_json({"file": str(output), "bytes": size})
    else:
        say(text(f"已写入 {output}（{size:,} 字节）", f"wrote {output} ({size:,} bytes)"))
