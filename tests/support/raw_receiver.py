"""A process on the real embedded bus and store, for tests of the raw receiver; and what they send and read."""

import asyncio
import os
import sqlite3
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import msgspec
import pyarrow as pa
from prometheus_client import CollectorRegistry

from footfall_common import segments
from footfall_common.auth import AdminToken, TokenVerifier
from footfall_common.bus import Consumer, Outgoing
from footfall_common.bus import embedded as embedded_bus
from footfall_common.bus.embedded import BusLimits, EmbeddedBus, topic_specs
from footfall_common.bus.embedded.consumer import EmbeddedConsumer
from footfall_common.clock import Clock, SystemClock, from_ms, new_id, to_ms
from footfall_common.documents import NIL
from footfall_common.errors import BusUnavailable, StoreUnavailable
from footfall_common.events.keys import bus_key
from footfall_common.events.model import Event, RawRecord, StoredEvent
from footfall_common.events.times import bucket_of
from footfall_common.pipeline.effects import Effects, EffectSink
from footfall_common.pipeline.embedded import EmbeddedSink
from footfall_common.pipeline.view import SettingsView
from footfall_common.placement import Placement, names
from footfall_common.process import StoringProcess
from footfall_common.sqlite import SqliteFile
from footfall_common.store import Segment
from footfall_common.store.embedded import EmbeddedStore, schema
from footfall_common.tenancy import TenantContext
from footfall_common.testing import eventually
from footfall_raw_receiver.settings import RawReceiverSettings

TENANT = uuid.UUID("7c2f2d3e-0000-4000-8000-000000000001")
SHOP = uuid.UUID("7c2f2d3e-0000-4000-8000-00000000000a")
BLOG = uuid.UUID("7c2f2d3e-0000-4000-8000-00000000000b")
RECEIVED = 1_795_428_000_000  # 2026-11-23T10:00:00Z
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
NAMES = names(NIL, Placement.POOLED)
QUICK = RawReceiverSettings(
    poll_seconds=0.2, retry_seconds=0.01, retry_max_seconds=0.05, segment_seconds=0.02, lag_seconds=0.05
)
ADMIN = "a" * 32


class Outage:
    """A store that does not answer while `on`."""

    def __init__(self, sink: EffectSink) -> None:
        self._sink = sink
        self.on = False
        self.refused = 0
        self.applied = 0

    async def apply(self, effects: Effects) -> None:
        if self.on:
            self.refused += 1
            raise StoreUnavailable("The store is away; try again.")
        await self._sink.apply(effects)
        self.applied += 1


class World:
    """One process on real files, and what a test does to it and reads from it."""

    def __init__(self, process: StoringProcess, files: Mapping[str, SqliteFile], outages: list[Outage]) -> None:
        self.process = process
        self.files = files
        self.outages = outages
        self.tenant = TenantContext(TENANT)

    async def publish(self, *records: RawRecord) -> None:
        await self.process.bus.publish([outgoing(record) for record in records])

    async def drained(self) -> None:
        """Until both groups have committed all there is."""
        for group, topic in (
            (NAMES.groups.raw_receiver, NAMES.topics.raw),
            (NAMES.groups.bucket_worker, NAMES.topics.buckets),
        ):
            await eventually(partial(self._committed, topic, group), deadline=20)

    async def _committed(self, topic: str, group: str) -> bool:
        return await self.process.bus.lag(topic, group) == 0

    def query(self, statement: str) -> list[tuple[object, ...]]:
        with sqlite3.connect(self.files["store"].path) as connection:
            found = connection.execute(statement).fetchall()
        connection.close()
        return found

    async def feed(self, visitor: uuid.UUID, month: int) -> list[StoredEvent]:
        rows = await self.process.store.events.visitor_month(self.tenant, visitor, month, None, 1_000)
        return [msgspec.json.decode(row.raw, type=StoredEvent) for row in rows]

    async def heads(self, bucket: int) -> Mapping[uuid.UUID, Segment]:
        found = await self.process.store.segments.bucket_heads(self.tenant, bucket)
        return {segment.resource: segment for segment in found}

    async def rows(self, segment: Segment) -> list[dict[str, object]]:
        bodies = await self.process.store.segments.chunks(self.tenant, segment.chunks)
        table = pa.concat_tables([segments.decode(bodies[name]) for name in segment.chunks])
        found: list[dict[str, object]] = table.to_pylist()
        return found


def event(at: int = RECEIVED, *, visitor: uuid.UUID | None = None, **fields: object) -> Event:
    given = {"id": new_id(), "type": "page-load", "occurred": from_ms(at), "href": "https://shop.example/a"} | fields
    return Event(tracking_id=visitor, **given)  # type: ignore[arg-type] # a test names only what it is about


def record(*events: Event, resource: uuid.UUID = SHOP, received: int = RECEIVED) -> RawRecord:
    return RawRecord(v=1, tenant=TENANT, resource=resource, received=received, user_agent=CHROME, events=list(events))


def outgoing(raw: RawRecord) -> Outgoing:
    first = raw.events[0]
    key = bus_key(raw.tenant, first.tracking_id or first.id)
    return Outgoing(NAMES.topics.raw, key, msgspec.json.encode(raw))


@asynccontextmanager
async def world(folder: Path, clock: Clock | None = None) -> AsyncIterator[World]:
    """A process without components; files that exist are opened again."""
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        files = {
            "bus": SqliteFile(folder / "bus.db", embedded_bus.SCHEMA, unavailable=BusUnavailable),
            "store": SqliteFile(
                folder / "store.db",
                (*schema.TABLES, *embedded_bus.SCHEMA),
                unavailable=StoreUnavailable,
            ),
        }
        for file in files.values():
            stack.push_async_callback(file.close)
            await file.open()
        bus = EmbeddedBus(files, topic_specs(NAMES.topics), clock, BusLimits())  # type: ignore[arg-type] # Home is a Literal
        stack.push_async_callback(bus.close)
        await bus.open()
        view = SettingsView(bus, NAMES.topics.settings)
        following = asyncio.create_task(view.run())
        stack.callback(following.cancel)
        outages: list[Outage] = []

        def sink(consumer: Consumer) -> Outage:
            assert isinstance(consumer, EmbeddedConsumer)
            outage = Outage(EmbeddedSink(files["store"], bus.topic(NAMES.topics.buckets), consumer, clock))
            outages.append(outage)
            return outage

        process = StoringProcess(
            clock=clock,
            new_id=new_id,
            random_bytes=os.urandom,
            registry=CollectorRegistry(),
            bus=bus,
            store=EmbeddedStore(files["store"]),
            names=NAMES,
            view=view,
            verifier=TokenVerifier(view, "https://identity.test", clock),
            admin=AdminToken(lambda: ADMIN),
            sink=sink,
        )
        yield World(process, files, outages)


def buckets_of(events: Sequence[Event]) -> set[int]:
    return {bucket_of(to_ms(one.occurred)) for one in events}


async def segment_rows(here: World, bucket: int) -> list[dict[str, object]]:
    heads = await here.heads(bucket)
    return [row for resource, head in heads.items() if resource != NIL for row in await here.rows(head)]
