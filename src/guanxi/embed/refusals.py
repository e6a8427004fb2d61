"""What a graph raises: the exceptions of the SDK, with sentences about the accounts concerned."""

from __future__ import annotations

from guanxi.contract import errors
from guanxi.contract.errors import ResponseCodeException
from guanxi.text import Text

#: By code, in Chinese and English; {0} acts, on {1}.
_SENTENCES: dict[int, tuple[str, str]] = {
    errors.CannotTargetSelf.number: ("{0} 不能对自己操作", "{0} cannot do this to itself"),
    errors.NoSuchUser.number: (
        "{0} 或 {1} 没有账号，可用 put_account 建立",
        "{0} or {1} has no account: put_account creates one",
    ),
    errors.NotSignedIn.number: ("{0} 已注销，不能更改", "{0} is deregistered, and changes nothing"),
    errors.AccountBanned.number: ("{0} 已被封停，不能更改", "{0} is banned, and changes nothing"),
    errors.AccountDeregistered.number: ("{1} 已注销", "{1} is deregistered"),
    errors.FollowRefused.number: (
        "{1} 不接受关注，或已拉黑 {0}",
        "{1} refuses to be followed, or blocks {0}",
    ),
    errors.TargetInBlacklist.number: (
        "{0} 拉黑了 {1}，请先解除",
        "{0} blocks {1}: unblock it first",
    ),
    errors.AlreadyFollowing.number: ("{0} 已关注 {1}", "{0} follows {1} already"),
    errors.AlreadyBlocked.number: ("{0} 已拉黑 {1}", "{0} blocks {1} already"),
    errors.FollowingLimitReached.number: (
        "{0} 的关注已达上限",
        "{0} follows as many accounts as it may",
    ),
    errors.NotFound.number: ("{1} 没有请求关注 {0}", "{1} does not request to follow {0}"),
    errors.NotFollowing.number: ("{0} 未关注其中的账号：{1}", "{0} does not follow all of {1}"),
    errors.NoSuchGroup.number: ("{0} 没有这一分组：{1}", "{0} has no such group: {1}"),
    errors.GroupExists.number: (
        "{0} 已有此名的分组：{1}",
        "{0} has a group of this name already: {1}",
    ),
    errors.GroupNameTooLong.number: (
        "分组名为空或过长：{1}",
        "the group's name is empty or too long: {1}",
    ),
    errors.BadRequest.number: (
        "{0} 不能这样更改分组 {1}：它是内置分组、不存在，名称含有控制字符，或分组已达上限",
        "{0} cannot do this with the group {1}: it is built in or does not exist, its name has"
        " control characters, or there are as many groups as there may be",
    ),
}


def refusal(code: int, actor: int, target: object) -> ResponseCodeException:
    """Return the exception of a code with which the rules refuse an act of ``actor``."""
    kind = errors.CODES[code]
    zh, en = _SENTENCES.get(code, (kind.wire_message, kind.meaning))
    named = _shortened(str(target))
    text = Text(zh.format(actor, named), en.format(actor, named))
    return kind(code, kind.wire_message, text=text)


def unknown(mid: int) -> ResponseCodeException:
    """Return the exception for an account that does not exist."""
    kind = errors.NoSuchUser
    text = Text(
        f"{mid} 没有账号，可用 put_account 建立", f"{mid} has no account: put_account creates one"
    )
    return kind(kind.number, kind.wire_message, text=text)


def raise_for(code: int, actor: int, target: object) -> None:
    """Raise the exception of a code, unless it is 0."""
    if code:
        raise refusal(code, actor, target)


def _shortened(text: str) -> str:
    """Return a name or a list of mids as a sentence shows it: the first 60 characters."""
    return text if len(text) <= 60 else text[:60] + "…"
