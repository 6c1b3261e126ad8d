"""Retention on the embedded adapters; Kafka and Cassandra see to it themselves."""

import asyncio

import structlog

from footfall_common.bus.embedded import EmbeddedBus
from footfall_common.clock import Clock
from footfall_common.errors import Unavailable
from footfall_common.pipeline.view import SettingsView
from footfall_common.placement import Topics
from footfall_common.store.embedded import EmbeddedStore
from footfall_common.tenancy import TenantContext
from footfall_standalone.settings import StandaloneSettings

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_log = structlog.get_logger(__name__)


class Housekeeping:
    """Deletes events that outlived their tenant's retention, and what lay on the bus for long and was read."""

    def __init__(
        self, bus: EmbeddedBus, store: EmbeddedStore, view: SettingsView, topics: Topics, clock: Clock
    ) -> None:
        self._bus = bus
        self._store = store
        self._view = view
        self._topics = topics
        self._clock = clock

    async def run(self, settings: StandaloneSettings) -> None:
        """Until cancelled. What fails is tried again the next time: nothing waits for it."""
        await self._view.ready.wait()
        while True:
            try:
                await self.once(settings.bus_hours)
            except Unavailable as error:
                _log.warning("housekeeping_failed", message=error.message)
            await asyncio.sleep(settings.housekeeping_seconds)

    async def once(self, bus_hours: int) -> None:
        """Delete what is due now. Raises Unavailable."""
        now = self._clock.now_ms()
        for tenant in self._view.tenants():
            gone = await self._store.expire(TenantContext(tenant.tenant), now - tenant.retention_days * _DAY_MS)
            if gone:
                _log.info("events_expired", tenant=str(tenant.tenant), events=gone, days=tenant.retention_days)
        for topic in (self._topics.raw, self._topics.dead, self._topics.buckets):
            await self._bus.trim(topic, now - bus_hours * _HOUR_MS)
