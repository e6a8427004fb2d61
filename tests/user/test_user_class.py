"""``User`` as a class: its uid, subclasses, copies and pickles."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from guanxi import user
from guanxi.user import ChannelSeries, Credential, User, sync
from tests.sdk.recorder import envelope

SECRETS = ("sess-secret", "jct-secret", "buvid-secret", "refresh-secret", "pass-secret")
ACCOUNT = Credential(
    *SECRETS[:3], ac_time_value=SECRETS[3], proxy=f"http://name:{SECRETS[4]}@127.0.0.1:9"
)


def test_the_uid_is_read_and_cannot_be_changed() -> None:
    someone: Any = User(7)
    assert (someone.uid, someone.get_uid()) == (7, 7)
    for other in (8, "8"):
        with pytest.raises(AttributeError, match=r"^uid: cannot be changed"):
            someone.uid = other
    assert (someone.uid, someone.get_uid(), repr(someone)) == (7, 7, "User(7)")
    someone.uid = 7  # nothing changes
    with pytest.raises(AttributeError):
        del someone.uid


def test_an_id_as_text_is_a_number_afterwards(answering: Any) -> None:
    from_json: Any = "14082"
    someone = User(from_json, Credential())
    assert (someone.uid, someone.get_uid()) == (14082, 14082)
    sync(someone.get_relation_info())
    channel = ChannelSeries(from_json, id_=from_json)
    assert (channel.owner.uid, channel.get_id()) == (14082, 14082)
    assert answering.sent() == [{"vmid": "14082"}]


# Subclasses


class Counting:
    """A base whose ``__init__`` takes what ``User``'s does, and passes it on."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.calls = 0
        super().__init__(*args, **kwargs)


class Before(User):
    """Sets attributes first, among them names that the class might have."""

    def __init__(self, uid: int, credential: Credential) -> None:
        self.uid = uid
        self._uid = "mine"
        self._credential = "mine"
        self._kept = self._call = None
        self.name = "甲"
        self.credential = credential
        super().__init__(uid, self.credential)


class After(User):
    """Sets the same ones afterwards."""

    def __init__(self, uid: int, credential: Credential) -> None:
        super().__init__(uid, credential)
        self.uid = uid
        self._uid = self._credential = self._kept = self._call = "mine"


class First(Counting, User):
    """Has ``User`` last among its bases."""


class Last(User, Counting):
    """Has ``User`` first among its bases, and calls both."""

    def __init__(self, uid: int, credential: Credential) -> None:
        Counting.__init__(self)
        User.__init__(self, uid, credential)


class Slotted(User):
    __slots__ = ("note",)
    note: str


@pytest.mark.parametrize("kind", [Before, After, First, Last, Slotted])
def test_a_subclass_has_attributes_and_bases_of_its_own(answering: Any, kind: Any) -> None:
    answering.body = envelope({"mid": 7})
    fan = kind(7, ACCOUNT)
    fan.credential = Credential("sess-secret", "jct-secret")
    assert (fan.uid, fan.get_uid()) == (7, 7)
    assert repr(fan) == f"{kind.__name__}(7)"
    assert sync(fan.get_relation_info()) == {"mid": 7}
    assert sync(fan.get_user_info()) == {"mid": 7}
    assert [request["vmid" if "vmid" in request else "mid"] for request in answering.sent()] == [
        "7",
        "7",
    ]
    assert answering.requests()[0].cookies["SESSDATA"] == "sess-secret"


# Copies and pickles


def test_copies_have_the_same_credential() -> None:
    someone = User(7, ACCOUNT)
    for copied in (copy.copy(someone), copy.deepcopy(someone), copy.deepcopy([someone])[0]):
        assert copied is not someone
        assert (type(copied), copied.uid) == (User, 7)
        assert copied.credential is ACCOUNT
        copied.credential = Credential()
        assert someone.credential is ACCOUNT
    assert copy.copy(User(7)).credential == user.Credential.from_environment()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_has_no_secrets_and_is_signed_out(
    monkeypatch: pytest.MonkeyPatch, protocol: int
) -> None:
    channel = ChannelSeries(7, id_=9, credential=ACCOUNT)
    for thing in (User(7, ACCOUNT), channel, channel.owner):
        pickled = pickle.dumps(thing, protocol)
        assert [secret for secret in SECRETS if secret.encode() in pickled] == []
        monkeypatch.setenv("GUANXI_SESSDATA", "from-env")
        again = pickle.loads(pickled)
        assert repr(again) == repr(thing)
        # Signed out, not the environment's account: a write must not change hands unseen.
        assert again.credential == Credential()
    of_environment = pickle.loads(pickle.dumps(User(7), protocol))
    assert of_environment.credential == Credential("from-env")


def test_copies_and_pickles_keep_the_attributes_of_a_subclass() -> None:
    fan = Before(7, ACCOUNT)
    slotted = Slotted(8, ACCOUNT)
    slotted.note = "text"
    agains: list[Any] = [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
    for again in agains:
        assert (again(fan).name, again(fan)._uid, again(fan).uid) == ("甲", "mine", 7)
        assert (again(slotted).note, again(slotted).uid) == ("text", 8)
