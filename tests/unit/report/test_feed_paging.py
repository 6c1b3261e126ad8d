"""Paging: what was stored before the first page is on exactly one page, what is stored meanwhile on at most one."""

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall_common.events.times import month_of
from footfall_common.store import EventReads, FeedRow, Latest
from footfall_common.tenancy import TenantContext
from footfall_report.models.feed import FeedAnswer, FeedQuery
from footfall_report.models.merge import month_end
from footfall_report.repository.keys import ProcessKeys
from footfall_report.repository.visitors import Visitors
from footfall_report.service.feed import Feed
from tests.support.report import NOON, TENANT, Bench, Plain, Shelf, fresh_tenant, plain, shelf, uncounted

DAY = 86_400_000
KEYS = ProcessKeys(lambda size: b"k" * size)
IDS = [uuid.UUID(int=number, version=4) for number in range(1, 7)]


class Counting:
    """The two reads of a feed, noting which partitions are opened."""

    def __init__(self, events: EventReads) -> None:
        self._source = events
        self.opened: set[tuple[uuid.UUID, int]] = set()

    async def visitor_month(
        self,
        tenant: TenantContext,
        visitor: uuid.UUID,
        month: int,
        until: tuple[int, uuid.UUID] | None,
        limit: int,
    ) -> Sequence[FeedRow]:
        self.opened.add((visitor, month))
        return await self._source.visitor_month(tenant, visitor, month, until, limit)

    async def latest(self, tenant: TenantContext, visitors: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, Latest]:
        return await self._source.latest(tenant, visitors)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("paging"))
    yield made
    made.close()


moments = st.one_of(
    st.integers(0, 5),  # several in one millisecond
    st.integers(0, 120 * DAY),
).map(lambda before: NOON - before)
drafts = st.tuples(st.sampled_from(IDS), moments, st.sampled_from(("page-load", "CLICK", "identify", "Alias")))


def made(drawn: Sequence[tuple[uuid.UUID, int, str]], start: int) -> list[Plain]:
    return [plain(start + number, who, ts, type=kind) for number, (who, ts, kind) in enumerate(drawn)]


def shown(events: Sequence[Plain]) -> list[str]:
    """The ids the feed must show, in its order."""
    visible = [event for event in events if event["type"].lower() not in {"identify", "alias"}]
    return [
        event["id"] for event in sorted(visible, key=lambda event: (-event["ts"], event["id"], event["trackingId"]))
    ]


@settings(max_examples=120)
@given(
    before=st.lists(drafts, max_size=60),
    meanwhile=st.lists(st.lists(drafts, max_size=6), max_size=12),
    size=st.integers(1, 7),
    at_once=st.integers(1, 4),
    asked=st.sets(st.sampled_from(IDS), min_size=1),
)
def test_pages_hold_each_event_once(
    bench: Bench,
    before: list[tuple[uuid.UUID, int, str]],
    meanwhile: list[list[tuple[uuid.UUID, int, str]]],
    size: int,
    at_once: int,
    asked: set[uuid.UUID],
) -> None:
    visitors = tuple(sorted(asked))
    mine = {str(visitor) for visitor in visitors}
    stored = made(before, 1)

    async def paged() -> list[FeedAnswer]:
        tenant, store = fresh_tenant(), bench.shelf
        await store.add(stored, tenant)
        feed = Feed(Visitors(store.store.events, uncounted()), KEYS, at_once)
        pages: list[FeedAnswer] = []
        offset: str | None = None
        while True:
            pages.append(await feed.page(tenant, FeedQuery(visitors, offset, size)))
            if (offset := pages[-1].offset) is None:
                return pages
            if len(pages) <= len(meanwhile):
                await store.add(made(meanwhile[len(pages) - 1], 1000 * len(pages)), tenant)

    pages = bench.run(paged())

    # Whoever loops until a page is empty and whoever stops at a null offset read the same pages.
    assert [page.offset is None for page in pages] == [not page.events for page in pages]
    assert pages[-1].events == []
    got = [event.event_id for page in pages for event in page.events]
    late = [event for number, some in enumerate(meanwhile) for event in made(some, 1000 * (number + 1))]
    everything = [event for event in (*stored, *late) if event["trackingId"] in mine]
    assert max(Counter(got).values(), default=1) == 1
    assert set(shown([event for event in stored if event["trackingId"] in mine])) <= set(got) <= set(shown(everything))
    assert got == [event for event in shown(everything) if event in set(got)]
    if not any(meanwhile):
        assert [len(page.events) for page in pages[:-2]] == [size] * (len(pages) - 2)


