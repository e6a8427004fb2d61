"""Addresses of stores: which name a server, and how they are shown without secrets."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.stores import has_password, is_server_address, redacted
from guanxi.stores.port import StoreError


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


@pytest.mark.parametrize("scheme", ["postgresql", "Postgres", "POSTGRESQL"])
def test_a_scheme_is_in_any_case(scheme: str) -> None:
    assert is_server_address(f"{scheme}://me:hidden@host/name")
    assert redacted(f"{scheme}://me:hidden@host/name") == f"{scheme}://me@host/name"


@pytest.mark.parametrize("scheme", ["postgresql+asyncpg", "mysql", "http"])
def test_another_server_is_refused_without_its_password(scheme: str) -> None:
    with pytest.raises(StoreError, match=rf"^{re.escape(scheme)}://… is not supported") as caught:
        is_server_address(f"{scheme}://me:hidden@host/name")
    assert "hidden" not in repr(caught.value.args)


_CASES = st.sampled_from(["postgresql", "POSTGRESQL", "postgres", "PostGres", "postgresQL"])
_FORMS = st.sampled_from(
    [
        "{}://me:{}@host/name",
        "{}:me:{}@host/name",
        "{}://me:{}@one,two:5433/name?sslmode=require",
        "{}:///name?host=/run&user=me&password={}",
        "{}:///name?PASSWORD={}",
        "{}://me:{}@",
        "{}+asyncpg://me:{}@host/name",
        "{} me:{}@host://name",
        "{}//me:{}@host://name",
        " {}://me:{}@host/name",
        "service={} password={}",
        "HOST = {} Password = {}",
    ]
)
_PASSWORDS = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=8).map(
    lambda text: f"hid{text}den"
)


@given(_FORMS, _CASES, _PASSWORDS)
def test_no_form_of_an_address_shows_its_password(form: str, scheme: str, password: str) -> None:
    address = form.format(scheme, password)
    try:
        shown = redacted(address)
    except StoreError as error:
        shown = str(error) + repr(error) + repr(error.args)
    else:
        assert has_password(address)
    # What is around the password's own "@", ":" or "/" may not show either.
    assert "hid" not in shown
    assert "den" not in shown
