"""Reading events: `EventReads` on Cassandra."""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from footfall_common.store import (
    LAST_IDX,
    BucketRow,
    FeedRow,
    Latest,
    Place,
    Placed,
    Position,
    Seen,
    TenantContext,
    VisitorDay,
)
from footfall_common.store.cassandra import statements
from footfall_common.store.cassandra.calls import Calls
from footfall_common.store.cassandra.drafts import SLICES
from footfall_common.store.cassandra.encoding import bigint, int32, ints, tinyint, uuids

_KEYS_AT_ONCE: Final = 100
"""Keys that one statement names; its coordinator reads them all."""
_FIRST_PAGE: Final = 50
"""Rows of a slice that are fetched before it is known whether any are wanted."""
_HIGHEST: Final = 2**63 - 1


class CassandraEvents:
    """`EventReads`. `page` = rows that are fetched at once."""

    def __init__(self, calls: Callable[[], Calls], page: int) -> None:
        self._calls = calls
        self._page = page

    async def placed(self, wanted: Mapping[VisitorDay, Collection[UUID]]) -> Mapping[VisitorDay, Mapping[UUID, Placed]]:
        """What `event_ids` holds of the wanted ids of each partition."""
        groups = [(key, group) for key, ids in wanted.items() for group in _groups(list(ids))]
        bound = [(key.tenant.bytes, key.visitor.bytes, int32(key.day), uuids(group)) for key, group in groups]
        found = await self._calls().run(statements.PLACED, bound)
        partitions: dict[VisitorDay, dict[UUID, Placed]] = {key: {} for key in wanted}
        for (key, _), rows in zip(groups, found, strict=True):
            partitions[key].update((event, Placed(placed[0], Position(*placed[1:]))) for event, placed in rows)
        return partitions

    async def latest(self, tenant: TenantContext, visitors: Sequence[UUID]) -> Mapping[UUID, Latest]:
        """`visitor_latest` of those that have one."""
        groups = _groups(list(dict.fromkeys(visitors)))
        found = await self._calls().run(statements.LATEST, [(tenant.tenant.bytes, uuids(group)) for group in groups])
        return {
            visitor: Latest(last, frozenset(months))
            for rows in found
            for visitor, last, months in rows
            if last is not None and months  # one of them may have outlived the other
        }

    async def visitor_month(
        self, tenant: TenantContext, visitor: UUID, month: int, until: tuple[int, UUID] | None, limit: int
    ) -> Sequence[FeedRow]:
        """Rows of one visitor and month after `until`, by (ts descending, event id ascending)."""
        calls = self._calls()
        key = tenant.tenant.bytes, visitor.bytes, int32(month)
        if until is None:
            found = await calls.one(statements.MONTH, *key, int32(limit))
        else:
            ts, after = until
            same, before = await asyncio.gather(
                calls.one(statements.MONTH_SAME_TS, *key, bigint(ts), after.bytes, int32(limit)),
                calls.one(statements.MONTH_BEFORE, *key, bigint(ts), int32(limit)),
            )
            found = [*same, *before][:limit]
        return [FeedRow(ts, UUID(bytes=event_id), visitor, raw, enriched) for ts, event_id, raw, enriched in found]

    async def bucket_rows(
        self, tenant: TenantContext, bucket: int, part: int, after: Place, high: int | None, limit: int
    ) -> Sequence[BucketRow]:
        """The first `limit` rows with after < (off, idx) and off <= high, out of all slices in that order."""
        key = tenant.tenant.bytes, int32(bucket), int32(part)
        last = bigint(_HIGHEST if high is None else high)
        slices = [_Slice(self._calls(), (*key, tinyint(number)), after, last) for number in range(SLICES)]
        await asyncio.gather(*(one.fetch(min(limit, _FIRST_PAGE)) for one in slices))
        ahead = [(one.rows[0][:2], number) for number, one in enumerate(slices) if one.rows]
        heapq.heapify(ahead)
        found: list[BucketRow] = []
        while ahead and len(found) < limit:
            _, number = heapq.heappop(ahead)
            one = slices[number]
            off, idx, raw, enriched = one.rows.popleft()
            found.append(BucketRow(Position(part, off, idx), raw, enriched))
            if not one.rows:
                await one.fetch(min(limit - len(found), self._page))
            if one.rows:
                heapq.heappush(ahead, (one.rows[0][:2], number))
        return found

    async def buckets_seen(self, tenant: TenantContext, days: Sequence[int]) -> Sequence[Seen]:
        """What those UTC days' buckets hold, a part at a time."""
        wanted = sorted(set(days))
        groups = [wanted[start : start + _KEYS_AT_ONCE] for start in range(0, len(wanted), _KEYS_AT_ONCE)]
        found = await self._calls().run(statements.SEEN, [(tenant.tenant.bytes, ints(group)) for group in groups])
        return [Seen(*row) for rows in found for row in rows]


class _Slice:
    """One slice of a bucket, read page by page from a place on."""

    def __init__(self, calls: Calls, key: Sequence[bytes], after: Place, last: bytes) -> None:
        self._calls = calls
        self._key = key
        self._after = after
        self._last = last
        self._ended = False
        self.rows: deque[tuple[int, int, bytes, bytes]] = deque()

    async def fetch(self, limit: int) -> None:
        """Have the next rows, at most `limit`; none when the slice has ended."""
        if self._ended or limit <= 0:
            return
        off, idx = self._after
        page = await self._calls.one(
            statements.BUCKET, *self._key, bigint(off), int32(min(idx, LAST_IDX)), self._last, int32(limit)
        )
        self._ended = len(page) < limit
        self.rows.extend(page)
        if page:
            self._after = Place(*page[-1][:2])


def _groups(keys: Sequence[UUID]) -> list[Sequence[UUID]]:
    """So many that one statement may name them."""
    return [keys[start : start + _KEYS_AT_ONCE] for start in range(0, len(keys), _KEYS_AT_ONCE)]
