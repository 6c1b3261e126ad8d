"""Faults of the embedded bus's own: its files, its commits, its groups."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from typing_extensions import override

from footfall_common.bus import Outgoing, Partition, Received
from footfall_common.bus.embedded import SCHEMA, BusLimits, EmbeddedBus, TopicSpec
from footfall_common.clock import SystemClock
from footfall_common.errors import BusUnavailable, InvalidInput, StoreUnavailable
from footfall_common.sqlite import SqliteFile
from footfall_common.testing import eventually

T = TypeVar("T")
TOPICS = (TopicSpec("raw", 4), TopicSpec("buckets", 4, home="store"))


class Moody(SqliteFile):
    """A data file that does as the test says: `gate` holds writes back, `broken` fails what comes next."""

    gate: asyncio.Event | None = None
    broken_reads = 0
    broken_write: Exception | None = None

    @override
    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self.gate is not None:
            await self.gate.wait()
        if self.broken_write is not None:
            error, self.broken_write = self.broken_write, None
            raise error
        return await super().write(work)

    @override
    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self.broken_reads > 0:
            self.broken_reads -= 1
            raise StoreUnavailable("The data file cannot be read; try again.")
        return await super().read(work)


class Idle:
    """A listener without work."""

    async def assigned(self, partitions: frozenset[Partition]) -> None: ...

    async def revoked(self, partitions: frozenset[Partition]) -> None: ...


class Busy:
    """A listener whose work ends when the test says; `asked` is set once, then it is asked no more."""

    def __init__(self) -> None:
        self.owned: frozenset[Partition] = frozenset()
        self.asked: asyncio.Event | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def assigned(self, partitions: frozenset[Partition]) -> None:
        self.owned |= partitions

    async def revoked(self, partitions: frozenset[Partition]) -> None:
        self.owned -= partitions
        if self.asked is not None:
            asked, self.asked = self.asked, None
            asked.set()
            await self.ended


class Failing(Idle):
    """A listener that cannot end its work."""

    @override
    async def revoked(self, partitions: frozenset[Partition]) -> None:
        raise ZeroDivisionError


@asynccontextmanager
async def opened(folder: Path, **limits: Any) -> AsyncIterator[tuple[EmbeddedBus, Moody, Moody]]:
    """A bus, its own file and the store's."""
    async with AsyncExitStack() as stack:
        bus_file = Moody(folder / "bus.db", SCHEMA, unavailable=BusUnavailable)
        store_file = Moody(folder / "store.db", SCHEMA, unavailable=StoreUnavailable)
        for file in (bus_file, store_file):
            stack.push_async_callback(file.close)
        bus = EmbeddedBus({"bus": bus_file, "store": store_file}, TOPICS, SystemClock(), BusLimits(**limits))
        await bus.open()
        stack.push_async_callback(bus.close)
        yield bus, bus_file, store_file


def records(count: int) -> list[Outgoing]:
    return [Outgoing("raw", b"%d" % n, b"%d" % n) for n in range(count)]


async def drained(consumer: Any, count: int) -> list[Received]:
    found: list[Received] = []
    while len(found) < count:
        found += await consumer.poll(100, 5)
    return found


async def test_what_was_found_before_a_failing_read_is_not_lost(tmp_path: Path) -> None:
    async with opened(tmp_path) as (bus, _, _):
        await bus.publish(records(40))
    async with opened(tmp_path) as (bus, bus_file, _):  # nothing of it is in memory now
        consumer = await bus.consumer("raw", "g", Idle())
        read = bus_file.read
        calls = 0

        async def second_fails(work: Callable[[sqlite3.Connection], T]) -> T:
            nonlocal calls
            calls += 1
            if calls == 2:
                raise BusUnavailable("no")
            return await read(work)

        bus_file.read = second_fails  # type: ignore[method-assign] # the fault is injected at the port
        first = list(await consumer.poll(100, 0))
        assert 0 < len(first) < 40
        rest = await drained(consumer, 40 - len(first))
        assert sorted(int(r.value) for r in [*first, *rest]) == list(range(40))


@pytest.mark.parametrize("ends", ["elsewhere", "back"])
async def test_what_leaves_while_another_partition_is_read_is_not_handed_out(tmp_path: Path, ends: str) -> None:
    async with opened(tmp_path) as (bus, _, _):
        await bus.publish(records(40))
    async with opened(tmp_path) as (bus, bus_file, _):  # nothing of it is in memory now
        stayer = await bus.consumer("raw", "g", Idle())
        read = bus_file.read
        calls = 0
        taken: list[Received] = []

        async def others_come(work: Callable[[sqlite3.Connection], T]) -> T:
            nonlocal calls
            calls += 1
            if calls == 4:  # the first three are read and lie in the poll's hands; two of the four leave
                other = await bus.consumer("raw", "g", Idle())
                await bus.publish(records(40))  # so that the other one reads and commits further
                taken.extend(await drained(other, 1))
                await other.commit({record.partition: record.offset + 1 for record in taken})
                if ends == "back":
                    await other.close()
            return await read(work)

        bus_file.read = others_come  # type: ignore[method-assign] # the change of members comes amid a poll
        kept = list(await stayer.poll(100, 0))
        assert taken
        assert {record.partition for record in kept}.isdisjoint({record.partition for record in taken})
        mine = kept + (await drained(stayer, 80 - len(taken) - len(kept)) if ends == "back" else [])
        read_of_mine = {(record.partition, record.offset) for record in mine}
        assert len(read_of_mine) == len(mine)
        assert read_of_mine.isdisjoint({(record.partition, record.offset) for record in taken})


