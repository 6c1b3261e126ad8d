"""Data files of earlier releases, opened by this one."""

import sqlite3
from contextlib import closing
from pathlib import Path

from footfall_common.documents import NIL
from footfall_common.events.times import bucket_of, day_of, day_of_bucket
from footfall_common.store import Position, Segment
from tests.support.stores import NOON, embedded, row, tenant

BEFORE = """CREATE TABLE buckets_seen (
    tenant BLOB, bucket INTEGER, part INTEGER, PRIMARY KEY (tenant, bucket, part)) WITHOUT ROWID"""


SEGMENTS = (
    """CREATE TABLE segments (
        tenant BLOB, bucket INTEGER, resource BLOB, version INTEGER,
        watermark TEXT, chunks TEXT, rows INTEGER, created INTEGER,
        PRIMARY KEY (tenant, bucket, resource, version)) WITHOUT ROWID""",
    """CREATE TABLE segment_chunks (
        tenant BLOB, chunk BLOB, bucket INTEGER, resource BLOB, version INTEGER,
        PRIMARY KEY (tenant, chunk, bucket, resource, version)) WITHOUT ROWID""",
)


async def test_a_file_that_does_not_know_how_far_its_parts_go(tmp_path: Path) -> None:
    of = tenant()
    async with embedded(tmp_path) as opened:
        await opened.write([row(of, None, at=Position(part, off, 0)) for part, off in ((0, 4), (0, 9), (2, 7))], [])
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection, connection:
        connection.execute(BEFORE)
        connection.execute("INSERT INTO buckets_seen SELECT tenant, bucket, part FROM bucket_parts")
        connection.execute("DROP TABLE bucket_parts")
    async with embedded(tmp_path) as opened:
        seen = opened.store.events.buckets_seen
        assert list(await seen(of, [day_of(NOON)])) == [(bucket_of(NOON), 0, 9), (bucket_of(NOON), 2, 7)]
        await opened.write([row(of, None, at=Position(2, 8, 0))], [])
        assert list(await seen(of, [day_of(NOON)])) == [(bucket_of(NOON), 0, 9), (bucket_of(NOON), 2, 8)]


async def test_a_file_whose_segments_are_found_by_bucket(tmp_path: Path) -> None:
    of, chunk, buckets = tenant(), b"c" * 32, (-97, -96, -1, 0, 95, 96)
    async with embedded(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection, connection:
        for statement in SEGMENTS:
            connection.execute(statement)
        body = '{"0":7,"65537":3}', f'["{chunk.hex()}"]', 5, 1_000
        connection.executemany(
            "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(of.tenant.bytes, bucket, NIL.bytes, version, *body) for bucket in buckets for version in (1, 2)],
        )
        connection.execute("INSERT INTO chunks VALUES (?, ?, ?)", (of.tenant.bytes, chunk, b"body"))
    for _ in range(2):
        async with embedded(tmp_path) as opened:
            segments = opened.store.segments
            for bucket in buckets:
                expected = Segment(NIL, bucket, 2, {0: 7, 65_537: 3}, [chunk], 5)
                assert list(await segments.bucket_heads(of, bucket)) == [expected]
            days = {day_of_bucket(bucket) for bucket in buckets}
            assert len(await segments.heads(of, list(days))) == len(buckets)
            assert await segments.chunks(of, [chunk]) == {chunk: b"body"}
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert not tables & {"segments", "segment_chunks"}
