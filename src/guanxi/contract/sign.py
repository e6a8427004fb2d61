"""The two signatures of the documents, wbi and APP, as functions of values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import md5
from hmac import compare_digest
from typing import Any
from urllib.parse import quote_plus

#: The indexes of the 32 characters that form the mixin key (wire catalogue, 2.7).
MIXIN = (
    46, 47, 18, 2, 53, 8, 23, 32, 15, 50, 10, 31, 58, 3, 45, 35,
    27, 43, 5, 49, 33, 9, 42, 19, 29, 28, 14, 39, 12, 38, 41, 13,
)  # fmt: skip
#: The public key that encrypts the path of a cookie refresh (wire catalogue, 2.3).
CORRESPOND_KEY = b"""-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDLgd2OAkcGVtoE3ThUREbio0Eg
Uc/prcajMKXvkCKFCWhJYJcLkcM2DKKcSeFpD/j6Boy538YXnR6VhcuUJOhH2x71
nzPjfdTcqMz7djHum0qSZA0AyCBDABUqCrfNgCiJ00Ra7GmRj+YCK1NJEuewlb40
JNrRuoEUXpabUzGB8QIDAQAB
-----END PUBLIC KEY-----
"""
#: The encoded forms of the five characters that the documented wbi encoding drops from values.
_DROPPED = [quote_plus(character) for character in "!'()*"]
#: The encoded form of each byte; to join them takes half the time of ``quote_plus``.
_ENCODED = [quote_plus(bytes((byte,))) for byte in range(256)]
_SIGNATURE = re.compile("[0-9a-f]{32}")

Pairs = Iterable[tuple[str, str]]


def mixin_key(img_key: str, sub_key: str) -> str:
    """Return the mixin key, the 32-character salt of wbi signatures, of two 32-character keys."""
    keys = img_key + sub_key
    return "".join(keys[index] for index in MIXIN)


def key_of_url(url: str) -> str:
    """Return the wbi key in the URL of an image: its file name without the extension."""
    return url.rsplit("/", 1)[-1].split(".", 1)[0]


def wbi_sign(pairs: Pairs, mixin: str) -> str:
    """Return the wbi signature (``w_rid``) of unencoded parameters, which must have ``wts``."""
    return _signature(_documented(_encoded(pairs)), mixin)


def wbi_verify(pairs: Pairs, *mixins: str) -> bool:
    """Return whether ``w_rid`` in the pairs is the wbi signature of all others by one of the keys.

    False without ``w_rid``. Whether the time ``wts`` is recent is not checked.
    Clients use two encodings: the documented one (five characters are dropped, a space is ``%20``)
    and one that drops nothing and writes a space as ``+``. Both are accepted. The pairs are encoded
    and hashed once, whatever the number of keys: anybody may send a long query with a wrong
    signature.
    """
    given, signed = _parted(pairs, "w_rid")
    if _SIGNATURE.fullmatch(given) is None:
        return False
    encoded = _encoded(signed)
    for query in dict.fromkeys((_documented(encoded), _joined(encoded))):
        hashed = _md5(query)
        for mixin in mixins:
            salted = hashed.copy()
            salted.update(mixin.encode())
            if compare_digest(given, salted.hexdigest()):
                return True
    return False


def app_sign(pairs: Pairs, appsec: str) -> str:
    """Return the APP signature (``sign``) of unencoded parameters, which must have ``appkey``."""
    return _signature(_joined(_encoded(pairs)), appsec)


def app_verify(pairs: Pairs, appsec: str) -> bool:
    """Return whether ``sign`` in the pairs is the APP signature of all others; False without it."""
    given, signed = _parted(pairs, "sign")
    return _SIGNATURE.fullmatch(given) is not None and compare_digest(
        given, app_sign(signed, appsec)
    )


def _parted(pairs: Pairs, signature: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the first value of that name, "" if there is none, and the pairs of other names."""
    pairs = list(pairs)
    given = next((value for name, value in pairs if name == signature), "")
    return given, [pair for pair in pairs if pair[0] != signature]


def _encoded(pairs: Pairs) -> list[tuple[str, str]]:
    """Return the pairs, sorted and then percent-encoded, with a space as ``+``."""
    return [(_quoted(name), _quoted(value)) for name, value in sorted(pairs)]


def _quoted(text: str) -> str:
    raw = text.encode()
    return text if raw.isalnum() else "".join(map(_ENCODED.__getitem__, raw))


def _joined(encoded: Sequence[tuple[str, str]]) -> str:
    return "&".join([f"{name}={value}" for name, value in encoded])


def _documented(encoded: Sequence[tuple[str, str]]) -> str:
    """Return the query of encoded pairs in the documented encoding of wbi."""
    query = _joined([(name, _without_dropped(value)) for name, value in encoded])
    return query.replace("+", "%20")


def _without_dropped(value: str) -> str:
    if "%2" in value:
        for character in _DROPPED:
            value = value.replace(character, "")
    return value


def _signature(query: str, salt: str) -> str:
    signature: str = _md5(query + salt).hexdigest()
    return signature


def _md5(text: str) -> Any:
    return md5(text.encode(), usedforsecurity=False)
