"""How far groups are, asked from outside of them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, NotCoordinatorForGroupError
from aiokafka.structs import TopicPartition

from footfall_common.bus.kafka import connection, errors, internals
from footfall_common.bus.kafka.settings import KafkaSettings

T = TypeVar("T")
_PEEK_BYTES: Final = 64 * 1024
"""Of a partition whose first pending record is read; a larger batch still comes whole, one a request."""
_PEEK_MS: Final = 100
_PAUSE: Final = 0.1
_KEPT: Final = 4_096


class Group(NamedTuple):
    """A group on a topic with these partitions."""

    name: str
    topic: str
    partitions: Sequence[int]


class Pending(NamedTuple):
    """What a group has to read of a partition: from `at` to before `end`."""

    at: int
    end: int


class GroupOffsets:
    """Two clients, started when they are first needed and made anew after a failure.

    Nothing pending costs two requests; a pending record is read only when the group has moved since the last time.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._admin: AIOKafkaAdminClient | None = None
        self._reader: AIOKafkaConsumer | None = None
        self._coordinators: dict[str, int] = {}
        self._appended: dict[tuple[TopicPartition, int], int] = {}
        self._starting = asyncio.Lock()
        self._peeking = asyncio.Lock()

    async def lag(self, group: Group) -> int:
        """How many records the group has not committed."""
        pending = await self._insist(group, self._pending)
        return sum(one.end - one.at for one in pending.values())

    async def oldest(self, group: Group) -> int | None:
        """When the oldest of them was appended (ms); None when there is none."""
        return await self._insist(group, self._oldest)

    async def close(self) -> None:
        """End both clients."""
        admin, self._admin = self._admin, None
        reader, self._reader = self._reader, None
        self._coordinators.clear()
        if admin is not None:
            await internals.stop_admin(admin, self._settings.close_seconds)
        if reader is not None:
            await internals.stop_consumer(reader, self._settings.close_seconds)

    async def _insist(self, group: Group, ask: Callable[[Group], Awaitable[T]]) -> T:
        """Ask again while that may help, such as after a coordinator moved; then begin with new clients."""
        last: Exception | None = None
        try:
            async with asyncio.timeout(self._settings.deadline_seconds):
                while True:
                    try:
                        return await ask(group)
                    except KafkaError as error:
                        last = error
                        if not error.retriable:
                            raise
                    self._coordinators.pop(group.name, None)
                    await asyncio.sleep(_PAUSE)
        except (KafkaError, TimeoutError) as error:
            await self.close()
            cause = last or error
            raise errors.unavailable(cause, topic=group.topic, user=self._settings.user, group=group.name) from cause

    async def _pending(self, group: Group) -> Mapping[TopicPartition, Pending]:
        """Of each partition where there is something; without a commit, from the first record that stands."""
        reader = await self._started()
        wanted = [TopicPartition(group.topic, number) for number in group.partitions]
        committed = await self._committed(group, wanted)  # first: what is appended meanwhile counts as pending
        ends = await reader.end_offsets(wanted)
        behind = [one for one in wanted if committed.get(one, 0) < ends[one]]
        if not behind:
            return {}
        begins = await reader.beginning_offsets(behind)
        pending = {one: Pending(max(committed.get(one, 0), begins[one]), ends[one]) for one in behind}
        return {one: left for one, left in pending.items() if left.at < left.end}

    async def _committed(self, group: Group, wanted: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        admin = self._admin
        if admin is None:
            raise NotCoordinatorForGroupError(group.name)  # closed by another call's failure: ask again
        if group.name not in self._coordinators:
            self._coordinators[group.name] = await admin.find_coordinator(group.name)
        node = self._coordinators[group.name]
        answer = await admin.list_consumer_group_offsets(group.name, node, list(wanted))
        if len(answer) < len(wanted):  # aiokafka passes over an error that concerns the whole group
            raise NotCoordinatorForGroupError(group.name)
        return {one: committed.offset for one, committed in answer.items() if committed.offset >= 0}

    async def _oldest(self, group: Group) -> int | None:
        pending = await self._pending(group)
        unknown = {one: left.at for one, left in pending.items() if (one, left.at) not in self._appended}
        if unknown:
            async with self._peeking:
                await self._peek(unknown)
        known = (self._appended.get((one, left.at)) for one, left in pending.items())
        return min((at for at in known if at is not None), default=None)

    async def _peek(self, wanted: Mapping[TopicPartition, int]) -> None:
        """Read one record a partition, at that offset or, where retention has been there, after it."""
        reader = await self._started()
        if len(self._appended) > _KEPT:
            self._appended.clear()
        left = dict(wanted)
        reader.assign(list(left))
        for partition, offset in left.items():
            reader.seek(partition, offset)
        try:
            while left:
                for partition, records in (await reader.getmany(*left, timeout_ms=_PEEK_MS, max_records=1)).items():
                    self._appended[partition, left.pop(partition)] = records[0].timestamp
                    reader.pause(partition)
        finally:
            reader.pause(*left)  # or it would go on asking for what nobody takes

    async def _started(self) -> AIOKafkaConsumer:
        async with self._starting:
            if self._admin is None:
                admin = AIOKafkaAdminClient(**connection.arguments(self._settings))
                await admin.start()
                self._admin = admin
            if self._reader is None:
                self._reader = await self._start_reader()
            return self._reader

    async def _start_reader(self) -> AIOKafkaConsumer:
        fetching = {**connection.fetching(self._settings), "max_partition_fetch_bytes": _PEEK_BYTES}
        reader = AIOKafkaConsumer(**connection.arguments(self._settings), **fetching)
        try:
            await reader.start()
        except BaseException:
            await internals.stop_consumer(reader, self._settings.close_seconds)
            raise
        return reader
