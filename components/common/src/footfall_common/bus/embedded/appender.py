"""Collects what is published while a commit is under way and brings it to disk with the next one.

At most one commit is in flight; everybody who published meanwhile shares the following one. The buffer is bounded and
every group has a deadline: past either, BusUnavailable; a group that lands after its deadline is absorbed by
de-duplication downstream.
"""

import asyncio
import functools
import itertools
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from footfall_common.bus import Outgoing
from footfall_common.bus.embedded import log
from footfall_common.bus.embedded.topic import Topic, content_size
from footfall_common.clock import Clock
from footfall_common.errors import BusUnavailable, Unavailable
from footfall_common.sqlite import SqliteFile

logger = structlog.get_logger(__name__)
_LATE = "The bus did not acknowledge in time; try again."
Landed = Mapping[str, Mapping[int, log.Batch]]


@dataclass(frozen=True, slots=True)
class BusLimits:
    """Bounds of the embedded bus.

    Bytes waiting for a commit; seconds until 503; seconds that the first record of a commit waits for others, which is
    what a sync shared by more requests costs in latency; bytes of the newest records kept in memory a topic.
    """

    buffer_bytes: int = 64 * 1024 * 1024
    deadline: float = 8.0
    linger: float = 0.002
    tail_bytes: int = 8 * 1024 * 1024


@dataclass(slots=True)
class _Group:
    records: list[Outgoing] = field(default_factory=list)
    waiters: list[asyncio.Future[None]] = field(default_factory=list)
    size: int = 0
    expiry: asyncio.TimerHandle | None = None
    failed: bool = False

    def succeed(self) -> None:
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)

    def fail(self, message: str) -> None:
        self.failed = True
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_exception(BusUnavailable(message, retry_after=1))


class Appender:
    """The publishing side of one file."""

    def __init__(self, file: SqliteFile, topics: Mapping[str, Topic], clock: Clock, limits: BusLimits) -> None:
        self._file = file
        self._topics = topics
        self._clock = clock
        self._limits = limits
        self._group = _Group()
        self._in_flight = 0
        self._running: asyncio.Task[None] | None = None

    def add(self, records: Sequence[Outgoing]) -> asyncio.Future[None]:
        """Take records into the next commit; the future ends once they are synced."""
        size = sum(map(size_of, records))
        group = self._group if not self._group.failed else self._renewed()
        if group.size + self._in_flight + size > self._limits.buffer_bytes:
            raise BusUnavailable("The bus's buffer is full; try again.", retry_after=1)
        loop = asyncio.get_running_loop()
        if group.expiry is None:  # from the first record on, whether or not another commit is in the way
            group.expiry = loop.call_later(self._limits.deadline, group.fail, _LATE)
        waiter: asyncio.Future[None] = loop.create_future()
        group.records.extend(records)
        group.size += size
        group.waiters.append(waiter)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return waiter

    async def close(self) -> None:
        """Finish what was taken."""
        while self._running is not None:
            await self._running

    def _renewed(self) -> _Group:
        """A group in place of one whose waiters were told that it is too late: nothing of that one is written."""
        self._group = _Group()
        return self._group

    async def _run(self) -> None:
        try:
            while self._group.waiters:
                await asyncio.sleep(self._limits.linger)
                group = self._group
                self._renewed()
                await self._bring(group)
        finally:
            self._running = None

    async def _bring(self, group: _Group) -> None:
        """Commit a group and tell its waiters, whatever happens: nobody may wait for ever."""
        self._in_flight = group.size
        try:
            if not group.failed:
                landed = await self._file.write(functools.partial(self._land, group.records))
                for name, appended in landed.items():
                    self._topics[name].noticed(appended)
                group.succeed()
        except Unavailable as error:
            group.fail(error.message)
        except Exception as error:
            logger.exception("bus commit failed", records=len(group.records), bytes=group.size)
            group.fail(f"The bus could not take this ({type(error).__name__}); try again.")
        finally:
            if group.expiry is not None:
                group.expiry.cancel()
            self._in_flight = 0

    def _land(self, records: Sequence[Outgoing], connection: sqlite3.Connection) -> Landed:
        now = self._clock.now_ms()
        by_topic = itertools.groupby(sorted(records, key=_topic), key=_topic)
        return {name: self._topics[name].append(connection, list(part), now) for name, part in by_topic}


def size_of(record: Outgoing) -> int:
    """Bytes that a record brings, its key and headers too."""
    return content_size(record.key, record.value, record.headers)


def _topic(record: Outgoing) -> str:
    return record.topic
