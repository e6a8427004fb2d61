"""The two signatures of the documents, wbi and APP, as functions of values."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import md5
from hmac import compare_digest
from urllib.parse import quote, quote_plus

#: Where the mixin key takes its 32 characters from (2.7 of the wire catalogue).
MIXIN = (
    46, 47, 18, 2, 53, 8, 23, 32, 15, 50, 10, 31, 58, 3, 45, 35,
    27, 43, 5, 49, 33, 9, 42, 19, 29, 28, 14, 39, 12, 38, 41, 13,
)  # fmt: skip
#: The public key that the documents' host has the path of a refresh encrypted with (2.3 there).
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
    """The 32 characters that a wbi signature is salted with; both keys have 32 characters."""
    keys = img_key + sub_key
    return "".join(keys[index] for index in MIXIN)


def key_of_url(url: str) -> str:
    """The wbi key in an image's address: its file name without the extension."""
    return url.rsplit("/", 1)[-1].split(".", 1)[0]


def wbi_sign(pairs: Pairs, mixin: str) -> str:
    """``w_rid`` of the parameters, ``wts`` among them, by the documented encoding."""
    query = "&".join(
        f"{quote(name, safe='')}={quote(value.translate(_REMOVED), safe='')}"
        for name, value in sorted(pairs)
    )
    return _md5(query + mixin)


def wbi_verify(pairs: Pairs, mixin: str) -> bool:
    """Whether ``w_rid`` among the pairs signs the others.

    Two encodings are about: the documented one (five characters dropped, a space as ``%20``) and
    that of clients which drop nothing and write a space as ``+``. Either is taken.
    """
    signed = [(name, value) for name, value in pairs if name != "w_rid"]
    given = next((value for name, value in pairs if name == "w_rid"), "")
    if not given.isascii():
        return False
    plain = "&".join(f"{quote_plus(n)}={quote_plus(v)}" for n, v in sorted(signed))
    return compare_digest(given, wbi_sign(signed, mixin)) or compare_digest(
        given, _md5(plain + mixin)
    )


def app_sign(pairs: Pairs, appsec: str) -> str:
    """``sign`` of the parameters, ``appkey`` among them, for the holder of ``appsec``."""
    query = "&".join(f"{quote_plus(n)}={quote_plus(v)}" for n, v in sorted(pairs))
    return _md5(query + appsec)


def app_verify(pairs: Pairs, appsec: str) -> bool:
    """Whether ``sign`` among the pairs signs the others."""
    given = next((value for name, value in pairs if name == "sign"), "")
    signed = [(name, value) for name, value in pairs if name != "sign"]
    return given.isascii() and compare_digest(given, app_sign(signed, appsec))


def _md5(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()
