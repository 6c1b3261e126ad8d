"""Which chunks are merged together."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from footfall_common.clock import from_ms
from footfall_common.events.model import Enrichment, Event, StoredEvent
from footfall_common.store import BucketRow, Position, Segment
from footfall_common.tenancy import TenantContext
from footfall_raw_receiver.service.chunks import chunks_of, columns_of
from footfall_raw_receiver.service.merging import Bodies, Merger, Sizes, runs, with_chunks

TENANT = TenantContext(uuid.UUID(int=1))
SHOP = uuid.UUID(int=2)
SIZES = Sizes(rows=10, chunk=1_000_000, small=512_000, merge=4)


class NothingStored:
    """A store of segments that holds no chunk."""

    async def chunks(self, tenant: TenantContext, ids: Sequence[bytes]) -> Mapping[bytes, bytes]:
        assert not ids
        return {}


def row(number: int) -> BucketRow:
    event = Event(id=uuid.UUID(int=number), tracking_id=None, type="x", occurred=from_ms(0))
    stored = StoredEvent(event=event, resource=SHOP, received=0, ts=0)
    return BucketRow(Position(0, number, 0), msgspec.json.encode(stored), msgspec.json.encode(Enrichment(v=1)))


def of_chunks(count: int, rows: int) -> tuple[Segment, Bodies]:
    """A segment of so many chunks, of two rows each, which says that it has so many rows."""
    bodies: Bodies = {}
    segment = Segment(SHOP, 0, 1, {}, (), rows)
    for number in range(count):
        (made,) = chunks_of([columns_of([row(2 * number), row(2 * number + 1)], {})], SIZES.chunk).values()
        segment = with_chunks(TENANT, segment, made, bodies)
    return segment, bodies


def tidied(segment: Segment, bodies: Bodies, *, over: bool) -> Segment:
    store: Any = NothingStored()
    with ThreadPoolExecutor(1) as executor:
        merger = Merger(store, executor, SIZES)
        tidy = merger.packed if over else merger.merged
        return asyncio.run(tidy(TENANT, segment, bodies))


def test_runs_are_neighbours_that_fit() -> None:
    small = {b"a": 40, b"b": 40, b"c": 40, b"d": 60, b"e": 10}
    assert list(runs(small, 100)) == [[b"a", b"b"], [b"c", b"d"]]


def test_a_chunk_that_leaves_no_room_is_merged_with_its_neighbour_all_the_same() -> None:
    assert list(runs({b"a": 90, b"b": 90, b"c": 90}, 100)) == [[b"a", b"b"]]


def test_small_chunks_of_few_rows_become_one() -> None:
    for over in (False, True):
        segment, bodies = of_chunks(8, 16)
        now = tidied(segment, bodies, over=over)
        assert len(now.chunks) == 1
        assert set(bodies) == set(now.chunks)


def test_of_small_chunks_with_many_rows_only_so_many_are_decoded_together() -> None:
    for over in (False, True):
        segment, bodies = of_chunks(8, 90_000)
        now = tidied(segment, bodies, over=over)
        assert len(now.chunks) == 2
        assert set(bodies) == set(now.chunks)
        assert now.rows == 90_000
