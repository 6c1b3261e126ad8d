"""The effects port where store and bus are two systems: each step is acknowledged before the next begins.

A crash may cut it anywhere. What was written is written again by the next owner, from the committed offset on, and
rows, edges and marks are such that a second time changes nothing.
"""

from footfall_common.bus import Consumer, Publisher
from footfall_common.pipeline.effects import Effects
from footfall_common.pipeline.marks import mark_record
from footfall_common.store import EventWrites


class OrderedSink:
    """Applies effects for one consumer of the raw topic: rows and edges, then marks, then offsets.

    One chunk at a time and a partition's records in order, so that a mark's `high` says that every row up to it is
    written. `buckets` is the marks' topic.
    """

    def __init__(self, writes: EventWrites, bus: Publisher, buckets: str, consumer: Consumer) -> None:
        self._writes = writes
        self._bus = bus
        self._buckets = buckets
        self._consumer = consumer

    async def apply(self, effects: Effects) -> None:
        """Returns once all of it is durable.

        Raises StoreUnavailable or BusUnavailable with some of it done, which the caller may repeat, and Conflict when
        a partition has a new owner: then all but the offsets is done, and the new owner does it again.
        """
        if effects.rows or effects.edges:
            await self._writes.write(effects.rows, effects.edges)
        if effects.marks:
            await self._bus.publish([mark_record(self._buckets, mark) for mark in effects.marks])
        await self._consumer.commit(effects.commit)
