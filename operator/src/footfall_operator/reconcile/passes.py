"""Which pass a key gets, and what comes after it."""

from typing import Final

import structlog

from footfall_operator.cluster import Changed, Cluster, Refused, Unreachable
from footfall_operator.lease import Fenced
from footfall_operator.metrics import Metrics
from footfall_operator.queue import Queue
from footfall_operator.reconcile.deletion import Deletion
from footfall_operator.reconcile.ground import installation
from footfall_operator.reconcile.hints import THE_PLATFORM, Hints
from footfall_operator.reconcile.listing import Listing
from footfall_operator.reconcile.platforms import Platforms
from footfall_operator.reconcile.tenants import Tenants
from footfall_operator.resources import Ref

_OUTCOMES: Final = {Changed: "overtaken", Refused: "refused", Unreachable: "unreachable", Fenced: "fenced"}
_log = structlog.stdlib.get_logger(__name__)


class Passes:
    """Works the queue."""

    def __init__(
        self,
        cluster: Cluster,
        queue: Queue[Ref],
        hints: Hints,
        listing: Listing,
        platforms: Platforms,
        tenants: Tenants,
        deletion: Deletion,
        metrics: Metrics,
    ) -> None:
        self._cluster = cluster
        self._queue = queue
        self._known = hints.known
        self._hints = hints
        self._listing = listing
        self._platforms = platforms
        self._tenants = tenants
        self._deletion = deletion
        self._metrics = metrics

    async def work(self) -> None:
        """One worker: takes keys until it is cancelled. What the fence stops waits: the lease comes back, or we end."""
        while True:
            key = await self._queue.take()
            try:
                with self._metrics.timed(key):
                    again = await (self._platform() if key == THE_PLATFORM else self._tenant(key))
            except Exception as error:  # noqa: BLE001 - one resource that breaks us must not stop the others
                self._failed(key, error)
            else:
                self._metrics.ended(key, "done")
                self._queue.done(key, again=again)

    def _failed(self, key: Ref, error: Exception) -> None:
        outcome = next((name for kind, name in _OUTCOMES.items() if isinstance(error, kind)), "broken")
        self._metrics.ended(key, outcome)
        if outcome == "broken":
            _log.error("pass_broken", key=key.path, exc_info=error)
        else:
            _log.warning("pass_failed", key=key.path, outcome=outcome, reason=str(error))
        self._queue.failed(key, after=error.after if isinstance(error, Unreachable) else 0.0)

    async def _platform(self) -> float:
        """A change of what tenants stand on is a reason to look at each."""
        resource = await self._cluster.get(THE_PLATFORM)
        installed = installation(resource)
        if self._known.stand_on(resource, installed):
            self._hints.all_tenants()
        await self._listing.again()
        if resource is not None:
            await self._platforms.look(resource, installed)
            self._known.looked_at(resource)
        return self._hints.period()

    async def _tenant(self, key: Ref) -> float | None:
        resource = await self._cluster.get(key)
        if resource is None:
            await self._deletion.vanished(str(key.namespace), key.name, self._known.claims[key])
            self._metrics.forget(key)
            self._hints.gone(key)
            return None
        held = self._known.claims[key]
        if "deletionTimestamp" in resource["metadata"]:
            return await self._deletion.finish(resource, held)
        await self._tenants.look(resource, held)
        self._known.looked_at(resource)
        return self._hints.period()
