"""Faults: what goes wrong, for which requests, how often."""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random
from typing import Any, Literal, get_args

from msgspec import Struct

from guanxi.contract import errors
from guanxi.contract.endpoint import Endpoint
from guanxi.emulator.targets import Pattern, canonical
from guanxi.world import clock

Drop = Literal["before", "while", "after"]
Body = Literal["truncated", "slow", "html", "empty", "wrong-type"]
DROPS: tuple[Drop, ...] = get_args(Drop)
BODIES: tuple[Body, ...] = get_args(Body)

_DAY = "day"
_NUMBER = r"\d+(?:\.\d+)?"
_WRITTEN = (
    r"(?P<effect>[^@+]*?)"
    rf"(?:@(?P<rate>{_NUMBER}))?(?:\+(?P<after>\d+))?(?:x(?P<times>\d+))?"
)
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})")
_LOGNORMAL = re.compile(rf"lognormal\(({_NUMBER}), *({_NUMBER})\)")
#: The longest delay in seconds: a slip must not hold a connection for ever.
_LONGEST = 600.0
_CODE = re.compile(r"-?\d+")


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What goes wrong with the requests that it applies to; everything has a default.

    Of the effects ``code``, ``status``, ``drop``, ``body``, ``stale`` and ``half`` a fault has at
    most one, except ``status`` with ``code``; ``delay`` goes with each, or alone.
    """

    #: An endpoint, or a pattern of endpoints (``targets.Pattern``).
    endpoint: str = "*"
    #: The parameters that a request must have.
    params: dict[str, Any] = {}
    #: Answered in place of the act, in the endpoint's envelope. The message is the documents'
    #: where it is empty.
    code: int | None = None
    message: str = ""
    #: The HTTP status, 400 to 599: without ``code`` of a page of HTML, as proxies send it.
    status: int | None = None
    #: Seconds for the header Retry-After.
    retry_after: int | None = None
    #: Seconds before the request is handled; for the body ``slow``, over which it is sent. A
    #: number, ``0.1..0.5`` (uniform), or ``lognormal(0.2, 0.5)`` (median and sigma).
    delay: float | str | None = None
    #: When the connection is cut: before the act, while it runs, or when it is done.
    drop: Drop | None = None
    #: What becomes of the response's body after the act.
    body: Body | None = None
    #: Reads are answered from a copy of the store, made when the fault is set.
    stale: bool = False
    #: Pages of the second half of a list answer ``code``, -352 by default.
    half: bool = False
    #: The share of requests it applies to, from 0 to 1, drawn with ``seed``.
    rate: float = 1.0
    seed: int | None = None
    #: The first so many requests pass, and then it applies at most so often.
    after: int = 0
    times: int | None = None
    #: ``after`` and ``times`` count anew after so many seconds by the service's clock, or with
    #: ``day`` at midnight in Beijing.
    per: float | Literal["day"] | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for values that contradict each other or are out of bounds."""
        Pattern(self.endpoint)
        effects = [
            name
            for name, is_set in (
                ("code or status", (self.code is not None or self.status is not None)),
                ("drop", self.drop is not None),
                ("body", self.body is not None),
                ("stale", self.stale),
            )
            if is_set
        ]
        if self.half and (self.drop or self.body or self.stale or self.status):
            effects.append("half")
        if len(effects) > 1:
            raise ValueError(f"a fault has one of {' and '.join(effects)}, not both")
        if self.retry_after is not None and self.code is None and self.status is None:
            raise ValueError("retry_after needs code or status")
        if self.message and self.code is None and not self.half:
            raise ValueError("message needs code or half")
        if not effects and self.delay is None and not self.half:
            raise ValueError("a fault needs code, status, delay, drop, body, stale or half")
        if self.drop not in (None, *DROPS):
            raise ValueError(f"drop is one of {', '.join(DROPS)}, not {self.drop!r}")
        if self.body not in (None, *BODIES):
            raise ValueError(f"body is one of {', '.join(BODIES)}, not {self.body!r}")
        if self.code == 0:
            raise ValueError("code must not be 0, which is success")
        if self.status is not None and not 400 <= self.status <= 599:
            raise ValueError(f"status must be 400 to 599, not {self.status}")
        if not 0 <= self.rate <= 1:
            raise ValueError(f"rate must be from 0 to 1, not {self.rate}")
        if self.after < 0 or (self.times is not None and self.times < 1):
            raise ValueError("after must be 0 or more, and times 1 or more")
        if not (self.per in (None, _DAY) or (isinstance(self.per, int | float) and self.per > 0)):
            raise ValueError("per must be a positive number of seconds, or 'day'")
        if self.delay is not None:
            _drawn(self.delay, Random(0))  # noqa: S311 - chance for tests, not a secret

    @property
    def only_delays(self) -> bool:
        """Return whether the request is handled as usual, if later."""
        decides = self.half or self.stale or self.drop or self.body
        return not decides and self.code is None and self.status is None

    def __str__(self) -> str:
        """Return the effect in a few words, for messages and recorded requests."""
        parts = []
        if self.half:
            parts.append(f"half then {self.code or errors.RequestIntercepted.number}")
        elif self.code is not None:
            parts.append(f"code {self.code}")
        if self.status is not None:
            parts.append(f"HTTP {self.status}")
        parts += [f"drop {self.drop}"] if self.drop else []
        parts += [self.body] if self.body else []
        parts += ["stale"] if self.stale else []
        parts += [f"delay {self.delay}"] if self.delay is not None else []
        return ", ".join(parts)


