"""Several buckets in hand of one bucket worker."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from footfall_common.clock import new_id
from footfall_common.errors import StoreUnavailable
from footfall_common.events.times import BUCKET, DAY, bucket_of, day_of
from footfall_common.pipeline.marks import Close, mark_record
from footfall_common.store import Segment
from footfall_common.tenancy import TenantContext
from footfall_common.testing import ManualClock, eventually
from footfall_common.together import together
from footfall_raw_receiver.app import running
from footfall_raw_receiver.service import drafting
from footfall_raw_receiver.service.drafting import Drafter
from footfall_raw_receiver.service.marks import Due
from footfall_raw_receiver.service.merging import Merger
from footfall_raw_receiver.settings import BUCKET_WORKER, RAW_RECEIVER
from tests.support.days import FIRST, SMALL
from tests.support.raw_receiver import NAMES, QUICK, RECEIVED, SHOP, TENANT, World, event, record, segment_rows, world
from tests.support.report import plain, row_of, shelf

MANY = QUICK.model_copy(update={"segment_buckets": 4, "segment_seconds": 0.3})
BASE = RECEIVED - RECEIVED % BUCKET


class Watched:
    """The embedded store's segments, the buckets that are read at the moment, and puts that fail when told."""

    def __init__(self, segments: Any) -> None:
        self._segments = segments
        self.reading = 0
        self.most = 0
        self.puts: list[UUID] = []
        self.failing: set[int] = set()
        self.lands = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._segments, name)

    async def bucket_heads(self, tenant: TenantContext, bucket: int) -> Sequence[Segment]:
        self.reading += 1
        self.most = max(self.most, self.reading)
        try:
            found: Sequence[Segment] = await self._segments.bucket_heads(tenant, bucket)
            return found
        finally:
            self.reading -= 1

    async def put(self, tenant: TenantContext, *rest: Any) -> None:
        self.puts.append(tenant.tenant)
        fails = len(self.puts) in self.failing
        if self.lands or not fails:
            await self._segments.put(tenant, *rest)
        if fails:
            raise StoreUnavailable("away for a moment")


def watched(here: World) -> tuple[World, Watched]:
    store: Any = here.process.store
    segments = Watched(store.segments)
    store.segments = segments
    return World(replace(here.process, store=store), here.files, here.outages), segments


async def test_buckets_are_read_side_by_side_but_no_more_than_the_setting_says(tmp_path: Path) -> None:
    events = [event(BASE - BUCKET * n) for n in range(20)]
    async with world(tmp_path) as plainly:
        here, segments = watched(plainly)
        await here.publish(*map(record, events))
        async with running(here.process, MANY):
            await here.drained()
        assert segments.most == 4
        assert set(segments.puts) == {TENANT}
        for n, one in enumerate(events):
            assert [row["event_id"] for row in await segment_rows(here, bucket_of(BASE) - n)] == [one.id.bytes]


@pytest.mark.parametrize("lands", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("failing", [{1}, {2}, {3}, {2, 3, 5}])
async def test_a_put_that_fails_before_or_after_it_stands_loses_nothing_and_is_tried_again_alone(
    tmp_path: Path, *, failing: set[int], lands: bool
) -> None:
    tenants = [TENANT, new_id(), new_id()]
    events = {tenant: [event(BASE - BUCKET * (n % 5)) for n in range(10)] for tenant in tenants}
    async with world(tmp_path) as plainly:
        here, segments = watched(plainly)
        segments.failing, segments.lands = failing, lands
        for tenant, some in events.items():
            await here.publish(*(msgspec.structs.replace(record(one), tenant=tenant) for one in some))
        async with running(here.process, MANY.model_copy(update={"roles": (RAW_RECEIVER,)})):
            await eventually(partial(stored, here), deadline=20)
        async with running(here.process, MANY.model_copy(update={"roles": (BUCKET_WORKER,)})):
            await here.drained()
        assert len(segments.puts) == len(tenants) + len(failing)
        for tenant, some in events.items():
            here.tenant = TenantContext(tenant)
            found = [row["event_id"] for n in range(5) for row in await segment_rows(here, bucket_of(BASE) - n)]
            assert sorted(found) == sorted(one.id.bytes for one in some)  # type: ignore[type-var] # bytes


async def test_a_day_is_folded_though_the_put_that_closed_it_failed_after_it_stood(tmp_path: Path) -> None:
    """Whoever tries again finds the bucket closed, and nothing left to do. Nobody looks."""
    async with world(tmp_path, ManualClock(RECEIVED + 3 * DAY)) as plainly:
        here, segments = watched(plainly)
        async with running(here.process, QUICK):
            await here.publish(record(event(BASE)))
            await here.drained()
            segments.failing, segments.lands = {len(segments.puts) + 1}, True
            await here.process.bus.publish([mark_record(NAMES.topics.buckets, Close(TENANT, bucket_of(BASE)))])
            await eventually(partial(folded, here), deadline=20)


async def stored(here: World) -> bool:
    return await here.process.bus.lag(NAMES.topics.raw, NAMES.groups.raw_receiver) == 0


async def folded(here: World) -> bool:
    return bool(await here.process.store.segments.day_heads(here.tenant, day_of(BASE)))


async def test_of_large_buckets_one_at_a_time_holds_more_than_two_pages(tmp_path: Path) -> None:
    page = drafting._READ
    tenant = TenantContext(new_id())
    async with shelf(tmp_path) as store:
        for bucket in range(FIRST, FIRST + 3):
            some = [plain(bucket * 10 * page + n, None, bucket * BUCKET + n, SHOP) for n in range(2 * page + 1)]
            rows = [row_of(one, off, tenant) for off, one in enumerate(some)]
            await store.write([row._replace(position=row.position._replace(part=0)) for row in rows])
        large: set[int] = set()
        most: list[int] = []

        class Events:
            def __getattr__(self, name: str) -> Any:
                return getattr(store.store.events, name)

            async def bucket_rows(self, tenant: TenantContext, bucket: int, part: int, after: Any, *rest: Any) -> Any:
                if after.off > 0:
                    large.add(bucket)
                    most.append(len(large))
                return await store.store.events.bucket_rows(tenant, bucket, part, after, *rest)

        class Opened:
            events = Events()
            segments = store.store.segments

        async def drafted(bucket: int) -> int:
            draft = await drafter.draft(tenant, Due(tenant.tenant, bucket, 1, {0: 10 * page}))
            large.discard(bucket)
            return draft.segments[-1].rows

        with ThreadPoolExecutor(1) as executor:
            opened: Any = Opened()
            drafter = Drafter(opened, Merger(store.store.segments, executor, SMALL), 10 * page)
            drafted_rows = await together(3, [partial(drafted, bucket) for bucket in range(FIRST, FIRST + 3)])
        assert drafted_rows == [2 * page + 1] * 3
        assert max(most) == 1
