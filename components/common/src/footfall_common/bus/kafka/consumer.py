"""A member of a consumer group.

The protocol is the eager one: at every rebalance all partitions are revoked and then assigned. Where `revoked` takes
longer than the group waits (`max_poll_interval_ms`), the group goes on without this member: its partitions go to
others, its commits are refused with Conflict, and it joins again once `revoked` has returned.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import TopicPartition
from typing_extensions import override

from footfall_common.bus import Listener, Partition, Received
from footfall_common.bus.kafka import connection, errors, internals
from footfall_common.bus.kafka.fetching import Silence, kafkas, received
from footfall_common.bus.kafka.settings import KafkaSettings
from footfall_common.clock import Clock
from footfall_common.errors import BusUnavailable, Conflict

_NO_PARTITION: Final = -1


class Ownership(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka's base is untyped
    """What a member owns. aiokafka logs what a listener raises and goes on, so nothing may depend on that."""

    def __init__(self, listener: Listener, changed: Callable[[], None]) -> None:
        self.partitions: frozenset[Partition] = frozenset()
        self.settled = asyncio.Event()
        """Set while no rebalance is under way."""
        self._listener = listener
        self._changed = changed
        self._since: float | None = None

    @override
    async def on_partitions_revoked(self, revoked: object) -> None:
        await self.give_up()

    @override
    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._since = None
        self.partitions = frozenset(Partition(one.topic, one.partition) for one in assigned)
        self._changed()
        try:
            if self.partitions:
                await self._listener.assigned(self.partitions)
        finally:
            self.settled.set()

    async def give_up(self) -> None:
        """Nothing is polled any more; commits are still taken until the listener has returned."""
        self.settled.clear()
        try:
            if self.partitions:
                await self._listener.revoked(self.partitions)
        finally:
            self.partitions = frozenset()
            self._since = asyncio.get_running_loop().time()
            self._changed()

    def homeless(self) -> float:
        """Seconds since everything was given up; 0 while something is owned or still being worked on."""
        return 0.0 if self._since is None else asyncio.get_running_loop().time() - self._since


class KafkaConsumer:
    """One member of a group on one topic. Made anew inside when aiokafka's client is of no use any more."""

    def __init__(self, settings: KafkaSettings, clock: Clock, topic: str, group: str, listener: Listener) -> None:
        self._settings = settings
        self._topic = topic
        self._group = group
        self._silence = Silence(settings, clock)
        self._ownership = Ownership(listener, self._changed)
        self._paused: frozenset[Partition] = frozenset()
        self._client: AIOKafkaConsumer | None = None
        self._rejoin_limit = (settings.max_poll_interval_ms + 2 * settings.request_timeout_ms) / 1_000
        self._asking: asyncio.Task[object] | None = None
        self.closed = False

    async def open(self) -> None:
        """Join; BusUnavailable when that does not succeed in time."""
        client = self._make()
        self._client = client
        try:
            async with asyncio.timeout(self._rejoin_limit):
                await client.start()
                await self._ownership.settled.wait()
        except (KafkaError, TimeoutError) as error:
            await self._discard()
            raise await self._unavailable(error) from error
        except BaseException:
            await self._discard()
            raise

    async def poll(self, limit: int, wait: float) -> Sequence[Received]:
        """At most `limit` records of owned, unpaused partitions, in offset order a partition."""
        client = self._client
        if client is None:
            await self._again()
            return []
        if internals.reads_no_more(client):  # first: while some partitions deliver, no poll is empty
            await self._discard()
            raise errors.broken_down()
        try:
            if not self._ownership.settled.is_set():
                await self._rejoin(client, wait)
                return []
            async with asyncio.timeout(wait + self._rejoin_limit):  # a rebalance that begins now holds it up
                found = await client.getmany(timeout_ms=round(wait * 1_000), max_records=limit)
        except (KafkaError, TimeoutError) as error:
            await self._discard()
            raise await self._unavailable(error) from error
        if found:
            self._silence.broken()
            return received(found)
        await asyncio.sleep(0)  # with no wait nothing above lets the loop go on, and whoever polls again starves it
        await self._listen(client)
        return []

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """The next offset to read a partition, durably; Conflict for one that is not owned."""
        if foreign := set(offsets) - self._ownership.partitions:
            raise _lost(min(foreign))
        client = self._client
        if not offsets:
            return
        if client is None or not internals.is_member(client):
            raise _lost(min(offsets))
        try:
            async with asyncio.timeout(self._settings.deadline_seconds):
                await client.commit({kafkas(partition): offset for partition, offset in offsets.items()})
        except (CommitFailedError, IllegalStateError) as error:
            raise _lost(min(offsets)) from error
        except (KafkaError, TimeoutError) as error:
            raise self._named(error) from error

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from that offset; Conflict when the partition is not owned."""
        if self._client is None or partition not in self._ownership.partitions:
            raise _lost(partition)
        self._silence.broken()
        try:
            self._client.seek(kafkas(partition), offset)
        except IllegalStateError as error:
            raise _lost(partition) from error

    def pause(self, partitions: frozenset[Partition]) -> None:
        """Leave these out of `poll` until resumed, or until they are assigned again."""
        mine = partitions & self._ownership.partitions
        self._paused |= mine
        if self._client is not None:
            self._client.pause(*map(kafkas, mine))

    def resume(self, partitions: frozenset[Partition]) -> None:
        """Take them in again."""
        mine = partitions & self._paused
        self._paused -= mine
        self._silence.broken()
        if self._client is not None:
            self._client.resume(*map(kafkas, mine))

    async def close(self) -> None:
        """Leave the group, after work on what is owned has ended."""
        if not self.closed:
            self.closed = True
            await self._discard()

    def _changed(self) -> None:
        self._paused = frozenset()
        self._silence.broken()

    async def _again(self) -> None:
        if self.closed:
            raise BusUnavailable(errors.CLOSED)
        await self.open()

    async def _rejoin(self, client: AIOKafkaConsumer, wait: float) -> None:
        """Wait for partitions. aiokafka joins again only for a consumer that is being asked for records."""
        if self._asking is None or self._asking.done():
            nothing = TopicPartition(self._topic, _NO_PARTITION)  # or it would take records that nobody waits for
            self._asking = asyncio.create_task(client.getmany(nothing))
        try:
            async with asyncio.timeout(wait):
                await self._ownership.settled.wait()
        except TimeoutError:
            if self._ownership.homeless() > self._rejoin_limit:
                raise
        if self._asking.done():
            self._asking.result()

    async def _listen(self, client: AIOKafkaConsumer) -> None:
        if not self._ownership.settled.is_set():
            return
        unpaused = [kafkas(partition) for partition in self._ownership.partitions - self._paused]
        if silent := self._silence.seconds(client, unpaused):  # it goes on by itself, and stays a member
            raise errors.silent(silent)

    async def _discard(self) -> None:
        """End the client; the next poll makes another."""
        client, self._client = self._client, None
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        try:
            await self._ownership.give_up()
        finally:
            if client is not None:
                await internals.stop_consumer(client, self._settings.close_seconds)

    async def _unavailable(self, error: Exception) -> BusUnavailable:
        vague = type(error) in {KafkaError, TimeoutError} or getattr(error, "retriable", False)
        if vague and (reason := await connection.obstacle(self._settings)):
            return BusUnavailable(f"Kafka cannot be reached: {reason}.", retry_after=5)
        return self._named(error)

    def _named(self, error: Exception) -> BusUnavailable:
        return errors.unavailable(error, topic=self._topic, user=self._settings.user, group=self._group)

    def _make(self) -> AIOKafkaConsumer:
        settings = self._settings
        client = AIOKafkaConsumer(
            **connection.arguments(settings),
            **connection.fetching(settings),
            group_id=self._group,
            enable_auto_commit=False,
            session_timeout_ms=settings.session_timeout_ms,
            heartbeat_interval_ms=settings.heartbeat_ms,
            max_poll_interval_ms=settings.max_poll_interval_ms,
            rebalance_timeout_ms=settings.max_poll_interval_ms,
        )
        client.subscribe([self._topic], listener=self._ownership)
        return client


def _lost(partition: Partition) -> Conflict:
    return Conflict(f"{partition} is not owned by this consumer any more; its new owner reads it again.")
