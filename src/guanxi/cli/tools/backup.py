"""``guanxi backup``: read an account's lists into its archive."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from msgspec import to_builtins

from guanxi.cli.help import in_chinese, option
from guanxi.cli.language import shown, text
from guanxi.cli.terminal import note, one_line, say
from guanxi.cli.tools.archives import (
    AccountOption,
    ArchiveOption,
    JsonOption,
    identity,
    nav_of,
    print_json,
    progress_bar,
    table,
)
from guanxi.cli.tools.login import DEFAULT_NAME, BaseUrl, client_of
from guanxi.contract.errors import (
    AnswerException,
    ApiException,
    NetworkException,
    ResponseCodeException,
)
from guanxi.contract.relations import DEREGISTERED_NAME
from guanxi.contract.structs import Nav
from guanxi.sdk.sync import SyncClient
from guanxi.text import Text
from guanxi.toolbox import facts, labels
from guanxi.toolbox.archive import Archive, default_path
from guanxi.toolbox.backup import Outcome
from guanxi.toolbox.backup import backup as read_lists
from guanxi.toolbox.errors import Stopped
from guanxi.toolbox.snapshots import Reading

_AGAIN = Text(
    "已读取的内容已保存，再次运行同一命令即可继续",
    "what was read is saved: the same command goes on",
)


@in_chinese("""读取账号的列表，存入档案。

    存为一个快照：关注（含分组、特别关注与时间）、粉丝（服务器显示的部分）、黑名单、悄悄关注与分组。
    中断后再次运行同一命令即可继续；一天以前未完成的则重新读取。
    因风控或失去连接而停止时，退出状态为 3。

    --last-posted 按 SDK 的节奏逐个读取，可随时中断，再次运行时只读余下的。""")
def backup(
    account: AccountOption = DEFAULT_NAME,
    archive: ArchiveOption = None,
    base_url: BaseUrl = None,
    last_posted: Annotated[
        bool,
        option(
            "也读取每个关注最近的发布时间，每个账号一次请求。",
            "Also read when each following last posted: one call per account.",
            "--last-posted",
        ),
    ] = False,
    with_facts: Annotated[
        bool,
        option(
            "也读取粉丝数、视频数、分区与封禁：每个账号再加三次请求。",
            "Also their fans, videos, zone and bans: three more calls per account.",
            "--facts",
        ),
    ] = False,
    max_age: Annotated[
        float,
        option(
            "这些天内读过的不再读取。",
            "Days for which such values are kept.",
            metavar="DAYS",
            min=0,
        ),
    ] = facts.MAX_AGE / 86_400,
    last_watched: Annotated[
        bool,
        option(
            "也由自己的历史记录得知最近何时观看。",
            "Also read the own history: whom you last watched when.",
            "--last-watched",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Read an account's lists into its archive.

    They become one snapshot: the followings with their groups, special marks and times, the
    followers as far as the server shows them, blocks, whispers and groups. The same command goes on
    after an interruption; what is older than a day is read anew. The exit status is 3 if risk
    control or a lost connection stopped it.

    --last-posted goes through the followings one by one, at the pace of the SDK. It can be
    interrupted, too: later runs read the accounts that are left.
    """
    with client_of(base_url, account) as client:
        nav = nav_of(client)
        owner = identity(client, nav)
        with Archive.create(archive or default_path(owner), owner) as opened:
            outcome = _read(client, opened, nav)
            lists = _summary(opened, outcome)
            walk, watched = None, None
            if last_posted or with_facts:
                walk = _walk(client, opened, facts_too=with_facts, max_age=max_age)
            if last_watched:
                with going_on():
                    watched = facts.read_last_watched(client, opened)
    if as_json:
        about = {name: getattr(outcome, name) for name in ("snapshot", "calls", "calls_now")}
        more = {"last_posted": to_builtins(walk), "last_watched": watched}
        print_json({**about, "archive": str(opened.path), "lists": lists, **more})
        return
    table(
        [
            text("列表", "list"),
            text("总数", "total"),
            text("已读取", "read"),
            text("未显示", "not shown"),
            text("其中已注销", "deregistered"),
            text("状态", "state"),
        ],
        (
            (
                *(shown(labels.LISTS[name]), one["total"], one["shown"], one["not_shown"]),
                *(one["deregistered"], shown(_state(outcome.readings[name]))),
            )
            for name, one in lists.items()
        ),
    )
    earlier = outcome.calls - outcome.calls_now
    say(
        text(
            f"快照 {outcome.snapshot}：{outcome.calls} 次请求（其中 {earlier} 次在中断之前）",
            f"snapshot {outcome.snapshot}: {outcome.calls} calls, {earlier} of them before an"
            " interruption",
        )
        if earlier
        else text(
            f"快照 {outcome.snapshot}：{outcome.calls} 次请求",
            f"snapshot {outcome.snapshot}: {outcome.calls} calls",
        )
    )
    if walk is not None:
        _print_walk(walk)
    if watched is not None:
        say(
            text(
                f"历史记录中有 {watched} 个账号", f"the history shows {watched} accounts as watched"
            )
        )
    note(text(f"档案：{opened.path}", f"the archive is {opened.path}"))


