"""Everything that a tenant or the platform causes in Kubernetes. Pure: the same resources, the same objects."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from footfall_common.documents import NIL
from footfall_common.manifest.fields import Autoscaling
from footfall_common.manifest.platform import PlatformSpec, TrackingPlatform
from footfall_common.manifest.tenant import Scaling, TrackingTenant, resource_of
from footfall_common.placement import Placement, names
from footfall_common.snippet import fill
from footfall_operator.desired.around import (
    autoscaler,
    disruption_budget,
    network_policy,
    service,
    service_account,
)
from footfall_operator.desired.owner import Body, Owner
from footfall_operator.desired.parts import PORT, TRAITS, Part
from footfall_operator.desired.pods import deployment
from footfall_operator.resources import PULLED

POOL = "footfall"
"""Begins the names of what all Pooled tenants share, in the operator's namespace."""
_RECEIVERS = 2
_RAW_RECEIVERS = 1
_REPORTS = 2


@dataclass(frozen=True, slots=True)
class Wishes:
    """`objects` but for Secrets; `replicas` by Deployment, where no autoscaler sets them.

    `woken` = likewise where one does: how many there are to be where somebody set 0, at which an autoscaler sleeps.
    """

    objects: tuple[Body, ...] = ()
    secrets: tuple[Body, ...] = ()
    replicas: Mapping[str, int] = field(default_factory=dict)
    woken: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a tenant's services are reached."""

    receiver: str
    report: str
    tenant: str
    identity: str


@dataclass(frozen=True, slots=True)
class Given:
    """What a tenant's objects are made from beside the tenant.

    `system` = the operator's own namespace, where the platform's workloads are; `pulls` = its pull Secrets; `snippet` =
    the template of what is pasted into pages.
    """

    platform: PlatformSpec
    system: str
    snippet: str
    pulls: Sequence[Body] = ()


def of_tenant(tenant: TrackingTenant, reference: Mapping[str, Any], given: Given) -> Wishes:
    """`reference` = the owner reference to it."""
    namespace = tenant.metadata.namespace or "default"
    spec, platform = tenant.spec, given.platform
    owner = Owner(
        tenant.metadata.name, namespace, reference, names(tenant.guid, spec.placement), tenant=tenant.metadata.name
    )
    secret = _secret(owner, tenant, addresses(tenant, platform, given.system), given.snippet)
    if spec.placement is Placement.POOLED:
        return Wishes(secrets=(secret,))
    sizes: dict[Part, int | Autoscaling] = {
        Part.RECEIVER: _size(spec.receivers, _RECEIVERS),
        Part.RAW_RECEIVER: _size(spec.raw_receivers, _RAW_RECEIVERS),
        Part.REPORT: spec.report.replicas if spec.report else _REPORTS,
    }
    copies = tuple(_copy(owner, pull) for pull in given.pulls)
    secret["metadata"]["annotations"] = {PULLED: ",".join(copy["metadata"]["name"] for copy in copies)}
    return Wishes(tuple(_workloads(owner, sizes, platform)), (*copies, secret), *_replicas(owner, sizes))


def _copy(owner: Owner, secret: Body) -> Body:
    return {
        **owner.child("v1", "Secret", owner.pull(secret["metadata"]["name"])),
        "type": secret["type"],
        "data": secret.get("data", {}),
    }


def of_platform(platform: TrackingPlatform, reference: Mapping[str, Any], system: str) -> Wishes:
    """What all tenants share."""
    spec = platform.spec
    owner = Owner(POOL, system, reference, names(NIL, Placement.POOLED))  # its pull Secrets are there already
    sizes: dict[Part, int | Autoscaling] = {
        Part.IDENTITY: 2,
        Part.TENANT: 2,
        Part.RECEIVER: spec.pooled.receivers,
        Part.RAW_RECEIVER: spec.pooled.raw_receivers,
        Part.REPORT: spec.pooled.report.replicas,
    }
    return Wishes(tuple(_workloads(owner, sizes, spec)), (), *_replicas(owner, sizes))


def addresses(tenant: TrackingTenant, platform: PlatformSpec, system: str) -> Addresses:
    """By its first host where it has one, else inside the cluster."""
    dedicated = tenant.spec.placement is Placement.DEDICATED
    name, namespace = (tenant.metadata.name, tenant.metadata.namespace) if dedicated else (POOL, system)
    receiver, report = (f"http://{name}-{part.value}.{namespace}.svc:{PORT}" for part in (Part.RECEIVER, Part.REPORT))
    if tenant.spec.hosts:
        receiver = report = f"https://{tenant.spec.hosts[0]}"
    return Addresses(receiver, report, platform.endpoints.tenant, platform.endpoints.identity)


def _size(scaling: Scaling | None, otherwise: int) -> int | Autoscaling:
    return (scaling.autoscaling or scaling.replicas or otherwise) if scaling else otherwise


def _replicas(owner: Owner, sizes: Mapping[Part, int | Autoscaling]) -> tuple[dict[str, int], dict[str, int]]:
    fixed = {owner.named(part): size for part, size in sizes.items() if isinstance(size, int)}
    woken = {owner.named(part): size.min for part, size in sizes.items() if isinstance(size, Autoscaling)}
    return fixed, woken


def _workloads(owner: Owner, sizes: Mapping[Part, int | Autoscaling], platform: PlatformSpec) -> Iterator[Body]:
    """In the order in which they are made: who may speak to whom stands before anyone can speak."""
    yield network_policy(owner, tuple(sizes), platform.network)
    for part, size in sizes.items():
        yield service_account(owner, part)
        if TRAITS[part].served:
            yield service(owner, part)
        yield disruption_budget(owner, part)
        if isinstance(size, Autoscaling):  # before the Deployment: it must not start with one replica first
            yield autoscaler(owner, part, size)
        yield deployment(owner, part, platform)


def _secret(owner: Owner, tenant: TrackingTenant, found: Addresses, snippet: str) -> Body:
    body = owner.child("v1", "Secret", f"{owner.name}-footfall")
    sites = {site.name: str(resource_of(tenant.guid, site)) for site in tenant.spec.sites}
    filled = {
        name: fill(snippet, receiver=found.receiver, tenant=str(tenant.guid), resource=resource)
        for name, resource in sites.items()
    }
    data = {
        "tenant-id": str(tenant.guid),
        "receiver-url": found.receiver,
        "report-url": found.report,
        "tenant-url": found.tenant,
        "identity-url": found.identity,
        "resources.json": json.dumps(sites, sort_keys=True, ensure_ascii=False),
        "snippets.json": json.dumps(filled, sort_keys=True, ensure_ascii=False),
    }
    body["type"] = "Opaque"
    body["data"] = {name: base64.b64encode(value.encode()).decode("ascii") for name, value in data.items()}
    return body
