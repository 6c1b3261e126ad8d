"""The operator's queue: one entry a key, one worker a key, nothing dropped."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall_operator.queue import LONGEST, Queue, Urgency


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
    return Queue(watch, random.Random(7).uniform)


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
    queue = Queue[str](watch, random.Random(7).uniform, lambda key: 0 if key == "first" else 1)
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
    queue: Queue[str] = Queue(asyncio.get_running_loop().time, random.Random(7).uniform)
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


@given(st.lists(st.tuples(st.sampled_from(["add", "take", "done", "fail", "wait"]), st.integers(0, 4)), max_size=60))
def test_nothing_that_was_added_is_forgotten_and_nothing_is_with_two(steps: list[tuple[str, int]]) -> None:
    asyncio.run(_play(steps))


async def _play(steps: list[tuple[str, int]]) -> None:
    watch = Watch()
    queue: Queue[int] = Queue(watch, random.Random(1).uniform)
    running: set[int] = set()
    wanted: set[int] = set()  # added, or failed, and not looked at since
    for step, number in steps:
        match step:
            case "add":
                queue.add(number, after=number)
                wanted.add(number)
            case "take" if queue.oldest() > 0 or any(queue._entries[k].due <= watch.now for k in wanted - running):
                key = await queue.take()
                assert key not in running
                running.add(key)
                wanted.discard(key)
            case "done" if number in running:
                running.discard(number)
                queue.done(number)
            case "fail" if number in running:
                running.discard(number)
                wanted.add(number)
                queue.failed(number)
            case "wait":
                watch.now += number
            case _:
                pass  # a step that has nothing to act on
    for key in running:
        queue.done(key)
    watch.now += 2 * LONGEST
    assert {await queue.take() for _ in range(len(queue))} == wanted
