"""Segments and their chunks: `SegmentStore` on SQLite."""

# ruff: noqa: S608 - statements are put together from constants of these modules alone

import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from footfall_common.sqlite import SqliteFile
from footfall_common.store import Segment, TenantContext
from footfall_common.store.embedded.events import day_ranges
from footfall_common.store.embedded.statements import Row, columns, each_group, quoted, rows_of, write_each

STEP: Final = 200
"""Versions that one transaction of a sweep deletes, so that writers wait little."""

# Watermark and chunk ids lie as JSON, so that a statement can gather whole segments as one text. Where max() stands
# alone, SQLite takes the other columns from the row that holds it: the highest version.
_HEADS = f"""WITH wanted (tenant, low, high) AS ({{values}})
    SELECT {columns(quoted("resource"), "bucket", "version", "watermark", "chunks", "rows")} FROM (
        SELECT resource, bucket, max(version) AS version, watermark, chunks, rows
        FROM wanted CROSS JOIN segments USING (tenant) WHERE bucket BETWEEN low AND high
        GROUP BY bucket, resource)"""
_STANDING = """WITH wanted (tenant, bucket, resource, version) AS ({values})
    SELECT bucket, resource, version FROM wanted CROSS JOIN segments USING (tenant, bucket, resource, version)"""
_INSERT = "INSERT OR IGNORE INTO segments {values}"
_LIST = "INSERT OR IGNORE INTO segment_chunks {values}"
# A chunk that no segment lists (its version stands with other chunks) would never be found again.
_CHUNK = """INSERT OR IGNORE INTO chunks SELECT :tenant, :chunk, :body
    WHERE EXISTS (SELECT 1 FROM segment_chunks WHERE tenant = :tenant AND chunk = :chunk)"""
_BODIES = """WITH wanted (tenant, chunk) AS ({values})
    SELECT chunk, body FROM wanted CROSS JOIN chunks USING (tenant, chunk)"""
VERSION: Final = columns(quoted("tenant"), "bucket", quoted("resource"), "version", "chunks")
"""What `versions` reads of `segments`."""
_SUPERSEDED = f"""SELECT {VERSION} FROM segments s
    WHERE EXISTS (SELECT 1 FROM segments n WHERE n.tenant = s.tenant AND n.bucket = s.bucket
        AND n.resource = s.resource AND n.version > s.version AND n.created < ?)"""
# As a subquery and not as `IN (VALUES ...)`, which scans the table; not after WITH, where sqlite3 counts no rows.
_FORGET = "DELETE FROM segments WHERE (tenant, bucket, resource, version) IN (SELECT * FROM ({values}))"
_UNLIST = "DELETE FROM segment_chunks WHERE (tenant, chunk, bucket, resource, version) IN (SELECT * FROM ({values}))"
_DROP = """DELETE FROM chunks WHERE (tenant, chunk) IN (SELECT * FROM ({values})) AND NOT EXISTS (
    SELECT 1 FROM segment_chunks l WHERE l.tenant = chunks.tenant AND l.chunk = chunks.chunk)"""


class Version(NamedTuple):
    """One version of a segment, as `VERSION` gathers it; chunk ids in hexadecimal."""

    tenant: UUID
    bucket: int
    resource: UUID
    version: int
    chunks: list[str]


class EmbeddedSegments:
    """`SegmentStore`: insert only, the highest version stands."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def heads(self, tenant: TenantContext, days: Sequence[int]) -> Sequence[Segment]:
        """The standing segment of each (resource, bucket) of those UTC days."""
        return await self._file.read(lambda connection: _heads(connection, day_ranges(tenant, days)))

    async def bucket_heads(self, tenant: TenantContext, bucket: int) -> Sequence[Segment]:
        """The standing segment of each resource of one bucket."""
        return await self._file.read(lambda connection: _heads(connection, [(tenant.tenant.bytes, bucket, bucket)]))

    async def put(
        self, tenant: TenantContext, segments: Sequence[Segment], chunks: Mapping[bytes, bytes], now: int
    ) -> None:
        """Segments and chunks in one transaction; a version that already stands is left as it is."""
        await self._file.write(lambda connection: _put(connection, tenant.tenant.bytes, segments, chunks, now))

    async def chunks(self, tenant: TenantContext, ids: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """The bytes of those chunks that exist."""
        wanted = [(tenant.tenant.bytes, chunk) for chunk in ids]
        return await self._file.read(
            lambda connection: dict(row for cursor in each_group(connection, _BODIES, wanted) for row in cursor)
        )

    async def sweep(self, before: int) -> int:
        """Delete versions superseded before that time and the chunks that only they listed."""
        gone = await self._file.read(lambda connection: versions(connection, _SUPERSEDED, before))
        return await delete_versions(self._file, gone)


def _heads(connection: sqlite3.Connection, ranges: Sequence[Row]) -> list[Segment]:
    heads: list[Segment] = []
    for cursor in each_group(connection, _HEADS, ranges):
        gathered = rows_of(cursor.fetchone()[0], tuple[UUID, int, int, dict[int, int], list[str], int])
        heads += (
            Segment(resource, bucket, version, watermark, [bytes.fromhex(chunk) for chunk in chunks], rows)
            for resource, bucket, version, watermark, chunks, rows in gathered
        )
    return heads


def _put(
    connection: sqlite3.Connection, of: bytes, segments: Sequence[Segment], chunks: Mapping[bytes, bytes], now: int
) -> None:
    keys = [(of, segment.bucket, segment.resource.bytes, segment.version) for segment in segments]
    standing = {row for cursor in each_group(connection, _STANDING, keys) for row in cursor}
    new = [(key, segment) for key, segment in zip(keys, segments, strict=True) if key[1:] not in standing]
    write_each(connection, _INSERT, [(*key, *_stored(segment), segment.rows, now) for key, segment in new])
    write_each(connection, _LIST, [(of, chunk, *key[1:]) for key, segment in new for chunk in segment.chunks])
    for chunk, body in chunks.items():
        connection.execute(_CHUNK, {"tenant": of, "chunk": chunk, "body": body})


def _stored(segment: Segment) -> tuple[str, str]:
    watermark = msgspec.json.encode(dict(segment.watermark)).decode()
    return watermark, msgspec.json.encode([chunk.hex() for chunk in segment.chunks]).decode()


def versions(connection: sqlite3.Connection, statement: str, *arguments: object) -> list[Version]:
    """What a statement that gathers `VERSION` finds."""
    return rows_of(connection.execute(statement, arguments).fetchone()[0], Version)


async def delete_versions(file: SqliteFile, gone: Sequence[Version]) -> int:
    """Delete these versions and the chunks that no other lists; returns how many rows of segments and chunks went."""
    deleted = 0
    for start in range(0, len(gone), STEP):
        deleted += await file.write(partial(_delete, gone[start : start + STEP]))
    return deleted


def _delete(gone: Sequence[Version], connection: sqlite3.Connection) -> int:
    keys = [(tenant.bytes, bucket, resource.bytes, version) for tenant, bucket, resource, version, _ in gone]
    listed = [
        (tenant.bytes, bytes.fromhex(chunk), bucket, resource.bytes, version)
        for tenant, bucket, resource, version, chunks in gone
        for chunk in chunks
    ]
    write_each(connection, _UNLIST, listed)
    return write_each(connection, _FORGET, keys) + write_each(connection, _DROP, list({row[:2] for row in listed}))
