"""``guanxi demo``: serve a small generated world, with the emulator next to it."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from msgspec.structs import replace

from guanxi.accounts.secrets import TokenKind, new_token
from guanxi.cli.help import in_chinese, option
from guanxi.cli.language import shown, text
from guanxi.cli.service.options import option_named
from guanxi.cli.service.serve import check_addresses, run_service
from guanxi.cli.store.opening import Unfinished, all_or_nothing, with_store
from guanxi.cli.terminal import json_of, say
from guanxi.contract.endpoints import NAV
from guanxi.contract.errors import NetworkException
from guanxi.demo.tour import tour
from guanxi.demo.world import HERO
from guanxi.files.folders import temporary_folder
from guanxi.files.output import whole_file
from guanxi.operations.sessions import Issued, issue
from guanxi.sdk.credential import Credential
from guanxi.sdk.sync import SyncClient
from guanxi.service.configuration import configured
from guanxi.stores import is_server_address, redacted
from guanxi.stores.port import Store, StoreError, StoreReplaced
from guanxi.text import Text

if TYPE_CHECKING:
    from guanxi.emulator.emulator import Emulator
    from guanxi.emulator.faults import Fault
    from guanxi.emulator.serving import EmulatorReady
    from guanxi.service.config import Settings
    from guanxi.service.server import Plan


class ProfileName(StrEnum):
    """The profiles, as choices of ``--profile``."""

    documented = "documented"
    open = "open"


def _variable(name: str) -> str | None:
    """Return the variable of an option: not that of ``guanxi serve``, which is of its store.

    None for the port that Kubernetes sets for a service named guanxi-demo.
    """
    variable = f"GUANXI_DEMO_{name.upper()}"
    is_foreign = name == "port" and "://" in os.environ.get(variable, "")
    return None if is_foreign else variable


Host = Annotated[str, option_named("host", envvar=_variable("host"))]
Port = Annotated[int, option_named("port", envvar=_variable("port"))]
Workers = Annotated[int, option_named("workers", envvar=_variable("workers"))]
StrictReferer = Annotated[
    bool | None, option_named("strict_referer", envvar=_variable("strict_referer"))
]
WbiWindow = Annotated[int | None, option_named("wbi_window", envvar=_variable("wbi_window"))]


@in_chinese("""启动演示，并展示导览。

    相同的种子生成相同的数据。服务运行到 Ctrl-C。已存在的文件或已有账号的数据库会被拒绝。""")
def demo(
    seed: Annotated[
        int | None,
        option(
            "生成哪个世界，默认 1。给出且无 --store 时，会话令牌与编号也可重现。",
            "Which world to generate, by default 1. If given, and not --store, session tokens and"
            " ids repeat too.",
            envvar=_variable("seed"),
        ),
    ] = None,
    accounts: Annotated[
        int,
        option("约多少账号。", "About how many accounts.", min=1, envvar=_variable("accounts")),
    ] = 2_000,
    edges: Annotated[
        int,
        option("约多少条关系。", "About how many relations.", min=0, envvar=_variable("edges")),
    ] = 60_000,
    store: Annotated[
        str | None,
        option(
            "保留的新文件，或 postgresql://…。默认为临时文件。",
            "A new file that is kept, or postgresql://…. Default: a temporary file.",
            metavar="STORE",
            envvar=_variable("store"),
        ),
    ] = None,
    profile: Annotated[
        ProfileName,
        option("documented 或 open。", "documented or open.", envvar=_variable("profile")),
    ] = ProfileName.documented,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Workers = 1,
    strict_referer: StrictReferer = None,
    wbi_window: WbiWindow = None,
    fault: Annotated[
        list[str] | None,
        option(
            "出错的请求，可多次：接口:效果[@比例][+跳过数][x次数]，如 relation.modify:-352@0.1。",
            "Which requests fail, several times: ENDPOINT:EFFECT[@RATE][+AFTER][xTIMES], such as"
            " relation.modify:-352@0.1.",
            metavar="FAULT",
            envvar=_variable("fault"),
        ),
    ] = None,
    story: Annotated[
        list[str] | None,
        option(
            "一组出错，可多次，如 flaky、rate-limit。",
            "Several faults together, such as flaky or rate-limit; several times.",
            metavar="STORY",
            envvar=_variable("story"),
        ),
    ] = None,
    emulator_port: Annotated[
        int,
        option(
            "模拟器的端口；0 为任一空闲端口。",
            "The port of the emulator; 0 for any free one.",
            min=0,
            max=65535,
            envvar=_variable("emulator_port"),
        ),
    ] = 0,
    proxy: Annotated[
        int | None,
        option(
            "文档中各主机的 HTTPS 代理的端口；0 为任一空闲端口。",
            "The port of an HTTPS proxy for the documents' hosts; 0 for any free one.",
            min=0,
            max=65535,
            metavar="PORT",
            envvar=_variable("proxy"),
        ),
    ] = None,
    state: Annotated[
        Path | None,
        option(
            "开始时从此文件载入世界（若存在），结束时存入；每行一条 JSON。",
            "Load the world from this file of JSON Lines if it exists, and save it at the end.",
            metavar="FILE",
            dir_okay=False,
            envvar=_variable("state"),
        ),
    ] = None,
    browser: Annotated[
        bool,
        option(
            "在浏览器中打开开始页（有桌面的终端中）。",
            "Open the start page in a browser, from a terminal on a desktop.",
            "--browser/--no-browser",
            envvar=_variable("browser"),
        ),
    ] = True,
    as_json: Annotated[
        bool,
        option(
            "输出一行 JSON，不作导览，不打开浏览器。",
            "Print one line of JSON; no tour, and no browser.",
            "--json",
            envvar=_variable("json"),
        ),
    ] = False,
) -> None:
    """Serve generated data, and show a tour.

    The same seed generates the same data. The service runs until Ctrl-C. An existing file, or a
    database with accounts, is refused. With one worker, an emulator listens on a second address of
    this machine, docs/testing.md, and the address has pages for people, docs/pages.md. Faults begin
    after the tour.
    """
    from guanxi.emulator.dump import load as load_lines
    from guanxi.emulator.dump import load_demo
    from guanxi.emulator.emulator import Emulator
    from guanxi.service.server import Plan

    if store is not None and not is_server_address(store) and Path(store).exists():
        raise _exists(store)
    repeats = seed is not None and store is None and workers == 1
    emulator = Emulator(seed=_world_of(seed), repeats=repeats)
    lines = None if state is None or not state.exists() else state.read_bytes().splitlines()
    faults = _faults(fault or [], story or [])
    if workers > 1 and (faults or proxy is not None):
        raise typer.BadParameter(
            text("出错与代理需要 --workers 1", "faults and the proxy need --workers 1"),
            param_hint="--workers",
        )
    if store is not None and is_server_address(store) and any(one.stale for one in faults):
        raise typer.BadParameter(
            text("过时的读取需要 SQLite 文件", "stale reads need a store in a SQLite file"),
            param_hint="--fault",
        )
    given = {"profile": profile, "strict_referer": strict_referer, "wbi_window": wbi_window}
    given = {name: value for name, value in given.items() if value is not None}
    settings = demo_settings(given, os.environ)
    with temporary_folder("guanxi-demo-") as folder:
        address = store or str(Path(folder, "guanxi.db"))
        plan = Plan(address, settings, host, port, workers)
        check_addresses(plan, *_emulated_addresses(workers, emulator_port, proxy))

        async def fill(opened: Store) -> None:
            async for _ in opened.accounts():
                raise _exists(address)
            if lines is None:
                await load_demo(opened, _world_of(seed), accounts, edges)
            else:
                # A kept store gets no sessions: those of a demo with a seed can be guessed.
                await load_lines(opened, lines, secret=store is None)

        async def sign_in(opened: Store) -> tuple[int, Issued]:
            limits, mid = settings.profile.limits, HERO
            if await opened.account(mid) is None:
                mid = await _first_account(opened, state)
            now, chance, layered = int(time.time()), emulator.chance, emulator.layer(opened)
            return mid, await issue(layered, mid, TokenKind.COOKIE, limits, now, chance=chance)

        with all_or_nothing(address) as building:  # a half one would be refused afterwards
            with_store(building, fill, create=True)
            # Opened again: a secret that was loaded counts from then on.
            mid, issued = with_store(building, sign_in)
        demo = _Demo(
            "",
            mid,
            issued,
            address,
            as_json=as_json,
            has_tour=lines is None,
            opens_browser=browser and not as_json and has_desktop(os.environ),
        )
        if workers > 1:
            run_service(plan, lambda ready: _begin(demo._replace(url=ready.url)))
        else:
            _serve_emulated(plan, demo, emulator, faults, emulator_port, proxy)
        if state is not None:
            _save(address, state)


def _world_of(seed: int | None) -> int:
    return 1 if seed is None else seed


def demo_settings(given: Mapping[str, object], environ: Mapping[str, str]) -> Settings:
    """Return a demo's settings from the command line's values by name, and the environment.

    The documents' hosts are names of the service, and sign-ins are not limited unless that is set.
    Raise SettingError for an invalid value.
    """
    from guanxi.service.hosts import DOCUMENTED
    from guanxi.service.rates import SETTINGS

    configuration = configured(given=given, environ=environ)
    settings = configuration.settings
    off = {name: 0 for pair in SETTINGS.values() for name in pair if not configuration.is_set(name)}
    return replace(settings, allowed_hosts=(*DOCUMENTED, *settings.allowed_hosts), **off)


async def _first_account(store: Store, state: Path | None) -> int:
    """Return the lowest mid of a store; raise StoreError if it has no account."""
    async for row in store.accounts():
        return row.account.mid
    raise StoreError(Text(f"{state} 中没有账号", f"{state} has no account"))


def _save(address: str, state: Path) -> None:
    """Write the world of a store into a file, which appears whole or not at all."""
    from guanxi.emulator.dump import dumped

    async def lines(store: Store) -> bytes:
        return b"".join([line async for line in dumped(store)])

    world = with_store(address, lines)
    with whole_file(state, force=True) as temporary:
        temporary.touch(0o600)  # it holds the store's secret
        temporary.write_bytes(world)


def _emulated_addresses(
    workers: int, emulator_port: int, proxy: int | None
) -> Iterator[tuple[str, str, int]]:
    """Yield the addresses that one worker listens on in addition; several have no emulator."""
    if workers == 1:
        yield "--emulator-port", "127.0.0.1", emulator_port
        if proxy is not None:
            yield "--proxy", "127.0.0.1", proxy


class _Demo(NamedTuple):
    """A demo that runs. The repr omits its session and its token."""

    url: str
    #: Who is signed in, and the session.
    mid: int
    issued: Issued
    store: str
    as_json: bool
    has_tour: bool
    #: Whether the start page opens in a browser; with several workers there is none.
    opens_browser: bool
    #: Both "" with several workers.
    emulator_url: str = ""
    emulator_token: str = ""
    #: Both "" without a proxy.
    proxy_url: str = ""
    authority: str = ""

    def __repr__(self) -> str:
        return f"_Demo({self.url!r})"


def _faults(faults: list[str], stories: list[str]) -> list[Fault]:
    """Return the faults of the options; raise BadParameter, which says what is wrong with one."""
    if not faults and not stories:
        return []
    from guanxi.emulator.faults import parsed
    from guanxi.emulator.stories import story_of

    try:
        return [
            *map(parsed, faults),
            *(fault for name in stories for fault in story_of(name).faults),
        ]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--fault, --story") from None


def _serve_emulated(
    plan: Plan,
    demo: _Demo,
    emulator: Emulator,
    faults: list[Fault],
    emulator_port: int,
    proxy_port: int | None,
) -> None:
    """Serve a demo of one worker with its emulator, until Ctrl-C."""
    from guanxi.console.demo.application import Pages
    from guanxi.emulator import serving

    address = serving.Address(new_token(), port=emulator_port)

    async def ready(ready: EmulatorReady) -> None:
        running = demo._replace(
            url=ready.service.url, emulator_url=ready.emulator_url, emulator_token=address.token
        )
        if proxy_port is not None:
            proxy = await emulator.open_proxy(running.url, proxy_port)
            running = running._replace(proxy_url=proxy.url, authority=str(proxy.authority))
        # The service answers on this thread, so the tour needs another.
        if not demo.as_json:
            await asyncio.to_thread(_show, running)
        emulator.requests.clear()
        for fault in faults:
            await emulator.add_fault(fault)
        if demo.as_json:
            say(json_of(_facts(running)))
        if demo.opens_browser:
            await asyncio.to_thread(webbrowser.open, f"{running.url}/")

    pages = Pages(emulator, address.token)
    try:
        serving.serve(plan, emulator, address, ready, wrap=pages.in_front)
    except StoreReplaced as error:
        raise Unfinished(*error.args) from None


def has_desktop(environ: Mapping[str, str]) -> bool:
    """Return whether a browser of its own window can open for whoever sits at the terminal.

    On other systems a browser of the terminal would take it over.
    """
    if sys.stdin is None or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def _begin(demo: _Demo) -> None:
    if demo.as_json:
        say(json_of(_facts(demo)))
    else:
        threading.Thread(target=_show, args=(demo,), daemon=True).start()


def _exists(store: str) -> StoreError:
    return StoreError(
        Text(
            f"{redacted(store)} 已存在，演示需要新库；启动已有的库："
            f"guanxi serve --store {redacted(store)}",
            f"{redacted(store)} exists already, and the demo needs a new store; to serve the"
            f" existing one: guanxi serve --store {redacted(store)}",
        )
    )


def _facts(demo: _Demo) -> dict[str, str | int]:
    """Return what ``--json`` prints: the demo's addresses, account, session and store."""
    facts: dict[str, str | int] = {
        "base_url": demo.url,
        "mid": demo.mid,
        "sessdata": demo.issued.token,
        "bili_jct": demo.issued.bili_jct,
        "docs_url": f"{demo.url}/docs",
        "store": redacted(demo.store),
    }
    if demo.emulator_url:
        facts |= {"emulator_url": demo.emulator_url, "emulator_token": demo.emulator_token}
    if demo.proxy_url:
        facts |= {"proxy_url": demo.proxy_url, "authority": demo.authority}
    return facts


