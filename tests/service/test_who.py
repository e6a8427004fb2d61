"""Every endpoint for every kind of caller: the code, the data, and what changed in the store.

Who may what is written here by hand. It is compared with what the service answers, and with the
table of docs/security.md, which is made from the contract.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import combinations
from typing import Any

import apsw
import msgspec
import pytest

from guanxi.accounts.account import State
from guanxi.accounts.administrators import Scope
from guanxi.accounts.secrets import appsec, new_app, session_digest
from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.endpoints import BY_NAME, ENDPOINTS
from guanxi.contract.limits import DOCUMENTED
from guanxi.contract.sign import app_sign
from guanxi.emulator.dump import dumped
from guanxi.service.config import Settings
from guanxi.stores.port import Store
from guanxi.testing import RunningService, SignedIn, running
from tests import postgres
from tests.service.client import Answer, call, contents, fresh, modify, secret_of, send
from tests.service.scene import Scene
from tests.service.test_admin_access import ROUTES, SCOPES, ask, filled, made, needed
from tests.service.test_auth import put_session
from tests.service.test_rights import SIGNS_IN, WRITES
from tools import rights
from tools.rights import Sender

#: What nobody gets an answer of code 0 from: everything that is about the caller, the lists that
#: the documents show to whoever is signed in alone, and these few of a space.
NEEDS_SESSION = {
    *(name for name in BY_NAME if name.startswith(("me.", "relation."))),
    *("account.name_to_uid", "web.nav", "web.attentions"),
    *("login.cookie_info", "login.correspond", "login.cookie_refresh", "login.confirm_refresh"),
    *("space.like_effect", "space.medals"),
} - {"relation.stat", "relation.app_followings", "relation.game_followings"}
#: What an app's token opens. The documents have access_key with the relation API, and three more.
BY_ACCESS_KEY = {
    *(name for name in BY_NAME if name.startswith("relation.")),
    *("web.attentions", "me.jury", "space.up_stat"),
} - {"relation.app_followings", "relation.game_followings"}
#: What verifies an app's signature: that, and the list of the app's host.
APP_SIGNED = BY_ACCESS_KEY | {"relation.app_followings"}
#: What reads no cookie, and answers everybody alike.
NO_COOKIE = {
    *("account.card_by_mid", "account.legacy_name_to_uid", "account.check_nickname"),
    *("channel.season", "channel.series", "login.qr_generate", "login.qr_poll"),
    *("relation.app_followings", "relation.game_followings"),
    *("space.page", "space.notice", "space.supporters", "space.top_video", "space.masterpieces"),
    *("space.audios", "space.albums", "web.buvid", "web.device_report"),
}


#: The fields of a response that have the time.
_TIMES = re.compile(rb'"(timestamp|ts|server_time|now)":\d+')


class Cast:
    """A scene, and everybody who may come to it."""

    def __init__(self, service: RunningService) -> None:
        self.service, self.scene = service, Scene(service)
        caller = self.scene.caller
        self.again = service.sign_in(caller.mid)
        self.stranger, self.blocked = fresh(service, 2)
        for one in (self.scene.other, self.scene.third):
            assert modify(service, one, self.blocked.mid, 5).code == 0
        self.signed_out = service.sign_in(caller.mid)
        self.key, self.revoked = service.access_key(caller.mid), service.access_key(caller.mid)
        self.expired = put_session(service, caller.mid, expires=int(time.time()))
        self._close(self.signed_out.sessdata)
        self._close(self.revoked)
        self.apps = [new_app(secret_of(service)) for _ in range(2)]

    def as_cookie(self, endpoint: Endpoint, session: SignedIn | None, **more: object) -> Answer:
        return call(self.service, endpoint, session, {**self.scene.fields(endpoint), **more})

    def as_key(self, endpoint: Endpoint, key: str, **more: object) -> Answer:
        return self.as_cookie(endpoint, None, access_key=key, **more)

    def _close(self, token: str) -> None:
        assert self.service.do(lambda store: store.close_session(session_digest(token)))

    def csrf_in_query(self, endpoint: Endpoint) -> Answer:
        """Send the csrf in the query of a POST, and nothing else there."""
        if endpoint.method == "GET":
            return self.as_cookie(endpoint, self.scene.caller, csrf=self.scene.caller.bili_jct)
        caller = self.scene.caller
        return call(
            self.service,
            endpoint,
            None,
            self.scene.fields(endpoint),
            query={"csrf": caller.bili_jct},
            headers={"Cookie": caller.cookie},
        )

    def of_another_app(self, endpoint: Endpoint) -> Answer:
        """Send a good token with one app's key, signed with the secret of another."""
        (appkey, _), (other, _) = self.apps
        pairs = [(name, str(value)) for name, value in self.scene.fields(endpoint).items()]
        pairs += [("access_key", self.key), ("appkey", appkey)]
        sign = app_sign(pairs, appsec(secret_of(self.service), other))
        return self.as_key(endpoint, self.key, appkey=appkey, sign=sign)

    @contextmanager
    def state(self, state: State) -> Iterator[None]:
        self.service.set_state(self.scene.caller.mid, state)
        yield
        self.service.set_state(self.scene.caller.mid, State.NORMAL)