async def test_an_error_nobody_foresaw_is_503_and_the_bus_goes_on(tmp_path: Path) -> None:
    async with opened(tmp_path) as (bus, bus_file, _):
        bus_file.broken_write = sqlite3.DataError("string or blob too big")
        with pytest.raises(BusUnavailable, match="DataError"):
            await bus.publish(records(1))
        await bus.publish(records(3))
        assert len(await drained(await bus.consumer("raw", "g", Idle()), 3)) == 3


async def test_keys_and_headers_count_towards_the_buffer(tmp_path: Path) -> None:
    async with opened(tmp_path, buffer_bytes=10_000) as (bus, _, _):
        await bus.publish([Outgoing("raw", b"k", b"v", (("trace", b"t" * 5_000),))])
        for heavy in (Outgoing("raw", b"k", b"v", (("t", b"x" * 20_000),)), Outgoing("raw", b"k" * 20_000, b"v")):
            with pytest.raises(BusUnavailable, match="buffer"):
                await bus.publish([heavy])


async def test_the_deadline_runs_from_the_first_record_also_behind_a_stuck_commit(tmp_path: Path) -> None:
    async with opened(tmp_path, deadline=0.2) as (bus, bus_file, _):
        bus_file.gate = asyncio.Event()
        stuck = asyncio.create_task(bus.publish(records(1)))
        await eventually(lambda: bus._appenders["bus"]._in_flight > 0)
        behind = asyncio.create_task(bus.publish(records(5)))
        for waiting in (stuck, behind):
            with pytest.raises(BusUnavailable, match="in time"):
                await waiting
        later = asyncio.create_task(bus.publish([Outgoing("raw", b"z", b"99")]))
        bus_file.gate.set()
        await later
        found = await drained(await bus.consumer("raw", "g", Idle()), 2)
        # What was under way landed late, what was answered before its turn was never written.
        assert sorted(int(r.value) for r in found) == [0, 99]


async def test_a_join_that_cannot_read_the_offsets_leaves_no_member_behind(tmp_path: Path) -> None:
    async with opened(tmp_path) as (bus, _, store_file):
        await bus.publish(records(40))
        store_file.broken_reads = 1
        with pytest.raises(StoreUnavailable):
            await bus.consumer("raw", "g", Idle())
        consumer = await bus.consumer("raw", "g", Idle())
        assert len(consumer.owned) == 4
        assert len(await drained(consumer, 40)) == 40


async def test_members_come_and_go_while_the_store_cannot_be_read(tmp_path: Path) -> None:
    async with opened(tmp_path) as (bus, _, store_file):
        await bus.publish(records(40))
        stayer = await bus.consumer("raw", "g", Idle())
        found = await drained(stayer, 40)
        await stayer.commit({record.partition: record.offset + 1 for record in found})
        store_file.broken_reads = 1_000_000
        goer = await bus.consumer("raw", "g", Idle())
        assert (len(stayer.owned), len(goer.owned)) == (2, 2)
        await bus.publish(records(40))
        seen = await drained(goer, 1)
        await goer.commit({record.partition: record.offset + 1 for record in seen})
        await goer.close()
        assert len(stayer.owned) == 4
        store_file.broken_reads = 0
        # Everybody began at what was committed, also what was committed since the store could not be read.
        rest = await drained(stayer, 40 - len(seen))
        assert sorted(int(record.value) for record in [*seen, *rest]) == list(range(40))


@pytest.mark.parametrize("ends", ["cancelled", "failed"])
async def test_what_a_join_took_from_others_is_theirs_again_when_it_fails(tmp_path: Path, ends: str) -> None:
    async with opened(tmp_path) as (bus, _, _):
        await bus.publish(records(40))
        owner, told = Busy(), asyncio.Event()
        stayer = await bus.consumer("raw", "g", owner)
        found = await drained(stayer, 40)
        last = {record.partition: record.offset for record in found}
        await stayer.commit(last)  # all but the last of each
        owner.asked = told
        joining = asyncio.create_task(bus.consumer("raw", "g", Idle()))
        await told.wait()
        if ends == "failed":
            owner.ended.set_exception(ZeroDivisionError())
        else:
            joining.cancel()
        outcome = (await asyncio.gather(joining, return_exceptions=True))[0]
        assert isinstance(outcome, ZeroDivisionError if ends == "failed" else asyncio.CancelledError)
        assert len(owner.owned) == len(stayer.owned) == 4
        again = await drained(stayer, 2)  # of what it was to give up, from the committed offset on
        assert len({record.partition for record in again}) == len(again) == 2
        assert all(record.offset == last[record.partition] for record in again)
        later = await bus.consumer("raw", "g", Idle())
        assert (len(stayer.owned), len(later.owned)) == (2, 2)


