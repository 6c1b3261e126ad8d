"""Timestamps under which the first write of a cell stands, and TTLs: the two things by which Cassandra forgets."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from footfall_common.clock import Clock
from footfall_common.events.times import DAY

EARLIEST_WINS: Final = 3_000_000_000_000_000
"""Cassandra keeps the cell with the greatest timestamp. Where the first write is to stand without a conditional write,
its timestamp is this minus the microseconds of now: whatever comes later is lower, and loses. They lie below any
present time since 2017, so that a deletion under an ordinary timestamp covers them."""
LEAST_SECONDS: Final = 3_600
"""What would live shorter than this is not worth writing."""
MOST_SECONDS: Final = 10 * 365 * 86_400
"""Cassandra takes 20 years at most, and in its older storage formats nothing that ends after January 2038."""


class FirstStands:
    """Timestamps that only go down, at least as fast as time goes up."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = EARLIEST_WINS

    def take(self, count: int) -> int:
        """The first of `count` timestamps, each lower by 1 than the one before."""
        first = min(self._last - 1, EARLIEST_WINS - self._clock.now_ms() * 1_000)
        self._last = first - count + 1
        return first


class Lifetimes:
    """TTLs: what is left of the tenant's retention."""

    def __init__(self, clock: Clock, retention_days: Callable[[UUID], int]) -> None:
        self._clock = clock
        self._retention_days = retention_days

    def left(self, tenant: UUID, retentions: int = 1) -> int:
        """What to add to a moment (ms) to have the ms that it has left; the same for all moments of one tenant."""
        return retentions * self._retention_days(tenant) * DAY - self._clock.now_ms()

    def seconds(self, tenant: UUID, moment: int) -> int:
        """The TTL of something that belongs to `moment`; below LEAST_SECONDS it is not to be written."""
        return min((self.left(tenant) + moment) // 1_000, MOST_SECONDS)
