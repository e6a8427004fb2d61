"""What an act does to a relation: rules without I/O, for apply, verify and undo."""

from __future__ import annotations

from msgspec import structs

from guanxi.contract.relations import Attribute
from guanxi.toolbox.plan import Act, Relation

NONE, WHISPER, FOLLOWING, MUTUAL, BLOCKED = map(int, Attribute)
FOLLOWED = (FOLLOWING, MUTUAL)
#: What an act expects of an account that an earlier act of its plan follows: had it groups of its
#: own, they would be replaced.
JUST_FOLLOWED = Relation(FOLLOWING)

#: The attributes that a kind of act changes, and the relation afterwards.
_CHANGES: dict[str, tuple[tuple[int, ...], Relation]] = {
    "follow": ((NONE, WHISPER, BLOCKED), JUST_FOLLOWED),
    "unfollow": ((WHISPER, *FOLLOWED), Relation(NONE)),
    "cancel_whisper": ((WHISPER,), Relation(NONE)),
    "block": ((NONE, WHISPER, *FOLLOWED), Relation(BLOCKED)),
    "unblock": ((BLOCKED,), Relation(NONE)),
}


def after(act: Act, relation: Relation) -> Relation:
    """Return the relation to the act's account after the act; ``relation`` is the one before."""
    if act.act in _CHANGES:
        attributes, new = _CHANGES[act.act]
        return new if relation.attribute in attributes else relation
    if act.act == "set_groups" and relation.attribute in FOLLOWED:
        return structs.replace(relation, groups=act.groups, special=act.special)
    if act.act == "remove_follower" and relation.attribute == MUTUAL:
        return structs.replace(relation, attribute=FOLLOWING)
    return relation


def is_in_effect(act: Act, relation: Relation) -> bool | None:
    """Return whether an act changes nothing any more, because what it wants is so already.

    None: the relation may not show it. Of who follows back it shows only that a mutual one does.
    """
    if act.act == "remove_follower":
        return False if relation.attribute == MUTUAL else None
    if act.act == "set_groups" and relation.attribute not in FOLLOWED:
        return False
    return is_same(after(act, relation), relation)


def is_same(one: Relation, other: Relation) -> bool:
    """Return whether two relations are equal; the order of groups and the times do not count."""
    return (one.attribute, one.special, sorted(one.groups)) == (
        *(other.attribute, other.special),
        sorted(other.groups),
    )
