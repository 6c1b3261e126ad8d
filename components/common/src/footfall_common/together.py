"""Steps at the same time, a bounded number of them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


async def together(limit: int, steps: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """The outcomes in the order of the steps, of which `limit` run at a time.

    The first error ends the others, waits for them to end and is raised as it is: what catches it need not know that
    anything ran together.
    """
    outcomes: dict[int, T] = {}
    waiting = iter(enumerate(steps))

    async def work() -> None:
        for n, step in waiting:
            outcomes[n] = await step()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(limit, len(steps))):
                group.create_task(work())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    return [outcomes[n] for n in range(len(steps))]
