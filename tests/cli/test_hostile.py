"""Hostile arguments to every command: each run ends with a documented status, and says why."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unicodedata import category

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.cli import COMMANDS
from guanxi.files.conversion import check_filter
from guanxi.stores.port import StoreError
from tests.cli.runner import error_of, guanxi, output_of
from tests.counts import count
from tests.sdk.recorder import Answer, envelope, recording

#: The statuses in docs/cli.md, without those of signals.
STATUSES = {0, 1, 2, 3, 4}
#: Texts that no argument is meant to be, and names of things that are not what is meant.
HOSTILE = (
    "\udcff",
    "\udced\udca0\udcbd.csv",
    "a\0b",
    "\u202eabc\u2066",
    "\x1b]0;title\x07",
    "\x9b31m",
    "a\rb\nc",
    "9" * 20,
    "-" + "9" * 20,
    "1e400",
    "٣",
    "a[/b]",
    "[red]x",
    "{0}%s",
    "x" * 5_000,
    "",
    "folder",
    "missing/x.csv",
    "e.csv",
    "s.db",
    "http://\udcff",
    "http://a\0",
    "http://127.0.0.1:99999",
    "vmid=\udcff",
    "=",
    "relation.stat",
    "1",
    "true",
)
#: By the name of an argument: a value that a command accepts.
USUAL = {
    "file": "e.csv",
    "mid": "1",
    "mids": "1",
    "session": "1",
    "numbers": "1",
    "words": "a note",
    "query": "SELECT 1",
    "plan": "a.plan",
    "a": "1",
    "b": "2",
    "code": "0" * 32,
    "address": "127.0.0.1:1",
    "store": "s.db",
    "source": "s.db",
    "target": "copy.db",
    "name": "relation.stat",
    "params": "vmid=1",
}


class Command(NamedTuple):
    """A command's words, and its arguments and options as the library declares them."""

    words: tuple[str, ...]
    params: tuple[Any, ...]


@cache
def commands() -> tuple[Command, ...]:
    """Return every command of the application."""
    from guanxi.cli.app import imported

    return tuple(one for name in COMMANDS for one in _below((name,), imported(name)))


def _below(words: tuple[str, ...], found: Any) -> Iterator[Command]:
    if hasattr(found, "commands"):
        for name, one in found.commands.items():
            yield from _below((*words, name), one)
    else:
        yield Command(words, tuple(found.params))


def is_option(param: Any) -> bool:
    return bool(param.opts[0].startswith("-"))


class Room(NamedTuple):
    """Where the commands run: a port in use, so that no service starts, and a hostile server."""

    port: int
    url: str


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    commands()  # imported here, where Hypothesis does not watch the use of random numbers
    answer = Answer(envelope({"\x1b]0;": "\u202e"}, -400, "a\x1b]0;b\u202e\nguanxi: c [/]"))
    with (
        pytest.MonkeyPatch.context() as patch,
        socket.create_server(("0.0.0.0", 0)) as listener,
        recording(lambda request: answer) as server,
    ):
        folder = tmp_path_factory.mktemp("hostile")
        patch.chdir(folder)
        patch.setenv("HOME", str(folder))
        patch.setenv("XDG_CONFIG_HOME", str(folder))
        patch.setenv("XDG_DATA_HOME", str(folder))
        patch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
        (folder / "folder").mkdir()
        yield Room(listener.getsockname()[1], server.url)


def prepare() -> None:
    """Make the files that arguments name as they were; an earlier command may have changed them."""
    for path in Path().iterdir():
        if path.is_file():
            path.unlink()
    Path("e.csv").write_text("follower,followed\n1,2\n")
    Path("s.db").write_bytes(store())


@cache
def store() -> bytes:
    """Return the file of a store with account 1."""
    output_of("account", "add", 1, "--store", "s.db")
    assert not Path("s.db-wal").exists(), "the file alone is the store"
    return Path("s.db").read_bytes()


