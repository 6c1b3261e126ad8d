"""New segment versions of one bucket, from its standing ones and the rows that its marks name."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Final, NamedTuple

import pyarrow as pa
import structlog

from footfall_common.documents import NIL
from footfall_common.store import START, BucketRow, Place, Segment, Store, past
from footfall_common.tenancy import TenantContext
from footfall_raw_receiver.service import chunks
from footfall_raw_receiver.service.ground import Ground, ground_of, ground_of_rows
from footfall_raw_receiver.service.marks import Due, joined
from footfall_raw_receiver.service.merging import Bodies, Merger, with_chunks

_READ: Final = 4_000
"""Rows of one read: enough to be worth it, little enough to be held undecoded."""
_Span = tuple[int, Place, int | None]
"""Part, the place after which, and the offset up to which rows are read (None = all there are)."""
_log = structlog.get_logger(__name__)


class Draft(NamedTuple):
    """Segment versions, resource NIL's last, and the chunks they add."""

    segments: Sequence[Segment]
    chunks: Mapping[bytes, bytes]


NOTHING: Final = Draft((), {})


class Drafter:
    """Drafts buckets; `rows` = how many are made into chunks together.

    Several may be drafted at once. Of those, one at a time holds more than two pages of rows; the chunks of all of them
    are held until they are put.
    """

    def __init__(self, store: Store, merger: Merger, rows: int) -> None:
        self._store = store
        self._merger = merger
        self._rows = rows
        self._large = asyncio.Lock()

    async def draft(self, tenant: TenantContext, due: Due) -> Draft:
        """What is to be put; nothing when what stands holds all that is due."""
        try:
            return await self._upon(await ground_of(self._store, tenant, due), tenant, due)
        except chunks.LostChunks as lost:
            _log.error("chunks_missing", tenant=str(tenant.tenant), bucket=due.bucket, chunks=str(lost))
        return await self._upon(await ground_of_rows(self._store, tenant, due), tenant, due)

    async def _upon(self, ground: Ground, tenant: TenantContext, due: Due) -> Draft:
        top = joined(ground.reached, ground.highs)
        behind = due.version <= ground.version  # the mark came again, or its worker is late: others went further
        if behind or not top or (top == ground.reached and (ground.closed or not due.close)):
            return NOTHING
        bodies: Bodies = {}
        blank = Segment(NIL, due.bucket, due.version, top, (), 0, base=ground.base)
        added: dict[uuid.UUID, Segment] = {}
        async with aclosing(self._tables(tenant, due.bucket, ground)) as batches:
            async for tables in batches:
                made = await self._merger.run(chunks.chunks_of, tables, self._merger.limit)
                for resource, some in made.items():
                    old = added.get(resource) or ground.heads.get(resource) or blank
                    now = old._replace(resource=resource, version=due.version, watermark=top)
                    rows = old.rows + sum(one.rows for one in some)
                    added[resource] = with_chunks(tenant, now, some, bodies)._replace(rows=rows)
        changed = await self._tidied(tenant, due, {**ground.heads, **added}, bodies)
        members = {**ground.heads, **added, **changed}
        own = blank._replace(
            rows=sum(member.rows for member in members.values()),
            members={resource: member.version for resource, member in members.items()},
            closed=due.close,
        )
        put = [member._replace(watermark=top) for member in members.values() if member.version == due.version]
        return Draft((*put, own), bodies)

    async def _tidied(
        self, tenant: TenantContext, due: Due, members: Mapping[uuid.UUID, Segment], bodies: Bodies
    ) -> Mapping[uuid.UUID, Segment]:
        """What of the members was merged: of all when the bucket is over, else of what got new rows."""
        tidied = {}
        for resource, member in members.items():
            if due.close:
                now = await self._merger.packed(tenant, member._replace(version=due.version), bodies)
            elif member.version == due.version:
                now = await self._merger.merged(tenant, member, bodies)
            else:
                continue
            if now.chunks != member.chunks:
                tidied[resource] = now
        return tidied

    async def _tables(
        self, tenant: TenantContext, bucket: int, ground: Ground
    ) -> AsyncGenerator[Sequence[pa.Table], None]:
        """The rows that are not in the ground's heads, about `rows` at a time; past a page, one bucket's at once."""
        seen = {resource: head.watermark for resource, head in ground.heads.items()}
        held: list[pa.Table] = []
        large = False
        async with AsyncExitStack() as alone:
            for span in _spans(ground):
                async for rows in self._rows_of(tenant, bucket, span):
                    held.append(await self._merger.run(chunks.columns_of, rows, seen))
                    many = sum(table.num_rows for table in held)
                    if many >= _READ and not large:
                        await alone.enter_async_context(self._large)
                        large = True
                    if many >= self._rows:
                        yield held
                        held = []
            if any(table.num_rows for table in held):
                yield held

    async def _rows_of(self, tenant: TenantContext, bucket: int, span: _Span) -> AsyncIterator[Sequence[BucketRow]]:
        part, after, high = span
        while True:
            rows = await self._store.events.bucket_rows(tenant, bucket, part, after, high, _READ)
            if rows:
                yield rows
            if len(rows) < _READ:
                return
            after = Place(rows[-1].position.off, rows[-1].position.idx)


def _spans(ground: Ground) -> list[_Span]:
    marked: list[_Span] = [
        (part, past(ground.reached.get(part, -1)), high)
        for part, high in sorted(ground.highs.items())
        if high > ground.reached.get(part, -1)
    ]
    return [*marked, *((part, START, None) for part in ground.unmarked)]
