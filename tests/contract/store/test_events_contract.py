"""What every store keeps about events."""

import asyncio
import datetime as dt
import uuid
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footfall_common.clock import to_ms
from footfall_common.events.times import BUCKET, DAY, bucket_of, day_of, month_of
from footfall_common.store import (
    START,
    BucketRow,
    Edge,
    EventReads,
    EventRow,
    FeedRow,
    Latest,
    Place,
    Placed,
    Position,
    TenantContext,
    VisitorDay,
    past,
)
from tests.contract.store.conftest import OpenStore
from tests.support.stores import NOON, OpenedStore, row, tenant

MONTH = month_of(NOON)
VISITOR, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)
few = settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],  # each example is a new tenant
)


def partition(of: EventRow) -> VisitorDay:
    return VisitorDay(of.tenant, of.visitor, of.day)


def fed(rows: Sequence[EventRow]) -> list[FeedRow]:
    found = [FeedRow(of.ts, of.event_id, of.visitor, of.raw, of.enriched) for of in rows]
    return sorted(found, key=lambda of: (-of.ts, of.event_id.bytes))


async def whole_month(events: EventReads, of: TenantContext, visitor: uuid.UUID, month: int = MONTH) -> list[FeedRow]:
    return list(await events.visitor_month(of, visitor, month, None, 100_000))


