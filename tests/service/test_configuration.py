"""The options of the service: which source counts, where a mistake is, and what stays hidden."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.service.config import SettingError
from guanxi.service.configuration import Configuration, configured
from guanxi.service.options import OPTIONS, Option
from guanxi.text import Text
from tests.cli.runner import error_of, guanxi, output_of
from tests.counts import count

_TOKEN = "0123456789abcdef-a-secret"


def message(
    file: Path | None = None, environ: Mapping[str, str] = MappingProxyType({}), **given: Any
) -> str:
    """Return the English message of the error that a configuration has."""
    with pytest.raises(SettingError) as raised:
        configured(given=given, file=file, environ=environ)
    return Text.of(raised.value.args[0]).en


def value_of(option: Option, which: int) -> Any:
    """Return one of two valid values of an option that both differ from its default."""
    if option.name == "profile":
        return ("documented", "open")[which]
    if option.name in ("strict_referer", "log_requests"):
        return bool(which)
    if option.name == "trusted_proxies":
        return [f"10.0.0.{which}"]
    if option.is_list:
        return [f"http://{which}.example" if "origins" in option.name else f"{which}.example"]
    if option.bounds.ge is not None:
        return max(3, int(option.bounds.ge)) + which
    return f"{_TOKEN}{which}"


def as_text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


#: Of those that need each other, or exclude each other, one. None that only a file can set.
_ALONE = [
    name
    for name, option in OPTIONS.items()
    if not name.endswith("_file")
    and name not in ("strict_referer", "wbi_window", "profile")
    and not option.only_in_file
]


@pytest.mark.parametrize("name", _ALONE)
def test_the_command_line_then_the_file_then_the_environment(name: str, tmp_path: Path) -> None:
    option, file = OPTIONS[name], tmp_path / "guanxi.toml"
    first, second = value_of(option, 0), value_of(option, 1)
    table = "[limits]\n" if option.limit else ""
    key = option.limit or name
    file.write_text(f"{table}{key} = {json.dumps(first)}\n", "utf-8")
    environ = {option.variable: as_text(second)}

    def held(configuration: Configuration) -> Any:
        value = configuration[name]
        return list(value) if isinstance(value, tuple) else value

    assert held(configured(environ=environ)) == second
    both = configured(file=file, environ=environ)
    assert held(both) == first
    assert both.given(name).source.en == f"{file} line {2 if table else 1}"
    assert [str(one) for one in both.warnings] == [
        f"{option.variable} is not used: {file} line {2 if table else 1} sets {name}"
    ]
    if option.switch:
        all_three = configured(given={name: as_text(second)}, file=file, environ=environ)
        assert held(all_three) == second
        assert all_three.warnings == ()
        assert all_three.given(name).source.en.startswith(option.switch.rstrip("="))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 1", "a: unknown; there are store, .* \\(FILE line 1\\)"),
        ("# port = 1\n\nprot = 1", "prot: unknown; did you mean port\\? \\(FILE line 3\\)"),
        ("card-cache = 1", "card-cache: unknown; did you mean card_cache\\? \\(FILE line 1\\)"),
        ("port = 1\n[server]\nport = 1", "server: unknown; .* \\(FILE line 2\\)"),
        ("limits.groups = 1\nlimits.page_sise = 1", "limits.page_sise: .*page_size.*line 2\\)"),
        ("limits = {groups = 1, x = 2}", "limits.x: unknown; there are page_size,.* line 1\\)"),
        ("[limits]\ngroups = 1\n\n'page_size' = 0", "limits.page_size: .*>= 1.* line 4\\)"),
        ("[limits.page_size]\na = 1", "limits.page_size: Expected `int`, got.* line 1\\)"),
        ("limits = 1", "limits: must be a table: \\[limits\\] \\(FILE line 1\\)"),
        ("host = 1", "host: Expected `str`, got `int` \\(FILE line 1\\)"),
        ("port = '80'", "port: Expected `int`, got `str` \\(FILE line 1\\)"),
        ("port = 65536", "port: Expected `int` <= 65535 \\(FILE line 1\\)"),
        ("workers = true", "workers: Expected `int`, got `bool` \\(FILE line 1\\)"),
        ("profile = 'opne'", "profile: 'opne'; there are documented, open \\(FILE line 1\\)"),
        ("host = '''\nport = 1'''\nport = -1", "port: .*>= 0.* \\(FILE line 3\\)"),
        ("cors_origins = [\n 'http://a',\n 'b',\n]", "cors_origins: 'b'.* \\(FILE line 1\\)"),
        ("trusted_proxies = ['10.0.0.1/8']", "trusted_proxies: '10.0.0.1/8' must be .* line 1\\)"),
        ("admin_token = 'short'", "admin_token: at least 16 characters.* \\(FILE line 1\\)"),
        (
            "admin_token = '口令口令口令口令口令口令口令口令'",
            "admin_token: .*printable ASCII.* line 1\\)",
        ),
        ("admin_token = 'four words of a sentence'", "admin_token: .*without spaces.* line 1\\)"),
        ('admin_token = "0123456789abcdef\\n"', "admin_token: .*without spaces.* line 1\\)"),
        ("port = 1\nport = 2", "Cannot overwrite a value"),
        ("port =", "Invalid value \\(at end of document"),
    ],
)
def test_a_mistake_in_the_file_has_a_line(text: str, expected: str, tmp_path: Path) -> None:
    file = tmp_path / "guanxi.toml"
    file.write_text(text, "utf-8")
    found = message(file)
    assert re.fullmatch(f"bad setting .*{expected.replace('FILE', re.escape(str(file)))}.*", found)


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    file = tmp_path / "guanxi.toml"
    file.write_text("#" * 1_048_577)
    assert "larger than 1 MiB" in message(file)


@pytest.mark.parametrize(
    ("environ", "warning"),
    [
        ({"GUANXI_CARD_CACH": "1"}, "did you mean GUANXI_CARD_CACHE?"),
        ({"GUANXI_ALLOWED_HOST": "a"}, "did you mean GUANXI_ALLOWED_HOSTS?"),
        ({"GUANXI_ADMIN_TOKENS": "a"}, "did you mean GUANXI_ADMIN_TOKEN?"),
        ({"GUANXI_SESSDATA": "a", "GUANXI_BILI_JCT": "b", "GUANXI_LANG": "zh"}, ""),
        ({"GUANXI_TEST_POSTGRES": "a", "GUANXI_WEBHOOK_SECRET": "b", "GUANXI_CONFIG": "x"}, ""),
        ({"GUANXI_MY_OWN": "a", "OTHER_PORT": "x"}, ""),
        ({"GUANXI_PORT": "tcp://10.0.0.1:80", "GUANXI_PORT_80_TCP_PORT": "80"}, ""),
        ({"GUANXI_SERVICE_HOST": "10.0.0.1", "GUANXI_SERVICE_PORT": "80"}, ""),
        ({"GUANXI_STORE": "", "GUANXI_ADMIN": "", "GUANXI_HOST": ""}, ""),
    ],
)
def test_variables_that_are_no_options(environ: dict[str, str], warning: str) -> None:
    configuration = configured(environ=environ)
    assert [warning in str(one) for one in configuration.warnings] == [True] * bool(warning)
    assert (configuration["port"], configuration["host"]) == (8000, "127.0.0.1")
    assert configuration["store"] == "guanxi.db"


@pytest.mark.parametrize("name", ["admin_token", "store"])
def test_a_secret_may_be_in_a_file_of_its_own(name: str, tmp_path: Path) -> None:
    secret, variable = tmp_path / "secret", OPTIONS[f"{name}_file"].variable
    secret.write_text(f"{_TOKEN}\n")
    configuration = configured(environ={variable: str(secret)})
    assert configuration[name] == _TOKEN
    assert configuration.given(name).source.en == f"the file {secret} ({variable})"
    environ = {variable: str(secret), OPTIONS[name].variable: f"{_TOKEN}2"}
    assert f"set either this or {name}" in message(environ=environ)
    file = tmp_path / "guanxi.toml"
    file.write_text(f"{name} = '{_TOKEN}3'\n")
    assert configured(file=file, environ={variable: str(secret)})[name] == f"{_TOKEN}3"
    own = configured(given={f"{name}_file": str(secret)}, file=file, environ={})
    assert own[name] == _TOKEN
    missing = message(environ={variable: str(tmp_path / "missing")})
    assert "No such file" in missing
    secret.write_bytes(b"\xff" * 20)
    assert "not UTF-8" in message(environ={variable: str(secret)})


def test_a_secret_is_shown_nowhere(tmp_path: Path) -> None:
    file, token = tmp_path / "guanxi.toml", tmp_path / "token"
    token.write_text(_TOKEN)
    address = f"postgresql://me:{_TOKEN}@h/d"
    file.write_text(f"store = '{address}'\nadmin_token_file = '{token}'\n")
    for more in ((), ("--json",)):
        shown = guanxi("config", "show", "--config", file, *more)
        assert shown.returncode == 0
        assert _TOKEN not in shown.stdout + shown.stderr
        assert "(hidden)" in shown.stdout
    assert _TOKEN not in repr(configured(file=file, environ={}).given("admin_token"))
    for text in (
        f"admin_token = '{_TOKEN}'\nadmin_token_file = 'a'",
        f"admin_token = ['{_TOKEN}']",
    ):
        file.write_text(text)
        assert _TOKEN not in message(file)
    assert _TOKEN[:15] not in message(environ={"GUANXI_ADMIN_TOKEN": _TOKEN[:15]})


def test_what_is_shown_is_a_file_that_says_the_same(tmp_path: Path) -> None:
    file = tmp_path / "guanxi.toml"
    options = ("--port", "9", "--limit", "groups=7", "--allowed-hosts", "a.example,b.example")
    environ = {"GUANXI_CORS_ORIGINS": "http://a.example", "GUANXI_CARD_STALENESS": "1.5"}
    shown = output_of("config", "show", *options, **environ)
    file.write_text(shown, "utf-8")
    held = configured(file=file, environ={})
    assert (
        held.settings
        == configured(
            given={"allowed_hosts": "a.example,b.example", "limits.groups": "7"}, environ=environ
        ).settings
    )
    assert held["port"] == 9
    assert "port = 9  # --port" in shown.splitlines()
    assert "groups = 7  # --limit groups=7" in shown.splitlines()
    assert "card_staleness = 1.5  # GUANXI_CARD_STALENESS" in shown.splitlines()
    assert 'profile = "open"  # default' in shown.splitlines()
    assert "# admin: not set" in shown.splitlines()
    facts = json.loads(output_of("config", "show", "--json", *options, **environ))
    assert facts.keys() == OPTIONS.keys()
    assert facts["limits.groups"] == {"value": 7, "from": "--limit groups=7"}
    assert facts["limits.page_size"] == {"value": 100, "from": "profile open"}
    assert tomllib.loads(shown)["limits"].keys() == {
        name.removeprefix("limits.") for name in OPTIONS if name.startswith("limits.")
    }


def test_a_configuration_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "guanxi.toml"
    file.write_text("port = 1\n")
    checked = guanxi("config", "check", GUANXI_CONFIG=str(file), GUANXI_PORT="2")
    assert (checked.returncode, checked.stdout) == (0, "the configuration is valid\n")
    assert checked.stderr == f"warning: GUANXI_PORT is not used: {file} line 1 sets port\n"
    file.write_text("prot = 1\n")
    assert f"did you mean port? ({file} line 1)" in error_of("config", "check", "--config", file)
    assert "--limit" in error_of("config", "check", "--limit", "groups")
    assert "limits.grops" in error_of("config", "check", "--limit", "grops=1")


@settings(max_examples=count(short=60, long=800), deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="port = [limits]\n'\"#1.{}", max_size=80))
def test_any_file_is_read_or_refused(text: str) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder, "guanxi.toml")
        file.write_text(text, "utf-8", newline="")
        with suppress(SettingError):
            configured(file=file, environ={})
