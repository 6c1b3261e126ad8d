"""Lag and sweeping go on after a failure, and say so."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from footfall_common.errors import BusUnavailable, StoreUnavailable
from footfall_common.testing import ManualClock, eventually
from footfall_raw_receiver.service.housekeeping import sweep, watch_lag
from footfall_raw_receiver.service.metrics import Metrics


class Counts:
    """Bus and segment store as far as they are asked here; the first answer of each is a failure."""

    def __init__(self, clock: ManualClock) -> None:
        self.asked = 0
        self.before: list[int] = []
        self._clock = clock

    async def lag(self, topic: str, group: str) -> int:
        self.asked += 1
        if self.asked == 1:
            raise BusUnavailable("The bus is away; try again.")
        return 7

    async def oldest_pending(self, topic: str, group: str) -> int | None:
        return self._clock.now_ms() - 2_500 if topic == "raw" else None

    async def sweep(self, before: int) -> int:
        self.before.append(before)
        if len(self.before) == 1:
            raise StoreUnavailable("The store is away; try again.")
        return 3


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_the_lag_is_read_again_after_a_failure() -> None:
    clock, registry = ManualClock(), CollectorRegistry()
    counts = Counts(clock)
    groups = {"raw-receiver": "raw", "bucket-worker": "buckets"}
    metrics = Metrics(registry, clock)
    with structlog.testing.capture_logs() as logs:
        async with beside(watch_lag(counts, groups, metrics, clock, every=0.001)):  # type: ignore[arg-type] # two calls
            await eventually(lambda: counts.asked > 3)
    value = registry.get_sample_value
    assert value("footfall_consumer_lag_records", {"group": "raw-receiver"}) == 7
    assert value("footfall_consumer_lag_seconds", {"group": "raw-receiver"}) == 2.5
    assert value("footfall_consumer_lag_seconds", {"group": "bucket-worker"}) == 0
    assert [line["event"] for line in logs] == ["lag_unknown"]


async def test_sweeping_goes_on_after_a_failure() -> None:
    clock = ManualClock()
    counts = Counts(clock)
    with structlog.testing.capture_logs() as logs:
        async with beside(sweep(counts, clock, every=0.002)):  # type: ignore[arg-type] # one call
            await eventually(lambda: len(counts.before) > 1)
    assert set(counts.before) == {clock.now_ms() - 2}
    assert [line["event"] for line in logs][:2] == ["sweep_failed", "segments_swept"]
