"""The service's metrics: what is counted, and the memory that workers share."""

from __future__ import annotations

import re
from collections import Counter
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.contract import endpoints as e
from guanxi.contract import errors
from guanxi.contract.endpoint import Endpoint
from guanxi.service.exchange import Exchange
from guanxi.service.metrics import Metrics, cells_of, exposition, shared

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
CODES = sorted({0, *errors.CODES})


def exchange(endpoint: Endpoint | None, code: int, seconds: float) -> Exchange:
    made = Exchange("0", {}, "/", endpoint)
    made.code, made.seconds = code, seconds
    return made


exchanges = st.builds(
    exchange,
    st.sampled_from([None, *e.ENDPOINTS]),
    st.sampled_from(CODES),
    st.one_of(st.sampled_from(BOUNDS), st.floats(0, 20)),
)


def samples(text: bytes) -> dict[str, float]:
    lines = [line.rpartition(" ") for line in text.decode().splitlines() if line[0] != "#"]
    return {name: float(value) for name, _, value in lines}


@given(st.lists(st.tuples(st.integers(0, 2), exchanges), max_size=30))
def test_exchanges_of_several_workers_are_summed(made: list[tuple[int, Exchange]]) -> None:
    expected: Counter[str] = Counter({"guanxi_follows_total": 0})
    with shared(3) as (descriptor, cells):
        workers = [Metrics(cells_of(descriptor, worker)) for worker in range(3)]
        for worker, answered in made:
            workers[worker].answered(answered)
            workers[worker].followed(worker)
            expected["guanxi_follows_total"] += worker
            label = f'endpoint="{answered.name}"'
            expected[f'guanxi_requests_total{{code="{answered.code}",{label}}}'] += 1
            by = {-799: "account", -412: "address"}.get(answered.code)
            if by is not None and answered.endpoint is not None:
                does = answered.endpoint.counts_as
                expected[f'guanxi_limited_total{{by="{by}",does="{does}"}}'] += 1
            expected[f"guanxi_request_seconds_count{{{label}}}"] += 1
            expected[f"guanxi_request_seconds_sum{{{label}}}"] += answered.seconds  # type: ignore[assignment]  # a Counter adds floats too
            for bound in (*map(float, BOUNDS), inf):
                le = "+Inf" if bound == inf else bound
                bucket = f'guanxi_request_seconds_bucket{{{label},le="{le}"}}'
                expected[bucket] += answered.seconds <= bound
        shown = samples(exposition(cells))
    requests = {name: value for name, value in shown.items() if "write_wait" not in name}
    assert requests == pytest.approx(dict(expected))


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 20)), min_size=1, max_size=20))
def test_the_longest_wait_of_several_workers(waits: list[tuple[int, float]]) -> None:
    workers = [Metrics(), Metrics()]
    for worker, seconds in waits:
        workers[worker].waited_to_write(seconds)
    shown = samples(exposition(worker.cells for worker in workers))
    assert shown["guanxi_write_wait_longest_seconds"] == max(seconds for _, seconds in waits)
    assert shown["guanxi_write_wait_seconds_count"] == len(waits)
    assert shown["guanxi_write_wait_seconds_sum"] == pytest.approx(sum(s for _, s in waits))


def test_every_metric_has_a_type_and_a_description() -> None:
    described = re.findall(r"# HELP (\S+) \S", exposition([Metrics().cells]).decode())
    assert described == [
        "guanxi_requests_total",
        "guanxi_request_seconds",
        "guanxi_limited_total",
        "guanxi_follows_total",
        "guanxi_write_wait_seconds",
        "guanxi_write_wait_longest_seconds",
    ]
