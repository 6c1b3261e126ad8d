"""What of a day is read from its segments, and what row by row."""

import uuid
from collections.abc import Mapping

import pytest

from footfall_common.documents import NIL
from footfall_common.store import Folded, Seen, Segment, Span
from footfall_report.models.plan import DayPlan, Direct, reading_of
from footfall_report.repository.chunks import MemoryChunks
from footfall_report.repository.segments import SegmentRows
from tests.support.report import BLOG, NOON, SHOP, Bench, days_around, fresh_tenant, plain

VISITOR = uuid.UUID(int=4, version=4)


def heads(watermark: Mapping[int, int], version: int = 1, base: int | None = None) -> list[Segment]:
    shop = Segment(SHOP, 7, version, watermark, [b"chunk %d" % version], 3, base=base)
    return [shop, Segment(NIL, 7, version, watermark, (), 3, base=base, members={SHOP: version})]


def day(folded: Mapping[int, Folded]) -> list[Segment]:
    shop = Segment(SHOP, 0, 5, {}, [b"day"], 3, span=Span.DAY)
    return [shop, shop._replace(resource=NIL, chunks=(), members={SHOP: 5}, folded=folded)]


def plan_of(seen: Mapping[int, int], standing: list[Segment]) -> DayPlan:
    (plan,) = reading_of([Seen(7, part, high) for part, high in seen.items()], standing).days
    return plan


def direct(above: Mapping[int, int]) -> list[Direct]:
    return [Direct(7, part, after) for part, after in above.items()]


@pytest.mark.parametrize(
    ("highs", "watermark", "above"),
    [
        ({0: 9}, {0: 9}, {}),
        ({0: 9}, {0: 12}, {}),  # a mark reaches to its chunk's end, which may lie behind the bucket's last row
        ({0: 9}, {0: 4}, {0: 4}),  # not segmented yet, or the newest version is lost
        ({0: 9, 1: 0}, {0: 9}, {1: -1}),
        ({0: 9, 1: 5, 65_536: 2}, {0: 8, 1: 5}, {0: 8, 65_536: -1}),
        ({}, {0: 9}, {}),
    ],
)
def test_what_lies_above_the_watermark_is_read_row_by_row(
    highs: dict[int, int], watermark: dict[int, int], above: dict[int, int]
) -> None:
    plan = plan_of(highs, heads(watermark))
    assert (plan.chunks, plan.direct) == ([b"chunk 1"], direct(above))


@pytest.mark.parametrize(
    "standing",
    [
        [],
        heads({0: 9})[:1],
        heads({0: 9})[1:],
        [heads({0: 9}, 1)[0], heads({0: 9}, 2)[1]],  # the newest version of a resource is lost
        [*heads({0: 9}, 1)[:1], heads({0: 9}, 1)[1]._replace(members={SHOP: 1, BLOG: 1})],
        [heads({0: 9}, 2, base=1)[0], heads({0: 9}, 1)[1]],  # what came after a fold does not hold what was before
        heads({0: 9}, 2, base=1),
    ],
)
def test_a_bucket_without_all_of_its_segments_is_read_row_by_row(standing: list[Segment]) -> None:
    plan = plan_of({0: 9, 3: 1}, standing)
    assert (plan.chunks, plan.direct, plan.used) == ([], direct({0: -1, 3: -1}), [])


def test_segments_of_an_earlier_release_count_rows() -> None:
    shop, own = heads({0: 9})
    old = own._replace(members={})
    assert plan_of({0: 9}, [shop, old]).chunks == [b"chunk 1"]
    assert plan_of({0: 9}, [shop, old._replace(rows=4)]).chunks == []


FOLDED = {7: Folded(3, {0: 9})}


@pytest.mark.parametrize(
    ("highs", "bucket", "chunks", "above"),
    [
        ({0: 9}, [], [b"day"], {}),
        ({0: 11, 1: 2}, [], [b"day"], {0: 9, 1: -1}),
        ({0: 9}, heads({0: 9}, 3), [b"day"], {}),  # not swept yet
        ({0: 11}, heads({0: 11}, 6, base=3), [b"day", b"chunk 6"], {}),
        ({0: 12}, heads({0: 11}, 6, base=2), [b"day", b"chunk 6"], {0: 11}),
        ({0: 11}, heads({0: 11}, 6, base=4), [b"day"], {0: 9}),  # rests on a newer day, which is lost
        ({0: 11}, heads({0: 11}, 6, base=3)[1:], [b"day"], {0: 9}),
        ({0: 11}, heads({0: 11}, 6), [b"day", b"chunk 6"], {}),
    ],
)
def test_a_day_is_taken_with_what_it_does_not_hold(
    highs: dict[int, int], bucket: list[Segment], chunks: list[bytes], above: dict[int, int]
) -> None:
    plan = plan_of(highs, [*day(FOLDED), *bucket])
    assert (plan.chunks, plan.direct) == (chunks, direct(above))


@pytest.mark.parametrize("missing", [SHOP, NIL])
def test_a_day_that_is_not_whole_is_not_taken(missing: uuid.UUID) -> None:
    broken = [one for one in day(FOLDED) if one.resource != missing]
    assert plan_of({0: 9}, [*broken, *heads({0: 9}, 3)]).chunks == [b"chunk 3"]
    assert plan_of({0: 9}, broken).direct == direct({0: -1})
    assert plan_of({0: 11}, [*broken, *heads({0: 11}, 6, base=3)]).direct == direct({0: -1})


def test_a_segment_whose_chunk_is_gone_counts_as_gone() -> None:
    standing = [*day(FOLDED), *heads({0: 9}, 3)]
    seen = [Seen(7, 0, 9)]
    assert reading_of(seen, standing, {b"day"}).days[0].chunks == [b"chunk 3"]
    assert reading_of(seen, standing, {b"day", b"chunk 3"}).days[0].direct == direct({0: -1})


def test_the_stamp_is_of_what_is_read() -> None:
    seen = [Seen(7, 0, 9)]
    folded = reading_of(seen, day(FOLDED)).stamp
    assert folded == reading_of(seen, [*day(FOLDED), *heads({0: 9}, 3)]).stamp  # sweeping forgets no answer
    assert folded not in {None, reading_of(seen, heads({0: 9}, 3)).stamp}
    assert reading_of([Seen(7, 0, 10)], day(FOLDED)).stamp is None


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
