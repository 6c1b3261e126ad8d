"""The way between asyncio and the driver's thread: many requests at once, one hop back a burst, bounded in number.

A burst's answers are counted on the driver's thread; the last of them wakes the event loop once. Requests beyond
`max_in_flight` wait for room, and everything together ends within a deadline. What is still under way then keeps its
room until the driver has given it up, so that a hanging cluster is not asked more and more.
"""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Sequence
from typing import Final

from cassandra import InvalidRequest

from footfall_common.errors import StoreUnavailable
from footfall_common.store.cassandra.drafts import Batch, heads_of
from footfall_common.store.cassandra.frames import Bound, Rows, UnloggedBatch
from footfall_common.store.cassandra.sending import Request, Row, Sender
from footfall_common.store.cassandra.sessions import Connected, unavailable
from footfall_common.store.cassandra.settings import CassandraSettings

_OLD_SCHEMA: Final = ("unconfigured table", "does not exist", "Undefined column", "Unknown identifier")
"""How nodes say that a table or column is not there."""


class Slots:
    """Room for requests, given in the order of asking."""

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, wanted: int) -> None:
        """Returns once there is room for `wanted` requests, which then is theirs."""
        if not self._waiting and self._free >= wanted:
            self._free -= wanted
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((wanted, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(wanted)
            raise

    def give(self, count: int) -> None:
        """Room is free again."""
        self._free += count
        while self._waiting and (self._waiting[0][1].done() or self._free >= self._waiting[0][0]):
            wanted, turn = self._waiting.popleft()
            if not turn.done():
                self._free -= wanted
                turn.set_result(None)


class _Burst:
    """Requests sent together; `done` is set on the loop when the last of them has been answered or has failed."""

    def __init__(self, loop: asyncio.AbstractEventLoop, size: int) -> None:
        self.rows: list[Sequence[Row]] = [()] * size
        self.failure: Exception | None = None
        self.done = loop.create_future()
        self._loop = loop
        self._size = size
        self._answered = itertools.count(1)  # one step of it is atomic, whichever thread takes it

    def more(self, index: int, rows: Sequence[Row]) -> None:
        self.rows[index] = [*self.rows[index], *rows]

    def answered(self, index: int, rows: Sequence[Row]) -> None:
        self.rows[index] = [*self.rows[index], *rows] if self.rows[index] else rows
        self._count()

    def failed(self, error: Exception, *_: object) -> None:
        self.failure = error
        self._count()

    def _count(self) -> None:
        if next(self._answered) == self._size:
            try:
                self._loop.call_soon_threadsafe(self._finish)
            except RuntimeError:
                return  # the loop has been closed, and nobody waits any more

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


class Calls:
    """Runs prepared statements on a connected session."""

    def __init__(self, connected: Connected, settings: CassandraSettings, slots: Slots) -> None:
        self._connected = connected
        self._sender = Sender(connected)
        self._settings = settings
        self._slots = slots
        self._burst = max(1, settings.max_in_flight // 4)
        self._failing_since: float | None = None
        self.heads = heads_of({text: statement.query_id for text, statement in connected.prepared.items()})

    async def write(self, batches: Sequence[Batch]) -> None:
        """Write batches, each of one partition."""
        keyspace = self._connected.keyspace
        await self._all([UnloggedBatch(keyspace, key, Rows(count, body)) for key, count, body in batches])

    async def run(self, text: str, bound: Sequence[Sequence[bytes]]) -> Sequence[Sequence[Row]]:
        """Run one statement with each of these values at once; the rows of each, all pages of them."""
        prepared, keyspace, page = self._connected.prepared[text], self._connected.keyspace, self._settings.page_rows
        return await self._all([Bound(prepared, keyspace, values, page) for values in bound])

    async def one(self, text: str, *values: bytes) -> Sequence[Row]:
        """Run one statement once."""
        return (await self.run(text, [values]))[0]

    def failing_seconds(self) -> float:
        """How long nothing but failures has come."""
        return 0.0 if self._failing_since is None else time.monotonic() - self._failing_since

    async def _all(self, requests: Sequence[Request]) -> Sequence[Sequence[Row]]:
        if not requests:
            return []
        deadline = self._settings.deadline_seconds
        try:
            async with asyncio.timeout(deadline):
                if len(requests) <= self._burst:
                    return await self._send(requests)
                starts = range(0, len(requests), self._burst)
                bursts = [self._send(requests[start : start + self._burst]) for start in starts]
                outcomes = await asyncio.gather(*bursts, return_exceptions=True)
        except TimeoutError as error:
            self._failing_since = self._failing_since or time.monotonic()
            raise StoreUnavailable(f"Cassandra did not answer within {deadline:g} s.") from error
        rows: list[Sequence[Row]] = []
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
            rows += outcome
        return rows

    async def _send(self, requests: Sequence[Request]) -> Sequence[Sequence[Row]]:
        size = len(requests)
        await self._slots.take(size)
        burst = _Burst(asyncio.get_running_loop(), size)
        burst.done.add_done_callback(lambda _: self._slots.give(size))
        try:
            self._sender.send(requests, burst)
        except BaseException:
            burst.done.cancel()  # which gives the room back: nobody will answer for all of them any more
            raise
        await asyncio.shield(burst.done)
        if burst.failure is not None:
            self._failing_since = self._failing_since or time.monotonic()
            raise self._explained(burst.failure) from burst.failure
        self._failing_since = None
        return burst.rows

    def _explained(self, error: Exception) -> Exception:
        """StoreUnavailable where waiting or an administrator helps; what is our own mistake stays what it is."""
        ours = isinstance(error, InvalidRequest) and not any(word in str(error) for word in _OLD_SCHEMA)
        if ours:
            return error
        return unavailable(error, self._settings, self._connected.keyspace)
