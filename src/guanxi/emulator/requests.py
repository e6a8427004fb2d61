"""The requests that a service got: the last of them, and assertions about them."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Lock

from msgspec import Struct

from guanxi.emulator.targets import Pattern, canonical, nearest, of_name
from guanxi.service.exchange import NO_ENDPOINT

#: Parameters that are secrets, or are made from secrets: recorded without their values.
SECRETS = frozenset(
    {
        *("csrf", "access_key", "sign", "w_rid", "w_webid", "refresh_csrf", "refresh_token"),
        *("qrcode_key", "SESSDATA", "bili_jct"),
    }
)
HIDDEN = "…"
#: How many requests are kept, and how many of them a message shows.
KEPT, _SHOWN = 1_000, 10


class Recorded(Struct, frozen=True, kw_only=True):
    """A finished request and its response, without secrets."""

    #: Counts the requests of the service, from 1.
    number: int
    #: When it arrived, by the service's clock, in seconds since the Unix epoch.
    time: float
    method: str
    path: str
    #: The endpoint's name, ``none`` if no endpoint has this method and path.
    endpoint: str
    #: Query, body and path together, as sent, by wire name. A secret's value is ``…``.
    params: dict[str, str]
    #: The caller, 0 for nobody.
    mid: int
    #: The HTTP status and the code of the response; None where no response was sent, and a code is
    #: None too where the response has none.
    status: int | None
    code: int | None
    milliseconds: float
    #: The faults and the stub that the response comes from, as texts.
    fault: str = ""
    stub: bool = False

    @property
    def is_answered(self) -> bool:
        """Return whether an endpoint or a stub answered, or a page such as ``/docs``."""
        return self.stub or self.endpoint != NO_ENDPOINT or self.status == 200


class Requests:
    """The last requests, which the service's thread adds and a test reads."""

    def __init__(self, most: int = KEPT) -> None:
        """Keep the last ``most`` requests."""
        self._kept: deque[Recorded] = deque(maxlen=most)
        self._lock = Lock()
        self._count = 0

    def number(self) -> int:
        """Return the number of the next request."""
        with self._lock:
            self._count += 1
            return self._count

    def add(self, request: Recorded) -> None:
        with self._lock:
            self._kept.append(request)

    def clear(self) -> None:
        """Forget the requests, and count from 1 again."""
        with self._lock:
            self._kept.clear()
            self._count = 0

    def all(self) -> list[Recorded]:
        """Return the kept requests in the order in which they were answered."""
        with self._lock:
            return list(self._kept)

    def to(
        self,
        endpoint: str,
        params: Mapping[str, object] = {},
        *,
        by: int | None = None,
        code: int | None = None,
    ) -> list[Recorded]:
        """Return the requests to an endpoint or pattern that have these parameters.

        ``by`` is the caller's mid, ``code`` that of the response. Raise ValueError if no endpoint
        matches the pattern.
        """
        return [one for one in self._of(endpoint) if not _differences(one, params, by, code)]

    def _of(self, endpoint: str) -> list[Recorded]:
        matches = _matcher(endpoint)
        return [one for one in self.all() if matches(one)]

    def assert_called(
        self,
        endpoint: str,
        params: Mapping[str, object] = {},
        *,
        times: int | None = None,
        by: int | None = None,
        code: int | None = None,
    ) -> None:
        """Raise AssertionError unless an endpoint was called with these parameters.

        Without ``times`` at least once, else exactly so often. The error shows the calls that were
        made, with what differs in each. Arguments are those of ``to``.
        """
        calls = self._of(endpoint)
        found = sum(not _differences(one, params, by, code) for one in calls)
        if found if times is None else found == times:
            return
        wanted = "at least one call" if times is None else _counted(times)
        given = [f"{name}={value}" for name, value in canonical(None, params.items()).items()]
        given += [] if by is None else [f"by mid {by}"]
        given += [] if code is None else [f"answered {code}"]
        lines = [f"{endpoint}: expected {wanted}{' with ' if given else ''}{', '.join(given)}"]
        lines[0] += f"; found {found} in {_counted(len(calls))}"
        for one in calls[-_SHOWN:]:
            lines += [f"  {_summary(one)}", *_diff(one, params, by, code)]
        if not calls:
            lines += self._others()
        raise AssertionError("\n".join(lines))

    def assert_not_called(
        self, endpoint: str, params: Mapping[str, object] = {}, *, by: int | None = None
    ) -> None:
        """Raise AssertionError if an endpoint was called with these parameters."""
        self.assert_called(endpoint, params, times=0, by=by)

    def assert_all_answered(self) -> None:
        """Raise AssertionError if a request was for something that is no endpoint, page or stub.

        The error names those requests, with the endpoints that are nearest to each.
        """
        unanswered = [one for one in self.all() if not one.is_answered]
        if not unanswered:
            return
        lines = [f"{_counted(len(unanswered), 'request')} without an endpoint:"]
        for one in unanswered[-_SHOWN:]:
            near = nearest(one.method, one.path)
            lines.append(f"  #{one.number} {one.method} {one.path}")
            lines += [f"    near: {name}" for name in near]
        raise AssertionError("\n".join(lines))

    def _others(self) -> list[str]:
        """Return lines with the calls of other endpoints, for a message."""
        counts = Counter(
            one.endpoint if one.endpoint != NO_ENDPOINT else f"{one.method} {one.path}"
            for one in self.all()
        )
        if not counts:
            return ["  no request has arrived"]
        return ["  other requests:", *(f"    {name} × {n}" for name, n in counts.items())]


def _matcher(text: str) -> Callable[[Recorded], bool]:
    pattern = Pattern(text)
    return lambda one: pattern.matches(of_name(one.endpoint), one.path)


def _wanted(
    one: Recorded, params: Mapping[str, object], by: int | None, code: int | None
) -> Iterator[tuple[str, str, str | None]]:
    """Yield what is wanted of a request: a name, the wanted text, and the request's or None."""
    for name, text in canonical(of_name(one.endpoint), params.items()).items():
        yield name, text, one.params.get(name)
    if by is not None:
        yield "(mid)", str(by), str(one.mid)
    if code is not None:
        yield "(code)", str(code), None if one.code is None else str(one.code)


def _differences(
    one: Recorded, params: Mapping[str, object], by: int | None, code: int | None
) -> Sequence[str]:
    return [name for name, text, sent in _wanted(one, params, by, code) if text != sent]


def _diff(
    one: Recorded, params: Mapping[str, object], by: int | None, code: int | None
) -> Iterator[str]:
    """Yield the lines of a diff from the wanted call (-) to one that was made (+)."""
    for name, text, sent in _wanted(one, params, by, code):
        if text == sent:
            yield f"      {name}={text}"
        else:
            yield f"    - {name}={text}"
            yield f"    + {name}={sent}" if sent is not None else f"    + (no {name})"


def _summary(one: Recorded) -> str:
    params = " ".join(f"{name}={value}" for name, value in one.params.items() if value != HIDDEN)
    answered = "no response" if one.status is None else f"code {one.code}"
    if one.status not in (None, 200):
        answered += f", HTTP {one.status}"
    fault = f" [{one.fault}]" if one.fault else ""
    return f"#{one.number} {one.endpoint} {params} by mid {one.mid}: {answered}{fault}"


def _counted(number: int, what: str = "call") -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
