"""Segments and their chunks: `SegmentStore` on SQLite."""

# ruff: noqa: S608 - statements are put together from constants of these modules alone

import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final
from uuid import UUID

from footfall_common.events.times import day_of_bucket
from footfall_common.sqlite import SqliteFile
from footfall_common.store import Segment, Span, TenantContext
from footfall_common.store.embedded.statements import Row, bodies, columns, cut, each_group, quoted, rows_of, write_each
from footfall_common.store.standing import Noted, Swept, body_of, folded_before, segment_of, swept

STEP: Final = 200
"""Versions, or chunks, that one transaction of a sweep deletes, so that writers wait little."""

_SPAN = "'\"' || v.span || '\"'"
_COLUMNS = columns(quoted("v.resource"), _SPAN, "v.bucket", "v.version", "v.put", "length(v.body)")
_READ = f"SELECT {_COLUMNS}, {bodies('v.body')}"
# First the highest versions, out of the index alone; then their bodies.
_HEADS = f"""WITH wanted (tenant, day, span, bucket) AS ({{values}})
    {_READ} FROM (
        SELECT s.tenant, s.day, s.span, s.bucket, s.resource, max(s.version) AS version
        FROM wanted w CROSS JOIN segment_versions s
        WHERE s.tenant = w.tenant AND s.day = w.day AND {{which}} GROUP BY s.day, s.span, s.bucket, s.resource
    ) CROSS JOIN segment_versions v USING (tenant, day, span, bucket, resource, version)"""
_ALL = _HEADS.replace("{which}", "s.span IN ('15m', '1d')")
_OF_SPAN = _HEADS.replace("{which}", "s.span = w.span")
_OF_BUCKET = _HEADS.replace("{which}", "s.span = w.span AND s.bucket = w.bucket")
_VERSIONS = f"{_READ} FROM segment_versions v WHERE v.tenant = ? AND v.day = ? AND v.resource = ?"
_RESOURCES = f"""SELECT {columns(quoted("resource"))}
    FROM (SELECT DISTINCT resource FROM segment_versions WHERE tenant = ? AND day = ?)"""
_OLD_DAYS = f"SELECT {columns('day')} FROM (SELECT DISTINCT day FROM segment_versions WHERE tenant = ? AND day < ?)"
_STANDING = """WITH wanted (tenant, day, span, bucket, resource, version) AS ({values})
    SELECT tenant, day, span, bucket, resource, version
    FROM wanted CROSS JOIN segment_versions USING (tenant, day, span, bucket, resource, version)"""
_INSERT = "INSERT OR IGNORE INTO segment_versions {values}"
_CHUNK = "INSERT OR IGNORE INTO chunks {values}"
_BODIES = """WITH wanted (tenant, chunk) AS ({values})
    SELECT chunk, body FROM wanted CROSS JOIN chunks USING (tenant, chunk)"""
# As a subquery and not as `IN (VALUES ...)`, which scans the table; not after WITH, where sqlite3 counts no rows.
_FORGET = """DELETE FROM segment_versions
    WHERE (tenant, day, span, bucket, resource, version) IN (SELECT * FROM ({values}))"""
_DROP = "DELETE FROM chunks WHERE (tenant, chunk) IN (SELECT * FROM ({values}))"


