"""The client: owns a transport, drives conversations, keeps the pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from guanxi.contract.endpoint import Endpoint
from guanxi.contract.endpoints import SPACE_PAGE
from guanxi.contract.errors import ArgsException, NetworkException
from guanxi.contract.pages import access_id_ends
from guanxi.contract.structs import Nav
from guanxi.sdk import answers, conversation, hosts, login
from guanxi.sdk.aio.account import AccountArea
from guanxi.sdk.aio.channel import ChannelArea
from guanxi.sdk.aio.login import LoginArea
from guanxi.sdk.aio.me import MeArea
from guanxi.sdk.aio.relation import RelationArea
from guanxi.sdk.aio.space import SpaceArea
from guanxi.sdk.aio.web import WebArea
from guanxi.sdk.conversation import Conversation, Done, Found, Key, Page, Setting, Step
from guanxi.sdk.credential import Credential
from guanxi.sdk.pace import Clock, Pace
from guanxi.sdk.requests import Params, checked, find
from guanxi.sdk.transport import Request, Response, Transport

T = TypeVar("T")
_LONGEST = 86_400.0


class Client:
    """A client of one server, or of the documents' hosts.

    Use it as ``async with Client() as client``: it owns the connections that it opens, and leaves
    none. Its areas (``relation``, ``space``, ``channel``, ``me``, ``login``, ``account``, ``web``)
    hold a typed method for each endpoint; ``call`` takes any endpoint as it is.

    Args:
        credential: who is calling. None takes GUANXI_SESSDATA and GUANXI_BILI_JCT from the
            environment; an empty ``Credential()`` is nobody.
        base_url: where everything goes, paths unchanged. None takes GUANXI_BASE_URL; where that is
            not set either, or for an empty text, each endpoint's documented host, over https.
        proxy: an http, https or socks5 address; None takes the credential's. The environment's
            proxies are not looked at.
        pace: slower pauses than the default ones, or a pace for a server that needs none. Without
            it there is none on loopback, private addresses and ``own_hosts``, and ``Pace()``
            elsewhere.
        transport: what to send through instead of the network. The client closes it.
        clock: what to ask for the time, and to wait by.
        own_hosts: names of servers that are one's own. The documents' hosts can not be.
        timeout: seconds that one request may take, its answer included.

    Raises ``ArgsException`` for a setting that cannot be right.
    """

    def __init__(
        self,
        *,
        credential: Credential | None = None,
        base_url: str | None = None,
        proxy: str | None = None,
        pace: Pace | None = None,
        transport: Transport | None = None,
        clock: Clock | None = None,
        own_hosts: Iterable[str] = (),
        timeout: float = 30.0,
    ) -> None:
        self.relation = RelationArea(self)
        self.web = WebArea(self)
        self.account = AccountArea(self)
        self.space = SpaceArea(self)
        self.channel = ChannelArea(self)
        self.me = MeArea(self)
        self.login = LoginArea(self)
        self._credential = Credential.from_environment() if credential is None else credential
        self._proxy = hosts.proxy_address(proxy or self._credential.proxy)
        self._clock = clock or Clock()
        base = hosts.base_address(base_url)
        own = hosts.is_own(base, hosts.own_names(own_hosts))
        self._pace = Pace() if pace is None and not own else pace
        busy = self._pace.busy if self._pace else ()
        self._setting = Setting(
            base=base,
            cursors=not hosts.is_documented(base),
            busy=busy,
            now=self._clock.time,
        )
        self._mixin_key: str | None = None
        self._keys = asyncio.Lock()
        #: Access ids by account, each with the time (seconds) that it ends at.
        self._access_ids: dict[str, tuple[str, float]] = {}
        self._pages = asyncio.Lock()
        self._turn = asyncio.Lock()
        self._last_end: float | None = None
        self._closed = False
        self._transport = transport or _network(self._proxy, timeout)

    @property
    def credential(self) -> Credential:
        """Who is calling, where a call names nobody else."""
        return self._credential

    async def call(
        self,
        endpoint: Endpoint | str,
        params: Params | None = None,
        *,
        credential: Credential | None = None,
    ) -> Any:
        """Call an endpoint and return its ``data`` as decoded; None where the server sends none.

        Args:
            endpoint: an endpoint of the contract, or its name, as ``relation.followings``.
            params: parameters by wire name, unchecked: the server judges them. None is left out,
                truth goes as 1 and 0, several values are joined by commas.
            credential: who is calling, for this call alone.

        Raises ``ResponseCodeException`` (a code other than 0), ``NetworkException`` (no answer),
        ``AnswerException`` (an answer outside the contract), ``CredentialException`` (the endpoint
        needs what the credential lacks; nothing was sent), ``ValueError`` (no such endpoint).
        """
        account = self._account(credential)
        talk = conversation.call(find(endpoint), params, account, self._setting)
        return await self._run(talk)

    async def walk(
        self,
        endpoint: Endpoint | str,
        params: Mapping[str, Any],
        *,
        credential: Credential | None = None,
    ) -> AsyncIterator[Any]:
        """Every item of a list, as decoded, once each, page after page.

        ``params`` are as in ``call``, without those that page. The walk ends where the server says
        so: an empty cursor, nothing more, a page without anything new, or 22007. Raises as ``call``
        does.
        """
        account = self._account(credential)
        talk = conversation.walk(find(endpoint), params, account, self._setting)
        step = conversation.advance(talk)
        while not isinstance(step, Done):
            if isinstance(step, Found):
                for item in step.items:
                    yield item
                step = conversation.advance(talk)
            else:
                step = conversation.advance(talk, await self._answer(step))

    async def ask(self, endpoint: Endpoint, kind: type[T], **values: Any) -> T:
        """Call with checked parameters and return the data as ``kind``; what typed methods do.

        Raises as ``call`` does, and ``TypeError`` or ``ValueError`` for a parameter, with its name.
        """
        params = checked(endpoint, values)
        talk = conversation.call(endpoint, params, self._credential, self._setting, kind)
        value: T = await self._run(talk)
        return value

    async def tell(self, endpoint: Endpoint, **values: Any) -> None:
        """As ``ask``, of an endpoint that answers without data."""
        await self.call(endpoint, checked(endpoint, values))

    async def items(self, endpoint: Endpoint, kind: type[T], **values: Any) -> AsyncIterator[T]:
        """Walk with checked parameters; each item as ``kind``."""
        place = conversation.item_place(endpoint)
        params = checked(endpoint, {**conversation.beginning(endpoint), **values})
        async for item in self.walk(endpoint, params):
            yield answers.typed(item, kind, endpoint, place)

    async def nav(self, credential: Credential | None = None) -> Nav:
        """Who is signed in, and the wbi keys; signed out too. See ``web.nav``."""
        return await self._run(conversation.nav(self._account(credential), self._setting))

    async def access_id(self, mid: int) -> str | None:
        """The access id in the page of an account's space. See ``space.access_id``."""
        return await self._access_id(checked(SPACE_PAGE, {"mid": mid})["mid"])

    async def sign_in(self, key: str) -> Credential | None:
        """The credential of a sign-in by code. See ``login.qr_wait``."""
        return await self._run(login.sign_in(key, self._setting))

    async def check_refresh(self, credential: Credential | None = None) -> bool:
        """Whether cookies should be refreshed. See ``login.check_refresh``."""
        return await self._run(login.check_refresh(self._account(credential), self._setting))

    async def refresh(self, credential: Credential | None = None) -> None:
        """Refresh cookies in place. See ``login.refresh``."""
        await self._run(login.refresh(self._account(credential), self._setting))

    async def close(self) -> None:
        """Close every connection. A closed client refuses to call; closing twice does nothing."""
        if not self._closed:
            self._closed = True
            await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._setting.base or 'documented hosts'})"

    def _account(self, credential: Credential | None) -> Credential:
        if credential is None:
            return self._credential
        if credential.proxy not in {None, self._proxy}:
            raise ArgsException("proxy: the credential names another than the client's")
        return credential

    async def _run(self, talk: Conversation[T]) -> T:
        """Do what a conversation asks for, step by step, and return what it comes to."""
        step = conversation.advance(talk)
        while not isinstance(step, Done):
            step = conversation.advance(talk, await self._answer(step))
        value: T = step.value
        return value

    async def _answer(self, step: Step) -> object:
        if isinstance(step, Key):
            return await self._key(step.stale)
        if isinstance(step, Page):
            return await self._access_id(step.mid)
        if isinstance(step, Request):
            try:
                return await self._send(step)
            except NetworkException as lost:
                return lost
        await self._wait(step.seconds)
        return None

    async def _wait(self, seconds: float) -> None:
        if self._pace is None:
            await self._clock.sleep(seconds)
            return
        async with self._turn:  # a server that is too busy for one call is so for all
            await self._clock.sleep(seconds)

    async def _key(self, stale: str | None) -> str:
        """A mixin key other than the stale one, fetched by one call for all that wait for it."""
        async with self._keys:
            key = self._mixin_key
            if key is None or key == stale:
                key = self._mixin_key = await self._run(conversation.mixin_key(self._setting))
            return key

    async def _access_id(self, mid: str | int) -> str | None:
        """An account's access id, fetched by one call for all that wait for it, kept to its end."""
        async with self._pages:
            now = self._clock.time()
            kept = self._access_ids.get(str(mid))
            if kept is not None and now < kept[1]:
                return kept[0]
            found = await self._run(conversation.access_id(str(mid), self._setting))
            ends = None if found is None else access_id_ends(found)
            left = {one: kept for one, kept in self._access_ids.items() if now < kept[1]}
            if found is not None and ends is not None:
                left[str(mid)] = (found, ends)
            self._access_ids = left
            return found

    async def _send(self, request: Request) -> Response:
        """Send at once, or where a pace is kept one at a time, each after its pause."""
        if self._closed:
            raise RuntimeError("the client is closed")
        if self._pace is None:
            return await self._transport.send(request)
        async with self._turn:
            if self._last_end is not None:
                pause = self._pace.pause(writes=request.writes)
                over = self._last_end + pause - self._clock.monotonic()
                await self._clock.sleep(max(0.0, over))
            try:
                return await self._transport.send(request)
            finally:
                self._last_end = self._clock.monotonic()


def _network(proxy: str | None, timeout: float) -> Transport:
    if not 0 < timeout < _LONGEST:
        raise ArgsException("timeout: must be more than 0 seconds, and less than a day")
    from guanxi.sdk.aio.network import Network  # costs a start, and not everybody needs it

    return Network(proxy=proxy, timeout=timeout)
