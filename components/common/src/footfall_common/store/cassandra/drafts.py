"""A chunk's rows as encoded batches, by table and partition. Pure.

This is the hot path of the raw receiver: a row is a few `struct.pack`, what a partition's rows share is encoded once,
and the bodies, their timestamp and their TTL once for both tables that hold them.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from footfall_common.errors import UNREADABLE
from footfall_common.events.times import BUCKET, DAY, day_of_bucket, month_of
from footfall_common.store import Edge, EventRow
from footfall_common.store.cassandra import statements
from footfall_common.store.cassandra.encoding import composite, entry, int32, ints, tinyint, value
from footfall_common.store.cassandra.stamps import LEAST_SECONDS, MOST_SECONDS

SHARDS: Final = 32
"""Of a tenant's visitors of a month: 3 million of them stay below 100,000 a partition."""
SLICE: Final = 3 * 60_000
"""Milliseconds of ts that share a partition of events_by_bucket."""
SLICES: Final = BUCKET // SLICE
_MONTH_AT_MOST: Final = 31 * DAY
_EDGES_LIVE: Final = 2
"""Retentions that an edge is kept: it speaks of events that come after it."""
_VERSIONS: Final = 1_000
"""Versions of an enrichment that fit between two milliseconds of its row's timestamp."""

# Values behind their lengths, which are constants: length and value alternate.
_ID: Final = struct.Struct(">i16siiqiiiqiiiqii").pack  # event_id, placed (ts, part, off, idx), timestamp, TTL
_VISITOR_EVENT: Final = struct.Struct(">iqi16siiiiiiqii").pack  # ts, event_id, placed (day, part, off, idx)
_PLACE: Final = struct.Struct(">iqii").pack  # off, idx
_STAMP: Final = struct.Struct(">iqii").pack  # timestamp, TTL
_LAST: Final = struct.Struct(">iqiiiq").pack  # timestamp, TTL, last
_SEEN: Final = struct.Struct(">iiiiiqiqii").pack  # bucket, part, high, timestamp, TTL
_EDGE: Final = struct.Struct(">iqi16si16s").pack  # at, event_id, contact
_LENGTH: Final = struct.Struct(">i").pack

Batch = tuple[bytes, int, bytes]
"""Routing key, number of rows, their entries: rows of one partition that are written as one request."""


class Heads(NamedTuple):
    """How an entry of each table begins."""

    ids: bytes
    seen: bytes
    by_visitor: bytes
    by_bucket: bytes
    last: bytes
    months: bytes
    visitors: bytes
    edges: bytes


_TEXTS: Final = (
    statements.PUT_ID,
    statements.PUT_SEEN,
    statements.PUT_VISITOR_EVENT,
    statements.PUT_BUCKET_EVENT,
    statements.PUT_LAST,
    statements.ADD_MONTHS,
    statements.PUT_VISITOR,
    statements.PUT_EDGE,
)


def heads_of(ids: Mapping[str, bytes]) -> Heads:
    """The heads of statements that nodes know under these ids."""
    return Heads(*(entry(ids[text], text.count("?")) for text in _TEXTS))


class Limits(NamedTuple):
    """Rows and bytes that one batch holds at most."""

    rows: int
    size: int


class VisitorMonth(NamedTuple):
    """A visitor's month, which `visitor_latest` and `visitors` need to hear of once."""

    tenant: UUID
    visitor: UUID
    month: int


class _Partition:
    """Rows of one partition. `prefix` is what every entry begins with: its head and the partition key.

    `high` is the highest offset among a bucket's rows, and the newest time among a visitor's.
    """

    __slots__ = ("high", "key", "prefix", "rows")

    def __init__(self, key: bytes, prefix: bytes) -> None:
        self.key = key
        self.prefix = prefix
        self.rows: list[bytes] = []
        self.high = -(2**63)

    def batches(self, limits: Limits) -> Iterator[Batch]:
        rows, prefix = self.rows, self.prefix
        size = limits.size - limits.rows * len(prefix)
        if len(rows) <= limits.rows and sum(map(len, rows)) <= size:
            yield self._batch(rows)
            return
        start, held = 0, 0
        for n, row in enumerate(rows):
            if n > start and (n - start >= limits.rows or held + len(row) > size):
                yield self._batch(rows[start:n])
                start, held = n, 0
            held += len(row)
        yield self._batch(rows[start:])

    def _batch(self, rows: Sequence[bytes]) -> Batch:
        return self.key, len(rows), self.prefix + self.prefix.join(rows)


