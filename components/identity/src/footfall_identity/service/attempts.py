"""How often a client id may fail to authenticate."""

import math
from collections import OrderedDict

from footfall_common.clock import Clock

_REMEMBERED = 10_000
"""Client ids; the one that failed longest ago is forgotten first."""


class FailedAttempts:
    """A token bucket a client id, emptied by failures alone."""

    def __init__(self, clock: Clock, *, burst: int, per_minute: int) -> None:
        self._clock = clock
        self._burst = burst
        self._per_second = per_minute / 60
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def failed(self, client_id: str) -> int:
        """Note a failure; 0, or the seconds after which another one is answered as such."""
        now = self._clock.monotonic()
        left, at = self._buckets.pop(client_id, (float(self._burst), now))
        left = min(self._burst, left + (now - at) * self._per_second)
        allowed = left >= 1
        self._buckets[client_id] = (left - 1 if allowed else left, now)
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)
        return 0 if allowed else math.ceil((1 - left) / self._per_second)
