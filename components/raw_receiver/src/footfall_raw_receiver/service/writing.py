"""Segments into the store, and what follows: marks to be published, days to be swept."""

from collections.abc import Sequence
from typing import NamedTuple

from footfall_common.bus import Publisher
from footfall_common.clock import Clock
from footfall_common.documents import NIL
from footfall_common.events.times import day_of_bucket
from footfall_common.pipeline.marks import AnyMark, Fold, mark_record
from footfall_common.store import SegmentStore, Span
from footfall_common.tenancy import TenantContext
from footfall_raw_receiver.service.drafting import Draft
from footfall_raw_receiver.service.looking import Sweeps, day_over
from footfall_raw_receiver.service.metrics import Metrics


class Marks:
    """Marks under way to topic `buckets`; one asked for twice is published once."""

    def __init__(self, bus: Publisher, topic: str) -> None:
        self._bus = bus
        self._topic = topic
        self._asked: dict[bytes, AnyMark] = {}

    def ask(self, marks: Sequence[AnyMark]) -> None:
        """Have these published by the next flush: what asks for them may be done twice before."""
        for mark in marks:
            record = mark_record(self._topic, mark)
            self._asked[record.key + record.value] = mark

    async def flush(self) -> None:
        """Publish what was asked for. Raises BusUnavailable, and keeps it then."""
        if self._asked:
            await self._bus.publish([mark_record(self._topic, mark) for mark in self._asked.values()])
            self._asked.clear()


class Limits(NamedTuple):
    """Bytes of chunks that may wait to be written together; ms from a day's end until it is folded."""

    flush: int
    close: int


class Writer:
    """Puts drafts."""

    def __init__(
        self, segments: SegmentStore, marks: Marks, sweeps: Sweeps, metrics: Metrics, clock: Clock, limits: Limits
    ) -> None:
        self.marks = marks
        self.limits = limits
        self._segments = segments
        self._sweeps = sweeps
        self._metrics = metrics
        self._clock = clock

    async def put(self, tenant: TenantContext, drafts: Sequence[Draft]) -> None:
        """Together, so that they share a sync, or a round trip: those of NIL last, which speak of the others.

        Where a bucket was closed, its day is to be folded once it is over.
        """
        rows = sorted((segment for draft in drafts for segment in draft.segments), key=lambda one: one.resource == NIL)
        if not rows:
            return
        bodies = {name: body for draft in drafts for name, body in draft.chunks.items()}
        now = self._clock.now_ms()
        await self._segments.put(tenant, rows, bodies, now)
        self._metrics.versions.inc(len(rows))
        for day in {day_of_bucket(segment.bucket) for segment in rows if segment.closed or segment.span is Span.DAY}:
            self._sweeps.note(tenant, day)
        over = {day_of_bucket(segment.bucket) for segment in rows if segment.closed}
        self.marks.ask([Fold(tenant.tenant, day) for day in sorted(over) if day_over(day, now, self.limits.close)])
