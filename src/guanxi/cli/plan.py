"""``guanxi plan``: write down what would be done, and why, before anything is done."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import to_builtins

from guanxi.cli.archives import (
    AccountOption,
    ArchiveOption,
    JsonOption,
    opened,
    print_json,
    table,
)
from guanxi.cli.help import argument, in_chinese, option
from guanxi.cli.language import shown, text
from guanxi.cli.login import DEFAULT_NAME, BaseUrl
from guanxi.cli.terminal import say
from guanxi.text import Text
from guanxi.toolbox import planning
from guanxi.toolbox.archive import Archive, default_path
from guanxi.toolbox.errors import PlanError
from guanxi.toolbox.plan import CAP, KINDS, Plan
from guanxi.toolbox.restoring import restore as plan_restore
from guanxi.toolbox.review import FOLLOWS_PER_DAY, Review, explain, review
from guanxi.toolbox.selection import Selection

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

#: How every plan's file begins.
_BEGIN = b'{"guanxi_plan":'
_LIMIT = 20

Output = Annotated[
    Path,
    option("计划文件。", "The plan's file.", "--output", "-o", metavar="PLAN", show_default=False),
]
IgnoreKeep = Annotated[
    bool,
    option("不理会 guanxi keep 的标记。", "Ignore the marks of guanxi keep.", "--ignore-keep"),
]

#: The options that choose accounts: the fields of ``Selection``, with their types and defaults.
_SELECTION: dict[str, tuple[Any, Any]] = {
    "where": (
        Annotated[
            str | None,
            option(
                "SQL 条件，用于此计划所涉的视图。",
                "An SQL condition over the view that the plan is about.",
                metavar="SQL",
            ),
        ],
        None,
    ),
    "ids": (
        Annotated[
            str | None,
            option(
                "名单文件：每行 id 或 id,name；也可为 CSV、JSON Lines 或 JSON；- 为标准输入。",
                "A file: lines id or id,name; or CSV, JSON Lines, JSON; - is standard input.",
                metavar="FILE",
            ),
        ],
        None,
    ),
    "group": (
        Annotated[
            list[str] | None,
            option("在此分组中（可多次）。", "In this group; may be repeated.", metavar="NAME"),
        ],
        None,
    ),
    "diff": (
        Annotated[
            tuple[int, int] | None,
            option("两个快照之间新增的。", "Who came between two snapshots.", metavar="A B"),
        ],
        None,
    ),
    "left": (
        Annotated[
            bool,
            option("用于 --diff：两者之间移除的。", "With --diff: who left instead.", "--left"),
        ],
        False,
    ),
    "deregistered": (
        Annotated[bool, option("已注销。", "Deregistered accounts.", "--deregistered")],
        False,
    ),
    "silent": (
        Annotated[
            float | None,
            option(
                "这些年未发布；需要 backup --last-posted。",
                "Without a post for so many years; needs backup --last-posted.",
                metavar="YEARS",
                min=0.01,
            ),
        ],
        None,
    ),
    "not_mutual": (
        Annotated[bool, option("未互相关注。", "Who does not follow back.", "--not-mutual")],
        False,
    ),
    "ungrouped": (
        Annotated[bool, option("不在任何分组中。", "In no group.", "--ungrouped")],
        False,
    ),
    "followed_within": (
        Annotated[
            float | None,
            option("这些天内关注。", "Followed in the last days.", metavar="DAYS", min=0.01),
        ],
        None,
    ),
    "fans_not_followed": (
        Annotated[
            bool,
            option("未关注的粉丝。", "Followers who are not followed.", "--fans-not-followed"),
        ],
        False,
    ),
    "keep": (
        Annotated[
            list[str] | None,
            option(
                "不理会这些账号：分组名、special 或名单文件（可多次）。",
                "Leave these alone: a group, special, or a file of ids; may be repeated.",
                metavar="FILE|GROUP",
            ),
        ],
        None,
    ),
    "ignore_keep": (IgnoreKeep, False),
}


def _with_selection(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with the options of ``_SELECTION`` in place of its first argument."""
    taken = signature(command, eval_str=True)
    options = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in _SELECTION.items()
    ]
    own = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in taken.parameters.values()][1:]

    @wraps(command)
    def run(**values: Any) -> None:
        chosen = {name: values.pop(name) for name in _SELECTION}
        lists = {name: tuple(value or ()) for name, value in chosen.items() if name in _LISTS}
        command(Selection(**{**chosen, **lists}), **values)

    run.__signature__ = taken.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
    return run


_LISTS = ("group", "keep")


