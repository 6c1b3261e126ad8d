"""Retention of the embedded store, which has no TTL: what expired goes everywhere, and nothing else does."""

import sqlite3
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from footfall_common.errors import StoreUnavailable
from footfall_common.events.times import BUCKET, DAY, bucket_of, day_of, month_of
from footfall_common.sqlite import SqliteFile
from footfall_common.store import Edge, Position, Segment, TenantContext, VisitorDay
from footfall_common.store.embedded import EmbeddedStore, write_rows
from footfall_common.store.embedded.schema import TABLES
from tests.support.stores import NOON, row, tenant

VISITOR, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)
MONTH = month_of(NOON)
OLD = NOON - 100 * DAY


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[SqliteFile]:
    file = SqliteFile(tmp_path / "store.db", TABLES, unavailable=StoreUnavailable)
    await file.open()
    yield file
    await file.close()


async def rows_left(file: SqliteFile, of: TenantContext) -> dict[str, int]:
    def count(connection: sqlite3.Connection) -> dict[str, int]:
        tables = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            if any(column[1] == "tenant" for column in connection.execute(f"PRAGMA table_info({name})"))
        ]
        counts = {
            name: connection.execute(f"SELECT count(*) FROM {name} WHERE tenant = ?", (of.tenant.bytes,)).fetchone()[0]
            for name in tables
        }
        return {name: rows for name, rows in counts.items() if rows}

    return await file.read(count)


async def fill(file: SqliteFile, of: TenantContext, ts: int, visitor: uuid.UUID = VISITOR) -> None:
    """One of everything at a time."""
    event = row(of, visitor, ts=ts)
    edge = Edge(of.tenant, visitor, ts, event.event_id, OTHER, "signed")
    await file.write(lambda connection: write_rows(connection, [event, row(of, None, ts=ts)], [edge]))
    chunk = uuid.uuid4().bytes
    segment = Segment(OTHER, bucket_of(ts), 1, {0: 1}, [chunk], 1)
    await EmbeddedStore(file).segments.put(of, [segment], {chunk: b"body"}, ts)


async def test_everything_of_an_expired_visitor_goes(file: SqliteFile) -> None:
    of = tenant()
    await fill(file, of, OLD)
    assert len(await rows_left(file, of)) == 7
    assert await EmbeddedStore(file).expire(of, NOON) == 2
    assert await rows_left(file, of) == {}


async def test_what_is_younger_or_of_another_tenant_stays(file: SqliteFile) -> None:
    of, other = tenant(), tenant()
    store = EmbeddedStore(file)
    await fill(file, of, NOON)
    await fill(file, other, OLD)
    before = await rows_left(file, of), await rows_left(file, other)
    await fill(file, of, OLD, OTHER)
    assert await store.expire(of, NOON) == 2
    assert (await rows_left(file, of), await rows_left(file, other)) == before
    assert (await store.events.latest(of, [VISITOR]))[VISITOR].last == NOON
    assert len(await store.events.visitor_month(of, VISITOR, MONTH, None, 10)) == 1


async def test_the_bucket_of_the_limit_stays_whole(file: SqliteFile) -> None:
    of = tenant()
    for ts in (NOON - 1, NOON, NOON + BUCKET - 1):
        await fill(file, of, ts)
    assert await EmbeddedStore(file).expire(of, NOON + BUCKET - 1) == 2
    rows = await EmbeddedStore(file).events.visitor_month(of, VISITOR, MONTH, None, 10)
    assert [found.ts for found in rows] == [NOON + BUCKET - 1, NOON]


async def test_an_old_edge_stays_while_its_visitor_does(file: SqliteFile) -> None:
    of = tenant()
    await fill(file, of, OLD)
    await fill(file, of, NOON)
    await EmbeddedStore(file).expire(of, NOON)
    assert (await rows_left(file, of))["edges"] == 2
    assert (await EmbeddedStore(file).events.latest(of, [VISITOR]))[VISITOR].months == {MONTH}


async def test_a_later_copy_does_not_take_the_id_of_the_first_with_it(file: SqliteFile) -> None:
    of = tenant()
    first = row(of, VISITOR, ts=NOON, at=Position(0, 5, 0))
    stray = first._replace(ts=OLD, position=Position(0, 6, 0))
    await file.write(lambda connection: write_rows(connection, [first, stray], []))
    store = EmbeddedStore(file)
    await store.expire(of, NOON)
    key = VisitorDay(of.tenant, VISITOR, day_of(NOON))
    assert list((await store.events.placed({key: [first.event_id, stray.event_id]}))[key]) == [first.event_id]
    assert len(await store.events.visitor_month(of, VISITOR, MONTH, None, 10)) == 1


async def test_a_visitor_whose_newest_month_has_partly_expired_has_no_latest(file: SqliteFile) -> None:
    of = tenant()
    store = EmbeddedStore(file)
    await fill(file, of, NOON - DAY)
    await fill(file, of, NOON, OTHER)
    await store.expire(of, NOON)
    assert set(await store.events.latest(of, [VISITOR, OTHER])) == {OTHER}


async def test_many_events_go_in_steps_and_the_file_shrinks(file: SqliteFile) -> None:
    of = tenant()
    rows = [row(of, uuid.UUID(int=n), ts=OLD + n * 1000, raw=b"x" * 800) for n in range(3_000)]
    await file.write(lambda connection: write_rows(connection, rows, []))

    def pages(connection: sqlite3.Connection) -> tuple[int, int]:
        (count,), (free,) = (connection.execute(f"PRAGMA {of}").fetchone() for of in ("page_count", "freelist_count"))
        return count, free

    before, _ = await file.read(pages)
    assert await EmbeddedStore(file).expire(of, NOON) == 3_000
    after, free = await file.read(pages)
    assert await rows_left(file, of) == {}
    assert after < before / 4
    assert free <= after / 10 + 1


async def test_a_chunk_that_no_version_lists_is_not_kept(file: SqliteFile) -> None:
    """Nothing would find it again: its version stands already, with other chunks."""
    of, segments = tenant(), EmbeddedStore(file).segments
    one, other = b"1" * 32, b"2" * 32
    for name in (one, other):
        await segments.put(of, [Segment(OTHER, bucket_of(NOON), 1, {0: 1}, [name], 1)], {name: b"body"}, NOON)
    assert await segments.chunks(of, [one, other]) == {one: b"body"}
