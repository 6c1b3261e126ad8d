"""The store on Cassandra, for any number of processes.

    store = CassandraStore(settings, SystemClock(), keyspace="footfall_pooled", retention_days=days_of)
    await store.open()      # StoreUnavailable while there is no cluster: call it again later

Tables are made by `migrations` alone (`footfall migrate`); nothing here changes a schema.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from uuid import UUID

from footfall_common.clock import Clock
from footfall_common.errors import StoreUnavailable
from footfall_common.store.cassandra import statements
from footfall_common.store.cassandra.calls import Calls, Slots
from footfall_common.store.cassandra.directory import CassandraDirectory
from footfall_common.store.cassandra.reads import CassandraEvents
from footfall_common.store.cassandra.segments import CassandraSegments
from footfall_common.store.cassandra.sessions import Connected, connect, in_thread
from footfall_common.store.cassandra.settings import CassandraSettings
from footfall_common.store.cassandra.stamps import FirstStands, Lifetimes
from footfall_common.store.cassandra.writes import CassandraWrites


class CassandraStore:
    """`Store`, with `writes` beside it. `retention_days(tenant)`: how long its rows live.

    `expired` is told how many events came too late to be written.
    """

    def __init__(
        self,
        settings: CassandraSettings,
        clock: Clock,
        *,
        keyspace: str,
        retention_days: Callable[[UUID], int],
        expired: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._keyspace = keyspace
        self._slots = Slots(settings.max_in_flight)
        self._connecting: Future[Connected] | None = None
        self._renewing: Future[Connected] | None = None
        self._made: Calls | None = None
        stamps, lifetimes = FirstStands(clock), Lifetimes(clock, retention_days)
        self.events = CassandraEvents(self._calls, settings.page_rows)
        self.writes = CassandraWrites(self._calls, settings, stamps, lifetimes, expired)
        self.segments = CassandraSegments(self._calls, settings, stamps, lifetimes)
        self.directory = CassandraDirectory(self._calls, clock)

    async def open(self) -> None:
        """Connect, or raise StoreUnavailable with the reason within the deadline; then call it again later."""
        if self._made is not None:
            return
        if self._connecting is None:
            self._connecting = in_thread(lambda: connect(self._settings, self._keyspace))
        connecting = self._connecting
        deadline = self._settings.deadline_seconds
        try:
            connected = await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(connecting)), deadline)
        except TimeoutError as error:
            raise StoreUnavailable(f"Cassandra could not be reached within {deadline:g} s.") from error
        except Exception:
            self._connecting = None
            raise
        self._made = Calls(connected, self._settings, self._slots)

    async def close(self) -> None:
        """Let go of the cluster. What is under way fails; it takes `close_seconds` at most."""
        connecting, self._connecting, self._made, self._renewing = self._connecting, None, None, None
        if connecting is None:
            return
        if not connecting.done():
            connecting.add_done_callback(_shut_down)  # whenever that attempt ends; nobody waits for it
            return
        closing = _shut_down(connecting)
        if closing is not None:
            await asyncio.wait([asyncio.wrap_future(closing)], timeout=self._settings.close_seconds)

    async def check(self) -> str | None:
        """Why the store takes nothing at the moment, after trying again where it failed; None when it does."""
        try:
            await self.open()
            await self._calls().one(statements.MIGRATIONS)
        except StoreUnavailable as error:
            return f"store down: {error.message}"
        return None

    def _calls(self) -> Calls:
        made = self._made
        if made is None:
            raise StoreUnavailable("Cassandra has not been reached yet.")
        if made.failing_seconds() > self._settings.renew_seconds and self._renewing is None:
            self._renewing = in_thread(lambda: connect(self._settings, self._keyspace))
            self._renewing.add_done_callback(partial(self._hand_over, asyncio.get_running_loop()))
        return made

    def _hand_over(self, loop: asyncio.AbstractEventLoop, renewing: Future[Connected]) -> None:
        """On the connecting thread: the loop takes the new session; where the loop has ended, nobody does."""
        try:
            loop.call_soon_threadsafe(self._renewed, renewing)
        except RuntimeError:
            _shut_down(renewing)

    def _renewed(self, renewing: Future[Connected]) -> None:
        """Replace a session that has long been failing.

        The driver gives a node up for good when it refuses a log-in once, as one that is starting may, and it never
        looks its hosts' names up again.
        """
        if self._renewing is not renewing:
            _shut_down(renewing)  # closed meanwhile
            return
        self._renewing = None
        if renewing.exception() is not None or self._connecting is None:
            return
        former, self._connecting = self._connecting, renewing
        self._made = Calls(renewing.result(), self._settings, self._slots)
        _shut_down(former)


def _shut_down(connecting: Future[Connected]) -> Future[None] | None:
    """Ends the threads of a connection that was made; they do not keep the process from ending either."""
    if connecting.cancelled() or connecting.exception() is not None:
        return None
    return in_thread(connecting.result().cluster.shutdown)


__all__ = ["CassandraSettings", "CassandraStore"]
