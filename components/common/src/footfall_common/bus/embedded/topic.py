"""One topic of the embedded bus: its partitions, where they end, and the newest batches, kept in memory.

The tail is a cache: a consumer that keeps up reads what it holds and costs no query; what it lacks is read from the
file. It is filled only after a commit, so nobody ever reads what is not on disk.
"""

import asyncio
import sqlite3
import zlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from footfall_common.bus import Headers, Outgoing, Partition, Received
from footfall_common.bus.embedded import log
from footfall_common.sqlite import SqliteFile

_OVERHEAD = 200
"""Bytes that a record in memory takes beside its key and value."""
Home = Literal["bus", "store"]


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic: how many partitions (never changed later: keys would move), which file, whether compacted.

    `grouped` = groups read it, and nothing that one of them has not read is ever trimmed.
    """

    name: str
    partitions: int = 4
    home: Home = "bus"
    compacted: bool = False
    grouped: bool = True


def content_size(key: bytes, value: bytes, headers: Headers) -> int:
    """Bytes of a record: key, value and headers."""
    return len(key) + len(value) + sum(len(name) + len(content) for name, content in headers)


@dataclass(slots=True)
class _Tail:
    batches: deque[tuple[log.Batch, int]] = field(default_factory=deque)
    held: int = 0

    def add(self, batch: log.Batch, limit: int) -> None:
        """Keep the newest batches that fit into `limit` bytes, one at least."""
        size = sum(content_size(*record) + _OVERHEAD for record in batch.records)
        self.batches.append((batch, size))
        self.held += size
        while self.held > limit and len(self.batches) > 1:
            self.held -= self.batches.popleft()[1]

    def clear(self) -> None:
        self.batches.clear()
        self.held = 0


class Topic:
    """State of one open topic."""

    def __init__(self, spec: TopicSpec, file: SqliteFile, *, tail_bytes: int) -> None:
        self.spec = spec
        self.file = file
        self.partitions = tuple(Partition(spec.name, number) for number in range(spec.partitions))
        self.ids: list[int] = []
        self.ends: list[int] = []
        self._tails = [_Tail() for _ in self.partitions]
        self._tail_bytes = tail_bytes // spec.partitions
        self._arrival = asyncio.Event()

    async def open(self) -> None:
        """Make the partitions where they are missing and learn where they end; compact where that is wanted."""

        def work(connection: sqlite3.Connection) -> tuple[list[int], list[int]]:
            ids = log.partitions(connection, self.spec.name, self.spec.partitions)
            if self.spec.compacted:
                for partition in ids:
                    log.compact(connection, partition)
            return ids, [log.end(connection, partition) for partition in ids]

        self.ids, self.ends = await self.file.write(work)

    async def ends_on_disk(self) -> Sequence[int]:
        """Where the partitions end by now.

        `ends` is moved a moment after a commit. Whoever saw the rest of that commit, a group's offset say, would find
        nothing pending here, though the marks came with it.
        """
        ids = self.ids
        found = await self.file.read(lambda connection: [log.end(connection, partition) for partition in ids])
        return [max(pair) for pair in zip(found, self.ends, strict=True)]

    def number_of(self, key: bytes) -> int:
        """The partition of a key."""
        return zlib.crc32(key) % self.spec.partitions

    def append(self, connection: sqlite3.Connection, records: Sequence[Outgoing], now: int) -> Mapping[int, log.Batch]:
        """Inside a write: put records at their partitions' ends. Hand the result to `noticed` after the commit."""
        split: dict[int, list[log.Content]] = {}
        for record in records:
            split.setdefault(self.number_of(record.key), []).append(record[1:])
        return {number: log.append(connection, self.ids[number], part, now) for number, part in split.items()}

    def noticed(self, appended: Mapping[int, log.Batch]) -> None:
        """What a commit brought: move the ends, keep the tail, wake who waits."""
        for number, batch in appended.items():
            tail = self._tails[number]
            if batch.offsets[0] != self.ends[number]:  # a commit whose caller was gone: the tail would have a hole
                tail.clear()
            self.ends[number] = max(self.ends[number], batch.offsets[-1] + 1)
            tail.add(batch, self._tail_bytes)
        self.wake()

    def wake(self) -> None:
        """Let everyone who waits look again."""
        self._arrival.set()
        self._arrival = asyncio.Event()

    def arrival(self) -> asyncio.Event:
        """Set when something arrives after this call."""
        return self._arrival

    async def read(self, number: int, offset: int, limit: int) -> list[Received]:
        """At most `limit` records of a partition from `offset` on."""
        if offset >= self.ends[number]:
            return []
        batches: Sequence[log.Batch] = [batch for batch, _ in self._tails[number].batches]
        if not batches or batches[0].offsets[0] > offset:
            partition = self.ids[number]
            batches = await self.file.read(lambda connection: log.read(connection, partition, offset, limit))
        return _received(self.partitions[number], batches, offset, limit)


def _received(partition: Partition, batches: Sequence[log.Batch], offset: int, limit: int) -> list[Received]:
    found: list[Received] = []
    for batch in batches:
        if not batch.offsets or batch.offsets[-1] < offset:
            continue
        for at, (key, value, headers) in zip(batch.offsets, batch.records, strict=True):
            if at >= offset:
                found.append(Received(partition, at, key, value, headers, batch.appended))
                if len(found) == limit:
                    return found
    return found
