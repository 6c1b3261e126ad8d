"""TrackingTenant: what the model takes, what acts in one process, and what the tenant service is told."""

import uuid
from typing import Any

import pytest
from pydantic import ValidationError

from footfall_common.manifest import (
    Registration,
    TrackingTenant,
    complaint,
    dotted,
    registration,
    resource_of,
    without_effect,
)
from footfall_common.tenancy import default_resource_id, wire_guid

GUID = "0B6E0000-0000-4000-8000-00000000000A"


def manifest(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "footfall.dev/v1alpha1",
        "kind": "TrackingTenant",
        "metadata": {"name": "acme"},
        "spec": {"tenantId": "acme", "placement": "Pooled"} | spec,
    }


def parsed(**spec: Any) -> TrackingTenant:
    return TrackingTenant.model_validate(manifest(**spec))


def refused(**spec: Any) -> tuple[str, str]:
    with pytest.raises(ValidationError) as raised:
        parsed(**spec)
    found = complaint(raised.value, TrackingTenant)
    return dotted(found.path), found.message


def test_five_fields_are_enough_and_the_rest_has_defaults() -> None:
    tenant = parsed()
    assert tenant.guid == wire_guid("acme")
    assert (tenant.spec.cassandra.retention, tenant.spec.deletion_policy, tenant.spec.sites) == ("400d", "Retain", ())
    assert without_effect(tenant) == []


def test_a_tenant_id_may_be_a_guid_in_any_case() -> None:
    assert parsed(tenantId=GUID).guid == parsed(tenantId=GUID.lower()).guid == uuid.UUID(GUID)


def test_what_only_a_cluster_heeds_is_named_when_it_is_given() -> None:
    spec = {
        "placement": "Dedicated", "hosts": ["acme.t.example.com"], "receivers": {"replicas": 2},
        "rawReceivers": {"autoscaling": {"min": 1, "max": 12}}, "report": {"replicas": 2},
        "kafka": {"partitions": 12, "retention": "168h"}, "cassandra": {"retention": "30d", "replication": 3},
        "deletionPolicy": "Retain", "limits": {"eventsPerSecond": 5}, "sites": [],
    }  # fmt: skip
    assert without_effect(parsed(**spec)) == [
        "spec.placement", "spec.hosts", "spec.receivers", "spec.rawReceivers", "spec.report", "spec.kafka",
        "spec.deletionPolicy", "spec.cassandra.replication",
    ]  # fmt: skip


def test_what_kubectl_adds_is_let_pass() -> None:
    given = manifest() | {"status": {"observedGeneration": 3}}
    given["metadata"] |= {
        "namespace": "a",
        "uid": "x",
        "generation": 2,
        "managedFields": [{}],
        "annotations": {"a": "b"},
    }
    assert without_effect(TrackingTenant.model_validate(given)) == []


def test_a_registration_holds_what_the_tenant_service_needs() -> None:
    resource = str(uuid.UUID(int=9, version=4))
    tenant = parsed(
        limits={"eventsPerSecond": 500},
        cassandra={"retention": "100d"},
        sites=[
            {"name": "shop", "resourceId": resource, "domains": ["shop.example"], "timeZone": "Asia/Tokyo",
             "limits": {"eventsPerSecond": 5}, "goals": [{"name": "order", "event": "purchase"}]},
            {"name": "blog"},
        ],
    )  # fmt: skip
    assert registration(tenant).model_dump(mode="json", by_alias=True) == {
        "tenantId": "acme",
        "placement": "Pooled",
        "retentionDays": 100,
        "limits": {"eventsPerSecond": 500},
        "sites": [
            {"name": "shop", "resourceId": resource, "domains": ["shop.example"], "timeZone": "Asia/Tokyo",
             "limits": {"eventsPerSecond": 5}, "goals": [{"name": "order", "event": "purchase"}]},
            {"name": "blog", "resourceId": None, "domains": [], "timeZone": "UTC",
             "limits": {"eventsPerSecond": None}, "goals": []},
        ],
    }  # fmt: skip
    assert resource_of(tenant.guid, tenant.spec.sites[1]) == default_resource_id(wire_guid("acme"), "blog")


