"""The bucket worker on the real embedded bus and store, fed by the raw receiver."""

from pathlib import Path

import pytest

from footfall_common import segments
from footfall_common.clock import new_id
from footfall_common.documents import NIL
from footfall_common.events.times import bucket_of
from footfall_raw_receiver.app import running
from tests.support.raw_receiver import BLOG, QUICK, RECEIVED, SHOP, event, record, segment_rows, world


async def test_small_chunks_are_merged_and_no_row_is_lost(tmp_path: Path) -> None:
    settings = QUICK.model_copy(update={"merge_chunks": 4, "segment_seconds": 0.0})
    events = [event(RECEIVED - RECEIVED % 900_000 + number) for number in range(10)]
    bucket = bucket_of(RECEIVED)
    async with world(tmp_path) as here, running(here.process, settings):
        for one in events:
            await here.publish(record(one))
            await here.drained()
        heads = await here.heads(bucket)
        # 4 small ones become one, 3 times over the first 10: 1 merged of 4, 1 merged of 4, 2 small
        assert (len(heads[SHOP].chunks), heads[SHOP].rows) == (4, 10)
        assert sorted(row["event_id"] for row in await here.rows(heads[SHOP])) == sorted(one.id.bytes for one in events)  # type: ignore[type-var] # bytes
        assert max(heads[NIL].version, heads[SHOP].version) == heads[NIL].version
        assert (heads[NIL].chunks, heads[NIL].rows) == ([], 10)


@pytest.mark.parametrize("damage", ["", "WHERE resource = zeroblob(16)", f"WHERE hex(resource) = '{SHOP.hex.upper()}'"])
async def test_a_bucket_whose_segments_were_deleted_comes_back_whole(tmp_path: Path, damage: str) -> None:
    base = RECEIVED - RECEIVED % 900_000
    visitors = [new_id() for _ in range(12)]
    before = [event(base + number, visitor=visitor) for number, visitor in enumerate(visitors)]
    after = event(base + 100, visitor=visitors[0])
    async with world(tmp_path) as here, running(here.process, QUICK):
        blog = event(base)
        await here.publish(*map(record, before), record(blog, resource=BLOG))
        await here.drained()
        await here.files["store"].write(lambda connection: connection.execute(f"DELETE FROM segment_versions {damage}"))
        await here.publish(record(after))
        await here.drained()
        found = {row["event_id"] for row in await segment_rows(here, bucket_of(base))}
        assert found == {one.id.bytes for one in [*before, blog, after]}


async def test_a_bucket_that_lost_its_newest_segments_is_whole_after_the_next_mark(tmp_path: Path) -> None:
    """The older versions agree with one another, and the marks of what the lost ones held are spent."""
    base = RECEIVED - RECEIVED % 900_000
    visitor = new_id()
    events = [event(base + number, visitor=visitor) for number in range(4)]
    newest = "DELETE FROM segment_versions WHERE version = (SELECT max(version) FROM segment_versions)"
    async with world(tmp_path) as here, running(here.process, QUICK):
        for one in events[:3]:
            await here.publish(record(one))
            await here.drained()
        await here.files["store"].write(lambda connection: connection.execute(newest))
        held = {row["event_id"] for row in await segment_rows(here, bucket_of(base))}
        assert held == {one.id.bytes for one in events[:2]}
        await here.publish(record(events[3]))
        await here.drained()
        found = sorted(row["event_id"] for row in await segment_rows(here, bucket_of(base)))  # type: ignore[type-var] # bytes
        assert found == sorted(one.id.bytes for one in events)


async def test_large_buckets_are_read_and_written_in_parts(tmp_path: Path) -> None:
    settings = QUICK.model_copy(update={"segment_rows": 100, "flush_bytes": 10_000, "segment_seconds": 0.2})
    base = RECEIVED - RECEIVED % 900_000
    events = [event(base - 900_000 * (number % 3), name=f"{number}") for number in range(1_500)]
    async with world(tmp_path) as here:
        await here.publish(*map(record, events))
        async with running(here.process, settings):
            await here.drained()
        for number in range(3):
            bucket = bucket_of(base) - number
            assert len((await here.heads(bucket))[SHOP].chunks) > 2
            found = {row["event_id"] for row in await segment_rows(here, bucket)}
            assert found == {one.id.bytes for one in events[number::3]}


async def test_a_bucket_that_lost_chunks_still_takes_new_rows(tmp_path: Path) -> None:
    settings = QUICK.model_copy(update={"merge_chunks": 2})
    base = RECEIVED - RECEIVED % 900_000
    async with world(tmp_path) as here, running(here.process, settings):
        await here.publish(record(event(base)))
        await here.drained()
        await here.files["store"].write(lambda connection: connection.execute("DELETE FROM chunks"))
        later = event(base + 1)
        await here.publish(record(later))
        await here.drained()
        heads = await here.heads(bucket_of(base))
        kept = await here.process.store.segments.chunks(here.tenant, heads[SHOP].chunks)
        found = [row["event_id"] for body in kept.values() for row in segments.decode(body).to_pylist()]
        assert later.id.bytes in found


async def test_each_resource_has_segments_of_its_own(tmp_path: Path) -> None:
    shop, blog = event(), event()
    async with world(tmp_path) as here, running(here.process, QUICK):
        await here.publish(record(shop), record(blog, resource=BLOG))
        await here.drained()
        heads = await here.heads(bucket_of(RECEIVED))
        assert [row["event_id"] for row in await here.rows(heads[SHOP])] == [shop.id.bytes]
        assert [row["event_id"] for row in await here.rows(heads[BLOG])] == [blog.id.bytes]
