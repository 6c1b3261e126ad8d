"""Reading events: `EventReads` on SQLite."""

# ruff: noqa: S608 - statements are put together from constants of these modules alone

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from footfall_common.events.times import BUCKET, DAY
from footfall_common.sqlite import SqliteFile
from footfall_common.store import BucketRow, FeedRow, Latest, Place, Placed, Position, Seen, TenantContext, VisitorDay
from footfall_common.store.embedded.statements import bodies, columns, cut, each_group, quoted, rows_of

BUCKETS_A_DAY: Final = DAY // BUCKET
PAGE: Final = 1000
"""Rows with bodies that one statement gathers: bounds what it holds in memory, at 32 KiB an event at most."""
_HIGHEST: Final = 2**63 - 1

_PLACED = f"""WITH wanted (n, tenant, visitor, day, event_id) AS ({{values}})
    SELECT {columns("n", quoted("event_id"), "ts", "part", "off", "idx")}
    FROM wanted CROSS JOIN event_ids USING (tenant, visitor, day, event_id)"""
# Beside max(month), SQLite takes the days from the row of that month, which holds the greatest ts.
_LATEST = f"""WITH wanted (n, tenant, visitor) AS ({{values}})
    SELECT {columns("n", "last", "months")} FROM (
        SELECT n, '[' || group_concat(months.month) || ']' AS months, max(months.month), (
            SELECT max(ts) FROM event_ids e WHERE e.tenant = months.tenant AND e.visitor = months.visitor
            AND e.day BETWEEN months.first_day AND months.last_day AND NOT e.anonymous) AS last
        FROM wanted CROSS JOIN visitor_months months USING (tenant, visitor) GROUP BY n)"""
# SQLite's division rounds to zero, so the remainder is taken off first: times before 1970 are negative.
_BUCKET_OF_TS = f"(e.ts - (e.ts % {BUCKET} + {BUCKET}) % {BUCKET}) / {BUCKET}"
_VISITOR_MONTH = f"""SELECT {columns("ts", quoted("event_id"), "length(raw)", "length(enriched)")},
        {bodies("raw", "enriched")}
    FROM (SELECT e.ts, e.event_id, b.raw, b.enriched FROM (
            SELECT e.* FROM visitor_months m CROSS JOIN event_ids e USING (tenant, visitor)
            WHERE m.tenant = ? AND m.visitor = ? AND m.month = ? AND e.day BETWEEN m.first_day AND m.last_day
                AND NOT e.anonymous AND e.ts BETWEEN ? AND ? AND (e.ts < ? OR e.event_id > ?)
            ORDER BY e.ts DESC, e.event_id LIMIT ?) e
        CROSS JOIN events_by_bucket b ON b.tenant = e.tenant AND b.bucket = {_BUCKET_OF_TS}
            AND b.part = e.part AND b.off = e.off AND b.idx = e.idx)"""
_BUCKET_ROWS = f"""SELECT {columns("off", "idx", "length(raw)", "length(enriched)")}, {bodies("raw", "enriched")}
    FROM (SELECT off, idx, raw, enriched FROM events_by_bucket
        WHERE tenant = ? AND bucket = ? AND part = ? AND (off, idx) > (?, ?) AND off <= ?
        ORDER BY off, idx LIMIT ?)"""
_BUCKETS_SEEN = f"""WITH wanted (tenant, first, last) AS ({{values}})
    SELECT {columns("bucket", "part", "high")}
    FROM wanted CROSS JOIN bucket_parts USING (tenant) WHERE bucket BETWEEN first AND last"""


class EmbeddedEvents:
    """`EventReads` on the file's reader threads."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def placed(self, wanted: Mapping[VisitorDay, Collection[UUID]]) -> Mapping[VisitorDay, Mapping[UUID, Placed]]:
        """What `event_ids` holds of the wanted ids of each partition."""
        return await self._file.read(lambda connection: _placed(connection, wanted))

    async def latest(self, tenant: TenantContext, visitors: Sequence[UUID]) -> Mapping[UUID, Latest]:
        """`visitor_latest` of those that have one."""
        return await self._file.read(lambda connection: _latest(connection, tenant, visitors))

    async def visitor_month(
        self, tenant: TenantContext, visitor: UUID, month: int, until: tuple[int, UUID] | None, limit: int
    ) -> Sequence[FeedRow]:
        """Rows of one visitor and month after `until`, by (ts descending, event id ascending)."""
        return await self._file.read(
            lambda connection: _visitor_month(connection, tenant, visitor, month, until, limit)
        )

    async def bucket_rows(
        self, tenant: TenantContext, bucket: int, part: int, after: Place, high: int | None, limit: int
    ) -> Sequence[BucketRow]:
        """The first `limit` rows with after < (off, idx) and off <= high, in that order; `high` None = no end."""
        last = _HIGHEST if high is None else high
        return await self._file.read(
            lambda connection: _bucket_rows(connection, (tenant.tenant.bytes, bucket, part), after, last, limit)
        )

    async def buckets_seen(self, tenant: TenantContext, days: Sequence[int]) -> Sequence[Seen]:
        """What those UTC days' buckets hold, in the order of bucket and part."""
        return await self._file.read(lambda connection: _buckets_seen(connection, tenant, days))


