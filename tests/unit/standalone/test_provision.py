"""Manifests against admin APIs that do not always answer."""

import asyncio
import json
import uuid
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import structlog

from footfall_common.documents import ClientDocument, ResourceDocument, TenantDocument
from footfall_common.manifest import ManifestInvalid
from footfall_common.tenancy import ResourceKey, wire_guid
from footfall_common.testing import eventually
from footfall_standalone.administration import Administration
from footfall_standalone.background import background
from footfall_standalone.datadir import Credentials, DataDir
from footfall_standalone.provision import Provisioner

ACME = wire_guid("acme")
SHOP, BLOG = uuid.UUID(int=1), uuid.UUID(int=2)
CLIENT = uuid.UUID(int=3)
POLL_SECONDS = 0.005


class Services:
    """Tenant and identity as far as `up` asks them, and the settings view once they told it."""

    def __init__(self) -> None:
        self.down = False
        self.sites: dict[str, bool] = {}
        self.puts = 0
        self.issued = 0
        self.told = True

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/tenant/"):
            self.puts += 1
        if self.down:
            return httpx.Response(503, json={"error": {"code": "x", "message": "The disk is full.", "field": None}})
        if request.method == "PUT":
            sites = json.loads(request.content)["sites"]
            self.sites = {site["resourceId"]: True for site in sites}
            named = [{"name": site["name"], "resourceId": site["resourceId"]} for site in sites]
            return httpx.Response(200, json={"tenant": str(ACME), "revision": 1, "resources": named})
        if request.url.path.endswith("/connect/token"):
            pair = b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
            return httpx.Response(200 if pair == f"{CLIENT}:{self.issued}" else 401, json={})
        if request.method == "POST":
            self.issued += 1
            return httpx.Response(201, json={"clientId": str(CLIENT), "clientSecret": str(self.issued)})
        raise AssertionError(request)

    def tenant(self, tenant: uuid.UUID) -> TenantDocument | None:
        return TenantDocument(tenant=tenant, revision=1, tenant_id="acme", placement="Pooled") if self.told else None

    def resource(self, key: ResourceKey) -> ResourceDocument | None:
        if not self.told or str(key.resource) not in self.sites:
            return None
        return ResourceDocument(tenant=key.tenant, resource=key.resource, revision=1, origin="manifest")

    def client(self, tenant: uuid.UUID, client: uuid.UUID) -> ClientDocument | None:
        return ClientDocument(tenant=tenant, client=client, revision=1) if self.told else None


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "acme.yaml"
    write(path, SHOP)
    return path


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    made = DataDir(tmp_path / "data")
    made.path.mkdir()
    return made


@pytest.fixture
def provisioner(services: Services, file: Path, data: DataDir) -> Provisioner:
    client = httpx.AsyncClient(transport=httpx.MockTransport(services.answer))
    admin = Administration(client, "http://here", lambda: "token")
    return Provisioner([file], admin, data, services, POLL_SECONDS)


@pytest.fixture
def lines() -> Iterator[list[structlog.typing.EventDict]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


def write(path: Path, *sites: uuid.UUID) -> None:
    named = [{"name": site.hex[-1], "resourceId": str(site)} for site in sites]
    spec = {"tenantId": "acme", "placement": "Pooled", "sites": named}
    whole = {
        "apiVersion": "footfall.dev/v1alpha1",
        "kind": "TrackingTenant",
        "metadata": {"name": "acme"},
        "spec": spec,
    }
    path.write_text(json.dumps(whole), encoding="utf-8")


async def test_the_start_waits_until_the_services_answer_and_says_what_it_waits_for(
    provisioner: Provisioner, services: Services, data: DataDir, lines: list[structlog.typing.EventDict]
) -> None:
    services.down = True
    async with asyncio.TaskGroup() as group:
        starting = group.create_task(provisioner.start())
        await eventually(lambda: services.puts > 2)
        assert "The disk is full." in str(await provisioner.check())
        services.told = False
        services.down = False
        await eventually(lambda: data.credentials(ACME))
        await eventually(lambda: _says(provisioner, "on their way"))
        assert not starting.done()
        services.told = True
    assert await provisioner.check() is None
    assert data.credentials(ACME) == Credentials(str(ACME), str(CLIENT), "1")
    assert [line["event"] for line in lines] == ["manifest_waits"]


async def _says(provisioner: Provisioner, text: str) -> bool:
    return text in str(await provisioner.check())


async def test_an_edit_while_the_services_are_down_acts_once_they_are_back(
    provisioner: Provisioner, services: Services, file: Path, data: DataDir, lines: list[structlog.typing.EventDict]
) -> None:
    await provisioner.start()
    async with background(provisioner.follow()):
        services.down = True
        write(file, SHOP, BLOG)
        before = services.puts
        await eventually(lambda: services.puts > before + 2)
        assert services.sites.keys() == {str(SHOP)}
        services.down = False
        await eventually(lambda: services.sites.keys() == {str(SHOP), str(BLOG)})
        await eventually(lambda: len(data.tenants()[0].sites) == 2)
    assert await provisioner.check() is None
    assert services.issued == 1
    assert [line["event"] for line in lines] == ["manifest_waits"]


async def test_credentials_of_another_store_are_replaced(
    provisioner: Provisioner, data: DataDir, services: Services
) -> None:
    data.write_credentials(ACME, Credentials(str(ACME), str(uuid.UUID(int=99)), "of another store"))
    await provisioner.start()
    assert data.credentials(ACME) == Credentials(str(ACME), str(CLIENT), "1")


async def test_nothing_begins_with_a_bad_file(provisioner: Provisioner, file: Path, services: Services) -> None:
    await asyncio.to_thread(file.write_text, "kind: [", "utf-8")
    with pytest.raises(ManifestInvalid, match="not YAML"):
        await provisioner.start()
    assert services.puts == 0
