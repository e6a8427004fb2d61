"""Connecting to a server: passwords of all characters, and errors that say what to do."""

from __future__ import annotations

import socket
from pathlib import Path
from random import randrange
from urllib.parse import quote

import pytest

from guanxi.stores import open_store
from guanxi.stores.port import StoreError, StoreMissing, StoreUnavailable
from tests.postgres import new_server, sql
from tools.postgres import Server

pytestmark = pytest.mark.usefixtures("runner")

#: A password with the characters that have a meaning in addresses, service files and settings.
PASSWORD = "a/b#c@d%e:f?g&h= %s"
#: An address of loopback of this run's own, whose usual port is free.
HOST = f"127.{randrange(1, 255)}.{randrange(1, 255)}.{randrange(1, 255)}"
WHERE = f"{HOST}:5432"
_NO_STORE = "has no tables of guanxi"


@pytest.fixture(scope="module")
def server() -> Server:
    """Return a server that wants the password of the role ``eve``, by TCP on ``HOST``."""
    made = new_server()
    made.make()
    made.start()
    sql(f"CREATE ROLE eve LOGIN PASSWORD '{PASSWORD}'", address=made.address)
    made.stop()
    rules = made.data / "pg_hba.conf"
    rules.write_text("local all all trust\nhost all eve 127.0.0.0/8 scram-sha-256\n")
    made.start(listen_addresses=HOST)
    return made


async def error_at(address: str) -> str:
    """Return the error of opening a store, which must be one line without a password."""
    with pytest.raises(StoreError) as caught:
        await open_store(address)
    text = str(caught.value)
    assert "\n" not in text
    assert "b#c" not in text
    return text


async def test_a_password_may_have_every_character(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _NO_STORE in await error_at(
        f"postgresql://eve:{quote(PASSWORD, safe='')}@{WHERE}/postgres"
    )
    services = tmp_path / "services"
    services.write_text(
        f"[mine]\nhost={HOST}\nport=5432\nuser=eve\npassword={PASSWORD}\ndbname=postgres\n"
        "connect_timeout=3\n"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    assert _NO_STORE in await error_at("postgresql:///?service=mine")
    assert "'other'" in (await error_at("postgresql:///?service=mine&search_path=other")).replace(
        '"', "'"
    )
    assert f"no service yours in {services}" in await error_at("postgresql:///?service=yours")
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert _NO_STORE in await error_at(f"postgresql://eve@{WHERE}/postgres")


@pytest.mark.parametrize("password", ["a/b#c", "ab#c", "a@b#c", "a@bc"])
async def test_a_password_that_is_not_encoded_is_named_as_the_reason(password: str) -> None:
    error = await error_at(f"postgresql://eve:{password}@127.0.0.1/postgres")
    assert "%2F %23 %40 %25" in error
    assert "PGPASSWORD" in error


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("eve@{}/postgres", "{} wants a password of the role eve, and there is none: set PGPASSWO"),
        ("eve:no@{}/postgres", "{} does not accept the password of the role eve: set the right "),
        ("eve:no@{}/postgres?sslmode=require", "{} has no TLS: switch ssl on there, or leave ssl"),
        ("bob:no@{}/postgres", "{} has no line in pg_hba.conf for the role bob without TLS: "),
        ("eve:{password}@{}/none", "{} has no database none: create it, as with `createdb none`"),
    ],
)
async def test_a_refusal_says_where_why_and_what_to_do(
    server: Server, address: str, expected: str
) -> None:
    filled = address.replace("{password}", quote(PASSWORD, safe="")).replace("{}", WHERE)
    assert (await error_at(f"postgresql://{filled}")).startswith(expected.replace("{}", WHERE))


async def test_a_server_that_cannot_be_reached_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    cases = {
        f"postgresql://eve@127.0.0.1:{port}/x": f"127.0.0.1:{port} refuses connections: no Post",
        "postgresql://eve@no.host.invalid/x": "the host name cannot be resolved: no.host.invalid:5",
        "postgresql://eve@/x?host=/nowhere": "/nowhere has no socket to use",
    }
    for address, expected in cases.items():
        with pytest.raises(StoreUnavailable) as caught:
            await open_store(address)
        assert str(caught.value).startswith(expected)


async def test_a_missing_schema_is_named(server: Server) -> None:
    with pytest.raises(StoreMissing, match='the schema "absent" has no tables'):
        await open_store(f"{server.address}&search_path=absent")
