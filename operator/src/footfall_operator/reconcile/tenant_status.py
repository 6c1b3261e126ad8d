"""What is said of a tenant. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from footfall_common.manifest import TrackingTenant
from footfall_common.manifest.platform import PlatformSpec
from footfall_operator.cluster import Body
from footfall_operator.desired.parts import Part
from footfall_operator.desired.wishes import addresses
from footfall_operator.reconcile.workloads import Workload, told
from footfall_operator.resources import INSTANCE
from footfall_operator.status import Reason, Said, false, true


def waits(reason: Reason, message: str) -> list[Said]:
    """For a platform that can be read."""
    return [
        false("PlatformReady", reason, message),
        false("Ready", Reason.WAITING, "for the TrackingPlatform"),
        true("Reconciling", Reason.WAITING, "for the TrackingPlatform"),
        false("Stalled", Reason.NOT_STALLED),
    ]


def stalled(reason: Reason, message: str) -> list[Said]:
    """Until somebody changes something."""
    said = [
        true("PlatformReady", Reason.PLATFORM_VALID),
        false("Ready", reason, message),
        true("Stalled", reason, message),
        false("Synced", reason, message),
        false("Reconciling", reason),
    ]
    return [*said, false("Claimed", reason, message)] if reason is Reason.CLAIMED_BY_ANOTHER else said


def unanswered(message: str, before: Iterable[Mapping[str, Any]]) -> list[Said]:
    """What worked goes on working; what is wished now does not stand yet. Its words may differ at each try."""
    said = [
        false("Synced", Reason.NO_ANSWER, message),
        true("Reconciling", Reason.NO_ANSWER, message),
        false("Stalled", Reason.NOT_STALLED),
    ]
    ever = any(one["type"] == "Ready" for one in before)
    return said if ever else [*said, false("Ready", Reason.NO_ANSWER, message)]


def made(workloads: Sequence[Workload]) -> list[Said]:
    """All that is wished is there."""
    return [true("PlatformReady", Reason.PLATFORM_VALID), true("Claimed", Reason.CLAIMED), *told(workloads)]


def found(tenant: TrackingTenant, platform: PlatformSpec, system: str, workloads: Sequence[Workload]) -> Body:
    """Where it is reached, and what `kubectl scale` reads."""
    urls = addresses(tenant, platform, system)
    name = tenant.metadata.name
    status: Body = {
        "claim": str(tenant.guid),
        "secret": f"{name}-footfall",
        "urls": {"receiver": urls.receiver, "report": urls.report, "tenant": urls.tenant, "identity": urls.identity},
    }
    receiver = f"{name}-{Part.RECEIVER.value}"
    for one in workloads:
        if one.name == receiver:
            selector = f"{INSTANCE}={name},app.kubernetes.io/component={Part.RECEIVER.value}"
            status["receivers"] = {"replicas": one.wanted, "ready": one.ready, "selector": selector}
    return status
