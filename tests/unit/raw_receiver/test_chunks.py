"""Rows into chunks of bounded size, and small chunks into larger ones."""

import random
import uuid
from collections.abc import Mapping, Sequence

import msgspec
import pyarrow as pa

from footfall_common import segments
from footfall_common.clock import from_ms
from footfall_common.events.model import Enrichment, Event, StoredEvent
from footfall_common.store import BucketRow, Position
from footfall_raw_receiver.service.chunks import Body, chunks_of, columns_of, merged, settled

SHOP, BLOG = uuid.UUID(int=1), uuid.UUID(int=2)
LIMIT = 20_000
Seen = Mapping[uuid.UUID, Mapping[int, int]]


def row(number: int, resource: uuid.UUID = SHOP, name: str = "") -> BucketRow:
    event = Event(id=uuid.UUID(int=number), tracking_id=None, type="x", occurred=from_ms(0), name=name)
    stored = StoredEvent(event=event, resource=resource, received=0, ts=0)
    return BucketRow(Position(0, number, 0), msgspec.json.encode(stored), msgspec.json.encode(Enrichment(v=1)))


def made_of(rows: Sequence[BucketRow], seen: Seen) -> Mapping[uuid.UUID, Sequence[Body]]:
    """As the worker does it: a table for every few rows, and all of them together."""
    tables = [columns_of(rows[start : start + 3], seen) for start in range(0, len(rows), 3)]
    return chunks_of(tables, LIMIT)


def numbers(body: bytes) -> list[int]:
    return [int.from_bytes(value, "big") for value in segments.decode(body).column("event_id").to_pylist()]


def test_each_resource_has_chunks_of_its_own() -> None:
    found = made_of([row(1), row(2, BLOG), row(3)], {})
    assert {resource: [numbers(one.body) for one in some] for resource, some in found.items()} == {
        SHOP: [[1, 3]],
        BLOG: [[2]],
    }
    assert [one.rows for one in found[SHOP]] == [2]


def test_rows_that_a_resource_has_already_stay_out() -> None:
    rows = [row(1), row(2, BLOG), row(3), row(4, BLOG)]
    found = made_of(rows, {SHOP: {0: 3}, BLOG: {0: 2, 1: 9}})
    assert {resource: [numbers(one.body) for one in some] for resource, some in found.items()} == {BLOG: [[4]]}


def test_no_chunk_is_above_the_limit_and_none_of_the_rows_is_lost() -> None:
    noise = random.Random(7)
    rows = [row(number, name=noise.randbytes(200).hex()) for number in range(400)]
    found = made_of(rows, {})[SHOP]
    assert len(found) > 4
    assert all(len(one.body) <= LIMIT for one in found)
    assert [number for one in found for number in numbers(one.body)] == list(range(400))
    assert [one.rows for one in found] == [len(numbers(one.body)) for one in found]


def test_merged_chunks_hold_all_rows_and_are_not_merged_again() -> None:
    small = [made_of([row(number)], {})[SHOP][0].body for number in range(16)]
    assert not any(settled(body, LIMIT) for body in small)
    (one,) = merged(small, LIMIT)
    assert (numbers(one.body), one.rows) == (list(range(16)), 16)
    assert settled(one.body, LIMIT)
    assert len(one.body) < sum(map(len, small))
    assert segments.decode(one.body).schema.equals(segments.SCHEMA)
    pa.concat_tables([segments.decode(one.body), segments.decode(small[0])])  # readers put them together


def test_a_large_chunk_is_settled() -> None:
    body = made_of([row(1)], {})[SHOP][0].body
    assert settled(body, len(body))
    assert not settled(body, len(body) + 1)


def test_a_row_that_cannot_be_read_moves_no_other() -> None:
    torn = row(2)._replace(raw=b"{torn")
    found = columns_of([row(1), torn, row(3), row(4)], {SHOP: {0: 3}})
    assert [int.from_bytes(value, "big") for value in found.column("event_id").to_pylist()] == [4]
