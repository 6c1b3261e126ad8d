"""How far Deployments are, and what a resource says of it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from footfall_operator.status import Reason, Said, false, true


@dataclass(frozen=True, slots=True)
class Workload:
    """How far a Deployment is. `wanted` counts as its controller last saw it."""

    name: str
    wanted: int
    ready: int
    settled: bool


def workload(body: Mapping[str, Any]) -> Workload:
    """Of a Deployment as it stands."""
    status = body.get("status", {})
    wanted = body["spec"].get("replicas", 1)
    seen = status.get("observedGeneration", 0) >= body["metadata"].get("generation", 1)
    # Pods of before count as ready too: only when there are none of them left has the rollout ended.
    new = status.get("updatedReplicas", 0)
    settled = seen and new == status.get("replicas", 0) and status.get("availableReplicas", 0) >= wanted > 0
    return Workload(body["metadata"]["name"], wanted, status.get("readyReplicas", 0), settled)


def told(workloads: Sequence[Workload]) -> list[Said]:
    """What a resource says of its children when all that is wished stands."""
    waiting = [one for one in workloads if not one.settled]
    slow = ", ".join(f"{one.name} {one.ready}/{one.wanted}" for one in waiting)
    return [
        true("Synced", Reason.AS_DESIRED),
        false("Stalled", Reason.NOT_STALLED),
        false("WorkloadsReady", Reason.ROLLING_OUT, slow) if waiting else true("WorkloadsReady", Reason.READY),
        true("Reconciling", Reason.ROLLING_OUT, slow) if waiting else false("Reconciling", Reason.AS_DESIRED),
        false("Ready", Reason.ROLLING_OUT, slow) if waiting else true("Ready", Reason.READY),
    ]