#: Every kind of caller: what is sent, and the column of the table that it belongs to.
CALLERS: dict[str, tuple[Sender, Callable[[Cast, Endpoint], Answer]]] = {
    "nobody": (Sender.NOBODY, lambda cast, one: cast.as_cookie(one, None)),
    "expired": (Sender.NOBODY, lambda cast, one: cast.as_cookie(one, cast.expired)),
    "signed out": (Sender.NOBODY, lambda cast, one: cast.as_cookie(one, cast.signed_out)),
    "revoked token": (Sender.NOBODY, lambda cast, one: cast.as_key(one, cast.revoked)),
    "no such token": (Sender.NOBODY, lambda cast, one: cast.as_key(one, "0" * 64)),
    "token as cookie": (
        Sender.NOBODY,
        lambda cast, one: cast.as_cookie(one, SignedIn(cast.scene.caller.mid, cast.key, "")),
    ),
    "cookie as token": (
        Sender.NOBODY,
        lambda cast, one: cast.as_key(one, cast.scene.caller.sessdata),
    ),
    "administration's token": (
        Sender.NOBODY,
        lambda cast, one: call(
            cast.service,
            one,
            None,
            cast.scene.fields(one),
            headers={"Authorization": f"Bearer {cast.service.admin_token}"},
        ),
    ),
    "no csrf": (
        Sender.WRONG_CSRF,
        lambda cast, one: cast.as_cookie(one, cast.scene.caller, csrf=""),
    ),
    "wrong csrf": (
        Sender.WRONG_CSRF,
        lambda cast, one: cast.as_cookie(one, cast.scene.caller, csrf="0" * 32),
    ),
    "another session's csrf": (
        Sender.WRONG_CSRF,
        lambda cast, one: cast.as_cookie(one, cast.scene.caller, csrf=cast.again.bili_jct),
    ),
    "another account's csrf": (
        Sender.WRONG_CSRF,
        lambda cast, one: cast.as_cookie(one, cast.scene.caller, csrf=cast.stranger.bili_jct),
    ),
    "token of another app": (Sender.OTHER_APP, Cast.of_another_app),
    "app token": (Sender.ACCESS_KEY, lambda cast, one: cast.as_key(one, cast.key)),
    "csrf in the query": (Sender.COOKIE, Cast.csrf_in_query),
    "owner": (Sender.COOKIE, lambda cast, one: cast.as_cookie(one, cast.scene.caller)),
}


def expected(name: str, sender: Sender) -> int:
    """Return the code of a valid request, by hand."""
    by_key = sender in (Sender.ACCESS_KEY, Sender.OTHER_APP)
    if sender is Sender.NOBODY or (by_key and name not in BY_ACCESS_KEY):
        if name in NEEDS_SESSION:
            return -101
        return -403 if sender is Sender.OTHER_APP and name in APP_SIGNED else 0
    if sender is Sender.OTHER_APP:
        return -403
    if sender is Sender.WRONG_CSRF:
        return -111 if name in WRITES | SIGNS_IN else 0
    return -102 if sender is Sender.BANNED and name in WRITES else 0


def test_the_table_is_what_was_written_by_hand() -> None:
    for endpoint in ENDPOINTS:
        for sender in Sender:
            assert rights.code(endpoint, sender) == expected(endpoint.name, sender), (
                endpoint.name,
                sender,
            )
        assert (endpoint.name in NO_COOKIE) == (not endpoint.auth), endpoint.name


# --- the walk ---


