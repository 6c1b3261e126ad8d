"""Reading a topic from its beginning, in no group."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from footfall_common.bus import Partition, Received
from footfall_common.bus.kafka import connection, errors, internals
from footfall_common.bus.kafka.fetching import Silence, kafkas, received
from footfall_common.bus.kafka.settings import KafkaSettings
from footfall_common.clock import Clock
from footfall_common.errors import BusUnavailable

_READS: Final = 2
"""Request timeouts that a position may take to be known."""


class KafkaReader:
    """All partitions of one topic, those it had when this was opened. After BusUnavailable it is opened anew."""

    def __init__(self, settings: KafkaSettings, clock: Clock, topic: str, partitions: Sequence[int]) -> None:
        self.closed = False
        self._settings = settings
        self._topic = topic
        self._partitions = [TopicPartition(topic, number) for number in partitions]
        self._silence = Silence(settings, clock)
        self._client = AIOKafkaConsumer(**connection.arguments(settings), **connection.fetching(settings))
        self._client.assign(self._partitions)

    async def open(self) -> None:
        """Begin; BusUnavailable when no broker answers in time."""
        try:
            async with asyncio.timeout(self._settings.deadline_seconds):
                await self._client.start()
        except (KafkaError, TimeoutError) as error:
            await self.close()
            raise self._unavailable(error) from error
        except BaseException:
            await self.close()
            raise

    async def poll(self, limit: int, wait: float) -> Sequence[Received]:
        """At most `limit` records, in offset order a partition."""
        if internals.reads_no_more(self._client):  # first: while some partitions deliver, no poll is empty
            raise errors.broken_down()
        try:
            found = await self._client.getmany(timeout_ms=round(wait * 1_000), max_records=limit)
        except KafkaError as error:
            raise self._unavailable(error) from error
        if found:
            self._silence.broken()
            return received(found)
        await asyncio.sleep(0)  # with no wait nothing above lets the loop go on
        if silent := self._silence.seconds(self._client, self._partitions):
            raise errors.silent(silent)
        return []

    async def caught_up(self) -> bool:
        """Whether everything that was in the topic when this was asked has been read."""
        ends = await self._client_ends()
        try:
            async with asyncio.timeout(_READS * self._settings.request_timeout_ms / 1_000):
                positions = [(await self._client.position(one), end) for one, end in ends.items()]
        except (KafkaError, TimeoutError) as error:
            raise self._unavailable(error) from error
        return all(position >= end for position, end in positions)

    async def ends(self) -> Mapping[Partition, int]:
        """The offset that the next record of each partition would get now."""
        return {Partition(one.topic, one.partition): end for one, end in (await self._client_ends()).items()}

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from that offset, or from the first one after it that still stands."""
        self._silence.broken()
        self._client.seek(kafkas(partition), offset)

    async def close(self) -> None:
        """End."""
        self.closed = True
        await internals.stop_consumer(self._client, self._settings.close_seconds)

    async def _client_ends(self) -> Mapping[TopicPartition, int]:
        try:
            ends: Mapping[TopicPartition, int] = await self._client.end_offsets(self._partitions)
        except KafkaError as error:
            raise self._unavailable(error) from error
        return ends

    def _unavailable(self, error: Exception) -> BusUnavailable:
        return errors.unavailable(error, topic=self._topic, user=self._settings.user)
