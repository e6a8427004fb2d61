"""The codes that a server may answer: their exceptions, with message, meaning and document."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

from guanxi.contract.errors.failures import ApiException, NetworkException, restored
from guanxi.text import Text


class ResponseCodeException(ApiException):
    """The server answered a code other than 0, or the rules refused an act in this process.

    ``code``, ``msg`` (also as ``message``), ``reason`` and ``raw`` (the decoded response) are the
    server's; guanxi's service says in ``reason`` what was wrong with the request, others leave it
    empty. ``endpoint`` is the name of the called endpoint; ``can_retry`` is whether the same call
    may succeed later; ``stops`` is whether a batch of calls must stop instead of going on with the
    next item; ``skips`` is whether the refusal concerns this item alone, so that a batch goes on.
    ``text`` replaces the sentence that is made of them. ``args[0]`` holds that sentence in both
    languages; ``str()`` is the English one, for a response with the server's message.

    If the response also had an HTTP status other than 200, the exception is a ``NetworkException``
    too, with that ``status``.
    """

    number: ClassVar[int] = 0
    wire_message: ClassVar[str] = ""
    meaning: ClassVar[str] = "the server refused"
    source: ClassVar[str] = ""
    can_retry: ClassVar[bool] = False
    stops: ClassVar[bool] = False
    skips: ClassVar[bool] = False

    def __init__(
        self,
        code: int,
        msg: str = "",
        raw: object = None,
        *,
        reason: str = "",
        endpoint: str | None = None,
        text: Text | None = None,
    ) -> None:
        where = f"{endpoint}: " if endpoint else ""
        others = "" if msg == self.wire_message else f" (the server's message: {msg})"
        zh, en = (f"（{reason}）", f" ({reason})") if reason else ("", "")
        # Not super(): the next class may be NetworkException, with other arguments.
        ApiException.__init__(
            self,
            text
            or Text(f"{where}{code}，{msg}{zh}", f"{where}code {code}, {self.meaning}{en}{others}"),
        )
        self.code = code
        self.msg = self.message = msg
        self.reason = reason
        self.raw = raw
        self.endpoint = endpoint
        #: A program may look for the server's message in str().
        self._sentence = text or f"{where}code {code}, {msg} ({reason or self.meaning})"

    def __str__(self) -> str:
        return str(self._sentence)


class NotSignedIn(ResponseCodeException):
    number = -101
    wire_message = "账号未登录"
    meaning = "not signed in, or the session has expired"
    source = "002, 003, 004"
    stops = True


class AccountBanned(ResponseCodeException):
    number = -102
    wire_message = "账号被封停"
    meaning = "the account is banned"
    source = "002, 003, 004, 操作用户关系"
    stops = True


class CsrfFailed(ResponseCodeException):
    number = -111
    wire_message = "csrf校验失败"
    meaning = "the csrf field is missing or is not this session's bili_jct"
    source = "002, 003, 004"
    stops = True


class NothingChanged(ResponseCodeException):
    number = -304
    wire_message = "没有变化"
    meaning = "the new value equals the current one"
    source = "000, 001, User.set_space_notice"


class RequestIntercepted(ResponseCodeException):
    number = -352
    wire_message = "请求被拦截"
    meaning = "intercepted by risk control: stop sending requests"
    source = "003, 004, 查询用户粉丝明细"
    stops = True


class BadRequest(ResponseCodeException):
    number = -400
    wire_message = "请求错误"
    meaning = "the request is invalid"
    source = "002, 003, 004"


class AccessDenied(ResponseCodeException):
    number = -403
    wire_message = "访问权限不足"
    meaning = "the signature is missing, wrong or made with stale keys"
    source = "ours: on it clients fetch new wbi keys"
    stops = True


class NotFound(ResponseCodeException):
    number = -404
    wire_message = "啥都木有"
    meaning = "the requested object or path does not exist"
    source = "ours: also for a path without an endpoint"


class RequestBanned(ResponseCodeException):
    number = -412
    wire_message = "请求被拦截"
    meaning = "temporarily banned by risk control: stop sending requests"
    source = (
        "user reports; guanxi answers it, as HTTP 412 with Retry-After, to an address that sends"
        " more than a setting allows"
    )
    stops = True


class ServiceUnavailable(ResponseCodeException):
    number = -503
    wire_message = "服务暂不可用"
    meaning = "the service is unavailable; nothing was changed, so retry later"
    source = "ours: sent as HTTP 503 with Retry-After"
    can_retry = True
    stops = True


class DeadlineExceeded(ResponseCodeException):
    number = -504
    wire_message = "服务调用超时"
    meaning = "timed out; the change may have been made, so read before you repeat it"
    source = "ours: sent as HTTP 504"


class TooManyRequests(ResponseCodeException):
    number = -799
    wire_message = "请求过于频繁，请稍后再试"
    meaning = "too many requests: send fewer"
    source = (
        "user reports; guanxi answers it, with Retry-After, to an account that sends more than a"
        " setting allows"
    )
    can_retry = True
    stops = True


class NicknameTaken(ResponseCodeException):
    number = 2001
    wire_message = "该昵称已被他人使用"
    meaning = "another account has that nickname"
    source = "000, 001, check_nickname"


class CannotTargetSelf(ResponseCodeException):
    number = 22001
    wire_message = "不能对自己进行此操作"
    meaning = "the target is the caller"
    source = "003, 004, 操作用户关系"
    skips = True


class FollowRefused(ResponseCodeException):
    number = 22002
    wire_message = "因对方隐私设置，你还不能关注"
    meaning = "the target refuses follows, or has blocked the caller"
    source = "004, 操作用户关系"
    skips = True


class TargetInBlacklist(ResponseCodeException):
    number = 22003
    wire_message = "关注失败，请将该用户移除黑名单之后再试"
    meaning = "the caller blocks the target: unblock first"
    source = "002, 003, 004, 操作用户关系"
    skips = True


class PageTooDeep(ResponseCodeException):
    number = 22007
    wire_message = "访问超过 5 页"
    meaning = "the page is past the last visible one"
    source = "002, 003, 004"


class FollowingLimitReached(ResponseCodeException):
    number = 22009
    wire_message = "关注已达上限"
    meaning = "the caller has reached the limit of followings"
    source = "user reports"
    stops = True


class AccountDeregistered(ResponseCodeException):
    number = 22013
    wire_message = "账号已注销，无法完成操作"
    meaning = "the target is deregistered"
    source = "004, 操作用户关系"
    skips = True


class AlreadyFollowing(ResponseCodeException):
    number = 22014
    wire_message = "已经关注用户，无法重复关注"
    meaning = "the caller already follows the target"
    source = "004, 操作用户关系"
    skips = True


class DailyFollowLimitReached(ResponseCodeException):
    number = 22015
    wire_message = "今日关注已达上限"
    meaning = "no more follows today, at any pace: go on the next day"
    source = (
        "user reports: about 300 follows a day; a slower pace does not help, the next day does;"
        " only other servers answer it so far, with a message of their own"
    )
    can_retry = True
    stops = True


class GroupNameTooLong(ResponseCodeException):
    number = 22103
    wire_message = "分组名过长"
    meaning = "a group's name has 1 to 16 characters"
    source = "002, 003, 004, 创建分组"


class NoSuchGroup(ResponseCodeException):
    number = 22104
    wire_message = "该分组不存在"
    meaning = "the caller has no group with that id"
    source = "002, 003, 004"


class NotFollowing(ResponseCodeException):
    number = 22105
    wire_message = "未关注"
    meaning = "the caller does not follow one of the accounts"
    source = "002, 003, 004, 修改分组成员"
    skips = True


class GroupExists(ResponseCodeException):
    number = 22106
    wire_message = "该分组已经存在"
    meaning = "the caller already has a group of that name"
    source = "002, 003, 004, 创建分组"


class FollowingsHidden(ResponseCodeException):
    number = 22115
    wire_message = "用户已设置隐私，无法查看"
    meaning = "the account hides its followings"
    source = "003, 004, 查询用户关注明细"


class FollowersHidden(ResponseCodeException):
    number = 22118
    wire_message = "由于该用户隐私设置，粉丝列表不可见"
    meaning = "the account hides its followers"
    source = "004, 查询用户粉丝明细"


class AlreadyBlocked(ResponseCodeException):
    number = 22120
    wire_message = "重复加入黑名单"
    meaning = "the caller already blocks the target"
    source = "004, 操作用户关系"
    skips = True


class NicknameSensitive(ResponseCodeException):
    number = 40002
    wire_message = "昵称包含敏感信息"
    meaning = "the nickname contains a forbidden word"
    source = "000, 001, check_nickname; guanxi forbids no words"


class NicknameIllegal(ResponseCodeException):
    number = 40004
    wire_message = "昵称不可包含除-和_以外的特殊字符"
    meaning = "the nickname contains characters other than letters, digits, - and _"
    source = "000, 001, check_nickname, edit_self_info"


class NicknameTooLong(ResponseCodeException):
    number = 40005
    wire_message = "昵称过长（超过16字符）"
    meaning = "the nickname is longer than 16 characters"
    source = "000, 001, check_nickname, edit_self_info"


class NicknameTooShort(ResponseCodeException):
    number = 40006
    wire_message = "昵称过短（少于2字符）"
    meaning = "the nickname is shorter than 2 characters"
    source = "000, 001, check_nickname"


class NicknameExists(ResponseCodeException):
    number = 40014
    wire_message = "昵称已存在"
    meaning = "another account has that nickname"
    source = "000, 001, check_nickname, edit_self_info"


class SignatureSensitive(ResponseCodeException):
    number = 40015
    wire_message = "签名包含敏感信息"
    meaning = "the signature contains a forbidden word"
    source = "000, 001, edit_self_info; guanxi forbids no words"


class SignatureHasEmoji(ResponseCodeException):
    number = 40021
    wire_message = "签名不能包含表情图片"
    meaning = "the signature contains emoji"
    source = "000, 001, edit_self_info"


class SignatureTooLong(ResponseCodeException):
    number = 40022
    wire_message = "签名过长（超过70字符）"
    meaning = "the signature is longer than 70 characters"
    source = "000, 001, edit_self_info"


class NoSuchUser(ResponseCodeException):
    number = 40061
    wire_message = "用户不存在"
    meaning = "no account has that mid"
    source = "004, 操作用户关系"
    skips = True


class HiddenByPrivacy(ResponseCodeException):
    number = 53013
    wire_message = "用户隐私设置未公开"
    meaning = "the account hides this list"
    source = "000, 001, User.get_user_fav_tag, User.get_subscribed_bangumi, User.get_cheese"


class NoTopVideo(ResponseCodeException):
    number = 53016
    wire_message = "没有置顶视频"
    meaning = "the account has pinned no video"
    source = "000, 001, User.get_top_videos"


class RefreshRefused(ResponseCodeException):
    number = 86095
    wire_message = "refresh_csrf 错误或 refresh_token 与 cookie 不匹配"
    meaning = "the refresh token is used or not this session's, or its csrf is wrong"
    source = "000, Credential.refresh"


class SupportNotOpen(ResponseCodeException):
    number = 88214
    wire_message = "UP主未开通充电"
    meaning = "the account does not accept support"
    source = "000, 001, User.get_elec_user_monthly"


class ParameterMissing(ResponseCodeException):
    number = 72000000
    wire_message = "参数缺失"
    meaning = "a parameter is missing or invalid"
    source = "000, 001, User.get_audios"


CODES: dict[int, type[ResponseCodeException]] = {
    kind.number: kind for kind in ResponseCodeException.__subclasses__()
}

#: Messages of codes that differ by endpoint: 22104 where groups change, 22003 in a batch.
NO_PERMISSION_MESSAGE = "无权限"
BATCH_BLACKLIST_MESSAGE = "用户位于黑名单"


def error_for(
    code: int,
    message: str,
    raw: object = None,
    *,
    reason: str = "",
    endpoint: str | None = None,
    status: int = 200,
) -> ResponseCodeException:
    """Return the exception of a code: its named class, or ``ResponseCodeException`` if unknown.

    ``raw`` is the decoded response, ``reason`` the server's reason, ``endpoint`` the name of the
    called endpoint. With a ``status`` other than 200 it is a ``NetworkException`` too.
    """
    if status == 200:
        kind = CODES.get(code, ResponseCodeException)
        return kind(code, message, raw, reason=reason, endpoint=endpoint)
    known = code if code in CODES else 0
    error = _with_status(known)(code, message, raw, reason=reason, endpoint=endpoint)
    vars(error).update(status=status, sent=True)
    return error


@cache
def _with_status(code: int) -> type[ResponseCodeException]:
    """Return the class of a code's exceptions of responses with an HTTP status other than 200.

    It is a subclass of the code's class and of ``NetworkException``; 0 means an unknown code.
    """
    kind = CODES.get(code, ResponseCodeException)

    def __reduce__(error: ResponseCodeException) -> tuple[object, ...]:
        return (_restored_with_status, (code, error.args), vars(error))

    members = {"__reduce__": __reduce__, "__module__": __name__, "__doc__": kind.__doc__}
    return type(kind.__name__, (kind, NetworkException), members)


def _restored_with_status(code: int, args: tuple[Any, ...]) -> ApiException:
    return restored(_with_status(code), args)


#: The sentence of each code that the rules refuse an act with: who did it, and to whom or what.
_SENTENCES = {
    NotSignedIn: ("{0} 已注销", "{0} is deregistered"),
    AccountBanned: ("{0} 已被封停", "{0} is banned"),
    BadRequest: ("{0} 不能这样操作 {1}", "{0} cannot do this to {1}"),
    CannotTargetSelf: ("{0} 不能对自己进行此操作", "{0} cannot do this to itself"),
    FollowRefused: ("{1} 不接受 {0} 的关注", "{1} refuses to be followed by {0}"),
    TargetInBlacklist: ("{0} 已拉黑 {1}，须先移出黑名单", "{0} blocks {1}: unblock it first"),
    FollowingLimitReached: (
        "{0} 的关注已达上限，不能再关注 {1}",
        "{0} has reached the limit of followings and cannot follow {1}",
    ),
    AccountDeregistered: ("{1} 已注销", "{1} is deregistered"),
    AlreadyFollowing: ("{0} 已经关注了 {1}", "{0} follows {1} already"),
    GroupNameTooLong: (
        "{0} 的分组名 {1} 为空或过长",
        "{0} cannot name a group {1}: the name is empty or too long",
    ),
    NoSuchGroup: ("{0} 没有分组 {1}", "{0} has no group {1}"),
    NotFollowing: ("{0} 没有关注 {1}", "{0} does not follow {1}"),
    GroupExists: ("{0} 已有分组 {1}", "{0} has a group {1} already"),
    AlreadyBlocked: ("{0} 已经拉黑了 {1}", "{0} blocks {1} already"),
    NoSuchUser: ("账号 {1} 不存在", "account {1} does not exist"),
    NotFound: ("{1} 没有请求关注 {0}", "{1} has no pending request to follow {0}"),
}


def sentence_of(code: int, actor: int, target: int | str) -> Text:
    """Return the sentence of a code that the rules refuse an act with: "1 follows 2 already".

    ``target`` is what the act is on: an account, a group's id or its name. Raise KeyError for a
    code that no rule returns.
    """
    zh, en = _SENTENCES[CODES[code]]
    return Text(zh.format(actor, target), en.format(actor, target))


def refusal_of(code: int, actor: int, target: int | str) -> ResponseCodeException:
    """Return the exception of a code that ``decide`` or ``decide_group`` returned.

    Its text is that of ``sentence_of``; ``raw`` is None. Raise KeyError for a code that no rule
    returns.
    """
    kind = CODES[code]
    return kind(code, kind.wire_message, text=sentence_of(code, actor, target))
