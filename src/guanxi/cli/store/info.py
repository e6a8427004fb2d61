"""``guanxi store info``: what a store is, holds and weighs, and who uses it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated

import msgspec

from guanxi.cli.help import in_chinese, option
from guanxi.cli.language import shown, text
from guanxi.cli.store.opening import DEFAULT_STORE, StoreOption, with_store
from guanxi.cli.terminal import json_of, say
from guanxi.stores.port import StoreInfo
from guanxi.text import Text

_TIME = "%Y-%m-%d %H:%M:%S"
_COUNTS = {
    "accounts": Text("账号", "accounts"),
    "followings": Text("关注", "followings"),
    "whispers": Text("悄悄关注", "whispers"),
    "blocks": Text("拉黑", "blocks"),
    "requests": Text("关注申请", "requests"),
    "groups": Text("分组", "groups"),
    "sessions": Text("会话", "sessions"),
    "documents": Text("内容", "documents"),
    "changes": Text("变更", "changes"),
}
#: What a size is of, by its name in ``StoreInfo.bytes``; those of PostgreSQL are tables.
_BYTES = {"file": "文件", "log": "日志", "free": "空闲"}
_STATES = {
    "normal": Text("正常", "normal"),
    "banned": Text("封禁", "banned"),
    "deregistered": Text("注销", "deregistered"),
}


@in_chinese("""显示库的引擎、结构、大小、数目、变更的时间、上次检查、上次备份与使用者。

    PostgreSQL 的数目为其估计值，除非 --exact，它读取每一行。
    上次检查：guanxi check 上次未发现错误的时间。""")
def info(
    store: StoreOption = DEFAULT_STORE,
    exact: Annotated[bool, option("逐行计数。", "Count every row.", "--exact")] = False,
    as_json: Annotated[bool, option("以 JSON 输出。", "Print JSON.", "--json")] = False,
) -> None:
    """Print a store's engine, schema, sizes, counts, times of changes, check and backup, and users.

    Counts of PostgreSQL are its estimates, unless --exact, which reads every row. The last check is
    the last time that guanxi check found no fault.

    Example: guanxi store info --store mine.db
    """
    found = with_store(store, lambda opened: opened.info(exact=exact))
    if as_json:
        say(json_of(msgspec.to_builtins(found)))
        return
    for name, value in _lines(found):
        say(f"{name}: {value}")


def _lines(found: StoreInfo) -> Iterator[tuple[str, str]]:
    """Yield each fact and its value, as a person reads them."""
    yield (
        text("引擎", "engine"),
        text(f"{found.engine}，结构 {found.schema}", f"{found.engine}, schema {found.schema}"),
    )
    for name, size in found.bytes.items():
        yield (
            text(f"大小（{_BYTES.get(name, name)}）", f"size of {name}"),
            text(f"{size:,} 字节", f"{size:,} bytes"),
        )
    for name, count in found.counts.items():
        yield shown(_COUNTS[name]), _count(count, estimated=found.estimated)
    for name, count in (found.states or {}).items():
        yield text(f"账号（{_STATES[name].zh}）", f"accounts, {name}"), f"{count:,}"
    never = text("无", "none")
    yield text("最早的变更", "oldest change"), _time(found.oldest_change_ms, 1_000) or never
    yield text("最新的变更", "newest change"), _time(found.newest_change_ms, 1_000) or never
    never = text("从未", "never")
    yield text("上次检查通过", "last check without a fault"), _time(found.checked, 1) or never
    yield text("上次备份", "last backup"), _time(found.backed_up, 1) or never
    if found.users is None:
        users = text("此系统无法得知", "this system does not say")
    else:
        users = "; ".join(found.users) or text("无", "nobody else")
    yield text("使用者", "in use by"), users


def _count(count: int | None, *, estimated: bool) -> str:
    if count is None:
        return text("未知：尚无估计，可用 --exact", "unknown: no estimate yet, use --exact")
    return text(f"约 {count:,}", f"about {count:,}") if estimated else f"{count:,}"


def _time(value: int | None, per_second: int) -> str:
    """Return a time as local date and time; "" for None."""
    return "" if value is None else time.strftime(_TIME, time.localtime(value // per_second))
