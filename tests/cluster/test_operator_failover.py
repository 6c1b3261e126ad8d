"""Two operators, one of which loses the link or its time in the worst moment."""

import asyncio
import base64
import json
import os
import signal
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from footfall_common.testing import eventually
from tests.support.api import OPERATOR
from tests.support.faults.proxy import Address, FaultProxy
from tests.support.operating import Body, Installation, OperatorProcess, a_tenant, operator, place

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(180)]
LEASE, RESYNC = 3.0, 5.0
QUICK = {"lease_seconds": str(LEASE), "resync_seconds": str(RESYNC)}


def sites(here: Installation, tenant: Body) -> set[str]:
    """As the tenant's Secret says."""
    meta = tenant["metadata"]
    secret = here.get(f"/api/v1/namespaces/{meta['namespace']}/secrets/{meta['name']}-footfall")
    return set(json.loads(base64.b64decode(secret["data"]["resources.json"]))) if secret else set()


def rename(here: Installation, tenant: Body, site: str) -> None:
    change = json.dumps({"spec": {"sites": [{"name": site}]}})
    headers = {"Content-Type": "application/merge-patch+json"}
    assert here.api.client.patch(place(tenant), content=change, headers=headers).is_success


def applied(here: Installation, tenant: Body) -> int:
    """How often the operator applied the tenant's Secret."""
    return sum(
        entry["user"]["username"] == OPERATOR
        and entry["verb"] == "patch"
        and entry["objectRef"]["resource"] == "secrets"
        and entry["objectRef"]["namespace"] == tenant["metadata"]["namespace"]
        for entry in here.servers.audit()
    )


def stopped(process: OperatorProcess) -> bool:
    stat = Path(f"/proc/{process.process.pid}/stat").read_text("ascii")
    return stat.rpartition(")")[2].split()[0] == "T"


async def test_a_write_that_was_let_through_and_sent_after_the_lease_was_lost_is_repaired(
    common: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    halt = tmp_path / "halt"
    monkeypatch.setenv("HALT_WHEN", str(halt))
    with operator(common.servers, common.mounted, "first", module="tests.support.halting", **QUICK) as first:
        await eventually(first.leads, 20)
        tenant = a_tenant(common.namespace(), sites=[{"name": "one"}])
        assert common.api.create(tenant).is_success
        await common._replace(process=first).becomes(tenant, Ready="True")
        with operator(common.servers, common.mounted, "second", **QUICK) as second:
            halt.touch()
            rename(common, tenant, "two")
            await eventually(lambda: stopped(first), 10)
            await eventually(second.leads, 4 * LEASE)
            await eventually(lambda: sites(common, tenant) == {"two"}, 5)
            rename(common, tenant, "three")
            await eventually(lambda: sites(common, tenant) == {"three"}, 5)
            before = applied(common, tenant)
            os.kill(first.process.pid, signal.SIGCONT)
            assert await asyncio.to_thread(first.process.wait, 20) == 75
            late = time.monotonic()
            assert applied(common, tenant) > before, "nothing was sent late"
            await eventually(lambda: sites(common, tenant) == {"three"}, 1.1 * RESYNC + 1)
            await asyncio.sleep(max(0.0, late + 1.1 * RESYNC - time.monotonic()))  # no wait: what must not come back
            assert sites(common, tenant) == {"three"}


async def test_a_leader_whose_link_is_cut_ends_and_the_next_writes_soon(common: Installation) -> None:
    url = urlsplit(common.servers.url)
    with FaultProxy() as proxy:
        link = proxy.link(Address(str(url.hostname), int(url.port or 0)))
        through = f"https://{link.address}"
        with operator(common.servers, common.mounted, "first", through=through, **QUICK) as first:
            await eventually(first.leads, 20)
            with operator(common.servers, common.mounted, "second", **QUICK) as second:
                await eventually(lambda: second.healthy("/readyz"), 20)
                link.stall()
                cut = time.monotonic()
                tenant = a_tenant(common.namespace())
                assert common.api.create(tenant).is_success
                await common._replace(process=second).becomes(tenant, Ready="True")
                assert time.monotonic() - cut < LEASE + 5
                assert await asyncio.to_thread(first.process.wait, 20) == 75


async def test_one_that_cannot_begin_ends(common: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with operator(common.servers, common.mounted, "first", port=port) as process:
            assert await asyncio.to_thread(process.process.wait, 20) == 1
            assert "address already in use" in process.log()
