"""Every rule of every CRD: an example that it lets through and one that it refuses, in the words that it promises."""

import copy
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from tests.support.api import Api, causes
from tests.support.bounds import changed, rules, without
from tests.support.crds import CRDS, documents, read, schema_of

Document = dict[str, Any]
NIL = "00000000-0000-0000-0000-000000000000"
OTHER = "8a7b6c5d-0000-4000-8000-000000000001"
DOCUMENTS = documents()
TENANT, PLATFORM, CLAIM = (DOCUMENTS[kind] for kind in ("TrackingTenant", "TrackingPlatform", "TrackingClaim"))
pytestmark = pytest.mark.integration


def at(document: Mapping[str, Any], path: str, value: Any) -> Document:
    """A copy with another value at a dotted path."""
    return changed(document, tuple(int(part) if part.isdigit() else part for part in path.split(".")), value)


def pooled(**spec: Any) -> Document:
    """A Pooled tenant."""
    kept = {name: TENANT["spec"][name] for name in ("tenantId", "hosts", "sites")}
    return {**copy.deepcopy(TENANT), "spec": {**kept, "placement": "Pooled", **spec}}


class Rule(NamedTuple):
    """A rule by the field that it names and the first words of its message, and two documents.

    `before` is what stands already where the rule is about a change.
    """

    kind: str
    field: str
    message: str
    taken: Document
    refused: Document
    before: Document | None = None


FIXED = {"autoscaling": {"min": 3, "max": 3, "cpu": 60}}
BOTH = {"replicas": 2, "autoscaling": {"min": 1, "max": 2, "cpu": 60}}
ONLY_DEDICATED = "is for Dedicated tenants only"
NO_SITE_ID = without(TENANT, ("spec", "sites", 0, "resourceId"))
RELEASED = at(CLAIM, "spec.holder", CLAIM["spec"]["releaseTo"])


def two_sites(first: str, second: str) -> Document:
    sites = [{"name": "a", "resourceId": first}, {"name": "b", "resourceId": second}]
    return at(TENANT, "spec.sites", sites)


