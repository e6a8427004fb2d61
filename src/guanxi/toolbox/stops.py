"""What people read when a run ends with acts left: why, when to go on, and how."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

from guanxi.contract.errors import (
    AccountBanned,
    AnswerException,
    CsrfFailed,
    DailyFollowLimitReached,
    FollowingLimitReached,
    NetworkException,
    NotSignedIn,
    RequestBanned,
    RequestIntercepted,
    ResponseCodeException,
    ServiceUnavailable,
    TooManyRequests,
)
from guanxi.text import Text
from guanxi.toolbox.errors import Stopped

_SIGN_IN = Text("请重新登录（guanxi login）", "sign in again (guanxi login)")
_RISK = Text(
    "风控要求停止：请等一天，再用 --per-day 减少每日数量",
    "risk control says stop: wait a day, and do less per day with --per-day",
)
_SLOWER = Text("请过一小时再继续", "wait an hour")
_NETWORK = Text("请检查网络", "check the connection")
_IN_A_ROW = Text(
    "连续两次失败，且不能确定只与单个账号有关：请先查明原因",
    "two acts in a row failed, and nothing says that it concerns these accounts alone: look into"
    " it first",
)
_ADVICE: dict[int, Text] = {
    NotSignedIn.number: _SIGN_IN,
    CsrfFailed.number: _SIGN_IN,
    AccountBanned.number: Text(
        "账号被封停，解封后才能继续", "the account is banned: go on when the ban is lifted"
    ),
    RequestIntercepted.number: _RISK,
    RequestBanned.number: _RISK,
    TooManyRequests.number: _SLOWER,
    ServiceUnavailable.number: Text("请过几分钟再继续", "wait some minutes"),
    FollowingLimitReached.number: Text(
        "关注列表已满，请先取消一些关注", "the list is full: unfollow some accounts first"
    ),
    DailyFollowLimitReached.number: Text(
        "今日关注已达上限（约 300 个，与快慢无关），请明天继续；--per-day 可提前停下",
        "the day's quota is used up, about 300 follows at any pace: go on tomorrow; --per-day stops"
        " before that",
    ),
}
#: HTTP statuses that mean the same as a code that stops.
BY_STATUS = {412: _RISK, 429: _SLOWER}


def stopped(why: Exception | Text, plan: Path, left: int, *, in_a_row: bool = False) -> Stopped:
    """Return the error that ends a run: why, when to go on, how many acts are left, and how.

    ``in_a_row``: acts failed one after another.
    """
    if isinstance(why, Text):
        reason, then = why, None
    else:
        first = why.args[0] if why.args else ""
        reason = first if isinstance(first, Text) else Text(str(why), str(why))
        then = _advice(why) or (_IN_A_ROW if in_a_row else None)
    zh, en = (f"。{then.zh}", f"; {then.en}") if then else ("", "")
    rest = (
        Text(
            f"还剩 {left} 项：再运行 {command(plan)} 即可继续",
            f"{left} acts are left: {command(plan)} goes on with them",
        )
        if left
        else Text(
            f"操作已全部完成，尚未核对：再运行 {command(plan)} 即可核对",
            f"all acts are done and not read back yet: {command(plan)} does that",
        )
    )
    texts = (f"{reason.zh}{zh}。{rest.zh}", f"{reason.en}{en}. {rest.en}")
    # A server's message may have lines, which could pass for those of a program.
    return Stopped(*(text.replace("\n", "\\n") for text in texts))


def command(plan: Path) -> str:
    """Return the command that goes on with a plan, as a shell reads it."""
    return f"guanxi apply {shlex.quote(str(plan))}"


def portion(number: int, day_ends: int | None = None) -> Text:
    """Return that a portion is done; ``day_ends`` is when the day's first act no longer counts."""
    if day_ends is None:
        return Text(f"本次的 {number} 项已完成", f"the {number} acts of this run are done")
    at = time.strftime("%Y-%m-%d %H:%M", time.localtime(day_ends + 59))  # not a minute too early
    return Text(
        f"24 小时内的 {number} 次已用完，{at} 后可继续",
        f"the {number} of 24 hours are used up; go on after {at}",
    )


def _advice(error: Exception) -> Text | None:
    if isinstance(error, ResponseCodeException):
        return _ADVICE.get(error.code)
    status = error.status if isinstance(error, NetworkException) else 0
    if isinstance(error, NetworkException | AnswerException):
        return BY_STATUS.get(status, _NETWORK)
    return None
