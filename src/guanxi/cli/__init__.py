"""The ``guanxi`` command. Data goes to standard output, everything else to standard error."""

from __future__ import annotations

import sys
from typing import NamedTuple

from guanxi.cli.language import text
from guanxi.text import Text


class Command(NamedTuple):
    """A command. Its module is imported only when it is used."""

    #: The function in ``guanxi.cli``, or the Typer of a group of commands: "module:name".
    source: str
    #: The extra of pip that installs the modules it needs.
    extra: str
    #: One line, the first of its help.
    help: Text


COMMANDS = {
    "serve": Command(
        "service.serve:serve",
        "service",
        Text("启动服务，直到 Ctrl-C。", "Serve a store until Ctrl-C."),
    ),
    "config": Command(
        "service.config:app",
        "service",
        Text("显示或检查服务的选项。", "Print or check the options of the service."),
    ),
    "health": Command(
        "service.health:health",
        "service",
        Text("询问服务是否正常。", "Ask a running service whether it is well."),
    ),
    "demo": Command(
        "service.demo:demo",
        "service",
        Text("启动演示，并展示导览。", "Serve generated data, and show a tour."),
    ),
    "check": Command(
        "store.commands:check",
        "service",
        Text("检查整个库的全部约束。", "Check every invariant of a whole store."),
    ),
    "changes": Command(
        "store.changes:changes",
        "service",
        Text("显示变更，或发送到一个地址。", "Print changes, or post them to an address."),
    ),
    "api": Command(
        "tools.api:api",
        "tools",
        Text("调用任一接口，以 JSON 输出其数据。", "Call an endpoint, and print its data as JSON."),
    ),
    "login": Command(
        "tools.login:login",
        "tools",
        Text("扫码登录并保存账号。", "Sign in by a QR code, and save the account."),
    ),
    "logout": Command(
        "tools.login:logout",
        "tools",
        Text("删除保存的账号。", "Delete a saved account."),
    ),
    "whoami": Command(
        "tools.login:whoami",
        "tools",
        Text("显示当前账号。", "Print which account the commands act as."),
    ),
    "backup": Command(
        "tools.backup:backup",
        "tools",
        Text("读取账号的列表，存入档案。", "Read an account's lists into its archive."),
    ),
    "snapshots": Command(
        "tools.snapshots:app",
        "tools",
        Text("列出快照，或删除。", "List snapshots, or delete them."),
    ),
    "show": Command(
        "tools.lists:show",
        "tools",
        Text("显示档案中的列表。", "Show a list of the archive."),
    ),
    "sql": Command(
        "tools.lists:sql",
        "tools",
        Text("用 SQL 查询档案。", "Query the archive in SQL."),
    ),
    "note": Command(
        "tools.notes:note",
        "tools",
        Text("写下对账号的备注。", "Write a note about an account."),
    ),
    "keep": Command(
        "tools.notes:keep",
        "tools",
        Text("标记要保留的账号。", "Mark accounts to be kept."),
    ),
    "archive": Command(
        "tools.snapshots:archive_app",
        "tools",
        Text("显示档案的路径，或删除它。", "Show where the archive is, or delete it."),
    ),
    "diff": Command(
        "tools.diff:diff",
        "tools",
        Text("比较两个快照。", "Compare two snapshots."),
    ),
    "plan": Command(
        "tools.plan:app",
        "tools",
        Text("制定并显示计划，不作改动。", "Make and show plans, which change nothing."),
    ),
    "apply": Command(
        "tools.apply:apply",
        "tools",
        Text("执行计划。", "Do what a plan says."),
    ),
    "undo": Command(
        "tools.apply:undo",
        "tools",
        Text("计划撤销已执行的计划。", "Plan to take back what a plan did."),
    ),
    "manage": Command(
        "tools.manage:manage",
        "tools",
        Text("在浏览器中管理你的关注。", "Manage your followings in the browser."),
    ),
    "migrate": Command(
        "tools.migrate:migrate",
        "tools",
        Text(
            "将一个账号的关注与分组迁移到另一个账号。",
            "Bring the followings and groups of one account to another.",
        ),
    ),
    "export": Command(
        "tools.exchange:export",
        "tools",
        Text("将列表写成文件。", "Write lists to a file."),
    ),
    "import": Command(
        "tools.exchange:import_",
        "tools",
        Text("由文件生成计划。", "Plan to follow the accounts of a file."),
    ),
    "watch": Command(
        "tools.watch:watch",
        "tools",
        Text("定时取快照，并显示变化。", "Take snapshots at intervals, and print what changed."),
    ),
    "report": Command(
        "tools.report:report",
        "tools",
        Text("写出一个 HTML 报告。", "Write a report as one HTML page."),
    ),
    "mcp": Command(
        "tools.mcp:mcp",
        "tools,mcp",
        Text("让助手读取档案。", "Let an assistant read the archive, over MCP."),
    ),
    "account": Command(
        "store.account:app",
        "service",
        Text("管理账号。", "Create, ban and deregister accounts."),
    ),
    "session": Command(
        "store.session:app",
        "service",
        Text("管理会话。", "Sign accounts in and out."),
    ),
    "admin": Command(
        "store.admin:app",
        "service",
        Text("管理口令与审计日志。", "Administration tokens, and the log of what was done."),
    ),
    "store": Command(
        "store.commands:app",
        "service",
        Text("管理整个库。", "Create, copy, migrate and fill stores."),
    ),
}
_NOT_ON_WINDOWS = text(
    "服务与库需要 Linux 或 macOS；在 Windows 上请用 WSL 或容器，SDK 与管理关注的工具可直接使用",
    "the service and its stores need Linux or macOS: on Windows run them in WSL or in a container;"
    " the SDK and the tools for your followings work here",
)
_INTERRUPTED = 130


def main() -> None:
    """Run the command line; exit with a message naming the pip extra if a module is missing.

    Raise ModuleNotFoundError if it is a module of guanxi. Ctrl-C exits with status 130.
    """
    try:
        from guanxi.cli.app import run

        run()
    except ImportError as error:
        extras = [COMMANDS[name].extra for name in sys.argv[1:2] if name in COMMANDS]
        if sys.platform == "win32" and extras == ["service"]:
            sys.exit(_NOT_ON_WINDOWS)
        missing = (error.name or "").partition(".")[0]
        if missing == "guanxi" or not isinstance(error, ModuleNotFoundError):
            raise
        extra = "postgres" if missing == "asyncpg" else "".join(extras) or "tools"
        needed = text(
            "此命令需要 {0}，请安装：{1}", "this command needs {0}, please install it: {1}"
        )
        sys.exit(needed.format(error.name, f"pip install 'guanxi[{extra}]'"))
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
