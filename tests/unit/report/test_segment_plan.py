"""What of a bucket is read from its segments, and what row by row."""

import uuid
from collections.abc import Mapping

import pytest

from footfall_common.documents import NIL
from footfall_common.store import Seen, Segment
from footfall_report.repository.chunks import MemoryChunks
from footfall_report.repository.segments import Bucket, SegmentRows, plan
from tests.support.report import NOON, SHOP, Bench, days_around, fresh_tenant, plain

VISITOR = uuid.UUID(int=4, version=4)


def heads(watermark: Mapping[int, int], rows: int = 3) -> list[Segment]:
    return [Segment(SHOP, 7, 1, watermark, [b"chunk"], 3), Segment(NIL, 7, 1, watermark, (), rows)]


@pytest.mark.parametrize(
    ("highs", "watermark", "direct"),
    [
        ({0: 9}, {0: 9}, []),
        ({0: 9}, {0: 12}, []),  # a mark reaches to its chunk's end, which may lie behind the bucket's last row
        ({0: 9}, {0: 4}, [(0, 4)]),  # not segmented yet, or the newest version is lost
        ({0: 9, 1: 0}, {0: 9}, [(1, -1)]),
        ({0: 9, 1: 5, 65_536: 2}, {0: 8, 1: 5}, [(0, 8), (65_536, -1)]),
        ({}, {0: 9}, []),
    ],
)
def test_what_lies_above_the_watermark_is_read_row_by_row(
    highs: dict[int, int], watermark: dict[int, int], direct: list[tuple[int, int]]
) -> None:
    standing = heads(watermark)
    seen = [Seen(7, part, high) for part, high in highs.items()]
    parts = sorted(highs.keys() | watermark.keys())
    assert plan(seen, standing) == [Bucket(7, parts, standing, direct)]


@pytest.mark.parametrize("standing", [[], heads({0: 9})[:1], heads({0: 9})[1:], heads({0: 9}, rows=4)])
def test_a_bucket_without_all_of_its_segments_is_read_row_by_row(standing: list[Segment]) -> None:
    assert plan([Seen(7, 0, 9), Seen(7, 3, 1)], standing) == [Bucket(7, [0, 3], (), [(0, -1), (3, -1)])]


def test_fresh_rows_cost_themselves_alone_and_are_counted(tmp_path_factory: pytest.TempPathFactory) -> None:
    bench = Bench(tmp_path_factory.mktemp("fresh"))

    async def read() -> list[int]:
        tenant, shelf = fresh_tenant(), bench.shelf
        events = [plain(number, VISITOR, NOON + number) for number in range(1, 8)]
        await shelf.add(events[:5], tenant)
        await shelf.segment(days_around(NOON, 0), 1, tenant)
        await shelf.add(events[5:], tenant)
        rows = SegmentRows(shelf.store, MemoryChunks(1_000_000), 4, batch=1)
        reading = await rows.reading(tenant, days_around(NOON, 0))
        assert reading.stamp is None
        return [table.num_rows async for table in rows.tables(tenant, reading)]

    try:
        assert bench.run(read()) == [5, 2]  # the segment's chunk, and the two rows above its watermark
    finally:
        bench.close()
