"""Writing events and edges, inside the transaction that also takes their marks and offsets."""

import sqlite3
from collections.abc import Sequence
from uuid import UUID

from footfall_common.events.times import bucket_of, month_of
from footfall_common.store import Edge, EventRow
from footfall_common.store.embedded.statements import write_each

# The first copy of an event decides its time and place; any later one changes nothing.
_EVENT_IDS = "INSERT OR IGNORE INTO event_ids {values}"
_BY_BUCKET = "INSERT OR REPLACE INTO events_by_bucket {values}"
# A row that would stay as it is must not make its page one to write.
_PARTS = """INSERT INTO bucket_parts {values} ON CONFLICT DO UPDATE
    SET high = excluded.high WHERE excluded.high > high"""
_MONTHS = """INSERT INTO visitor_months {values} ON CONFLICT DO UPDATE
    SET first_day = min(first_day, excluded.first_day), last_day = max(last_day, excluded.last_day)
    WHERE excluded.first_day < first_day OR excluded.last_day > last_day"""
_EDGES = "INSERT OR REPLACE INTO edges {values}"


def write_rows(connection: sqlite3.Connection, rows: Sequence[EventRow], edges: Sequence[Edge]) -> None:
    """Write events to every table that holds them, and edges. Writing the same again is harmless."""
    ids, by_bucket = [], []
    seen: dict[tuple[bytes, int, int], int] = {}
    days: dict[tuple[bytes, bytes, int], tuple[int, int]] = {}
    for tenant, visitor, anonymous, event_id, day, ts, (part, off, idx), raw, enriched, _ in rows:
        of, who, event, bucket = tenant.bytes, visitor.bytes, event_id.bytes, bucket_of(ts)
        ids.append((of, who, day, event, ts, part, off, idx, anonymous))
        by_bucket.append((of, bucket, part, off, idx, who, day, event, raw, enriched))
        place = (of, bucket, part)
        seen[place] = max(seen.get(place, -1), off)
        if not anonymous:
            month = (of, who, month_of(ts))
            first, last = days.get(month, (day, day))
            days[month] = (min(first, day), max(last, day))
    write_each(connection, _EVENT_IDS, ids)
    write_each(connection, _BY_BUCKET, by_bucket)
    write_each(connection, _PARTS, [(*place, high) for place, high in seen.items()])
    write_each(connection, _MONTHS, [(*month, *span) for month, span in days.items()])
    write_each(connection, _EDGES, [_edge(*edge) for edge in edges])


def _edge(tenant: UUID, visitor: UUID, at: int, event_id: UUID, contact: UUID, trust: str) -> tuple[object, ...]:
    return tenant.bytes, visitor.bytes, at, event_id.bytes, contact.bytes, trust
