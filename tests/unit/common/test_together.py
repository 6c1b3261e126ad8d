"""Steps at the same time."""

import asyncio
import contextlib
import gc
import weakref
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from footfall_common.errors import StoreUnavailable
from footfall_common.together import together


class Running:
    """Steps that count how many of them run, and end when told."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0
        self.cancelled = 0

    async def step(self, number: int) -> int:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            for _ in range(10 - number):  # the last ones end first
                await asyncio.sleep(0)  # no wait: lets the others have their turn
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.now -= 1
        return number


@pytest.mark.parametrize(("limit", "most"), [(1, 1), (3, 3), (8, 8), (50, 8)])
async def test_outcomes_stand_in_order_and_no_more_run_than_the_limit(limit: int, most: int) -> None:
    running = Running()
    assert await together(limit, [partial(running.step, n) for n in range(8)]) == list(range(8))
    assert running.most == most


async def test_nothing_to_do_is_done_at_once() -> None:
    assert await together(4, []) == []


async def test_the_first_error_is_raised_as_it_is_after_the_others_have_ended() -> None:
    running = Running()

    async def failing() -> int:
        await asyncio.sleep(0)  # no wait: the others begin
        raise StoreUnavailable("away")

    others = [partial(running.step, n) for n in range(8)]
    steps: list[Callable[[], Awaitable[int]]] = [others[0], failing, *others]
    with pytest.raises(StoreUnavailable, match="away"):
        await together(4, steps)
    assert (running.now, running.cancelled, running.most) == (0, 3, 3)


async def failing() -> int:
    raise StoreUnavailable("away")


async def test_an_error_leaves_no_cancellation_behind() -> None:
    """Else the next time-out of this task is a cancellation on Python 3.11.0 to 3.11.2."""
    with pytest.raises(StoreUnavailable):
        await together(2, [failing, failing])
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_cancellation_in_the_moment_of_an_error_is_heard() -> None:
    """Else who tries again for ever could not be stopped."""
    tried = asyncio.Event()

    async def noted() -> int:
        tried.set()
        raise StoreUnavailable("away")

    async def for_ever() -> None:
        while True:
            with contextlib.suppress(StoreUnavailable):
                await together(2, [noted, failing])

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        for turns in range(8):
            tried.clear()
            stubborn = group.create_task(for_ever())
            await tried.wait()
            for _ in range(turns):
                await asyncio.sleep(0)  # no wait: the cancellation meets each step of the way
            stubborn.cancel()


async def test_an_error_is_not_kept_alive_by_itself() -> None:
    """Its traceback holds what the step held, which is large."""

    class Large:
        pass

    held: list[weakref.ref[Large]] = []

    async def holding() -> int:
        large = Large()
        held.append(weakref.ref(large))
        raise StoreUnavailable("away")

    gc.disable()
    try:
        with contextlib.suppress(StoreUnavailable):
            await together(2, [holding, failing])
        await asyncio.sleep(0)  # no wait: the loop lets go of the tasks
        assert held[0]() is None
    finally:
        gc.enable()


async def test_who_is_cancelled_ends_its_steps_and_hears_of_no_error() -> None:
    running = Running()
    begun = asyncio.Barrier(5)

    async def step() -> int:
        await begun.wait()
        return await running.step(0)

    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(together(4, [step for _ in range(4)]))
        await begun.wait()
        await asyncio.sleep(0)  # no wait: each of them goes on
        waiting.cancel()
    assert waiting.cancelled()
    assert (running.now, running.cancelled) == (0, 4)
