"""The native door on a real embedded bus, with settings put straight on the topic."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from prometheus_client import CollectorRegistry

from footfall_common.bus import Outgoing, Received
from footfall_common.bus.embedded import SCHEMA, BusLimits, EmbeddedBus, topic_specs
from footfall_common.bus.embedded.topic import Home
from footfall_common.clock import from_ms
from footfall_common.documents import NIL, Document, Limits, ResourceDocument, TenantDocument, key_of
from footfall_common.errors import BusUnavailable
from footfall_common.events.model import RawRecord
from footfall_common.pipeline.view import SettingsView
from footfall_common.placement import Placement, names
from footfall_common.sqlite import SqliteFile
from footfall_common.tenancy import ResourceKey
from footfall_common.testing import ManualClock, eventually, ids
from footfall_receiver.api.native import NativeDoor
from footfall_receiver.service import Receiver
from footfall_receiver.settings import ReceiverSettings

TENANT = uuid.UUID("11111111-1111-4111-8111-111111111111")
SHOP = uuid.UUID("22222222-2222-4222-8222-222222222222")
CLOSED = uuid.UUID("33333333-3333-4333-8333-333333333333")
VISITOR = uuid.UUID("44444444-4444-4444-8444-444444444444")
TOPICS = names(NIL, Placement.POOLED).topics


def documents() -> list[Document]:
    """One tenant with an open site of shop.example and a closed one."""
    return [
        TenantDocument(tenant=TENANT, revision=1, tenant_id="acme", placement="Pooled"),
        ResourceDocument(
            tenant=TENANT, resource=SHOP, revision=1, origin="manifest", name="shop", domains=("shop.example",)
        ),
        ResourceDocument(tenant=TENANT, resource=CLOSED, revision=1, origin="manifest", active=False),
    ]


@dataclass
class Door:
    """The door as a sender meets it, and the bus as a reader does."""

    client: httpx.AsyncClient
    bus: EmbeddedBus
    clock: ManualClock
    registry: CollectorRegistry
    view: SettingsView
    numbers: list[int] = field(default_factory=lambda: [0])

    def event(self, **fields: Any) -> dict[str, Any]:
        """A valid event of one visitor, now, with a fresh id."""
        self.numbers[0] += 1
        at = from_ms(self.clock.now_ms()).isoformat()
        event_id = str(uuid.UUID(int=self.numbers[0], version=4))
        return {"id": event_id, "trackingId": str(VISITOR), "type": "page-load", "occurred": at} | fields

    def request(self, *events: Any, **fields: Any) -> dict[str, Any]:
        """A request of these events for the open site."""
        return {"v": 1, "tenant": str(TENANT), "resource": str(SHOP), "events": list(events)} | fields

    async def post(self, body: Any, **headers: str) -> httpx.Response:
        """Send a body: bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post("/api/events", content=content, headers={"content-type": "text/plain"} | named)

    async def verdicts(self, *events: Any, **headers: str) -> list[dict[str, Any]]:
        """The verdicts on these events."""
        answer = await self.post(self.request(*events), **headers)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["events"]
        return found

    async def limit(self, *, tenant: int | None = None, resource: int | None = None) -> None:
        """Events a second that the tenant and its open site may send from now on."""
        whole, shop, _ = documents()
        await self.know(
            msgspec.structs.replace(whole, revision=2, limits=Limits(tenant)),
            msgspec.structs.replace(shop, revision=2, limits=Limits(resource)),
        )

    async def another_tenant(self) -> uuid.UUID:
        """A second tenant without limits, whose open site has the same id."""
        other = uuid.UUID(int=77, version=4)
        whole, shop, _ = documents()
        await self.know(msgspec.structs.replace(whole, tenant=other), msgspec.structs.replace(shop, tenant=other))
        return other

    async def know(self, tenant: Document, shop: Document) -> None:
        """Put a tenant and its open site on the topic, and wait until the door knows both."""
        await self.bus.publish([Outgoing(TOPICS.settings, key_of(d), msgspec.json.encode(d)) for d in (tenant, shop)])
        owner = uuid.UUID(bytes=key_of(tenant)[:16])
        key = ResourceKey(owner, SHOP)
        await eventually(lambda: (self.view.tenant(owner), self.view.resource(key)) == (tenant, shop))

    async def on_bus(self) -> list[Received]:
        """Everything on the raw topic, once it has been read to its end."""
        reader = await self.bus.reader(TOPICS.raw)
        found: list[Received] = []
        while not await reader.caught_up():
            found += await reader.poll(1000, 1)
        return found

    async def stored(self) -> list[RawRecord]:
        """The records of the raw topic."""
        return [msgspec.json.decode(record.value, type=RawRecord) for record in await self.on_bus()]


OpenDoor = Callable[..., Any]


@pytest.fixture
async def open_door(tmp_path: Path) -> AsyncIterator[OpenDoor]:
    """Opens a door with settings and bus limits of the test's choice."""
    async with AsyncExitStack() as stack:

        async def opened(limits: BusLimits | None = None, **settings: Any) -> Door:
            clock = ManualClock()
            files: dict[Home, SqliteFile] = {
                "bus": SqliteFile(tmp_path / "bus.db", SCHEMA, unavailable=BusUnavailable),
                "store": SqliteFile(tmp_path / "store.db", SCHEMA, unavailable=BusUnavailable),
            }
            for file in files.values():
                stack.push_async_callback(file.close)
            bus = EmbeddedBus(files, topic_specs(TOPICS), clock, limits or BusLimits())
            await bus.open()
            stack.push_async_callback(bus.close)
            await bus.publish([Outgoing(TOPICS.settings, key_of(d), msgspec.json.encode(d)) for d in documents()])
            view = SettingsView(bus, TOPICS.settings)
            reading = asyncio.create_task(view.run())
            stack.callback(reading.cancel)
            await view.ready.wait()
            chosen = ReceiverSettings(**settings)
            registry = CollectorRegistry()
            receiver = Receiver(bus, view, chosen, topic=TOPICS.raw, clock=clock, registry=registry)
            door = NativeDoor(receiver, max_body_bytes=chosen.max_body_bytes, new_id=ids(), registry=registry)
            transport = httpx.ASGITransport(door, client=("203.0.113.77", 5))
            client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://door"))
            return Door(client, bus, clock, registry, view)

        yield opened


@pytest.fixture
async def door(open_door: OpenDoor) -> Door:
    """A door with default settings."""
    opened: Door = await open_door()
    return opened
