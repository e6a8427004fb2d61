"""``guanxi plan``: write down what would be done, and why, before anything is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from inspect import Parameter, Signature, cleandoc
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import to_builtins
from rich.console import Console
from rich.text import Text as RichText

from guanxi.cli.help import argument, in_chinese, option
from guanxi.cli.language import shown, text
from guanxi.cli.terminal import escaped, say
from guanxi.cli.tools.archives import (
    AccountOption,
    ArchiveOption,
    JsonOption,
    line_width,
    opened,
    print_json,
    table,
)
from guanxi.cli.tools.login import DEFAULT_NAME, BaseUrl
from guanxi.text import Text
from guanxi.toolbox import journal, planning
from guanxi.toolbox.archive import Archive, default_path
from guanxi.toolbox.errors import PlanError
from guanxi.toolbox.plan import CAP, KINDS, Plan
from guanxi.toolbox.restoring import restore
from guanxi.toolbox.review import FOLLOWS_PER_DAY, Review, explain, review
from guanxi.toolbox.selection import Selection, Words

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

#: How every plan's file begins.
_BEGIN = b'{"guanxi_plan":'
_LIMIT = 20

Output = Annotated[Path, option("计划文件。", "The plan's file.", "--output", "-o", metavar="PLAN")]
#: An option: its name, its annotation and its default.
Option = tuple[str, Any, Any]

_NEEDED = Parameter.empty
_EVERY_PLAN: tuple[Option, ...] = (
    ("output", Output, _NEEDED),
    ("archive", ArchiveOption, None),
    ("account", AccountOption, DEFAULT_NAME),
    ("base_url", BaseUrl, None),
    ("as_json", JsonOption, False),
)


def _flag(name: str, zh: str, en: str) -> Option:
    return name, Annotated[bool, option(zh, en, f"--{name.replace('_', '-')}")], False


def _value(name: str, kind: Any, metavar: str, zh: str, en: str, **settings: Any) -> Option:
    return name, Annotated[kind | None, option(zh, en, metavar=metavar, **settings)], None


_IGNORE_KEEP = _flag(
    "ignore_keep", "不理会 guanxi keep 的标记。", "Ignore the marks of guanxi keep."
)
_AT = Annotated[int, option("快照编号。", "The snapshot's number.", metavar="SNAPSHOT")]
#: The options that choose accounts: the fields of ``Selection``.
_SELECTION = (
    _value(
        *("where", str, "SQL"),
        "此计划所涉视图的 SQL 条件。",
        "An SQL condition over the plan's view.",
    ),
    _value(
        *("because", str, "TEXT"),
        "计划中的理由，代替 --where 的条件。",
        "The reason that the plan gives, in place of the condition of --where.",
    ),
    _value(
        *("ids", str, "FILE"),
        "名单文件：每行 id 或 id,name；也可为 CSV、JSON Lines 或 JSON；- 为标准输入。",
        "A file: lines id or id,name; or CSV, JSON Lines, JSON; - is standard input.",
    ),
    _value("group", list[str], "NAME", "在此分组中（可多次）。", "In this group; may be repeated."),
    _value("diff", tuple[int, int], "A B", "两个快照之间新增。", "Came between two snapshots."),
    _flag("left", "用于 --diff：两者之间移除。", "With --diff: left between them."),
    _flag("deregistered", "已注销。", "Deregistered."),
    _value(
        *("silent", float, "YEARS"),
        "这些年未发布；需要 backup --last-posted。",
        "Without a post for so many years; needs backup --last-posted.",
        min=0.01,
    ),
    _flag("not_mutual", "未互相关注。", "Does not follow back."),
    _flag("ungrouped", "不在任何分组中。", "In no group."),
    _value(
        *("followed_within", float, "DAYS"),
        "这些天内关注。",
        "Followed in the last so many days.",
        min=0.01,
    ),
    _flag("fans_not_followed", "未关注的粉丝。", "A follower who is not followed."),
    _value(
        *("keep", list[str], "FILE|GROUP"),
        "不理会这些账号：分组名、special 或名单文件（可多次）。",
        "Leave these alone: a group, special, or a file of ids; may be repeated.",
    ),
    _IGNORE_KEEP,
)
#: The plans about selected accounts: their help, and their own options.
_PLANS: dict[str, tuple[Text, tuple[Option, ...]]] = {
    "unfollow": (
        Text("计划取消关注。\n\n视图：followings。", "Plan to unfollow.\n\nThe view: followings."),
        (),
    ),
    "follow": (
        Text(
            "计划关注。\n\n视图：accounts。已关注的不占名额。按名单或原有顺序，先关注的在前。",
            "Plan to follow.\n\nThe view: accounts. Whom you follow already costs nothing. The"
            " order is that of the file, else the oldest first.",
        ),
        (),
    ),
    "remove-follower": (
        Text(
            "计划移除粉丝。\n\n视图：followers。undo 无法撤销。",
            "Plan to remove followers.\n\nThe view: followers. undo cannot bring them back.",
        ),
        (),
    ),
    "block": (
        Text(
            "计划拉黑。\n\n视图：accounts。先列出其中你关注的。",
            "Plan to block.\n\nThe view: accounts. Whom you follow is shown first.",
        ),
        (),
    ),
    "unblock": (
        Text("计划取消拉黑。\n\n视图：blocks。", "Plan to unblock.\n\nThe view: blocks."),
        (),
    ),
    "group": (
        Text(
            """计划分组：--to 指定分组，或 --rules 按规则。

            视图：followings。缺少的分组会先建立。默认移动：此后只在这些分组中。

            规则为 TOML：[rules] 中 分组 = [关键词…]，在昵称、签名、备注与分区中查找；
            [manual] 中 mid = 分组，优先。""",
            """Plan groups: those of --to, or by --rules.

            The view: followings. Missing groups are created first. Accounts are moved: they are
            afterwards in these groups alone.

            Rules are TOML: [rules] with group = ["keyword", …], found in name, sign, note and
            zone; [manual] with mid = "group", which wins.""",
        ),
        (
            _value("to", list[str], "NAME", "目标分组（可多次）。", "Into this; may be repeated."),
            _value("rules", Path, "FILE.toml", "规则文件。", "A file of rules."),
            _flag("add", "保留原有分组。", "Keep the groups that they are in."),
        ),
    ),
    "special": (
        Text(
            "计划设为或取消特别关注。\n\n视图：followings。",
            "Plan who is special.\n\nThe view: followings.",
        ),
        (_flag("off", "取消特别关注。", "No longer special."),),
    ),
}
_RESTORE = Text(
    """计划恢复旧快照中的关注、分组与黑名单。

    只恢复失去或改变的；此后新关注的不变。无法恢复的会列出。""",
    """Plan to bring back an older snapshot.

    Followings, groups and blocks come back if they were lost or changed; whom you followed since
    then stays. What cannot come back is listed.""",
)


def _add(name: str, described: Text, options: Iterable[Option], write: Callable[..., Plan]) -> None:
    """Add a command that writes a plan with the values of ``options``, and prints its review."""

    def command(**values: Any) -> None:
        output, as_json = values.pop("output"), values.pop("as_json")
        archive, base_url, account = map(values.pop, ("archive", "base_url", "account"))
        check_output(output)
        with opened(archive, base_url, account) as found:
            journal.check_not_begun(found, output)
            written = write(found, output, now=int(time.time()), words=shown, **values)
        print_review(review(written, _LIMIT), as_json=as_json)

    command.__doc__ = cleandoc(described.en)
    parameters = [
        Parameter(one, Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for one, kind, default in (*_EVERY_PLAN, *options)
    ]
    command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    app.command(name)(in_chinese(described.zh)(command))


def _writer(name: str, own: tuple[Option, ...]) -> Callable[..., Plan]:
    """Return what writes a plan of ``COMMANDS`` from the values of options."""

    def write(archive: Archive, path: Path, *, now: int, words: Words, **values: Any) -> Plan:
        for key in values.keys() & {"group", "keep", "to"}:
            values[key] = tuple(values[key] or ())
        others = {key: values.pop(key) for key, *_ in own}
        selection = Selection(**values)
        return planning.plan(archive, path, name, selection, now, words=words, **others)

    return write


for _name, (_help, _own) in _PLANS.items():
    _add(_name, _help, (*_own, *_SELECTION), _writer(_name, _own))
_add("restore", _RESTORE, (("at", _AT, _NEEDED), _IGNORE_KEEP), restore)


@app.command()
@in_chinese("""显示计划。

    输出各理由的数量、名额、所需时间与前几项操作。""")
def show(
    plan: Annotated[Path, argument("计划文件。", "The plan's file.", metavar="PLAN")],
    mid: Annotated[
        int | None,
        option(
            "说明此账号为何在或不在其中。",
            "Say why an account is in or not.",
            "--explain",
            min=1,
            max=2**63 - 1,
        ),
    ] = None,
    limit: Annotated[int, option("显示多少项操作。", "How many acts are shown.", min=0)] = _LIMIT,
    archive: ArchiveOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a plan.

    It prints the counts by reason, the cap, the time that it takes, and the first acts.
    """
    read = Plan.open(plan)
    if mid is None:
        print_review(review(read, limit), as_json=as_json)
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


