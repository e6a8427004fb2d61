"""What is wrong with a service, in words: what is the matter, and what to do about it."""

from __future__ import annotations

import asyncio
import os
import shutil
from typing import NamedTuple

from guanxi.accounts.secrets import DAY
from guanxi.console.operator.samples import Period
from guanxi.contract import errors
from guanxi.service.handling import Service
from guanxi.stores import is_server_address
from guanxi.stores.port import Erasure, StoreError, StoreInfo
from guanxi.text import Text

#: Seconds that the store has to say that it is ready.
_READY_SECONDS = 2.0
#: Free space below this share, or this many bytes, is little.
_LEAST_SHARE, _LEAST_BYTES = 0.1, 1 << 30
_LONG_WAIT, _LARGE_LOG, _CHECK_DAYS, _TOKEN_DAYS = 1.0, 1 << 30, 31, 7
#: A backup is old after so many days.
_BACKUP_DAYS = 7


class Problem(NamedTuple):
    """Something that is wrong: ``bad``, or ``warn`` if nothing fails yet."""

    kind: str
    what: Text
    next: Text


class Disk(NamedTuple):
    """The disk that has a store's file, in bytes."""

    total: int
    free: int


async def disk_of(address: str) -> Disk | None:
    """Return the disk of a store's file; None for a database on a server, or if it is unknown."""
    if is_server_address(address):
        return None
    try:
        found = await asyncio.to_thread(shutil.disk_usage, os.path.dirname(address) or ".")
    except OSError:
        return None
    return Disk(found.total, found.free)


