"""Where a store is, and what is shown of it."""

from __future__ import annotations

import pytest

from guanxi.stores import is_server_address, shown


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("guanxi.db", "guanxi.db"),
        ("/a:b/c@d?e.db", "/a:b/c@d?e.db"),
        ("postgresql://host/name", "postgresql://host/name"),
        ("postgres://me@host:5432/name?sslmode=require", "postgres://me@host:5432/name"),
        ("postgresql:///name?host=/run&password=hidden", "postgresql:///name"),
        ("postgresql://me:hidden@host/name", "postgresql://me@host/name"),
        ("postgresql:me:hidden@host/name", "postgresql://me@host/name"),
        ("postgresql://me:hid/den@host/name", "postgresql://me@host/name"),
        ("postgresql://me:hid@den@host/name", "postgresql://me@host/name"),
        ("postgresql://me:hid?den@host/name", "postgresql://…"),
        ("postgresql://me:h@id?den@host/name", "postgresql://…"),
    ],
)
def test_what_is_shown_of_an_address(address: str, told: str) -> None:
    assert shown(address) == told
    assert is_server_address(address) is told.startswith("postgres")