def _read(client: SyncClient, archive: Archive, nav: Nav) -> Outcome:
    """Back up with a progress bar. Raise Stopped if the same command has to go on."""
    with going_on(), progress_bar(lambda name: shown(labels.LISTS[name])) as show:
        return read_lists(client, archive, int(time.time()), nav=nav, on_progress=show)


def _walk(client: SyncClient, archive: Archive, *, facts_too: bool, max_age: float) -> facts.Walk:
    """Read when accounts last posted, with a progress bar. Raise Stopped as ``_read``."""
    label = text("最近发布", "last posted")
    with going_on(), progress_bar(lambda _: label) as show:
        return facts.read_last_posted(
            client,
            archive,
            int(time.time()),
            facts=facts_too,
            max_age=round(max_age * 86_400),
            on_progress=show,
        )


def _print_walk(walk: facts.Walk) -> None:
    """Print how many accounts were read, and which were not, by code."""
    say(
        text(
            f"最近发布：读取了 {walk.read} 个账号，{walk.calls} 次请求",
            f"last posted: {walk.read} accounts read, {walk.calls} calls",
        )
    )
    for code, count in Counter(walk.unreadable.values()).items():
        say(text(f"{count} 个无法读取，返回码 {code}", f"{count} could not be read, code {code}"))


@contextmanager
def going_on() -> Iterator[None]:
    """Raise Stopped, with how to go on, for what stops the reading of an account."""
    try:
        yield
    except KeyboardInterrupt:
        note(shown(_AGAIN))
        raise
    except (ResponseCodeException, NetworkException, AnswerException) as error:
        raise stopped(error) from error


def stopped(error: ApiException) -> Stopped:
    """Return the error that says what stopped a reading, and that the same command goes on."""
    why = error.args[0]
    words = why if isinstance(why, Text) else Text(str(error), str(error))
    return Stopped(
        f"{one_line(words.zh)}；{_AGAIN.zh}",  # a server may have sent it
        f"{one_line(words.en)}; {_AGAIN.en}",
    )


def _state(one: Reading) -> Text:
    """Return whether a list is complete, or why not."""
    return Text("完整", "complete") if one.complete else labels.label(labels.REASONS, one.reason)


def _summary(archive: Archive, outcome: Outcome) -> dict[str, dict[str, object]]:
    """Return what was read of each list; ``shown`` and ``not_shown`` add up to ``total``."""
    rows = archive.rows(
        "SELECT i.list, count(*) FROM item AS i JOIN profile AS p ON p.mid = i.mid"
        " WHERE i.until IS NULL AND p.until IS NULL AND i.seen = ? AND p.name = ? GROUP BY i.list",
        (outcome.snapshot, DEREGISTERED_NAME),
    )
    deregistered = {row[0]: row[1] for row in rows}
    return {
        name: {
            **to_builtins(one),
            "not_shown": None if one.total is None else one.total - one.shown,
            "deregistered": deregistered.get(name, 0),
        }
        for name, one in outcome.readings.items()
    }
