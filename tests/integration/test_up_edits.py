"""Edits of manifest files while `footfall up` runs."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from footfall_common.tenancy import default_resource_id, wire_guid
from footfall_common.testing import eventually
from tests.support.process import Up, event, manifest

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(120)]

ACME, BOLT = str(wire_guid("acme")), str(wire_guid("bolt"))
SHOP, BLOG = {"name": "shop"}, {"name": "blog"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "acme.yaml"
    path.write_text(manifest("acme", SHOP), encoding="utf-8")
    return path


@pytest.fixture
def second(tmp_path: Path) -> Path:
    path = tmp_path / "bolt.yaml"
    path.write_text(manifest("bolt", SHOP), encoding="utf-8")
    return path


@pytest_asyncio.fixture
async def up(tmp_path: Path, file: Path, second: Path) -> AsyncIterator[Up]:
    async with Up(tmp_path / "data", "-f", file, "-f", second) as running:
        yield running


async def write(path: Path, text: str) -> None:
    await asyncio.to_thread(path.write_text, text, "utf-8")


async def answers(up: Up, status: int, site: str, tenant: str = "acme") -> None:
    """Return once an event of that site gets that answer."""
    guid = wire_guid(tenant)
    resource = str(default_resource_id(guid, site))

    async def answered() -> bool:
        moment = dt.datetime.now(dt.UTC).isoformat()
        return (await up.post_events(str(guid), resource, event(None, moment))).status_code == status

    await eventually(answered, 20)


def complaints(up: Up) -> list[dict[str, Any]]:
    return [line for line in up.errors() if line["event"] == "manifest_invalid"]


async def complained(up: Up, count: int) -> dict[str, Any]:
    """The newest complaint, once there are that many."""
    await eventually(lambda: len(complaints(up)) >= count, 20)
    found = complaints(up)
    assert len(found) == count
    return found[-1]


async def test_sites_come_and_go_with_the_file(up: Up, file: Path) -> None:
    await answers(up, 200, "shop")
    await answers(up, 401, "blog")
    await write(file, manifest("acme", BLOG, SHOP))
    await answers(up, 200, "blog")
    assert up.credentials("acme")["resources"] == [
        str(default_resource_id(wire_guid("acme"), site)) for site in ("blog", "shop")
    ]
    await write(file, manifest("acme", BLOG))
    await answers(up, 403, "shop")
    await answers(up, 200, "blog")
    assert complaints(up) == []

    # A tenant that leaves its file stays; a new one of the same file gets credentials.
    secret = up.credentials("acme")["clientSecret"]
    await write(file, manifest("crane", SHOP))
    await answers(up, 200, "shop", "crane")
    await answers(up, 200, "blog", "acme")
    assert up.credentials("acme")["clientSecret"] == secret
    assert await up.token(up.credentials("crane"))


async def test_a_file_that_cannot_be_used_keeps_what_stands_and_is_reported_once(
    up: Up, file: Path, second: Path
) -> None:
    await write(file, manifest("acme", BLOG, {"name": "docs", "timeZone": "Moon/Base"}))
    complaint = await complained(up, 1)
    assert (complaint["file"], complaint["line"], complaint["field"]) == (str(file), 16, "spec.sites[1].timeZone")
    assert "time zone" in complaint["message"]

    # The same tenant in two files, then what the tenant service refuses, then a file that is gone.
    await write(second, manifest("acme", BLOG))
    assert (await complained(up, 2))["field"] == "spec.tenantId"
    await write(second, manifest("bolt", SHOP, placement="Dedicated"))
    complaint = await complained(up, 3)
    assert (complaint["file"], complaint["line"], complaint["field"]) == (str(second), 9, "spec.placement")
    await asyncio.to_thread(second.unlink)
    complaint = await complained(up, 4)
    assert complaint["file"] == str(second)
    assert "No such file" in complaint["message"]
    await answers(up, 200, "shop", "acme")
    await answers(up, 200, "shop", "bolt")
    await answers(up, 401, "blog", "acme")

    # Repaired, it acts; nothing was said again.
    await write(file, manifest("acme", BLOG, SHOP))
    await answers(up, 200, "blog", "acme")
    assert len(complaints(up)) == 4
    assert (await up.client.get(f"{up.base}/readyz")).status_code == 200


async def test_a_tenant_moves_between_files(up: Up, file: Path, second: Path) -> None:
    # Swapped, one file after the other: the first look may meet both tenants in both files, the last does not.
    await write(file, manifest("bolt", BLOG))
    await write(second, manifest("acme", BLOG))
    await answers(up, 200, "blog", "acme")
    await answers(up, 200, "blog", "bolt")
    # Merged into one file, the other one deleted.
    both = "\n---\n".join((manifest("acme", SHOP), manifest("bolt", SHOP)))
    await write(file, both)
    await asyncio.to_thread(second.unlink)
    await answers(up, 200, "shop", "acme")
    await answers(up, 200, "shop", "bolt")
    await answers(up, 403, "blog", "acme")


async def test_a_broken_file_beside_the_manifest_ends_nobody(up: Up, file: Path) -> None:
    side = up.data / "tenants" / f"{ACME}.json"
    await write(side, "")
    await write(file, manifest("acme", SHOP, BLOG))
    await answers(up, 200, "blog", "acme")
    await eventually(lambda: len(up.credentials("acme")["resources"]) == 2)
    # Credentials hold a secret that Creatio may use: they are not replaced, and wait for whoever can tell.
    secrets = up.data / "credentials" / f"{ACME}.json"
    await write(secrets, "")
    await write(file, manifest("acme", BLOG, SHOP, {"name": "docs"}))
    await eventually(lambda: [line for line in up.errors() if str(secrets) in line["message"]], 20)
    await answers(up, 200, "shop", "bolt")
    await asyncio.to_thread(secrets.unlink)
    await eventually(secrets.exists, 20)
    assert complaints(up) == []


async def test_a_path_that_cannot_be_looked_at_ends_nobody(up: Up, file: Path) -> None:
    def tangle() -> None:
        file.unlink()
        file.symlink_to("x" * 300)  # stat: file name too long

    await asyncio.to_thread(tangle)
    assert (await complained(up, 1))["file"] == str(file)
    await answers(up, 200, "shop", "acme")
