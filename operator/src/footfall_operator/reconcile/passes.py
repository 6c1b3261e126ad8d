"""Which pass a key gets, and what comes after it."""

from collections.abc import Callable

from footfall_operator.cluster import Cluster
from footfall_operator.metrics import Metrics
from footfall_operator.reconcile.deletion import Deletion
from footfall_operator.reconcile.ground import installation
from footfall_operator.reconcile.hints import THE_PLATFORM, Hints
from footfall_operator.reconcile.listing import Listing
from footfall_operator.reconcile.platforms import Platforms
from footfall_operator.reconcile.tenants import Tenants
from footfall_operator.resources import Ref


class Passes:
    """Of the platform and of tenants. `failures` = how often a key's pass failed in a row."""

    def __init__(
        self,
        cluster: Cluster,
        hints: Hints,
        listing: Listing,
        platforms: Platforms,
        tenants: Tenants,
        deletion: Deletion,
        metrics: Metrics,
        failures: Callable[[Ref], int],
    ) -> None:
        self._cluster = cluster
        self._known = hints.known
        self._hints = hints
        self._listing = listing
        self._platforms = platforms
        self._tenants = tenants
        self._deletion = deletion
        self._metrics = metrics
        self._failures = failures

    async def look(self, key: Ref) -> float | None:
        """The pass of that key; seconds until its next, None where there is none to come."""
        return await (self._platform() if key == THE_PLATFORM else self._tenant(key))

    async def _platform(self) -> float:
        """A change of what tenants stand on is a reason to look at each."""
        resource = await self._cluster.get(THE_PLATFORM)
        installed = installation(resource)
        if self._known.stand_on(resource, installed):
            self._hints.all_tenants()
        await self._listing.again()
        if resource is not None:
            try:
                await self._platforms.look(resource, installed)
            finally:
                self._known.looked_at(resource)
        return min(self._hints.period(), self._listing.due_in())

    async def _tenant(self, key: Ref) -> float | None:
        resource = await self._cluster.get(key)
        if resource is None:
            await self._deletion.vanished(str(key.namespace), key.name, self._known.claims[key])
            self._metrics.forget(key)
            self._hints.gone(key)
            return None
        self._hints.met(key)
        held = self._known.claims[key]
        if "deletionTimestamp" in resource["metadata"]:
            return await self._deletion.finish(resource, held)
        try:
            await self._tenants.look(resource, held, self._failures(key))
        finally:
            self._known.looked_at(resource)
        return self._hints.period()
