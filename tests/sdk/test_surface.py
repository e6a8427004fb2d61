"""The public surface: what is exported, typed and generated, and what an import costs."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator, Iterator
from functools import reduce
from importlib import import_module
from operator import or_
from pathlib import Path
from typing import get_args, get_origin, get_type_hints

import pytest

import guanxi
from guanxi import Client, SyncClient
from guanxi.contract import endpoints, errors
from guanxi.contract.endpoint import Endpoint
from tests.contract.test_walks import items_of
from tools import generate

ROOT = Path(__file__).parents[2]
#: The classes behind ``client.relation`` and so on, async and sync.
AREAS: dict[str, tuple[type, type]] = {
    name: (
        getattr(import_module(f"guanxi.sdk.aio.{name}"), f"{name.title()}Area"),
        getattr(import_module(f"guanxi.sdk.sync.{name}"), f"{name.title()}Area"),
    )
    for name in dict.fromkeys(endpoint.name.split(".")[0] for endpoint in endpoints.ENDPOINTS)
}


def test_exports_are_sorted_and_complete() -> None:
    assert guanxi.__all__ == sorted(guanxi.__all__)
    tree = ast.parse(Path(guanxi.__file__).read_text("utf-8"))
    [typed] = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for node in typed.body if isinstance(node, ast.ImportFrom)]
    seen_by_checkers = {alias.name for node in imports for alias in node.names}
    assert seen_by_checkers | {"__version__"} == set(guanxi.__all__)
    raised = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.ApiException)
    }
    assert raised <= set(guanxi.__all__)
    for name in guanxi.__all__:
        assert getattr(guanxi, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        _ = guanxi.nothing  # type: ignore[attr-defined]  # which is what is tested


def test_the_version_matches_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert guanxi.__version__ == project["version"]


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_importing_guanxi_loads_few_modules() -> None:
    bare = loaded_by("import guanxi")
    assert not bare & {"asyncio", "msgspec", "pyreqwest", "guanxi.sdk", "guanxi.contract"}
    assert "pyreqwest" not in loaded_by("from guanxi import Client, SyncClient, user")
    assert "guanxi.service" not in loaded_by("from guanxi import Client, user")
    assert "guanxi.sdk.aio" not in loaded_by("from guanxi import user, sync, Credential")
    assert "asyncio" not in loaded_by("from guanxi.exceptions import ResponseCodeException")


def test_the_modules_of_the_original_are_attributes() -> None:
    for name in ("exceptions", "settings", "user"):
        assert f"guanxi.{name}" in loaded_by(f"import guanxi; guanxi.{name}")
    assert not loaded_by("import guanxi; dir(guanxi)") & {"guanxi.user", "guanxi.settings"}


@pytest.mark.parametrize("endpoint", endpoints.ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_each_endpoint_has_a_method_that_returns_its_data(endpoint: Endpoint) -> None:
    area, verb = endpoint.name.split(".")
    for kind in AREAS[area]:
        returned = get_type_hints(getattr(kind, verb))["return"]
        assert returned == (type(None) if endpoint.data is None else endpoint.data)


@pytest.mark.parametrize(
    "endpoint",
    [endpoint for endpoint in endpoints.ENDPOINTS if endpoint.paging],
    ids=lambda endpoint: endpoint.name,
)
def test_each_list_has_an_iterator_of_its_items(endpoint: Endpoint) -> None:
    area, verb = endpoint.name.split(".")
    item = reduce(or_, items_of(endpoint))
    for kind, walked in zip(AREAS[area], (AsyncIterator, Iterator), strict=True):
        returned = get_type_hints(getattr(kind, f"iter_{verb}"))["return"]
        assert get_origin(returned) is walked
        assert get_args(returned) == (item,)


def test_a_client_has_every_area() -> None:
    with SyncClient(base_url="http://127.0.0.1:1") as client:
        for name, (_, area) in AREAS.items():
            assert type(getattr(client, name)) is area


@pytest.mark.parametrize("kind", [Client, SyncClient], ids=lambda kind: kind.__name__)
def test_a_client_accepts_only_these_settings(kind: type) -> None:
    parameters = inspect.signature(kind).parameters
    assert list(parameters) == [
        "credential",
        "base_url",
        "proxy",
        "pace",
        "transport",
        "clock",
        "own_hosts",
        "timeout",
        "max_response",
        "wbi_tries",
    ]
    assert {one.kind for one in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}


def test_nothing_in_the_sync_client_is_async() -> None:
    for kind in (SyncClient, *(sync for _, sync in AREAS.values())):
        for name, method in inspect.getmembers(kind, inspect.isfunction):
            assert not inspect.iscoroutinefunction(method), name
            assert not inspect.isasyncgenfunction(method), name


def test_every_public_method_has_a_docstring_of_its_own() -> None:
    for kind in (Client, *(area for area, _ in AREAS.values())):
        assert kind.__doc__
        for name, method in vars(kind).items():
            if inspect.isfunction(method) and not name.startswith("_"):
                assert method.__doc__, f"{kind.__name__}.{name}"


def test_generate_writes_only_stale_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "fresh").write_text("same")
    (tmp_path / "stale").write_text("old")
    outputs = {"fresh": lambda: "same", "stale": lambda: "new", "missing": lambda: "made"}
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "OUTPUTS", outputs)
    generate.main()
    assert capsys.readouterr().out.split() == ["wrote", "stale", "wrote", "missing"]
    assert [(tmp_path / name).read_text() for name in outputs] == ["same", "new", "made"]
