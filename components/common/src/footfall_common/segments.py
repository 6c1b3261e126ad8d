"""The columns of a segment, and the way between stored rows, Arrow tables and Parquet chunks.

A row of a segment is one stored event. Hidden types (identify, alias) stand in segments too; readers filter them, and
readers take rows DISTINCT by (`tracking_id`, `occurred_day`, `event_id`): chunks may hold a row twice.
"""

import datetime as dt
import hashlib
import uuid
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import structlog

from footfall_common import libc
from footfall_common.clock import to_ms
from footfall_common.errors import UNREADABLE
from footfall_common.events.model import Enrichment
from footfall_common.events.times import day_of
from footfall_common.store import BucketRow, Position

_UUID = pa.binary(16)
_MAPPED_FROM: Final = 512 * 1024

SCHEMA: Final = pa.schema(
    [
        pa.field("event_id", _UUID, nullable=False),
        pa.field("tracking_id", _UUID),  # null = no visitor
        pa.field("resource", _UUID, nullable=False),
        pa.field("occurred_day", pa.int32(), nullable=False),  # days since the epoch, of the client's own time
        pa.field("ts", pa.int64(), nullable=False),  # ms since the epoch, as decided once
        pa.field("received", pa.int64(), nullable=False),  # ms since the epoch, by the receiver's clock
        pa.field("type", pa.string(), nullable=False),  # lower case
        pa.field("name", pa.string(), nullable=False),
        pa.field("value", pa.string(), nullable=False),
        pa.field("cost", pa.float64()),  # null = none was sent
        pa.field("href", pa.string(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("device", pa.string(), nullable=False),
        pa.field("os", pa.string(), nullable=False),
        pa.field("browser", pa.string(), nullable=False),
        pa.field("channel", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("campaign", pa.string(), nullable=False),
        pa.field("contact_id", _UUID),
    ]
)


class _Event(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """What a segment needs of an event; the rest is skipped undecoded, which halves the cost of a row."""

    id: uuid.UUID
    tracking_id: uuid.UUID | None
    type: str
    occurred: dt.datetime
    name: str = ""
    value: str = ""
    cost: float | None = None
    href: str = ""
    title: str = ""
    contact_id: uuid.UUID | None = None


class _Stored(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """Likewise of a StoredEvent."""

    event: _Event
    resource: uuid.UUID
    received: int
    ts: int


_COLUMNS: Final[dict[str, Callable[[_Stored, Enrichment], object]]] = {
    "event_id": lambda row, _: row.event.id.bytes,
    "tracking_id": lambda row, _: _bytes(row.event.tracking_id),
    "resource": lambda row, _: row.resource.bytes,
    "occurred_day": lambda row, _: day_of(to_ms(row.event.occurred)),
    "ts": lambda row, _: row.ts,
    "received": lambda row, _: row.received,
    "type": lambda row, _: row.event.type.lower(),
    "name": lambda row, _: row.event.name,
    "value": lambda row, _: row.event.value,
    "cost": lambda row, _: row.event.cost,
    "href": lambda row, _: row.event.href,
    "title": lambda row, _: row.event.title,
    "device": lambda _, enriched: enriched.device,
    "os": lambda _, enriched: enriched.os,
    "browser": lambda _, enriched: enriched.browser,
    "channel": lambda _, enriched: enriched.channel,
    "source": lambda _, enriched: enriched.source,
    "campaign": lambda _, enriched: enriched.campaign,
    "contact_id": lambda row, _: _bytes(row.event.contact_id),
}

_BATCH: Final = 2_000
"""Rows decoded together: a decoded row takes five times the memory of its columns."""

_log = structlog.get_logger(__name__)
_decode_stored = msgspec.json.Decoder(_Stored).decode
_decode_enriched = msgspec.json.Decoder(Enrichment).decode


def table(rows: Sequence[BucketRow]) -> pa.Table:
    """The rows as a table of SCHEMA; see `placed_table`."""
    return placed_table(rows)[0]


def placed_table(rows: Sequence[BucketRow]) -> tuple[pa.Table, Sequence[Position]]:
    """The rows as a table of SCHEMA, in their order, and the position of each row of it.

    A row that cannot be decoded (damaged, or nested too deeply even to be skipped) is left out and logged: it must not
    keep the others from being counted.
    """
    batches: list[pa.RecordBatch] = []
    positions: list[Position] = []
    for start in range(0, len(rows), _BATCH):
        read = [(row.position, pair) for row in rows[start : start + _BATCH] if (pair := _decoded(row)) is not None]
        batches.append(_batch([pair for _, pair in read]))
        positions += (position for position, _ in read)
    return pa.Table.from_batches(batches, SCHEMA), positions


def _batch(pairs: Sequence[tuple[_Stored, Enrichment]]) -> pa.RecordBatch:
    columns = [pa.array([read(*pair) for pair in pairs], SCHEMA.field(name).type) for name, read in _COLUMNS.items()]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def _decoded(row: BucketRow) -> tuple[_Stored, Enrichment] | None:
    try:
        return _decode_stored(row.raw), _decode_enriched(row.enriched)
    except UNREADABLE as error:
        part, off, idx = row.position
        _log.error("stored_event_unreadable", part=part, offset=off, index=idx, reason=repr(error))
        return None


def encode(rows: pa.Table) -> bytes:
    """The table as one Parquet file, compressed by zstd; the schema's metadata is kept."""
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd", write_page_index=False)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return] # pyarrow ships no types


def decode(body: bytes) -> pa.Table:
    """The table in a Parquet file. Raises pyarrow.ArrowInvalid when it is none."""
    return pq.ParquetFile(pa.BufferReader(body)).read()  # `read_table` loads what knows folders, too: 3 MB


def chunk_id(tenant: uuid.UUID, bucket: int, version: int, body: bytes) -> bytes:
    """The name of a chunk: SHA-256 over who it belongs to, what made it, and its bytes."""
    head = tenant.bytes + bucket.to_bytes(8, "big", signed=True) + version.to_bytes(8, "big")
    return hashlib.sha256(head + body).digest()


def _bytes(value: uuid.UUID | None) -> bytes | None:
    return None if value is None else value.bytes


def return_memory() -> None:
    """Let Arrow take its memory from the C library, which gives it back, instead of a pool that keeps its peak.

    What Parquet's writer takes it takes from Arrow's default, whatever is set here: see `footfall_common/__init__.py`.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    libc.map_from(_MAPPED_FROM)