class EmbeddedSegments:
    """`SegmentStore`: insert only, the highest version stands."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def heads(self, tenant: TenantContext, days: Sequence[int]) -> Sequence[Segment]:
        """The standing segment of each resource, of those UTC days and of their buckets."""
        wanted = [(tenant.tenant.bytes, day, None, None) for day in sorted(set(days))]
        return await self._segments(_ALL, wanted)

    async def day_heads(self, tenant: TenantContext, day: int) -> Sequence[Segment]:
        """The standing segment of each resource of one day."""
        return await self._segments(_OF_SPAN, [(tenant.tenant.bytes, day, Span.DAY, None)])

    async def bucket_heads(self, tenant: TenantContext, bucket: int) -> Sequence[Segment]:
        """The standing segment of each resource of one bucket."""
        return await self._segments(_OF_BUCKET, [(tenant.tenant.bytes, day_of_bucket(bucket), Span.BUCKET, bucket)])

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

    async def sweep(self, tenant: TenantContext, day: int, before: int) -> int:
        """Delete what `standing.swept` names, a resource at a time; returns how many versions went."""
        of = tenant.tenant.bytes
        wanted = [(of, day, Span.DAY, None)]
        heads = await self._file.read(lambda connection: _gathered(connection, _OF_SPAN, wanted))
        folded = folded_before(heads, before)
        gone = 0
        for resource in await self._file.read(partial(_resources, of, day)):
            versions = await self._file.read(partial(_versions, of, day, resource))
            gone += await _delete(self._file, of, swept(versions, folded, before))
        return gone

    async def _segments(self, statement: str, wanted: Sequence[Row]) -> list[Segment]:
        noted = await self._file.read(lambda connection: _gathered(connection, statement, wanted))
        return [one.segment for one in noted]


async def expire_segments(file: SqliteFile, of: bytes, before_day: int) -> None:
    """Delete one tenant's segments and chunks of the days before that one. It may be cut anywhere and run again."""
    for day in await file.read(partial(_old_days, of, before_day)):
        for resource in await file.read(partial(_resources, of, day)):
            segments = [one.segment for one in await file.read(partial(_versions, of, day, resource))]
            chunks = list({chunk for segment in segments for chunk in segment.chunks})
            await _delete(file, of, Swept(chunks, segments))


def _gathered(connection: sqlite3.Connection, statement: str, wanted: Sequence[Row]) -> list[Noted]:
    return [one for cursor in each_group(connection, statement, wanted) for one in _noted(cursor)]


def _versions(of: bytes, day: int, resource: UUID, connection: sqlite3.Connection) -> list[Noted]:
    return _noted(connection.execute(_VERSIONS, (of, day, resource.bytes)))


def _noted(cursor: sqlite3.Cursor) -> list[Noted]:
    gathered, body = cursor.fetchone()
    rows = rows_of(gathered, tuple[UUID, Span, int, int, int, int])
    pieces = cut(body, (length for *_, length in rows))
    return [
        Noted(segment_of(resource, span, bucket, version, next(pieces)), put)
        for resource, span, bucket, version, put, _ in rows
    ]


def _resources(of: bytes, day: int, connection: sqlite3.Connection) -> list[UUID]:
    gathered = rows_of(connection.execute(_RESOURCES, (of, day)).fetchone()[0], tuple[UUID])
    return [resource for (resource,) in gathered]


def _old_days(of: bytes, before: int, connection: sqlite3.Connection) -> list[int]:
    return [day for (day,) in rows_of(connection.execute(_OLD_DAYS, (of, before)).fetchone()[0], tuple[int])]


def _put(
    connection: sqlite3.Connection, of: bytes, segments: Sequence[Segment], chunks: Mapping[bytes, bytes], now: int
) -> None:
    keys = [_key(of, segment) for segment in segments]
    standing = {row for cursor in each_group(connection, _STANDING, keys) for row in cursor}
    new = [(key, segment) for key, segment in zip(keys, segments, strict=True) if key not in standing]
    write_each(connection, _INSERT, [(*key, now, body_of(segment)) for key, segment in new])
    # A chunk that no segment lists (its version stands with other chunks) would never be found again.
    listed = {chunk for _, segment in new for chunk in segment.chunks}
    write_each(connection, _CHUNK, [(of, chunk, body) for chunk, body in chunks.items() if chunk in listed])


def _key(of: bytes, segment: Segment) -> tuple[bytes, int, str, int, bytes, int]:
    day = day_of_bucket(segment.bucket)
    return of, day, segment.span.value, segment.bucket, segment.resource.bytes, segment.version


async def _delete(file: SqliteFile, of: bytes, gone: Swept) -> int:
    """Chunks first: their names stand in the versions alone. Returns how many versions went."""
    for start in range(0, len(gone.chunks), STEP):
        names = [(of, chunk) for chunk in gone.chunks[start : start + STEP]]
        await file.write(partial(_write, _DROP, names))
    keys = [_key(of, segment) for segment in gone.versions]
    return sum([await file.write(partial(_write, _FORGET, keys[n : n + STEP])) for n in range(0, len(keys), STEP)])


def _write(statement: str, rows: Sequence[Row], connection: sqlite3.Connection) -> int:
    return write_each(connection, statement, rows)
