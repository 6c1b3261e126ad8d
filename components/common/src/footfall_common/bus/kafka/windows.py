"""Batching: what waits for a partition, and who waits for it.

A partition has at most one batch on its way, so that a key's records stay in order; meanwhile the next fills.
aiokafka's own `send()` would cost a future and a task switch a record.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterator
from typing import Protocol

from footfall_common.bus import Partition
from footfall_common.errors import BusUnavailable


class Ack(asyncio.Future[None]):
    """One publish: done when `left` has come down to 0; late from `due` (seconds of the loop's clock) on."""

    left: int
    due: float


class Builder(Protocol):
    """aiokafka's BatchBuilder. It keeps what it built, so that the same one can be sent again."""

    def append(self, *, timestamp: int, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> object | None:
        """None when it is full."""
        ...


class Batch:
    """Records of one partition that are sent, acknowledged and given up together."""

    __slots__ = ("acks", "born", "builder", "error", "sent", "size", "tries")

    def __init__(self, builder: Builder, born: float) -> None:
        self.builder = builder
        self.born = born
        self.acks: list[Ack] = []
        """One entry a record."""
        self.size = 0
        self.tries = 0
        self.sent = 0.0
        self.error: BaseException | None = None

    def acknowledge(self) -> None:
        """Every record is stored."""
        for ack in self.acks:
            ack.left -= 1
            if not ack.left and not ack.done():
                ack.set_result(None)

    def fail(self, error: Callable[[], BusUnavailable]) -> None:
        """Whoever still waits for a record of this hears of the error."""
        for ack in self.acks:
            if not ack.done():
                ack.set_exception(error())

    def expire(self, now: float, error: Callable[[], BusUnavailable]) -> bool:
        """Tell those who have waited too long; whether somebody still waits."""
        for ack in self.acks:
            if ack.done():
                continue
            if ack.due > now:
                return True  # they came in this order
            ack.set_exception(error())
        return False


class Window:
    """One partition."""

    __slots__ = ("open", "pace", "partition", "ready", "sending")

    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self.open: Batch | None = None
        self.ready: deque[Batch] = deque()
        """Full ones, and ones to be sent again."""
        self.sending: Batch | None = None
        self.pace = 0.0
        """Nothing is sent before this moment: the last batch failed."""

    def next(self, now: float, linger: float) -> Batch | None:
        """The batch to send now, which is then on its way; None when there is none or one is on its way."""
        if self.sending is not None or self.pace > now:
            return None
        if self.ready:
            self.sending = self.ready.popleft()
        elif self.open is not None and self.open.born + linger <= now:
            self.sending, self.open = self.open, None
        return self.sending

    def due(self, linger: float) -> float | None:
        """When `next` will have something, as far as time decides."""
        if self.sending is not None:
            return None
        if self.ready:
            return self.pace
        return max(self.pace, self.open.born + linger) if self.open is not None else None

    def again(self, batch: Batch, pace: float) -> None:
        """Its sending failed: it goes first, but not before that moment."""
        self.sending = None
        self.ready.appendleft(batch)
        self.pace = pace

    def batches(self) -> Iterator[Batch]:
        """All of them, oldest first."""
        if self.sending is not None:
            yield self.sending
        yield from self.ready
        if self.open is not None:
            yield self.open

    def drop(self, batches: Collection[Batch]) -> None:
        """Forget waiting batches that are of no use to anybody."""
        self.ready = deque(batch for batch in self.ready if batch not in batches)
        if self.open in batches:
            self.open = None