@st.composite
def lines(draw: st.DrawFn) -> tuple[str, ...]:
    """Draw a command with arguments of which each may be hostile, in a random number of options."""
    command = draw(st.sampled_from(commands()))
    words = [*command.words]
    for param in command.params:
        value = st.sampled_from(HOSTILE) | st.text(max_size=20)
        if param.name in USUAL:
            value = st.just(USUAL[param.name]) | value
        if not is_option(param):
            words.append(draw(value))
        elif param.name == "store" or draw(st.integers(0, 3)) == 0:
            switches = [*param.opts, *param.secondary_opts]
            words += (
                [draw(st.sampled_from(switches))] if param.is_flag else [switches[0], draw(value)]
            )
    return tuple(words)


def check(argv: Sequence[str], room: Room) -> None:
    """Run a command and assert what is true of every command line."""
    if argv[0] in ("serve", "demo", "manage"):
        argv = [*argv, "--port", str(room.port)]
    if "--base-url" in argv:  # never one of the documents' hosts, nor any other
        at = argv.index("--base-url") + 1
        argv = [*argv[:at], argv[at] or room.url, *argv[at + 1 :]]
    result = guanxi(*argv, GUANXI_BASE_URL=room.url)
    printed = result.stdout + result.stderr
    assert "Traceback" not in printed, (argv, printed)
    assert result.returncode in STATUSES, (argv, result)
    assert {one for one in printed if category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp")} <= {"\n"}
    if result.returncode:
        assert result.stderr.strip(), argv
    if not any("\0" in word for word in argv):  # no process can be given one
        for foreign in ("codec", "surrogates not allowed", "null byte"):
            assert foreign not in result.stderr, (argv, result.stderr)


@settings(max_examples=count(100, 1_000))
@given(lines())
def test_any_arguments_end_with_a_documented_status(room: Room, argv: tuple[str, ...]) -> None:
    prepare()
    check(argv, room)


@pytest.mark.parametrize("bad", ["\udcff", pytest.param("\x1b]0;x\u202e", marks=pytest.mark.long)])
def test_each_argument_of_each_command_may_be_hostile(room: Room, bad: str) -> None:
    for command in commands():
        for hostile in command.params:
            prepare()
            words = [*command.words]
            for param in command.params:
                if is_option(param):
                    if param is hostile and not param.is_flag:
                        words += [param.opts[0], bad]
                    elif param.name == "store":
                        words += ["--store", "s.db"]
                else:
                    words.append(bad if param is hostile else USUAL[param.name])
            check(words, room)


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        (("store", "init", "\udcff"), "\\udcff: not UTF-8"),
        (("account", "add", "1", "--store", "\udcff"), "--store: not UTF-8"),
        (("account", "add", "1", "--name", "\udcff", "--store", "s.db"), "--name: not UTF-8"),
        (("whoami", "--base-url", "http://\udcff"), "base_url: must be like"),
        (("account", "add", "1", "--store=\udcff"), "--store: not UTF-8"),
        (("api", "relation.stat", "vmid=\udcff"), "vmid: contains a lone surrogate"),
        (("serve", "--host", "\udcff"), "no address \\udcff"),
        (("serve", "--host", "a" * 100), "no address aaa"),
        (("serve", "--admin", "x"), "--admin: x must be HOST:PORT"),
        (("serve", "--metrics", "a:³"), "--metrics: a:³ must be HOST:PORT"),
        (("serve", "--config", "latin.toml"), "latin.toml: not UTF-8"),
        (("serve", "--config", "deep.toml"), "deep.toml: nested too deeply"),
        (("check", "--store", "folder"), "folder is a folder"),
        (("store", "export", "edges", "-", "--where", "\udcff"), "--where: "),
    ],
)
def test_the_error_names_its_argument(room: Room, argv: tuple[str, ...], named: str) -> None:
    prepare()
    Path("latin.toml").write_bytes(b"[limits] # \xff")
    Path("deep.toml").write_text("a = " + "[" * 200_000)
    more: tuple[object, ...] = ("--port", room.port) if argv[0] == "serve" else ()
    if argv[:2] == ("store", "export"):
        more = ("--store", "s.db")
    assert named in error_of(*argv, *more, GUANXI_BASE_URL=room.url)


