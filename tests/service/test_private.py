"""What nobody else sees of an account, byte for byte.

An account does everything that concerns itself alone. What a stranger, an account that it blocks,
an account that it follows, and nobody can read of every endpoint is the same before and after.
"""

from __future__ import annotations

import http.client
import time
from contextlib import closing
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec
import pytest
from msgspec.structs import replace

from guanxi.contract import endpoints as e
from guanxi.contract import structs as s
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.contract.paths import placeholders
from guanxi.demo.content import make_content
from guanxi.demo.world import HERO, make_world
from guanxi.operations import marks
from guanxi.stores.port import EdgeRow
from guanxi.testing import RunningService, SignedIn, running
from guanxi.world import mine, profile, videos
from tests.service.client import call, modify, signed
from tests.stores.engines import Clock

#: Who acts; whom it follows, and follows whom; whom it blocks; whom it has nothing to do with; and
#: accounts that nobody reads as, of which it follows the first two in secret or blocks them.
ACTOR, FRIEND, BLOCKED, STRANGER, SECRET, ENEMY = range(1, 7)
#: Whom the requests are about.
SUBJECTS = (ACTOR, FRIEND, BLOCKED, SECRET)
READERS = {"nobody": 0, "stranger": STRANGER, "friend": FRIEND, "blocked": BLOCKED}
#: In the profile documented these show the owner's tag and special, as 004's examples have them.
SHOWN_IN_DOCUMENTED = {"relation.app_followings", "relation.mutual", "relation.legacy_mutual"}
#: Every name of an account in a request.
_ACCOUNT = (
    *("vmid", "fid", "mid", "fids", "uid", "host_mid", "host_uid", "up_mid", "target_id"),
    "biz_id",
)
#: The kinds of an account's own documents: history, notes, watch-later, logs, and reports about
#: it.
PRIVATE = {
    *("seen", "later", "note", "public_note", "experience", "moral", "sign_in", "event"),
    *("jury", "fan_report"),
}
#: Others see the day of the birthday, and not the year.
PROFILE = profile.Profile(supported=True, birthday="1990-02-03")
READS = [one for one in ENDPOINTS if one.method == "GET"]


def filled(endpoint: Endpoint, subject: int) -> dict[str, object]:
    """Return the fields of a request about an account."""
    right: dict[str, object] = {
        **dict.fromkeys(_ACCOUNT, subject),
        **dict.fromkeys(("season_id", "series_id"), ACTOR),
        "names": f"u{subject}",
        "nickName": f"u{subject}",
        "tagid": -10,
        "name": "u",
        "pn": 1,
        "ps": 20,
        "qrcode_key": "x",
        "correspond_path": "00",
    }
    fields = msgspec.structs.fields(endpoint.params)
    wanted = [one.encode_name for one in fields if one.required or one.encode_name in _ACCOUNT]
    return {name: right[name] for name in wanted}


def is_about(endpoint: Endpoint) -> bool:
    """Return whether a request names an account."""
    names = {one.encode_name for one in msgspec.structs.fields(endpoint.params)}
    return bool(names & {*_ACCOUNT, "names", "nickName"})


class Reader:
    """Everything that one caller can read, over one connection."""

    def __init__(self, service: RunningService, session: SignedIn | None) -> None:
        self._service, self._session = service, session
        address = urlsplit(service.base_url)
        self._connection = http.client.HTTPConnection(str(address.hostname), address.port)

    def everything(self) -> dict[tuple[str, int], bytes]:
        """Return each response by endpoint and account that it names."""
        found = {}
        with closing(self._connection):
            for endpoint in READS:
                for subject in SUBJECTS if is_about(endpoint) else (0,):
                    found[endpoint.name, subject] = self._read(endpoint, subject)
        return found

    def _read(self, endpoint: Endpoint, subject: int) -> bytes:
        fields = filled(endpoint, subject)
        path = endpoint.path
        for name in placeholders(path):
            path = path.replace(f"{{{name}}}", quote(str(fields.pop(name))))
        pairs = signed(self._service, fields) if endpoint.wbi else list(fields.items())
        headers = {"User-Agent": "test"}
        if self._session is not None:
            headers["Cookie"] = self._session.cookie
        self._connection.request("GET", f"{path}?{urlencode(pairs)}", headers=headers)
        body = self._connection.getresponse().read()
        varying = (b'"qrcode_key"', b'"b_3"', b"access_id", b'"request_id"')
        return b"" if any(name in body for name in varying) else body


