"""The bus port: keyed, partitioned, durable topics with consumer groups.

Adapters: `embedded` (SQLite, one process). Each passes the suite in `tests/contract/`. The words are Kafka's, since
Kafka is the other adapter; nothing here promises more than Kafka keeps.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

Headers = tuple[tuple[str, bytes], ...]


class Outgoing(NamedTuple):
    """A record to publish. Records of one key stay in order and in one partition."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers = ()


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int


class Received(NamedTuple):
    """A record as a consumer meets it. `appended` is the bus's own time in ms since the epoch."""

    partition: Partition
    offset: int
    key: bytes
    value: bytes
    headers: Headers
    appended: int


class Listener(Protocol):
    """Told of assignment changes; `revoked` returns only when work on those partitions has ended."""

    async def assigned(self, partitions: frozenset[Partition]) -> None:
        """The partitions this consumer owns from now on, in addition to what it has."""
        ...

    async def revoked(self, partitions: frozenset[Partition]) -> None:
        """The partitions that leave; another consumer may own them once this returns."""
        ...


class Consumer(Protocol):
    """One member of a consumer group on one topic. Not shared between tasks."""

    async def poll(self, limit: int, wait: float) -> Sequence[Received]:
        """At most `limit` records of owned, unpaused partitions, in offset order a partition.

        Waits at most `wait` seconds for the first; an empty answer means none came. Raises BusUnavailable.
        """
        ...

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """The next offset to read a partition, durably. A partition no longer owned is refused with Conflict."""
        ...

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from that offset."""
        ...

    def pause(self, partitions: frozenset[Partition]) -> None:
        """Leave these out of `poll` until resumed."""
        ...

    def resume(self, partitions: frozenset[Partition]) -> None:
        """Take paused partitions in again."""
        ...

    async def close(self) -> None:
        """Leave the group; owned partitions go to the others."""
        ...


class Reader(Protocol):
    """Reads all partitions of one topic from its beginning, in no group (the settings topic)."""

    async def poll(self, limit: int, wait: float) -> Sequence[Received]:
        """As `Consumer.poll`."""
        ...

    async def caught_up(self) -> bool:
        """Whether everything that was in the topic when this was asked has been read."""
        ...

    async def ends(self) -> Mapping[Partition, int]:
        """The offset that the next record of each partition would get now. Raises BusUnavailable."""
        ...

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from that offset, or from the first one after it that still stands."""
        ...

    async def close(self) -> None:
        """End."""
        ...


class Publisher(Protocol):
    """Takes records durably."""

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Returns once every record is on disk. Raises BusUnavailable when one is not: then any may or may not be."""
        ...


class Bus(Publisher, Protocol):
    """All of a bus."""

    async def consumer(self, topic: str, group: str, listener: Listener) -> Consumer:
        """Join a group. Its committed offsets are where reading begins, 0 where none stands."""
        ...

    async def reader(self, topic: str) -> Reader:
        """Read a topic from its beginning without a group."""
        ...

    async def oldest_pending(self, topic: str, group: str) -> int | None:
        """The append time (ms) of the oldest record that the group has not committed; None when it has all."""
        ...

    async def lag(self, topic: str, group: str) -> int:
        """How many records the group has not committed yet."""
        ...

    async def check(self) -> str | None:
        """Why the bus takes nothing at the moment, after trying again where it failed; None when it does."""
        ...
