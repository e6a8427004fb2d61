"""The two signatures of the documents, wbi and APP, as functions of values."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import md5
from hmac import compare_digest
from urllib.parse import quote, quote_plus

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
_REMOVED = str.maketrans("", "", "!'()*")

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
    query = "&".join(
        f"{quote(name, safe='')}={quote(value.translate(_REMOVED), safe='')}"
        for name, value in sorted(pairs)
    )
    return _md5(query + mixin)


def wbi_verify(pairs: Pairs, mixin: str) -> bool:
    """Return whether ``w_rid`` in the pairs is the wbi signature of all others; False without it.

    Whether the time ``wts`` is recent is not checked.
    Clients use two encodings: the documented one (five characters are dropped, a space is ``%20``)
    and one that drops nothing and writes a space as ``+``. Both are accepted.
    """
    given, signed = _parted(pairs, "w_rid")
    if not given.isascii():
        return False
    plain = "&".join(f"{quote_plus(n)}={quote_plus(v)}" for n, v in sorted(signed))
    return compare_digest(given, wbi_sign(signed, mixin)) or compare_digest(
        given, _md5(plain + mixin)
    )


def app_sign(pairs: Pairs, appsec: str) -> str:
    """Return the APP signature (``sign``) of unencoded parameters, which must have ``appkey``."""
    query = "&".join(f"{quote_plus(n)}={quote_plus(v)}" for n, v in sorted(pairs))
    return _md5(query + appsec)


def app_verify(pairs: Pairs, appsec: str) -> bool:
    """Return whether ``sign`` in the pairs is the APP signature of all others; False without it."""
    given, signed = _parted(pairs, "sign")
    return given.isascii() and compare_digest(given, app_sign(signed, appsec))


def _parted(pairs: Pairs, signature: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the first value of that name, "" if there is none, and the pairs of other names."""
    pairs = list(pairs)
    given = next((value for name, value in pairs if name == signature), "")
    return given, [pair for pair in pairs if pair[0] != signature]


def _md5(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()
