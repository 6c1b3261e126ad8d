"""What a tenant may say, however it is said: the operator makes it so, or the API server refuses it."""

import base64
import copy
import json
from typing import Any

import httpx
import pytest

from footfall_common.testing import eventually
from tests.support.bounds import Path, changed, inside, leaves
from tests.support.crds import CRDS, documents, read, schema_of
from tests.support.operating import Body, Installation, a_tenant, conditions, place

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
EVERY = documents()["TrackingTenant"]
SCHEMA = next(schema_of(crd) for crd in map(read, CRDS) if crd["spec"]["names"]["kind"] == "TrackingTenant")
HOSTILE = [
    "'; DROP KEYSPACE footfall_pooled; --",
    'a"b',
    "back\\slash",
    "two\nlines",
    "nul\x00",
    "$(id) {{x}} ${x}",
    "</script><script>alert(1)</script>",
    "аcme",  # noqa: RUF001 - a Cyrillic a
    "ａｃｍｅ",  # noqa: RUF001 - full width
    "\u202eemca",
    " acme ",
    "ACME",
    "../../etc",
    "-acme",
    "a" * 5_000,
]
POOLED = {**{name: EVERY["spec"][name] for name in ("tenantId", "sites")}, "placement": "Pooled"}
MERGE = {"Content-Type": "application/merge-patch+json"}
IMMUTABLE = {("tenantId",), ("placement",), ("kafka", "partitions"), ("sites", 0, "resourceId")}
MUTABLE: dict[Path, Any] = {
    ("limits", "eventsPerSecond"): 7,
    ("receivers", "autoscaling", "min"): 1,
    ("receivers", "autoscaling", "max"): 9,
    ("receivers", "autoscaling", "cpu"): 50,
    ("rawReceivers", "replicas"): 1,
    ("report", "replicas"): 1,
    ("kafka", "retention"): "24h",
    ("cassandra", "retention"): "30d",
    ("cassandra", "replication"): 1,
    ("deletionPolicy",): "Delete",
    ("sites", 0, "domains", 0): "other.example",
    ("sites", 0, "timeZone"): "UTC",
    ("sites", 0, "limits", "eventsPerSecond"): 8,
    ("sites", 0, "goals", 0, "event"): "other",
    ("sites", 0, "goals", 0, "name"): "other",
    ("sites", 0, "name"): "other",
}


def spec_of(namespace: str, **more: Any) -> Body:
    return {
        **copy.deepcopy(EVERY["spec"]),
        "tenantId": f"t-{namespace}",
        "hosts": [f"{namespace}.t.example.com"],
        **more,
    }


def texts() -> list[Path]:
    """Where a Pooled tenant says a word of its own."""
    found = leaves(SCHEMA["properties"]["spec"], EVERY["spec"])
    said = [path for path, part, _ in found if part["type"] == "string" and "enum" not in part]
    return [path for path in said if path[0] in {*POOLED, "hosts"}]


def written(installation: Installation, tenant: Body, spec: Body) -> httpx.Response:
    change = json.dumps({"spec": spec})
    return installation.api.client.patch(place(tenant), content=change, headers=MERGE)


def test_each_leaf_is_known_to_be_mutable_or_not() -> None:
    parts = leaves(SCHEMA["properties"]["spec"], EVERY["spec"])
    found = {path for path, part, _ in parts if part["type"] not in {"object", "array"}}
    assert found == {*MUTABLE, *IMMUTABLE, ("hosts", 0)}


async def test_every_mutable_field_is_changed_and_every_immutable_one_refused(installation: Installation) -> None:
    namespace = installation.namespace()
    tenant = a_tenant(namespace, **spec_of(namespace))
    assert installation.api.create(tenant).is_success
    await installation.becomes(tenant, Synced="True")
    spec = spec_of(namespace)
    for path, value in {**MUTABLE, ("hosts", 0): f"b.{namespace}.t.example.com"}.items():
        spec = changed(spec, path, value)
        answer = written(installation, tenant, spec)
        assert answer.is_success, answer.text
        generation = answer.json()["metadata"]["generation"]

        def seen(least: int = generation) -> bool:
            live = installation.get(place(tenant)) or {}
            return live["status"]["observedGeneration"] >= least and conditions(live)["Synced"][0] == "True"

        await eventually(seen, 10)
    others = {"placement": "Pooled", "partitions": 13, "resourceId": "6f1d7c2e-0f8f-4c0e-9a55-0d6d5a8f1b12"}
    for path in IMMUTABLE:
        refused = written(installation, tenant, changed(spec, path, others.get(str(path[-1]), "another")))
        assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY, f"{path}: {refused.text}"


async def test_a_tenant_whose_every_word_is_as_long_as_it_may_be_stands(installation: Installation) -> None:
    namespace = installation.namespace()
    whole = copy.deepcopy(EVERY)
    for bound in inside(SCHEMA, EVERY):
        if bound.name == "maxLength" and bound.path[1:] not in {("tenantId",), ("hosts", 0)}:
            value: Any = bound.document
            for part in bound.path:
                value = value[part]
            whole = changed(whole, bound.path, value)
    longest = f"{'a' * 40}"
    suffix = ".t.example.com"
    labels = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * (253 - 3 * 64 - len(suffix))])
    spec = {**whole["spec"], "tenantId": f"a{namespace}"[:32].ljust(32, "z"), "hosts": [labels + suffix]}
    tenant = a_tenant(namespace, longest, **spec)
    answer = installation.api.create(tenant)
    assert answer.is_success, answer.text
    await installation.becomes(tenant, Synced="True", Claimed="True")
    pods = await eventually(lambda: installation.listed(f"/api/v1/namespaces/{namespace}/pods"), 20)
    assert all(pod["metadata"]["name"].startswith(longest) for pod in pods)


async def test_hostile_words_are_refused_or_are_words(installation: Installation) -> None:
    namespace = installation.namespace()
    taken: dict[str, tuple[Path, str]] = {}
    refused = 0
    for path in texts():
        for number, word in enumerate(HOSTILE):
            name = f"{'-'.join(map(str, path))}-{number}".lower()
            spec = changed({**POOLED, "tenantId": f"t{len(taken)}-{namespace}", "hosts": [""]}, path, word)
            spec["hosts"] = [host for host in spec["hosts"] if host]
            tenant = a_tenant(namespace, name, **spec)
            answer = installation.api.create(tenant)
            refused += not answer.is_success
            if answer.is_success:
                taken[name] = (path, word)
            else:
                assert answer.status_code in {httpx.codes.UNPROCESSABLE_ENTITY, httpx.codes.BAD_REQUEST}, answer.text
    assert refused > len(taken) > 0
    for name, (path, word) in taken.items():
        tenant = a_tenant(namespace, name)
        live = await installation.becomes(tenant, Ready="True")
        secret = installation.get(f"/api/v1/namespaces/{namespace}/secrets/{name}-footfall") or {}
        data = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
        site = live["spec"]["sites"][0]["name"]
        assert list(json.loads(data["resources.json"])) == [site]
        snippet = json.loads(data["snippets.json"])[site]
        assert word not in snippet, f"{path}: {word!r} got into a page"


async def test_hostile_names_are_refused(installation: Installation) -> None:
    namespace = installation.namespace()
    for word in HOSTILE:
        answer = installation.api.create(a_tenant(namespace, word), dryRun="All")
        assert not answer.is_success, word
