"""Two processes act on one pair at once: the result equals one of the two sequential orders."""

from __future__ import annotations

from copy import deepcopy
from itertools import islice, product
from random import Random

from guanxi.graph.pair import Modify
from guanxi.stores.port import Store
from tests.counts import count
from tests.machine import NORMAL, Model
from tests.stores.engines import Engine
from tests.stores.processes import Other, others, racer
from tests.stores.world import LIMITS, faults, people

ACTS = (1, 2, 4, 5, 6, 7)
#: Acts of a and b before the race, in order.
BEFORE: tuple[tuple[tuple[str, int], ...], ...] = (
    (),
    (("a", 1),),
    (("b", 1),),
    (("a", 1), ("b", 1)),
    (("a", 5),),
    (("b", 5),),
    (("a", 5), ("b", 5)),
)
#: Who acts on whom in the first process and in the second.
RACERS = (("ab", "ab"), ("ab", "ba"))
BATCH = 30


def act_of(who: str, act: int, pair: tuple[int, int]) -> Modify:
    return Modify(*(pair if who[0] == "a" else pair[::-1]), act)


def outcome(model: Model, pair: tuple[int, int]) -> tuple[int, int]:
    return model.attribute(*pair), model.attribute(*pair[::-1])


Race = tuple[Modify, Modify, Model, tuple[int, int]]


async def test_concurrent_acts_on_a_pair_are_serializable(engine: Engine, store: Store) -> None:
    address = engine.address
    races = list(product(ACTS, ACTS, RACERS, BEFORE)) * count(1, 5)
    Random(5).shuffle(races)
    del races[count(170, len(races)) :]
    with others((racer, address), (racer, address)) as processes:
        assert [process.receive() for process in processes] == ["ready", "ready"]
        first_mid = 1
        pending = iter(races)
        while batch := list(islice(pending, BATCH)):
            started: list[Race] = []
            for act, other_act, (first, second), before in batch:
                pair = (first_mid, first_mid + 1)
                first_mid += 2
                model = Model(states=dict.fromkeys(pair, NORMAL))
                setting_up = [act_of(who, before_act, pair) for who, before_act in before]
                await people(store, *pair)
                codes = await store.change(setting_up, LIMITS)
                assert codes == [model.modify(a.owner, a.target, a.act) for a in setting_up]
                started.append(
                    (act_of(first, act, pair), act_of(second, other_act, pair), model, pair)
                )
            await run(store, processes, started)
        for process in processes:
            process.pipe.send(None)
            process.process.join()
    assert await faults(store) == []


async def run(store: Store, processes: list[Other], races: list[Race]) -> None:
    """Do both acts of each race at once; check that each result equals one of the two orders."""
    for index, process in enumerate(processes):
        process.pipe.send([race[index] for race in races])
    first_codes, second_codes = (process.receive() for process in processes)
    assert isinstance(first_codes, list)
    assert isinstance(second_codes, list)
    for race, code, other_code in zip(races, first_codes, second_codes, strict=True):
        first, second, model, (a, b) = race
        possible = set()
        for order in ((first, second), (second, first)):
            after = deepcopy(model)
            codes = {id(act): after.modify(act.owner, act.target, act.act) for act in order}
            possible.add((codes[id(first)], codes[id(second)], *outcome(after, (a, b))))
        mine = (await store.attributes(a, [b])).get(b, 0)
        theirs = (await store.attributes(b, [a])).get(a, 0)
        assert (code, other_code, mine, theirs) in possible, (first, second)
