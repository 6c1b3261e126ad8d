"""DuckDB, one database a query: in memory, with its own bounds, closed to files and network before it sees a row.

Queries run on threads of their own, some at once and some waiting; more are refused rather than queued without end.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from footfall_common.errors import TooLarge, Unavailable
from footfall_common.events.model import HIDDEN_TYPES, PAGE_LOAD
from footfall_report.models.scope import ASKED, Rule, Scope
from footfall_report.repository import statements

T = TypeVar("T")
_NO_ROOM = (duckdb.OutOfMemoryException, duckdb.TransactionException)
"""What DuckDB raises where memory and spill are used up; the latter when that happens while it commits."""
Row = tuple[Any, ...]
_UUIDS = ("event_id", "tracking_id", "resource")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one query may take; no `spill` = nothing leaves memory."""

    memory_mb: int
    threads: int
    spill: Path | None
    spill_mb: int


@dataclass(frozen=True, slots=True)
class Tallies:
    """The rows of each statement, as DuckDB gives them."""

    numbers: Sequence[Row]
    visits: Sequence[Row]
    sources: Sequence[Row]
    devices: Sequence[Row]
    goals: Sequence[Row]


class Session:
    """One query's database; used by one thread at a time."""

    def __init__(self, bounds: Bounds, scope: Scope) -> None:
        self._scope = scope
        self._connection = _connect(bounds)
        self._connection.execute(statements.TABLES)
        self._fill(
            "midnight", [(zone, day, start) for zone, one in enumerate(scope.zones) for day, start in one.midnights]
        )
        self._fill("site", list(scope.sites.items()))
        self._fill("chosen", [(resource,) for resource in scope.only or ()])
        self._fill("rule", [_rule_row(rule) for rule in scope.rules])

    def load(self, table: pa.Table) -> None:
        """Take the rows of the scope out of a table of segments.COLUMNS."""
        scope = self._scope
        self._connection.register("batch", _with_uuids(table))
        parameters = {
            "low": scope.low, "high": scope.high, "hidden": sorted(HIDDEN_TYPES), "some": scope.only is not None,
        }  # fmt: skip
        self._connection.execute(statements.LOAD, parameters)
        self._connection.unregister("batch")

    def count(self) -> Tallies:
        """Count what was loaded; afterwards the session is used up."""
        for statement in (statements.DISTINCT, statements.STEPS):
            self._connection.execute(statement)
        return Tallies(
            numbers=self._rows(statements.NUMBERS, zone=ASKED, page=PAGE_LOAD),
            visits=self._rows(statements.VISITS, zone=ASKED),
            sources=self._rows(statements.SOURCES, page=PAGE_LOAD),
            devices=self._rows(statements.DEVICES, page=PAGE_LOAD),
            goals=self._rows(statements.GOALS),
        )

    def interrupt(self) -> None:
        """End what runs; from any thread."""
        self._connection.interrupt()

    def close(self) -> None:
        """Let go of memory and spilled files."""
        self._connection.close()

    def _rows(self, statement: str, **parameters: object) -> Sequence[Row]:
        named = {"start": self._scope.start, "stop": self._scope.stop, **parameters}
        return self._connection.execute(statement, named).fetchall()

    def _fill(self, table: str, rows: Sequence[Row]) -> None:
        if rows:
            given = pa.table({str(number): _array(column) for number, column in enumerate(zip(*rows, strict=True))})
            self._connection.register("given", given)
            self._connection.execute(f"INSERT INTO {table} SELECT * FROM given")  # noqa: S608 - our own names
            self._connection.unregister("given")


class Engine:
    """Hands out sessions: `at_once` run, `waiting` wait, each ends after `seconds`."""

    def __init__(self, bounds: Bounds, *, at_once: int, waiting: int, seconds: float) -> None:
        self._bounds = bounds
        self._seconds = seconds
        self._places = at_once + waiting
        self._turns = asyncio.Semaphore(at_once)
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="report-query")

    async def count(self, scope: Scope, tables: AsyncIterator[pa.Table]) -> Tallies:
        """Count the rows of `tables` in `scope`.

        Raises Unavailable when too many queries wait or this one took too long, TooLarge when it does not fit.
        """
        if self._places == 0:
            raise Unavailable("Too many reports are being counted; try again in a few seconds.", retry_after=2)
        self._places -= 1
        try:
            async with asyncio.timeout(self._seconds), self._turns:
                return await self._count(scope, tables)
        except TimeoutError as error:
            raise Unavailable(
                f"The report took longer than {self._seconds:g} s; ask for fewer days or resources.", retry_after=5
            ) from error
        except _NO_ROOM as error:
            raise TooLarge(
                "The report does not fit into the memory it may take (FOOTFALL_REPORT_DUCKDB_MEMORY_MB, _SPILL_MB); "
                "ask for fewer days or resources.",
                code="report_too_large",
            ) from error
        finally:
            self._places += 1

    def close(self) -> None:
        """End the threads; nothing may run."""
        self._threads.shutdown()

    async def _count(self, scope: Scope, tables: AsyncIterator[pa.Table]) -> Tallies:
        async with self._session(scope) as session:
            async for table in tables:
                await self._run(session, session.load, table)
            return await self._run(session, session.count)

    @asynccontextmanager
    async def _session(self, scope: Scope) -> AsyncIterator[Session]:
        loop = asyncio.get_running_loop()
        session = await loop.run_in_executor(self._threads, Session, self._bounds, scope)
        try:
            yield session
        finally:
            session.close()

    async def _run(self, session: Session, work: Callable[..., T], *arguments: object) -> T:
        """The work on a query thread. Cancelled, it is interrupted and waited for: no thread outlives its turn."""
        future = asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            while not future.done():  # an interrupt between two statements has no effect
                session.interrupt()
                await asyncio.wait([future], timeout=0.02)
            future.exception()
            raise


def _connect(bounds: Bounds) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": bounds.threads,
            "memory_limit": f"{bounds.memory_mb}MB",
            "temp_directory": str(bounds.spill) if bounds.spill else "",
            "max_temp_directory_size": f"{bounds.spill_mb}MB",
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    # Last, since with it the settings above could not be made any more.
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _with_uuids(table: pa.Table) -> pa.Table:
    """Identifiers as the type that DuckDB keeps in 16 bytes; as binary they would take twice that."""
    for name in _UUIDS:
        chunks = [pa.ExtensionArray.from_storage(pa.uuid(), chunk) for chunk in table[name].chunks]
        table = table.set_column(table.column_names.index(name), name, pa.chunked_array(chunks, pa.uuid()))
    return table


def _array(column: Sequence[Any]) -> pa.Array:
    if isinstance(column[0], uuid.UUID):
        return pa.ExtensionArray.from_storage(pa.uuid(), pa.array([one.bytes for one in column], pa.binary(16)))
    return pa.array(column)


def _rule_row(rule: Rule) -> Row:
    match = rule.filter
    return (
        rule.goal, rule.resource, rule.since, rule.until, match.event_type,
        match.name_kind, match.name, match.value_kind, match.value, match.cost_kind, match.cost,
    )  # fmt: skip
