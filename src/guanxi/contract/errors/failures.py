"""What goes wrong without a code: the request, the response, an argument, the credential."""

from __future__ import annotations

from typing import Any, ClassVar

from guanxi.text import Text


class ApiException(Exception):
    """The root of every error that guanxi raises itself. ``msg`` is its text, in English.

    ``str()`` is the same, unless a subclass says otherwise; ``args[0]`` has both languages.
    """

    def __init__(self, msg: str | Text = "") -> None:
        super().__init__(msg)
        self.msg = str(msg)

    def __str__(self) -> str:
        return self.msg

    def __reduce__(self) -> tuple[object, ...]:
        return (restored, (type(self), self.args), vars(self))


def restored(kind: type[ApiException], args: tuple[Any, ...]) -> ApiException:
    """Return an exception as a pickle or a copy makes it: without ``__init__``."""
    return kind.__new__(kind, *args)


class NetworkException(ApiException):
    """There was no response, or one with an HTTP status other than 200.

    ``status`` is 0 if there was no response, ``msg`` what happened. If the response has a code, the
    exception is of the code's class too. ``sent`` is False only if the request was certainly not
    sent.
    """

    def __init__(self, status: int, msg: str | Text = "", *, sent: bool = True) -> None:
        super().__init__(msg)
        self.status = status
        self.sent = sent


class TimeoutException(NetworkException):
    """The time of a call was over before it had a complete response; see ``Client(timeout=…)``."""


class AnswerException(ApiException):
    """The response violates the contract: not JSON, truncated, or of another shape.

    ``path`` is the path of the wrong value in the response; ``$`` is its root. ``msg`` says what is
    wrong, ``endpoint`` is the name of the called endpoint.
    """

    def __init__(self, msg: str, *, path: str = "$", endpoint: str | None = None) -> None:
        super().__init__(f"{endpoint}: {msg}" if endpoint else msg)
        self.path = path
        self.endpoint = endpoint


class AnswerTooLargeException(AnswerException):
    """A response has more bytes, decompressed, than ``Client(max_response=…)`` allows.

    The rest was not read.
    """


class ForkedException(ApiException, RuntimeError):
    """A client was used in another process than it was made in; nothing was sent.

    Make the client after the fork, for example in the worker's first task. It is a
    ``RuntimeError`` too.
    """


class ListIncomplete(ApiException):
    """A list was read to the end that its server shows, and has more.

    ``items`` is what was read, in order, of the type that the function returns or yields; ``total``
    is how many the list has, as the server says; ``endpoint`` is the name of the endpoint. ``cut``
    is True if the server never shows more, and False if the list changed while it was read: then
    reading it again may find it whole.
    """

    def __init__(
        self, items: list[Any], total: int, *, cut: bool, endpoint: str | None = None
    ) -> None:
        where = f"{endpoint}: " if endpoint else ""
        zh, en = (
            ("服务端不再显示更多", "the server shows no more")
            if cut
            else ("读取期间列表有变动，可重新读取", "it changed while it was read; read it again")
        )
        super().__init__(
            Text(
                f"{where}列表共 {total} 项，只读到 {len(items)} 项：{zh}",
                f"{where}{len(items)} of the list's {total} items were read: {en}",
            )
        )
        self.items = items
        self.total = total
        self.cut = cut
        self.endpoint = endpoint

    def of(self, items: list[Any]) -> ListIncomplete:
        """Return the same error with the items converted to another type."""
        return ListIncomplete(items, self.total, cut=self.cut, endpoint=self.endpoint)


class WbiRetryTimesExceedException(ApiException):
    """The server answered -403 again after the wbi keys were renewed, with this ``reason``."""

    def __init__(self, reason: str = "") -> None:
        zh, en = (f"（{reason}）", f" ({reason})") if reason else ("", "")
        super().__init__(
            Text(
                f"换用新密钥后，wbi 签名仍被拒绝{zh}",
                f"the wbi signature was refused again after fresh keys{en}",
            )
        )
        self.reason = reason


class CookiesRefreshException(ApiException):
    """The cookies could not be refreshed; the old ones remain valid."""


class InitialStateException(ApiException):
    """The data of a page that was read is not JSON."""


class ArgsException(ApiException, ValueError):
    """An argument or a setting is invalid; nothing was sent. ``msg`` begins with its name.

    It is a ``ValueError`` too, as for the arguments of Python's own functions.
    """


class MistypedArgsException(ArgsException, TypeError):
    """An argument is of a wrong type, or missing; nothing was sent.

    It is a ``TypeError`` too, as for the arguments of Python's own functions.
    """


class StatementException(ArgsException):
    """An argument is invalid, of a function whose document names this class; nothing was sent."""


class CredentialException(ApiException):
    """A call needs a value that the credential lacks; nothing was sent."""

    part: ClassVar[str] = ""
    #: The environment variable that the part is read from; "" for none.
    variable: ClassVar[str] = ""

    def __init__(self) -> None:
        zh, en = f"凭据没有 {self.part}", f"the credential has no {self.part}"
        if self.variable:
            zh += (
                f"：请设置 {self.variable}，或传入 Credential({self.part}=…)；"
                "命令行也可用 guanxi login"
            )
            en += (
                f": set {self.variable} or pass Credential({self.part}=…);"
                " for the command line, guanxi login works too"
            )
        super().__init__(Text(zh, en))


class CredentialNoSessdataException(CredentialException):
    """The credential has no ``sessdata``, the session's cookie; nothing was sent."""

    part = "sessdata"
    variable = "GUANXI_SESSDATA"


class CredentialNoBiliJctException(CredentialException):
    """The credential has no ``bili_jct``, the csrf token that a write needs; nothing was sent."""

    part = "bili_jct"
    variable = "GUANXI_BILI_JCT"


class CredentialNoBuvid3Exception(CredentialException):
    """The credential has no ``buvid3``, the first device id; nothing was sent."""

    part = "buvid3"


class CredentialNoBuvid4Exception(CredentialException):
    """The credential has no ``buvid4``, the second device id; nothing was sent."""

    part = "buvid4"


class CredentialNoDedeUserIDException(CredentialException):
    """The credential has no ``dedeuserid``, the mid of the account; nothing was sent."""

    part = "dedeuserid"


class CredentialNoAcTimeValueException(CredentialException):
    """The credential has no ``ac_time_value``, which a refresh needs; nothing was sent."""

    part = "ac_time_value"
