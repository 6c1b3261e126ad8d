"""Which pass a key gets, what comes after it, and the resync that gives every key one."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog

from footfall_common.placement import Placement
from footfall_operator.cluster import Body, Changed, Cluster, Refused, Unreachable
from footfall_operator.lease import Fenced
from footfall_operator.metrics import Metrics
from footfall_operator.queue import LONGEST, Queue, Urgency
from footfall_operator.reconcile.deletion import Deletion
from footfall_operator.reconcile.platforms import MISSING, Platforms
from footfall_operator.reconcile.tenants import Installation, Tenants
from footfall_operator.resources import CLAIM, FINALIZER, PLATFORM, PLATFORM_NAME, TENANTS, Ref, ref_of

FIRST_SECONDS: Final = 0.5
COUNT_SECONDS: Final = 1.0
"""After which the platform says how many tenants there are: a thousand that come at once are counted once."""
THE_PLATFORM: Final = Ref(PLATFORM, None, PLATFORM_NAME)
_OUTCOMES: Final = {Changed: "overtaken", Refused: "refused", Unreachable: "unreachable", Fenced: "fenced"}
_log = structlog.stdlib.get_logger(__name__)


class Known:
    """What passes remember of each other: the platform as last read, and which tenants there are."""

    def __init__(self) -> None:
        self.installation: Installation = MISSING
        self.generation: tuple[str, int] | None = None
        self.tenants: set[Ref] = set()
        self.made: dict[Ref, Placement] = {}
        """Those that something was made for: they count against the platform's bounds."""

        self.claims: defaultdict[Ref, set[str]] = defaultdict(set)
        """Of each tenant, the claims that name it as their holder."""

    def met(self, claim: Mapping[str, Any]) -> None:
        """A claim as it stands."""
        holder = claim["spec"]["holder"]
        self.claims[Ref(TENANTS, holder["namespace"], holder["name"])].add(claim["metadata"]["name"])

    def others(self, key: Ref, placement: Placement) -> int:
        """How many of that placement were made, but for this one."""
        return sum(one is placement for other, one in self.made.items() if other != key)


class Passes:
    """Works the queue. `period` gives the seconds until a key's next resync."""

    def __init__(
        self,
        cluster: Cluster,
        queue: Queue[Ref],
        known: Known,
        platforms: Platforms,
        tenants: Tenants,
        deletion: Deletion,
        metrics: Metrics,
        period: Callable[[], float],
    ) -> None:
        self._cluster = cluster
        self._queue = queue
        self._known = known
        self._platforms = platforms
        self._tenants = tenants
        self._deletion = deletion
        self._metrics = metrics
        self._period = period
        self._listing = 0.0
        """When all tenants are listed again, by the loop's clock."""

    async def first(self) -> None:
        """Everything that there is, by our own list: no watch tells what vanished before it began.

        Read again from the start where it fails: what was met twice is in the queue once.
        """
        pause = FIRST_SECONDS
        while True:
            try:
                await self._listed()
            except (Unreachable, Refused) as error:
                _log.warning("first_list_failed", reason=str(error), retry_s=pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST)
            else:
                return

    async def _listed(self) -> None:
        self._known.installation = self._platforms.read(await self._cluster.get(THE_PLATFORM))
        async for body in self._cluster.each(CLAIM):
            self._known.met(body)
        await self._met()
        self._queue.add(THE_PLATFORM)

    async def _met(self) -> None:
        """Look at each tenant that is new, and at each that is gone: no watch is believed to have told."""
        found = set()
        async for body in self._cluster.each(TENANTS):
            key = ref_of(body)
            found.add(key)
            if FINALIZER in body["metadata"].get("finalizers", ()):
                self._known.made[key] = Placement(body["spec"]["placement"])
            if key not in self._known.tenants:
                self.add(key, Urgency.RESYNC)
        for key in self._known.tenants - found:
            self.add(key, Urgency.RESYNC)
        self._listing = asyncio.get_running_loop().time() + self._period()

    def _forget(self, key: Ref) -> None:
        """It is gone; the platform says how many are left."""
        self._known.tenants.discard(key)
        self._known.made.pop(key, None)
        self._known.claims.pop(key, None)
        self._metrics.forget(key)
        self._queue.add(THE_PLATFORM, after=COUNT_SECONDS)

    def add(self, key: Ref, urgency: Urgency = Urgency.CHANGED) -> None:
        """A hint: look at that resource."""
        if key.kind is TENANTS and key not in self._known.tenants:
            self._known.tenants.add(key)
            self._queue.add(THE_PLATFORM, after=COUNT_SECONDS)
        self._queue.add(key, urgency=urgency)

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
        installed = self._platforms.read(resource)
        meta: Body = resource["metadata"] if resource else {"uid": "", "generation": 0}
        stands = (str(meta["uid"]), int(meta["generation"]))
        before, self._known.installation = self._known.installation, installed
        if stands != self._known.generation or installed.reason is not before.reason:
            self._known.generation = stands
            for key in self._known.tenants:
                self._queue.add(key, urgency=Urgency.RESYNC)
        if asyncio.get_running_loop().time() >= self._listing:
            await self._met()
        if resource is not None:
            await self._platforms.look(resource, installed)
        return self._period()

    async def _tenant(self, key: Ref) -> float | None:
        resource = await self._cluster.get(key)
        if resource is None:
            await self._deletion.vanished(str(key.namespace), key.name, self._known.claims[key])
            self._forget(key)
            return None
        held = self._known.claims[key]
        if "deletionTimestamp" in resource["metadata"]:
            return await self._deletion.finish(resource, held)
        await self._tenants.look(resource, held)
        return self._period()
