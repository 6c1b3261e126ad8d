"""The raw receiver and the bucket worker on the real embedded bus and store."""

import asyncio
import base64
import os
import sqlite3
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import httpx
import msgspec
import pyarrow as pa
from prometheus_client import CollectorRegistry

from footfall_common import segments
from footfall_common.auth import AdminToken, TokenVerifier
from footfall_common.bus import Consumer, Outgoing
from footfall_common.bus import embedded as embedded_bus
from footfall_common.bus.embedded import BusLimits, EmbeddedBus, topic_specs
from footfall_common.bus.embedded.consumer import EmbeddedConsumer
from footfall_common.clock import SystemClock, from_ms, new_id, to_ms
from footfall_common.documents import NIL, ResourceDocument, key_of
from footfall_common.errors import BusUnavailable, StoreUnavailable
from footfall_common.events.keys import bus_key
from footfall_common.events.model import Event, RawRecord, StoredEvent
from footfall_common.events.times import bucket_of, month_of
from footfall_common.pipeline.effects import Effects, EffectSink
from footfall_common.pipeline.embedded import EmbeddedSink
from footfall_common.pipeline.view import SettingsView
from footfall_common.placement import Placement, names
from footfall_common.process import Process
from footfall_common.sqlite import SqliteFile
from footfall_common.store import Segment
from footfall_common.store.embedded import EmbeddedStore, schema
from footfall_common.tenancy import TenantContext
from footfall_common.testing import eventually
from footfall_raw_receiver.app import running
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

    async def apply(self, effects: Effects) -> None:
        if self.on:
            self.refused += 1
            raise StoreUnavailable("The store is away; try again.")
        await self._sink.apply(effects)


