"""The operator's queue: one entry a key, one worker a key, nothing dropped."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall_operator.queue import LONGEST, Queue, Urgency

SILENT = 2
"""Keys that got no answer last time which may be with workers at once."""

STEPS = ["add", "take", "done", "fail", "fall_silent", "wait"]
"""Of `Game`."""


class Watch:
    """Time that goes on when a test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def queue(watch: Watch) -> Queue[str]:
    return Queue(watch, random.Random(7).uniform, SILENT)


async def taken(queue: Queue[str]) -> str | None:
    """What can be taken at once."""
    try:
        async with asyncio.timeout(0.01):
            return await queue.take()
    except TimeoutError:
        return None


async def test_what_is_added_ten_times_is_looked_at_once(queue: Queue[str]) -> None:
    for _ in range(10):
        queue.add("a")
    assert await taken(queue) == "a"
    assert await taken(queue) is None
    queue.done("a")
    assert await taken(queue) is None
    assert len(queue) == 0


async def test_no_key_is_with_two_workers_and_a_hint_meanwhile_makes_one_more_look(queue: Queue[str]) -> None:
    queue.add("a")
    assert await taken(queue) == "a"
    queue.add("a")
    queue.add("a")
    assert await taken(queue) is None
    queue.done("a")
    assert await taken(queue) == "a"
    queue.done("a")
    assert await taken(queue) is None


async def test_what_changed_goes_before_a_resync_and_the_longest_waiting_first(queue: Queue[str], watch: Watch) -> None:
    queue.add("resync", urgency=Urgency.RESYNC)
    watch.now += 1
    queue.add("first")
    watch.now += 1
    queue.add("second")
    assert [await taken(queue) for _ in range(3)] == ["first", "second", "resync"]


async def test_what_ranks_before_others_goes_before_them_whatever_their_urgency(watch: Watch) -> None:
    queue = Queue[str](watch, random.Random(7).uniform, SILENT, lambda key: 0 if key == "first" else 1)
    queue.add("a")
    queue.add("first", urgency=Urgency.RESYNC)
    assert [await taken(queue), await taken(queue)] == ["first", "a"]


async def test_a_change_makes_what_waits_for_its_resync_urgent(queue: Queue[str], watch: Watch) -> None:
    queue.add("a", after=300, urgency=Urgency.RESYNC)
    assert await taken(queue) is None
    queue.add("a")
    assert await taken(queue) == "a"
    queue.done("a", again=300)
    watch.now += 299
    assert await taken(queue) is None
    watch.now += 2
    assert await taken(queue) == "a"


async def test_what_fails_waits_longer_each_time_up_to_a_bound_and_starts_anew_once_it_went_well(
    queue: Queue[str], watch: Watch
) -> None:
    queue.add("a")
    pauses = []
    for number in range(12):
        assert await taken(queue) == "a"
        queue.failed("a")
        assert queue.failures("a") == number + 1
        began = watch.now
        while await _not_yet(queue):
            watch.now += 0.5
        pauses.append(watch.now - began)
    assert all(pause <= min(2 ** (n + 1), LONGEST) + 0.5 for n, pause in enumerate(pauses))
    assert max(pauses[6:]) > max(pauses[:3])
    watch.now += LONGEST
    assert await taken(queue) == "a"
    queue.done("a")
    assert queue.failures("a") == 0


async def _not_yet(queue: Queue[str]) -> bool:
    return queue.oldest() == 0


async def test_a_change_during_a_pass_that_fails_is_looked_at_at_once(queue: Queue[str]) -> None:
    queue.add("a")
    assert await taken(queue) == "a"
    queue.add("a")
    queue.failed("a")
    assert await taken(queue) == "a"
    assert queue.failures("a") == 1


async def test_a_key_whose_own_passes_cause_its_hints_does_not_spin(queue: Queue[str], watch: Watch) -> None:
    queue.add("a")
    passes = 0
    while watch.now < 160:
        if await taken(queue) == "a":
            passes += 1
            queue.add("a")  # what it wrote comes back as a hint
            queue.failed("a")
        else:
            watch.now += 0.5
    assert passes < 40


async def test_what_got_no_answer_last_time_leaves_workers_to_the_others(queue: Queue[str], watch: Watch) -> None:
    silent = ["a", "b", "c"]
    for key in silent:
        queue.add(key)
    assert [await taken(queue) for _ in silent] == silent
    for key in silent:
        queue.failed(key, silent=True)
        queue.add(key)
    assert [await taken(queue) for _ in silent] == ["a", "b", None]
    queue.add("changed")
    assert await taken(queue) == "changed"
    waiting = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    queue.failed("a", silent=True)
    assert await waiting == "c"
    waiting = asyncio.create_task(queue.take())
    watch.now += 10
    await asyncio.sleep(0)
    queue.done("b")
    assert await waiting == "a"


