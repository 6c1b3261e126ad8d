"""The bucket worker: marks into segment versions.

A mark says that a bucket holds new rows up to an offset. Only rows above the bucket's watermark and up to the highest
mark are read, since rows beyond may still be landing out of order. The highest mark's offset is the new version, so a
stale worker's version is never the one that stands. Folding days, closing buckets and rebuilding will be marks of other
kinds under the same keys.
"""

import uuid
from collections.abc import Sequence
from functools import partial

from footfall_common.bus import Consumer, Received
from footfall_common.clock import Clock
from footfall_common.store import SegmentStore
from footfall_common.tenancy import TenantContext
from footfall_raw_receiver.publisher import DeadLetters
from footfall_raw_receiver.service.burying import bury
from footfall_raw_receiver.service.drafting import Draft, Drafter
from footfall_raw_receiver.service.marks import Due, coalesce
from footfall_raw_receiver.service.membership import Insist
from footfall_raw_receiver.service.metrics import Metrics


class BucketWorker:
    """The Work of group `bucket-worker`. `flush_bytes`: chunks that may wait to be written together."""

    def __init__(
        self,
        segments: SegmentStore,
        drafter: Drafter,
        dead: DeadLetters,
        metrics: Metrics,
        clock: Clock,
        *,
        flush_bytes: int,
    ) -> None:
        self._segments = segments
        self._drafter = drafter
        self._dead = dead
        self._metrics = metrics
        self._clock = clock
        self._flush_bytes = flush_bytes
        self._consumer: Consumer | None = None

    async def joined(self, consumer: Consumer) -> None:
        """Take the consumer to commit with."""
        self._consumer = consumer

    def forget(self) -> None:
        """Nothing: standing segments are read anew for each chunk of marks."""

    async def handle(self, records: Sequence[Received], insist: Insist) -> None:
        """Bring every marked bucket up to date, then commit the marks."""
        consumer = self._consumer
        if consumer is None:
            raise RuntimeError("handle() before joined()")
        dues, dead = coalesce(records)
        await bury(self._dead, dead, insist)
        by_tenant: dict[uuid.UUID, list[Due]] = {}
        for due in dues:
            by_tenant.setdefault(due.tenant, []).append(due)
        for tenant, wanted in by_tenant.items():
            with self._metrics.stage("segments"):
                await insist(partial(self._bring_up, TenantContext(tenant), wanted))
        offsets = {received.partition: received.offset + 1 for received in records}
        await insist(lambda: consumer.commit(offsets))

    async def _bring_up(self, tenant: TenantContext, dues: Sequence[Due]) -> None:
        """Write the drafts of one tenant's buckets together, so that they share a sync."""
        waiting: list[Draft] = []
        held = 0
        for due in dues:
            draft = await self._drafter.draft(tenant, due)
            waiting.append(draft)
            held += sum(map(len, draft.chunks.values()))
            if held >= self._flush_bytes:
                await self._put(tenant, waiting)
                waiting, held = [], 0
        await self._put(tenant, waiting)

    async def _put(self, tenant: TenantContext, drafts: Sequence[Draft]) -> None:
        rows = [segment for draft in drafts for segment in draft.segments]
        if not rows:
            return
        bodies = {name: body for draft in drafts for name, body in draft.chunks.items()}
        await self._segments.put(tenant, rows, bodies, self._clock.now_ms())
        self._metrics.versions.inc(len(rows))
