"""Raw records again, from where they still stand on the bus; nothing is published twice and no group moves.

A replay decides as every owner of a partition does, so it may run beside the live ones: what is stored already is
written again as it is, what is missing is stored, a copy writes nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

import msgspec
import structlog
from typing_extensions import override

from footfall_common.bus import Consumer, Outgoing, Partition, Publisher, Reader, Received
from footfall_common.errors import UNREADABLE, Conflict, InvalidInput, Unavailable
from footfall_raw_receiver.models import DeadLetter, Stage
from footfall_raw_receiver.publisher import Throttle
from footfall_raw_receiver.service.membership import Insist, Work

T = TypeVar("T")
Opened = Callable[[], Awaitable[Reader]]
"""Opens a reader of the topic, at its beginning."""
_WAIT = 1.0
_decode = msgspec.json.Decoder(DeadLetter).decode
_log = structlog.get_logger(__name__)


class Range(NamedTuple):
    """Which records: of every partition or of one, offsets from `first` up to and without `end`, appended in time.

    `since` and `until` in ms since the epoch, the latter excluded; None = no bound.
    """

    partition: int | None = None
    first: int = 0
    end: int | None = None
    since: int | None = None
    until: int | None = None

    def holds(self, received: Received) -> bool:
        """Whether the record is meant."""
        return (
            self.partition in {None, received.partition.number}
            and self.first <= received.offset
            and (self.end is None or received.offset < self.end)
            and (self.since is None or self.since <= received.appended)
            and (self.until is None or received.appended < self.until)
        )


class Replayed(Work, Protocol):
    """What is done with the records of a range."""

    async def settle(self, insist: Insist) -> None:
        """What was held back is done."""
        ...


class Progress(NamedTuple):
    """Records read off the topic, those of them in the range, and how many are left to read at most."""

    read: int
    replayed: int
    left: int


class RangeConsumer:
    """A consumer without a group: its commits move nothing. `ends` = where each partition ends for this replay.

    After a failure the reader is closed, and the next poll opens another one at the same place.
    """

    def __init__(self, opened: Opened, reader: Reader, wanted: Range, ends: Mapping[Partition, int]) -> None:
        self.read = 0
        self._opened = opened
        self._reader: Reader | None = reader
        self._range = wanted
        self._past = dict(ends)
        self._next = {partition: wanted.first for partition in ends if wanted.partition in {None, partition.number}}
        self._ends = {
            partition: ends[partition] if wanted.end is None else min(wanted.end, ends[partition])
            for partition in self._next
        }

    @property
    def left(self) -> int:
        """Records still to be read, at most: compaction and retention leave holes."""
        return sum(max(0, end - self._next[partition]) for partition, end in self._ends.items())

    @property
    def done(self) -> bool:
        """Whether every partition was read to its end."""
        return self.left == 0

    def start(self) -> None:
        """Put the reader to what comes next of the range, and past the partitions that are not meant."""
        if self._reader is not None:
            for partition, offset in (self._past | self._next).items():
                self._reader.seek(partition, offset)

    async def poll(self, limit: int, wait: float) -> Sequence[Received]:
        """The next records of the range; others are read past."""
        if self._reader is None:
            self._reader = await self._opened()
            self.start()
        try:
            found = await self._reader.poll(limit, wait)
            over = not found and await self._reader.caught_up()
        except Unavailable:
            await self.close()
            raise
        for received in found:
            if received.partition in self._next:
                self._next[received.partition] = received.offset + 1
        self.read += len(found)
        if over:
            self._next = dict(self._ends)  # what the ends count may have left the topic since
        return [one for one in found if self._range.holds(one) and one.offset < self._ends.get(one.partition, 0)]

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Nothing: no group moves."""

    def seek(self, partition: Partition, offset: int) -> None:
        """Never asked for: a replay gives up no chunk, it repeats its steps."""
        raise Conflict(f"A replay does not go back to {offset} of {partition.topic} {partition.number}.")

    def pause(self, partitions: frozenset[Partition]) -> None:
        """Never asked for either."""
        raise Conflict(f"A replay does not pause {len(partitions)} partitions.")

    def resume(self, partitions: frozenset[Partition]) -> None:
        """Likewise."""
        raise Conflict(f"A replay does not resume {len(partitions)} partitions.")

    async def close(self) -> None:
        """End the reader, if there is one."""
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.close()


