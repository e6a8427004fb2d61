"""``guanxi apply`` and ``undo``: do what a plan says, and plan to take it back."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import to_builtins

from guanxi.cli.help import argument, in_chinese, option
from guanxi.cli.language import shown, text
from guanxi.cli.terminal import note, say
from guanxi.cli.tools.archives import (
    AccountOption,
    ArchiveOption,
    JsonOption,
    confirmed,
    print_json_list,
    progress_bar,
    signed_in,
    table,
)
from guanxi.cli.tools.login import DEFAULT_NAME, BaseUrl
from guanxi.cli.tools.plan import Output, check_output, print_review
from guanxi.sdk.sync import SyncClient
from guanxi.toolbox import journal, stops
from guanxi.toolbox.apply import apply as apply_plan
from guanxi.toolbox.archive import Archive, default_path
from guanxi.toolbox.errors import PlanError, Stopped
from guanxi.toolbox.ids import read_ids
from guanxi.toolbox.journal import OUTCOMES, Report
from guanxi.toolbox.plan import KINDS, Plan
from guanxi.toolbox.review import review
from guanxi.toolbox.undo import undo as plan_undo

#: The exit status if acts were accepted and are not in effect.
NOT_IN_EFFECT = 4
#: How many acts that were not done are shown.
_SHOWN = 20

PlanFile = Annotated[Path, argument("计划文件。", "The plan's file.", metavar="PLAN")]
Yes = Annotated[bool, option("不询问。", "Do not ask.", "--yes", "-y")]
PerDay = Annotated[
    int | None,
    option(
        "24 小时内最多操作多少个账号，所有计划合计。",
        "The most acts on accounts in 24 hours, of all plans together.",
        min=1,
    ),
]
Verify = Annotated[
    bool,
    option("最后是否核对。", "Whether to read all accounts back.", "--verify/--no-verify"),
]


@in_chinese("""执行计划。

    先显示数量并询问，再按 SDK 的节奏逐项执行，每项之前与之后都记入档案。
    中断后再次运行即可继续余下的部分。被拒绝的账号会列出，其余继续；
    因风控、列表已满或今日名额用尽而停止时，退出状态为 3；接受但未生效时为 4。""")
def apply(
    plan: PlanFile,
    yes: Yes = False,
    limit: Annotated[
        int | None, option("本次最多多少项。", "The most acts of this run.", min=1)
    ] = None,
    per_day: PerDay = None,
    exclude: Annotated[
        list[str] | None,
        option(
            "不理会此账号，或名单文件中的账号；可重复。",
            "Leave this account alone, or those of a file of ids; may be repeated.",
            metavar="MID|FILE",
        ),
    ] = None,
    verify: Verify = True,
    report: Annotated[
        bool,
        option(
            "只显示结果，执行期间也可用。",
            "Only show what became of it, also meanwhile.",
            "--report",
        ),
    ] = False,
    archive: ArchiveOption = None,
    account: AccountOption = DEFAULT_NAME,
    base_url: BaseUrl = None,
    as_json: JsonOption = False,
) -> None:
    """Do what a plan says.

    It shows the counts, waits for a yes, and acts at the pace of the SDK, with each act in the
    archive before it is sent and after its response. The same command goes on after an
    interruption. Refused accounts are listed and the rest goes on. The exit status is 3 if acts are
    left, as after risk control, with a full list or at the day's quota, and 4 if acts were accepted
    and are not in effect.
    """
    opened = Plan.open(plan)
    if report:
        with Archive.open(archive or default_path(opened.header.identity)) as found:
            opened.check_identity(found.identity)
            print_report(found, opened, as_json=as_json)
        return
    excluded = frozenset(_mids(exclude or ()))
    with signed_in(base_url, account) as (client, identity):
        opened.check_identity(identity)
        usual = default_path(identity)
        _check_journal(archive, usual, opened)
        with Archive.create(archive or usual, identity) as found:
            if journal.report(found, opened).ended is None:
                _print_counts(opened, journal.report(found, opened).left)
                question = text("开始执行？", "Go on?")
                if not confirmed(question, yes=yes):
                    sys.exit(1)
            try:
                limits = {"limit": limit, "per_day": per_day}
                run(client, found, opened, **limits, exclude=excluded, verify=verify)
            except Stopped:
                print_report(found, opened, as_json=as_json)
                raise
            in_effect = print_report(found, opened, as_json=as_json)
    if not in_effect:
        sys.exit(NOT_IN_EFFECT)


@in_chinese("""计划撤销已执行的计划。

    关注按原来的顺序恢复，分组与特别关注也恢复，拉黑则取消。无法恢复的会列出。
    之后用 guanxi apply 执行。""")
def undo(
    plan: PlanFile,
    output: Output,
    archive: ArchiveOption = None,
    as_json: JsonOption = False,
) -> None:
    """Plan to take back what a plan did.

    Followings come back in their old order, with their groups and special marks, and blocks are
    lifted. What cannot come back is listed. guanxi apply does it.
    """
    opened = Plan.open(plan)
    check_output(output)
    with Archive.open(archive or default_path(opened.header.identity)) as found:
        journal.check_not_begun(found, output)
        back = plan_undo(found, opened, output, int(time.time()), words=shown)
    print_review(review(back), as_json=as_json)


def run(client: SyncClient, archive: Archive, plan: Plan, **options: Any) -> Report:
    """Apply a plan with a progress bar; say how to go on if the user interrupts it.

    ``options`` are those of ``toolbox.apply``.
    """
    with _going_on(plan), progress_bar(lambda _: text("操作", "acts")) as show:
        return apply_plan(client, archive, plan, int(time.time()), on_progress=show, **options)


def print_report(archive: Archive, plan: Plan, *, as_json: bool) -> bool:
    """Print what became of a plan; return whether all that was accepted is in effect."""
    found = journal.report(archive, plan)
    others = journal.not_done(archive, plan.header.id)
    in_effect = not found.outcomes.get("not_in_effect")
    if as_json:
        print_json_list(to_builtins(found), "not_done", map(_as_json, others))
        return in_effect
    say(text(f"共 {found.total} 项", f"{found.total} acts"))
    for name, words in OUTCOMES.items():
        if name in found.outcomes:
            say(_counted(shown(words), found.outcomes[name]))
    if found.left:
        say(_counted(text("未执行", "left"), found.left))
    rows = [
        (
            *(row["number"], row["mid"], row["name"]),
            shown(OUTCOMES[row["outcome"]]) if row["outcome"] else text("未执行", "left"),
            " ".join(str(one) for one in (row["code"], shown(journal.why(row))) if one),
        )
        for row in islice(others, _SHOWN + 1)
    ]
    if rows:
        say("")
        headers = ["#", "mid", text("昵称", "name"), text("结果", "outcome"), text("原因", "why")]
        table(headers, rows[:_SHOWN])
    if len(rows) > _SHOWN:
        say(text("……其余见 --json", "… the others are in --json"))
    return in_effect


def _as_json(row: sqlite3.Row) -> dict[str, object]:
    """Return an act that was not done; ``why`` is for people, ``message`` for programs."""
    columns = ("number", "kind", "mid", "name", "outcome", "code", "message", "tries")
    return {**{name: row[name] for name in columns}, "why": shown(journal.why(row))}


def _check_journal(archive: Path | None, usual: Path, plan: Plan) -> None:
    """Raise PlanError if the usual archive has acts of the plan, and another one is named.

    The other one knows nothing of them, so that they would be repeated.
    """
    if archive is None or not usual.is_file() or archive.resolve() == usual.resolve():
        return
    with Archive.open(usual) as found:
        if journal.is_known(found, plan):
            raise PlanError(
                f"{plan.path} 的操作记录在 {usual} 中：请去掉 --archive",
                f"the journal of {plan.path} is in {usual}: leave out --archive",
            )


def _print_counts(plan: Plan, left: int) -> None:
    """Print what is about to be done, on standard error."""
    header = plan.header
    note(text(f"{header.command}：{header.identity}", f"{header.command}: {header.identity}"))
    for kind, count in header.acts.items():
        note(_counted(shown(KINDS[kind].text), count))
    if left < header.total:
        note(text(f"还剩 {left} 项", f"{left} acts are left"))


def _counted(words: str, count: int) -> str:
    return text(f"  {words}：{count:,}", f"  {words}: {count:,}")


def _mids(words: list[str] | tuple[str, ...]) -> Iterator[int]:
    """Yield the ids that are given, and those of files. Raise SelectionError for a bad file."""
    for word in words:
        if word.isascii() and word.isdigit():
            yield int(word)
        elif not Path(word).is_file():
            raise typer.BadParameter(
                text(
                    f"--exclude：{word} 不是 mid，也不是文件",
                    f"--exclude: {word} is neither an id nor a file",
                )
            )
        else:
            yield from (one.mid for one in read_ids(word))


@contextmanager
def _going_on(plan: Plan) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        note(
            text(
                f"已停止，再运行 {stops.command(plan.path)} 即可继续",
                f"stopped: {stops.command(plan.path)} goes on",
            )
        )
        raise
