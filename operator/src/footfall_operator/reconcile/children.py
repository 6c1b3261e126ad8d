"""Makes children what they should be: lists what stands, writes what differs, deletes what nobody wishes any more."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from footfall_operator.cluster import REPLICAS, Body, Cluster, Refused
from footfall_operator.desired.wishes import Wishes
from footfall_operator.drift import drift
from footfall_operator.resources import INSTANCE, MANAGED, WATCHED, Kind, Ref, kind_of, ref_of
from footfall_operator.status import Reason, Said, false, true

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Workload:
    """How far a Deployment is. `wanted` counts as its controller last saw it."""

    name: str
    wanted: int
    ready: int
    settled: bool


class Children:
    """Of tenants and of the platform alike."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def make(self, wishes: Wishes, namespace: str, instance: str, owner: str) -> list[Workload]:
        """All that is wished, and nothing else of that instance; how far its workloads are.

        `owner` = uid of the resource: what another owner has is never deleted. Raises Refused and Unreachable.
        """
        standing = await self._standing(namespace, instance)
        for secret in wishes.secrets:
            await self._secret(secret)
        for body in wishes.objects:
            ref = ref_of(body)
            live = await self._one(body, standing.pop(ref, None))
            if ref.name in wishes.replicas and ref.kind.name == "Deployment":
                await self._replicas(live, wishes.replicas[ref.name])
        for ref, body in standing.items():
            if _owned(body, owner):
                _log.info("child_deleted", kind=ref.kind.name, namespace=namespace, name=ref.name)
                await self._cluster.delete(ref, body["metadata"]["uid"])
        deployments = [body for body in wishes.objects if body["kind"] == "Deployment"]
        return [_workload(await self._cluster.get(ref_of(body)) or body) for body in deployments]

    async def _standing(self, namespace: str, instance: str) -> dict[Ref, Body]:
        """What bears the instance's label, of every kind but Secrets, which may be read by name alone."""
        found: dict[Ref, Body] = {}
        for kind in WATCHED:
            async for body in self._cluster.each(kind, namespace, f"{INSTANCE}={instance}"):
                found[ref_of(body)] = body
        return found

    async def _one(self, body: Body, live: Body | None) -> Body:
        """One whose label was taken away is not in the list, but stands: an apply gives it back."""
        if live is not None:
            found = drift(live, body)
            if not found:
                return live
            _log.info(
                "child_drifted", **_named(body), lacks=found.lacks, foreign=[one.pointer for one in found.foreign]
            )
            if found.foreign:
                await self._cluster.put_back(ref_of(body), found.foreign, live["metadata"]["resourceVersion"])
        else:
            _log.info("child_made", **_named(body))
        return await self._cluster.apply(body)

    async def _secret(self, body: Body) -> None:
        """Never over somebody else's. One of a tenant of this name that was deleted before is ours."""
        live = await self._cluster.get(ref_of(body))
        if live is None:
            await self._cluster.create(body)
            _log.info("child_made", **_named(body))
        elif live["metadata"].get("labels", {}).get(MANAGED) == "true":
            await self._one(body, live)
        else:
            raise Refused(
                409, "NotOurs", f"Secret {body['metadata']['name']} is there and not the operator's: rename it"
            )

    async def _replicas(self, live: Body, wanted: int) -> None:
        """By an owner of its own, so that an autoscaler may become the owner without a moment with none."""
        if live["spec"].get("replicas") != wanted:
            meta = {name: live["metadata"][name] for name in ("name", "namespace", "uid")}
            body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"replicas": wanted}}
            await self._cluster.apply(body, manager=REPLICAS)


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


def _owned(body: Mapping[str, Any], owner: str) -> bool:
    references: Iterable[Mapping[str, Any]] = body["metadata"].get("ownerReferences", ())
    return any(one["uid"] == owner for one in references)


def _named(body: Mapping[str, Any]) -> dict[str, str]:
    kind: Kind = kind_of(body)
    return {"kind": kind.name, "namespace": body["metadata"]["namespace"], "name": body["metadata"]["name"]}


def _workload(body: Mapping[str, Any]) -> Workload:
    status = body.get("status", {})
    wanted = body["spec"].get("replicas", 1)
    ready = status.get("readyReplicas", 0)
    seen = status.get("observedGeneration", 0) >= body["metadata"].get("generation", 1)
    settled = seen and ready >= wanted and status.get("updatedReplicas", 0) >= wanted
    return Workload(body["metadata"]["name"], wanted, ready, settled)
