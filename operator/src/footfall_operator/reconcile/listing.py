"""Everything that there is, by our own list: no watch tells what vanished before it began, or while it was deaf."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from footfall_common.placement import Placement
from footfall_operator.cluster import Body, Cluster, Refused, Unreachable
from footfall_operator.queue import Urgency
from footfall_operator.reconcile.ground import installation
from footfall_operator.reconcile.hints import THE_PLATFORM, Hints
from footfall_operator.reconcile.tenants import Tenants
from footfall_operator.resources import CLAIM, FINALIZER, TENANTS, Ref, ref_of

FIRST_SECONDS: Final = 0.5
LAST_SECONDS: Final = 10.0
"""Pauses between tries of the first list, at first and at most: until it is read, nothing is looked at."""
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
                pause = min(2 * pause, LAST_SECONDS)
            else:
                _log.info("first_pass", tenants=compared, stand=stand, seconds=round(self._clock() - began, 3))
                return

    async def again(self) -> None:
        """Where it is due: look at each tenant that is new, and at each that is gone."""
        if self.due_in() > 0:
            return
        found = set()
        async for body in self._cluster.each(TENANTS):
            new = ref_of(body) not in self._known.tenants
            key = self._meet(body)
            found.add(key)
            if new:
                self._hints.add(key, Urgency.RESYNC)
        self._missed(self._known.tenants - found)

    def due_in(self) -> float:
        """Seconds until everything is listed again."""
        return max(0.0, self._due - self._clock())

    async def _compared(self) -> tuple[int, int]:
        """How many tenants there are, and how many of them stand."""
        platform = await self._cluster.get(THE_PLATFORM)
        self._known.stand_on(platform, installation(platform))
        bound, retained = await self._claims()
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
        # A claim alone names it where nobody led when it went, and nothing was retained of it.
        named = {key for key, held in self._known.claims.items() if not held <= retained}
        self._missed((self._known.tenants | named) - found)
        self._hints.add(THE_PLATFORM)
        return len(found), stand

    async def _claims(self) -> tuple[set[str], set[str]]:
        """The names of those that are bound and offered to nobody, and of those that are retained."""
        bound, retained = set(), set()
        async for claim in self._cluster.each(CLAIM):
            self._known.met(claim)
            self._known.looked_at(claim)
            state = claim.get("status", {}).get("state")
            if state == "Bound" and not claim["spec"].get("releaseTo"):
                bound.add(claim["metadata"]["name"])
            elif state == "Retained":
                retained.add(claim["metadata"]["name"])
        return bound, retained

    def _meet(self, body: Body) -> Ref:
        key = ref_of(body)
        self._hints.met(key)
        if FINALIZER in body["metadata"].get("finalizers", ()):
            self._known.make(key, Placement(body["spec"]["placement"]))
        return key

    def _missed(self, gone: set[Ref]) -> None:
        """They are looked at, to end what is left of them."""
        for key in gone:
            self._hints.add(key, Urgency.RESYNC)
        self._due = self._clock() + self._hints.period()
