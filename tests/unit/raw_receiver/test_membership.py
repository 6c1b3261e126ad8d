"""Working chunk after chunk: what fails is waited out, and partitions leave only when work on them has ended."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest

from footfall_common.bus import Bus, Consumer, Listener, Partition, Received
from footfall_common.errors import BusUnavailable, Conflict, StoreUnavailable
from footfall_common.testing import eventually
from footfall_raw_receiver.service.membership import Insist, Membership, Pace

ONE, OTHER = Partition("raw", 0), Partition("raw", 1)
PACE = Pace(records=10, wait=0.01, linger=0, retry=0.001, retry_max=0.004, longest=10.0)


def received(partition: Partition, offset: int) -> Received:
    return Received(partition, offset, b"", b"", (), 0)


class ScriptedConsumer:
    """Gives what lies in `log` from each partition's position on; polls fail while `failures` are left."""

    def __init__(self) -> None:
        self.log: dict[Partition, int] = {ONE: 0, OTHER: 0}
        self.position: dict[Partition, int] = {ONE: 0, OTHER: 0}
        self.failures = 0
        self.closed = False
        self.limits: list[int] = []

    async def poll(self, limit: int, wait: float) -> Sequence[Received]:
        if self.failures:
            self.failures -= 1
            raise BusUnavailable("The bus is away; try again.")
        await asyncio.sleep(0)
        self.limits.append(limit)
        found: list[Received] = []
        for partition, written in self.log.items():
            end = min(written, self.position[partition] + limit - len(found))
            found += [received(partition, offset) for offset in range(self.position[partition], end)]
            self.position[partition] = end
        if not found:
            await asyncio.sleep(wait)  # no wait: a poll that finds nothing takes its time
        return found

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        raise AssertionError("the work under test commits nothing")

    def seek(self, partition: Partition, offset: int) -> None:
        if partition not in self.position:
            raise Conflict("not owned")
        self.position[partition] = offset

    def pause(self, partitions: frozenset[Partition]) -> None:
        raise AssertionError("nobody pauses")

    def resume(self, partitions: frozenset[Partition]) -> None:
        raise AssertionError("nobody resumes")

    async def close(self) -> None:
        self.closed = True


class ScriptedBus:
    """Lets one consumer join, after `refusals`."""

    def __init__(self, consumer: ScriptedConsumer, refusals: int = 0) -> None:
        self._consumer = consumer
        self._refusals = refusals

    async def consumer(self, topic: str, group: str, listener: Listener) -> Consumer:
        if self._refusals:
            self._refusals -= 1
            raise BusUnavailable("The bus is away; try again.")
        await listener.assigned(frozenset({ONE, OTHER}))
        return self._consumer


class Recorder:
    """A Work that notes offsets; `faults` are raised by its step, one a try, `forever` each time."""

    def __init__(self) -> None:
        self.done: list[tuple[Partition, int]] = []
        self.faults: list[Exception] = []
        self.forever: Exception | None = None
        self.forgotten = 0
        self.tries = 0
        self.seconds = 0.0
        """That a record takes."""

    async def joined(self, consumer: Consumer) -> None:
        self.consumer = consumer

    async def handle(self, records: Sequence[Received], insist: Insist) -> None:
        await asyncio.sleep(self.seconds * len(records))  # no wait: the work
        await insist(self._step)
        self.done += [(one.partition, one.offset) for one in records]

    async def _step(self) -> None:
        self.tries += 1
        await asyncio.sleep(0)
        if self.forever:
            raise self.forever
        if self.faults:
            raise self.faults.pop(0)

    def forget(self) -> None:
        self.forgotten += 1


class Scene:
    def __init__(self, consumer: ScriptedConsumer, work: Recorder, member: Membership) -> None:
        self.consumer = consumer
        self.work = work
        self.member = member


