"""A tenant service on the embedded store and bus, met through its door; its settings read back from the topic."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from prometheus_client import CollectorRegistry
from typing_extensions import override

from footfall_common.auth import AdminToken
from footfall_common.bus import Consumer, Outgoing, embedded
from footfall_common.bus.embedded import BusLimits, EmbeddedBus, topic_specs
from footfall_common.bus.embedded.topic import Home
from footfall_common.documents import NIL, ResourceDocument
from footfall_common.errors import BusUnavailable, StoreUnavailable
from footfall_common.pipeline.effects import EffectSink
from footfall_common.pipeline.view import SettingsView
from footfall_common.placement import Placement, names
from footfall_common.process import StoringProcess
from footfall_common.sqlite import SqliteFile
from footfall_common.store import Directory
from footfall_common.store.embedded import EmbeddedStore, schema
from footfall_common.tenancy import ResourceKey, TenantContext, wire_guid
from footfall_common.testing import Issuer, ManualClock, eventually, ids
from footfall_tenant.app import running
from footfall_tenant.settings import TenantSettings

ACME = wire_guid("acme")
OTHER = wire_guid("other")
CLIENT = uuid.UUID("99999999-9999-4999-8999-999999999999")
ADMIN = "admin-token"
NAMES = names(NIL, Placement.POOLED)


class Gate(EmbeddedBus):
    """The embedded bus behind a door that a test may shut: then nothing can be published."""

    away = False
    refused = 0

    @override
    async def publish(self, records: Sequence[Outgoing]) -> None:
        if self.away:
            self.refused += 1
            raise BusUnavailable("The test has taken the bus away.")
        await super().publish(records)


@dataclass
class Service:
    """The service as its callers meet it, and what it published as readers do."""

    client: httpx.AsyncClient
    issuer: Issuer
    clock: ManualClock
    view: SettingsView
    directory: Directory
    bus: Gate

    async def creatio(self, method: str, path: str, body: Any = None, *, tenant: uuid.UUID = ACME) -> httpx.Response:
        """A call of Creatio's with a token of that tenant."""
        token = self.issuer.token(tenant, CLIENT)
        return await self._call(method, f"/api/{path}", body, {"authorization": f"Bearer {token}"})

    async def done(self, method: str, path: str, body: Any = None, *, tenant: uuid.UUID = ACME) -> None:
        """A call of Creatio's that must succeed, as Creatio sees it."""
        answer = await self.creatio(method, path, body, tenant=tenant)
        assert (answer.status_code, answer.json()) == (200, {}), answer.text

    async def refused(self, status: int, field: str | None, method: str, path: str, body: Any = None) -> str:
        """A call of Creatio's that must fail with that status and field; its message."""
        answer = await self.creatio(method, path, body)
        assert (answer.status_code, answer.json()["error"]["field"]) == (status, field), answer.text
        message: str = answer.json()["error"]["message"]
        return message

    async def admin(self, method: str, tenant_id: str = "acme", body: Any = None, **headers: str) -> httpx.Response:
        """A call of the administrator's."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        path = f"/admin/v1/tenants/{wire_guid(tenant_id)}"
        return await self._call(method, path, body, {"authorization": f"Bearer {ADMIN}"} | named)

    async def register(self, *sites: Any, tenant_id: str = "acme", **fields: Any) -> Any:
        """PUT a tenant, which must succeed; the answer."""
        body = {"tenantId": tenant_id, "placement": "Pooled", "sites": list(sites)} | fields
        answer = await self.admin("PUT", tenant_id, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def state(self, tenant_id: str = "acme") -> Any:
        """GET a tenant, which must succeed."""
        answer = await self.admin("GET", tenant_id)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def revisions(self) -> dict[bytes, int]:
        """Every stored document's revision: equal before and after means that nothing was written."""
        return {stored.key: stored.revision for stored in await self.directory.of_tenant(TenantContext(ACME))}

    async def published(self, resource: uuid.UUID, revision: int, *, tenant: uuid.UUID = ACME) -> ResourceDocument:
        """The resource as every reader has it, once they have this revision of it."""

        def arrived() -> ResourceDocument | None:
            found = self.view.resource(ResourceKey(tenant, resource))
            return found if found is not None and found.revision >= revision else None

        found = await eventually(arrived)
        assert found is not None
        return found

    async def _call(self, method: str, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
        if isinstance(body, bytes):
            headers = headers | {"content-type": "application/json"}
            return await self.client.request(method, path, content=body, headers=headers)
        return await self.client.request(method, path, json=body, headers=headers)


def no_sink(_consumer: Consumer) -> EffectSink:
    raise AssertionError("the tenant service writes no events")


@asynccontextmanager
async def service_on(folder: Path, **settings: Any) -> AsyncIterator[Service]:
    """A service on the files of a folder; opened again, it finds what it left."""
    clock = ManualClock()
    issuer = Issuer(clock)
    async with AsyncExitStack() as stack:
        bus_file = SqliteFile(folder / "bus.db", embedded.SCHEMA, unavailable=BusUnavailable)
        store_file = SqliteFile(folder / "store.db", (*embedded.SCHEMA, *schema.TABLES), unavailable=StoreUnavailable)
        files: dict[Home, SqliteFile] = {"bus": bus_file, "store": store_file}
        for file in files.values():
            await file.open()
            stack.push_async_callback(file.close)
        bus = Gate(files, topic_specs(NAMES.topics, 1), clock, BusLimits())
        await bus.open()
        stack.push_async_callback(bus.close)
        store = EmbeddedStore(store_file)
        view = SettingsView(bus, NAMES.topics.settings)
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(view.run())
            process = StoringProcess(
                clock=clock, new_id=ids(), random_bytes=bytes, registry=CollectorRegistry(), bus=bus, store=store,
                names=NAMES, view=view, verifier=issuer.verifier, admin=AdminToken(lambda: ADMIN), sink=no_sink,
            )  # fmt: skip
            async with running(process, TenantSettings.model_validate(settings)) as component:
                transport = httpx.ASGITransport(component.app)
                async with httpx.AsyncClient(transport=transport, base_url="http://tenant") as client:
                    yield Service(client, issuer, clock, view, store.directory, bus)
            reading.cancel()
