"""Every option of ``guanxi serve``, declared once.

From this table derive the options of the command line, the keys of the TOML file, the variables of
the environment, what ``guanxi config show`` prints, and docs/configuration.md. The option of the
key ``card_cache`` is ``--card-cache``, its variable ``GUANXI_CARD_CACHE``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from guanxi.contract.limits import OPEN, Limits, limit_sources
from guanxi.service.config import Settings
from guanxi.service.cors import unfit_origin
from guanxi.service.hosts import unfit_name
from guanxi.service.proxies import unfit_network
from guanxi.stores import FEWEST_CONNECTIONS
from guanxi.text import Text

#: The fewest characters of an administration token.
TOKEN_LENGTH = 16
#: The table of limits in the file, and the beginning of their names.
LIMITS = "limits"
_Port = Annotated[int, Meta(ge=0, le=65535)]
_Workers = Annotated[int, Meta(ge=1, le=64)]
_Connections = Annotated[int, Meta(ge=FEWEST_CONNECTIONS, le=10_000)]
#: Printable ASCII without spaces: what every client can send in a header, and no proxy changes.
_Token = Annotated[str, Meta(min_length=TOKEN_LENGTH, max_length=4096, pattern=r"\A[!-~]*\Z")]


class Option(NamedTuple):
    """One option of the service."""

    #: Its key in the file; that of a limit is ``limits.`` and the limit's name.
    name: str
    #: What msgspec converts a value to. A list is ``tuple[str, ...]``.
    kind: Any
    #: None if the option is not set.
    default: Any
    help: Text
    #: What its value looks like, where the type does not say so.
    metavar: str | None = None
    #: Hidden wherever it is shown. It has no option of the command line, which ``ps`` shows.
    is_secret: bool = False
    #: Whether ``<name>_file`` may name a file that has the value, as systemd and Docker give it.
    has_file: bool = False
    #: Returns what is wrong with an item of a list, or None.
    unfit: Callable[[str], Text | None] | None = None
    #: Whether only the file may set it, as a table.
    only_in_file: bool = False
    #: Whether a restart of the workers (SIGHUP) applies a change in the file.
    is_reloaded: bool = False

    @property
    def variable(self) -> str:
        """Return the name of its environment variable; "" if it has none."""
        if self.only_in_file:
            return ""
        return "GUANXI_" + self.name.replace(f"{LIMITS}.", "limit_").upper()

    @property
    def switch(self) -> str:
        """Return its option of the command line; "" if it has none."""
        if self.is_secret or self.only_in_file:
            return ""
        if self.limit:
            return f"--limit {self.limit}="
        return "--" + self.name.replace("_", "-")

    @property
    def limit(self) -> str:
        """Return the name of the limit that it sets; "" if it sets none."""
        return self.name.removeprefix(f"{LIMITS}.") if self.name.startswith(f"{LIMITS}.") else ""

    @property
    def is_list(self) -> bool:
        """Return whether its value is a list of texts, separated by commas where it is one text."""
        return get_origin(self.kind) is tuple

    @property
    def bounds(self) -> Meta:
        """Return the bounds of its value."""
        bounds = (one for one in get_args(self.kind) if isinstance(one, Meta))
        return next(bounds, Meta())


_KINDS = get_type_hints(Settings, include_extras=True)
_FIELDS = {field.name: field for field in msgspec.structs.fields(Settings)}


#: The requests whose number a minute may be limited: the beginning of the settings' names, words.
_RATES = (
    ("sign_ins", "登录请求", "attempts to sign in"),
    ("writes", "修改请求", "changes"),
    ("reads", "读取请求", "reads"),
)


def _setting(
    name: str,
    zh: str,
    en: str,
    metavar: str | None = None,
    unfit: Any = None,
    *,
    is_reloaded: bool = True,
    only_in_file: bool = False,
) -> Option:
    """Return the option that sets the field ``name`` of the settings.

    ``is_reloaded`` and ``only_in_file`` are as in ``Option``. The worker processes, which are
    replaced, use most settings; the administration's are used by the process that stays.
    """
    field, words = _FIELDS[name], Text(zh, en)
    default: Any = field.default
    if callable(field.default_factory):
        default = field.default_factory()
    kind = _KINDS[name]
    return Option(
        name,
        kind,
        default,
        words,
        metavar,
        unfit=unfit,
        only_in_file=only_in_file,
        is_reloaded=is_reloaded,
    )


def _table() -> Iterator[Option]:
    """Yield the options in the order in which they are shown, without those of files and limits."""
    yield Option(
        "store",
        str,
        "guanxi.db",
        Text("库：SQLite 文件，或 postgresql://…", "The store: a SQLite file, or postgresql://…"),
        "STORE",
        has_file=True,
    )
    yield Option(
        "profile",
        Literal["documented", "open"],
        OPEN.name,
        Text(
            "依文档（documented）或用于自己的产品（open）。",
            "As the documents have it, or open: for a product of your own.",
        ),
        is_reloaded=True,
    )
    yield Option(
        "host",
        str,
        "127.0.0.1",
        Text(
            "监听的地址，或 Unix 套接字 unix:路径。",
            "The address to listen on, or unix:PATH for a Unix socket.",
        ),
        "ADDRESS",
    )
    yield Option(
        "port",
        _Port,
        8000,
        Text("监听的端口；0 为任一空闲端口。", "The port to listen on; 0 for any free one."),
    )
    yield Option(
        "workers",
        _Workers,
        1,
        Text("服务进程的数目。", "How many processes serve the store."),
    )
    yield Option(
        "connections",
        _Connections,
        64,
        Text(
            "所有进程合计最多向 PostgreSQL 打开的连接数。",
            "How many connections to PostgreSQL all processes together open at most.",
        ),
    )
    yield Option(
        "admin",
        str,
        None,
        Text("另一地址，供管理与指标使用。", "A second address, for administration and metrics."),
        "HOST:PORT",
    )
    yield Option(
        "admin_token",
        _Token,
        None,
        Text(
            f"管理口令，至少 {TOKEN_LENGTH} 个字符；未设时新生成一个并显示。",
            f"The administration's token, at least {TOKEN_LENGTH} characters, such as the output of"
            " `head -c 24 /dev/urandom | base64`. Without it, one is generated and printed.",
        ),
        is_secret=True,
        has_file=True,
    )
    yield Option(
        "metrics",
        str,
        None,
        Text("只供指标使用的地址，无需口令。", "An address for metrics alone, without the token."),
        "HOST:PORT",
    )
    yield _setting(
        "trusted_proxies",
        "代理的网段；只信任它们的 X-Forwarded-For。",
        "Networks of proxies, whose X-Forwarded-For is believed.",
        "CIDR,…",
        unfit_network,
    )
    yield _setting(
        "allowed_hosts",
        "可用来访问服务的域名；默认为任意。",
        "The names by which the service may be called. Default: any.",
        "NAME,…",
        unfit_name,
    )
    yield _setting(
        "cors_origins",
        "其网页可以带 Cookie 调用接口的来源。",
        "Origins whose pages may call the endpoints with cookies.",
        "ORIGIN,…",
        unfit_origin,
    )
    yield _setting(
        "request_seconds",
        "超过此秒数的请求返回 -504。",
        "A request that takes longer is answered -504.",
        "SECONDS",
    )
    yield _setting(
        "requests_at_once",
        "每个进程同时处理的读取数，以及写入数；多出的返回 -503。",
        "How many reads, and how many writes, a worker handles at once; more are answered -503.",
        "N",
    )
    for what, zh, en in _RATES:
        yield _setting(
            f"{what}_by_account",
            f"每个账号每分钟的{zh}数；多出的返回 -799；0 为不限。",
            f"How many {en} an account may send a minute; more are answered -799; 0 for any.",
            "N",
        )
        yield _setting(
            f"{what}_by_address",
            f"每个地址（IPv6 为 /64）每分钟的{zh}数；多出的返回 -412；0 为不限。",
            f"How many {en} an address (of IPv6 a /64) may send a minute; more are answered -412;"
            " 0 for any.",
            "N",
        )
    yield _setting("log_requests", "每个请求写一行日志。", "Write a log line for every request.")
    yield _setting(
        "request_log",
        "每个请求写一行 JSON，含账号与地址；- 为标准错误。",
        "Write a line of JSON for each request, with account and address; - is standard error.",
        "FILE",
    )
    yield _setting(
        "audit_days",
        "审计记录保留的天数。",
        "How many days the audit log keeps what the administration did.",
        is_reloaded=False,
    )
    yield _setting(
        "admin_tokens",
        "其他管理口令，每个一张表：[admin_tokens.名称]。",
        "More tokens of the administration, a table each: [admin_tokens.NAME].",
        "{sha256, scopes, expires}",
        only_in_file=True,
        is_reloaded=False,
    )
    yield _setting(
        "card_cache",
        "每个进程缓存的名片数；0 为不缓存。",
        "How many cards a worker caches; 0 for none.",
        "N",
    )
    yield _setting(
        "card_staleness",
        "列表中的名片最多可以多旧。",
        "How old a card in a list may be.",
        "SECONDS",
    )
    yield _setting(
        "strict_referer",
        "documented 中，粉丝与关注明细缺少 Referer 时也返回 -352。",
        "In documented, followers and followings answer -352 without a Referer too.",
    )
    yield _setting(
        "wbi_window",
        "documented 中，wts 早于此秒数即返回 -403；0 为不检查。",
        "In documented, an older wts answers -403; 0 for no check.",
        "SECONDS",
    )


def _with_files(options: Iterator[Option]) -> Iterator[Option]:
    for option in options:
        yield option
        if option.has_file:
            words = Text(
                f"内容为 {option.name} 的文件。",
                f"A file that contains the value of {option.name}.",
            )
            yield Option(f"{option.name}_file", str, None, words, "FILE")


def _limits() -> Iterator[Option]:
    kinds = get_type_hints(Limits, include_extras=True)
    for name, source in limit_sources().items():
        bounds = next(one for one in get_args(kinds[name]) if isinstance(one, Meta))
        kind = Annotated[int, Meta(ge=bounds.ge, le=bounds.le)]
        yield Option(f"{LIMITS}.{name}", kind, None, Text.of(source), "N", is_reloaded=True)


#: Every option by its name, in the order in which they are shown.
OPTIONS: dict[str, Option] = {
    option.name: option for option in (*_with_files(_table()), *_limits())
}
