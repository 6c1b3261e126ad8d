"""DuckDB behind its bounds: memory, places, time, and nothing outside of it."""

import asyncio
import datetime as dt
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pytest

from footfall_common import segments
from footfall_common.errors import TooLarge, Unavailable
from footfall_common.store import BucketRow, Position
from footfall_report.models.overview import OverviewQuery
from footfall_report.models.scope import Scope, scope_of
from footfall_report.repository.engine import Bounds, Engine, Session
from footfall_report.repository.segments import COLUMNS
from tests.support.report import NOON, plain, row_of

DAY = dt.date(2026, 11, 23)
SCOPE: Scope = scope_of(OverviewQuery(DAY, DAY, ZoneInfo("UTC"), ()), [])
SMALL = Bounds(64, 1, None, 0)


def rows(count: int, width: int = 1) -> pa.Table:
    made = [row_of(plain(n, uuid.UUID(int=n % 999), NOON + n, source=f"{n:04}" * width), n) for n in range(count)]
    return segments.table([BucketRow(Position(0, 0, 0), row.raw, row.enriched) for row in made]).select(COLUMNS)


def engine_of(bounds: Bounds, *, waiting: int = 0, seconds: float = 50) -> Engine:
    return Engine(bounds, at_once=1, waiting=waiting, seconds=seconds)


async def several(table: pa.Table, times: int) -> AsyncIterator[pa.Table]:
    """The table again and again, each time with other event ids."""
    for number in range(times):
        ids = [bytes([number]) + value.as_py()[1:] for value in table["event_id"]]
        yield table.set_column(0, "event_id", pa.array(ids, pa.binary(16)))


@pytest.fixture
def session() -> Iterator[Session]:
    with closing(Session(SMALL, SCOPE)) as made:
        yield made


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('{there}')",
        "SELECT * FROM read_text('{there}')",
        "COPY midnight TO '{there}.out'",
        "ATTACH '{there}.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '10GB'",
    ],
)
def test_a_query_reaches_no_file_and_no_setting(session: Session, tmp_path: Path, statement: str) -> None:
    there = tmp_path / "secret.csv"
    there.write_text("secret\n")
    with pytest.raises(duckdb.Error):
        session._connection.execute(statement.format(there=there))
    assert list(tmp_path.iterdir()) == [there]


async def test_what_does_not_fit_spills_where_it_may_and_is_refused_elsewhere(tmp_path: Path) -> None:
    table = rows(10_000, width=120)  # 10 times 5 MB, and more while it is counted
    spilling = Bounds(64, 1, tmp_path, 2_000)
    with (
        closing(engine_of(SMALL)) as engine,
        pytest.raises(TooLarge, match="fewer days"),
    ):
        await engine.count(SCOPE, several(table, 10))
    with closing(engine_of(spilling)) as engine:
        tallies = await engine.count(SCOPE, several(table, 10))
    assert next(row[2] for row in tallies.numbers if row[0] is None and row[1] is None) == 100_000


async def test_queries_wait_in_a_bounded_line() -> None:
    gate = asyncio.Event()

    async def blocked() -> AsyncIterator[pa.Table]:
        await gate.wait()
        yield rows(1)

    with closing(engine_of(SMALL, waiting=1)) as engine:
        first, second = (asyncio.create_task(engine.count(SCOPE, blocked())) for _ in range(2))
        await asyncio.sleep(0)  # both take their place
        with pytest.raises(Unavailable, match="Too many"):
            await engine.count(SCOPE, blocked())
        gate.set()
        await asyncio.gather(first, second)
        await engine.count(SCOPE, blocked())  # places were given back


async def test_a_query_that_takes_too_long_is_ended_and_frees_its_place() -> None:
    async def endless() -> AsyncIterator[pa.Table]:
        await asyncio.Event().wait()
        yield rows(1)

    with closing(engine_of(SMALL, seconds=0.05)) as engine:
        for _ in range(2):
            with pytest.raises(Unavailable, match="longer than"):
                await engine.count(SCOPE, endless())


async def test_a_running_statement_is_interrupted() -> None:
    with closing(engine_of(SMALL)) as engine, closing(Session(SMALL, SCOPE)) as session:
        endless = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range <> b.range"
        task = asyncio.create_task(engine._run(session, session._connection.execute, endless))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert session._connection.execute("SELECT 1").fetchall() == [(1,)]