def test_a_variable_that_is_not_utf8_is_named_and_not_shown(room: Room) -> None:
    prepare()
    message = error_of("account", "add", 1, GUANXI_STORE="secret\udcff")
    assert message == "guanxi: GUANXI_STORE: not UTF-8\n"
    assert "GUANXI_STORE：不是 UTF-8" in error_of(
        "account", "add", 1, GUANXI_STORE="secret\udcff", GUANXI_LANG="zh"
    )


@pytest.mark.parametrize("kind", ["edges", "accounts", "content"])
@pytest.mark.parametrize("start", ["[", '{"a":', '{"owner":1,"kind":"notice","document":['])
def test_lines_that_are_nested_deeply_are_refused(room: Room, kind: str, start: str) -> None:
    prepare()
    Path("deep.jsonl").write_text(start * 200_000 + "\n")
    message = error_of("store", "import", kind, "deep.jsonl", "--store", "s.db")
    assert "line 1" in message or "deep.jsonl" in message


def test_a_contract_time_of_20_digits_is_a_bad_line(room: Room) -> None:
    prepare()
    Path("e.csv").write_text(f"follower,followed,contract\n1,2,{'9' * 20}\n")
    message = error_of("store", "import", "edges", "e.csv", "--store", "s.db")
    assert "line 2" in message
    assert "contract" in message


#: Expressions that DuckDB's parser, or what reads its tree, would nest to a depth.
NESTED: dict[str, Callable[[int], str]] = {
    "brackets": lambda depth: "(" * depth + "true" + ")" * depth,
    "open brackets": lambda depth: "(" * depth,
    "lists": lambda depth: "[" * depth + "1" + "]" * depth + " IS NOT NULL",
    "structs": lambda depth: "{a:" * depth + "1" + "}" * depth + " IS NOT NULL",
    "not": lambda depth: "NOT " * depth + "true",
    "sums": lambda depth: "1" + " + 1" * depth + " = 1",
    "cases": lambda depth: "CASE WHEN true THEN " * depth + "true" + " END" * depth,
}


@pytest.mark.parametrize("form", NESTED)
@pytest.mark.parametrize("depth", [101, 900, 20_000])
def test_a_deep_filter_is_refused_or_accepted(form: str, depth: int) -> None:
    """DuckDB's parser took minutes for 20,000 brackets; a tree of 900 was a RecursionError."""
    refused = False
    try:
        check_filter({"follower": "BIGINT"}, NESTED[form](depth))
    except StoreError as error:
        refused = str(error).startswith("--where: ")
    assert refused or depth < 20_000


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("\udcff", "no Unicode"),
        ("follower x", "syntax error"),
        ("follower\nx", "syntax error"),
        ("(" * 101, "at most 100 brackets deep"),
    ],
)
def test_a_filter_that_is_refused(room: Room, where: str, reason: str) -> None:
    prepare()
    command = ("store", "export", "edges", "-", "--store", "s.db", "--where", where)
    assert reason in error_of(*command)
    assert output_of(*command[:-1], "follower IN (" + "1, " * 5_000 + "1)").count("\n") == 1


def test_a_message_of_a_server_begins_no_line(room: Room) -> None:
    """A line feed in it could make the rest pass for a line of the program's own."""
    message = error_of("api", "relation.stat", "vmid=1", GUANXI_BASE_URL=room.url)
    assert message.startswith("guanxi: ")
    assert message.count("\n") == 1
    assert "\\nguanxi: c" in message
