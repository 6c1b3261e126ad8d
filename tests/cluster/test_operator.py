"""The operator against a real API server: what it makes, and what it says where it makes nothing."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest

from footfall_common.testing import eventually
from tests.support.api import GROUP
from tests.support.crds import ROOT, documents
from tests.support.operating import Installation, a_tenant, conditions, place
from tests.support.webhook import mutating

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


def dedicated(namespace: str, **spec: Any) -> dict[str, Any]:
    """A Dedicated tenant with every field."""
    found = documents()["TrackingTenant"]["spec"]
    return a_tenant(
        namespace, **{**found, "tenantId": f"t-{namespace}", "hosts": [f"{namespace}.t.example.com"], **spec}
    )


def name_of(body: dict[str, Any]) -> str:
    name: str = body["metadata"]["name"]
    return name


async def test_the_example_stands_and_says_so(installation: Installation) -> None:
    installation.servers.kubectl("apply", "--server-side", "-f", str(ROOT / "examples/tenant.yaml"))
    body = await installation.becomes(a_tenant("team-a"), Ready="Ready", Claimed="True", Stalled="False")
    assert body["status"]["observedGeneration"] == body["metadata"]["generation"]
    secret = installation.get(f"/api/v1/namespaces/team-a/secrets/{body['status']['secret']}")
    assert secret is not None
    assert base64.b64decode(secret["data"]["tenant-id"]).decode() == body["status"]["claim"]
    assert base64.b64decode(secret["data"]["identity-url"]) == b"https://id.tracking.example.com"
    snippets = json.loads(base64.b64decode(secret["data"]["snippets.json"]))
    resources = json.loads(base64.b64decode(secret["data"]["resources.json"]))
    assert snippets.keys() == resources.keys() == {"shop", "blog"}
    for site, snippet in snippets.items():
        assert snippet.startswith("<script")
        assert all(
            word in snippet for word in (body["status"]["claim"], resources[site], body["status"]["urls"]["receiver"])
        )
    claim = installation.get(f"{GROUP}/trackingclaims/{body['status']['claim']}")
    assert claim is not None
    assert claim["spec"]["holder"] == {"namespace": "team-a", "name": "acme"}
    assert claim["status"]["state"] == "Bound"
    told = installation.servers.kubectl("get", "tt", "acme", "-n", "team-a").stdout
    assert told.splitlines()[1].split()[:4] == ["acme", "True", "Ready", "Pooled"]


async def test_a_dedicated_tenant_gets_all_that_it_asks_for(installation: Installation) -> None:
    namespace = installation.namespace()
    tenant = dedicated(namespace)
    assert installation.api.create(tenant).is_success
    body = await installation.becomes(tenant, Synced="True", Ready="RollingOut")
    at = {
        "/api/v1": ("serviceaccounts", "services"),
        "/apis/apps/v1": ("deployments",),
        "/apis/policy/v1": ("poddisruptionbudgets",),
        "/apis/autoscaling/v2": ("horizontalpodautoscalers",),
        "/apis/networking.k8s.io/v1": ("networkpolicies",),
    }
    stands = {
        plural: sorted(
            one["metadata"]["name"] for one in installation.listed(f"{root}/namespaces/{namespace}/{plural}")
        )
        for root, plurals in at.items()
        for plural in plurals
    }
    parts = ["acme-raw-receiver", "acme-receiver", "acme-report"]
    assert stands == {
        "serviceaccounts": [*parts, "default"],
        "services": ["acme-receiver", "acme-report"],
        "deployments": parts,
        "poddisruptionbudgets": parts,
        "horizontalpodautoscalers": ["acme-receiver"],
        "networkpolicies": ["acme-footfall"],
    }
    deployments = installation.listed(f"/apis/apps/v1/namespaces/{namespace}/deployments")
    replicas = {one["metadata"]["name"]: one["spec"]["replicas"] for one in deployments}
    assert (replicas["acme-raw-receiver"], replicas["acme-report"]) == (2, 2), "the receiver's are its autoscaler's"
    assert body["status"]["urls"]["receiver"] == f"https://{namespace}.t.example.com"
    assert "footfall.dev/instance=acme" in body["status"]["receivers"]["selector"]


async def test_pods_of_a_namespace_that_enforces_the_restricted_standard_are_let_in(installation: Installation) -> None:
    namespace = installation.namespace()
    installation.servers.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    assert installation.api.create(dedicated(namespace)).is_success
    pods = await eventually(lambda: len(installation.listed(f"/api/v1/namespaces/{namespace}/pods")) >= 5, 30)
    assert pods


async def test_without_the_binding_a_tenant_says_how_to_open_its_namespace_and_goes_on_once_it_is(
    installation: Installation,
) -> None:
    namespace = installation.namespace(bound=False)
    tenant = a_tenant(namespace)
    assert installation.api.create(tenant).is_success
    body = await installation.becomes(tenant, Stalled="NamespaceNotBound", Ready="False")
    (message,) = (one["message"] for one in body["status"]["conditions"] if one["type"] == "Stalled")
    command = message.partition("Bind the namespace: kubectl ")[2]
    installation.servers.kubectl(*command.split())
    await installation.becomes(tenant, Ready="True", Stalled="False")


async def test_a_namespace_that_nobody_opened_takes_no_id_from_others(installation: Installation) -> None:
    closed, opened = installation.namespace(bound=False), installation.namespace()
    squatter = a_tenant(closed)
    assert installation.api.create(squatter).is_success
    await installation.becomes(squatter, Stalled="NamespaceNotBound")
    rightful = a_tenant(opened, tenantId=squatter["spec"]["tenantId"])
    assert installation.api.create(rightful).is_success
    await installation.becomes(rightful, Ready="True")


async def test_two_tenants_whose_childrens_names_collide_leave_each_others_alone(installation: Installation) -> None:
    namespace = installation.namespace()
    first = dedicated(namespace)
    second = {
        **dedicated(namespace, tenantId=f"u-{namespace}", hosts=[]),
        "metadata": {"name": "acme-raw", "namespace": namespace},
    }
    assert installation.api.create(first).is_success
    await installation.becomes(first, Synced="True")
    assert installation.api.create(second).is_success
    body = await installation.becomes(second, Stalled="Refused")
    assert "acme-raw-receiver is there and not this resource's" in str(body["status"]["conditions"])
    at = f"/apis/apps/v1/namespaces/{namespace}/deployments/acme-raw-receiver"
    deployment = installation.get(at)
    assert deployment is not None
    assert deployment["metadata"]["labels"]["footfall.dev/instance"] == "acme"


async def test_what_a_quota_refuses_is_said_in_the_servers_words(installation: Installation) -> None:
    namespace = installation.namespace()
    installation.servers.kubectl("create", "quota", "none", "-n", namespace, "--hard=services=0")
    tenant = dedicated(namespace)
    assert installation.api.create(tenant).is_success
    body = await installation.becomes(tenant, Stalled="Refused", Ready="False", Synced="False")
    assert "exceeded quota" in str(body["status"]["conditions"])
    installation.servers.kubectl("delete", "quota", "none", "-n", namespace)
    await installation.becomes(tenant, Synced="True", Stalled="False")


async def test_two_tenants_swap_hosts(installation: Installation) -> None:
    first, second = installation.namespace(), installation.namespace()
    a, b = f"a.{first}.t.example.com", f"b.{first}.t.example.com"
    one, other = a_tenant(first, hosts=[a]), a_tenant(second, hosts=[b])
    for tenant in (one, other):
        assert installation.api.create(tenant).is_success
        await installation.becomes(tenant, Ready="True")
    for namespace, host in ((first, b), (second, a)):
        patch = json.dumps({"spec": {"hosts": [host]}})
        installation.servers.kubectl("patch", "tt", "acme", "-n", namespace, "--type=merge", "-p", patch)
    swapped = [f"https://{b}", f"https://{a}"]
    await eventually(lambda: [_reached(installation, one), _reached(installation, other)] == swapped, 40)
    for tenant in (one, other):
        await installation.becomes(tenant, Ready="True", Stalled="False")


def _reached(installation: Installation, tenant: dict[str, Any]) -> str:
    status = (installation.get(place(tenant)) or {}).get("status", {})
    found: str = status.get("urls", {}).get("receiver", "")
    return found


async def test_a_tenant_that_lost_its_finalizer_leaves_its_claim_behind_retained(installation: Installation) -> None:
    namespace = installation.namespace()
    tenant = a_tenant(namespace)
    assert installation.api.create(tenant).is_success
    body = await installation.becomes(tenant, Ready="True")
    patch = '{"metadata":{"finalizers":null}}'
    installation.servers.kubectl("patch", "tt", "acme", "-n", namespace, "--type=merge", "-p", patch)
    assert installation.api.delete(tenant).is_success
    at = f"{GROUP}/trackingclaims/{body['status']['claim']}"
    await eventually(lambda: (installation.get(at) or {})["status"]["state"] == "Retained", 30)


async def test_two_spellings_of_one_tenant_collide_and_the_first_stays(installation: Installation) -> None:
    first, second = installation.namespace(), installation.namespace()
    one = a_tenant(first, tenantId=f"two-{first}")
    assert installation.api.create(one).is_success
    body = await installation.becomes(one, Ready="True")
    other = a_tenant(second, tenantId=body["status"]["claim"].upper())
    assert installation.api.create(other).is_success
    stalled = await installation.becomes(other, Stalled="ClaimedByAnother", Claimed="False")
    assert f"{first}/acme" in str(stalled["status"]["conditions"])
    assert conditions(installation.get(place(one)) or {})["Ready"] == ("True", "Ready")


async def test_a_host_belongs_to_whoever_had_it_first_and_is_free_once_that_is_gone(installation: Installation) -> None:
    first, second = installation.namespace(), installation.namespace()
    hosts = [f"{first}.t.example.com"]
    one, other = a_tenant(first, hosts=hosts), a_tenant(second, hosts=hosts)
    assert installation.api.create(one).is_success
    await installation.becomes(one, Ready="True")
    assert installation.api.create(other).is_success
    await installation.becomes(other, Stalled="ClaimedByAnother")
    assert installation.api.delete(one).is_success
    await eventually(lambda: installation.get(place(one)) is None, 30)
    await installation.becomes(other, Ready="True")


async def test_a_host_that_is_given_up_is_free(installation: Installation) -> None:
    first, second = installation.namespace(), installation.namespace()
    hosts = [f"{first}.t.example.com", f"b.{first}.t.example.com"]
    one, other = a_tenant(first, hosts=hosts), a_tenant(second, hosts=hosts[1:])
    assert installation.api.create(one).is_success
    await installation.becomes(one, Ready="True")
    assert installation.api.create(other).is_success
    await installation.becomes(other, Stalled="ClaimedByAnother")
    patch = json.dumps({"spec": {"hosts": hosts[:1]}})
    installation.servers.kubectl("patch", "tt", "acme", "-n", first, "--type=merge", "-p", patch)
    await installation.becomes(other, Ready="True")


async def test_what_is_retained_waits_for_the_same_name_and_for_nobody_else(installation: Installation) -> None:
    first, second = installation.namespace(), installation.namespace()
    one = a_tenant(first)
    assert installation.api.create(one).is_success
    body = await installation.becomes(one, Ready="True")
    at = f"{GROUP}/trackingclaims/{body['status']['claim']}"
    assert installation.api.delete(one).is_success
    await eventually(lambda: (installation.get(at) or {}).get("status", {}).get("state") == "Retained", 30)
    thief = a_tenant(second, tenantId=one["spec"]["tenantId"])
    assert installation.api.create(thief).is_success
    await installation.becomes(thief, Stalled="ClaimedByAnother")
    assert installation.api.delete(thief).is_success
    await eventually(lambda: installation.get(place(thief)) is None, 30)
    assert installation.api.create(one).is_success
    await installation.becomes(one, Ready="True")
    claim = installation.get(at)
    assert claim is not None
    assert claim["status"]["state"] == "Bound"


async def test_a_platform_engineer_passes_a_retained_tenant_on(installation: Installation) -> None:
    first, second = installation.namespace(), installation.namespace()
    one = a_tenant(first, tenantId=f"pass-{first}")
    assert installation.api.create(one).is_success
    await installation.becomes(one, Ready="True")
    assert installation.api.delete(one).is_success
    heir = a_tenant(second, tenantId=one["spec"]["tenantId"])
    assert installation.api.create(heir).is_success
    stalled = await installation.becomes(heir, Stalled="ClaimedByAnother")
    (message,) = (one["message"] for one in stalled["status"]["conditions"] if one["type"] == "Stalled")
    command = message.partition("pass it on: kubectl footfall ")[2].split()
    done = installation.plugin(*command)
    assert done.returncode == 0, done.stderr
    assert f"held by {first}/acme, released to {second}/acme" in done.stdout
    await installation.becomes(heir, Ready="True")
    claim = installation.get(f"{GROUP}/trackingclaims/{command[1]}")
    assert claim is not None
    assert claim["spec"] == {"holder": {"namespace": second, "name": "acme"}}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["release", "no such id!", "--to", "a/b"], "neither a tenant's id nor a host's claim"),
        (["release", "acme", "--to", "acme"], "acme is not of the form NAMESPACE/NAME"),
        (["release", "nobody-has-this", "--to", "a/b"], "not found"),
        ([], "required: command"),
    ],
)
def test_the_plugin_says_what_is_wrong(installation: Installation, arguments: list[str], said: str) -> None:
    done = installation.plugin(*arguments)
    assert done.returncode != 0
    assert said in done.stderr


async def test_delete_needs_its_confirmation_and_frees_the_id(installation: Installation) -> None:
    namespace = installation.namespace()
    tenant = a_tenant(namespace, deletionPolicy="Delete")
    assert installation.api.create(tenant).is_success
    body = await installation.becomes(tenant, Ready="True")
    refused = installation.api.delete(tenant)
    assert refused.status_code == 403
    command = refused.json()["message"].partition("Confirm: kubectl ")[2]
    installation.servers.kubectl(*command.split())
    assert installation.api.delete(tenant).is_success
    await eventually(lambda: installation.get(place(tenant)) is None, 30)
    assert installation.get(f"{GROUP}/trackingclaims/{body['status']['claim']}") is None


async def test_a_namespace_that_is_deleted_takes_its_tenants_with_it_and_keeps_their_data(
    installation: Installation,
) -> None:
    namespace = installation.namespace()
    tenant = dedicated(namespace, deletionPolicy="Delete")
    assert installation.api.create(tenant).is_success
    body = await installation.becomes(tenant, Synced="True")
    installation.servers.kubectl("delete", "namespace", namespace, "--wait=false")
    await eventually(lambda: installation.get(f"/api/v1/namespaces/{namespace}") is None, 60)
    claim = installation.get(f"{GROUP}/trackingclaims/{body['status']['claim']}")
    assert claim is not None
    assert claim["status"]["state"] == "Retained"


async def test_replicas_that_somebody_set_are_what_they_were_also_where_an_autoscaler_sleeps(
    installation: Installation,
) -> None:
    namespace = installation.namespace()
    tenant = dedicated(namespace)
    assert installation.api.create(tenant).is_success
    await installation.becomes(tenant, Synced="True")
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/acme"
    for part, wanted in (("raw-receiver", 2), ("receiver", 2)):
        body = {"spec": {"replicas": 0}}
        headers = {"Content-Type": "application/merge-patch+json"}
        answer = installation.api.client.patch(f"{path}-{part}/scale", content=json.dumps(body), headers=headers)
        assert answer.is_success, answer.text

        def back(name: str = part, least: int = wanted) -> bool:
            live = installation.get(f"{path}-{name}") or {}
            return bool(live["spec"]["replicas"] == least)

        await eventually(back, 5)


async def test_a_webhook_that_has_other_wishes_is_named_and_not_fought(
    installation: Installation, tmp_path: Path
) -> None:
    namespace = installation.namespace()
    tenant = dedicated(namespace)
    spied = [{"op": "add", "path": "/spec/template/spec/hostNetwork", "value": True}]
    with mutating(installation.servers, tmp_path, namespace, ("apps", "deployments"), spied):
        await eventually(lambda: installation.api.create(tenant).is_success, 10)
        body = await installation.becomes(tenant, Stalled="Refused")
        (message,) = (one["message"] for one in body["status"]["conditions"] if one["type"] == "Stalled")
        assert "changed on its way in, at /spec/template/spec/hostNetwork" in message
        before = len(installation.servers.audit())
        await asyncio.sleep(5)  # no wait: what does not happen gives no event
        entries = [one["objectRef"] for one in installation.servers.audit()[before:]]
        fought = [one for one in entries if one["resource"] == "deployments" and one["namespace"] == namespace]
        assert len(fought) < 10, "a pass a resync, and not one after another"
    await installation.becomes(tenant, Synced="True")