async def test_what_was_answered_is_no_longer_held_back(queue: Queue[str], watch: Watch) -> None:
    for key in ("a", "b", "c"):
        queue.add(key)
        queue.failed(await queue.take(), silent=True)
        queue.add(key)
        queue.failed(await queue.take())  # overtaken, or refused
    for key in ("a", "b", "c"):
        queue.add(key)
    assert {await taken(queue) for _ in range(3)} == {"a", "b", "c"}
    for key in ("a", "b", "c"):
        queue.done(key, again=10)
    watch.now += 20
    assert {await taken(queue) for _ in range(3)} == {"a", "b", "c"}


async def test_stuck_is_where_something_is_due_and_nobody_takes_or_ends_anything(
    queue: Queue[str], watch: Watch
) -> None:
    watch.now += 500
    assert queue.stuck() == 0
    for key in ("a", "b", "c"):
        queue.add(key)
    watch.now += 50
    assert queue.stuck() == 50
    await queue.take()
    watch.now += 30
    assert (queue.stuck(), queue.oldest()) == (30, 80)
    queue.done("a")
    watch.now += 20
    assert (queue.stuck(), queue.oldest()) == (20, 100)
    await queue.take()
    await queue.take()
    watch.now += 500
    assert queue.stuck() == 0, "nothing is due"


async def test_an_api_server_that_asks_for_patience_gets_it(queue: Queue[str], watch: Watch) -> None:
    queue.add("a")
    await queue.take()
    queue.failed("a", after=60)
    queue.add("a")
    queue.add("b")
    assert await taken(queue) == "b"
    watch.now += 59
    assert await taken(queue) is None
    watch.now += 2
    assert await taken(queue) == "a"


async def test_a_worker_that_waits_is_woken_by_what_is_added(queue: Queue[str]) -> None:
    waiting = [asyncio.create_task(queue.take()) for _ in range(3)]
    await asyncio.sleep(0)
    for key in ("a", "b", "c"):
        queue.add(key)
    assert sorted(await asyncio.gather(*waiting)) == ["a", "b", "c"]


async def test_a_worker_that_waits_is_woken_when_time_has_come() -> None:
    queue: Queue[str] = Queue(asyncio.get_running_loop().time, random.Random(7).uniform, SILENT)
    queue.add("a", after=0.02)
    async with asyncio.timeout(5):
        assert await queue.take() == "a"


async def test_how_long_the_longest_has_waited(queue: Queue[str], watch: Watch) -> None:
    assert queue.oldest() == 0
    queue.add("a")
    queue.add("later", after=1_000)
    watch.now += 30
    assert queue.oldest() == 30
    await queue.take()
    assert queue.oldest() == 0


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 4)), max_size=60))
def test_nothing_that_was_added_is_forgotten_and_nothing_is_with_two(steps: list[tuple[str, int]]) -> None:
    asyncio.run(_play(steps))


async def _play(steps: list[tuple[str, int]]) -> None:
    game = Game()
    for step, number in steps:
        await getattr(game, step)(number)
    await game.end()


class Game:
    """Keys, workers and time in any order; a step that has nothing to act on does nothing."""

    def __init__(self) -> None:
        self._watch = Watch()
        self._queue: Queue[int] = Queue(self._watch, random.Random(1).uniform, SILENT)
        self._running: set[int] = set()
        self._wanted: set[int] = set()  # added, or failed, and not looked at since

    async def add(self, number: int) -> None:
        self._queue.add(number, after=number)
        self._wanted.add(number)

    async def take(self, _: int) -> None:
        if not self._due():
            return
        async with asyncio.timeout(5):
            key = await self._queue.take()
        assert key not in self._running
        self._running.add(key)
        self._wanted.discard(key)
        assert self._held() <= SILENT

    async def done(self, number: int) -> None:
        if number in self._running:
            self._running.discard(number)
            self._queue.done(number)

    async def fail(self, number: int) -> None:
        await self._failed(number, silent=False)

    async def fall_silent(self, number: int) -> None:
        await self._failed(number, silent=True)

    async def _failed(self, number: int, *, silent: bool) -> None:
        if number in self._running:
            self._running.discard(number)
            self._wanted.add(number)
            self._queue.failed(number, silent=silent)

    async def wait(self, number: int) -> None:
        self._watch.now += number

    async def end(self) -> None:
        for key in self._running:
            self._queue.done(key)
        self._watch.now += 2 * LONGEST
        for _ in range(len(self._queue)):
            key = await self._queue.take()
            self._wanted.remove(key)
            self._queue.done(key)
        assert not self._wanted

    def _held(self) -> int:
        return sum(self._queue._entries[key].silent for key in self._running)

    def _due(self) -> bool:
        full, entries = self._held() >= SILENT, self._queue._entries
        free = (key for key in self._wanted - self._running if not (full and entries[key].silent))
        return any(entries[key].due <= self._watch.now for key in free)