def _simple(name: str) -> Callable[..., None]:
    """Return the command whose plans need no more than a selection."""

    @_with_selection
    def command(
        selection: Selection,
        output: Output,
        archive: ArchiveOption = None,
        account: AccountOption = DEFAULT_NAME,
        base_url: BaseUrl = None,
        as_json: JsonOption = False,
    ) -> None:
        with opened(archive, base_url, account) as found:
            _write(output, lambda: _plan(found, output, name, selection), as_json=as_json)

    return command


_HELP = {
    "unfollow": Text(
        "计划取消关注；--where 用于视图 followings。",
        "Plan to unfollow; --where is over the view followings.",
    ),
    "follow": Text(
        "计划关注；--where 用于视图 accounts。已关注的不占名额。",
        "Plan to follow; --where is over the view accounts. Whom you follow costs nothing.",
    ),
    "remove-follower": Text(
        "计划移除粉丝，无法撤销；--where 用于视图 followers。",
        "Plan to remove followers, for good; --where is over the view followers.",
    ),
    "block": Text(
        "计划拉黑；--where 用于视图 accounts。先列出其中你关注的。",
        "Plan to block; --where is over the view accounts. Whom you follow comes first.",
    ),
    "unblock": Text(
        "计划取消拉黑；--where 用于视图 blocks。",
        "Plan to unblock; --where is over the view blocks.",
    ),
}
for _name, _help in _HELP.items():
    app.command(_name, help=shown(_help))(_simple(_name))


@app.command()
@in_chinese("""计划分组：--to 指定分组，或 --rules 按规则。

    缺少的分组会先建立。默认移动：此后只在这些分组中；--add 则保留原有分组。
    规则为 TOML：[rules] 中 分组 = [关键词…]，[manual] 中 mid = 分组（优先）。""")
@_with_selection
def group(
    selection: Selection,
    output: Output,
    to: Annotated[
        list[str] | None,
        option("目标分组（可多次）。", "A target group; may be repeated.", metavar="NAME"),
    ] = None,
    rules: Annotated[
        Path | None, option("规则文件。", "A file of rules.", metavar="FILE.toml")
    ] = None,
    add: Annotated[bool, option("保留原有分组。", "Keep the groups they are in.", "--add")] = False,
    archive: ArchiveOption = None,
    account: AccountOption = DEFAULT_NAME,
    base_url: BaseUrl = None,
    as_json: JsonOption = False,
) -> None:
    """Plan groups: those of --to, or by --rules.

    Missing groups are created first. Accounts are moved: they are afterwards in these groups alone;
    with --add they stay in theirs. --where is over the view followings.

    Rules are TOML: [rules] with group = ["keyword", …], found in name, sign, note and zone;
    [manual] with mid = "group", which wins.
    """
    with opened(archive, base_url, account) as found:
        _write(
            output,
            lambda: _plan(
                found, output, "group", selection, to=tuple(to or ()), rules=rules, add=add
            ),
            as_json=as_json,
        )


@app.command()
@in_chinese("""计划设为特别关注，或用 --off 取消。--where 用于视图 followings。""")
@_with_selection
def special(
    selection: Selection,
    output: Output,
    off: Annotated[bool, option("取消特别关注。", "No longer special.", "--off")] = False,
    archive: ArchiveOption = None,
    account: AccountOption = DEFAULT_NAME,
    base_url: BaseUrl = None,
    as_json: JsonOption = False,
) -> None:
    """Plan to mark as special, or no longer with --off. --where is over the view followings."""
    with opened(archive, base_url, account) as found:
        _write(
            output,
            lambda: _plan(found, output, "special", selection, off=off),
            as_json=as_json,
        )


@app.command()
@in_chinese("""计划恢复旧快照中的关注、分组与黑名单。

    只恢复失去或改变的；此后新关注的不变。无法恢复的会列出。""")
def restore(
    output: Output,
    at: Annotated[int, option("快照编号。", "The number of the snapshot.", metavar="SNAPSHOT")],
    ignore_keep: IgnoreKeep = False,
    archive: ArchiveOption = None,
    account: AccountOption = DEFAULT_NAME,
    base_url: BaseUrl = None,
    as_json: JsonOption = False,
) -> None:
    """Plan to bring back followings, groups and blocks of an older snapshot.

    Only what was lost or changed comes back; whom you followed since then stays. What cannot come
    back is listed.
    """
    with opened(archive, base_url, account) as found:
        _write(
            output,
            lambda: plan_restore(
                found, output, at, int(time.time()), ignore_keep=ignore_keep, words=shown
            ),
            as_json=as_json,
        )


