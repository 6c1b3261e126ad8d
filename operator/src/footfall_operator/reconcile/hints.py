"""Hints become keys of the queue: look at that resource."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from footfall_operator.queue import Queue, Urgency
from footfall_operator.reconcile.known import Known
from footfall_operator.resources import PLATFORM, PLATFORM_NAME, Ref

COUNT_SECONDS: Final = 1.0
"""After which the platform says how many tenants there are: a thousand that come at once are counted once."""
THE_PLATFORM: Final = Ref(PLATFORM, None, PLATFORM_NAME)


class Hints:
    """`resync` = seconds from one look at a resource to the next; `between` a number between two others."""

    def __init__(
        self, queue: Queue[Ref], known: Known, resync: float, between: Callable[[float, float], float]
    ) -> None:
        self._queue = queue
        self.known = known
        self._resync = resync
        self._between = between

    def told(self, owners: Iterable[Ref], body: Mapping[str, Any]) -> None:
        """By a watch: of a resource or a child whose owners those are."""
        if body["apiVersion"] == PLATFORM.api_version and not self.known.is_news(body):
            return
        for owner in owners:
            self.add(owner)

    def add(self, key: Ref, urgency: Urgency = Urgency.CHANGED) -> None:
        """Look at it now."""
        self._queue.add(key, urgency=urgency)

    def later(self, key: Ref) -> None:
        """It was compared and stands: look at it before the next resync ends, not at all of them at once."""
        self._queue.add(key, after=self._resync * self._between(0.1, 1.1), urgency=Urgency.RESYNC)

    def all_tenants(self) -> None:
        """What they stand on changed."""
        for key in self.known.tenants:
            self._queue.add(key, urgency=Urgency.RESYNC)

    def met(self, key: Ref) -> None:
        """That tenant is there; the platform says how many there are."""
        if key not in self.known.tenants:
            self.known.tenants.add(key)
            self.count()

    def gone(self, key: Ref) -> None:
        """That tenant is not, whether it ever was or a claim alone still names it."""
        if key in self.known.tenants:
            self.count()
        self.known.forget(key)

    def count(self) -> None:
        """The platform's pass says how many tenants there are."""
        self._queue.add(THE_PLATFORM, after=COUNT_SECONDS)

    def period(self) -> float:
        """Seconds until a resource's next resync, so spread that resources do not stay together."""
        return self._resync * self._between(0.9, 1.1)
