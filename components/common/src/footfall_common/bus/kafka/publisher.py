"""Publishing: windows filled by callers, sent by one producer at a time, replaced when it is of no use any more.

What aiokafka does with a batch decides the shape (0.14, read in its source): it gives a batch up only when it considers
a retry, a hung broker holds it for a request timeout each time, and a producer whose sender has died never sends again.
So the deadline is ours, a batch that failed is sent again by us until nobody waits for it, and a producer that has not
settled a batch within the deadline is replaced. A batch may then land twice, or after its caller was told 503:
de-duplication absorbs both.
"""

import asyncio
import functools
from collections import defaultdict
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, Final

import structlog
from aiokafka.errors import LeaderNotAvailableError

from footfall_common.bus import Outgoing, Partition
from footfall_common.bus.kafka import errors
from footfall_common.bus.kafka.link import Link
from footfall_common.bus.kafka.partitioning import partition_of
from footfall_common.bus.kafka.settings import KafkaSettings
from footfall_common.bus.kafka.topics import Topics
from footfall_common.bus.kafka.windows import Ack, Batch, Window
from footfall_common.clock import Clock
from footfall_common.errors import BusUnavailable, TooLarge

_OVERHEAD: Final = 64
"""Bytes of a record besides key, value and headers, roughly."""
_SWEEP: Final = 0.25
_PACE: Final = 0.1
_FRESH: Final = 2.0
"""Seconds for which a failure is believed without asking Kafka again."""
_EARLY: Final = 0.001
"""uvloop's timers have milliseconds and may fire one early."""
_log = structlog.get_logger(__name__)


