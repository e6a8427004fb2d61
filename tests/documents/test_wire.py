"""The contract against the wire of the documented module, function by function.

``user_module.json`` holds what the documents and the wire catalogue say: names, arguments in their
order with defaults, enum members, and of each request its address, its fields and the names in its
answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from guanxi.contract import enums
from guanxi.contract.endpoint import Envelope
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.contract.params import wire_types

MODULE: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "user_module.json").read_text(encoding="utf-8")
)
WIRED = [entry for entry in MODULE if "wire" in entry]
BY_ADDRESS = {(endpoint.method, endpoint.path): endpoint for endpoint in ENDPOINTS}
#: Parameters for signatures and credentials, which are not part of an endpoint.
SIGNING = {"wts", "w_rid", "web_location", "w_webid", "csrf", "csrf_token"}
#: The constant parameters of User.get_dynamics_new, as recorded.
FEED = {
    "features": "itemOpusStyle,listOnlyfans,opusBigCover,onlyfansVote,forwardListHidden,"
    "decorationCard,commentsNewVersion,onlyfansAssetsV2,ugcDelete,onlyfansQaCard",
    "timezone_offset": "-480",
}
#: Parameters with which other clients imitate a browser.
BROWSER = {"x-bili-device-req-json", "x-bili-web-req-json"}


def by_name(entry: dict[str, Any]) -> str:
    return str(entry["name"])


def test_the_fixture_is_complete() -> None:
    assert len(WIRED) == 38 + 26
    assert sum("000" in one["documents"] for one in MODULE if one["name"].startswith("User.")) == 39
    assert sum("001" in one["documents"] for one in MODULE if one["name"].startswith("User.")) == 37


@pytest.mark.parametrize("entry", [one for one in MODULE if one["kind"] == "enum"], ids=by_name)
def test_enum_members_and_their_values(entry: dict[str, Any]) -> None:
    declared = getattr(enums, entry["name"])
    assert {member.name: member.value for member in declared} == entry["members"]


@pytest.mark.parametrize("entry", WIRED, ids=by_name)
def test_each_function_has_its_endpoint(entry: dict[str, Any]) -> None:
    wire = entry["wire"]
    endpoint = BY_ADDRESS[wire["method"], wire["path"]]
    assert endpoint.host == wire["host"]
    assert endpoint.wbi == wire["wbi"]
    assert endpoint.writes == ("csrf" in wire["sends"])
    if "000" in entry["documents"]:
        assert endpoint.access_id == ("w_webid" in wire["sends"])
    known = wire_types(endpoint.params).keys() | endpoint.fixed.keys() | endpoint.aliases.keys()
    missing = set(wire["sends"]) - SIGNING - BROWSER - known
    # The documents give these two lists pages, and the servers none: clients send them in vain.
    if entry["name"] in {"get_self_special_followings", "get_self_whisper_followings"}:
        missing -= {"pn", "ps"}
    assert not missing


@pytest.mark.parametrize("entry", WIRED, ids=by_name)
def test_each_response_has_its_documented_names(entry: dict[str, Any]) -> None:
    wire = entry["wire"]
    endpoint = BY_ADDRESS[wire["method"], wire["path"]]
    assert set(wire["answers"]) - set(names_in(endpoint.data)) == set()


def names_in(kind: Any, seen: frozenset[Any] = frozenset()) -> Iterator[str]:
    """Return every wire name in a type, at any depth."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if kind not in seen:
            for field in msgspec.structs.fields(kind):
                yield field.encode_name
                yield from names_in(field.type, seen | {kind})
    else:
        for part in get_args(kind):
            yield from names_in(part, seen)


def test_every_documented_function_has_an_endpoint() -> None:
    """Matched by address, or by the seed's line where the documents differ in the address."""
    seeds = " ".join(endpoint.seed for endpoint in ENDPOINTS)
    for name in ("User.get_channel_list", "User.get_channel_videos_season", "name2uid"):
        assert name in seeds
    assert {
        endpoint.name for endpoint in ENDPOINTS if endpoint.name.startswith("space.legacy")
    } == {
        "space.legacy_channels",
        "space.legacy_season_videos",
    }


def test_only_these_lack_the_standard_envelope() -> None:
    unusual = {
        endpoint.name: endpoint.envelope
        for endpoint in ENDPOINTS
        if endpoint.envelope is not Envelope.STANDARD
    }
    assert unusual == {
        "relation.game_followings": Envelope.GAME,
        "account.card_by_mid": Envelope.NONE,
        "account.legacy_name_to_uid": Envelope.MSG,
        "account.check_nickname": Envelope.BARE,
        "me.coins": Envelope.STATUS,
        "space.audios": Envelope.MSG,
        "space.albums": Envelope.MSG,
        "space.old_dynamics": Envelope.MSG,
        "space.page": Envelope.NONE,
        "login.correspond": Envelope.NONE,
    }