class Watch:
    """Says whether the store changed since the last look."""

    def __init__(self, service: RunningService) -> None:
        self._service = service
        self._file = None
        if not str(service.store).startswith("postgresql"):
            # Each commit of another connection changes its number: most requests make none.
            self._file = apsw.Connection(str(service.store), flags=apsw.SQLITE_OPEN_READONLY)
            self._version = self._file.pragma("data_version")
        self._seen = self._rows()

    def changed(self) -> bool:
        """Return whether rows differ from those of the last look."""
        if self._file is not None:
            version = self._file.pragma("data_version")
            if version == self._version:
                return False
            self._version = version
        before, self._seen = self._seen, self._rows()
        return before != self._seen

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _rows(self) -> object:
        if self._file is not None:
            return contents(self._service)
        return self._service.do(_dump)


async def _dump(store: Store) -> list[bytes]:
    lines = []
    async for line in dumped(store):
        [(part, row)] = msgspec.json.decode(line).items()
        if part == "sessions":
            row.pop("used", None)
        if part == "relations":
            row.pop("visits", None)  # counted, and written some seconds later
        lines.append(msgspec.json.encode([part, row]))
    return lines


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)]
)
def service(request: pytest.FixtureRequest) -> Iterator[RunningService]:
    settings = Settings(profile=DOCUMENTED, sign_ins_by_account=0, sign_ins_by_address=0)
    if request.param == "sqlite":
        with running(settings=settings) as one:
            yield one
    else:
        with postgres.schema() as address, running(store=address, settings=settings) as one:
            yield one


@pytest.fixture(scope="module")
def cast(service: RunningService) -> Cast:
    return Cast(service)


@pytest.fixture
def watch(service: RunningService) -> Iterator[Watch]:
    with closing(Watch(service)) as watch:
        yield watch


def code_of(answer: Answer) -> int:
    is_page = answer.headers["content-type"].startswith("text/html")
    body = {} if is_page or answer.raw[:1] != b"{" else answer.body
    return int(body.get("code", 0)) if isinstance(body, dict) else 0


def steady(answer: Answer) -> bytes:
    """Return the response, or nothing if it differs from one request to the next."""
    varying = (b'"qrcode_key"', b'"b_3"', b"access_id", b'"request_id"')
    if any(name in answer.raw for name in varying):
        return b""
    return _TIMES.sub(b"", answer.raw)


@pytest.mark.parametrize("name", BY_NAME)
def test_every_caller(name: str, service: RunningService, cast: Cast, watch: Watch) -> None:
    """Nothing changes unless the code is 0 and the endpoint writes; a refusal has no data."""
    endpoint = BY_NAME[name]
    if name in WRITES | SIGNS_IN:  # each finds what it can change
        cast = Cast(service)
        watch.changed()
    nobody = cast.as_cookie(endpoint, None)
    for who, (sender, sent) in CALLERS.items():
        answer, code = sent(cast, endpoint), expected(name, sender)
        assert code_of(answer) == code, (who, answer.raw)
        changed = watch.changed()
        assert changed == (code == 0 and name in WRITES | SIGNS_IN), who
        if code:
            assert answer.reason, who
            assert name == "web.nav" or "data" not in answer.body, who
        elif sender is Sender.NOBODY or name in NO_COOKIE:
            assert steady(answer) == steady(nobody), who
        if changed:
            cast = Cast(service)
            watch.changed()
    with cast.state(State.BANNED):
        watch.changed()
        answer = cast.as_cookie(endpoint, cast.scene.caller)
        assert code_of(answer) == expected(name, Sender.BANNED), answer.raw
        assert watch.changed() == (name in SIGNS_IN)


# --- another account, and one that is blocked ---

#: The codes of writes that another account sends with what belongs to the caller. What they change
#: is the sender's own.
FOREIGN = {
    "relation.modify": 0,
    "relation.batch_modify": 0,
    "relation.create_group": 0,
    "relation.rename_group": 22104,
    "relation.delete_group": -400,
    "relation.set_groups": 22104,
    "relation.copy_to_groups": 22104,
    "relation.move_between_groups": 22104,
    "me.edit": 0,
    "me.set_notice": -304,
    "me.clear_toview": 0,
    "me.delete_viewed": 0,
    "login.cookie_refresh": 86095,
    "login.confirm_refresh": -400,
}
#: The reads that show the caller's own things.
_OWN = [
    *(e.GROUPS, e.FRIENDS, e.BLACKS, e.WHISPERS, e.SPECIALS, e.TOVIEW, e.MY_INFO, e.GROUP_MEMBERS),
    *(e.GROUPS_OF, e.COINS, e.NOTES, e.SPACE_NOTICE, e.COOKIE_INFO, e.LOGIN_LOG),
]


