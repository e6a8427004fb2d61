"""The ``guanxi`` command. Data goes to standard output, everything else to standard error."""

from __future__ import annotations

import sys

#: The extra that installs each module a command may need.
_EXTRAS = {
    "apsw": "service",
    "asyncpg": "postgres",
    "prometheus_client": "service",
    "starlette": "service",
    "uvicorn": "service",
    "uvloop": "service",
    "httptools": "service",
    "pyarrow": "parquet",
    "keyring": "tools",
    "platformdirs": "tools",
    "rich": "tools",
    "segno": "tools",
    "typer": "tools",
}
#: The commands that work on a store: extra ``service`` includes the tools that they need.
_STORE_COMMANDS = frozenset({"account", "check", "demo", "serve", "session", "store"})
_INTERRUPTED = 130


def main() -> None:
    """Run the command line; exit with a message naming the pip extra if a module is missing.

    Raise ModuleNotFoundError if no extra installs it. Ctrl-C exits with status 130.
    """
    try:
        from guanxi.cli.app import run

        run()
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        if extra == "tools" and not _STORE_COMMANDS.isdisjoint(sys.argv[1:2]):
            extra = "service"
        sys.exit(
            f"此命令需要 {error.name}，请安装：pip install 'guanxi[{extra}]'\n"
            f"this command needs {error.name}, please install it: pip install 'guanxi[{extra}]'"
        )
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
