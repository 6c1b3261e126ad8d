"""Rows to columns to Parquet and back."""

import hashlib
import os
import subprocess
import sys
import uuid
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall_common import segments
from footfall_common.clock import from_ms
from footfall_common.events.model import Enrichment, Event, StoredEvent
from footfall_common.store import BucketRow, Position

EVENT, VISITOR, RESOURCE, CONTACT = (uuid.UUID(int=number) for number in range(1, 5))


def row(enriched: Enrichment | None = None, **fields: Any) -> BucketRow:
    given: dict[str, Any] = {"id": EVENT, "tracking_id": VISITOR, "type": "page-load", "occurred": from_ms(0)} | fields
    stored = StoredEvent(event=Event(**given), resource=RESOURCE, received=22, ts=11, user_agent="x")
    body = msgspec.json.encode(enriched or Enrichment(v=1))
    return BucketRow(Position(0, 0, 0), msgspec.json.encode(stored), body)


def test_a_row_has_every_column() -> None:
    enriched = Enrichment(
        v=1, device="mobile", os="iOS", browser="Safari", channel="social", source="Facebook", campaign="a||||"
    )
    full = row(
        enriched,
        type="ADD_To_Cart",
        occurred=from_ms(86_400_000 * 3 - 1),
        name="shoes",
        value="42",
        cost=9.5,
        href="https://shop.example/a",
        title="Shop",
        contact_id=CONTACT,
    )
    assert segments.table([full]).to_pylist() == [
        {
            "event_id": EVENT.bytes,
            "tracking_id": VISITOR.bytes,
            "resource": RESOURCE.bytes,
            "occurred_day": 2,
            "ts": 11,
            "received": 22,
            "type": "add_to_cart",
            "name": "shoes",
            "value": "42",
            "cost": 9.5,
            "href": "https://shop.example/a",
            "title": "Shop",
            "device": "mobile",
            "os": "iOS",
            "browser": "Safari",
            "channel": "social",
            "source": "Facebook",
            "campaign": "a||||",
            "contact_id": CONTACT.bytes,
        }
    ]


def test_what_is_missing_is_null_or_empty() -> None:
    (found,) = segments.table([row(tracking_id=None)]).to_pylist()
    assert [name for name, value in found.items() if value is None] == ["tracking_id", "cost", "contact_id"]
    assert (found["href"], found["campaign"], found["device"]) == ("", "", "other")


def test_no_rows_are_a_table_too() -> None:
    empty = segments.table([])
    assert (empty.num_rows, empty.schema) == (0, segments.SCHEMA)
    assert segments.decode(segments.encode(empty)).equals(empty)


text = st.text(st.characters(codec="utf-8"), max_size=20)


@given(st.lists(st.tuples(text, text, st.none() | st.floats(-1e15, 1e15)), max_size=20))
def test_parquet_gives_back_the_table(values: list[tuple[str, str, float | None]]) -> None:
    table = segments.table([row(name=name, title=title, cost=cost) for name, title, cost in values])
    again = segments.decode(segments.encode(table))
    assert again.schema.equals(segments.SCHEMA)
    assert again.equals(table)


def test_the_tables_metadata_is_kept() -> None:
    table = segments.table([row()]).replace_schema_metadata({"made": "here"})
    assert segments.decode(segments.encode(table)).schema.metadata == {b"made": b"here"}


def test_bytes_that_are_no_parquet_are_refused() -> None:
    with pytest.raises(pa.ArrowInvalid):
        segments.decode(b"no parquet")


@pytest.mark.parametrize("raw", [b"{}", b"{torn", b'{"event":"\xff"}', b'{"contexts":' + b"[" * 5_000])
def test_a_row_that_cannot_be_read_is_left_out(raw: bytes) -> None:
    good = [row()._replace(position=Position(0, off, 0)) for off in (1, 3)]
    bad = BucketRow(Position(0, 2, 0), raw, good[0].enriched)
    torn = good[0]._replace(position=Position(0, 4, 0), enriched=b"{")
    table, positions = segments.placed_table([good[0], bad, good[1], torn])
    assert table.equals(segments.table(good))
    assert [position.off for position in positions] == [1, 3]


def test_a_chunk_is_named_after_its_owner_its_cause_and_its_bytes() -> None:
    names = {
        segments.chunk_id(tenant, bucket, version, body)
        for tenant in (EVENT, VISITOR)
        for bucket in (-1, 7)
        for version in (0, 1)
        for body in (b"", b"x")
    }
    assert len(names) == 16
    head = EVENT.bytes + (7).to_bytes(8, "big") + bytes(8)
    assert segments.chunk_id(EVENT, 7, 0, b"x") == hashlib.sha256(head + b"x").digest()


def test_whatever_imports_us_leaves_arrow_no_pool_that_keeps_its_peak() -> None:
    told = {name: value for name, value in os.environ.items() if not name.startswith("ARROW_")}
    asking = "import footfall_common, pyarrow; print(pyarrow.default_memory_pool().backend_name)"
    said = subprocess.run([sys.executable, "-c", asking], env=told, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "system"
