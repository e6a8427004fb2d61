"""The page of the service's options: where each may be set, its default and its meaning."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from guanxi.service.options import OPTIONS, Option
from guanxi.text import Language, Text
from tools.markdown import NOTE, table

_HEAD = (
    Text("文件中的键", "key in the file"),
    Text("命令行", "command line"),
    Text("环境变量", "variable"),
    Text("默认", "default"),
    Text("含义", "meaning"),
)
_NOT_SET = Text("未设", "not set")
_INTRO = Text(
    """# 配置

`guanxi serve` 的每个选项可在三处设置，依次优先：**命令行**、`--config` 指定的 **TOML 文件**、**环境变量**，
最后是默认值。文件由 `--config FILE` 或 `GUANXI_CONFIG` 指定；不指定时不读任何文件，当前目录中的也不读。

```sh
cat > guanxi.toml <<'END'
port = 8100
card_cache = 50000
allowed_hosts = ["relation.example.com"]

[limits]
following_cap = 5000
END
guanxi config check --config guanxi.toml
guanxi config show --config guanxi.toml --workers 2
GUANXI_CONFIG=guanxi.toml guanxi config show --json
```

`guanxi config show` 显示每个选项的值与来源，密钥不显示；输出本身就是一个配置文件。`guanxi config check` 只检查。

- 名称一致：键 `card_cache` 即选项 `--card-cache` 与变量 `GUANXI_CARD_CACHE`。
- 在命令行与变量中，列表的各项以逗号分隔；开关在变量中为 `true`、`false`、`1` 或 `0`。
- 上限：文件中写在 `[limits]` 下，命令行为 `--limit NAME=N`，变量为 `GUANXI_LIMIT_<NAME>`。
- 未知的键、类型或范围不对，都是错误：指出键、文件与行，以及最接近的名称。近似某个选项而不存在的变量，与被文件
  覆盖的变量，会有警告。空的文本变量视为未设。
- Kubernetes 为名为 guanxi 的服务设置的变量（如 `GUANXI_PORT=tcp://…`）不予理会。
""",
    """# Configuration

Every option of `guanxi serve` may be set in three places. The **command line** counts more than the **TOML
file** that `--config` names, the file more than the **environment**, and that more than the default. The file is
that of `--config FILE` or `GUANXI_CONFIG`; without them none is read, not even one in the current folder.

```sh
cat > guanxi.toml <<'END'
port = 8100
card_cache = 50000
allowed_hosts = ["relation.example.com"]

[limits]
following_cap = 5000
END
guanxi config check --config guanxi.toml
guanxi config show --config guanxi.toml --workers 2
GUANXI_CONFIG=guanxi.toml guanxi config show --json
```

`guanxi config show` prints the value of each option and where it is from, secrets hidden; its output is a
configuration file. `guanxi config check` only looks for mistakes, and ends with status 1 for one.

- One name for all: the key `card_cache` is the option `--card-cache` and the variable `GUANXI_CARD_CACHE`.
- On the command line and in variables the items of a list are separated by commas; in a variable a switch is
  `true`, `false`, `1` or `0`.
- Limits are under `[limits]` in the file, `--limit NAME=N` on the command line, and `GUANXI_LIMIT_<NAME>`.
- An unknown key, a wrong type and a value out of bounds are errors, which name the key, the file and the line,
  and the nearest name. A variable that looks like an option and is none, and one that the file overrides, are
  warnings. A variable with an empty text counts as not set.
- What Kubernetes sets for a service named guanxi, such as `GUANXI_PORT=tcp://…`, is passed over.
""",
)
_TABLE = Text("\n## 选项\n\n", "\n## Options\n\n")
_NOTES = Text(
    """
标 * 的选项在 SIGHUP 时重新读取文件后即对新的服务进程生效，见 [deploying.md](deploying.md)；其余的要重新启动。管理与
指标的地址在重新启动前保持原来的设置。

## 密钥

`admin_token` 不在命令行上设置，`ps` 会向所有用户显示它。它与含密码的 `store` 都可以放在单独的文件里，如 Docker 与
systemd 所给的：`admin_token_file` 与 `store_file`；文件末尾的换行不算。同时设置两者是错误。PostgreSQL 的密码也可放在
`~/.pgpass` 或 `PGPASSWORD`。

## 上限

""",
    """
Options with * apply to the workers that SIGHUP starts, after the file was read again
([deploying.md](deploying.md)); the others need a restart of the whole. The addresses of administration and
metrics keep what they had until then.

## Secrets

`admin_token` has no option of the command line, which `ps` shows to every user. It and a `store` with a password
may each be in a file of their own, as Docker and systemd give them: `admin_token_file` and `store_file`. A line
break at the file's end does not count. Both ways at once are an error. A PostgreSQL password may also be in
`~/.pgpass` or `PGPASSWORD`.

## Limits

""",
)


def page(language: Language) -> str:
    """Return docs/configuration.md or docs/configuration.zh-CN.md."""
    head = [one.into(language) for one in _HEAD]
    options = [_row(one, language) for one in OPTIONS.values() if not one.limit]
    names = [
        (f"`{one.limit}`", f"`{one.variable}`", one.help.into(language))
        for one in OPTIONS.values()
        if one.limit
    ]
    return "".join(
        (
            NOTE,
            _INTRO.into(language),
            _TABLE.into(language),
            table(head, options),
            _NOTES.into(language),
            table([head[0], head[2], head[4]], names),
        )
    )


def _row(option: Option, language: Language) -> tuple[str, ...]:
    mark = "*" if option.is_reloaded else ""
    if option.default in (None, ""):
        default = _NOT_SET.into(language)
    else:
        default = f"`{_shown(option.default)}`"
    meaning = " ".join((option.help.into(language), *_bounds(option))).replace("|", "\\|")
    switch = f"`{option.switch}`" if option.switch else ""
    variable = f"`{option.variable}`" if option.variable else ""
    return (f"`{option.name}`{mark}", switch, variable, default, meaning)


def _bounds(option: Option) -> tuple[str, ...]:
    bounds = option.bounds
    if get_origin(option.kind) is Literal:
        return (f"({', '.join(map(str, get_args(option.kind)))})",)
    if bounds.ge is None or bounds.le is None:
        return ()
    return (f"({bounds.ge:g} – {bounds.le:g})" if bounds.le < 2**31 - 1 else f"(≥ {bounds.ge:g})",)


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return "[]"
    return f"{default:g}" if isinstance(default, float) else str(default)
