"""What cannot be read becomes dead letters, one by one; everything else is kept."""

import json
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall_common.bus import Partition, Received
from footfall_common.events.model import Event
from footfall_raw_receiver.models import DeadLetter
from footfall_raw_receiver.service.reading import pieces, read

MakeEvent = Callable[..., Event]
MakeReceived = Callable[..., Received]


def changed(received: Received, /, **fields: object) -> bytes:
    return json.dumps(json.loads(received.value) | fields).encode()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\x00\xff garbage", "JSON"),
        (b"", "truncated"),
        (b"[]", "object"),
        (b'{"x": ' + b"[" * 10_000, "recursion"),
        (b'{"v": 1, "userAgent": "\xff"}', "utf-8"),
        (b'{"v": 1}', "required field"),
    ],
)
def test_bytes_that_are_no_record_are_kept_whole(value: bytes, reason: str, make_broken: MakeReceived) -> None:
    received = make_broken(value, offset=7, part=3)
    piece = read([received])
    assert list(piece.arrivals) == []
    (dead,) = piece.dead
    assert (dead.key, dead.code) == (received.key, "unreadable")
    assert reason.lower() in dead.letter.reason.lower()
    assert dead.letter == DeadLetter("decode", dead.letter.reason, 3, 7, 0, value)


def test_a_newer_version_is_named_as_such_even_when_its_events_are_strange(
    make_event: MakeEvent, make_received: MakeReceived, make_broken: MakeReceived
) -> None:
    plain = make_received(make_event(1), v=2)
    strange = make_broken(changed(plain, events=[{"id": 5, "novel": True}]), offset=1)
    piece = read([plain, strange])
    assert list(piece.arrivals) == []
    assert [(one.code, one.letter.offset) for one in piece.dead] == [("newer_version", 0), ("newer_version", 1)]
    assert piece.dead[1].letter.bytes == strange.value


def test_one_bad_event_leaves_its_neighbours_and_their_places(
    make_event: MakeEvent, make_received: MakeReceived, make_broken: MakeReceived
) -> None:
    good = make_received(make_event(1), make_event(2), make_event(3), offset=9)
    events = json.loads(good.value)["events"]
    events[1]["occurred"] = "yesterday"
    piece = read([make_broken(changed(good, events=events), offset=9)])
    assert [(arrival.event.id.int & 0xFF, arrival.position.idx) for arrival in piece.arrivals] == [(1, 0), (3, 2)]
    (dead,) = piece.dead
    assert (dead.letter.stage, dead.letter.offset, dead.letter.index) == ("event", 9, 1)
    replayed = json.loads(dead.letter.bytes)
    assert replayed == json.loads(good.value) | {"events": [events[1]]}


@pytest.mark.parametrize("fields", [{"received": 10**30}, {"received": -1}, {"sent": 2**60}, {"sent": -(2**60)}])
def test_times_that_no_clock_shows_are_refused(
    fields: dict[str, object], make_event: MakeEvent, make_received: MakeReceived, make_broken: MakeReceived
) -> None:
    piece = read([make_broken(changed(make_received(make_event(1)), **fields))])
    assert list(piece.arrivals) == []
    assert [one.letter.stage for one in piece.dead] == ["decode"]


def test_events_of_one_visitor_and_day_share_their_key(make_event: MakeEvent, make_received: MakeReceived) -> None:
    day = 86_400_000
    (first, second, third) = read(
        [make_received(make_event(1, at=day), make_event(2, at=day + 5), make_event(3, at=3 * day))]
    ).arrivals
    assert first.day is second.day
    assert (first.day.day, third.day.day) == (1, 3)


def test_an_event_without_visitor_stands_for_its_own(make_event: MakeEvent, make_received: MakeReceived) -> None:
    (arrival,) = read([make_received(make_event(5, tracking_id=None))]).arrivals
    assert arrival.day.visitor == arrival.event.id


@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(min_value=1, max_value=100))
def test_pieces_are_the_records_in_order(values: list[bytes], size: int) -> None:
    records = [Received(Partition("raw", 0), n, b"", value, (), 0) for n, value in enumerate(values)]
    runs = list(pieces(records, size))
    assert [received for run in runs for received in run] == records
    assert all(sum(len(received.value) for received in run[:-1]) < size for run in runs)
    assert all(runs)


@given(st.binary(max_size=200))
def test_no_bytes_raise(value: bytes) -> None:
    received = Received(Partition("raw", 0), 0, b"", value, (), 0)
    piece = read([received])
    assert [one.letter.bytes for one in piece.dead] == [value]


def test_a_dead_letter_survives_json(make_broken: MakeReceived) -> None:
    letter = read([make_broken(b"\xff\x00")]).dead[0].letter
    assert msgspec.json.decode(msgspec.json.encode(letter), type=DeadLetter) == letter
