"""Every refusal of the rules has a sentence of its own, in both languages."""

from __future__ import annotations

import inspect
import re

import pytest

from guanxi.contract import errors
from guanxi.contract.errors import CODES, refusal_of
from guanxi.graph import groups, pair

#: The codes that the rules can return: every ``errors.….number`` in their source.
CODES_OF_RULES = {
    getattr(errors, name).number
    for rules in (pair, groups)
    for name in re.findall(r"\berrors\.(\w+)\.number", inspect.getsource(rules))
}


@pytest.mark.parametrize("code", sorted(CODES_OF_RULES))
def test_a_refusal_of_the_rules_reads_as_a_sentence(code: int) -> None:
    error = refusal_of(code, 1, 2)
    assert type(error) is CODES[code]
    assert (error.code, error.message, error.raw) == (code, CODES[code].wire_message, None)
    assert error.msg == error.message
    assert str(error).isascii()
    assert re.search(r"[一-鿿]", error.args[0].into("zh"))
    assert {"1", "2"} & set(str(error).split())
    assert str(code) not in str(error)
    assert not any("{" in error.args[0].into(language) for language in ("zh", "en"))


def test_the_sentence_names_who_did_what_to_whom() -> None:
    assert str(refusal_of(22014, 1, 2)) == "1 follows 2 already"
    assert refusal_of(22014, 1, 2).args[0].into("zh") == "1 已经关注了 2"
    assert str(refusal_of(22002, 1, 2)) == "2 refuses to be followed by 1"
    assert str(refusal_of(22106, 1, "同学")) == "1 has a group 同学 already"
    with pytest.raises(KeyError):
        refusal_of(-111, 1, 2)
