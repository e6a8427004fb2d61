"""Tokens that are verified without being stored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.accounts import tokens
from guanxi.accounts.secrets import digest, mid_of, new_token, session_digest, session_token
from guanxi.contract.pages import access_id_ends

SECRET, OTHER = b"s" * 32, b"o" * 32
NOW = 1_700_000_000


def test_an_access_id_is_valid_until_it_expires() -> None:
    access_id = tokens.access_id(SECRET, NOW)
    assert access_id_ends(access_id) == NOW + tokens.ACCESS_ID_SECONDS
    assert tokens.access_id_is_valid(SECRET, access_id, NOW)
    assert not tokens.access_id_is_valid(SECRET, access_id, NOW + tokens.ACCESS_ID_SECONDS)
    assert not tokens.access_id_is_valid(OTHER, access_id, NOW)
    later = tokens.access_id(SECRET, NOW + 9_999).split(".")[1]
    head, _, proof = access_id.split(".")
    assert not tokens.access_id_is_valid(SECRET, f"{head}.{later}.{proof}", NOW)


def test_a_refresh_token_has_one_successor() -> None:
    refresh = tokens.refresh_token(SECRET, "SESSDATA")
    successor = tokens.successor(SECRET, refresh, 7)
    assert successor == tokens.successor(SECRET, refresh, 7)
    assert (len(successor), mid_of(session_digest(successor))) == (len(session_token(7)), 7)
    others = {tokens.successor(OTHER, refresh, 7), tokens.successor(SECRET, "x", 7)}
    assert len({successor, tokens.successor(SECRET, refresh, 8), *others}) == 4
    old = tokens.successor(SECRET, refresh, None)
    assert (len(old), successor[16:]) == (len(new_token()), old)
    for hexadecimal in (refresh[:64], refresh[64:], digest("SESSDATA").hex()):
        assert hexadecimal not in successor


def test_a_refresh_token_names_its_session_without_its_token() -> None:
    refresh = tokens.refresh_token(SECRET, "SESSDATA")
    assert refresh == tokens.refresh_token(SECRET, "SESSDATA")
    assert tokens.session_digest_of(refresh) == digest("SESSDATA")
    assert tokens.session_digest_of(refresh[:-1]) is None
    assert "SESSDATA" not in refresh
    for another in (
        tokens.refresh_token(SECRET, "another"),
        tokens.refresh_token(OTHER, "SESSDATA"),
    ):
        assert another[64:] != refresh[64:]


def test_a_refresh_token_names_its_session_with_the_mid() -> None:
    token = session_token(7)
    refresh = tokens.refresh_token(SECRET, token)
    session = tokens.session_digest_of(refresh)
    assert session == session_digest(token)
    assert mid_of(session or b"") == 7
    assert token not in refresh


def test_a_refresh_csrf_depends_on_session_and_store() -> None:
    csrf = tokens.refresh_csrf(SECRET, "SESSDATA")
    assert csrf == tokens.refresh_csrf(SECRET, "SESSDATA")
    assert csrf != tokens.refresh_csrf(SECRET, "another")
    assert csrf != tokens.refresh_csrf(OTHER, "SESSDATA")


def test_a_qr_key_contains_its_time_of_creation() -> None:
    key = tokens.qr_key(SECRET, NOW)
    assert len(key) == 32
    assert tokens.qr_key_created(SECRET, key) == NOW
    assert tokens.qr_key_created(OTHER, key) is None
    assert tokens.qr_key(SECRET, NOW) != key


@pytest.mark.parametrize("token", ["", "x", "签" * 32, "0" * 32, "0" * 200])
def test_a_forged_token_is_invalid(token: str) -> None:
    assert not tokens.access_id_is_valid(SECRET, token, NOW)
    assert tokens.session_digest_of(token) is None
    assert tokens.qr_key_created(SECRET, token) is None


@given(st.text())
def test_no_text_raises_an_error(text: str) -> None:
    assert not tokens.access_id_is_valid(SECRET, text, NOW)
    session = tokens.session_digest_of(text)
    assert session is None or len(session) <= 40
    assert tokens.qr_key_created(SECRET, text) is None