def month_start(month: int) -> int:
    """The first millisecond of a month counted from January 1970; the inverse of `times.month_of`."""
    year, of_year = divmod(month + 1970 * 12 - 2, 12)  # years begin in March here, so that a leap day ends one
    days = year * 365 + year // 4 - year // 100 + year // 400 + (153 * of_year + 2) // 5 - 719_468
    return days * DAY


def day_ranges(tenant: TenantContext, days: Sequence[int]) -> list[tuple[bytes, int, int]]:
    """(tenant, first bucket, last bucket) of each day once, in order."""
    of = tenant.tenant.bytes
    return [(of, day * BUCKETS_A_DAY, (day + 1) * BUCKETS_A_DAY - 1) for day in sorted(set(days))]


def _placed(
    connection: sqlite3.Connection, wanted: Mapping[VisitorDay, Collection[UUID]]
) -> Mapping[VisitorDay, Mapping[UUID, Placed]]:
    partitions: dict[VisitorDay, dict[UUID, Placed]] = {key: {} for key in wanted}
    by_number = list(partitions.values())
    rows: list[tuple[int, bytes, bytes, int, bytes]] = []
    for n, (key, ids) in enumerate(wanted.items()):
        tenant, visitor = key.tenant.bytes, key.visitor.bytes
        rows += ((n, tenant, visitor, key.day, event.bytes) for event in ids)
    for cursor in each_group(connection, _PLACED, rows):
        (gathered,) = cursor.fetchone()
        for n, event_id, ts, *position in rows_of(gathered, tuple[int, UUID, int, int, int, int]):
            by_number[n][event_id] = Placed(ts, Position(*position))
    return partitions


def _latest(connection: sqlite3.Connection, tenant: TenantContext, visitors: Sequence[UUID]) -> Mapping[UUID, Latest]:
    wanted = [(n, tenant.tenant.bytes, visitor.bytes) for n, visitor in enumerate(visitors)]
    return {
        visitors[n]: Latest(last, months)
        for cursor in each_group(connection, _LATEST, wanted)
        for n, last, months in rows_of(cursor.fetchone()[0], tuple[int, int, frozenset[int]])
    }


def _visitor_month(
    connection: sqlite3.Connection,
    tenant: TenantContext,
    visitor: UUID,
    month: int,
    until: tuple[int, UUID] | None,
    limit: int,
) -> list[FeedRow]:
    low, high = month_start(month), month_start(month + 1) - 1
    ts, event = (high + 1, b"") if until is None else (until[0], until[1].bytes)
    found: list[FeedRow] = []
    while len(found) < limit:
        want = min(PAGE, limit - len(found))
        gathered, body = connection.execute(
            _VISITOR_MONTH, (tenant.tenant.bytes, visitor.bytes, month, low, min(high, ts), ts, event, want)
        ).fetchone()
        heads = rows_of(gathered, tuple[int, UUID, int, int])
        pieces = cut(body, (length for *_, raw, enriched in heads for length in (raw, enriched)))
        found += (FeedRow(at, event_id, visitor, next(pieces), next(pieces)) for at, event_id, _, _ in heads)
        if len(heads) < want:
            break
        ts, event = found[-1].ts, found[-1].event_id.bytes
    return found


def _bucket_rows(
    connection: sqlite3.Connection, of_part: tuple[bytes, int, int], after: Place, high: int, limit: int
) -> list[BucketRow]:
    found: list[BucketRow] = []
    while len(found) < limit:
        want = min(PAGE, limit - len(found))
        gathered, body = connection.execute(_BUCKET_ROWS, (*of_part, *after, high, want)).fetchone()
        heads = rows_of(gathered, tuple[int, int, int, int])
        pieces = cut(body, (length for *_, raw, enriched in heads for length in (raw, enriched)))
        found += (BucketRow(Position(of_part[2], off, idx), next(pieces), next(pieces)) for off, idx, _, _ in heads)
        if len(heads) < want:
            break
        after = Place(found[-1].position.off, found[-1].position.idx)
    return found


def _buckets_seen(connection: sqlite3.Connection, tenant: TenantContext, days: Sequence[int]) -> list[Seen]:
    seen: list[Seen] = []
    for cursor in each_group(connection, _BUCKETS_SEEN, day_ranges(tenant, days)):
        seen += rows_of(cursor.fetchone()[0], Seen)
    return seen
