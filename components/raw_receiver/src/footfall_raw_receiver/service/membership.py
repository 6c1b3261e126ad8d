"""One member of a consumer group that works chunk after chunk and waits out what fails.

A bus or store that does not answer is tried again with growing pauses: nothing is lost, nothing overtakes. When
partitions leave, work in flight ends first: it is finished, or, if it waits for a failing store, given up without a
commit, so that the next owner meets the same records.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple, Protocol, TypeVar

import structlog
from typing_extensions import override

from footfall_common.bus import Bus, Consumer, Listener, Partition, Received
from footfall_common.errors import Conflict, FootfallError, Unavailable

T = TypeVar("T")
_log = structlog.get_logger(__name__)
_GROWTH: Final = 2


class Abandoned(Exception):
    """The chunk in hand is given up; its records are read again by whoever owns them then."""


class Insist(Protocol):
    """Runs a step until it succeeds; raises Abandoned when the chunk's partitions leave meanwhile."""

    async def __call__(self, step: Callable[[], Awaitable[T]]) -> T: ...


class Work(Protocol):
    """What is done with chunks. Every step may be repeated and every chunk may come again, whole or in part."""

    async def joined(self, consumer: Consumer) -> None:
        """Called once, before the first chunk."""
        ...

    async def handle(self, records: Sequence[Received], insist: Insist) -> None:
        """Work on a chunk and commit it."""
        ...

    def forget(self) -> None:
        """Drop what was remembered: partitions came, went, or a chunk was given up."""
        ...


class Pace(NamedTuple):
    """Records a chunk at most, seconds to wait for the first of them and then for more, seconds between retries.

    `first` = records of the first chunk, where nothing tells what they cost. `longest` = seconds that work on a chunk
    may take: the bus gives the partitions to others when nothing is polled for a while, and a chunk that always takes
    longer would come again for ever.
    """

    records: int
    wait: float
    linger: float
    retry: float
    retry_max: float
    longest: float
    first: int | None = None

    def next(self, records: int, took: float) -> int:
        """How many records the next chunk takes, after one of `records` took so many seconds: it may double at most."""
        fitting = records * self.longest / took if took > 0 else self.records
        return max(1, min(self.records, int(fitting), 2 * records))


class Membership(Listener):
    """Runs a Work over one topic for one group."""

    def __init__(self, bus: Bus, topic: str, group: str, work: Work, pace: Pace) -> None:
        self.trouble: str | None = None
        """Why the work stands still at the moment, or None."""
        self._bus = bus
        self._topic = topic
        self._group = group
        self._work = work
        self._pace = pace
        self._busy = asyncio.Lock()
        self._leaving = asyncio.Event()
        self._gone: set[Partition] = set()
        self._hand: list[Received] = []
        self._stale = False
        self._room = min(pace.records, pace.first or pace.records)
        """Records that the next chunk takes at most."""

    async def run(self) -> None:
        """Join, work until cancelled, leave."""
        consumer = await self._insist(lambda: self._bus.consumer(self._topic, self._group, self))
        try:
            await self._work.joined(consumer)
            while True:
                await self._step(consumer)
        finally:
            await consumer.close()

    @override
    async def assigned(self, partitions: frozenset[Partition]) -> None:
        self._gone -= partitions
        self._stale = True  # not now: a chunk may be in hand

    @override
    async def revoked(self, partitions: frozenset[Partition]) -> None:
        self._leaving.set()
        self._gone |= partitions
        # At once: should they come back while the chunk lingers, others have read and committed further meanwhile.
        self._hand = [received for received in self._hand if received.partition not in partitions]
        try:
            async with self._busy:
                self._stale = True
        finally:  # cancelled too: chunks of later would be given up for nothing
            self._leaving.clear()

    async def _step(self, consumer: Consumer) -> None:
        await self._insist(lambda: self._gather(consumer))
        async with self._busy:
            records = [received for received in self._hand if received.partition not in self._gone]
            self._hand = []
            if not records or await self._handled(consumer, records):
                return
        await asyncio.sleep(self._pace.retry)  # so that a chunk given up again and again costs little

    async def _handled(self, consumer: Consumer, records: Sequence[Received]) -> bool:
        if self._stale:
            self._work.forget()
            self._stale = False
        began = asyncio.get_running_loop().time()
        try:
            await self._work.handle(records, self._insist)
        except (Abandoned, Conflict) as error:
            _log.warning("chunk_given_up", topic=self._topic, records=len(records), reason=str(error))
            self._give_up(consumer, records)
            self._room = max(1, len(records) // 2)  # that it took too long may be why
            return False
        took = asyncio.get_running_loop().time() - began
        if len(records) >= self._room or took > self._pace.longest:
            self._room = self._pace.next(len(records), took)
        return True

    async def _gather(self, consumer: Consumer) -> None:
        self._hand = list(await consumer.poll(self._room, self._pace.wait))
        room = self._room - len(self._hand)
        if not self._hand or not self._pace.linger or not room:
            return
        await asyncio.sleep(self._pace.linger)
        try:
            more = await consumer.poll(room, 0)
        except Unavailable as error:
            self._note(error, 0)  # what is in hand was taken and would not come again
        else:
            self._hand.extend(more)  # after the wait: `revoked` may have put another list in its place

    def _give_up(self, consumer: Consumer, records: Sequence[Received]) -> None:
        """Read again, from the chunk's first record on, what stays here."""
        self._stale = True
        first: dict[Partition, int] = {}
        for received in records:
            first.setdefault(received.partition, received.offset)
        for partition, offset in first.items():
            if partition not in self._gone:
                with contextlib.suppress(Conflict):  # it left, and the notice is still on its way
                    consumer.seek(partition, offset)

    async def _insist(self, step: Callable[[], Awaitable[T]]) -> T:
        pause = self._pace.retry
        while True:
            try:
                outcome = await step()
            except Unavailable as error:
                self._note(error, pause)
            else:
                self.trouble = None
                return outcome
            await self._rest(pause)
            pause = min(pause * _GROWTH, self._pace.retry_max)

    def _note(self, error: FootfallError, pause: float) -> None:
        self.trouble = f"{self._topic}: {error.message}"
        _log.warning("work_waits", topic=self._topic, group=self._group, error=error.message, retry_s=pause)

    async def _rest(self, seconds: float) -> None:
        """Wait; raise Abandoned as soon as partitions leave while a chunk is in hand."""
        if not self._busy.locked():
            await asyncio.sleep(seconds)
            return
        try:
            async with asyncio.timeout(seconds):
                await self._leaving.wait()
        except TimeoutError:
            return
        raise Abandoned("partitions left while bus or store did not answer")
