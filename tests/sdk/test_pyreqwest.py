"""What we use of pyreqwest exists, in whatever version is installed.

It calls itself beta, and `pyproject.toml` admits its next minor versions. If one of them lacks
something, this says what; how it behaves is tested by everything else in this folder.
"""

from __future__ import annotations

import ast
import asyncio
import errno
import inspect
import os
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from pyreqwest.client import ClientBuilder, SyncClientBuilder
from pyreqwest.exceptions import PyreqwestError
from pyreqwest.proxy import ProxyBuilder

from guanxi.sdk import losses
from guanxi.sdk.aio import network
from guanxi.sdk.sync import network as sync_network
from guanxi.sdk.transport import Request
from tests.test_dependencies import ROOT, project

BUILDER = (
    *("follow_redirects", "referer", "timeout", "pool_idle_timeout", "no_proxy", "proxy"),
    *("build", "runtime_multithreaded"),
)
REQUEST = ("headers", "body_bytes", "timeout", "build_streamed")
MODULES = (network, sync_network)


@pytest.mark.parametrize("make", [ClientBuilder, SyncClientBuilder])
def test_what_we_call_exists(make: type) -> None:
    assert [name for name in BUILDER if not hasattr(make, name)] == []
    client = make().build()
    try:
        request = client.request("GET", "http://127.0.0.1:1/")
        assert [name for name in REQUEST if not hasattr(request, name)] == []
    finally:
        if inspect.iscoroutine(closing := client.close()):
            closing.close()  # it has no connection
    assert callable(ProxyBuilder.all)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_these_are_all_the_names_that_we_import(module: object) -> None:
    assert inspect.ismodule(module)
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    imported = {
        (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pyreqwest")
        for alias in node.names
    }
    assert len(imported) == 4
    for name, attribute in imported:
        assert name is not None
        assert hasattr(import_module(name), attribute)


def test_an_error_has_the_causes_that_tell_a_refused_connection() -> None:
    async def failure() -> Exception:
        transport = network.Network(proxy=None, timeout=5)
        client = transport._client
        assert client is not None
        try:
            async with client.request("GET", "http://127.0.0.1:1/").build_streamed():
                raise AssertionError
        except PyreqwestError as error:
            return error
        finally:
            await transport.close()

    error = asyncio.run(failure())
    causes = [cause["message"] for cause in getattr(error, "details", {})["causes"]]
    assert losses._NOT_CONNECTED in causes
    lost = losses.lost(Request("GET", "http://127.0.0.1:1/", {}), error)
    assert not lost.sent
    assert os.strerror(errno.ECONNREFUSED) in str(lost), "the last cause is the root"


def test_the_installed_version_is_admitted() -> None:
    [needed] = [Requirement(one) for one in project()["dependencies"] if "pyreqwest" in one]
    assert Version(version("pyreqwest")) in needed.specifier
    assert "1.0" not in needed.specifier
    assert "0.16" in needed.specifier
    assert (ROOT / "requirements/dev.lock").read_text("utf-8").count("pyreqwest==") == 1
