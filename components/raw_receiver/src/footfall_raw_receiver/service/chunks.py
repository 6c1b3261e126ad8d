"""Rows into Parquet chunks, and small chunks into larger ones. Heavy and pure: runs in a thread."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from footfall_common import libc, segments
from footfall_common.store import BucketRow

_MERGED: Final = {b"footfall.merged": b"1"}


class LostChunks(Exception):
    """Chunks that a segment lists are gone."""

    def __init__(self, names: Sequence[bytes]) -> None:
        super().__init__(", ".join(name.hex() for name in names))
        self.names = frozenset(names)


class Body(NamedTuple):
    """A chunk to be: its bytes and how many rows it holds."""

    body: bytes
    rows: int


def columns_of(rows: Sequence[BucketRow], seen: Mapping[uuid.UUID, Mapping[int, int]]) -> pa.Table:
    """The rows as a table, without those that their resource's segment holds already.

    `seen` is a watermark a resource: a crash between its segment and the bucket's watermark makes rows come again.
    """
    table, positions = segments.placed_table(rows)
    if not any(seen.values()):
        return table
    held = {resource.bytes: watermark for resource, watermark in seen.items()}
    places = zip(positions, table.column("resource").to_pylist(), strict=True)
    fresh = [off > held.get(resource, {}).get(part, -1) for (part, off, _), resource in places]
    return table.filter(pa.array(fresh, pa.bool_()))


def chunks_of(tables: Sequence[pa.Table], limit: int) -> Mapping[uuid.UUID, Sequence[Body]]:
    """The chunks of each resource that the rows belong to, none above `limit` bytes."""
    table = pa.concat_tables(tables)
    resources = table.column("resource")
    found: dict[uuid.UUID, Sequence[Body]] = {}
    for value in pc.unique(resources).to_pylist():
        part = table.filter(pc.equal(resources, pa.scalar(value, resources.type)))
        found[uuid.UUID(bytes=value)] = _fitting(part, limit)
    return found


def merged(bodies: Sequence[bytes], limit: int) -> Sequence[Body]:
    """The rows of several chunks as few chunks, marked as merged, none above `limit` bytes."""
    table = pa.concat_tables(segments.decode(body) for body in bodies)
    made = _fitting(table.replace_schema_metadata(_MERGED), limit)
    del table
    libc.trim()  # it held ten times the bytes of its chunks
    return made


def settled(body: bytes, small: int) -> bool:
    """Whether the chunk is not to be merged: large enough, or the outcome of a merge."""
    if len(body) >= small:
        return True
    return _MERGED.keys() <= (pq.read_metadata(pa.BufferReader(body)).metadata or {}).keys()


def _fitting(table: pa.Table, limit: int) -> list[Body]:
    """The table encoded, halved as often as it takes; a single row is never cut."""
    body = segments.encode(table)
    if len(body) <= limit or table.num_rows <= 1:
        return [Body(body, table.num_rows)]
    half = table.num_rows // 2
    return [*_fitting(table.slice(0, half), limit), *_fitting(table.slice(half), limit)]
