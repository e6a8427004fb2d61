"""The client: it owns a transport, drives conversations and paces requests."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Self, TypeVar

from msgspec import structs

from guanxi.contract.endpoint import Endpoint
from guanxi.contract.endpoints import SPACE_PAGE
from guanxi.contract.errors import (
    ArgsException,
    ForkedException,
    ListIncomplete,
    NetworkException,
    TimeoutException,
)
from guanxi.contract.pages import access_id_ends
from guanxi.contract.structs import Nav
from guanxi.sdk import answers, conversation, hosts, login, tallied
from guanxi.sdk.aio.account import AccountArea
from guanxi.sdk.aio.channel import ChannelArea
from guanxi.sdk.aio.login import LoginArea
from guanxi.sdk.aio.me import MeArea
from guanxi.sdk.aio.relation import RelationArea
from guanxi.sdk.aio.space import SpaceArea
from guanxi.sdk.aio.web import WebArea
from guanxi.sdk.conversation import (
    Budget,
    Conversation,
    Done,
    NeedsAccessId,
    NeedsMixinKey,
    Page,
    Send,
    Settings,
    Step,
    Wait,
)
from guanxi.sdk.credential import Credential
from guanxi.sdk.losses import FORKED, OVER
from guanxi.sdk.pace import Clock, Pace, longest
from guanxi.sdk.requests import Params, checked, find
from guanxi.sdk.settings import (
    MAX_RESPONSE,
    TIMEOUT,
    WBI_TRIES,
    checked_max_response,
    checked_timeout,
    checked_wbi_tries,
)
from guanxi.sdk.transport import Request, Response, Transport, transport_name
from guanxi.sdk.turns import turn_of

T = TypeVar("T")


class Client:
    """A client of one server, or of the documents' hosts.

    Use it as ``async with Client() as client``, which closes its connections at the end. Its areas
    (``relation``, ``space``, ``channel``, ``me``, ``login``, ``account``, ``web``) have a typed
    method for each endpoint; ``call`` calls any endpoint and returns plain data.

    Args:
        credential: the caller's. None means GUANXI_SESSDATA and GUANXI_BILI_JCT of the
            environment; an empty ``Credential()`` calls signed out.
        base_url: the server that gets every request, paths unchanged. None means
            GUANXI_BASE_URL; if that is unset too, or for an empty text, each request goes to its
            endpoint's documented host, over https.
        proxy: an http, https or socks5 address; None means the credential's. The proxies of
            the environment are ignored.
        pace: the pauses between requests. None means no pauses on loopback, private addresses
            and ``own_hosts``, and ``Pace()`` elsewhere. The requests of one account to one host
            wait for each other, whichever client, thread, event loop or process of the user
            sends them.
        transport: sends the requests instead of the network. The client closes it.
        clock: the source of the time, and what waits; for tests.
        own_hosts: names of your own servers, which need no pauses. The documents' hosts are
            refused.
        timeout: seconds that one call may take, with all its requests, retries and the waits
            before these; more than 0, less than 86,400. None means 30, and with a pace the longest
            waits after -799 in addition. The pauses of ``pace`` do not count. Each page of a
            list is a call of its own.
        max_response: the most bytes of a response, decompressed, that are read.
        wbi_tries: how many times a call with a wbi signature is signed and sent before it fails,
            each time with new keys; 1 to 10.

    Raises ``ArgsException`` for an invalid ``base_url``, ``proxy``, ``own_hosts``, ``timeout``,
    ``max_response`` or ``wbi_tries``, and ``ForkedException`` in a grandchild process (see there).
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
        timeout: float | None = None,
        max_response: int = MAX_RESPONSE,
        wbi_tries: int = WBI_TRIES,
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
        self._host = hosts.paced_name(base)
        self._pace = Pace() if pace is None and not own else pace
        busy = self._pace.busy if self._pace else ()
        seconds = TIMEOUT + longest(busy) if timeout is None else checked_timeout(timeout)
        self._settings = Settings(
            base=base,
            cursors=not hosts.is_documented(base),
            busy=busy,
            wbi_tries=checked_wbi_tries(wbi_tries),
            now=self._clock.time,
            monotonic=self._clock.monotonic,
            timeout=seconds,
        )
        self._process = os.getpid()
        self._mixin_key: str | None = None
        self._key_lock = asyncio.Lock()
        #: Access ids by mid, each with its time of expiry in seconds.
        self._access_ids: dict[str, tuple[str, float]] = {}
        self._access_id_lock = asyncio.Lock()
        self._pace_lock = asyncio.Lock()
        self._last_end: float | None = None
        self._closed = False
        checked_max_response(max_response)
        self._transport = transport or _network(self._proxy, seconds, max_response)

    @property
    def credential(self) -> Credential:
        """The client's credential, for calls that pass no ``credential`` of their own."""
        return self._credential

    @property
    def base_url(self) -> str | None:
        """The address of the server; None for the documents' hosts."""
        return self._settings.base

    @property
    def pace(self) -> Pace | None:
        """The pauses between the client's requests; None for none."""
        return self._pace

    async def call(
        self,
        endpoint: Endpoint | str,
        params: Params | None = None,
        *,
        credential: Credential | None = None,
    ) -> Any:
        """Call an endpoint and return its decoded ``data`` as plain values.

        None if the server sends no data; text for an HTML page. A GET is sent up to three times if
        its connection is lost; any request is repeated after code -799, as often as ``pace``
        allows.

        Args:
            endpoint: an endpoint of the contract, or its name, as ``relation.followings``.
            params: parameters by wire name; only the server checks them. None is omitted, True and
                False are sent as 1 and 0, iterables are joined by commas.
            credential: the caller's, for this call only, None for the client's; it must not name
                another proxy.

        Raises ``ResponseCodeException`` (a code other than 0), ``NetworkException`` (no response,
        or an HTTP error), ``AnswerException`` (a response outside the contract),
        ``WbiRetryTimesExceedException`` (every signature was refused), ``InitialStateException``
        (the access id cannot be read), ``CredentialException`` (the credential lacks a needed part;
        nothing was sent), ``ArgsException`` (no such endpoint, its path lacks a parameter, a text
        has a lone surrogate, a parameter is of an unsupported type, or the credential names another
        proxy), ``RuntimeError`` (the client is closed).
        """
        account = self._account(credential)
        steps = conversation.call(find(endpoint), params, account, self._settings)
        return await self._run(steps)

    async def pages(
        self,
        endpoint: Endpoint | str,
        params: Mapping[str, Any],
        start: Mapping[str, Any] | None = None,
        *,
        credential: Credential | None = None,
        partial: bool = False,
        kind: Any = Any,
    ) -> AsyncIterator[Page]:
        """Yield the pages of a list, each with its items, its data and the next position.

        The other arguments are as in ``call``, but a page number or cursor in ``params`` is
        ignored. The pages end with code 22007, an empty cursor or the server's mark of the last
        page; without such marks, with a page without new items. The last page's ``next`` is None,
        except before code 22007.

        Args:
            start: the ``next`` of an earlier page of the same list, also of another client, to
                go on after it; None for the first page.
            partial: True to take what the server shows of a list, without ``ListIncomplete``.
            kind: a TypedDict that each response's data is decoded to, faster than to plain values;
                it has the list, whose items have the fields that identify them, and with those
                that the pages go by (``total``, ``cursor``) what the caller needs.

        Raises as ``call``, during the iteration, ``ArgsException`` if the endpoint has no pages or
        ``start`` is not a position in its list, and ``AnswerException`` if a list is not an array,
        an item has no key, or the position of the next page is missing or repeats. Raises
        ``ListIncomplete`` after the last page if the list has more than all pages together; its
        ``items`` are the undecoded items that were new. A list that became shorter meanwhile is no
        error. Without cursors the items are kept until the end for that, unless ``partial`` is set.
        """
        account = self._account(credential)
        steps = conversation.run_pages(
            find(endpoint), params, start, account, self._settings, partial=partial, kind=kind
        )
        step = conversation.advance(steps)
        while not isinstance(step, Done):
            if isinstance(step, Page):
                yield step
                step = conversation.advance(steps)
            else:
                step = conversation.advance(steps, await self._perform(step))

    async def walk(
        self,
        endpoint: Endpoint | str,
        params: Mapping[str, Any],
        *,
        credential: Credential | None = None,
        partial: bool = False,
    ) -> AsyncIterator[Any]:
        """Yield every decoded item of a list once: the new items of ``pages``. Raises as it does.

        The arguments are as in ``pages``.
        """
        async for page in self.pages(endpoint, params, credential=credential, partial=partial):
            for item in page.new:
                yield item

    async def call_as(self, endpoint: Endpoint, kind: type[T], **values: Any) -> T:
        """Call an endpoint with checked parameters and return its data as ``kind``.

        ``values`` are parameters by wire name; None is omitted, unknown names are sent unchecked.
        The client's credential is used. Raises as ``call``, and ``ArgsException``, with the
        typed method's argument name, for a missing or invalid parameter, before anything is sent.
        """
        params = checked(endpoint, values)
        steps = conversation.call(endpoint, params, self._credential, self._settings, kind)
        value: T = await self._run(steps)
        return value

    async def call_whole(
        self, endpoint: Endpoint, kind: type[T], item: type[Any], **values: Any
    ) -> T:
        """Return a list that comes in one response, as ``call_as``, after counting its items.

        Raises ``ListIncomplete`` if it has fewer than its total says, with the returned ones as
        ``item``, and as ``call_as``.
        """
        data = await self.call(endpoint, checked(endpoint, values))
        try:
            tallied.check_whole(data, endpoint)
        except ListIncomplete as error:
            path = tallied.items_path(endpoint)
            raise error.of(
                [answers.typed(one, item, endpoint, path) for one in error.items]
            ) from None
        return answers.typed(data, kind, endpoint)

    async def execute(self, endpoint: Endpoint, **values: Any) -> None:
        """Call an endpoint and ignore its data. Arguments and errors are as in ``call_as``."""
        await self.call(endpoint, checked(endpoint, values))

    async def iter_items(
        self, endpoint: Endpoint, kind: type[T], *, partial: bool = False, **values: Any
    ) -> AsyncIterator[T]:
        """Yield every item of a list as ``kind``, once, with checked parameters.

        ``values`` are as in ``call_as``, without the page; ``partial`` is as in ``pages``. Raises
        as ``call_as`` and ``walk``, during the iteration: for invalid parameters when the first
        item is requested. The items of ``ListIncomplete`` are of type ``kind``.
        """
        path = tallied.items_path(endpoint)
        params = checked(endpoint, {**conversation.first_page_params(endpoint), **values})
        try:
            async for item in self.walk(endpoint, params, partial=partial):
                yield answers.typed(item, kind, endpoint, path)
        except ListIncomplete as error:
            items = [answers.typed(item, kind, endpoint, path) for item in error.items]
            raise error.of(items) from None

    async def nav(self, credential: Credential | None = None) -> Nav:
        """Return who is signed in, and the wbi keys, also when signed out. See ``web.nav``.

        None means the client's credential. Raises as ``call``, but not ``NotSignedIn``.
        """
        return await self._run(conversation.nav(self._account(credential), self._settings))

    async def access_id(self, mid: int) -> str | None:
        """Return the access id in the page of the space of ``mid``, None if the page has none.

        See ``space.access_id``, also for the errors.
        """
        return await self._access_id(checked(SPACE_PAGE, {"mid": mid})["mid"])

    async def sign_in(self, key: str) -> Credential | None:
        """Wait for the QR sign-in ``key``; return its credential, None if the QR code expires.

        See ``login.qr_wait``, also for the errors.
        """
        return await self._run(login.sign_in(key, self._settings))

    async def check_refresh(self, credential: Credential | None = None) -> bool:
        """Return whether the server recommends refreshing the cookies of ``credential``.

        None means the client's. See ``LoginArea.check_refresh``, also for the errors.
        """
        return await self._run(login.check_refresh(self._account(credential), self._settings))

    async def refresh(self, credential: Credential | None = None) -> None:
        """Replace the cookies of a credential in place, None for the client's.

        See ``LoginArea.refresh``, also for the errors.
        """
        await self._run(login.refresh(self._account(credential), self._settings))

    async def close(self) -> None:
        """Close this client's transport, even one passed to it; closing again does nothing.

        Calls of a closed client raise ``RuntimeError``.
        """
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
        return f"{type(self).__name__}({self._settings.base or 'documented hosts'})"

    def _account(self, credential: Credential | None) -> Credential:
        if credential is None:
            return self._credential
        if credential.proxy not in {None, self._proxy}:
            raise ArgsException(
                "proxy: the credential has another proxy than the client; use one client per proxy"
            )
        return credential

    async def _run(self, steps: Conversation[T]) -> T:
        """Perform every step of a conversation and return its result.

        Raises what the conversation raises, and the errors of ``_perform``.
        """
        step = conversation.advance(steps)
        while not isinstance(step, Done):
            step = conversation.advance(steps, await self._perform(step))
        value: T = step.value
        return value

    async def _perform(self, step: Step) -> object:
        """Perform one step and return the reply to it, None for a wait.

        The ``NetworkException`` of a ``Send`` step is returned; every other error is raised.
        """
        if os.getpid() != self._process:  # before any lock, which the fork may have left locked
            raise ForkedException(FORKED)
        if isinstance(step, NeedsMixinKey):
            return await self._get_mixin_key(step.stale, step.budget)
        if isinstance(step, NeedsAccessId):
            return await self._access_id(step.mid, step.budget)
        if isinstance(step, Send):
            try:
                return await self._send(step.request, step.budget)
            except NetworkException as error:
                return error
        await self._wait(step)
        return None

    async def _wait(self, step: Wait) -> None:
        """Wait; if the server is busy, so do the account's other calls, also of other clients."""
        if self._pace is None:
            await self._clock.sleep(step.seconds)
            return
        async with self._pace_lock:
            if step.credential is not None:
                turn = turn_of(self._clock, self._host, step.credential)
                turn.postpone(self._clock.monotonic() + step.seconds)
            await self._clock.sleep(step.seconds)

    async def _get_mixin_key(self, stale: str | None, budget: Budget) -> str:
        """Return the wbi mixin key: the cached one, or a new one if that is missing or ``stale``.

        Concurrent callers share one request. Raises as ``call``.
        """
        begin = self._clock.monotonic()
        async with self._key_lock:
            self._add_paced(budget, begin)
            key = self._mixin_key
            if key is None or key == stale:
                steps = conversation.mixin_key(self._settings, budget)
                key = self._mixin_key = await self._run(steps)
            return key

    async def _access_id(self, mid: str | int, budget: Budget | None = None) -> str | None:
        """Return an account's access id, None if its page has none.

        Ids are cached until they expire; malformed ones are not cached. Only one is requested at a
        time, so that concurrent callers for one account share it. Raises as ``call``.
        """
        begin = self._clock.monotonic()
        async with self._access_id_lock:
            self._add_paced(budget, begin)
            now = self._clock.time()
            cached = self._access_ids.get(str(mid))
            if cached is not None and now < cached[1]:
                return cached[0]
            access_id = await self._run(conversation.access_id(str(mid), self._settings, budget))
            expiry = None if access_id is None else access_id_ends(access_id)
            valid = {owner: entry for owner, entry in self._access_ids.items() if now < entry[1]}
            if access_id is not None and expiry is not None:
                valid[str(mid)] = (access_id, expiry)
            self._access_ids = valid
            return access_id

    def _add_paced(self, budget: Budget | None, begin: float) -> None:
        """Add the time since ``begin`` to a budget if there is a pace: it had pauses of others."""
        if self._pace is not None and budget is not None:
            budget.add(self._clock.monotonic() - begin)

    async def _send(self, request: Request, budget: Budget) -> Response:
        """Send a request; with a pace, one at a time and each after its pause.

        Raises ``RuntimeError`` if the client is closed, and ``NetworkException`` (status 0) if
        there is no response.
        """
        if self._closed:
            raise RuntimeError("the client is closed; create a new one")
        if self._pace is None:
            return await self._transport.send(_timed(request, budget))
        begin = self._clock.monotonic()
        async with self._pace_lock:
            pause = self._pace.pause(writes=request.writes)
            if self._last_end is not None:
                remaining = self._last_end + pause - self._clock.monotonic()
                await self._clock.sleep(max(0.0, remaining))
            turn = turn_of(self._clock, self._host, budget.credential)
            while (wait := turn.take(self._clock.monotonic(), pause)) > 0:
                await self._clock.sleep(wait)
            try:
                self._add_paced(budget, begin)
                return await self._transport.send(_timed(request, budget))
            finally:
                self._last_end = self._clock.monotonic()
                turn.finish(self._last_end)


def _timed(request: Request, budget: Budget) -> Request:
    """Return a request with the time that its call has left; raise ``TimeoutException`` if none."""
    left = budget.left()
    if left <= 0:
        raise TimeoutException(0, OVER, sent=False)
    return structs.replace(request, timeout=left)


def _network(proxy: str | None, timeout: float, max_response: int) -> Transport:
    """Return the chosen transport; without a choice pyreqwest's, else the other if that can start.

    They are imported late: they are slow to load, and each may be missing.
    """
    chosen = transport_name()
    if chosen != "httpx2":
        try:
            from guanxi.sdk.aio.network import Network

            return Network(proxy=proxy, timeout=timeout, max_response=max_response)
        except (ImportError, ForkedException):
            if chosen or find_spec("httpcore2") is None:
                raise
    from guanxi.sdk import httpcore

    return httpcore.Network(proxy=proxy, timeout=timeout, max_response=max_response)