async def test_what_a_member_had_is_owned_again_although_its_leave_failed(tmp_path: Path) -> None:
    async with opened(tmp_path) as (bus, _, _):
        leaver = await bus.consumer("raw", "g", Failing())
        with pytest.raises(ZeroDivisionError):
            await leaver.close()
        assert len((await bus.consumer("raw", "g", Idle())).owned) == 4


@pytest.mark.parametrize("lost", ["older", "gone"])
async def test_a_bus_file_older_than_what_was_read_of_it_is_refused(tmp_path: Path, lost: str) -> None:
    async with opened(tmp_path) as (bus, _, _):
        await bus.publish(records(4))
    shutil.copytree(tmp_path, tmp_path / "backup")
    async with opened(tmp_path) as (bus, _, _):
        await bus.publish(records(40))
        consumer = await bus.consumer("raw", "g", Idle())
        found = await drained(consumer, 44)
        await consumer.commit({record.partition: record.offset + 1 for record in found})
    for name in ("bus.db", "bus.db-wal", "bus.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    if lost == "older":
        shutil.copy(tmp_path / "backup" / "bus.db", tmp_path / "bus.db")
    with pytest.raises(InvalidInput, match=r"bus\.db is older than .*store\.db.*Put both files back") as refused:
        async with opened(tmp_path):
            pass
    assert refused.value.field == "bus.db"


def swap_bus_file(folder: Path, other: Path) -> None:
    """Put the bus's file of another folder in place of this one's."""
    for name in ("bus.db", "bus.db-wal", "bus.db-shm"):
        (folder / name).unlink(missing_ok=True)
    shutil.copy(other / "bus.db", folder / "bus.db")


async def test_the_file_of_another_bus_is_refused_however_far_it_goes(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, count in ((here, 10), (there, 100)):
        folder.mkdir()
        async with opened(folder) as (bus, _, _):
            await bus.publish(records(count))
            consumer = await bus.consumer("raw", "g", Idle())
            found = await drained(consumer, count)
            await consumer.commit({record.partition: record.offset + 1 for record in found})
    shutil.copytree(here, tmp_path / "backup")
    swap_bus_file(here, there)
    for _ in range(2):  # a refusal changes nothing that would let the next start pass
        with pytest.raises(InvalidInput, match=r"here/bus\.db is another bus's than .*store\.db") as refused:
            async with opened(here):
                pass
        assert refused.value.field == "bus.db"
    swap_bus_file(here, tmp_path / "backup")
    async with opened(here) as (bus, _, _):
        assert await bus.lag("raw", "g") == 0


async def test_the_file_of_another_bus_is_read_from_its_beginning_where_nothing_was_read(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, count in ((here, 0), (there, 30)):
        folder.mkdir()
        async with opened(folder) as (bus, _, _):
            await bus.publish(records(count))
    swap_bus_file(here, there)
    async with opened(here) as (bus, _, _):
        consumer = await bus.consumer("raw", "g", Idle())
        found = await drained(consumer, 30)
        await consumer.commit({record.partition: record.offset + 1 for record in found})
    async with opened(here) as (bus, _, _):  # it is this store's bus from then on
        assert await bus.lag("raw", "g") == 0


async def test_a_store_file_older_than_the_bus_reads_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as (bus, _, _):
        await bus.publish(records(10))
        consumer = await bus.consumer("raw", "g", Idle())
        await drained(consumer, 10)
    async with opened(tmp_path) as (bus, _, _):
        assert len(await drained(await bus.consumer("raw", "g", Idle()), 10)) == 10


async def test_what_a_commit_brought_is_pending_before_its_writer_has_told_the_loop(tmp_path: Path) -> None:
    """A sink commits marks together with the raw offsets: who sees those must find the marks pending."""
    async with opened(tmp_path) as (bus, _, _):
        topic = bus.topic("buckets")
        sent = [record._replace(topic="buckets") for record in records(3)]
        appended = await topic.file.write(lambda connection: topic.append(connection, sent, 1_000))
        assert (await bus.lag("buckets", "g"), await bus.oldest_pending("buckets", "g")) == (3, 1_000)
        topic.noticed(appended)
        assert (await bus.lag("buckets", "g"), await bus.oldest_pending("buckets", "g")) == (3, 1_000)
