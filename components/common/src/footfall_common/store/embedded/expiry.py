"""Retention: what Cassandra does by TTL. In steps, so that writers wait little however much there is to delete."""

# ruff: noqa: S608 - statements are put together from constants of these modules alone

import sqlite3
from collections.abc import Sequence
from functools import partial
from typing import Final
from uuid import UUID

from footfall_common.events.times import bucket_of, day_of, month_of
from footfall_common.sqlite import SqliteFile
from footfall_common.store import TenantContext
from footfall_common.store.embedded.segments import expire_segments
from footfall_common.store.embedded.statements import columns, quoted, rows_of, write_each

EVENTS: Final = 500
"""Events, or months of visitors, that one transaction deletes."""

_OLDEST = "FROM events_by_bucket WHERE tenant = ? AND bucket < ? ORDER BY bucket, part, off, idx LIMIT ?"
# Only the row of the copy that goes: the first copy of the same event may lie in a bucket that stays.
_IDS = f"""DELETE FROM event_ids WHERE (tenant, visitor, day, event_id, part, off, idx) IN (
    SELECT tenant, visitor, day, event_id, part, off, idx {_OLDEST})"""
_EVENTS = f"DELETE FROM events_by_bucket WHERE rowid IN (SELECT rowid {_OLDEST})"
_PARTS = "DELETE FROM bucket_parts WHERE tenant = ? AND bucket < ?"
_OLD_MONTHS = f"SELECT {columns(quoted('visitor'), 'month')} FROM visitor_months WHERE tenant = ? AND month < ?"
_MONTHS = "DELETE FROM visitor_months WHERE (tenant, visitor, month) IN (SELECT * FROM ({values}))"
# The last edge before an event names its contact, however old the edge: it goes with the visitor's last month.
_EDGES = """DELETE FROM edges WHERE (tenant, visitor) IN (SELECT * FROM ({values})) AND NOT EXISTS (
    SELECT 1 FROM visitor_months m WHERE m.tenant = edges.tenant AND m.visitor = edges.visitor)"""


async def expire(file: SqliteFile, tenant: TenantContext, before: int) -> int:
    """Delete one tenant's events of buckets that ended by `before`, and what stands for them elsewhere.

    Returns how many events went. It may be cut anywhere and run again. Segments go a whole day at a time, since a day
    is folded into one.
    """
    of, cut = tenant.tenant.bytes, bucket_of(before)
    deleted = 0
    while step := await file.write(lambda connection: _events(connection, of, cut)):
        deleted += step
    await file.write(lambda connection: connection.execute(_PARTS, (of, cut)).rowcount)
    await expire_segments(file, of, day_of(before))
    await _months(file, of, month_of(before))
    await file.shrink()
    return deleted


def _events(connection: sqlite3.Connection, of: bytes, cut: int) -> int:
    connection.execute(_IDS, (of, cut, EVENTS))
    return connection.execute(_EVENTS, (of, cut, EVENTS)).rowcount


async def _months(file: SqliteFile, of: bytes, month: int) -> None:
    old = await file.read(partial(_old_months, of, month))
    for start in range(0, len(old), EVENTS):
        await file.write(partial(_forget, old[start : start + EVENTS]))


def _old_months(of: bytes, month: int, connection: sqlite3.Connection) -> list[tuple[bytes, bytes, int]]:
    gathered = rows_of(connection.execute(_OLD_MONTHS, (of, month)).fetchone()[0], tuple[UUID, int])
    return [(of, visitor.bytes, number) for visitor, number in gathered]


def _forget(months: Sequence[tuple[bytes, bytes, int]], connection: sqlite3.Connection) -> None:
    write_each(connection, _MONTHS, months)
    write_each(connection, _EDGES, list({month[:2] for month in months}))
