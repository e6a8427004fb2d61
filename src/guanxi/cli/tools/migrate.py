"""``guanxi migrate``: bring the lists of one account to another."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from guanxi.cli.help import in_chinese, option
from guanxi.cli.language import shown, text
from guanxi.cli.terminal import note, say
from guanxi.cli.tools import credentials
from guanxi.cli.tools.apply import NOT_IN_EFFECT, PerDay, Verify, Yes, print_report, run
from guanxi.cli.tools.archives import (
    JsonOption,
    confirmed,
    identity,
    print_json_list,
    progress_bar,
    table,
)
from guanxi.cli.tools.backup import going_on
from guanxi.cli.tools.login import BaseUrl
from guanxi.cli.tools.plan import print_review
from guanxi.sdk.hosts import base_address
from guanxi.sdk.sync import SyncClient
from guanxi.text import Text
from guanxi.toolbox import journal, labels, notes
from guanxi.toolbox import migrate as migration
from guanxi.toolbox.archive import Archive, Identity, default_path
from guanxi.toolbox.backup import backup
from guanxi.toolbox.errors import Stopped
from guanxi.toolbox.review import review

_SHOWN = 20


@in_chinese("""将一个账号的关注与分组迁移到另一个账号。

    先读取两者，显示计划并询问，再执行：按名称建立分组，最早的关注在先以保持顺序。
    已有的不占名额，也不会移除任何东西。中断后再次运行即可继续。最后核对并列出不同之处。""")
def migrate(
    source: Annotated[
        str | None,
        option("来源账号保存所用的名称。", "The name that the source is saved under.", "--from"),
    ] = None,
    target: Annotated[
        str, option("目标账号保存所用的名称。", "The name that the target is saved under.", "--to")
    ] = "default",
    source_archive: Annotated[
        Path | None,
        option(
            "以此档案为来源，不登录来源账号。",
            "The source's archive, if one cannot sign in to it any more.",
            "--from-archive",
            metavar="FILE",
        ),
    ] = None,
    blocks: Annotated[bool, option("也迁移黑名单。", "Also bring the blocks.", "--blocks")] = False,
    source_url: Annotated[
        str | None,
        option("来源的服务器，若不同。", "The source's server, if it is another.", "--from-url"),
    ] = None,
    base_url: BaseUrl = None,
    yes: Yes = False,
    per_day: PerDay = None,
    verify: Verify = True,
    as_json: JsonOption = False,
) -> None:
    """Bring the followings and groups of one account to another.

    Both are read, the plan is shown, and after a question it is applied: groups by name, the oldest
    followings first, so that the order is kept. What is there already costs nothing, and nothing is
    removed. The same command goes on after an interruption. At the end the target is read once
    more, and what differs is listed with the reason.
    """
    if (source is None) == (source_archive is None):
        raise typer.BadParameter(
            text("请给出 --from 或 --from-archive", "name the source: --from, or --from-archive")
        )
    now = int(time.time())
    with ExitStack() as stack:
        client, owner = stack.enter_context(_saved(base_url, target))
        into = stack.enter_context(Archive.create(default_path(owner), owner))
        reader = None
        if source_archive is not None:
            origin = stack.enter_context(Archive.open(source_archive))
        else:
            reader, other = stack.enter_context(_saved(source_url or base_url, source or ""))
            origin = stack.enter_context(Archive.create(default_path(other), other))
        if origin.identity.is_same(owner):
            raise ValueError(Text("来源与目标是同一账号", "the source and the target are the same"))
        begun = migration.unfinished(origin, into)
        if begun is not None:
            note(text("继续已开始的计划，不再读取来源", "going on with the plan that was begun"))
        if reader is not None and begun is None:
            with going_on(), progress_bar(_list_of(text("来源：", "source: "))) as show:
                backup(reader, origin, now, on_progress=show)
        with going_on(), progress_bar(_list_of(text("目标：", "target: "))) as show:
            plan = begun or migration.prepare(
                origin, client, into, now, blocks=blocks, words=shown, on_progress=show
            )
        if not as_json:
            print_review(review(plan), as_json=False)
        question = text(f"执行此计划（{plan.path}）？", f"Apply this plan, {plan.path}?")
        if plan.header.total and not confirmed(question, yes=yes):
            sys.exit(1)
        notes.copy(origin, into)
        try:
            run(client, into, plan, per_day=per_day, verify=verify)
        except Stopped as error:
            raise Stopped(*_again(error)) from error
        with going_on(), progress_bar(_list_of(text("核对：", "check: "))) as show:
            backup(client, into, int(time.time()), on_progress=show)
        remaining = migration.remaining(origin, into, plan, blocks=blocks)
        outcomes = journal.report(into, plan).outcomes
        if as_json:
            about = {"plan": str(plan.path), "acts": plan.header.acts, "outcomes": outcomes}
            found = ({"difference": one.difference, "why": shown(one.why)} for one in remaining)
            print_json_list(about, "differences", found)
        else:
            print_report(into, plan, as_json=False)
            _print_remaining(list(islice(remaining, _SHOWN + 1)))
    if "not_in_effect" in outcomes:
        sys.exit(NOT_IN_EFFECT)


@contextmanager
def _saved(base_url: str | None, name: str) -> Iterator[tuple[SyncClient, Identity]]:
    """Yield a client that acts as a saved account, and who that is.

    The environment's account does not count: there are two. Raise ValueError if none is saved.
    """
    credential = credentials.load(base_address(base_url) or "", name)
    if credential is None:
        raise ValueError(
            Text(
                f"没有保存名为 {name} 的账号：请运行 guanxi login --name {name}",
                f"no account is saved as {name}: run guanxi login --name {name}",
            )
        )
    with SyncClient(base_url=base_url, credential=credential) as client:
        yield client, identity(client, client.web.nav())


def _list_of(whose: str) -> Callable[[str], str]:
    """Return what names the list that is being read, after a few words."""
    return lambda part: whose + shown(labels.label(labels.LISTS, part))


def _again(error: Stopped) -> tuple[str, str]:
    """Return the words of an interruption, with the command that goes on."""
    words = Text.of(error.args[0])
    return (
        f"{words.zh}；或再次运行同一 guanxi migrate",
        f"{words.en}, and so does the same guanxi migrate",
    )


def _print_remaining(rows: list[migration.Remaining]) -> None:
    say("")
    if not rows:
        say(text("两个账号的列表相同", "the target has all that the source has"))
        return
    table(
        [
            text("列表", "list"),
            "mid",
            text("昵称", "name"),
            text("不同", "what"),
            text("原因", "why"),
        ],
        (
            (
                shown(labels.label(labels.LISTS, one.difference.list)),
                one.difference.mid,
                one.difference.name,
                shown(labels.LACKS[one.difference.what]),
                shown(one.why),
            )
            for one in rows[:_SHOWN]
        ),
    )
    if len(rows) > _SHOWN:
        note(text("……其余见 --json", "… the others are in --json"))