class KafkaPublisher:
    """The publishing side of one process. Belongs to the event loop that it is made in."""

    def __init__(self, settings: KafkaSettings, clock: Clock) -> None:
        self.link = Link(settings, self._renewed)
        self.trouble: tuple[float, str] | None = None
        """When (the loop's clock) and why the batch settled last failed; None when it did not."""
        self.cluster = Topics(settings, lambda: self.link.producer.client, self.link.renew)
        self._settings = settings
        self._clock = clock
        self._linger = settings.linger_ms / 1_000
        self._deadline = settings.deadline_seconds
        self._room = settings.buffer_bytes
        self._loop = asyncio.get_running_loop()
        self._topics: dict[str, list[Window]] = {}
        self._held = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._sweeper: asyncio.TimerHandle | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self._closed = False

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Returns once every record is acknowledged by all in-sync replicas."""
        for record in records:
            if record.topic not in self._topics:
                await self._learn(record.topic)
        if records:
            await self._take(records)

    async def check(self) -> str | None:
        """Why nothing is taken at the moment: what fails right now, else whatever stands in the way of trying."""
        if self.trouble is not None and self._loop.time() - self.trouble[0] < _FRESH:
            return self.trouble[1]
        if obstacle := await self.cluster.obstacle():
            return obstacle
        for window in self._windows():
            if self.cluster.leaderless(*window.partition):
                return f"Partition {window.partition.number} of topic {window.partition.topic} has no leader."
        return None

    async def close(self) -> None:
        """Send what was taken, as far as Kafka takes it in time."""
        self._closed = True
        end = self._loop.time() + self._settings.close_seconds
        while self._held and self._loop.time() < end:
            self._linger = 0
            self._flush()
            await asyncio.sleep(_EARLY)
        await self.cluster.close()
        await self.link.close()
        for window in self._windows():
            for batch in window.batches():
                batch.fail(functools.partial(BusUnavailable, errors.CLOSED))
        for timer in (self._timer, self._sweeper):
            if timer is not None:
                timer.cancel()

    def _take(self, records: Sequence[Outgoing]) -> Ack:
        """All or nothing, and without a task or a callback a record: this is the receiver's hot path."""
        sizes = self._admit(records)
        now = self._loop.time()
        ack = Ack(loop=self._loop)
        ack.left = len(records)
        ack.due = now + self._deadline
        stamp = self._clock.now_ms()
        for record, size in zip(records, sizes, strict=True):
            windows = self._topics[record.topic]
            window = windows[partition_of(record.key, len(windows))]
            batch = window.open or self._begin(window, now)
            if not _append(batch, record, stamp):
                window.ready.append(batch)
                batch = self._begin(window, now)
                self._wake(now)
                _append(batch, record, stamp)
            batch.size += size
            batch.acks.append(ack)
        return ack

    def _admit(self, records: Sequence[Outgoing]) -> Sequence[int]:
        """The records' sizes, which count as held from now on."""
        sizes = [_size(record) for record in records]
        size = sum(sizes)
        if self._held + size > self._room:
            raise BusUnavailable(errors.FULL)
        if self._closed:
            raise BusUnavailable(errors.CLOSED)
        if size > self._settings.batch_bytes and max(sizes) > self._settings.batch_bytes:
            raise TooLarge(f"A record of {max(sizes)} bytes is larger than a batch may be; send it in parts.")
        self._held += size
        return sizes

    def _begin(self, window: Window, now: float) -> Batch:
        batch = window.open = Batch(self.link.producer.create_batch(), now)
        self._wake(now + self._linger)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(_SWEEP, self._sweep)
        return batch

    def _wake(self, at: float) -> None:
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at  # uvloop's handles do not say
        self._timer = self._loop.call_at(at, self._flush)

    def _flush(self) -> None:
        """Send what is due, all of a topic in one go: aiokafka then makes one request a broker of it."""
        self._timer = None
        now = self._loop.time() + _EARLY
        going: dict[str, list[tuple[Window, Batch]]] = defaultdict(list)
        wake: list[float] = []
        for window in self._windows():
            if (batch := window.next(now, self._linger)) is not None:
                batch.sent, batch.tries = now, batch.tries + 1
                going[window.partition.topic].append((window, batch))
            elif (due := window.due(self._linger)) is not None:
                wake.append(due)
        for pairs in going.values():
            self._spawn(self._send(pairs))
        if wake:
            self._wake(min(wake))

    async def _send(self, pairs: Sequence[tuple[Window, Batch]]) -> None:
        for window, batch in pairs:
            topic, number = window.partition
            attempt = functools.partial(self._settled, window, batch, batch.tries)
            if self.cluster.leaderless(topic, number):  # aiokafka would ask for it a thousand times a second
                self.cluster.refresh(topic)
                attempt(LeaderNotAvailableError())
                continue
            try:
                delivery = await self.link.producer.send_batch(batch.builder, topic, partition=number)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next batch must go out
                attempt(error)
            else:
                delivery.add_done_callback(functools.partial(_told, attempt))

    def _settled(self, window: Window, batch: Batch, tries: int, error: BaseException | None) -> None:
        if error is None:
            batch.acknowledge()
        if window.sending is not batch or batch.tries != tries:
            return  # an attempt that was given up on
        window.sending = None
        now = self._loop.time()
        if error is None:
            self.trouble = None
            self._held -= batch.size
        else:
            self._failed(window, batch, error, now)
        if window.ready or window.open is not None:
            due = window.due(self._linger)
            if due is not None:
                self._wake(max(due, now))

    def _failed(self, window: Window, batch: Batch, error: BaseException, now: float) -> None:
        batch.error = error
        reason = functools.partial(self._reason, window, batch)
        self.trouble = now, reason().message
        if errors.refused(error):
            batch.fail(reason)
        if batch.expire(now, reason):
            window.again(batch, now + _PACE)
        else:
            self._held -= batch.size
        if errors.fatal(error):
            self.link.renew(str(error))

    def _sweep(self) -> None:
        """Deadlines; the order of a batch's records is that of their deadlines."""
        now = self._loop.time()
        stuck = False
        for window in self._windows():
            dead = [
                batch
                for batch in window.batches()
                if not batch.expire(now, functools.partial(self._reason, window, batch))
            ]
            if idle := [batch for batch in dead if batch is not window.sending]:
                window.drop(idle)
                self._held -= sum(batch.size for batch in idle)
            stuck = stuck or (window.sending is not None and window.sending.sent + self._deadline < now)
            if dead:
                self.trouble = now, self._reason(window, dead[0]).message
        if stuck:
            self.link.renew("a batch was not settled within the deadline")
        self._sweeper = self._loop.call_later(_SWEEP, self._sweep) if self._held > 0 else None

    def _reason(self, window: Window, batch: Batch) -> BusUnavailable:
        return errors.unavailable(batch.error, topic=window.partition.topic, user=self._settings.user)

    def _renewed(self) -> None:
        """Another producer: what the former one has not settled is sent again."""
        for window in self._windows():
            if (batch := window.sending) is not None:
                window.again(batch, 0.0)
        self._wake(self._loop.time())

    async def _learn(self, topic: str) -> None:
        """Partition counts do not change in a topic's life, since keys would move."""
        numbers = await self.cluster.partitions(topic)
        self._topics.setdefault(topic, [Window(Partition(topic, number)) for number in numbers])

    def _windows(self) -> Iterator[Window]:
        for windows in self._topics.values():
            yield from windows

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)


def _append(batch: Batch, record: Outgoing, stamp: int) -> bool:
    done = batch.builder.append(timestamp=stamp, key=record.key, value=record.value, headers=[*record.headers])
    return done is not None


def _size(record: Outgoing) -> int:
    size = len(record.key) + len(record.value) + _OVERHEAD
    if record.headers:
        size += sum(len(name) + len(value) for name, value in record.headers)
    return size


def _told(attempt: "functools.partial[None]", delivery: "asyncio.Future[Any]") -> None:
    attempt(None if delivery.cancelled() else delivery.exception())
