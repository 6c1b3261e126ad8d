"""Every admission policy: what it lets through and what it refuses, with its words."""

import json
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
import yaml

from footfall_common.testing import eventually
from tests.support.api import GROUP, OPERATOR, PLURALS, Api, connected
from tests.support.bounds import changed
from tests.support.crds import ROOT, documents
from tests.support.operating import Body, a_tenant
from tools.kubernetes.handle import ControlPlaneServers

pytestmark = pytest.mark.integration
PLATFORM, TENANT, CLAIM = (documents()[kind] for kind in ("TrackingPlatform", "TrackingTenant", "TrackingClaim"))
ENGINEER = {"Impersonate-User": "engineer", "Impersonate-Group": "system:masters"}


@pytest.fixture(scope="module")
def within(servers: ControlPlaneServers) -> Iterator[Api]:
    """A control plane of its own state: a platform stands, and nobody acts."""
    with connected(servers.kubeconfig) as admin:
        stands = admin.create(PLATFORM)
        assert stands.is_success, stands.text
        yield admin
        assert admin.delete(PLATFORM).is_success


class Bound(NamedTuple):
    """A tenant that is let through, one that is refused, and with which words."""

    taken: Body
    refused: Body
    said: str


def wishing(path: str, value: Any) -> Body:
    return changed(TENANT, tuple(int(part) if part.isdigit() else part for part in path.split(".")), value)


BOUNDS = [
    Bound(wishing("spec.hosts", ["a.b.t.example.com", "t.example.com"]), wishing("spec.hosts", ["evilt.example.com"]),
          "spec.hosts: a host ends in one of the platform's tenancy.hostSuffixes: t.example.com"),
    Bound(wishing("spec.limits.eventsPerSecond", 5_000), wishing("spec.limits.eventsPerSecond", 5_001),
          "spec.limits.eventsPerSecond: at most 5000"),
    Bound(wishing("spec.receivers.autoscaling.max", 20), wishing("spec.receivers.autoscaling.max", 21),
          "spec.receivers: at most 20"),
    Bound(wishing("spec.receivers", {"replicas": 20}), wishing("spec.receivers", {"replicas": 21}),
          "spec.receivers: at most 20"),
    Bound(changed(wishing("spec.rawReceivers", {"replicas": 24}), ("spec", "kafka", "partitions"), 24),
          changed(wishing("spec.rawReceivers", {"replicas": 25}), ("spec", "kafka", "partitions"), 24),
          "spec.rawReceivers"),
    Bound(wishing("spec.kafka.partitions", 24), wishing("spec.kafka.partitions", 25),
          "spec.kafka.partitions: at most 24"),
]  # fmt: skip


@pytest.mark.parametrize("bound", [pytest.param(bound, id=bound.said) for bound in BOUNDS])
async def test_a_tenant_asks_for_no_more_than_the_platform_allows(within: Api, bound: Bound) -> None:
    # A policy learns of its parameter a moment after it was written.
    refused = await eventually(lambda: _refused(within.create(bound.refused, dryRun="All")), 10)
    assert bound.said in refused
    taken = within.create(bound.taken, dryRun="All")
    assert taken.is_success, taken.text


async def test_scale_is_bounded_and_refused_where_an_autoscaler_scales(
    within: Api, servers: ControlPlaneServers
) -> None:
    fixed = a_tenant("default", f"t{uuid.uuid4().hex}", placement="Dedicated", receivers={"replicas": 2})
    scaled = a_tenant(
        "default", f"t{uuid.uuid4().hex}", placement="Dedicated", receivers={"autoscaling": {"min": 1, "max": 2}}
    )
    assert within.create(fixed).is_success
    assert within.create(scaled).is_success

    def scale(tenant: Body, replicas: int) -> str:
        done = servers.kubectl("scale", "tt", tenant["metadata"]["name"], f"--replicas={replicas}", check=False)
        return done.stderr

    assert "spec.receivers: at most 20" in scale(fixed, 21)
    assert not scale(fixed, 20)
    assert "with autoscaling nobody sets replicas" in scale(scaled, 1)
    for tenant in (fixed, scaled):
        assert within.delete(tenant).is_success


