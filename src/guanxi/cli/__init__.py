"""The ``guanxi`` command. Data goes to standard output, everything else to standard error."""

from __future__ import annotations

import sys

#: Which extra brings a module that a command needs.
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
#: The commands that work on a store: what they need of the tools comes with the service.
_ON_A_STORE = frozenset({"account", "check", "demo", "serve", "session", "store"})
_INTERRUPTED = 130


def main() -> None:
    """Run the command line; a command whose extra is missing names it."""
    try:
        from guanxi.cli.app import run

        run()
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        if extra == "tools" and not _ON_A_STORE.isdisjoint(sys.argv[1:2]):
            extra = "service"
        sys.exit(
            f"此命令需要 {error.name}，请安装：pip install 'guanxi[{extra}]'\n"
            f"this command needs {error.name}: pip install 'guanxi[{extra}]'"
        )
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
