"""Bucket workers, readers and mishaps around one store, a step at a time: for tests of segments in any order.

The bus is two lists of marks, one for buckets and one for days. A worker's draft waits until it is told to put it, so
that others may come between; it may be cut off in the middle of it. Every event lies in `DAY` or the day after.
"""

import uuid
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import pyarrow as pa

from footfall_common.bus import Partition, Received
from footfall_common.events.times import BUCKET, DAY, bucket_of, day_of, day_of_bucket
from footfall_common.pipeline.effects import Mark
from footfall_common.pipeline.marks import AnyMark, Fold, mark_record
from footfall_common.store import EventRow
from footfall_common.tenancy import TenantContext
from footfall_raw_receiver.service.drafting import Draft, Drafter
from footfall_raw_receiver.service.folding import Folder
from footfall_raw_receiver.service.looking import owed
from footfall_raw_receiver.service.marks import coalesce
from footfall_raw_receiver.service.merging import Merger, Sizes
from footfall_report.repository.chunks import MemoryChunks
from footfall_report.repository.segments import SegmentRows
from tests.support.report import BLOG, NOON, SHOP, Shelf, plain, row_of

MIDNIGHT = NOON - NOON % DAY
TODAY = day_of(NOON)
FIRST = bucket_of(MIDNIGHT)
WAIT = 2 * BUCKET
LATER = MIDNIGHT + 10 * DAY
"""A time at which everything is over."""
SMALL = Sizes(rows=4, chunk=24_000, small=12_000, merge=3)
BUCKETS = (FIRST, FIRST + 1, FIRST + 96)
"""Two of one day, and one of the next."""


class Hand(NamedTuple):
    """Drafts that wait to be put, the marks that follow, and what is committed then: list, offset, generation."""

    drafts: Sequence[Draft]
    marks: Sequence[AnyMark]
    commit: tuple[int, int, int]


class Site:
    """One tenant's segments, and everyone who works on them."""

    def __init__(self, shelf: Shelf, tenant: TenantContext, executor: Executor, sizes: Sizes = SMALL) -> None:
        self.shelf = shelf
        self.tenant = tenant
        self.merger = Merger(shelf.store.segments, executor, sizes)
        self.drafter = Drafter(shelf.store, self.merger, sizes.rows)
        self.folder = Folder(shelf.store.segments, self.merger, budget=1)
        self.stored: set[bytes] = set()
        self.hands: dict[int, Hand] = {}
        self._log: tuple[list[AnyMark], list[AnyMark]] = ([], [])
        self._committed = [0, 0]
        self._generation = [0, 0]
        self._flying: list[EventRow] = []
        self._unmarked: list[Mark] = []
        self._next = [0, 0]
        self._number = 0

    def publish(self, marks: Sequence[AnyMark]) -> None:
        """Append marks to the bus."""
        for mark in marks:
            self._log[isinstance(mark, Fold)].append(mark)

    def send(self, part: int, bucket: int, resource: uuid.UUID = SHOP) -> None:
        """An event takes its place on the raw topic; its row has yet to land."""
        self._number += 1
        off, self._next[part] = self._next[part], self._next[part] + 1
        event = plain(self._number, uuid.UUID(int=part, version=4), bucket * BUCKET + self._number, resource)
        row = row_of(event, off, self.tenant)
        self._flying.append(row._replace(position=row.position._replace(part=part)))
        self._unmarked.append(Mark(self.tenant.tenant, bucket, part, off))

    async def land(self, which: int) -> None:
        """One of the rows on their way is stored; marks follow once everything before them is."""
        if not self._flying:
            return
        row = self._flying.pop(which % len(self._flying))
        await self.shelf.write([row])
        self.stored.add(row.event_id.bytes)
        for part in (0, 1):
            low = min((one.position.off for one in self._flying if one.position.part == part), default=1 << 40)
            self.publish([mark for mark in self._unmarked if mark.part == part and mark.high < low])
            self._unmarked = [mark for mark in self._unmarked if mark.part != part or mark.high >= low]

    async def poll(self, worker: int, which: int, limit: int) -> None:
        """A worker becomes the owner of a list, takes marks from where it is committed, and drafts."""
        start = self._committed[which]
        marks = self._log[which][start : start + limit]
        records = [
            Received(Partition("buckets", which), start + n, b"", mark_record("buckets", mark).value, (), 0)
            for n, mark in enumerate(marks)
        ]
        dues = coalesce(records)
        self._generation[which] += 1
        drafts = [await self.drafter.draft(self.tenant, due) for due in dues.buckets]
        follow: list[AnyMark] = []
        for day in dues.days:
            done = await self.folder.fold(self.tenant, day)
            drafts.append(done.draft)
            follow += done.marks
        self.hands[worker] = Hand(drafts, follow, (which, start + len(marks), self._generation[which]))

    async def put(self, worker: int, cut: int | None = None, now: int = 0) -> None:
        """A worker puts what it drafted; `cut` = how many segments of it, then it dies before it commits."""
        hand = self.hands.pop(worker, None)
        if hand is None:
            return
        segments = [segment for draft in hand.drafts for segment in draft.segments]
        bodies = {name: body for draft in hand.drafts for name, body in draft.chunks.items()}
        await self.shelf.store.segments.put(self.tenant, segments[:cut], bodies, now)
        which, offset, generation = hand.commit
        if cut is None:
            closed = {day_of_bucket(one.bucket) for one in segments if one.closed}
            self.publish([*hand.marks, *(Fold(self.tenant.tenant, day) for day in sorted(closed))])
            if generation == self._generation[which]:
                self._committed[which] = offset

    async def look(self, now: int) -> int:
        """Someone whose clock says `now` publishes what is owed; returns how many marks."""
        marks: list[AnyMark] = []
        for day in (TODAY, TODAY + 1):
            marks += owed(self.tenant, day, await self.shelf.store.segments.heads(self.tenant, [day]), now, WAIT)
        self.publish(marks)
        return len(marks)

    async def sweep(self, before: int) -> None:
        """Sweep both days."""
        for day in (TODAY, TODAY + 1):
            await self.shelf.store.segments.sweep(self.tenant, day, before)

    async def settle(self) -> None:
        """Land, mark, work and look until nothing is left to do. Fails when that never ends."""
        while self._flying:
            await self.land(0)
        for _ in range(60):
            await self.drain()
            if not await self.look(LATER):
                return
        raise AssertionError("there is always more to look for")

    async def drain(self) -> None:
        """One worker works on all marks, and on those that follow from them. Fails when that never ends."""
        for _ in range(60):
            if all(len(log) == done for log, done in zip(self._log, self._committed, strict=True)):
                return
            for which in (0, 1):
                await self.poll(9, which, 1_000)
                await self.put(9)
        raise AssertionError("marks make marks for ever")

    async def read(self) -> list[bytes]:
        """The event ids that a report reads, without copies."""
        rows = SegmentRows(self.shelf.store, MemoryChunks(0), at_once=2)
        reading = await rows.reading(self.tenant, [TODAY, TODAY + 1])
        tables = [table async for table in rows.tables(self.tenant, reading)]
        return sorted(pa.concat_tables(tables)["event_id"].unique().to_pylist()) if tables else []

    async def whole(self) -> bool:
        """Whether a report reads chunks alone."""
        rows = SegmentRows(self.shelf.store, MemoryChunks(0), at_once=2)
        return (await rows.reading(self.tenant, [TODAY, TODAY + 1])).stamp is not None


RESOURCES = (SHOP, BLOG)
