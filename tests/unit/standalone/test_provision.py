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
from footfall_common.process import background
from footfall_common.tenancy import ResourceKey, wire_guid
from footfall_common.testing import eventually
from footfall_standalone.addresses import below
from footfall_standalone.administration import Administration
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
        self.acting: dict[str, list[str]] = {}
        self.told = True
        self.refusing = False
        self.deleted = False

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/tenant/"):
            self.puts += 1
        if self.down:
            return httpx.Response(503, json={"error": {"code": "x", "message": "The disk is full.", "field": None}})
        if request.method == "PUT":
            wanted = json.loads(request.content)
            sites = wanted["sites"]
            self.acting[wanted["tenantId"]] = [site["name"] for site in sites]
            self.sites = {site["resourceId"]: True for site in sites}
            named = [{"name": site["name"], "resourceId": site["resourceId"]} for site in sites]
            return httpx.Response(200, json={"tenant": str(ACME), "revision": 1, "resources": named})
        if request.url.path.endswith("/connect/token"):
            pair = b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
            right = pair == f"{CLIENT}:{self.issued}"
            return httpx.Response(200 if right else 401, json={} if right else {"error": "invalid_client"})
        if self.refusing and request.method == "POST":
            return httpx.Response(409, json={"error": {"code": "x", "message": "It is disabled.", "field": None}})
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
        return ClientDocument(tenant=tenant, client=client, revision=1, deleted=self.deleted) if self.told else None


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
    return provisioner_of(services, data, file)


@pytest.fixture
def second(tmp_path: Path) -> Path:
    path = tmp_path / "bolt.yaml"
    path.write_text(manifest("bolt", SHOP), encoding="utf-8")
    return path


@pytest.fixture
def of_two(services: Services, file: Path, second: Path, data: DataDir) -> Provisioner:
    return provisioner_of(services, data, file, second)


def provisioner_of(services: Services, data: DataDir, *files: Path) -> Provisioner:
    client = httpx.AsyncClient(transport=httpx.MockTransport(services.answer))
    admin = Administration(client, below("http://here"), lambda: "token")
    return Provisioner(files, admin, data, services, POLL_SECONDS)


@pytest.fixture
def lines() -> Iterator[list[structlog.typing.EventDict]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


def write(path: Path, *sites: uuid.UUID) -> None:
    path.write_text(manifest("acme", *sites), encoding="utf-8")


def manifest(tenant: str, *sites: uuid.UUID) -> str:
    named = [{"name": site.hex[-1], "resourceId": str(site)} for site in sites]
    spec = {"tenantId": tenant, "placement": "Pooled", "sites": named}
    whole = {
        "apiVersion": "footfall.dev/v1alpha1",
        "kind": "TrackingTenant",
        "metadata": {"name": tenant},
        "spec": spec,
    }
    return json.dumps(whole)


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
    provisioner: Provisioner, data: DataDir, services: Services, lines: list[structlog.typing.EventDict]
) -> None:
    data.write_credentials(ACME, Credentials(str(ACME), str(uuid.UUID(int=99)), "of another store"))
    await provisioner.start()
    assert data.credentials(ACME) == Credentials(str(ACME), str(CLIENT), "1")
    assert [line["event"] for line in lines] == ["credentials_replaced"]


async def test_the_start_waits_until_a_client_that_was_deleted_is_known_to_be_back(
    provisioner: Provisioner, services: Services, data: DataDir
) -> None:
    services.deleted = True
    async with asyncio.TaskGroup() as group:
        starting = group.create_task(provisioner.start())
        await eventually(lambda: _says(provisioner, "on their way"))
        assert data.credentials(ACME) is not None
        assert not starting.done()
        services.deleted = False
    assert await provisioner.check() is None


async def test_what_identity_refuses_while_it_runs_is_asked_again(
    provisioner: Provisioner, services: Services, file: Path, data: DataDir, lines: list[structlog.typing.EventDict]
) -> None:
    await provisioner.start()
    async with background(provisioner.follow()):
        services.refusing = True
        await asyncio.to_thread((data.path / "credentials" / f"{ACME}.json").unlink)
        await put(file, manifest("acme", SHOP, BLOG))
        await eventually(lambda: [line["event"] for line in lines] == ["manifest_waits"])
        services.refusing = False
        await eventually(lambda: data.credentials(ACME))


async def test_a_client_id_that_is_none_is_replaced_at_the_start_and_harmless_later(
    provisioner: Provisioner, services: Services, file: Path, data: DataDir
) -> None:
    data.write_credentials(ACME, Credentials(str(ACME), "none", "x"))
    await provisioner.start()
    assert data.credentials(ACME) == Credentials(str(ACME), str(CLIENT), "1")
    async with background(provisioner.follow()):
        data.write_credentials(ACME, Credentials(str(ACME), "none", "x"))
        await put(file, manifest("acme", SHOP, BLOG))
        await eventually(lambda: services.acting["acme"] == ["1", "2"])
        await put(file, manifest("acme", BLOG))  # it still follows
        await eventually(lambda: services.acting["acme"] == ["2"])


