"""``guanxi mcp``: an archive for assistants, over the Model Context Protocol.

They can read it and write plans into one folder. Nothing is requested of the server, and nothing
is applied: that is for people, after they have read the plan.
"""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError as Refused
from msgspec import to_builtins

from guanxi._version import __version__
from guanxi.cli.help import in_chinese, option
from guanxi.cli.language import text
from guanxi.cli.terminal import note
from guanxi.cli.tools.archives import AccountOption, ArchiveOption, opened
from guanxi.cli.tools.login import DEFAULT_NAME, BaseUrl
from guanxi.cli.tools.plan import check_output
from guanxi.toolbox import journal, planning
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.difference import difference
from guanxi.toolbox.errors import ToolError
from guanxi.toolbox.plan import Plan
from guanxi.toolbox.review import explain, review
from guanxi.toolbox.schema import VIEWS
from guanxi.toolbox.selection import Selection

F = TypeVar("F", bound=Callable[..., Any])
Kind = Literal["unfollow", "follow", "remove-follower", "block", "unblock", "group", "special"]

_INSTRUCTIONS = """\
The archive of one account's followings, followers, blocks and groups, as snapshots. Read it with
`query` (`views` lists what there is) and `diff`. `plan` writes a file that says what would be done
and why; nothing is done. Show the plan to the user, who applies it with `guanxi apply`."""
#: The most rows and acts of one response, and changes of a category.
_ROWS, _CHANGES = 500, 200
#: Seconds that a call may take, looked at after so many of SQLite's instructions.
_SECONDS, _STEPS = 60.0, 100_000
_FILE_NAME = re.compile(r"[\w-][\w.-]{0,99}")


@in_chinese("""让助手读取档案。

    通过 MCP（标准输入输出），也可制定计划。不发请求，不作任何更改。
    计划写入一个文件夹，由你查看并用 guanxi apply 执行。""")
def mcp(
    plans: Annotated[
        Path | None,
        option(
            "计划所在的文件夹。默认为档案旁的 plans。",
            "The folder of the plans. Default: plans, next to the archive.",
            file_okay=False,
        ),
    ] = None,
    archive: ArchiveOption = None,
    account: AccountOption = DEFAULT_NAME,
    base_url: BaseUrl = None,
) -> None:
    """Let an assistant read the archive, over MCP.

    It speaks over standard input and output, and can also write plans. It can change nothing: no
    request is sent, and plans are written into one folder, where you read them and apply them with
    guanxi apply.
    """
    with opened(archive, base_url, account) as found:
        path = found.path
    folder = plans or path.with_name("plans")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    note(text(f"档案：{path}\n计划：{folder}", f"archive: {path}\nplans: {folder}"))
    server_of(path, folder).run("stdio")


def server_of(path: Path, folder: Path) -> MCPServer[Any]:
    """Return the server of the archive at ``path``, with plans in ``folder``."""
    server: MCPServer[Any] = MCPServer(
        "guanxi", instructions=_INSTRUCTIONS, version=__version__, log_level="ERROR"
    )

    def tool(work: F) -> F:
        server.tool(structured_output=False)(work)
        return work

    @tool
    def views() -> dict[str, list[str]]:
        """Return the views that `query` can read, each with its columns. Times are UTC as text."""
        with _opened(path) as archive:
            found = {}
            for name in VIEWS:
                with archive.query(f"SELECT * FROM {name} LIMIT 0") as rows:
                    found[name] = [column[0] for column in rows.description]
            return found

    @tool
    def query(sql: str, limit: int = 100, snapshot: int | None = None) -> dict[str, Any]:
        """Return the rows of a SELECT over the views, at most `limit` (1 to 500).

        `snapshot` lets the views show that snapshot; without it they show the newest one. `more` is
        true if there are further rows.
        """
        most = max(1, min(limit, _ROWS))
        with _opened(path) as archive:
            archive.show(snapshot)
            with archive.query(sql) as rows:
                names = [column[0] for column in rows.description or ()]
                found = [to_builtins(list(row)) for row in islice(rows, most + 1)]
        return {"columns": names, "rows": found[:most], "more": len(found) > most}

    @tool
    def diff(a: int | None = None, b: int | None = None) -> dict[str, Any]:
        """Return what changed from snapshot `a` to `b`; by default between the last two.

        At most 200 accounts of each category are listed; `counts` are those of all. Of a list that
        is not complete, nobody is said to have left.
        """
        with _opened(path) as archive:
            parts = difference(archive, a, b).json(limit=_CHANGES)
            found: dict[str, Any] = json.loads("".join(parts))
            return found

    @tool
    def plan(
        kind: Kind,
        file: str,
        where: str | None = None,
        mids: list[int] | None = None,
        group: list[str] | None = None,
        deregistered: bool = False,
        silent_years: float | None = None,
        not_mutual: bool = False,
        ungrouped: bool = False,
        followed_within_days: float | None = None,
        fans_not_followed: bool = False,
        to: list[str] | None = None,
    ) -> dict[str, Any]:
        """Write a plan to `file` in the plans' folder, and return its review. Nothing is done.

        The accounts must match all given rules: `where` is an SQL condition over the view
        followings (kinds unfollow, group, special), followers (remove-follower), blocks (unblock)
        or accounts (follow, block); `mids` are ids; `group` are names of groups. `to` are the
        target groups of kind group. Accounts that the user marked to be kept are left out.
        """
        conditions = [f"({where}\n)"] if where else []
        if mids:
            conditions.append(f"mid IN ({', '.join(str(int(mid)) for mid in mids)})")
        selection = Selection(
            where=" AND ".join(conditions) or None,
            group=tuple(group or ()),
            deregistered=deregistered,
            silent=silent_years,
            not_mutual=not_mutual,
            ungrouped=ungrouped,
            followed_within=followed_within_days,
            fans_not_followed=fans_not_followed,
        )
        target = _plan_file(folder, file)
        with _opened(path) as archive:
            check_output(target)
            journal.check_not_begun(archive, target)
            written = planning.plan(
                archive, target, kind, selection, int(time.time()), to=tuple(to or ())
            )
        return {"path": str(target), **to_builtins(review(written))}

    @tool
    def show_plan(file: str, explain_mid: int | None = None) -> dict[str, Any]:
        """Return the review of a plan in the plans' folder: counts by reason and the first acts.

        With `explain_mid`, also why that account is in the plan or not.
        """
        target = _plan_file(folder, file)
        with _opened(path) as archive:
            found = Plan.open(target)
            shown: dict[str, Any] = to_builtins(review(found, 100))
            if explain_mid is not None:
                shown["explanation"] = explain(found, explain_mid, archive)
        return shown

    return server


@contextmanager
def _opened(path: Path) -> Iterator[Archive]:
    """Yield the archive, opened for this call; its errors become those that assistants read.

    A call that takes too long fails: nobody is there to interrupt it.
    """
    ends = time.monotonic() + _SECONDS
    try:
        with Archive.open(path) as archive:
            archive.db.set_progress_handler(lambda: time.monotonic() > ends, _STEPS)
            yield archive
    except (ToolError, OSError, sqlite3.Error) as error:
        raise Refused(str(error)) from error


def _plan_file(folder: Path, name: str) -> Path:
    """Return the path of a plan. Raise the protocol's error for a name that leaves the folder."""
    if not _FILE_NAME.fullmatch(name):
        raise Refused("file: a name of letters, digits, . _ and - is needed")
    return folder / name
