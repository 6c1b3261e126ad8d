"""One operator or two, started, stopped, hung and killed, each test on a control plane of its own."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from footfall_common.testing import eventually
from tests.support.api import GROUP, OPERATOR
from tests.support.operating import Body, Installation, OperatorProcess, a_tenant, conditions, holder, operator, place
from tests.support.planes import platform
from tools.kubernetes.cluster import API_SERVER

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(240)]
LEASE = 3.0
QUICK = {"lease_seconds": str(LEASE), "resync_seconds": "5"}
PLATFORM = f"{GROUP}/trackingplatforms/default"


def acted(bare: Installation, process: OperatorProcess) -> Installation:
    return bare._replace(process=process)


def writes(bare: Installation) -> list[Mapping[str, Any]]:
    """What the operator wrote until now, leases aside."""
    return [
        entry
        for entry in bare.servers.audit()
        if entry["user"]["username"] == OPERATOR and entry["objectRef"]["resource"] != "leases"
    ]


async def test_a_tenant_waits_for_a_platform_and_goes_on_by_itself(bare: Installation) -> None:
    with operator(bare.servers, bare.mounted, **QUICK) as process:
        here = acted(bare, process)
        tenant = a_tenant(here.namespace())
        assert here.api.create(tenant).is_success
        await here.becomes(tenant, PlatformReady="PlatformMissing", Ready="False", Stalled="False")
        platform(here)
        await here.becomes(tenant, PlatformReady="True", Ready="True")
        await eventually(lambda: _tenants(here) == 1, 20)
        refused = here.api.client.delete(PLATFORM)
        assert refused.status_code == httpx.codes.FORBIDDEN
        assert "it has 1 tenants" in refused.text
        assert here.api.delete(tenant).is_success
        await eventually(lambda: here.api.client.delete(PLATFORM).is_success, 20)


async def test_nothing_is_written_while_nothing_changes(bare: Installation) -> None:
    platform(bare)
    with operator(bare.servers, bare.mounted, **QUICK) as process:
        here = acted(bare, process)
        tenants = [a_tenant(here.namespace()) for _ in range(3)]
        for tenant in tenants:
            assert here.api.create(tenant).is_success
        for tenant in tenants:
            await here.becomes(tenant, Ready="True")
        await eventually(lambda: conditions(here.get(PLATFORM) or {}).get("Synced", ("",))[0] == "True", 20)
        await _quiet(here)
        before = len(writes(here))
        passes = _done(process)
        await eventually(lambda: _done(process) >= passes + 8, 40)  # two resyncs of four resources
        assert [_told(entry) for entry in writes(here)[before:]] == []


async def _quiet(here: Installation) -> None:
    """Until the autoscalers, which find no metrics, have said so."""
    count = -1
    while (now := len(writes(here))) != count:
        count = now
        await asyncio.sleep(3)  # no wait: what did not happen gives no event


def _tenants(here: Installation) -> int:
    status: Mapping[str, int] = (here.get(PLATFORM) or {}).get("status", {})
    return status.get("tenants", 0)


def _told(entry: Mapping[str, Any]) -> str:
    ref = entry["objectRef"]
    return f"{entry['verb']} {ref['resource']}/{ref.get('name')} {entry.get('requestObject')}"


def _done(process: OperatorProcess) -> float:
    return _looked(process, "")


def _looked(process: OperatorProcess, kind: str) -> float:
    """Passes that went well, over resources of that kind."""
    page = httpx.get(f"http://127.0.0.1:{process.port()}/metrics").text
    lines = [line for line in page.splitlines() if line.startswith("footfall_operator_passes_total")]
    return sum(float(line.split()[-1]) for line in lines if 'outcome="done"' in line and kind in line)


@pytest.mark.parametrize("settled", [False, True])
async def test_sigterm_ends_it_within_three_seconds_and_the_next_leads_at_once(
    common: Installation, *, settled: bool
) -> None:
    with operator(common.servers, common.mounted, "first", **QUICK) as first:
        await eventually(lambda: holder(common) == "first", 20)
        await eventually(first.leads, 20)
        if settled:
            tenant = a_tenant(common.namespace())
            assert common.api.create(tenant).is_success
            await acted(common, first).becomes(tenant, Ready="True")
        began = time.monotonic()
        assert first.stop() == 0
        assert time.monotonic() - began < 3
        assert holder(common) == ""


async def test_sigterm_ends_one_that_stands_by_too(common: Installation) -> None:
    with (
        operator(common.servers, common.mounted, "first", **QUICK) as first,
        operator(common.servers, common.mounted, "second", **QUICK) as second,
    ):
        await eventually(lambda: first.leads() or second.leads(), 20)
        (name, leads), stands_by = (("first", first), second) if first.leads() else (("second", second), first)
        await eventually(lambda: stands_by.healthy("/readyz"), 20)
        began = time.monotonic()
        assert stands_by.stop() == 0
        assert time.monotonic() - began < 3
        assert holder(common) == name
        assert leads.process.poll() is None


async def test_a_standby_takes_over_from_a_leader_that_was_killed(common: Installation) -> None:
    with operator(common.servers, common.mounted, "first", **QUICK) as first:
        await eventually(lambda: holder(common) == "first", 20)
        tenant = a_tenant(common.namespace())
        assert common.api.create(tenant).is_success
        await acted(common, first).becomes(tenant, Ready="True")
        with operator(common.servers, common.mounted, "second", **QUICK) as second:
            await eventually(lambda: second.healthy("/readyz"), 20)
            assert not second.leads()
            first.process.kill()
            killed = time.monotonic()
            other = a_tenant(common.namespace())
            assert common.api.create(other).is_success
            await acted(common, second).becomes(other, Ready="True")
            assert time.monotonic() - killed < LEASE + 5
            assert second.leads()


async def test_what_a_tenant_that_vanished_while_nobody_led_held_is_retained(common: Installation) -> None:
    tenant = a_tenant(common.namespace(), hosts=[f"{common.namespace()}.t.example.com"])
    with operator(common.servers, common.mounted, "first", **QUICK) as process:
        assert common.api.create(tenant).is_success
        body = await acted(common, process).becomes(tenant, Ready="True")
    patch = '{"metadata":{"finalizers":null}}'
    namespace = tenant["metadata"]["namespace"]
    common.servers.kubectl("patch", "tt", "acme", "-n", namespace, "--type=merge", "-p", patch)
    assert common.api.delete(tenant).is_success
    at = f"{GROUP}/trackingclaims/{body['status']['claim']}"
    holder = {name: tenant["metadata"][name] for name in ("namespace", "name")}
    with operator(common.servers, common.mounted, "second", **{**QUICK, "resync_seconds": "3600"}) as process:
        await eventually(lambda: (common.get(at) or {})["status"]["state"] == "Retained", 20)

        def held() -> list[Body]:
            return [one for one in common.listed(f"{GROUP}/trackingclaims") if one["spec"]["holder"] == holder]

        await eventually(lambda: len(held()) == 1, 10)


async def test_it_lives_as_long_as_its_watches_are_begun_anew(common: Installation) -> None:
    seconds = 2
    with operator(common.servers, common.mounted, watch_seconds=str(seconds), **QUICK) as process:
        await eventually(lambda: process.healthy("/livez") and process.leads(), 20)
        began = time.monotonic()
        while time.monotonic() < began + 4 * seconds:
            assert process.healthy("/livez")
            await asyncio.sleep(0.2)  # no wait: what is to stay so


async def test_a_leader_that_hung_writes_nothing_when_it_wakes_and_stands_by_anew(common: Installation) -> None:
    with operator(common.servers, common.mounted, "first", **QUICK) as first:
        await eventually(lambda: holder(common) == "first" and first.leads(), 20)
        with operator(common.servers, common.mounted, "second", **QUICK) as second:
            os.kill(first.process.pid, signal.SIGSTOP)
            hung = time.monotonic()
            await eventually(lambda: holder(common) == "second", 20)
            await eventually(second.leads, 20)
            tenant = a_tenant(common.namespace())
            assert common.api.create(tenant).is_success
            body = await acted(common, second).becomes(tenant, Ready="True")
            await asyncio.sleep(max(0.0, hung + 4 * LEASE - time.monotonic()))  # no wait: it hangs for so long
            os.kill(first.process.pid, signal.SIGCONT)
            assert await asyncio.to_thread(first.process.wait, 20) == 75
            assert holder(common) == "second"
            again = common.get(place(tenant))
            assert again is not None
            assert again["status"] == body["status"]


async def test_an_api_server_that_went_away_is_waited_for(bare: Installation) -> None:
    platform(bare)
    with operator(bare.servers, bare.mounted, **{**QUICK, "lease_seconds": "15"}) as process:
        here = acted(bare, process)
        tenant = a_tenant(here.namespace())
        assert here.api.create(tenant).is_success
        body = await here.becomes(tenant, Ready="True")
        here.servers.kill(API_SERVER)
        here.servers.start(API_SERVER)
        secret = f"/api/v1/namespaces/{tenant['metadata']['namespace']}/secrets/{body['status']['secret']}"
        assert here.api.client.delete(secret).is_success
        await eventually(lambda: here.get(secret) is not None, 40)
        other = a_tenant(here.namespace())
        # Right after its start the API server knows no parameters of policies yet, and refuses.
        await eventually(lambda: here.api.create(other).is_success, 30)
        await here.becomes(other, Ready="True")


async def test_fifty_tenants_at_once(bare: Installation) -> None:
    platform(bare)
    with operator(bare.servers, bare.mounted, **QUICK) as process:
        here = acted(bare, process)
        namespace = here.namespace()
        tenants = [a_tenant(namespace, f"t{number}") for number in range(50)]
        for tenant in tenants:
            assert here.api.create(tenant).is_success

        def ready() -> int:
            bodies: list[Body] = here.listed(f"{GROUP}/namespaces/{namespace}/trackingtenants")
            return sum(conditions(body).get("Ready", ("",))[0] == "True" for body in bodies)

        await eventually(lambda: ready() == len(tenants), 60)
        await eventually(lambda: _tenants(here) == len(tenants), 20)


async def test_a_paused_tenant_is_left_alone_until_it_is_not(common: Installation) -> None:
    with operator(common.servers, common.mounted, **QUICK) as process:
        here = acted(common, process)
        tenant = a_tenant(here.namespace())
        tenant["metadata"]["annotations"] = {"footfall.dev/paused": "true"}
        assert here.api.create(tenant).is_success
        body = await here.becomes(tenant, Paused="True")
        assert "finalizers" not in body["metadata"]
        assert "Ready" not in conditions(body)
        here.servers.kubectl("annotate", "tt", "acme", "-n", tenant["metadata"]["namespace"], "footfall.dev/paused-")
        body = await here.becomes(tenant, Ready="True")
        assert "Paused" not in conditions(body)


async def test_the_platform_bounds_how_many_tenants_there_are_and_those_that_stand_go_on(bare: Installation) -> None:
    platform(bare)
    bare.servers.kubectl("patch", "tp", "default", "--type=merge", "-p", '{"spec":{"tenancy":{"maxPooled":1}}}')
    with operator(bare.servers, bare.mounted, **QUICK) as process:
        here = acted(bare, process)
        first, second = a_tenant(here.namespace()), a_tenant(here.namespace())
        assert here.api.create(first).is_success
        await here.becomes(first, Ready="True")
        assert here.api.create(second).is_success
        await here.becomes(second, Stalled="TooManyTenants")
        assert conditions(here.get(place(first)) or {})["Ready"][0] == "True"
        assert here.api.delete(first).is_success
        await here.becomes(second, Ready="True")


async def test_pull_secrets_of_the_platform_are_placed_beside_a_dedicated_tenants_pods(bare: Installation) -> None:
    platform(bare)
    bare.servers.kubectl("patch", "tp", "default", "--type=merge", "-p", '{"spec":{"images":{"pullSecrets":["reg"]}}}')
    with operator(bare.servers, bare.mounted, **QUICK) as process:
        here = acted(bare, process)
        tenant = a_tenant(here.namespace(), placement="Dedicated")
        namespace = tenant["metadata"]["namespace"]
        assert here.api.create(tenant).is_success
        await here.becomes(tenant, Stalled="PullSecretMissing")
        create = ("create", "secret", "docker-registry", "reg", "-n", "footfall-system")
        here.servers.kubectl(*create, "--docker-server=r.example", "--docker-username=u", "--docker-password=p")
        await here.becomes(tenant, Synced="True")
        copy = here.get(f"/api/v1/namespaces/{namespace}/secrets/acme-pull-reg")
        assert copy is not None
        assert copy["type"] == "kubernetes.io/dockerconfigjson"
        (deployment, *_) = here.listed(f"/apis/apps/v1/namespaces/{namespace}/deployments")
        assert deployment["spec"]["template"]["spec"]["imagePullSecrets"] == [{"name": "acme-pull-reg"}]
        patch = '{"spec":{"images":{"pullSecrets":[]}}}'
        here.servers.kubectl("patch", "tp", "default", "--type=merge", "-p", patch)
        path = f"/api/v1/namespaces/{namespace}/secrets/acme-pull-reg"
        await eventually(lambda: here.get(path) is None, 20)
        assert here.get(f"/api/v1/namespaces/{namespace}/secrets/acme-footfall") is not None


async def test_what_changed_while_nobody_led_is_found_and_what_did_not_is_not_looked_at(bare: Installation) -> None:
    platform(bare)
    namespace = bare.namespace()
    names = ("same", "changed", "unclaimed", "misreported", "unfinished", "deleted")
    tenants = {name: a_tenant(namespace, name) for name in names}
    with operator(bare.servers, bare.mounted, "first", **QUICK) as process:
        for tenant in tenants.values():
            assert bare.api.create(tenant).is_success
        stood = {name: await acted(bare, process).becomes(tenant, Ready="True") for name, tenant in tenants.items()}
    merge = {"Content-Type": "application/merge-patch+json"}

    def patched(name: str, body: Body, part: str = "") -> None:
        answer = bare.api.client.patch(f"{place(tenants[name])}{part}", content=json.dumps(body), headers=merge)
        assert answer.is_success, answer.text

    patched("changed", {"spec": {"sites": [{"name": "shop"}]}})
    as_operator = {**merge, "Impersonate-User": OPERATOR, "Impersonate-Group": "system:masters"}
    claim = f"{GROUP}/trackingclaims/{stood['unclaimed']['status']['claim']}"
    assert bare.api.client.delete(claim, headers=as_operator).is_success
    patched("misreported", {"status": {"secret": "another"}}, "/status")
    patched("unfinished", {"metadata": {"finalizers": None}})
    assert bare.api.delete(tenants["deleted"]).is_success
    with operator(bare.servers, bare.mounted, "second", **{**QUICK, "resync_seconds": "3600"}) as process:
        here = acted(bare, process)
        await eventually(lambda: here.get(place(tenants["deleted"])) is None, 20)
        await here.becomes(tenants["changed"], Ready="True")
        await eventually(lambda: here.get(claim) is not None, 10)
        await eventually(lambda: (here.get(place(tenants["misreported"])) or {})["status"]["secret"] != "another", 10)
        await eventually(lambda: "finalizers" in (here.get(place(tenants["unfinished"])) or {})["metadata"], 10)
        assert '"tenants": 6, "stand": 1' in process.log()
        await asyncio.sleep(2)  # no wait: what does not happen gives no event
        assert _looked(process, "TrackingTenant") <= 5 * 3, "those that differ, and what their own writes cause"