@asynccontextmanager
async def scene(*, refusals: int = 0, pace: Pace = PACE) -> AsyncIterator[Scene]:
    consumer, work = ScriptedConsumer(), Recorder()
    bus: Bus = ScriptedBus(consumer, refusals)  # type: ignore[assignment] # a membership only joins
    member = Membership(bus, "raw", "group", work, pace)
    task = asyncio.create_task(member.run())
    yield Scene(consumer, work, member)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert consumer.closed


async def test_records_are_handled_in_order_and_once() -> None:
    async with scene(refusals=2) as here:
        here.consumer.log[ONE] = 3
        await eventually(lambda: len(here.work.done) == 3)
        here.consumer.log[ONE] = 5
        await eventually(lambda: len(here.work.done) == 5)
        assert here.work.done == [(ONE, offset) for offset in range(5)]


@pytest.mark.parametrize(
    ("records", "took", "next_one"),
    [(10, 0.0, 10), (10, 1.0, 10), (10, 20.0, 5), (10, 1_000.0, 1), (1, 1_000.0, 1), (2, 1.0, 4), (4, 20.0, 2)],
)
def test_a_chunk_is_made_to_last_no_longer_than_it_may(records: int, took: float, next_one: int) -> None:
    assert PACE.next(records, took) == next_one


async def test_a_member_that_does_not_know_what_work_costs_begins_with_little() -> None:
    async with scene(pace=PACE._replace(first=2)) as here:
        here.consumer.log[ONE] = 40
        await eventually(lambda: len(here.work.done) == 40)
        assert here.consumer.limits[:3] == [2, 4, 8]
        assert max(here.consumer.limits) == PACE.records


async def test_after_a_chunk_that_took_too_long_fewer_records_are_taken_and_later_more_again() -> None:
    async with scene(pace=PACE._replace(longest=0.02)) as here:
        here.work.seconds = 0.01
        here.consumer.log[ONE] = 20
        await eventually(lambda: len(here.work.done) == 20)
        assert here.consumer.limits[0] == 10
        assert min(here.consumer.limits) <= 2
        here.work.seconds = 0.0
        here.consumer.log[ONE] = 100
        await eventually(lambda: len(here.work.done) == 100)
        assert here.consumer.limits[-1] == 10
        assert here.work.done == [(ONE, offset) for offset in range(100)]


async def test_a_chunk_that_was_given_up_comes_again_in_halves() -> None:
    async with scene() as here:
        here.work.faults = [Conflict("it took too long")]
        here.consumer.log[ONE] = 10
        await eventually(lambda: len(here.work.done) == 10)
        assert here.consumer.limits[:2] == [10, 5]
        assert here.work.done == [(ONE, offset) for offset in range(10)]


@pytest.mark.parametrize("fault", [StoreUnavailable("away"), BusUnavailable("away")])
async def test_what_fails_is_tried_again_and_nothing_is_lost(fault: Exception) -> None:
    async with scene() as here:
        here.work.forever = fault
        here.consumer.log[ONE] = 4
        await eventually(lambda: here.work.tries > 3)
        assert here.member.trouble == "raw: away"
        here.work.forever = None
        await eventually(lambda: len(here.work.done) == 4)
        assert here.work.done == [(ONE, offset) for offset in range(4)]
        await eventually(lambda: here.member.trouble is None)


async def test_a_failing_poll_is_tried_again() -> None:
    async with scene() as here:
        here.consumer.failures = 3
        here.consumer.log[ONE] = 1
        await eventually(lambda: here.work.done == [(ONE, 0)])


async def test_partitions_leave_at_once_when_the_store_is_away_and_the_others_are_read_again() -> None:
    slow = PACE._replace(retry=60, retry_max=60)
    async with scene(pace=slow) as here:
        here.work.forever = StoreUnavailable("away")
        here.consumer.log = {ONE: 2, OTHER: 2}
        await eventually(lambda: here.work.tries == 1)
        async with asyncio.timeout(5):
            await here.member.revoked(frozenset({OTHER}))
        del here.consumer.log[OTHER], here.consumer.position[OTHER]
        assert here.work.done == []
        assert here.consumer.position == {ONE: 0}