def check_output(output: Path) -> None:
    """Raise PlanError rather than replace what is not a plan, or if there is no such folder."""
    if output.is_dir() or not output.parent.is_dir():
        raise PlanError(
            f"{output}：须为已有文件夹中的文件", f"{output}: must be a file in an existing folder"
        )
    if output.is_file():
        with output.open("rb") as file:
            if file.read(len(_BEGIN)) not in (b"", _BEGIN):
                raise PlanError(
                    f"{output} 已存在，且不是计划文件", f"{output} exists, and is not a plan"
                )


def print_review(found: Review, *, as_json: bool) -> None:
    """Print a plan for its reader: counts by reason, the cap, the time, and the first acts."""
    if as_json:
        print_json(to_builtins(found))
        return
    header = found.header
    _line(f"{header.command} {header.selection}".strip())
    for line in (*_origin(found), *_figures(found), *header.remarks):
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


def _origin(found: Review) -> list[str]:
    """Return the lines with the account, and with the snapshot and the time of the plan."""
    header = found.header
    made = datetime.fromtimestamp(header.made, UTC).strftime("%Y-%m-%d %H:%M UTC")
    if header.snapshot is not None:
        made = text(f"快照 {header.snapshot}，{made}", f"from snapshot {header.snapshot}, {made}")
    return [str(header.identity), made]


def _figures(found: Review) -> list[str]:
    """Return the lines with what the plan does to the list, and how long it takes."""
    header = found.header
    kinds = text("、", ", ").join(f"{_kind(kind)} {count:,}" for kind, count in header.acts.items())
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
    """Print a sentence, wrapped; line feeds in names are escapes."""
    shown_words = RichText(escaped(words).replace("\n", "\\n"))
    for line in shown_words.wrap(Console(), line_width()):
        say(line.plain.rstrip())
