"""A tenant's pass."""

from typing import Final

from footfall_common.manifest import TrackingTenant
from footfall_common.manifest.platform import Tenancy, TrackingPlatform
from footfall_common.placement import Placement, names
from footfall_operator.cluster import Body, Changed, Cluster, Refused, Unreachable
from footfall_operator.desired.owner import reference
from footfall_operator.desired.wishes import Given, of_tenant
from footfall_operator.reconcile.children import Children
from footfall_operator.reconcile.claims import Claims, Held, of_host
from footfall_operator.reconcile.ground import Ground
from footfall_operator.reconcile.obstacles import Stalled, readable, stalled_by
from footfall_operator.reconcile.report import Reporter
from footfall_operator.reconcile.tenant_status import found, made, stalled, unanswered, waits
from footfall_operator.reconcile.workloads import Workload
from footfall_operator.resources import FINALIZER, SECRET, Ref, ref_of
from footfall_operator.status import Reason, Said, true

PAUSED: Final = "footfall.dev/paused"
"""Annotation that stops all writes but the status while it is `true`."""
SILENT: Final = 3
"""Tries in a row without an answer after which the tenant's owner is told."""


class Tenants:
    """`system` = the operator's namespace, `snippet` = the template of what is pasted into pages."""

    def __init__(
        self,
        cluster: Cluster,
        children: Children,
        claims: Claims,
        reporter: Reporter,
        ground: Ground,
        system: str,
        snippet: str,
    ) -> None:
        self._cluster = cluster
        self._children = children
        self._claims = claims
        self._reporter = reporter
        self._ground = ground
        self._system = system
        self._snippet = snippet

    async def look(self, resource: Body, held: set[str], failures: int) -> None:
        """One pass over a tenant that is not being deleted. Raises Unreachable, Changed, Refused: to be tried again.

        `held` = the names of all claims that are known to be its own; `failures` = how often that was raised in a row.
        """
        try:
            await self._look(resource, held)
        except Unreachable as error:
            if failures >= SILENT and not error.busy:
                await self._unanswered(resource, str(error))
            raise

    async def _look(self, resource: Body, held: set[str]) -> None:
        if resource["metadata"].get("annotations", {}).get(PAUSED) == "true":
            await self._say(resource, [true("Paused", Reason.PAUSED, f"by the annotation {PAUSED}")], keep=True)
            return
        installed = self._ground.installation
        if installed.platform is None:
            await self._say(resource, waits(installed.reason, installed.message))
            return
        try:
            tenant = readable(resource, self._system)
            workloads = await self._made(resource, tenant, installed.platform, held)
        except Stalled as error:
            await self._say(resource, stalled(error.reason, str(error)))
            if error.refused:
                raise error.refused from error
            return
        where = found(tenant, installed.platform.spec, self._system, workloads)
        await self._reporter.say(resource, made(workloads), where)

    def stands(self, resource: Body, held: set[str]) -> bool:
        """Whether a pass would change nothing, but for what it alone can see: the Secret. Claims are the caller's.

        Of Pooled tenants; what a Dedicated one stands on is told by a pass alone.
        """
        installed, meta = self._ground.installation, resource["metadata"]
        dedicated = resource["spec"]["placement"] != Placement.POOLED.value
        ends = "deletionTimestamp" in meta or FINALIZER not in meta.get("finalizers", ())
        if installed.platform is None or dedicated or ends or meta.get("annotations", {}).get(PAUSED) == "true":
            return False
        try:
            tenant = readable(resource, self._system)
        except Stalled:
            return False
        wished = {str(tenant.guid), *map(of_host, tenant.spec.hosts)}
        where = found(tenant, installed.platform.spec, self._system, ())
        return wished == held and self._reporter.stands(resource, made(()), where)

    async def _made(
        self, resource: Body, tenant: TrackingTenant, platform: TrackingPlatform, held: set[str]
    ) -> list[Workload]:
        meta = resource["metadata"]
        namespace, name = meta["namespace"], meta["name"]
        own = names(tenant.guid, tenant.spec.placement) if tenant.spec.placement is Placement.DEDICATED else None
        key = ref_of(resource)
        self._within(key, tenant, platform.spec.tenancy)
        try:
            pulls = await self._pull_secrets(platform) if own else []
            given = Given(platform.spec, self._system, self._snippet, pulls)
            wishes = of_tenant(tenant, reference(resource), given)
            if FINALIZER not in meta.get("finalizers", ()):
                # Before anything is held: a namespace that nobody opened takes no id from those that are.
                await self._cluster.may_create(wishes.secrets[-1])
                await self._finalizer(resource)
            await self._claims.hold(tenant.guid, namespace, name, own)
            held.add(str(tenant.guid))
            await self._claims.hold_hosts(tenant.spec.hosts, namespace, name, held)
            return await self._children.make(wishes, namespace, name, meta["uid"])
        except Held as error:
            raise Stalled(Reason.CLAIMED_BY_ANOTHER, str(error)) from error
        except Refused as refused:
            if isinstance(refused, Changed):
                raise
            raise stalled_by(refused, namespace, self._system) from refused
        finally:
            if FINALIZER not in resource["metadata"].get("finalizers", ()):
                self._ground.unmake(key)

    def _within(self, key: Ref, tenant: TrackingTenant, tenancy: Tenancy) -> None:
        """Those that were made go on: a bound that is lowered takes nothing away."""
        placement = tenant.spec.placement
        most = tenancy.max_dedicated if placement is Placement.DEDICATED else tenancy.max_pooled
        if not self._ground.is_made(key) and self._ground.count(placement) >= most:
            raise Stalled(
                Reason.TOO_MANY_TENANTS,
                f"the platform's tenancy.max{placement.value} is {most}, and there are as many: raise it",
            )
        self._ground.make(key, placement)  # at once: the next worker counts it

    async def _pull_secrets(self, platform: TrackingPlatform) -> list[Body]:
        pulls = []
        for name in platform.spec.images.pull_secrets:
            secret = await self._cluster.get(Ref(SECRET, self._system, name))
            if secret is None:
                message = f"the platform's images.pullSecrets names {name}, which is not in {self._system}"
                raise Stalled(Reason.PULL_SECRET_MISSING, message)
            pulls.append(secret)
        return pulls

    async def _finalizer(self, resource: Body) -> None:
        meta = resource["metadata"]
        body: Body = {
            "metadata": {
                "resourceVersion": meta["resourceVersion"],
                "finalizers": [*meta.get("finalizers", ()), FINALIZER],
            }
        }
        changed = await self._cluster.merge(ref_of(resource), body)
        resource["metadata"] = changed["metadata"]

    async def _unanswered(self, resource: Body, message: str) -> None:
        """Once: what differs from try to try is no reason to write."""
        before = resource.get("status", {}).get("conditions", ())
        generation = resource["metadata"]["generation"]
        if not any((one["reason"], one["observedGeneration"]) == (Reason.NO_ANSWER, generation) for one in before):
            await self._say(resource, unanswered(message, before), keep=True)

    async def _say(self, resource: Body, said: list[Said], *, keep: bool = False) -> None:
        """Without having looked at children: what is known of them stands.

        `keep` = also of the other conditions, but for reasons that only another version knows.
        """
        before = resource.get("status", {})
        more = {name: before[name] for name in ("claim", "secret", "urls", "receivers") if name in before}
        if keep:
            told = {one.type for one in said}
            said += [
                Said(one["type"], one["status"], Reason(one["reason"]), one["message"])
                for one in before.get("conditions", ())
                if one["type"] not in told and one["reason"] in set(Reason)
            ]
        await self._reporter.say(resource, said, more)
