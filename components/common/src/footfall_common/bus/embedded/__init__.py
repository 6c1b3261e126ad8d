"""The bus in one process: SQLite in WAL mode, group commit, real partitions and groups.

Topics `raw`, `dead` and `settings` live in `bus.db`; topic `buckets` and every group's offsets in the store's file, so
that effects, marks and offset share one transaction.
"""

import sqlite3
from collections.abc import Mapping, Sequence

from footfall_common.bus import Listener, Outgoing, Partition
from footfall_common.bus.embedded import log
from footfall_common.bus.embedded.appender import Appender, BusLimits
from footfall_common.bus.embedded.consumer import EmbeddedConsumer, EmbeddedReader
from footfall_common.bus.embedded.groups import Group
from footfall_common.bus.embedded.topic import Home, Topic, TopicSpec
from footfall_common.clock import Clock, NewId, new_id
from footfall_common.errors import InvalidInput, NotFound
from footfall_common.placement import Topics
from footfall_common.sqlite import SqliteFile

SCHEMA = log.SCHEMA

__all__ = ["SCHEMA", "BusLimits", "EmbeddedBus", "TopicSpec", "topic_specs"]


def topic_specs(topics: Topics, partitions: int = 4) -> tuple[TopicSpec, ...]:
    """The four topics of a placement, as the embedded process keeps them."""
    return (
        TopicSpec(topics.raw, partitions),
        TopicSpec(topics.dead, 1, grouped=False),
        TopicSpec(topics.settings, 1, compacted=True, grouped=False),
        TopicSpec(topics.buckets, partitions, home="store"),
    )


class EmbeddedBus:
    """The bus port on two SQLite files. The files are opened and closed by whoever made them.

    `make_id` names the bus's file when it is made.
    """

    def __init__(
        self,
        files: Mapping[Home, SqliteFile],
        specs: Sequence[TopicSpec],
        clock: Clock,
        limits: BusLimits,
        make_id: NewId = new_id,
    ) -> None:
        self._make_id = make_id
        self._offsets = files["store"]
        self._files = files
        self._topics = {spec.name: Topic(spec, files[spec.home], tail_bytes=limits.tail_bytes) for spec in specs}
        self._appenders = {home: Appender(file, self._topics, clock, limits) for home, file in files.items()}
        self._groups: dict[tuple[str, str], Group] = {}

    async def open(self) -> None:
        """Make topics where they are missing; InvalidInput when the files are not of one moment."""
        await self._offsets.open()
        for topic in self._topics.values():
            await topic.open()
            await self._agree(topic)
        await self._recognise()

    async def close(self) -> None:
        """Finish what was published."""
        for appender in self._appenders.values():
            await appender.close()

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Returns once every record is on disk; BusUnavailable when one is not."""
        if not records:
            return
        topic = records[0].topic
        if len(records) == 1 or all(record.topic == topic for record in records):
            await self._appenders[self.topic(topic).spec.home].add(records)
            return
        for home in sorted({self.topic(record.topic).spec.home for record in records}):
            await self._appenders[home].add([r for r in records if self.topic(r.topic).spec.home == home])

    async def consumer(self, topic: str, group: str, listener: Listener) -> EmbeddedConsumer:
        """Join a group."""
        opened = self.topic(topic)

        async def committed() -> Mapping[Partition, int]:
            return {opened.partitions[number]: at for number, at in (await self._next(opened, group)).items()}

        members = self._groups.setdefault((topic, group), Group(opened.partitions, committed))
        consumer = EmbeddedConsumer(opened, group, members, self._offsets, listener)
        await members.join(consumer)
        return consumer

    async def reader(self, topic: str) -> EmbeddedReader:
        """Read a topic from its beginning without a group."""
        return EmbeddedReader(self.topic(topic))

    async def oldest_pending(self, topic: str, group: str) -> int | None:
        """The append time (ms) of the oldest record that the group has not committed; None when it has all."""
        opened = self.topic(topic)
        pending = [(number, at) for number, at, end in await self._unread(opened, group) if at < end]
        if not pending:
            return None

        def work(connection: sqlite3.Connection) -> list[int | None]:
            return [log.appended_at(connection, opened.ids[number], at) for number, at in pending]

        return min((at for at in await opened.file.read(work) if at is not None), default=None)

    async def lag(self, topic: str, group: str) -> int:
        """How many records the group has not committed yet."""
        opened = self.topic(topic)
        return sum(end - at for _, at, end in await self._unread(opened, group))

    async def check(self) -> str | None:
        """Why the bus takes nothing at the moment; None when it does."""
        for file in self._files.values():
            if reason := await file.check():
                return reason
        return None

    async def trim(self, topic: str, before: int) -> int:
        """Delete what was appended before a time and no group has yet to read; returns how many batches went."""
        opened = self.topic(topic)
        read = await self._offsets.read(lambda connection: log.committed_by_all(connection, topic))
        below = {n: read.get(n, 0) if opened.spec.grouped else end for n, end in enumerate(opened.ends)}

        def work(connection: sqlite3.Connection) -> int:
            return sum(log.trim(connection, opened.ids[number], before, at) for number, at in below.items())

        gone = await opened.file.write(work)
        await opened.file.shrink()
        return gone

    def topic(self, name: str) -> Topic:
        """An open topic; NotFound for one that this bus was not made with."""
        try:
            return self._topics[name]
        except KeyError:
            message = f"There is no topic {name}."
            raise NotFound(message, field="topic") from None

    async def _agree(self, topic: Topic) -> None:
        """Refuse a log that ends before what was read of it.

        It is an older copy, or a new one in place of a lost one: what it is given next would lie below the offsets of
        its groups, be acknowledged, and never be read.
        """
        name = topic.spec.name
        read = await self._offsets.read(lambda connection: log.committed_furthest(connection, name))
        if any(at > topic.ends[number] for number, at in read.items() if number < len(topic.ends)):
            raise InvalidInput(
                f"{topic.file.path} is older than {self._offsets.path}: its topic {name} ends before what was read "
                "of it. Put both files back as they were at one moment.",
                code="files_disagree",
                field=topic.file.path.name,
            )

    async def _recognise(self) -> None:
        """Refuse a bus's file that the offsets do not speak of: records below them would pass for read."""
        file, made = self._files["bus"], self._make_id().bytes
        own = await file.write(lambda connection: log.identity(connection, made))
        noted = await self._offsets.write(lambda connection: log.identity(connection, own))
        if own == noted:
            return
        names = [topic.spec.name for topic in self._topics.values() if topic.spec.home == "bus"]
        if await self._offsets.read(lambda connection: any(log.committed_furthest(connection, n) for n in names)):
            raise InvalidInput(
                f"{file.path} is another bus's than the one that {self._offsets.path} was kept with: what it holds "
                "would be taken for read. Put both files back as they were at one moment.",
                code="files_disagree",
                field=file.path.name,
            )
        await self._offsets.write(lambda connection: log.identify(connection, own))

    async def _unread(self, topic: Topic, group: str) -> list[tuple[int, int, int]]:
        """Of each partition: its number, the offset that the group reads next, where it ends."""
        read = await self._next(topic, group)
        ends = await topic.ends_on_disk()  # afterwards, so that nothing committed with an offset is missed
        return [(number, at, ends[number]) for number, at in read.items()]

    async def _next(self, topic: Topic, group: str) -> dict[int, int]:
        name = topic.spec.name
        stored = await self._offsets.read(lambda connection: log.committed(connection, group, name))
        return {number: stored.get(number, 0) for number in range(topic.spec.partitions)}