async def test_work_in_flight_ends_before_a_partition_leaves() -> None:
    async with scene() as here:
        gate = asyncio.Event()
        reached = asyncio.Event()
        done: list[int] = []

        async def handle(records: Sequence[Received], insist: Insist) -> None:
            reached.set()
            await gate.wait()
            done.append(len(records))

        here.work.handle = handle  # type: ignore[method-assign] # a step that waits for the test
        here.consumer.log[ONE] = 2
        await reached.wait()
        leaving = asyncio.create_task(here.member.revoked(frozenset({ONE})))
        await asyncio.sleep(0)
        assert not leaving.done()
        gate.set()
        async with asyncio.timeout(5):
            await leaving
        assert done == [2]


async def test_a_partition_that_left_is_not_worked_on_until_it_comes_back() -> None:
    async with scene() as here:
        here.consumer.log[ONE] = 1
        await eventually(lambda: here.work.done == [(ONE, 0)])
        before = here.work.forgotten
        await here.member.revoked(frozenset({ONE}))
        here.consumer.log = {ONE: 2, OTHER: 1}
        await eventually(lambda: len(here.work.done) > 1)
        assert here.work.done == [(ONE, 0), (OTHER, 0)]
        assert here.work.forgotten > before
        await here.member.assigned(frozenset({ONE}))
        here.consumer.seek(ONE, 1)
        await eventually(lambda: (ONE, 1) in here.work.done)


async def test_a_commit_of_a_partition_that_moved_gives_the_chunk_up_and_reads_the_rest_again() -> None:
    async with scene() as here:
        here.work.faults = [Conflict("moved")]
        here.consumer.log[ONE] = 3
        await eventually(lambda: len(here.work.done) == 3)
        assert here.work.done == [(ONE, offset) for offset in range(3)]


async def test_lingering_collects_more_and_keeps_what_it_has_when_the_bus_fails() -> None:
    async with scene(pace=PACE._replace(linger=0.01)) as here:
        first = here.consumer.poll

        async def poll(limit: int, wait: float) -> Sequence[Received]:
            found = await first(limit, wait)
            if found:
                here.consumer.failures = 1
            return found

        here.consumer.poll = poll  # type: ignore[method-assign] # fails after each poll that found something
        here.consumer.log[ONE] = 2
        await eventually(lambda: len(here.work.done) == 2)


async def test_what_is_in_hand_is_dropped_when_its_partition_leaves_and_comes_back_while_it_lingers() -> None:
    async with scene(pace=PACE._replace(linger=0.01)) as here:
        poll = here.consumer.poll
        lingering, back = asyncio.Event(), asyncio.Event()

        async def held(limit: int, wait: float) -> Sequence[Received]:
            if wait == 0:  # the second poll of a chunk
                lingering.set()
                await back.wait()
            return await poll(limit, wait)

        here.consumer.poll = held  # type: ignore[method-assign] # holds the chunk in hand until the test goes on
        here.consumer.log = {ONE: 5, OTHER: 2}
        await lingering.wait()
        await here.member.revoked(frozenset({ONE}))
        here.consumer.seek(ONE, 9)  # the other owner committed 9
        here.consumer.log[ONE] = 11
        await here.member.assigned(frozenset({ONE}))
        back.set()
        await eventually(lambda: len(here.work.done) >= 4)
        assert here.work.done == [(OTHER, 0), (OTHER, 1), (ONE, 9), (ONE, 10)]


async def test_a_fault_of_ours_ends_the_member_loudly() -> None:
    consumer, work = ScriptedConsumer(), Recorder()
    work.forever = RuntimeError("a bug")
    consumer.log[ONE] = 1
    bus: Bus = ScriptedBus(consumer)  # type: ignore[assignment] # a membership only joins
    with pytest.raises(RuntimeError, match="a bug"):
        await Membership(bus, "raw", "group", work, PACE).run()
    assert consumer.closed
