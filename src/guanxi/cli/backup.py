"""``guanxi backup``: read an account's lists into its archive."""

from __future__ import annotations

import time

from msgspec import to_builtins

from guanxi.cli.archives import (
    AccountOption,
    ArchiveOption,
    JsonOption,
    identity_of,
    print_json,
    progress_bar,
    table,
)
from guanxi.cli.help import in_chinese
from guanxi.cli.language import shown, text
from guanxi.cli.login import DEFAULT_NAME, BaseUrl, client_of
from guanxi.cli.terminal import note, say
from guanxi.contract.errors import NetworkException, ResponseCodeException
from guanxi.contract.structs import Nav
from guanxi.sdk.sync import SyncClient
from guanxi.text import Text
from guanxi.toolbox import backup as reading
from guanxi.toolbox.archive import Archive, default_path
from guanxi.toolbox.errors import Stopped
from guanxi.toolbox.schema import DEREGISTERED_NAME

_LISTS = {
    "followings": Text("关注", "followings"),
    "groups": Text("分组", "groups"),
    "followers": Text("粉丝", "followers"),
    "blocks": Text("黑名单", "blocks"),
    "whispers": Text("悄悄关注", "whispers"),
}
#: What is known of a list, by the reason why it is not complete.
_REASONS = {
    None: Text("完整", "complete"),
    "cap": Text("服务器不再显示更多", "the server shows no more"),
    "hidden": Text("已隐藏", "hidden"),
    "moved": Text(
        f"{reading.READINGS} 次读取期间均有变动",
        f"it changed in each of {reading.READINGS} readings",
    ),
    "refused": Text("服务器拒绝", "the server refuses it"),
}
_AGAIN = Text(
    "已读取的内容已保存，再次运行同一命令即可继续",
    "what was read is saved: the same command goes on",
)


@in_chinese("""读取账号的列表，存入档案。

    存为一个快照：关注（含分组、特别关注与时间）、粉丝（服务器显示的部分）、黑名单、悄悄关注与分组。
    中断后再次运行同一命令即可继续；一天以前未完成的则重新读取。
    因风控或失去连接而停止时，退出状态为 3。""")
def backup(
    account: AccountOption = DEFAULT_NAME,
    archive: ArchiveOption = None,
    base_url: BaseUrl = None,
    as_json: JsonOption = False,
) -> None:
    """Read an account's lists into its archive.

    They become one snapshot: the followings with their groups, special marks and times, the
    followers as far as the server shows them, blocks, whispers and groups. The same command goes on
    after an interruption; what is older than a day is read anew. The exit status is 3 if risk
    control or a lost connection stopped it.
    """
    with client_of(base_url, account) as client:
        nav = client.web.nav()
        identity = identity_of(nav, base_url)
        with Archive.create(archive or default_path(identity), identity) as opened:
            outcome = _read(client, opened, nav)
            lists = _summary(opened, outcome)
    if as_json:
        about = {name: getattr(outcome, name) for name in ("snapshot", "calls", "calls_now")}
        print_json({**about, "archive": str(opened.path), "lists": lists})
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
                *(shown(_LISTS[name]), one["total"], one["shown"], one["not_shown"]),
                *(one["deregistered"], shown(_REASONS[outcome.readings[name].reason])),
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
    note(text(f"档案：{opened.path}", f"the archive is {opened.path}"))


def _read(client: SyncClient, archive: Archive, nav: Nav) -> reading.Outcome:
    """Back up with a progress bar. Raise Stopped if the same command has to go on."""
    try:
        with progress_bar(lambda name: shown(_LISTS[name])) as show:
            return reading.backup(client, archive, int(time.time()), nav=nav, on_progress=show)
    except KeyboardInterrupt:
        note(shown(_AGAIN))
        raise
    except (ResponseCodeException, NetworkException) as error:
        why = error.args[0]
        words = why if isinstance(why, Text) else Text(str(error), str(error))
        raise Stopped(f"{words.zh}；{_AGAIN.zh}", f"{words.en}; {_AGAIN.en}") from error


def _summary(archive: Archive, outcome: reading.Outcome) -> dict[str, dict[str, object]]:
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
