"""The settings view on the embedded bus: what it keeps, what it ignores, what it survives."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall_common.bus import Outgoing, Partition, Received
from footfall_common.bus.embedded import SCHEMA, BusLimits, EmbeddedBus
from footfall_common.bus.embedded.topic import TopicSpec
from footfall_common.documents import (
    ClientDocument,
    Document,
    KeysDocument,
    ResourceDocument,
    TenantDocument,
    key_of,
)
from footfall_common.errors import BusUnavailable
from footfall_common.pipeline.view import SettingsView
from footfall_common.sqlite import SqliteFile
from footfall_common.tenancy import ResourceKey
from footfall_common.testing import ManualClock, eventually

TENANT = uuid.UUID("11111111-1111-4111-8111-111111111111")
OTHER = uuid.UUID("22222222-2222-4222-8222-222222222222")
SHOP = uuid.UUID("33333333-3333-4333-8333-333333333333")
CLIENT = uuid.UUID("44444444-4444-4444-8444-444444444444")
KEY = ResourceKey(TENANT, SHOP)
TOPIC = "settings"


def resource(revision: int, *, tenant: uuid.UUID = TENANT, deleted: bool = False) -> ResourceDocument:
    return ResourceDocument(
        tenant=tenant, resource=SHOP, revision=revision, origin="api", name=f"r{revision}", deleted=deleted
    )


def tenant(revision: int, *, deleted: bool = False) -> TenantDocument:
    return TenantDocument(tenant=TENANT, revision=revision, tenant_id="acme", placement="Pooled", deleted=deleted)


class Faulty:
    """The embedded bus with readers that a test may break; every reader opened is counted."""

    def __init__(self, bus: EmbeddedBus) -> None:
        self._bus = bus
        self.broken = False
        self.opened = 0
        self.refused = 0

    async def reader(self, topic: str) -> "FaultyReader":
        self.refuse()
        self.opened += 1
        return FaultyReader(self, await self._bus.reader(topic))

    def refuse(self) -> None:
        if self.broken:
            self.refused += 1
            raise BusUnavailable("The test has broken the bus.")


class FaultyReader:
    """Raises BusUnavailable while the bus is broken."""

    def __init__(self, bus: Faulty, reader: object) -> None:
        self._bus = bus
        self._reader = reader

    async def poll(self, limit: int, wait: float) -> Sequence[Received]:
        self._bus.refuse()
        records: Sequence[Received] = await self._reader.poll(limit, min(wait, 0.02))  # type: ignore[attr-defined] # a Reader
        return records

    async def caught_up(self) -> bool:
        self._bus.refuse()
        return bool(await self._reader.caught_up())  # type: ignore[attr-defined] # a Reader

    async def close(self) -> None:
        await self._reader.close()  # type: ignore[attr-defined] # a Reader


@dataclass
class Settings:
    """The topic as writers have it, and a view of it that runs."""

    bus: EmbeddedBus
    faults: Faulty
    view: SettingsView

    async def put(self, *documents: Document) -> None:
        await self.raw(*((key_of(one), msgspec.json.encode(one)) for one in documents))

    async def raw(self, *records: tuple[bytes, bytes]) -> None:
        await self.bus.publish([Outgoing(TOPIC, key, value) for key, value in records])

    async def read(self) -> None:
        """Wait until the view has taken everything published so far: a mark of its own is the last record."""
        mark = uuid.uuid4()
        await self.put(ClientDocument(tenant=mark, client=mark, revision=1))
        await eventually(lambda: self.view.client(mark, mark) is not None)


@pytest.fixture
async def settings(tmp_path: Path) -> AsyncIterator[Settings]:
    async with AsyncExitStack() as stack:
        files = {
            name: SqliteFile(tmp_path / f"{name}.db", SCHEMA, unavailable=BusUnavailable) for name in ("bus", "store")
        }
        for file in files.values():
            stack.push_async_callback(file.close)
        bus = EmbeddedBus(files, [TopicSpec(TOPIC, 1, compacted=True)], ManualClock(), BusLimits())  # type: ignore[arg-type] # names are homes
        await bus.open()
        stack.push_async_callback(bus.close)
        faults = Faulty(bus)
        view = SettingsView(faults, TOPIC, retry=0.01)  # type: ignore[arg-type] # a view reads, and nothing else
        running = asyncio.create_task(view.run())
        yield Settings(bus, faults, view)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_an_empty_topic_is_read_to_its_end(settings: Settings) -> None:
    await asyncio.wait_for(settings.view.ready.wait(), 5)
    assert settings.view.tenants() == ()
    assert settings.view.keys() is None


async def test_each_kind_of_document_is_found_where_it_is_asked_for(settings: Settings) -> None:
    keys = KeysDocument(revision=1, issuer="https://id", jwks={"keys": []})
    client = ClientDocument(tenant=TENANT, client=CLIENT, revision=1, revoked_before=5)
    await settings.put(tenant(1), resource(1), keys, client, resource(1, tenant=OTHER))
    await settings.read()
    view = settings.view
    assert (view.tenant(TENANT), view.tenant(OTHER), view.tenants()) == (tenant(1), None, (tenant(1),))
    assert (view.resource(KEY), view.resources_of(TENANT)) == (resource(1), (resource(1),))
    assert view.resources_of(OTHER) == (resource(1, tenant=OTHER),)
    assert (view.keys(), view.client(TENANT, CLIENT), view.client(OTHER, CLIENT)) == (keys, client, None)


async def test_a_lower_revision_is_ignored_also_after_a_deletion(settings: Settings) -> None:
    await settings.put(resource(3), resource(2), tenant(2), tenant(3, deleted=True), tenant(2))
    await settings.read()
    assert settings.view.resource(KEY) == resource(3)
    assert settings.view.tenant(TENANT) is None
    await settings.put(resource(4, deleted=True), resource(3), tenant(4))
    await settings.read()
    assert settings.view.resource(KEY) is None
    assert settings.view.resources_of(TENANT) == ()
    assert settings.view.tenant(TENANT) == tenant(4), "a tenant created again goes on from its revision"


async def test_a_deleted_client_is_returned_so_that_its_tokens_are_refused(settings: Settings) -> None:
    deleted = ClientDocument(tenant=TENANT, client=CLIENT, revision=2, deleted=True)
    await settings.put(deleted)
    await settings.read()
    assert settings.view.client(TENANT, CLIENT) == deleted


async def test_what_is_no_document_is_counted_and_changes_nothing(settings: Settings) -> None:
    await settings.put(resource(1))
    key = key_of(resource(1))
    await settings.raw(
        (key, b""),
        (key, b"{"),
        (key, b"\xff"),
        (key, b"[" * 100_000),
        (key, b'{"type":"resource"}'),
        (key, b'{"type":"later","revision":9}'),
        (key_of(tenant(1)), msgspec.json.encode(resource(9))),
        (b"short", msgspec.json.encode(resource(9))),
    )
    await settings.read()
    assert settings.view.resource(KEY) == resource(1)
    assert settings.view.ignored == 8


async def test_a_bus_that_goes_away_leaves_what_is_known_and_comes_back_with_what_is_new(settings: Settings) -> None:
    await settings.put(tenant(1), resource(1))
    await settings.read()
    opened = settings.faults.opened
    settings.faults.broken = True
    await eventually(lambda: settings.faults.refused >= 3)
    await settings.put(resource(2))
    assert settings.view.resource(KEY) == resource(1)
    assert settings.view.ready.is_set()
    settings.faults.broken = False
    await eventually(lambda: settings.view.resource(KEY) == resource(2))
    await eventually(lambda: settings.faults.opened > opened)
    assert settings.view.tenant(TENANT) == tenant(1)


@given(st.lists(st.tuples(st.integers(1, 6), st.booleans()), min_size=1, max_size=12))
def test_whatever_comes_in_whatever_order_the_highest_revision_stands(published: list[tuple[int, bool]]) -> None:
    # A revision says one thing only, however often and late it is published: so is a topic read anew.
    deleted = dict(published)
    view = SettingsView(None, TOPIC)  # type: ignore[arg-type] # nothing is read here
    for offset, (revision, _) in enumerate(published):
        document = resource(revision, deleted=deleted[revision])
        record = Received(Partition(TOPIC, 0), offset, key_of(document), msgspec.json.encode(document), (), 0)
        view._take(record)
    highest = max(deleted)
    assert view.resource(KEY) == (None if deleted[highest] else resource(highest))
