"""Up to when everything is counted.

Two groups stand between an event and a segment: the raw receiver's, and the bucket worker's. What the first has not
committed is easy to date; a mark that the second has not worked off is younger than the event it stands for. So samples
of the first are kept: when one was taken before a mark came, all that it had found committed has older marks.
"""

import asyncio
from collections import deque
from typing import NamedTuple, Protocol

import structlog

from footfall_common.clock import Clock
from footfall_common.errors import BusUnavailable
from footfall_common.placement import Names

UNKNOWN = 0
"""The epoch: said while marks from before this process's first sample wait, so that nothing is promised."""
_EVERY_SECONDS = 1.0
_KEPT = 3_600
_log = structlog.get_logger(__name__)


class Sample(NamedTuple):
    """By `taken` (ms), the raw receiver had committed every record appended before `done` (ms)."""

    taken: int
    done: int


class Pending(Protocol):
    """The one question to the bus."""

    async def oldest_pending(self, topic: str, group: str) -> int | None:
        """As `Bus.oldest_pending`."""
        ...


class Progress:
    """Follows both groups."""

    def __init__(self, bus: Pending, names: Names, clock: Clock) -> None:
        self._bus = bus
        self._names = names
        self._clock = clock
        self._samples: deque[Sample] = deque(maxlen=_KEPT)

    async def run(self) -> None:
        """Take samples until cancelled."""
        while True:
            try:
                await self._sample()
            except BusUnavailable as error:
                _log.warning("progress_unknown", error=error.message)
            await asyncio.sleep(_EVERY_SECONDS)

    async def as_of(self) -> int:
        """The moment (ms): every event taken in before it is in what is read from now on; UNKNOWN when none is sure."""
        sample = await self._sample()
        topics, groups = self._names.topics, self._names.groups
        mark = await self._bus.oldest_pending(topics.buckets, groups.bucket_worker)
        if mark is None:
            return sample.done
        return next((one.done for one in reversed(self._samples) if one.taken < mark), UNKNOWN)

    async def _sample(self) -> Sample:
        now = self._clock.now_ms()
        pending = await self._bus.oldest_pending(self._names.topics.raw, self._names.groups.raw_receiver)
        sample = Sample(self._clock.now_ms(), now if pending is None else min(now, pending))
        self._samples.append(sample)
        return sample
