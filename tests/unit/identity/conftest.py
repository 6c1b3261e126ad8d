"""Identity on the real embedded store and bus, met through its HTTP doors."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from typing_extensions import override

from footfall_common import bus, documents, placement, store
from footfall_common.auth import AdminToken, TokenVerifier
from footfall_common.bus.embedded import SCHEMA, BusLimits, EmbeddedBus, topic_specs
from footfall_common.errors import BusUnavailable, StoreUnavailable
from footfall_common.pipeline.effects import EffectSink
from footfall_common.pipeline.view import SettingsView
from footfall_common.process import Component, StoringProcess
from footfall_common.sqlite import SqliteFile
from footfall_common.store import SigningKey
from footfall_common.store.embedded import EmbeddedStore
from footfall_common.store.embedded.directory import EmbeddedDirectory
from footfall_common.store.embedded.schema import TABLES
from footfall_common.testing import ManualClock, eventually, ids
from footfall_common.testing.tokens import signing_key
from footfall_identity.app import running
from footfall_identity.settings import IdentitySettings

ISSUER = "https://identity.test"
ADMIN = {"Authorization": "Bearer administrator"}
TENANT = uuid.UUID("6f1c4b0e-0000-4000-8000-000000000001")
OTHER_TENANT = uuid.UUID("6f1c4b0e-0000-4000-8000-000000000002")
NAMES = placement.names(documents.NIL, placement.Placement.POOLED)
DAY_MS = 86_400_000


def no_sink(_consumer: bus.Consumer) -> EffectSink:
    raise AssertionError("identity consumes no events")


@dataclass
class Outage:
    """Which of bus and store is away, and what happens just before a client is changed; set by a test."""

    bus: bool = False
    store: bool = False
    before_update: Callable[[], Awaitable[None]] | None = None


class SwitchedBus(EmbeddedBus):
    """The embedded bus, which takes nothing during an outage."""

    def __init__(self, outage: Outage, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._outage = outage

    @override
    async def publish(self, records: Sequence[bus.Outgoing]) -> None:
        if self._outage.bus:
            raise BusUnavailable("The bus is switched off by this test.")
        await super().publish(records)


class SwitchedDirectory(EmbeddedDirectory):
    """The embedded directory, which reads neither keys nor clients during an outage."""

    def __init__(self, outage: Outage, file: SqliteFile) -> None:
        super().__init__(file)
        self._outage = outage

    @override
    async def keys(self) -> Sequence[SigningKey]:
        self._check()
        return await super().keys()

    @override
    async def client(self, client: uuid.UUID) -> store.ClientRecord | None:
        self._check()
        return await super().client(client)

    @override
    async def update_client(self, record: store.ClientRecord) -> None:
        act, self._outage.before_update = self._outage.before_update, None
        if act is not None:
            await act()
        await super().update_client(record)

    def _check(self) -> None:
        if self._outage.store:
            raise StoreUnavailable("The store is switched off by this test.")


@dataclass
class Identity:
    """A running identity and what a test needs to play with it."""

    http: httpx.AsyncClient
    process: StoringProcess
    component: Component
    clock: ManualClock
    view: SettingsView
    outage: Outage

    @property
    def directory(self) -> store.Directory:
        return self.process.store.directory

    async def make_client(self, name: str = "creatio", tenant: uuid.UUID = TENANT) -> tuple[str, str]:
        made = await self.http.post(f"/admin/v1/tenants/{tenant}/clients", json={"name": name}, headers=ADMIN)
        assert made.status_code == 201, made.text
        return made.json()["clientId"], made.json()["clientSecret"]

    async def ask(self, client: tuple[str, str], **fields: str) -> httpx.Response:
        """A token request by Basic."""
        form = {"grant_type": "client_credentials", "scope": "tracking_api"} | fields
        return await self.http.post("/connect/token", data=form, auth=client)

    async def token(self, client: tuple[str, str]) -> str:
        answer = await self.ask(client)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    async def caught_up(self) -> None:
        """Wait until the view holds every document as it stands in the directory."""

        async def same() -> bool:
            stored = [*await self.directory.of_tenant(store.TenantContext(TENANT))]
            return all(self._seen(json.loads(document.body)) for document in stored)

        await eventually(same)

    def _seen(self, document: dict[str, Any]) -> bool:
        held = self.view.client(uuid.UUID(document["tenant"]), uuid.UUID(document["client"]))
        return held is not None and held.revision >= document["revision"]


@asynccontextmanager
async def identity_on(
    folder: Path, clock: ManualClock, settings: IdentitySettings, outage: Outage | None = None
) -> AsyncIterator[Identity]:
    """Identity as a process would run it, on the files in `folder`."""
    outage = outage or Outage()
    async with AsyncExitStack() as stack:
        store_file = SqliteFile(folder / "store.db", [*TABLES, *SCHEMA], unavailable=StoreUnavailable)
        bus_file = SqliteFile(folder / "bus.db", SCHEMA, unavailable=BusUnavailable)
        for file in (store_file, bus_file):
            await file.open()
            stack.push_async_callback(file.close)
        topics = topic_specs(NAMES.topics)
        switched = SwitchedBus(outage, {"bus": bus_file, "store": store_file}, topics, clock, BusLimits())
        await switched.open()
        stack.push_async_callback(switched.close)
        view = SettingsView(switched, NAMES.topics.settings)
        reading = asyncio.create_task(view.run())
        stack.callback(reading.cancel)
        embedded = EmbeddedStore(store_file)
        embedded.directory = SwitchedDirectory(outage, store_file)
        process = StoringProcess(
            clock=clock,
            new_id=ids(),
            random_bytes=Secrets(),
            registry=CollectorRegistry(),
            bus=switched,
            store=embedded,
            names=NAMES,
            view=view,
            verifier=TokenVerifier(view, ISSUER, clock),
            admin=AdminToken(lambda: "administrator"),
            sink=no_sink,
        )
        component = await stack.enter_async_context(running(process, settings))
        await view.ready.wait()
        transport = httpx.ASGITransport(component.app)
        http = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url=ISSUER))
        yield Identity(http, process, component, clock, view, outage)


class Secrets:
    """Bytes that differ at each call and are the same in each run."""

    def __init__(self) -> None:
        self._calls = 0

    def __call__(self, count: int) -> bytes:
        self._calls += 1
        return self._calls.to_bytes(2, "big") * (count // 2)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def settings() -> IdentitySettings:
    return IdentitySettings(issuer=ISSUER, failed_attempts=3, relay_seconds=0.1)


@pytest.fixture
async def data(tmp_path: Path, clock: ManualClock) -> Path:
    """A folder whose store holds a signing key, since making one takes a tenth of a second."""
    file = SqliteFile(tmp_path / "store.db", [*TABLES, *SCHEMA], unavailable=StoreUnavailable)
    key = signing_key()
    record = SigningKey(key.kid or "", clock.now_ms() - DAY_MS, json.dumps(key.as_dict(private=True)).encode())
    await EmbeddedStore(file).directory.add_key(record)
    await file.close()
    return tmp_path


@pytest.fixture
async def identity(data: Path, clock: ManualClock, settings: IdentitySettings) -> AsyncIterator[Identity]:
    async with identity_on(data, clock, settings) as running_identity:
        yield running_identity
