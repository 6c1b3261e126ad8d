"""Workers: how a pass ends, and how they end."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest
from prometheus_client import CollectorRegistry

from footfall_operator.cluster import Changed, Unreachable
from footfall_operator.metrics import Metrics
from footfall_operator.queue import Queue
from footfall_operator.reconcile.hints import THE_PLATFORM
from footfall_operator.reconcile.workers import Workers
from footfall_operator.resources import TENANTS, Ref

TENANT = [Ref(TENANTS, "team-a", f"t{number}") for number in range(4)]
Look = Callable[[Ref], Awaitable[float | None]]


@pytest.fixture
async def queue() -> Queue[Ref]:
    return Queue(asyncio.get_running_loop().time, random.Random(7).uniform, 1)


def begun(queue: Queue[Ref], look: Look, count: int = 4) -> Workers:
    workers = Workers(queue, look, Metrics(CollectorRegistry()))
    workers.begin(count)
    return workers


async def test_what_is_under_way_comes_to_its_end_and_nothing_more_is_taken(queue: Queue[Ref]) -> None:
    ended, go = [], asyncio.Event()

    async def look(key: Ref) -> None:
        await go.wait()
        ended.append(key)

    for key in TENANT:
        queue.add(key)
    workers = begun(queue, look, 2)
    await asyncio.sleep(0)
    ending = asyncio.create_task(workers.end(5))
    await asyncio.sleep(0)
    go.set()
    await ending
    assert ended == TENANT[:2]


async def test_what_takes_too_long_is_cut_off(queue: Queue[Ref]) -> None:
    cut = []

    async def look(key: Ref) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cut.append(key)
            raise

    queue.add(TENANT[0])
    workers = begun(queue, look)
    await asyncio.sleep(0)
    await workers.end(0.01)
    assert cut == TENANT[:1]


@pytest.mark.parametrize(
    ("error", "tried"),
    [
        (Unreachable("no answer"), 1),
        (Unreachable("too busy", busy=True), 2),
        (Changed(409, "Conflict", "another"), 2),
        (ValueError("ours"), 2),
    ],
)
async def test_only_what_got_no_answer_waits_for_others_of_its_kind(
    queue: Queue[Ref], error: Exception, tried: int
) -> None:
    silent, other = TENANT[:2]
    tries: dict[Ref, int] = {silent: 0, other: 0}

    async def look(key: Ref) -> None:
        tries[key] += 1
        if tries[key] == 1:
            raise Unreachable("no answer") if key == silent else error
        await asyncio.Event().wait()

    workers = begun(queue, look)
    for key in (silent, other):
        queue.add(key)
        await asyncio.sleep(0.01)  # no wait: a turn of the loop for each step of a pass
        queue.add(key)
        await asyncio.sleep(0.01)  # no wait: likewise
    assert tries == {silent: 2, other: tried}
    await workers.end(0)


async def test_what_was_overtaken_is_looked_at_again_at_once(queue: Queue[Ref]) -> None:
    done = asyncio.Event()

    async def look(_: Ref) -> None:
        if queue.failures(TENANT[0]) < 2:
            raise Changed(409, "Conflict", "another")
        done.set()

    queue.add(TENANT[0])
    workers = begun(queue, look)
    async with asyncio.timeout(0.2):
        await done.wait()
    await workers.end(0)


async def test_the_platform_waits_for_nobody(queue: Queue[Ref]) -> None:
    tries: dict[Ref, int] = {TENANT[0]: 0, THE_PLATFORM: 0}

    async def look(key: Ref) -> None:
        tries[key] += 1
        if tries[key] == 1:
            raise Unreachable("no answer")
        await asyncio.Event().wait()

    workers = begun(queue, look)
    for key in tries:
        queue.add(key)
        await asyncio.sleep(0.01)  # no wait: a turn of the loop for each step of a pass
        queue.add(key)
        await asyncio.sleep(0.01)  # no wait: likewise
    assert tries == {TENANT[0]: 2, THE_PLATFORM: 2}
    await workers.end(0)
