"""Readers of the embedded bus: members of a group, and readers without one."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence

from footfall_common.bus import Listener, Partition, Received
from footfall_common.bus.embedded import log
from footfall_common.bus.embedded.groups import Group
from footfall_common.bus.embedded.topic import Topic
from footfall_common.errors import Conflict, Unavailable
from footfall_common.sqlite import SqliteFile


async def _poll(
    topic: Topic, positions: dict[Partition, int], skip: frozenset[Partition], limit: int
) -> list[Received]:
    """What there is now, fairly: the partition served first moves on with every call.

    What was found before a partition cannot be read is handed on, since its positions have moved.
    """
    found: list[Received] = []
    ends: dict[Partition, int] = {}
    for partition in list(positions):
        at = positions.get(partition)  # None: it left while the file was read for another
        if partition in skip or at is None:
            continue
        try:
            records = await topic.read(partition.number, at, limit - len(found))
        except Unavailable:
            if found:
                break
            raise
        if records and positions.get(partition) == at:  # it may have left meanwhile, and even come back
            del positions[partition]  # goes to the end of the order
            positions[partition] = ends[partition] = records[-1].offset + 1
            found += records
        if len(found) >= limit:
            break
    return [record for record in found if positions.get(record.partition) == ends[record.partition]]


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


class EmbeddedConsumer:
    """A member of a group."""

    def __init__(self, topic: Topic, group: str, members: Group, offsets: SqliteFile, listener: Listener) -> None:
        self.group = group
        self._topic = topic
        self._members = members
        self._offsets = offsets
        self._listener = listener
        self._positions: dict[Partition, int] = {}
        self._paused: frozenset[Partition] = frozenset()

    @property
    def owned(self) -> frozenset[Partition]:
        """What it owns now."""
        return frozenset(self._positions)

    async def poll(self, limit: int, wait: float) -> Sequence[Received]:
        """At most `limit` records of owned, unpaused partitions, in offset order a partition."""
        arrival = self._topic.arrival()
        found = await _poll(self._topic, self._positions, self._paused, limit)
        if not found and wait > 0:
            await _wait(arrival, wait)
            found = await _poll(self._topic, self._positions, self._paused, limit)
        return found

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """The next offset to read a partition, durably; Conflict for one that is not owned."""
        await self._offsets.write(lambda connection: self.commit_within(connection, offsets))
        self.committed(offsets)

    def commit_within(self, connection: sqlite3.Connection, offsets: Mapping[Partition, int]) -> None:
        """The same inside a caller's transaction on the offsets' file; tell `committed` once that stands."""
        if foreign := set(offsets) - set(self._positions):
            message = f"{min(foreign)} is not owned by this consumer any more; its new owner reads it again."
            raise Conflict(message)
        pairs = [(partition.number, offset) for partition, offset in offsets.items()]
        log.commit(connection, self.group, self._topic.spec.name, pairs)

    def committed(self, offsets: Mapping[Partition, int]) -> None:
        """The transaction of `commit_within` stands."""
        self._members.note(offsets)

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from that offset; Conflict when the partition is not owned."""
        if partition not in self._positions:
            message = f"{partition} is not owned by this consumer."
            raise Conflict(message)
        self._positions[partition] = offset
        self._topic.wake()

    def pause(self, partitions: frozenset[Partition]) -> None:
        """Leave these out of `poll`."""
        self._paused |= partitions

    def resume(self, partitions: frozenset[Partition]) -> None:
        """Take them in again."""
        self._paused -= partitions
        self._topic.wake()

    async def close(self) -> None:
        """Leave the group."""
        await self._members.leave(self)

    async def give_up(self, partitions: frozenset[Partition]) -> None:
        """Called by the group: nothing more of these is polled, and work on them ends before this returns."""
        try:
            if partitions:
                await self._listener.revoked(partitions)
        finally:
            for partition in partitions:
                del self._positions[partition]
            self._paused -= partitions

    async def take(self, offsets: Mapping[Partition, int]) -> None:
        """Called by the group: own these from their committed offsets on."""
        self._positions.update(offsets)
        await self._listener.assigned(frozenset(offsets))
        self._topic.wake()


class EmbeddedReader:
    """Reads a whole topic from its beginning."""

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._positions = dict.fromkeys(topic.partitions, 0)

    async def poll(self, limit: int, wait: float) -> Sequence[Received]:
        """At most `limit` records, in offset order a partition."""
        arrival = self._topic.arrival()
        found = await _poll(self._topic, self._positions, frozenset(), limit)
        if not found and wait > 0:
            await _wait(arrival, wait)
            found = await _poll(self._topic, self._positions, frozenset(), limit)
        return found

    async def caught_up(self) -> bool:
        """Whether everything that is in the topic now has been read."""
        return all(at >= end for (_, at), end in zip(sorted(self._positions.items()), self._topic.ends, strict=True))

    async def ends(self) -> Mapping[Partition, int]:
        """The offset that the next record of each partition will get."""
        return dict(zip(self._topic.partitions, self._topic.ends, strict=True))

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from that offset."""
        self._positions[partition] = offset

    async def close(self) -> None:
        """End: a reader holds nothing."""
        self._positions.clear()
