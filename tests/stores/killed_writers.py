"""A process that starts writers of a store, kills each at a random time, and checks the store.

``python -m tests.stores.killed_writers PATH COUNT SEED [early]`` prints one line of JSON: how many
were killed, how many writes were answered before, and what was wrong: nothing, else what the first
faulty store had. With "early" a write is answered before it is done, which must be found. The
writers are forked, as a process that is started anew costs a second.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

from guanxi.stores.sqlite import SQLiteStore
from tests.stores.owners import OWNERS, State, next_act, prepared, state_of
from tests.stores.world import do, faults

#: What a writer sends before its first write.
_READY = 0


def draws(seed: str) -> dict[int, Random]:
    """Return where each owner's acts come from, the same for the writer and for the check."""
    return {owner: Random(f"{seed}-{owner}") for owner in OWNERS}


async def write(path: Path, seed: str, pipe: int, *, early: bool) -> None:
    """Let all owners write until the process is killed; send an owner's mid after each answer."""
    store = await SQLiteStore.open(path)
    state = await state_of(store)
    os.write(pipe, bytes([_READY]))

    async def of(owner: int, draw: Random) -> None:
        lists = state[owner]
        while True:
            act, lists = next_act(owner, lists, draw)
            if early:
                os.write(pipe, bytes([owner]))
            assert await do(store, act) == [0]
            if not early:
                os.write(pipe, bytes([owner]))

    await asyncio.gather(*(of(owner, draw) for owner, draw in draws(seed).items()))


def killed(path: Path, seed: str, *, early: bool) -> Counter[int]:
    """Start a writer and kill it; return how many writes of each owner were answered.

    Every second one is killed at its start, in which it recovers the store.
    """
    draw = Random(seed)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            asyncio.run(write(path, seed, writing, early=early))
        except BaseException:
            sys.excepthook(*sys.exc_info())
        os._exit(1)
    os.close(writing)
    received = b""
    if draw.random() < 0.5:
        received = os.read(reading, 1)
    time.sleep(draw.uniform(0, 0.04))
    os.kill(pid, signal.SIGKILL)
    while more := os.read(reading, 65_536):
        received += more
    os.close(reading)
    _, status = os.waitpid(pid, 0)
    if not os.WIFSIGNALED(status):
        sys.exit("a writer ended before it was killed")
    return Counter(received.replace(bytes([_READY]), b""))


async def check(path: Path, before: State, answered: Counter[int], seed: str) -> tuple[State, str]:
    """Return what the store has, and what is wrong with it: "" for nothing."""
    store = await SQLiteStore.open(path)
    wrong, found = await faults(store), await state_of(store)
    await store.close()
    for owner, draw in draws(seed).items():
        lists = before[owner]
        for _ in range(answered[owner]):
            _, lists = next_act(owner, lists, draw)
        _, after = next_act(owner, lists, draw)
        if found[owner] not in (lists, after):
            wrong.append(f"owner {owner} has {found[owner]}, not {lists} or {after}")
    return found, "; ".join(wrong)


async def state_at(path: Path) -> State:
    store = await SQLiteStore.open(path)
    state = await state_of(store)
    await store.close()
    return state


def main() -> None:
    """Kill writers until all were killed, or until something is wrong."""
    path, count, seed = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    early = sys.argv[4:] == ["early"]
    asyncio.run(prepared(path))
    state, writes, kills, wrong = asyncio.run(state_at(path)), 0, 0, ""
    while kills < count and not wrong:
        name = f"{seed}-{kills}"
        answered = killed(path, name, early=early)
        state, wrong = asyncio.run(check(path, state, answered, name))
        kills, writes = kills + 1, writes + answered.total()
    print(json.dumps({"kills": kills, "writes": writes, "wrong": wrong}))


if __name__ == "__main__":
    main()
