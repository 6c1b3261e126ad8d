"""Segments and their chunks: `SegmentStore` on Cassandra."""

import struct
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from footfall_common.documents import NIL
from footfall_common.events.times import BUCKET, DAY, day_of_bucket
from footfall_common.store import Segment, Span, TenantContext
from footfall_common.store.cassandra import statements
from footfall_common.store.cassandra.calls import Calls
from footfall_common.store.cassandra.encoding import bigint, int32, ints
from footfall_common.store.cassandra.remembered import Listed
from footfall_common.store.cassandra.settings import CassandraSettings
from footfall_common.store.cassandra.stamps import LEAST_SECONDS, FirstStands, Lifetimes
from footfall_common.store.standing import Noted, body_of, folded_before, segment_of, swept

_DAYS_AT_ONCE: Final = 100
_BODIES_AT_ONCE: Final = 32
"""Chunks of up to 1 MB that are under way together."""
_NOTED: Final = struct.Struct(">q")


class CassandraSegments:
    """`SegmentStore`. What is written lives as long as the events of its day."""

    def __init__(
        self, calls: Callable[[], Calls], settings: CassandraSettings, stamps: FirstStands, lifetimes: Lifetimes
    ) -> None:
        self._calls = calls
        self._stamps = stamps
        self._lifetimes = lifetimes
        self._listed = Listed(settings.remembered_resources)

    async def heads(self, tenant: TenantContext, days: Sequence[int]) -> Sequence[Segment]:
        """The standing segment of each resource, of those UTC days and of their buckets."""
        resources = await self._resources(tenant, days)
        noted = await self._noted(statements.HEADS, [(tenant.tenant, resource, day) for day, resource in resources])
        return [one.segment for some in noted for one in some]

    async def day_heads(self, tenant: TenantContext, day: int) -> Sequence[Segment]:
        """The standing segment of each resource of one day."""
        return [one.segment for one in await self._head(tenant, day, Span.DAY, day * (DAY // BUCKET))]

    async def bucket_heads(self, tenant: TenantContext, bucket: int) -> Sequence[Segment]:
        """The standing segment of each resource of one bucket."""
        return [one.segment for one in await self._head(tenant, day_of_bucket(bucket), Span.BUCKET, bucket)]

    async def put(
        self, tenant: TenantContext, segments: Sequence[Segment], chunks: Mapping[bytes, bytes], now: int
    ) -> None:
        """Chunks first, then the listing, then segments, NIL's acknowledged after those before them."""
        of = tenant.tenant
        lives = [(segment, self._ttl(of, day_of_bucket(segment.bucket))) for segment in segments]
        living = [(segment, ttl) for segment, ttl in lives if ttl >= LEAST_SECONDS]
        if not living:
            return
        calls = self._calls()
        longest = int32(max(ttl for _, ttl in living))
        bodies = [(of.bytes, name, body, longest) for name, body in chunks.items()]
        for start in range(0, len(bodies), _BODIES_AT_ONCE):
            await calls.run(statements.PUT_CHUNK, bodies[start : start + _BODIES_AT_ONCE])
        await self._list(of, living)
        for same in _runs(living):
            await calls.run(statements.PUT_SEGMENT, [self._row(of, segment, ttl, now) for segment, ttl in same])

    async def chunks(self, tenant: TenantContext, ids: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """The bytes of those chunks that exist."""
        wanted = list(dict.fromkeys(ids))
        found: dict[bytes, bytes] = {}
        for start in range(0, len(wanted), _BODIES_AT_ONCE):
            keys = [(tenant.tenant.bytes, name) for name in wanted[start : start + _BODIES_AT_ONCE]]
            found.update(row for rows in await self._calls().run(statements.CHUNK, keys) for row in rows)
        return found

    async def sweep(self, tenant: TenantContext, day: int, before: int) -> int:
        """Delete what `standing.swept` names, a resource at a time; returns how many versions went."""
        of = tenant.tenant
        folded = folded_before(await self._head(tenant, day, Span.DAY, day * (DAY // BUCKET)), before)
        gone = 0
        for _, resource in await self._resources(tenant, [day]):
            (versions,) = await self._noted(statements.VERSIONS, [(of, resource, day)])
            going = swept(versions, folded, before)
            await self._calls().run(statements.DROP_CHUNK, [(of.bytes, name) for name in going.chunks])
            keys = [(*_place(of, segment), bigint(segment.version)) for segment in going.versions]
            await self._calls().run(statements.DROP_VERSION, keys)
            gone += len(keys)
        return gone

    async def _resources(self, tenant: TenantContext, days: Sequence[int]) -> Sequence[tuple[int, UUID]]:
        """(day, resource) of everything that has segments on those days."""
        wanted = sorted(set(days))
        groups = [wanted[start : start + _DAYS_AT_ONCE] for start in range(0, len(wanted), _DAYS_AT_ONCE)]
        found = await self._calls().run(statements.RESOURCES, [(tenant.tenant.bytes, ints(group)) for group in groups])
        listed = [(day, resource) for rows in found for day, resource in rows]
        by_day: dict[int, list[UUID]] = {day: [] for day in wanted}
        for day, resource in listed:
            by_day[day].append(resource)
        for day, resources in by_day.items():
            self._listed.read((tenant.tenant, day), resources)
        return listed

    async def _head(self, tenant: TenantContext, day: int, span: Span, bucket: int) -> list[Noted]:
        of = tenant.tenant
        resources = [resource for _, resource in await self._resources(tenant, [day])]
        wanted = [(of, resource, day) for resource in resources]
        found = await self._noted(statements.HEAD, wanted, span.value.encode(), int32(bucket))
        return [one for some in found for one in some]

    async def _noted(
        self, text: str, partitions: Sequence[tuple[UUID, UUID, int]], *more: bytes
    ) -> Sequence[Sequence[Noted]]:
        bound = [(of.bytes, resource.bytes, int32(day), *more) for of, resource, day in partitions]
        found = await self._calls().run(text, bound)
        return [
            [_read(resource, row) for row in rows] for (_, resource, _), rows in zip(partitions, found, strict=True)
        ]

    async def _list(self, of: UUID, living: Sequence[tuple[Segment, int]]) -> None:
        """Say which resources have segments on which day, where it has not been said yet."""
        ttls = {(day_of_bucket(segment.bucket), segment.resource): ttl for segment, ttl in living}
        new = {key: ttl for key, ttl in ttls.items() if key[1] not in self._listed.of((of, key[0]))}
        rows = [(of.bytes, int32(day), resource.bytes, int32(ttl)) for (day, resource), ttl in new.items()]
        await self._calls().run(statements.PUT_RESOURCE, rows)
        for day, resource in new:
            self._listed.written((of, day), [resource])

    def _ttl(self, of: UUID, day: int) -> int:
        """As long as the last event of that day lives."""
        return self._lifetimes.seconds(of, (day + 1) * DAY)

    def _row(self, of: UUID, segment: Segment, ttl: int, now: int) -> Sequence[bytes]:
        body = _NOTED.pack(now) + body_of(segment)
        return (*_place(of, segment), bigint(segment.version), body, bigint(self._stamps.take(1)), int32(ttl))


def _place(of: UUID, segment: Segment) -> tuple[bytes, ...]:
    day = int32(day_of_bucket(segment.bucket))
    return of.bytes, segment.resource.bytes, day, segment.span.value.encode(), int32(segment.bucket)


def _read(resource: UUID, row: tuple[Any, ...]) -> Noted:
    span, bucket, version, body = row
    segment = segment_of(resource, Span(span), bucket, version, body[_NOTED.size :])
    return Noted(segment, _NOTED.unpack_from(body)[0])


def _runs(living: Sequence[tuple[Segment, int]]) -> list[list[tuple[Segment, int]]]:
    """Segments that may be written together: NIL's speak of those before them, and never of one another."""
    return [list(same) for _, same in groupby(living, lambda one: one[0].resource == NIL)]
