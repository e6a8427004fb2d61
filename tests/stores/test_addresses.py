"""Addresses of stores: which name a server, and how they are shown without secrets."""

from __future__ import annotations

import pytest

from guanxi.stores import is_server_address, redacted


@pytest.mark.parametrize(
    ("address", "expected"),
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
def test_a_shown_address_contains_no_password(address: str, expected: str) -> None:
    assert redacted(address) == expected
    assert is_server_address(address) is expected.startswith("postgres")
