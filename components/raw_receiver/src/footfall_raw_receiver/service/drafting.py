"""New segment versions of one bucket, from its standing ones and the rows that its marks name."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, Final, NamedTuple, TypeVar

import pyarrow as pa
import structlog

from footfall_common.documents import NIL
from footfall_common.events.times import day_of_bucket
from footfall_common.segments import chunk_id, complete
from footfall_common.store import BucketRow, Segment, Store
from footfall_common.tenancy import TenantContext
from footfall_raw_receiver.service import chunks
from footfall_raw_receiver.service.marks import Due

T = TypeVar("T")
_SPAN: Final = 256
"""Offsets read at once at first; doubled where rows are few, halved where they are many."""
_READ: Final = 4_000
"""The rows that one read should bring: enough to be worth it, little enough to be held undecoded."""
_Span = tuple[int, int, int | None]
"""Part, and its offsets: above the first, up to and including the second (None = all there are)."""
_REMEMBERED: Final = 20_000
_log = structlog.get_logger(__name__)


class Sizes(NamedTuple):
    """Rows made into chunks together; the largest chunk; below which, and how many, chunks are merged. Bytes."""

    rows: int
    chunk: int
    small: int
    merge: int


class Draft(NamedTuple):
    """Segment versions of one bucket, the one that carries the bucket's watermark last, and the chunks they add."""

    segments: Sequence[Segment]
    chunks: Mapping[bytes, bytes]


class Drafter:
    """Drafts buckets. What is heavy runs in `executor`."""

    def __init__(self, store: Store, executor: Executor, sizes: Sizes) -> None:
        self._store = store
        self._executor = executor
        self._sizes = sizes
        self._settled: dict[bytes, None] = {}

    async def draft(self, tenant: TenantContext, due: Due) -> Draft:
        """What is to be put; nothing when the standing version holds all that is due."""
        standing = await self._store.segments.bucket_heads(tenant, due.bucket)
        heads = {head.resource: head for head in standing} if complete(standing) else {}
        bottom = heads[NIL].watermark if NIL in heads else {}
        top = {**bottom, **{part: max(high, bottom.get(part, -1)) for part, high in due.highs.items()}}
        if top == bottom:
            return Draft((), {})  # marks that came again
        bodies: dict[bytes, bytes] = {}
        found: dict[uuid.UUID, Segment] = {}
        spans: list[_Span] = [(part, bottom.get(part, -1), high) for part, high in sorted(due.highs.items())]
        if NIL not in heads:
            spans += await self._unmarked(tenant, due)
        seen = {resource: head.watermark for resource, head in heads.items()}
        async for tables in self._tables(tenant, due.bucket, spans, seen):
            made = await self._run(chunks.chunks_of, tables, self._sizes.chunk)
            for resource, some in made.items():
                old = found.get(resource) or heads.get(resource) or Segment(resource, due.bucket, 0, {}, (), 0)
                found[resource] = _longer(tenant, due, old._replace(watermark=top), some, bodies)
        merged = [await self._merged(tenant, due, segment, bodies) for segment in found.values()]
        now = {**heads, **{segment.resource: segment for segment in merged}}
        rows = sum(segment.rows for resource, segment in now.items() if resource != NIL)
        return Draft((*merged, Segment(NIL, due.bucket, due.version, top, (), rows)), bodies)

    async def _unmarked(self, tenant: TenantContext, due: Due) -> Sequence[_Span]:
        """The parts that no mark in hand names, of a bucket without segments: those may have been deleted.

        Their rows come in without raising the watermark, since some may still be landing; readers take rows once.
        """
        seen = await self._store.events.buckets_seen(tenant, [day_of_bucket(due.bucket)])
        parts = {one.part for one in seen if one.bucket == due.bucket}
        return [(part, -1, None) for part in sorted(parts - due.highs.keys())]

    async def _tables(
        self, tenant: TenantContext, bucket: int, spans: Sequence[_Span], seen: Mapping[uuid.UUID, Mapping[int, int]]
    ) -> AsyncIterator[Sequence[pa.Table]]:
        """The rows of those spans that are not in `seen`, about `sizes.rows` at a time."""
        held: list[pa.Table] = []
        for part, after, high in spans:
            async for rows in self._span(tenant, bucket, part, after, high):
                held.append(await self._run(chunks.columns_of, rows, seen))
                if sum(table.num_rows for table in held) >= self._sizes.rows:
                    yield held
                    held = []
        if any(table.num_rows for table in held):
            yield held

    async def _span(
        self, tenant: TenantContext, bucket: int, part: int, after: int, high: int | None
    ) -> AsyncIterator[Sequence[BucketRow]]:
        read = self._store.events.bucket_rows
        if high is None:
            yield await read(tenant, bucket, part, after, None)
            return
        span = _SPAN
        while after < high:
            until = min(high, after + span)
            rows = await read(tenant, bucket, part, after, until)
            if rows:
                yield rows
            after = until
            span = max(1, span // 2) if len(rows) > _READ else span * 2

    async def _merged(self, tenant: TenantContext, due: Due, segment: Segment, bodies: dict[bytes, bytes]) -> Segment:
        """The segment with its small chunks merged, once there are enough of them."""
        names = [name for name in segment.chunks if name not in self._settled]
        if len(names) < self._sizes.merge:
            return segment
        held = {**bodies, **await self._store.segments.chunks(tenant, [name for name in names if name not in bodies])}
        if missing := [name.hex() for name in names if name not in held]:
            _log.error("chunks_missing", tenant=str(tenant.tenant), bucket=due.bucket, chunks=missing)
        self._settle(name for name in names if name in held and chunks.settled(held[name], self._sizes.small))
        small = {name: held[name] for name in names if name in held and name not in self._settled}
        if len(small) < self._sizes.merge:
            return segment
        made = await self._run(chunks.merged, tuple(small.values()), self._sizes.chunk)
        kept = segment._replace(chunks=tuple(name for name in segment.chunks if name not in small), rows=0)
        for name in small:
            bodies.pop(name, None)  # made just now, and already part of a larger one
        longer = _longer(tenant, due, kept, made, bodies)
        self._settle(name for name in longer.chunks if name not in kept.chunks)
        return longer._replace(rows=segment.rows)

    def _settle(self, names: Iterable[bytes]) -> None:
        self._settled.update(dict.fromkeys(names))
        while len(self._settled) > _REMEMBERED:
            del self._settled[next(iter(self._settled))]

    async def _run(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)


def _longer(
    tenant: TenantContext, due: Due, old: Segment, added: Sequence[chunks.Body], bodies: dict[bytes, bytes]
) -> Segment:
    """The segment in the due version, with more chunks, whose bytes go into `bodies`."""
    named = {chunk_id(tenant.tenant, due.bucket, due.version, one.body): one.body for one in added}
    bodies.update(named)
    return old._replace(
        version=due.version,
        chunks=tuple(dict.fromkeys((*old.chunks, *named))),
        rows=old.rows + sum(one.rows for one in added),
    )