def _show(demo: _Demo) -> None:
    """Print the tour, then the service's addresses and the variables for another shell.

    If the service stops during the tour, nothing more is printed.
    """
    url, issued = demo.url, demo.issued
    credential = Credential(sessdata=issued.token, bili_jct=issued.bili_jct)
    if demo.has_tour:
        with SyncClient(base_url=url, credential=credential) as client:
            try:
                tour(client, lambda line: say(shown(line)))
            except NetworkException:  # Ctrl-C stopped the service before the tour's end
                return
    emulator = ""
    if demo.emulator_url:
        emulator = (
            text("模拟器：", "emulator: ") + f"{demo.emulator_url} (token {demo.emulator_token})\n"
        )
    if demo.proxy_url:
        emulator += text("代理：", "proxy: ") + f"{demo.proxy_url}, {demo.authority}\n"
    say(
        text("\n服务仍在运行，Ctrl-C 结束。\n", "\nThe service runs until Ctrl-C.\n")
        + (
            text("开始页：", "start page: ") + f"{url}/\n"
            if demo.emulator_url
            else text("接口页面：", "API page: ") + f"{url}/docs\n"
        )
        + emulator
        + text("数据：", "store: ")
        + f"{redacted(demo.store)}\n\n"
        f"export GUANXI_BASE_URL={url}\n"
        f"export GUANXI_SESSDATA={issued.token}\n"
        f"export GUANXI_BILI_JCT={issued.bili_jct}\n\n"
        f'curl -s "$GUANXI_BASE_URL{NAV.path}" -b "SESSDATA=$GUANXI_SESSDATA"'
    )