async def test_credentials_that_someone_rotates_while_it_runs_are_left_alone(
    provisioner: Provisioner, data: DataDir, services: Services, file: Path
) -> None:
    await provisioner.start()
    async with background(provisioner.follow()):
        services.issued = 7  # the secret of now, which its owner has
        write(file, SHOP, BLOG)
        await eventually(lambda: len(data.tenants()[0].sites) == 2)
        write(file, SHOP)
        await eventually(lambda: len(data.tenants()[0].sites) == 1)
    assert services.issued == 7


async def test_nothing_begins_with_a_bad_file(provisioner: Provisioner, file: Path, services: Services) -> None:
    await asyncio.to_thread(file.write_text, "kind: [", "utf-8")
    with pytest.raises(ManifestInvalid, match="not YAML"):
        await provisioner.start()
    assert services.puts == 0


def complaints(lines: list[structlog.typing.EventDict]) -> list[tuple[str, str | None]]:
    """Of each complaint, the file's name and the field."""
    return [(Path(line["file"]).name, line["field"]) for line in lines if line["event"] == "manifest_invalid"]


async def test_tenants_swap_files_though_one_is_written_before_the_other(
    of_two: Provisioner, services: Services, file: Path, second: Path, lines: list[structlog.typing.EventDict]
) -> None:
    await of_two.start()
    async with background(of_two.follow()):
        await put(file, manifest("bolt", BLOG))
        await eventually(lambda: complaints(lines) == [("acme.yaml", "spec.tenantId")])
        assert services.acting == {"acme": ["1"], "bolt": ["1"]}
        # The refused file is not touched again: it acts since the other one has changed.
        await put(second, manifest("acme", BLOG))
        await eventually(lambda: services.acting == {"acme": ["2"], "bolt": ["2"]})
    assert len(complaints(lines)) == 1


async def test_a_tenant_acts_from_another_file_once_its_own_is_deleted(
    of_two: Provisioner, services: Services, file: Path, second: Path, lines: list[structlog.typing.EventDict]
) -> None:
    await of_two.start()
    async with background(of_two.follow()):
        await put(second, "---\n".join((manifest("acme", BLOG) + "\n", manifest("bolt", BLOG))))
        await eventually(lambda: complaints(lines) == [("bolt.yaml", "spec.tenantId")])
        await asyncio.to_thread(file.unlink)
        await eventually(lambda: services.acting == {"acme": ["2"], "bolt": ["2"]})
        # Back again, it finds its tenant with another file.
        await put(file, manifest("acme", SHOP))
        await eventually(lambda: complaints(lines)[1:] == [("acme.yaml", None), ("acme.yaml", "spec.tenantId")])
    assert services.acting["acme"] == ["2"]


async def test_a_file_that_names_the_tenant_of_another_keeps_nobody_from_editing_it(
    of_two: Provisioner, services: Services, file: Path, second: Path, lines: list[structlog.typing.EventDict]
) -> None:
    await of_two.start()
    async with background(of_two.follow()):
        await put(second, manifest("acme", BLOG))
        await eventually(lambda: complaints(lines) == [("bolt.yaml", "spec.tenantId")])
        await put(file, manifest("acme", SHOP, BLOG))
        await eventually(lambda: services.acting["acme"] == ["1", "2"])
        # A holder that makes no sense at the moment still holds.
        await put(file, "kind: [")
        await eventually(lambda: complaints(lines)[1:] == [("acme.yaml", None)])
    assert services.acting == {"acme": ["1", "2"], "bolt": ["1"]}


async def put(path: Path, text: str) -> None:
    await asyncio.to_thread(path.write_text, text, "utf-8")


async def test_an_unreadable_file_of_a_tenants_sites_is_written_anew(
    provisioner: Provisioner, data: DataDir, lines: list[structlog.typing.EventDict]
) -> None:
    path = data.path / "tenants" / f"{ACME}.json"
    path.parent.mkdir()
    path.touch()
    await provisioner.start()
    assert [known.tenant_id for known in data.tenants()] == ["acme"]
    assert lines == []


async def test_unreadable_credentials_keep_no_other_tenant_waiting(
    of_two: Provisioner, services: Services, data: DataDir, lines: list[structlog.typing.EventDict]
) -> None:
    path = data.path / "credentials" / f"{ACME}.json"
    path.parent.mkdir()
    path.touch()
    async with asyncio.TaskGroup() as group:
        group.create_task(of_two.start())
        await eventually(lambda: data.credentials(wire_guid("bolt")))
        assert f"{path} cannot be read" in str(await of_two.check())
        await asyncio.to_thread(path.unlink)
    assert data.credentials(ACME) is not None
    assert [(line["event"], Path(line["file"]).name) for line in lines] == [("manifest_waits", "acme.yaml")]
