"""What the embedded process does its own way.

The effects port is one transaction of the store's file: rows, edges, marks and offsets. Settings are published anew at
each start.
"""

import sqlite3
from collections.abc import Mapping, Sequence

from footfall_common.bus import Outgoing
from footfall_common.bus.embedded.consumer import EmbeddedConsumer
from footfall_common.bus.embedded.log import Batch
from footfall_common.bus.embedded.topic import Topic
from footfall_common.clock import Clock
from footfall_common.pipeline.effects import Effects
from footfall_common.pipeline.marks import mark_record
from footfall_common.pipeline.relay import Relay
from footfall_common.sqlite import SqliteFile
from footfall_common.store.embedded import write_rows


async def publish_again(file: SqliteFile, relay: Relay) -> None:
    """Bring every settings document that the store's file holds to the topic, published before or not.

    The two lie in different files: an older or a new `bus.db` lacks documents that the store notes as published, which
    would never come again. Readers ignore what they have, and compaction drops it. Raises Unavailable.
    """
    await file.write(lambda connection: connection.execute("UPDATE documents SET published = 0 WHERE published > 0"))
    await relay.flush()


class EmbeddedSink:
    """Applies effects for one consumer of the raw topic."""

    def __init__(self, file: SqliteFile, buckets: Topic, consumer: EmbeddedConsumer, clock: Clock) -> None:
        self._file = file
        self._buckets = buckets
        self._consumer = consumer
        self._clock = clock

    async def apply(self, effects: Effects) -> None:
        """Returns once all of it is durable; Conflict, with nothing written, when a partition has a new owner."""
        marks = [mark_record(self._buckets.spec.name, mark) for mark in effects.marks]
        appended = await self._file.write(lambda connection: self._work(connection, effects, marks))
        self._consumer.committed(effects.commit)
        self._buckets.noticed(appended)

    def _work(self, connection: sqlite3.Connection, effects: Effects, marks: Sequence[Outgoing]) -> Mapping[int, Batch]:
        write_rows(connection, effects.rows, effects.edges)
        appended = self._buckets.append(connection, marks, self._clock.now_ms())
        self._consumer.commit_within(connection, effects.commit)
        return appended