@settings(max_examples=60)
@given(
    gaps=st.lists(st.tuples(st.sampled_from(IDS), st.integers(1, 20 * DAY)), min_size=1, max_size=60),
    size=st.integers(1, 7),
    at_once=st.integers(1, 4),
)
def test_a_page_opens_no_more_partitions_than_it_has_rows(
    bench: Bench, gaps: list[tuple[uuid.UUID, int]], size: int, at_once: int
) -> None:
    events, ts = [], NOON
    of_month: dict[tuple[uuid.UUID, int], str] = {}
    for number, (who, gap) in enumerate(gaps):
        ts -= gap
        events.append(plain(number + 1, who, ts))
        of_month[who, month_of(ts)] = events[-1]["id"]
    last_of_month = set(of_month.values())

    async def paged() -> None:
        tenant, store = fresh_tenant(), bench.shelf
        await store.add(events, tenant)
        visitors = Counting(store.store.events)
        feed = Feed(Visitors(visitors, uncounted()), KEYS, at_once)
        offset = None
        while True:
            visitors.opened.clear()
            page = await feed.page(tenant, FeedQuery(tuple(IDS), offset, size))
            # One more for each visitor whose month ended on the page: its next row is looked for at once.
            ended = sum(event.event_id in last_of_month for event in page.events)
            assert len(visitors.opened) <= len(page.events) + ended
            if (offset := page.offset) is None:
                return

    bench.run(paged())


async def test_three_hundred_visitors_make_a_cursor_of_about_two_kilobytes(tmp_path: Path) -> None:
    visitors = [uuid.UUID(int=number * 7919, version=4) for number in range(300)]
    events = [plain(n + 1, who, NOON - n * DAY - step * 3_600_000) for n, who in enumerate(visitors) for step in (0, 1)]
    async with shelf(tmp_path) as store:
        await store.add(events)
        feed = Feed(Visitors(store.store.events, uncounted()), KEYS, 16)
        page = await feed.page(TENANT, FeedQuery(tuple(sorted(visitors)), None, 50))
    assert len(page.events) == 50
    assert 1_000 < len(page.offset or "") <= 2_200


def test_month_ends() -> None:
    assert [month_of(month_end(month)) for month in range(700)] == list(range(700))
    assert [month_of(month_end(month) + 1) for month in range(700)] == list(range(1, 701))


async def pages_of(store: Shelf, visitors: Sequence[uuid.UUID], size: int) -> list[str]:
    feed, offset, got = Feed(Visitors(store.store.events, uncounted()), KEYS, 4), None, []
    while (page := await feed.page(TENANT, FeedQuery(tuple(visitors), offset, size))).offset is not None:
        got += [event.event_id for event in page.events]
        offset = page.offset
    return got


@pytest.mark.parametrize("size", [7, 30, 500])
async def test_many_events_in_one_millisecond_come_once(tmp_path: Path, size: int) -> None:
    events = [plain(number + 1, IDS[number % 2], NOON) for number in range(200)]
    async with shelf(tmp_path) as store:
        await store.add(events)
        assert await pages_of(store, IDS[:2], size) == shown(events)


async def test_a_page_after_months_ended_opens_only_what_it_shows(tmp_path: Path) -> None:
    october = NOON - 35 * DAY
    events = [plain(number + 1, who, NOON - number) for number, who in enumerate(IDS)]
    events += [plain(number + 11, who, october + number) for number, who in enumerate(IDS)]
    async with shelf(tmp_path) as store:
        await store.add(events)
        reads = Counting(store.store.events)
        feed = Feed(Visitors(reads, uncounted()), KEYS, 4)
        first = await feed.page(TENANT, FeedQuery(tuple(IDS), None, len(IDS)))
        reads.opened.clear()
        second = await feed.page(TENANT, FeedQuery(tuple(IDS), first.offset, 1))
    assert [event.event_id for event in second.events] == [events[-1]["id"]]
    assert reads.opened == {(IDS[-1], month_of(october))}


async def test_a_visitor_is_read_on_within_one_millisecond_and_page(tmp_path: Path) -> None:
    # Both visitors are read at once, 17 rows each; the page needs 30 of the first one.
    events = [plain(number + 1, IDS[0], NOON) for number in range(60)]
    events += [plain(number + 101, IDS[1], NOON - 1) for number in range(60)]
    async with shelf(tmp_path) as store:
        await store.add(events)
        assert await pages_of(store, IDS[:2], 30) == shown(events)
