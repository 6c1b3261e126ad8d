"""What one chunk of raw records is read into, and what is decided about it."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from footfall_common.events.model import Event, RawRecord
from footfall_common.store import Edge, EventRow, Placed, Position, VisitorDay

Stage = Literal["decode", "event", "mark"]
"""Where it failed: `decode` = the whole record, `event` = one event of a record, `mark` = a mark of topic `buckets`."""

Code = Literal["unreadable", "newer_version", "bad_time", "enrichment"]


class DeadLetter(msgspec.Struct, frozen=True):
    """The value of a record on topic `events.dead`.

    `bytes` (base64 in JSON) is the record as the bus had it, or, where one event of it failed, that record with this
    event alone, the event's bytes untouched: in both cases what publishing it again would need. `index` is the event's
    place in the record, 0 for a whole record. A crash may publish a letter twice; (partition, offset, index) tells.
    """

    stage: Stage
    reason: str
    partition: int
    offset: int
    index: int
    bytes: bytes


class Dead(NamedTuple):
    """A dead letter, the key of the record it comes from, and the reason as one of few words, for metrics."""

    key: bytes
    code: Code
    letter: DeadLetter


class Arrival(NamedTuple):
    """One event where it stands on the bus.

    `occurred` and `appended` (the bus's time of the record) in ms since the epoch; `bus_key` is the record's key.
    """

    day: VisitorDay
    record: RawRecord
    event: Event
    position: Position
    occurred: int
    appended: int
    bus_key: bytes


class Piece(NamedTuple):
    """Records that were read: their events, and what could not be read."""

    arrivals: Sequence[Arrival]
    dead: Sequence[Dead]


class Decision(NamedTuple):
    """What is to be stored of a piece. `fresh` holds the positions of ids that were not known before."""

    rows: Sequence[EventRow]
    edges: Sequence[Edge]
    dead: Sequence[Dead]
    fresh: Mapping[VisitorDay, Mapping[uuid.UUID, Placed]]
    duplicates: int
