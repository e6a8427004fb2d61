"""Cards as responses contain them; keys and tokens."""

from __future__ import annotations

from guanxi.accounts import secrets
from guanxi.accounts.account import Card, official_of, tail_of, vip_of
from guanxi.accounts.administrators import new_admin_token

SECRET, OTHER = b"s" * 32, b"o" * 32


def test_a_valid_membership_has_a_label() -> None:
    vip = vip_of(Card(vip_type=2, vip_status=1, vip_due_ms=5))
    assert (vip.type, vip.status, vip.due_date_ms) == (2, 1, 5)
    assert (vip.label.text, vip.label.label_theme) == ("年度大会员", "annual_vip")
    assert (vip.avatar_subscript, vip.nickname_color) == (1, "#FB7299")
    assert vip_of(Card(vip_type=1, vip_status=1)).label.text == "大会员"


def test_an_expired_membership_has_no_label() -> None:
    expired = vip_of(Card(vip_type=2, vip_due_ms=5))
    assert (expired.label.text, expired.avatar_subscript, expired.nickname_color) == ("", 0, "")
    assert vip_of(Card(vip_type=9, vip_status=1)).label.text == ""


def test_a_tail_contains_the_card() -> None:
    card = Card(name="名", face="f", face_nft=1, sign="s", official_type=1, official_desc="d")
    tail = tail_of(card)
    assert (tail.uname, tail.face, tail.face_nft, tail.sign) == ("名", "f", 1, "s")
    assert tail.official_verify == official_of(card)
    assert (tail.official_verify.type, tail.official_verify.desc) == (1, "d")


def test_tokens_are_random_and_long() -> None:
    assert len({secrets.new_token() for _ in range(100)}) == 100
    assert len(secrets.new_token()) == 64
    assert len(secrets.new_secret()) == 32
    assert len(new_admin_token()) == len("gxa_") + 64


def test_a_digest_does_not_contain_the_token() -> None:
    token = secrets.new_token()
    assert token.encode() not in secrets.digest(token)
    assert secrets.digest(token) == secrets.digest(token) != secrets.digest(token + "0")
    assert secrets.digest("\udc80")


def test_a_session_is_found_by_its_accounts_mid() -> None:
    largest = 2**63 - 1
    for mid in (0, 1, largest):
        token = secrets.session_token(mid)
        assert (len(token), secrets.mid_of(secrets.session_digest(token))) == (80, mid)
    token = secrets.session_token(7)
    stored = secrets.session_digest(token)
    assert token.encode() not in stored
    # Another mid in front is another session's token: nobody has it.
    assert secrets.session_digest(secrets.with_mid(8, token[16:]))[8:] != stored[8:]


def test_a_token_without_a_mid_has_a_digest_alone() -> None:
    plain = secrets.new_token()
    for token in (
        plain,
        "f" * 80,
        "A" * 80,
        secrets.session_token(7)[:-1],
        "",
        "\udc80",
        "字" * 80,
    ):
        assert secrets.session_digest(token) == secrets.digest(token)
        assert secrets.mid_of(secrets.session_digest(token)) is None
    assert secrets.mid_of(b"\xff" * 40) is None


def test_a_csrf_token_depends_on_session_and_store() -> None:
    first = secrets.bili_jct(SECRET, "a")
    assert len(first) == 32
    assert len({first, secrets.bili_jct(SECRET, "b"), secrets.bili_jct(OTHER, "a")}) == 3


def test_wbi_keys_last_a_day() -> None:
    noon = 20_000 * secrets.DAY + secrets.DAY // 2
    img, sub = secrets.wbi_keys(SECRET, noon)
    assert len(img) == len(sub) == 32
    assert img != sub
    assert secrets.wbi_keys(SECRET, noon + 1) == (img, sub)
    assert secrets.wbi_keys(SECRET, noon + secrets.DAY) != (img, sub)
    assert secrets.wbi_keys(OTHER, noon) != (img, sub)


def test_an_appsec_is_derived_from_appkey_and_store() -> None:
    appkey, appsec = secrets.new_app(SECRET)
    assert secrets.appsec(SECRET, appkey) == appsec
    assert secrets.appsec(OTHER, appkey) != appsec


def test_equal_compares_any_texts() -> None:
    assert secrets.equal("关系", "关系")
    assert not secrets.equal("关系", "关")
    assert not secrets.equal("\udc80", "x")
