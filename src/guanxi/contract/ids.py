"""Video ids: the number (aid) and the twelve characters (bvid) that mean the same."""

from __future__ import annotations

_LETTERS = "FcwAPNKTMug3GV5Lj7EJnHpWsx4tb8haYeviqBz6rkCy12mUSDQX9RdoZf"
_PLACE = {letter: place for place, letter in enumerate(_LETTERS)}
_HIGHEST, _MASK = 1 << 51, 23442827791579
_DIGITS = 9


def bvid_of(aid: int) -> str:
    """The bvid of an aid (section 2.9 of the wire catalogue)."""
    number = (_HIGHEST | aid) ^ _MASK
    digits = []
    for _ in range(_DIGITS):
        number, digit = divmod(number, len(_LETTERS))
        digits.append(_LETTERS[digit])
    return _swapped("BV1" + "".join(reversed(digits)))


def aid_of(bvid: str) -> int:
    """The aid of a bvid; ``ValueError`` for a text that is none."""
    if len(bvid) != _DIGITS + 3 or not bvid.startswith("BV1") or not set(bvid[3:]) <= _PLACE.keys():
        raise ValueError("not a bvid")
    number = 0
    for letter in _swapped(bvid)[3:]:
        number = number * len(_LETTERS) + _PLACE[letter]
    return (number & (_HIGHEST - 1)) ^ _MASK


def _swapped(bvid: str) -> str:
    letters = list(bvid)
    letters[3], letters[9] = letters[9], letters[3]
    letters[4], letters[7] = letters[7], letters[4]
    return "".join(letters)
