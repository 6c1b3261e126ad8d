"""Time and ids that a test decides, and waiting for what it cannot decide."""

import asyncio
import inspect
import itertools
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

from footfall_common.clock import NewId

T = TypeVar("T")

_POLL_SECONDS = 0.005


class ManualClock:
    """A clock that moves when told to; both of its hands together."""

    def __init__(self, now_ms: int = 1_795_428_000_000) -> None:  # 2026-11-23T10:00:00Z
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic(self) -> float:
        return self._now_ms / 1000

    def advance(self, *, seconds: float = 0, ms: int = 0) -> None:
        """Move on; a negative time moves back, as machines' clocks do."""
        self._now_ms += ms + round(seconds * 1000)


def ids(start: int = 1) -> NewId:
    """Version 4 identifiers that count up from `start`, the same in every run."""
    numbers = itertools.count(start)
    return lambda: uuid.UUID(int=next(numbers), version=4)


@overload
async def eventually(predicate: Callable[[], Awaitable[T]], deadline: float = 5.0) -> T: ...
@overload
async def eventually(predicate: Callable[[], T], deadline: float = 5.0) -> T: ...
async def eventually(predicate: Callable[[], Any], deadline: float = 5.0) -> Any:
    """The first true value of `predicate`, which may be async; AssertionError after `deadline` seconds without one.

    For what gives no event to wait on. The deadline only bounds a failing test: a passing one ends at once.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline
    while True:
        outcome = predicate()
        value = await outcome if inspect.isawaitable(outcome) else outcome
        if value:
            return value
        if loop.time() >= end:
            raise AssertionError(f"still {value!r} after {deadline} s: {inspect.getsource(predicate).strip()}")
        await asyncio.sleep(_POLL_SECONDS)