def test_a_registration_survives_the_wire() -> None:
    body = registration(parsed(sites=[{"name": "shop", "goals": [{"name": "order", "event": "purchase"}]}]))
    assert Registration.model_validate_json(body.model_dump_json(by_alias=True)) == body


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"tenantId": "Acme"}, "spec.tenantId"),
        ({"tenantId": "ac"}, "spec.tenantId"),
        ({"tenantId": "a" * 33}, "spec.tenantId"),
        ({"tenantId": "acme-"}, "spec.tenantId"),
        ({"tenantId": "00000000-0000-0000-0000-000000000000"}, "spec.tenantId"),
        ({"tenantId": 7}, "spec.tenantId"),
        ({"placement": "Shared"}, "spec.placement"),
        ({"hosts": ["a", "a"]}, "spec.hosts[1]"),
        ({"hosts": ["A"]}, "spec.hosts[0]"),
        ({"kafka": {"partitions": 12}}, "spec.kafka"),
        ({"cassandra": {"replication": 3}}, "spec.cassandra.replication"),
        ({"report": {"replicas": 2}}, "spec.report"),
        ({"hosts": ["h"] * 9}, "spec.hosts"),
        ({"limits": {"eventsPerSecond": 1.5}}, "spec.limits.eventsPerSecond"),
        ({"limits": {"eventsPerSecond": "5"}}, "spec.limits.eventsPerSecond"),
        ({"cassandra": {"retention": "31d"}}, "spec.cassandra.retention"),
        ({"kafka": {"retention": "7d"}}, "spec.kafka.retention"),
        ({"receivers": {}}, "spec.receivers"),
        ({"receivers": {"replicas": 1, "autoscaling": {"min": 1, "max": 2}}}, "spec.receivers"),
        ({"receivers": {"autoscaling": {"min": 3, "max": 2}}}, "spec.receivers.autoscaling.max"),
        (
            {
                "placement": "Dedicated",
                "rawReceivers": {"autoscaling": {"min": 1, "max": 13}},
                "kafka": {"partitions": 12},
            },
            "spec.rawReceivers.autoscaling.max",
        ),
        (
            {"placement": "Dedicated", "rawReceivers": {"replicas": 13}, "kafka": {"partitions": 12}},
            "spec.rawReceivers.replicas",
        ),
        ({"deletionPolicy": "Forget"}, "spec.deletionPolicy"),
        ({"sites": [{"name": "a"}, {"name": "a"}]}, "spec.sites[1].name"),
        ({"sites": [{"name": ""}]}, "spec.sites[0].name"),
        ({"sites": [{"name": "a\nb"}]}, "spec.sites[0].name"),
        ({"sites": [{}]}, "spec.sites[0].name"),
        ({"sites": [{"name": "a", "domains": ["https://a.example"]}]}, "spec.sites[0].domains[0]"),
        ({"sites": [{"name": "a", "domains": ["a"] * 33}]}, "spec.sites[0].domains"),
        ({"sites": [{"name": "a", "timeZone": "../etc/passwd"}]}, "spec.sites[0].timeZone"),
        ({"sites": [{"name": "a", "timeZone": "Europe"}]}, "spec.sites[0].timeZone"),
        ({"sites": [{"name": "a", "resourceId": "x"}]}, "spec.sites[0].resourceId"),
        ({"sites": [{"name": "a", "resourceId": str(uuid.UUID(int=0))}]}, "spec.sites[0].resourceId"),
        ({"sites": [{"name": "a", "resourceId": GUID}, {"name": "b", "resourceId": GUID}]}, "spec.sites[1].resourceId"),
        (
            {"sites": [{"name": "a"}, {"name": "b", "resourceId": str(default_resource_id(wire_guid("acme"), "a"))}]},
            "spec.sites[1].resourceId",
        ),
        ({"sites": [{"name": "a", "goals": [{"name": "g", "event": ""}]}]}, "spec.sites[0].goals[0].event"),
        ({"sites": [{"name": str(number)} for number in range(101)]}, "spec.sites"),
        ({"sitse": []}, "spec.sitse"),
    ],
)
def test_what_is_wrong_is_named(spec: dict[str, Any], field: str) -> None:
    at, message = refused(**spec)
    assert at == field
    assert message.endswith((".", "?"))


def test_a_misspelt_field_is_named_rather_than_the_one_that_is_missing_for_it() -> None:
    given = manifest()
    given["spec"]["placment"] = given["spec"].pop("placement")
    with pytest.raises(ValidationError) as raised:
        TrackingTenant.model_validate(given)
    found = complaint(raised.value, TrackingTenant)
    assert found == (("spec", "placment"), "There is no field placment here; did you mean placement?")


def test_a_field_unlike_any_other_is_answered_with_those_there_are() -> None:
    assert refused(sites=[{"name": "a", "zzz": 1}])[1].endswith(
        "known are name, resourceId, domains, timeZone, limits, goals."
    )
