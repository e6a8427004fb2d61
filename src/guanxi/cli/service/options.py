"""The options of ``guanxi serve`` on the command line, from their table in the service."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from guanxi.cli.help import option as option_of
from guanxi.cli.language import shown, text
from guanxi.cli.terminal import note
from guanxi.service.configuration import FILE_VARIABLE, Configuration, configured
from guanxi.service.options import LIMITS, OPTIONS, Option

_PORT = re.compile(r"[0-9]{1,5}")
Command = Callable[..., None]
#: Reads the configuration again, as at the start: what is in the file may have changed.
Again = Callable[[], Configuration]


def option_named(name: str, **settings: Any) -> Any:
    """Return an option of the table; ``settings`` are more of those of ``typer.Option``."""
    option = OPTIONS[name]
    bounds = option.bounds
    return option_of(
        option.help.zh,
        option.help.en,
        min=bounds.ge,
        max=bounds.le,
        metavar=option.metavar,
        **settings,
    )


def with_configuration(command: Callable[..., None]) -> Command:
    """Return the command with all options of the service, ``--config`` and ``--limit``.

    Its parameter ``again`` gets a function that reads them from the command line, the file and the
    environment.
    """
    own = [
        one.replace(kind=Parameter.KEYWORD_ONLY)
        for one in signature(command, eval_str=True).parameters.values()
        if one.name != "again"
    ]
    named = [option for option in OPTIONS.values() if option.switch and not option.limit]

    def run(config: Path | None, limit: list[str] | None, **values: Any) -> None:
        given = {option.name: values.pop(option.name) for option in named}
        given = {name: value for name, value in given.items() if value is not None}
        for one in limit or ():
            name, separator, number = one.partition("=")
            if not separator:
                words = text(f"{one} 应为 NAME=N", f"{one} must be NAME=N")
                raise typer.BadParameter(words, param_hint="--limit")
            given[f"{LIMITS}.{name}"] = number

        def again() -> Configuration:
            return configured(given=given, file=config, environ=os.environ)

        command(again=again, **values)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = Signature(  # type: ignore[attr-defined]  # which typer reads
        [_config(), *map(_parameter, named), _limit(), *own]
    )
    return run


def host_and_port(address: str, hint: str) -> tuple[str, int]:
    """Return the host, without brackets, and the port of a text HOST:PORT.

    Raise BadParameter if it is another text; ``hint`` says where that is from.
    """
    host, _, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):  # an IPv6 address, as in a URL
        host = host[1:-1]
    if not host or not _PORT.fullmatch(port) or int(port) > 65535:
        words = text(f"{address} 应为 HOST:PORT", f"{address} must be HOST:PORT")
        raise typer.BadParameter(words, param_hint=hint)
    return host, int(port)


def read(again: Again) -> Configuration:
    """Return the configuration, and print its warnings."""
    configuration = again()
    for warning in configuration.warnings:
        note(text("警告：", "warning: ") + shown(warning))
    return configuration


def _config() -> Parameter:
    file = option_of(
        "TOML 配置文件，其键与选项同名：card_cache 即 --card-cache。环境变量为 GUANXI_CARD_CACHE。"
        "命令行优先于文件，文件优先于环境变量。",
        "A TOML file of options: --card-cache has the key card_cache there, and the variable"
        " GUANXI_CARD_CACHE. The command line counts more than the file, the file more than the"
        " environment.",
        "--config",
        exists=True,
        dir_okay=False,
        envvar=FILE_VARIABLE,
        metavar="FILE",
    )
    return _keyword("config", Annotated[Path | None, file])


def _limit() -> Parameter:
    limit = option_of(
        "设置一项上限，如 page_size=50；可重复。见 docs/limits.md。",
        "Set a limit, such as page_size=50; may be repeated. docs/limits.md has their names.",
        "--limit",
        metavar="NAME=N",
    )
    return _keyword("limit", Annotated[list[str] | None, limit])


def _parameter(option: Option) -> Parameter:
    """Return the parameter of a command, whose value is None if it is not given."""
    kind = option.kind
    if option.is_list:
        kind = str  # separated by commas, as in the environment
    elif option.bounds.ge is not None:
        kind = kind.__origin__
    default = option.default
    shown_default: str | bool = False
    if not isinstance(default, bool | tuple) and default is not None:
        shown_default = f"{default:g}" if isinstance(default, float) else str(default)
    found = option_named(option.name, show_default=shown_default)
    return _keyword(option.name, Annotated[kind | None, found])


def _keyword(name: str, annotation: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
