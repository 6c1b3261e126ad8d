"""A tenant's rows as Arrow tables: from segments where they stand, straight from the store where they do not.

A bucket is read from its segments as far as its watermark goes; what `buckets_seen` says lies above it, in each part,
is read row by row, and so is a whole bucket of which any segment or chunk is missing. So rows may come twice; who
counts takes them DISTINCT. None is missing, whatever of the segments was lost.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from footfall_common import segments
from footfall_common.documents import NIL
from footfall_common.store import BucketRow, EventReads, Seen, Segment, SegmentStore, Store
from footfall_common.tenancy import TenantContext
from footfall_report.repository.chunks import ChunkCache

COLUMNS = (
    "event_id", "tracking_id", "resource", "occurred_day", "ts", "received", "type", "name", "value", "cost",
    "device", "os", "browser", "channel", "source", "campaign",
)  # fmt: skip
"""What is counted by, in segments.SCHEMA; the rest is left in the chunk."""

_BATCH_ROWS = 50_000
"""Rows handed on at once: the many small tables of a long range cost more to register than to scan."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """How one bucket is read: its segments' chunks, and (part, offset) above which rows are in none of them."""

    bucket: int
    parts: Sequence[int]
    heads: Sequence[Segment]
    direct: Sequence[tuple[int, int]]

    def chunks(self) -> list[bytes]:
        """The ids of its chunks."""
        return [chunk for head in self.heads for chunk in head.chunks]


@dataclass(frozen=True, slots=True)
class Reading:
    """All buckets of some days. `stamp` names the segments' versions; None when rows outside of them are read too."""

    buckets: Sequence[Bucket]
    stamp: frozenset[tuple[bytes, int, int]] | None


class SegmentRows:
    """Reads buckets; `at_once` = chunks of one request to the store, `batch` = rows handed on at once, at least."""

    def __init__(self, store: Store, cache: ChunkCache, at_once: int, batch: int = _BATCH_ROWS) -> None:
        self._events: EventReads = store.events
        self._segments: SegmentStore = store.segments
        self._cache = cache
        self._at_once = at_once
        self._batch = batch

    async def reading(self, tenant: TenantContext, days: Sequence[int]) -> Reading:
        """What there is to read on those UTC days."""
        seen = await self._events.buckets_seen(tenant, days)
        heads = await self._segments.heads(tenant, days)
        buckets = plan(seen, heads)
        whole = not any(bucket.direct for bucket in buckets)
        stamp = frozenset((head.resource.bytes, head.bucket, head.version) for head in heads)
        return Reading(buckets, stamp if whole else None)

    async def tables(self, tenant: TenantContext, reading: Reading) -> AsyncIterator[pa.Table]:
        """The rows of a reading, in tables of COLUMNS with some ten thousand rows each."""
        held: list[pa.Table] = []
        for group in _grouped(reading.buckets, self._at_once):
            async for table in self._group(tenant, group):
                held.append(table)
                if sum(map(len, held)) >= self._batch:
                    yield pa.concat_tables(held)
                    held = []
        if held:
            yield pa.concat_tables(held)

    async def _group(self, tenant: TenantContext, buckets: Sequence[Bucket]) -> AsyncIterator[pa.Table]:
        chunks = await self._chunks(tenant, [chunk for bucket in buckets for chunk in bucket.chunks()])
        lost = [bucket for bucket in buckets if not chunks.keys() >= set(bucket.chunks())]
        whole = [chunks[chunk] for bucket in buckets if bucket not in lost for chunk in bucket.chunks()]
        if whole:
            yield await asyncio.to_thread(_decoded, whole)
        for bucket in buckets:
            for part, after in _all(bucket.parts) if bucket in lost else bucket.direct:
                rows = await self._events.bucket_rows(tenant, bucket.bucket, part, after, None)
                yield await asyncio.to_thread(_table, rows)

    async def _chunks(self, tenant: TenantContext, ids: Sequence[bytes]) -> Mapping[bytes, bytes]:
        found = await self._cache.get(ids)
        missing = [chunk for chunk in ids if chunk not in found]
        for start in range(0, len(missing), self._at_once):
            read = dict(await self._segments.chunks(tenant, missing[start : start + self._at_once]))
            await self._cache.put(read)
            found |= read
        return found


def plan(seen: Iterable[Seen], heads: Iterable[Segment]) -> list[Bucket]:
    """How each bucket is read, in order. A bucket of which any head is gone has no segment."""
    highs: dict[int, dict[int, int]] = defaultdict(dict)
    of_bucket: dict[int, list[Segment]] = defaultdict(list)
    for bucket, part, high in seen:
        highs[bucket][part] = high
    for head in heads:
        of_bucket[head.bucket].append(head)
        for part in head.watermark:
            highs[head.bucket].setdefault(part, -1)
    return [_bucket(bucket, named, of_bucket[bucket]) for bucket, named in sorted(highs.items())]


def _bucket(bucket: int, highs: Mapping[int, int], heads: Sequence[Segment]) -> Bucket:
    parts = sorted(highs)
    own = next((head for head in heads if head.resource == NIL), None)
    if own is None or not segments.complete(heads):
        return Bucket(bucket, parts, (), _all(parts))
    above = [(part, own.watermark.get(part, -1)) for part in parts]
    return Bucket(bucket, parts, heads, [(part, after) for part, after in above if after < highs[part]])


def _all(parts: Iterable[int]) -> list[tuple[int, int]]:
    return [(part, -1) for part in parts]


def _grouped(buckets: Iterable[Bucket], at_once: int) -> Iterator[Sequence[Bucket]]:
    """Buckets in runs of about `at_once` chunks."""
    group: list[Bucket] = []
    weight = 0
    for bucket in buckets:
        group.append(bucket)
        weight += max(1, len(bucket.chunks()))
        if weight >= at_once:
            yield group
            group, weight = [], 0
    if group:
        yield group


def _decoded(bodies: Sequence[bytes]) -> pa.Table:
    return pa.concat_tables([segments.decode(body).select(COLUMNS) for body in bodies])


def _table(rows: Sequence[BucketRow]) -> pa.Table:
    return segments.table(rows).select(COLUMNS)
