"""What a graph raises: the exceptions of the SDK, with sentences about the accounts concerned."""

from __future__ import annotations

from guanxi.contract import errors
from guanxi.contract.errors import ResponseCodeException
from guanxi.text import Text

#: Sentences for the library in place of the contract's, by code; {0} acts, on {1}. A service knows
#: that its caller has an account, and which of its fields was wrong.
_SENTENCES: dict[int, tuple[str, str]] = {
    errors.NoSuchUser.number: (
        "{0} 或 {1} 没有账号，可用 put_account 建立",
        "{0} or {1} has no account: put_account creates one",
    ),
    errors.BadRequest.number: (
        "{0} 不能这样更改分组 {1}：它是内置分组、不存在，名称含有控制字符，或分组已达上限",
        "{0} cannot do this with the group {1}: it is built in or does not exist, its name has"
        " control characters, or there are as many groups as there may be",
    ),
}


def refusal(code: int, actor: int, target: object) -> ResponseCodeException:
    """Return the exception of a code with which the rules refuse an act of ``actor``."""
    named = _shortened(str(target))
    if code not in _SENTENCES:
        return errors.refusal_of(code, actor, named)
    zh, en = (sentence.format(actor, named) for sentence in _SENTENCES[code])
    kind = errors.CODES[code]
    return kind(code, kind.wire_message, text=Text(zh, en))


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
