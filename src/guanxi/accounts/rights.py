"""What an account may do in each state, and what is shown of it: one table each."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from guanxi.accounts.account import State
from guanxi.contract import errors
from guanxi.contract.endpoint import Does

_NOT_SIGNED_IN, _BANNED = errors.NotSignedIn.number, errors.AccountBanned.number

#: The code with which a caller's request is refused, by its state and by what the endpoint does; 0
#: for none. -102 is documented for relation.modify and batch_modify, and ours elsewhere.
CALLER: Mapping[tuple[State, Does], int] = {
    (State.NORMAL, Does.READ): 0,
    (State.NORMAL, Does.SIGN_IN): 0,
    (State.NORMAL, Does.WRITE): 0,
    (State.BANNED, Does.READ): 0,
    (State.BANNED, Does.SIGN_IN): 0,
    (State.BANNED, Does.WRITE): _BANNED,
    (State.DEREGISTERED, Does.READ): _NOT_SIGNED_IN,
    (State.DEREGISTERED, Does.SIGN_IN): _NOT_SIGNED_IN,
    (State.DEREGISTERED, Does.WRITE): _NOT_SIGNED_IN,
}


class Part(Enum):
    """A part of an account that others may see."""

    #: Name, face and signature. A deregistered account has ``DEREGISTERED_CARD`` instead.
    CARD = "card"
    #: Its followings and followers, and their numbers.
    RELATIONS = "relations"
    #: Profile, notice, works, and all other documents that it owns.
    SPACE = "space"


#: Whether a part of an account is shown, by its state.
SHOWN: Mapping[tuple[State, Part], bool] = {
    (State.NORMAL, Part.CARD): True,
    (State.NORMAL, Part.RELATIONS): True,
    (State.NORMAL, Part.SPACE): True,
    (State.BANNED, Part.CARD): True,
    (State.BANNED, Part.RELATIONS): True,
    (State.BANNED, Part.SPACE): True,
    (State.DEREGISTERED, Part.CARD): False,
    (State.DEREGISTERED, Part.RELATIONS): True,
    (State.DEREGISTERED, Part.SPACE): False,
}