@app.command()
@in_chinese("""显示计划：各理由的数量、名额、所需时间与前几项操作。""")
def show(
    plan: Annotated[Path, argument("计划文件。", "The plan's file.", metavar="PLAN")],
    mid: Annotated[
        int | None,
        option("说明此账号为何在或不在其中。", "Say why an account is in or not.", "--explain"),
    ] = None,
    limit: Annotated[int, option("显示多少项操作。", "How many acts are shown.", min=0)] = _LIMIT,
    archive: ArchiveOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a plan: counts by reason, the cap, the time it takes, and its first acts."""
    read = Plan.open(plan)
    if mid is None:
        _print(review(read, limit), as_json=as_json)
        return
    path = archive or default_path(read.header.identity)
    if archive is None and not path.is_file():
        lines = explain(read, mid, words=shown)
    else:
        with Archive.open(path) as found:
            lines = explain(read, mid, found, words=shown)
    if as_json:
        print_json({"mid": mid, "explanation": lines})
    else:
        for line in lines:
            _line(line)


def _plan(
    archive: Archive, output: Path, command: str, selection: Selection, **options: Any
) -> Plan:
    now = int(time.time())
    return planning.plan(archive, output, command, selection, now, words=shown, **options)


def _write(output: Path, make: Callable[[], Plan], *, as_json: bool) -> None:
    """Write a plan and print its review. Raise PlanError rather than replace any other file."""
    if output.exists():
        with output.open("rb") as file:
            if file.read(len(_BEGIN)) not in (b"", _BEGIN):
                raise PlanError(
                    f"{output} 已存在，且不是计划文件", f"{output} exists, and is not a plan"
                )
    _print(review(make(), _LIMIT), as_json=as_json)


def _print(found: Review, *, as_json: bool) -> None:
    if as_json:
        print_json(to_builtins(found))
        return
    header = found.header
    _line(f"{header.command} {header.selection}".strip())
    _line(_who(found))
    for line in (*_figures(found), *header.remarks):
        _line(line)
    if found.reasons:
        say("")
        words = [text("操作", "act"), text("数量", "count"), text("理由", "reason")]
        table(words, ((_kind(act), count, reason) for act, reason, count in found.reasons))
    if found.left_out:
        say("")
        table(
            [text("数量", "count"), text("未列入的理由", "left out, since")],
            ((count, reason) for reason, count in found.left_out),
        )
    if found.acts:
        say("")
        words = ["#", "mid", text("昵称", "name"), text("操作", "act"), text("理由", "reason")]
        table(
            words,
            (
                (act.number, act.mid, act.name or act.group, _kind(act.act), act.reason)
                for act in found.acts
            ),
        )
        rest = header.total - len(found.acts)
        if rest:
            _line(text(f"……另有 {rest:,} 项", f"… and {rest:,} more"))


def _who(found: Review) -> str:
    header = found.header
    made = datetime.fromtimestamp(header.made, UTC).strftime("%Y-%m-%d %H:%M UTC")
    if header.snapshot is None:
        return text(f"{header.identity}，{made}", f"{header.identity}, {made}")
    return text(
        f"{header.identity}，快照 {header.snapshot}，{made}",
        f"{header.identity}, from snapshot {header.snapshot}, {made}",
    )


def _figures(found: Review) -> list[str]:
    """Return the lines with what the plan does to the list, and how long it takes."""
    header = found.header
    kinds = ", ".join(f"{_kind(kind)} {count:,}" for kind, count in header.acts.items())
    lines = [
        text(
            f"操作：{kinds or '无'}；未列入 {header.left_out:,}",
            f"acts: {kinds or 'none'}; left out: {header.left_out:,}",
        )
    ]
    if header.followings is not None:
        after = header.followings + header.change
        lines.append(
            text(
                f"关注：现 {header.followings:,}，此后 {after:,}",
                f"followings: {header.followings:,} now, {after:,} afterwards",
            )
        )
    if found.beyond:
        lines.append(
            text(
                f"其中 {found.beyond:,} 个超出 {CAP:,} 的上限",
                f"{found.beyond:,} of them do not fit under the cap of {CAP:,}",
            )
        )
    if header.total:
        pauses = timedelta(seconds=round(found.seconds))
        lines.append(
            text(
                f"请求 {found.calls:,} 次，约需 {pauses}", f"{found.calls:,} calls, about {pauses}"
            )
            if found.seconds
            else text(
                f"请求 {found.calls:,} 次，自己的服务器无需停顿",
                f"{found.calls:,} calls, without pauses on your own server",
            )
        )
    if found.days is not None and found.days > 1:
        lines.append(
            text(
                f"每天约可关注 {FOLLOWS_PER_DAY} 个：需 {found.days} 天（apply --per-day）",
                f"about {FOLLOWS_PER_DAY} follows a day are allowed: it takes {found.days} days"
                " (apply --per-day)",
            )
        )
    return lines


def _kind(kind: str) -> str:
    return shown(KINDS[kind].text) if kind in KINDS else kind


def _line(words: str) -> None:
    """Print one line, whatever line feeds a name has."""
    say(words.replace("\n", "\\n"))
