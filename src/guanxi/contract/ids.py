"""Convert video ids between the number (aid) and the twelve characters (bvid)."""

from __future__ import annotations

_LETTERS = "FcwAPNKTMug3GV5Lj7EJnHpWsx4tb8haYeviqBz6rkCy12mUSDQX9RdoZf"
_DIGIT = {letter: digit for digit, letter in enumerate(_LETTERS)}
_HIGHEST, _MASK = 1 << 51, 23442827791579
_DIGITS = 9


def bvid_of(aid: int) -> str:
    """Return the bvid of an aid from 0 to 2**51 - 1 (unchecked); see the wire catalogue, 2.9."""
    number = (_HIGHEST | aid) ^ _MASK
    digits = []
    for _ in range(_DIGITS):
        number, digit = divmod(number, len(_LETTERS))
        digits.append(_LETTERS[digit])
    return _swapped("BV1" + "".join(reversed(digits)))


def aid_of(bvid: str) -> int:
    """Return the aid of a bvid, as a number; raise ``ValueError`` for a text that is not a bvid."""
    if len(bvid) != _DIGITS + 3 or not bvid.startswith("BV1") or not set(bvid[3:]) <= _DIGIT.keys():
        raise ValueError("not a bvid")
    number = 0
    for letter in _swapped(bvid)[3:]:
        number = number * len(_LETTERS) + _DIGIT[letter]
    return (number & (_HIGHEST - 1)) ^ _MASK


def _swapped(bvid: str) -> str:
    letters = list(bvid)
    letters[3], letters[9] = letters[9], letters[3]
    letters[4], letters[7] = letters[7], letters[4]
    return "".join(letters)
