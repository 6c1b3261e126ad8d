"""Retention on the real embedded adapters."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest_asyncio
import structlog

from footfall_common.bus import Outgoing, Partition
from footfall_common.bus import embedded as embedded_bus
from footfall_common.bus.embedded import BusLimits, EmbeddedBus, topic_specs
from footfall_common.bus.embedded.topic import Home
from footfall_common.documents import NIL, TenantDocument, key_of
from footfall_common.errors import BusUnavailable, StoreUnavailable
from footfall_common.pipeline.view import SettingsView
from footfall_common.placement import Placement, names
from footfall_common.process import background
from footfall_common.sqlite import SqliteFile
from footfall_common.store import EventRow, Position, VisitorDay
from footfall_common.store.embedded import EmbeddedStore, schema, write_rows
from footfall_common.testing import ManualClock, eventually
from footfall_standalone.housekeeping import Housekeeping
from footfall_standalone.settings import StandaloneSettings

ACME, BOLT = uuid.UUID(int=1), uuid.UUID(int=2)
VISITOR = uuid.UUID(int=3)
TOPICS = names(NIL, Placement.POOLED).topics
DAY_MS = 86_400_000


class NoListener:
    async def assigned(self, partitions: frozenset[Partition]) -> None: ...

    async def revoked(self, partitions: frozenset[Partition]) -> None: ...


class House:
    """The adapters of one directory, and who keeps them."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.file = SqliteFile(
            folder / "store.db", (*schema.TABLES, *embedded_bus.SCHEMA), unavailable=StoreUnavailable
        )
        self.bus_file = SqliteFile(folder / "bus.db", embedded_bus.SCHEMA, unavailable=BusUnavailable)
        files: dict[Home, SqliteFile] = {"bus": self.bus_file, "store": self.file}
        self.bus = EmbeddedBus(files, topic_specs(TOPICS, 1), self.clock, BusLimits(tail_bytes=0))
        self.store = EmbeddedStore(self.file)
        self.view = SettingsView(self.bus, TOPICS.settings)
        self.keeping = Housekeeping(self.bus, self.store, self.view, TOPICS, self.clock)

    async def open(self) -> None:
        await self.bus.open()
        for tenant, days in ((ACME, 30), (BOLT, 400)):
            document = TenantDocument(
                tenant=tenant, revision=1, tenant_id=str(tenant), placement="Pooled", retention_days=days
            )
            await self.bus.publish([Outgoing(TOPICS.settings, key_of(document), msgspec.json.encode(document))])

    async def close(self) -> None:
        await self.bus.close()
        await self.file.close()
        await self.bus_file.close()

    def day(self, tenant: uuid.UUID) -> VisitorDay:
        return VisitorDay(tenant, VISITOR, self.clock.now_ms() // DAY_MS)

    async def kept(self, day: VisitorDay) -> int:
        key = (day.tenant.bytes, day.visitor.bytes, day.day)
        count = "SELECT count(*) FROM event_ids WHERE tenant = ? AND visitor = ? AND day = ?"
        return int(await self.file.read(lambda connection: connection.execute(count, key).fetchone()[0]))


@pytest_asyncio.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = House(tmp_path)
    await made.open()
    async with background(made.view.run()):
        await made.view.ready.wait()
        yield made
    await made.close()


async def test_events_go_when_their_tenants_retention_says(house: House) -> None:
    days = [house.day(ACME), house.day(BOLT)]
    rows = [
        EventRow(
            tenant=day.tenant,
            visitor=VISITOR,
            anonymous=False,
            event_id=uuid.UUID(int=9),
            day=day.day,
            ts=house.clock.now_ms(),
            position=Position(0, number, 0),
            raw=b"{}",
            enriched=b"{}",
        )
        for number, day in enumerate(days)
    ]
    await house.file.write(lambda connection: write_rows(connection, rows, []))
    house.clock.advance(seconds=29 * 86_400)
    await house.keeping.once(168)
    assert [await house.kept(day) for day in days] == [1, 1]
    house.clock.advance(seconds=2 * 86_400)
    await house.keeping.once(168)
    assert [await house.kept(day) for day in days] == [0, 1]


async def oldest(house: House) -> int:
    """The first offset of the raw topic that is still there."""
    reader = await house.bus.reader(TOPICS.raw)
    found = await reader.poll(10, 0)
    await reader.close()
    return found[0].offset


async def publish_a_week_apart(house: House) -> None:
    """A raw record, and eight days later another."""
    for _ in range(2):
        await house.bus.publish([Outgoing(TOPICS.raw, b"key", b"value")])
        house.clock.advance(seconds=8 * 86_400)


async def commit(house: House, offset: int) -> None:
    consumer = await house.bus.consumer(TOPICS.raw, "group", NoListener())
    await consumer.commit({Partition(TOPICS.raw, 0): offset})
    await consumer.close()


async def test_raw_records_go_once_they_are_old_and_read(house: House) -> None:
    await publish_a_week_apart(house)
    await house.keeping.once(168)
    assert await oldest(house) == 0
    await commit(house, 1)
    await house.keeping.once(20 * 24)
    assert await oldest(house) == 0
    await house.keeping.once(168)
    assert await oldest(house) == 1


async def test_it_goes_on_after_a_failure(house: House) -> None:
    await publish_a_week_apart(house)
    await commit(house, 1)
    # The next write to the store fails; the file is then opened anew, which makes the table again.
    await house.file.write(lambda connection: connection.execute("DROP TABLE events_by_bucket"))
    settings = StandaloneSettings(housekeeping_seconds=0.01)

    async def trimmed() -> bool:
        return await oldest(house) == 1

    with structlog.testing.capture_logs() as lines:
        async with background(house.keeping.run(settings)):
            await eventually(trimmed)
    assert [line["event"] for line in lines] == ["housekeeping_failed"]
