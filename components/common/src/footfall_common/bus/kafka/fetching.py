"""What group members and group-less readers share: taking records out of aiokafka, and noticing that none can come.

aiokafka's fetcher never tells of trouble: it logs and tries again, and if its task dies it does not even do that.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

from footfall_common.bus import Partition, Received
from footfall_common.bus.kafka.settings import KafkaSettings
from footfall_common.clock import Clock

_SLACK_MS: Final = 2_000


class Silence:
    """For how long brokers have not answered, told from polls that found nothing."""

    def __init__(self, settings: KafkaSettings, clock: Clock) -> None:
        self.limit = (settings.request_timeout_ms + settings.fetch_max_wait_ms + _SLACK_MS) / 1_000
        """Seconds after which it is no chance any more."""
        self._clock = clock
        self._quiet: int | None = None

    def broken(self) -> None:
        """Something came, or what is read changed."""
        self._quiet = None

    def seconds(self, consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]) -> float:
        """Called after a poll that found nothing; 0 while every broker answers.

        Only polls since the last record count: what lies fetched and not taken keeps a partition from being asked for.
        """
        now = self._clock.now_ms()
        if self._quiet is None:
            self._quiet = now
        heard = [consumer.last_poll_timestamp(partition) or 0 for partition in partitions]
        silent = now - max(self._quiet, min(heard, default=now))
        return silent / 1_000 if silent > self.limit * 1_000 else 0.0


def received(found: Mapping[TopicPartition, Sequence[ConsumerRecord[bytes, bytes]]]) -> list[Received]:
    """In the port's words; a record without key or value, which only foreign producers write, has an empty one."""
    return [
        Received(partition, one.offset, one.key or b"", one.value or b"", tuple(one.headers), one.timestamp)
        for where, records in found.items()
        for partition in (Partition(where.topic, where.partition),)
        for one in records
    ]


def kafkas(partition: Partition) -> TopicPartition:
    """The same in aiokafka's words."""
    return TopicPartition(partition.topic, partition.number)