async def test_a_tenant_above_a_bound_that_was_lowered_goes_on(within: Api, servers: ControlPlaneServers) -> None:
    tenant = a_tenant("default", f"t{uuid.uuid4().hex}", limits={"eventsPerSecond": 5_000})
    assert within.create(tenant).is_success
    name = tenant["metadata"]["name"]
    servers.kubectl(
        "patch", "tp", "default", "--type=merge", "-p", '{"spec":{"tenancy":{"maxima":{"eventsPerSecond":10}}}}'
    )
    try:
        other = {**tenant, "metadata": {"name": f"{name}x"[:40], "namespace": "default"}}
        await eventually(lambda: _refused(within.create(other, dryRun="All")), 10)
        servers.kubectl("annotate", "tt", name, "footfall.dev/paused=true")
        said = servers.kubectl(
            "patch", "tt", name, "--type=merge", "-p", '{"spec":{"hosts":["a.t.example.com"]}}', check=False
        )
        assert "at most 10" in said.stderr
    finally:
        bounded(servers, 5_000)
    assert within.delete(tenant).is_success


def bounded(servers: ControlPlaneServers, rate: int) -> None:
    body = json.dumps({"spec": {"tenancy": {"maxima": {"eventsPerSecond": rate}}}})
    servers.kubectl("patch", "tp", "default", "--type=merge", "-p", body)


def _refused(answer: httpx.Response) -> str:
    return "" if answer.is_success else str(answer.json()["message"])


def test_without_the_confirmation_nobody_deletes_data_and_everybody_retains(api: Api) -> None:
    for policy, confirmed, goes in (("Retain", False, True), ("Delete", False, False), ("Delete", True, True)):
        tenant = a_tenant("default", f"t{uuid.uuid4().hex}", deletionPolicy=policy)
        stands = api.create(tenant).json()
        if confirmed:
            annotated = {"metadata": {"annotations": {"footfall.dev/confirm-delete": stands["metadata"]["uid"]}}}
            path = f"{GROUP}/namespaces/default/trackingtenants/{tenant['metadata']['name']}"
            patched = api.client.patch(path, json=annotated, headers={"Content-Type": "application/merge-patch+json"})
            assert patched.is_success
        answer = api.delete(tenant)
        assert answer.is_success == goes, (policy, confirmed, answer.text)
        if not goes:
            assert f"footfall.dev/confirm-delete={stands['metadata']['uid']}" in answer.json()["message"]


def test_another_uid_confirms_nothing(api: Api) -> None:
    tenant = a_tenant("default", f"t{uuid.uuid4().hex}", deletionPolicy="Delete")
    tenant["metadata"]["annotations"] = {"footfall.dev/confirm-delete": str(uuid.uuid4())}
    assert api.create(tenant).is_success
    assert api.delete(tenant).status_code == httpx.codes.FORBIDDEN


def test_people_say_to_whom_a_claim_passes_and_nothing_else(api: Api) -> None:
    claim = {**CLAIM, "metadata": {"name": str(uuid.uuid4())}, "spec": {"holder": CLAIM["spec"]["holder"]}}
    path = f"{GROUP}/{PLURALS['TrackingClaim']}"
    by_hand = api.client.post(path, json=claim, headers=ENGINEER)
    assert "only the operator writes claims" in by_hand.json()["message"]
    assert api.create(claim).is_success
    at = f"{path}/{claim['metadata']['name']}"
    merge = {**ENGINEER, "Content-Type": "application/merge-patch+json"}
    other = {"namespace": "team-b", "name": "acme"}
    assert api.client.patch(at, json={"spec": {"releaseTo": other}}, headers=merge).is_success
    for body in ({"spec": {"holder": other}},):
        assert api.client.patch(at, json=body, headers=merge).status_code == httpx.codes.FORBIDDEN
    stolen = api.client.patch(f"{at}/status", json={"status": {"state": "Gone"}}, headers=merge)
    assert stolen.status_code == httpx.codes.FORBIDDEN
    assert api.client.delete(at, headers=ENGINEER).status_code == httpx.codes.FORBIDDEN
    assert api.delete(claim).is_success


def test_every_policy_has_a_binding_that_denies_and_is_tried_here() -> None:
    found = [
        body
        for file in (ROOT / "config/policies").glob("*.yaml")
        for body in yaml.safe_load_all(file.read_text("utf-8"))
    ]
    policies = {body["metadata"]["name"] for body in found if body["kind"] == "ValidatingAdmissionPolicy"}
    bound = {
        body["spec"]["policyName"]: body["spec"]["validationActions"]
        for body in found
        if body["kind"] == "ValidatingAdmissionPolicyBinding"
    }
    assert bound == {policy: ["Deny"] for policy in policies}
    assert policies == {
        "footfall-tenant-bounds",
        "footfall-tenant-deletion",
        "footfall-tenant-scale",
        "footfall-claims",
        "footfall-platform-deletion",  # in test_operator_alone, where there are tenants that it counts
    }
    operator = next(body for body in found if body["metadata"]["name"] == "footfall-claims")
    assert OPERATOR in str(operator["spec"])
