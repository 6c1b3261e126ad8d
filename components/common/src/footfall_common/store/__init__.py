"""The store port: a few small repositories shaped like the CQL tables of the design.

Adapters: `embedded` (SQLite, one process). Each passes the suite in `tests/contract/`. Writes return once durable;
every method raises StoreUnavailable when the store does not answer. Identifiers are UUIDs, times ms since the epoch.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from footfall_common.tenancy import TenantContext


class Position(NamedTuple):
    """Where a stored copy stood on the bus: partition (with the topic's epoch), offset, index in the record."""

    part: int
    off: int
    idx: int


class Place(NamedTuple):
    """A position inside one part; what is read on from. `past` and `START` make those that no row has."""

    off: int
    idx: int


LAST_IDX: Final = 2**31 - 1
"""Above the index of any event in its record."""


def past(off: int) -> Place:
    """The place behind everything of the record at `off`."""
    return Place(off, LAST_IDX)


START: Final = past(-1)
"""The place before everything of a part."""


class Placed(NamedTuple):
    """What `event_ids` holds of an event: its decided time and the position of its first stored copy."""

    ts: int
    position: Position


class VisitorDay(NamedTuple):
    """A partition of `event_ids`. `visitor` is the event id where there is no visitor; day of `occurred`."""

    tenant: uuid.UUID
    visitor: uuid.UUID
    day: int


class EventRow(NamedTuple):
    """One event for `event_ids`, `events_by_visitor` and `events_by_bucket`; writing the same row again is harmless.

    `raw` is a StoredEvent and `enriched` an Enrichment, both JSON. `anonymous` = no visitor: the event then has no row
    in `events_by_visitor`, `visitor_latest` and `visitors`, and `visitor` is its own id. `appended` is the bus's time
    of its record, in ms: what an erasure is measured against.
    """

    tenant: uuid.UUID
    visitor: uuid.UUID
    anonymous: bool
    event_id: uuid.UUID
    day: int
    ts: int
    position: Position
    raw: bytes
    enriched: bytes
    appended: int = 0


class Edge(NamedTuple):
    """A visitor known as a contact from `at` on."""

    tenant: uuid.UUID
    visitor: uuid.UUID
    at: int
    event_id: uuid.UUID
    contact: uuid.UUID
    trust: str


class BucketRow(NamedTuple):
    """One row of `events_by_bucket`."""

    position: Position
    raw: bytes
    enriched: bytes


class Seen(NamedTuple):
    """One row of `buckets_seen`: the bucket has rows of this part, the last one at offset `high`."""

    bucket: int
    part: int
    high: int


class FeedRow(NamedTuple):
    """One row of `events_by_visitor`."""

    ts: int
    event_id: uuid.UUID
    visitor: uuid.UUID
    raw: bytes
    enriched: bytes


class Latest(NamedTuple):
    """`visitor_latest`: the newest event's time, and every month (since 1970) that holds events."""

    last: int
    months: frozenset[int]


class Span(StrEnum):
    """What a segment covers."""

    BUCKET = "15m"
    DAY = "1d"


class Folded(NamedTuple):
    """How much of a bucket a day's segments hold: everything up to this version, and what that one's watermark was."""

    version: int
    watermark: Mapping[int, int]


class Segment(NamedTuple):
    """One version of one resource's part of a bucket or a day. `watermark` = part -> last offset included.

    Resource NIL stands for the whole bucket or day and lists no chunks: a reader believes it where `standing.complete`
    says that everything it speaks of is there. What only NIL's has: `members`, `closed`, `folded`.
    """

    resource: uuid.UUID
    bucket: int
    """A day's segment names the day's first bucket."""
    version: int
    """The offset of the mark that caused it, in the partition of its bucket or day."""
    watermark: Mapping[int, int]
    """Empty for a day."""
    chunks: Sequence[bytes]
    rows: int
    """As listed, copies included; NIL's is the sum."""
    sizes: Sequence[int] = ()
    """Bytes of each chunk; shorter than `chunks` where it was not noted."""
    span: Span = Span.BUCKET
    base: int | None = None
    """The segment holds only what came after this version of its bucket, which a day's segments hold; None = all."""
    members: Mapping[uuid.UUID, int] = {}
    """The version in which each resource's segment stood, at least."""
    closed: bool = False
    """The bucket is over and merged; rows that come later open it again."""
    folded: Mapping[int, Folded] = {}
    """Bucket -> how much of it the day holds."""


class EventReads(Protocol):
    """What raw receiver, bucket worker and report read of events."""

    async def placed(
        self, wanted: Mapping[VisitorDay, Collection[uuid.UUID]]
    ) -> Mapping[VisitorDay, Mapping[uuid.UUID, Placed]]:
        """What `event_ids` holds of the wanted ids of each partition; every key comes back, absent ids do not.

        Not whole partitions: a visitor's day may hold thousands.
        """
        ...

    async def latest(self, tenant: TenantContext, visitors: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, Latest]:
        """`visitor_latest` of those that have one. Callers chunk by 100."""
        ...

    async def visitor_month(
        self,
        tenant: TenantContext,
        visitor: uuid.UUID,
        month: int,
        until: tuple[int, uuid.UUID] | None,
        limit: int,
    ) -> Sequence[FeedRow]:
        """Rows of one visitor and month, by (ts descending, event id ascending).

        `until` = (ts, event id) of the last row that was read: only rows after it in that order come.
        """
        ...

    async def bucket_rows(
        self, tenant: TenantContext, bucket: int, part: int, after: Place, high: int | None, limit: int
    ) -> Sequence[BucketRow]:
        """The first `limit` rows with after < (off, idx) and off <= high, in that order; `high` None = no end.

        Fewer than `limit` = those are all; else read on after the last one's place. A row is at most 32 KiB.
        """
        ...

    async def buckets_seen(self, tenant: TenantContext, days: Sequence[int]) -> Sequence[Seen]:
        """What those UTC days' buckets hold, a part at a time."""
        ...


class EventWrites(Protocol):
    """What the raw receiver writes where effects are no transaction; the embedded store's are part of its sink's."""

    async def write(self, rows: Sequence[EventRow], edges: Sequence[Edge]) -> None:
        """Returns once everything is durable, the rows' ids before anything else of them; may be repeated."""
        ...


class SegmentStore(Protocol):
    """Segments and their chunks: insert only, the highest version of a resource, span and bucket stands.

    Two writers of one version (a mark handled twice) both wrote all that the version promises: either may stand.
    """

    async def heads(self, tenant: TenantContext, days: Sequence[int]) -> Sequence[Segment]:
        """The standing segment of each resource, of those UTC days and of their buckets.

        Where it takes several reads, NIL's come first: what it speaks of is there by then.
        """
        ...

    async def day_heads(self, tenant: TenantContext, day: int) -> Sequence[Segment]:
        """The standing segment of each resource of one day (span 1d)."""
        ...

    async def bucket_heads(self, tenant: TenantContext, bucket: int) -> Sequence[Segment]:
        """The standing segment of each resource of one bucket (span 15m)."""
        ...

    async def put(
        self, tenant: TenantContext, segments: Sequence[Segment], chunks: Mapping[bytes, bytes], now: int
    ) -> None:
        """Chunks first, then segments in their order, NIL's after what it speaks of.

        It may be cut anywhere and repeated. `now` (ms) is noted as the time of these versions, for `sweep` alone.
        """
        ...

    async def chunks(self, tenant: TenantContext, ids: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """The bytes of those chunks that exist."""
        ...

    async def sweep(self, tenant: TenantContext, day: int, before: int) -> int:
        """Delete of one day what `standing.swept` names, its chunks first; returns how many versions went.

        That is what was superseded, or folded into a complete day, by versions noted before that time (ms), and the
        chunks that only those listed. It may be cut anywhere and run again.
        """
        ...


class StoredDocument(NamedTuple):
    """A settings document with its bookkeeping."""

    key: bytes
    revision: int
    published: int
    body: bytes


class Directory(Protocol):
    """Settings documents by conditional write, and identity's clients and keys."""

    async def get(self, key: bytes) -> StoredDocument | None:
        """One document by its settings-topic key."""
        ...

    async def of_tenant(self, tenant: TenantContext) -> Sequence[StoredDocument]:
        """All documents whose key begins with the tenant."""
        ...

    async def put(self, key: bytes, body: bytes, revision: int) -> None:
        """Write revision `revision`; raises Conflict unless the stored one is exactly `revision - 1` (none = 0)."""
        ...

    async def unpublished(self, limit: int) -> Sequence[StoredDocument]:
        """Documents whose published revision is behind, oldest change first."""
        ...

    async def published(self, key: bytes, revision: int) -> None:
        """Note that this revision is on the topic."""
        ...

    async def client(self, client: uuid.UUID) -> "ClientRecord | None":
        """A client by its id."""
        ...

    async def clients_of(self, tenant: TenantContext) -> Sequence["ClientRecord"]:
        """All clients of a tenant."""
        ...

    async def add_client(self, record: "ClientRecord") -> None:
        """Insert; Conflict when the id or (tenant, name) is taken."""
        ...

    async def update_client(self, record: "ClientRecord") -> None:
        """Replace secret, disabled or revoked_before of an existing client; NotFound otherwise."""
        ...

    async def keys(self) -> Sequence["SigningKey"]:
        """Identity's signing keys, newest first."""
        ...

    async def add_key(self, key: "SigningKey") -> None:
        """Insert a signing key; Conflict when its id is taken."""
        ...


class ClientRecord(NamedTuple):
    """An OAuth client of one tenant. `secret` is the SHA-256 of a 256-bit random secret."""

    client: uuid.UUID
    tenant: uuid.UUID
    name: str
    secret: bytes
    created: int
    scopes: tuple[str, ...]
    disabled: bool = False
    revoked_before: int = 0


class SigningKey(NamedTuple):
    """A private JWK as JSON."""

    kid: str
    created: int
    jwk: bytes


class Store(Protocol):
    """All of a store."""

    @property
    def events(self) -> EventReads:
        """Events."""
        ...

    @property
    def segments(self) -> SegmentStore:
        """Segments."""
        ...

    @property
    def directory(self) -> Directory:
        """Settings, clients, keys."""
        ...

    async def check(self) -> str | None:
        """Why the store takes nothing at the moment, after trying again where it failed; None when it does."""
        ...


__all__ = [
    "LAST_IDX",
    "START",
    "BucketRow",
    "ClientRecord",
    "Directory",
    "Edge",
    "EventReads",
    "EventRow",
    "EventWrites",
    "FeedRow",
    "Folded",
    "Latest",
    "Place",
    "Placed",
    "Position",
    "Seen",
    "Segment",
    "SegmentStore",
    "SigningKey",
    "Span",
    "Store",
    "StoredDocument",
    "TenantContext",
    "VisitorDay",
    "past",
]