TENANTS = [
    ("", "metadata.name: 1 to 40", at(TENANT, "metadata.name", "a" * 40), at(TENANT, "metadata.name", "a" * 41)),
    ("", "metadata.name: 1 to 40", at(TENANT, "metadata.name", "a-1"), at(TENANT, "metadata.name", "1-a")),
    *(
        (f"spec.{name}", ONLY_DEDICATED, TENANT, pooled(**{name: TENANT["spec"][name]}))
        for name in ("receivers", "rawReceivers", "report", "kafka")
    ),
    ("spec.cassandra.replication", ONLY_DEDICATED, TENANT, pooled(cassandra={"replication": 3})),
    (
        "spec.tenantId",
        "cannot be the GUID of zeros",
        at(TENANT, "spec.tenantId", OTHER),
        at(TENANT, "spec.tenantId", NIL),
    ),
    (
        "spec.rawReceivers.autoscaling.max",
        "is above kafka.partitions",
        at(TENANT, "spec.rawReceivers", {"autoscaling": {"min": 1, "max": 12}}),
        at(TENANT, "spec.rawReceivers", {"autoscaling": {"min": 1, "max": 13}}),
    ),
    (
        "spec.rawReceivers.replicas",
        "is above kafka.partitions",
        at(TENANT, "spec.rawReceivers.replicas", 12),
        at(TENANT, "spec.rawReceivers.replicas", 13),
    ),
    *(
        (f"spec.{name}", "needs exactly one", at(TENANT, f"spec.{name}", FIXED), at(TENANT, f"spec.{name}", wrong))
        for name in ("receivers", "rawReceivers")
        for wrong in (BOTH, {})
    ),
    *(
        (
            f"spec.{name}.autoscaling.max",
            "is below min",
            at(TENANT, f"spec.{name}", FIXED),
            at(TENANT, f"spec.{name}", {"autoscaling": {"min": 3, "max": 2}}),
        )
        for name in ("receivers", "rawReceivers")
    ),
    ("spec.sites", "two sites have the same", two_sites(OTHER, OTHER[:-1] + "2"), two_sites(OTHER, OTHER.upper())),
    (
        "spec.sites[0].resourceId",
        "cannot be the GUID of zeros",
        at(TENANT, "spec.sites.0.resourceId", OTHER),
        at(TENANT, "spec.sites.0.resourceId", NIL),
    ),
    *(
        ("spec.sites[0].timeZone", "is no time zone", at(TENANT, "spec.sites.0.timeZone", "Asia/Kolkata"), wrong)
        for wrong in (at(TENANT, "spec.sites.0.timeZone", zone) for zone in ("Europe/Atlantis", "Local", "CEST2"))
    ),
]
TENANT_CHANGES = [
    ("spec.tenantId", "never changes", TENANT, at(TENANT, "spec.tenantId", "other")),
    ("spec.placement", "never changes", TENANT, pooled()),
    ("spec.kafka", "never changes", at(TENANT, "spec.kafka.retention", "1h"), at(TENANT, "spec.kafka.partitions", 13)),
    ("spec.kafka", "never changes", TENANT, without(TENANT, ("spec", "kafka"))),
    (
        "spec.sites[0].resourceId",
        "is set once",
        at(TENANT, "spec.sites.0.resourceId", TENANT["spec"]["sites"][0]["resourceId"].upper()),
        at(TENANT, "spec.sites.0.resourceId", OTHER),
    ),
    ("spec.sites[0].resourceId", "is set once", at(TENANT, "spec.sites", []), NO_SITE_ID),
]
PLATFORMS = [
    ("", "metadata.name: default", PLATFORM, at(PLATFORM, "metadata.name", "second")),
    (
        "spec.pooled.rawReceivers.max",
        "is above kafka.topics.partitions",
        PLATFORM,
        at(PLATFORM, "spec.pooled.rawReceivers.max", 25),
    ),
    *(
        (f"spec.pooled.{name}.max", "is below min", PLATFORM, at(PLATFORM, f"spec.pooled.{name}.max", 1))
        for name in ("receivers", "rawReceivers")
    ),
    (
        "spec.kafka.topics.minInsync",
        "is above replicas",
        at(PLATFORM, "spec.kafka.topics.minInsync", 3),
        at(PLATFORM, "spec.kafka.topics.minInsync", 4),
    ),
    ("spec.cassandra.ref", "needs ref", PLATFORM, without(PLATFORM, ("spec", "cassandra", "ref"))),
    (
        "spec.cassandra.ref",
        "needs ref",
        at(PLATFORM, "spec.cassandra", {"driver": "External", "adminSecret": "a"}),
        at(PLATFORM, "spec.cassandra.driver", "External"),
    ),
    (
        "spec.network.egress[0].cidr",
        "is no network",
        at(PLATFORM, "spec.network.egress.0.cidr", "fd00::/8"),
        at(PLATFORM, "spec.network.egress.0.cidr", "10.0.0.0/33"),
    ),
    (
        "spec.workloads.defaults.tolerations[0].value",
        "has no value",
        at(PLATFORM, "spec.workloads.defaults.tolerations.0", {"key": "a", "operator": "Exists"}),
        at(PLATFORM, "spec.workloads.defaults.tolerations.0", {"key": "a", "operator": "Exists", "value": "b"}),
    ),
    (
        "spec.workloads.defaults.nodeSelector",
        "a key is no label's key",
        at(PLATFORM, "spec.workloads.defaults.nodeSelector", {"a.b/c_D": "e"}),
        at(PLATFORM, "spec.workloads.defaults.nodeSelector", {"a b": "e"}),
    ),
]
PLATFORM_CHANGES = [
    (
        "spec.cassandra.driver",
        "never changes",
        at(PLATFORM, "spec.cassandra.replication", 2),
        at(PLATFORM, "spec.cassandra", {"driver": "External", "adminSecret": "a"}),
    ),
    (
        "spec.kafka.topics.partitions",
        "never changes",
        at(PLATFORM, "spec.kafka.topics.replicas", 4),
        at(PLATFORM, "spec.kafka.topics.partitions", 48),
    ),
]
CLAIMS = [
    (
        "",
        "metadata.name: a tenant's GUID",
        at(CLAIM, "metadata.name", "host-" + "0" * 20),
        at(CLAIM, "metadata.name", "acme"),
    ),
]
CLAIM_CHANGES = [
    ("spec.holder", "changes only to", RELEASED, at(CLAIM, "spec.holder.name", "thief")),
    ("spec.holder", "changes only to", CLAIM, at(CLAIM, "spec.holder.namespace", "elsewhere")),
]
RULES = [
    *(Rule("TrackingTenant", *one) for one in TENANTS),
    *(Rule("TrackingTenant", *one, before=TENANT) for one in TENANT_CHANGES),
    *(Rule("TrackingPlatform", *one) for one in PLATFORMS),
    *(Rule("TrackingPlatform", *one, before=PLATFORM) for one in PLATFORM_CHANGES),
    *(Rule("TrackingClaim", *one) for one in CLAIMS),
    *(Rule("TrackingClaim", *one, before=CLAIM) for one in CLAIM_CHANGES),
]


def test_every_rule_has_an_example() -> None:
    told = {
        (crd["spec"]["names"]["kind"], field, message)
        for crd in map(read, CRDS)
        for field, message in rules(schema_of(crd))
    }
    shown = {one for one in told for rule in RULES if one[:2] == rule[:2] and one[2].startswith(rule.message)}
    assert told == shown


@pytest.mark.parametrize("rule", [pytest.param(rule, id=f"{rule.kind}-{rule.field}-{rule.message}") for rule in RULES])
def test_a_rule_lets_its_example_through_and_refuses_the_other(api: Api, rule: Rule) -> None:
    try_ = _changed(api, rule.before) if rule.before else _created(api)
    taken, refused = try_(rule.taken), try_(rule.refused)
    assert taken == {}
    assert rule.message in refused.get(rule.field or "<nil>", "") or rule.message in str(refused)
    assert rule.field in refused or not rule.field


def _created(api: Api) -> Callable[[Document], dict[str, str]]:
    def create(document: Document) -> dict[str, str]:
        answer = api.create(document, dryRun="All")
        return {} if answer.is_success else causes(answer)

    return create


def _changed(api: Api, before: Document) -> Callable[[Document], dict[str, str]]:
    """Tries a change of an object that stands; cluster-scoped kinds that know one name are tried one after another."""

    def change(document: Document) -> dict[str, str]:
        named = before if before["kind"] == "TrackingPlatform" else at(before, "metadata.name", _fresh(before))
        stands = api.create(named)
        assert stands.is_success, stands.text
        try:
            answer = api.replace({**document, "metadata": stands.json()["metadata"]}, dryRun="All")
            return {} if answer.is_success else causes(answer)
        finally:
            api.delete(named)

    return change


def _fresh(before: Document) -> str:
    return str(uuid.uuid4()) if before["kind"] == "TrackingClaim" else f"t{uuid.uuid4().hex}"
