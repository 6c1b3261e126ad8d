"""Makes children what they should be: lists what stands, writes what differs, deletes what nobody wishes any more."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import structlog

from footfall_operator.cluster import REPLICAS, Body, Changed, Cluster, Refused
from footfall_operator.desired.owner import copy_of
from footfall_operator.desired.wishes import Wishes
from footfall_operator.drift import Drift, drift
from footfall_operator.reconcile.workloads import Workload, workload
from footfall_operator.resources import INSTANCE, MANAGED, PULLED, SECRET, WATCHED, Kind, Ref, kind_of, ref_of

OVERRULED: Final = "Overruled"
"""Reason of a Refused: it stands, but not as it was asked for."""
_log = structlog.stdlib.get_logger(__name__)


class Children:
    """Of tenants and of the platform alike."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def make(self, wishes: Wishes, namespace: str, instance: str, owner: str) -> list[Workload]:
        """All that is wished, and nothing else of that instance; how far its workloads are.

        `owner` = uid of the resource: what another owner has is never deleted. Raises Refused and Unreachable.
        """
        # Who wishes for none never had any: a placement cannot be changed.
        standing = await self._standing(namespace, instance) if wishes.objects else {}
        for secret in wishes.secrets:
            await self._secret(secret, owner)
        workloads = []
        for body in wishes.objects:
            ref = ref_of(body)
            live = await self._one(body, standing.pop(ref, None))
            if ref.kind.name == "Deployment":
                live = await self._replicas(live, wishes.replicas.get(ref.name))
                workloads.append(workload(await self._woken(live, wishes.woken.get(ref.name))))
        for ref, body in standing.items():
            if _owned(body, owner):
                _log.info("child_deleted", kind=ref.kind.name, namespace=namespace, name=ref.name)
                await self._cluster.delete(ref, body["metadata"]["uid"])
        return workloads

    async def _standing(self, namespace: str, instance: str) -> dict[Ref, Body]:
        """What bears the instance's label, of every kind but Secrets, which may be read by name alone."""
        found: dict[Ref, Body] = {}
        for kind in WATCHED:
            async for body in self._cluster.each(kind, namespace, f"{INSTANCE}={instance}"):
                found[ref_of(body)] = body
        return found

    async def _one(self, body: Body, live: Body | None) -> Body:
        """One that is not in the list may stand all the same: its label was taken away, or it is somebody else's."""
        if live is None and (live := await self._cluster.get(ref_of(body))) is not None:
            _refuse_foreign(live, body)
        if live is None:
            _log.info("child_made", **_named(body))
            return _as_asked(await self._cluster.apply(body), body)
        if not (found := drift(live, body)):
            return live
        foreign = [one.pointer for one in found.foreign]
        _log.info("child_drifted", **_named(body), lacks=found.lacks, foreign=foreign)
        if found.foreign:
            await self._put_back(live, body, found)
        return _as_asked(await self._cluster.apply(body), body, found)

    async def _put_back(self, live: Body, body: Body, found: Drift) -> None:
        """Looked at once more where somebody wrote since we did: a controller its status, most often."""
        ref = ref_of(body)
        try:
            await self._cluster.put_back(ref, found.foreign, live["metadata"]["resourceVersion"])
        except Changed:
            if (now := await self._cluster.get(ref)) is None:
                raise
            if foreign := drift(now, body).foreign:
                await self._cluster.put_back(ref, foreign, now["metadata"]["resourceVersion"])

    async def _secret(self, body: Body, owner: str) -> None:
        """Created before it is applied: a Secret that somebody else made meanwhile is not overwritten."""
        live = await self._cluster.get(ref_of(body))
        if live is None:
            await self._cluster.create(body)
            _log.info("child_made", **_named(body))
        else:
            _refuse_foreign(live, body)
            tenant = body["metadata"]["labels"][INSTANCE]
            for name in _copies(live, tenant) - _copies(body, tenant):
                await self._prune(Ref(SECRET, body["metadata"]["namespace"], name), owner)
            await self._one(body, live)

    async def _prune(self, ref: Ref, owner: str) -> None:
        live = await self._cluster.get(ref)
        if live is not None and _owned(live, owner):
            _log.info("child_deleted", **_named(live))
            await self._cluster.delete(ref, live["metadata"]["uid"])

    async def _replicas(self, live: Body, wanted: int | None) -> Body:
        """By an owner of its own, so that an autoscaler may become the owner without a moment with none."""
        if wanted is None or live["spec"].get("replicas") == wanted:
            return live
        meta = {name: live["metadata"][name] for name in ("name", "namespace", "uid")}
        body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"replicas": wanted}}
        return await self._cluster.apply(body, manager=REPLICAS)

    async def _woken(self, live: Body, wanted: int | None) -> Body:
        """Once, and no owner of it: what an autoscaler sets is its own."""
        if wanted is None or live["spec"].get("replicas", 1):
            return live
        _log.info("autoscaler_woken", **_named(live))
        return await self._cluster.merge(ref_of(live), {"spec": {"replicas": wanted}})


def _as_asked(live: Body, wished: Body, before: Drift | None = None) -> Body:
    """What came back from the API server. It is said, and not fought, where a webhook has other wishes.

    `before` = what differed when we looked. Raises Changed where it is something else now: somebody wrote meanwhile.
    """
    if not (found := drift(live, wished)):
        return live
    places = ", ".join([*found.lacks, *(one.pointer for one in found.foreign)])
    what = f"{wished['kind']} {wished['metadata']['name']}"
    if before and found != before:
        raise Changed(409, "Overtaken", f"{what}: somebody wrote meanwhile, at {places}")
    raise Refused(409, OVERRULED, f"{what}: what was asked for was changed on its way in, at {places}")


def _refuse_foreign(live: Body, wished: Body) -> None:
    """Ours is what our resource owns, or what bears our labels: of a tenant of this name that was deleted, too."""
    labels = live["metadata"].get("labels", {})
    bears = labels.get(MANAGED) == "true" and labels.get(INSTANCE) == wished["metadata"]["labels"][INSTANCE]
    if not bears and not _owned(live, wished["metadata"]["ownerReferences"][0]["uid"]):
        what = f"{wished['kind']} {wished['metadata']['name']}"
        raise Refused(409, "NotOurs", f"{what} is there and not this resource's: rename or remove it")


def _owned(body: Mapping[str, Any], owner: str) -> bool:
    references: Iterable[Mapping[str, Any]] = body["metadata"].get("ownerReferences", ())
    return any(one["uid"] == owner for one in references)


def _copies(secret: Mapping[str, Any], of: str) -> set[str]:
    """Copies of pull Secrets that it says were made for that tenant; other names are somebody else's words."""
    named: str = secret["metadata"].get("annotations", {}).get(PULLED, "")
    return {name for name in named.split(",") if name.startswith(copy_of(of, ""))}


def _named(body: Mapping[str, Any]) -> dict[str, str]:
    kind: Kind = kind_of(body)
    return {"kind": kind.name, "namespace": body["metadata"]["namespace"], "name": body["metadata"]["name"]}