class TestPlaced:
    async def test_nothing_asked_nothing_answered(self, opened: OpenedStore) -> None:
        assert await opened.store.events.placed({}) == {}

    async def test_an_id_that_is_not_there_is_missing_from_its_partition(self, opened: OpenedStore) -> None:
        key = VisitorDay(tenant().tenant, VISITOR, 0)
        assert await opened.store.events.placed({key: [VISITOR]}) == {key: {}}

    async def test_ids_of_many_visitors_come_together(self, opened: OpenedStore) -> None:
        of = tenant()
        rows = [row(of, uuid.UUID(int=n % 150), ts=NOON + n * DAY // 100) for n in range(700)]
        await opened.write(rows, [])
        expected: dict[VisitorDay, dict[uuid.UUID, Placed]] = {}
        for written in rows:
            expected.setdefault(partition(written), {})[written.event_id] = Placed(written.ts, written.position)
        assert await opened.store.events.placed(expected) == expected

    async def test_the_first_copy_stands(self, opened: OpenedStore) -> None:
        of = tenant()
        first = row(of, VISITOR, at=Position(3, 7, 2))
        second = first._replace(ts=NOON + 5, position=Position(3, 6, 0))
        await opened.write([first], [])
        await opened.write([second], [])
        placed = await opened.store.events.placed({partition(first): [first.event_id]})
        assert placed[partition(first)] == {first.event_id: Placed(NOON, Position(3, 7, 2))}

    async def test_the_first_copy_of_one_write_stands(self, opened: OpenedStore) -> None:
        first = row(tenant(), VISITOR)
        await opened.write([first, first._replace(ts=NOON + 5, position=Position(0, 10**9, 0))], [])
        placed = await opened.store.events.placed({partition(first): [first.event_id]})
        assert placed[partition(first)] == {first.event_id: Placed(NOON, first.position)}

    async def test_an_event_without_visitor_stands_under_its_own_id(self, opened: OpenedStore) -> None:
        written = row(tenant(), None)
        await opened.write([written], [])
        key = VisitorDay(written.tenant, written.event_id, written.day)
        assert await opened.store.events.placed({key: [written.event_id]}) == {
            key: {written.event_id: Placed(NOON, written.position)}
        }

    @few
    @given(
        st.lists(
            st.lists(
                st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(-1, 1), st.integers(0, 10)), max_size=6
            ),
            max_size=5,
        )
    )
    async def test_it_is_a_dictionary_that_sets_once(
        self, opened: OpenedStore, writes: list[list[tuple[int, int, int, int]]]
    ) -> None:
        of = tenant()
        expected: dict[VisitorDay, dict[uuid.UUID, Placed]] = {
            VisitorDay(of.tenant, uuid.UUID(int=who), day): {} for who in range(3) for day in (-1, 0, 1)
        }
        for write in writes:
            rows = [row(of, uuid.UUID(int=who), event_id=uuid.UUID(int=n), day=day, ts=ts) for who, n, day, ts in write]
            await opened.write(rows, [])
            for written in rows:
                expected[partition(written)].setdefault(written.event_id, Placed(written.ts, written.position))
        every = [uuid.UUID(int=n) for n in range(4)]
        assert await opened.store.events.placed(dict.fromkeys(expected, every)) == expected


class TestVisitorMonth:
    async def test_nobody_knows_this_visitor(self, opened: OpenedStore) -> None:
        assert await whole_month(opened.store.events, tenant(), VISITOR) == []

    async def test_newest_first_and_equal_times_by_event_id(self, opened: OpenedStore) -> None:
        of = tenant()
        rows = [row(of, VISITOR, ts=NOON + n // 3, event_id=uuid.UUID(int=n * 7919 % 101)) for n in range(100)]
        await opened.write(rows, [])
        assert await whole_month(opened.store.events, of, VISITOR) == fed(rows)

    async def test_event_ids_of_any_version_stand_in_the_order_of_their_bytes(self, opened: OpenedStore) -> None:
        of = tenant()
        ids = [uuid.UUID(int=n << 120 | 0x77 << 40, version=version) for n in range(8) for version in (5, 1, 4)]
        rows = [row(of, VISITOR, event_id=event_id) for event_id in ids]
        await opened.write(rows, [])
        assert await whole_month(opened.store.events, of, VISITOR) == fed(rows)
        after = opened.store.events.visitor_month(of, VISITOR, MONTH, (NOON, sorted(ids)[9]), 3)
        assert [found.event_id for found in await after] == sorted(ids)[10:13]

    async def test_a_month_holds_its_first_and_last_millisecond_only(self, opened: OpenedStore) -> None:
        of = tenant()
        start, end = (to_ms(dt.datetime(2026, month, 1, tzinfo=dt.UTC)) for month in (11, 12))
        inside = [row(of, VISITOR, ts=start), row(of, VISITOR, ts=end - 1)]
        await opened.write([row(of, VISITOR, ts=start - 1), *inside, row(of, VISITOR, ts=end)], [])
        assert await whole_month(opened.store.events, of, VISITOR) == fed(inside)

    @pytest.mark.parametrize("year", [1, 1600, 1969, 1970, 2000, 2100, 9999])
    async def test_every_year_has_its_months(self, opened: OpenedStore, year: int) -> None:
        of = tenant()
        moments = [dt.datetime(year, month, 1, tzinfo=dt.UTC) for month in range(1, 13)]
        moments.append(dt.datetime(year, 12, 31, 23, 59, 59, 999_000, tzinfo=dt.UTC))
        rows = [row(of, VISITOR, ts=to_ms(moment)) for moment in moments]
        await opened.write(rows, [])
        for month in range(12):
            number = (year - 1970) * 12 + month
            expected = fed([of for of in rows if month_of(of.ts) == number])
            assert expected
            assert await whole_month(opened.store.events, of, VISITOR, number) == expected

    async def test_the_day_the_client_named_may_lie_in_another_month(self, opened: OpenedStore) -> None:
        of = tenant()
        rows = [row(of, VISITOR, ts=NOON + n, day=day_of(NOON) + n) for n in (0, 1, -1, 400, -400)]
        await opened.write(rows, [])
        assert await whole_month(opened.store.events, of, VISITOR) == fed(rows)

    async def test_more_rows_than_one_statement_reads(self, opened: OpenedStore) -> None:
        of = tenant()
        rows = [row(of, VISITOR, ts=NOON + n // 2) for n in range(2_500)]
        await opened.write(rows, [])
        assert await whole_month(opened.store.events, of, VISITOR) == fed(rows)
        limited = await opened.store.events.visitor_month(of, VISITOR, MONTH, None, 1_001)
        assert list(limited) == fed(rows)[:1_001]

    async def test_until_of_another_month_reads_all_or_nothing(self, opened: OpenedStore) -> None:
        of = tenant()
        written = row(of, VISITOR)
        await opened.write([written], [])
        read = opened.store.events.visitor_month
        assert await read(of, VISITOR, MONTH, (NOON + 60 * DAY, OTHER), 10) == fed([written])
        assert await read(of, VISITOR, MONTH, (NOON - 60 * DAY, OTHER), 10) == []

    async def test_an_event_without_visitor_is_in_no_month(self, opened: OpenedStore) -> None:
        of = tenant()
        written = row(of, None)
        mine = row(of, written.event_id, ts=NOON + 1)  # a visitor whose id equals that event's
        await opened.write([written, mine], [])
        assert await whole_month(opened.store.events, of, written.event_id) == fed([mine])

    @few
    @given(st.lists(st.integers(0, 6), max_size=25), st.integers(1, 7), st.lists(st.integers(0, 6), max_size=4))
    async def test_pages_hold_every_row_once_while_others_arrive(
        self, opened: OpenedStore, times: list[int], size: int, late: list[int]
    ) -> None:
        of = tenant()
        before = [row(of, VISITOR, ts=NOON + ts) for ts in times]
        await opened.write(before, [])
        read: list[FeedRow] = []
        arriving = [row(of, VISITOR, ts=NOON + ts) for ts in late]
        while page := await opened.store.events.visitor_month(
            of, VISITOR, MONTH, (read[-1].ts, read[-1].event_id) if read else None, size
        ):
            assert len(page) <= size
            read += page
            if arriving:
                await opened.write([arriving.pop()], [])
        assert read == sorted(read, key=lambda found: (-found.ts, found.event_id.bytes))
        assert len({found.event_id for found in read}) == len(read)
        assert {found.event_id for found in read} >= {written.event_id for written in before}


class TestBodies:
    @pytest.mark.parametrize(
        ("raw", "enriched"),
        [
            (b"", b""),
            (b"\x00", b"\x00\x00"),
            ('{"name":"a\x00b \N{PILE OF POO}\U0010ffff"}'.encode(), b"{}"),
            (b"\xff\xfe not UTF-8", b'{"v":2}'),
            (b'","]}', b"'); DROP TABLE event_ids; --"),
            (b"x" * 1_000_000, b"y" * 5_000),
        ],
    )
    async def test_they_come_back_byte_for_byte(self, opened: OpenedStore, raw: bytes, enriched: bytes) -> None:
        of = tenant()
        rows = [
            row(of, VISITOR, ts=NOON),
            row(of, VISITOR, ts=NOON + 1, raw=raw, enriched=enriched),
            row(of, VISITOR, ts=NOON + 2),
        ]
        await opened.write(rows, [])
        assert await whole_month(opened.store.events, of, VISITOR) == fed(rows)
        in_bucket = await opened.store.events.bucket_rows(of, bucket_of(NOON), 0, START, None, 5_000)
        assert list(in_bucket) == [BucketRow(written.position, written.raw, written.enriched) for written in rows]

    async def test_a_newer_enrichment_replaces_the_older(self, opened: OpenedStore) -> None:
        of = tenant()
        first = row(of, VISITOR)
        again = first._replace(enriched=b'{"v":2}')
        await opened.write([first], [])
        await opened.write([again], [])
        assert await whole_month(opened.store.events, of, VISITOR) == fed([again])
        in_bucket = await opened.store.events.bucket_rows(of, bucket_of(NOON), 0, START, None, 5_000)
        assert list(in_bucket) == [BucketRow(first.position, first.raw, b'{"v":2}')]


class TestLatest:
    async def test_only_visitors_that_have_events_come(self, opened: OpenedStore) -> None:
        of = tenant()
        nameless = row(of, None)
        await opened.write([row(of, VISITOR), nameless], [])
        assert await opened.store.events.latest(of, []) == {}
        found = await opened.store.events.latest(of, [VISITOR, OTHER, nameless.visitor, VISITOR])
        assert found == {VISITOR: Latest(NOON, frozenset({MONTH}))}

    @few
    @given(st.lists(st.tuples(st.integers(0, 2), st.integers(-800, 800), st.integers(-40, 40)), max_size=12))
    async def test_the_greatest_time_and_every_month(
        self, opened: OpenedStore, written: list[tuple[int, int, int]]
    ) -> None:
        of = tenant()
        expected: dict[uuid.UUID, list[int]] = {}
        for who, days, skew in written:
            ts = days * DAY + who
            expected.setdefault(uuid.UUID(int=who), []).append(ts)
            await opened.write([row(of, uuid.UUID(int=who), ts=ts, day=day_of(ts) + skew)], [])
        found = await opened.store.events.latest(of, [uuid.UUID(int=who) for who in range(3)])
        assert found == {who: Latest(max(times), frozenset(map(month_of, times))) for who, times in expected.items()}

    async def test_a_hundred_visitors_at_once(self, opened: OpenedStore) -> None:
        of = tenant()
        rows = [row(of, uuid.UUID(int=n), ts=NOON + n) for n in range(100)]
        await opened.write(rows, [])
        found = await opened.store.events.latest(of, [written.visitor for written in rows])
        assert found == {written.visitor: Latest(written.ts, frozenset({MONTH})) for written in rows}


class TestBuckets:
    async def test_bounds_and_order(self, opened: OpenedStore) -> None:
        of = tenant()
        places = [(off, idx) for off in (1, 2, 3, 300) for idx in (0, 1, 12)]
        rows = [row(of, VISITOR, ts=NOON + n * 70_000, at=Position(2, *place)) for n, place in enumerate(places)]
        elsewhere = [row(of, VISITOR, at=Position(3, 2, 0)), row(of, VISITOR, ts=NOON + BUCKET, at=Position(2, 2, 5))]
        await opened.write([*reversed(rows), *elsewhere], [])

        async def offsets(after: Place, high: int | None, limit: int = 99) -> list[tuple[int, ...]]:
            found = await opened.store.events.bucket_rows(of, bucket_of(NOON), 2, after, high, limit)
            return [of.position[1:] for of in found]

        assert await offsets(START, None) == places
        assert await offsets(past(0), None) == places
        assert await offsets(past(1), 3) == [place for place in places if 1 < place[0] <= 3]
        assert await offsets(Place(2, 0), 3) == [place for place in places if (2, 0) < place <= (3, 99)]
        assert await offsets(past(300), None) == []
        assert await offsets(past(3), 3) == []
        for limit in range(1, 13):  # a page may end inside a record, and the slices of a bucket are read as one
            assert await offsets(START, None, limit) == places[:limit]
            assert await offsets(Place(*places[limit - 1]), None) == places[limit:]

    async def test_more_rows_than_one_statement_reads(self, opened: OpenedStore) -> None:
        of = tenant()
        rows = [row(of, None, at=Position(0, n // 7, n % 7)) for n in range(2_400)]
        await opened.write(rows, [])
        found = await opened.store.events.bucket_rows(of, bucket_of(NOON), 0, START, None, 5_000)
        assert [of.position for of in found] == [of.position for of in rows]

    async def test_seen_are_the_buckets_of_those_days(self, opened: OpenedStore) -> None:
        of = tenant()
        day = day_of(NOON)
        last = (day + 1) * DAY - 1
        moments = [day * DAY - 1, day * DAY, NOON, NOON + 1, (day + 1) * DAY - 1, (day + 1) * DAY, -1]
        await opened.write([row(of, VISITOR, ts=ts, at=Position(5, ts, 0)) for ts in moments], [])
        assert await opened.store.events.buckets_seen(of, []) == []
        found = await opened.store.events.buckets_seen(of, [day])
        assert sorted(found) == [
            (bucket_of(ts), 5, high) for ts, high in ((day * DAY, day * DAY), (NOON, NOON + 1), (last, last))
        ]
        every = await opened.store.events.buckets_seen(of, [-1, day - 1, day, day + 1, day])
        assert {(bucket, part) for bucket, part, _ in every} == {(bucket_of(ts), 5) for ts in moments}
        assert len(every) == len({bucket_of(ts) for ts in moments})

    async def test_a_year_of_days(self, opened: OpenedStore) -> None:
        of = tenant()
        await opened.write([row(of, None, ts=NOON + n * DAY, at=Position(1, n, 0)) for n in range(400)], [])
        found = await opened.store.events.buckets_seen(of, [day_of(NOON) + n for n in range(400)])
        assert sorted(found) == [(bucket_of(NOON + n * DAY), 1, n) for n in range(400)]

    async def test_the_highest_offset_of_a_part_stands_whatever_is_written_later(self, opened: OpenedStore) -> None:
        of = tenant()
        for off in (7, 3, 9, 9, 1):
            await opened.write([row(of, None, at=Position(0, off, 0))], [])
        assert list(await opened.store.events.buckets_seen(of, [day_of(NOON)])) == [(bucket_of(NOON), 0, 9)]


class TestWriting:
    async def test_nothing(self, opened: OpenedStore) -> None:
        await opened.write([], [])

    async def test_the_same_again_changes_nothing(self, opened: OpenedStore) -> None:
        of = tenant()
        rows = [row(of, VISITOR, ts=NOON + n) for n in range(20)]
        edges = [Edge(of.tenant, VISITOR, NOON, rows[0].event_id, OTHER, "unsigned")]
        for _ in range(3):
            await opened.write([*rows, *rows[:5]], edges)
        assert await whole_month(opened.store.events, of, VISITOR) == fed(rows)
        assert len(await opened.store.events.bucket_rows(of, bucket_of(NOON), 0, START, None, 5_000)) == 20
        assert (await opened.store.events.latest(of, [VISITOR]))[VISITOR].last == NOON + 19

    async def test_what_was_written_survives_a_restart(self, open_store: OpenStore) -> None:
        written = row(tenant(), VISITOR)
        await (await open_store()).write([written], [])
        reopened = await open_store()
        assert await whole_month(reopened.store.events, TenantContext(written.tenant), VISITOR) == fed([written])

    async def test_writers_at_the_same_time(self, opened: OpenedStore) -> None:
        of = tenant()
        rows = [row(of, VISITOR, ts=NOON + n) for n in range(120)]
        await asyncio.gather(*(opened.write(rows[start : start + 20], []) for start in range(0, 110, 5)))
        assert await whole_month(opened.store.events, of, VISITOR) == fed(rows)

    async def test_readers_see_whole_writes(self, opened: OpenedStore) -> None:
        of = tenant()
        batches = [[row(of, VISITOR, ts=NOON + 50 * n + m) for m in range(50)] for n in range(10)]
        writing = asyncio.gather(*(opened.write(batch, []) for batch in batches))
        seen = [len(await whole_month(opened.store.events, of, VISITOR))]
        while seen[-1] < 500:
            seen.append(len(await whole_month(opened.store.events, of, VISITOR)))
        await writing
        assert all(count % 50 == 0 for count in seen)
        assert seen == sorted(seen)


async def test_tenants_with_the_same_ids_never_meet(opened: OpenedStore) -> None:
    one, two = tenant(), tenant()
    at, event = Position(0, 1, 0), uuid.UUID(int=9)
    mine = row(one, VISITOR, event_id=event, at=at, raw=b"one")
    yours = row(two, VISITOR, ts=NOON + 1, event_id=event, at=at, raw=b"two")
    await opened.write([mine, yours], [])
    events = opened.store.events
    for of, written in ((one, mine), (two, yours)):
        assert await whole_month(events, of, VISITOR) == fed([written])
        assert await events.placed({partition(written): [event]}) == {
            partition(written): {event: Placed(written.ts, at)}
        }
        assert await events.latest(of, [VISITOR]) == {VISITOR: Latest(written.ts, frozenset({MONTH}))}
        assert list(await events.bucket_rows(of, bucket_of(NOON), 0, past(0), None, 9)) == [
            BucketRow(at, written.raw, written.enriched)
        ]
    empty = tenant()
    assert await whole_month(events, empty, VISITOR) == []
    assert await events.latest(empty, [VISITOR]) == {}
    assert await events.buckets_seen(empty, [day_of(NOON)]) == []