class World:
    """One process on real files, and what a test does to it and reads from it."""

    def __init__(self, process: Process, files: Mapping[str, SqliteFile], outages: list[Outage]) -> None:
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
async def world(folder: Path) -> AsyncIterator[World]:
    """A process without components; files that exist are opened again."""
    clock = SystemClock()
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

        process = Process(
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


async def test_events_come_out_in_feed_edges_and_segments(tmp_path: Path) -> None:
    visitor, contact = new_id(), new_id()
    first = event(RECEIVED - 1_000, visitor=visitor, referrer="https://www.google.de/search")
    second = event(RECEIVED - 500, visitor=visitor, type="identify", contact_id=contact)
    nobody = event(RECEIVED)
    async with world(tmp_path) as here, running(here.process, QUICK):
        await here.publish(record(first, second), record(nobody), record(first))  # the last one is a copy
        await here.drained()
        feed = await here.feed(visitor, month_of(RECEIVED))
        assert [stored.event for stored in feed] == [second, first]
        assert [stored.ts for stored in feed] == [RECEIVED - 500, RECEIVED - 1_000]
        assert here.query("SELECT at, contact, trust FROM edges") == [(RECEIVED - 500, contact.bytes, "unsigned")]
        rows = [
            row
            for bucket in {bucket_of(RECEIVED), bucket_of(RECEIVED - 1_000)}
            for resource, segment in (await here.heads(bucket)).items()
            if resource == SHOP
            for row in await here.rows(segment)
        ]
        by_id = {row["event_id"]: row for row in rows}
        assert len(rows) == 3
        assert by_id.keys() == {first.id.bytes, second.id.bytes, nobody.id.bytes}
        found = by_id[first.id.bytes]
        assert (found["channel"], found["source"], found["browser"], found["device"]) == (
            "organic search",
            "Google",
            "Chrome",
            "desktop",
        )
        assert by_id[nobody.id.bytes]["tracking_id"] is None


async def test_a_store_that_is_away_loses_nothing_and_recovers_by_itself(tmp_path: Path) -> None:
    visitor = new_id()
    async with world(tmp_path) as here, running(here.process, QUICK) as component:
        await eventually(lambda: here.outages)
        here.outages[0].on = True
        events = [event(RECEIVED - number, visitor=visitor) for number in range(20)]
        for one in events:
            await here.publish(record(one))
        await eventually(lambda: here.outages[0].refused > 2)
        assert "away" in str(await component.checks["consuming"]())
        assert here.query("SELECT count(*) FROM event_ids") == [(0,)]
        here.outages[0].on = False
        await here.drained()
        assert [stored.event for stored in await here.feed(visitor, month_of(RECEIVED))] == events
        assert await component.checks["consuming"]() is None


async def test_after_a_restart_at_any_place_each_event_is_stored_once(tmp_path: Path) -> None:
    visitors = [new_id() for _ in range(5)]
    events = [event(RECEIVED - number * 60_000, visitor=visitors[number % 5]) for number in range(100)]
    sent = 0
    for _ in range(5):
        async with world(tmp_path) as here, running(here.process, QUICK):
            for one in events[sent : sent + 20]:
                await here.publish(record(one), record(one, received=RECEIVED + 5_000))
            sent += 20  # and it ends here, whatever is in flight
    async with world(tmp_path) as here, running(here.process, QUICK):
        await here.drained()
        feeds = [await here.feed(visitor, month_of(RECEIVED)) for visitor in visitors]
        assert {stored.event.id for feed in feeds for stored in feed} == {one.id for one in events}
        assert sum(map(len, feeds)) == len(events)
        found = [row for bucket in buckets_of(events) for row in await segment_rows(here, bucket)]
        assert sorted(row["event_id"] for row in found) == sorted(one.id.bytes for one in events)  # type: ignore[type-var] # bytes


async def test_dead_letters_can_be_read_by_the_administrator_alone(tmp_path: Path) -> None:
    good = event()
    async with world(tmp_path) as here, running(here.process, QUICK) as component:
        await here.process.bus.publish([Outgoing(NAMES.topics.raw, b"k", b"no record %d" % n) for n in range(5)])
        await here.publish(record(good))
        await here.drained()
        transport = httpx.ASGITransport(app=component.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            assert (await client.get("/admin/v1/dead")).status_code == 401
            client.headers["authorization"] = f"Bearer {ADMIN}"
            first = (await client.get("/admin/v1/dead", params={"limit": 3})).json()
            second = (await client.get("/admin/v1/dead", params={"limit": 3, "after": first["after"]})).json()
            wrong = await client.get("/admin/v1/dead", params={"after": "elsewhere"})
            none = await client.get("/admin/v1/dead", params={"limit": 0})
        letters = first["letters"] + second["letters"]
        assert [base64.b64decode(letter["bytes"]) for letter in letters] == [b"no record %d" % n for n in range(5)]
        assert {(letter["stage"], letter["index"]) for letter in letters} == {("decode", 0)}
        assert sorted(letter["offset"] for letter in letters) == list(range(5))
        assert (first["after"] is None, second["after"]) == (False, None)
        assert (wrong.status_code, wrong.json()["error"]["field"]) == (400, "after")
        assert none.status_code in {400, 422}
        assert here.query("SELECT count(*) FROM event_ids") == [(1,)]


async def test_a_paused_receiver_consumes_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        async with running(here.process, QUICK.model_copy(update={"paused": True})):
            await here.publish(record(event()))
            gauge = "footfall_consumer_lag_records", {"group": NAMES.groups.raw_receiver}
            await eventually(lambda: here.process.registry.get_sample_value(*gauge) == 1)
            assert here.query("SELECT count(*) FROM event_ids") == [(0,)]
        async with running(here.process, QUICK):
            await here.drained()
            assert here.query("SELECT count(*) FROM event_ids") == [(1,)]


async def test_the_resources_domains_are_no_referrers(tmp_path: Path) -> None:
    document = ResourceDocument(
        tenant=TENANT, resource=SHOP, revision=1, origin="manifest", domains=("shop.example", "pay.example")
    )
    one = event(visitor=new_id(), referrer="https://pay.example/done")
    async with world(tmp_path) as here:
        await here.process.bus.publish(
            [Outgoing(NAMES.topics.settings, key_of(document), msgspec.json.encode(document))]
        )
        async with running(here.process, QUICK):
            await here.publish(record(one))
            await here.drained()
            (row,) = await segment_rows(here, bucket_of(RECEIVED))
            assert (row["channel"], row["source"]) == ("direct", "")


async def test_small_chunks_are_merged_and_no_row_is_lost(tmp_path: Path) -> None:
    settings = QUICK.model_copy(update={"merge_chunks": 4, "segment_seconds": 0.0})
    events = [event(RECEIVED - RECEIVED % 900_000 + number) for number in range(10)]
    bucket = bucket_of(RECEIVED)
    async with world(tmp_path) as here, running(here.process, settings):
        for one in events:
            await here.publish(record(one))
            await here.drained()
        heads = await here.heads(bucket)
        # 4 small ones become one, 3 times over the first 10: 1 merged of 4, 1 merged of 4, 2 small
        assert (len(heads[SHOP].chunks), heads[SHOP].rows) == (4, 10)
        assert sorted(row["event_id"] for row in await here.rows(heads[SHOP])) == sorted(one.id.bytes for one in events)  # type: ignore[type-var] # bytes
        assert max(heads[NIL].version, heads[SHOP].version) == heads[NIL].version
        assert (heads[NIL].chunks, heads[NIL].rows) == ([], 0)


async def test_a_bucket_whose_segments_were_deleted_comes_back_whole(tmp_path: Path) -> None:
    base = RECEIVED - RECEIVED % 900_000
    visitors = [new_id() for _ in range(12)]
    before = [event(base + number, visitor=visitor) for number, visitor in enumerate(visitors)]
    after = event(base + 100, visitor=visitors[0])
    async with world(tmp_path) as here, running(here.process, QUICK):
        await here.publish(*map(record, before))
        await here.drained()
        await here.files["store"].write(lambda connection: connection.execute("DELETE FROM segments"))
        await here.publish(record(after))
        await here.drained()
        found = {row["event_id"] for row in await segment_rows(here, bucket_of(base))}
        assert found == {one.id.bytes for one in [*before, after]}


async def test_each_resource_has_segments_of_its_own(tmp_path: Path) -> None:
    shop, blog = event(), event()
    async with world(tmp_path) as here, running(here.process, QUICK):
        await here.publish(record(shop), record(blog, resource=BLOG))
        await here.drained()
        heads = await here.heads(bucket_of(RECEIVED))
        assert [row["event_id"] for row in await here.rows(heads[SHOP])] == [shop.id.bytes]
        assert [row["event_id"] for row in await here.rows(heads[BLOG])] == [blog.id.bytes]


async def test_superseded_versions_are_swept(tmp_path: Path) -> None:
    settings = QUICK.model_copy(update={"sweep_seconds": 0.05})
    base = RECEIVED - RECEIVED % 900_000
    events = [event(base + number) for number in range(4)]
    async with world(tmp_path) as here, running(here.process, settings):
        for one in events:
            await here.publish(record(one))
            await here.drained()
        await eventually(lambda: here.query("SELECT count(*) FROM segments") == [(2,)])
        found = {row["event_id"] for row in await segment_rows(here, bucket_of(base))}
        assert found == {one.id.bytes for one in events}


def buckets_of(events: Sequence[Event]) -> set[int]:
    return {bucket_of(to_ms(one.occurred)) for one in events}


async def segment_rows(here: World, bucket: int) -> list[dict[str, object]]:
    heads = await here.heads(bucket)
    return [row for resource, head in heads.items() if resource != NIL for row in await here.rows(head)]
