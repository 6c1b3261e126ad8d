"""Reading the lag goes on after a failure, and says so."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from footfall_common.errors import BusUnavailable
from footfall_common.testing import ManualClock, eventually
from footfall_raw_receiver.service.housekeeping import watch_lag
from footfall_raw_receiver.service.metrics import Metrics


class Counts:
    """A bus as far as it is asked here; its first answer is a failure."""

    def __init__(self, clock: ManualClock) -> None:
        self.asked = 0
        self._clock = clock

    async def lag(self, topic: str, group: str) -> int:
        self.asked += 1
        if self.asked == 1:
            raise BusUnavailable("The bus is away; try again.")
        return 7

    async def oldest_pending(self, topic: str, group: str) -> int | None:
        return self._clock.now_ms() - 2_500 if topic == "raw" else None


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
