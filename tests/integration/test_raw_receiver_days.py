"""The life of a bucket on the running component: closed, folded into its day, swept, opened again by a late event."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pyarrow as pa

from footfall_common.bus import Outgoing
from footfall_common.documents import NIL, TenantDocument, key_of
from footfall_common.events.model import Event
from footfall_common.events.times import BUCKET, bucket_of, day_of
from footfall_common.pipeline.marks import Rebuild, mark_record
from footfall_common.store import Segment, Span
from footfall_common.store.standing import own_of
from footfall_common.testing import ManualClock, eventually
from footfall_raw_receiver.app import running
from footfall_report.repository.chunks import MemoryChunks
from footfall_report.repository.segments import SegmentRows
from tests.support.raw_receiver import BLOG, NAMES, QUICK, RECEIVED, SHOP, TENANT, World, event, record, world

DAY = day_of(RECEIVED)
BUCKET_START = RECEIVED - RECEIVED % BUCKET
HOUR = 3_600
LOOKING = QUICK.model_copy(update={"look_seconds": 0.02})
SITE = TenantDocument(tenant=TENANT, revision=1, tenant_id="shop", placement="Pooled")


class Life:
    """What a test sees of its one day."""

    def __init__(self, here: World, clock: ManualClock) -> None:
        self.here = here
        self.clock = clock
        self.segments = here.process.store.segments

    async def bucket(self, bucket: int) -> Segment | None:
        """Resource NIL's segment."""
        return own_of(await self.segments.bucket_heads(self.here.tenant, bucket))

    async def day(self) -> Segment | None:
        return own_of(await self.segments.day_heads(self.here.tenant, DAY))

    async def send(self, *events: Event, resource: uuid.UUID = SHOP) -> None:
        for one in events:
            await self.here.publish(record(one, resource=resource, received=self.clock.now_ms()))
            await self.here.drained()

    async def reads(self, *events: Event) -> bool:
        """Whether a report reads these events and no others."""
        rows = SegmentRows(self.here.process.store, MemoryChunks(10**7), 8)
        reading = await rows.reading(self.here.tenant, [DAY])
        tables = [table async for table in rows.tables(self.here.tenant, reading)]
        return set(pa.concat_tables(tables)["event_id"].to_pylist()) == {one.id.bytes for one in events}

    async def closed(self, *buckets: int) -> bool:
        found = [await self.bucket(bucket) for bucket in buckets]
        return all(one is not None and one.closed for one in found)

    async def folded(self, rows: int) -> bool:
        found = await self.day()
        return found is not None and found.rows == rows

    async def swept(self) -> bool:
        return {head.span for head in await self.segments.heads(self.here.tenant, [DAY])} == {Span.DAY}


@asynccontextmanager
async def life(folder: Path) -> AsyncIterator[Life]:
    clock = ManualClock(RECEIVED)
    async with world(folder, clock) as here:
        await here.process.bus.publish([Outgoing(NAMES.topics.settings, key_of(SITE), msgspec.json.encode(SITE))])
        yield Life(here, clock)


async def test_from_the_first_event_to_a_late_one(tmp_path: Path) -> None:
    first, second = bucket_of(BUCKET_START) - 1, bucket_of(BUCKET_START)
    events = [event(bucket * BUCKET + number) for number in range(5) for bucket in (first, second)]
    blog, late = event(second * BUCKET), event(second * BUCKET + 99)
    async with life(tmp_path) as it, running(it.here.process, LOOKING):
        await it.send(*events)
        await it.send(blog, resource=BLOG)
        it.clock.advance(seconds=HOUR)
        await eventually(lambda: it.closed(first, second))
        assert len((await it.here.heads(second))[SHOP].chunks) == 1
        assert await it.day() is None  # it is not over
        assert await it.reads(*events, blog)

        it.clock.advance(seconds=24 * HOUR)
        await eventually(lambda: it.folded(11))
        day = {head.resource: head for head in await it.segments.day_heads(it.here.tenant, DAY)}
        assert (set(day), set(day[NIL].folded)) == ({NIL, SHOP, BLOG}, {first, second})
        assert await it.reads(*events, blog)

        it.clock.advance(seconds=HOUR + 1)
        await eventually(it.swept)
        assert it.here.query("SELECT count(*) FROM chunks") == [(2,)]
        assert await it.reads(*events, blog)

        await it.send(late)
        assert await it.reads(*events, blog, late)
        await eventually(lambda: it.folded(12))
        it.clock.advance(seconds=HOUR + 1)
        await eventually(it.swept)
        assert await it.reads(*events, blog, late)


async def test_a_late_event_costs_itself_alone(tmp_path: Path) -> None:
    """What the day holds is not read, nor written, again."""
    events, late = [event(BUCKET_START + number) for number in range(50)], event(BUCKET_START + 99)
    async with life(tmp_path) as it:
        async with running(it.here.process, LOOKING):
            await it.here.publish(*map(record, events))
            await it.here.drained()
            it.clock.advance(seconds=25 * HOUR)
            await eventually(lambda: it.folded(50))
        async with running(it.here.process, QUICK):  # nobody looks
            await it.send(late)
        heads = await it.here.heads(bucket_of(BUCKET_START))
        assert heads[NIL].base == heads[SHOP].base is not None
        assert [row["event_id"] for row in await it.here.rows(heads[SHOP])] == [late.id.bytes]
        assert await it.reads(*events, late)


async def test_a_rebuild_mark_makes_a_bucket_from_its_rows(tmp_path: Path) -> None:
    bucket = bucket_of(BUCKET_START)
    events = [event(BUCKET_START + number) for number in range(20)]
    async with life(tmp_path) as it, running(it.here.process, QUICK):
        await it.send(*events)
        held = await it.bucket(bucket)
        assert held is not None
        await it.here.files["store"].write(lambda connection: connection.execute("DELETE FROM segment_versions"))
        mark = Rebuild(TENANT, bucket, dict(held.watermark))
        await it.here.process.bus.publish([mark_record(NAMES.topics.buckets, mark)])
        await it.here.drained()
        rebuilt = await it.bucket(bucket)
        assert rebuilt is not None
        assert (rebuilt.watermark, rebuilt.rows, rebuilt.closed) == (held.watermark, 20, True)
        assert await it.reads(*events)