class Draft:
    """Takes a chunk's rows and edges; has its batches. `left` is `Lifetimes.left`."""

    def __init__(self, heads: Heads, left: Callable[[UUID, int], int], limits: Limits) -> None:
        self._heads = heads
        self._left = lru_cache(maxsize=1_024)(left)
        self._limits = limits
        self._ids: dict[bytes, _Partition] = {}
        self._by_visitor: dict[VisitorMonth, _Partition] = {}
        self._by_bucket: dict[tuple[UUID, int, int], _Partition] = {}
        self._months: dict[VisitorMonth, tuple[int, int]] = {}
        self._edges: dict[bytes, _Partition] = {}
        self.expired = 0

    def take(self, rows: Sequence[EventRow], stamp: int) -> None:
        """Take rows; `stamp` is that of the first one's id, each further id has one less."""
        start = 0
        while start < len(rows):
            first, end = rows[start], start + 1
            while end < len(rows) and _alike(rows[end], first):
                end += 1
            self._take(rows[start:end], stamp - start)
            start = end

    def take_edges(self, edges: Sequence[Edge], appended: Mapping[UUID, int]) -> None:
        """Take edges; `appended` tells the ms at which the bus took each one's event."""
        for tenant, visitor, at, event_id, contact, trust in edges:
            ttl = min((self._left(tenant, _EDGES_LIVE) + at) // 1_000, MOST_SECONDS)
            if ttl < LEAST_SECONDS:
                continue
            key = composite(tenant.bytes, visitor.bytes)
            if key not in self._edges:
                self._edges[key] = _Partition(key, self._heads.edges + value(tenant.bytes) + value(visitor.bytes))
            row = _EDGE(8, at, 16, event_id.bytes, 16, contact.bytes) + value(trust.encode())
            self._edges[key].rows.append(row + _STAMP(8, appended.get(event_id, 0) * 1_000, 4, ttl))

    def first(self) -> list[Batch]:
        """What must be acknowledged before `rest` is sent: ids, and the buckets that will have rows."""
        return list(_each([*self._ids.values(), *self._seen().values()], self._limits))

    def rest(self, new_months: Iterable[VisitorMonth]) -> list[Batch]:
        """All others. `new_months`: those of `months` that are to be written."""
        new = list(new_months)
        events = [*self._by_visitor.values(), *self._by_bucket.values()]
        others = [*self._edges.values(), *self._visitors(new).values()]
        return [*_each(events, self._limits), *_each(others, self._limits), *self._latest(new)]

    @property
    def months(self) -> Iterable[VisitorMonth]:
        """Every visitor's month that has rows here."""
        return self._months

    def _take(self, rows: Sequence[EventRow], stamp: int) -> None:
        tenant, visitor, anonymous, _, day, *_ = rows[0]
        left = self._left(tenant, 1)
        ids = self._partition_of_ids(tenant, visitor, day).rows
        bucket: _Partition | None = None
        month: _Partition | None = None
        bucket_of_run = month_of_run = None
        for n, (_, _, _, event_id, _, ts, (part, off, idx), raw, enriched, appended) in enumerate(rows):
            ttl = min((left + ts) // 1_000, MOST_SECONDS)
            if ttl < LEAST_SECONDS:
                self.expired += 1
                continue
            event = event_id.bytes
            ids.append(_ID(16, event, 40, 8, ts, 4, part, 8, off, 4, idx, 8, stamp - n, 4, ttl))
            stamped = _STAMP(8, appended * 1_000 + _version(enriched), 4, ttl)
            tail = b"".join((_LENGTH(len(raw)), raw, _LENGTH(len(enriched)), enriched, stamped))
            if bucket is None or bucket_of_run != (ts // SLICE, part):  # a run rarely leaves its partitions
                bucket_of_run = ts // SLICE, part
                bucket = self._partition_of_bucket(tenant, ts, part)
            bucket.rows.append(_PLACE(8, off, 4, idx) + tail)
            bucket.high = max(bucket.high, off)
            if anonymous:
                continue
            if month is None or month_of_run != ts // DAY:
                month_of_run = ts // DAY
                month = self._partition_of_month(VisitorMonth(tenant, visitor, _month_of_day(ts // DAY)), ts, appended)
            month.rows.append(_VISITOR_EVENT(8, ts, 16, event, 36, 4, day, 4, part, 8, off, 4, idx) + tail)
            month.high = max(month.high, ts)

    def _partition_of_ids(self, tenant: UUID, visitor: UUID, day: int) -> _Partition:
        key = composite(tenant.bytes, visitor.bytes, int32(day))
        if key not in self._ids:
            prefix = self._heads.ids + value(tenant.bytes) + value(visitor.bytes) + value(int32(day))
            self._ids[key] = _Partition(key, prefix)
        return self._ids[key]

    def _partition_of_bucket(self, tenant: UUID, ts: int, part: int) -> _Partition:
        where = tenant, ts // SLICE, part
        if where not in self._by_bucket:
            key = tenant.bytes, int32(ts // BUCKET), int32(part), tinyint(ts % BUCKET // SLICE)
            self._by_bucket[where] = _Partition(composite(*key), self._heads.by_bucket + b"".join(map(value, key)))
        return self._by_bucket[where]

    def _partition_of_month(self, month: VisitorMonth, ts: int, appended: int) -> _Partition:
        if month not in self._by_visitor:
            key = month.tenant.bytes, month.visitor.bytes, int32(month.month)
            self._by_visitor[month] = _Partition(composite(*key), self._heads.by_visitor + b"".join(map(value, key)))
            self._months[month] = ts, appended
        return self._by_visitor[month]

    def _seen(self) -> Mapping[bytes, _Partition]:
        highs: dict[tuple[UUID, int, int], int] = {}
        for (tenant, slice_, part), partition in self._by_bucket.items():
            bucket = tenant, slice_ // SLICES, part
            highs[bucket] = max(partition.high, highs.get(bucket, partition.high))
        tables: dict[bytes, _Partition] = {}
        for (tenant, number, part), high in highs.items():
            key = tenant.bytes, int32(day_of_bucket(number))
            ttl = min((self._left(tenant, 1) + (number + 1) * BUCKET) // 1_000, MOST_SECONDS)
            partition = tables.setdefault(
                composite(*key), _Partition(composite(*key), self._heads.seen + b"".join(map(value, key)))
            )
            partition.rows.append(_SEEN(4, number, 4, part, 8, high, 8, high + 1, 4, ttl))
        return tables

    def _visitors(self, months: Iterable[VisitorMonth]) -> Mapping[bytes, _Partition]:
        tables: dict[bytes, _Partition] = {}
        for month in months:
            ts, appended = self._months[month]
            who = month.visitor.bytes
            key = month.tenant.bytes, int32(month.month), tinyint(who[-1] % SHARDS)
            partition = tables.setdefault(
                composite(*key), _Partition(composite(*key), self._heads.visitors + b"".join(map(value, key)))
            )
            partition.rows.append(value(who) + _STAMP(8, appended * 1_000, 4, self._month_ttl(month.tenant, ts)))
        return tables

    def _latest(self, new: Iterable[VisitorMonth]) -> Iterator[Batch]:
        """A batch a visitor: its newest time, and what is new of its months."""
        months: dict[tuple[UUID, UUID], list[bytes]] = {}
        for month in new:
            ts, appended = self._months[month]
            stamped = _STAMP(8, appended * 1_000, 4, self._month_ttl(month.tenant, ts))
            row = self._heads.months + stamped + value(ints([month.month]))
            months.setdefault(month[:2], []).append(row)
        newest: dict[tuple[UUID, UUID], int] = {}
        for (tenant, visitor, _), partition in self._by_visitor.items():
            newest[tenant, visitor] = max(partition.high, newest.get((tenant, visitor), partition.high))
        for who, ts in newest.items():
            ttl = min((self._left(who[0], 1) + ts) // 1_000, MOST_SECONDS)
            both = value(who[0].bytes) + value(who[1].bytes)
            rows = [self._heads.last + _LAST(8, ts * 1_000, 4, ttl, 8, ts), *months.get(who, ())]
            yield composite(who[0].bytes, who[1].bytes), len(rows), both.join([*rows, b""])

    def _month_ttl(self, tenant: UUID, ts: int) -> int:
        """At least as long as any event of that month."""
        return min((self._left(tenant, 1) + ts + _MONTH_AT_MOST) // 1_000, MOST_SECONDS)


def _alike(row: EventRow, other: EventRow) -> bool:
    """Whether they share partitions. Events of one visitor and day come in runs that share the objects, too."""
    return (
        row.visitor is other.visitor
        and row.tenant is other.tenant
        and row.day == other.day
        and row.anonymous is other.anonymous
    )


_month_of_day = lru_cache(maxsize=1_024)(lambda day: month_of(day * DAY))


def _each(partitions: Iterable[_Partition], limits: Limits) -> Iterator[Batch]:
    for partition in partitions:
        if partition.rows:
            yield from partition.batches(limits)


class _Version(msgspec.Struct):
    v: int = 0


_read_version = msgspec.json.Decoder(_Version).decode


@lru_cache(maxsize=4_096)
def _version(enriched: bytes) -> int:
    """The version of an Enrichment; 0 where it cannot be read."""
    try:
        return min(max(_read_version(enriched).v, 0), _VERSIONS - 1)
    except UNREADABLE:
        return 0