class Unbury(Replayed):
    """Puts dead letters back on the raw topic, as they came; a copy of what is stored already writes nothing.

    `stage` = only those that failed there. Marks stay: each new event of a bucket makes one.
    """

    def __init__(self, bus: Publisher, raw_topic: str, stage: Stage | None = None) -> None:
        self.published = 0
        self._bus = bus
        self._topic = raw_topic
        self._stage = stage

    @override
    async def joined(self, consumer: Consumer) -> None:
        """Nothing: nothing is committed."""

    @override
    def forget(self) -> None:
        """Nothing is remembered."""

    @override
    async def settle(self, insist: Insist) -> None:
        """Nothing is held back."""

    @override
    async def handle(self, records: Sequence[Received], insist: Insist) -> None:
        """Publish the letters among them."""
        again = [Outgoing(self._topic, one.key, letter.bytes) for one in records if (letter := self._wanted(one))]
        if again:
            await insist(lambda: self._bus.publish(again))
        self.published += len(again)

    def _wanted(self, received: Received) -> DeadLetter | None:
        try:
            letter = _decode(received.value)
        except UNREADABLE as error:
            _log.error("dead_letter_unreadable", offset=received.offset, reason=str(error))
            return None
        wanted = letter.stage != "mark" and self._stage in {None, letter.stage}
        return letter if wanted else None


class Patience(NamedTuple):
    """Seconds before a step is tried again, doubling up to the second."""

    first: float
    longest: float

    async def __call__(self, step: Callable[[], Awaitable[T]]) -> T:
        """Run the step until bus and store answer."""
        pause = self.first
        while True:
            try:
                return await step()
            except Unavailable as error:
                _log.warning("replay_waits", error=error.message, retry_s=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, self.longest)


async def replay(
    opened: Opened,
    work: Replayed,
    wanted: Range,
    *,
    throttle: Throttle,
    patience: Patience,
    chunk: int,
    told: Callable[[Progress], None],
) -> Progress:
    """Run every record of the range through the work, up to where the topic ends now.

    Bus and store may go away meanwhile; the replay waits for them. `told` hears of every chunk. InvalidInput names the
    partitions that there are, where the one that is meant is none of them.
    """
    consumer = await patience(lambda: _begun(opened, wanted))
    replayed = 0
    try:
        await work.joined(consumer)
        while not consumer.done:
            records = await patience(lambda: consumer.poll(chunk, _WAIT))
            if records:
                await throttle.take(len(records))
                await work.handle(records, patience)
                replayed += len(records)
            told(Progress(consumer.read, replayed, consumer.left))
        await work.settle(patience)
    finally:
        await consumer.close()
    return Progress(consumer.read, replayed, consumer.left)


async def _begun(opened: Opened, wanted: Range) -> RangeConsumer:
    reader = await opened()
    try:
        ends = await reader.ends()
        _assert_there(ends, wanted.partition)
    except BaseException:
        await reader.close()
        raise
    consumer = RangeConsumer(opened, reader, wanted, ends)
    consumer.start()
    return consumer


def _assert_there(ends: Mapping[Partition, int], wanted: int | None) -> None:
    numbers = sorted(partition.number for partition in ends)
    if wanted is not None and wanted not in numbers:
        message = f"There is no partition {wanted}; the topic has {len(numbers)}, {numbers[0]} to {numbers[-1]}."
        raise InvalidInput(message, field="partition")
