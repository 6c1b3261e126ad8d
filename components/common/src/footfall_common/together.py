"""Steps at the same time, a bounded number of them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


async def together(limit: int, steps: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """The outcomes in the order of the steps, of which `limit` run at a time.

    The first error ends the others, waits for them to end and is raised as it is: what catches it need not know that
    anything ran together. No TaskGroup: it cancels its parent, which 3.11.0 to 3.11.2 leave so marked that the next
    time-out of it is a cancellation, and it drops a cancellation that comes with an error, so that nothing could stop
    who tries again.
    """
    outcomes: dict[int, T] = {}
    waiting = iter(enumerate(steps))

    async def work() -> None:
        for n, step in waiting:
            outcomes[n] = await step()

    tasks = [asyncio.create_task(work()) for _ in range(min(limit, len(steps)))]
    if not tasks:
        return []
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    try:
        for task in tasks:
            if not task.cancelled():
                task.result()
    finally:
        del task, tasks  # an error's traceback holds this frame: they would keep it, and all that its step held, alive
    return [outcomes[n] for n in range(len(steps))]
