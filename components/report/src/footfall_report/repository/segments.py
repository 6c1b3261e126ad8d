"""A tenant's rows as Arrow tables: from segments where they stand, straight from the store where they do not.

Rows may come twice; who counts takes them DISTINCT. `models.plan` has the rule.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import pyarrow as pa
import structlog

from footfall_common import segments
from footfall_common.store import BucketRow, EventReads, Place, SegmentStore, Store, past
from footfall_common.tenancy import TenantContext
from footfall_report.models.plan import Direct, Reading, reading_of
from footfall_report.repository.chunks import ChunkCache

COLUMNS = (
    "event_id", "tracking_id", "resource", "occurred_day", "ts", "received", "type", "name", "value", "cost",
    "device", "os", "browser", "channel", "source", "campaign",
)  # fmt: skip
"""What is counted by, in segments.SCHEMA; the rest is left in the chunk."""

_BATCH_ROWS = 50_000
"""Rows handed on at once: the many small tables of a long range cost more to register than to scan."""
_PAGE = 2_000
"""Rows read from the store at once: undecoded, they take up to 32 KiB each."""
_ATTEMPTS = 3
"""How often segments are read again whose chunks were gone, before rows alone are read."""
_log = structlog.get_logger(__name__)


class SegmentRows:
    """Reads days; `at_once` = chunks of one request to the store, `batch` = rows handed on at once, at least."""

    def __init__(self, store: Store, cache: ChunkCache, at_once: int, batch: int = _BATCH_ROWS) -> None:
        self._events: EventReads = store.events
        self._segments: SegmentStore = store.segments
        self._cache = cache
        self._at_once = at_once
        self._batch = batch

    async def reading(self, tenant: TenantContext, days: Sequence[int]) -> Reading:
        """What there is to read on those UTC days."""
        seen = await self._events.buckets_seen(tenant, days)  # first: what is seen later may be in the segments already
        return reading_of(seen, await self._segments.heads(tenant, days))

    async def tables(self, tenant: TenantContext, reading: Reading) -> AsyncIterator[pa.Table]:
        """The rows of a reading, in tables of COLUMNS with some ten thousand rows each."""
        held: list[pa.Table] = []
        async for table in self._tables(tenant, reading):
            held.append(table)
            if sum(map(len, held)) >= self._batch:
                yield pa.concat_tables(held)
                held = []
        if held:
            yield pa.concat_tables(held)

    async def _tables(self, tenant: TenantContext, reading: Reading) -> AsyncIterator[pa.Table]:
        had: set[bytes] = set()
        lost: set[bytes] = set()
        for attempt in range(_ATTEMPTS + 1):
            broken: set[int] = set()
            wanted = [(plan.day, chunk) for plan in reading.days for chunk in plan.chunks if chunk not in had]
            for start in range(0, len(wanted), self._at_once):
                run = wanted[start : start + self._at_once]
                found = await self._chunks(tenant, [chunk for _, chunk in run])
                if found:
                    yield await asyncio.to_thread(_decoded, list(found.values()))
                had |= found.keys()
                lost |= {chunk for _, chunk in run} - had
                broken |= {day for day, chunk in run if chunk in lost}
            for direct in [direct for plan in reading.days for direct in plan.direct]:
                async for table in self._rows(tenant, direct):
                    yield table
            if not broken:
                return
            # Swept since the segments were read, or lost. So read those again: what still lists a chunk that is gone
            # cannot be believed.
            _log.warning("chunks_missing", tenant=str(tenant.tenant), days=sorted(broken), attempt=attempt)
            reading = await self._again(tenant, sorted(broken), lost, rows_alone=attempt + 1 == _ATTEMPTS)

    async def _again(
        self, tenant: TenantContext, days: Sequence[int], lost: set[bytes], *, rows_alone: bool
    ) -> Reading:
        seen = await self._events.buckets_seen(tenant, days)
        return reading_of(seen, () if rows_alone else await self._segments.heads(tenant, days), lost)

    async def _rows(self, tenant: TenantContext, direct: Direct) -> AsyncIterator[pa.Table]:
        bucket, part, after = direct
        place = past(after)
        while True:
            rows = await self._events.bucket_rows(tenant, bucket, part, place, None, _PAGE)
            if rows:
                yield await asyncio.to_thread(_table, rows)
                place = Place(rows[-1].position.off, rows[-1].position.idx)
            if len(rows) < _PAGE:
                return

    async def _chunks(self, tenant: TenantContext, ids: Sequence[bytes]) -> Mapping[bytes, bytes]:
        found = await self._cache.get(ids)
        missing = [chunk for chunk in ids if chunk not in found]
        if missing:
            read = dict(await self._segments.chunks(tenant, missing))
            await self._cache.put(read)
            found |= read
        return found


def _decoded(bodies: Sequence[bytes]) -> pa.Table:
    return pa.concat_tables([segments.decode(body).select(COLUMNS) for body in bodies])


def _table(rows: Sequence[BucketRow]) -> pa.Table:
    return segments.table(rows).select(COLUMNS)
