"""Data files of earlier releases, opened by this one."""

import sqlite3
from contextlib import closing
from pathlib import Path

from footfall_common.events.times import bucket_of, day_of
from footfall_common.store import Position
from tests.support.stores import NOON, embedded, row, tenant

BEFORE = """CREATE TABLE buckets_seen (
    tenant BLOB, bucket INTEGER, part INTEGER, PRIMARY KEY (tenant, bucket, part)) WITHOUT ROWID"""


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
