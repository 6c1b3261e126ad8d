"""The store port: a few small repositories shaped like the CQL tables of the design.

Adapters: `embedded` (SQLite, one process). Each passes the suite in `tests/contract/`. Writes return once durable;
every method raises StoreUnavailable when the store does not answer. Identifiers are UUIDs, times ms since the epoch.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from footfall_common.tenancy import TenantContext


class Position(NamedTuple):
    """Where a stored copy stood on the bus: partition (with the topic's epoch), offset, index in the record."""

    part: int
    off: int
    idx: int


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


class Segment(NamedTuple):
    """One version of one resource's part of a bucket. `watermark` = part -> last offset included.

    Resource NIL stands for the bucket: its watermark is the bucket's, its `rows` the sum of all its resources'.
    """

    resource: uuid.UUID
    bucket: int
    version: int
    watermark: Mapping[int, int]
    chunks: Sequence[bytes]
    rows: int


class EventReads(Protocol):
    """What raw receiver, bucket worker and report read of events."""

    async def placed(self, keys: Sequence[VisitorDay]) -> Mapping[VisitorDay, Mapping[uuid.UUID, Placed]]:
        """The whole `event_ids` partition of each key; a key without rows has an empty mapping."""
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
        self, tenant: TenantContext, bucket: int, part: int, after: int, high: int | None
    ) -> Sequence[BucketRow]:
        """Rows with after < off <= high in (off, idx) order; `high` None = all there are."""
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
    """Segments and their chunks: insert only, the highest version of a bucket and resource stands."""

    async def heads(self, tenant: TenantContext, days: Sequence[int]) -> Sequence[Segment]:
        """The standing segment of each (resource, bucket) of those UTC days."""
        ...

    async def bucket_heads(self, tenant: TenantContext, bucket: int) -> Sequence[Segment]:
        """The standing segment of each resource of one bucket; resource NIL carries the bucket's watermark alone."""
        ...

    async def put(
        self, tenant: TenantContext, segments: Sequence[Segment], chunks: Mapping[bytes, bytes], now: int
    ) -> None:
        """Chunks first, then segment rows; a version that already stands is left as it is."""
        ...

    async def chunks(self, tenant: TenantContext, ids: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """The bytes of those chunks that exist."""
        ...

    async def sweep(self, before: int) -> int:
        """Delete versions superseded before that time and chunks that no segment lists; returns how many rows went."""
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
    "BucketRow",
    "ClientRecord",
    "Directory",
    "Edge",
    "EventReads",
    "EventRow",
    "EventWrites",
    "FeedRow",
    "Latest",
    "Placed",
    "Position",
    "Seen",
    "Segment",
    "SegmentStore",
    "SigningKey",
    "Store",
    "StoredDocument",
    "TenantContext",
    "VisitorDay",
]
