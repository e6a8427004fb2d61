"""``guanxi manage``: pages for a person's own followings, in the browser."""

from __future__ import annotations

import socket
import sys
import webbrowser
from typing import Annotated

from guanxi.cli.help import in_chinese, option
from guanxi.cli.language import text
from guanxi.cli.terminal import note, say
from guanxi.cli.tools import credentials
from guanxi.cli.tools.login import BaseUrl
from guanxi.sdk.hosts import base_address

_PORT = 8770
#: Seconds that work which runs has to reach its next step when the pages end.
_LAST_STEP = 10.0


@in_chinese("""在浏览器中管理你的关注。

    只在这台机器上提供网页，直到 Ctrl-C：取快照、查看与比较、制定计划并执行、撤销、迁移。
    打印的地址含有只能用一次的令牌。""")
def manage(
    port: Annotated[
        int, option("端口；0 为任一空闲端口。", "The port; 0 is any free one.", min=0, max=65535)
    ] = _PORT,
    browser: Annotated[
        bool,
        option("是否打开浏览器。", "Whether to open the browser.", "--browser/--no-browser"),
    ] = True,
    faces: Annotated[
        bool,
        option(
            "让浏览器从 hdslb.com 加载头像；默认只显示首字。",
            "Let the browser load faces from hdslb.com; by default they are a letter.",
            "--faces",
        ),
    ] = False,
    base_url: BaseUrl = None,
) -> None:
    """Manage your followings in the browser.

    Serves pages to this machine alone, until Ctrl-C: take snapshots, look through them and compare
    them, make plans and apply them, undo, migrate. The address that is printed has a token that
    works once.
    """
    import uvicorn

    from guanxi.manage.application import OPEN, Pages

    pages = Pages(credentials, base_url=base_address(base_url), faces=faces)
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, sys.platform != "win32")
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            if port != _PORT:
                raise
            listener.bind(("127.0.0.1", 0))  # the usual port is in use: any other will do
        listener.listen()  # the browser may be quicker than the server
        address = f"http://127.0.0.1:{listener.getsockname()[1]}{OPEN}?token={pages.token}"
        say(address)
        note(text("Ctrl-C 结束。", "Ctrl-C ends it."))
        if browser:
            webbrowser.open(address)
        config = uvicorn.Config(
            pages.application,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        listener.close()
        pages.desk.close(_LAST_STEP)
