"""The bus on Apache Kafka.

Topics are never made here: the operator makes a tenant's, `make stack` those of a local cluster. They need
`message.timestamp.type=LogAppendTime`, which a record's `appended` relies on.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from footfall_common.bus import Listener, Outgoing
from footfall_common.bus.kafka.consumer import KafkaConsumer
from footfall_common.bus.kafka.internals import install
from footfall_common.bus.kafka.logs import tame
from footfall_common.bus.kafka.offsets import Group, GroupOffsets
from footfall_common.bus.kafka.publisher import KafkaPublisher
from footfall_common.bus.kafka.reader import KafkaReader
from footfall_common.bus.kafka.settings import KafkaSettings
from footfall_common.clock import Clock
from footfall_common.errors import BusUnavailable

__all__ = ["KafkaBus", "KafkaSettings"]

_NOT_YET: Final = "Kafka has not been reached yet."


class KafkaBus:
    """The bus port on a Kafka cluster. Everything opened through it is closed with it."""

    def __init__(self, settings: KafkaSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._publisher: KafkaPublisher | None = None
        self._offsets = GroupOffsets(settings)
        self._open: list[KafkaConsumer | KafkaReader] = []

    async def open(self) -> None:
        """Connect; BusUnavailable says why that is not possible. May be called again after that."""
        tame()
        install()
        publisher = KafkaPublisher(self._settings, self._clock)
        await publisher.link.open()
        self._publisher = publisher

    async def close(self) -> None:
        """Bring out what was published, leave groups, end all connections; in bounded time, Kafka or not."""
        opened, self._open = self._open, []
        await asyncio.gather(*(one.close() for one in opened), self._offsets.close())
        if self._publisher is not None:
            await self._publisher.close()

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Returns once all in-sync replicas have every record; BusUnavailable past the deadline or buffer."""
        await self._up.publish(records)

    async def consumer(self, topic: str, group: str, listener: Listener) -> KafkaConsumer:
        """Join a group."""
        await self._up.cluster.partitions(topic)  # says so at once where there is no such topic
        consumer = KafkaConsumer(self._settings, self._clock, topic, group, listener)
        await consumer.open()
        self._keep(consumer)
        return consumer

    async def reader(self, topic: str) -> KafkaReader:
        """Read a topic from its beginning without a group."""
        reader = KafkaReader(self._settings, self._clock, topic, await self._up.cluster.partitions(topic))
        await reader.open()
        self._keep(reader)
        return reader

    async def oldest_pending(self, topic: str, group: str) -> int | None:
        """The append time (ms) of the oldest record that the group has not committed; None when it has all."""
        return await self._offsets.oldest(Group(group, topic, await self._up.cluster.partitions(topic)))

    async def lag(self, topic: str, group: str) -> int:
        """How many records the group has not committed yet."""
        return await self._offsets.lag(Group(group, topic, await self._up.cluster.partitions(topic)))

    async def check(self) -> str | None:
        """Why the bus takes nothing at the moment, after trying again where it failed; None when it does."""
        return await self._publisher.check() if self._publisher is not None else _NOT_YET

    @property
    def _up(self) -> KafkaPublisher:
        if self._publisher is None:
            raise BusUnavailable(_NOT_YET)
        return self._publisher

    def _keep(self, opened: KafkaConsumer | KafkaReader) -> None:
        self._open = [one for one in self._open if not one.closed]
        self._open.append(opened)