def own_view(cast: Cast) -> list[bytes]:
    """Return what the caller sees of its own."""
    own = {"mid": cast.scene.caller.mid}
    shown = []
    for endpoint in _OWN:
        more = own if endpoint is e.SPACE_NOTICE else {}
        answer = cast.as_cookie(endpoint, cast.scene.caller, **more)
        body = answer.body
        assert body["code"] == 0, endpoint.name
        if endpoint is e.COOKIE_INFO:
            body["data"].pop("timestamp")
        shown.append(msgspec.json.encode(body))
    return shown


def test_another_account_changes_nothing_of_the_caller(service: RunningService) -> None:
    cast = Cast(service)
    assert FOREIGN.keys() == WRITES | SIGNS_IN
    for name, code in FOREIGN.items():
        before = own_view(cast)
        for session in (cast.stranger, cast.blocked):
            wanted = 22002 if session is cast.blocked and name == "relation.modify" else code
            answer = cast.as_cookie(BY_NAME[name], session)
            assert answer.code == wanted, (name, answer.raw)
            if name in ("relation.create_group", "me.edit"):
                break  # a name is used once
        assert own_view(cast) == before, name


def test_whom_an_account_blocks_sees_what_a_stranger_sees(service: RunningService) -> None:
    """Of every endpoint that reads, byte for byte, whatever it names: nothing says so."""
    cast = Cast(service)
    with closing(Watch(service)) as watch:
        for endpoint in ENDPOINTS:
            if endpoint.name in WRITES | SIGNS_IN | {"login.correspond"}:
                continue  # this page has a token of the session
            answers = [
                _of(cast.as_cookie(endpoint, session), session)
                for session in (cast.stranger, cast.blocked)
            ]
            assert answers[0] == answers[1], endpoint.name
        assert not watch.changed()
    batches = []
    for session in (cast.stranger, cast.blocked):
        many = f"{cast.scene.other.mid},{cast.scene.third.mid}"
        batch = {"fids": many, "act": 1, "re_src": 11}
        batches.append(call(service, e.BATCH_MODIFY, session, batch))
    assert [one.code for one in batches] == [0, 0]
    assert batches[1].data == {"failed_fids": [cast.scene.other.mid, cast.scene.third.mid]}


def _of(answer: Answer, session: SignedIn) -> bytes:
    """Return a response without what belongs to its own reader."""
    text = steady(answer).replace(str(session.mid).encode(), b"MID")
    for secret in (session.sessdata, session.bili_jct):
        text = text.replace(secret.encode(), b"SECRET")
    return text


# --- the administration ---


def test_a_refused_administrator_changed_nothing(service: RunningService, watch: Watch) -> None:
    """Every route with every set of scopes that does not permit it, and with what is no token."""
    session, key = fresh(service), ""
    service.add_accounts(7, 8)
    key = service.access_key(7)
    tokens: dict[frozenset[Scope], str] = {
        scopes: made(service, "-".join(sorted(scopes)) + ".who", *scopes) for scopes in SCOPES
    }
    assert len(tokens) == sum(1 for size in (1, 2, 3) for _ in combinations(Scope, size))
    bad = {"": 401, key: 401, session[0].sessdata: 401}
    watch.changed()
    for method, path in ROUTES:
        for token, status in bad.items():
            answer = ask(service, token, method, filled(path), _BODY.get((method, path)))
            assert answer.status == status, (method, path)
            cookie = {"Cookie": session[0].cookie}
            assert send(service.admin_url, method, filled(path), headers=cookie).status == 401
        for scopes, token in tokens.items():
            if not needed(method, path) & scopes:
                answer = ask(service, token, method, filled(path), _BODY.get((method, path)))
                assert answer.status == 403, (method, path, scopes)
                assert set(answer.body) == {"error"}
    assert not watch.changed()


#: Bodies that some routes would act on.
_BODY: Mapping[tuple[str, str], Any] = {
    ("PUT", "/accounts/{mid:int}"): {"name": "changed"},
    ("PUT", "/accounts/{mid:int}/state"): {"state": "banned"},
    ("POST", "/accounts/{mid:int}/sessions"): {},
    ("POST", "/logins/agree"): {"key": "x", "mid": 7},
    ("POST", "/tokens"): {"name": "more", "scopes": ["write"]},
}
