"""How fast a tenant and a resource may send: a token bucket each, in this process. Pure; time is an argument."""

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from footfall_common.documents import ResourceDocument, TenantDocument

_SWEEP_FROM: Final = 1024
_ROUNDING: Final = 1e-6
"""Seconds; sums of times must not refuse what exactly fits."""


class Limit(NamedTuple):
    """Whose rate, and the rate: as a part of the key, so that an edited one begins with a full bucket.

    `resource` is None for the tenant's own.
    """

    tenant: int
    resource: int | None
    per_second: int


class Refusal(NamedTuple):
    """Which limit does not let a request in now, and in how many seconds it would if nobody else came."""

    limit: Limit
    seconds: float


def limits_of(tenant: TenantDocument, resource: ResourceDocument) -> tuple[Limit, ...]:
    """Those that hold for events of the resource."""
    wide, narrow = tenant.limits.events_per_second, resource.limits.events_per_second
    found: tuple[Limit, ...] = ()
    if wide is not None:
        found = (Limit(tenant.tenant.int, None, wide),)
    if narrow is not None:
        found = (*found, Limit(tenant.tenant.int, resource.resource.int, narrow))
    return found


class Rates:
    """Buckets that hold `burst` seconds' worth and fill at the limit's rate, divided by the number of receivers.

    A request larger than a bucket is let in when the bucket is full, and then owes the rest. A bucket is one number:
    the time at which it is full again (past = full), so that forgetting full ones changes nothing.
    """

    def __init__(self, *, burst: float, replicas: int) -> None:
        self._burst = burst
        self._replicas = replicas
        self._full_at: dict[Limit, float] = {}
        self._sweep_at = _SWEEP_FROM

    def take(self, limits: Iterable[Limit], events: int, now: float) -> Refusal | None:
        """Take the events from every limit's bucket; from none where one does not let them in, which is returned."""
        full_at, burst = self._full_at, self._burst
        after: list[tuple[Limit, float]] = []
        for limit in limits:
            seconds = events * self._replicas / limit.per_second
            begin = full_at.get(limit, now)
            if begin <= now:  # full: whatever is asked goes in
                after.append((limit, now + seconds))
            elif (late := begin - now + min(seconds, burst) - burst) > _ROUNDING:
                return Refusal(limit, late)
            else:
                after.append((limit, begin + seconds))
        full_at.update(after)
        if len(full_at) >= self._sweep_at:
            self._sweep(now)
        return None

    def give_back(self, limits: Iterable[Limit], events: int) -> None:
        """What was taken and not used after all."""
        for limit in limits:
            if limit in self._full_at:
                self._full_at[limit] -= events * self._replicas / limit.per_second

    @property
    def held(self) -> int:
        """Buckets in memory: at most twice those that are not full, or 1,024."""
        return len(self._full_at)

    def _sweep(self, now: float) -> None:
        self._full_at = {limit: at for limit, at in self._full_at.items() if at > now}
        self._sweep_at = max(_SWEEP_FROM, 2 * len(self._full_at))


def whole_seconds(refusal: Refusal) -> int:
    """For Retry-After."""
    return max(1, math.ceil(refusal.seconds))
