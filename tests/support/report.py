"""What tests of report share: rows in a real embedded store, segments made of them, and events as plain dicts."""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from prometheus_client import CollectorRegistry, Counter

from footfall_common import segments
from footfall_common.clock import from_ms
from footfall_common.documents import NIL
from footfall_common.errors import StoreUnavailable
from footfall_common.events.model import Enrichment, Event, StoredEvent
from footfall_common.events.times import day_of
from footfall_common.sqlite import SqliteFile
from footfall_common.store import START, BucketRow, EventRow, Position, Segment
from footfall_common.store.embedded import EmbeddedStore, write_rows
from footfall_common.store.embedded.schema import TABLES
from footfall_common.telemetry import catalogue, counter
from footfall_common.tenancy import TenantContext

NOON = 1_795_435_200_000
"""2026-11-23T12:00:00Z."""
TENANT = TenantContext(uuid.UUID("aaaaaaaa-0000-4000-8000-000000000001"))
SHOP, BLOG = (uuid.UUID(f"cccccccc-0000-4000-8000-00000000000{n}") for n in (1, 2))
PARTS = 4

Plain = dict[str, Any]
T = TypeVar("T")


def plain(number: int, visitor: uuid.UUID | None, ts: int, resource: uuid.UUID = SHOP, **more: Any) -> Plain:
    """An event as `recount` takes it; `more` replaces anything."""
    base = {
        "id": str(uuid.UUID(int=number, version=4)), "trackingId": visitor and str(visitor), "resource": str(resource),
        "occurred": ts, "ts": ts, "received": ts, "type": "page-load", "name": "", "value": "", "cost": None,
        "device": "desktop", "os": "Linux", "browser": "Firefox", "channel": "direct", "source": "", "campaign": "",
    }  # fmt: skip
    return base | more


def row_of(event: Plain, off: int, tenant: TenantContext = TENANT) -> EventRow:
    """The event as the raw receiver would store it, met at offset `off`."""
    event_id, resource = uuid.UUID(event["id"]), uuid.UUID(event["resource"])
    visitor = event["trackingId"] and uuid.UUID(event["trackingId"])
    stored = StoredEvent(
        event=Event(
            id=event_id, tracking_id=visitor, type=event["type"], occurred=from_ms(event["occurred"]),
            name=event["name"], value=event["value"], cost=event["cost"], **event.get("extra", {}),
        ),
        resource=resource, received=event["received"], ts=event["ts"],
    )  # fmt: skip
    enriched = Enrichment(
        v=1, **{name: event[name] for name in ("device", "os", "browser", "channel", "source", "campaign")}
    )
    return EventRow(
        tenant=tenant.tenant,
        visitor=visitor or event_id,
        anonymous=visitor is None,
        event_id=event_id,
        day=day_of(event["occurred"]),
        ts=event["ts"],
        position=Position((visitor or event_id).int % PARTS, off, 0),
        raw=msgspec.json.encode(stored),
        enriched=msgspec.json.encode(enriched),
    )


class Shelf:
    """An embedded store on a file of its own, with the writing that other components do."""

    def __init__(self, file: SqliteFile) -> None:
        self.file = file
        self.store = EmbeddedStore(file)
        self._off = 0

    async def add(self, events: Sequence[Plain], tenant: TenantContext = TENANT) -> None:
        """Store events, in the order given."""
        rows = []
        for event in events:
            self._off += 1
            rows.append(row_of(event, self._off, tenant))
        await self.write(rows)

    async def write(self, rows: Sequence[EventRow]) -> None:
        """Store rows as they are."""
        await self.file.write(lambda connection: write_rows(connection, rows, ()))

    async def segment(self, days: Sequence[int], version: int, tenant: TenantContext = TENANT) -> None:
        """Bring the segments of these days up to date, older chunks still listed: rows then repeat."""
        parts: dict[int, list[int]] = defaultdict(list)
        for seen in await self.store.events.buckets_seen(tenant, days):
            parts[seen.bucket].append(seen.part)
        for bucket, some in parts.items():
            await self._segment_bucket(tenant, bucket, some, version)

    async def _segment_bucket(self, tenant: TenantContext, bucket: int, parts: Sequence[int], version: int) -> None:
        by_resource: dict[uuid.UUID, list[BucketRow]] = defaultdict(list)
        watermark = {}
        for part in parts:
            for row in await self.store.events.bucket_rows(tenant, bucket, part, START, None, 1_000_000):
                by_resource[msgspec.json.decode(row.raw, type=StoredEvent).resource].append(row)
                watermark[part] = row.position.off
        heads = {head.resource: head for head in await self.store.segments.bucket_heads(tenant, bucket)}
        made, chunks = [], {}
        for resource, rows in by_resource.items():
            body = segments.encode(segments.table(rows))
            name = segments.chunk_id(tenant.tenant, bucket, version, body)
            chunks[name] = body
            older = heads[resource].chunks if resource in heads else ()
            made.append(Segment(resource, bucket, version, watermark, [*older, name], len(rows)))
        standing = {**heads, **{segment.resource: segment for segment in made}}
        rows_in_all = sum(segment.rows for resource, segment in standing.items() if resource != NIL)
        members = {resource: segment.version for resource, segment in standing.items() if resource != NIL}
        made.append(Segment(NIL, bucket, version, watermark, (), rows_in_all, members=members))
        await self.store.segments.put(tenant, made, chunks, 0)

    async def run(self, statement: str, *parameters: Any) -> None:
        """Do something to the file that no port does."""
        await self.file.write(lambda connection: connection.execute(statement, parameters).fetchall())


@asynccontextmanager
async def shelf(folder: Path) -> AsyncIterator[Shelf]:
    """A store in `folder`."""
    file = SqliteFile(folder / "store.db", TABLES, unavailable=StoreUnavailable)
    await file.open()
    try:
        yield Shelf(file)
    finally:
        await file.close()


class Bench:
    """A store and an event loop for many examples of a property; each takes a tenant of its own."""

    def __init__(self, folder: Path) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.shelf = self._runner.run(self._stack.enter_async_context(shelf(folder)))

    def run(self, example: Coroutine[Any, Any, T]) -> T:
        """Run to its end."""
        return self._runner.run(example)

    def close(self) -> None:
        """Close store and loop."""
        self._runner.run(self._stack.aclose())
        self._runner.close()


def uncounted() -> Counter:
    """A counter of unreadable events that nobody reads."""
    return counter(CollectorRegistry(), catalogue.UNREADABLE)


def fresh_tenant() -> TenantContext:
    """A tenant without events."""
    return TenantContext(uuid.uuid4())


def days_around(moment: int, days: int) -> list[int]:
    """Day numbers from `days` before the moment to `days` after."""
    return [day_of(moment) + number for number in range(-days, days + 1)]