def prepare(service: RunningService) -> dict[str, SignedIn | None]:
    """Make the accounts and what is public of them; return the readers' sessions."""
    service.add_accounts(*range(1, 7))
    service.import_edges([(ACTOR, FRIEND), (FRIEND, ACTOR), (SECRET, STRANGER), (ACTOR, STRANGER)])
    service.do(
        lambda store: store.put(
            [
                profile.PROFILE.entry(ACTOR, PROFILE),
                videos.VIDEO.entry(FRIEND, s.Video(7)),
                videos.SEASON.entry(ACTOR, videos.Season(s.SeasonMeta(ACTOR))),
                videos.SERIES.entry(ACTOR, videos.Series(s.SeriesMeta(ACTOR))),
            ]
        )
    )
    return {name: service.sign_in(mid) if mid else None for name, mid in READERS.items()}


def act(service: RunningService) -> None:
    """Let the actor do everything that is its own alone."""
    actor = service.sign_in(ACTOR)

    def done(endpoint: Endpoint, **fields: object) -> Any:
        answer = call(service, endpoint, actor, fields)
        assert answer.code == 0, answer.raw
        return answer

    for fid in (BLOCKED, ENEMY):
        assert modify(service, actor, fid, 5).code == 0
    group = done(e.CREATE_GROUP, tag="私密").data["tagid"]
    done(e.SET_MEMBERS, fids=FRIEND, tagids=f"{group},-10")
    done(e.SET_MEMBERS, fids=STRANGER, tagids=-10)
    done(e.RENAME_GROUP, tagid=group, name="更私密")
    for _ in range(3):
        done(e.MUTUAL, mid=FRIEND)  # a visit
    service.import_edges([EdgeRow(follower=ACTOR, followed=SECRET, time=5, kind="whisper")])
    owned = [one for one in make_content(make_world(1, 200, 0), 1) if one.owner == HERO]
    documents = [replace(one, owner=ACTOR) for one in owned if one.kind in PRIVATE]
    assert {one.kind for one in documents} == PRIVATE
    changed = replace(PROFILE, coins=77, moral=3, birthday="2001-02-03", email=False)
    documents += [
        profile.PROFILE.entry(ACTOR, changed),
        mine.LATER.entry(ACTOR, mine.Later(7, 1, mine.FINISHED)),
    ]
    service.do(lambda store: store.put(documents))
    service.do(lambda store: marks.mute(store, ACTOR, STRANGER, None, 9))
    service.do(lambda store: marks.dismiss(store, ACTOR, ENEMY, 9))
    service.set_privacy(ACTOR, refuse_follows=True)
    service.access_key(ACTOR)


@pytest.mark.parametrize("name", ["open", pytest.param("documented", marks=pytest.mark.long)])
def test_nobody_else_sees_what_an_account_does_alone(name: str) -> None:
    clock = Clock()
    clock.ns = time.time_ns()
    with running(name, clock=clock) as service:
        sessions = prepare(service)
        before = {who: Reader(service, one).everything() for who, one in sessions.items()}
        own = Reader(service, service.sign_in(ACTOR)).everything()
        act(service)
        after = {who: Reader(service, one).everything() for who, one in sessions.items()}
        for who, responses in before.items():
            assert len(responses) > 150
            for key, response in responses.items():
                if name == "documented" and key[0] in SHOWN_IN_DOCUMENTED:
                    continue
                assert after[who][key] == response, (who, key)
        # The actor itself does see it, or nothing was done.
        changed = Reader(service, service.sign_in(ACTOR)).everything()
        differs = {endpoint for (endpoint, _), body in changed.items() if body != own[endpoint, _]}
    assert differs >= {
        *("relation.groups", "relation.group_members", "relation.groups_of", "relation.specials"),
        *("relation.blacks", "relation.whispers", "relation.stat", "relation.get", "relation.many"),
        *("relation.mutual", "relation.followings", "me.toview", "me.coins", "me.history"),
        *("me.notes", "me.public_notes", "me.experience_log", "me.moral_log", "me.login_log"),
        *("me.events", "me.jury", "me.fan_report", "me.history_cursor", "me.info"),
    }
