"""Raw records into events. What cannot be read becomes dead letters, one by one; the rest of a record is kept."""

import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from footfall_common.bus import Received
from footfall_common.clock import to_ms
from footfall_common.errors import UNREADABLE
from footfall_common.events.model import VERSION, Event, RawRecord
from footfall_common.events.times import DAY
from footfall_common.pipeline.effects import part_of
from footfall_common.store import Position, VisitorDay
from footfall_raw_receiver.models import Arrival, Code, Dead, DeadLetter, Piece, Stage

_LATEST: Final = 2**53
"""Bound of times that the store, JSON and columns keep exactly; no clock is near it."""


class _Loose(msgspec.Struct):
    """A record with its events left raw, to find which of them is at fault."""

    events: list[msgspec.Raw]


_record = msgspec.json.Decoder(RawRecord).decode
_loose = msgspec.json.Decoder(_Loose).decode
_event = msgspec.json.Decoder(Event).decode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_NONE: Final[list[msgspec.Raw]] = []


def pieces(records: Sequence[Received], size: int) -> Iterator[Sequence[Received]]:
    """The records in runs of about `size` bytes, at least one record each."""
    start, held = 0, 0
    for at, received in enumerate(records):
        if held >= size:
            yield records[start:at]
            start, held = at, 0
        held += len(received.value)
    if start < len(records):
        yield records[start:]


def read(records: Sequence[Received]) -> Piece:
    """Every event of the records in their order, and a dead letter for all that is none."""
    arrivals: list[Arrival] = []
    dead: list[Dead] = []
    for received in records:
        try:
            record = _record(received.value)
        except UNREADABLE as error:
            dead += _rescue(received, error, arrivals)
            continue
        if (fault := _unusable(received, record)) is None:
            _place(received, record, enumerate(record.events), arrivals)
        else:
            dead.append(fault)
    return Piece(arrivals, dead)


def ids_of(read_pieces: Iterable[Piece]) -> Mapping[VisitorDay, Collection[uuid.UUID]]:
    """What must be looked up to decide about these: each visitor's and day's ids."""
    found: dict[VisitorDay, set[uuid.UUID]] = {}
    last: VisitorDay | None = None
    ids: set[uuid.UUID] = set()
    for piece in read_pieces:
        for arrival in piece.arrivals:
            if arrival.day is not last:  # events of one visitor and day come in runs and share the object
                last = arrival.day
                ids = found.setdefault(last, set())
            ids.add(arrival.event.id)
    return found


def unreadable(received: Received, stage: Stage, error: Exception) -> Dead:
    """A dead letter about a whole record that is not what it should be."""
    return _whole(received, stage, "unreadable", str(error))


def _whole(received: Received, stage: Stage, code: Code, reason: str) -> Dead:
    letter = DeadLetter(stage, reason, received.partition.number, received.offset, 0, received.value)
    return Dead(received.key, code, letter)


def alone(record: RawRecord, event: Event) -> bytes:
    """A record that carries this event alone."""
    return _encode(msgspec.structs.replace(record, events=[event]))


def _place(received: Received, record: RawRecord, events: Iterable[tuple[int, Event]], arrivals: list[Arrival]) -> None:
    """Append the events. All of one visitor and day share one key object: comparing it is then free."""
    part = part_of(received.partition)
    day: VisitorDay | None = None
    for index, event in events:
        occurred = to_ms(event.occurred)
        number = occurred // DAY
        visitor = event.tracking_id or event.id
        if day is None or day.day != number or day.visitor != visitor:
            day = VisitorDay(record.tenant, visitor, number)
        position = Position(part, received.offset, index)
        arrivals.append(Arrival(day, record, event, position, occurred, received.appended, received.key))


def _rescue(received: Received, fault: Exception, arrivals: list[Arrival]) -> Sequence[Dead]:
    """Take what can be read of a record that cannot be read as a whole; a dead letter for each rest."""
    try:
        loose = _loose(received.value)
        fields = _fields(received.value)
        record = _record(_encode(fields | {"events": _NONE}))
    except UNREADABLE:
        return [unreadable(received, "decode", fault)]
    if (unusable := _unusable(received, record)) is not None:
        return [unusable]
    good: list[tuple[int, Event]] = []
    dead: list[Dead] = []
    for index, raw in enumerate(loose.events):
        try:
            good.append((index, _event(raw)))
        except UNREADABLE as error:
            body = _encode(fields | {"events": [raw]})
            letter = DeadLetter("event", str(error), received.partition.number, received.offset, index, body)
            dead.append(Dead(received.key, "unreadable", letter))
    _place(received, record, good, arrivals)
    return dead or [unreadable(received, "decode", fault)]


def _unusable(received: Received, record: RawRecord) -> Dead | None:
    if record.v > VERSION:
        reason = f"version {record.v} is newer than {VERSION}, the newest that this release reads"
        return _whole(received, "decode", "newer_version", reason)
    if not 0 <= record.received < _LATEST:
        return _whole(received, "decode", "bad_time", f"received {record.received} is no time")
    if record.sent is not None and not -_LATEST < record.sent < _LATEST:
        return _whole(received, "decode", "bad_time", f"sent {record.sent} is no time")
    return None
