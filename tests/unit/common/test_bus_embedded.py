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


async def test_a_member_joins_once_the_offsets_can_be_read(tmp_path: Path) -> None:
    async with opened(tmp_path) as (bus, _, store_file):
        await bus.publish(records(40))
        store_file.broken_reads = 2
        consumer = await bus.consumer("raw", "g", Idle())
        assert len(consumer.owned) == 4
        assert len(await drained(consumer, 40)) == 40


async def test_a_join_that_is_given_up_leaves_no_member_behind(tmp_path: Path) -> None:
    async with opened(tmp_path) as (bus, _, store_file):
        store_file.broken_reads = 1_000_000
        joining = asyncio.create_task(bus.consumer("raw", "g", Idle()))
        await eventually(lambda: store_file.broken_reads < 1_000_000)
        joining.cancel()
        await asyncio.gather(joining, return_exceptions=True)
        store_file.broken_reads = 0
        assert len((await bus.consumer("raw", "g", Idle())).owned) == 4


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


async def test_a_store_file_older_than_the_bus_reads_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as (bus, _, _):
        await bus.publish(records(10))
        consumer = await bus.consumer("raw", "g", Idle())
        await drained(consumer, 10)
    async with opened(tmp_path) as (bus, _, _):
        assert len(await drained(await bus.consumer("raw", "g", Idle()), 10)) == 10