def parsed(text: str) -> Fault:
    """Return the fault that the command line writes as ``ENDPOINT:EFFECT[@RATE][+AFTER][xTIMES]``.

    EFFECT is a code (``-352``), ``http502``, ``drop-before``, ``drop-while``, ``drop-after``,
    ``delay=SECONDS``, a body (``truncated``), ``stale`` or ``half``. Raise ValueError, which says
    how to write one.
    """
    endpoint, colon, rest = text.rpartition(":")
    found = re.fullmatch(_WRITTEN, rest)
    if not colon or not endpoint or found is None:
        raise ValueError(_usage(text))
    fields: dict[str, Any] = {"endpoint": endpoint, **_effect(found["effect"], text)}
    if found["rate"]:
        fields["rate"] = float(found["rate"])
    fields |= {name: int(found[name]) for name in ("after", "times") if found[name]}
    return Fault(**fields)


def _effect(text: str, whole: str) -> dict[str, Any]:
    if _CODE.fullmatch(text):
        return {"code": int(text)}
    if text.startswith("http") and text[4:].isdecimal():
        return {"status": int(text[4:])}
    if text.startswith("drop-"):
        return {"drop": text[5:]}
    if text.startswith("delay="):
        delay = text[6:]
        return {"delay": float(delay) if re.fullmatch(_NUMBER, delay) else delay}
    if text in BODIES:
        return {"body": text}
    if text in ("stale", "half"):
        return {text: True}
    raise ValueError(_usage(whole))


def _usage(text: str) -> str:
    return (
        f"{text!r} is no fault: write ENDPOINT:EFFECT, then perhaps @RATE, +AFTER and xTIMES, as in"
        " relation.modify:-352@0.1 or '*:http502+10x3'. An effect is a code, http502, drop-before,"
        f" drop-while, drop-after, delay=0.2, {', '.join(BODIES)}, stale or half"
    )


class Armed:
    """A fault that is set, with its counts. Belongs to the service's thread."""

    def __init__(self, fault: Fault, number: int, seed: int) -> None:
        """``number`` identifies it; ``seed`` is used where the fault has none."""
        self.fault, self.number = fault, number
        self._pattern = Pattern(fault.endpoint)
        # Chance for tests, not a secret.
        self._draw = Random(seed if fault.seed is None else fault.seed)  # noqa: S311
        self._window: float | str | None = None
        self._seen = self._applied = 0
        #: How many requests it was applied to, over all windows.
        self.applied = 0

    def applies(
        self,
        endpoint: Endpoint | None,
        path: str,
        params: Mapping[str, str],
        seconds: float,
        *,
        free: bool,
    ) -> bool:
        """Count a request that arrived at ``seconds``, and return whether the fault applies.

        If the request is not ``free``, because another fault decides its response, it counts for
        ``after``, and the fault does not apply.
        """
        fault = self.fault
        if not self._pattern.matches(endpoint, path):
            return False
        wanted = canonical(endpoint, fault.params.items())
        if any(params.get(name) != text for name, text in wanted.items()):
            return False
        window = _window(fault.per, seconds)
        if window != self._window:
            self._window, self._seen, self._applied = window, 0, 0
        self._seen += 1
        if self._seen <= fault.after or (fault.times is not None and self._applied >= fault.times):
            return False
        if not free:
            return False
        if fault.rate < 1 and self._draw.random() >= fault.rate:
            return False
        self._applied += 1
        self.applied += 1
        return True

    def seconds(self) -> float:
        """Return the next delay, 0 without one."""
        return 0.0 if self.fault.delay is None else _drawn(self.fault.delay, self._draw)


def _window(per: float | Literal["day"] | None, seconds: float) -> float | str | None:
    if per is None:
        return None
    if isinstance(per, str):
        return clock.day(int(seconds))
    return seconds // per


def _drawn(delay: float | str, draw: Random) -> float:
    """Return a delay in seconds, drawn from its distribution. Raise ValueError if it is none."""
    if isinstance(delay, int | float):
        drawn = float(delay)
    elif between := _RANGE.fullmatch(delay):
        drawn = draw.uniform(float(between[1]), float(between[2]))
    elif median := _LOGNORMAL.fullmatch(delay):
        drawn = float(median[1]) * draw.lognormvariate(0, float(median[2]))
    else:
        raise ValueError(
            f"delay must be seconds, '0.1..0.5' or 'lognormal(MEDIAN, SIGMA)', not {delay!r}"
        )
    if not 0 <= drawn <= _LONGEST:
        raise ValueError(f"delay must be from 0 to {_LONGEST:.0f} seconds, not {delay!r}")
    return drawn
