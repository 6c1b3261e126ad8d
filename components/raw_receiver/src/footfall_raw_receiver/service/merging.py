"""Small chunks of a segment into larger ones."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from itertools import zip_longest
from typing import Any, Final, NamedTuple, TypeVar

from footfall_common.segments import chunk_id
from footfall_common.store import Segment, SegmentStore
from footfall_common.tenancy import TenantContext
from footfall_raw_receiver.service import chunks

T = TypeVar("T")
Bodies = dict[bytes, bytes]
"""Chunks that are not put yet."""
_REMEMBERED: Final = 20_000
_GUESS: Final = 65_536
"""Bytes of a chunk whose size an earlier release did not note."""
_ROWS: Final = 50_000
"""Rows merged together at most. About a chunk's worth; of rows that are much alike, one would hold many more, and what
they take decoded (some 200 bytes each) does not shrink with them."""


class Sizes(NamedTuple):
    """Rows made into chunks together; the largest chunk; below which, and how many, chunks are merged. Bytes."""

    rows: int
    chunk: int
    small: int
    merge: int


class Merger:
    """Merges chunks in `executor`. Every method raises LostChunks where one that it needs is gone."""

    def __init__(self, segments: SegmentStore, executor: Executor, sizes: Sizes) -> None:
        self._segments = segments
        self._executor = executor
        self._sizes = sizes
        self._settled: dict[bytes, None] = {}
        self._alone = asyncio.Lock()  # what one merge holds bounds the memory, however many buckets are in hand

    @property
    def limit(self) -> int:
        """The largest chunk, in bytes."""
        return self._sizes.chunk

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """The function's outcome, out of the executor."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)

    async def merged(self, tenant: TenantContext, segment: Segment, bodies: Bodies) -> Segment:
        """The segment of a bucket that is still filling, its small chunks merged once there are enough of them."""
        small = self._sizes.small
        names = [name for name, size in sizes_of(segment).items() if size < small and name not in self._settled]
        if len(names) < self._sizes.merge:
            return segment
        async with self._alone:
            held = await self._held(tenant, names, bodies)
            self._settle(name for name in names if chunks.settled(held[name], small))
            fresh = held.keys() - self._settled.keys()
            loose = {name: size for name, size in sizes_of(segment).items() if name in fresh}
            if len(loose) < self._sizes.merge:
                return segment
            for run in runs(loose, self._worth(segment)):
                made = await self.run(chunks.merged, [held[name] for name in run], self._sizes.chunk)
                before = segment.chunks
                segment = with_chunks(tenant, without(segment, run, bodies), made, bodies)
                self._settle(name for name in segment.chunks if name not in before)
            return segment

    async def packed(self, tenant: TenantContext, segment: Segment, bodies: Bodies) -> Segment:
        """The segment of what is over: as few chunks as whole ones can be joined into, in their order.

        One above half the limit stays as it is, so that what is packed again and again is not written again.
        """
        worth = self._worth(segment)
        for names in runs(small_of(segment, worth), worth):
            async with self._alone:
                held = await self._held(tenant, names, bodies)
                made = await self.run(chunks.merged, [held[name] for name in names], self._sizes.chunk)
            segment = with_chunks(tenant, without(segment, names, bodies), made, bodies)
        return segment

    def _worth(self, segment: Segment) -> int:
        """Bytes of its chunks that are merged together: at most a chunk's, and at most those of so many rows."""
        held = sum(sizes_of(segment).values())
        return min(self._sizes.chunk, held * _ROWS // max(segment.rows, 1))

    async def _held(self, tenant: TenantContext, names: Sequence[bytes], bodies: Bodies) -> Mapping[bytes, bytes]:
        held = {name: bodies[name] for name in names if name in bodies}
        held |= await self._segments.chunks(tenant, [name for name in names if name not in held])
        if missing := [name for name in names if name not in held]:
            raise chunks.LostChunks(missing)
        return held

    def _settle(self, names: Iterable[bytes]) -> None:
        self._settled.update(dict.fromkeys(names))
        while len(self._settled) > _REMEMBERED:
            del self._settled[next(iter(self._settled))]


def sizes_of(segment: Segment) -> dict[bytes, int]:
    """Bytes of each chunk, in their order."""
    pairs = zip_longest(segment.chunks, segment.sizes[: len(segment.chunks)], fillvalue=0)
    return {name: size or _GUESS for name, size in pairs if isinstance(name, bytes)}


def small_of(segment: Segment, limit: int) -> dict[bytes, int]:
    """The chunks that packing would join with others."""
    return {name: size for name, size in sizes_of(segment).items() if size <= limit // 2}


def runs(small: Mapping[bytes, int], limit: int) -> Iterator[Sequence[bytes]]:
    """Neighbours that fit into `limit` bytes together, two at least: one alone would never be merged."""
    run: list[bytes] = []
    weight = 0
    for name, size in small.items():
        if len(run) > 1 and weight + size > limit:
            yield run
            run, weight = [], 0
        run.append(name)
        weight += size
    if len(run) > 1:
        yield run


def with_chunks(tenant: TenantContext, segment: Segment, added: Sequence[chunks.Body], bodies: Bodies) -> Segment:
    """The segment with more chunks, whose bytes go into `bodies`; its rows are as they were."""
    sizes = sizes_of(segment)
    for one in added:
        name = chunk_id(tenant.tenant, segment.bucket, segment.version, one.body)
        sizes[name] = len(one.body)
        bodies[name] = one.body
    return segment._replace(chunks=tuple(sizes), sizes=tuple(sizes.values()))


def without(segment: Segment, names: Sequence[bytes], bodies: Bodies) -> Segment:
    """The segment without those chunks; their bytes, if they were made just now, are not to be put."""
    sizes = sizes_of(segment)
    for name in names:
        del sizes[name]
        bodies.pop(name, None)
    return segment._replace(chunks=tuple(sizes), sizes=tuple(sizes.values()))
