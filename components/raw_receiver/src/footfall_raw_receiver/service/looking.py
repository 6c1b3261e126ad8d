"""What is owed without an event that says so: closing buckets that are over, folding days, sweeping.

Every bucket worker looks now and then. A mark published by several of them, or by one whose clock is wrong, changes no
number and costs its owner one read.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import structlog

from footfall_common.bus import Publisher
from footfall_common.clock import Clock
from footfall_common.documents import TenantDocument
from footfall_common.errors import Unavailable
from footfall_common.events.times import BUCKET, DAY, day_of
from footfall_common.pipeline.marks import AnyMark, Close, Fold, mark_record
from footfall_common.store import Segment, SegmentStore
from footfall_common.tenancy import TenantContext
from footfall_raw_receiver.service.folding import standing_of

_log = structlog.get_logger(__name__)
TenantDay = tuple[TenantContext, int]


class Tenants(Protocol):
    """Where all tenants are known; `SettingsView` is one."""

    def tenants(self) -> Sequence[TenantDocument]:
        """All that are not deleted."""
        ...


class Times(NamedTuple):
    """Milliseconds: after a bucket's end until it is closed, after a version was superseded until it is deleted.

    `days` = how many of the last days are looked at each time; of the older ones, one a look in turn.
    """

    close: int
    keep: int
    days: int


def bucket_over(bucket: int, now: int, wait: int) -> bool:
    """Whether the bucket ended long enough ago to be closed."""
    return (bucket + 1) * BUCKET + wait <= now


def day_over(day: int, now: int, wait: int) -> bool:
    """Whether all buckets of the day are over."""
    return (day + 1) * DAY + wait <= now


def owed(tenant: TenantContext, day: int, heads: Iterable[Segment], now: int, wait: int) -> list[AnyMark]:
    """The marks that a day needs: to close what is over, else, once all of it is, to fold.

    A bucket without any segment is not named: its data mark is on the way, or only a rebuild with offsets helps it.
    """
    standing = standing_of(heads)
    closing: list[AnyMark] = [
        Close(tenant.tenant, bucket) for bucket in standing.open if bucket_over(bucket, now, wait)
    ]
    if closing or standing.open or not standing.closed or not day_over(day, now, wait):
        return closing
    return [Fold(tenant.tenant, day)]


class Sweeps:
    """Days in which something was superseded, each to be swept once that is `keep` ms ago."""

    def __init__(self, clock: Clock, keep: int) -> None:
        self._clock = clock
        self._keep = keep
        self._noted: dict[TenantDay, tuple[int, int]] = {}

    def note(self, tenant: TenantContext, day: int) -> None:
        """Something of the day was superseded now."""
        now = self._clock.now_ms()
        first, _ = self._noted.get((tenant, day), (now, now))
        self._noted[tenant, day] = (first, now)

    def due(self) -> list[TenantDay]:
        """The days to be swept now. One that was noted again too recently stays, to be due for that later."""
        limit = self._clock.now_ms() - self._keep
        found = [of for of, (first, _) in self._noted.items() if first < limit]
        for of in found:
            _, last = self._noted.pop(of)
            if last >= limit:
                self._noted[of] = (last, last)
        return found


class Look:
    """Publishes what is owed to all tenants, and sweeps."""

    def __init__(
        self,
        tenants: Tenants,
        segments: SegmentStore,
        bus: Publisher,
        topic: str,
        sweeps: Sweeps,
        clock: Clock,
        times: Times,
    ) -> None:
        self._tenants = tenants
        self._segments = segments
        self._bus = bus
        self._topic = topic
        self._sweeps = sweeps
        self._clock = clock
        self._times = times
        self._turn = 0

    async def run(self, every: float, first: float) -> None:
        """Look every so many seconds, at first after `first`, until cancelled."""
        await asyncio.sleep(first)
        while True:
            try:
                await self.once()
            except Unavailable as error:
                _log.warning("look_failed", error=error.message)
            await asyncio.sleep(every)

    async def once(self) -> None:
        """Look at every tenant. Raises Unavailable; what was not looked at then comes the next time."""
        for tenant, day in self._sweeps.due():
            await self._sweep(tenant, day)
        today = day_of(self._clock.now_ms())
        for document in self._tenants.tenants():
            tenant = TenantContext(document.tenant)
            for day in range(today - self._times.days + 1, today + 2):  # the clock of who wrote may be ahead
                await self._owed(tenant, day)
            older = document.retention_days - self._times.days
            if older > 0:
                day = today - self._times.days - self._turn % older
                await self._owed(tenant, day)
                await self._sweep(tenant, day)
        self._turn += 1

    async def _owed(self, tenant: TenantContext, day: int) -> None:
        heads = await self._segments.heads(tenant, [day])
        marks = owed(tenant, day, heads, self._clock.now_ms(), self._times.close)
        if marks:
            await self._bus.publish([mark_record(self._topic, mark) for mark in marks])
            _log.info("marks_owed", tenant=str(tenant.tenant), day=day, marks=len(marks))

    async def _sweep(self, tenant: TenantContext, day: int) -> None:
        gone = await self._segments.sweep(tenant, day, self._clock.now_ms() - self._times.keep)
        if gone:
            _log.info("segments_swept", tenant=str(tenant.tenant), day=day, versions=gone)
