"""The bucket worker: marks into segment versions.

A mark says that a bucket holds new rows up to an offset, or is over, or that a day is. Only rows above the bucket's
watermark and up to the highest mark are read, since rows beyond may still be landing out of order. The highest mark's
offset is the new version, so a stale worker's version is never the one that stands.
"""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from footfall_common.bus import Consumer, Received
from footfall_common.tenancy import TenantContext
from footfall_common.together import together
from footfall_raw_receiver.publisher import DeadLetters
from footfall_raw_receiver.service.burying import bury
from footfall_raw_receiver.service.drafting import Draft, Drafter
from footfall_raw_receiver.service.folding import Folder
from footfall_raw_receiver.service.marks import DayDue, Due, coalesce, groups
from footfall_raw_receiver.service.membership import Insist
from footfall_raw_receiver.service.metrics import Metrics
from footfall_raw_receiver.service.writing import Writer


class Sizes(NamedTuple):
    """`at_once` = buckets drafted, or tenants written, at the same time; `commit` = buckets between two commits."""

    at_once: int
    commit: int


class BucketWorker:
    """The Work of group `bucket-worker`."""

    def __init__(
        self, drafter: Drafter, folder: Folder, writer: Writer, dead: DeadLetters, metrics: Metrics, sizes: Sizes
    ) -> None:
        self._drafter = drafter
        self._folder = folder
        self._writer = writer
        self._dead = dead
        self._metrics = metrics
        self._sizes = sizes
        self._consumer: Consumer | None = None

    async def joined(self, consumer: Consumer) -> None:
        """Take the consumer to commit with."""
        self._consumer = consumer

    def forget(self) -> None:
        """Nothing: standing segments are read anew for each chunk of marks."""

    async def handle(self, records: Sequence[Received], insist: Insist) -> None:
        """Bring every marked bucket and day up to date, publish the marks that follow, then commit.

        Part after part: should it take so long that the bus gives the partitions to others, what was committed stands.
        """
        consumer = self._consumer
        if consumer is None:
            raise RuntimeError("handle() before joined()")
        for some in groups(records, self._sizes.commit):
            await self._worked(some, consumer, insist)

    async def _worked(self, records: Sequence[Received], consumer: Consumer, insist: Insist) -> None:
        dues = coalesce(records)
        await bury(self._dead, dues.dead, insist)
        with self._metrics.stage("segments"):
            await self._bring_up(dues.buckets, insist)
        for day in dues.days:
            with self._metrics.stage("fold"):
                await insist(partial(self._fold, TenantContext(day.tenant), day))
        await insist(self._writer.marks.flush)
        offsets = {received.partition: received.offset + 1 for received in records}
        await insist(lambda: consumer.commit(offsets))

    async def _bring_up(self, dues: Sequence[Due], insist: Insist) -> None:
        """Draft several buckets at once, since each mostly waits for the store, and write a tenant's together.

        What succeeded is not done again where something else has to be.
        """
        waiting: dict[uuid.UUID, list[Draft]] = defaultdict(list)
        held = 0
        for start in range(0, len(dues), self._sizes.at_once):
            some = dues[start : start + self._sizes.at_once]
            steps = [partial(insist, partial(self._draft, due)) for due in some]
            drafts = await together(len(steps), steps)
            for due, draft in zip(some, drafts, strict=True):
                waiting[due.tenant].append(draft)
            held += sum(len(body) for draft in drafts for body in draft.chunks.values())
            if held >= self._writer.limits.flush:
                await self._put(waiting, insist)
                waiting.clear()
                held = 0
        await self._put(waiting, insist)

    async def _draft(self, due: Due) -> Draft:
        return await self._drafter.draft(TenantContext(due.tenant), due)

    async def _put(self, waiting: Mapping[uuid.UUID, Sequence[Draft]], insist: Insist) -> None:
        puts = [partial(self._writer.put, TenantContext(tenant), drafts) for tenant, drafts in waiting.items()]
        await together(self._sizes.at_once, [partial(insist, put) for put in puts])

    async def _fold(self, tenant: TenantContext, due: DayDue) -> None:
        done = await self._folder.fold(tenant, due)
        await self._writer.put(tenant, [done.draft])
        self._writer.marks.ask(done.marks)
