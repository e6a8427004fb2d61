"""What the options of the service are set to, and by what.

The command line counts more than the file, and the file more than the environment: who names a file
says more than a variable that is inherited. ``Configuration.warnings`` names each variable that the
file overrides, and each that looks like an option and is none.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

import msgspec
from msgspec.structs import replace

from guanxi.contract.limits import PROFILES
from guanxi.service.config import SettingError, Settings, not_one_of, with_limits
from guanxi.service.options import LIMITS, OPTIONS, TOKEN_LENGTH, Option
from guanxi.text import Text

#: The variable that names the file.
FILE_VARIABLE = "GUANXI_CONFIG"
_PREFIX, _LIMIT_PREFIX = "GUANXI_", "GUANXI_LIMIT_"
#: Variables of the SDK, the tools and the tests; never taken for an option that is misspelt.
_OTHERS = frozenset(
    f"{_PREFIX}{name}"
    for name in (
        *("ACCESS_KEY", "ARCHIVE", "BASE_URL", "BENCH_PROFILE", "BILI_JCT", "CONFIG", "LANG"),
        *("MAKE", "NO_DEFAULT_CREDENTIAL", "PG_PASSWORD", "SESSDATA", "TEST", "TEST_POSTGRES"),
        *("TEST_SEED", "WEBHOOK_SECRET"),
    )
)
#: Variables of `guanxi demo` and of `python -m guanxi.testing`.
_OTHER_PREFIXES = (f"{_PREFIX}DEMO_", f"{_PREFIX}TESTING_")
#: What Kubernetes sets in every container next to a service that is named guanxi.
_KUBERNETES = re.compile(r"GUANXI_(PORT(_.*)?|SERVICE_.*)")
#: The most bytes of a file with a secret, and of the configuration file.
_SECRET_BYTES, _FILE_BYTES = 4_096, 1_048_576
_SETTINGS = frozenset(Settings.__struct_fields__) - {"profile"}


class Given(NamedTuple):
    """The value of an option, and where it is from. The repr omits the value."""

    value: Any
    #: An option of the command line, a file with its line, a variable, or "default".
    source: Text

    def __repr__(self) -> str:
        return f"Given(source={self.source.en!r})"


_SHORT = Text(
    f"至少 {TOKEN_LENGTH} 个可见的 ASCII 字符，不含空格，"
    "如 head -c 24 /dev/urandom | base64 的输出",
    f"at least {TOKEN_LENGTH} characters of printable ASCII without spaces, such as the output of"
    " `head -c 24 /dev/urandom | base64`",
)
_DEFAULT = Text("默认", "default")


class Configuration:
    """The values of all options, by their names."""

    def __init__(self, given: Mapping[str, Given], warnings: Iterable[Text] = ()) -> None:
        self._given = dict(given)
        #: What is not an error, but probably not meant.
        self.warnings = tuple(warnings)
        profile = PROFILES[self["profile"]]
        limits = {
            option.limit: self._given[name].value
            for name, option in OPTIONS.items()
            if option.limit and name in self._given
        }
        values = {name: given[name].value for name in _SETTINGS if name in given}
        #: The settings of the workers.
        self.settings = replace(Settings(), profile=with_limits(profile, limits), **values)

    def __getitem__(self, name: str) -> Any:
        return self.given(name).value

    def is_set(self, name: str) -> bool:
        """Return whether an option was set, and has not its default."""
        return name in self._given

    def given(self, name: str) -> Given:
        """Return the value of an option and where it is from. Raise KeyError for another name."""
        option = OPTIONS[name]
        if name in self._given:
            return self._given[name]
        if option.limit:
            profile = self["profile"]
            source = Text(f"配置 {profile}", f"profile {profile}")
            return Given(getattr(self.settings.profile.limits, option.limit), source)
        return Given(option.default, _DEFAULT)


def configured(
    *,
    given: Mapping[str, Any] = {},
    file: Path | None = None,
    environ: Mapping[str, str],
) -> Configuration:
    """Return the configuration from the command line, a TOML file and the environment.

    ``given`` are the values of the command line by the names of the options; limits have theirs
    with ``limits.`` before it. Raise SettingError, which says where, for an option that is unknown
    or invalid, for a secret that is given in two ways, and for a file that cannot be read.
    """
    warnings: list[Text] = []
    sources = [
        _of_command_line(given),
        _of_file(file) if file else {},
        _of_environment(environ, warnings),
    ]
    for name in sources[1].keys() & sources[2].keys() - sources[0].keys():
        where, variable = sources[1][name].source, OPTIONS[name].variable
        warnings.append(
            Text(
                f"不使用 {variable}：{where.zh} 已设 {name}",
                f"{variable} is not used: {where.en} sets {name}",
            )
        )
    found: dict[str, Given] = {}
    for source in reversed(sources):
        for name in source:  # a value of its own counts more than the file of another source
            found.pop(_other_way(name), None)
        found |= source
    _read_secrets(found)
    return Configuration(found, warnings)


def load(
    profile: str | None = None, *, file: Path | None = None, environ: Mapping[str, str]
) -> Settings:
    """Return a service's settings from a profile's name, a TOML file and the environment.

    A name of None counts as not given. Raise SettingError as ``configured`` does.
    """
    given = {} if profile is None else {"profile": profile}
    return configured(given=given, file=file, environ=environ).settings


def _other_way(name: str) -> str:
    """Return the option by which the same value may be given: as a file, or itself."""
    return name.removesuffix("_file") if name.endswith("_file") else f"{name}_file"


def _read_secrets(found: dict[str, Given]) -> None:
    """Set the options whose values are in files of their own.

    Raise SettingError if one is given in both ways, or its file cannot be read.
    """
    for name, option in OPTIONS.items():
        of_file = found.get(f"{name}_file") if option.has_file else None
        if of_file is None:
            continue
        file_name = f"{name}_file"
        if name in found:
            both = Text(f"与 {name} 只能设一个", f"set either this or {name}, not both")
            raise _error(file_name, of_file.source, both)
        try:
            with Path(of_file.value).open("rb") as file:
                text = file.read(_SECRET_BYTES + 1).decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise _error(file_name, of_file.source, Text("不是 UTF-8", "not UTF-8")) from None
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise _error(file_name, of_file.source, f"{of_file.value}: {why}") from None
        source = Text(
            f"文件 {of_file.value}（{of_file.source.zh}）",
            f"the file {of_file.value} ({of_file.source.en})",
        )
        found[name] = Given(_checked(option, text, source, strict=False), source)


def _of_command_line(given: Mapping[str, Any]) -> dict[str, Given]:
    found = {}
    for name, value in given.items():
        limit = name.removeprefix(f"{LIMITS}.") if name.startswith(LIMITS) else ""
        source = Text.of(f"--limit {limit}={value}" if limit else f"--{name.replace('_', '-')}")
        option = _known(name, source)
        found[name] = Given(_checked(option, value, source, strict=False), source)
    return found


def _of_environment(environ: Mapping[str, str], warnings: list[Text]) -> dict[str, Given]:
    """Return the options that the environment sets; add a warning for what looks like one."""
    found = {}
    options = {option.variable: option for option in OPTIONS.values() if option.variable}
    for variable, text in sorted(environ.items()):
        is_ours = variable.startswith(_PREFIX) and not variable.startswith(_OTHER_PREFIXES)
        if not is_ours or variable in _OTHERS:
            continue
        option = options.get(variable)
        if _KUBERNETES.fullmatch(variable) and (option is None or "://" in text):
            continue
        if option is None and variable.startswith(_LIMIT_PREFIX):
            name = f"{LIMITS}.{variable.removeprefix(_LIMIT_PREFIX).lower()}"
            option = _known(name, Text.of(variable))
        elif option is None:
            near = get_close_matches(variable, options, 1, 0.8)
            if near:
                warnings.append(
                    Text(
                        f"不使用 {variable}：没有此选项，是否想用 {near[0]}？",
                        f"{variable} is not used: there is no such option; did you mean {near[0]}?",
                    )
                )
            continue
        if text or option.kind is not str:  # an empty text counts as not set
            source = Text.of(variable)
            found[option.name] = Given(_checked(option, text, source, strict=False), source)
    return found


def _of_file(path: Path) -> dict[str, Given]:
    text, values = _parsed(path)
    limits = values.pop(LIMITS, {})
    if not isinstance(limits, dict):
        words = Text("应为一个表：[limits]", "must be a table: [limits]")
        raise _error(LIMITS, _line(path, text, (LIMITS,)), words)
    keys = chain(
        ((name, (name,), value) for name, value in values.items()),
        ((f"{LIMITS}.{name}", (LIMITS, name), value) for name, value in limits.items()),
    )
    found = {}
    for name, key, value in keys:
        source = _line(path, text, key)
        option = _known(name, source)
        found[name] = Given(_checked(option, value, source, strict=True), source)
    return found


def _parsed(path: Path) -> tuple[str, dict[str, Any]]:
    """Return the text of a TOML file and its values; raise SettingError if it cannot be read."""
    try:
        with path.open("rb") as file:
            raw = file.read(_FILE_BYTES + 1)
        if len(raw) > _FILE_BYTES:
            raise SettingError(str(path), Text("超过 1 MiB", "larger than 1 MiB"))
        text = raw.decode("utf-8")
        return text, tomllib.loads(text)
    except UnicodeDecodeError:
        raise SettingError(str(path), Text("不是 UTF-8", "not UTF-8")) from None
    except RecursionError:
        raise SettingError(str(path), Text("嵌套过深", "nested too deeply")) from None
    except SettingError:
        raise
    except OSError as error:
        raise SettingError(str(path), error.strerror or str(error)) from None
    except ValueError as error:  # tomllib raises others than its own too, as for a number
        raise SettingError(str(path), str(error)) from None


def _line(path: Path, text: str, key: tuple[str, ...]) -> Text:
    """Return a file and the line of a key in it, "" for the line if that is not found.

    Candidates are the lines that have the name. The first beginning of the file that is TOML and
    has the key ends with the key's value, so that the last candidate in it is the line.
    """
    lines = text.splitlines()
    name = rf"[\"']?{re.escape(key[-1])}[\"']?\s*"
    named = re.compile(rf"\s*(\[+\s*)?([\w\"'-]+\s*\.\s*)*{name}[=.\]]")
    inline = re.compile(rf"[{{,]\s*{name}=")
    found = 0
    for number, line in enumerate(lines, 1):
        if named.match(line) or inline.search(line):
            found = number
        if found and _has("\n".join(lines[:number]), key):
            return Text(f"{path} 第 {found} 行", f"{path} line {found}")
    return Text.of(str(path))


def _has(beginning: str, key: tuple[str, ...]) -> bool:
    try:
        value: Any = tomllib.loads(beginning)
    except ValueError:
        return False
    for name in key:
        if not isinstance(value, dict) or name not in value:
            return False
        value = value[name]
    return True


def _known(name: str, source: Text) -> Option:
    """Return the option of a name; raise SettingError with the nearest name if there is none."""
    option = OPTIONS.get(name)
    if option is not None:
        return option
    prefix = f"{LIMITS}." if name.startswith(f"{LIMITS}.") else ""
    names = [
        known.removeprefix(prefix)
        for known, one in OPTIONS.items()
        if bool(one.limit) is bool(prefix)
    ]
    near = get_close_matches(name.removeprefix(prefix).lower().replace("-", "_"), names, 1)
    if near:
        meant = prefix + near[0]
        words = Text(f"没有此选项，是否想用 {meant}？", f"unknown; did you mean {meant}?")
    else:
        there = ", ".join(names)
        words = Text(f"没有此选项；可用：{there}", f"unknown; there are {there}")
    raise _error(name, source, words)


def _checked(option: Option, value: Any, source: Text, *, strict: bool) -> Any:
    """Return the value of an option in its type, from a text unless ``strict``.

    Raise SettingError if it is invalid. No message contains the value of a secret.
    """
    if option.is_list and isinstance(value, str) and not strict:
        value = [item.strip() for item in value.split(",") if item.strip()]
    if get_origin(option.kind) is Literal and value not in get_args(option.kind):
        raise _error(option.name, source, not_one_of(value, get_args(option.kind)))
    try:
        converted = msgspec.convert(value, option.kind, strict=strict)
    except msgspec.ValidationError as error:
        raise _error(option.name, source, _SHORT if option.is_secret else str(error)) from None
    if option.unfit is not None:
        for item in converted:
            invalid = option.unfit(item)
            if invalid is not None:
                raise _error(option.name, source, invalid)
    return converted


def _error(name: str, source: Text, why: str | Text) -> SettingError:
    words = Text.of(why)
    return SettingError(name, Text(f"{words.zh}（{source.zh}）", f"{words.en} ({source.en})"))