async def problems(
    service: Service, hour: Period, longest_wait: float, info: StoreInfo | None, disk: Disk | None
) -> tuple[list[Problem], list[Erasure]]:
    """Return what is wrong, the worst first, and the erasures that are under way."""
    try:
        async with asyncio.timeout(_READY_SECONDS):
            await service.store.ready()
            erasures = await service.store.erasures(under_way=True)
            tokens = await service.store.admin_tokens()
    except (StoreError, TimeoutError) as error:
        return [_not_ready(error)], []
    now = service.now()
    found = [*_of_requests(hour, longest_wait), *_of_disk(disk, info)]
    if erasures:
        found.append(_erasing(len(erasures)))
    if info is not None:
        found += _of_backup(info, now)
    if info is not None and (info.checked is None or info.checked < now - _CHECK_DAYS * DAY):
        found.append(_NOT_CHECKED)
    for token in tokens:
        if token.expires is not None and now < token.expires < now + _TOKEN_DAYS * DAY:
            found.append(_expiring(token.name, -(-(token.expires - now) // DAY)))
    return sorted(found, key=lambda one: one.kind != "bad"), erasures


def _not_ready(error: Exception) -> Problem:
    why = Text.of(error.args[0]) if error.args else Text("没有响应", "it does not answer")
    return Problem(
        "bad",
        Text(f"库未就绪：{why.zh}", f"The store is not ready: {why.en}"),
        Text(
            "请看服务的日志，以及磁盘或数据库服务器。",
            "Look at the service's log, and at the disk or the database server.",
        ),
    )


def _of_requests(hour: Period, longest_wait: float) -> list[Problem]:
    found = []
    if count := hour.codes[errors.ServiceUnavailable.number]:
        what = Text(
            f"最近一小时有 {count:,} 个请求因服务繁忙被拒绝（-503）",
            f"{count:,} requests of the last hour were as the service could not take them (-503)",
        )
        todo = Text(
            "库繁忙、磁盘已满或服务过载：见运维文档。",
            "The store is busy, its disk is full, or there are too many requests: see"
            " docs/operating.md.",
        )
        found.append(Problem("bad", what, todo))
    if count := hour.codes[errors.DeadlineExceeded.number]:
        what = Text(
            f"最近一小时有 {count:,} 个请求不知是否已执行（-504）",
            f"{count:,} requests of the last hour ended without it being known whether they were"
            " done (-504)",
        )
        todo = Text(
            "请看系统日志中的磁盘错误，以及数据库服务器。",
            "Look for disk errors in the system's log, and at the database server.",
        )
        found.append(Problem("bad", what, todo))
    limited = hour.codes[errors.TooManyRequests.number] + hour.codes[errors.RequestBanned.number]
    if limited:
        what = Text(
            f"最近一小时有 {limited:,} 个请求超过每分钟的上限",
            f"{limited:,} requests of the last hour were above a limit a minute",
        )
        todo = Text("请求日志有其来源。", "The request log shows who sent them.")
        found.append(Problem("warn", what, todo))
    if longest_wait > _LONG_WAIT:
        what = Text(
            f"自启动以来，有一次写入等了 {longest_wait:.1f} 秒",
            f"Since the start, a write waited {longest_wait:.1f} seconds for its turn",
        )
        todo = Text("请看是否有大的导入或备份。", "Look whether an import or a backup was running.")
        found.append(Problem("warn", what, todo))
    return found


def _of_disk(disk: Disk | None, info: StoreInfo | None) -> list[Problem]:
    found = []
    if disk is not None and (disk.free < disk.total * _LEAST_SHARE or disk.free < _LEAST_BYTES):
        share = 100 * disk.free // max(disk.total, 1)
        what = Text(f"磁盘只剩 {share}% 可用", f"Only {share} % of the store's disk is free")
        todo = Text(
            "磁盘一满，写入即被拒绝：请腾出空间，或移到更大的磁盘。",
            "Once it is full, writes are refused: make room, or move to a larger disk.",
        )
        found.append(Problem("bad" if share < 3 else "warn", what, todo))
    log = info.bytes.get("log", 0) if info is not None else 0
    if log > _LARGE_LOG:
        what = Text(f"日志文件（WAL）有 {log:,} 字节", f"The store's log (WAL) has {log:,} bytes")
        todo = Text(
            "有读取一直没有结束，如备份或导出。",
            "A read goes on for long, such as a backup or an export.",
        )
        found.append(Problem("warn", what, todo))
    return found


def _of_backup(info: StoreInfo, now: int) -> list[Problem]:
    made = info.backed_up
    if made is None:
        what = Text("没有已知的备份", "No backup is known")
    elif made < now - _BACKUP_DAYS * DAY:
        days = (now - made) // DAY
        what = Text(f"最近一次备份是 {days:,} 天前", f"The last backup was made {days:,} days ago")
    else:
        return []
    is_file = info.engine.startswith("SQLite")
    return [Problem("warn", what, _BACK_UP if is_file else _BACK_UP_SERVER)]


def _erasing(count: int) -> Problem:
    return Problem(
        "warn",
        Text(f"{count:,} 个账号的抹除尚未完成", f"{count:,} accounts are not erased whole yet"),
        Text("服务会继续，无需操作。", "The service goes on with that; there is nothing to do."),
    )


def _expiring(name: str, days: int) -> Problem:
    return Problem(
        "warn",
        Text(f"口令 {name} 将在 {days} 天内失效", f"The token {name} ends within {days} days"),
        Text("请用 guanxi admin token new 另建一个。", "Make another: guanxi admin token new."),
    )


_BACK_UP = Text(
    "请在“导出与备份”页或用 guanxi store backup 备份；若由其他程序备份，请让它随后运行"
    " guanxi store backed-up。",
    "Make one on the page Export, backup, or by guanxi store backup. If another program makes"
    " them, let it run guanxi store backed-up afterwards.",
)
_BACK_UP_SERVER = Text(
    "请用 pg_dump 等备份，并随后运行 guanxi store backed-up：服务只能由此得知。",
    "Make one by pg_dump or the like, and run guanxi store backed-up afterwards: only by that the"
    " service knows.",
)
_NOT_CHECKED = Problem(
    "warn",
    Text("库在最近一个月内没有完整检查过", "The store was not checked within the last month"),
    Text(
        "请在检查页开始，或运行 guanxi check；服务照常进行。",
        "Start one on the page Check, or run guanxi check; the service goes on meanwhile.",
    ),
)
