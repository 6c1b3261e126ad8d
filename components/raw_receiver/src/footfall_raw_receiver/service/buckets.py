"""The bucket worker: marks into segment versions.

A mark says that a bucket holds new rows up to an offset, or is over, or that a day is. Only rows above the bucket's
watermark and up to the highest mark are read, since rows beyond may still be landing out of order. The highest mark's
offset is the new version, so a stale worker's version is never the one that stands.
"""

import uuid
from collections.abc import Sequence
from functools import partial

from footfall_common.bus import Consumer, Received
from footfall_common.tenancy import TenantContext
from footfall_raw_receiver.publisher import DeadLetters
from footfall_raw_receiver.service.burying import bury
from footfall_raw_receiver.service.drafting import Draft, Drafter
from footfall_raw_receiver.service.folding import Folder
from footfall_raw_receiver.service.marks import DayDue, Due, coalesce
from footfall_raw_receiver.service.membership import Insist
from footfall_raw_receiver.service.metrics import Metrics
from footfall_raw_receiver.service.writing import Writer


class BucketWorker:
    """The Work of group `bucket-worker`."""

    def __init__(self, drafter: Drafter, folder: Folder, writer: Writer, dead: DeadLetters, metrics: Metrics) -> None:
        self._drafter = drafter
        self._folder = folder
        self._writer = writer
        self._dead = dead
        self._metrics = metrics
        self._consumer: Consumer | None = None

    async def joined(self, consumer: Consumer) -> None:
        """Take the consumer to commit with."""
        self._consumer = consumer

    def forget(self) -> None:
        """Nothing: standing segments are read anew for each chunk of marks."""

    async def handle(self, records: Sequence[Received], insist: Insist) -> None:
        """Bring every marked bucket and day up to date, publish the marks that follow, then commit."""
        consumer = self._consumer
        if consumer is None:
            raise RuntimeError("handle() before joined()")
        dues = coalesce(records)
        await bury(self._dead, dues.dead, insist)
        by_tenant: dict[uuid.UUID, list[Due]] = {}
        for due in dues.buckets:
            by_tenant.setdefault(due.tenant, []).append(due)
        for tenant, wanted in by_tenant.items():
            with self._metrics.stage("segments"):
                await insist(partial(self._bring_up, TenantContext(tenant), wanted))
        for day in dues.days:
            with self._metrics.stage("fold"):
                await insist(partial(self._fold, TenantContext(day.tenant), day))
        await insist(self._writer.marks.flush)
        offsets = {received.partition: received.offset + 1 for received in records}
        await insist(lambda: consumer.commit(offsets))

    async def _bring_up(self, tenant: TenantContext, dues: Sequence[Due]) -> None:
        """Write the drafts of one tenant's buckets together."""
        waiting: list[Draft] = []
        held = 0
        for due in dues:
            draft = await self._drafter.draft(tenant, due)
            waiting.append(draft)
            held += sum(map(len, draft.chunks.values()))
            if held >= self._writer.limits.flush:
                await self._writer.put(tenant, waiting)
                waiting, held = [], 0
        await self._writer.put(tenant, waiting)

    async def _fold(self, tenant: TenantContext, due: DayDue) -> None:
        done = await self._folder.fold(tenant, due)
        await self._writer.put(tenant, [done.draft])
        self._writer.marks.ask(done.marks)
