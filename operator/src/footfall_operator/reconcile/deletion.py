"""The end of a tenant: its pods, then its claims, then our finalizer; bounded, so that no namespace ever hangs."""

import datetime as dt
from collections.abc import Callable
from typing import Final

import structlog

from footfall_common.tenancy import wire_guid
from footfall_operator.cluster import Body, Cluster, Refused, Unreachable
from footfall_operator.reconcile.claims import Claims, of_host
from footfall_operator.resources import FINALIZER, INSTANCE, POD, WATCHED, ref_of

CONFIRM: Final = "footfall.dev/confirm-delete"
"""Annotation that holds the resource's uid: without it, even the policy Delete keeps data."""
PODS_SECONDS: Final = 120.0
AGAIN_SECONDS: Final = 2.0
_FORBIDDEN, _NOT_FOUND = 403, 404
_log = structlog.stdlib.get_logger(__name__)


class Deletion:
    """`now` is the time of day, in UTC."""

    def __init__(self, cluster: Cluster, claims: Claims, now: Callable[[], dt.datetime]) -> None:
        self._cluster = cluster
        self._claims = claims
        self._now = now

    async def finish(self, resource: Body, held: set[str]) -> float | None:
        """One pass over a tenant that is being deleted; seconds until the next is due, None once it is over.

        `held` = the names of all claims that are known to be its own.
        """
        meta = resource["metadata"]
        if FINALIZER not in meta.get("finalizers", ()):
            return None
        began = dt.datetime.fromisoformat(meta["deletionTimestamp"])
        late = (self._now() - began).total_seconds() >= PODS_SECONDS
        try:
            if await self._under_way(meta["namespace"], meta["name"]) and not late:
                return AGAIN_SECONDS
        except (Refused, Unreachable) as error:
            if not late:
                raise
            _log.warning("workloads_left", namespace=meta["namespace"], name=meta["name"], reason=str(error))
        await self._hand_over(resource, held)
        await self._let_go(resource)
        return None

    async def vanished(self, namespace: str, name: str, held: set[str]) -> None:
        """One that is gone without its finalizer, by a restore or another's hand: what it held is retained."""
        await self._claims.abandoned(namespace, name, held)

    async def _under_way(self, namespace: str, name: str) -> bool:
        """End its workloads; whether pods are left."""
        await self._end_workloads(namespace, name)
        return await self._pods(namespace, name)

    async def _end_workloads(self, namespace: str, name: str) -> None:
        """Before the owner is gone, since the garbage collector begins only then."""
        deployments = next(kind for kind in WATCHED if kind.name == "Deployment")
        async for body in self._cluster.each(deployments, namespace, f"{INSTANCE}={name}"):
            if "deletionTimestamp" in body["metadata"]:
                continue
            try:
                await self._cluster.delete(ref_of(body), body["metadata"]["uid"])
            except Refused as refused:
                # A namespace that ends has no RoleBinding any more, and ends its Deployments itself; in one that
                # was closed to us, whoever closed it ends them.
                if refused.status != _FORBIDDEN:
                    raise

    async def _pods(self, namespace: str, name: str) -> bool:
        async for _ in self._cluster.each(POD, namespace, f"{INSTANCE}={name}"):
            return True
        return False

    async def _hand_over(self, resource: Body, held: set[str]) -> None:
        """From here on, what is outside Kubernetes is the claim's to keep or to end."""
        meta, spec = resource["metadata"], resource["spec"]
        confirmed = meta.get("annotations", {}).get(CONFIRM) == meta["uid"]
        purge = spec.get("deletionPolicy") == "Delete" and confirmed
        guid = wire_guid(spec["tenantId"])
        if not purge:
            await self._claims.retain(guid, meta["namespace"], meta["name"])
        held |= {of_host(host) for host in spec.get("hosts", ())}
        await self._claims.release(guid, meta["namespace"], meta["name"], held, purge=purge)
        _log.info("tenant_deleted", namespace=meta["namespace"], name=meta["name"], purged=purge)

    async def _let_go(self, resource: Body) -> None:
        meta = resource["metadata"]
        kept = [one for one in meta["finalizers"] if one != FINALIZER]
        body: Body = {"metadata": {"resourceVersion": meta["resourceVersion"], "finalizers": kept}}
        try:
            await self._cluster.merge(ref_of(resource), body)
        except Refused as refused:
            if refused.status != _NOT_FOUND:
                raise
