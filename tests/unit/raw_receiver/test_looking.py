"""What a look finds owed, when days are swept, and that a look goes on after a failure."""

import asyncio
import contextlib
import uuid
from collections.abc import Sequence

import pytest
import structlog

from footfall_common.bus import Outgoing
from footfall_common.documents import NIL, TenantDocument
from footfall_common.errors import BusUnavailable, StoreUnavailable
from footfall_common.events.times import BUCKET, DAY, bucket_of, day_of
from footfall_common.pipeline.marks import AnyMark, Close, Fold, read_mark
from footfall_common.store import Folded, Segment, Span
from footfall_common.tenancy import TenantContext
from footfall_common.testing import ManualClock, eventually
from footfall_raw_receiver.service.looking import Look, Sweeps, Times, owed

ONE = TenantContext(uuid.UUID(int=1))
SHOP = uuid.UUID(int=2)
TODAY = 20_000
FIRST = TODAY * DAY // BUCKET
WAIT = 2 * BUCKET
END = (TODAY + 1) * DAY + WAIT


def heads(
    bucket: int, version: int, *, closed: bool = False, base: int | None = None, members: int | None = None
) -> list[Segment]:
    shop = Segment(SHOP, bucket, version, {0: version}, (), 1, base=base)
    known = {SHOP: version if members is None else members}
    return [shop, shop._replace(resource=NIL, members=known, closed=closed)]


def day(version: int, folded: dict[int, int]) -> list[Segment]:
    shop = Segment(SHOP, FIRST, version, {}, (), 1, span=Span.DAY)
    held = {bucket: Folded(top, {0: top}) for bucket, top in folded.items()}
    return [shop, shop._replace(resource=NIL, members={SHOP: version}, folded=held)]


def test_a_bucket_is_closed_once_it_ended_long_enough_ago() -> None:
    standing = [*heads(FIRST, 1), *heads(FIRST + 1, 2, closed=True), *heads(FIRST + 2, 3)]
    over = (FIRST + 1) * BUCKET + WAIT
    assert owed(ONE, TODAY, standing, over - 1, WAIT) == []
    assert owed(ONE, TODAY, standing, over, WAIT) == [Close(ONE.tenant, FIRST)]
    assert owed(ONE, TODAY, standing, END, WAIT) == [Close(ONE.tenant, FIRST), Close(ONE.tenant, FIRST + 2)]


def test_a_day_is_folded_once_it_is_over_and_all_of_it_is_closed() -> None:
    closed = [*heads(FIRST, 1, closed=True), *heads(FIRST + 1, 2, closed=True)]
    assert owed(ONE, TODAY, closed, END - 1, WAIT) == []
    assert owed(ONE, TODAY, closed, END, WAIT) == [Fold(ONE.tenant, TODAY)]
    assert owed(ONE, TODAY, [*closed, *heads(FIRST + 95, 3)], END - WAIT, WAIT) == []


@pytest.mark.parametrize(
    ("standing", "marks"),
    [
        (day(9, {FIRST: 4}), []),
        ([*day(9, {FIRST: 4}), *heads(FIRST, 4, closed=True)], []),
        ([*day(9, {FIRST: 4}), *heads(FIRST, 6, base=4)], [Close(ONE.tenant, FIRST)]),
        ([*day(9, {FIRST: 4}), *heads(FIRST, 6, base=4, closed=True)], [Fold(ONE.tenant, TODAY)]),
        ([*day(9, {FIRST: 4}), *heads(FIRST, 6, base=5, closed=True)], [Close(ONE.tenant, FIRST)]),
        ([*day(9, {FIRST: 4})[1:], *heads(FIRST, 4, closed=True)], [Fold(ONE.tenant, TODAY)]),
        (heads(FIRST, 4, closed=True, members=5), [Close(ONE.tenant, FIRST)]),
        (heads(FIRST, 4, closed=True)[:1], [Close(ONE.tenant, FIRST)]),
        (heads(FIRST, 4, closed=True)[1:], [Close(ONE.tenant, FIRST)]),
        ([], []),
    ],
)
def test_what_a_day_holds_is_not_owed_and_what_is_broken_is(standing: list[Segment], marks: list[AnyMark]) -> None:
    assert owed(ONE, TODAY, standing, END, WAIT) == marks


def test_a_day_is_swept_when_what_was_noted_is_old_enough() -> None:
    clock = ManualClock()
    sweeps = Sweeps(clock, keep=10_000)
    sweeps.note(ONE, TODAY)
    clock.advance(seconds=6)
    sweeps.note(ONE, TODAY)
    clock.advance(seconds=4)
    assert sweeps.due() == []
    clock.advance(seconds=1)
    assert sweeps.due() == [(ONE, TODAY)]
    assert sweeps.due() == []
    clock.advance(seconds=6)  # for what was noted the second time
    assert sweeps.due() == [(ONE, TODAY)]
    clock.advance(seconds=60)
    assert sweeps.due() == []


class Around:
    """Store, bus and tenants as far as a look asks them. `away` = how many times the store, then the bus, fails."""

    def __init__(self, away: int) -> None:
        self.days: list[int] = []
        self.swept: list[tuple[int, int]] = []
        self.marks: list[AnyMark] = []
        self._away = [away, away]

    def _fail(self, which: int, error: Exception) -> None:
        self._away[which] -= 1
        if self._away[which] >= 0:
            raise error

    def tenants(self) -> Sequence[TenantDocument]:
        return [TenantDocument(tenant=ONE.tenant, revision=1, tenant_id="one", placement="Pooled", retention_days=5)]

    async def heads(self, tenant: TenantContext, days: Sequence[int]) -> Sequence[Segment]:
        self._fail(0, StoreUnavailable("The store is away; try again."))
        self.days += days
        return heads(FIRST, 4) if TODAY in days else []

    async def sweep(self, tenant: TenantContext, day: int, before: int) -> int:
        self.swept.append((day, before))
        return 1

    async def publish(self, records: Sequence[Outgoing]) -> None:
        self._fail(1, BusUnavailable("The bus is away; try again."))
        self.marks += [read_mark(record.value) for record in records]


def look(around: Around, clock: ManualClock, sweeps: Sweeps) -> Look:
    times = Times(close=WAIT, keep=60_000, days=3)
    return Look(around, around, around, "buckets", sweeps, clock, times)  # type: ignore[arg-type] # two calls of a store


async def test_the_last_days_each_time_and_an_older_one_in_turn() -> None:
    clock, around = ManualClock(END), Around(0)
    now = day_of(END)
    sweeps = Sweeps(clock, 60_000)
    looking = look(around, clock, sweeps)
    for older in (now - 3, now - 4, now - 3):
        around.days.clear()
        await looking.once()
        assert around.days == [now - 2, now - 1, now, now + 1, older]
        assert around.swept.pop() == (older, END - 60_000)
    assert around.marks == [Close(ONE.tenant, FIRST)] * 3
    sweeps.note(ONE, TODAY)
    clock.advance(seconds=61)
    await looking.once()
    assert around.swept[0] == (TODAY, clock.now_ms() - 60_000)


async def test_looking_goes_on_after_a_failure() -> None:
    clock, around = ManualClock(END), Around(1)
    with structlog.testing.capture_logs() as logs:
        task = asyncio.create_task(look(around, clock, Sweeps(clock, 1)).run(every=0.001, first=0))
        await eventually(lambda: around.marks)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert [line["event"] for line in logs][:2] == ["look_failed", "look_failed"]
    assert bucket_of(TODAY * DAY) == FIRST
