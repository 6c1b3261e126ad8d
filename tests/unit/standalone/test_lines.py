"""Reading lines of events and cutting them into requests."""

import uuid

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall_common.testing import ManualClock, ids
from footfall_standalone.lines import Fault, Line, batches, completer, read

ID = "0b6e0000-0000-4000-8000-000000000001"


def test_lines_keep_their_numbers_their_bytes_and_blank_ones_are_left_out() -> None:
    raw = f'{{"id": "{ID}",  "cost": 1.10}}'.encode()
    assert list(read([b"\n", raw + b"\r\n", b"   \n", b'{"type": "x"}'], None)) == [
        Line(2, ID, raw),
        Line(4, None, b'{"type": "x"}'),
    ]


@pytest.mark.parametrize("text", [b"nonsense", b"[1]", b'"text"', b'{"a": 1', b'{"a": "\xff"}', b"[" * 10_000])
def test_what_is_no_object_is_a_fault_that_names_its_line(text: bytes) -> None:
    (fault,) = read([text], None)
    assert isinstance(fault, Fault)
    assert fault.number == 1
    assert "not a JSON object" in fault.message


def test_completing_gives_what_is_lacking_and_leaves_the_rest() -> None:
    complete = completer(ManualClock(1_000), ids(7))
    (line,) = read([b'{"type": "LEAD", "cost": 1.50}'], complete)
    assert isinstance(line, Line)
    assert line.id == str(uuid.UUID(int=7, version=4))
    assert b'"cost":1.50' in line.event
    assert msgspec.json.decode(line.event) == {
        "type": "LEAD",
        "cost": 1.5,
        "id": line.id,
        "occurred": "1970-01-01T00:00:01Z",
        "trackingId": None,
    }


def test_completing_sends_a_whole_event_as_it_was_written() -> None:
    raw = f'{{"id": "{ID}", "occurred": "x", "trackingId": null}}'.encode()
    assert list(read([raw], completer(ManualClock(), ids()))) == [Line(1, ID, raw)]


@given(st.lists(st.integers(1, 60), max_size=40), st.integers(1, 7), st.integers(1, 100))
def test_batches_hold_all_lines_in_order_within_both_bounds(sizes: list[int], events: int, size: int) -> None:
    lines = [Line(number, None, b"x" * length) for number, length in enumerate(sizes)]
    cut = list(batches(lines, events, size))
    assert [line for batch in cut for line in batch] == lines
    for batch in cut:
        assert 1 <= len(batch) <= events
        assert len(batch) == 1 or sum(len(line.event) for line in batch) <= size
