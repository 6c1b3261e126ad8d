"""Puts dead letters on topic `events.dead`, bounded in rate."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog
from prometheus_client import Counter

from footfall_common.bus import Outgoing, Publisher
from footfall_common.clock import Clock
from footfall_raw_receiver.models import Dead

Sleep = Callable[[float], Awaitable[None]]

_encode = msgspec.json.Encoder().encode
_log = structlog.get_logger(__name__)


class Throttle:
    """At most `rate` a second, a second's worth at once."""

    def __init__(self, rate: int, clock: Clock, sleep: Sleep = asyncio.sleep) -> None:
        self.rate = rate
        self._clock = clock
        self._sleep = sleep
        self._free = 0.0

    async def take(self, count: int) -> None:
        """Returns once `count` more may go."""
        now = self._clock.monotonic()
        self._free = max(self._free, now - 1) + count / self.rate
        if self._free > now:
            await self._sleep(self._free - now)


class DeadLetters:
    """The way to the dead topic. Whoever publishes waits while the rate (letters a second) is used up."""

    def __init__(
        self, bus: Publisher, topic: str, rate: int, clock: Clock, count: Counter, sleep: Sleep = asyncio.sleep
    ) -> None:
        self.rate = rate
        self._bus = bus
        self._topic = topic
        self._throttle = Throttle(rate, clock, sleep)
        self._count = count

    async def publish(self, dead: Sequence[Dead]) -> None:
        """Returns once every letter is durable; BusUnavailable when one is not. At most `rate` letters at once."""
        await self._throttle.take(len(dead))
        await self._bus.publish([Outgoing(self._topic, one.key, _encode(one.letter)) for one in dead])
        for one in dead:
            self._count.labels(one.letter.stage, one.code).inc()
        first = dead[0].letter
        _log.warning("dead_letters", count=len(dead), stage=first.stage, reason=first.reason, offset=first.offset)
