"""What is done now and then: reading the lag."""

import asyncio

import structlog

from footfall_common.bus import Bus
from footfall_common.clock import Clock
from footfall_common.errors import Unavailable
from footfall_raw_receiver.service.metrics import Metrics

_log = structlog.get_logger(__name__)


async def read_lag(bus: Bus, groups: dict[str, str], metrics: Metrics, clock: Clock) -> None:
    """Set the lag of each group (group -> its topic)."""
    for group, topic in groups.items():
        metrics.lag.labels(group).set(await bus.lag(topic, group))
        oldest = await bus.oldest_pending(topic, group)
        metrics.lag_seconds.labels(group).set(0 if oldest is None else max(0, clock.now_ms() - oldest) / 1000)


async def watch_lag(bus: Bus, groups: dict[str, str], metrics: Metrics, clock: Clock, every: float) -> None:
    """Keep the lag metrics fresh until cancelled."""
    while True:
        try:
            await read_lag(bus, groups, metrics, clock)
        except Unavailable as error:
            _log.warning("lag_unknown", error=error.message)
        await asyncio.sleep(every)
