"""Errors of the command-line library, in Chinese: it has them in English alone."""

from __future__ import annotations

import re
from typing import Any

#: By a pattern of the whole message. A group named ``detail`` is itself looked up in ``_DETAILS``.
_MESSAGES = (
    (r"Missing argument '(.+?)'\.", "缺少参数 {0}"),
    (r"Missing option '(.+?)'\.", "缺少选项 {0}"),
    (r"Missing command\.", "缺少命令"),
    (r"No such option: (\S+)", "没有选项 {0}"),
    (r"No such option: (\S+) \(Possible options: (.+)\)", "没有选项 {0}，是否想用 {1}？"),
    (r"No such command '(.+?)'\.", "没有命令 {0}"),
    (r"No such command '(.+?)'\. Did you mean (.+)\?", "没有命令 {0}，是否想用 {1}？"),
    (r"Got unexpected extra argument\(s\) \((.+)\)", "多余的参数：{0}"),
    (r"Option '(.+?)' requires an argument\.", "选项 {0} 需要一个值"),
    (r"Option '(.+?)' does not take a value\.", "选项 {0} 不能有值"),
    (r"Invalid value for (?P<name>.+?): (?P<detail>.+)", "{name} 的值无效：{detail}"),
    (r"Invalid value: (?P<detail>.+)", "{detail}"),
)
_DETAILS = (
    (r"(?:file|path|directory) '(.+)' does not exist\.", "{0} 不存在"),
    (r"(?:file|path|directory) '(.+)' is a directory\.", "{0} 是文件夹"),
    (r"(?:file|path|directory) '(.+)' is a file\.", "{0} 不是文件夹"),
    (r"(?:file|path|directory) '(.+)' is not readable\.", "{0} 无法读取"),
    (r"(?:file|path|directory) '(.+)' is not writable\.", "{0} 无法写入"),
    (r"Input should be a valid integer.*", "应为整数"),
    (r"Input should be a valid number.*", "应为数字"),
    (r"Input should be a valid boolean.*", "应为 true 或 false"),
    (r"Input should be greater than or equal to (\S+)", "不能小于 {0}"),
    (r"Input should be less than or equal to (\S+)", "不能大于 {0}"),
    (r"(?:Value error, )?'([^']*)' is not one of (.+)\.", "{0} 不是 {1} 之一"),
)


def in_chinese(message: str) -> str:
    """Return a message of the library in Chinese; one that is not known, as it is."""
    return _looked_up(message, _MESSAGES)


def _looked_up(message: str, table: tuple[tuple[str, str], ...]) -> str:
    for pattern, words in table:
        found = re.fullmatch(pattern, message, re.DOTALL)
        if found is not None:
            named = found.groupdict()
            if "detail" in named:
                named["detail"] = _looked_up(named["detail"], _DETAILS)
            return words.format(*found.groups(), **named)
    return message


def shown_in_chinese(error: Any) -> str | None:
    """Return what to print for an error of the library; None if it is a help and no error."""
    context = getattr(error, "ctx", None)
    message = error.format_message()
    if context is None:
        return f"错误：{in_chinese(message)}"
    if message == context.get_help():
        return None
    usage = context.get_usage().replace("Usage: ", "用法：", 1)
    hint = f"帮助：{context.command_path} {context.help_option_names[0]}"
    return f"{usage}\n{hint}\n\n错误：{in_chinese(message)}"
