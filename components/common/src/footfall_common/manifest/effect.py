"""What of a TrackingTenant acts in the standalone process, and how it reaches the tenant service."""

from footfall_common.manifest.tenant import Registration, TrackingTenant
from footfall_common.placement import Placement

_CLUSTER_ONLY = {
    "hosts": "hosts",
    "receivers": "receivers",
    "raw_receivers": "rawReceivers",
    "report": "report",
    "kafka": "kafka",
    "deletion_policy": "deletionPolicy",
}


def without_effect(manifest: TrackingTenant) -> list[str]:
    """Paths of the given fields that only a cluster heeds; one process ignores them."""
    spec = manifest.spec
    named = [f"spec.{alias}" for name, alias in _CLUSTER_ONLY.items() if name in spec.model_fields_set]
    if "replication" in spec.cassandra.model_fields_set:
        named.append("spec.cassandra.replication")
    if spec.placement is Placement.DEDICATED:
        named.insert(0, "spec.placement")
    return named


def registration(manifest: TrackingTenant) -> Registration:
    """The tenant admin API's body; `model_dump_json(by_alias=True)` puts it on the wire."""
    spec = manifest.spec
    return Registration.model_validate(
        {
            "tenantId": spec.tenant_id,
            "placement": spec.placement,
            "retentionDays": int(spec.cassandra.retention.removesuffix("d")),
            "limits": spec.limits,
            "sites": spec.sites,
        }
    )
