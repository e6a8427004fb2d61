"""``guanxi health``: whether a running service answers."""

from __future__ import annotations

import sys
from http.client import HTTPConnection, HTTPException
from typing import Annotated

from guanxi.cli.help import argument, in_chinese, option
from guanxi.cli.language import text
from guanxi.cli.service.options import host_and_port
from guanxi.cli.terminal import escaped, say

_SECONDS = 5.0


@in_chinese("""询问服务是否正常。

    用于容器的健康检查：最多等五秒，不正常时状态码为 1。""")
def health(
    address: Annotated[
        str,
        argument("服务的地址。", "Where the service is.", metavar="HOST:PORT", show_default=True),
    ] = "127.0.0.1:8000",
    ready: Annotated[
        bool,
        option(
            "询问 /readyz：能否读写库。",
            "Ask /readyz: whether it can read and write the store.",
            "--ready",
        ),
    ] = False,
) -> None:
    """Ask a running service whether it is well.

    For the health check of a container: it waits up to five seconds for a response, and the status
    is 1 if the service is not well.
    """
    path = "/readyz" if ready else "/healthz"
    connection = HTTPConnection(*host_and_port(address, "ADDRESS"), timeout=_SECONDS)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, HTTPException, UnicodeError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        sys.exit(escaped(text(f"{address} 没有回应：{why}", f"{address} does not respond: {why}")))
    finally:
        connection.close()
    if status != 200:
        sys.exit(escaped(text(f"{address}{path} 返回 {status}", f"{address}{path}: HTTP {status}")))
    say("ok")
