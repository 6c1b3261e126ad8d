"""Everything that there is, by our own list: no watch tells what vanished before it began, or while it was deaf."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from footfall_common.placement import Placement
from footfall_operator.cluster import Body, Cluster, Refused, Unreachable
from footfall_operator.queue import LONGEST, Urgency
from footfall_operator.reconcile.ground import installation
from footfall_operator.reconcile.hints import THE_PLATFORM, Hints
from footfall_operator.reconcile.tenants import Tenants
from footfall_operator.resources import CLAIM, FINALIZER, TENANTS, Ref, ref_of

FIRST_SECONDS: Final = 0.5
_log = structlog.stdlib.get_logger(__name__)


class Listing:
    """Streams: memory holds one chunk of bodies, and of each tenant its key. `clock` = seconds that never go back."""

    def __init__(
        self,
        cluster: Cluster,
        hints: Hints,
        tenants: Tenants,
        clock: Callable[[], float],
    ) -> None:
        self._cluster = cluster
        self._known = hints.known
        self._hints = hints
        self._tenants = tenants
        self._clock = clock
        self._due = 0.0

    async def first(self) -> None:
        """Compare each tenant as it streams: those that stand wait for their resync, the others are looked at.

        Read again from the start where it fails: what was met twice is in the queue once.
        """
        pause = FIRST_SECONDS
        while True:
            began = self._clock()
            try:
                compared, stand = await self._compared()
            except (Unreachable, Refused) as error:
                _log.warning("first_list_failed", reason=str(error), retry_s=pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST)
            else:
                _log.info("first_pass", tenants=compared, stand=stand, seconds=round(self._clock() - began, 3))
                return

    async def again(self) -> None:
        """Where it is due: look at each tenant that is new, and at each that is gone."""
        if self._clock() < self._due:
            return
        found = set()
        async for body in self._cluster.each(TENANTS):
            key = self._meet(body)
            found.add(key)
            if key not in self._known.tenants:
                self._hints.add(key, Urgency.RESYNC)
        self._missed(found)

    async def _compared(self) -> tuple[int, int]:
        """How many tenants there are, and how many of them stand."""
        platform = await self._cluster.get(THE_PLATFORM)
        self._known.stand_on(platform, installation(platform))
        bound = set()
        async for claim in self._cluster.each(CLAIM):
            self._known.met(claim)
            self._known.looked_at(claim)
            if claim.get("status", {}).get("state") == "Bound" and not claim["spec"].get("releaseTo"):
                bound.add(claim["metadata"]["name"])
        found, stand = set(), 0
        async for body in self._cluster.each(TENANTS):
            key = self._meet(body)
            found.add(key)
            held = self._known.claims.get(key, set())
            if held <= bound and self._tenants.stands(body, held):
                self._known.looked_at(body)
                self._hints.later(key)
                stand += 1
            else:
                self._hints.add(key, Urgency.RESYNC)
        self._missed(found)
        self._hints.add(THE_PLATFORM)
        return len(found), stand

    def _meet(self, body: Body) -> Ref:
        key = ref_of(body)
        if FINALIZER in body["metadata"].get("finalizers", ()):
            self._known.make(key, Placement(body["spec"]["placement"]))
        return key

    def _missed(self, found: set[Ref]) -> None:
        """Those that are gone are looked at, to end what is left of them."""
        for key in self._known.tenants - found:
            self._hints.add(key, Urgency.RESYNC)
        self._due = self._clock() + self._hints.period()
