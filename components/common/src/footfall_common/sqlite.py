"""One SQLite file with one writer thread, group commit and a few reader threads.

Why threads: a sync takes milliseconds, and the event loop must go on. Why group commit: requests that wait at the same
time share one sync. Statements should touch many rows each (multi-row VALUES, `group_concat`): the interpreter lock is
let go and taken again at every step, which starves the writer while the loop is busy. For the same reason a group has
no savepoints; the rare work that fails halfway makes its group run again, one by one.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from footfall_common.errors import FootfallError, Unavailable

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]

_PROBE = "CREATE TABLE IF NOT EXISTS probe (one INTEGER PRIMARY KEY, n INTEGER)"
_WRITER = (
    "PRAGMA auto_vacuum = INCREMENTAL",  # before the first table, or it has no effect
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA wal_autocheckpoint = 12000",  # 48 MB: a page that many transactions change is copied back once
    "PRAGMA temp_store = MEMORY",
)
_STEP = 64
"""Free pages that one transaction gives back to the disk."""
_RESERVE = 10
"""One page in so many may stay free: the next rows take them, which is cheaper than shrinking and growing again."""
_READER = ("PRAGMA query_only = ON", "PRAGMA temp_store = MEMORY")
_WORKS_FAULT = (
    sqlite3.IntegrityError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
    sqlite3.NotSupportedError,
)
"""SQLite errors that say nothing about the file: the statement or its values are wrong, and so will they be again."""


class _HalfDoneError(Exception):
    """A work failed after it had changed something; its group must be undone with it."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class SqliteFile:
    """Serialised durable writes and concurrent reads of one file, for one event loop."""

    def __init__(
        self, path: Path, schema: Sequence[str], *, unavailable: type[Unavailable], readers: int = 2, cache_mb: int = 16
    ) -> None:
        self.path = path
        self._schema = (f"PRAGMA cache_size = -{cache_mb * 1024}", _PROBE, *schema)
        self._unavailable = unavailable
        self._writer = ThreadPoolExecutor(1, thread_name_prefix=f"{path.stem}-write")
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix=f"{path.stem}-read")
        self._local = threading.local()
        self._opened: set[sqlite3.Connection] = set()
        self._connection: sqlite3.Connection | None = None
        self._waiting: list[tuple[Work, asyncio.Future[Any]]] = []
        self._busy: asyncio.Task[None] | None = None
        self._failure: str | None = None
        self._closed = False

    async def open(self) -> None:
        """Create the file (0600) and its tables where they are missing; Unavailable when that fails."""
        await self.write(lambda _: None)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in a transaction shared with whoever waits at the same time; returns once it is synced.

        `work` runs in another thread and may run twice: it must change nothing but the connection, and must not end
        the transaction. What it raises undoes and fails it alone. A failure of the file (full disk, I/O) undoes the
        whole group, fails everyone in it with `unavailable`, and opens the file anew for the next. A caller that is
        cancelled does not take its work back.
        """
        self._refuse_when_closed()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, future))
        if self._busy is None:
            self._busy = asyncio.create_task(self._drain())
        return await future

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` on a reader's connection, in a snapshot of its own. Raises what it raises, or `unavailable`."""
        self._refuse_when_closed()
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    async def shrink(self) -> None:
        """Give free pages back to the disk after much was deleted, in short transactions."""
        while await self.write(_shrink):
            pass

    async def check(self) -> str | None:
        """Why writes fail, after one more try where the last one failed; None when they do not."""
        if self._failure is not None:
            try:
                await self.write(_touch)
            except FootfallError as error:
                return self._failure or error.message
        return None

    async def close(self) -> None:
        """Refuse what comes, finish what waits, then let go of the file."""
        if self._closed:
            return
        self._closed = True
        if self._busy is not None:
            await asyncio.wait([self._busy])
        await asyncio.to_thread(self._let_go)

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise self._unavailable("The data file is closed: the process is ending; try again once it is back.")

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        group: list[tuple[Work, asyncio.Future[Any]]] = []
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                outcomes = await loop.run_in_executor(self._writer, self._commit, [work for work, _ in group])
                for (_, future), outcome in zip(group, outcomes, strict=True):
                    _settle(future, outcome)
        finally:  # cancelled with the loop, or something nobody foresaw: no caller may wait for ever
            self._busy = None
            left, self._waiting = [*group, *self._waiting], []
            for _, future in left:
                _settle(future, self._unavailable("The write was cut off and may or may not stand; try again."))

    def _commit(self, works: Sequence[Work]) -> list[Any]:
        try:
            connection = self._connect()
            connection.execute("BEGIN IMMEDIATE")
            outcomes = [_outcome(connection, work) for work in works]
            connection.execute("COMMIT")
        except _HalfDoneError as half:
            self._disconnect()
            return [half.error] if len(works) == 1 else [self._commit([work])[0] for work in works]
        except (sqlite3.Error, OSError, MemoryError) as error:
            self._disconnect()
            self._failure = f"{self.path.name}: {error}"
            return [self._no("does not take writes", error) for _ in works]
        self._failure = None
        return outcomes

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.touch(mode=0o600)  # SQLite gives its journal the same mode; keys and visitors lie in here
            self._connection = sqlite3.connect(
                self.path, isolation_level=None, check_same_thread=False, cached_statements=512, timeout=5
            )
            for statement in (*_WRITER, *self._schema):
                self._connection.execute(statement)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()  # rolls back what was open

    def _read(self, work: Work) -> Any:
        try:
            connection = self._reader()
            connection.execute("BEGIN")
            outcome = work(connection)
            connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            self._drop_reader()
            if isinstance(error, _WORKS_FAULT):
                raise
            raise self._no("cannot be read", error) from error
        except BaseException:
            self._drop_reader()  # an open snapshot would keep the journal from being emptied
            raise
        return outcome

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            # mode=rw: a reader that came first would make a file without the writer's settings.
            address = f"{self.path.absolute().as_uri()}?mode=rw"
            connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False, timeout=5)
            self._local.connection = connection
            self._opened.add(connection)
            for statement in _READER:
                connection.execute(statement)
        return connection

    def _drop_reader(self) -> None:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            self._opened.discard(connection)
            connection.close()

    def _no(self, what: str, error: Exception) -> Unavailable:
        refusal = self._unavailable(f"The data file {what} ({error}); try again.")
        refusal.__cause__ = error
        return refusal

    def _let_go(self) -> None:
        self._readers.shutdown()
        for connection in self._opened:
            connection.close()
        self._writer.submit(self._disconnect).result()  # last, so that SQLite empties the journal into the file
        self._writer.shutdown()


def _outcome(connection: sqlite3.Connection, work: Work) -> Any:
    """What the work returns, or its error when it had changed nothing yet."""
    before = connection.total_changes
    try:
        return work(connection)
    except Exception as error:
        if isinstance(error, sqlite3.Error) and not isinstance(error, _WORKS_FAULT):
            raise
        if connection.total_changes != before or not connection.in_transaction:
            raise _HalfDoneError(error) from error
        return error


def _settle(future: asyncio.Future[Any], outcome: Any) -> None:
    if future.done():
        return  # settled before, or its caller was cancelled; the work stands all the same
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def _touch(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO probe VALUES (1, 1) ON CONFLICT (one) DO UPDATE SET n = n + 1")


def _shrink(connection: sqlite3.Connection) -> bool:
    """Give some free pages back; whether there are more to give."""
    (pages,), (free,) = (connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "freelist_count"))
    spare: int = (_RESERVE * free - pages) // (_RESERVE - 1)  # what leaves one in _RESERVE of the pages that are left
    for _ in range(min(spare, _STEP)):
        connection.execute("PRAGMA incremental_vacuum(1)")  # sqlite3 makes one step of it, which is one page
    return spare > _STEP
