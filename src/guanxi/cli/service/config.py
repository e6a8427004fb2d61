"""``guanxi config``: what the options of the service are set to."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from guanxi.cli.help import in_chinese, option
from guanxi.cli.language import shown, text
from guanxi.cli.service.options import Again, read, with_configuration
from guanxi.cli.terminal import json_of, say
from guanxi.service.options import LIMITS, OPTIONS, Option
from guanxi.stores import redacted

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
_HIDDEN = "(hidden)"


@app.command()
@with_configuration
@in_chinese("""显示服务的每个选项、其值与来源。

    选项、文件与环境变量与 guanxi serve 相同，什么都不启动。密钥不显示。""")
def show(
    again: Again,
    as_json: Annotated[bool, option("以 JSON 输出。", "Print JSON.", "--json")] = False,
) -> None:
    """Print the value of every option of the service, and where it is from.

    It takes the options of guanxi serve, and reads the same file and variables; nothing is started.
    The output is a configuration file. Secrets are hidden.
    """
    configuration = read(again)
    given = {name: configuration.given(name) for name in OPTIONS}
    values = {name: _without_secrets(OPTIONS[name], one.value) for name, one in given.items()}
    if as_json:
        facts = {
            name: {"value": values[name], "from": shown(one.source)} for name, one in given.items()
        }
        say(json_of(facts, indent=2))
        return
    is_in_table = False
    for name, one in given.items():
        if OPTIONS[name].limit and not is_in_table:
            is_in_table = True
            say(f"\n[{LIMITS}]")
        key, value = OPTIONS[name].limit or name, values[name]
        if value is None:
            say(f"# {key}" + text("：未设", ": not set"))
        else:
            before = "# " if isinstance(value, str) and value != one.value else ""
            say(f"{before}{key} = {json_of(value)}  # {shown(one.source)}")


@app.command()
@with_configuration
@in_chinese("""检查服务的选项，什么都不启动。

    有错时状态码为 1，如在重新加载之前。""")
def check(again: Again) -> None:
    """Check the options of the service, and start nothing.

    The status is 1 if one is unknown or invalid: run it before a restart.
    """
    read(again)
    say(text("配置无误", "the configuration is valid"))


def _without_secrets(option: Option, value: Any) -> Any:
    """Return the value of an option without its secrets."""
    if value is None:
        return None
    if option.is_secret:
        return _HIDDEN
    if option.only_in_file:  # a table; its names
        return _HIDDEN if value else None
    if option.name == "store":
        return redacted(value)
    return list(value) if option.is_list else value
